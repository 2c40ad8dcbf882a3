"""Text as batches of packed rows while a model trains on it, with nothing written before.

Text is cut into parts, which are dealt at random to chunks of about `CHUNK_BYTES`. A chunk is tokenized and packed at
once, by what `kbs-prepare_data` does it with: a sequence is a part's text, cut where it is longer than a row. Each
epoch has the chunks, and the rows of each, in another order. Paragraphs are tokenized whole: of WordPiece and
SentencePiece the ids are those of their sentences, of byte-level BPE a sentence has the space before it too.
"""

import itertools
import random
from dataclasses import dataclass

import numpy as np

from keras_bert_suite.data import documents, forms
from keras_bert_suite.data.pieces import Pieces
from keras_bert_suite.errors import InputError

# Text whose rows are shuffled with one another; about 4,000 rows of 128.
CHUNK_BYTES = 2**21
# Parts of a chunk at least, and bytes of a part at most.
PARTS, PART_BYTES = 16, 65536
# Rows that are masked at once.
MASKED_ROWS = 1024


@dataclass(frozen=True)
class Asked:
    """What `forms.packed` reads of settings."""

    max_length: int
    sequences: str = "documents"


class Text:
    """Text files as packed rows.

    Args:
        text: patterns of the files.
        tokenizer: a `Tokenizer`.
        max_length: ids of a row.
        seed: of the parts of a chunk and of all orders.
        layout: how the files are to be read, see `data.documents`.

    Attributes:
        tokenizer: as given.
        index: what the index of prepared data says of rows, a dict: `form features languages max_length`.

    Raises:
        InputError: no file is there, a file is no UTF-8, there is no text, or a row has no room for it.
    """

    def __init__(self, text, tokenizer, max_length, seed, layout="prose"):
        self._paths = documents.files_of(text)
        self.tokenizer, self._pieces = tokenizer, Pieces(tokenizer)
        self._asked, self._seed, self._layout = Asked(max_length), seed, layout
        features = forms.features_of("packed", ())
        self.index = {"form": "packed", "features": features, "languages": [], "max_length": max_length}
        forms.Frame(tokenizer, max_length, paired=False)
        files = [documents.opened(path) for path in self._paths]
        total = sum(map(len, files))
        chunks = -(-total // CHUNK_BYTES)
        size = min(max(total // (max(chunks, 1) * PARTS), 1024), PART_BYTES)
        parts = [
            (number, *part)
            for number, data in enumerate(files)
            for document in documents.spans(data, layout, size)
            for part in document
        ]
        if not parts:
            raise InputError(f"{', '.join(text)} holds no text.")
        order = np.random.default_rng(seed).permutation(len(parts))
        self._chunks = [[parts[i] for i in chunk] for chunk in np.array_split(order, min(chunks, len(parts)))]
        self._counts = {}
        # Here, as what is wrong within `fit` is not told in a line.
        for number, start, end in parts:
            documents.text_of(files[number], start, end, self._paths[number])

    def rows(self, number):
        """The rows of a chunk, always the same.

        Args:
            number: of the chunk.

        Returns:
            A dict of int32 `(rows, max_length)`: the features of the index, and `padding_mask`.
        """
        chunk, texts = self._chunks[number], []
        files = {file: documents.opened(self._paths[file]) for file, *_ in chunk}
        for file, start, end in chunk:
            text = documents.text_of(files[file], start, end, self._paths[file])
            texts.append(documents.paragraphs(text, self._layout))
        ids, counts = self._pieces([paragraph for part in texts for paragraph in part])
        part = np.repeat(np.arange(len(texts)), [len(paragraphs) for paragraphs in texts])
        counts = np.bincount(part, counts, len(texts)).astype("int64")
        corpus = forms.Corpus.of(ids, counts, np.ones(len(texts), "int64"))
        made = forms.packed(corpus, self.tokenizer, self._asked, random.Random(f"{self._seed} {number}"))
        lengths = np.diff(made.features["token_ids"][1])
        real = np.arange(self._asked.max_length) < lengths[:, None]
        arrays = {"padding_mask": real.astype("int32")}
        for name, (values, _) in made.features.items():
            fill = (self.tokenizer.pad_id or 0) if name == "token_ids" else 0
            arrays[name] = np.full(real.shape, fill, "int32")
            arrays[name][real] = values
        self._counts[number] = len(lengths)
        return arrays

    def batches(self, batch_size, skip=0):
        """Endless batches, which run on from one epoch into the next.

        A run that read `skip` batches goes on with what an unbroken one reads next. To know where that is, it makes
        the rows before it once again, those of an epoch at most.

        Args:
            batch_size: rows a batch.
            skip: batches that were read before.

        Yields:
            Dicts of int32 `(batch_size, max_length)`, as those of `rows`.
        """
        held, left, epoch = {}, skip * batch_size, 0
        while True:
            for number in np.random.default_rng((self._seed, epoch)).permutation(len(self._chunks)):
                if left >= self._counts.get(number, np.inf):
                    left -= self._counts[number]
                    continue
                arrays = self.rows(number)
                count = self._counts[number]
                order = np.random.default_rng((self._seed, epoch, number)).permutation(count)[left:]
                left = max(left - count, 0)
                held = {
                    name: np.concatenate([held.get(name, array[:0]), array[order]]) for name, array in arrays.items()
                }
                end = len(held["token_ids"]) // batch_size * batch_size
                for start in range(0, end, batch_size):
                    yield {name: array[start : start + batch_size] for name, array in held.items()}
                held = {name: array[end:] for name, array in held.items()}
            epoch += 1
            if not any(self._counts.values()):
                raise InputError(f"{', '.join(self._paths)} hold no text that the tokenizer knows.")


def read(text, batch_size, skip=0, transform=None, group=1):
    """Batches of text as a `tf.data.Dataset`.

    Args:
        text: a `Text`.
        batch_size: rows a batch.
        skip: batches that were read before.
        transform: a function of the number of a group of batches and its rows, as a dict, to another dict; its
            operations cost the less the more rows they are given at once.
        group: batches that are transformed at once.

    Returns:
        A dataset of dicts of arrays, each `(batch_size, ...)`.
    """
    import tensorflow as tf

    spec = tf.TensorSpec((group * batch_size, text.index["max_length"]), tf.int32)
    signature = dict.fromkeys((*text.index["features"], "padding_mask"), spec)
    first = skip // group
    found = tf.data.Dataset.from_generator(lambda: text.batches(group * batch_size, first), output_signature=signature)
    if transform is not None:
        found = found.enumerate(first).map(transform)
    if group == 1:
        return found
    cut = found.map(
        lambda batch: {name: tf.reshape(x, (group, batch_size, *x.shape[1:])) for name, x in batch.items()}
    )
    return cut.unbatch().skip(skip % group)


def arrays(text, batch_size, skip=0, transform=None, group=1):
    """Batches of text as numpy arrays, where there is no TensorFlow: the arguments and what comes are those of `read`.

    Returns:
        An iterator of dicts of arrays, each `(batch_size, ...)`.
    """
    first = skip // group
    found = text.batches(group * batch_size, first)
    if transform is not None:
        found = map(transform, itertools.count(first), found)
    cut = (
        {name: array[start : start + batch_size] for name, array in rows.items()}
        for rows in found
        for start in range(0, group * batch_size, batch_size)
    )
    return itertools.islice(cut, skip % group, None)
