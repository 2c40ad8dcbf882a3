"""The forms of rows, on sentences whose ids tell where they stood; and their statistics against published data."""

import json
import random
from types import SimpleNamespace

import numpy as np
import pytest

from keras_bert_suite import InputError, Tokenizer
from keras_bert_suite.data import documents, forms, packing
from keras_bert_suite.data.pieces import Pieces

FIRST = 10_000


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.from_preset("kbs_tiny_en")


@pytest.fixture(scope="module")
def corpus():
    """Twenty documents of ids that count up by one within a document, and jump between two."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 30, 20)
    counts = rng.integers(1, 40, sizes.sum())
    document = np.repeat(np.repeat(np.arange(20), sizes), counts)
    return forms.Corpus.of((FIRST + np.arange(counts.sum()) + 1000 * document).astype("int32"), counts, sizes)


def made(form, corpus, tokenizer, seed=0, **changes):
    given = {"max_length": 64, "short_sequences": 0.1, "passes": 1, "sequences": "documents", **changes}
    return list(forms.FORMS[form](corpus, tokenizer, SimpleNamespace(**given), random.Random(seed)))


def texts(row, tokenizer):
    """The two texts of a row `[CLS] first [SEP] second [SEP]`."""
    ids = row["token_ids"]
    middle = ids.index(tokenizer.sep_id)
    assert ids[0] == tokenizer.cls_id and ids[-1] == tokenizer.sep_id
    return ids[1:middle], ids[middle + 1 : -1]


def counts_up(ids):
    return bool((np.diff(ids) == 1).all())


def test_empty_sentences_and_documents_are_left_out():
    corpus = forms.Corpus.of(np.arange(5, dtype="int32"), np.array([2, 0, 0, 3, 0]), np.array([2, 1, 2]), [7, 8, 9])
    assert corpus.splits.tolist() == [0, 2, 5] and corpus.documents.tolist() == [0, 1, 2]
    assert corpus.languages.tolist() == [7, 9]


def test_full_sentences(corpus, tokenizer):
    rows = made("full_sentences", corpus, tokenizer)
    begins, seen = set(corpus.ids[corpus.splits[:-1]].tolist()), []
    for row in rows:
        assert row["token_ids"][0] == tokenizer.cls_id and row["token_ids"][-1] == tokenizer.sep_id
        assert len(row["token_ids"]) <= 64 and row["token_ids"][1] in begins
        inner = row["token_ids"][1:-1]
        for place, i in enumerate(inner):
            if i == tokenizer.sep_id:
                # Only between two documents.
                assert inner[place + 1] > inner[place - 1] + 1
        seen += [i for i in inner if i != tokenizer.sep_id]
    assert seen == corpus.ids.tolist()
    # No row has room for the sentence that begins the next one.
    sizes = dict(zip(corpus.ids[corpus.splits[:-1]].tolist(), np.diff(corpus.splits).tolist(), strict=True))
    for row, following in zip(rows[:-1], rows[1:], strict=True):
        assert len(row["token_ids"]) + sizes[following["token_ids"][1]] >= 64


def test_long_sentences_are_cut_and_languages_do_not_mix(tokenizer):
    corpus = forms.Corpus.of(
        np.arange(100, 300, dtype="int32"), np.array([150, 20, 30]), np.array([1, 1, 1]), [0, 1, 0]
    )
    rows = made("full_sentences", corpus, tokenizer)
    assert [len(row["token_ids"]) for row in rows] == [64, 64, 28 + 30 + 1, 22]
    assert [set(row["language_ids"]) for row in rows] == [{0}, {0}, {0}, {1}]
    row = made("packed", corpus, tokenizer, sequences="sentences", max_length=174)[0]
    assert [row["language_ids"].count(language) for language in (0, 1)] == [152, 22]


@pytest.mark.parametrize("sequences", ["documents", "sentences"])
def test_packed(corpus, tokenizer, sequences):
    rows, seen = made("packed", corpus, tokenizer, sequences=sequences), []
    for row in rows:
        numbers = np.array(row["sequence_ids"])
        assert len(numbers) == len(row["token_ids"]) == len(row["positions"]) <= 64
        assert (np.diff(numbers) >= 0).all() and set(numbers) == set(range(1, numbers[-1] + 1))
        for number in range(1, numbers[-1] + 1):
            place = np.flatnonzero(numbers == number)
            ids = [row["token_ids"][i] for i in place]
            assert [row["positions"][i] for i in place] == list(range(len(ids)))
            assert ids[0] == tokenizer.cls_id and ids[-1] == tokenizer.sep_id and counts_up(ids[1:-1])
            seen += ids[1:-1]
    assert sorted(seen) == corpus.ids.tolist()
    assert sum(len(row["token_ids"]) for row in rows) >= 0.97 * 64 * len(rows)


def test_sentence_pairs(corpus, tokenizer):
    rows = made("sentence_pairs", corpus, tokenizer, passes=20)
    place = {int(i): k for k, i in enumerate(corpus.ids)}
    for row in rows:
        first, second = texts(row, tokenizer)
        assert counts_up(first) and counts_up(second) and first and second and len(row["token_ids"]) <= 64
        assert row["segment_ids"] == [0] * (len(first) + 2) + [1] * (len(second) + 1)
        (label,) = row["label"]
        # Cutting at random ends leaves out pieces of the last sentence of each, 39 at most.
        assert label == 1 or 1 <= place[second[0]] - place[first[-1]] <= 80
    labels = np.array([row["label"][0] for row in rows])
    # Half, and the chunks of a single sentence beside.
    assert 0.5 < labels.mean() < 0.65


def test_sentence_order(corpus, tokenizer):
    rows = made("sentence_order", corpus, tokenizer, passes=20)
    for row in rows:
        first, second = texts(row, tokenizer)
        assert counts_up(first) and counts_up(second) and first and second
        assert (second[0] < first[0]) == row["label"][0]
    labels = np.array([row["label"][0] for row in rows])
    # Four standard errors of a fair coin.
    assert abs(labels.mean() - 0.5) < 4 * 0.5 / len(labels) ** 0.5


def test_parallel_lines(tokenizer):
    corpus = forms.Corpus.of(
        np.arange(100, 170, dtype="int32"), np.array([3, 2, 30, 20, 5, 0, 5, 5]), np.array([2, 2, 2, 2])
    )
    rows = made("parallel_lines", corpus, tokenizer, max_length=23)
    assert [list(map(len, texts(row, tokenizer))) for row in rows] == [[3, 2], [10, 10], [5, 5]]
    assert rows[0]["positions"] == [0, 1, 2, 3, 4, 0, 1, 2] and rows[0]["language_ids"] == [0] * 5 + [1] * 3
    with pytest.raises(InputError, match="max_length=4; expected 5 or more, as 3 are special"):
        made("parallel_lines", corpus, tokenizer, max_length=4)


def test_next_sentences_as_published(shared):
    """Fractions and lengths of the script's own output, within four deviations of ours between seeds."""
    tokenizer = Tokenizer.from_preset(shared / "vocab/bert-base-uncased")
    folder = shared / "reference_pretraining_data"
    found = json.loads((folder / "instances_token.json").read_text())
    data = documents.opened(folder / "corpus.txt")
    parts = [
        documents.sentences(documents.text_of(data, *span, ""), "sentences")
        for [span] in documents.spans(data, "sentences", 10**9)
    ]
    ids, counts = Pieces(tokenizer)([sentence for part in parts for sentence in part])
    corpus = forms.Corpus.of(ids, counts, np.array([len(part) for part in parts]))

    def statistics(rows):
        size = np.array([len(row["token_ids"]) for row in rows])
        first = np.array([row["segment_ids"].index(1) for row in rows])
        random_next = np.mean([row["label"][0] for row in rows])
        return [len(rows), size.sum(), random_next, (size == 128).mean(), (first / size)[size == 128].mean()]

    ours = np.array(
        [
            statistics(made("sentence_pairs", corpus, tokenizer, seed=seed, passes=2, max_length=128))
            for seed in range(12)
        ]
    )
    theirs = found["statistics"]
    share = [row["segment_ids"].index("1") / 128 for row in found["instances"] if len(row["segment_ids"]) == 128]
    expected = [theirs[name] for name in ("instances", "tokens", "random_next_fraction", "length_histogram_full_128")]
    away = np.abs(ours[:, :4].mean(0) - expected) / ours[:, :4].std(0, ddof=1)
    # Their one sample deviates as ours do, and the mean and deviation of 12 are themselves uncertain.
    assert (away < 4).all(), (away, ours.mean(0), expected)
    assert abs(ours[:, 4].mean() - np.mean(share)) < 4 * np.std(share) / len(share) ** 0.5


