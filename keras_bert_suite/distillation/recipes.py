"""Recipes of distillation as plain values, chosen by name: stages of a training, each with its losses and rates."""

import dataclasses
import math

from keras_bert_suite.distillation import fast_bert, losses, students
from keras_bert_suite.distillation.traces import Traced
from keras_bert_suite.errors import InputError

# Relation heads of MiniLMv2 for BERT-base: more than the attention has.
RELATION_HEADS = 48


@dataclasses.dataclass(frozen=True)
class Answer:
    """Logits that both models give, and what they are measured by.

    Attributes:
        output: their name.
        kind: see `losses.SoftLabels`.
        loss: a `keras.losses.Loss` on labels, or a function like one.
        weight: among several answers.
        labels, counted: names in a batch, see `losses.Labels`.
    """

    output: str
    kind: str
    loss: object
    weight: float = 1.0
    labels: str | None = None
    counted: str | None = None


@dataclasses.dataclass(frozen=True)
class Models:
    """What a stage's losses are between.

    Attributes:
        student, teacher: `Traced`.
        answers: a list of `Answer`.
    """

    student: Traced
    teacher: Traced
    answers: tuple

    @property
    def blocks(self):
        """Pairs of blocks, each of the student's with the last of as many of the teacher's."""
        found = students.layer_map(self.teacher.num_blocks, self.student.num_blocks)
        return list(enumerate(found))

    @property
    def last(self):
        """The pair of the last blocks."""
        return [(self.student.num_blocks - 1, self.teacher.num_blocks - 1)]


@dataclasses.dataclass(frozen=True)
class Stage:
    """One training of a recipe.

    Attributes:
        name: of its folder.
        losses: a function from `Models` to a list of `losses.Comparison`.
        learning_rate: the peak.
        epochs: times that the data are read.
        warmup: part of the steps in which the rate rises.
        weight_decay: decoupled, not on norms and biases.
        rates: a function from the student's encoder to the factors of its variables' rates, by path; or None.
        make: in place of `losses`, a function from the student's model to the `Distiller`.
    """

    name: str
    losses: object
    learning_rate: float
    epochs: int
    warmup: float = 0.1
    weight_decay: float = 0.01
    rates: object = None
    make: object = None


def soft_labels(models, weight=1.0, temperature=1.0):
    """The losses of all answers against the teacher's."""
    return [
        losses.SoftLabels(each.output, each.kind, temperature, weight * each.weight, counted=each.counted)
        for each in models.answers
    ]


def labels(models, weight=1.0):
    """The losses of all answers on their labels."""
    return [
        losses.Labels(each.loss, each.output, weight * each.weight, labels=each.labels, counted=each.counted)
        for each in models.answers
    ]


def _task(models):
    return soft_labels(models, temperature=2.0) + labels(models)


def _distilbert(models):
    cosine = losses.Cosine([("sequence_output", "sequence_output")], projection=_projection(models))
    return [*soft_labels(models, 5.0, 2.0), *labels(models, 2.0), cosine]


def _tinybert(models):
    states = [("embeddings", "embeddings"), *models.blocks]
    return [losses.HiddenStates(states, projection="shared"), losses.AttentionScores(models.blocks)]


def _minilm_v1(models):
    return [losses.AttentionDistributions(models.last), losses.Relations(models.last, of=("value",))]


def _minilm_v2(models):
    widths = [_attention_dim(traced) for traced in (models.student, models.teacher)]
    shared = math.gcd(*widths)
    heads = max(heads for heads in range(1, RELATION_HEADS + 1) if shared % heads == 0)
    return [losses.Relations(models.last, heads=heads)]


def _transfer(block):
    """The losses of MobileBERT's transfer of one block."""

    def of(models):
        pair = [models.blocks[block]]
        return [
            losses.HiddenStates(pair, _projection(models), normalize=True, weight=100.0),
            losses.FeatureStatistics(pair),
            losses.AttentionDistributions(pair),
        ]

    return of


