"""Examples to targets and answers; readers; metrics equal seqeval's."""

import itertools
import random

import numpy as np
import pytest

from keras_bert_suite import InputError, Tokenizer
from keras_bert_suite.data import readers
from keras_bert_suite.evaluation import metrics
from keras_bert_suite.tasks.classification import Classification
from keras_bert_suite.tasks.decoding import best_tags, entities
from keras_bert_suite.tasks.inputs import Rows
from keras_bert_suite.tasks.ranking import Ranking
from keras_bert_suite.tasks.token_classification import TokenClassification

PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "i",
    "left",
    "the",
    "u",
    ".",
    "s",
    "ann",
    "##a",
    "for",
    "paris",
]


def random_tags(rng, schemes="BI"):
    return [
        rng.choice(["O", *(f"{prefix}-{label}" for prefix in schemes for label in ("PER", "LOC"))])
        for _ in range(rng.randrange(1, 12))
    ]


@pytest.mark.parametrize("schemes", ["BI", "I", "BIES"])
def test_entity_f1_is_seqevals(schemes):
    seqeval = pytest.importorskip("seqeval.metrics")
    rng = random.Random(0)
    gold = [random_tags(rng, schemes) for _ in range(300)]
    predicted = [[tag if rng.random() < 0.7 else rng.choice(["O", "B-PER", "I-LOC"]) for tag in tags] for tags in gold]
    found = metrics.entities(*([readers.spans_of_tags(tags) for tags in side] for side in (gold, predicted)))
    assert found["entity_f1"] == pytest.approx(seqeval.f1_score(gold, predicted), abs=1e-12)
    assert found["entity_precision"] == pytest.approx(seqeval.precision_score(gold, predicted), abs=1e-12)
    assert found["entity_recall"] == pytest.approx(seqeval.recall_score(gold, predicted), abs=1e-12)


def test_targets_and_answers_are_inverse():
    tokenizer = Tokenizer(PIECES)
    example = readers.from_words(
        ["Anna", "left", "the", "U.S.", "for", "Paris"], ["B-PER", "O", "O", "B-LOC", "O", "B-LOC"]
    )
    task = TokenClassification.from_examples([example])
    assert task.labels == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    encoding = tokenizer.encode(example["text"])
    [(_, targets)] = task.training(example, Rows([encoding]))
    tags, weights = targets["logits"]
    # Every word of the tokenizer has a tag, on its first piece: "##a" has none, "u . s ." four.
    assert weights.sum() == 9
    assert [task.labels[tag] for tag in tags[weights > 0]] == "B-PER O O B-LOC I-LOC I-LOC I-LOC O B-LOC".split()
    answer = entities(np.eye(5)[tags], encoding, example["text"], task.labels)
    assert [(entity["text"], entity["label"]) for entity in answer] == [
        ("Anna", "PER"),
        ("U.S.", "LOC"),
        ("Paris", "LOC"),
    ]
    assert task.evaluate([example], [{"entities": answer}])["entity_f1"] == 1.0


def test_the_best_tags_are_those_of_all_legal_sequences():
    rng, labels = np.random.default_rng(0), ["O", "B-A", "I-A", "B-B", "I-B"]

    def legal(tags):
        before = (0, *tags)
        return all(t not in (2, 4) or b in (t - 1, t) for b, t in zip(before, tags, strict=False))

    for words in (1, 2, 4):
        scores = rng.dirichlet(np.ones(5), words)
        sequences = filter(legal, itertools.product(range(5), repeat=words))
        best = max(sequences, key=lambda tags: np.prod([row[tag] for row, tag in zip(scores, tags, strict=True)]))
        assert best_tags(scores, labels) == list(best)


