"""TinyBERT's data augmentation: more labelled text for a student, out of what a masked LM would say in its places.

Jiao et al. 2020, https://arxiv.org/abs/1909.10351, section 3.2 and algorithm 1
"""

import dataclasses
import itertools
import math

import keras
import numpy as np
from keras import ops

from keras_bert_suite import nearest
from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import Layer, register
from keras_bert_suite.tokenizers.vocabularies import WITHIN

# Draws for each copy that is asked for: of a short text there are few different ones.
TRIES = 5
# Rows are padded to a multiple of this; examples are read so many at a time; table rows compared with at a time.
MULTIPLE, EXAMPLES, BLOCK = 16, 256, 65536
# What begins a piece that begins a word; WordPiece marks the others.
_BEGINS = {"byte_bpe": "Ġ", "sentencepiece": "▁"}


def augmented(
    examples,
    model,
    tokenizer,
    neighbours=None,
    copies=20,
    probability=0.4,
    candidates=15,
    entities=False,
    max_length=128,
    batch_size=64,
    seed=0,
    first=0,
    progress=iter,
):
    """Labelled examples with copies of them in which words gave way to others.

    A word of one piece gives way to one of those that a masked LM finds likeliest in its place, the text else as it
    was; a word of several pieces to a neighbour in a table of vectors. Labels and tags stay. A word is what the
    tokenizer takes for one, if it is of letters alone.

    A copy depends on the seed and the number of its example. The batch size decides how sums are rounded, and so
    which of two words that are equally likely to six digits is the last of the candidates; nothing else.

    Args:
        examples: dicts as `data.readers` gives them: a `text`, perhaps a `pair`, perhaps `entities` and `words` of
            the text; whatever else they hold stays. They are read as they are needed.
        model: a masked LM, as `load_model(folder, "masked_lm")` gives it.
        tokenizer: its `Tokenizer`.
        neighbours: a `Neighbours`; None for one by the model's own token table.
        copies: of an example at most; one of few words has fewer that differ.
        probability: of a word to be replaced.
        candidates: words that one is drawn from.
        entities: whether words of entities are replaced too.
        max_length: ids of a row; what is behind them is left as it is.
        batch_size: masked rows that the model reads at a time.
        seed: of what is drawn.
        first: the number of the first of these examples, for a run that goes on where one was stopped.
        progress: wraps the examples, as `tqdm` does.

    Yields:
        Each example, and after it its copies.

    Raises:
        InputError: the model has no masked-LM head, the vocabulary no mask, or an argument is out of range.
    """
    if not (0 < probability <= 1 and copies >= 0 and candidates >= 1):
        raise InputError(
            f"Received probability={probability}, copies={copies}, candidates={candidates}; expected a probability "
            "above 0 and up to 1, and 1 candidate or more."
        )
    guesser, known = _Guesser(model, tokenizer, candidates, batch_size), {}
    neighbours = neighbours or Neighbours.of_table(guesser.head.token.embeddings, tokenizer)
    examples, number = iter(progress(examples)), first
    while group := list(itertools.islice(examples, EXAMPLES)):
        found = [_slots(example, tokenizer, max_length, entities) for example in group]
        guesses = guesser([slot for slots in found for slot in slots if slot.place is not None])
        far = {slot.word for slots in found for slot in slots if slot.place is None} - known.keys()
        known |= zip(sorted(far), neighbours.nearest(sorted(far), candidates), strict=True)
        for example, slots in zip(group, found, strict=True):
            choices = [known[slot.word] if slot.place is None else next(guesses) for slot in slots]
            yield example
            yield from _copies(example, slots, choices, copies, probability, np.random.default_rng([seed, number]))
            number += 1


@dataclasses.dataclass(frozen=True)
class _Slot:
    """A word that may be replaced: where it is in which text, and the place of its only piece in the encoding."""

    key: str
    start: int
    end: int
    word: str
    encoding: object
    place: int | None


def _slots(example, tokenizer, max_length, entities):
    """The words of an example that may be replaced, in order."""
    keys = ["text"] if example.get("pair") is None else ["text", "pair"]
    encoding = tokenizer.encode(*(example[key] for key in keys), max_length=max_length)
    words = {}
    for place, (sequence, word) in enumerate(zip(encoding.sequence_ids, encoding.words, strict=True)):
        if word is not None:
            words.setdefault((sequence, word), []).append(place)
    spans = [span[:2] for span in example.get("entities") or ()]
    slots = []
    for (sequence, _), places in words.items():
        key, start, end = keys[sequence], encoding.offsets[places[0]][0], encoding.offsets[places[-1]][1]
        text = example[key][start:end]
        # The pieces of some vocabularies take in the space before a word.
        start += len(text) - len(text.lstrip())
        inside = [(a, b) for a, b in spans if a < end and start < b] if key == "text" else []
        if inside and not (entities and all(a <= start and end <= b for a, b in inside)):
            continue
        # Of a text that is cut the last word may be a part of one.
        if text.strip().isalpha() and not example[key][end : end + 1].isalnum():
            place = places[0] if len(places) == 1 else None
            slots.append(_Slot(key, start, end, text.strip(), encoding, place))
    return slots


