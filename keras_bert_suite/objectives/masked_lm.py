"""Masked LM: the pieces that are hidden. Devlin et al. 2019, https://arxiv.org/abs/1810.04805."""

from keras import ops

from keras_bert_suite import heads
from keras_bert_suite.layers import Layer, register
from keras_bert_suite.objectives.objective import Objective


class MaskedLM(Objective):
    """Guesses hidden pieces, by the head of the encoder's family; of parallel lines it is translation LM.

    Reads of a batch what `data.masking.Masking` adds: `masked_positions`, `masked_ids`, `masked_weights`. The head
    runs over the hidden places alone, which takes half of the time of a step over all.

    Args:
        weight: of the loss.
    """

    name, inputs = "masked_lm", {"masked_positions": (None,)}

    def __init__(self, weight=1.0):
        self.weight = weight

    def build(self, encoder, inputs):
        """Logits `(batch, predictions, vocab_size)`."""
        return masked_logits(encoder, encoder.output["sequence_output"], inputs)

    def losses(self, output, batch):
        """Cross-entropies in nats, `(batch, predictions)`."""
        return cross_entropy(output, batch["masked_ids"])

    def weights(self, batch):
        """1 for a hidden piece, `(batch, predictions)`."""
        return batch["masked_weights"]


def masked_logits(encoder, x, inputs):
    """Logits `(batch, predictions, vocab_size)` of the masked-LM head over the hidden places of states."""
    states = Gather(name="masked_states")(x, inputs["masked_positions"])
    return heads.attach(encoder, "masked_lm").get_layer("masked_lm")(states)


@register
class Gather(Layer):
    """The states at some places of each row.

    Call arguments:
        x: `(batch, time, dim)`.
        positions: integers, `(batch, places)`.

    Returns:
        `(batch, places, dim)`.
    """

    def call(self, x, positions):
        return ops.take_along_axis(x, ops.expand_dims(positions, -1), axis=1)

    def compute_output_shape(self, x_shape, positions_shape):
        return (*positions_shape, x_shape[-1])


def cross_entropy(logits, labels):
    """Cross-entropies in nats of integer labels, float32, of the shape of the labels."""
    logits = ops.cast(logits, "float32")
    chosen = ops.squeeze(ops.take_along_axis(logits, ops.expand_dims(labels, -1), axis=-1), -1)
    return ops.logsumexp(logits, axis=-1) - chosen
