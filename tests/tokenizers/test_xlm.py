"""XLM's BPE over the words of Moses, with the offsets led back to the text."""

import json
import sys

import pytest

from keras_bert_suite import InputError, Tokenizer
from keras_bert_suite.tokenizers.xlm import align
from tests.tokenizers.models import same, write_bpe, write_config

SPECIAL = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{i}>" for i in range(10))]
PIECES = ["c", "a", "f", "e", "e</w>", ",</w>", '"</w>', ".", ".</w>", "ca", "cafe</w>", "s</w>", "'", "b</w>", "C"]
MERGES = ["c a 9", "f e</w> 8", "ca fe</w> 7"]  # "fe</w>" is merged through, and no piece of the vocabulary


@pytest.fixture
def folder(tmp_path):
    write_bpe(tmp_path, SPECIAL + PIECES, MERGES)
    write_config(tmp_path, tokenizer_class="XLMTokenizer")
    return tmp_path


def test_needs_sacremoses(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "sacremoses", None)
    with pytest.raises(InputError, match="pip install sacremoses"):
        Tokenizer.from_preset(folder)


def test_words_of_moses(folder):
    pytest.importorskip("sacremoses")
    tokenizer = Tokenizer.from_preset(folder)
    text = "  “Café” cafe’s… b， <special1> fe "
    found = tokenizer.encode(text, "b", pad_to=21)
    tokens = [
        '"</w>',
        "cafe</w>",
        '"</w>',
        "cafe</w>",
        "'",
        "s</w>",
        ".",
        ".",
        ".</w>",
        "b</w>",
        ",</w>",
        "<special1>",
    ]
    tokens.append("<unk>")
    assert found.tokens == ["<s>", *tokens, "</s>", "b</w>", "</s>", *["<pad>"] * 4]
    assert [text[start:end] for start, end in found.offsets[1:14]] == [
        *("“", "Café", "”", "cafe", "’", "s", "…", "…", "…", "b", "，", "<special1>", "fe")
    ]
    assert found.words[1:14] == [0, 1, 2, 3, 4, 4, 5, 5, 5, 6, 7, 8, 9]
    assert found.segment_ids == [0] * 15 + [1, 1] + [0] * 4
    assert found.padding_mask == [1] * 17 + [0] * 4
    assert max(found.ids) < tokenizer.vocab_size == len(SPECIAL + PIECES)
    ids = (tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id, tokenizer.unknown_id, tokenizer.mask_id)
    assert (tokenizer.kind, ids) == ("xlm", (0, 1, 2, 3, 5))
    assert tokenizer.encode(text, max_length=4).truncated


def test_the_case_is_a_setting(folder):
    pytest.importorskip("sacremoses")
    write_config(folder, tokenizer_class="XLMTokenizer", do_lowercase_and_remove_accent=False)
    tokenizer = Tokenizer.from_preset(folder)
    assert tokenizer.encode("Ce cé").tokens[1:-1] == ["C", "e</w>", "c", "<unk>"]
    other = Tokenizer.from_preset(folder, lowercase=True)
    assert other.encode("Ce cé").tokens[1:-1] == ["c", "e</w>", "c", "e</w>"]
    texts = ["Ce <special0> “café”", "", "b b b b b b"]
    tokenizer.save(folder / "saved")
    assert same(tokenizer, Tokenizer.from_preset(folder / "saved"), texts)
    assert same(other, Tokenizer.from_files(other.files()), texts)


def test_a_folder_without_a_config_is_known_by_its_pieces(folder):
    pytest.importorskip("sacremoses")
    (folder / "tokenizer_config.json").unlink()
    assert Tokenizer.from_preset(folder).kind == "xlm"


def test_the_relatives_of_xlm_are_refused(folder):
    (folder / "tokenizer_config.json").unlink()
    (folder / "config.json").write_text(json.dumps({"model_type": "flaubert"}))
    with pytest.raises(InputError, match="family flaubert"):
        Tokenizer.from_preset(folder)


@pytest.mark.parametrize(
    ("characters", "source", "spans"),
    [
        ("abc", "abc", [(0, 1), (1, 2), (2, 3)]),
        ("axc", "abc", [(0, 1), (1, 2), (2, 3)]),
        ("ac", "abc", [(0, 1), (2, 3)]),
        ("axyzbc", "abc", [(0, 1), (1, 1), (1, 1), (1, 1), (1, 2), (2, 3)]),
        ("axyd", "abd", [(0, 1), (1, 2), (1, 2), (2, 3)]),
        ("ab", "", [(0, 0), (0, 0)]),
        ("", "ab", []),
    ],
)
def test_alignment(characters, source, spans):
    assert align(characters, [(character, i) for i, character in enumerate(source)]) == spans
