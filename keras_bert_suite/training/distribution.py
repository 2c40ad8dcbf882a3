"""The step of `fit` under `tf.distribute` as one device would do it; Keras's own is quietly wrong there, or fails.

What is mended, each measured against one device: the mean over unevenly many predictions, clipping before the
gradients of all replicas are added, the same dropout in all replicas, and gradient accumulation, XLA, several steps
an execution and several workers, which fail.
"""

import contextlib
import contextvars
import os

import tensorflow as tf

from keras_bert_suite.errors import InputError
from keras_bert_suite.layers.base import repeatable, replica
from keras_bert_suite.layers.contexts import setting
from keras_bert_suite.training.optimizers import Summed


def strategy_of(name, replicas=None):
    """A strategy of `tf.distribute` by its name.

    Args:
        name: `"one_device"`; `"mirrored"`, all GPUs of this machine, or `replicas` logical devices of its processors;
            `"multi_worker"`, the workers of the variable `TF_CONFIG`; `"tpu"`, the TPU of this machine.
        replicas: number of logical devices, for `"mirrored"`. To be asked for before TensorFlow has used a device.

    Raises:
        InputError: there is no such strategy, or what it needs is not there.
    """
    if replicas is not None and name != "mirrored":
        raise InputError(f"Received replicas={replicas} with {name}; they are of mirrored.")
    if name == "one_device":
        return tf.distribute.get_strategy()
    if name == "mirrored" and replicas:
        processor = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * replicas)
        return tf.distribute.MirroredStrategy([f"/cpu:{i}" for i in range(replicas)])
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if name == "multi_worker":
        if "TF_CONFIG" not in os.environ:
            raise InputError("multi_worker reads the workers' addresses from TF_CONFIG, which is not set.")
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "tpu":
        try:
            resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
        except (ValueError, tf.errors.OpError) as error:
            raise InputError(f"No TPU was found: {' '.join(str(error).split())[:200]}") from None
        return tf.distribute.TPUStrategy(resolver)
    raise InputError(f"Received strategy={name!r}; expected one_device, mirrored, multi_worker or tpu.")


