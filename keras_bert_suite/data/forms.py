"""Sentences as rows of token ids, in the forms that pre-training reads.

A shard's text is a `Corpus`. A form is a function of it that gives rows, dicts from names to lists of integers, as
`data.records` writes them; it is the same for the same corpus and random numbers.
"""

from dataclasses import dataclass

import numpy as np

from keras_bert_suite.errors import InputError
from keras_bert_suite.tokenizers import parts


@dataclass(frozen=True)
class Corpus:
    """The sentences of documents as ids.

    Attributes:
        ids: int32 `(pieces,)`, of all sentences.
        splits: int64 `(sentences + 1,)`, where each sentence begins; none is empty.
        documents: int64 `(documents + 1,)`, the first sentence of each document; none is empty.
        languages: int `(documents,)`, the number of each document's language; None where there are none.
    """

    ids: np.ndarray
    splits: np.ndarray
    documents: np.ndarray
    languages: np.ndarray | None = None

    @classmethod
    def of(cls, ids, counts, sizes, languages=None):
        """A corpus without its empty sentences and documents.

        Args:
            ids: int32 `(pieces,)`.
            counts: `(sentences,)`, pieces of each.
            sizes: `(documents,)`, sentences of each.
            languages: `(documents,)`, or None.
        """
        document = np.repeat(np.arange(len(sizes)), sizes)[counts > 0]
        sizes = np.bincount(document, minlength=len(sizes))
        kept = sizes > 0
        languages = None if languages is None else np.asarray(languages)[kept]
        return cls(ids, _starts(counts[counts > 0]), _starts(sizes[kept]), languages)


def _starts(counts):
    return np.concatenate([[0], np.cumsum(counts)]).astype("int64")


class Frame:
    """The special pieces around a text or a pair of a tokenizer, and rows with them.

    Args:
        tokenizer: a `Tokenizer`.
        max_length: ids of a row at most.
        paired: whether rows are pairs.

    Attributes:
        room: ids of the text or texts at most.

    Raises:
        InputError: the length leaves no room.
    """

    def __init__(self, tokenizer, max_length, paired):
        self._frame = parts.frame_of(tokenizer._tokenizer, paired)
        special = sum(part[0] == "special" for part in self._frame)
        self.room = max_length - special
        if self.room < 1 + paired:
            raise InputError(
                f"Received max_length={max_length}; expected {special + 1 + paired} or more, as {special} are special."
            )
        texts = [place for place, part in enumerate(self._frame) if part[0] == "text"]
        # Of two special pieces between the texts the second belongs to the second text.
        self._second = max(texts[-1] - 1, texts[0] + 2) if paired else len(self._frame)

    def ids(self, *texts):
        """The ids of a row with these texts, lists of ids."""
        return [i for kind, value, _ in self._frame for i in ([value] if kind == "special" else texts[value])]

    def segment_ids(self, *texts):
        """The segments of the same row."""
        return self._spread(texts, [segment for *_, segment in self._frame])

    def sequence_numbers(self, *texts):
        """For each id of the same row 0 or 1, the text that it belongs to, special pieces too."""
        return self._spread(texts, [int(place >= self._second) for place in range(len(self._frame))])

    def _spread(self, texts, numbers):
        sizes = [1 if kind == "special" else len(texts[value]) for kind, value, _ in self._frame]
        return [number for number, size in zip(numbers, sizes, strict=True) for _ in range(size)]


def full_sentences(corpus, tokenizer, max_length):
    """Rows as full as whole sentences make them, RoBERTa's: one runs on over the end of a document.

    Between two documents stands one more separator. A sentence longer than a row is cut, and nothing is left out. Rows
    do not mix languages.

    Args:
        corpus: a `Corpus`.
        tokenizer: a `Tokenizer`.
        max_length: ids of a row at most.

    Yields:
        Rows of `token_ids`, and `language_ids` where the corpus has languages.
    """
    frame = Frame(tokenizer, max_length, paired=False)
    between = [] if tokenizer.sep_id is None else [tokenizer.sep_id]
    for language, documents in _by_language(corpus):
        row = []
        for document in documents:
            gap = between
            for piece in _sentences(corpus, document, frame.room):
                if row and len(row) + len(gap) + len(piece) > frame.room:
                    yield _with_language({"token_ids": frame.ids(row)}, language)
                    row = []
                row = row + gap + piece if row else piece
                gap = []
        if row:
            yield _with_language({"token_ids": frame.ids(row)}, language)


def _sentences(corpus, document, room):
    """The sentences of a document as lists of ids; one that is longer than the room is cut."""
    begin, end = corpus.documents[document : document + 2]
    splits = corpus.splits[begin : end + 1]
    ids = corpus.ids[splits[0] : splits[-1]].tolist()
    splits = (splits - splits[0]).tolist()
    for left, right in zip(splits[:-1], splits[1:], strict=True):
        for start in range(left, right, room):
            yield ids[start : min(start + room, right)]


def _by_language(corpus):
    """The numbers of documents by language, as `(language, numbers)`; the language is None where there are none."""
    if corpus.languages is None:
        return [(None, range(len(corpus.documents) - 1))]
    return [(language, np.flatnonzero(corpus.languages == language)) for language in np.unique(corpus.languages)]


def _with_language(row, language):
    return row if language is None else {**row, "language_ids": [int(language)] * len(row["token_ids"])}
