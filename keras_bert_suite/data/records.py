"""Rows of token ids as a folder of sharded TFRecord with an index, and the folder as batches for training.

    index.json                         version form max_length pad_id features settings tokenizer shards
    tokenizer/                         the tokenizer's own files
    part-00000-of-00008.tfrecord       `tf.train.Example`s
    part-00000-of-00008.offsets.npy    where each of them begins: int64 (examples + 1,)

`shards` is a list of objects `file examples tokens bytes sha256`. An example has lists of int64, `features` of the
index: `token_ids`, a whole row with its special pieces and without padding; `segment_ids` of pairs; `label` of pairs,
0 where the second follows the first (or they are in order), 1 where not; `sequence_ids` (1, 2, ...) and `positions`
of packed rows; `positions` and `language_ids` of parallel ones. Positions begin at 0 anew with each sequence.
"""

import functools
import json
from pathlib import Path

import numpy as np

from keras_bert_suite.errors import InputError

VERSION = 1
_HEADER, _FRAME = 12, 16  # bytes of a TFRecord before its content, and around it
# Records that are written at once.
TOGETHER = 4096


def write(features, order, path, offsets):
    """Writes rows as a TFRecord file of `tf.train.Example`s.

    Args:
        features: a dict from names to `(values, splits)`: integers of all rows, none negative, and where those of each
            row begin.
        order: the numbers of the rows in the order in which to write them.
        path: of the file.
        offsets: of the `.npy` file that says where each record begins.
    """
    # In the order of their names, as protocol buffers write a map where they are asked for always the same bytes.
    encoded = [(name, *_varints(*features[name])) for name in sorted(features)]
    heads, begins = {}, [0]
    with open(path, "wb") as file:
        for start in range(0, len(order), TOGETHER):
            made = []
            for row in order[start : start + TOGETHER]:
                entries = []
                for name, content, splits in encoded:
                    begin, end = splits[row], splits[row + 1]
                    head = heads.get((name, end - begin))
                    if head is None:
                        head = heads[name, end - begin] = _head(name, end - begin)
                    entries += head, content[begin:end]
                record = b"".join(entries)
                record = b"\x0a" + _varint(len(record)) + record
                made.append(record)
                begins.append(begins[-1] + _FRAME + len(record))
            file.write(_framed(made))
    with open(offsets, "wb") as file:
        np.save(file, np.array(begins, "int64"))


def _framed(records):
    """The bytes of TFRecords: of each the length, its check, the content, its check."""
    lengths = [len(record).to_bytes(8, "little") for record in records]
    checks = zip(_checks(lengths), _checks(records), strict=True)
    return b"".join(
        part
        for length, record, (first, second) in zip(lengths, records, checks, strict=True)
        for part in (length, first, record, second)
    )


def _checks(records):
    """The CRC-32C of each, RFC 3720 appendix B.4, turned and added to as TFRecord has it; a list of 4 bytes each."""
    lengths = np.array([len(record) for record in records])
    # Byte by byte of all records at once, the longest first, as the shorter ones end before.
    order = np.argsort(-lengths, kind="stable")
    content, starts = np.frombuffer(b"".join(records), "uint8"), (np.cumsum(lengths) - lengths)[order]
    left = len(records) - np.searchsorted(lengths[order[::-1]], np.arange(lengths.max()), "right")
    check, table = np.full(len(records), 0xFFFFFFFF, "uint32"), _table()
    for place, count in enumerate(left.tolist()):
        here = check[:count]
        check[:count] = table[(here ^ content[starts[:count] + place]) & 255] ^ (here >> 8)
    found = np.empty_like(check)
    found[order] = ~check
    found = ((found >> 15) | (found << 17)) + np.uint32(0xA282EAD8)
    content = found.astype("<u4").tobytes()
    return [content[i : i + 4] for i in range(0, len(content), 4)]


@functools.cache
def _table():
    """What each byte adds to a CRC-32C."""
    found = np.arange(256, dtype="uint32")
    for _ in range(8):
        found = (found >> 1) ^ np.where(found & 1, np.uint32(0x82F63B78), np.uint32(0))
    return found


def _varints(values, splits):
    """Integers as the bytes that protocol buffers pack them to, and where those of each row begin."""
    values = np.asarray(values, "int64")
    sizes = 1 + sum((values >= 1 << 7 * i).astype("int8") for i in range(1, 5))
    ends = np.concatenate([[0], np.cumsum(sizes, dtype="int64")])
    content = np.empty(ends[-1], "uint8")
    for i in range(int(sizes.max(initial=0))):
        there = np.flatnonzero(sizes > i)
        more = (sizes[there] > i + 1).astype("uint8") << 7
        content[ends[there] + i] = (values[there] >> 7 * i & 127).astype("uint8") | more
    return content.tobytes(), ends[splits].tolist()


def _head(name, size):
    """What stands before the packed integers of a feature: its entry in the map, its name, its kind."""
    values = b"\x0a" + _varint(size)
    feature = b"\x1a" + _varint(len(values) + size) + values
    entry = b"\x0a" + _varint(len(name)) + name.encode() + b"\x12" + _varint(len(feature) + size) + feature
    return b"\x0a" + _varint(len(entry) + size) + entry


@functools.cache
def _varint(number):
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + _varint(number >> 7)


def offsets_of(file):
    """The name of the file with the offsets of a shard."""
    return f"{Path(file).stem}.offsets.npy"


