"""SentencePiece models give the library's ids on the raw string, and each family's on its own text."""

import json

import numpy as np
import pytest

from keras_bert_suite import InputError, Tokenizer
from tests.tokenizers.models import BYTE, CONTROL, NORMAL, UNKNOWN, USER_DEFINED, same, write_config, write_model

# Strings whose ids differ from the SentencePiece library's on the raw string, and why: as Hugging Face's fast
# tokenizers have it.
SPECIAL = {49, 50, 51}  # "[CLS] [SEP] ...", "[MASK]ed ...", "<s> </s> <pad> ...": special pieces match in a text
CLUSTERS = {
    58,
    226,
    384,
    432,
}  # the map of characters is applied within clusters of combining characters, not over them
TIES = {389}  # "dadada...": cuts of equal score, which the two add up in another order
RAW = {
    "albert": ("30k-clean.model", SPECIAL | CLUSTERS),
    "xlnet": ("spiece.model", (SPECIAL | CLUSTERS | TIES) - {49, 50, 384}),
    "axlearn-bpe-32k": ("spm.model", SPECIAL - {49, 50}),
    "tiny-tftext-oss": ("test_oss_model.model", (SPECIAL | CLUSTERS) - {49, 50, 226, 384}),
    "tiny-kerashub-albert": ("spm.model", SPECIAL),
    "tiny-kerashub-deberta_v3": ("spm.model", SPECIAL - {51}),
}
# Number of strings whose ids are equal and where the offsets of a piece are not.
MOVED = {
    "albert": 57,
    "xlnet": 58,
    "axlearn-bpe-32k": 0,
    "tiny-tftext-oss": 48,
    "tiny-kerashub-albert": 10,
    "tiny-kerashub-deberta_v3": 10,
}
# Strings whose ids differ from those of the families' original code, as Hugging Face's fast tokenizers have it: they
# drop form feeds and U+001C to U+001F where Python splits at them (38, 152 and others), drop marks that have no
# combining class (243 and others), and make plain quotes of LaTeX's, which ALBERT's code does not (57).
ORIGINAL = {
    "albert": SPECIAL | {38, 57, 152, 168, 183, 243, 278, 280, 339, 374, 405},
    "xlnet": {38, 51, 152, 168, 243, 278, 280, 339, 374, 389, 405},
}
UNIGRAM = [
    ("<pad>", 0.0, CONTROL),
    ("<unk>", 0.0, UNKNOWN),
    ("[CLS]", 0.0, CONTROL),
    ("[SEP]", 0.0, CONTROL),
    ("[MASK]", 0.0, CONTROL),
    ("▁", -2.0, NORMAL),
    ("▁cafe", -3.0, NORMAL),
    ("a", -4.0, NORMAL),
    ("9", -4.0, NORMAL),
    (",", -4.0, NORMAL),
    ("9,", -4.5, NORMAL),
    ('"', -4.0, NORMAL),
    ("B", -4.0, NORMAL),
    ("b", -4.0, NORMAL),
]
FAIRSEQ = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL), *UNIGRAM[5:]]
XLNET = [*FAIRSEQ[:3], *((piece, 0.0, CONTROL) for piece in ("<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>"))]
XLNET += UNIGRAM[5:]
DEBERTA = [(piece, 0.0, CONTROL) for piece in ("[PAD]", "[CLS]", "[SEP]")] + [("[UNK]", 0.0, UNKNOWN), *UNIGRAM[5:]]
BPE = [("<unk>", 0.0, UNKNOWN), ("<n>", 0.0, USER_DEFINED)]
BPE += [(f"<0x{byte:02X}>", 0.0, BYTE) for byte in range(256)]
BPE += [(piece, -float(i), NORMAL) for i, piece in enumerate(["ab", "▁ab", "▁▁", "▁", "a", "b"])]


