"""Sequences that get shorter from group to group of blocks, and longer again: Funnel-Transformer's layers.

Dai et al. 2020, https://arxiv.org/abs/2006.03236

A sequence is pooled in pairs. Where the first token stands apart it is kept as it is, and the pairs begin behind it;
with `truncate`, the last token is left out then, so that an even length is halved.
"""

import keras
from keras import ops

from keras_bert_suite.layers.attention import masked_softmax, merge_heads, split_heads
from keras_bert_suite.layers.base import Dropout, Layer, register
from keras_bert_suite.layers.relative_attention import biased, build_parts, chosen, shifted, sinusoids

_MODES = {
    "mean": lambda first, second: (first + second) * 0.5,
    "max": ops.maximum,
    "min": ops.minimum,
    "first": lambda first, second: first,
}


def pooled(x, mode, separate_first=True, truncate=True):
    """Half of a sequence.

    Args:
        x: `(batch, time)` or `(batch, time, dim)`.
        mode: what a pair becomes: its `"mean"`, `"max"`, `"min"` or `"first"`.
        separate_first: whether the first token stands apart.
        truncate: whether the last is left out then.

    Returns:
        `(batch, time / 2)` or `(batch, time / 2, dim)`, rounded up.
    """
    if separate_first:
        x = ops.concatenate([x[:, :1], x[:, :-1] if truncate else x], axis=1)
    # A last token without another is its own pair.
    seconds = ops.concatenate([x[:, 1:], x[:, -1:]], axis=1)
    return _MODES[mode](x[:, ::2], seconds[:, ::2])


@register
class Pooling(Layer):
    """`pooled` as a layer.

    Args:
        mode: what a pair becomes: its `"mean"`, `"max"`, `"min"` or `"first"`.
        separate_first: see `pooled`.
        truncate: see `pooled`.

    Call arguments:
        x: `(batch, time)` or `(batch, time, dim)`.

    Returns:
        `(batch, time / 2)` or `(batch, time / 2, dim)`, rounded up.
    """

    def __init__(self, mode, separate_first=True, truncate=True, **kwargs):
        super().__init__(**kwargs)
        if mode not in _MODES:
            raise ValueError(f"Received mode={mode!r}; expected one of {', '.join(_MODES)}.")
        self.mode, self.separate_first, self.truncate = mode, separate_first, truncate

    def call(self, x):
        return pooled(x, self.mode, self.separate_first, self.truncate)


