"""A fine-tuned model to a `.tflite` file that carries its vocabulary and labels, checked against the model."""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from keras_bert_suite.checkpoints import writing
from keras_bert_suite.data import readers
from keras_bert_suite.edge import metadata, pipeline, quantize, stages
from keras_bert_suite.edge.inspection import float_operations, operations
from keras_bert_suite.errors import InputError
from keras_bert_suite.quiet import quiet
from keras_bert_suite.tasks.decoding import of_row
from keras_bert_suite.tasks.inputs import Input, rows
from keras_bert_suite.tasks.saved import NO_LANGUAGE

TEXTS = 200
_FEATURES = {"input_word_ids": "token_ids", "input_mask": "padding_mask", "input_type_ids": "segment_ids"}


def export(
    trained,
    path,
    quantization="dynamic_int8",
    lengths=(128,),
    license="see the model's card",
    examples=(),
    progress=iter,
    calibration=(),
    train=(),
    before=None,
):
    """Writes a `.tflite` file with one signature a sequence length, all sharing the weights.

    Args:
        trained: a `TaskModel`.
        path: the file to write.
        quantization: one of `quantize.QUANTIZATIONS`.
        lengths: sequence lengths; the longest is the file's first graph, which MediaPipe Tasks runs. None for one
            signature that takes a row of any length.
        license: what the metadata say of it.
        examples: labelled examples, on which the model is judged in Keras and on the device runtime; the file says
            both under `accuracy`.
        progress: wraps the lists of batches and of texts while it is judged, as `tqdm` does.
        calibration: a list of `Input`, real texts that show the ranges of activations; for those of
            `quantize.CALIBRATED`.
        train: labelled examples, for `"int8"`: the model is trained on with its rounding, one epoch.
        before: the Keras model's figures on `examples`, where they are known.

    Returns:
        What the file says of itself, a dict.

    Raises:
        InputError: the model needs an operation that is not built into the runtime, or a length is out of reach.
    """
    quantize.check(quantization, calibration)
    if train and quantization != "int8":
        raise InputError(f"Received examples to train on with {quantization}; expected int8.")
    dynamic, lengths = lengths is None, sorted({trained.max_length} if lengths is None else set(lengths), reverse=True)
    positions = trained.encoder.max_length
    if lengths[-1] < 3 or (positions and lengths[0] > positions):
        raise InputError(f"Received sequence lengths {lengths}; expected 3 to {positions}, the encoder's positions.")
    tokenizer, files = metadata.tokenizer_files(trained.tokenizer)
    blocks = stages.number(trained.model)
    about = {
        "version": 2 if blocks or dynamic else 1,
        "task": trained.task.config,
        "lengths": sorted(lengths),
        "max_length": min(lengths[0], trained.max_length),
        "tokenizer": tokenizer,
        "quantization": quantization,
        "figures": trained.figures,
        "license": license,
        **({"stages": blocks} if blocks else {}),
        **({"dynamic_length": True} if dynamic else {}),
    }
    content = convert(trained, quantization, [None] if dynamic else lengths, calibration, train, progress)
    if quantization == "int8":
        about["float_operations"] = {
            name: {"count": count, "reason": quantize.FLOAT.get(name, "no int8 kernel")}
            for name, count in float_operations(content).items()
        }
    with writing.new_file(path) as temporary:
        Path(temporary).write_bytes(metadata.add(content, about, files, trained.task.labels))
        if examples:
            about["accuracy"] = {
                "examples": len(examples),
                "before": before or _figures(trained, trained, examples, progress),
                "after": _figures(trained, pipeline.load(temporary), examples, progress),
            }
            Path(temporary).write_bytes(metadata.add(content, about, files, trained.task.labels))
    return about


def _figures(trained, model, examples, progress):
    inputs = [trained.task.input(example) for example in examples]
    return trained.task.evaluate(examples, model.predict(inputs, progress=progress))


def lengths_of(words):
    """Whole numbers, as sequence lengths, of strings, a list; of None an empty one."""
    try:
        return [int(word) for word in words or ()]
    except ValueError:
        raise InputError(f"Received {','.join(words)}; expected whole numbers, as 32,64.") from None


