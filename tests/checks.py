"""What every encoder must show; a family's test is a golden, a row of data, that these functions take."""

import json
from pathlib import Path

import keras
import numpy as np
from safetensors.numpy import load_file, save_file

from keras_bert_suite import Encoder
from keras_bert_suite.checkpoints import presets, table

GOLDEN = Path(__file__).parent / "golden"


def golden(name, folder):
    """Writes a golden's model as a Hugging Face folder; gives inputs, outputs and weights."""
    with np.load(GOLDEN / f"{name}.npz") as file:
        parts = {kind: {} for kind in ("weight", "input", "output")}
        for key in file.files:
            kind, _, rest = key.partition(":")
            if rest:
                parts[kind][rest] = file[key]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(str(file["config"]))
    save_file(parts["weight"], folder / "model.safetensors")
    return parts["input"], parts["output"], parts["weight"]


def difference(found, expected, mask=None):
    """The largest absolute difference, at real tokens where a mask is given."""
    found, expected = np.asarray(found, "float64"), np.asarray(expected, "float64")
    apart = np.abs(found - expected)
    return float(apart[mask.astype(bool)].max() if mask is not None else apart.max())


def cosine(found, expected, mask):
    """The cosine between all the vectors of real tokens, as one vector."""
    found, expected = (np.asarray(x).astype("float64")[mask.astype(bool)].ravel() for x in (found, expected))
    return float(found @ expected / np.linalg.norm(found) / np.linalg.norm(expected))


def check_encoder(name, folder, masked=True):
    """Shows that an encoder is right: parity, masks, saving, half precision, training.

    Args:
        name: of the golden.
        folder: an empty folder.
        masked: whether padding leaves real tokens as they are.

    Returns:
        The encoder.
    """
    inputs, outputs, weights = golden(name, folder / "hf")
    encoder = Encoder.from_preset(folder / "hf")
    found = encoder(inputs)
    # 1e-5: ten times the rounding of float32 over blocks of this width.
    assert difference(found["sequence_output"], outputs["sequence_output"], inputs["padding_mask"]) < 1e-5
    if "pooled_output" in outputs:
        assert difference(found["pooled_output"], outputs["pooled_output"]) < 1e-5
    if masked:
        _check_padding(encoder, inputs)
    _check_trace(encoder, inputs, found)
    rows = table.layer_rows(encoder, presets.open_source(folder / "hf"))
    assert sum(int(row[3].replace(",", "")) for row in rows) == encoder.count_params()
    _check_saving(encoder, inputs, found, weights, folder)
    _check_half(encoder, inputs, found)
    _check_training(encoder, inputs)
    return encoder


def _check_padding(encoder, inputs):
    wider = {key: np.pad(value, ((0, 0), (0, 5))) for key, value in inputs.items()}
    time, pad_id = inputs["token_ids"].shape[1], getattr(encoder.embeddings, "pad_id", None)
    # Where positions count real tokens, padding must be padding; elsewhere any id does.
    wider["token_ids"] = np.where(wider["padding_mask"], wider["token_ids"], 7 if pad_id is None else pad_id)
    before = encoder(inputs)["sequence_output"]
    # Other shapes let the matrix products add in another order, which moves float32's last digits.
    after = np.asarray(encoder(wider)["sequence_output"])[:, :time]
    assert difference(after, before, inputs["padding_mask"]) < 1e-5


def _check_trace(encoder, inputs, found):
    trace = encoder.trace()(inputs)
    assert len(trace["blocks"]) == len(encoder.blocks)
    assert all("output" in block for block in trace["blocks"])
    assert difference(trace["sequence_output"], found["sequence_output"]) < 1e-6


def _check_saving(encoder, inputs, found, weights, folder):
    own, theirs, single = folder / "own", folder / "theirs", folder / "one.keras"
    encoder.save_preset(own)
    encoder.save_preset(theirs, format="huggingface")
    encoder.save(single)
    for again in (Encoder.from_preset(own), Encoder.from_preset(theirs), keras.models.load_model(single)):
        assert again.get_config() | {"name": ""} == encoder.get_config() | {"name": ""}
        assert difference(again(inputs)["sequence_output"], found["sequence_output"]) == 0
    written = load_file(theirs / "model.safetensors")
    kept = {name for name in weights if name in written}
    assert kept == set(written)
    # What is left out is a buffer or a copy, which the family names.
    assert all(any(part in name for part in ("position_ids", "decoder", "pooler")) for name in set(weights) - kept)
    assert all(np.array_equal(written[name], weights[name]) for name in written)
    assert json.loads((theirs / "config.json").read_text())["model_type"] == type(encoder).model_type


def _check_half(encoder, inputs, found):
    policy = keras.config.dtype_policy()
    for name in ("float16", "bfloat16"):
        keras.config.set_dtype_policy(name)
        try:
            half = type(encoder).from_config(encoder.get_config())
        finally:
            keras.config.set_dtype_policy(policy)
        for variable, value in zip(half.weights, encoder.weights, strict=True):
            variable.assign(keras.ops.cast(value, variable.dtype))
        states = keras.ops.convert_to_numpy(keras.ops.cast(half(inputs)["sequence_output"], "float32"))
        assert np.isfinite(states[inputs["padding_mask"].astype(bool)]).all()
        apart = cosine(states, found["sequence_output"], inputs["padding_mask"])
        assert apart > 0.999, f"{name}: {apart}"


def _check_training(encoder, inputs):
    keras.utils.set_random_seed(0)
    encoder = type(encoder).from_config(encoder.get_config())
    output = keras.layers.Dense(1)(encoder.output["sequence_output"][:, 0])
    model = keras.Model(encoder.input, output)
    model.compile(keras.optimizers.Adam(3e-3), "mse")
    targets = np.array([[1.0], [-1.0], [0.5]], "float32")
    losses = model.fit(inputs, targets, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def check_device(encoder, inputs, time=None):
    """Exports an encoder by built-in operations alone and compares it on the device runtime.

    Args:
        encoder: the encoder.
        inputs: arrays that it takes.
        time: the sequence length of the file; None for one that is resized to the inputs.
    """
    import tempfile

    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    from keras_bert_suite.edge.export import named

    archive = keras.export.ExportArchive()
    archive.track(encoder)
    names = list(encoder.input)
    row = {name: inputs[name][:1] for name in names}
    specs = [tf.TensorSpec((1 if time else None, time), tf.int32, name=name) for name in names]
    serve = named(lambda *arrays: {"x": encoder(dict(zip(names, arrays, strict=True)))["sequence_output"]}, names)
    archive.add_endpoint("serving_default", serve, specs)
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        content = converter.convert()
    interpreter = Interpreter(model_content=content)
    for detail in interpreter.get_input_details():
        if not time:
            interpreter.resize_tensor_input(detail["index"], row[names[0]].shape)
    interpreter.allocate_tensors()
    found = interpreter.get_signature_runner()(**row)["x"]
    # 1e-4: the device runtime's own approximations of exp and erf.
    assert difference(found, encoder(row)["sequence_output"], row["padding_mask"]) < 1e-4
