"""Every family against transformers: hidden states, attention, each head's logits, loss and gradient."""

import json
import os
import shutil

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_bert_suite import Encoder, InputError, load_model
from keras_bert_suite.layers import Pool, UnitNorm, masked_softmax
from tests.checks import difference
from tests.conftest import SHARED
from tests.references import BY_TOKEN, HEADS, Reference

FOLDERS = sorted(path.parent.name for path in (SHARED / "data/reference").glob("*/model.safetensors"))
# JAX on a CPU sums in another order; the design allows it twice the difference.
LOOSER = 2.0 if keras.backend.backend() == "jax" else 1.0


def _heads(name):
    return [(name, tag) for tag in Reference.open(SHARED / "data/reference" / name).tags()]


@pytest.fixture(params=FOLDERS)
def reference(request):
    return Reference.open(SHARED / "data/reference" / request.param)


def _report(place, **found):
    """Keeps what was found where `KBS_REPORT` names a file: the table of differences is made of it."""
    if path := os.environ.get("KBS_REPORT"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"place": place, **found}) + "\n")


def test_hidden_states_and_attention(reference):
    encoder = Encoder.from_preset(reference.folder)
    found, expected, mask = encoder.trace()(reference.features(encoder.input)), reference.expected, reference.mask
    hidden = [found["embeddings"], *(block["output"] for block in found["blocks"])]
    if encoder.norm is not None:
        hidden[-1] = found["sequence_output"]
    apart = [_apart(states, expected[f"hidden_state_{i:02}"], mask) for i, states in enumerate(hidden)]
    apart.append(difference(found["sequence_output"], expected["last_hidden_state"], mask))
    if "pooled_output" in found and "pooler_output" in expected:
        apart.append(difference(found["pooled_output"], expected["pooler_output"]))
    for block, name in ((0, "attention_first"), (-1, "attention_last")):
        if name in expected:
            attention = np.asarray(masked_softmax(found["blocks"][block]["scores"], mask))
            rows = attention.transpose(0, 2, 1, 3), expected[name].transpose(0, 2, 1, 3)
            apart.append(difference(*rows, mask))
    _report(reference.folder.name, hidden=max(apart), bound=reference.bound("base"))
    assert max(apart) < LOOSER * reference.bound("base")


def _apart(found, expected, mask):
    """The difference at real tokens; of a pooled sequence, whose mask is another, where there is no padding."""
    if expected.shape[1] == mask.shape[1]:
        return difference(found, expected, mask)
    whole = mask.all(axis=1)
    return difference(np.asarray(found)[whole], expected[whole])


@pytest.mark.parametrize(("name", "tag"), [row for name in FOLDERS for row in _heads(name)])
def test_heads(name, tag, tmp_path):
    reference = Reference.open(SHARED / "data/reference" / name)
    model = load_model(reference.with_head(tag, tmp_path), head=HEADS[tag])
    features = reference.features(model.input, choices=tag == "mc")
    mask = reference.mask if HEADS[tag] in BY_TOKEN else None
    place = "pre" if tag in ("nsp", "sop") else tag
    apart = max(difference(logits, reference.logits(tag)[key], mask) for key, logits in model(features).items())
    _report(name, head=tag, logits=apart, bound=reference.bound(place))
    assert apart < LOOSER * reference.bound(place)
    if tag in ("nsp", "sop") or keras.backend.backend() != "tensorflow":
        return  # transformers gives their loss and gradient only added to those of masked LM
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = reference.loss(tag, model(features))
    weights = model.trainable_weights
    gradients = [
        _without_padding(gradient, variable.path, reference)
        for variable, gradient in zip(weights, tape.gradient(loss, weights), strict=True)
        if gradient is not None
    ]
    norm, expected = float(tf.linalg.global_norm(gradients)), reference.meta["grad_norm_total"][tag]
    _report(name, head=tag, loss=abs(float(loss) - float(reference.expected[f"{tag}_loss"])), norm=norm / expected - 1)
    assert abs(float(loss) - float(reference.expected[f"{tag}_loss"])) < reference.bound(tag)
    assert abs(norm / expected - 1) < 1e-4


def _without_padding(gradient, path, reference):
    """A gradient without what looking up padding adds: torch keeps the row of `padding_idx` as it is.

    It matters where a loss reads padded places, as that of question answering does.
    """
    import tensorflow as tf

    gradient_of_lookup = isinstance(gradient, tf.IndexedSlices)
    gradient = tf.convert_to_tensor(gradient)
    config = json.loads((reference.folder / "config.json").read_text())
    pad_id = config.get("pad_token_id")
    counted = "position" in path and config["model_type"] in ("roberta", "xlm-roberta", "mpnet")
    if config["model_type"] == "xlnet":  # whose table has no padding_idx
        return gradient
    if not gradient_of_lookup or pad_id is None or not ("token/" in path or counted):
        return gradient
    return gradient * tf.reshape(tf.cast(tf.range(gradient.shape[0]) != pad_id, gradient.dtype), (-1, 1))


