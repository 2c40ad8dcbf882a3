"""A sequence of vectors to one vector."""

from keras import ops

from keras_bert_suite.layers.base import Layer, activation, dense, register


def token_at(x, place):
    """The `"first"` or the `"last"` vector of `(batch, time, dim)`, as `(batch, dim)`."""
    # A slice that keeps its axis stays within XNNPACK; one that drops it splits a `.tflite` in two.
    return ops.reshape(x[:, :1] if place == "first" else x[:, -1:], (-1, x.shape[-1]))


@register
class Pooler(Layer):
    """BERT's pooler: one token's vector through a dense layer and an activation.

    Args:
        activation: a name that `keras_bert_suite.layers.activation` knows; None to give the vector as it is.
        token: `"first"` or `"last"`, the token that is read.

    Call arguments:
        x: `(batch, time, dim)`.

    Returns:
        `(batch, dim)`.
    """

    def __init__(self, activation="tanh", token="first", **kwargs):
        super().__init__(**kwargs)
        if token not in ("first", "last"):
            raise ValueError(f'Received token={token!r}; expected "first" or "last".')
        self.activation, self.token = activation, token

    def build(self, x_shape):
        if self.activation is not None:
            self.dense = dense(x_shape[-1], "dense", activation(self.activation))
            self.dense.build((x_shape[0], x_shape[-1]))

    def call(self, x):
        x = token_at(x, self.token)
        return x if self.activation is None else self.dense(x)


@register
class Pool(Layer):
    """The mean, the maximum, the first or the last of the tokens' vectors.

    Args:
        mode: `"mean"` or `"max"` of the real tokens; `"first"` or `"last"` of all.

    Call arguments:
        x: `(batch, time, dim)`.
        padding_mask: `(batch, time)`, 1 for a real token.

    Returns:
        `(batch, dim)`.
    """

    def __init__(self, mode="mean", **kwargs):
        super().__init__(**kwargs)
        if mode not in ("mean", "max", "first", "last"):
            raise ValueError(f'Received mode={mode!r}; expected "mean", "max", "first" or "last".')
        self.mode = mode

    def call(self, x, padding_mask):
        if self.mode in ("first", "last"):
            return token_at(x, self.mode)
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
