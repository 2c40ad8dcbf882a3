"""Attention to the whole sequence beside a convolution whose kernel each place makes for itself."""

import keras
from keras import ops

from keras_bert_suite.layers.attention import masked_softmax, merge_heads, split_heads
from keras_bert_suite.layers.base import Dropout, Layer, dense, initializer, register


@register
class MixedAttention(Layer):
    """Self-attention for half of the features, span-based dynamic convolution for the other half.

    Jiang et al. 2020, https://arxiv.org/abs/2008.02496

    A place's kernel is made of its query and of the keys around it; it weighs the neighbours, not whole features. The
    convolutions read padding, as the published models do: a real token sees the places that its kernel reaches.

    Args:
        num_heads: heads of the attention, and as many of the convolution; twice it divides the width of the input.
        kernel_size: places that a convolution reads; odd.
        dropout: rate on the attention probabilities.

    Call arguments:
        x: `(batch, time, dim)`.
        padding_mask: `(batch, time)`, 1 for a real token, or None.

    Returns:
        A dict: `output` `(batch, time, dim)`; `query`, `key`, `value` `(batch, heads, time, head_dim)`; `scores`
        `(batch, heads, time, time)`, scaled, before mask and softmax.

    Raises:
        ValueError: twice `num_heads` does not divide the width, or `kernel_size` is even.
    """

    def __init__(self, num_heads, kernel_size=9, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        if kernel_size % 2 == 0:
            raise ValueError(f"Received kernel_size={kernel_size}; expected an odd number.")
        self.num_heads, self.kernel_size, self.dropout = num_heads, kernel_size, dropout
        self.drop = Dropout(dropout)

    def build(self, x_shape):
        dim = x_shape[-1]
        if dim % (2 * self.num_heads):
            raise ValueError(f"Received {self.num_heads} heads for a width of {dim}; twice as many must divide it.")
        half = dim // 2
        self.span_key = keras.layers.SeparableConv1D(
            half,
            self.kernel_size,
            padding="same",
            depthwise_initializer=initializer(),
            pointwise_initializer=initializer(),
            name="span_key",
        )
        self.span_key.build(x_shape)
        for name in ("query", "key", "value", "span_value"):
            self._dense(name, half, x_shape)
        self._dense("span_kernel", self.num_heads * self.kernel_size, (*x_shape[:-1], half))
        self._dense("output", dim, x_shape)

    def _dense(self, name, units, x_shape):
        layer = dense(units, name)
        layer.build(x_shape)
        setattr(self, f"{name}_dense", layer)

    def call(self, x, padding_mask=None):
        queries = self.query_dense(x)
        query, key, value = (
            split_heads(part, self.num_heads) for part in (queries, self.key_dense(x), self.value_dense(x))
        )
        scores = ops.matmul(query * (query.shape[-1] ** -0.5), ops.transpose(key, (0, 1, 3, 2)))
        attended = merge_heads(ops.matmul(self.drop(masked_softmax(scores, padding_mask)), value))
        kernels = self.span_kernel_dense(self.span_key(x) * queries)
        convolved = self._convolve(self.span_value_dense(x), kernels)
        output = self.output_dense(ops.concatenate([attended, convolved], axis=-1))
        return {"output": output, "query": query, "key": key, "value": value, "scores": scores}

    def _convolve(self, x, kernels):
        """The neighbours of each place `(batch, time, half)`, weighed by its kernels `(batch, time, heads * size)`."""
        size, around = self.kernel_size, self.kernel_size // 2
        if size == 1:
            return x  # the one weight of a kernel is 1, and Keras warns of a softmax over one number
        batch, time, half = *ops.shape(x)[:2], x.shape[2]
        kernels = ops.reshape(kernels, (batch, time, self.num_heads, size))
        kernels = ops.cast(ops.softmax(ops.cast(kernels, "float32"), axis=-1), x.dtype)
        x = ops.reshape(x, (batch, time, self.num_heads, half // self.num_heads))
        x = ops.pad(x, ((0, 0), (around, around), (0, 0), (0, 0)))
        # Ends counted from the back, so that a slice needs no length that is known only when the model runs.
        total = sum(
            x[:, k : k - 2 * around if k < 2 * around else None] * kernels[..., k : k + 1] for k in range(size)
        )
        return ops.reshape(total, (batch, time, half))
