"""GELU, layer normalization and dropout of a training step: what is published, its gradients; else plain graphs."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_bert_suite.layers import Dropout, FeedForward, elementwise
from keras_bert_suite.layers.base import ReplicaSeeds

on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX has one function for all")


def curve(x, approximate):
    """GELU in float64."""
    if approximate:
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


@on_tensorflow
@pytest.mark.parametrize("approximate", [False, True])
def test_gelu_and_its_gradient(approximate):
    import tensorflow as tf

    def with_gradient(x):
        with tf.GradientTape() as tape, elementwise.training(True):
            tape.watch(x)
            found = elementwise.gelu(x, approximate)
        return found, tape.gradient(found, x)

    x = np.linspace(-8, 8, 2001)
    slope = (curve(x + 1e-5, approximate) - curve(x - 1e-5, approximate)) / 2e-5
    # Rounding of each precision, of values up to 8; slopes of float64 by differences; float32's 1 - tanh² has no tail.
    slope_errors = {"float64": 1e-9, "float32": 4e-6 if approximate else 1e-6, "bfloat16": 0.02}
    for dtype, value_error in (("float64", 1e-12), ("float32", 1e-6), ("bfloat16", 0.02)):
        given = tf.constant(x, dtype)
        found, gradient = tf.function(with_gradient)(given)
        rounded = np.asarray(given, "float64")
        assert found.dtype == given.dtype
        np.testing.assert_allclose(np.asarray(found, "float64"), curve(rounded, approximate), atol=value_error)
        gradient, slopes = np.asarray(gradient, "float64"), np.interp(rounded, x, slope)
        np.testing.assert_allclose(gradient, slopes, atol=slope_errors[dtype])


@on_tensorflow
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(("dtype", "error"), [("float64", 1e-12), ("float32", 1e-6), ("bfloat16", 0.02)])
def test_layer_normalization_and_its_gradients(center, dtype, error):
    import tensorflow as tf

    random = np.random.default_rng(0)
    # Far from zero, where a variance by the mean of squares would lose its digits.
    x, weights = (random.normal(20, 3, (4, 5, 32)), random.normal(0, 1, (4, 5, 32)))
    gamma, beta = random.normal(1, 0.1, 32), random.normal(0, 0.1, 32) if center else None
    wide = "float64" if dtype == "float64" else "float32"
    given = [tf.constant(x, dtype), *(None if each is None else tf.constant(each, wide) for each in (gamma, beta))]

    @tf.function
    def with_gradients(x, gamma, beta):
        sources = [each for each in (x, gamma, beta) if each is not None]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            found = elementwise.layer_norm(x, gamma, beta, 1e-5, training=True)
            total = tf.reduce_sum(tf.cast(found, wide) * tf.cast(weights, wide))
        return found, tape.gradient(total, sources)

    found, gradients = with_gradients(*given)
    x = np.asarray(given[0], "float64")
    deviation = np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    normal = (x - x.mean(-1, keepdims=True)) / deviation
    expected = normal * gamma + (0 if beta is None else beta)
    # bfloat16 has 8 bits, of values up to 3; sums over 20 rows.
    np.testing.assert_allclose(np.asarray(found, "float64"), expected, atol=4 * error)
    slope = weights * gamma
    slope = (slope - slope.mean(-1, keepdims=True) - normal * (slope * normal).mean(-1, keepdims=True)) / deviation
    for ours, theirs in zip(gradients, [slope, (weights * normal).sum((0, 1)), weights.sum((0, 1))], strict=False):
        np.testing.assert_allclose(np.asarray(ours, "float64"), theirs, atol=20 * error, rtol=error)
    assert len(gradients) == 2 + center


@on_tensorflow
def test_a_graph_outside_training_is_plain():
    import tensorflow as tf

    layer = FeedForward(8, dropout=0.5)
    layer.build((None, 4))

    def operations(training, batch=2):
        graph = tf.function(lambda x: layer(x, training=training)).get_concrete_function(tf.TensorSpec((batch, 3, 4)))
        return {operation.type for operation in graph.graph.get_operations()}

    assert not [name for name in operations(False) if "Call" in name or "Stateless" in name]
    assert {"PartitionedCall", "StatelessRandomUniformFullIntV2"} <= operations(True)
    assert "PartitionedCall" not in operations(True, None)


@pytest.mark.parametrize("shape", [(64, 33), (7, 9, 11), (1,)])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_dropout_zeros_its_part_and_grows_the_rest(shape, dtype):
    dropped = ops.convert_to_numpy(ops.cast(Dropout(0.3)(ops.ones(shape, dtype), training=True), "float32"))
    grown = dropped[dropped > 0]
    np.testing.assert_allclose(grown, 1 / 0.7, rtol=1e-2 if dtype == "bfloat16" else 3e-5)
    size = dropped.size
    assert abs(grown.size - 0.7 * size) <= 4 * math.sqrt(0.21 * size)
    np.testing.assert_array_equal(ops.convert_to_numpy(Dropout(0.3)(ops.ones(shape), training=False)), np.ones(shape))


@on_tensorflow
@pytest.mark.parametrize("shape", [(50, 31), (None, None)])
def test_gradients_are_zero_where_dropout_was(shape):
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec(shape)])
    def with_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            found = elementwise.dropout(x, 0.4, generator)
        return found, tape.gradient(found, x)

    x, generator = tf.random.normal((50, 31)), ReplicaSeeds(3)
    found, gradient = with_gradient(x)
    np.testing.assert_allclose(gradient, np.where(np.asarray(found) == 0, 0, 1 / 0.6), rtol=3e-5)
    again = [elementwise.dropout(x, 0.4, ReplicaSeeds(3)) for _ in range(2)]
    np.testing.assert_array_equal(*again)
    seeds = ReplicaSeeds(3)
    first, second = (np.asarray(elementwise.dropout(x, 0.4, seeds)) for _ in range(2))
    assert (first != second).mean() > 0.3


@on_tensorflow
def test_places_are_dropped_independently():
    import tensorflow as tf

    dropped = np.asarray(elementwise.dropout(tf.ones((400, 1000)), 0.1, ReplicaSeeds(5))) == 0
    # Two neighbours share one drawn number of 32 bits: both are dropped as often as chance has it.
    both = (dropped[:, 0::2] & dropped[:, 1::2]).mean()
    assert abs(both - 0.01) < 4 * math.sqrt(0.01 * 0.99 / 200_000)
    assert abs(dropped.mean(axis=0) - 0.1).max() < 5 * math.sqrt(0.09 / 400)
