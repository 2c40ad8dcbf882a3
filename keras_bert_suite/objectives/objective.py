"""What a self-supervised objective is, and `attach`, which joins any number of them to an encoder."""

import functools

import keras
from keras import ops

from keras_bert_suite.errors import InputError
from keras_bert_suite.layers.base import register

if keras.backend.backend() == "tensorflow":
    from keras_bert_suite.training.distribution import GlobalStep
elif keras.backend.backend() == "jax":
    from keras_bert_suite.training.jax_step import GlobalStep
else:

    class GlobalStep:
        """Keras's own step."""


class Objective:
    """One thing that an encoder learns from text alone; abstract.

    What it needs of a batch stands there under names of its own; several objectives share a batch.

    Attributes:
        name: of its output and its loss.
        inputs: what it adds to the encoder's inputs, integers: name to shape without the batch.
        weight: of its loss in the sum.
        before: objectives that it brings with it, whose outputs it reads.
        masking: arguments of `data.masking.Masking` with which what it reads is made.
    """

    name, inputs, weight, before, masking = None, {}, 1.0, (), {}

    def build(self, encoder, inputs):
        """The output.

        Args:
            encoder: the encoder.
            inputs: a dict of `keras.KerasTensor`: the encoder's inputs, all objectives' own, and what the objectives
                before gave, under their names.
        """
        raise NotImplementedError

    def losses(self, output, batch):
        """The loss of each prediction, float32, of any shape.

        Args:
            output: what `build` gave, as numbers.
            batch: a dict of arrays.
        """
        raise NotImplementedError

    def weights(self, batch):
        """The weight of each prediction, of the shape of `losses`; it follows from the batch alone."""
        raise NotImplementedError

    def trained(self, encoder):
        """The encoder as it is to be kept; another one where training holds its weights in parts."""
        return encoder


@register
class Pretraining(GlobalStep, keras.Model):
    """An encoder with objectives, a functional model that `fit` trains.

    It is given dicts of arrays; on JAX in a tuple, or as pairs of dicts, the model's inputs and all else.

    The loss of each objective is the sum over the predictions of the *whole* batch, of all replicas and parts of it
    that are accumulated, over the sum of their weights: the same number on any number of devices.

    Args:
        inputs, outputs: as for a functional `keras.Model`.
        encoder: the encoder within.
        objectives: a list of `Objective`.
    """

    def __init__(self, inputs, outputs, encoder, objectives, **kwargs):
        super().__init__(inputs, outputs, **kwargs)
        self.encoder, self.objectives = encoder, list(objectives)
        self.trackers = {each.name: keras.metrics.Mean(name=each.name) for each in objectives}

    @property
    def state(self):
        """The variables that a training changes: what a checkpoint has beside the optimizer's."""
        return self.variables

    def totals(self, batch):
        """The sums of the weights of each objective, a dict of scalars."""
        return {each.name: ops.sum(ops.cast(each.weights(batch), "float32")) for each in self.objectives}

    def sums(self, outputs, batch, totals):
        """The parts of the loss, a dict of scalars, of this batch's predictions; over these totals."""
        return {
            each.name: ops.sum(each.losses(outputs[each.name], batch) * ops.cast(each.weights(batch), "float32"))
            / ops.maximum(totals[each.name], 1.0)
            for each in self.objectives
        }

    def total(self, parts):
        """The loss: the weighted sum of its parts."""
        return sum(each.weight * parts[each.name] for each in self.objectives)

    def trained(self):
        """The encoder as it is to be kept: saved, fine-tuned, exported."""
        return functools.reduce(lambda encoder, each: each.trained(encoder), self.objectives, self.encoder)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """What Keras's own step asks for, where it is right: `x` has the model's inputs, `y` what else a batch has."""
        batch = {**x, **(y or {})}
        return self.total(self.sums(y_pred, batch, self.totals(batch)))


def attach(encoder, objectives):
    """A model that learns all of the objectives at once.

    BERT is `[MaskedLM(), NextSentence()]`, ALBERT `[MaskedLM(), SentenceOrder()]`, SpanBERT
    `[MaskedLM(), SpanBoundary()]`, ELECTRA `[ReplacedToken(generator)]`.

    Args:
        encoder: an `Encoder`.
        objectives: a list of `Objective`, each of another name.

    Returns:
        A `Pretraining`; its outputs stand under the names of the objectives, those that others bring among them.

    Raises:
        InputError: there is none, or two have a name.
    """
    objectives = [part for each in objectives for part in (*each.before, each)]
    names = [each.name for each in objectives]
    if not names or len(set(names)) < len(names):
        raise InputError(f"Received the objectives {', '.join(names) or 'none'}; expected one or more, each once.")
    inputs = dict(encoder.input)
    for each in objectives:
        for name, shape in each.inputs.items():
            inputs.setdefault(name, keras.Input(shape, dtype="int32", name=name))
    outputs = {}
    for each in objectives:
        outputs[each.name] = each.build(encoder, {**inputs, **outputs})
    return Pretraining(inputs, outputs, encoder, objectives)
