"""Layers that encoders are composed of: `keras.ops` alone, no model names."""

from keras_bert_suite.layers.attention import SelfAttention, masked_softmax, merge_heads, split_heads
from keras_bert_suite.layers.base import Layer, activation, dense, norm, register
from keras_bert_suite.layers.blocks import EncoderBlock, Trace
from keras_bert_suite.layers.embeddings import Embeddings
from keras_bert_suite.layers.feed_forward import FeedForward
from keras_bert_suite.layers.pooling import Pool, Pooler, UnitNorm

__all__ = [
    "Embeddings",
    "EncoderBlock",
    "FeedForward",
    "Layer",
    "Pool",
    "Pooler",
    "SelfAttention",
    "Trace",
    "UnitNorm",
    "activation",
    "dense",
    "masked_softmax",
    "merge_heads",
    "norm",
    "register",
    "split_heads",
]
