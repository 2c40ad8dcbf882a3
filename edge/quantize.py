"""What each kind of quantization asks of the TFLite converter."""

from keras_bert_suite.errors import InputError

QUANTIZATIONS = ("float32", "float16", "dynamic_int8", "legacy_int8")


def apply(converter, quantization):
    """Sets a converter up.

    Args:
        converter: a `tf.lite.TFLiteConverter`.
        quantization: `"float32"`; `"float16"` (weights of half the size, the same answers, no faster);
            `"dynamic_int8"` (weights of a quarter, activations quantized as they come, 2.8 times as fast);
            `"legacy_int8"` (as that, with one scale a kernel instead of one a channel: for old runtimes, such as
            tflite-support's, which lack version 12 of FULLY_CONNECTED. It costs more: of MiniLM's accuracy on the 872
            sentences of SST-2's dev set .007, where `"dynamic_int8"` costs none; `"float16"` runs there too).
    """
    import tensorflow as tf

    if quantization not in QUANTIZATIONS:
        raise InputError(f"Received quantization={quantization!r}; expected one of {', '.join(QUANTIZATIONS)}.")
    if quantization != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    converter._experimental_disable_per_channel_quantization_for_dense_layers = quantization == "legacy_int8"