def index_of(folder):
    """The index of a folder, a dict.

    Raises:
        InputError: the folder is absent, is none of prepared data, or a file of it is not whole.
    """
    folder = Path(folder)
    try:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        version, shards = index["version"], index["shards"]
    except FileNotFoundError:
        raise InputError(f"{folder} has no index.json; expected a folder that kbs-prepare_data wrote.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}/index.json is damaged ({error!r}); run kbs-prepare_data again.") from None
    if version != VERSION:
        raise InputError(f"{folder}/index.json is of version {version}; this release reads {VERSION}.")
    for shard in shards:
        path = folder / shard["file"]
        size = path.stat().st_size if path.is_file() else None
        if size != shard["bytes"]:
            found = "absent" if size is None else f"{size} bytes"
            raise InputError(f"{path} is {found}; its index says {shard['bytes']} bytes. Copy the folder whole.")
    return index


def read(folder, batch_size, seed, skip=0, shard=(0, 1), epochs=None, begin=0):
    """Batches of a folder, epoch after epoch, each in an order of its own.

    The order depends on `seed` and the epoch alone, and batches run on from one epoch into the next. So a run that
    read `skip` batches goes on with what an unbroken one reads next. Reader `i` of `n` takes the batches `i`, `i + n`,
    ... : n readers with a batch of B read in a step what one with n * B reads.

    Examples are read at random places of files that are mapped into memory, so the folder should be on a local disk.

    Args:
        folder: what `kbs-prepare_data` wrote.
        batch_size: examples a batch.
        seed: of the order.
        skip: batches, of this reader, that were read before.
        shard: `(i, n)`, which of how many readers this is.
        epochs: after how many epochs to end, with a last batch that may be smaller; None for never.
        begin: examples that all readers together had read, in batches of any size, before the first of these batches.

    Returns:
        A `tf.data.Dataset` of dicts of int32 `(batch, max_length)`: the features of the index, padded, and
        `padding_mask`, 1 for a real token; `label` is `(batch,)`.

    Raises:
        InputError: the folder is none of prepared data, is not whole or holds no examples; or there is no such reader.
    """
    import tensorflow as tf

    index, batches = examples(folder, batch_size, seed, skip, shard, epochs, begin)
    max_length, fills = index["max_length"], {"token_ids": index["pad_id"]}
    features = {name: tf.io.RaggedFeature(tf.int64) for name in index["features"]}

    def arrays(examples):
        found = tf.io.parse_example(examples, features)
        padded = {
            name: tf.cast(values.to_tensor(fills.get(name, 0), shape=(None, max_length)), tf.int32)
            for name, values in found.items()
            if name != "label"
        }
        if "label" in found:
            padded["label"] = tf.cast(found["label"].values, tf.int32)
        lengths = found["token_ids"].row_lengths()
        return {**padded, "padding_mask": tf.sequence_mask(lengths, max_length, tf.int32)}

    def strings():
        return (np.array(batch, object) for batch in batches())

    dataset = tf.data.Dataset.from_generator(strings, output_signature=tf.TensorSpec((None,), tf.string))
    return dataset.map(arrays).prefetch(2)


def examples(folder, batch_size, seed, skip=0, shard=(0, 1), epochs=None, begin=0):
    """Batches of a folder as they are written; the arguments and errors are those of `read`.

    Returns:
        The index, and a function to an iterator of lists of bytes, each a `tf.train.Example`.
    """
    reader, readers = shard
    if not 0 <= reader < readers or batch_size < 1 or skip < 0:
        raise InputError(
            f"Received shard={shard}, batch_size={batch_size}, skip={skip}; expected reader 0 to n - 1 of n, a batch "
            "of 1 or more, and 0 or more batches to skip."
        )
    index, folder = index_of(folder), Path(folder)
    if not sum(part["examples"] for part in index["shards"]):
        raise InputError(f"{folder} holds no examples.")
    records = _Records(folder, index)

    def batches():
        place, order = begin + (skip * readers + reader) * batch_size, _Order(len(records), seed)
        stop = None if epochs is None else epochs * len(records)
        while stop is None or place < stop:
            end = place + batch_size
            yield [records[order[i]] for i in range(place, end if stop is None else min(end, stop))]
            place += readers * batch_size

    return index, batches


class _Records:
    """The examples of all shards by number, as bytes."""

    def __init__(self, folder, index):
        self._files, self._offsets = [], []
        for shard in index["shards"]:
            if not shard["examples"]:
                continue
            offsets = folder / offsets_of(shard["file"])
            try:
                self._offsets.append(np.load(offsets, mmap_mode="r"))
            except (OSError, ValueError):
                raise InputError(f"{offsets} is absent or damaged. Copy the folder whole.") from None
            self._files.append(np.memmap(folder / shard["file"], "uint8", "r"))
        self._ends = np.cumsum([len(offsets) - 1 for offsets in self._offsets])

    def __len__(self):
        return int(self._ends[-1])

    def __getitem__(self, number):
        file = int(np.searchsorted(self._ends, number, "right"))
        offsets = self._offsets[file]
        place = number - int(self._ends[file])
        begin, end = offsets[place - 1], offsets[place]
        return self._files[file][begin + _HEADER : end - (_FRAME - _HEADER)].tobytes()


class _Order:
    """Which example stands at a place of the endless row of epochs."""

    def __init__(self, count, seed):
        self._count, self._seed, self._epoch = count, seed, None

    def __getitem__(self, place):
        epoch, place = divmod(place, self._count)
        if epoch != self._epoch:
            self._epoch = epoch
            numbers = np.arange(self._count, dtype="uint32" if self._count < 2**32 else "int64")
            self._permutation = np.random.default_rng((self._seed, epoch)).permutation(numbers)
        return int(self._permutation[place])
