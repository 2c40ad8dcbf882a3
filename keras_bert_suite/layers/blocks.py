"""A block: attention and feed-forward, each around a residual."""

import keras

from keras_bert_suite.layers.base import Layer, norm, register


@register
class EncoderBlock(Layer):
    """One layer of an encoder, made of the parts that it is given.

        order="post"                          order="pre"
        x ─ attention ─ + ─ norm              x ─ norm ─ attention ─ +
        └───────────────┘                     └──────────────────────┘
        x ─ feed_forward ─ + ─ norm           x ─ norm ─ feed_forward ─ +
        └──────────────────┘                  └─────────────────────────┘

    Args:
        attention: a layer that is called with `(x, padding_mask)` and gives a dict with `output`.
        feed_forward: a layer from `(batch, time, dim)` to the same.
        order: `"post"` (BERT) or `"pre"` (the norm before each part).
        norm: kind of norm, see `keras_bert_suite.layers.norm`.
        epsilon: of the norms.
        dropout: rate on what each part adds.

    Call arguments:
        x: `(batch, time, dim)`.
        padding_mask: `(batch, time)`, 1 for a real token, or None.
        trace: whether to give all that the block computed.

    Returns:
        `(batch, time, dim)`; with `trace`, the attention's dict with the block's result as `output`.
    """

    def __init__(self, attention, feed_forward, order="post", norm="layer", epsilon=1e-12, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        if order not in ("post", "pre"):
            raise ValueError(f'Received order={order!r}; expected "post" or "pre".')
        self.attention, self.feed_forward = attention, feed_forward
        self.order, self.norm, self.epsilon, self.dropout = order, norm, epsilon, dropout
        self.drop = keras.layers.Dropout(dropout)

    def build(self, x_shape, padding_mask_shape=None):
        # Loaded parts are built already: Keras builds each from its own config.
        for part in (self.attention, self.feed_forward):
            if not part.built:
                part.build(x_shape)
        self.attention_norm = norm(self.norm, self.epsilon, "attention_norm")
        self.attention_norm.build(x_shape)
        self.feed_forward_norm = norm(self.norm, self.epsilon, "feed_forward_norm")
        self.feed_forward_norm.build(x_shape)

    def call(self, x, padding_mask=None, trace=False):
        pre = self.order == "pre"
        attended = self.attention(self.attention_norm(x) if pre else x, padding_mask=padding_mask)
        x = x + self.drop(attended["output"])
        x = x if pre else self.attention_norm(x)
        x = x + self.drop(self.feed_forward(self.feed_forward_norm(x) if pre else x))
        x = x if pre else self.feed_forward_norm(x)
        return {**attended, "output": x} if trace else x


@register
class Trace(Layer):
    """A block that always gives all that it computed.

    Its own layer, since Keras takes the number of a layer's outputs from its first call in a functional graph.

    Args:
        block: a layer such as `EncoderBlock`, which has been built.

    Call arguments:
        x: `(batch, time, dim)`.
        padding_mask: `(batch, time)`, 1 for a real token, or None.

    Returns:
        The dict of the block's `call` with `trace=True`.
    """

    def __init__(self, block, **kwargs):
        super().__init__(**kwargs)
        self.block = block

    def call(self, x, padding_mask=None):
        return self.block(x, padding_mask=padding_mask, trace=True)
