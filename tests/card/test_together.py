"""The environment of constraints-card.txt holds together: six packages and ours in one process."""

import importlib

import numpy as np
import pytest

from keras_bert_suite import Bert

pytest.importorskip("official", reason="tf-models-official is not installed: see constraints-card.txt")


@pytest.mark.parametrize(
    "package",
    ["tensorflow", "keras_nlp", "tensorflow_text", "official.nlp.modeling.networks", "tflite_support", "absl"],
)
def test_imports(package):
    importlib.import_module(package)


def test_tensorflow_keeps_keras_3():
    """tf-models-official brings Keras 2 as tf_keras; `tf.keras` stays the Keras that we run on."""
    import keras
    import tensorflow as tf
    import tf_keras

    assert tf.keras.Model is keras.Model
    assert not issubclass(tf_keras.Model, keras.Model)


def test_our_encoder_runs_beside_them():
    for package in ("keras_nlp", "tensorflow_text", "official.nlp.modeling.networks", "tflite_support"):
        importlib.import_module(package)
    encoder = Bert(vocab_size=30, dim=8, num_layers=2, num_heads=2, feed_forward_dim=16, max_length=12)
    ones = np.ones((2, 5), "int32")
    outputs = encoder({"token_ids": ones, "segment_ids": 0 * ones, "padding_mask": ones})
    assert outputs["sequence_output"].shape == (2, 5, 8)
    assert np.isfinite(outputs["pooled_output"]).all()
