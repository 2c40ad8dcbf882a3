"""The position-wise half of a block."""

from keras_bert_suite.layers import elementwise
from keras_bert_suite.layers.base import Dropout, Layer, activation, dense, register


@register
class FeedForward(Layer):
    """Two dense layers with an activation between them.

    Args:
        units: width between the two layers.
        activation: a name that `keras_bert_suite.layers.activation` knows.
        dropout: rate after the activation.

    Call arguments:
        x: `(batch, time, dim)`.

    Returns:
        `(batch, time, dim)`.
    """

    def __init__(self, units, activation="gelu_erf", dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.activation, self.dropout = units, activation, dropout
        self.drop = Dropout(dropout)

    def build(self, x_shape):
        self.intermediate = dense(self.units, "intermediate", activation(self.activation))
        self.intermediate.build(x_shape)
        self.output_dense = dense(x_shape[-1], "output")
        self.output_dense.build((*x_shape[:-1], self.units))

    def call(self, x, training=False):
        with elementwise.training(training):
            return self.output_dense(self.drop(self.intermediate(x)))


@register
class GatedFeedForward(Layer):
    """Two dense layers, the first's activation multiplied by a gate of its width; GeGLU or SwiGLU by activation.

    Shazeer 2020, https://arxiv.org/abs/2002.05202

    Args:
        units: width between the layers.
        activation: a name that `keras_bert_suite.layers.activation` knows.
        use_bias: whether the dense layers have biases.

    Call arguments:
        x: `(batch, time, dim)`.

    Returns:
        `(batch, time, dim)`.
    """

    def __init__(self, units, activation="gelu_erf", use_bias=False, **kwargs):
        super().__init__(**kwargs)
        self.units, self.activation, self.use_bias = units, activation, use_bias

    def build(self, x_shape):
        self.intermediate = dense(self.units, "intermediate", activation(self.activation), self.use_bias)
        self.gate = dense(self.units, "gate", use_bias=self.use_bias)
        self.output_dense = dense(x_shape[-1], "output", use_bias=self.use_bias)
        self.intermediate.build(x_shape)
        self.gate.build(x_shape)
        self.output_dense.build((*x_shape[:-1], self.units))

    def call(self, x, training=False):
        with elementwise.training(training):
            return self.output_dense(self.intermediate(x) * self.gate(x))