def test_metrics_of_classification():
    single = metrics.single_label(["0", "1", "1", "0"], ["0", "1", "0", "0"], ["0", "1"])
    assert single == pytest.approx({"accuracy": 0.75, "f1": 2 / 3, "matthews": 0.5773502691896258})
    assert metrics.regression([1, 2, 3], [2, 4, 7])["spearman"] == pytest.approx(1.0)
    assert metrics.multi_label([["a"], ["a", "b"]], [["a"], ["b"]], ["a", "b"])["f1"] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.tsv", 'sentence\tlabel\nit\'s "so" good\t1\n', ('it\'s "so" good', None, "1")),
        ("b.csv", 'sentence1,sentence2,score\n"a, b",c,3.5\n', ("a, b", "c", "3.5")),
        ("c.jsonl", '{"text": "x", "label": "y"}\n', ("x", None, "y")),
        ("d.tsv", "\ufeffQuality\t#1 String\t#2 String\r\n1\ta\tb\r\n", ("a", "b", "1")),
    ],
)
def test_readers(name, content, expected, tmp_path):
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    example = readers.read_classification(tmp_path / name)[0]
    assert (example["text"], example["pair"], example["label"]) == expected


def test_a_file_without_a_header_needs_names(tmp_path):
    path = tmp_path / "cola.tsv"
    path.write_text("gj04\t1\t\tGood.\n")
    with pytest.raises(InputError, match="--columns"):
        readers.read_classification(path)
    assert readers.read_classification(path, ["_", "label", "_", "text"])[0]["text"] == "Good."


def test_conll_with_other_columns(tmp_path):
    path = tmp_path / "x.conll"
    path.write_text("-DOCSTART- O 0\n\nEU B-ORG 0\nin O 0\n\nRome I-LOC 0\n")
    examples = readers.read_token_classification(path)
    assert [example["entities"] for example in examples] == [[(0, 2, "ORG")], [(0, 4, "LOC")]]


@pytest.mark.parametrize(
    ("reader", "name", "content", "message"),
    [
        ("classification", "a.tsv", "", "holds no examples"),
        ("classification", "a.tsv", "text\tlabel\nx\n", "line 2 has 1 columns"),
        ("classification", "a.jsonl", "{oops\n", "line 1 is no JSON"),
        ("token_classification", "a.conll", "word\n", "expected 2 columns"),
        ("token_classification", "a.conll", "word thing\n", "line 1 has no tag"),
        (
            "token_classification",
            "a.jsonl",
            '{"text": "ab", "entities": [{"start": 1, "end": 9, "label": "X"}]}',
            "outside",
        ),
    ],
)
def test_bad_files_are_named(reader, name, content, message, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        getattr(readers, f"read_{reader}")(tmp_path / name)


def test_an_unseen_label_is_named():
    task = Classification(["a", "b"])
    with pytest.raises(InputError, match="'c', which training has not seen"):
        task.check([{"text": "x", "label": "c"}], "dev.tsv")


def test_many_candidates_make_groups_with_the_best_in_each():
    task = Ranking("listwise", candidates=4)
    labels = [0, 0, 2, 0, 0, 1, 0, 0]
    encodings = [f"row {i}" for i in range(len(labels))]
    groups = task.training({"labels": labels}, Rows(encodings))
    rows = [group for group, _ in groups]
    assert rows == [["row 2", "row 5", "row 0", "row 1"], ["row 2", "row 5", "row 3", "row 4"],
                    ["row 2", "row 5", "row 6", "row 7"]]  # fmt: skip
    assert [target["logits"][0].tolist() for _, target in groups] == [[2, 1, 0, 0]] * 3
    assert [group for group, _ in task.training({"labels": [0, 1]}, Rows(encodings[:2]))] == [encodings[:2]]
    assert task.training({"labels": [0, 0]}, Rows(encodings[:2])) == []
    # More that are relevant than half of a group: the others of them are in the groups as well.
    groups = task.training({"labels": [1, 1, 1, 1, 0]}, Rows(encodings[:5]))
    assert {row for group, _ in groups for row in group} == set(encodings[:5])
