"""What all supervised tasks share: the form that `TaskModel`, the tools and the exports rely on."""

import inspect
import json

from keras_bert_suite.errors import InputError
from keras_bert_suite.tasks.inputs import Input


class Task:
    """A supervised task: what an example is, the head, the loss, the metrics. Abstract.

    A task has `name`, `config` (what makes it again, a dict that `inputs.rows` and `decoding.decode` read too),
    `read(path, columns)`, `from_examples(examples, **settings)`, `target` or a `training` of its own, `build`,
    `losses`, `outputs`, and `evaluate`, whose first figure says which epoch was best, higher being better.
    """

    labels = ()
    # Whether an example in training is a group of rows, `(batch, rows, time)`.
    grouped = False
    # The outputs in training whose labels have an axis of ids.
    token_targets = ()
    # The logits that a student may learn from a teacher, name to kind; see `distillation.losses.SoftLabels`.
    soft = {}
    # Weights of the losses of several outputs; None for 1.
    loss_weights = None

    def input(self, example):
        """An example's `Input`."""
        return Input(example["text"], example.get("pair"))

    def take(self, tokenizer):
        """Learns from the tokenizer what the head needs to know of it."""

    def check(self, examples, path):
        """Raises InputError where an example does not fit the task."""

    def labelled(self, path, columns=None):
        """The examples of a file, of labels that the task knows; none of None. Raises InputError as `check` does."""
        examples = self.read(path, columns) if path else []
        self.check(examples, path)
        return examples

    def training(self, example, rows):
        """An example, with its `Rows`, as one or more of `(encodings, targets)`; see `data.batches`."""
        return [(rows.encodings, self.target(example, rows.encodings))]

    def baseline(self, examples):
        """What the first figure of `evaluate` is, at most, for a model that has learnt nothing."""
        return 0.0

    def training_model(self, model):
        """The model that is trained, over the weights of the one that answers."""
        return model


def from_settings(kind, examples, settings):
    """A task of labelled examples.

    Args:
        kind: its class.
        examples: what its `read` gave.
        settings: strings NAME=VALUE, arguments of the class but those that follow from the examples.

    Raises:
        InputError: the task has no such setting, or the value is none of its type.
    """
    known = {
        name: parameter.default
        for name, parameter in inspect.signature(kind.__init__).parameters.items()
        if parameter.default is not parameter.empty and name != "self"
    }
    values = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or name not in known:
            raise InputError(
                f"Received the setting {setting!r}; the task {kind.name} has {', '.join(known) or 'none'}; "
                "expected NAME=VALUE."
            )
        try:
            values[name] = json.loads(value)
        except ValueError:
            values[name] = value
        if isinstance(known[name], str) != isinstance(values[name], str):
            raise InputError(f"Received the setting {setting!r}; expected a value like {json.dumps(known[name])}.")
    return kind.from_examples(examples, **values)