def plain(shared, name, folder):
    """A tokenizer of a model that is said to be of no known family, and what frames its texts."""
    model = RAW[name][0]
    (folder / model).write_bytes((shared / "vocab" / name / model).read_bytes())
    (folder / "config.json").write_text(json.dumps({"model_type": "none"}))
    tokenizer = Tokenizer.from_preset(folder)
    return tokenizer, len(tokenizer.encode("").ids) // 2


def inner(encoding, framed):
    """The ids and the offsets without the special pieces of a frame."""
    end = len(encoding.ids) - framed
    return encoding.ids[framed:end], encoding.offsets[framed:end]


def trimmed(text, spans):
    """Spans without the spaces that they begin with."""
    return [(start + len(text[start:end]) - len(text[start:end].lstrip()), end) for start, end in spans]


@pytest.mark.parametrize("name", RAW)
def test_equals_the_library_on_raw_strings(name, shared, tmp_path):
    tokenizer, framed = plain(shared, name, tmp_path)
    strings = json.loads((shared / "reference_tokenizers/strings.json").read_text())["strings"]
    expected = json.loads((shared / f"reference_tokenizers/spm-{name}.json").read_text())["encodings"]
    differ, moved = set(), set()
    for i, (text, row) in enumerate(zip(strings, expected, strict=True)):
        ids, offsets = inner(tokenizer.encode(text), framed)
        if ids != row["ids"]:
            differ.add(i)
            continue
        content = text.encode()
        theirs = [tuple(len(content[:at].decode(errors="ignore")) for at in span) for span in row["offsets"]]
        for j, (ours, other) in enumerate(zip(trimmed(text, offsets), trimmed(text, theirs), strict=True)):
            piece = tokenizer.vocabulary[ids[j]]
            # The library gives no characters to a space that it puts in front, nor to all bytes of a character but
            # the last; Hugging Face gives the character that follows, and the whole one to each.
            if piece == "▁" or piece.startswith("<0x"):
                continue
            if ours != other:
                moved.add(i)
    assert differ == RAW[name][1]
    # Where the map of characters makes several of one, one of several or none, each shares the places out in its way.
    assert all(not strings[i].isascii() or min(strings[i]) < " " for i in moved)
    assert len(moved) == MOVED[name]


@pytest.mark.parametrize("name", ORIGINAL)
def test_equals_the_original_code_of_the_family(name, shared):
    tokenizer = Tokenizer.from_preset(shared / "vocab" / name)
    strings = json.loads((shared / "reference_tokenizers/strings.json").read_text())["strings"]
    expected = json.loads((shared / f"reference_tokenizers/spm-{name}.json").read_text())[f"google_{name}_ids"]
    framed = slice(1, -1) if name == "albert" else slice(-2)
    found = [tokenizer.encode(text).ids[framed] for text in strings]
    assert {i for i, (ours, theirs) in enumerate(zip(found, expected, strict=True)) if ours != theirs} == ORIGINAL[
        name
    ]


def family(folder, name, pieces, model="spiece.model", unknown_id=0, settings=None, **config):
    write_model(folder / model, pieces, unknown_id=unknown_id)
    write_config(folder, tokenizer_class=name, **config)
    return Tokenizer.from_preset(folder, **(settings or {}))


def test_alberts_text(tmp_path):
    tokenizer = family(tmp_path, "AlbertTokenizer", UNIGRAM, unknown_id=1)
    found = tokenizer.encode("Café 9,a ``B''", "[MASK]")
    # Lower case, no accents, digits without their comma, plain quotes.
    assert found.tokens == ["[CLS]", "▁cafe", "▁", "9", ",", "a", "▁", '"', "b", '"', "[SEP]", "[MASK]", "[SEP]"]
    assert found.offsets[1:6] == [(0, 4), (5, 6), (5, 6), (6, 7), (7, 8)]
    assert found.words[1:10] == [0, 1, 1, 2, 3, 4, 4, 5, 6]
    assert found.segment_ids == [0] * 11 + [1, 1]
    ids = (tokenizer.pad_id, tokenizer.unknown_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id)
    assert (tokenizer.kind, ids) == ("sentencepiece", (0, 1, 2, 3, 4))


