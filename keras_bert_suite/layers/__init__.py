"""Layers that encoders are composed of: `keras.ops` alone (but for `elementwise`), no model names."""

from keras_bert_suite.layers.attention import (
    FORBIDDEN,
    SelfAttention,
    SequenceMask,
    distances,
    masked_softmax,
    merge_heads,
    padding_bias,
    split_heads,
)
from keras_bert_suite.layers.base import Dropout, Layer, NoNorm, activation, dense, norm, register, table
from keras_bert_suite.layers.blocks import BlockGroup, ClearPadding, EncoderBlock, Trace
from keras_bert_suite.layers.bottleneck import BottleneckBlock
from keras_bert_suite.layers.convolution import MaskedConvolution
from keras_bert_suite.layers.disentangled_attention import DisentangledAttention, RelativeTable
from keras_bert_suite.layers.embeddings import (
    NO_LANGUAGE,
    Embeddings,
    LanguageEmbeddings,
    MaskedEmbeddings,
    PositionEmbeddings,
    TrigramEmbeddings,
)
from keras_bert_suite.layers.feed_forward import FeedForward, GatedFeedForward
from keras_bert_suite.layers.grouped import GroupedDense, GroupedFeedForward, GroupedSelfAttention
from keras_bert_suite.layers.mixed_attention import MixedAttention
from keras_bert_suite.layers.mixing import FourierMixing
from keras_bert_suite.layers.pooled_attention import PooledAttention, PooledBlock, Upsample
from keras_bert_suite.layers.pooling import Pool, Pooler, UnitNorm
from keras_bert_suite.layers.positions import RelativePositions, Rotary
from keras_bert_suite.layers.relative_attention import Memory, RelativeAttention, StreamEmbeddings, StreamMasks
from keras_bert_suite.layers.sparse_attention import SparseAttention

__all__ = [
    "BlockGroup",
    "BottleneckBlock",
    "ClearPadding",
    "DisentangledAttention",
    "Dropout",
    "Embeddings",
    "EncoderBlock",
    "FORBIDDEN",
    "FeedForward",
    "FourierMixing",
    "GatedFeedForward",
    "GroupedDense",
    "GroupedFeedForward",
    "GroupedSelfAttention",
    "LanguageEmbeddings",
    "Layer",
    "MaskedConvolution",
    "MaskedEmbeddings",
    "Memory",
    "MixedAttention",
    "NO_LANGUAGE",
    "NoNorm",
    "Pool",
    "PooledAttention",
    "PooledBlock",
    "Pooler",
    "PositionEmbeddings",
    "RelativeAttention",
    "RelativePositions",
    "RelativeTable",
    "Rotary",
    "SelfAttention",
    "SequenceMask",
    "SparseAttention",
    "StreamEmbeddings",
    "StreamMasks",
    "Trace",
    "TrigramEmbeddings",
    "UnitNorm",
    "Upsample",
    "activation",
    "dense",
    "distances",
    "masked_softmax",
    "padding_bias",
    "merge_heads",
    "norm",
    "register",
    "split_heads",
    "table",
]
