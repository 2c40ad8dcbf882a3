"""Documents that are there twice, to the letter or nearly.

Letters count by their words in small letters alone. Nearly the same are two documents whose runs of three words are
the same to four fifths (the Jaccard index of the two sets). MinHash finds which are worth comparing: what it does not
find is one in 500 of the pairs at four fifths, and fewer of those that are more alike.
"""

import functools
import hashlib
import re
import unicodedata
import zlib

import numpy as np

KINDS = ("exact", "near")
SIMILARITY = 0.8
# 20 bands of 6 hashes: of pairs alike to s a part 1 - (1 - s^6)^20 share a band, 0.998 at 0.8.
BANDS, ROWS, RUN = 20, 6, 3
# A Chinese or Japanese character is a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
_RANDOM = np.random.default_rng(7)
_FACTORS, _SHIFTS, _MIX = (_RANDOM.integers(2**63, size=size, dtype="uint64") * 2 + 1 for size in (120, 120, 6))


def _words(text):
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold()) or [text]


def fingerprint(text):
    """What two documents with the same words have in common: uint64 `(2,)`."""
    return np.frombuffer(hashlib.blake2b(" ".join(_words(text)).encode(), digest_size=16).digest(), "<u8")


def runs(text):
    """The hashes of a text's runs of three words, uint64, sorted, each once."""
    words = np.array([zlib.crc32(word.encode()) for word in _words(text)], "uint64")
    size = max(len(words) - RUN + 1, 1)
    hashes = sum(words[i : i + size] * _MIX[i] for i in range(min(RUN, len(words))))
    return np.unique(hashes ^ (hashes >> np.uint64(29)))


def bands(text):
    """The MinHash of a text: uint64 `(20,)`; two texts that share one of them may be nearly the same."""
    hashes = runs(text)
    lowest = np.full(BANDS * ROWS, 2**64 - 1, "uint64")
    for start in range(0, len(hashes), 2048):
        mixed = hashes[start : start + 2048, None] * _FACTORS + _SHIFTS
        # The high bits of a product are the random ones.
        lowest = np.minimum(lowest, (mixed >> np.uint64(32)).min(0))
    return (lowest.reshape(BANDS, ROWS) * _MIX).sum(1, dtype="uint64")


def first_ones(fingerprints):
    """Which documents have no earlier one with the same words.

    Args:
        fingerprints: uint64 `(documents, 2)`.

    Returns:
        Bool `(documents,)`.
    """
    kept = np.zeros(len(fingerprints), bool)
    kept[np.unique(fingerprints, axis=0, return_index=True)[1]] = True
    return kept


def without_near(kept, found, text_of):
    """Which documents are nearly the same as no earlier one that is kept.

    Args:
        kept: bool `(documents,)`, those that are looked at.
        found: uint64 `(documents, 20)`, of `bands`.
        text_of: a function from the number of a document to its text; it is asked for those worth comparing alone.

    Returns:
        Bool `(documents,)`.
    """
    kept = kept.copy()
    shared = np.zeros(found.shape, bool)
    for band in range(BANDS):
        _, inverse, counts = np.unique(found[kept, band], return_inverse=True, return_counts=True)
        shared[kept, band] = counts[inverse] > 1
    runs_of = functools.lru_cache(4096)(lambda number: runs(text_of(number)))
    buckets = {}
    for number in np.flatnonzero(shared.any(1)).tolist():
        keys = [(band, int(found[number, band])) for band in np.flatnonzero(shared[number])]
        others = sorted({other for key in keys for other in buckets.get(key, ())})
        if any(_alike(runs_of(number), runs_of(other)) for other in others):
            kept[number] = False
            continue
        for key in keys:
            buckets.setdefault(key, []).append(number)
    return kept


def _alike(first, second):
    common = len(np.intersect1d(first, second, assume_unique=True))
    return common >= SIMILARITY * (len(first) + len(second) - common)
