"""Byte-level BPE equals Hugging Face's RoBERTa and GPT-2; DeBERTa and `tokenizer.json` on small vocabularies."""

import json

import numpy as np
import pytest
import tokenizers

from keras_bert_suite import InputError, Tokenizer
from tests.tokenizers.models import same, write_bpe, write_config

ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "h", "i", "Ġ", "a", "!", "hi", "Ġa", "ð", "Ł", "ĺ", "Ģ", "<mask>"]
DEBERTA = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", *ROBERTA[4:-1], "[MASK]"]
MERGES = ["h i", "Ġ a"]


@pytest.mark.parametrize("name", ["roberta", "gpt2"])
def test_equals_the_reference(name, shared, tmp_path):
    tokenizer = Tokenizer.from_preset(shared / "vocab" / name)
    strings = json.loads((shared / "reference_tokenizers/strings.json").read_text())
    expected = json.loads((shared / f"reference_tokenizers/{name}.json").read_text())
    tokenizer.save(tmp_path)
    for again in (tokenizer, Tokenizer.from_preset(tmp_path)):
        for text, row in zip(strings["strings"], expected["encodings"], strict=True):
            found = again.encode(text)
            assert found.ids == row["ids"]
            assert [list(offset) for offset in found.offsets] == row["offsets"]
    for (text, pair), row in zip(strings["pairs"], expected["pair_encodings"], strict=name == "roberta"):
        found = tokenizer.encode(text, pair, max_length=24, pad_to=24)
        assert (found.ids, found.segment_ids, found.padding_mask) == (row["ids"], row["token_type_ids"], row["mask"])


def test_a_folder_without_a_config_is_known_by_its_pieces(tmp_path):
    write_bpe(tmp_path, ROBERTA, MERGES)
    tokenizer = Tokenizer.from_preset(tmp_path)
    assert (tokenizer.kind, tokenizer.vocab_size, tokenizer.vocabulary) == ("byte_bpe", 16, ROBERTA)
    ids = (tokenizer.cls_id, tokenizer.pad_id, tokenizer.sep_id, tokenizer.unknown_id, tokenizer.mask_id)
    assert ids == (0, 1, 2, 3, 15)
    found = tokenizer.encode("hi a <mask>!", "😀", pad_to=16)
    assert found.ids == [0, 9, 10, 15, 8, 2, 2, 11, 12, 13, 14, 2, 1, 1, 1, 1]
    assert found.offsets[1:5] == [(0, 2), (3, 4), (5, 11), (11, 12)]
    assert found.segment_ids == [0] * 16
    assert found.words == [None, 0, 1, 2, 3, None, None, 0, 0, 0, 0, *[None] * 5]
    assert tokenizer.decode(found.ids) == "hi a!😀"


def test_debertas_pairs_have_segments(tmp_path):
    write_bpe(tmp_path, DEBERTA, MERGES)
    found = Tokenizer.from_preset(tmp_path).encode("hi", "a")
    assert (found.ids, found.segment_ids) == ([0, 9, 2, 7, 2], [0, 0, 0, 1, 1])


def test_a_vocabulary_without_padding_pads_by_the_mask_alone(tmp_path):
    write_bpe(tmp_path, [*ROBERTA[4:15], "<|endoftext|>"], MERGES)
    tokenizer = Tokenizer.from_preset(tmp_path)
    assert tokenizer.encode("hi").ids == [5]
    assert (tokenizer.pad_id, tokenizer.cls_id, tokenizer.unknown_id) == (None, None, 11)
    arrays = tokenizer.arrays([tokenizer.encode("hi")], 3)
    np.testing.assert_array_equal(arrays["padding_mask"], [[1, 0, 0]])
    with pytest.raises(InputError, match="without a piece for padding"):
        tokenizer.encode("hi", pad_to=4)


@pytest.mark.parametrize("vocabulary", [ROBERTA, DEBERTA])
def test_save_and_load(vocabulary, tmp_path):
    write_bpe(tmp_path, vocabulary, MERGES)
    tokenizer = Tokenizer.from_preset(tmp_path)
    texts = ["hi a hi!", "", " a  😀<mask> hi"]
    assert same(tokenizer, Tokenizer.from_files(tokenizer.files()), texts)
    tokenizer.save(tmp_path / "saved")
    assert same(tokenizer, Tokenizer.from_preset(tmp_path / "saved"), texts)
    assert {"vocab.json", "merges.txt"} <= {path.name for path in (tmp_path / "saved").iterdir()}


def test_pieces_that_a_user_added(tmp_path):
    write_bpe(tmp_path, ROBERTA, MERGES)
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<name>": 16}))
    assert Tokenizer.from_preset(tmp_path).encode("hi<name>").ids == [0, 9, 16, 2]
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<name>": 20}))
    with pytest.raises(InputError, match="'<name>' the id 20; behind the vocabulary it has 16"):
        Tokenizer.from_preset(tmp_path)


@pytest.mark.parametrize(
    ("vocabulary", "merges", "settings", "message"),
    [
        (ROBERTA, ["h"], {}, "line 2 is 'h'"),
        (ROBERTA, ["x y"], {}, "makes no tokenizer"),
        (ROBERTA[4:], MERGES, {}, "lacks <pad>"),
        (ROBERTA, MERGES, {"lowercase": True}, "keeps the case"),
        (ROBERTA, MERGES, {"strip_accents": True}, "no setting strip_accents"),
    ],
)
def test_a_wrong_file_or_setting_is_named(vocabulary, merges, settings, message, tmp_path):
    write_bpe(tmp_path, vocabulary, merges)
    write_config(tmp_path, tokenizer_class="RobertaTokenizer")
    with pytest.raises(InputError, match=message) as caught:
        Tokenizer.from_preset(tmp_path, **settings)
    assert "\n" not in str(caught.value)


def test_the_case_that_is_kept_anyway_may_be_asked_for(tmp_path):
    write_bpe(tmp_path, ROBERTA, MERGES)
    assert Tokenizer.from_preset(tmp_path, lowercase=False).settings == {"lowercase": False}


def test_tokenizer_json_is_used_as_it_is(tmp_path):
    """A file as ModernBERT's: NFC, a template, lengths of its own, special pieces behind the vocabulary."""
    pieces = {piece: i for i, piece in enumerate(ROBERTA[4:15])}
    engine = tokenizers.Tokenizer(tokenizers.models.BPE(pieces, [("h", "i"), ("Ġ", "a")]))
    engine.normalizer = tokenizers.normalizers.NFC()
    engine.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.decoder = tokenizers.decoders.ByteLevel()
    engine.add_special_tokens(["[UNK]", "[CLS]", "[SEP]", "[PAD]", tokenizers.AddedToken("[MASK]", lstrip=True)])
    engine.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 12), ("[SEP]", 13)]
    )
    engine.enable_truncation(4)
    engine.enable_padding(length=32, pad_id=14, pad_token="[PAD]")
    engine.save(str(tmp_path / "tokenizer.json"))
    tokenizer = Tokenizer.from_preset(tmp_path)
    assert tokenizer.kind == "byte_bpe"
    assert (tokenizer.pad_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id) == (14, 12, 13, 15)
    found = tokenizer.encode("hi a [MASK] hi hi")
    assert found.tokens == ["[CLS]", "hi", "Ġa", " [MASK]", "Ġ", "hi", "Ġ", "hi", "[SEP]"]
    assert same(tokenizer, Tokenizer.from_files(tokenizer.files()), ["hi a", "[MASK]"])
    with pytest.raises(InputError, match="keeps the case"):
        Tokenizer.from_preset(tmp_path, lowercase=True)
