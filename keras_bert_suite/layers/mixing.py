"""Tokens mixed without attention, by a transform that has no weights."""

import functools
import math

import numpy as np
from keras import ops

from keras_bert_suite.layers.base import Layer, register


@register
class FourierMixing(Layer):
    """The real part of a discrete Fourier transform over tokens and features, in the place of attention.

    Lee-Thorp et al. 2022, https://arxiv.org/abs/2105.03824

    There is no mask: every token reads all places of its sequence, those of padding too, and the result depends on
    how far a sequence is padded. It is computed in float32, and in float16 kept within what that can hold.

    Args:
        method: `"matmul"`, by products with cosines and sines, which TFLite has and which suit matrix units; or
            `"fft"`, by a fast transform, which is faster on a CPU and of which TFLite has none.

    Call arguments:
        x: `(batch, time, dim)`.
        padding_mask: `(batch, time)`; not read.

    Returns:
        A dict: `output` `(batch, time, dim)`.

    Raises:
        ValueError: there is no such method.
    """

    def __init__(self, method="matmul", **kwargs):
        super().__init__(**kwargs)
        if method not in ("matmul", "fft"):
            raise ValueError(f'Received method={method!r}; expected "matmul" or "fft".')
        self.method = method

    def call(self, x, padding_mask=None):
        dtype = x.dtype
        x = ops.cast(x, "float32")
        mixed = ops.fft2((x, ops.zeros_like(x)))[0] if self.method == "fft" else _real_transform(x)
        if dtype == "float16":
            mixed = ops.clip(mixed, -6e4, 6e4)
        return {"output": ops.cast(mixed, dtype)}


def _real_transform(x):
    """With `C` and `S` the cosines and sines of a transform, `C x C - S x S`.

    Of `dim` features the first half is computed: feature `dim - k` has the same cosines as `k` and opposite sines.
    """
    dim = x.shape[2]
    half = dim // 2 + 1
    cosines, sines = (
        ops.matmul(over_tokens, ops.matmul(x, over_features[:, :half]))
        for over_tokens, over_features in zip(_tables(ops.shape(x)[1]), _tables(dim), strict=True)
    )
    mirrored = ops.flip((cosines + sines)[..., 1 : dim - half + 1], axis=-1)
    return ops.concatenate([cosines - sines, mirrored], axis=-1)


def _tables(size):
    """Cosines and sines of a transform over `size` places, each `(size, size)`."""
    if isinstance(size, int):
        return tuple(ops.convert_to_tensor(table) for table in _fixed_tables(size))
    # The size is known only when the model runs. The remainder keeps angles small, where float32 is fine enough.
    places, size = ops.arange(size, dtype="int32"), ops.convert_to_tensor(size, "int32")
    turns = ops.mod(ops.expand_dims(places, 1) * ops.expand_dims(places, 0), size)
    angles = ops.cast(turns, "float32") * (2 * math.pi / ops.cast(size, "float32"))
    return ops.cos(angles), ops.sin(angles)


@functools.lru_cache(maxsize=8)
def _fixed_tables(size):
    places = np.arange(size)
    angles = np.outer(places, places) % size * (2 * math.pi / size)
    return np.cos(angles).astype("float32"), np.sin(angles).astype("float32")
