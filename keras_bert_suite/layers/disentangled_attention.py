"""Self-attention that scores what tokens say and how far apart they stand by vectors of their own."""

import numpy as np
from keras import ops

from keras_bert_suite.layers.attention import masked_softmax, merge_heads, split_heads
from keras_bert_suite.layers.base import Dropout, Layer, dense, register, table
from keras_bert_suite.layers.base import norm as make_norm

POSITION_SCORES = ("c2p", "p2c")


@register
class RelativeTable(Layer):
    """A vector for each distance between two places, or for each bucket of distances; one table for all blocks.

    He et al. 2021, https://arxiv.org/abs/2006.03654, section 3.1; the buckets: the code of DeBERTa-v2.

    It is built where it is made, so that the paths of its variables do not depend on the block that calls it first.

    Args:
        dim: width of the vectors.
        max_distance: without buckets, distances from here on share a vector, on each side; with them, the distance
            at which the last bucket begins.
        num_buckets: buckets on each side, of one distance each for the nearer half, then ever wider; 0 for none.
        norm: kind of norm of the vectors, see `keras_bert_suite.layers.norm`, or None.
        epsilon: of the norm.
        dropout: rate on the vectors.

    Call arguments:
        time: number of places.

    Returns:
        A dict: `vectors` `(rows, dim)`, those that may be needed; `rows` `(2 * time,)`, integers: which of them are
        those of the distances `time - 1` down to `-time`.

    Raises:
        ValueError: there is a single bucket, or no distance.
    """

    def __init__(self, dim, max_distance=512, num_buckets=0, norm=None, epsilon=1e-7, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        if max_distance < 1 or num_buckets == 1:
            raise ValueError(
                f"Received max_distance={max_distance}, num_buckets={num_buckets}; expected a distance of 1 or more, "
                "and no bucket or several."
            )
        self.dim, self.max_distance, self.num_buckets, self.dropout = dim, max_distance, num_buckets, dropout
        self.places = _rows(max_distance, num_buckets)
        self.table = table(2 * (num_buckets or max_distance), dim, "table")
        self.norm = make_norm(norm, epsilon, "norm")
        self.drop = Dropout(dropout)
        self.build()

    def build(self, shape=None):
        self.table.build(None)
        if self.norm is not None:
            self.norm.build((None, self.dim))

    def call(self, time):
        vectors = ops.convert_to_tensor(self.table.embeddings)
        farthest = len(self.places) // 2
        if isinstance(time, int):
            rows = self.places[np.clip(np.arange(time - 1, -time - 1, -1), -farthest, farthest) + farthest]
            first = int(rows.min())
            vectors, rows = vectors[first : int(rows.max()) + 1], ops.convert_to_tensor(rows - first, "int32")
        else:
            away = ops.clip(time - 1 - ops.arange(2 * time, dtype="int32"), -farthest, farthest)
            rows = ops.take(ops.convert_to_tensor(self.places, "int32"), away + farthest)
        vectors = ops.cast(vectors, self.compute_dtype)
        return {"vectors": self.drop(vectors if self.norm is None else self.norm(vectors)), "rows": rows}


def _rows(max_distance, num_buckets):
    """The row of each distance from `-n` to `n`; all that are farther away have the row of the last."""
    span, reach, buckets = num_buckets or max_distance, max_distance, np.arange(max_distance + 1)
    if num_buckets:
        buckets = _buckets(buckets, max_distance, num_buckets)
        # Distances that count down have one bucket more, which begins beyond the last of those that count up.
        while num_buckets > 3 and abs(buckets[-1]) < span and reach < 2**16:
            reach *= 2
            buckets = _buckets(np.arange(reach + 1), max_distance, num_buckets)
        beyond = np.flatnonzero(abs(buckets) >= span)
        buckets = buckets[: beyond[0] + 1] if len(beyond) else buckets
    signed = np.concatenate([-buckets[:0:-1], buckets])
    return np.clip(signed + span, 0, 2 * span - 1).astype("int32")


def _buckets(distance, max_distance, num_buckets):
    """The bucket of each distance, 0 or more.

    Made of float32 numbers as the original is, since its `ceil` is of what they round to; the logarithms are rounded
    from float64, so that they do not depend on the machine. Where `max_distance` lies within the nearer half, what
    lies beyond that half counts down again, there as here.
    """
    exact, last = num_buckets // 2, max_distance - 1
    if last == exact:
        return np.minimum(distance, num_buckets)

    def logarithm(x):
        with np.errstate(divide="ignore"):
            return np.log(np.asarray(x, "float32").astype("float64")).astype("float32")

    wide = logarithm(np.maximum(distance, exact).astype("float32") / np.float32(exact)) / logarithm([last / exact])
    wide = np.ceil(wide * np.float32(exact - 1)).astype("int64") + exact
    return np.where(distance <= exact, distance, wide)


@register
class DisentangledAttention(Layer):
    """Multi-head self-attention whose scores are sums: content by content, content by position, position by content.

    He et al. 2021, https://arxiv.org/abs/2006.03654, section 3.1

    The scores by position are products with the vectors of all distances, of which each query or key then reads a
    window: that is a slice of the rows laid end to end, with nothing to gather.

    Args:
        num_heads: number of heads; divides the width of the input.
        dropout: rate on the attention probabilities.
        relative: a layer such as `RelativeTable`, which may be shared; None for scores by content alone.
        position_scores: which scores by position there are: of `"c2p"` (queries by the keys of distances) and
            `"p2c"` (keys by the queries of distances). All scores are scaled by their number.
        position_projections: `"shared"`, where the projections of the contents make the queries and keys of the
            distances, or `"own"`.
        key_bias: whether the keys of contents and of distances have biases.

    Call arguments:
        x: `(batch, time, dim)`, what queries are made of.
        padding_mask: `(batch, time)`, 1 for a real token, so that padding reads all places alike; or
            `(batch, time, time)`, 1 where a query reads a key; or None.
        context: `(batch, time, dim)`, what keys and values are made of; None for `x`.

    Returns:
        A dict: `output` `(batch, time, dim)`; `query`, `key`, `value` `(batch, heads, time, head_dim)`; `scores`
        `(batch, heads, time, time)`, scaled, before mask and softmax.

    Raises:
        ValueError: `num_heads` does not divide the width of the input, or there is no such score or projection.
    """

    # Distances within a sequence are the same wherever in a row it begins.
    rows = {"packed": ()}

    def __init__(
        self,
        num_heads,
        dropout=0.0,
        relative=None,
        position_scores=POSITION_SCORES,
        position_projections="shared",
        key_bias=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if unknown := sorted(set(position_scores) - set(POSITION_SCORES)):
            raise ValueError(f'Received position_scores with {", ".join(unknown)}; expected of "c2p" and "p2c".')
        if position_projections not in ("shared", "own"):
            raise ValueError(f'Received position_projections={position_projections!r}; expected "shared" or "own".')
        self.num_heads, self.dropout, self.relative, self.key_bias = num_heads, dropout, relative, key_bias
        self.position_scores, self.position_projections = tuple(position_scores), position_projections
        self.drop = Dropout(dropout)

    def build(self, x_shape, **shapes):
        dim = x_shape[-1]
        if dim % self.num_heads:
            raise ValueError(f"Received num_heads={self.num_heads} for a width of {dim}; it must divide the width.")
        names = ["query", "key", "value", "output"]
        if self.relative is not None and self.position_projections == "own":
            made = {"c2p": "position_key", "p2c": "position_query"}
            names += [made[score] for score in POSITION_SCORES if score in self.position_scores]
        for name in names:
            layer = dense(dim, name, use_bias=self.key_bias or not name.endswith("key"))
            layer.build(x_shape)
            setattr(self, f"{name}_dense", layer)

    def call(self, x, padding_mask=None, context=None):
        context = x if context is None else context
        query = split_heads(self.query_dense(x), self.num_heads)
        key = split_heads(self.key_dense(context), self.num_heads)
        value = split_heads(self.value_dense(context), self.num_heads)
        scaled = query * (query.shape[-1] * (1 + len(self.position_scores))) ** -0.5
        scores = ops.matmul(scaled, ops.transpose(key, (0, 1, 3, 2)))
        if self.relative is not None and self.position_scores:
            scores = scores + self._by_position(scaled, key)
        seen, mask = scores, padding_mask
        if padding_mask is not None and len(padding_mask.shape) == 2:
            real = ops.cast(padding_mask, "float32")
            mask = ops.expand_dims(real, 1) * ops.expand_dims(real, 2)
            # Padding's own scores are zero, so that no gradient reaches the projections through them.
            seen = scores * ops.cast(ops.expand_dims(ops.expand_dims(real, 1), 3), scores.dtype)
        attended = ops.matmul(self.drop(masked_softmax(seen, mask)), value)
        output = self.output_dense(merge_heads(attended))
        return {"output": output, "query": query, "key": key, "value": value, "scores": scores}

    def _by_position(self, query, key):
        """Both scores by position, of a scaled query."""
        time = ops.shape(query)[2]
        relative = self.relative(time=time)
        own = self.position_projections == "own"
        scores = 0.0
        if "c2p" in self.position_scores:
            keys = (self.position_key_dense if own else self.key_dense)(relative["vectors"])
            scores = _window(ops.matmul(query, self._of_distances(keys, relative["rows"])), time - 1)
        if "p2c" in self.position_scores:
            queries = (self.position_query_dense if own else self.query_dense)(relative["vectors"])
            queries = queries * (query.shape[-1] * (1 + len(self.position_scores))) ** -0.5
            by_key = _window(ops.matmul(key, self._of_distances(queries, ops.flip(relative["rows"], 0))), time)
            scores = scores + ops.transpose(by_key, (0, 1, 3, 2))
        return scores

    def _of_distances(self, vectors, rows):
        """`(rows, dim)` to `(1, heads, head_dim, 2 * time)`: the vectors in the order of `rows`."""
        vectors = split_heads(ops.expand_dims(ops.take(vectors, rows, axis=0), 0), self.num_heads)
        return ops.transpose(vectors, (0, 1, 3, 2))


def _window(scores, start):
    """`time` neighbouring scores of each row, from `start` on in the first row and one earlier in each that follows.

    `(batch, heads, time, 2 * time)` to `(batch, heads, time, time)`: laid end to end, the windows of two rows begin
    `2 * time - 1` apart.
    """
    batch, heads, time = ops.shape(scores)[0], scores.shape[1], ops.shape(scores)[2]
    flat = ops.reshape(scores, (batch, heads, 2 * time * time))[:, :, start : start + time * (2 * time - 1)]
    return ops.reshape(flat, (batch, heads, time, 2 * time - 1))[:, :, :, :time]
