"""Replaced-token detection: which pieces a generator put in the place of others. ELECTRA, DeBERTa-v3."""

import math

import keras
from keras import ops

from keras_bert_suite import heads
from keras_bert_suite.encoders import Encoder
from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import Layer, register
from keras_bert_suite.objectives.generators import Disentangled, with_token_table
from keras_bert_suite.objectives.masked_lm import MaskedLM
from keras_bert_suite.objectives.objective import Objective

# Random integers for each hidden piece, and the bits of each: as many as float32 holds.
DRAWS, BITS = 3, 24


class Generator(MaskedLM):
    """Masked LM of a generator, beside an encoder that reads what it guesses; `ReplacedToken` brings it.

    Args:
        generator: an `Encoder`.
        weight: of the loss.
    """

    name = "generator"

    def __init__(self, generator, weight=1.0):
        super().__init__(weight)
        self.generator = generator
        self.inputs = {**{name: (None,) for name in generator.input}, **self.inputs}

    def build(self, encoder, inputs):
        """Logits `(batch, predictions, vocab_size)`."""
        places = keras.Input((None,), dtype="int32", name="masked_positions")
        own = {**self.generator.input, "masked_positions": places}
        return keras.Model(own, super().build(self.generator, own))({name: inputs[name] for name in own})


class ReplacedToken(Objective):
    """Says of each piece whether it is the text's or one that a generator put there.

    Clark et al. 2020, https://arxiv.org/abs/2003.10555. The generator guesses the hidden pieces, which is a loss of
    its own, `generator`, of weight 1; in their places the encoder reads pieces that are drawn from what it guesses. No
    gradient goes through what is drawn. The loss is the binary cross-entropy of all real pieces, in nats; a piece that
    was drawn and is the text's counts as the text's.

    Reads of a batch what `data.masking.Masking(draws=DRAWS, **masking)` adds: `masked_positions`, `masked_ids`,
    `masked_weights` and `masked_draws`, the random numbers. They come with the batch, so that the pieces drawn are the
    same on any number of devices, and in a training that goes on after a kill.

    Args:
        generator: an `Encoder`, best of `generator_of`, which shares the tables with the encoder (ELECTRA).
        weight: of the loss: 50 for ELECTRA and in DeBERTa-v3's paper, 10 in its code.
        disentangled: whether the encoder's token table is that of the generator, without a gradient to it, plus one
            of its own: GDES of DeBERTa-v3 (He et al. 2021, https://arxiv.org/abs/2111.09543). The generator is one of
            `generator_of(encoder, tied=False)`, with which what is added begins at zero. During training the
            encoder's own table is what is added; `trained` gives an encoder with the sum.
    """

    name = "replaced_token"
    inputs = {"masked_positions": (None,), "masked_ids": (None,), "masked_draws": (None, DRAWS)}
    # No random pieces, as the encoder never reads the masks.
    masking = {"mask": 0.85, "random": 0.0, "draws": DRAWS}

    def __init__(self, generator, weight=50.0, disentangled=False):
        self.weight, self.disentangled = weight, disentangled
        self.before = (Generator(generator),)

    def build(self, encoder, inputs):
        """A dict, `(batch, time)`: `logits`, and `replaced`, 1 where a piece is not the text's."""
        logits = inputs[self.before[0].name]
        replace = Replace(name="replace", dtype="float32")
        found = replace(*(inputs[name] for name in ("token_ids", *self.inputs)), logits)
        body = self._disentangled(encoder) if self.disentangled else encoder
        head = heads.attach(encoder, "replaced_token").get_layer("replaced_token")
        model = keras.Model(body.input, head(body.output["sequence_output"]))
        read = {**inputs, "token_ids": found["token_ids"]}
        return {"logits": model({name: read[name] for name in body.input}), "replaced": found["replaced"]}

    def _disentangled(self, encoder):
        own, base = encoder.embeddings.token, self.before[0].generator.embeddings.token
        if own is base or own.embeddings.shape != base.embeddings.shape:
            raise InputError(
                f"Received a generator with {'the same' if own is base else 'a narrower'} token table; disentangled "
                "ones are two of the same shape. Make it by generator_of(encoder, tied=False)."
            )
        own.embeddings.assign(own.embeddings - base.embeddings)
        token = Disentangled(base, own, name="token")
        return Encoder(with_token_table(encoder.embeddings, token), encoder.blocks, norm=encoder.norm)

    def losses(self, output, batch):
        """Binary cross-entropies in nats, `(batch, time)`."""
        logits = ops.cast(output["logits"], "float32")
        return ops.softplus(logits) - output["replaced"] * logits

    def weights(self, batch):
        """1 for a real piece, `(batch, time)`."""
        return batch["padding_mask"]

    def trained(self, encoder):
        """The encoder; where it is disentangled, a copy whose token table is the sum."""
        if not self.disentangled:
            return encoder
        copy = type(encoder).from_config(encoder.get_config())
        for variable, value in zip(copy.weights, encoder.weights, strict=True):
            variable.assign(value)
        base = self.before[0].generator.embeddings.token
        copy.embeddings.token.embeddings.assign(encoder.embeddings.token.embeddings + base.embeddings)
        return copy


