"""Sentences as rows of token ids, in the forms that pre-training reads.

A form is a function of a `Corpus`, a `Tokenizer`, settings (`max_length`, and what its docstring names) and a
`random.Random`. It gives rows, dicts from names to lists of integers as `data.records` writes them. Where the corpus
has languages, rows have `language_ids`.
"""

from dataclasses import dataclass

import numpy as np

from keras_bert_suite.data.packing import best_fit
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


def full_sentences(corpus, tokenizer, settings, draw):
    """Rows as full as whole sentences make them, RoBERTa's: one runs on over the end of a document.

    Between two documents stands one more separator. A sentence longer than a row is cut, and nothing is left out. Rows
    do not mix languages.
    """
    frame = Frame(tokenizer, settings.max_length, paired=False)
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


def packed(corpus, tokenizer, settings, draw):
    """Rows of several sequences, each framed and with positions of its own, packed by best fit.

    A sequence is a document or a sentence (`settings.sequences`), or what a row holds of a longer one.
    """
    frame = Frame(tokenizer, settings.max_length, paired=False)
    found, languages = [], []
    for document in range(len(corpus.documents) - 1):
        pieces = list(_sentences(corpus, document, frame.room))
        if settings.sequences == "documents":
            ids = _joined(pieces)
            pieces = [ids[start : start + frame.room] for start in range(0, len(ids), frame.room)]
        found += pieces
        if corpus.languages is not None:
            languages += [int(corpus.languages[document])] * len(pieces)
    found = [frame.ids(piece) for piece in found]
    for numbers in best_fit([len(sequence) for sequence in found], settings.max_length):
        draw.shuffle(numbers)
        sequences = [found[number] for number in numbers]
        row = {
            "token_ids": [i for ids in sequences for i in ids],
            "sequence_ids": [place for place, ids in enumerate(sequences, 1) for _ in ids],
            "positions": [position for ids in sequences for position in range(len(ids))],
        }
        if corpus.languages is not None:
            row["language_ids"] = [languages[number] for number in numbers for _ in found[number]]
        yield row


def sentence_pairs(corpus, tokenizer, settings, draw):
    """Pairs for next sentence prediction, as google-research/bert's `create_pretraining_data` makes them.

    Sentences of a document are gathered until a row is full, or, with probability `settings.short_sequences`, until a
    random shorter length. The first of a pair ends after a random one of them. The second is the rest, label 0; or for
    half of the pairs, and where there is no rest, as much from a random place of a random document, label 1, and the
    rest is taken again. The longer one of a pair that is too long loses pieces at a random end.
    """
    yield from _pairs(corpus, tokenizer, settings, draw, _random_next)


def sentence_order(corpus, tokenizer, settings, draw):
    """Pairs for ALBERT's sentence order prediction: two that follow each other, label 0, or half of them swapped, 1.

    They are gathered and cut as `sentence_pairs`; of a single sentence the two are its parts before and after a random
    piece.
    """
    yield from _pairs(corpus, tokenizer, settings, draw, _swapped)


def _pairs(corpus, tokenizer, settings, draw, chosen):
    frame = Frame(tokenizer, settings.max_length, paired=True)
    for _ in range(settings.passes):
        for language, numbers in _by_language(corpus):
            documents = [list(_sentences(corpus, number, len(corpus.ids))) for number in numbers]
            for number in range(len(documents)):
                for first, second, label in _of_document(documents, number, frame.room, settings, draw, chosen):
                    _shorten(first, second, frame.room, draw)
                    row = {"token_ids": frame.ids(first, second), "segment_ids": frame.segment_ids(first, second)}
                    yield {**_with_language(row, language), "label": [label]}


def _of_document(documents, number, room, settings, draw, chosen):
    document, place, begin = documents[number], 0, 0
    target = draw.randint(2, room) if draw.random() < settings.short_sequences else room
    size = 0
    while place < len(document):
        size += len(document[place])
        place += 1
        if place == len(document) or size >= target:
            chunk = document[begin:place]
            end = draw.randint(1, len(chunk) - 1) if len(chunk) > 1 else 1
            *pair, unused = chosen(documents, number, chunk, end, target, draw)
            if pair[0] and pair[1]:
                yield pair
            place -= unused
            begin, size = place, 0


def _random_next(documents, number, chunk, end, target, draw):
    """The two texts of a pair, its label, and how many sentences of the chunk it left unused."""
    first = _joined(chunk[:end])
    if len(chunk) > 1 and draw.random() >= 0.5:
        return first, _joined(chunk[end:]), 0, 0
    for _ in range(10):
        other = draw.randint(0, len(documents) - 1)
        if other != number:
            break
    second = []
    for sentence in documents[other][draw.randint(0, len(documents[other]) - 1) :]:
        second += sentence
        if len(second) >= target - len(first):
            break
    return first, second, 1, len(chunk) - end


def _swapped(documents, number, chunk, end, target, draw):
    if len(chunk) == 1:
        cut = draw.randint(1, max(len(chunk[0]) - 1, 1))
        first, second = chunk[0][:cut], chunk[0][cut:]
    else:
        first, second = _joined(chunk[:end]), _joined(chunk[end:])
    return (second, first, 1, 0) if draw.random() < 0.5 else (first, second, 0, 0)


def _joined(sentences):
    return [i for sentence in sentences for i in sentence]


def _shorten(first, second, room, draw):
    while len(first) + len(second) > room:
        longer = first if len(first) > len(second) else second
        longer.pop(0 if draw.random() < 0.5 else -1)


def parallel_lines(corpus, tokenizer, settings, draw):
    """Rows of a text and its translation, XLM's: positions begin anew with the second, and each has its language.

    Of a pair that is too long the longer one is cut at its end.
    """
    frame = Frame(tokenizer, settings.max_length, paired=True)
    for document in range(len(corpus.documents) - 1):
        texts = list(_sentences(corpus, document, len(corpus.ids)))
        if len(texts) < 2:
            continue
        sizes = _longest_first(*map(len, texts), frame.room)
        texts = [text[:size] for text, size in zip(texts, sizes, strict=True)]
        numbers = frame.sequence_numbers(*texts)
        second = numbers.index(1)
        yield {
            "token_ids": frame.ids(*texts),
            "positions": [*range(second), *range(len(numbers) - second)],
            "language_ids": numbers,
        }


def _longest_first(first, second, room):
    """How many pieces of a pair are kept where the longer one is cut first."""
    half = room // 2
    if first + second <= room:
        return first, second
    if first <= half:
        return first, room - first
    return (room - second, second) if second <= half else (room - half, half)


_ALL = (full_sentences, packed, sentence_pairs, sentence_order, parallel_lines)
FORMS = {function.__name__: function for function in _ALL}
_FEATURES = {
    full_sentences: ["token_ids"],
    packed: ["token_ids", "sequence_ids", "positions"],
    sentence_pairs: ["token_ids", "segment_ids", "label"],
    sentence_order: ["token_ids", "segment_ids", "label"],
    parallel_lines: ["token_ids", "positions", "language_ids"],
}


def features_of(form, languages):
    """The names of the lists that a form's rows have, where there are languages or none."""
    names = _FEATURES[FORMS[form]]
    return [*names, "language_ids"] if languages and "language_ids" not in names else names


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
