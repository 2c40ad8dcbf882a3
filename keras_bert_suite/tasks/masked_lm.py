"""Masked LM: the likeliest pieces where a text has the tokenizer's mask, `[MASK]` or `<mask>`. Devlin et al. 2019."""

import keras
import numpy as np
from keras import ops

from keras_bert_suite import heads
from keras_bert_suite.data import readers
from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import Layer, register
from keras_bert_suite.tasks.task import Task


class MaskedLM(Task):
    """What it takes to train, run and judge a model that fills in masks.

    Devlin et al. 2019, https://arxiv.org/abs/1810.04805. A label has a piece of the vocabulary for each mask of the
    text, with spaces between them. The head reads masked places alone, so that it costs little on a device.

    Args:
        masks: masks of a text at most.
        top: pieces that an answer has for each mask.
        mask_id: the id of the mask; None until `take` has seen the tokenizer.
    """

    name = "masked_lm"

    def __init__(self, masks=8, top=5, mask_id=None):
        if masks < 1 or top < 1:
            raise InputError(f"Received masks={masks}, top={top}; expected 1 or more.")
        self.masks, self.top, self.mask_id, self._ids = masks, top, mask_id, {}

    @classmethod
    def from_examples(cls, examples, masks=8, top=5):
        """The task; nothing of it depends on the examples."""
        return cls(masks, top)

    @staticmethod
    def read(path, columns=None):
        """The examples of a file with columns `text` and `label`; see `data.readers.read_classification`."""
        return readers.read_classification(path, columns)

    def take(self, tokenizer):
        """Learns from a tokenizer which id is the mask's.

        Raises:
            InputError: its vocabulary has no mask.
        """
        if tokenizer.mask_id is None:
            raise InputError("The vocabulary has no piece for masks; expected that of a model with a masked-LM head.")
        self.mask_id = tokenizer.mask_id
        self._ids = {piece: i for i, piece in enumerate(tokenizer.vocabulary)}

    @property
    def config(self):
        """What makes the task again, as a dict."""
        return {"name": self.name, "masks": self.masks, "top": self.top, "mask_id": self.mask_id}

    def target(self, example, encodings):
        """The pieces of the masks and weights `(masks,)`, of the output `logits`."""
        pieces = str(example["label"]).split()
        found = encodings[0].ids.count(self.mask_id)
        unknown = [piece for piece in pieces if piece not in self._ids]
        if unknown or len(pieces) != found:
            raise InputError(
                f"A text with {found} masks has the label {example['label']!r}"
                + (f"; the vocabulary lacks {', '.join(unknown)}." if unknown else "; expected a piece for each.")
            )
        ids, weights = np.zeros(self.masks, "int32"), np.zeros(self.masks, "float32")
        ids[:found], weights[:found] = [self._ids[piece] for piece in pieces], 1.0
        return {"logits": (ids, weights)}

    def build(self, encoder, dropout, config=None):
        """The encoder with the task's head, to `{"logits"}` `(batch, masks, vocab_size)`.

        Args:
            encoder: the encoder.
            dropout: of no use here; the head has none.
            config: the checkpoint's, see `heads.attach`.
        """
        head = heads.attach(encoder, self.name, config=config).get_layer(self.name)
        states = MaskedStates(self.masks, self.mask_id, name="masked_states")
        x = states(encoder.output["sequence_output"], encoder.input["token_ids"])
        return keras.Model(encoder.input, {"logits": head(x)})

    def losses(self):
        """Cross-entropy, the mean over the masks of the batch."""
        return {
            "logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
        }

    def outputs(self, model_outputs):
        """What `decode` reads: `scores` `(batch, masks, vocab_size)`, probabilities; beyond the masks void."""
        return {"scores": ops.softmax(model_outputs["logits"], axis=-1)}

    def evaluate(self, examples, answers):
        """How often the likeliest piece is the label's, and how often one of the `top`; over all masks."""
        first, among = [], []
        for example, answer in zip(examples, answers, strict=True):
            for piece, mask in zip(str(example["label"]).split(), answer["masks"], strict=True):
                first.append(piece == mask["piece"])
                among.append(any(piece == found["piece"] for found in mask["pieces"]))
        return {"accuracy": float(np.mean(first)), f"accuracy@{self.top}": float(np.mean(among))}


@register
class MaskedStates(Layer):
    """The states of the masked tokens, in order; zeros where a text has fewer masks.

    Args:
        masks: masks at most.
        mask_id: the id of the mask.

    Call arguments:
        x: `(batch, time, dim)`.
        token_ids: `(batch, time)`.

    Returns:
        `(batch, masks, dim)`.
    """

    def __init__(self, masks, mask_id, **kwargs):
        super().__init__(**kwargs)
        self.masks, self.mask_id = masks, mask_id

    def call(self, x, token_ids):
        masked = ops.cast(ops.equal(token_ids, self.mask_id), "float32")
        # 1 for the first masked token, 2 for the second; 0 for what is not masked.
        numbers = ops.expand_dims(ops.cumsum(masked, axis=1) * masked, 1)
        wanted = ops.reshape(ops.arange(1, self.masks + 1, dtype="float32"), (1, self.masks, 1))
        return ops.matmul(ops.cast(ops.equal(numbers, wanted), x.dtype), x)

    def compute_output_shape(self, x_shape, token_ids_shape):
        return (x_shape[0], self.masks, x_shape[2])