@register
class PooledAttention(Layer):
    """Self-attention by content, distance and segment over a sequence that was pooled.

    Distances are those of the sequence before any pooling. The two forms of the paper, by shift and factorized, are
    the same function; this is the former.

    Args:
        num_heads: number of heads.
        dropout: rate on the attention probabilities.
        position_dropout: rate on the vectors of the distances.
        head_dim: width of a head; None for that of the input divided by `num_heads`.
        pools: times that the queries were pooled before.
        separate_first: whether the first token stands apart: it has no distance and no segment.
        truncate: see `pooled`; what the segments of queries are made by, where keys are pooled once less.

    Call arguments:
        x: `(batch, queries, dim)`, what queries are made of.
        padding_mask: `(batch, keys)`, 1 for a real token, or None.
        segment_ids: integers, `(batch, keys)`, 2 for a token that is of every segment; or None.
        context: `(batch, keys, dim)`, what keys and values are made of, pooled once less; None for `x`.

    Returns:
        A dict: `output` `(batch, queries, dim)`; `query`, `key`, `value` `(batch, heads, time, head_dim)`; `scores`
        `(batch, heads, queries, keys)`, scaled, before mask and softmax.

    Raises:
        ValueError: there is no `head_dim` and `num_heads` does not divide the width of the input.
    """

    input_names = ("segment_ids",)

    def __init__(
        self,
        num_heads,
        dropout=0.0,
        position_dropout=0.0,
        head_dim=None,
        pools=0,
        separate_first=True,
        truncate=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads, self.dropout, self.position_dropout = num_heads, dropout, position_dropout
        self.head_dim, self.pools, self.separate_first, self.truncate = head_dim, pools, separate_first, truncate
        self.drop, self.position_drop = Dropout(dropout), Dropout(position_dropout)

    def build(self, x_shape, **shapes):
        build_parts(self, x_shape, with_bias=("key", "value", "output"))

    def call(self, x, padding_mask=None, segment_ids=None, context=None):
        step = 1 if context is None else 2
        context = x if context is None else context
        query = split_heads(self.query_dense(x), self.num_heads)
        key, value = (split_heads(layer(context), self.num_heads) for layer in (self.key_dense, self.value_dense))
        scaled = query * query.shape[-1] ** -0.5
        queries, keys = ops.shape(query)[2], ops.shape(key)[2]
        placed = self._by_distance(biased(scaled, self.position_bias), keys, step, x.shape[-1])
        if segment_ids is not None:
            placed = placed + self._by_segment(biased(scaled, self.segment_bias), segment_ids, step)
        if self.separate_first:
            rows, columns = (ops.cast(ops.arange(count) > 0, placed.dtype) for count in (queries, keys))
            placed = placed * (ops.expand_dims(rows, 1) * ops.expand_dims(columns, 0))
        scores = ops.matmul(biased(scaled, self.content_bias), ops.transpose(key, (0, 1, 3, 2))) + placed
        attended = ops.matmul(self.drop(masked_softmax(scores, padding_mask)), value)
        output = self.output_dense(merge_heads(attended))
        return {"output": output, "query": query, "key": key, "value": value, "scores": scores}

    def _by_distance(self, query, keys, step, dim):
        stride = 2 ** (self.pools - step + 1)  # between two keys
        start = -stride if self.separate_first and step == 2 else 0
        steps = step * ops.shape(query)[2]
        places = ops.cast(start + stride * (steps - ops.arange(steps + keys, dtype="int32")), "float32")
        vectors = self.position_drop(ops.expand_dims(ops.cast(sinusoids(places, dim), query.dtype), 0))
        vectors = split_heads(self.position_dense(vectors), self.num_heads)
        return shifted(ops.matmul(query, ops.transpose(vectors, (0, 1, 3, 2))), keys, step)

    def _by_segment(self, query, segment_ids, step):
        rows = segment_ids if step == 1 else pooled(segment_ids, "first", self.separate_first, self.truncate)
        rows, columns = ops.expand_dims(rows, 2), ops.expand_dims(segment_ids, 1)
        same = ops.logical_or(ops.equal(rows, columns), ops.logical_or(ops.equal(rows, 2), ops.equal(columns, 2)))
        vectors = ops.transpose(ops.cast(self.segment, query.dtype), (1, 2, 0))
        return chosen(ops.matmul(query, vectors), same)


@register
class PooledBlock(Layer):
    """A block over half of the sequence that it is given; the blocks after it read half of the masks, too.

    Args:
        block: a layer such as `EncoderBlock` with `PooledAttention`; others may run it too.
        mode: what a pair of vectors becomes: its `"mean"`, `"max"` or `"min"`.
        queries_only: whether keys and values are of the whole sequence that it is given.
        separate_first: see `pooled`.
        truncate: see `pooled`.

    Call arguments:
        x: `(batch, time, dim)`.
        padding_mask: `(batch, time)`, 1 for a real token, or None.
        segment_ids: integers, `(batch, time)`, or None.
        trace: whether to give all that the block computed.

    Returns:
        `(batch, time / 2, dim)`, rounded up; with `trace`, what the block gives.

    Raises:
        ValueError: the sequence is too short to be pooled.
    """

    input_names = ("segment_ids",)

    def __init__(self, block, mode="mean", queries_only=True, separate_first=True, truncate=True, **kwargs):
        super().__init__(**kwargs)
        self.block, self.mode, self.queries_only = block, mode, queries_only
        self.separate_first, self.truncate = separate_first, truncate
        # The last two stand in an encoder's graph, where a name is used once.
        self.pool, self.pool_mask, self.pool_ids = (
            Pooling(kind, separate_first, truncate, name=f"{self.name}_{what}")
            for kind, what in ((mode, "pool"), ("min", "mask"), ("first", "ids"))
        )

    def build(self, x_shape, **shapes):
        if not self.block.built:
            self.block.build(x_shape)

    def call(self, x, padding_mask=None, segment_ids=None, trace=False):
        shortest = 3 if self.separate_first else 2
        if isinstance(x.shape[1], int) and x.shape[1] < shortest:
            raise ValueError(
                f"Received a sequence that is {x.shape[1]} long where {self.name} pools it; expected {shortest} or "
                "more. Pad to a longer sequence."
            )
        given = {"padding_mask": padding_mask, "segment_ids": segment_ids}
        given = {"context": x, **given} if self.queries_only else self.inputs_after(given)
        return self.block(self.pool(x), trace=trace, **given)

    def inputs_after(self, inputs, whole=None):
        """Of an encoder's inputs, a dict, what the blocks after this one read."""
        pools = {"padding_mask": self.pool_mask, "segment_ids": self.pool_ids}
        pooled_inputs = {name: pool(inputs[name]) for name, pool in pools.items() if inputs.get(name) is not None}
        return {**inputs, **pooled_inputs}


@register
class Upsample(Layer):
    """Repeats the vectors of a pooled sequence up to its old length, and adds what an encoder had there before.

    Args:
        reads: which earlier states of the encoder are added, counted from the embeddings.
        factor: times that a vector is repeated.
        separate_first: see `pooled`.
        truncate: see `pooled`.

    Call arguments:
        x: `(batch, time, dim)`.
        skip: `(batch, whole, dim)`, those states.
        padding_mask: not read.
        trace: whether to give a dict, as blocks do.

    Returns:
        `(batch, whole, dim)`; with `trace`, a dict with it as `output`.
    """

    def __init__(self, reads, factor, separate_first=True, truncate=True, **kwargs):
        super().__init__(**kwargs)
        self.reads, self.factor, self.separate_first, self.truncate = reads, factor, separate_first, truncate

    def call(self, x, skip, padding_mask=None, trace=False):
        whole = ops.shape(skip)[1]
        if self.factor > 1:
            first, rest = (x[:, :1], x[:, 1:]) if self.separate_first else (None, x)
            rest = ops.repeat(rest, self.factor, axis=1)
            if first is None:
                x = rest[:, :whole]
            else:
                if self.truncate:
                    rest = ops.pad(rest, ((0, 0), (0, self.factor - 1), (0, 0)))
                x = ops.concatenate([first, rest[:, : whole - 1]], axis=1)
        x = x + skip
        return {"output": x} if trace else x

    def compute_output_spec(self, x, skip, padding_mask=None, trace=False):
        # Stated, since JAX takes two lengths that are not known for the same.
        output = keras.KerasTensor(skip.shape, self.compute_dtype)
        return {"output": output} if trace else output

    def inputs_after(self, inputs, whole):
        """What the blocks after this one read: the inputs as they were."""
        return whole
