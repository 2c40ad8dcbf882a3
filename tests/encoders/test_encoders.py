"""Every family, by `check_encoder`; composed encoders; presets."""

import keras
import numpy as np
import pytest

import keras_bert_suite
from keras_bert_suite.encoders import FAMILIES, Bert, Encoder
from keras_bert_suite.layers import Embeddings, EncoderBlock, FeedForward, Pooler, SelfAttention
from tests.checks import check_encoder

SMALL = {"vocab_size": 61, "dim": 24, "num_layers": 2, "num_heads": 3, "feed_forward_dim": 40, "max_length": 32}
ROWS = [(Bert, SMALL)]


@pytest.mark.parametrize(("family", "arguments"), ROWS, ids=lambda row: getattr(row, "__name__", ""))
def test_family(family, arguments, tmp_path):
    check_encoder(family, arguments, tmp_path)


def test_every_family_has_a_row():
    assert {family.__name__ for family, _ in ROWS} == set(FAMILIES)


def test_a_shared_block_is_one_block_after_loading(tmp_path):
    block = EncoderBlock(SelfAttention(2, name="attention"), FeedForward(16, name="feed_forward"), name="block")
    encoder = Encoder(Embeddings(20, 8, name="embeddings"), [block] * 3, Pooler(name="pooler"))
    encoder.save(tmp_path / "shared.keras")
    again = keras.models.load_model(tmp_path / "shared.keras")
    assert again.count_params() == encoder.count_params()
    inputs = {name: np.ones((2, 5), "int32") for name in encoder.input}
    found, expected = again(inputs), encoder(inputs)
    assert np.array_equal(np.asarray(found["pooled_output"]), np.asarray(expected["pooled_output"]))


# Parameters with the pooler, as the releases of the checkpoints state or their shapes give.
PARAMETERS = {
    "bert_tiny_en_uncased": 4_385_920,
    "bert_mini_en_uncased": 11_170_560,
    "bert_small_en_uncased": 28_763_648,
    "bert_medium_en_uncased": 41_373_184,
    "bert_base_en_uncased": 109_482_240,
    "bert_base_en_cased": 108_310_272,
    "bert_large_en_uncased": 335_141_888,
    "bert_large_en_cased": 333_579_264,
    "bert_base_multilingual_cased": 177_853_440,
    "bert_base_zh": 102_267_648,
}


def parameters(vocab_size, dim, num_layers, feed_forward_dim, max_length=512, **_):
    """The closed formula: tables, norms, four projections, two dense layers, pooler."""
    block = 4 * (dim * dim + dim) + 2 * dim * feed_forward_dim + feed_forward_dim + dim + 4 * dim
    return (vocab_size + max_length + 2) * dim + 2 * dim + num_layers * block + dim * dim + dim


def test_presets_have_the_published_sizes():
    found = {name: parameters(**preset["arguments"]) for name, preset in keras_bert_suite.presets().items()}
    assert {name: found[name] for name in PARAMETERS} == PARAMETERS
    assert sum(name.startswith("bert_l") and "_d" in name for name in found) == 24
    assert Bert(**Bert.presets["bert_tiny_en_uncased"]["arguments"]).count_params() == found["bert_tiny_en_uncased"]


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="num_heads=5"):
        Bert(**{**SMALL, "num_heads": 5})
    with pytest.raises(keras_bert_suite.InputError, match="no folder and no preset"):
        Encoder.from_preset("nothing_here")
