"""Span boundary: hidden pieces from the two pieces around their span. Joshi et al. 2019, SpanBERT."""

from keras import ops

from keras_bert_suite import heads
from keras_bert_suite.layers import Layer, activation, dense, norm, register, table
from keras_bert_suite.objectives.masked_lm import Gather, MaskedLM


class SpanBoundary(MaskedLM):
    """Guesses each hidden piece of a span from the states beside the span and the piece's place in it.

    Joshi et al. 2019, https://arxiv.org/abs/1907.10529, section 3.2. Reads what `data.masking.Masking` adds for spans.

    Args:
        weight: of the loss.
        places: places of a span that have an embedding; pieces beyond have the last.
        place_dim: width of that embedding.
    """

    name = "span_boundary"
    inputs = {name: (None,) for name in ("masked_positions", "masked_starts", "masked_ends")}

    def __init__(self, weight=1.0, places=20, place_dim=200):
        super().__init__(weight)
        self.places, self.place_dim = places, place_dim

    def build(self, encoder, inputs):
        """Logits `(batch, predictions, vocab_size)`."""
        x, gather = encoder.output["sequence_output"], Gather(name="boundary_states")
        states = [gather(x, inputs[name]) for name in ("masked_starts", "masked_ends")]
        token = encoder.embeddings.token
        hidden = BoundaryStates(self.places, self.place_dim, token.output_dim, name="boundary_hidden")
        x = hidden(*states, inputs["masked_positions"], inputs["masked_starts"])
        return heads.TokenLogits(token, name="span_boundary")(x)


@register
class BoundaryStates(Layer):
    """The first of the two dense layers of SpanBERT's head, with GELU and a norm; `heads.TokenLogits` has the second.

    Args:
        places: see `SpanBoundary`.
        place_dim: likewise.
        units: width of the result.

    Call arguments:
        before, after: the states beside the spans, `(batch, predictions, dim)`.
        positions: integers, those of the hidden pieces, `(batch, predictions)`.
        starts: those of the states before.

    Returns:
        `(batch, predictions, units)`.
    """

    def __init__(self, places, place_dim, units, **kwargs):
        super().__init__(**kwargs)
        self.places, self.place_dim, self.units = places, place_dim, units
        self.place, self.norm = table(places, place_dim, "place"), norm("layer", 1e-12, "norm")
        self.dense = dense(units, "dense", activation("gelu_erf"))

    def build(self, before_shape, after_shape, positions_shape, starts_shape):
        self.place.build(positions_shape)
        self.dense.build((*positions_shape, 2 * before_shape[-1] + self.place_dim))
        self.norm.build((*positions_shape, self.units))

    def call(self, before, after, positions, starts):
        place = self.place(ops.clip(positions - starts - 1, 0, self.places - 1))
        return self.norm(self.dense(ops.concatenate([before, after, place], axis=-1)))
