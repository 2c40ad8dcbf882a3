"""A fine-tuned model as one thing, and as one folder: model, task, tokenizer, lengths, figures."""

import dataclasses
import functools
import json
from pathlib import Path

import keras
import numpy as np
from keras import ops

from keras_bert_suite import models
from keras_bert_suite.checkpoints import loading, presets, writing
from keras_bert_suite.data.batches import MULTIPLE, training_batches
from keras_bert_suite.data.token_dropout import TokenDropout
from keras_bert_suite.encoders import Encoder
from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import NO_LANGUAGE
from keras_bert_suite.tasks import similarity, task_class
from keras_bert_suite.tasks.decoding import decode, of_row
from keras_bert_suite.tasks.inputs import Input, rows
from keras_bert_suite.tasks.masked_lm import MaskedLM
from keras_bert_suite.tokenizers import Tokenizer

EXAMPLES = 32
# Ids of a text where an encoder has no end of positions and nothing says how many it should read.
DEFAULT_LENGTH = 512
_FEATURES = {"token_ids": "ids", "segment_ids": "segment_ids", "padding_mask": "padding_mask"}


@dataclasses.dataclass
class TaskModel:
    """A task's model with all that it takes to answer.

    Args:
        encoder: the encoder.
        model: the encoder with the task's head.
        task: the task.
        tokenizer: the tokenizer.
        max_length: ids that a text is cut to.
        figures: the metrics of its training, a dict.
        examples: a few `Input`, that exports are checked on.
    """

    encoder: Encoder
    model: keras.Model
    task: object
    tokenizer: Tokenizer
    max_length: int
    figures: dict = dataclasses.field(default_factory=dict)
    examples: list = dataclasses.field(default_factory=list)

    def training_data(
        self,
        examples,
        batch_size,
        seed,
        epochs,
        token_dropout=0.0,
        entity_dropout=0.0,
        names=None,
        drop_remainder=False,
        numbered=False,
    ):
        """Labelled examples as the batches of all epochs, for `fit`.

        Args:
            examples: what the task's `read` gives.
            batch_size: examples a batch.
            seed: of the shuffling and of the token dropout.
            epochs: number of epochs.
            token_dropout: the probability of a piece to give way to a random one; see `data.token_dropout`.
            entity_dropout: that of a piece of an entity.
            names: the encoder's inputs that a batch has; None for those of this model's.
            drop_remainder: whether the last batch of an epoch is left out where it is smaller.
            numbered: whether a batch has a label `number`, the places of its rows in `training_rows`.

        Returns:
            A function from the first epoch to give to a `tf.data.Dataset`, and the number of steps of an epoch.
        """
        features, targets, encodings, sources = self.training_rows(examples, names)
        if numbered:
            targets = [{**target, "number": (np.int32(i), 1.0)} for i, target in enumerate(targets)]
        change = None
        if token_dropout or entity_dropout:
            change = TokenDropout(self.tokenizer, sources, encodings, token_dropout, entity_dropout)
        batches = functools.partial(
            training_batches,
            features,
            targets,
            batch_size,
            seed,
            epochs,
            pad_values={"token_ids": self.tokenizer.pad_id or 0, "language_ids": NO_LANGUAGE},
            change=change,
            padding_side=self.tokenizer.padding_side,
            grouped=self.task.grouped,
            token_targets=self.task.token_targets,
            drop_remainder=drop_remainder,
        )
        steps = len(features) // batch_size if drop_remainder else -(-len(features) // batch_size)
        if not steps:
            raise InputError(f"The data has {len(features)} rows; expected batch_size={batch_size} or more.")
        return batches, steps

    def training_rows(self, examples, names=None):
        """Labelled examples as the rows that are learnt from; arguments as for `training_data`.

        Returns:
            Lists of one length: groups of rows, dicts from names to lists of integers; the targets of each; their
            encodings; and the example that each is of.
        """
        encoded = rows(self.task.config, self.tokenizer, inputs_of(self.task, examples), self.max_length)
        features, targets, encodings, sources = [], [], [], []
        for example, found in zip(examples, encoded, strict=True):
            for group, target in self.task.training(example, found):
                features.append([self._row(encoding, names) for encoding in group])
                targets.append(target)
                encodings.append(group)
                sources.append(example)
        return features, targets, encodings, sources

    def _row(self, encoding, names):
        return {
            name: getattr(encoding, _FEATURES[name]) if name in _FEATURES else [NO_LANGUAGE] * len(encoding.ids)
            for name in names or self.encoder.input
        }

    def outputs(self, arrays):
        """What the model gives for arrays, a dict of numpy arrays that `decode` reads."""
        logits = self.model.predict_on_batch(arrays)
        found = self.task.outputs({name: ops.convert_to_tensor(x) for name, x in logits.items()})
        return {name: ops.convert_to_numpy(x) for name, x in found.items()}

    def predict(self, inputs, batch_size=32, progress=iter):
        """The answers to a list of inputs, each a dict as `tasks.decoding.decode` gives.

        Args:
            inputs: a list of `Input`, or of tuples `(text, pair, choices)`, of which the last may be left out.
            batch_size: rows at a time, those of like length together.
            progress: wraps the list of batches, as `tqdm` does.
        """
        inputs = [Input(*item) for item in inputs]
        config = self.task.config
        encoded = rows(config, self.tokenizer, inputs, self.max_length)
        outputs = self.of_rows([encoding for found in encoded for encoding in found.encodings], batch_size, progress)
        answers, start = [], 0
        for item, found in zip(inputs, encoded, strict=True):
            answers.append(decode(config, outputs[start : start + len(found.encodings)], found, item))
            start += len(found.encodings)
        return answers

    def embed(self, texts, batch_size=32, progress=iter):
        """The vectors of a list of texts, float32 `(texts, dim)`; of a similarity model alone."""
        if self.task.name != "similarity":
            raise InputError(f"A model of the task {self.task.name} gives no vectors; expected one of similarity.")
        encoded = rows(self.task.config, self.tokenizer, [(text,) for text in texts], self.max_length)
        outputs = self.of_rows([found.encodings[0] for found in encoded], batch_size, progress)
        return np.stack([output["embedding"] for output in outputs])

    def of_rows(self, encodings, batch_size=32, progress=iter):
        """What the model gives for each of a list of encodings, a list of dicts that `decode` reads."""
        order = np.argsort([len(encoding.ids) for encoding in encodings], kind="stable")
        found = [None] * len(encodings)
        for numbers in progress([order[i : i + batch_size] for i in range(0, len(order), batch_size)]):
            arrays = self.features([encodings[number] for number in numbers])
            outputs, length = self.outputs(arrays), arrays["token_ids"].shape[1]
            for i, number in enumerate(numbers):
                found[number] = of_row(self.task.config, self.tokenizer, outputs, i, encodings[number], length)
        return found

    def features(self, encodings, length=None):
        """Encodings as the arrays that the model takes; without `length`, a multiple of `MULTIPLE` wide."""
        length = length or -(-max(len(encoding.ids) for encoding in encodings) // MULTIPLE) * MULTIPLE
        arrays = self.tokenizer.arrays(encodings, length)
        none = np.full_like(arrays["token_ids"], NO_LANGUAGE)
        return {name: arrays.get(name, none) for name in self.encoder.input}


def inputs_of(task, examples):
    """Labelled examples as a list of `Input`."""
    return [task.input(example) for example in examples]


def begin(task, preset, max_length, dropout=0.1, lowercase=None):
    """A `TaskModel` to be trained: a pre-trained encoder with a new head.

    Args:
        task: the task.
        preset: where the encoder and its tokenizer are; see `Encoder.from_preset`.
        max_length: ids that a text is cut to; None for as many as the encoder has positions.
        dropout: of the head.
        lowercase: whether to lower the case of texts; None for as the checkpoint says.

    Raises:
        InputError: the encoder has fewer positions, or its vocabulary is another's.
    """
    tokenizer = Tokenizer.from_preset(preset, lowercase=lowercase)
    task.take(tokenizer)
    source = presets.open_source(preset)
    if task.name == "masked_lm" and models.has_head(source, task.name):
        encoder, model = models.with_head(
            source, task.name, lambda encoder, config: task.build(encoder, dropout, config)
        )
    else:
        encoder = Encoder.from_preset(source, missing="initialize")
        model = task.build(encoder, dropout)
    check_vocabulary(tokenizer, encoder, preset)
    positions = encoder.max_length
    max_length = max_length or positions or DEFAULT_LENGTH
    if positions and max_length > positions:
        raise InputError(f"Received max_length={max_length}; the encoder of {preset} has {positions} positions.")
    return TaskModel(encoder, model, task, tokenizer, max_length)


def merged(trained):
    """A `TaskModel` whose low-rank changes (LoRA) are part of the kernels; itself where it has none."""
    layers = [layer for layer in trained.encoder._flatten_layers() if getattr(layer, "lora_enabled", False)]
    if not layers:
        return trained
    encoder = type(trained.encoder).from_config(trained.encoder.get_config())
    model = trained.task.build(encoder, encoder.get_config().get("dropout", 0.0))
    arrays = {variable.path: variable for variable in trained.model.weights}
    # A layer's `kernel` is the sum; its variables are its parts.
    arrays |= {layer._kernel.path: layer.kernel for layer in layers}
    for variable in model.weights:
        variable.assign(arrays[variable.path])
    return dataclasses.replace(trained, encoder=encoder, model=model)


def save(trained, folder, card):
    """Writes a `TaskModel` as a folder: whole, or not at all.

    Args:
        trained: a `TaskModel`.
        folder: where; a folder that is there is replaced.
        card: text of its `README.md`.
    """
    with writing.new_folder(folder) as temporary:
        config = {
            **writing.encoder_config(trained.encoder),
            "task": trained.task.config,
            "max_length": trained.max_length,
        }
        (temporary / "config.json").write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n")
        writing.write_weights(trained.model.weights, temporary / "model.weights.h5")
        trained.tokenizer.save(temporary)
        (temporary / "metrics.json").write_text(json.dumps(trained.figures, indent=1) + "\n")
        lines = [json.dumps(Input(*item)._asdict()) for item in trained.examples]
        (temporary / "examples.jsonl").write_text("".join(line + "\n" for line in lines))
        (temporary / "README.md").write_text(card)


def load(folder):
    """A `TaskModel` from a folder that `save` wrote; or a sentence encoder from one of sentence-transformers; or a
    model that fills in masks from one of Hugging Face whose checkpoint has a masked-LM head.

    Raises:
        InputError: it is no such folder, or is not whole.
    """
    folder = Path(folder)
    if similarity.is_sentence_transformers(folder):
        settings, max_length = similarity.settings_of(folder)
        return begin(similarity.Similarity(**settings), folder, max_length)
    if not (folder / "config.json").exists():
        raise InputError(f"{folder} is no folder of a fine-tuned model: it has no config.json.")
    source = presets.open_source(folder)
    if source.dialect.name != "keras_bert_suite" or "task" not in source.config:
        if not models.has_head(source, "masked_lm"):
            raise InputError(f"{folder} holds an encoder without a task; fine-tune it with kbs-finetune first.")
        trained = begin(MaskedLM(), folder, None)
        mask = trained.tokenizer.vocabulary[trained.task.mask_id]
        trained.examples = [Input(f"Paris is the {mask} of France."), Input(f"She {mask} a letter to her {mask}.")]
        return trained
    settings = dict(source.config["task"])
    task = task_class(settings.pop("name"))(**settings)
    encoder = Encoder.from_preset(folder, load_weights=False)
    model = task.build(encoder, encoder.get_config().get("dropout", 0.0))
    loading.load(model, source, type(encoder))
    figures = presets.read_json(folder / "metrics.json") if (folder / "metrics.json").exists() else {}
    examples = folder / "examples.jsonl"
    lines = examples.read_text().splitlines() if examples.exists() else []
    inputs = [Input(**row) for row in map(json.loads, lines)]
    tokenizer = Tokenizer.from_preset(folder)
    task.take(tokenizer)
    check_vocabulary(tokenizer, encoder, folder)
    return TaskModel(encoder, model, task, tokenizer, source.config["max_length"], figures, inputs)


def check_vocabulary(tokenizer, encoder, where):
    """Raises InputError where a tokenizer cannot be the one that an encoder was trained with.

    An embedding table may have more rows than the vocabulary, as some are filled up to a multiple of 128; not fewer.
    """
    rows = encoder.embeddings.vocab_size
    if not 0 <= rows - tokenizer.vocab_size < 128:
        raise InputError(
            f"{where}: the vocabulary has {tokenizer.vocab_size} pieces and the encoder {rows} embeddings; "
            "they do not belong together."
        )
