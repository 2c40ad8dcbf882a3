"""What a file asks, and what ends a line."""

import pytest

from keras_bert_suite import InputError
from keras_bert_suite.data.pairs import read_ranking
from keras_bert_suite.data.readers import read_classification, read_inputs
from keras_bert_suite.data.slots import read_intent_slots

# `str.splitlines` would cut at each of these.
ONE_LINE = "one\u2028line\x0b of\x85 four\x1c parts"


def test_only_a_line_feed_ends_a_line(tmp_path):
    (tmp_path / "texts.txt").write_text(f"{ONE_LINE}\r\n\nlast", newline="")
    assert read_inputs(tmp_path / "texts.txt") == [(text, None, None) for text in (ONE_LINE, "", "last")]
    (tmp_path / "table.csv").write_text(f'text,label\r\n"{ONE_LINE}\nmore",a\r\nlast,b\r\n', newline="")
    assert [e["text"] for e in read_classification(tmp_path / "table.csv")] == [f"{ONE_LINE}\nmore", "last"]
    (tmp_path / "table.tsv").write_text(f"text\tlabel\r\n{ONE_LINE}\ta\r\n", newline="")
    assert [e["text"] for e in read_classification(tmp_path / "table.tsv")] == [ONE_LINE]
    for part, line in {"seq.in": "one\u2028line", "seq.out": "O O", "label": "ask"}.items():
        (tmp_path / f"a.{part}").write_text(line + "\n")
    assert [e["text"] for e in read_intent_slots(tmp_path / "a.seq.in")] == ["one line"]


def test_inputs_of_every_form(tmp_path):
    (tmp_path / "a.tsv").write_text("query\tpassage\nq\tp\n")
    (tmp_path / "b.csv").write_text('1,"a, b",c\n')
    (tmp_path / "c.jsonl").write_text('{"question": "q", "context": "c"}\n{"text": "t", "choices": ["x", "y"]}\n')
    assert read_inputs(tmp_path / "a.tsv") == [("q", "p", None)]
    assert read_inputs(tmp_path / "b.csv", ["id", "text", "pair"]) == [("a, b", "c", None)]
    assert read_inputs(tmp_path / "c.jsonl") == [("q", "c", None), ("t", None, ("x", "y"))]


@pytest.mark.parametrize(
    "name, content, complaint",
    [
        ("a.txt", "", "holds no texts"),
        ("a.tsv", "text\n", "holds no texts"),
        ("a.jsonl", '{"text": 1}\n', "line 1: expected a text"),
        ("a.jsonl", '{"text": "a"}\n{"text": "a", "choices": "b"}\n', "line 2: expected a text"),
        ("a.jsonl", '{"text": "a", "choices": [1]}\n', "line 1: expected a text"),
    ],
)
def test_inputs_that_ask_nothing(tmp_path, name, content, complaint):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=complaint):
        read_inputs(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        read_inputs(tmp_path / "missing")


def test_ranking_by_query(tmp_path):
    (tmp_path / "a.csv").write_text("qtext,label,atext\nq,1,a\nr,0,b\nq,0,c\n")
    assert read_ranking(tmp_path / "a.csv") == [
        {"text": "q", "choices": ("a", "c"), "labels": [1.0, 0.0]},
        {"text": "r", "choices": ("b",), "labels": [0.0]},
    ]
