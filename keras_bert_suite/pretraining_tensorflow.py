"""What of a pre-training is TensorFlow's: its devices, the graph of its data, what it shows of itself."""

import tensorflow as tf

from keras_bert_suite import flops
from keras_bert_suite.data import on_the_fly, records
from keras_bert_suite.quiet import quiet
from keras_bert_suite.training import board, distribution, peaks


class Side:
    """Devices of `tf.distribute` and batches of `tf.data`; `pretraining_jax.Side` has the same names.

    Args:
        settings: the `pretraining.Settings`, or those of another training with the same names.

    Attributes:
        devices: their number, over which a batch is spread.
        chief: whether this process is the one that writes.
        scope: a function to the context in which a model is made.

    Raises:
        InputError: there are no such devices.
    """

    def __init__(self, settings):
        self._settings = settings
        with quiet():
            self._strategy = distribution.strategy_of(settings.strategy, settings.replicas)
            tf.config.list_logical_devices()
        self.devices, self._workers = self._strategy.num_replicas_in_sync, self._strategy.cluster_resolver
        self.chief = self._workers is None or self._workers.task_id in (None, 0)
        self.scope = self._strategy.scope

    def set_up(self, model):
        """Does to a compiled model what the settings say of its step."""
        model.xla = self._settings.xla
        if self._settings.remat:
            distribution.recompute(model.encoder.blocks)

    def batches(self, source, batch_size, done, read, masked):
        """Endless batches, dicts of arrays.

        Args:
            source: a folder that `preparation.prepare` wrote, or an `on_the_fly.Text`.
            batch_size: rows of a batch.
            done: batches before.
            read: rows of the folder that were read before.
            masked: a function of the number of a batch and the batch to what is learned from.
        """
        if isinstance(source, on_the_fly.Text):
            group = max(1, on_the_fly.MASKED_ROWS // batch_size)
            found = on_the_fly.read(source, batch_size, done, masked, group)
        else:
            found = records.read(source, batch_size, self._settings.seed, begin=read).enumerate(done)
            found = found.map(masked, num_parallel_calls=2)
        return distribution.by_data(found.prefetch(4))

    def fed(self, batches):
        """Batches as `fit` takes them."""
        return batches

    def step_flops(self, model, batches, rows):
        """Floating-point operations of a training step; None where batches have no one shape."""
        try:
            return 3 * flops.forward(model, {name: (rows, *x.shape[1:]) for name, x in batches.element_spec.items()})
        except ValueError:
            return None

    def peak(self):
        """Operations a second of all devices, or None where that is not known."""
        # Logical devices share their processor; workers have one each.
        processors = 1 if self._workers is None else self.devices
        return peaks.peak(self.devices, self._settings.dtype, self._settings.peak_tflops, processors)

    def board(self, folder):
        """Where the numbers of steps are shown."""
        return board.Board(folder)

    def wait(self):
        """Has workers wait for one another: one that ends before the first has written takes that one with it."""
        if self._settings.strategy == "multi_worker":
            done = self._strategy.run(lambda: tf.constant(1.0))
            self._strategy.reduce(tf.distribute.ReduceOp.SUM, done, axis=None)
