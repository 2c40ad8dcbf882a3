"""Our variables beside the arrays of a family's checkpoints, and what each array is turned into on the way.

A family maps its layers (`block_{i}/attention/query`) to Hugging Face's names, one line a layer. A value is a string,
a `Part` of a fused layer, or, for a single variable under its whole path, an `Array`.
"""

import functools
import re
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Part:
    """One of several layers that a checkpoint keeps as one, side by side along the output.

    Args:
        name: theirs, of the fused layer.
        index: which of them, from 0.
        count: how many there are.
        by_head: whether they alternate head by head, rather than each whole.
    """

    name: str
    index: int
    count: int
    by_head: bool = False


@dataclass(frozen=True)
class Array:
    """Where a variable of ours stands in a checkpoint.

    Args:
        name: of their array.
        axes: the order of their axes that makes ours, or None where it is the same. An array of fewer axes, as where
            a grouped layer has one group, keeps the order of those that it has.
        split: from a family's arguments to the shape of the array in our order of axes, where it has more of them
            than ours; needed to write it.
        part: the `Part` that it is of the array, or None.
        row: which of the arrays that stand in it along an axis more than ours, from 0; without that axis it is one
            for all. None where it is no stack.
    """

    name: str
    axes: tuple | None = None
    split: callable = None
    part: Part | None = None
    row: int | None = None

    def read(self, array, shape, arguments):
        """Their array as ours; None where it cannot be."""
        if self.part is not None:
            if array.shape[0] % self.part.count:
                return None
            array = _grouped(array, self.part, arguments)[:, self.part.index]
            array = array.reshape(-1, *array.shape[2:])
        if self.row is not None and array.ndim > len(shape):
            if self.row >= len(array):
                return None
            array = array[self.row]
        if self.axes is not None and array.ndim <= len(self.axes):
            array = array.transpose(_order(self.axes, array.ndim))
        return fit(array, shape)

    def named(self, name):
        """The same under another name of theirs; `[3]` at its end says row 3 of an array, `[:]` our order of axes."""
        if name.endswith("[:]"):
            return replace(self, name=name.removesuffix("[:]"), axes=None)
        match = re.fullmatch(r"(.*)\[(\d+)\]", name)
        return replace(self, name=match[1], row=int(match[2])) if match else replace(self, name=name)

    def write(self, array, arguments):
        """Our array as theirs, or as its part of theirs."""
        if self.split is not None:
            array = array.reshape(self.split(arguments))
        return array if self.axes is None else array.transpose(np.argsort(_order(self.axes, array.ndim)))


def _order(axes, ndim):
    return [axis for axis in axes if axis < ndim]


def join(parts, arguments):
    """Several parts, `(Part, array)` in any order, as the one array of a checkpoint."""
    parts = sorted(parts, key=lambda part: part[0].index)
    groups = arguments["num_heads"] if parts[0][0].by_head else 1
    arrays = [array.reshape(groups, -1, *array.shape[1:]) for _, array in parts]
    joined = np.concatenate(arrays, axis=1)
    return joined.reshape(-1, *joined.shape[2:])


def _grouped(array, part, arguments):
    """`(groups, parts, rows, ...)`: one group, or one a head."""
    groups = arguments["num_heads"] if part.by_head else 1
    return array.reshape(groups, part.count, -1, *array.shape[1:])


def fit(array, shape):
    """An array in the layout of a variable of ours; None where it cannot be.

    Kernels that keep heads as an axis of their own are the same numbers in the same order.
    """
    shape = tuple(shape)
    if array.shape == shape:
        return array
    squeezed = tuple(size for size in array.shape if size != 1)
    same_numbers = array.size == np.prod(shape) and array.ndim > len(shape)
    if same_numbers and (array.shape[0] == shape[0] or array.shape[-1] == shape[-1] or len(shape) == 1):
        return array.reshape(shape)
    return array.reshape(shape) if squeezed == tuple(size for size in shape if size != 1) else None


def layer_and_leaf(path):
    """`block_3/attention/query/kernel` to (`block_3/attention/query`, `kernel`)."""
    layer, _, leaf = path.rpartition("/")
    return layer, leaf


def theirs(path, weight_names):
    """What a family's map says of a layer or a variable of ours, its numbers filled in; None where it says nothing.

    Args:
        path: ours, as `block_3/attention/query`.
        weight_names: paths to names; `{i}` and `{j}` stand for numbers.
    """
    for pattern, value in weight_names.items():
        match = _expression(pattern).fullmatch(path)
        if match is not None:
            numbers = match.groupdict()
            name = _filled(value if isinstance(value, str) else value.name, numbers)
            return name if isinstance(value, str) else replace(value, name=name)
    return None


def _filled(name, numbers):
    for letter, number in numbers.items():
        name = name.replace("{" + letter + "}", number)
    return name


@functools.cache
def _expression(pattern):
    return re.compile(re.sub(r"\\\{(\w)\\\}", r"(?P<\1>\\d+)", re.escape(pattern)))
