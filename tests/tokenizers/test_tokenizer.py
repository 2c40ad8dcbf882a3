"""The tokenizer equals Hugging Face's fast one, id by id and offset by offset, and says what is wrong with a file."""

import json

import pytest
import tokenizers

from keras_bert_suite import InputError, Tokenizer
from tests.tokenizers.models import same

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


@pytest.mark.parametrize(("pair", "least"), [(None, 3), ("a", 4)])
def test_a_length_without_room_is_named(pair, least):
    with pytest.raises(InputError, match=f"max_length=2; expected {least} or more"):
        Tokenizer(PIECES).encode("a", pair, max_length=2)


@pytest.mark.parametrize(
    ("family", "special", "pair", "segments"),
    [
        ("MPNet", ["<pad>", "[UNK]", "<s>", "</s>", "<mask>"], [2, 9, 3, 3, 10, 4, 3], [0] * 7),
        ("Funnel", ["<pad>", "<unk>", "<cls>", "<sep>", "<mask>"], [2, 9, 3, 10, 4, 3], [2, 0, 0, 1, 1, 1]),
    ],
)
def test_other_conventions_of_word_pieces(family, special, pair, segments, tmp_path):
    """Known by the class, by the pieces alone, and from `tokenizer.json`."""
    (tmp_path / "vocab.txt").write_text("\n".join([*special, *PIECES[5:]]))
    by_pieces = Tokenizer.from_preset(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": f"{family}Tokenizer"}))
    tokenizer = Tokenizer.from_preset(tmp_path)
    found = tokenizer.encode("A", f"b {special[4]}")
    assert (found.ids, found.segment_ids) == (pair, segments)
    assert (tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id) == (2, 3, 4)
    assert tokenizer.settings["convention"] == family.lower()
    tokenizer.save(tmp_path / "saved")
    for other in (by_pieces, Tokenizer.from_preset(tmp_path / "saved"), Tokenizer.from_files(tokenizer.files())):
        assert same(tokenizer, other, ["hello world", "<mask>a,  b"])
    assert Tokenizer.from_preset(tmp_path / "saved", lowercase=False).encode("A").ids == [2, 1, 3]


def test_word_pieces_of_another_make_are_used_as_they_are(tmp_path):
    model = tokenizers.models.WordPiece({piece: i for i, piece in enumerate(PIECES)}, unk_token="[UNK]")
    engine = tokenizers.Tokenizer(model)
    engine.normalizer = tokenizers.normalizers.Lowercase()
    engine.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    engine.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    engine.save(str(tmp_path / "tokenizer.json"))
    tokenizer = Tokenizer.from_preset(tmp_path)
    assert (tokenizer.kind, tokenizer.settings) == ("other", {"lowercase": True})
    assert tokenizer.encode("A hello,").ids == [2, 9, 1, 3]
    assert (tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id) == (2, 3, 0)
    assert Tokenizer.from_preset(tmp_path, lowercase=False).encode("A").ids == [2, 1, 3]
    assert same(tokenizer, Tokenizer.from_files(tokenizer.files()), ["A hello", "b"])


def test_a_folder_without_a_tokenizer_is_named(tmp_path):
    with pytest.raises(InputError, match="holds neither tokenizer.json nor vocab.txt"):
        Tokenizer.from_preset(tmp_path)


@pytest.mark.parametrize("content", ["[1]", "{"])
def test_a_broken_config_is_named(content, tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(PIECES))
    (tmp_path / "tokenizer_config.json").write_text(content)
    with pytest.raises(InputError, match="tokenizer_config.json"):
        Tokenizer.from_preset(tmp_path)


def test_a_setting_that_there_is_not_is_named(tmp_path):
    Tokenizer(PIECES).save(tmp_path)
    with pytest.raises(InputError, match="setting lower; WordPiece has lowercase"):
        Tokenizer.from_preset(tmp_path, lower=True)


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
