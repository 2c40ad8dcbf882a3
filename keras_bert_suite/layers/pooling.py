"""A sequence of vectors to one vector."""

from keras import ops

from keras_bert_suite.layers.base import Layer, dense, register


@register
class Pooler(Layer):
    """BERT's pooler: the first token through a dense layer and tanh.

    Call arguments:
        x: `(batch, time, dim)`.

    Returns:
        `(batch, dim)`.
    """

    def build(self, x_shape):
        self.dense = dense(x_shape[-1], "dense", "tanh")
        self.dense.build((x_shape[0], x_shape[-1]))

    def call(self, x):
        return self.dense(x[:, 0])


@register
class Pool(Layer):
    """The mean, the maximum or the first of the real tokens' vectors.

    Args:
        mode: `"mean"`, `"max"` or `"first"`.

    Call arguments:
        x: `(batch, time, dim)`.
        padding_mask: `(batch, time)`, 1 for a real token.

    Returns:
        `(batch, dim)`.
    """

    def __init__(self, mode="mean", **kwargs):
        super().__init__(**kwargs)
        if mode not in ("mean", "max", "first"):
            raise ValueError(f'Received mode={mode!r}; expected "mean", "max" or "first".')
        self.mode = mode

    def call(self, x, padding_mask):
        if self.mode == "first":
            return x[:, 0]
        weights = ops.expand_dims(ops.cast(padding_mask, x.dtype), -1)
        if self.mode == "max":
            return ops.max(x + (weights - 1.0) * 1e4, axis=1)
        return ops.sum(x * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1.0)


@register
class UnitNorm(Layer):
    """Divides each vector by its length.

    Call arguments:
        x: `(batch, dim)`.

    Returns:
        `(batch, dim)`.
    """

    def call(self, x):
        return ops.normalize(x, axis=-1, order=2, epsilon=1e-12)
