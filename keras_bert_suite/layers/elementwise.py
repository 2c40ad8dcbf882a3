"""GELU, layer normalization and dropout of a training step, which on a processor took TensorFlow a third of its time.

TensorFlow runs the exact GELU as five operations and its gradient as nine, each of which reads and writes a whole
tensor, and keeps four of them for the backward pass; so it does with the others. XLA makes one loop of what is
elementwise. That is for batches of one shape, as pre-training has. Matrix products and sums stay with TensorFlow,
whose own are the faster ones on a processor. Dropout draws 16 bits a place where TensorFlow draws 32 and makes a float
of them.
"""

import contextvars
import functools
import math

import keras
from keras import ops

from keras_bert_suite.layers.contexts import setting

_TRAINING = contextvars.ContextVar("training", default=False)
# As many as 16 bits can say.
DRAWS = 2**16


def training(value):
    """Within it, activations are those of a training step, or are not: an exported graph has plain operations."""
    return setting(_TRAINING, value)


def gelu(x, approximate):
    """GELU (Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415).

    Args:
        x: a tensor of any shape.
        approximate: whether in the form of tanh.
    """
    if not (_TRAINING.get() and _worth_compiling(x)):
        return ops.gelu(x, approximate=approximate)
    return _compiled_gelu(approximate, x.dtype)(x)


def layer_norm(x, gamma, beta, epsilon, training):
    """Layer normalization (Ba et al. 2016, https://arxiv.org/abs/1607.06450), computed in float32 or more.

    Args:
        x: `(..., dim)`.
        gamma, beta: `(dim,)`; `beta` may be None.
        epsilon: added to the variance.
        training: whether in a training step.
    """
    if not (training and _worth_compiling(x)):
        return ops.layer_normalization(x, gamma, beta, -1, epsilon)
    gamma = ops.convert_to_tensor(gamma)
    beta = ops.zeros_like(gamma) if beta is None else ops.convert_to_tensor(beta)
    return _compiled_layer_norm(epsilon, x.dtype)(x, gamma, beta)


