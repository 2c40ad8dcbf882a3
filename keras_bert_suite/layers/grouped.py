"""Dense layers in groups: each part of the output reads its part of the input alone."""

from keras import ops

from keras_bert_suite.layers.attention import masked_softmax, merge_heads, split_heads
from keras_bert_suite.layers.base import Dropout, Layer, activation, initializer, register


@register
class GroupedDense(Layer):
    """A dense layer whose features are split into groups that do not see each other: a grouped convolution of width 1.

    Args:
        units: width of the output.
        groups: number of groups; divides the width of the input and of the output.
        activation: a name that `keras_bert_suite.layers.activation` knows, or None.

    Call arguments:
        x: `(..., dim)`.

    Returns:
        `(..., units)`.

    Raises:
        ValueError: `groups` does not divide a width.
    """

    def __init__(self, units, groups=1, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.groups, self.activation = units, groups, activation

    def build(self, x_shape):
        if x_shape[-1] % self.groups or self.units % self.groups:
            raise ValueError(
                f"Received groups={self.groups} for a layer from a width of {x_shape[-1]} to {self.units}; "
                "it must divide both."
            )
        shape = (x_shape[-1] // self.groups, self.units)
        self.kernel = self.add_weight(shape=shape, initializer=initializer(), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x):
        # One product a group, not one batched product: a device runs each with its fastest dense kernel.
        kernel = ops.cast(self.kernel, x.dtype)
        read, written = kernel.shape[0], self.units // self.groups
        parts = [
            ops.matmul(x[..., i * read : (i + 1) * read], kernel[:, i * written : (i + 1) * written])
            for i in range(self.groups)
        ]
        x = (parts[0] if self.groups == 1 else ops.concatenate(parts, axis=-1)) + ops.cast(self.bias, x.dtype)
        return x if self.activation is None else activation(self.activation)(x)

    def compute_output_shape(self, x_shape):
        return (*x_shape[:-1], self.units)


@register
class GroupedFeedForward(Layer):
    """Two grouped dense layers with an activation between them.

    Args:
        units: width between the two layers.
        activation: a name that `keras_bert_suite.layers.activation` knows.
        groups: of the first layer.
        output_groups: of the second; None for as many.

    Call arguments:
        x: `(batch, time, dim)`.

    Returns:
        `(batch, time, dim)`.
    """

    def __init__(self, units, activation="gelu_erf", groups=1, output_groups=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.activation, self.groups, self.output_groups = units, activation, groups, output_groups

    def build(self, x_shape):
        self.intermediate = GroupedDense(self.units, self.groups, self.activation, name="intermediate")
        self.intermediate.build(x_shape)
        self.output_dense = GroupedDense(x_shape[-1], self.output_groups or self.groups, name="output")
        self.output_dense.build((*x_shape[:-1], self.units))

    def call(self, x):
        return self.output_dense(self.intermediate(x))


@register
class GroupedSelfAttention(Layer):
    """Self-attention whose projections are grouped dense layers.

    Iandola et al. 2020, https://arxiv.org/abs/2006.11316

    Args:
        num_heads: number of heads; divides the width of the input.
        dropout: rate on the attention probabilities.
        groups: of the projections to queries, to keys, to values and to the output.

    Call arguments:
        x: `(batch, time, dim)`.
        padding_mask: `(batch, time)`, 1 for a real token; or `(batch, time, time)`, 1 where a query reads a key; or
            None.

    Returns:
        A dict: `output` `(batch, time, dim)`; `query`, `key`, `value` `(batch, heads, time, head_dim)`; `scores`
        `(batch, heads, time, time)`, scaled, before mask and softmax.

    Raises:
        ValueError: `num_heads` or one of `groups` does not divide the width.
    """

    rows = {"packed": (), "parallel_lines": ()}

    def __init__(self, num_heads, dropout=0.0, groups=(1, 1, 1, 1), **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.dropout, self.groups = num_heads, dropout, tuple(groups)
        self.drop = Dropout(dropout)

    def build(self, x_shape):
        if x_shape[-1] % self.num_heads:
            raise ValueError(
                f"Received num_heads={self.num_heads} for a width of {x_shape[-1]}; it must divide the width."
            )
        for name, groups in zip(("query", "key", "value", "output"), self.groups, strict=True):
            layer = GroupedDense(x_shape[-1], groups, name=name)
            layer.build(x_shape)
            setattr(self, f"{name}_dense", layer)

    def call(self, x, padding_mask=None):
        layers = self.query_dense, self.key_dense, self.value_dense
        query, key, value = (split_heads(layer(x), self.num_heads) for layer in layers)
        scores = ops.matmul(query * (query.shape[-1] ** -0.5), ops.transpose(key, (0, 1, 3, 2)))
        attended = ops.matmul(self.drop(masked_softmax(scores, padding_mask)), value)
        output = self.output_dense(merge_heads(attended))
        return {"output": output, "query": query, "key": key, "value": value, "scores": scores}
