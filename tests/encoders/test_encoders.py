"""Every family, by `check_encoder`; composed encoders; presets."""

import functools
import inspect
import json
import math

import keras
import numpy as np
import pytest

import keras_bert_suite
from keras_bert_suite.encoders import FAMILIES, Bert, Encoder
from keras_bert_suite.layers import Embeddings, EncoderBlock, FeedForward, Pooler, SelfAttention
from tests.checks import GOLDEN, check_device, check_encoder, golden

SMALL = {"vocab_size": 61, "dim": 24, "num_layers": 2, "num_heads": 3, "feed_forward_dim": 40, "max_length": 32}
GOLDENS = sorted(path.stem for path in GOLDEN.glob("*.npz"))
# Families in which real tokens read padding, in the originals as here.
READ_PADDING = {
    "convbert": "its convolution over time",
    "fnet": "the Fourier transform has no mask",
    "funnel": "pooling takes the last real token together with the first of padding",
    "mobilebert": "a token's embedding is made of its neighbours' too",
}
# Families that do not convert to built-in operations in one of the two forms, with the reason.
NOT_ON_DEVICE = {}


@pytest.mark.parametrize("name", GOLDENS)
def test_family(name, tmp_path):
    check_encoder(name, tmp_path, masked=name not in READ_PADDING)


@pytest.mark.parametrize("time", [12, None], ids=["static", "dynamic"])
@pytest.mark.parametrize("name", GOLDENS)
def test_device(name, time, tmp_path):
    if (name, time) in NOT_ON_DEVICE:
        pytest.skip(NOT_ON_DEVICE[name, time])
    inputs, _, _ = golden(name, tmp_path)
    check_device(Encoder.from_preset(tmp_path), inputs, time)


def test_every_family_has_a_golden():
    assert {family.model_type for family in FAMILIES.values()} == set(GOLDENS)


def test_a_shared_block_is_one_block_after_loading(tmp_path):
    block = EncoderBlock(SelfAttention(2, name="attention"), FeedForward(16, name="feed_forward"), name="block")
    encoder = Encoder(Embeddings(20, 8, name="embeddings"), [block] * 3, Pooler(name="pooler"))
    encoder.save(tmp_path / "shared.keras")
    again = keras.models.load_model(tmp_path / "shared.keras")
    assert again.count_params() == encoder.count_params()
    inputs = {name: np.ones((2, 5), "int32") for name in encoder.input}
    found, expected = again(inputs), encoder(inputs)
    assert np.array_equal(np.asarray(found["pooled_output"]), np.asarray(expected["pooled_output"]))


# Parameters of the encoders, with the pooler where there is one, as the releases of the checkpoints state them or as
# transformers counts them. keras_hub's and the papers' round figures agree.
PARAMETERS = {
    "albert_base_v2_en": 11_683_584,
    "albert_large_v2_en": 17_683_968,
    "albert_xlarge_v2_en": 58_724_864,
    "albert_xxlarge_v2_en": 222_595_584,
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
    "deberta_v3_xsmall_en": 70_682_112,
    "deberta_v3_base_en": 183_831_552,
    "deberta_v3_large_en": 434_012_160,
    "distilbert_base_en_uncased": 66_362_880,
    "distilbert_base_en_cased": 65_190_912,
    "distilbert_base_multilingual_cased": 134_734_080,
    "mdeberta_v3_base": 278_218_752,
    "minilm_l6_d384_en_uncased": 22_713_216,
    "minilm_l12_d384_en_uncased": 33_360_000,
    "mobilebert_en_uncased": 24_581_888,
    "mobilebert_teacher_en_uncased": 294_205_184,
    "modernbert_base_en": 149_014_272,
    "modernbert_large_en": 394_781_696,
    "mpnet_base_en_uncased": 109_486_464,
    "roberta_base_en": 124_645_632,
    "roberta_large_en": 355_359_744,
    "tinybert_l4_d312_en_uncased": 14_350_248,
    "tinybert_l6_d768_en_uncased": 66_955_008,
    "xlm_roberta_base": 278_043_648,
    "xlm_roberta_large": 559_890_432,
    "xlnet_base_en_cased": 116_718_336,
    "xlnet_large_en_cased": 360_268_800,
}


def count(preset):
    """Parameters of a preset, from shapes alone: no weights are made.

    Blocks from the second on are alike, so deep encoders are counted by their first three and more of the third.
    """
    found = keras_bert_suite.presets()[preset]
    family, arguments = FAMILIES[found["family"]], dict(found["arguments"])
    signature = inspect.signature(family.__init__).parameters
    if "num_layers" not in signature:
        return exact_count(family, json.dumps(arguments))[0]
    layers = arguments.pop("num_layers", signature["num_layers"].default)
    whole, block = exact_count(family, json.dumps({**arguments, "num_layers": min(layers, 3)}))
    return whole + max(layers - 3, 0) * block


@functools.cache
def exact_count(family, arguments):
    """Parameters of an encoder with these arguments, as JSON; and those that its last block shares with no other."""
    with keras.StatelessScope(initialize_variables=False):
        encoder = family(**json.loads(arguments))
    # Else the next model that is made would fill these variables too, gigabytes of them.
    keras.utils.clear_session()
    shared = {id(variable) for block in encoder.blocks[:-1] for variable in block.weights}
    own = [variable for variable in encoder.blocks[-1].weights if id(variable) not in shared]
    return tuple(sum(math.prod(variable.shape) for variable in variables) for variables in (encoder.weights, own))


def test_presets_have_the_published_sizes():
    assert {name: count(name) for name in PARAMETERS} == PARAMETERS
    found = keras_bert_suite.presets()
    assert sum(name.startswith("bert_l") and "_d" in name for name in found) == 24
    tiny = Bert(**Bert.presets["bert_tiny_en_uncased"]["arguments"])
    assert tiny.count_params() == PARAMETERS["bert_tiny_en_uncased"]


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="num_heads=5"):
        Bert(**{**SMALL, "num_heads": 5})
    with pytest.raises(keras_bert_suite.InputError, match="no folder and no preset"):
        Encoder.from_preset("nothing_here")