@pytest.mark.parametrize("head", ["masked_lm", "next_sentence"])
# Google's files say "gelu" and mean the tanh form; BERT's arrays here are of a model with the exact one.
@pytest.mark.parametrize(("name", "overrides"), [("bert", {"activation": "gelu_erf"}), ("mobilebert", {})])
def test_original_names(head, name, overrides, shared):
    pytest.importorskip("tensorflow", reason="TensorFlow reads its own checkpoints")
    reference = Reference.open(shared / "reference" / name)
    model = load_model(shared / f"reference_tf1/{name}-hfweights", head=head, **overrides)
    tag, mask = ("mlm", reference.mask) if head == "masked_lm" else ("nsp", None)
    found = model(reference.features(model.input))["logits"]
    assert difference(found, reference.logits(tag)["logits"], mask) < reference.bound("mlm")


def _tf1(folder):
    inputs, expected = (dict(np.load(folder / f"{name}.npz")) for name in ("inputs", "expected"))
    names = {"token_ids": "input_ids", "segment_ids": "token_type_ids", "padding_mask": "attention_mask"}
    return {ours: inputs[theirs] for ours, theirs in names.items()}, inputs["masked_lm_positions"], expected


@pytest.mark.parametrize(("name", "pair_head"), [("bert", "next_sentence"), ("albert", "sentence_order")])
def test_original_tensorflow_checkpoint(name, pair_head, shared):
    pytest.importorskip("tensorflow", reason="TensorFlow reads its own checkpoints")
    folder = shared / "reference_tf1" / name
    features, positions, expected = _tf1(folder)
    found = Encoder.from_preset(folder).trace()(features)
    mask = features["padding_mask"]
    for i, block in enumerate(found["blocks"]):
        assert difference(block["output"], expected[f"layer_{i:02}"], mask) < 1e-5
    assert difference(found["pooled_output"], expected["pooled_output"]) < 1e-5
    logits = np.asarray(load_model(folder, head="masked_lm")(features)["logits"])
    chosen = np.take_along_axis(logits, positions[..., None], 1)
    assert difference(chosen.reshape(-1, logits.shape[-1]), expected["mlm_logits_at_positions"]) < 1e-5
    logits = load_model(folder, head=pair_head)(features)["logits"]
    assert difference(logits, expected["seq_relationship_logits"]) < 1e-5


def test_original_electra(shared):
    pytest.importorskip("tensorflow", reason="TensorFlow reads its own checkpoints")
    folder = shared / "reference_tf1/electra"
    features, positions, expected = _tf1(folder)
    mask = features["padding_mask"]
    found = Encoder.from_preset(folder).trace()(features)
    for i, block in enumerate(found["blocks"]):
        assert difference(block["output"], expected[f"discriminator_layer_{i:02}"], mask) < 1e-5
    logits = load_model(folder, head="replaced_token")(features)["logits"]
    assert difference(logits, expected["discriminator_logits"], mask) < 1e-5
    logits = np.asarray(load_model(folder, head="masked_lm")(features)["logits"])
    chosen = np.take_along_axis(logits, positions[..., None], 1)
    assert difference(chosen.reshape(-1, logits.shape[-1]), expected["generator_mlm_logits_at_positions"]) < 1e-5


def test_real_weights(minilm, shared):
    expected = dict(np.load(shared / "reference/minilm-sentence-embeddings/expected.npz"))
    encoder = Encoder.from_preset(minilm)
    names = {"token_ids": "input_ids", "segment_ids": "token_type_ids", "padding_mask": "attention_mask"}
    found = encoder.trace()({ours: expected[theirs] for ours, theirs in names.items()})
    mask = expected["attention_mask"][:6]
    hidden = [found["embeddings"], *(block["output"] for block in found["blocks"])]
    for i in (0, 1, 6):
        assert difference(np.asarray(hidden[i])[:6], expected[f"hidden_state_{i:02}"], mask) < 1e-5
    assert difference(found["pooled_output"], expected["pooler_output"]) < 1e-5
    vectors = UnitNorm()(Pool("mean")(found["sequence_output"], expected["attention_mask"]))
    assert difference(vectors, expected["embeddings_normalised"][:12]) < 1e-5


def test_each_fault_is_named(shared, tmp_path):
    folder = shared / "reference/bert"
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


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("model_type", "llama", "supported are"),
        ("hidden_act", "swoosh", "hidden_act is 'swoosh'; supported are"),
        ("position_embedding_type", "relative_key", 'position_embedding_type is "relative_key"'),
    ],
)
def test_a_config_that_is_not_supported_is_named(field, value, message, shared, tmp_path):
    folder = shared / "reference/bert"
    shutil.copy(folder / "model.safetensors", tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, field: value}))
    with pytest.raises(InputError, match=message):
        Encoder.from_preset(tmp_path)


def test_sizes_without_published_weights_are_named():
    with pytest.raises(InputError, match="No weights are published under 'mobilebert_tiny_en_uncased'"):
        Encoder.from_preset("mobilebert_tiny_en_uncased")
