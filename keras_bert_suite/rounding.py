"""Integer arithmetic for the device: a model whose matrix products read and write int8, by ranges that texts show.

Every dense layer and table is wrapped in a layer that rounds what goes in and what comes out to 256 steps, as the
device will. Three things keep the answers:

- A channel that is larger than others would take their steps. Inputs are divided by a scale for each channel, which
  the kernel's rows take up (Xiao et al. 2023, SmoothQuant, https://arxiv.org/abs/2211.10438); the kernel's columns are
  divided by what makes the outputs alike, which a product after the integer part gives back.
- Layer normalization, softmax, GELU, sums and products of activations stay float: `edge.quantize.FLOAT` says why.
- Where that is not enough, the wrapped model is trained on, rounding included (`fine_tune`).

The converter makes integer kernels of what is wrapped: int8 by channel in the weights, int8 in the activations.
"""

import dataclasses
import sys

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_bert_suite.layers import Layer
from keras_bert_suite.layers.base import wrapping
from keras_bert_suite.training.optimizers import adamw

# Rows of activations that are kept of each layer.
SAMPLE = 1024
# How far the larger channels give way to the kernel: SmoothQuant's alpha, of which each layer takes the best.
SMOOTHING = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
# What may be lost to rounding, of the squared length, where what goes into an activation is not scaled: the scales are
# one more operation, of the widest tensors. All others stay: without one the converter would make integers of what
# lies between two layers too, as of a softmax.
ENOUGH = 1e-3
TINY = 1e-6


class Rounded(Layer):
    """A dense layer or a table whose inputs and outputs are rounded to 256 steps.

    Args:
        layer: a built or unbuilt `keras.layers.Dense` or `keras.layers.Embedding`.

    Call arguments:
        x: what the layer takes.

    Returns:
        What the layer gives, of the nearest values that int8 has.
    """

    def __init__(self, layer, **kwargs):
        super().__init__(name=layer.name, **kwargs)
        self.layer = layer
        self.watcher = None
        # Scales divide: the input before it is rounded, and the kernel so that outputs are alike.
        self.scales_output = False
        self.is_table = isinstance(layer, keras.layers.Embedding)

    @property
    def input_dim(self):
        return self.layer.input_dim

    @property
    def output_dim(self):
        return self.layer.output_dim

    @property
    def embeddings(self):
        return self.layer.embeddings

    def build(self, x_shape):
        self.layer.build(x_shape)
        units = self.layer.output_dim if self.is_table else self.layer.units
        width = 1 if self.is_table else x_shape[-1]
        self.input_scale = self._constant("input_scale", np.ones(width))
        self.output_scale = self._constant("output_scale", np.ones(units))
        self.input_range = self._constant("input_range", [-1.0, 1.0])
        self.output_range = self._constant("output_range", [-1.0, 1.0])

    def _constant(self, name, value):
        value = np.asarray(value, "float32")
        return self.add_weight(shape=value.shape, initializer=lambda *_, **__: value, name=name, trainable=False)

    def set_output(self, scale, limits):
        """The scale of each channel, `(units,)` or None, and the range after it that 256 steps are laid over."""
        self.scales_output = scale is not None
        if self.scales_output:
            self.output_scale.assign(scale)
        self.output_range.assign(limits)

    def call(self, x):
        if self.is_table:
            return _rounded(self.layer(x), self.output_range)
        kernel, bias = self.layer.kernel, self.layer.bias if self.layer.use_bias else 0.0
        if self.watcher is not None:
            y = ops.matmul(x, kernel) + bias
            self.watcher(self, x, y)
            return self.layer.activation(y)
        x, kernel = x / self.input_scale, kernel * ops.expand_dims(self.input_scale, 1)
        if self.scales_output:
            kernel, bias = kernel / self.output_scale, bias / self.output_scale
        y = ops.matmul(_rounded(x, self.input_range), _rounded_columns(kernel)) + bias
        y = _rounded(y, self.output_range)
        return self.layer.activation(y * self.output_scale if self.scales_output else y)


def _rounded(x, limits):
    return tf.quantization.fake_quant_with_min_max_vars(x, limits[0], limits[1])


def _rounded_columns(kernel):
    """A kernel of 255 steps a column; for gradients the kernel as it is."""
    step = ops.max(ops.abs(kernel), axis=0) / 127.0 + TINY
    return kernel + ops.stop_gradient(ops.round(kernel / step) * step - kernel)


def calibrated(trained, encodings, progress=iter):
    """A `TaskModel` with the weights of another, whose dense layers and tables are `Rounded`.

    Args:
        trained: a `TaskModel`.
        encodings: those of real texts, some hundred.
        progress: wraps the list, as `tqdm` does.
    """
    made = []

    def wrap(layer):
        made.append(Rounded(layer))
        return made[-1]

    with wrapping(wrap):
        encoder = type(trained.encoder).from_config(trained.encoder.get_config())
        model = trained.task.build(encoder, 0.0)
    _copy(trained.model, model)
    result = dataclasses.replace(trained, encoder=encoder, model=model)
    watcher = _Watcher()
    for layer in made:
        layer.watcher = watcher
    for encoding in progress(encodings):
        # One by one and without padding, whose activations no answer reads.
        arrays = result.features([encoding], len(encoding.ids))
        watcher.begin()
        model({name: ops.convert_to_tensor(array) for name, array in arrays.items()}, training=False)
    for layer in made:
        layer.watcher = None
        if layer.is_table:
            reach = float(np.abs(ops.convert_to_numpy(layer.embeddings)).max())
            layer.set_output(None, [-reach, reach])
    watcher.assign()
    return result