def dropout(x, rate, seed):
    """Zeros in random places, and the rest grown to match (Srivastava et al. 2014).

    Args:
        x: a tensor of any shape.
        rate: part of the places, 0 to 1; on TensorFlow a multiple of 2 to the power of -16.
        seed: a `keras.random.SeedGenerator`.
    """
    if keras.backend.backend() != "tensorflow":
        return keras.random.dropout(x, rate, seed=seed)
    import tensorflow as tf

    size, least = tf.size(x), min(round(rate * DRAWS), DRAWS - 1)
    drawn = tf.random.stateless_uniform(
        [(size + 1) // 2], tf.cast(seed.next(), tf.int32), minval=None, maxval=None, dtype=tf.uint32
    )
    drawn = tf.reshape(tf.reshape(tf.bitcast(drawn, tf.uint16), [-1])[:size], tf.shape(x))
    return (_compiled_dropout if _worth_compiling(x) else _dropout)(least, x.dtype)(x, drawn)


def _dropout(least, dtype):
    import tensorflow as tf

    def dropped(x, drawn):
        grown = x * tf.cast(DRAWS / (DRAWS - least), dtype)
        return tf.where(drawn >= tf.cast(least, tf.uint16), grown, tf.zeros([], dtype))

    return dropped


def _worth_compiling(x):
    """Whether it is compiled once, on a processor: rows of any length would be a compilation each, of .1 seconds."""
    if keras.backend.backend() != "tensorflow" or not x.shape.is_fully_defined():
        return False
    import tensorflow as tf

    return not tf.executing_eagerly() and not any(map(tf.config.list_physical_devices, ("GPU", "TPU")))


def _wide(dtype):
    """What numbers of a dtype are computed in."""
    return keras.backend.result_type(dtype.name, "float32")


def _compiled(function, *dtypes):
    """A function whose result has the shape of its first argument; compiled for each shape as it comes."""
    import tensorflow as tf

    # Traced once: each new shape would be another trace, of which TensorFlow warns.
    signature = [tf.TensorSpec(None, dtype) for dtype in dtypes]
    compiled = tf.function(function, signature, jit_compile=True, autograph=False)

    def run(x, *more):
        found = compiled(x, *more)
        found.set_shape(x.shape)
        return found

    return run


@functools.cache
def _compiled_dropout(least, dtype):
    import tensorflow as tf

    compiled = _compiled(_dropout(least, dtype), dtype, tf.uint16)

    def whole(x, drawn):
        # Linear: the gradient is zero in the same places, and grown as much.
        return tf.custom_gradient(lambda x: (compiled(x, drawn), lambda gradient: compiled(gradient, drawn)))(x)

    return whole


@functools.cache
def _compiled_layer_norm(epsilon, dtype):
    import tensorflow as tf

    wide = _wide(dtype)

    def normal(x, mean, scale):
        return (tf.cast(x, wide) - mean) * scale

    def scaled(x, mean, scale, gamma, beta):
        return tf.cast(normal(x, mean, scale) * gamma + beta, dtype)

    def by_gradient(x, mean, scale, gradient):
        return normal(x, mean, scale) * tf.cast(gradient, wide)

    def backward(x, mean, scale, gamma, gradient, of_mean, of_scale):
        of_normal = tf.cast(gradient, wide) * gamma - of_mean - normal(x, mean, scale) * of_scale
        return tf.cast(scale * of_normal, dtype)

    scaled = _compiled(scaled, dtype, wide, wide, wide, wide)
    by_gradient = _compiled(by_gradient, dtype, wide, wide, dtype)
    backward = _compiled(backward, dtype, wide, wide, wide, dtype, wide, wide)

    def whole(x, gamma, beta):
        dim, rows = x.shape[-1], x.shape[:-1]
        exact = tf.cast(x, wide)
        # Sums along rows are TensorFlow's, in the backward pass as matrix products: XLA's are not vectorized.
        mean = tf.reduce_mean(exact, -1, keepdims=True)
        variance = tf.reduce_mean(tf.math.squared_difference(exact, mean), -1, keepdims=True)
        scale = tf.math.rsqrt(variance + epsilon)

        def gradients(gradient):
            each = by_gradient(x, mean, scale, gradient)
            flat = [tf.reshape(tf.cast(array, wide), (-1, dim)) for array in (gradient, each)]
            of_mean, of_scale = (tf.reshape(tf.linalg.matvec(array, gamma / dim), (*rows, 1)) for array in flat)
            of_beta, of_gamma = (tf.linalg.matvec(array, tf.ones(array.shape[0], wide), True) for array in flat)
            return backward(x, mean, scale, gamma, gradient, of_mean, of_scale), of_gamma, of_beta

        return scaled(x, mean, scale, gamma, beta), gradients

    return tf.custom_gradient(whole)


@functools.cache
def _compiled_gelu(approximate, dtype):
    import tensorflow as tf

    wide = _wide(dtype)

    def curve(x):
        """What `x` is multiplied by, and its slope."""
        if not approximate:
            return 0.5 * (1 + tf.math.erf(x * 2**-0.5)), tf.exp(-0.5 * x * x) * (2 * math.pi) ** -0.5
        slope = (2 / math.pi) ** 0.5
        t = tf.tanh(slope * (x + 0.044715 * x**3))
        return 0.5 * (1 + t), 0.5 * (1 - t * t) * slope * (1 + 3 * 0.044715 * x * x)

    def forward(x):
        x = tf.cast(x, wide)
        return tf.cast(x * curve(x)[0], dtype)

    def backward(x, gradient):
        x = tf.cast(x, wide)
        value, slope = curve(x)
        return tf.cast(tf.cast(gradient, wide) * (value + x * slope), dtype)

    forward, backward = _compiled(forward, dtype), _compiled(backward, dtype, dtype)
    return tf.custom_gradient(lambda x: (forward(x), lambda gradient: backward(x, gradient)))
