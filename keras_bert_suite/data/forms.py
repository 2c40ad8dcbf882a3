"""Sentences as rows of token ids, in the forms that pre-training reads.

A form is a function of a `Corpus`, a `Tokenizer`, settings (`max_length`, and what its docstring names) and a
`random.Random`, that gives `Rows`. A row is a list of ranges of the corpus's ids and of the special pieces; numpy
makes the arrays of all rows at once. Where the corpus has languages, rows have `language_ids`.
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
    """The special pieces around a text or a pair of a tokenizer.

    Args:
        tokenizer: a `Tokenizer`.
        max_length: ids of a row at most.
        paired: whether rows are pairs.

    Attributes:
        room: ids of the text or texts at most.
        special: the ids of the special pieces in their order, and of the separator where there is one.

    Raises:
        InputError: the length leaves no room.
    """

    def __init__(self, tokenizer, max_length, paired):
        self._frame = parts.frame_of(tokenizer._tokenizer, paired)
        self.special = [value for kind, value, _ in self._frame if kind == "special"]
        self.room = max_length - len(self.special)
        if self.room < 1 + paired:
            least = len(self.special) + 1 + paired
            raise InputError(
                f"Received max_length={max_length}; expected {least} or more, as {len(self.special)} are special."
            )
        texts = [place for place, part in enumerate(self._frame) if part[0] == "text"]
        # Of two special pieces between the texts the second belongs to the second text.
        self._second = max(texts[-1] - 1, texts[0] + 2) if paired else len(self._frame)
        if tokenizer.sep_id is not None:
            self.special.append(tokenizer.sep_id)

    def ranges(self, base, texts, number=None):
        """A row as ranges of a pool of ids, in which the special pieces begin at `base`.

        Args:
            base: where they begin.
            texts: for each text a list of ranges `(start, end)`.
            number: of the sequence that the row is; None to number the texts of a pair 0 and 1.

        Returns:
            A list of `(start, length, number, segment)`.
        """
        found = []
        for place, (kind, value, segment) in enumerate(self._frame):
            own = int(place >= self._second) if number is None else number
            if kind == "special":
                found.append((base, 1, own, segment))
                base += 1
            else:
                found += [(start, end - start, own, segment) for start, end in texts[value]]
        return found


class Rows:
    """Rows of token ids, all in a few arrays.

    Args:
        corpus: the `Corpus`.
        frame: the `Frame`.
        made: for each row a list of ranges as `Frame.ranges` gives them, and its label or None.
        names: the features that rows have beside `token_ids`; `language_ids` are the numbers of the ranges.
        languages: for each row the language of all of it, or a list with that of each range; None where there is none.

    Attributes:
        features: a dict from names to `(values, splits)`: those of all rows one after another, and where each begins.
    """

    def __init__(self, corpus, frame, made, names=(), languages=None):
        pool = np.concatenate([corpus.ids, np.array(frame.special, "int32")])
        made = list(made)
        sizes = np.fromiter((len(row) for row, _ in made), "int64", len(made))
        table = np.array([part for row, _ in made for part in row], "int64").reshape(-1, 4)
        starts, lengths, numbers, segments = table.T
        token_splits = _starts(lengths)
        splits = token_splits[_starts(sizes)]
        per_range = {"segment_ids": segments, "sequence_ids": numbers, "language_ids": numbers}
        if languages is not None:
            names = [*names, "language_ids"]
            per_range["language_ids"] = np.repeat(
                np.array(languages, "int64"), sizes if len(languages) == len(made) else 1
            )
        self.features = {"token_ids": (pool[ranges(starts, lengths)], splits)}
        for name in names:
            if name == "label":
                labels = np.array([label for _, label in made], "int64")
                self.features[name] = (labels, np.arange(len(made) + 1))
            elif name == "positions":
                row = np.repeat(np.arange(len(made)), sizes)
                new = np.concatenate([[True], (np.diff(numbers) != 0) | (np.diff(row) != 0)])[: len(numbers)]
                first = token_splits[:-1][new][np.cumsum(new) - 1]
                self.features[name] = (np.arange(token_splits[-1]) - np.repeat(first, lengths), splits)
            else:
                self.features[name] = (np.repeat(per_range[name], lengths), splits)

    def __len__(self):
        return len(self.features["token_ids"][1]) - 1

    def __iter__(self):
        """Each row as a dict from names to lists."""
        features = {name: (values.tolist(), splits.tolist()) for name, (values, splits) in self.features.items()}
        for row in range(len(self)):
            yield {name: values[splits[row] : splits[row + 1]] for name, (values, splits) in features.items()}


def ranges(starts, counts):
    """The numbers `start, start + 1, ...`, `count` of them, of each pair, one after another."""
    shift = starts - (np.cumsum(counts) - counts)
    return np.repeat(shift, counts) + np.arange(counts.sum())


def full_sentences(corpus, tokenizer, settings, draw):
    """Rows as full as whole sentences make them, RoBERTa's: one runs on over the end of a document.

    Between two documents stands one more separator. A sentence longer than a row is cut, and nothing is left out. Rows
    do not mix languages.
    """
    frame, base, made, languages = Frame(tokenizer, settings.max_length, paired=False), len(corpus.ids), [], []
    between = base + len(frame.special) - 1
    gaps = [] if tokenizer.sep_id is None else [(between, between + 1)]

    def end_row(text, language):
        made.append((frame.ranges(base, [text], 0), None))
        languages.append(language)

    for language, documents in _by_language(corpus):
        text, size = [], 0
        for document in documents:
            new = True
            for start, end in _sentences(corpus, document, frame.room):
                length = end - start + (len(gaps) if new else 0)
                if text and size + length > frame.room:
                    end_row(text, language)
                    text = []
                if not text:
                    text, size = [(start, end)], end - start
                elif new:
                    text, size = [*text, *gaps, (start, end)], size + length
                else:
                    text[-1], size = (text[-1][0], end), size + length
                new = False
        if text:
            end_row(text, language)
    return Rows(corpus, frame, made, languages=None if corpus.languages is None else languages)


def packed(corpus, tokenizer, settings, draw):
    """Rows of several sequences, each framed and with positions of its own, packed by best fit.

    A sequence is a document or a sentence (`settings.sequences`), or what a row holds of a longer one.
    """
    frame, base = Frame(tokenizer, settings.max_length, paired=False), len(corpus.ids)
    found, languages = [], []
    for document in range(len(corpus.documents) - 1):
        pieces = list(_sentences(corpus, document, frame.room))
        if settings.sequences == "documents":
            begin, end = pieces[0][0], pieces[-1][1]
            pieces = [(start, min(start + frame.room, end)) for start in range(begin, end, frame.room)]
        found += pieces
        if corpus.languages is not None:
            languages += [int(corpus.languages[document])] * len(pieces)
    around = settings.max_length - frame.room
    made, of_ranges = [], []
    for sequences in best_fit([end - start + around for start, end in found], settings.max_length):
        draw.shuffle(sequences)
        row = []
        for place, number in enumerate(sequences, 1):
            row += frame.ranges(base, [[found[number]]], place)
            of_ranges += languages[number : number + 1] * (around + 1)
        made.append((row, None))
    given = None if corpus.languages is None else of_ranges
    return Rows(corpus, frame, made, ["sequence_ids", "positions"], given)


def sentence_pairs(corpus, tokenizer, settings, draw):
    """Pairs for next sentence prediction, as google-research/bert's `create_pretraining_data` makes them.

    Sentences of a document are gathered until a row is full, or, with probability `settings.short_sequences`, until a
    random shorter length. The first of a pair ends after a random one of them. The second is the rest, label 0; or for
    half of the pairs, and where there is no rest, as much from a random place of a random document, label 1, and the
    rest is taken again. The longer one of a pair that is too long loses pieces at a random end.
    """
    return _pairs(corpus, tokenizer, settings, draw, _random_next)


def sentence_order(corpus, tokenizer, settings, draw):
    """Pairs for ALBERT's sentence order prediction: two that follow each other, label 0, or half of them swapped, 1.

    They are gathered and cut as `sentence_pairs`; of a single sentence the two are its parts before and after a random
    piece.
    """
    return _pairs(corpus, tokenizer, settings, draw, _swapped)


def _pairs(corpus, tokenizer, settings, draw, chosen):
    frame, base, made, languages = Frame(tokenizer, settings.max_length, paired=True), len(corpus.ids), [], []
    splits, documents = corpus.splits.tolist(), corpus.documents.tolist()
    for _ in range(settings.passes):
        for language, numbers in _by_language(corpus):
            # Where the sentences of each document are, and its end.
            bounds = [splits[documents[number] : documents[number + 1] + 1] for number in numbers]
            for number in range(len(bounds)):
                for first, second, label in _of_document(bounds, number, frame.room, settings, draw, chosen):
                    first, second = _shortened(first, second, frame.room, draw)
                    made.append((frame.ranges(base, [[first], [second]]), label))
                    languages.append(language)
    return Rows(corpus, frame, made, ["segment_ids", "label"], None if corpus.languages is None else languages)


def _of_document(bounds, number, room, settings, draw, chosen):
    """The pairs of a document, as two ranges of ids and a label."""
    splits, place, begin = bounds[number], 0, 0
    target = draw.randint(2, room) if draw.random() < settings.short_sequences else room
    while place < len(splits) - 1:
        place += 1
        if place == len(splits) - 1 or splits[place] - splits[begin] >= target:
            count = place - begin
            end = begin + (draw.randint(1, count - 1) if count > 1 else 1)
            first, second, label, place = chosen(bounds, number, (begin, end, place), target, draw)
            if first[0] < first[1] and second[0] < second[1]:
                yield first, second, label
            begin = place


def _random_next(bounds, number, chunk, target, draw):
    """The two ranges of a pair, its label, and the sentence that is to be read next."""
    (begin, end, place), splits = chunk, bounds[number]
    first = splits[begin], splits[end]
    if place > end and draw.random() >= 0.5:
        return first, (splits[end], splits[place]), 0, place
    for _ in range(10):
        other = draw.randint(0, len(bounds) - 1)
        if other != number:
            break
    splits = bounds[other]
    start = draw.randint(0, len(splits) - 2)
    wanted = splits[start] + target - (first[1] - first[0])
    stop = start + 1
    while stop < len(splits) - 1 and splits[stop] < wanted:
        stop += 1
    return first, (splits[start], splits[stop]), 1, end


def _swapped(bounds, number, chunk, target, draw):
    (begin, end, place), splits = chunk, bounds[number]
    middle = splits[end]
    if place == end:
        middle = splits[begin] + draw.randint(1, max(splits[end] - splits[begin] - 1, 1))
    first, second = (splits[begin], middle), (middle, splits[place])
    return (second, first, 1, place) if draw.random() < 0.5 else (first, second, 0, place)


def _shortened(first, second, room, draw):
    sizes = first[1] - first[0], second[1] - second[0]
    found = []
    for (start, end), size, kept in zip((first, second), sizes, _longest_first(*sizes, room), strict=True):
        # Each piece that goes is by chance the first or the last.
        front = draw.getrandbits(size - kept).bit_count() if size > kept else 0
        found.append((start + front, end - (size - kept - front)))
    return found


def parallel_lines(corpus, tokenizer, settings, draw):
    """Rows of a text and its translation, XLM's: positions begin anew with the second, and each has its language.

    Of a pair that is too long the longer one is cut at its end.
    """
    frame, base, made = Frame(tokenizer, settings.max_length, paired=True), len(corpus.ids), []
    for document in range(len(corpus.documents) - 1):
        texts = list(_sentences(corpus, document, base))
        if len(texts) == 2:
            kept = _longest_first(*(end - start for start, end in texts), frame.room)
            texts = [[(start, start + size)] for (start, _), size in zip(texts, kept, strict=True)]
            made.append((frame.ranges(base, texts), None))
    return Rows(corpus, frame, made, ["positions", "language_ids"])


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
    """The sentences of a document as ranges of ids; one that is longer than the room is cut."""
    begin, end = corpus.documents[document : document + 2].tolist()
    splits = corpus.splits[begin : end + 1].tolist()
    for left, right in zip(splits[:-1], splits[1:], strict=True):
        if right - left <= room:
            yield left, right
        else:
            yield from ((start, min(start + room, right)) for start in range(left, right, room))


def _by_language(corpus):
    """The numbers of documents by language, as `(language, numbers)`; the language is None where there are none."""
    if corpus.languages is None:
        return [(None, range(len(corpus.documents) - 1))]
    return [(language, np.flatnonzero(corpus.languages == language)) for language in np.unique(corpus.languages)]