@pytest.mark.parametrize(
    ("settings", "config", "tokens"),
    [
        ({"lowercase": False}, {}, ["▁", "B", "a"]),
        ({}, {"do_lower_case": False}, ["▁", "B", "a"]),
        ({"lowercase": True}, {"do_lower_case": False}, ["▁", "b", "a"]),
        ({}, {"keep_accents": True}, ["▁", "b", "ä"]),
    ],
)
def test_settings_of_the_text(settings, config, tokens, tmp_path):
    tokenizer = family(tmp_path, "AlbertTokenizer", UNIGRAM, unknown_id=1, settings=settings, **config)
    assert tokenizer.encode("Bä").tokens[1:-1] == tokens
    tokenizer.save(tmp_path / "saved")
    assert same(tokenizer, Tokenizer.from_preset(tmp_path / "saved"), ["Bä"])
    other = not tokenizer.settings["lowercase"]
    assert Tokenizer.from_preset(tmp_path / "saved", lowercase=other).settings == {"lowercase": other}


def test_xlnet_pads_on_the_left(tmp_path):
    tokenizer = family(tmp_path, "XLNetTokenizer", XLNET)
    found = tokenizer.encode("cafe", "a", pad_to=9)
    assert found.tokens == [*["<pad>"] * 3, "▁cafe", "<sep>", "▁", "a", "<sep>", "<cls>"]
    assert found.segment_ids == [0, 0, 0, 0, 0, 1, 1, 1, 2]
    assert found.padding_mask == [0, 0, 0, 1, 1, 1, 1, 1, 1]
    assert (tokenizer.padding_side, tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id) == ("left", 3, 4, 5)
    arrays = tokenizer.arrays([tokenizer.encode("cafe"), tokenizer.encode("cafe a")])
    np.testing.assert_array_equal(arrays["token_ids"], [[5, 5, 10, 4, 3], [10, 9, 11, 4, 3]])
    np.testing.assert_array_equal(arrays["padding_mask"], [[0, 0, 1, 1, 1], [1] * 5])
    np.testing.assert_array_equal(arrays["segment_ids"], [[0, 0, 0, 0, 2], [0, 0, 0, 0, 2]])


def test_ids_of_fairseq(tmp_path):
    tokenizer = family(tmp_path, "XLMRobertaTokenizer", FAIRSEQ, "sentencepiece.bpe.model")
    assert tokenizer.encode("cafe", "é").ids == [0, 5, 2, 2, 4, 3, 2]
    assert tokenizer.vocabulary[:5] == ["<s>", "<pad>", "</s>", "<unk>", "▁"]
    assert (tokenizer.mask_id, tokenizer.vocab_size) == (len(FAIRSEQ) + 1, len(FAIRSEQ) + 2)
    with pytest.raises(InputError, match="keeps the case"):
        Tokenizer.from_preset(tmp_path, lowercase=True)


def test_ids_of_camembert(tmp_path):
    tokenizer = family(tmp_path, "CamembertTokenizer", FAIRSEQ, "sentencepiece.bpe.model")
    assert tokenizer.encode("cafe", "é").ids == [5, 8, 6, 6, 7, 3, 6]
    assert (tokenizer.pad_id, tokenizer.mask_id, tokenizer.vocab_size) == (1, 16, 17)


def test_debertas_mask_is_behind_the_model(tmp_path):
    tokenizer = family(tmp_path, "DebertaV2Tokenizer", DEBERTA, "spm.model", unknown_id=3)
    assert tokenizer.encode("cafe a", "[MASK]é").ids == [1, 5, 4, 6, 2, 13, 4, 3, 2]
    assert (tokenizer.pad_id, tokenizer.unknown_id, tokenizer.mask_id, tokenizer.vocab_size) == (0, 3, 13, 14)


