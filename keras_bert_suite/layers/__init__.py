"""Layers that encoders are composed of: `keras.ops` alone, no model names."""

from keras_bert_suite.layers.attention import (
    FORBIDDEN,
    SelfAttention,
    distances,
    masked_softmax,
    merge_heads,
    split_heads,
)
from keras_bert_suite.layers.base import Layer, NoNorm, activation, dense, norm, register, table
from keras_bert_suite.layers.blocks import BlockGroup, EncoderBlock, Trace
from keras_bert_suite.layers.embeddings import Embeddings
from keras_bert_suite.layers.feed_forward import FeedForward, GatedFeedForward
from keras_bert_suite.layers.pooling import Pool, Pooler, UnitNorm
from keras_bert_suite.layers.positions import RelativePositions, Rotary

__all__ = [
    "BlockGroup",
    "Embeddings",
    "EncoderBlock",
    "FORBIDDEN",
    "FeedForward",
    "GatedFeedForward",
    "Layer",
    "NoNorm",
    "Pool",
    "Pooler",
    "RelativePositions",
    "Rotary",
    "SelfAttention",
    "Trace",
    "UnitNorm",
    "activation",
    "dense",
    "distances",
    "masked_softmax",
    "merge_heads",
    "norm",
    "register",
    "split_heads",
    "table",
]