def _copies(example, slots, choices, copies, probability, generator):
    seen = {tuple(slot.word for slot in slots)}
    for _ in range(TRIES * copies):
        if len(seen) > copies:
            return
        drawn = zip(slots, choices, generator.random((len(slots), 2)), strict=True)
        words = tuple(
            _cased(others[int(which * len(others))], slot.word) if others and chance < probability else slot.word
            for slot, others, (chance, which) in drawn
        )
        if words not in seen:
            seen.add(words)
            yield _rewritten(example, slots, words)


def _cased(word, like):
    """A word with a capital where the other begins with one."""
    return word[:1].upper() + word[1:] if like[:1].isupper() else word


def _rewritten(example, slots, words):
    """The example with other words in the slots, and spans where their words are now."""
    changed = dict(example)
    for key in {slot.key for slot in slots}:
        text, made, at, moves = example[key], [], 0, []
        for slot, word in zip(slots, words, strict=True):
            if slot.key == key:
                made += [text[at : slot.start], word]
                at = slot.end
                moves.append((slot.end, len(word) - (slot.end - slot.start)))
        changed[key] = "".join([*made, text[at:]])
        if key == "text":
            for name in ("entities", "words"):
                if example.get(name):
                    changed[name] = [(_moved(a, moves), _moved(b, moves), *rest) for a, b, *rest in example[name]]
    return changed


def _moved(offset, moves):
    return offset + sum(change for end, change in moves if end <= offset)


@register
class TakeStates(Layer):
    """The state at one place of each row.

    Call arguments:
        x: `(batch, time, dim)`.
        places: integers, `(batch, 1)`.

    Returns:
        `(batch, 1, dim)`.
    """

    def call(self, x, places):
        return ops.take_along_axis(x, ops.expand_dims(places, -1), axis=1)

    def compute_output_shape(self, x_shape, places_shape):
        return (x_shape[0], 1, x_shape[2])


@register
class LikeliestWords(Layer):
    """The ids of the highest logits, of those ids alone that are allowed.

    Args:
        allowed: ids.
        count: ids to give.

    Call arguments:
        logits: `(batch, 1, vocab_size)`.

    Returns:
        Integers, `(batch, count)`, the likeliest first.
    """

    def __init__(self, allowed, count, **kwargs):
        super().__init__(**kwargs)
        self.allowed, self.count = list(allowed), count

    def call(self, logits):
        lowered = np.full(logits.shape[-1], -1e9, "float32")
        lowered[self.allowed] = 0
        return ops.top_k(logits[:, 0] + lowered, self.count)[1]


class _Guesser:
    """The words that a masked LM finds likeliest in the places of others."""

    def __init__(self, model, tokenizer, candidates, batch_size):
        if tokenizer.mask_id is None:
            raise InputError("The vocabulary has no piece for masks; expected that of a model with a masked-LM head.")
        layers = {layer.name: layer for layer in model.layers}
        head = self.head = layers.get("masked_lm")
        if head is None:
            raise InputError(
                f"The model {model.name} has no masked-LM head; expected what load_model(folder, 'masked_lm') gives."
            )
        self._tokenizer, self._candidates, self._batch_size = tokenizer, candidates, batch_size
        self._words = whole_words(tokenizer)
        places = keras.Input((1,), dtype="int32", name="places")
        # The head reads masked places alone: over all of them it would take most of the time.
        logits = head(TakeStates(name="take_states")(head.input, places))
        # One more than is asked for, as the word itself may be among them.
        count = min(candidates + 1, len(self._words))
        ids = LikeliestWords(list(self._words), count, name="likeliest_words")(logits)
        self._model = keras.Model({**model.input, "places": places}, ids)

    def __call__(self, slots):
        """An iterator over the words for each slot."""
        order = sorted(range(len(slots)), key=lambda i: len(slots[i].encoding.ids))
        found = [None] * len(slots)
        for start in range(0, len(order), self._batch_size):
            numbers = order[start : start + self._batch_size]
            for number, ids in zip(numbers, self._ids([slots[number] for number in numbers]), strict=True):
                own = slots[number].word.lower()
                others = [i for i in ids.tolist() if self._words[i].lower() != own][: self._candidates]
                # By id, so that two of equal likelihood do not change places by rounding.
                found[number] = [self._words[i] for i in sorted(others)]
        return iter(found)

    def _ids(self, slots):
        rows = []
        for slot in slots:
            ids = list(slot.encoding.ids)
            ids[slot.place] = self._tokenizer.mask_id
            rows.append(dataclasses.replace(slot.encoding, ids=ids))
        length = math.ceil(max(len(row.ids) for row in rows) / MULTIPLE) * MULTIPLE
        arrays = self._tokenizer.arrays(rows, length)
        begins = [self._tokenizer.place(row, length).start or 0 for row in rows]
        arrays["places"] = np.array([[b + slot.place] for b, slot in zip(begins, slots, strict=True)], "int32")
        # Rows of padding, so that there are few shapes to compile for.
        spare = self._batch_size - len(slots)
        arrays = {name: np.concatenate([x, np.repeat(x[-1:], spare, 0)]) for name, x in arrays.items()}
        given = {name: arrays[name] for name in self._model.input}
        return ops.convert_to_numpy(self._model.predict_on_batch(given))[: len(slots)]