@register
class Replace(Layer):
    """Draws a piece for each hidden place, and puts it there.

    Call arguments:
        token_ids: integers, `(batch, time)`.
        positions: those of the hidden pieces, each once, `(batch, predictions)`.
        ids: the hidden pieces, likewise.
        draws: random integers, `(batch, predictions, draws)`, see `draw`; below 0 where there is no hidden piece.
        logits: of the generator, `(batch, predictions, vocab_size)`.

    Returns:
        A dict, `(batch, time)`: `token_ids`, and `replaced` float32, 1 where a piece is not the one that was hidden.
    """

    def call(self, token_ids, positions, ids, draws, logits):
        # Integers are float32 between, which holds ids exactly: TensorFlow has no sums of int32 on a GPU.
        token_ids, positions, ids, numbers = (ops.cast(x, "float32") for x in (token_ids, positions, ids, draws))
        drawn = draw(logits, numbers)
        places = ops.arange(ops.shape(token_ids)[1], dtype="float32")
        there = ops.cast(ops.equal(ops.expand_dims(positions, -1), places), "float32")
        there = there * ops.cast(ops.greater_equal(numbers[..., :1], 0), "float32")
        free = 1.0 - ops.sum(there, axis=1)
        new = ops.sum(there * ops.expand_dims(drawn, -1), axis=1)
        replaced = ops.sum(there * ops.expand_dims(ops.cast(ops.not_equal(drawn, ids), "float32"), -1), axis=1)
        return {"token_ids": ops.cast(token_ids * free + new, "int32"), "replaced": replaced}


def draw(logits, draws):
    """Numbers drawn from the softmax of logits, without a gradient.

    Each is found by the inverse of the cumulative distribution from random numbers that are given: a few for each
    place, where the largest logit after Gumbel noise, which has the same distribution, takes `vocab_size` of them.
    The pieces are the leaves of a tree, by whose branches the number is found: n sums decide at each of a few levels
    in place of n ^ levels at once. So the last bits of logits, which another number of devices may change, change what
    is drawn at 3.5e-6 of the places, and not at 1.5e-3 (30,522 pieces, logits that are 5e-7 apart).

    Args:
        logits: `(batch, places, vocab_size)`, float32.
        draws: whole numbers from 0 up to `2 ** BITS`, `(batch, places, levels)`, float32.

    Returns:
        Whole numbers below `vocab_size`, `(batch, places)`, float32.
    """
    logits, levels = ops.stop_gradient(logits), draws.shape[-1]
    side = math.ceil(logits.shape[-1] ** (1 / levels))
    chances = ops.pad(ops.softmax(logits), ((0, 0), (0, 0), (0, side**levels - logits.shape[-1])))
    rows = ops.shape(logits)[:2]
    found = ops.zeros(rows, "float32")
    for level in range(levels):
        chances = ops.reshape(chances, (*rows, side, side ** (levels - 1 - level)))
        sums = ops.cumsum(ops.sum(chances, axis=-1), axis=-1)
        # Above 0 and up to 1, so that what is found has a chance, whatever is rounded.
        limit = sums[..., -1:] * ((draws[..., level : level + 1] + 1.0) / 2**BITS)
        branch = ops.sum(ops.cast(sums < limit, "float32"), axis=-1, keepdims=True)
        taken = ops.cast(ops.equal(ops.arange(side, dtype="float32"), branch), "float32")
        chances = ops.sum(chances * ops.expand_dims(taken, -1), axis=2)
        found = found * side + ops.squeeze(branch, -1)
    return found
