"""Classification of a text or a pair: one label, several labels, one of ordered labels, or a number.

A text that is longer than the model reads is cut; or, with a `stride`, read by windows whose logits are pooled.
"""

import collections

import keras
import numpy as np
from keras import ops

from keras_bert_suite import heads
from keras_bert_suite.data import readers
from keras_bert_suite.encoders.early_exit import EarlyExit
from keras_bert_suite.errors import InputError
from keras_bert_suite.evaluation import metrics
from keras_bert_suite.layers import Layer, Pool, register
from keras_bert_suite.tasks.task import Task

PROBLEMS = ("single_label", "multi_label", "ordinal", "regression")
POOLS = ("mean", "max", "attention")


class Classification(Task):
    """What it takes to train, run and judge a classifier.

    Args:
        labels: the labels in the order of the logits; for a regression one name.
        problem: `"single_label"`, `"multi_label"`, `"ordinal"` (labels are numbers, from low to high; a logit for
            each but the first, whether the label is that or above: Cheng et al. 2008, https://arxiv.org/abs/0704.1028)
            or `"regression"`.
        stride: pieces that windows of a long text share; None to cut it.
        pool: how the logits of windows are joined: `"mean"`, `"max"`, or `"attention"`, a mean with learned weights.
        speed: for a classifier after each block (early exit, Liu et al. 2020, https://arxiv.org/abs/2004.02178): the
            uncertainty, 0 to 1, below which a text's answer is that of the block, and the device runs no further one.
            All classifiers learn the labels at once (Teerapittayanon et al. 2016, https://arxiv.org/abs/1709.01686).
            None for the one classifier over the last block.
    """

    name = "classification"

    def __init__(self, labels, problem="single_label", stride=None, pool="mean", speed=None):
        if problem not in PROBLEMS:
            raise InputError(f"Received problem={problem!r}; expected {', '.join(PROBLEMS)}.")
        if pool not in POOLS:
            raise InputError(f"Received pool={pool!r}; expected {', '.join(POOLS)}.")
        if speed is not None and (problem != "single_label" or stride is not None or not 0 <= speed <= 1):
            raise InputError(
                f"Received speed={speed} with problem={problem}, stride={stride}; early exit is for one label of "
                "several, without windows, and a speed is 0 to 1."
            )
        self.labels, self.problem, self.stride, self.pool = list(labels), problem, stride, pool
        self.speed = speed
        self.grouped = stride is not None
        self._ids = {label: i for i, label in enumerate(self.labels)}

    @classmethod
    def from_examples(cls, examples, problem="single_label", **settings):
        """The task with the labels that these examples have."""
        if problem == "regression":
            return cls(["value"], problem, **settings)
        found = {label for example in examples for label in _labels(example, problem)}
        if len(found) < 2:
            raise InputError(
                f"The training data has {len(found)} label ({', '.join(sorted(found))}); expected 2 or more."
            )
        if problem == "ordinal":
            found = sorted(found, key=lambda label: _number({"label": label}, "The training data"))
            return cls(found, problem, **settings)
        return cls(sorted(found), problem, **settings)

    @staticmethod
    def read(path, columns=None):
        """The examples of a file; see `data.readers.read_classification`."""
        return readers.read_classification(path, columns)

    @property
    def soft(self):
        """What a student may learn from a teacher; with a `speed` nothing, as each block has an answer of its own."""
        if self.speed is not None:
            return {}
        return {"logits": {"single_label": "labels", "regression": "number"}.get(self.problem, "several")}

    @property
    def config(self):
        """What makes the task again, as a dict."""
        config = {"name": self.name, "labels": self.labels, "problem": self.problem}
        if self.speed is not None:
            return {**config, "speed": self.speed}
        return config if self.stride is None else {**config, "stride": self.stride, "pool": self.pool}

    def check(self, examples, path):
        """Raises InputError where an example has a label that the task does not know."""
        for i, example in enumerate(examples, 1):
            if self.problem == "regression":
                _number(example, f"{path} example {i}")
                continue
            for label in _labels(example, self.problem):
                if label not in self._ids:
                    raise InputError(
                        f"{path} example {i} has the label {label!r}, which training has not seen; "
                        f"it knows {', '.join(self.labels[:20])}."
                    )

    def baseline(self, examples):
        """The part of the most frequent label; 0 where several labels or a number are asked for."""
        if self.problem not in ("single_label", "ordinal"):
            return 0.0
        counts = collections.Counter(_labels(example, self.problem)[0] for example in examples)
        return max(counts.values()) / len(examples)

    def target(self, example, encodings):
        """Label and weight of one example, of the output `logits`."""
        if self.problem == "regression":
            return {"logits": (np.float32(_number(example, "an example")), 1.0)}
        ids = [self._ids[label] for label in _labels(example, self.problem)]
        if self.problem == "single_label":
            return {"logits": (np.int32(ids[0]), 1.0)}
        if self.problem == "ordinal":
            return {"logits": ((np.arange(1, len(self.labels)) <= ids[0]).astype("float32"), 1.0)}
        several = np.zeros(len(self.labels), "float32")
        several[ids] = 1.0
        return {"logits": (several, 1.0)}

    def build(self, encoder, dropout):
        """The encoder with the task's head, a `keras.Model` from its inputs to `{"logits"}`.

        With `pool="attention"` also `weight` `(batch, 1)`, the logit of a window's weight. With a `speed` an
        `EarlyExit`.
        """
        if self.speed is not None:
            if encoder.pooler is not None:
                # No classifier reads it.
                encoder.pooler.trainable = False
            return EarlyExit(encoder, len(self.labels))
        model = heads.attach(encoder, "classification", len(self.labels) - (self.problem == "ordinal"), dropout)
        if self.stride is None or self.pool != "attention":
            return model
        first = Pool("first", name="first")(encoder.output["sequence_output"], encoder.input["padding_mask"])
        weight = heads.Classifier(1, name="window_weight")(first)
        return keras.Model(encoder.input, {"logits": model.output["logits"], "weight": weight})

    def training_model(self, model):
        """The model that is trained: for windows one that pools their logits.

        With a `speed` its `logits` are `(batch, blocks, labels)`.
        """
        if self.speed is not None:
            return keras.Model(model.input, {"logits": StackExits(name="stack_exits")(exits_of(model.output))})
        if self.stride is None:
            return model
        windows = heads.grouped(model)
        pooled = PoolWindows(self.pool, self.problem == "single_label", name="pool_windows")
        logits = pooled(windows.output["logits"], windows.input["padding_mask"], windows.output.get("weight"))
        return keras.Model(windows.input, {"logits": logits})

    def losses(self):
        """The loss of each output."""
        if self.speed is not None:
            return {"logits": _EachExit()}
        if self.problem == "regression":
            return {"logits": _SquaredError()}
        if self.problem in ("multi_label", "ordinal"):
            return {"logits": keras.losses.BinaryCrossentropy(from_logits=True)}
        return {"logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}

    def outputs(self, model_outputs):
        """What `decode` reads: `scores`, probabilities or the number itself; with a `speed` those of each block."""
        if self.speed is not None:
            return {"scores": ops.softmax(ops.stack(exits_of(model_outputs), axis=1), axis=-1)}
        logits = model_outputs["logits"]
        if self.problem == "single_label":
            scores = ops.softmax(logits, axis=-1)
        else:
            scores = logits if self.problem == "regression" else ops.sigmoid(logits)
        return {"scores": scores, **{name: x for name, x in model_outputs.items() if name == "weight"}}

    def evaluate(self, examples, answers):
        """Metrics of the answers to labelled examples, a dict."""
        if self.problem == "regression":
            return metrics.regression([_number(e, "an example") for e in examples], [a["value"] for a in answers])
        gold = [_labels(example, self.problem) for example in examples]
        if self.problem == "multi_label":
            return metrics.multi_label(gold, [answer["labels"] for answer in answers], self.labels)
        return metrics.single_label([labels[0] for labels in gold], [a["label"] for a in answers], self.labels)


def exits_of(outputs):
    """Of the outputs of an `EarlyExit` a list, from the first block to the last."""
    return [outputs[f"exit_{i}"] for i in range(len(outputs))]


@register
class StackExits(Layer):
    """A list of logits `(batch, labels)` to `(batch, blocks, labels)`."""

    def call(self, logits):
        return ops.stack(logits, axis=1)


class _EachExit(keras.losses.Loss):
    """The mean cross-entropy of the logits `(batch, blocks, labels)` of all blocks against labels `(batch,)`."""

    def call(self, y_true, y_pred):
        labels = ops.broadcast_to(ops.expand_dims(ops.cast(y_true, "int32"), 1), ops.shape(y_pred)[:2])
        return ops.mean(keras.losses.sparse_categorical_crossentropy(labels, y_pred, from_logits=True), axis=1)


@register
class PoolWindows(Layer):
    """The logits of a text from those of its windows.

    Args:
        pool: `"mean"`, `"max"` or `"attention"`.
        normalize: whether logits are made log-probabilities first, as for one label of several.

    Call arguments:
        logits: `(batch, windows, labels)`.
        padding_mask: `(batch, windows, time)`; a window without a real token does not count.
        weight: `(batch, windows, 1)`, logits of the windows' weights, for `"attention"`.

    Returns:
        `(batch, labels)`.
    """

    def __init__(self, pool="mean", normalize=True, **kwargs):
        super().__init__(**kwargs)
        self.pool, self.normalize = pool, normalize

    def call(self, logits, padding_mask, weight=None):
        absent = 1.0 - ops.cast(ops.max(padding_mask, axis=2, keepdims=True), logits.dtype)
        if self.normalize:
            logits = ops.log_softmax(logits, axis=-1)
        if self.pool == "max":
            return ops.max(logits - 1e4 * absent, axis=1)
        weight = ops.zeros_like(absent) if weight is None else weight
        return ops.sum(ops.softmax(weight - 1e4 * absent, axis=1) * logits, axis=1)


class _SquaredError(keras.losses.Loss):
    """Squared error of logits `(batch, 1)` against numbers `(batch,)`."""

    def call(self, y_true, y_pred):
        return ops.square(y_pred[:, 0] - ops.cast(y_true, y_pred.dtype))


def _labels(example, problem):
    label = example["label"]
    if isinstance(label, list):
        return [str(item) for item in label]
    if problem == "multi_label":
        return [item.strip() for item in str(label).replace("|", ",").split(",") if item.strip()]
    return [str(label)]


def _number(example, where):
    try:
        return float(example["label"])
    except (TypeError, ValueError):
        raise InputError(f"{where} has the label {example['label']!r}; a regression expects a number.") from None
