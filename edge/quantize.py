"""The kinds of quantization, what each asks of the TFLite converter, and what is done to the file that it gives."""

import re
import warnings

from keras_bert_suite.errors import InputError
from keras_bert_suite.quiet import quiet

QUANTIZATIONS = {
    "float32": "weights as they are",
    "float16": "weights of half the size, the same answers, no faster",
    "dynamic_int8": "weights of a quarter, activations quantized as they come, 2.8 times as fast",
    "legacy_int8": "the same with one scale a kernel, not one a channel: for runtimes as old as tflite-support's",
    "int4_mixed": "weights of 4 bits in blocks of 32, those that write to the residual stream after GELU of 8",
    "int8": "weights and activations of matrix products int8, with ranges from real text",
    "int16x8": "the same with activations of 16 bits, for processors that have them: slow on a CPU",
}
# Weights that share a scale of 4 bits.
BLOCK = 32
# What a ladder compares files by.
PREFERENCES = {"smallest": "megabytes", "fastest": "milliseconds"}
# Those that need real text for the ranges of activations.
CALIBRATED = ("int4_mixed", "int8", "int16x8")
# Those that AI Edge Quantizer makes.
WITH_RECIPE = ("int4_mixed", "int16x8")
_SUM = "a sum or product of activations: int8 of one range for all channels loses 3 to 5 points (measured on SST-2)"
_NORM = "layer normalization: squares of what has outliers do not fit 256 steps"
_ATTENTION = "scores and their weights: XNNPACK has no int8 kernel for them, and the built-in one is slower than float"
# What stays float in an int8 file, and why.
FLOAT = {
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "SUM", "NEG", "MINIMUM", "MAXIMUM", "SQUARE"), _SUM),
    **dict.fromkeys(("MEAN", "SQUARED_DIFFERENCE", "RSQRT", "SQRT"), _NORM),
    **dict.fromkeys(("BATCH_MATMUL", "SOFTMAX"), _ATTENTION),
    "GELU": "XNNPACK has no int8 kernel for it",
    **dict.fromkeys(("LOGISTIC", "TANH", "RELU", "ELU"), "an activation between float and float"),
}
# The converter's names of layers have numbers where Keras traced them again.
_AFTER_GELU = r".*feed_forward[_0-9]*/output.*"


class Unfit(InputError):
    """A model cannot be quantized so."""


def check(quantization, calibration):
    """Raises InputError where there is no such quantization, or it needs text for calibration and has none."""
    if quantization not in QUANTIZATIONS:
        raise InputError(f"Received quantization={quantization!r}; expected one of {', '.join(QUANTIZATIONS)}.")
    if quantization in CALIBRATED and not calibration:
        raise InputError(f"{quantization} takes the ranges of activations from real text; give some hundred texts.")
    if quantization in WITH_RECIPE:
        _library()


def apply(converter, quantization):
    """Sets a `tf.lite.TFLiteConverter` up for a quantization."""
    import tensorflow as tf

    if quantization in ("float16", "dynamic_int8", "legacy_int8", "int8"):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    converter._experimental_disable_per_channel_quantization_for_dense_layers = quantization == "legacy_int8"


