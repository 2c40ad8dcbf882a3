"""A teacher's outputs on disk: it is run once over a fixed set of rows, and students learn from what it gave.

    index.json               version teacher rows keys dtype num_blocks number_of_rows rows_per_shard padding_side
    lengths.npy              tokens of each row: int32 (rows,)
    shard_00000/KEY.npy      what the teacher computed under that key, of the rows of the shard one behind the other,
                             the shortest first, each flat and without padding

`keys` has of each tensor `shape` behind the batch, null for an axis of tokens, and the `dtype` that it was computed
in; `teacher` and `rows` are SHA-256. A shard is whole or not there.
"""

import hashlib
import json
import math
import shutil
from pathlib import Path

import keras
import numpy as np
from keras import ops

from keras_bert_suite.checkpoints import writing
from keras_bert_suite.distillation.distiller import CACHED
from keras_bert_suite.distillation.traces import Traced, frozen
from keras_bert_suite.errors import InputError
from keras_bert_suite.training.progress import room_for

VERSION, MULTIPLE = 1, 8
# Maps at a time: each holds a file open, of which a process may have 1,024.
OPEN = 512


class Cache:
    """What a teacher computed of the rows of a training set, which are named by their numbers in it.

    Args:
        folder: what `Cache.write` wrote.

    Raises:
        InputError: it is no such folder, or is not whole.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.about = _about(self.folder)
        if self.about is None:
            raise InputError(f"{folder} holds no teacher's outputs; make them with Cache.write.")
        self.lengths = np.load(self.folder / "lengths.npy")
        self.starts = {key: _starts(self.lengths, self.about, key) for key in self.about["keys"]}
        missing = [i for i in range(self._shards) if not self._is_whole(i)]
        if missing:
            raise InputError(f"{folder} lacks {len(missing)} of {self._shards} shards; run Cache.write again.")
        self._arrays = {}

    @classmethod
    def write(
        cls,
        folder,
        teacher,
        rows,
        keys,
        batch_size=32,
        progress=iter,
        dtype="float32",
        rows_per_shard=4096,
        pad_values=None,
        padding_side="right",
        pieces=None,
    ):
        """Runs a teacher over rows, or what is left of them after a kill, and keeps what it computes.

        Args:
            folder: where; one that holds these outputs already is left as it is.
            teacher: a `Traced`, whose variables are no longer trained.
            rows: a list of rows, each a dict from names of the teacher's inputs to lists of integers of one length,
                without padding.
            keys: names of the teacher's tensors that losses read, as `distiller.read_of_teacher` gives them.
            batch_size: rows at a time, those of like length together.
            progress: wraps the list of shards to make, as `tqdm` does.
            dtype: `"float32"`; or `"float16"`, in half the space: 11 bits, at most 65,504.
            rows_per_shard: rows of each part that is written at once.
            pad_values: what rows are filled up with, by name; 0 where it is not named.
            padding_side: `"right"` or `"left"`, as the student's rows are filled up.
            pieces: for each token id of `rows` the teacher's, a list; None where they are the same.

        Returns:
            A `Cache`.

        Raises:
            InputError: the folder holds the outputs of another teacher or of other rows, or there is no room.
        """
        folder, keys = Path(folder), sorted(set(keys))
        if dtype not in ("float32", "float16"):
            raise InputError(f'Received dtype={dtype!r}; expected "float32" or "float16".')
        inputs = {
            name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
            for name, tensor in teacher.inputs.items()
        }
        model = keras.Model(inputs, frozen(teacher, keys, inputs, pieces))
        about = {
            "version": VERSION,
            "teacher": _hash_of_teacher(teacher, model, pieces),
            "rows": _hash_of_rows(rows),
            "keys": {
                key: {"shape": list(teacher.tensors[key].shape[1:]), "dtype": teacher.tensors[key].dtype}
                for key in keys
            },
            "dtype": dtype,
            "num_blocks": teacher.num_blocks,
            "number_of_rows": len(rows),
            "rows_per_shard": rows_per_shard,
            "padding_side": padding_side,
        }
        lengths = np.array([len(row["token_ids"]) for row in rows], "int32")
        _begin(folder, about, lengths)
        cache = cls.__new__(cls)
        cache.folder, cache.about, cache.lengths, cache._arrays = folder, about, lengths, {}
        cache.starts = {key: _starts(lengths, about, key) for key in keys}
        missing = [i for i in range(cache._shards) if not cache._is_whole(i)]
        needed = sum(cache._size(key, i) for key in keys for i in missing) * np.dtype(dtype).itemsize
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise InputError(
                f"{folder} needs {needed / 1e9:.2f} GB more for the teacher's outputs, and {free / 1e9:.2f} GB are "
                "free; make room, or keep less: float16, fewer blocks, shorter rows."
            )
        for i in progress(missing):
            cache._write_shard(i, model, rows, batch_size, pad_values or {})
        return cache

    def traced(self):
        """A `Traced` for `Distiller` in the teacher's place: its tensors are inputs, which `arrays` gives."""
        tensors = {
            key: keras.Input(tuple(about["shape"]), dtype=self.about["dtype"], name=CACHED + key)
            for key, about in self.about["keys"].items()
        }
        return Traced({}, tensors, None, self.about["num_blocks"])

    def arrays(self, numbers, length):
        """What the teacher computed of some rows.

        Args:
            numbers: integers, `(batch,)`, the places of the rows in the list that was written.
            length: what their tokens are filled up to.

        Returns:
            A dict of arrays `(batch, ...)` by the names of the `Distiller`'s inputs, 0 at padding.

        Raises:
            InputError: there is no such row, or one is longer.
        """
        numbers = np.asarray(numbers)
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(self.lengths):
            raise InputError(
                f"Received rows {numbers.min()} to {numbers.max()}; {self.folder} has {len(self.lengths)}."
            )
        sizes = self.lengths[numbers]
        if sizes.max(initial=0) > length:
            raise InputError(f"Received length={length} for rows of up to {sizes.max()} tokens.")
        found = {}
        for key, about in self.about["keys"].items():
            shape, starts = about["shape"], self.starts[key]
            filled = np.zeros((len(numbers), *_shape(shape, length)), self.about["dtype"])
            for i, (number, size) in enumerate(zip(numbers.tolist(), sizes.tolist(), strict=True)):
                begin, of_row = starts[number], _shape(shape, size)
                flat = self._shard(number // self.about["rows_per_shard"], key)
                row = flat[begin : begin + math.prod(of_row)].reshape(of_row)
                filled[(i, *_places(shape, size, length, self.about["padding_side"]))] = row
            found[CACHED + key] = filled
        return found

    def join(self, batches):
        """Batches with the teacher's outputs in them.

        Args:
            batches: a `tf.data.Dataset` of dicts of `token_ids` `(batch, time)`; `number` `(batch,)`, the places of
                the rows in the list that was written; and whatever else.

        Returns:
            A `tf.data.Dataset` of the same dicts without `number`, with what `arrays` gives.
        """
        import tensorflow as tf

        names = [CACHED + key for key in self.about["keys"]]

        def read(numbers, token_ids):
            found = self.arrays(numbers, token_ids.shape[1])
            return [found[name] for name in names]

        def add(batch):
            rest = {name: x for name, x in batch.items() if name != "number"}
            found = tf.numpy_function(read, [batch["number"], batch["token_ids"]], [self.about["dtype"]] * len(names))
            for x, about in zip(found, self.about["keys"].values(), strict=True):
                x.set_shape((None, *about["shape"]))
            return {**rest, **dict(zip(names, found, strict=True))}

        return batches.map(add).prefetch(2)

    @property
    def _shards(self):
        return -(-len(self.lengths) // self.about["rows_per_shard"])

    def _rows_of(self, i):
        """The numbers of a shard's rows, in the order in which they stand in it."""
        return _order(self.lengths, self.about["rows_per_shard"], i)

    def _size(self, key, i):
        """Numbers that a shard has under a key."""
        shape = self.about["keys"][key]["shape"]
        return int(_sizes(self.lengths[self._rows_of(i)], shape).sum())

    def _path(self, i):
        return self.folder / f"shard_{i:05}"

    def _shard(self, i, key):
        """A shard's flat array, which stays on the disk until it is read."""
        if (i, key) not in self._arrays:
            if len(self._arrays) >= OPEN:
                del self._arrays[next(iter(self._arrays))]
            # As a plain array over the map: each slice of a memmap costs ten times one of an array.
            self._arrays[i, key] = np.load(self._path(i) / f"{key}.npy", mmap_mode="r").view(np.ndarray)
        return self._arrays[i, key]

    def _is_whole(self, i):
        for key in self.about["keys"]:
            try:
                flat = np.load(self._path(i) / f"{key}.npy", mmap_mode="r")
            except (OSError, ValueError):
                return False
            if flat.shape != (self._size(key, i),) or flat.dtype != self.about["dtype"]:
                return False
        return True

    def _write_shard(self, i, model, rows, batch_size, pad_values):
        order, dtype = self._rows_of(i), np.dtype(self.about["dtype"])
        with room_for(self._path(i)), writing.new_folder(self._path(i)) as temporary:
            files = {key: open(temporary / f"{key}.npy", "wb") for key in self.about["keys"]}
            try:
                for key, file in files.items():
                    about = {"descr": dtype.str, "fortran_order": False, "shape": (self._size(key, i),)}
                    np.lib.format.write_array_header_1_0(file, about)
                for start in range(0, len(order), batch_size):
                    numbers = order[start : start + batch_size]
                    outputs = self._run(model, [rows[number] for number in numbers], pad_values)
                    for key, file in files.items():
                        self._append(file, key, outputs[key], self.lengths[numbers].tolist())
            finally:
                for file in files.values():
                    file.close()

    def _run(self, model, rows, pad_values):
        length = -(-max(len(row["token_ids"]) for row in rows) // MULTIPLE) * MULTIPLE
        arrays = {}
        for name in model.input:
            arrays[name] = np.full((len(rows), length), pad_values.get(name, 0), "int32")
            for filled, row in zip(arrays[name], rows, strict=True):
                filled[_places([None], len(row[name]), length, self.about["padding_side"])] = row[name]
        return model.predict_on_batch(arrays)

    def _append(self, file, key, output, sizes):
        shape, dtype = self.about["keys"][key]["shape"], self.about["dtype"]
        output = np.asarray(output).astype("float32")
        if dtype == "float16":
            # What is not read has scores that float16 has not.
            output = np.clip(output, *(np.finfo(dtype).min, np.finfo(dtype).max)).astype(dtype)
        for x, size in zip(output, sizes, strict=True):
            length = next((whole for whole, axis in zip(x.shape, shape, strict=True) if axis is None), size)
            if length < size:
                raise InputError(f"{key} has {length} places for rows of {size} tokens; expected one for each token.")
            file.write(x[_places(shape, size, length, self.about["padding_side"])].tobytes())


def _about(folder):
    try:
        return json.loads((folder / "index.json").read_text())
    except OSError:
        return None


def _begin(folder, about, lengths):
    """Writes what a cache is of; or sees that the one that is there is of the same, and clears what a kill left."""
    there = _about(folder)
    if there is not None:
        differing = [name for name, value in about.items() if there.get(name) != value]
        if differing:
            raise InputError(
                f"{folder} holds a teacher's outputs of another {' and another '.join(differing)}; give another "
                "folder, or delete this one."
            )
        for rest in folder.glob(".shard_*"):
            shutil.rmtree(rest)
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} holds other things than a teacher's outputs; give another folder.")
    with room_for(folder), writing.new_folder(folder) as temporary:
        np.save(temporary / "lengths.npy", lengths)
        (temporary / "index.json").write_text(json.dumps(about, indent=1) + "\n")


def _hash_of_teacher(teacher, model, pieces):
    """SHA-256 of what decides what a teacher computes: its weights, its plain arguments, and the translation."""
    digest = hashlib.sha256()
    for name, value in sorted(teacher.encoder.get_config().items()):
        text = json.dumps(value, default=repr)
        # Layers' configs have numbers that no second run has, and dropout is off.
        if name not in ("name", "trainable") and "dropout" not in name and "class_name" not in text:
            digest.update(f"{name}={text}\n".encode())
    for variable in model.weights:
        array = np.ascontiguousarray(ops.convert_to_numpy(variable))
        digest.update(f"{array.shape} {array.dtype}\n".encode())
        digest.update(array.tobytes())
    digest.update(np.array(pieces if pieces is not None else [], "int32").tobytes())
    return digest.hexdigest()


def _hash_of_rows(rows):
    digest = hashlib.sha256()
    for row in rows:
        for name in sorted(row):
            digest.update(f"{name} {len(row[name])}\n".encode())
            digest.update(np.asarray(row[name], "int32").tobytes())
    return digest.hexdigest()


def _order(lengths, rows_per_shard, i):
    begin = i * rows_per_shard
    return begin + np.argsort(lengths[begin : begin + rows_per_shard], kind="stable")


def _starts(lengths, about, key):
    """Where each row begins in its shard's array: a list by its number."""
    starts = np.zeros(len(lengths), "int64")
    for i in range(-(-len(lengths) // about["rows_per_shard"])):
        order = _order(lengths, about["rows_per_shard"], i)
        sizes = _sizes(lengths[order], about["keys"][key]["shape"])
        starts[order] = np.cumsum(sizes) - sizes
    return starts.tolist()


def _sizes(lengths, shape):
    """How many numbers rows of these lengths have."""
    return math.prod(axis for axis in shape if axis is not None) * lengths.astype("int64") ** shape.count(None)


def _shape(shape, length):
    return tuple(length if axis is None else axis for axis in shape)


def _places(shape, size, length, side):
    """Where the real tokens of a row stand in a padded array."""
    real = slice(size) if side == "right" else slice(length - size, length)
    return tuple(real if axis is None else slice(None) for axis in shape)
