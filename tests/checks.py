"""What every encoder must show; a family's test is a row of data that these functions take."""

import json
from pathlib import Path

import keras
import numpy as np
from safetensors.numpy import save_file

from keras_bert_suite import Encoder


def golden(family, folder):
    """Writes a golden's model as a Hugging Face folder; gives inputs, outputs and weights."""
    with np.load(Path(__file__).parent / "golden" / f"{family}.npz") as file:
        parts = {kind: {} for kind in ("weight", "input", "output")}
        for name in file.files:
            kind, _, rest = name.partition(":")
            if rest:
                parts[kind][rest] = file[name]
        (folder / "config.json").write_text(str(file["config"]))
    save_file(parts["weight"], folder / "model.safetensors")
    return parts["input"], parts["output"], parts["weight"]


def difference(found, expected, mask=None):
    """The largest absolute difference, at real tokens where a mask is given."""
    found, expected = np.asarray(found, "float64"), np.asarray(expected, "float64")
    apart = np.abs(found - expected)
    return float(apart[mask.astype(bool)].max() if mask is not None else apart.max())


def check_encoder(family, arguments, folder):
    """Shows that an encoder is right: parity, masks, saving, half precision, training.

    Args:
        family: the class.
        arguments: small arguments for it.
        folder: an empty folder.
    """
    name = family.model_type
    source = folder / "hf"
    source.mkdir()
    inputs, outputs, weights = golden(name, source)
    encoder = Encoder.from_preset(source)
    assert type(encoder) is family
    found = encoder(inputs)
    # 1e-5: ten times the rounding of float32 over two layers of this width.
    assert difference(found["sequence_output"], outputs["sequence_output"], inputs["padding_mask"]) < 1e-5
    assert difference(found["pooled_output"], outputs["pooled_output"]) < 1e-5

    _check_padding(encoder, inputs)
    _check_trace(encoder, inputs, found)
    _check_saving(encoder, inputs, found, weights, folder)
    _check_half(family, arguments, inputs)
    _check_training(family, arguments, inputs)


def _check_padding(encoder, inputs):
    changed = {key: np.array(value) for key, value in inputs.items()}
    changed["token_ids"] = np.where(inputs["padding_mask"], inputs["token_ids"], 7)
    wider = {key: np.pad(value, ((0, 0), (0, 5))) for key, value in changed.items()}
    time = inputs["token_ids"].shape[1]
    before = encoder(inputs)["sequence_output"]
    # Other shapes let the matrix products add in another order, which moves float32's last digits.
    after = np.asarray(encoder(wider)["sequence_output"])[:, :time]
    assert difference(after, before, inputs["padding_mask"]) < 1e-5


def _check_trace(encoder, inputs, found):
    trace = encoder.trace()(inputs)
    assert len(trace["blocks"]) == len(encoder.blocks)
    assert set(trace["blocks"][0]) == {"output", "query", "key", "value", "scores"}
    assert difference(trace["blocks"][-1]["output"], found["sequence_output"]) < 1e-6


def _check_saving(encoder, inputs, found, weights, folder):
    own, theirs, single = folder / "own", folder / "theirs", folder / "one.keras"
    encoder.save_preset(own)
    encoder.save_preset(theirs, format="huggingface")
    encoder.save(single)
    for again in (Encoder.from_preset(own), Encoder.from_preset(theirs), keras.models.load_model(single)):
        assert again.get_config() | {"name": ""} == encoder.get_config() | {"name": ""}
        assert difference(again(inputs)["sequence_output"], found["sequence_output"]) == 0
    from safetensors.numpy import load_file

    written = load_file(theirs / "model.safetensors")
    assert set(written) == set(weights)
    assert all(np.array_equal(written[name], weights[name]) for name in weights)
    assert json.loads((theirs / "config.json").read_text())["model_type"] == type(encoder).model_type


def _check_half(family, arguments, inputs):
    policy = keras.config.dtype_policy()
    for name in ("float16", "bfloat16"):
        keras.config.set_dtype_policy(name)
        try:
            found = family(**arguments)(inputs)
        finally:
            keras.config.set_dtype_policy(policy)
        assert np.isfinite(np.asarray(found["sequence_output"]).astype("float32")).all()


def _check_training(family, arguments, inputs):
    keras.utils.set_random_seed(0)
    encoder = family(**{**arguments, "dropout": 0.0})
    model = keras.Model(encoder.input, keras.layers.Dense(1)(encoder.output["pooled_output"]))
    model.compile(keras.optimizers.Adam(1e-2), "mse")
    targets = np.array([[1.0], [-1.0], [0.5]], "float32")
    losses = model.fit(inputs, targets, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