def texts(task, path, columns=None):
    """Up to `TEXTS` of the texts of a file, spread over it, a list of `Input`; none of None.

    Args:
        task: the task.
        path: data of the task's form, or any file that `kbs-predict` reads.
        columns: columns of a table without a header line.
    """
    if path is None:
        return []
    try:
        found = [task.input(example) for example in task.read(path, columns)]
    except InputError:
        found = [Input(*row) for row in readers.read_inputs(path, columns)]
    return found[:: max(1, len(found) // TEXTS)][:TEXTS]


def convert(trained, quantization, lengths, calibration=(), train=(), progress=iter):
    """The bytes of the model as TFLite, without metadata; arguments as for `export`, a length of None for any."""
    if quantization in quantize.CALIBRATED:
        found = rows(trained.task.config, trained.tokenizer, calibration, trained.max_length)
        encodings = [encoding for each in found for encoding in each.encodings]
    if quantization == "int8":
        from keras_bert_suite import rounding

        trained = rounding.calibrated(trained, encodings, progress)
        if train:
            rounding.fine_tune(trained, train)
    content, names = _converted(trained, quantization, lengths)
    if quantization in quantize.WITH_RECIPE:
        feeds = quantize.feeds(content, trained.tokenizer, encodings, names)
        content = quantize.with_recipe(content, quantization, feeds)
    foreign = [name for name in operations(content) if name.startswith(("CUSTOM", "Flex", "FLEX"))]
    if foreign:
        raise InputError(f"The model needs operations that are not built in: {', '.join(foreign)}.")
    return content


def _converted(trained, quantization, lengths):
    """The converter's file; its inputs' names, and ours of the same."""
    import keras
    import tensorflow as tf

    names = [name for name, feature in _FEATURES.items() if feature in trained.encoder.input]

    def serve(*arrays):
        features = {_FEATURES[name]: array for name, array in zip(names, arrays, strict=True)}
        if "language_ids" in trained.encoder.input:
            features["language_ids"] = keras.ops.full_like(arrays[0], NO_LANGUAGE)
        if cut:
            return stages.outputs(cut, 0, features)
        return trained.task.outputs(trained.model(features, training=False))

    cut = stages.of(trained.model)
    archive = keras.export.ExportArchive()
    archive.track(trained.model)
    # The converter orders the graphs by these names, and MediaPipe runs the first: the longest.
    keys = ["serving_default" if length == lengths[0] else f"serving_length_{length}" for length in lengths]
    for length, key in zip(lengths, keys, strict=True):
        specs = [tf.TensorSpec((1, length), tf.int32, name=name) for name in names]
        archive.add_endpoint(key, named(serve, names), specs)
    for key, serve_stage, read, specs in stages.signatures(cut, {name: _FEATURES[name] for name in names}, lengths):
        keys.append(key)
        archive.add_endpoint(key, named(serve_stage, read), specs)
    with tempfile.TemporaryDirectory() as folder, quiet():
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=keys)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        quantize.apply(converter, quantization)
        try:
            content = converter.convert()
        except Exception as error:
            lines = [line for line in str(error).splitlines() if "op" in line] or [str(error)]
            raise InputError(f"The model does not convert to built-in operations: {lines[0][:200]}") from None
    return content, {name: _FEATURES[name] for name in names}


def check(trained, path, threads=2):
    """Runs a file and its Keras model on the same real inputs.

    Returns:
        A dict: `examples`; `score_difference`, the largest; `agreement`, the part of the answers that are the same;
        and what `measured` gives.
    """
    device = pipeline.load(path, threads)
    inputs = trained.examples or [("An example sentence.", None)]
    differences, agreements = [], []
    for found in rows(trained.task.config, trained.tokenizer, inputs, device.max_length):
        encoding = found.encodings[0]
        length = device.runtime.length_for(len(encoding.ids))
        ours = trained.outputs(trained.features([encoding], length))
        ours = of_row(trained.task.config, trained.tokenizer, ours, 0, encoding, length)
        theirs = device.outputs(encoding)
        # With early exit the device has the scores of those blocks alone that ran.
        ours = {name: array[: len(theirs[name])] for name, array in ours.items()}
        differences.append(max(float(np.abs(array - theirs[name]).max()) for name, array in ours.items()))
        agreements.append(np.mean([np.mean(x.argmax(-1) == theirs[name].argmax(-1)) for name, x in ours.items()]))
    return {
        "examples": len(inputs),
        "score_difference": max(differences),
        "agreement": float(np.mean(agreements)),
        **measured(path, device),
    }


def measured(path, device):
    """What a file weighs and takes.

    Args:
        path: the file.
        device: the `Pipeline` of it.

    Returns:
        A dict: `megabytes`; `milliseconds`, by sequence length, the median of one text on the device's threads.
    """
    return {
        "megabytes": Path(path).stat().st_size / 1e6,
        "milliseconds": {length: _latency(device, length) for length in device.runtime.lengths},
    }


def summary(found):
    """What `check` found, and under `accuracy` what the file says, in a few lines."""
    lines = [
        f"{found['megabytes']:.2f} MB; against the Keras model on {found['examples']} texts: same answer "
        f"{found['agreement']:.1%}, largest difference of a score {found['score_difference']:.2g}"
    ]
    if found["accuracy"]:
        before, after = found["accuracy"]["before"], found["accuracy"]["after"]
        compared = ", ".join(f"{name} {after[name]:.4f} ({value:.4f})" for name, value in before.items())
        lines.append(f"on {found['accuracy']['examples']} examples, in brackets the Keras model: {compared}")
    for length, milliseconds in found["milliseconds"].items():
        lines.append(f"  {length:4} pieces: {milliseconds:.2f} ms a text, 2 threads")
    return "\n".join(lines)


def _latency(device, length, runs=15):
    arrays = {name: np.ones((1, length), "int32") for name in ("token_ids", "padding_mask", "segment_ids")}
    arrays["segment_ids"][:] = 0
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        device.runtime.run(arrays)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[3:])


def named(serve, names):
    """`serve` with these names of arguments, which become the names of the file's inputs."""
    import inspect

    def endpoint(*args, **kwargs):
        return serve(*args, *(kwargs[name] for name in names[len(args) :]))

    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    endpoint.__signature__ = inspect.Signature(parameters)
    return endpoint
