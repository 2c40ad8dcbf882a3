"""Arrays of a checkpoint by name, read one at a time: safetensors, TensorFlow checkpoints, keras_nlp backbones."""

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors

from keras_bert_suite.errors import InputError

# What trainers leave in a checkpoint beside the weights of the model.
_OPTIMIZER = re.compile(
    r"/adam_[mv]|/lamb_[mv]|^global_step|^save_counter|^_CHECKPOINTABLE|optimizer|\.OPTIMIZER_SLOT"
)


class Arrays(Mapping):
    """Names to arrays, where an array is read when it is asked for.

    Args:
        names: what there is: a dict, name to a function that takes no arguments and gives the array.
    """

    def __init__(self, names):
        self._names = names

    def __getitem__(self, name):
        return self._names[name]()

    def __iter__(self):
        return iter(self._names)

    def __len__(self):
        return len(self._names)

    def renamed(self, rename):
        """The same arrays, each under what `rename` makes of its name; those of which it makes None are left out."""
        names = {name: rename(name) for name in self}
        return Arrays({new: self._names[name] for name, new in names.items() if new is not None})


def read_safetensors(folder):
    """The arrays of `model.safetensors`, or of the shards that `model.safetensors.index.json` lists."""
    folder = Path(folder)
    index = folder / "model.safetensors.index.json"
    if index.exists():
        try:
            files = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        except (ValueError, KeyError, AttributeError) as error:
            raise InputError(f"{index} lists no files under weight_map ({type(error).__name__}: {error}).") from None
    else:
        files = ["model.safetensors"]
    names = {}
    for file in files:
        names.update(_safetensors_names(folder / file))
    return Arrays(names)


def _safetensors_names(path):
    if not path.exists():
        pickles = sorted(found.name for pattern in ("*.bin", "*.pt", "*.pth") for found in path.parent.glob(pattern))
        held = f"; {', '.join(pickles)} is pickled, which is never loaded: save it as safetensors" if pickles else ""
        raise InputError(f"{path} is missing{held}.")
    try:
        # Shapes and dtypes are read through numpy's own view; bfloat16, which numpy lacks, needs ml_dtypes.
        file = safetensors.safe_open(path, "numpy")
        kinds = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118, it is no dict
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path} is damaged or cut off ({error}).") from None
    for name, kind in kinds.items():
        if kind not in _FLOATS and not (kind in _INTEGERS and name.endswith(_BUFFERS)):
            raise InputError(f"{path}: array {name} is of dtype {kind}; supported are {', '.join(_FLOATS)}.")
    return {name: functools.partial(_tensor, path, file, name, kind) for name, kind in kinds.items()}


_FLOATS = ("F32", "F16", "BF16", "F64")
_INTEGERS = ("I64", "I32", "U8", "BOOL")
_BUFFERS = ("position_ids", "token_type_ids")


def _tensor(path, file, name, kind):
    if kind != "BF16":
        return file.get_tensor(name)
    import ml_dtypes

    with open(path, "rb") as raw:
        length = int.from_bytes(raw.read(8), "little")
        entry = json.loads(raw.read(length))[name]
        start, end = entry["data_offsets"]
        raw.seek(8 + length + start)
        values = np.frombuffer(raw.read(end - start), ml_dtypes.bfloat16)
    return values.astype("float32").reshape(entry["shape"])


def read_tensorflow(prefix):
    """The arrays of a TensorFlow checkpoint, either kind, without what an optimizer left.

    A TensorFlow 1 checkpoint gives its own names. A TensorFlow 2 one is a graph of objects whose keys say nothing;
    it gives the names that the variables had when it was saved. Two models in one checkpoint may share names: such
    an array is an error when it is asked for, as nothing tells which one is meant.
    """
    from tensorflow.core.protobuf import trackable_object_graph_pb2
    from tensorflow.python.training import py_checkpoint_reader

    try:
        reader = py_checkpoint_reader.NewCheckpointReader(str(prefix))
        keys = reader.get_variable_to_shape_map()
        if "_CHECKPOINTABLE_OBJECT_GRAPH" in keys:
            graph = trackable_object_graph_pb2.TrackableObjectGraph()
            graph.ParseFromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
            found = {
                (attribute.full_name, attribute.checkpoint_key)
                for node in graph.nodes
                for attribute in node.attributes
                if attribute.checkpoint_key in keys and attribute.full_name
            }
        else:
            found = {(name, name) for name in keys}
    except Exception as error:
        raise InputError(f"{prefix} cannot be read as a TensorFlow checkpoint: {str(error).splitlines()[0]}") from None

    def read(name):
        key, *others = wanted[name]
        if others:
            raise InputError(f"{prefix} holds more than one array called {name}: {', '.join(wanted[name])}.")
        try:
            return reader.get_tensor(key)
        except Exception as error:
            raise InputError(f"{prefix}: array {key} cannot be read: {str(error).splitlines()[0]}") from None

    wanted = {}
    for name, key in sorted(found):
        if not _OPTIMIZER.search(f"{name} {key}"):
            wanted.setdefault(name, []).append(key)
    return Arrays({name: functools.partial(read, name) for name in wanted})


def read_h5(path):
    """The arrays of our own `model.weights.h5`: one dataset a variable, under its path."""
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        reason = "is missing" if not Path(path).exists() else f"is damaged or cut off ({error})"
        raise InputError(f"{path} {reason}.") from None
    names = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return Arrays({name: functools.partial(lambda name: file[name][()], name) for name in names})


def read_keras(model):
    """The arrays of a Keras 3 model, by the paths of its variables."""

    return Arrays({variable.path: functools.partial(np.asarray, variable) for variable in model.weights})
