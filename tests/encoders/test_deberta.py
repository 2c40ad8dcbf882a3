"""What is DeBERTa's alone: rows of distances, names of the original checkpoints' heads, the convolution."""

import json

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_bert_suite import Encoder, InputError, load_model
from keras_bert_suite.encoders import Deberta
from keras_bert_suite.layers import (
    DisentangledAttention,
    EncoderBlock,
    FeedForward,
    MaskedConvolution,
    MaskedEmbeddings,
    RelativeTable,
)
from tests.checks import difference

SMALL = {"vocab_size": 61, "embedding_dim": 24, "dim": 24, "num_layers": 2, "num_heads": 3, "feed_forward_dim": 40}


@pytest.mark.parametrize(
    ("distance", "bucket"),
    [(0, 0), (127, 127), (128, 128), (129, 129), (130, 130), (200, 169), (400, 233), (510, 255), (511, 255)],
)
def test_buckets_are_those_of_transformers(distance, bucket):
    places = RelativeTable(2, 512, 256).places
    middle = len(places) // 2
    assert places[middle + distance] == 256 + bucket
    assert places[middle - distance] == 256 - bucket


def test_the_last_row_is_that_of_distances_that_count_down():
    places = RelativeTable(2, 512, 256).places
    assert (places.min(), places.max()) == (0, 511)
    assert len(places) == 2 * 512 + 1 and places[0] == 0 and places[1] == 1


@pytest.mark.parametrize("time", [1, 5, 40])
@pytest.mark.parametrize("num_buckets", [0, 4])
def test_rows_do_not_depend_on_how_the_length_is_known(time, num_buckets):
    table = RelativeTable(3, 9, num_buckets)
    known, unknown = table(time=time), table(time=keras.ops.convert_to_tensor(time, "int32"))
    known, unknown = (np.asarray(found["vectors"])[np.asarray(found["rows"])] for found in (known, unknown))
    assert known.shape == (2 * time, 3)
    assert np.array_equal(known, unknown)


def test_a_shared_table_is_one_table_after_loading(tmp_path):
    relative = RelativeTable(8, 6, name="relative")
    blocks = [
        EncoderBlock(
            DisentangledAttention(2, relative=relative, name="attention"),
            FeedForward(16, name="feed_forward"),
            convolution=MaskedConvolution(3, groups=2, name="convolution"),
            name=f"block_{i}",
        )
        for i in range(2)
    ]
    encoder = Encoder(MaskedEmbeddings(20, 8, name="embeddings"), blocks)
    assert {variable.path for variable in encoder.weights} >= {
        "relative/table/embeddings",
        "block_1/convolution/conv/bias",
    }
    encoder.save(tmp_path / "shared.keras")
    again = keras.models.load_model(tmp_path / "shared.keras")
    assert again.count_params() == encoder.count_params()
    assert again.blocks[0].attention.relative is again.blocks[1].attention.relative
    inputs = {"token_ids": np.ones((2, 5), "int32"), "padding_mask": np.array([[1] * 5, [1, 1, 1, 0, 0]], "int32")}
    assert difference(again(inputs)["sequence_output"], encoder(inputs)["sequence_output"]) == 0


@pytest.fixture
def original(tmp_path):
    """A folder as the original checkpoints are, its arrays, inputs, and the encoder's output."""
    keras.utils.set_random_seed(0)
    encoder = Deberta(**SMALL, dropout=0.0)
    encoder.save_preset(tmp_path / "preset", format="huggingface")
    arrays = {f"deberta.{name}": array for name, array in load_file(tmp_path / "preset/model.safetensors").items()}
    rng = np.random.default_rng(0)
    for place, last in (("lm_predictions.lm_head", None), ("mask_predictions", "classifer")):
        for name in ("dense", "LayerNorm", last):
            if name is not None:
                rows = {"dense": (24, 24), "LayerNorm": (24,), "classifer": (1, 24)}[name]
                arrays[f"{place}.{name}.weight"] = rng.standard_normal(rows).astype("float32")
                arrays[f"{place}.{name}.bias"] = rng.standard_normal(rows[:1]).astype("float32")
    arrays["lm_predictions.lm_head.bias"] = rng.standard_normal(61).astype("float32")
    arrays["deberta.embeddings.position_embeddings.weight"] = rng.standard_normal((512, 24)).astype("float32")
    save_file(arrays, tmp_path / "preset/model.safetensors")
    mask = (np.arange(9) < np.array([[9], [4]])).astype("int32")
    inputs = {"token_ids": rng.integers(0, 61, mask.shape).astype("int32"), "padding_mask": mask}
    return tmp_path / "preset", arrays, inputs, np.asarray(encoder(inputs)["sequence_output"], "float64")


def _dense(x, arrays, name):
    return x @ arrays[f"{name}.weight"].T + arrays[f"{name}.bias"]


def _norm(x, arrays, name):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-7)
    return x * arrays[f"{name}.weight"] + arrays[f"{name}.bias"]


def _gelu(x):
    return np.asarray(keras.ops.gelu(x, approximate=False))


def test_replaced_token_head_of_the_original(original):
    folder, arrays, inputs, states = original
    hidden = _norm(states + states[:, :1], arrays, "mask_predictions.LayerNorm")
    hidden = _gelu(_dense(hidden, arrays, "mask_predictions.dense"))
    expected = _dense(hidden, arrays, "mask_predictions.classifer")[..., 0]
    found = load_model(folder, head="replaced_token")(inputs)["logits"]
    assert difference(found, expected, inputs["padding_mask"]) < 1e-4  # of logits of about 30


def test_masked_lm_head_of_the_original(original):
    folder, arrays, inputs, states = original
    hidden = _gelu(_dense(states, arrays, "lm_predictions.lm_head.dense"))
    hidden = _norm(hidden, arrays, "lm_predictions.lm_head.LayerNorm")
    table = arrays["deberta.embeddings.word_embeddings.weight"]
    expected = hidden @ table.T + arrays["lm_predictions.lm_head.bias"]
    found = load_model(folder, head="masked_lm")(inputs)["logits"]
    assert difference(found, expected, inputs["padding_mask"]) < 1e-5
    assert Encoder.from_preset(folder).count_params() == Deberta(**SMALL).count_params()


def test_bad_arguments_are_named(original):
    with pytest.raises(ValueError, match="kernel_size=4"):
        Deberta(**SMALL, convolution_size=4)
    with pytest.raises(ValueError, match="position_scores with p2p"):
        Deberta(**SMALL, position_scores=("c2p", "p2p"))
    with pytest.raises(ValueError, match="num_buckets=1"):
        Deberta(**SMALL, num_buckets=1)
    config = json.loads((original[0] / "config.json").read_text())
    (original[0] / "config.json").write_text(json.dumps({**config, "pos_att_type": "c2p|p2p"}))
    with pytest.raises(InputError, match="pos_att_type is 'c2p|p2p'"):
        Encoder.from_preset(original[0])
