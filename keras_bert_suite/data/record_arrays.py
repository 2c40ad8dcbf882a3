"""Prepared rows as batches of numpy arrays, where there is no TensorFlow: those of `records.read`, in its order."""

import numpy as np

from keras_bert_suite.data import records
from keras_bert_suite.errors import InputError

# What stands before the parts of a `tf.train.Example`: its features, an entry of them, its name and its value, a list
# of integers, and these, packed.
_FEATURES, _ENTRY, _NAME, _VALUE, _INTEGERS, _PACKED = 0x0A, 0x0A, 0x0A, 0x12, 0x1A, 0x0A


def read(folder, batch_size, seed, skip=0, shard=(0, 1), epochs=None, begin=0):
    """Batches of a folder, epoch after epoch, each in an order of its own; see `records.read`.

    Args:
        folder, batch_size, seed, skip, shard, epochs, begin: as for `records.read`.

    Returns:
        An iterator of dicts of int32 `(batch, max_length)`: the features of the index, padded, and `padding_mask`, 1
        for a real token; `label` is `(batch,)`.

    Raises:
        InputError: as for `records.read`; while it is read, that a record is not as `kbs-prepare_data` writes it.
    """
    index, batches = records.examples(folder, batch_size, seed, skip, shard, epochs, begin)
    return (arrays(batch, index) for batch in batches())


def arrays(examples, index):
    """A batch of examples as padded arrays.

    Args:
        examples: a list of bytes, each a `tf.train.Example`.
        index: the folder's index, of which `max_length`, `pad_id` and `features` count.

    Returns:
        A dict, see `read`.

    Raises:
        InputError: a record is not as `kbs-prepare_data` writes it.
    """
    try:
        packed = [dict(_integers(example)) for example in examples]
    except (IndexError, ValueError):
        raise InputError("A record is damaged; run kbs-prepare_data again.") from None
    fills, found = {"token_ids": index["pad_id"]}, {}
    places = np.arange(index["max_length"])
    for name in index["features"]:
        values, lengths = _numbers([each.get(name, b"") for each in packed])
        if name == "label":
            found[name] = values.astype("int32")
            continue
        real = places < lengths[:, None]
        found[name] = np.full(real.shape, fills.get(name, 0), "int32")
        found[name][real] = values
        if name == "token_ids":
            found["padding_mask"] = real.astype("int32")
    return found


def _integers(example):
    """Pairs of a feature's name and its packed integers."""
    for features in _parts(example, _FEATURES):
        for entry in _parts(features, _ENTRY):
            (name,), (value,) = _parts(entry, _NAME), _parts(entry, _VALUE)
            (integers,) = _parts(value, _INTEGERS)
            yield name.decode(), b"".join(_parts(integers, _PACKED))


def _parts(message, tag):
    """The contents of a message's fields of one tag; all that an example of integers has are of known length."""
    found, place, end = [], 0, len(message)
    while place < end:
        here, size, shift = message[place], 0, 0
        while True:
            place += 1
            size |= (message[place] & 127) << shift
            shift += 7
            if message[place] < 128:
                break
        place += 1
        if here == tag:
            found.append(message[place : place + size])
        place += size
    if place != end:
        raise ValueError(f"a field ends at {place} of {end}")
    return found


def _numbers(rows):
    """The integers of rows of packed bytes, one after another, and how many each row has."""
    content = np.frombuffer(b"".join(rows), "uint8")
    last = content < 128
    counts = np.concatenate([[0], np.cumsum(last)])[np.cumsum([0, *map(len, rows)])]
    starts = np.concatenate([[0], np.flatnonzero(last)[:-1] + 1]) if len(content) else np.zeros(0, "int64")
    shifts = 7 * (np.arange(len(content)) - np.repeat(starts, np.diff([*starts, len(content)])))
    values = np.add.reduceat((content & 127).astype("int64") << shifts, starts) if len(content) else starts
    return values, np.diff(counts)
