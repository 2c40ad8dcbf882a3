"""Rows of several sequences: each is read as it is alone, whatever stands beside it."""

import json

import keras
import numpy as np
import pytest

from keras_bert_suite import Bert, Encoder, InputError, Xlm, XLNet
from keras_bert_suite.encoders import FAMILIES
from keras_bert_suite.layers import Embeddings, EncoderBlock, FeedForward, SelfAttention
from keras_bert_suite.objectives import MaskedLM, attach
from tests.checks import difference, golden

# Families that do not read packed rows, with the reason.
NOT_PACKED = {
    "convbert": "its convolution reads over the end of a sequence",
    "deberta-v2": "the convolution of its first block, which this golden has, does",
    "fnet": "its transform has no mask",
    "funnel": "its pooling joins neighbours",
    "mobilebert": "its embeddings join neighbours",
}
PACKED = sorted({family.model_type for family in FAMILIES.values()} - set(NOT_PACKED))
# The same numbers in another order of sums, over blocks of this width.
BOUND = 1e-5


def packed(inputs, pad_id=0, extra=2):
    """Rows of single sequences as one row, with some padding behind."""
    sizes = inputs["padding_mask"].sum(1)
    real = inputs["padding_mask"].astype(bool)
    row = {name: np.pad(array[real], (0, extra))[None] for name, array in inputs.items()}
    row["token_ids"][0, len(row["token_ids"][0]) - extra :] = pad_id
    row["sequence_ids"] = np.pad(np.repeat(np.arange(len(sizes)) + 1, sizes), (0, extra))[None].astype("int32")
    row["positions"] = np.pad(np.concatenate([np.arange(n) for n in sizes]), (0, extra))[None].astype("int32")
    return row


@pytest.mark.parametrize("name", PACKED)
def test_a_packed_sequence_is_as_alone(name, tmp_path):
    inputs, outputs, _ = golden(name, tmp_path)
    encoder = Encoder.from_preset(tmp_path)
    if name == "xlnet":
        # The clamped distances of this golden are those of the row, as all of them are.
        assert encoder.get_config()["clamp_length"] == 5
    real = inputs["padding_mask"].astype(bool)
    pad_id = getattr(encoder.embeddings, "pad_id", None) or 0
    second = encoder.for_rows("packed")
    row = packed(inputs, pad_id)
    found = second({name: row[name] for name in second.input})
    assert set(found) == {"sequence_output"}
    assert difference(found["sequence_output"][0, :-2], outputs["sequence_output"][real]) < BOUND
    # The other order of the sequences gives the same.
    turned = packed({name: array[::-1] for name, array in inputs.items()}, pad_id)
    again = second({name: turned[name] for name in second.input})["sequence_output"]
    assert difference(again[0, :-2], outputs["sequence_output"][::-1][real[::-1]]) < BOUND
    assert {id(weight) for weight in second.weights} == {id(weight) for weight in encoder.weights}
    trace = second.trace()({name: row[name] for name in second.input})
    assert difference(trace["sequence_output"], found["sequence_output"]) < 1e-6


@pytest.mark.parametrize("name", sorted(NOT_PACKED))
def test_who_cannot_says_so(name, tmp_path):
    golden(name, tmp_path)
    with pytest.raises(InputError, match="cannot tell the sequences of a row apart"):
        Encoder.from_preset(tmp_path).for_rows("packed")


def small(family, **more):
    sizes = {"vocab_size": 30, "dim": 16, "num_layers": 2, "num_heads": 2, "max_length": 16}
    return family(**sizes, dropout=0.0, attention_dropout=0.0, **more)


