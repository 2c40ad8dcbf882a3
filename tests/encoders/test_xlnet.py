"""XLNet's two streams and memory against transformers, and its original checkpoints."""

import json

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file

from keras_bert_suite import Encoder, InputError, heads, load_model
from keras_bert_suite.checkpoints.dialects import HUGGING_FACE
from keras_bert_suite.encoders import XLNet
from keras_bert_suite.layers import Trace, masked_softmax
from tests.checks import difference
from tests.references import Reference

SMALL = {"vocab_size": 50, "dim": 16, "num_layers": 2, "num_heads": 2, "feed_forward_dim": 24}
# Both sides compute in float32 here.
BOUND = 1e-5


@pytest.fixture
def folder(shared):
    return shared / "reference/xlnet"


@pytest.fixture
def expected(folder):
    return dict(np.load(folder / "expected_two_stream.npz"))


@pytest.fixture
def inputs(folder):
    return dict(np.load(folder / "inputs_two_stream.npz"))


def _features(inputs):
    names = {
        "token_ids": "input_ids",
        "segment_ids": "token_type_ids",
        "padding_mask": "attention_mask",
        "permutation_mask": "perm_mask",
        "target_mapping": "target_mapping",
    }
    return {ours: inputs[theirs] for ours, theirs in names.items()}


def _with_predictions(folder):
    """The encoder, and the layer of its logits."""
    encoder = Encoder.from_preset(folder)
    layer = heads.attach(encoder, "permutation_lm").get_layer("permutation_lm")
    layer.bias.assign(load_file(folder / "model.safetensors")["lm_loss.bias"])
    return encoder, layer


def test_two_streams(folder, inputs, expected):
    encoder, predict = _with_predictions(folder)
    features = _features(inputs)
    found = encoder.two_streams()(features)
    real = inputs["attention_mask"]
    assert difference(found["sequence_output"], expected["hidden_06"], real) < BOUND
    assert difference(found["query_output"], expected["hidden_07"]) < BOUND
    assert difference(predict(found["query_output"]), expected["two_stream_logits"]) < BOUND
    # Memory of the whole length is what each block read.
    kept = {**features, "memories": [np.zeros((2, 0, 36), "float32")] * 3}
    for i, content in enumerate(encoder.two_streams(memory_length=14)(kept)["memories"]):
        assert difference(content, expected[f"hidden_{2 * i:02}"], real) < BOUND


def test_attention_of_both_streams(folder, inputs, expected):
    encoder = Encoder.from_preset(folder)
    features = _features(inputs)
    content = encoder.embeddings(features["token_ids"])
    query = encoder.embeddings(features["token_ids"], target_mapping=features["target_mapping"])
    allowed = features["padding_mask"][:, None] * (1 - features["permutation_mask"])
    read = {"segment_ids": features["segment_ids"], "context": content}
    trace = Trace(encoder.blocks[0])
    for name, x, mask, more in (
        ("content", content, np.maximum(allowed, np.eye(14)), {}),
        ("query", query, allowed, {"target_mapping": features["target_mapping"]}),
    ):
        scores = trace(x, padding_mask=mask, **read, **more)["scores"]
        found = np.asarray(masked_softmax(scores, mask)).transpose(0, 2, 1, 3)
        theirs = expected[f"attention_first_{name}"].transpose(0, 2, 1, 3)
        assert difference(found, theirs, features["padding_mask"]) < BOUND


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes gradients through TensorFlow")
def test_gradients_through_both_streams(folder, inputs, expected):
    import tensorflow as tf

    encoder, predict = _with_predictions(folder)
    model, features = encoder.two_streams(), _features(inputs)
    with tf.GradientTape() as tape:
        logits = predict(model(features)["query_output"])
        losses = keras.ops.sparse_categorical_crossentropy(inputs["labels"], logits, from_logits=True)
        loss = keras.ops.mean(losses)
    assert abs(float(loss) - float(expected["two_stream_loss"])) < BOUND
    norms = json.loads((folder / "grad_norms_two_stream.json").read_text())
    variables = [*encoder.trainable_weights, predict.bias]
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        names = {**XLNet.weight_names, **XLNet.head_names}
        found = [place.name for place in HUGGING_FACE.candidates(variable.path, XLNet, names)]
        theirs = next(norms.pop(name) for name in found if name in norms)
        assert float(tf.linalg.global_norm([gradient])) == pytest.approx(theirs, rel=1e-4), variable.path
    assert not norms


def test_memory(folder, inputs, expected):
    encoder, predict = _with_predictions(folder)
    model = encoder.two_streams(memory_length=6)
    whole = np.ones((2, 14), "int32")
    features = {
        "segment_ids": 0 * whole,
        "padding_mask": whole,
        "permutation_mask": np.zeros((2, 14, 14), "int32"),
        "target_mapping": np.zeros((2, 0, 14), "float32"),
        "memories": [np.zeros((2, 0, 36), "float32")] * 3,
    }
    first = model({**features, "token_ids": inputs["segment1"]})
    assert difference(predict(first["sequence_output"]), expected["mem_segment1_logits"]) < BOUND
    for i, memory in enumerate(first["memories"]):
        theirs = expected[f"mems_after_segment1_{i:02}"].transpose(1, 0, 2)
        assert difference(memory, theirs) < BOUND
    memories = [np.asarray(memory) for memory in first["memories"]]
    second = model({**features, "token_ids": inputs["segment2"], "memories": memories})
    assert difference(predict(second["sequence_output"]), expected["mem_segment2_logits"]) < BOUND


