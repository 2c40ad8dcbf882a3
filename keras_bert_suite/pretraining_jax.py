"""What of a pre-training is JAX's: its devices, and batches that a thread makes ahead; no TensorFlow is needed."""

import collections
import contextlib
import importlib.util
import itertools
from concurrent.futures import ThreadPoolExecutor

from keras_bert_suite import flops
from keras_bert_suite.data import on_the_fly, record_arrays
from keras_bert_suite.errors import InputError
from keras_bert_suite.quiet import quiet
from keras_bert_suite.training import jax_step, peaks

# Batches that are made before they are asked for.
AHEAD = 4


class Side:
    """Devices of `keras.distribution` and batches of numpy; `pretraining_tensorflow.Side` has the same names.

    Args:
        settings: the `pretraining.Settings`.

    Attributes:
        devices: their number, over which a batch is spread.
        chief: whether this process is the one that writes.

    Raises:
        InputError: a setting is TensorFlow's alone, or there are no such devices.
    """

    chief, scope = True, contextlib.nullcontext

    def __init__(self, settings):
        self._settings = settings
        for name, instead in {
            "xla": "is TensorFlow's: JAX compiles every step",
            "remat": "is TensorFlow's; expected --accumulation, by which a step needs less memory too",
        }.items():
            if getattr(settings, name):
                raise InputError(f"Received --{name} with --backend=jax; it {instead}.")
        with quiet():
            self.devices = jax_step.devices_of(settings.strategy, settings.replicas)
            if (settings.text or settings.held_out) and importlib.util.find_spec("tensorflow"):
                # What cuts text into pieces uses it where it is, and it would take the memory of the GPUs.
                import tensorflow as tf

                tf.config.set_visible_devices([], "GPU")

    def set_up(self, model):
        """Does nothing: a compiled model's step is right as it is."""

    def batches(self, source, batch_size, done, read, masked):
        """An iterator of endless batches, dicts of arrays.

        Args:
            source: a folder that `preparation.prepare` wrote, or an `on_the_fly.Text`.
            batch_size: rows of a batch.
            done: batches before.
            read: rows of the folder that were read before.
            masked: a function of the number of a batch and the batch to what is learned from.
        """
        if isinstance(source, on_the_fly.Text):
            group = max(1, on_the_fly.MASKED_ROWS // batch_size)
            return on_the_fly.arrays(source, batch_size, done, masked, group)
        made = record_arrays.read(source, batch_size, self._settings.seed, begin=read)
        return map(masked, itertools.count(done), made)

    def fed(self, batches):
        """Batches as `fit` takes them, some of which are made before they are asked for."""
        batches = iter(batches)
        with ThreadPoolExecutor(1) as pool:
            waiting = collections.deque(pool.submit(next, batches) for _ in range(AHEAD))
            while True:
                batch = waiting.popleft().result()
                waiting.append(pool.submit(next, batches))
                yield (batch,)

    def step_flops(self, model, batches, rows):
        """Floating-point operations of a training step, of the batches' shape."""
        return 3 * flops.forward(model, {name: array.shape for name, array in next(batches).items()})

    def peak(self):
        """Operations a second of all devices, or None where that is not known."""
        return peaks.peak(self.devices, self._settings.dtype, self._settings.peak_tflops)

    def board(self, folder):
        """Nothing: TensorBoard's files are written by TensorFlow."""

    def wait(self):
        """Does nothing: there is one process."""
