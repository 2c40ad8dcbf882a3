"""FastBERT's self-distillation: an `EarlyExit`'s last classifier learns labels, the others then learn its answers.

Liu et al. 2020, https://arxiv.org/abs/2004.02178
"""

import keras

from keras_bert_suite.distillation.distiller import Distiller
from keras_bert_suite.distillation.losses import Labels, SoftLabels
from keras_bert_suite.distillation.traces import Traced, frozen, traced
from keras_bert_suite.errors import InputError

LABELS, COUNTED = "logits_labels", "logits_weights"


def last_exit(model):
    """What the first stage trains: the encoder and the last classifier, on labels; the others are not run.

    Args:
        model: an `EarlyExit`, as `TaskModel.model` of a classification with a `speed`.

    Returns:
        A `Distiller` over the weights of `model`, to be compiled. A batch is a dict of the encoder's inputs;
        `logits_labels` `(batch,)`, the numbers of the labels; and `logits_weights` `(batch,)`, what each text counts.

    Raises:
        InputError: the model has no exits.
    """
    name = _checked(model)[-1].name
    student = Traced(dict(model.input), {name: model.output[name]}, model.encoder, len(model.classifiers))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Distiller(student, student, [Labels(loss, name, labels=LABELS, counted=COUNTED)])


def other_exits(model):
    """What the second stage trains: all classifiers but the last, on its answers, so on any text of the kind.

    The encoder and the last classifier are frozen from here on: make it once the first stage is trained. They are run
    once a step, without dropout and without a gradient.

    Args:
        model: an `EarlyExit`, whose encoder and last classifier are trained.

    Returns:
        A `Distiller` over the weights of `model`, to be compiled. A batch is as that of `last_exit`, without labels.
        The loss is the sum over the classifiers of the divergence of their probabilities from the last one's.

    Raises:
        InputError: the model has no exits, or but one.
    """
    *others, last = _checked(model)
    if not others:
        raise InputError("Received an encoder of one block; the exits before the last learn from it: there are none.")
    backbone, inputs = traced(model.encoder), dict(model.input)
    read = [backbone.key(i) for i in range(len(others))]
    final = backbone.tensors[backbone.key(len(others))]
    backbone.tensors[last.name] = last(final, padding_mask=backbone.inputs["padding_mask"])
    found = frozen(backbone, [*read, last.name], inputs)
    tensors = {
        layer.name: layer(found[key], padding_mask=inputs["padding_mask"])
        for layer, key in zip(others, read, strict=True)
    }
    tensors[last.name] = found[last.name]
    student = Traced(inputs, tensors, model.encoder, len(model.classifiers))
    return Distiller(student, student, [SoftLabels((x.name, last.name), counted=COUNTED) for x in others])


def _checked(model):
    """The classifiers of an `EarlyExit`."""
    if not hasattr(model, "classifiers"):
        raise InputError(
            f"Received a {type(model).__name__} without exits; FastBERT is for a classification with a speed, as "
            "speed=0.5."
        )
    return model.classifiers
