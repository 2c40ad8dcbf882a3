"""Search by meaning on a device: texts and their vectors in one file, mapped into memory. numpy alone.

    index = PackedIndex("corpus.packed")
    scores, places = index.search(pipeline.load("sentences.tflite").embed(["how does a wing stall"]), k=10)
    print(index.documents(places[0]))

The file, version 1; numbers are little-endian, and what is between the parts is zeros:

| bytes | what |
|---|---|
| 0 to 7 | `KBSINDEX` |
| 8 to 11 | the version, uint32 |
| 12 to 15 | the bytes of the header, uint32 |
| 16 on | the header, a JSON object in UTF-8 |
| at a multiple of 64 each | the parts |

The header has `model` (what embedded the texts, for people), `texts` (their number), `dim`, `dtype` (`float16` or
`int8`), `bytes` (of the whole file), and `parts`, an object from a name to `[offset from the file's start, bytes]`:

- `vectors`: `(texts, dim)` of the `dtype`, row after row. With float16 a row has length 1.
- `scales`, with int8 alone: `(texts,)` float32. A row times its scale has length 1; a row of zeros has the scale 0.
- `documents`: for each text an object `{"id", "text"}` as JSON in UTF-8, and a line feed.
- `offsets`: `(texts + 1,)` int64, where in `documents` each begins, and where the last ends.

The score of a text is the dot product of its row with the query's vector at length 1, times the row's scale: a cosine.
"""

import json
import struct
from pathlib import Path

import numpy as np

from keras_bert_suite import nearest
from keras_bert_suite.errors import InputError

MAGIC, VERSION, ALIGNMENT = b"KBSINDEX", 1, 64
# Vectors that are in memory as float32 at a time: 6 MB of 384 values each.
BLOCK = 4096
_TYPES = {"float16": "<f2", "int8": "<i1"}
DTYPES = tuple(_TYPES)


class PackedIndex:
    """An index in one file, with the methods of `search.Index`.

    Args:
        path: a file that `kbs-search index --packed` wrote.

    Raises:
        InputError: it is missing, cut off, or no such file.
    """

    def __init__(self, path):
        self._path = Path(path)
        try:
            with open(path, "rb") as file:
                magic, version, size = struct.unpack("<8sII", file.read(16))
                if magic != MAGIC:
                    raise ValueError("it begins otherwise")
                if version != VERSION:
                    raise InputError(f"{path} is an index of version {version}; this package reads {VERSION}.")
                self.settings = json.loads(file.read(size))
            if self.settings["bytes"] != self._path.stat().st_size:
                raise ValueError(f"it has {self._path.stat().st_size} bytes of {self.settings['bytes']}")
            count, dim, dtype = (self.settings[name] for name in ("texts", "dim", "dtype"))
            self.vectors = self._part("vectors", _TYPES[dtype], (count, dim))
            self._scales = self._part("scales", "<f4", (count,)) if dtype == "int8" else None
            self._offsets = self._part("offsets", "<i8", (count + 1,))
            self._documents = self.settings["parts"]["documents"][0]
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}.") from None
        except (ValueError, KeyError, TypeError, struct.error) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{path} is no packed index, or is cut off: {error}. Write it with kbs-search index --packed."
            ) from None

    def _part(self, name, dtype, shape):
        return np.memmap(self._path, dtype, "r", self.settings["parts"][name][0], shape)

    def __len__(self):
        return len(self.vectors)

    def documents(self, places):
        """The texts at these places, a list of `{"id", "text"}`."""
        found = []
        with open(self._path, "rb") as file:
            for place in places:
                file.seek(self._documents + int(self._offsets[place]))
                found.append(json.loads(file.read(int(self._offsets[place + 1] - self._offsets[place]))))
        return found

    def search(self, queries, k=10, approximate=False):
        """The nearest texts of each query by the cosine of their vectors; every vector is compared.

        Args:
            queries: vectors, `(queries, dim)`, as `Pipeline.embed` gives.
            k: number of texts.
            approximate: what a packed index cannot; it has no graph.

        Returns:
            Cosines and places in the index, both `(queries, k)`, the nearest first; fewer where there are fewer texts.

        Raises:
            InputError: the queries are of another width, or approximate search is asked for.
        """
        if approximate:
            raise InputError(f"{self._path} has no graph; search it exactly, or the folder that it was made of.")
        return nearest.search(self.vectors, queries, k, BLOCK, self._scales, self.settings["model"])


def write(index, path, dtype="int8"):
    """Packs an index into one file.

    Args:
        index: a `search.Index`.
        path: the file.
        dtype: `"float16"`, with which answers are those of the index but for ties; or `"int8"`, half of its size, a
            scale for each row.

    Raises:
        InputError: there is no such dtype.
    """
    from keras_bert_suite.checkpoints import writing

    if dtype not in DTYPES:
        raise InputError(f"Received dtype={dtype!r}; expected one of {', '.join(DTYPES)}.")
    count, dim = index.vectors.shape
    # What stands in a folder is `documents.jsonl` and `offsets.npy`, as they stand here.
    documents = index.folder / "documents.jsonl"
    sizes = {"vectors": count * dim * np.dtype(_TYPES[dtype]).itemsize}
    sizes |= {"scales": 4 * count} if dtype == "int8" else {}
    sizes |= {"offsets": 8 * (count + 1), "documents": documents.stat().st_size}
    about = {"model": index.settings["model"], "texts": count, "dim": dim, "dtype": dtype}
    header = _header(about, sizes)
    parts = json.loads(header)["parts"]
    with writing.new_file(path) as temporary, open(temporary, "r+b") as file:
        file.write(struct.pack("<8sII", MAGIC, VERSION, len(header)) + header)
        for start in range(0, count, BLOCK):
            rows, scales = _rows(index.vectors[start : start + BLOCK], dtype)
            file.seek(parts["vectors"][0] + start * dim * rows.itemsize)
            file.write(rows.tobytes())
            if dtype == "int8":
                file.seek(parts["scales"][0] + 4 * start)
                file.write(scales.tobytes())
        file.seek(parts["offsets"][0])
        file.write(np.asarray(index.offsets, "<i8").tobytes())
        file.seek(parts["documents"][0])
        with open(documents, "rb") as source:
            while chunk := source.read(1 << 20):
                file.write(chunk)


def _header(about, sizes):
    """The header; it holds where the parts begin, which is behind it."""
    length = 0
    while True:
        place, parts = 16 + length, {}
        for name, size in sizes.items():
            place = -(-place // ALIGNMENT) * ALIGNMENT
            parts[name] = [place, size]
            place += size
        header = json.dumps({**about, "bytes": place, "parts": parts}, ensure_ascii=False).encode()
        if len(header) <= length:
            # Spaces behind an object are JSON as well.
            return header.ljust(length)
        length = len(header)


def _rows(vectors, dtype):
    """Vectors of length 1 as the file has them, and their scales."""
    vectors = np.asarray(vectors, "float32")
    if dtype == "float16":
        return vectors.astype("<f2"), None
    highest = np.maximum(np.abs(vectors).max(axis=1, keepdims=True), 1e-12)
    rows = np.rint(vectors / highest * 127).astype("<i1")
    lengths = np.linalg.norm(rows.astype("float32"), axis=1)
    return rows, np.where(lengths > 0, 1 / np.maximum(lengths, 1), 0).astype("<f4")
