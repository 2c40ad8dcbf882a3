"""What every layer stands on: a `Layer` whose constructor's signature is its config, and the small factories."""

import contextlib
import contextvars
import inspect

import keras
from keras import ops

from keras_bert_suite.layers import elementwise
from keras_bert_suite.layers.contexts import setting

PACKAGE = "keras_bert_suite"
_WRAPPERS = []
_REPLICA = contextvars.ContextVar("replica", default=None)
_SEEDS = contextvars.ContextVar("seeds", default=None)


def register(cls):
    """Makes a class loadable by name from `.keras` files and configs."""
    return keras.saving.register_keras_serializable(package=PACKAGE)(cls)


class Layer(keras.layers.Layer):
    """A Keras layer that serializes from its own signature.

    The arguments of a subclass's `__init__` are recorded when an instance is made and are its config, so that no
    subclass writes `get_config`. Arguments may be plain values, layers, or lists of layers; a layer that appears in
    several places of a config is one layer again after loading.
    """

    def __new__(cls, *args, **kwargs):
        # Keras makes functional models through `cls.__new__(cls)`, hence the partial binding.
        instance = super().__new__(cls, *args, **kwargs)
        bound = inspect.signature(cls.__init__).bind_partial(instance, *args, **kwargs)
        object.__setattr__(instance, "_arguments", _flatten(bound))
        return instance

    def get_config(self):
        return {**super().get_config(), **{name: serialize(value) for name, value in self._arguments.items()}}

    @classmethod
    def from_config(cls, config):
        return cls(**{name: deserialize(value) for name, value in config.items()})


def _flatten(bound):
    """The named arguments of a bound signature, without `self` and Keras's own `name`, `dtype` and `trainable`."""
    arguments = dict(bound.arguments)
    arguments.pop("self", None)
    arguments.update(arguments.pop("kwargs", {}))
    return {name: value for name, value in arguments.items() if name not in ("name", "dtype", "trainable")}


def serialize(value):
    """The config of a constructor's argument: layers by `serialize_keras_object`, marked so that sharing survives."""
    if isinstance(value, (list, tuple)):
        return [serialize(item) for item in value]
    if isinstance(value, keras.layers.Layer):
        config = keras.saving.serialize_keras_object(value)
        # Keras marks only the second use of an object, and loses the mark of the first once configs nest.
        config["shared_object_id"] = id(value)
        return config
    return value


def deserialize(value):
    """The inverse of `serialize`."""
    if isinstance(value, (list, tuple)):
        return [deserialize(item) for item in value]
    if isinstance(value, dict) and "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    return value


def activation(name):
    """A function by its name.

    Args:
        name: `"gelu_erf"` (exact) or `"gelu_tanh"` (the tanh form that Google's BERT was trained with), or any
            name that `keras.activations.get` knows, such as `"relu"`, `"silu"` and `"tanh"`.

    The two forms of GELU differ by up to 4.7e-4, which compounds over layers: a checkpoint needs its own.
    """
    if name == "gelu_erf":
        return lambda x: elementwise.gelu(x, approximate=False)
    if name == "gelu_tanh":
        return lambda x: elementwise.gelu(x, approximate=True)
    return keras.activations.get(name)


def replica(number):
    """Within it, random numbers are those of one of the replicas of a distributed step.

    Replicas have the same seeds: without this each would drop the same places of its part of a batch.

    Args:
        number: the replica's, an integer or a scalar tensor.
    """
    return setting(_REPLICA, number)


def repeatable(function):
    """A function that drops the same places each time that it is run: what is computed again is the same."""
    drawn = []

    def run(*args, **kwargs):
        # The first run fills the list, those after it read it.
        with setting(_SEEDS, (drawn, iter(tuple(drawn)))):
            return function(*args, **kwargs)

    return run


class ReplicaSeeds(keras.random.SeedGenerator):
    """Seeds that differ by `replica`, and do not where a `repeatable` function is run again."""

    def next(self, ordered=True):
        drawn, known = _SEEDS.get() or ([], iter(()))
        seed = next(known, None)
        if seed is None:
            seed = self._draw(ordered)
            drawn.append(seed)
        return seed

    def _draw(self, ordered):
        seed, number = super().next(ordered), _REPLICA.get()
        if number is None:
            return seed
        # Of two numbers the first is the seed and the second counts. A large step, since seeds in use are small.
        return seed + ops.cast(number, seed.dtype) * ops.convert_to_tensor([1_000_003, 0], seed.dtype)


