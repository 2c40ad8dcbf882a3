"""Multiple choice: which of several texts goes on from, or answers, another. Zellers et al. 2018 (SWAG)."""

import keras
import numpy as np

from keras_bert_suite import heads
from keras_bert_suite.data import choices
from keras_bert_suite.errors import InputError
from keras_bert_suite.tasks.inputs import Input
from keras_bert_suite.tasks.task import Task


class MultipleChoice(Task):
    """What it takes to train, run and judge a model that chooses.

    Zellers et al. 2018, https://arxiv.org/abs/1808.05326. Each choice is a row, the first text with the choice; the
    loss is over the choices of an example, however many it has.
    """

    name = "multiple_choice"
    grouped = True

    @classmethod
    def from_examples(cls, examples):
        """The task; nothing of it depends on the examples."""
        return cls()

    @staticmethod
    def read(path, columns=None):
        """The examples of a file; see `data.choices.read_multiple_choice`."""
        return choices.read_multiple_choice(path)

    @property
    def config(self):
        """What makes the task again, as a dict."""
        return {"name": self.name}

    def input(self, example):
        """An example's `Input`."""
        return Input(example["text"], example["pair"], example["choices"])

    def check(self, examples, path):
        """Raises InputError where an example has no label, or another number of choices than the others."""
        for i, example in enumerate(examples, 1):
            if example["label"] is None:
                raise InputError(f"{path} example {i} has no label.")
            if len(example["choices"]) != len(examples[0]["choices"]):
                raise InputError(
                    f"{path} example {i} has {len(example['choices'])} choices and the first "
                    f"{len(examples[0]['choices'])}; expected as many in each."
                )

    def target(self, example, encodings):
        """The number of the right choice, of the output `logits`."""
        return {"logits": (np.int32(example["label"]), 1.0)}

    def build(self, encoder, dropout):
        """The encoder with the task's head, from its inputs to `{"logits"}` `(batch, 1)`, a score of one choice."""
        return heads.one_choice(encoder, dropout)

    def training_model(self, model):
        """The model that is trained: from `(batch, choices, time)` to `{"logits"}` `(batch, choices)`."""
        return heads.grouped_scores(model)

    def losses(self):
        """Cross-entropy over the choices."""
        return {"logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}

    def outputs(self, model_outputs):
        """What `decode` reads: `scores` `(batch, 1)`, the logit of one choice."""
        return {"scores": model_outputs["logits"]}

    def evaluate(self, examples, answers):
        """The part of the examples whose choice is right, a dict."""
        right = [answer["choice"] == example["label"] for example, answer in zip(examples, answers, strict=True)]
        return {"accuracy": float(np.mean(right))}