def test_one_stream_is_the_content_stream():
    encoder = XLNet(**SMALL)
    generator = np.random.default_rng(0)
    features = {
        "token_ids": generator.integers(0, 50, (3, 7)).astype("int32"),
        "segment_ids": generator.integers(0, 2, (3, 7)).astype("int32"),
        "padding_mask": (np.arange(7) >= [[0], [2], [4]]).astype("int32"),
    }
    streams = {"permutation_mask": np.zeros((3, 7, 7), "int32"), "target_mapping": np.zeros((3, 1, 7), "float32")}
    found = encoder.two_streams()({**features, **streams})["sequence_output"]
    assert difference(found, encoder(features)["sequence_output"]) < 1e-6


def test_a_prediction_does_not_read_its_own_token():
    encoder = XLNet(**SMALL)
    order = np.array([2, 0, 3, 1])  # when each place is predicted
    features = {
        "token_ids": np.array([[1, 2, 3, 4]], "int32"),
        "segment_ids": np.zeros((1, 4), "int32"),
        "padding_mask": np.ones((1, 4), "int32"),
        "permutation_mask": (order[:, None] <= order)[None].astype("int32"),
        "target_mapping": np.eye(4, dtype="float32")[None],
    }
    model = encoder.two_streams()
    before = np.asarray(model(features)["query_output"])[0]
    after = np.asarray(model({**features, "token_ids": np.array([[1, 2, 3, 9]], "int32")})["query_output"])[0]
    changed = np.abs(after - before).max(-1) > 1e-6
    # The second place is the first of the order: nothing to read, so its softmax is even over all.
    assert list(changed[[0, 2, 3]]) == [True, True, False]


def _write_original(folder, target, tied):
    """The reference's weights as an original checkpoint: its names, with stacked arrays."""
    import tensorflow as tf

    arrays = load_file(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    layers = range(config["n_layer"])

    def stack(name, shared):
        found = [arrays[f"transformer.layer.{i}.rel_attn.{name}"] for i in layers]
        return found[0] if shared else np.stack(found)

    ours = {
        "word_embedding/lookup_table": arrays["transformer.word_embedding.weight"],
        "mask_emb/mask_emb": arrays["transformer.mask_emb"],
        **{name: stack(name, tied) for name in ("r_w_bias", "r_r_bias", "r_s_bias")},
        "seg_embed": stack("seg_embed", False),
    }
    for i in layers:
        theirs = f"transformer.layer.{i}."
        for name in "qkvro":
            ours[f"layer_{i}/rel_attn/{name}/kernel"] = arrays[f"{theirs}rel_attn.{name}"]
        for part in ("rel_attn", "ff"):
            ours[f"layer_{i}/{part}/LayerNorm/gamma"] = arrays[f"{theirs}{part}.layer_norm.weight"]
            ours[f"layer_{i}/{part}/LayerNorm/beta"] = arrays[f"{theirs}{part}.layer_norm.bias"]
        for name in ("layer_1", "layer_2"):
            ours[f"layer_{i}/ff/{name}/kernel"] = arrays[f"{theirs}ff.{name}.weight"].T
            ours[f"layer_{i}/ff/{name}/bias"] = arrays[f"{theirs}ff.{name}.bias"]
    names = {f"model/transformer/{name}": array for name, array in ours.items()}
    names["model/lm_loss/bias"] = arrays["lm_loss.bias"]
    names["global_step"] = np.array(7)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, array in names.items():
            tf.compat.v1.get_variable(name, initializer=array)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(target / "xlnet_model.ckpt"), write_meta_graph=False)
    fields = {name: config[name] for name in ("n_layer", "d_model", "n_head", "d_head", "d_inner")}
    fields.update(ff_activation="gelu", n_token=config["vocab_size"], untie_r=not tied)
    (target / "xlnet_config.json").write_text(json.dumps(fields))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="reads a TensorFlow checkpoint")
def test_original_checkpoint(folder, tmp_path):
    _write_original(folder, tmp_path, tied=False)
    reference = Reference.open(folder)
    # "gelu" is the tanh form there; the reference's arrays are of a model with the exact one.
    assert Encoder.from_preset(tmp_path).get_config()["activation"] == "gelu_tanh"
    encoder = Encoder.from_preset(tmp_path, activation="gelu_erf")
    trace = encoder.trace()(reference.features(encoder.input))
    for i, block in enumerate(trace["blocks"]):
        assert difference(block["output"], reference.expected[f"hidden_state_{i + 1:02}"], reference.mask) < BOUND
    model = load_model(tmp_path, head="permutation_lm", activation="gelu_erf")
    found = model(reference.features(model.input))["logits"]
    assert difference(found, reference.logits("mlm")["logits"], reference.mask) < BOUND
    written = {variable.path: variable for variable in Encoder.from_preset(folder).weights}
    assert all(np.array_equal(variable, written[variable.path]) for variable in encoder.weights)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="reads a TensorFlow checkpoint")
def test_original_checkpoint_with_one_bias_for_all_blocks(folder, tmp_path):
    _write_original(folder, tmp_path, tied=True)
    arrays = load_file(folder / "model.safetensors")
    for i, block in enumerate(Encoder.from_preset(tmp_path).blocks):
        attention = block.attention
        assert np.array_equal(attention.content_bias, arrays["transformer.layer.0.rel_attn.r_w_bias"])
        assert np.array_equal(attention.segment, arrays[f"transformer.layer.{i}.rel_attn.seg_embed"])


def test_causal_attention_is_refused(folder, tmp_path):
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "attn_type": "uni"}))
    with pytest.raises(InputError, match='attn_type is "uni"'):
        Encoder.from_preset(tmp_path, load_weights=False)
