"""Where a token stands, for attention that reads places rather than position embeddings."""

import math

import numpy as np
from keras import ops

from keras_bert_suite.layers.attention import distances
from keras_bert_suite.layers.base import Layer, register, table


@register
class Rotary(Layer):
    """Turns pairs of features by an angle that grows with the place, so that scores depend on distances.

    Su et al. 2021, https://arxiv.org/abs/2104.09864

    Args:
        theta: base of the wave lengths.
        pairs: `"halves"` (feature i with i + head_dim / 2, as ModernBERT) or `"neighbours"` (2i with 2i + 1, as
            RoFormer).
        values: whether attention turns its values too.
        rows: places whose sines and cosines are kept in a table, as RoFormer's checkpoints have it; None to compute
            them for any place.

    Call arguments:
        x: `(batch, heads, time, head_dim)`, `head_dim` even.
        positions: integers, `(batch, time)`, the places of rows of several sequences; None where they count from 0.

    Returns:
        The shape of `x`.
    """

    def __init__(self, theta=10000.0, pairs="halves", values=False, rows=None, **kwargs):
        super().__init__(**kwargs)
        if pairs not in ("halves", "neighbours"):
            raise ValueError(f'Received pairs={pairs!r}; expected "halves" or "neighbours".')
        self.theta, self.pairs, self.values, self.rows = theta, pairs, values, rows

    def build(self, x_shape):
        if self.rows is not None:
            angles = np.arange(self.rows)[:, None] * self._waves(x_shape[-1] // 2)
            values = np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)
            self.table = self.add_weight(
                shape=values.shape,
                initializer=lambda shape, dtype: ops.convert_to_tensor(values, dtype),
                trainable=False,
                name="table",
            )

    def _waves(self, half):
        return self.theta ** (-np.arange(half) / half)

    def call(self, x, positions=None):
        half = x.shape[-1] // 2
        # Without those of each row, `(time,)`; else with an axis for the heads, `(batch, 1, time)`.
        if positions is None:
            places = ops.arange(ops.shape(x)[2], dtype="int32" if self.rows else "float32")
        else:
            places = ops.expand_dims(positions, 1)
        if self.rows is None:
            waves = ops.convert_to_tensor(self._waves(half).astype("float32"))
            angles = ops.expand_dims(ops.cast(places, "float32"), -1) * waves
            sine, cosine = ops.sin(angles), ops.cos(angles)
        else:
            table = ops.cast(ops.take(ops.convert_to_tensor(self.table), places, axis=0), "float32")
            sine, cosine = table[..., :half], table[..., half:]
        # In float32, as the angles of far places are beyond what half precision tells apart.
        wide = ops.cast(x, "float32")
        if self.pairs == "halves":
            first, second = wide[..., :half], wide[..., half:]
        else:
            first, second = wide[..., 0::2], wide[..., 1::2]
        turned = [first * cosine - second * sine, second * cosine + first * sine]
        if self.pairs == "halves":
            return ops.cast(ops.concatenate(turned, axis=-1), x.dtype)
        return ops.cast(ops.reshape(ops.stack(turned, axis=-1), ops.shape(x)), x.dtype)


@register
class RelativePositions(Layer):
    """What each head adds to the score of a pair for its distance, in buckets that widen logarithmically.

    Raffel et al. 2020, https://arxiv.org/abs/1910.10683, section 2.1; MPNet's and T5's.

    Args:
        num_heads: number of heads.
        num_buckets: half of them for keys before the query, half for keys after it.
        max_distance: distances from here on share the last bucket.

    Call arguments:
        queries: number of queries.
        keys: number of keys.

    Returns:
        `(heads, queries, keys)`.
    """

    def __init__(self, num_heads, num_buckets=32, max_distance=128, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.num_buckets, self.max_distance = num_heads, num_buckets, max_distance
        self.table = table(num_buckets, num_heads, "table")

    def build(self, shape=None):
        self.table.build(None)

    def call(self, queries, keys):
        half = self.num_buckets // 2
        away = distances(queries, keys)
        buckets = ops.take(
            ops.convert_to_tensor(log_buckets(half, self.max_distance), "int32"),
            ops.minimum(ops.abs(away), self.max_distance),
        )
        buckets = buckets + ops.cast(away < 0, "int32") * half
        return ops.transpose(self.table(buckets), (2, 0, 1))


def log_buckets(num_buckets, max_distance):
    """The bucket of each distance from 0 to `max_distance`: exact ones for the first half, then ever wider ones."""
    exact = num_buckets // 2
    distance = np.arange(max_distance + 1)
    wide = np.log(np.maximum(distance, 1).astype("float32") / exact) / math.log(max_distance / exact)
    wide = np.minimum(exact + (wide * (num_buckets - exact)).astype("int32"), num_buckets - 1)
    return np.where(distance < exact, distance, wide).astype("int32")
