"""A fine-tuned model as one thing, and as one folder: model, task, tokenizer, lengths, figures."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
from keras import ops

from keras_bert_suite.checkpoints import loading, presets, writing
from keras_bert_suite.encoders import Encoder
from keras_bert_suite.errors import InputError
from keras_bert_suite.tasks import task_class
from keras_bert_suite.tasks.decoding import decode
from keras_bert_suite.tokenizers import Tokenizer

EXAMPLES = 32


@dataclass
class TaskModel:
    """A task's model with all that it takes to answer.

    Args:
        encoder: the encoder.
        model: the encoder with the task's head.
        task: the task.
        tokenizer: the tokenizer.
        max_length: ids that a text is cut to.
        figures: the metrics of its training, a dict.
        examples: a few inputs, `(text, pair)`, that exports are checked on.
    """

    encoder: Encoder
    model: keras.Model
    task: object
    tokenizer: Tokenizer
    max_length: int
    figures: dict = field(default_factory=dict)
    examples: list = field(default_factory=list)

    def scores(self, logits):
        """Logits, an array, to what decoding reads."""
        return ops.convert_to_numpy(self.task.scores(ops.convert_to_tensor(logits)))

    def predict(self, inputs, batch_size=32, progress=iter):
        """The answers to a list of `(text, pair)`, each a dict as `tasks.decoding.decode` gives.

        Args:
            inputs: a list of `(text, pair)`; pair is None for a single text.
            batch_size: texts at a time, those of like length together.
            progress: wraps the list of batches, as `tqdm` does.
        """
        encodings = encode(self.tokenizer, inputs, self.max_length)
        order = np.argsort([len(encoding.ids) for encoding in encodings], kind="stable")
        answers = [None] * len(inputs)
        for rows in progress([order[i : i + batch_size] for i in range(0, len(order), batch_size)]):
            arrays = self.features([encodings[row] for row in rows])
            scores = self.scores(self.model.predict_on_batch(arrays)["logits"])
            for row, score in zip(rows, scores, strict=True):
                answers[row] = decode(self.task.config, score, encodings[row], inputs[row][0])
        return answers

    def features(self, encodings, length=None):
        """Encodings as the arrays that the model takes; without `length`, a multiple of 8 wide."""
        length = length or -(-max(len(encoding.ids) for encoding in encodings) // 8) * 8
        arrays = self.tokenizer.arrays(encodings, length)
        return {name: arrays[name] for name in self.encoder.input}


def encode(tokenizer, inputs, max_length):
    """A list of `(text, pair)` as a list of `Encoding`."""
    if not inputs:
        raise InputError("Received no texts.")
    texts, pairs = zip(*inputs, strict=True)
    paired = [pair is not None for pair in pairs]
    if any(paired) and not all(paired):
        raise InputError(f"{sum(paired)} of {len(inputs)} inputs are pairs; expected all or none.")
    return tokenizer.encode_batch(texts, pairs if all(paired) else None, max_length)


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
        writing.write_weights(trained.model, temporary / "model.weights.h5")
        trained.tokenizer.save(temporary)
        (temporary / "metrics.json").write_text(json.dumps(trained.figures, indent=1) + "\n")
        lines = [json.dumps({"text": text, "pair": pair}) for text, pair in trained.examples]
        (temporary / "examples.jsonl").write_text("".join(line + "\n" for line in lines))
        (temporary / "README.md").write_text(card)


def load(folder):
    """A `TaskModel` from a folder that `save` wrote.

    Raises:
        InputError: it is no such folder, or is not whole.
    """
    folder = Path(folder)
    if not (folder / "config.json").exists():
        raise InputError(f"{folder} is no folder of a fine-tuned model: it has no config.json.")
    source = presets.open_source(folder)
    if source.dialect.name != "keras_bert_suite" or "task" not in source.config:
        raise InputError(f"{folder} holds an encoder without a task; fine-tune it with kbs-finetune first.")
    settings = dict(source.config["task"])
    task = task_class(settings.pop("name"))(**settings)
    encoder = Encoder.from_preset(folder, load_weights=False)
    model = task.build(encoder, encoder.get_config().get("dropout", 0.0))
    loading.load(model, source, type(encoder))
    figures = presets.read_json(folder / "metrics.json") if (folder / "metrics.json").exists() else {}
    examples = folder / "examples.jsonl"
    lines = examples.read_text().splitlines() if examples.exists() else []
    inputs = [(row["text"], row["pair"]) for row in map(json.loads, lines)]
    tokenizer = Tokenizer.from_preset(folder)
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
