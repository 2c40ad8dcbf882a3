"""The step of `fit` on JAX, where a batch is one array over all devices, and what is computed of it is the same.

Keras's own gives means of an epoch; this one the loss of each step and its parts, as `training.distribution` does.
"""

import jax
import keras

from keras_bert_suite.errors import InputError


def devices_of(name, replicas=None):
    """Has arrays and what is computed of them lie on devices, from now on.

    Args:
        name: `"one_device"`; or `"mirrored"`, all GPUs or TPUs of this machine, or `replicas` logical devices of its
            processors, each with a part of a batch and the whole model.
        replicas: number of logical devices, for `"mirrored"`. To be asked for before JAX has used a device.

    Returns:
        The number of devices.

    Raises:
        InputError: there is no such strategy.
    """
    if replicas is not None and name != "mirrored":
        raise InputError(f"Received replicas={replicas} with {name}; they are of mirrored.")
    if name == "one_device":
        return 1
    if name != "mirrored":
        raise InputError(f"Received strategy={name!r}; expected one_device or mirrored, the ones that JAX has here.")
    if replicas:
        jax.config.update("jax_num_cpu_devices", replicas)
    devices = keras.distribution.list_devices("cpu")[:replicas] if replicas else keras.distribution.list_devices()
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False))
    return len(devices)


class GlobalStep:
    """A mixin over a functional `keras.Model` of the JAX backend, for models that have `totals`, `sums` and `total`.

    Attributes:
        accumulation: parts in which a batch is run, one after the other, with one update.
        last_losses: after an execution the loss of each of its steps, a list of floats.
    """

    accumulation, last_losses = 1, ()

    def train_step(self, state, data):
        """One update; gives the parts of the loss and, under `loss`, the loss."""
        values, others, slots, metrics = state
        batch = _joined(data)
        totals = self.totals(batch)
        step = jax.grad(self._loss, has_aux=True)
        if self.accumulation == 1:
            gradients, (parts, others) = step(values, others, batch, totals)
        else:
            gradients, parts, others = self._accumulated(step, values, others, batch, totals)
        updated, slots = self.optimizer.stateless_apply(slots, gradients, values)
        # What no objective reads, as a pooler, has a gradient of zeros here, by which its weights would still decay.
        learns = _variables(self)
        kept = zip(self.trainable_variables, values, updated, strict=True)
        values = [new if id(variable) in learns else old for variable, old, new in kept]
        return {"loss": self.total(parts), **parts}, (values, others, slots, metrics)

    def _loss(self, values, others, batch, totals):
        inputs = {name: batch[name] for name in self.input}
        outputs, others = self.stateless_call(values, others, inputs, training=True)
        parts = self.sums(outputs, batch, totals)
        return self.total(parts), (parts, others)

    def _accumulated(self, step, values, others, batch, totals):
        def cut(array):
            # Each part has rows of all devices, which stay where they are.
            parts = array.reshape(len(array) // self.accumulation, self.accumulation, *array.shape[1:])
            return parts.swapaxes(0, 1)

        def one(carried, part):
            others, found = carried
            gradients, (parts, others) = step(values, others, part, totals)
            return (others, jax.tree.map(jax.numpy.add, found, (gradients, parts))), None

        nothing = jax.tree.map(jax.numpy.zeros_like, (values, totals))
        (others, (gradients, parts)), _ = jax.lax.scan(one, (others, nothing), jax.tree.map(cut, batch))
        return gradients, parts, others

    def test_step(self, state, data):
        """The loss and its parts, of all batches of an `evaluate` until now."""
        values, others, metrics = state
        batch = _joined(data)
        totals = self.totals(batch)
        outputs, others = self.stateless_call(
            values, others, {name: batch[name] for name in self.input}, training=False
        )
        parts = self.sums(outputs, batch, totals)
        with keras.StatelessScope(state_mapping=list(zip(self.metrics_variables, metrics, strict=True))) as scope:
            for name, tracker in self.trackers.items():
                tracker.update_state(parts[name], sample_weight=totals[name])
            parts = {name: tracker.result() for name, tracker in self.trackers.items()}
        metrics = [scope.get_current_value(variable) for variable in self.metrics_variables]
        return {"loss": self.total(parts), **parts}, (values, others, metrics)

    def make_train_function(self, force=False):
        """What `fit` runs: `steps_per_execution` steps, of which none waits for the one before to be read."""
        if self.train_function is not None and not force:
            return
        self.optimizer.build(self.trainable_variables)
        steps, self.steps_per_execution = self.steps_per_execution, 1
        super().make_train_function(force)
        self.steps_per_execution, one = steps, self.train_function

        def several(state, iterator):
            losses = []
            for _ in range(steps):
                logs, state = one(state, iterator)
                losses.append(logs["loss"])
            self.last_losses = [float(loss) for loss in losses]
            return logs, state

        self.train_function = several

    def get_metrics_result(self):
        """Nothing: the steps' own numbers are those of `fit` and `evaluate`."""
        return {}

    def _symbolic_build(self, iterator=None, data_batch=None):
        # A functional model is built already; what Keras does here fails where a batch has more than its inputs.
        pass


def _joined(data):
    """A batch as one dict: the model's inputs and all else, which come as one or as two."""
    inputs, rest, _ = keras.utils.unpack_x_y_sample_weight(data)
    return {**inputs, **(rest or {})}


def _variables(model):
    """The ids of the variables on which the outputs of a functional model depend."""
    found = set()
    for operation in model.operations:
        if hasattr(operation, "operations"):
            found |= _variables(operation)
        else:
            found |= {id(variable) for variable in getattr(operation, "variables", ())}
    return found