def by_data(batches):
    """A `tf.data.Dataset` of which each worker takes its part of each batch: all read what one device reads."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.with_options(options)


class GlobalStep:
    """A mixin over `keras.Model` of the TensorFlow backend, for models that have `totals`, `sums` and `total`.

    Attributes:
        accumulation: parts in which a replica runs its batch, one after the other, with one update.
        xla: whether the forward and the backward pass are compiled by XLA, in each replica for itself.
        last_losses: after an execution the loss of each of its steps, a list of floats.
    """

    accumulation, xla, last_losses = 1, False, ()

    def train_step(self, batch):
        """One update; gives the parts of the loss and, under `loss`, the loss: of the batch of all replicas."""
        context = tf.distribute.get_replica_context()
        totals = context.all_reduce(tf.distribute.ReduceOp.SUM, self.totals(batch))
        passes = self._forward_and_backward
        if self.xla or self.accumulation > 1:
            # Traced once for all parts.
            passes = tf.function(passes, jit_compile=self.xla or None)
        with (
            replica(context.replica_id_in_sync_group) if context.num_replicas_in_sync > 1 else contextlib.nullcontext()
        ):
            found = [passes(part, totals) for part in self._parts(batch)]
        parts, gradients = tf.nest.map_structure(_sum, *found) if len(found) > 1 else found[0]
        parts = context.all_reduce(tf.distribute.ReduceOp.SUM, parts)
        # A pooler that no objective reads has none.
        pairs = [(g, v) for g, v in zip(gradients, self.trainable_variables, strict=True) if g is not None]
        self.optimizer.apply_gradients(pairs)
        return {"loss": self.total(parts), **parts}

    def _forward_and_backward(self, batch, totals):
        with tf.GradientTape() as tape:
            with _recomputing(True):
                outputs = self({name: batch[name] for name in self.input}, training=True)
            parts = self.sums(outputs, batch, totals)
            loss = self.total(parts)
        gradients = tape.gradient(loss, [variable.value for variable in self.trainable_variables])
        return parts, [None if gradient is None else tf.convert_to_tensor(gradient) for gradient in gradients]

    def _parts(self, batch):
        if self.accumulation == 1:
            return [batch]
        cut = {name: tf.split(array, self.accumulation) for name, array in batch.items()}
        return [{name: arrays[i] for name, arrays in cut.items()} for i in range(self.accumulation)]

    def test_step(self, batch):
        """The loss and its parts, of all batches of an `evaluate` until now."""
        context = tf.distribute.get_replica_context()
        totals = context.all_reduce(tf.distribute.ReduceOp.SUM, self.totals(batch))
        outputs = self({name: batch[name] for name in self.input}, training=False)
        parts = context.all_reduce(tf.distribute.ReduceOp.SUM, self.sums(outputs, batch, totals))
        for name, tracker in self.trackers.items():
            tracker.update_state(parts[name], sample_weight=totals[name])
        parts = {name: tracker.result() for name, tracker in self.trackers.items()}
        return {"loss": self.total(parts), **parts}

    def make_train_function(self, force=False):
        """What `fit` runs: `steps_per_execution` steps, as one graph."""
        if self.train_function is not None and not force:
            return self.train_function
        steps = self.steps_per_execution
        if not isinstance(self.optimizer, Summed) and self.distribute_strategy.num_replicas_in_sync > 1:
            if any(getattr(self.optimizer, name, None) for name in ("clipnorm", "global_clipnorm", "clipvalue")):
                raise InputError(
                    f"{type(self.optimizer).__name__} clips the gradients of each replica by themselves; expected an "
                    "optimizer of keras_bert_suite.training.optimizers, which clips their sum."
                )
        with self.distribute_strategy.scope():
            # A graph that makes variables in its first run fails within a loop.
            self.optimizer.build(self.trainable_variables)

        def several(iterator):
            found = self._on_replicas(self.train_step, iterator)
            losses = tf.TensorArray(tf.float32, steps).write(0, found["loss"])
            for i in tf.range(1, steps):
                found = self._on_replicas(self.train_step, iterator)
                losses = losses.write(i, found["loss"])
            return found, losses.stack()

        run = several if self.run_eagerly else tf.function(several)

        def function(iterator):
            found, losses = run(iterator)
            self.last_losses = losses.numpy().tolist()
            return found

        self.train_function = function
        return function

    def make_test_function(self, force=False):
        """What `evaluate` runs: up to `steps_per_execution` batches, one after the other."""
        if self.test_function is not None and not force:
            return self.test_function
        run = tf.function(lambda iterator: self._on_replicas(self.test_step, iterator))

        def function(iterator):
            found = run(iterator)
            for _ in range(1, self.steps_per_execution):
                try:
                    found = run(iterator)
                except tf.errors.OutOfRangeError:
                    break
            return found

        self.test_function = function
        return function

    @tf.autograph.experimental.do_not_convert
    def _on_replicas(self, step, iterator):
        """A step's numbers, of which all replicas have the same: those of the first."""
        strategy = self.distribute_strategy
        found = strategy.run(step, (next(iterator),))
        return tf.nest.map_structure(lambda x: strategy.experimental_local_results(x)[0], found)

    def get_metrics_result(self):
        """Nothing: the steps' own numbers are those of `fit` and `evaluate`."""
        return {}

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # A functional model is built already, and what Keras does here fails with several workers.
        pass


_RECOMPUTING = contextvars.ContextVar("recomputing", default=False)


def _recomputing(value):
    return setting(_RECOMPUTING, value)


def recompute(layers):
    """Has a `GlobalStep` keep of these layers their inputs alone, and compute the rest again in the backward pass.

    Chen et al. 2016, https://arxiv.org/abs/1604.06174. Gradients are the same, those behind dropout too. In Keras 3.15
    on TensorFlow `RematScope` fails for layers that are called with keywords, and computes others again with other
    random numbers and without `training`: a dense layer before dropout had gradients of 247 that were off by 124.

    Args:
        layers: layers that give one tensor, such as an encoder's blocks.
    """
    for layer in {id(layer): layer for layer in layers}.values():
        layer.call = _recomputed(layer, layer.call)


def _recomputed(layer, call):
    def run(*args, **kwargs):
        if not _RECOMPUTING.get():
            return call(*args, **kwargs)
        # Masks have no gradient, and TensorFlow warns of integers.
        names = [name for name, value in kwargs.items() if tf.is_tensor(value) and value.dtype.is_floating]
        others = {name: value for name, value in kwargs.items() if name not in names}

        @repeatable
        def again(*tensors):
            given = dict(zip(names, tensors[len(args) :], strict=True))
            # As a layer, since the second time no model is being called that says what `training` and dtypes are.
            with _recomputing(False):
                return layer(*tensors[: len(args)], **given, **others, training=True)

        return tf.recompute_grad(again)(*args, *(kwargs[name] for name in names))

    return run


def _sum(*each):
    return None if each[0] is None else tf.add_n(each)
