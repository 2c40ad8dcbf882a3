"""Joint intent and slots: what a command wants, and the values in it, from one encoder."""

import keras
from keras import ops

from keras_bert_suite import heads
from keras_bert_suite.data import slots
from keras_bert_suite.errors import InputError
from keras_bert_suite.tasks.task import Task
from keras_bert_suite.tasks.token_classification import check_entities, entity_figures, tag_loss, tag_targets, tags_of


class IntentSlots(Task):
    """What it takes to train, run and judge a model of commands.

    Chen et al. 2019, https://arxiv.org/abs/1902.10909: the sum of both losses.

    Args:
        labels: the intents, in the order of their logits.
        tags: the tags of slots, in the order of their logits: `O`, then `B-X`, `I-X` of each slot.
    """

    name = "intent_slots"
    token_targets = ("tag_logits",)
    soft = {"logits": "labels", "tag_logits": "labels"}

    def __init__(self, labels, tags):
        self.labels, self.tags = list(labels), list(tags)
        self._intents = {label: i for i, label in enumerate(self.labels)}
        self._tags = {tag: i for i, tag in enumerate(self.tags)}

    @classmethod
    def from_examples(cls, examples):
        """The task with the intents and slots that these examples have."""
        intents = sorted({example["label"] for example in examples})
        if len(intents) < 2:
            raise InputError(f"The training data has {len(intents)} intent ({intents[0]}); expected 2 or more.")
        return cls(intents, tags_of(examples))

    @staticmethod
    def read(path, columns=None):
        """The examples of a file; see `data.slots.read_intent_slots`."""
        return slots.read_intent_slots(path)

    @property
    def config(self):
        """What makes the task again, as a dict."""
        return {"name": self.name, "labels": self.labels, "tags": self.tags}

    def check(self, examples, path):
        """Raises InputError where an example has an intent or a slot that the task does not know."""
        for i, example in enumerate(examples, 1):
            if example["label"] not in self._intents:
                raise InputError(
                    f"{path} example {i} has the label {example['label']!r}, which training has not seen; "
                    f"it knows {', '.join(self.labels[:20])}."
                )
        check_entities(examples, path, self.tags)

    def training(self, example, rows):
        """An example as one row with both targets; see `Task.training`."""
        tags = tag_targets(example, rows, self._tags, None)[0]
        return [(rows.encodings, {"logits": (self._intents[example["label"]], 1.0), "tag_logits": tags})]

    def build(self, encoder, dropout):
        """The encoder with both heads: `{"logits"}` `(batch, intents)`, `{"tag_logits"}` `(batch, time, tags)`."""
        intent = heads.attach(encoder, "classification", len(self.labels), dropout)
        tags = heads.attach(encoder, "token_classification", len(self.tags), dropout)
        return keras.Model(encoder.input, {"logits": intent.output["logits"], "tag_logits": tags.output["logits"]})

    def losses(self):
        """Cross-entropy of each output: the mean over the texts, and over the words of the batch."""
        return {"logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "tag_logits": tag_loss()}

    def outputs(self, model_outputs):
        """What `decode` reads: `scores` and `tag_scores`, probabilities."""
        return {
            "scores": ops.softmax(model_outputs["logits"], axis=-1),
            "tag_scores": ops.softmax(model_outputs["tag_logits"], axis=-1),
        }

    def evaluate(self, examples, answers):
        """The part of the commands that is right in all, accuracy of the intents, and entity F1 of the slots."""
        right = [answer["label"] == example["label"] for example, answer in zip(examples, answers, strict=True)]
        whole = [
            ok and (_both_empty(example, answer) or entity_figures([example], [answer])["entity_f1"] == 1.0)
            for ok, example, answer in zip(right, examples, answers, strict=True)
        ]
        return {
            "frame_accuracy": sum(whole) / len(whole),
            "accuracy": sum(right) / len(right),
            **entity_figures(examples, answers),
        }


def _both_empty(example, answer):
    return not example["entities"] and not answer["entities"]