def whole_words(tokenizer):
    """The pieces of a vocabulary that are words of letters, a dict from id to the word.

    Raises:
        InputError: its pieces do not show which begin a word.
    """
    if tokenizer.kind not in ("wordpiece", *_BEGINS):
        raise InputError(
            f"The vocabulary is of the kind {tokenizer.kind}; expected WordPiece, byte-level BPE or SentencePiece."
        )
    found = {}
    for i, piece in enumerate(tokenizer.vocabulary):
        begin = _BEGINS.get(tokenizer.kind, "")
        if piece is not None and piece.startswith(begin) and not (not begin and piece.startswith(WITHIN)):
            word = tokenizer.decode([i]).strip() if begin else piece
            if word.isalpha():
                found[i] = word
    if not found:
        raise InputError("The vocabulary has no piece that is a word; expected some.")
    return found


class Neighbours:
    """Words, and which of them are near another by the cosine of their vectors.

    Args:
        words: a list of words.
        vectors: `(words, dim)`.
        vector_of: a function from a word that is not among them to its vector, or to None; None where there is none.
    """

    def __init__(self, words, vectors, vector_of=lambda word: None):
        self._words, self._vectors, self._vector_of = list(words), nearest.unit(vectors), vector_of
        self._rows = {word: row for row, word in enumerate(self._words)}

    @classmethod
    def of_table(cls, table, tokenizer):
        """The words of one piece by an encoder's token table; any other word is the mean of its pieces' rows.

        Args:
            table: `(vocab_size, dim)`, as `encoder.embeddings.token.embeddings`.
            tokenizer: the `Tokenizer`.
        """
        table, words = ops.convert_to_numpy(table).astype("float32"), whole_words(tokenizer)

        def vector_of(word):
            encoding = tokenizer.encode(word)
            return table[[i for i, own in zip(encoding.ids, encoding.words, strict=True) if own is not None]].mean(0)

        return cls(words.values(), table[list(words)], vector_of)

    @classmethod
    def of_file(cls, path, limit=100_000):
        """The words of a file as GloVe's are: a word and its numbers a line, with spaces between them.

        Args:
            path: the file.
            limit: words at most; the most frequent come first in such files.

        Raises:
            InputError: it cannot be read, or a line has no numbers or not as many as the first; with its number.
        """
        words, vectors = [], []
        try:
            with open(path, encoding="utf-8") as file:
                for number, line in enumerate(itertools.islice(file, limit), 1):
                    word, *values = line.rstrip().split(" ")
                    try:
                        vectors.append(np.array(values, "float32"))
                    except ValueError:
                        raise InputError(f"{path} line {number} is no word with numbers after it.") from None
                    if not values or len(values) != len(vectors[0]):
                        raise InputError(
                            f"{path} line {number} has {len(values)} numbers; expected {len(vectors[0]) or 'some'}."
                        )
                    words.append(word)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}.") from None
        if not words:
            raise InputError(f"{path} holds no words.")
        return cls(words, np.stack(vectors))

    def nearest(self, words, count):
        """The nearest other words to each, a list of lists, the nearest first; none to one that has no vector."""
        vectors = [self._vector(word) for word in words]
        known = [i for i, vector in enumerate(vectors) if vector is not None]
        found = [[] for _ in words]
        if known:
            _, rows = nearest.search(self._vectors, np.stack([vectors[i] for i in known]), count + 1, BLOCK)
            for i, own in zip(known, rows, strict=True):
                near = [self._words[row] for row in own]
                found[i] = [word for word in near if word not in (words[i], words[i].lower())][:count]
        return found

    def _vector(self, word):
        row = self._rows.get(word, self._rows.get(word.lower()))
        return self._vector_of(word) if row is None else self._vectors[row]
