"""A checkpoint with another vocabulary: which rows stay, which are means, and that all else is as it was."""

import json

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import keras_bert_suite
from keras_bert_suite import Bert, Encoder, InputError, Tokenizer, domain
from keras_bert_suite.checkpoints import presets, vocabulary
from keras_bert_suite.encoders.encoder import family_of
from keras_bert_suite.tasks import saved
from keras_bert_suite.tokenizers import training, vocabularies
from keras_bert_suite.tokenizers.tokenizer import SPECIAL_TOKENS
from tests.checks import GOLDEN, difference, golden

OLD = [*SPECIAL_TOKENS, "the", "cell", "pro", "##te", "##in", "##s", "in", "te", "a", "##a", "q"]
NEW = ["[MASK]", "[PAD]", "[SEP]", "protein", "the", "##ins", "[UNK]", "te", "cells", "intea", "[CLS]", "龍", "##q"]
# What each is made of, by hand; within words pieces within words, but for q, which there is only as a beginning.
CUTS = [
    ["[MASK]"], ["[PAD]"], ["[SEP]"], ["pro", "##te", "##in"], ["the"], ["##in", "##s"], ["[UNK]"], ["te"],
    ["cell", "##s"], ["in", "##te", "##a"], ["[CLS]"], ["[UNK]"], ["q"],
]  # fmt: skip
SIZES = dict(dim=8, num_layers=1, num_heads=2, feed_forward_dim=12, max_length=24)
TEXTS = ["the cells in the protein bind the protein", "a protein of the cells"] * 3


@pytest.fixture
def base(tmp_path):
    """A folder of Hugging Face's with a masked-LM head, its decoder beside the table that it is tied to."""
    keras.utils.set_random_seed(0)
    Bert(len(OLD), **SIZES).save_preset(tmp_path / "base", tokenizer=Tokenizer(OLD), format="huggingface")
    arrays = load_file(tmp_path / "base/model.safetensors")
    rng = np.random.default_rng(0)
    table = arrays["embeddings.word_embeddings.weight"]
    arrays = {f"bert.{name}": array for name, array in arrays.items() if not name.startswith("pooler")}
    arrays |= {
        "cls.predictions.transform.dense.weight": rng.normal(size=(8, 8)).astype("float32"),
        "cls.predictions.transform.dense.bias": rng.normal(size=8).astype("float32"),
        "cls.predictions.transform.LayerNorm.weight": np.ones(8, "float32"),
        "cls.predictions.transform.LayerNorm.bias": np.zeros(8, "float32"),
        "cls.predictions.bias": rng.normal(size=len(OLD)).astype("float32"),
        "cls.predictions.decoder.weight": table.copy(),
    }
    save_file(arrays, tmp_path / "base/model.safetensors", metadata={"format": "pt"})
    config = json.loads((tmp_path / "base/config.json").read_text())
    config |= {"architectures": ["BertForMaskedLM"], "pad_token_id": 0, "bos_token_id": None}
    (tmp_path / "base/config.json").write_text(json.dumps(config))
    return tmp_path / "base"


def test_new_pieces_are_cut_by_the_old_tokenizer():
    found = vocabularies.cuts(Tokenizer(NEW), Tokenizer(OLD))
    assert [[OLD[i] for i in cut] for cut in found] == CUTS
    assert vocabularies.cuts(Tokenizer(OLD), Tokenizer(OLD)) == [[i] for i in range(len(OLD))]
    byte_level = training.byte_bpe(TEXTS, 300)
    with pytest.raises(InputError, match="the kind byte_bpe, the old one of wordpiece"):
        vocabularies.cuts(byte_level, Tokenizer(OLD))


@pytest.mark.parametrize("train", [training.byte_bpe, training.unigram])
def test_pieces_of_other_kinds_are_cut_too(train):
    old, new = train(["the cells of the cell", "b d i n p r o a"] * 3, 290), train(TEXTS, 290)
    cuts = vocabularies.cuts(new, old)
    for piece, cut in zip(new.vocabulary, cuts, strict=True):
        assert old.unknown_id in cut or "".join(old.vocabulary[i] for i in cut) == piece
    assert [cuts[i] for i in range(5)] == [[i] for i in range(5)]
    assert max(map(len, cuts)) > 1


def test_rows_stay_or_are_means(base, tmp_path):
    new, old = Tokenizer(NEW), Tokenizer(OLD)
    cuts = vocabularies.cuts(new, old)
    vocabulary.write(base, Bert, cuts, new, tmp_path / "new")
    before, after = (load_file(folder / "model.safetensors") for folder in (base, tmp_path / "new"))
    assert before.keys() == after.keys()
    renewed = {"bert.embeddings.word_embeddings.weight", "cls.predictions.bias", "cls.predictions.decoder.weight"}
    for name, array in before.items():
        if name not in renewed:
            np.testing.assert_array_equal(after[name], array)
            continue
        for row, pieces in zip(after[name], CUTS, strict=True):
            mean = np.mean([array[OLD.index(piece)] for piece in pieces], axis=0, dtype="float64")
            # One rounding of float32 for each sum and for the quotient; none where there is one row.
            np.testing.assert_allclose(row, mean, rtol=3e-7 if len(pieces) > 1 else 0, atol=1e-9)
    config = json.loads((tmp_path / "new/config.json").read_text())
    assert (config["vocab_size"], config["pad_token_id"], config["bos_token_id"]) == (len(NEW), 1, None)
    assert Tokenizer.from_preset(tmp_path / "new").vocabulary == NEW