def with_recipe(content, quantization, feeds):
    """A float32 file as `int4_mixed` or `int16x8`, by AI Edge Quantizer.

    Args:
        content: the bytes of the file.
        quantization: one of `WITH_RECIPE`.
        feeds: signatures to lists of inputs, dicts from names to arrays.

    Returns:
        The bytes of the quantized file.

    Raises:
        Unfit: blocks of 4 bits fit none of the products.
    """
    quantizer, qtyping = _library()
    operation = qtyping.TFLOperationName
    maker = quantizer.Quantizer(bytearray(content))
    # The token table, half of a small model. Ranges of what it gives come from the texts, though it is its own rows.
    maker.add_static_config(".*", operation.GATHER, 8, 8)
    if quantization == "int4_mixed":
        maker.add_dynamic_config(".*", operation.FULLY_CONNECTED, 4, qtyping.QuantGranularity.BLOCKWISE_32)
        for scope in (_AFTER_GELU, *_uneven(content)):
            maker.add_dynamic_config(scope, operation.FULLY_CONNECTED, 8)
    else:
        maker.add_static_config(".*", operation.FULLY_CONNECTED, 16, 8)
    with quiet(), warnings.catch_warnings():
        # It asks the runtime for all tensors, and is told what that costs.
        warnings.simplefilter("ignore")
        found = maker.calibrate(feeds, num_threads=2)
        quantized = maker.quantize(found, enable_progress_bar=False, enable_progress_report=False).quantized_model
    return _mended(quantized)


def _uneven(content):
    """The products that blocks of 32 weights do not fit, as the library finds them: patterns of their names."""
    from keras_bert_suite.edge import inspection

    widths = inspection.products(content)
    found = [name for name, width in widths.items() if width % BLOCK]
    if all(name in found or re.match(_AFTER_GELU, name) for name in widths):
        raise Unfit(
            f"int4_mixed has blocks of {BLOCK} weights; the products of this model read "
            f"{', '.join(map(str, sorted(set(widths.values()))))} features, expected multiples. Take dynamic_int8."
        )
    return [f"(^|;){re.escape(name)}(;|$)" for name in found]


def _mended(content):
    """A file as the library writes it, with its weights inside the flatbuffer, and with its float outputs.

    An output that is also read further on (the states of early exit) it replaces by what is read, rounded; the
    signature still names the float one.
    """
    import numpy as np
    from ai_edge_litert.tools import flatbuffer_utils as utils

    model = utils.read_model_from_bytearray(bytearray(content))
    for buffer in model.buffers:
        if buffer.data is not None:
            # Packed at once; of any other type byte by byte.
            buffer.data = np.frombuffer(bytes(buffer.data), "uint8")
    for graph in model.subgraphs:
        places = {tensor.name: place for place, tensor in enumerate(graph.tensors)}
        names = [graph.tensors[place].name.removesuffix(b"_quantized") for place in graph.outputs]
        graph.outputs = np.array([places[name] for name in names], "int32")
    return bytes(utils.convert_object_to_bytearray(model))


def feeds(content, tokenizer, encodings, names):
    """Encodings as what `with_recipe` feeds to each signature.

    Args:
        content: the bytes of the float32 file, which of early exit gives each stage's states to the next.
        tokenizer: the model's `Tokenizer`.
        encodings: a list of encodings, cut where a signature is shorter.
        names: the names of the file's inputs to those of our arrays.
    """
    from ai_edge_litert.interpreter import Interpreter

    from keras_bert_suite.edge import runtime

    with quiet():
        interpreter = Interpreter(model_content=content, num_threads=2)
    found, states = {}, {}
    for key in sorted(interpreter.get_signature_list(), key=runtime.stage):
        runner = interpreter.get_signature_runner(key)
        wanted, length, found[key] = runner.get_input_details(), runtime.length(runner), []
        for number, encoding in enumerate(encodings):
            time = len(encoding.ids) if length == runtime.ANY else length
            arrays = tokenizer.arrays([encoding], max(time, len(encoding.ids)))
            feed = {name: arrays[ours][:, :time] for name, ours in names.items() if name in wanted}
            found[key].append({**feed, "states": states[length][number]} if "states" in wanted else feed)
        if "states" in runner.get_output_details():
            states[length] = [runner(**feed)["states"] for feed in found[key]]
    return found


def _library():
    try:
        from ai_edge_quantizer import qtyping, quantizer
    except ImportError:
        raise InputError(
            "int4_mixed and int16x8 need AI Edge Quantizer: pip install keras_bert_suite[quantization]."
        ) from None
    return quantizer, qtyping
