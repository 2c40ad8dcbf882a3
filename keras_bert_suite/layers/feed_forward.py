"""The position-wise half of a block."""

from keras_bert_suite.layers.base import Layer, activation, dense, register


@register
class FeedForward(Layer):
    """Two dense layers with an activation between them.

    Args:
        units: width between the two layers.
        activation: a name that `keras_bert_suite.layers.activation` knows.

    Call arguments:
        x: `(batch, time, dim)`.

    Returns:
        `(batch, time, dim)`.
    """

    def __init__(self, units, activation="gelu_erf", **kwargs):
        super().__init__(**kwargs)
        self.units, self.activation = units, activation

    def build(self, x_shape):
        self.intermediate = dense(self.units, "intermediate", activation(self.activation))
        self.intermediate.build(x_shape)
        self.output_dense = dense(x_shape[-1], "output")
        self.output_dense.build((*x_shape[:-1], self.units))

    def call(self, x):
        return self.output_dense(self.intermediate(x))
