"""Every reference of BERT: hidden states, attention, each head, gradients; Hugging Face, TF1, the real MiniLM."""

import json
import shutil

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_bert_suite import Encoder, InputError, load_model
from keras_bert_suite.layers import Pool, UnitNorm, masked_softmax
from tests.checks import difference

HEADS = {"classification": ("seqcls", 3), "token_classification": ("tokcls", 5), "question_answering": ("qa", 2),
         "multiple_choice": ("mc", 1)}  # fmt: skip


@pytest.fixture(scope="module")
def reference(shared):
    folder = shared / "reference/bert"
    inputs = dict(np.load(folder / "inputs.npz"))
    meta = json.loads((folder / "meta.json").read_text())
    return folder, inputs, dict(np.load(folder / "expected.npz")), meta


def features(inputs, prefix=""):
    names = {"token_ids": "input_ids", "segment_ids": "token_type_ids", "padding_mask": "attention_mask"}
    return {ours: inputs[prefix + theirs] for ours, theirs in names.items()}


def bound(meta, tag):
    """1e-5, or three times what float32 itself is off there."""
    return max(1e-5, 3 * meta["f32_vs_f64_max_abs"][tag])


def folder_with_head(reference, tag, labels, tmp_path):
    folder = reference[0]
    arrays = {k: v for k, v in load_file(folder / "model.safetensors").items() if not k.startswith("cls.")}
    heads = load_file(folder / "heads.safetensors")
    arrays.update({k.removeprefix(f"{tag}."): v for k, v in heads.items() if k.startswith(f"{tag}.")})
    save_file(arrays, tmp_path / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {str(i): str(i) for i in range(labels)}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


def test_hidden_states_and_attention(reference):
    folder, inputs, expected, meta = reference
    found = Encoder.from_preset(folder).trace()(features(inputs))
    mask = inputs["attention_mask"]
    hidden = [found["embeddings"], *(block["output"] for block in found["blocks"])]
    for i, states in enumerate(hidden):
        assert difference(states, expected[f"hidden_state_{i:02}"], mask) < bound(meta, "base")
    assert difference(found["pooled_output"], expected["pooler_output"]) < bound(meta, "base")
    for block, name in ((0, "first"), (-1, "last")):
        attention = np.asarray(masked_softmax(found["blocks"][block]["scores"], mask))
        rows = attention.transpose(0, 2, 1, 3), expected[f"attention_{name}"].transpose(0, 2, 1, 3)
        assert difference(*rows, mask) < bound(meta, "base")


@pytest.mark.parametrize("head", HEADS)
def test_heads(head, reference, tmp_path):
    _, inputs, expected, meta = reference
    tag, labels = HEADS[head]
    model = load_model(folder_with_head(reference, tag, labels, tmp_path), head=head)
    found = model(features(inputs, "mc_" if tag == "mc" else ""))
    mask = inputs["attention_mask"] if head in ("token_classification", "question_answering") else None
    for name, logits in found.items():
        assert difference(logits, expected[f"{tag}_{name}"], mask) < bound(meta, tag)


@pytest.mark.parametrize("place", ["reference/bert", "reference_tf1/bert-hfweights"])
def test_pre_training_heads(place, reference, shared):
    _, inputs, expected, meta = reference
    # Google's files say "gelu" and mean the tanh form; these arrays are of a model with the exact one.
    arguments = {"activation": "gelu_erf"}
    logits = load_model(shared / place, head="masked_lm", **arguments)(features(inputs))["logits"]
    assert difference(logits, expected["mlm_logits"], inputs["attention_mask"]) < bound(meta, "mlm")
    logits = load_model(shared / place, head="next_sentence", **arguments)(features(inputs))["logits"]
    assert difference(logits, expected["pre_seq_relationship_logits"]) < bound(meta, "pre")


def test_masked_lm_gradients(reference):
    folder, inputs, _, meta = reference
    import tensorflow as tf

    model = load_model(folder, head="masked_lm")
    labels = inputs["mlm_labels"]
    with tf.GradientTape() as tape:
        logits = model(features(inputs))["logits"]
        losses = keras.ops.sparse_categorical_crossentropy(np.maximum(labels, 0), logits, from_logits=True)
        loss = tf.reduce_sum(losses * (labels >= 0)) / np.sum(labels >= 0)
    # The pooler has no part in this loss, and so no gradient.
    gradients = [g for g in tape.gradient(loss, model.trainable_weights) if g is not None]
    total = float(tf.linalg.global_norm([tf.convert_to_tensor(g) for g in gradients]))
    assert abs(total / meta["grad_norm_total"]["mlm"] - 1) < 1e-4


def test_original_tensorflow_checkpoint(shared):
    folder = shared / "reference_tf1/bert"
    inputs, expected = (dict(np.load(folder / f"{name}.npz")) for name in ("inputs", "expected"))
    found = Encoder.from_preset(folder).trace()(features(inputs))
    mask = inputs["attention_mask"]
    for i, block in enumerate(found["blocks"]):
        assert difference(block["output"], expected[f"layer_{i:02}"], mask) < 1e-5
    assert difference(found["pooled_output"], expected["pooled_output"]) < 1e-5
    logits = np.asarray(load_model(folder, head="masked_lm")(features(inputs))["logits"])
    chosen = np.take_along_axis(logits, inputs["masked_lm_positions"][..., None], 1)
    assert difference(chosen.reshape(-1, logits.shape[-1]), expected["mlm_logits_at_positions"]) < 1e-5
    logits = load_model(folder, head="next_sentence")(features(inputs))["logits"]
    assert difference(logits, expected["seq_relationship_logits"]) < 1e-5


def test_real_weights(minilm, shared):
    expected = dict(np.load(shared / "reference/minilm-sentence-embeddings/expected.npz"))
    encoder = Encoder.from_preset(minilm)
    found = encoder.trace()(features(expected))
    mask = expected["attention_mask"][:6]
    hidden = [found["embeddings"], *(block["output"] for block in found["blocks"])]
    for i in (0, 1, 6):
        assert difference(np.asarray(hidden[i])[:6], expected[f"hidden_state_{i:02}"], mask) < 1e-5
    assert difference(found["pooled_output"], expected["pooler_output"]) < 1e-5
    vectors = UnitNorm()(Pool("mean")(found["sequence_output"], expected["attention_mask"]))
    assert difference(vectors, expected["embeddings_normalised"][:12]) < 1e-5


def test_each_fault_is_named(reference, tmp_path):
    folder = reference[0]
    arrays = load_file(folder / "model.safetensors")
    arrays.pop("bert.encoder.layer.1.output.dense.bias")
    arrays["bert.encoder.layer.7.strange.weight"] = np.zeros(3, "float32")
    arrays["bert.pooler.dense.bias"] = np.zeros(7, "float32")
    save_file(arrays, tmp_path / "model.safetensors")
    shutil.copy(folder / "config.json", tmp_path)
    with pytest.raises(InputError) as error:
        Encoder.from_preset(tmp_path)
    for part in ("1 missing: encoder.layer.1.output.dense.bias", "1 misshapen: bert.pooler.dense.bias",
                 "1 unused: bert.encoder.layer.7.strange.weight"):  # fmt: skip
        assert part in str(error.value)
