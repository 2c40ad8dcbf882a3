"""Documents that are the same, or nearly, are found; others are not."""

import random

import numpy as np

from keras_bert_suite.data import duplicates

WORDS = [f"word{i}" for i in range(2000)]


def kept(texts):
    prints = np.array([duplicates.fingerprint(text) for text in texts])
    bands = np.array([duplicates.bands(text) for text in texts])
    exact = duplicates.first_ones(prints)
    return exact.tolist(), duplicates.without_near(exact, bands, lambda number: texts[number]).tolist()


def document(seed, words=200):
    return random.Random(seed).choices(WORDS, k=words)


def test_exact_duplicates_count_words_alone():
    same = ["The  Sea, the ship.", "the sea THE ship", "\uff34he sea the ship"]
    texts = [*same, "the sea the ships", "...", "!?", "...", "\u6d77\u8239"]
    assert kept(texts)[0] == [True, False, False, True, True, True, False, True]


def test_near_duplicates():
    first, other = document(1), document(2)
    changed = [*first]
    for place in (20, 90, 150):
        changed[place] = "else"
    halves = first[:100] + document(3, 100)
    texts = [first, other, changed, first + ["the", "end"], halves, other[5:], document(4)]
    exact, near = kept([" ".join(text) for text in texts])
    assert exact == [True] * 7
    assert near == [True, True, False, False, True, False, True]


def test_chinese_near_duplicates():
    rng = random.Random(0)
    text = "".join(chr(rng.randint(0x4E00, 0x5E00)) for _ in range(120))
    assert kept([text, text[:60] + "\u6d77" + text[61:], text[::-1]])[1] == [True, False, True]


def test_chance_of_finding_and_of_mistaking():
    """Pairs of documents on either side of the bound: none but those above it is dropped, and hardly one is missed."""
    rng, missed, above = random.Random(5), 0, 0
    for seed in range(150):
        first = document(seed, 120)
        second = [word if rng.random() > 0.045 else "else" for word in first]
        one, two = (set(zip(text, text[1:], text[2:], strict=False)) for text in (first, second))
        alike = len(one & two) / len(one | two) >= duplicates.SIMILARITY
        found = not kept([" ".join(first), " ".join(second)])[1][1]
        assert alike or not found
        missed += alike and not found
        above += alike
    assert above > 40 and missed <= 2


def test_many_documents():
    texts = [" ".join(document(seed, 50)) for seed in range(300)]
    assert kept(texts + texts) == ([True] * 300 + [False] * 300, [True] * 300 + [False] * 300)
