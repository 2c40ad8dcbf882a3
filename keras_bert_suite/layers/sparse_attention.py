"""Self-attention for long texts: every token reads a window, a few read and are read by all."""

from keras import ops

from keras_bert_suite.layers.attention import FORBIDDEN, masked_softmax, merge_heads, split_heads
from keras_bert_suite.layers.base import Dropout, Layer, dense, register


@register
class SparseAttention(Layer):
    """Multi-head self-attention whose cost grows with the time, not with its square.

    Each token reads `window` tokens to each side and the first `num_global` tokens, which read everything. The result
    is that of dense attention under the same mask; the scores of other pairs are never computed. Keys are laid out in
    blocks of `window`, of which a block of queries reads three.

        queries of a block   ■ ■        global   first num_global keys
        keys               □ ■ ■ □      beside   the block before, its own, the one after

    Beltagy et al. 2020, https://arxiv.org/abs/2004.05150; Zaheer et al. 2020, https://arxiv.org/abs/2007.14062

    Args:
        num_heads: number of heads; divides the width of the input.
        window: how far to each side a token reads; also the size of a block.
        num_global: tokens from the first on that read everything and that everything reads.
        dropout: rate on the attention probabilities.
        rotary: a layer such as `Rotary` that turns queries and keys by their place, or None.

    Call arguments:
        x: `(batch, time, dim)`.
        padding_mask: `(batch, time)`, 1 for a real token, or None.

    Returns:
        A dict: `output` `(batch, time, dim)`; `query`, `key`, `value` `(batch, heads, time, head_dim)`.

    Raises:
        ValueError: `num_heads` does not divide the width of the input, or `num_global` is more than `window`.
    """

    def __init__(self, num_heads, window=64, num_global=1, dropout=0.0, rotary=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= num_global <= window:
            raise ValueError(f"Received num_global={num_global}, window={window}; expected 0 to window.")
        self.num_heads, self.window, self.num_global = num_heads, window, num_global
        self.dropout, self.rotary = dropout, rotary
        self.drop = Dropout(dropout)

    def build(self, x_shape, padding_mask_shape=None):
        dim = x_shape[-1]
        if dim % self.num_heads:
            raise ValueError(f"Received num_heads={self.num_heads} for a width of {dim}; it must divide the width.")
        for name in ("query", "key", "value", "output"):
            layer = dense(dim, name)
            layer.build(x_shape)
            setattr(self, f"{name}_dense", layer)

    def call(self, x, padding_mask=None):
        query, key, value = (
            split_heads(layer(x), self.num_heads) for layer in (self.query_dense, self.key_dense, self.value_dense)
        )
        if self.rotary is not None:
            query, key = self.rotary(query), self.rotary(key)
        scaled = query * (query.shape[-1] ** -0.5)
        mask = ops.ones_like(x[:, :, 0], dtype="float32") if padding_mask is None else padding_mask
        mask = ops.cast(mask, "float32")
        attended = self._local(scaled, key, value, mask)
        if self.num_global:
            attended = ops.concatenate(
                [self._global(scaled, key, value, mask), attended[:, :, self.num_global :]], axis=2
            )
        return {"output": self.output_dense(merge_heads(attended)), "query": query, "key": key, "value": value}

    def _global(self, query, key, value, mask):
        scores = ops.matmul(query[:, :, : self.num_global], ops.transpose(key, (0, 1, 3, 2)))
        return ops.matmul(self.drop(masked_softmax(scores, mask)), value)

    def _local(self, query, key, value, mask):
        window, chosen = self.window, self.num_global
        batch, heads, head_dim = ops.shape(query)[0], query.shape[1], query.shape[3]
        time = ops.shape(query)[2]
        blocks = (time + window - 1) // window
        missing = blocks * window - time

        def in_blocks(x, before, after):
            """Blocks of `window` rows, with so many empty ones before and after."""
            x = ops.pad(x, ((0, 0), (0, 0), (before * window, missing + after * window), (0, 0)))
            return ops.reshape(x, (batch, -1, blocks + before + after, window, x.shape[3]))

        def beside(x):
            """For each block of queries the rows of three blocks: `(batch, heads, blocks, 3 * window, width)`."""
            x = in_blocks(x, 1, 1)
            return ops.concatenate([x[:, :, :-2], x[:, :, 1:-1], x[:, :, 2:]], axis=3)

        # A key that is global is counted among the global ones alone.
        local = mask * ops.cast(ops.arange(ops.shape(mask)[1]) >= chosen, "float32")
        allowed = ops.transpose(beside(ops.expand_dims(ops.expand_dims(local, 1), -1)), (0, 1, 2, 4, 3))
        place, other = ops.arange(window), ops.arange(3 * window) - window
        near = ops.abs(ops.expand_dims(place, 1) - ops.expand_dims(other, 0)) <= window
        bias = (allowed * ops.cast(near, "float32") - 1.0) * -FORBIDDEN

        queries = in_blocks(query, 0, 0)
        scores = ops.matmul(queries, ops.transpose(beside(key), (0, 1, 2, 4, 3)))
        scores = ops.cast(scores, "float32") + bias
        if chosen:
            keys = ops.expand_dims(ops.transpose(key[:, :, :chosen], (0, 1, 3, 2)), 2)
            lowered = (ops.reshape(mask[:, :chosen], (batch, 1, 1, 1, chosen)) - 1.0) * -FORBIDDEN
            scores = ops.concatenate([ops.cast(ops.matmul(queries, keys), "float32") + lowered, scores], axis=-1)
        weights = self.drop(ops.cast(ops.softmax(scores, axis=-1), value.dtype))
        attended = ops.matmul(weights[..., chosen:], beside(value))
        if chosen:
            attended = attended + ops.matmul(weights[..., :chosen], ops.expand_dims(value[:, :, :chosen], 2))
        return ops.reshape(attended, (batch, heads, blocks * window, head_dim))[:, :, :time]