@pytest.mark.parametrize(
    ("pieces", "model", "padding", "cls"),
    [
        (UNIGRAM, "30k-clean.model", "right", 2),
        (XLNET, "spiece.model", "left", 3),
        (DEBERTA, "spm.model", "right", 1),
        (FAIRSEQ, "sentencepiece.bpe.model", "right", 0),
    ],
)
def test_a_folder_without_a_config_is_known_by_its_pieces(pieces, model, padding, cls, tmp_path):
    write_model(tmp_path / model, pieces, unknown_id=next(i for i, piece in enumerate(pieces) if piece[2] == UNKNOWN))
    tokenizer = Tokenizer.from_preset(tmp_path)
    assert (tokenizer.padding_side, tokenizer.cls_id) == (padding, cls)
    texts = ["cafe 9,a", "", "  é [MASK] <mask>", "a" * 40]
    tokenizer.save(tmp_path / "saved")
    assert same(tokenizer, Tokenizer.from_preset(tmp_path / "saved"), texts)
    assert same(tokenizer, Tokenizer.from_files(tokenizer.files()), texts)


def test_bpe_with_bytes(tmp_path):
    write_model(tmp_path / "any.model", BPE, kind=2, byte_fallback=1, strip=0)
    tokenizer = Tokenizer.from_preset(tmp_path)
    found = tokenizer.encode(" ab<n>abé")
    assert found.tokens == ["▁", "▁ab", "<n>", "ab", "<0xC3>", "<0xA9>"]
    assert found.offsets == [(0, 1), (0, 3), (3, 6), (6, 8), (8, 9), (8, 9)]
    assert tokenizer.decode(found.ids) == " ab<n>abé"


def test_unknown_words_side_by_side_are_one(tmp_path):
    pieces = [("<unk>", 0.0, UNKNOWN), ("▁the", -1.0, NORMAL), ("▁fox", -1.0, NORMAL)]
    write_model(tmp_path / "words.model", pieces, kind=3)
    assert Tokenizer.from_preset(tmp_path).encode("the red old fox foxy").ids == [1, 0, 2, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:40], "cut off"),
        (lambda content: b"", "cut off"),
        (lambda content: b"\xff" * 50, "cut off"),
    ],
)
def test_a_broken_model_is_named(change, message, tmp_path):
    path = tmp_path / "spiece.model"
    write_model(path, UNIGRAM)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError, match=message):
        Tokenizer.from_preset(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"kind": 4}, "the kind 4"), ({"suffix": 1}, "at the ends"), ({"unknown_id": 99}, "makes no tokenizer")],
)
def test_a_model_that_is_not_known_is_named(settings, message, tmp_path):
    write_model(tmp_path / "spiece.model", UNIGRAM, **settings)
    with pytest.raises(InputError, match=message):
        Tokenizer.from_preset(tmp_path)


def test_two_models_are_one_too_many(tmp_path):
    for name in ("a.model", "b.model"):
        write_model(tmp_path / name, UNIGRAM)
    with pytest.raises(InputError, match="holds 2 models, a.model, b.model"):
        Tokenizer.from_preset(tmp_path)


def test_windows_of_a_pair_have_the_segments_of_their_frame(tmp_path):
    write_model(tmp_path / "spiece.model", FAIRSEQ)
    write_config(tmp_path, tokenizer_class="XLMRobertaTokenizer")
    windows = Tokenizer.from_preset(tmp_path).windows(["a"], ["b " * 30], 12, 2)[0]
    # XLM-R has one segment; the library gives 1 to the second text in all windows but the first.
    assert len(windows) > 2 and not any(any(window.segment_ids) for window in windows)


def test_a_first_text_that_leaves_no_room_is_named(tmp_path):
    tokenizer = Tokenizer.from_preset("kbs_tiny_en")
    with pytest.raises(InputError, match="A first text has 12 pieces; beside it a window of 17 pieces"):
        tokenizer.windows(["a b c d e f g h i j k l"], ["a b c d e f g h"], 20, 8)
    assert len(tokenizer.windows(["a b c d e f g h i j k l"], ["a b"], 20, 8)[0]) == 1
