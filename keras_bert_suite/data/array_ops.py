"""The operations of TensorFlow that masks are made of, on numpy arrays, where there is no TensorFlow.

They have its names, arguments and results, random numbers too: a graph and numpy hide the same pieces of a batch. So
what is written once, over a namespace `tf`, runs as either.
"""

from types import SimpleNamespace

import numpy as np

# Philox of 4 numbers of 32 bits and 10 rounds: Salmon et al. 2011, https://doi.org/10.1145/2063384.2063405
_MULTIPLIERS, _STEPS, _ROUNDS = (0xD2511F53, 0xCD9E8D57), (0x9E3779B9, 0xBB67AE85), 10
# The key with which TensorFlow makes a key and a counter of a seed.
_SEED_KEY = (0x3EC8F720, 0x02461E29)
_LOW = 2**32 - 1


def of(array):
    """The namespace for an array: `NUMPY` for numpy's, else TensorFlow."""
    if isinstance(array, np.ndarray):
        return NUMPY
    import tensorflow as tf

    return tf


def _philox(counters, key):
    """Four arrays of random numbers of 32 bits, of four arrays of such numbers; all as uint64."""
    a, b, c, d = counters
    for turn in range(_ROUNDS):
        one, two = (x * np.uint64(factor) for x, factor in zip((a, c), _MULTIPLIERS, strict=True))
        first, second = (np.uint64(part + turn * step & _LOW) for part, step in zip(key, _STEPS, strict=True))
        a, b = (two >> np.uint64(32)) ^ b ^ first, two & np.uint64(_LOW)
        c, d = (one >> np.uint64(32)) ^ d ^ second, one & np.uint64(_LOW)
    return a, b, c, d


def _bits(shape, seed):
    """Random numbers of 32 bits, uint32."""
    size = int(np.prod(shape))
    mixed = _philox([np.uint64(int(part) >> shift & _LOW) for part in seed for shift in (0, 32)], _SEED_KEY)
    number = np.arange(-(-size // 4), dtype="uint64")
    found = _philox((number, np.zeros_like(number), *mixed[2:]), [int(part) for part in mixed[:2]])
    return np.stack(found, 1).astype("uint32").reshape(-1)[:size].reshape(shape)


def _uniform(shape, seed, minval=0, maxval=None, dtype=np.float32):
    bits = _bits(shape, seed)
    if dtype is np.int32:
        return (bits % np.uint32(maxval - minval)).astype("int32") + np.int32(minval)
    # 23 random bits behind an exponent that makes them 1 to 2.
    return (bits & np.uint32(0x7FFFFF) | np.uint32(0x3F800000)).view("float32") - np.float32(1)


def _split(seed, number):
    halves = _bits((number, 2, 2), seed).astype("uint64")
    return (halves[..., 0] | halves[..., 1] << np.uint64(32)).view("int64")


def _fold_in(seed, number):
    return np.array([*_bits((1,), seed).view("int32"), number], "int32")


def _top_k(x, k):
    places = np.argsort(-x, axis=-1, kind="stable")[..., :k].astype("int32")
    return SimpleNamespace(values=np.take_along_axis(x, places, -1), indices=places)


def _by_segment(ufunc, empty):
    def reduce(x, segments, number):
        found = np.full(int(number), empty(x.dtype), x.dtype)
        ufunc.at(found, segments, x)
        return found

    return reduce


def _limits(dtype):
    return np.iinfo(dtype) if dtype.kind == "i" else np.finfo(dtype)


def _gather(params, indices, batch_dims=0):
    if not batch_dims:
        return np.take(params, indices)
    rows = np.arange(len(params)).reshape(-1, *[1] * (np.ndim(indices) - 1))
    return params[rows, indices]


def _scatter_nd(indices, updates, shape):
    found = np.zeros(shape, updates.dtype)
    np.add.at(found, tuple(indices.T), updates)
    return found


def _searchsorted(sequence, values, side="left"):
    """In one sequence; or in those of rows, integers, in each of which the values of its own row are sought."""
    if sequence.ndim == 1:
        return np.searchsorted(sequence, values, side).astype("int32")
    least, rows = int(min(sequence.min(), values.min())), np.arange(len(sequence))[:, None]
    # One row after another, each above the one before.
    above = rows * (int(max(sequence.max(), values.max())) - least + 1) - least
    found = np.searchsorted((sequence + above).ravel(), (values + above).ravel(), side)
    return (found.reshape(values.shape) - rows * sequence.shape[1]).astype("int32")


def _scan(function, elements, initializer):
    states, state = [], initializer
    for element in zip(*elements, strict=True) if isinstance(elements, tuple) else elements:
        state = function(state, element)
        states.append(state)
    return tuple(np.stack(each) for each in zip(*states, strict=True))


NUMPY = SimpleNamespace(
    bool=np.bool_,
    int32=np.int32,
    float32=np.float32,
    float64=np.float64,
    argsort=lambda x, axis, stable=True: np.argsort(x, axis, kind="stable").astype("int32"),
    broadcast_to=np.broadcast_to,
    cast=lambda x, dtype: np.asarray(x).astype(dtype),
    clip_by_value=np.clip,
    concat=np.concatenate,
    cumsum=lambda x, axis: np.cumsum(x, axis, dtype=x.dtype),
    ensure_shape=lambda x, shape: x,
    fill=np.full,
    gather=_gather,
    maximum=np.maximum,
    minimum=np.minimum,
    ones_like=np.ones_like,
    pad=lambda x, paddings, constant_values=0: np.pad(x, paddings, constant_values=constant_values),
    range=lambda *limits: np.arange(*limits, dtype="int32"),
    reduce_sum=lambda x, axis: np.sum(x, axis, dtype=x.dtype),
    reshape=np.reshape,
    round=np.round,
    scan=_scan,
    scatter_nd=_scatter_nd,
    searchsorted=_searchsorted,
    sequence_mask=lambda lengths, maxlen, dtype: (np.arange(maxlen) < lengths[:, None]).astype(dtype),
    shape=lambda x: np.array(x.shape, "int32"),
    sort=np.sort,
    tile=np.tile,
    transpose=np.transpose,
    unstack=list,
    where=np.where,
    zeros=np.zeros,
    zeros_like=np.zeros_like,
    math=SimpleNamespace(
        top_k=_top_k,
        unsorted_segment_sum=_by_segment(np.add, lambda dtype: 0),
        unsorted_segment_min=_by_segment(np.minimum, lambda dtype: _limits(dtype).max),
        unsorted_segment_max=_by_segment(np.maximum, lambda dtype: _limits(dtype).min),
    ),
    random=SimpleNamespace(
        stateless_uniform=_uniform,
        experimental=SimpleNamespace(stateless_split=_split, stateless_fold_in=_fold_in),
    ),
)
