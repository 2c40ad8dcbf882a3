"""Writes folders: whole or not at all, in our form and in Hugging Face's."""

import io
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from keras_bert_suite.checkpoints import names
from keras_bert_suite.checkpoints.dialects import HUGGING_FACE, Field
from keras_bert_suite.errors import InputError


@contextmanager
def new_folder(folder):
    """A temporary folder beside `folder`, which takes its place at the end of the block, or vanishes on an error."""
    folder = Path(folder)
    if not folder.parent.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; expected a folder to write.")
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        temporary.chmod(0o755)
        yield temporary
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
            os.replace(folder, old / "folder")
            os.replace(temporary, folder)
            shutil.rmtree(old)
        else:
            os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def new_file(path):
    """The name of a temporary file beside `path`, which takes its place at the end of the block."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        yield temporary
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def encoder_config(encoder):
    """What `config.json` says of an encoder: its class and the arguments that make it again."""
    config = {name: value for name, value in encoder.get_config().items() if name not in ("name", "trainable")}
    return {"format": "keras_bert_suite", "version": 1, "family": type(encoder).__name__, "arguments": config}


def write_weights(variables, path):
    """Writes `model.weights.h5`: one dataset a variable, under its path."""
    write_h5(((variable.path, np.asarray(variable)) for variable in variables), path)


def write_h5(arrays, path):
    """Writes pairs of a name and an array as a file of one dataset each."""
    import h5py

    # By way of memory: where a disk is full, HDF5 ends the process.
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, array in arrays:
            file[name] = array
    Path(path).write_bytes(content.getbuffer())


def write_safetensors(arrays, path):
    """Writes a dict of arrays as a file that transformers reads."""
    import safetensors.numpy

    safetensors.numpy.save_file(arrays, path, metadata={"format": "pt"})
    # The library writes its files for their owner alone.
    Path(path).chmod(0o644)


def write_hugging_face(encoder, folder, dtype="float32"):
    """Writes `config.json` and `model.safetensors` that transformers loads.

    Args:
        encoder: an encoder of a family.
        folder: where to write.
        dtype: of the arrays in the file.

    Raises:
        InputError: a composed encoder has no Hugging Face form.
    """
    family = type(encoder)
    if not family.weight_names:
        raise InputError(f"{family.__name__} has no Hugging Face form; write it with format='keras_bert_suite'.")
    arguments, arrays, parts = encoder.get_config(), {}, {}
    for variable in encoder.weights:
        place = HUGGING_FACE.candidates(variable.path, family, family.weight_names)[0]
        array = place.write(np.asarray(variable), arguments)
        if place.part is None:
            arrays[place.name] = array
        else:
            parts.setdefault(place.name, []).append((place.part, array))
    arrays.update({name: names.join(found, arguments) for name, found in parts.items()})
    arrays = {name: np.ascontiguousarray(array).astype(dtype) for name, array in arrays.items()}
    write_safetensors(arrays, Path(folder) / "model.safetensors")
    (Path(folder) / "config.json").write_text(json.dumps(hugging_face_config(encoder, dtype), indent=1) + "\n")


def hugging_face_config(encoder, dtype):
    """The `config.json` that transformers expects for an encoder."""
    family = type(encoder)
    return {
        "model_type": family.model_type,
        "architectures": [family.architectures["encoder"]],
        "dtype": dtype,
        **hugging_face_fields(family, encoder.get_config()),
    }


def hugging_face_fields(family, arguments, only=None):
    """The fields of a `config.json` of Hugging Face's that state the arguments of a family.

    Args:
        family: the class.
        arguments: all of them, a dict.
        only: the names of those to state; None for all.
    """
    to_theirs = {ours: theirs for theirs, ours in reversed(HUGGING_FACE.activations.items())}
    values = {}
    for ours, theirs in {**family.config_names, **family.config.get(HUGGING_FACE.name, {})}.items():
        value = arguments[ours]
        if only is not None and ours not in only:
            continue
        if isinstance(theirs, Field):
            values.update(theirs.write(value, arguments) if theirs.write else {})
        else:
            values[theirs] = to_theirs.get(value, value) if ours.endswith("activation") else value
    return values