def test_wikitext_is_packed_to_97_percent(shared):
    tokenizer = Tokenizer.from_preset(shared / "vocab/bert-base-uncased")
    data = documents.opened(shared / "text/wikitext2/wiki.valid.tokens")
    found = [
        documents.sentences(documents.text_of(data, *span, ""), "wikitext")
        for parts in documents.spans(data, "wikitext", 10**9)
        for span in parts
    ]
    ids, counts = Pieces(tokenizer)([sentence for part in found for sentence in part])
    corpus = forms.Corpus.of(ids, counts, np.array([len(part) for part in found]))
    rows = made("packed", corpus, tokenizer, sequences="sentences", max_length=128)
    assert sum(len(row["token_ids"]) for row in rows) / (128 * len(rows)) > 0.99


def test_best_fit():
    assert packing.best_fit([], 8) == []
    assert packing.best_fit([3, 8, 5, 4, 4, 1], 8) == [[1], [2, 0], [3, 4], [5]]
    lengths = np.random.default_rng(0).integers(1, 129, 5000)
    rows = packing.best_fit(lengths, 128)
    assert sorted(number for row in rows for number in row) == list(range(5000))
    assert all(lengths[row].sum() <= 128 for row in rows)
    # Of lengths that are spread evenly, best fit from the longest on leaves almost nothing.
    assert lengths.sum() / (128 * len(rows)) > 0.98
