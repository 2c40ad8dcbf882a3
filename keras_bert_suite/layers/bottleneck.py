"""A block that works in another width than the one that it passes on."""

from keras_bert_suite.layers.base import Dropout, Layer, dense, norm, register


@register
class BottleneckBlock(Layer):
    """MobileBERT's block: attention and several feed-forwards in the width of a bottleneck.

        x ─ input ─┬─ + ─ norm ─ feed_forward ─ + ─ norm ... output ─ + ─ norm
        │          │  │        └────────────────┘                     │
        ├──────────┴ attention                                        │
        └─────────────────────────────────────────────────────────────┘

    Sun et al. 2020, https://arxiv.org/abs/2004.02984, section 3.1

    Args:
        attention: a layer such as `SelfAttention`, whose result is as wide as the bottleneck.
        feed_forwards: layers such as `FeedForward`, run one after the other, each with a residual and a norm.
        bottleneck_dim: width between the input and the output layer; None for a block without these.
        bottleneck_attention: what of the attention reads a bottleneck: `"query_key"`, queries and keys through one of
            their own, values as they come; `"all"`, that of the residual; `"none"`.
        norm: kind of norm, see `keras_bert_suite.layers.norm`.
        epsilon: of the norms; or a pair, of all but the one after the last feed-forward, and of that one.
        dropout: rate on what the output layer adds; without a bottleneck, on what attention and the last feed-forward
            add.

    Call arguments:
        x: `(batch, time, dim)`.
        padding_mask: `(batch, time)`, 1 for a real token, or None.
        trace: whether to give all that the block computed.

    Returns:
        `(batch, time, dim)`; with `trace`, the attention's dict with the block's result as `output`.

    Raises:
        ValueError: `bottleneck_attention` is none of the three.
    """

    def __init__(
        self,
        attention,
        feed_forwards,
        bottleneck_dim=None,
        bottleneck_attention="query_key",
        norm="no_norm",
        epsilon=1e-12,
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if bottleneck_attention not in ("query_key", "all", "none"):
            raise ValueError(
                f'Received bottleneck_attention={bottleneck_attention!r}; expected "query_key", "all" or "none".'
            )
        self.attention, self.feed_forwards = attention, list(feed_forwards)
        self.bottleneck_dim, self.bottleneck_attention = bottleneck_dim, bottleneck_attention
        self.norm, self.epsilon, self.dropout = norm, epsilon, dropout
        self.drop = Dropout(dropout)

    def build(self, x_shape):
        dim, narrow = x_shape[-1], (*x_shape[:-1], self.bottleneck_dim or x_shape[-1])
        epsilon, last_epsilon = self.epsilon if isinstance(self.epsilon, (list, tuple)) else (self.epsilon,) * 2
        if self.bottleneck_dim is not None:
            self.input_dense, self.input_norm = self._narrowing("input", x_shape, epsilon)
            if self.bottleneck_attention == "query_key":
                self.query_key_dense, self.query_key_norm = self._narrowing("query_key", x_shape, epsilon)
            self.output_dense = dense(dim, "output_dense")
            self.output_dense.build(narrow)
            self.output_norm = norm(self.norm, epsilon, "output_norm")
            self.output_norm.build(x_shape)
        if not self.attention.built:
            reads = x_shape if self.bottleneck_attention == "none" else narrow
            self.attention.build(reads, value_shape=narrow if self.bottleneck_attention == "all" else x_shape)
        self.attention_norm = norm(self.norm, epsilon, "attention_norm")
        self.attention_norm.build(narrow)
        self.feed_forward_norms = []
        for layer in self.feed_forwards:
            if not layer.built:
                layer.build(narrow)
            own = last_epsilon if layer is self.feed_forwards[-1] else epsilon
            self.feed_forward_norms.append(norm(self.norm, own, f"{layer.name}_norm"))
            self.feed_forward_norms[-1].build(narrow)

    def _narrowing(self, name, x_shape, epsilon):
        layers = dense(self.bottleneck_dim, f"{name}_dense"), norm(self.norm, epsilon, f"{name}_norm")
        layers[0].build(x_shape)
        layers[1].build((*x_shape[:-1], self.bottleneck_dim))
        return layers

    def call(self, x, padding_mask=None, trace=False):
        query_key = value = narrow = x
        if self.bottleneck_dim is not None:
            narrow = self.input_norm(self.input_dense(x))
            if self.bottleneck_attention == "query_key":
                query_key = self.query_key_norm(self.query_key_dense(x))
            elif self.bottleneck_attention == "all":
                query_key = value = narrow
        attended = self.attention(query_key, padding_mask=padding_mask, value=value)
        # With a bottleneck, what is added inside it is not dropped out.
        drop = self.drop if self.bottleneck_dim is None else lambda added: added
        inner = self.attention_norm(narrow + drop(attended["output"]))
        for layer, layer_norm in zip(self.feed_forwards, self.feed_forward_norms, strict=True):
            added = layer(inner)
            inner = layer_norm(inner + (drop(added) if layer is self.feed_forwards[-1] else added))
        outcome = inner
        if self.bottleneck_dim is not None:
            outcome = self.output_norm(x + self.drop(self.output_dense(inner)))
        return {**attended, "output": outcome} if trace else outcome
