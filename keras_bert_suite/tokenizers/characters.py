"""What a tokenizer makes of each character, as tables that a graph can look up.

The tokenizer's own normalizer and pre-tokenizer are asked about every code point: so the tables have its version of
Unicode and its settings, whatever they are.
"""

import base64
import functools
import unicodedata
from dataclasses import dataclass

import numpy as np
from tokenizers import normalizers

from keras_bert_suite.tokenizers.words import is_word

CODE_POINTS = 0x110000
_PAGE = 256
# A hieroglyph: no normalizer makes anything of it, nor makes it of anything.
_BETWEEN = "\U00013000"
_SMALL = 6  # bytes; a cluster of fewer is looked up as a whole


@dataclass(frozen=True)
class Table:
    """A number for each code point, stored as pages of which most are the same.

    Attributes:
        pages: `(4352,)`, which page a code point is on.
        values: `(pages * 256,)`, the numbers.
    """

    pages: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, numbers):
        """The table of an array `(CODE_POINTS,)`."""
        values, pages = np.unique(numbers.reshape(-1, _PAGE).astype("int32"), axis=0, return_inverse=True)
        return cls(pages.reshape(-1).astype("int32"), values.reshape(-1))


@dataclass(frozen=True)
class Clusters:
    """How the compiled map of characters treats a character with the marks that follow it.

    A cluster of less than six bytes becomes what its shortest known beginning becomes; in a longer one each character
    is on its own.

    Attributes:
        marks: bool `(CODE_POINTS,)`, what belongs to the character before it.
        known: bool `(CODE_POINTS,)`, characters that the map has, and which marks may follow.
        line: whether a carriage return and a line feed are a cluster that the map has.
        pairs: a dict from `(character, mark)` to what they become.
    """

    marks: np.ndarray
    known: np.ndarray
    line: bool
    pairs: dict


@dataclass(frozen=True)
class Replacements:
    """What each code point becomes.

    Attributes:
        rows: int `(CODE_POINTS,)`: 0 for itself, else the number of a text.
        texts: the texts by number; the first is not used.
    """

    rows: np.ndarray
    texts: list

    @classmethod
    def of(cls, normalizer):
        """Those of a normalizer of the `tokenizers` library."""
        return cls(*_replacements(_Asked(normalizer)))


class _Asked:
    """A normalizer or pre-tokenizer, equal to those that do the same: a million questions are asked once."""

    def __init__(self, step):
        self.step, self._state = step, step.__getstate__()

    def __eq__(self, other):
        return self._state == other._state

    def __hash__(self):
        return hash(self._state)


@functools.lru_cache(8)
def _replacements(asked):
    points = all_characters()
    found = asked.step.normalize_str(_BETWEEN + _BETWEEN.join(points) + _BETWEEN).split(_BETWEEN)[1:-1]
    place = points.index(_BETWEEN)
    found[place : place + 2] = [_BETWEEN]  # itself: it was cut at
    rows, numbers = np.zeros(CODE_POINTS, "int32"), {None: 0}
    for character, text in zip(points, found, strict=True):
        if text != character:
            rows[ord(character)] = numbers.setdefault(text, len(numbers))
    return rows, ["", *list(numbers)[1:]]


@functools.cache
def all_characters():
    """Every code point but the surrogates, as a list of strings."""
    return [chr(i) for i in range(CODE_POINTS) if not 0xD800 <= i < 0xE000]


def kinds(pre_tokenizer):
    """Which characters are dropped between words, and which are words of their own.

    Args:
        pre_tokenizer: of the `tokenizers` library.

    Returns:
        Two bool arrays `(CODE_POINTS,)`.
    """
    return [numbers.copy() for numbers in _kinds(_Asked(pre_tokenizer))]