def test_a_text_of_shared_pieces_has_the_same_states_and_logits(base, tmp_path):
    new, old = Tokenizer(NEW), Tokenizer(OLD)
    vocabulary.write(base, Bert, vocabularies.cuts(new, old), new, tmp_path / "new")
    outputs = []
    for folder, tokenizer in ((base, old), (tmp_path / "new", new)):
        model = keras_bert_suite.load_model(folder, head="masked_lm")
        inputs = tokenizer.arrays([tokenizer.encode("the te [MASK]", max_length=8, pad_to=8)])
        outputs.append(np.asarray(model(inputs)["logits"]))
    shared = [piece for piece in NEW if piece in OLD]
    ours, theirs = (x[0, :5][:, [v.index(p) for p in shared]] for x, v in zip(outputs, (OLD, NEW), strict=True))
    # The same sums of the same numbers, in matrix products of another width.
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.npz")))
def test_the_pieces_of_every_family_can_be_moved(name, tmp_path):
    inputs, outputs, _ = golden(name, tmp_path / "base")
    source = presets.open_source(tmp_path / "base")
    family = family_of(source)
    # Positions may be counted from the id of padding: it stays, and is 5 at most.
    order = [*range(6), *reversed(range(6, source.arguments(family)["vocab_size"]))]
    vocabulary.write(source, family, [[i] for i in order], Tokenizer(OLD), tmp_path / "new")
    moved = {**inputs, "token_ids": np.argsort(order)[inputs["token_ids"]].astype("int32")}
    found = Encoder.from_preset(tmp_path / "new")(moved)["sequence_output"]
    # As in checks.check_encoder: ten times the rounding of float32 over blocks of this width.
    assert difference(found, outputs["sequence_output"], inputs["padding_mask"]) < 1e-5


def test_our_own_form_keeps_it(base, tmp_path):
    encoder = Encoder.from_preset(base, missing="initialize")
    encoder.save_preset(tmp_path / "ours", tokenizer=Tokenizer(OLD))
    new = Tokenizer(NEW)
    cuts = vocabularies.cuts(new, Tokenizer(OLD))
    vocabulary.write(tmp_path / "ours", Bert, cuts, new, tmp_path / "new")
    again = Encoder.from_preset(tmp_path / "new")
    assert again.get_config()["vocab_size"] == len(NEW)
    tables = [np.asarray(e.embeddings.token.embeddings) for e in (encoder, again)]
    np.testing.assert_array_equal(tables[1][4], tables[0][OLD.index("the")])
    for ours, theirs in zip(encoder.weights[1:], again.weights[1:], strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


def test_a_domain_vocabulary_can_be_trained_on(tmp_path):
    texts = [f"{text} proteins of keratinocytes, keratinocyte proteins" for text in TEXTS]
    tokenizer, found = domain.with_vocabulary("kbs_tiny_en", texts, tmp_path / "domain", size=90)
    assert tokenizer.vocab_size == found["pieces"] <= 90 and found["shared"] < found["pieces"]
    assert tokenizer.encode("keratinocyte").tokens[1:-1] == ["keratinocyte"]
    trained = saved.begin(saved.task_class("classification")(labels=["a", "b"]), tmp_path / "domain", 16)
    assert trained.tokenizer.vocabulary == tokenizer.vocabulary
    assert trained.predict([("keratinocyte proteins",)])[0]["label"] in ("a", "b")


def test_pieces_can_be_added_to_those_that_there_are(tmp_path):
    old = Tokenizer.from_preset("kbs_tiny_en")
    texts = ["keratinocyte proteins bind keratinocytes", "the proteins of a keratinocyte 龍"] * 3
    tokenizer, found = domain.with_vocabulary("kbs_tiny_en", texts, tmp_path / "more", add=3)
    assert tokenizer.vocabulary[: old.vocab_size] == old.vocabulary
    # By what each saves: three or six uses, times the pieces that the old tokenizer makes of it but one.
    assert tokenizer.vocabulary[old.vocab_size :] == ["keratinocyte", "keratinocytes", "proteins"]
    assert found["shared"] == old.vocab_size
    again = Encoder.from_preset(tmp_path / "more").embeddings.token.embeddings
    table = np.asarray(Encoder.from_preset("kbs_tiny_en").embeddings.token.embeddings)
    np.testing.assert_array_equal(np.asarray(again)[: old.vocab_size], table)
    added = training.extended(old, ["龍 龍"] * 3, 5).vocabulary[old.vocab_size :]
    assert added == ["龍"]


def test_what_cannot_be_is_named(base, tmp_path):
    new, old = Tokenizer(NEW), Tokenizer(OLD)
    cuts = vocabularies.cuts(new, old)
    with pytest.raises(InputError, match="no folder and no preset"):
        domain.with_vocabulary(tmp_path / "none", TEXTS, tmp_path / "new")
    with pytest.raises(InputError, match="Received add with size"):
        domain.with_vocabulary("kbs_tiny_en", TEXTS, tmp_path / "new", add=1, size=100)
    with pytest.raises(InputError, match="has 16 embeddings"):
        vocabulary.write(base, Bert, [*cuts, [16]], new, tmp_path / "new")
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "pad_token_id": 1}))
    with pytest.raises(InputError, match="from the id of padding, 1; .* padding the id"):
        vocabulary.write(base, Bert, vocabularies.cuts(old, new), old, tmp_path / "new")
    Bert(24, **SIZES).save_preset(tmp_path / "odd", tokenizer=Tokenizer([*OLD, *map(str, range(8))]))
    with pytest.raises(InputError, match="has 24 pieces, and as many max_length"):
        vocabulary.write(tmp_path / "odd", Bert, cuts, new, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_other_forms_are_to_be_converted_first(shared):
    with pytest.raises(InputError, match="of TensorFlow 1; expected our own form .* kbs-convert_checkpoint first"):
        vocabulary.check_form(presets.open_source(shared / "reference_tf1/bert"))
