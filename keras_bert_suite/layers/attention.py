"""Scaled dot-product self-attention, and the pieces that every way of scoring a pair shares."""

import keras
from keras import ops

from keras_bert_suite.layers.base import Layer, dense, register


def split_heads(x, num_heads):
    """`(batch, time, dim)` to `(batch, heads, time, head_dim)`."""
    batch, time, dim = *ops.shape(x)[:2], x.shape[2]
    return ops.transpose(ops.reshape(x, (batch, time, num_heads, dim // num_heads)), (0, 2, 1, 3))


def merge_heads(x):
    """`(batch, heads, time, head_dim)` to `(batch, time, dim)`."""
    batch, heads, time, head_dim = ops.shape(x)[0], x.shape[1], ops.shape(x)[2], x.shape[3]
    return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (batch, time, heads * head_dim))


def masked_softmax(scores, padding_mask=None):
    """Softmax over the last axis that gives keys which are padding no weight.

    The mask is added, never selected by `ops.where`: a SELECT splits the graph that XNNPACK runs on a device.

    Args:
        scores: `(batch, heads, time, time)`, queries before keys.
        padding_mask: `(batch, time)`, 1 for a real token; None where nothing is padding.

    Returns:
        Probabilities of the shape and dtype of `scores`, computed in float32.
    """
    dtype = scores.dtype
    scores = ops.cast(scores, "float32")
    if padding_mask is not None:
        bias = (ops.cast(padding_mask, "float32") - 1.0) * 1e9
        scores = scores + ops.expand_dims(ops.expand_dims(bias, 1), 1)
    return ops.cast(ops.softmax(scores, axis=-1), dtype)


@register
class SelfAttention(Layer):
    """Multi-head self-attention by scaled dot products.

    Vaswani et al. 2017, https://arxiv.org/abs/1706.03762

    Args:
        num_heads: number of heads; divides the width of the input.
        dropout: rate on the attention probabilities.

    Call arguments:
        x: `(batch, time, dim)`.
        padding_mask: `(batch, time)`, 1 for a real token, or None.

    Returns:
        A dict: `output` `(batch, time, dim)`; `query`, `key`, `value` `(batch, heads, time, head_dim)`; `scores`
        `(batch, heads, time, time)`, scaled, before mask and softmax.

    Raises:
        ValueError: `num_heads` does not divide the width of the input.
    """

    def __init__(self, num_heads, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.dropout = num_heads, dropout
        self.drop = keras.layers.Dropout(dropout)

    def build(self, x_shape, padding_mask_shape=None):
        dim = x_shape[-1]
        if dim % self.num_heads:
            raise ValueError(f"Received num_heads={self.num_heads} for a width of {dim}; it must divide the width.")
        for name in ("query", "key", "value", "output"):
            layer = dense(dim, name)
            layer.build(x_shape)
            setattr(self, f"{name}_dense", layer)

    def call(self, x, padding_mask=None):
        query = split_heads(self.query_dense(x), self.num_heads)
        key = split_heads(self.key_dense(x), self.num_heads)
        value = split_heads(self.value_dense(x), self.num_heads)
        scores = ops.matmul(query * (query.shape[-1] ** -0.5), ops.transpose(key, (0, 1, 3, 2)))
        attended = ops.matmul(self.drop(masked_softmax(scores, padding_mask)), value)
        output = self.output_dense(merge_heads(attended))
        return {"output": output, "query": query, "key": key, "value": value, "scores": scores}
