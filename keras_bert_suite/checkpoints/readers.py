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
        files = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    else:
        files = ["model.safetensors"]
    names = {}
    for file in files:
        names.update(_safetensors_names(folder / file))
    return Arrays(names)


def _safetensors_names(path):
    if not path.exists():
        raise InputError(f"{path} is missing; the folder needs it (weights in pytorch_model.bin: convert them first).")
    try:
        file = safetensors.safe_open(path, "numpy")
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(f"{path} is damaged or cut off ({error}).") from None
    return {name: functools.partial(file.get_tensor, name) for name in file.keys()}  # noqa: SIM118, it is no dict


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
