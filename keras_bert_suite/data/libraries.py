"""Data sets of tensorflow-datasets and of Hugging Face's `datasets` as the rows that our readers read.

    tfds:NAME:SPLIT                 tfds:glue/rte:train         tfds:conll2003:dev
    datasets:PATH[:NAME]:SPLIT      datasets:stanfordnlp/snli:train[:1000]        datasets:nyu-mll/glue:rte:validation

NAME, PATH and SPLIT are what `tfds.builder` and `datasets.load_dataset` take, slices of a split and local folders
among them. tensorflow-datasets keeps its files where TFDS_DATA_DIR says.
"""

import importlib
import re

import numpy as np

from keras_bert_suite.errors import InputError

# A slice of a split has a colon of its own.
_NAME = re.compile(r"(tfds|datasets):(.+?)(?::([^:\[\]]+))?:([^:\[\]]+(?:\[[^\]]*\])?)")
_PACKAGES = {"tfds": "tensorflow_datasets", "datasets": "datasets"}


def is_name(path):
    """Whether a path is the name of a library's data set."""
    return str(path).startswith(tuple(f"{library}:" for library in _PACKAGES))


def rows(name):
    """The rows of a data set.

    Args:
        name: as above, a string or a path.

    Yields:
        Pairs of a row's number, from 1, and a dict of plain Python values; a label is its name, None where the
        library says -1.

    Raises:
        InputError: the name has another form, the library is not installed, or it does not find the data set.
    """
    match = _NAME.fullmatch(str(name))
    if not match or (match[1] == "tfds" and match[3]):
        raise InputError(f"Received {name}; expected tfds:NAME:SPLIT or datasets:PATH[:NAME]:SPLIT.")
    library, path, part, split = match.groups()
    try:
        package = importlib.import_module(_PACKAGES[library])
    except ImportError:
        raise InputError(f"{name} needs {_PACKAGES[library]}: pip install keras_bert_suite[datasets].") from None
    try:
        if library == "tfds":
            builder = package.builder(path)
            builder.download_and_prepare()
            found, features = package.as_numpy(builder.as_dataset(split=split)), builder.info.features
        else:
            found = package.load_dataset(path, part, split=split)
            features = found.features
    # Each library raises whatever its readers and downloads raise, assertions among them.
    except Exception as error:
        raise InputError(f"{name} cannot be read: {str(error).strip().splitlines()[0]}") from None
    for number, row in enumerate(found, 1):
        yield number, {column: _plain(value, features[column]) for column, value in row.items()}


def _plain(value, feature):
    inner = getattr(feature, "feature", None)
    if isinstance(value, dict):
        # A sequence of dicts comes as a dict of sequences.
        parts = feature if inner is None else inner
        return {key: _plain(item, parts[key]) for key, item in value.items()}
    if isinstance(value, list | np.ndarray):
        return [_plain(item, feature if inner is None else inner) for item in value]
    if hasattr(feature, "int2str"):
        return None if value is None or value < 0 else feature.int2str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value.item() if isinstance(value, np.generic) else value