def test_loss_and_gradient_are_those_of_single_rows():
    keras.utils.set_random_seed(0)
    rng, encoder = np.random.default_rng(0), small(Bert)
    mask = (np.arange(8) < np.array([[8], [5], [3]])).astype("int32")
    inputs = {
        "token_ids": rng.integers(5, 30, mask.shape).astype("int32") * mask,
        "padding_mask": mask,
        "segment_ids": (np.arange(8) > 2).astype("int32") * mask,
    }
    hidden = {
        "masked_positions": np.array([[1, 6], [2, 3], [1, 0]], "int32"),
        "masked_ids": rng.integers(0, 30, (3, 2)).astype("int32"),
        "masked_weights": np.array([[1, 1], [1, 1], [1, 0]], "float32"),
    }
    row = packed(inputs)
    starts = np.array([[0], [8], [13]])
    joined = {
        "masked_positions": (hidden["masked_positions"] + starts).reshape(1, -1),
        "masked_ids": hidden["masked_ids"].reshape(1, -1),
        "masked_weights": hidden["masked_weights"].reshape(1, -1),
    }

    one = attach(encoder, [MaskedLM()])
    two = attach(encoder.for_rows("packed"), [MaskedLM()])
    head = {weight.path: weight for weight in one.get_layer("masked_lm").weights}
    for weight in two.get_layer("masked_lm").weights:
        weight.assign(head[weight.path])
    tf = pytest.importorskip("tensorflow")
    found = {}
    for model, batch in ((one, {**inputs, **hidden}), (two, {**row, **joined})):
        with tf.GradientTape() as tape:
            outputs = model({name: batch[name] for name in model.input})
            loss = model.total(model.sums(outputs, batch, model.totals(batch)))
        variables = encoder.trainable_variables
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        found[model] = float(loss), [g for g in gradients if g is not None], [g is None for g in gradients]
    assert found[one][0] == pytest.approx(found[two][0], rel=BOUND)
    assert found[one][2] == found[two][2]
    for first, second in zip(found[one][1], found[two][1], strict=True):
        first, second = tf.convert_to_tensor(first), tf.convert_to_tensor(second)
        assert difference(first, second) < BOUND


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_does_not_leak(dtype):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        encoder = small(Bert, num_segments=1).for_rows("packed")
    finally:
        keras.config.set_dtype_policy(policy)
    ids = np.arange(5, 21, dtype="int32")[None]
    row = {
        "token_ids": ids,
        "padding_mask": np.ones_like(ids),
        "sequence_ids": (1 + (np.arange(16) > 8)).astype("int32")[None],
        "positions": np.array([[*range(9), *range(7)]], "int32"),
    }
    other = {**row, "token_ids": np.where(row["sequence_ids"] == 2, 29, ids).astype("int32")}
    found, changed = (keras.ops.convert_to_numpy(encoder(x)["sequence_output"][:, :9]) for x in (row, other))
    assert np.array_equal(found, changed)


def test_it_is_saved_as_the_encoder_that_it_is_of(tmp_path):
    encoder = small(Bert)
    encoder.for_rows("packed").save_preset(tmp_path / "packed")
    encoder.save_preset(tmp_path / "plain")
    first, second = (json.loads((tmp_path / name / "config.json").read_text()) for name in ("packed", "plain"))
    assert first == second
    assert set(Encoder.from_preset(tmp_path / "packed").input) == set(encoder.input)


def test_a_composed_encoder_reads_them_too():
    block = EncoderBlock(SelfAttention(2, name="attention"), FeedForward(16, name="feed_forward"), name="block")
    encoder = Encoder(Embeddings(20, 8, num_segments=1, name="embeddings"), [block] * 2).for_rows("packed")
    assert list(encoder.input) == ["token_ids", "positions", "sequence_ids", "padding_mask"]


@pytest.mark.parametrize("family", [Bert, Xlm])
def test_positions_of_parallel_lines_begin_anew(family):
    keras.utils.set_random_seed(0)
    encoder = small(family, **({"num_languages": 2} if family is Xlm else {}))
    second = encoder.for_rows("parallel_lines")
    ids = np.random.default_rng(0).integers(5, 30, (2, 9)).astype("int32")
    row = {
        "token_ids": ids,
        "padding_mask": np.ones_like(ids),
        "segment_ids": np.zeros_like(ids),
        "language_ids": (np.arange(9) > 4).astype("int32")[None].repeat(2, 0),
        "positions": np.arange(9, dtype="int32")[None].repeat(2, 0),
    }

    def states(model, batch):
        return np.asarray(model({name: batch[name] for name in model.input})["sequence_output"])

    # Positions that count on are those that an encoder counts itself.
    assert difference(states(second, row), states(encoder, row)) < BOUND
    anew = {**row, "positions": np.array([[0, 1, 2, 3, 4, 0, 1, 2, 3]] * 2, "int32")}
    assert difference(states(second, anew), states(encoder, row)) > 1e-3
    # A text and its translation read each other: in the other order each token is the same.
    order = [5, 6, 7, 8, 0, 1, 2, 3, 4]
    turned = {name: array[:, order] for name, array in anew.items()}
    assert difference(states(second, turned), states(second, anew)[:, order]) < BOUND


def test_distances_have_no_beginning_anew():
    with pytest.raises(InputError, match="XLNet does not read rows of the form parallel_lines: its block_0"):
        XLNet(vocab_size=30, dim=16, num_layers=1, num_heads=2, feed_forward_dim=32).for_rows("parallel_lines")
