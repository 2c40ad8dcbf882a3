"""Classification of a text or a pair: one label, several labels, or a number."""

import keras
import numpy as np
from keras import ops

from keras_bert_suite import heads
from keras_bert_suite.data import readers
from keras_bert_suite.errors import InputError
from keras_bert_suite.evaluation import metrics


class Classification:
    """What it takes to train, run and judge a classifier.

    Args:
        labels: the labels in the order of the logits; for a regression one name.
        problem: `"single_label"`, `"multi_label"` or `"regression"`.
    """

    name = "classification"

    def __init__(self, labels, problem="single_label"):
        if problem not in ("single_label", "multi_label", "regression"):
            raise InputError(f"Received problem={problem!r}; expected single_label, multi_label or regression.")
        self.labels, self.problem = list(labels), problem
        self._ids = {label: i for i, label in enumerate(self.labels)}

    @classmethod
    def from_examples(cls, examples, problem="single_label"):
        """The task with the labels that these examples have."""
        if problem == "regression":
            return cls(["value"], problem)
        found = {label for example in examples for label in _labels(example, problem)}
        if len(found) < 2:
            raise InputError(
                f"The training data has {len(found)} label ({', '.join(sorted(found))}); expected 2 or more."
            )
        return cls(sorted(found), problem)

    @staticmethod
    def read(path, columns=None):
        """The examples of a file; see `data.readers.read_classification`."""
        return readers.read_classification(path, columns)

    @property
    def config(self):
        """What makes the task again, as a dict."""
        return {"name": self.name, "labels": self.labels, "problem": self.problem}

    @property
    def main_metric(self):
        """The metric that says which epoch was best."""
        return {"single_label": "accuracy", "multi_label": "f1", "regression": "spearman"}[self.problem]

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

    def target(self, example, encoding):
        """Label and weight of one example."""
        if self.problem == "regression":
            return np.float32(_number(example, "an example")), 1.0
        ids = [self._ids[label] for label in _labels(example, self.problem)]
        if self.problem == "single_label":
            return np.int32(ids[0]), 1.0
        several = np.zeros(len(self.labels), "float32")
        several[ids] = 1.0
        return several, 1.0

    def build(self, encoder, dropout):
        """The encoder with the task's head, a `keras.Model` from its inputs to `{"logits"}`."""
        return heads.attach(encoder, "classification", len(self.labels), dropout)

    def loss(self):
        """The loss on `logits`."""
        if self.problem == "regression":
            return _SquaredError()
        if self.problem == "multi_label":
            return keras.losses.BinaryCrossentropy(from_logits=True)
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def scores(self, logits):
        """Logits to what `decode` reads: probabilities, or the number itself."""
        if self.problem == "regression":
            return logits
        return ops.sigmoid(logits) if self.problem == "multi_label" else ops.softmax(logits, axis=-1)

    def evaluate(self, examples, answers):
        """Metrics of the answers to labelled examples, a dict."""
        if self.problem == "regression":
            return metrics.regression([_number(e, "an example") for e in examples], [a["value"] for a in answers])
        gold = [_labels(example, self.problem) for example in examples]
        if self.problem == "multi_label":
            return metrics.multi_label(gold, [answer["labels"] for answer in answers], self.labels)
        return metrics.single_label([labels[0] for labels in gold], [a["label"] for a in answers], self.labels)


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