def _rates_below(block):
    """A tenth of the rate for what is below a block, and has been transferred before it."""

    def of(encoder):
        below = [encoder.embeddings, *encoder.blocks[:block]]
        return {variable.path: 0.1 for layer in below for variable in layer.weights} if block else {}

    return of


def _mobilebert(num_layers):
    transfer = [
        Stage(f"transfer_{block}", _transfer(block), 1.5e-3, 1, rates=_rates_below(block))
        for block in range(num_layers)
    ]
    # Half of the labels are the teacher's.
    answers = Stage("answers", lambda models: soft_labels(models, 0.5) + labels(models, 0.5), 1.5e-3, 3)
    return (*transfer, answers)


def _then_task(*stages):
    return (*stages, Stage("task", _task, 1e-4, 3))


# Of each recipe the stages, or a function from the student's number of blocks to them; and whether it needs labels or
# another answer of the teacher. Rates and epochs are the published ones where there are such.
RECIPES = {
    # No distillation: what all others are held against.
    "labels": (Stage("labels", labels, 1e-4, 3),),
    # Hinton et al. 2015, https://arxiv.org/abs/1503.02531
    "task": (Stage("task", _task, 1e-4, 3),),
    # Sanh et al. 2019, https://arxiv.org/abs/1910.01108
    "distilbert": (Stage("distilbert", _distilbert, 5e-4, 3),),
    # Jiao et al. 2020, https://arxiv.org/abs/1909.10351
    "tinybert_general": (Stage("intermediate", _tinybert, 1e-4, 3),),
    "tinybert_task": (
        Stage("intermediate", _tinybert, 5e-5, 10),
        Stage("prediction", soft_labels, 3e-5, 3),
    ),
    # Sun et al. 2020, https://arxiv.org/abs/2004.02984
    "mobilebert": _mobilebert,
    # Wang et al. 2020, https://arxiv.org/abs/2002.10957; 2021, https://arxiv.org/abs/2012.15828
    "minilm_v1": (Stage("relations", _minilm_v1, 5e-4, 3),),
    "minilm_v2": (Stage("relations", _minilm_v2, 6e-4, 3),),
    # Liu et al. 2020, https://arxiv.org/abs/2004.02178
    "fastbert": (
        Stage("last_exit", None, 2e-5, 3, make=fast_bert.last_exit),
        Stage("other_exits", None, 2e-4, 5, make=fast_bert.other_exits),
    ),
}
# Those that give a student that answers nothing yet: of a task they are followed by it.
GENERAL = ("tinybert_general", "minilm_v1", "minilm_v2")


def stages(name, num_layers, on_task, epochs=(), learning_rates=()):
    """The stages of a recipe.

    Args:
        name: of `RECIPES`.
        num_layers: the student's number of blocks.
        on_task: whether it learns a task, and not from text alone.
        epochs, learning_rates: instead of the recipe's own, one for each stage, or one for all; or none.

    Raises:
        InputError: there is no such recipe, or the numbers are as many as neither.
    """
    if name not in RECIPES:
        raise InputError(f"Received recipe={name!r}; expected one of {', '.join(RECIPES)}.")
    found = RECIPES[name]
    found = found(num_layers) if callable(found) else found
    found = _then_task(*found) if on_task and name in GENERAL else found
    for key, values in (("epochs", epochs), ("learning_rate", learning_rates)):
        if values and len(values) not in (1, len(found)):
            raise InputError(
                f"Received {key}={','.join(map(str, values))}; {name} has the stages "
                f"{', '.join(stage.name for stage in found)}: expected one number, or one for each."
            )
        if values:
            values = values * len(found) if len(values) == 1 else values
            found = tuple(
                dataclasses.replace(stage, **{key: value}) for stage, value in zip(found, values, strict=True)
            )
    return found


def _projection(models):
    widths = [traced.tensors["sequence_output"].shape[-1] for traced in (models.student, models.teacher)]
    return None if widths[0] == widths[1] else "shared"


def _attention_dim(traced):
    shape = traced.tensors[f"block_{traced.num_blocks - 1}_query"].shape
    return shape[1] * shape[3]
