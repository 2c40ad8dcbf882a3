"""The tokenizer equals Hugging Face's fast one, id by id and offset by offset, and says what is wrong with a file."""

import json

import pytest

from keras_bert_suite import InputError, Tokenizer

ROWS = [
    ("bert-base-uncased", "bert-base-uncased", {}),
    ("bert-base-uncased-keepaccents", "bert-base-uncased", {"strip_accents": False}),
    ("bert-base-cased", "bert-base-cased", {}),
    ("bert-base-chinese", "bert-base-chinese", {"lowercase": False}),
    ("bert-base-chinese-lower", "bert-base-chinese", {"lowercase": True}),
    ("bert-base-multilingual-cased", "bert-base-multilingual-cased", {}),
]
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "wor", "##ld", ",", "a", "b"]


@pytest.mark.parametrize(("reference", "vocabulary", "settings"), ROWS, ids=[row[0] for row in ROWS])
def test_equals_the_reference(reference, vocabulary, settings, shared):
    tokenizer = Tokenizer.from_preset(shared / "vocab" / vocabulary, **settings)
    strings = json.loads((shared / "reference_tokenizers/strings.json").read_text())
    expected = json.loads((shared / f"reference_tokenizers/{reference}.json").read_text())
    for text, row in zip(strings["strings"], expected["encodings"], strict=True):
        found = tokenizer.encode(text)
        assert found.ids == row["ids"]
        assert [list(offset) for offset in found.offsets] == row["offsets"]
    for (text, pair), row in zip(strings["pairs"], expected["pair_encodings"], strict=True):
        found = tokenizer.encode(text, pair, max_length=24, pad_to=24)
        assert (found.ids, found.segment_ids, found.padding_mask) == (row["ids"], row["token_type_ids"], row["mask"])


def test_offsets_words_and_odd_text():
    found = Tokenizer(PIECES).encode("Hello\x00, \ud800 world")
    assert found.tokens == ["[CLS]", "hello", ",", "wor", "##ld", "[SEP]"]
    assert found.offsets[1:-1] == [(0, 5), (6, 7), (10, 13), (13, 15)]
    assert found.words == [None, 0, 1, 2, 2, None]


def test_truncation_is_told():
    tokenizer = Tokenizer(PIECES)
    assert tokenizer.encode("a " * 10_000, max_length=8).truncated
    assert not tokenizer.encode("a a", max_length=8).truncated


def test_save_and_load(tmp_path):
    tokenizer = Tokenizer(PIECES, lowercase=False, strip_accents=True)
    tokenizer.save(tmp_path)
    again = Tokenizer.from_preset(tmp_path)
    assert (again.vocabulary, again.settings) == (tokenizer.vocabulary, tokenizer.settings)
    (tmp_path / "tokenizer.json").unlink()
    assert Tokenizer.from_preset(tmp_path).settings == tokenizer.settings
    assert again.decode(again.encode("hello a").ids) == "hello a"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"a\nb\n", "lacks"), (b"\xff\xfe", "no UTF-8"), ("\n".join([*PIECES, "a"]).encode(), "'a' twice")],
)
def test_a_wrong_vocabulary_is_named(content, message, tmp_path):
    (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        Tokenizer.from_preset(tmp_path)


def test_a_cut_tokenizer_json_is_named(tmp_path):
    Tokenizer(PIECES).save(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(path.read_text()[:200])
    with pytest.raises(InputError, match="no whole tokenizer.json"):
        Tokenizer.from_preset(tmp_path)
