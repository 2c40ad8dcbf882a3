"""A block: attention and feed-forward, each around a residual."""

from keras_bert_suite.layers.base import Dropout, Layer, masked, norm, register


@register
class EncoderBlock(Layer):
    """One layer of an encoder, made of the parts that it is given.

        order="post"                          order="pre"
        x ─ attention ─ + ─ norm              x ─ norm ─ attention ─ +
        └───────────────┘                     └──────────────────────┘
        x ─ feed_forward ─ + ─ norm           x ─ norm ─ feed_forward ─ +
        └──────────────────┘                  └─────────────────────────┘

    Args:
        attention: a layer that is called with `(x, padding_mask)` and gives a dict with `output`. What further inputs
            of the encoder it reads stands in its `input_names`.
        feed_forward: a layer from `(batch, time, dim)` to the same.
        order: `"post"` (BERT) or `"pre"` (the norm before each part).
        norm: kind of norm, see `keras_bert_suite.layers.norm`; or a pair, for attention and for feed-forward.
        epsilon: of the norms.
        dropout: rate on what each part adds; or a pair, for attention and for feed-forward.
        convolution: a layer that is called with `(x, padding_mask)` and whose result is added to the block's and
            normalized, and padding set to zero, as DeBERTa-v2 does in its first block; or None.

    Call arguments:
        x: `(batch, time, dim)`.
        padding_mask: `(batch, time)`, 1 for a real token, or None; or what else the attention takes as one.
        trace: whether to give all that the block computed.
        **inputs: what else the attention reads.

    Returns:
        `(batch, time, dim)`; with `trace`, the attention's dict with the block's result as `output`.
    """

    def __init__(
        self,
        attention,
        feed_forward,
        order="post",
        norm="layer",
        epsilon=1e-12,
        dropout=0.0,
        convolution=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if order not in ("post", "pre"):
            raise ValueError(f'Received order={order!r}; expected "post" or "pre".')
        self.attention, self.feed_forward, self.convolution = attention, feed_forward, convolution
        self.order, self.norm, self.epsilon, self.dropout = order, norm, epsilon, dropout
        rates = dropout if isinstance(dropout, (list, tuple)) else (dropout, dropout)
        self.attention_drop, self.feed_forward_drop = (Dropout(rate) for rate in rates)

    @property
    def input_names(self):
        """What it reads of an encoder's inputs beside the mask."""
        return getattr(self.attention, "input_names", ())

    @property
    def rows(self):
        """The kinds of rows of several sequences that it reads, and what of their inputs it is given."""
        # A convolution reads over the end of a sequence.
        return getattr(self.attention, "rows", {}) if self.convolution is None else {}

    def build(self, x_shape, **shapes):
        # Loaded parts are built already: Keras builds each from its own config.
        for part in (self.attention, self.feed_forward, self.convolution):
            if part is not None and not part.built:
                part.build(x_shape)
        kinds = self.norm if isinstance(self.norm, (list, tuple)) else (self.norm, self.norm)
        names = ["attention_norm", "feed_forward_norm"]
        if self.convolution is not None:
            kinds, names = (*kinds, kinds[1]), [*names, "convolution_norm"]
        for kind, name in zip(kinds, names, strict=True):
            layer = norm(kind, self.epsilon, name)
            setattr(self, name, layer)
            if layer is not None:
                layer.build(x_shape)

    def call(self, x, padding_mask=None, trace=False, **inputs):
        pre, given = self.order == "pre", x
        attended = self.attention(_normed(self.attention_norm, x) if pre else x, padding_mask=padding_mask, **inputs)
        x = x + self.attention_drop(attended["output"])
        x = x if pre else _normed(self.attention_norm, x)
        x = x + self.feed_forward_drop(self.feed_forward(_normed(self.feed_forward_norm, x) if pre else x))
        x = x if pre else _normed(self.feed_forward_norm, x)
        if self.convolution is not None:
            x = self.convolution_norm(x + self.convolution(given, padding_mask=padding_mask))
            x = masked(x, padding_mask)
        return {**attended, "output": x} if trace else x


def _normed(layer, x):
    return x if layer is None else layer(x)


@register
class BlockGroup(Layer):
    """Several blocks in a row as one, so that the row can be listed more than once.

    Args:
        blocks: layers such as `EncoderBlock`.

    Call arguments:
        x: `(batch, time, dim)`.
        padding_mask: `(batch, time)`, 1 for a real token, or None.
        trace: whether to give all that the last of them computed.
        **inputs: what else the blocks read.

    Returns:
        What the last block gives.
    """

    def __init__(self, blocks, **kwargs):
        super().__init__(**kwargs)
        self.blocks = list(blocks)

    @property
    def rows(self):
        """The kinds of rows of several sequences that all of its blocks read, and what they are given."""
        first, *others = (getattr(block, "rows", {}) for block in self.blocks)
        return {kind: names for kind, names in first.items() if all(other.get(kind) == names for other in others)}

    def build(self, x_shape, **shapes):
        for block in self.blocks:
            if not block.built:
                block.build(x_shape)

    def call(self, x, padding_mask=None, trace=False, **inputs):
        for block in self.blocks[:-1]:
            x = block(x, padding_mask=padding_mask, **inputs)
        return self.blocks[-1](x, padding_mask=padding_mask, trace=trace, **inputs)


@register
class Trace(Layer):
    """A block that always gives all that it computed.

    Its own layer, since Keras takes the number of a layer's outputs from its first call in a functional graph.

    Args:
        block: a layer such as `EncoderBlock`, which has been built.

    Call arguments:
        x: `(batch, time, dim)`.
        padding_mask: `(batch, time)`, 1 for a real token, or None.
        **inputs: what else the block reads.

    Returns:
        The dict of the block's `call` with `trace=True`.
    """

    def __init__(self, block, **kwargs):
        super().__init__(**kwargs)
        self.block = block

    def call(self, x, padding_mask=None, **inputs):
        return self.block(x, padding_mask=padding_mask, trace=True, **inputs)

    def compute_output_spec(self, x, padding_mask=None, **inputs):
        return self.block.compute_output_spec(x, padding_mask=padding_mask, trace=True, **inputs)


@register
class ClearPadding(Layer):
    """Vectors that are zero where padding is, as what stands after the last block of an encoder.

    Call arguments:
        x: `(batch, time, dim)`.
        padding_mask: `(batch, time)`, 1 for a real token.

    Returns:
        `(batch, time, dim)`.
    """

    input_names = ("padding_mask",)

    def call(self, x, padding_mask):
        return masked(x, padding_mask)
