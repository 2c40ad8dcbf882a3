"""Convolutions over time that do not read padding."""

import keras

from keras_bert_suite.layers.base import Dropout, Layer, activation, initializer, masked, register


@register
class MaskedConvolution(Layer):
    """A convolution over neighbouring tokens, where padding is zero before it and after it, then an activation.

    He et al. 2021, https://arxiv.org/abs/2006.03654; in DeBERTa-v2's first block.

    Args:
        kernel_size: tokens that it reads, an odd number.
        activation: a name that `keras_bert_suite.layers.activation` knows.
        groups: groups of features that are convolved apart.
        dropout: rate before the activation.

    Call arguments:
        x: `(batch, time, dim)`.
        padding_mask: `(batch, time)`, 1 for a real token, or None.

    Returns:
        `(batch, time, dim)`.

    Raises:
        ValueError: `kernel_size` is even, or `groups` does not divide the width of the input.
    """

    def __init__(self, kernel_size=3, activation="tanh", groups=1, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        if kernel_size % 2 == 0:
            raise ValueError(f"Received kernel_size={kernel_size}; expected an odd number.")
        self.kernel_size, self.activation, self.groups, self.dropout = kernel_size, activation, groups, dropout
        self.drop = Dropout(dropout)

    def build(self, x_shape, padding_mask_shape=None):
        dim = x_shape[-1]
        if dim % self.groups:
            raise ValueError(f"Received groups={self.groups} for a width of {dim}; it must divide the width.")
        self.conv = keras.layers.Conv1D(
            dim,
            self.kernel_size,
            padding="same",
            groups=self.groups,
            kernel_initializer=initializer(),
            name="conv",
        )
        self.conv.build(x_shape)

    def call(self, x, padding_mask=None):
        x = masked(self.conv(masked(x, padding_mask)), padding_mask)
        return activation(self.activation)(self.drop(x))
