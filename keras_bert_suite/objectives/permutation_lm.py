"""Permutation LM: pieces in a random order, each from what comes before it. Yang et al. 2019, XLNet."""

import keras
from keras import ops

from keras_bert_suite import heads
from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import Layer, register
from keras_bert_suite.objectives.masked_lm import cross_entropy
from keras_bert_suite.objectives.objective import Objective


class PermutationLM(Objective):
    """Guesses chosen pieces in a random order, each from what all read and what comes before it in the order.

    Yang et al. 2019, https://arxiv.org/abs/1906.08237, sections 2.2 to 2.5. Reads of a batch what
    `data.permutation.Permutation` adds: `permutation_order`, `target_positions`, `target_ids`, `target_weights`. The
    head runs over the chosen places alone.

    With several segments a row is cut into as many equal parts, which run one after the other in the same step: each
    has its own predictions, and each block reads, as memory, the states of the segments before, to which no gradient
    goes. Nothing is kept from step to step, where the published code keeps the states of the row before. So rows may
    come in any order, a run goes on from a checkpoint as if unbroken, and memory is never that of older weights; a
    row's first segment has none. Padding stands at the end of a row, as `data.records` puts it, so that none is in a
    memory that is read.

    Args:
        weight: of the loss.
        segments: equal parts of a row; the `segments` of its `Permutation`.
        memory_length: states a block that a segment reads of those before it, the published `mem_len`.
    """

    name = "permutation_lm"
    inputs = {name: (None,) for name in ("permutation_order", "target_positions")}

    def __init__(self, weight=1.0, segments=1, memory_length=384):
        self.weight, self.segments, self.memory_length = weight, segments, memory_length

    def build(self, encoder, inputs):
        """Logits `(batch, predictions, vocab_size)`.

        Raises:
            InputError: the encoder has no two streams, or reads half of a batch backwards.
        """
        if not hasattr(encoder, "two_streams"):
            raise InputError(
                f"permutation_lm reads two streams, which {type(encoder).__name__} lacks; expected XLNet."
            )
        if encoder.get_config()["two_directions"]:
            raise InputError("permutation_lm reads rows forwards; expected an encoder with two_directions=False.")
        model = encoder.two_streams(self.memory_length if self.segments > 1 else 0)
        read = {name: inputs[name] for name in ("token_ids", "segment_ids", "padding_mask", *self.inputs)}
        more, queries = {}, []
        if self.segments > 1:
            blocks, dim = len(encoder.blocks), encoder.output["sequence_output"].shape[-1]
            more = {"memories": [NoMemory(dim, name="no_memory")(inputs["token_ids"])] * blocks}
        for number in range(self.segments):
            found = model({**Segment(number, self.segments, name=f"segment_{number}")(**read), **more})
            queries.append(found["query_output"])
            more = {name: found[name] for name in more}
        x = keras.layers.Concatenate(axis=1, name="queries")(queries) if self.segments > 1 else queries[0]
        return heads.attach(encoder, "permutation_lm").get_layer("permutation_lm")(x)

    def losses(self, output, batch):
        """Cross-entropies in nats, `(batch, predictions)`."""
        return cross_entropy(output, batch["target_ids"])

    def weights(self, batch):
        """1 for a chosen piece, `(batch, predictions)`."""
        return batch["target_weights"]


@register
class Segment(Layer):
    """One of the equal parts of rows, as `XLNet.two_streams` reads it.

    Args:
        number: which, from 0 on.
        segments: how many there are.

    Call arguments:
        token_ids, segment_ids, padding_mask: integers, `(batch, time)`.
        permutation_order: integers, `(batch, time)`, the place in the order; -1 for what all read.
        target_positions: integers, `(batch, predictions)`, of each segment as many; -1 for none.

    Returns:
        A dict: `token_ids`, `segment_ids`, `padding_mask` `(batch, time / segments)`; `permutation_mask`
        `(batch, time / segments, time / segments)`; `target_mapping`
        `(batch, predictions / segments, time / segments)`.
    """

    def __init__(self, number=0, segments=1, **kwargs):
        super().__init__(**kwargs)
        self.number, self.segments = number, segments

    def call(self, token_ids, segment_ids, padding_mask, permutation_order, target_positions):
        found = {"token_ids": token_ids, "segment_ids": segment_ids, "padding_mask": padding_mask}
        found = {name: self._cut(x) for name, x in found.items()}
        order = self._cut(permutation_order)
        # What has no place in the order reads nothing that has one.
        later = ops.greater_equal(ops.expand_dims(order, 1), ops.expand_dims(ops.maximum(order, 0), 2))
        time = ops.shape(order)[1]
        places = self.number * time + ops.arange(time, dtype="int32")
        targets = ops.equal(ops.expand_dims(self._cut(target_positions), 2), places)
        return {
            **found,
            "permutation_mask": ops.cast(later, "int32"),
            "target_mapping": ops.cast(targets, self.compute_dtype),
        }

    def _cut(self, x):
        length = ops.shape(x)[1] // self.segments
        return x[:, self.number * length : (self.number + 1) * length]


@register
class NoMemory(Layer):
    """The memory before the first segment of a row.

    Args:
        dim: width of the states.

    Call arguments:
        token_ids: `(batch, time)`.

    Returns:
        `(batch, 0, dim)`.
    """

    def __init__(self, dim, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim

    def call(self, token_ids):
        return ops.zeros((ops.shape(token_ids)[0], 0, self.dim), self.compute_dtype)
