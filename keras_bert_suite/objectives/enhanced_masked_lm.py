"""Masked LM by DeBERTa's enhanced mask decoder, which knows absolute positions. He et al. 2021."""

from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import DisentangledAttention, PositionEmbeddings
from keras_bert_suite.objectives.masked_lm import MaskedLM, masked_logits


class EnhancedMaskedLM(MaskedLM):
    """Guesses hidden pieces from where they stand too: absolute positions enter just before the head.

    He et al. 2021, https://arxiv.org/abs/2006.03654, section 3.2, and the published code of all DeBERTas. The last
    block runs several times, with the same weights, in the place of once: its keys and values are always made of the
    states before it, its queries at first of these with position embeddings added, then of what the run before gave.

    The position table is the objective's: the encoder is saved without it, as the published ones are. Reads of a batch
    what `data.masking.Masking` adds.

    Args:
        weight: of the loss.
        runs: of the last block.
    """

    name = "enhanced_masked_lm"

    def __init__(self, weight=1.0, runs=2):
        super().__init__(weight)
        self.runs = runs

    def build(self, encoder, inputs):
        """Logits `(batch, predictions, vocab_size)`.

        Raises:
            InputError: the encoder is none without absolute positions whose attention is disentangled.
        """
        last = encoder.blocks[-1]
        placed = getattr(encoder.embeddings, "position", None) is not None
        if placed or not isinstance(getattr(last, "attention", None), DisentangledAttention):
            raise InputError(
                f"enhanced_masked_lm adds absolute positions to disentangled attention; {type(encoder).__name__} has "
                f"{'such positions already' if placed else 'another'}. Expected a DeBERTa, or masked_lm."
            )
        trace = encoder.trace().output
        context = trace["blocks"][-2]["output"] if len(encoder.blocks) > 1 else trace["embeddings"]
        x = PositionEmbeddings(encoder.max_length, name="decoder_positions")(context)
        for _ in range(self.runs):
            x = last(x, padding_mask=inputs["padding_mask"], context=context)
        return masked_logits(encoder, x, inputs)