def _copy(model, rounded):
    """Gives a wrapped model the weights of the one without: a wrapper adds a level to the paths under it."""
    values = {variable.path: variable for variable in model.weights}
    for variable in rounded.weights:
        *parents, name, last = variable.path.split("/")
        if last in ("input_scale", "output_scale", "input_range", "output_range"):
            continue
        path = variable.path
        if path not in values and parents and parents[-1] == name:
            path = "/".join([*parents, last])
        variable.assign(values[path])


class _Watcher:
    """What goes in and comes out of layers; layers that read the same tensor are one group."""

    def __init__(self):
        self.inputs, self.outputs, self.groups = {}, {}, {}

    def begin(self):
        self._seen = {}

    def __call__(self, layer, x, y):
        first = self._seen.setdefault(id(x), (layer, x))[0]
        self.groups.setdefault(layer, first)
        if first is layer:
            self._keep(self.inputs, layer, x)
        self._keep(self.outputs, layer, y)

    @staticmethod
    def _keep(kept, layer, x):
        x = ops.convert_to_numpy(x).reshape(-1, x.shape[-1])
        sample, low, high = kept.get(layer, (x[:0], np.inf, -np.inf))
        sample = np.concatenate([sample, x])[:SAMPLE] if len(sample) < SAMPLE else sample
        kept[layer] = (sample, np.minimum(low, x.min(0)), np.maximum(high, x.max(0)))

    def assign(self):
        """Gives the layers the scales and ranges of what was seen."""
        for first in set(self.groups.values()):
            members = [layer for layer, group in self.groups.items() if group is first]
            kernel = np.concatenate([ops.convert_to_numpy(layer.layer.kernel) for layer in members], axis=1)
            scale, limits = _input_steps(*self.inputs[first], kernel)
            for layer in members:
                layer.input_scale.assign(scale)
                layer.input_range.assign(limits)
                layer.set_output(
                    *_output_steps(*self.outputs[layer], layer.layer.activation is not keras.activations.linear)
                )


def _with_zero(low, high):
    return [min(float(low.min()), 0.0), max(float(high.max()), 0.0)]


def _input_steps(sample, low, high, kernel):
    """The scale of each channel and the range of them all with which a product comes out best.

    How far the larger channels should give way to the kernel is another for each layer: it is tried.
    """
    exact, tried = sample @ kernel, []
    reach, rows = np.maximum(_reach(low, high), TINY), np.maximum(np.abs(kernel).max(1), TINY)
    for part in SMOOTHING:
        scale = reach**part / rows ** (1 - part) if part else np.ones_like(reach)
        limits = _with_zero(low / scale, high / scale)
        lost = _lost(ops.matmul(_rounded(sample / scale, limits), _rounded_columns(kernel * scale[:, None])), exact)
        tried.append((lost, part, scale, limits))
    return min(tried, key=lambda each: each[:2])[2:]


def _output_steps(sample, low, high, activated):
    """The scale of each channel of what comes out, None for none, and the range of them all."""
    limits = _with_zero(low, high)
    if activated and _lost(_rounded(sample, limits), sample) < ENOUGH:
        return None, limits
    reach = np.maximum(_reach(low, high), TINY)
    return reach, _with_zero(low / reach, high / reach)


def _reach(low, high):
    return np.maximum(np.abs(low), np.abs(high))


def _lost(found, exact):
    """The part of its squared length that a token's vector loses, the mean of all tokens.

    By token, since some (`[SEP]`) have a channel twenty times as large as all that others have.
    """
    return float(np.mean(((ops.convert_to_numpy(found) - exact) ** 2).sum(1) / ((exact**2).sum(1) + TINY)))


def fine_tune(rounded, examples, epochs=1, learning_rate=2e-5, batch_size=32, seed=0):
    """Trains a model on with its rounding: quantization-aware training.

    Jacob et al. 2018, https://arxiv.org/abs/1712.05877

    Args:
        rounded: what `calibrated` gave; its weights change.
        examples: labelled examples of its task.
        epochs: times that they are read.
        learning_rate: the peak.
        batch_size: examples a step.
        seed: of the order.
    """
    batches, steps = rounded.training_data(examples, batch_size, seed, epochs)
    model = rounded.task.training_model(rounded.model)
    model.compile(adamw(learning_rate, steps * epochs), rounded.task.losses(), rounded.task.loss_weights)
    model.fit(batches(), epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=1 if sys.stdout.isatty() else 2)