@register
class Dropout(Layer):
    """Zeros in random places, and the rest grown to match; in each replica of a distributed step in places of its own.

    Args:
        rate: part of the places, 0 to 1.

    Call arguments:
        x: of any shape.
        training: whether it does so; as it is otherwise.
    """

    def __init__(self, rate, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"Received rate={rate}; expected 0 to 1.")
        self.rate, self.supports_masking = rate, True
        if rate:
            self.seed_generator = ReplicaSeeds()

    def call(self, x, training=False):
        return elementwise.dropout(x, self.rate, self.seed_generator) if training and self.rate else x


def dense(units, name, activation=None, use_bias=True):
    """A `Dense` layer, initialized as BERT is."""
    return _wrapped(
        keras.layers.Dense(
            units, activation=activation, use_bias=use_bias, kernel_initializer=initializer(), name=name
        )
    )


def table(rows, dim, name):
    """An `Embedding` layer, initialized as BERT is."""
    return _wrapped(keras.layers.Embedding(rows, dim, embeddings_initializer=initializer(), name=name))


@contextlib.contextmanager
def wrapping(wrap):
    """Within it, what `dense` and `table` make is `wrap(layer)`: how arithmetic is changed in every family at once.

    Args:
        wrap: a function from a `Dense` or `Embedding` layer to a layer that is called, and built, in its stead.
    """
    _WRAPPERS.append(wrap)
    try:
        yield
    finally:
        _WRAPPERS.pop()


def _wrapped(layer):
    return _WRAPPERS[-1](layer) if _WRAPPERS else layer


def norm(kind, epsilon, name):
    """A normalization layer over the last axis.

    Args:
        kind: `"layer"`, layer normalization (Ba et al. 2016, https://arxiv.org/abs/1607.06450); `"layer_no_bias"`,
            the same without its bias; `"rms"`, by the root mean square (Zhang and Sennrich 2019,
            https://arxiv.org/abs/1910.07467); `"no_norm"`, a scale and a bias alone, as MobileBERT has; or None.
        epsilon: added to the variance.
        name: name of the layer.

    Returns:
        A layer, or None where `kind` is None.
    """
    if kind is None:
        return None
    if kind in ("layer", "layer_no_bias"):
        return LayerNorm(epsilon, kind == "layer", name=name)
    if kind == "rms":
        return keras.layers.RMSNormalization(epsilon=epsilon, name=name)
    if kind == "no_norm":
        return NoNorm(name=name)
    raise ValueError(f'Received norm={kind!r}; expected "layer", "layer_no_bias", "rms", "no_norm" or None.')


@register
class LayerNorm(Layer):
    """Layer normalization over the last axis, computed in float32 or more.

    Ba et al. 2016, https://arxiv.org/abs/1607.06450

    Args:
        epsilon: added to the variance.
        center: whether there is a bias.

    Call arguments:
        x: `(..., dim)`.

    Returns:
        The shape of `x`.
    """

    def __init__(self, epsilon=1e-12, center=True, **kwargs):
        super().__init__(**kwargs)
        self.epsilon, self.center, self.supports_masking = epsilon, center, True

    def build(self, x_shape):
        shape = (x_shape[-1],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma", autocast=False)
        self.beta = None
        if self.center:
            self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta", autocast=False)

    def call(self, x, training=False):
        return elementwise.layer_norm(x, self.gamma, self.beta, self.epsilon, training)


@register
class NoNorm(Layer):
    """A scale and a bias for each feature in the place of a normalization: no statistics to compute on a device.

    Sun et al. 2020, https://arxiv.org/abs/2004.02984, section 3.5

    Call arguments:
        x: `(..., dim)`.

    Returns:
        The shape of `x`.
    """

    def build(self, x_shape):
        self.gamma = self.add_weight(shape=(x_shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(x_shape[-1],), initializer="zeros", name="beta")

    def call(self, x):
        return x * ops.cast(self.gamma, x.dtype) + ops.cast(self.beta, x.dtype)


def masked(x, padding_mask):
    """Vectors, `(batch, time, dim)`, that are zero where the mask, `(batch, time)` or None, is."""
    return x if padding_mask is None else x * ops.expand_dims(ops.cast(padding_mask, x.dtype), -1)


def initializer():
    """BERT's initializer: a normal distribution with deviation 0.02, cut at two deviations."""
    return keras.initializers.TruncatedNormal(stddev=0.02)