@functools.lru_cache(8)
def _kinds(asked):
    points = all_characters()
    text = _BETWEEN + _BETWEEN.join(points)
    spaces, alone = np.ones(len(text), bool), np.zeros(len(text), bool)
    for _, (start, end) in asked.step.pre_tokenize_str(text):
        spaces[start:end] = False
        alone[start:end] = end - start == 1
    # Every second character is asked about, and what is between two that are alone is alone itself.
    whole = np.zeros((2, CODE_POINTS), bool)
    whole[:, [ord(character) for character in points]] = spaces[1::2], alone[1::2]
    return whole[0], whole[1] & ~whole[0]


@functools.cache
def words_of_their_own():
    """Which characters end a word at both sides, a bool array `(CODE_POINTS,)`."""
    whole = np.zeros(CODE_POINTS, bool)
    for character in all_characters():
        whole[ord(character)] = is_word(character)
    return whole


@functools.lru_cache(8)
def clusters(charsmap):
    """The `Clusters` of a compiled map of characters.

    Args:
        charsmap: its bytes in base 64, as `tokenizer.json` has them.
    """
    keys = _keys(base64.b64decode(charsmap))
    normalizer = normalizers.Precompiled(base64.b64decode(charsmap))
    known = np.zeros(CODE_POINTS, bool)
    singles = [key for key in keys if len(key) == 1 and len(key.encode()) < 4]
    known[[ord(key) for key in singles if _takes(normalizer, key)]] = True
    pairs = {
        tuple(map(ord, key)): normalizer.normalize_str(key)
        for key in keys
        if len(key) == 2 and len(key.encode()) < _SMALL and not known[ord(key[0])]
    }
    marks = np.zeros(CODE_POINTS, bool)
    marks[[mark for _, mark in pairs]] = True
    for size in (2, 3, 4):
        base = _swallower(normalizer, keys, _SMALL - 1 - size)
        if base is not None:
            asked = [character for character in all_characters() if len(character.encode()) == size]
            text = _BETWEEN + _BETWEEN.join(base + character for character in asked) + _BETWEEN
            alone = normalizer.normalize_str(base)
            found = normalizer.normalize_str(text).split(_BETWEEN)[1:-1]
            found = [part for part in found if part]
            swallowed = [character for character, part in zip(asked, found, strict=True) if part == alone]
            marks[[ord(c) for c in swallowed if normalizer.normalize_str(c) or _joins(c)]] = True
    line = normalizer.normalize_str("\r\n") == normalizer.normalize_str("\r")
    return Clusters(marks, known, line, pairs)


def _joins(character):
    """Whether a character that the map drops is a mark, and not a control character."""
    return unicodedata.category(character).startswith("M") or character in "\u200c\u200d"


def _takes(normalizer, key):
    """Whether a mark after a character of the map is lost, as it is but for control characters."""
    return normalizer.normalize_str(key + "\u0301") == normalizer.normalize_str(key)


def _swallower(normalizer, keys, most):
    """A character of at most so many bytes that the map has, and which takes the mark after it; None for none."""
    for key in sorted(keys, key=lambda key: -len(key.encode())):
        if len(key) == 1 and len(key.encode()) <= most:
            alone = normalizer.normalize_str(key)
            if alone.strip() and _takes(normalizer, key):
                return key
    return None


def _keys(charsmap):
    """The texts that a compiled map has, read out of its double array."""
    size = int.from_bytes(charsmap[:4], "little")
    units = np.frombuffer(charsmap[4 : 4 + size], "<u4").astype("int64")
    offsets = (units >> 10) << ((units & (1 << 9)) >> 6)
    places, texts, keys = np.array([offsets[0]]), [b""], []
    labels = np.arange(1, 256)
    while len(places):
        children = places[:, None] ^ labels[None]
        inside = children < len(units)
        found = inside & ((units[np.where(inside, children, 0)] & 0x800000FF) == labels[None])
        parents, columns = np.nonzero(found)
        nodes = children[parents, columns]
        texts = [texts[parent] + bytes([labels[column]]) for parent, column in zip(parents, columns, strict=True)]
        ends = (units[nodes] >> 8) & 1
        keys += [text.decode() for text, end in zip(texts, ends, strict=True) if end]
        places = nodes ^ offsets[nodes]
    return keys
