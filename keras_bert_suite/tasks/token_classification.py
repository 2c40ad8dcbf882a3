"""Token classification: a tag for each word of a text, entities with character offsets out.

Words are what the tokenizer splits at spaces and punctuation, in training as on the device: the tag of an entity in
the data goes to each such word of it (`B-`, then `I-`), on the word's first piece, and the answer is read from there.
"""

import keras
import numpy as np
from keras import ops

from keras_bert_suite import heads
from keras_bert_suite.data import readers
from keras_bert_suite.errors import InputError
from keras_bert_suite.evaluation import metrics
from keras_bert_suite.tasks.decoding import words_of
from keras_bert_suite.tasks.inputs import owners, pieces_of
from keras_bert_suite.tasks.task import Task


class TokenClassification(Task):
    """What it takes to train, run and judge a named-entity recogniser or a slot tagger.

    Args:
        labels: the tags in the order of the logits: `O`, then `B-X`, `I-X` of each kind of entity.
        stride: pieces that windows of a long text share; None to cut it.
    """

    name = "token_classification"
    token_targets = ("logits",)
    soft = {"logits": "labels"}

    def __init__(self, labels, stride=None):
        self.labels, self.stride = list(labels), stride
        self._ids = {label: i for i, label in enumerate(self.labels)}

    @classmethod
    def from_examples(cls, examples, **settings):
        """The task with the kinds of entities that these examples have."""
        return cls(tags_of(examples), **settings)

    @staticmethod
    def read(path, columns=None):
        """The examples of a file; see `data.readers.read_token_classification`."""
        return readers.read_token_classification(path)

    @property
    def config(self):
        """What makes the task again, as a dict."""
        config = {"name": self.name, "labels": self.labels}
        return config if self.stride is None else {**config, "stride": self.stride}

    def check(self, examples, path):
        """Raises InputError where an example has a kind of entity that the task does not know."""
        check_entities(examples, path, self.labels)

    def training(self, example, rows):
        """An example as one row, or one a window; see `Task.training`."""
        return [
            ([encoding], {"logits": target})
            for encoding, target in zip(
                rows.encodings, tag_targets(example, rows, self._ids, self.stride), strict=True
            )
        ]

    def build(self, encoder, dropout):
        """The encoder with the task's head, a `keras.Model` from its inputs to `{"logits"}`."""
        return heads.attach(encoder, "token_classification", len(self.labels), dropout)

    def losses(self):
        """Cross-entropy, the mean over the words of the batch."""
        return {"logits": tag_loss()}

    def outputs(self, model_outputs):
        """What `decode` reads: `scores`, probabilities."""
        return {"scores": ops.softmax(model_outputs["logits"], axis=-1)}

    def evaluate(self, examples, answers):
        """Entity precision, recall and F1 of the answers to labelled examples, a dict."""
        return entity_figures(examples, answers)


def tags_of(examples):
    """The tags for the kinds of entities that these examples have."""
    kinds = sorted({label for example in examples for _, _, label in example["entities"]})
    if not kinds:
        raise InputError("The training data has no entity.")
    return ["O", *(f"{prefix}-{kind}" for kind in kinds for prefix in "BI")]


def check_entities(examples, path, tags):
    """Raises InputError where an example has a kind of entity without a tag."""
    for i, example in enumerate(examples, 1):
        for _, _, label in example["entities"]:
            if f"B-{label}" not in tags:
                known = ", ".join(tag[2:] for tag in tags if tag.startswith("B-"))
                raise InputError(
                    f"{path} example {i} has the label {label!r}, which training has not seen; it knows {known}."
                )


def tag_loss():
    """Cross-entropy, the mean over the words of the batch."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")


def tag_targets(example, rows, ids, stride):
    """Tags and weights `(time,)` of each row of an example.

    Only the first piece of each word has a weight, and that in the window alone which `decode` reads the word in.
    """
    if rows.whole is None:
        return [_tags(example, rows.encodings[0], ids)]
    tags, weights = _tags(example, rows.whole, ids)
    places = [pieces_of(encoding) for encoding in rows.encodings]
    targets = [(np.zeros(len(e.ids), "int32"), np.zeros(len(e.ids), "float32")) for e in rows.encodings]
    own = owners([len(place) for place in places], stride)
    for place, (window, inside) in zip(pieces_of(rows.whole), own, strict=True):
        targets[window][0][places[window][inside]] = tags[place]
        targets[window][1][places[window][inside]] = weights[place]
    return targets


def _tags(example, encoding, ids):
    tags = np.zeros(len(encoding.ids), "int32")
    weights = np.zeros(len(encoding.ids), "float32")
    entities, i, inside = sorted(example["entities"]), 0, False
    for first, last in words_of(encoding):
        start, end = encoding.offsets[first][0], encoding.offsets[last][1]
        while i < len(entities) and entities[i][1] <= start:
            i, inside = i + 1, False
        if i < len(entities) and entities[i][0] < end:
            tags[first] = ids[f"{'I' if inside else 'B'}-{entities[i][2]}"]
            inside = True
        weights[first] = 1.0
    return tags, weights


def entity_figures(examples, answers):
    """Entity precision, recall and F1 of answers to labelled examples, a dict."""
    gold, found = [], []
    for example, answer in zip(examples, answers, strict=True):
        predicted = [(entity["start"], entity["end"], entity["label"]) for entity in answer["entities"]]
        if example["words"] is None:
            gold.append(example["entities"])
            found.append(predicted)
        else:
            gold.append(metrics.on_words(example["entities"], example["words"]))
            found.append(metrics.on_words(predicted, example["words"]))
    return metrics.entities(gold, found)
