"""Span boundary: hidden pieces from the two pieces around their span. Joshi et al. 2019, SpanBERT."""

import keras
from keras import ops

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
        head = BoundaryLogits(encoder.embeddings.token, self.places, self.place_dim, name="span_boundary")
        return head(*states, inputs["masked_positions"], inputs["masked_starts"])


@register
class BoundaryLogits(Layer):
    """SpanBERT's head: two dense layers with GELU and a norm, then the token table that it shares.

    Args:
        token: the `Embedding` layer of the encoder.
        places: see `SpanBoundary`.
        place_dim: likewise.

    Call arguments:
        before, after: the states beside the spans, `(batch, predictions, dim)`.
        positions: integers, those of the hidden pieces, `(batch, predictions)`.
        starts: those of the states before.

    Returns:
        `(batch, predictions, vocab_size)`, float32.
    """

    def __init__(self, token, places=20, place_dim=200, **kwargs):
        super().__init__(**kwargs)
        self.token, self.place = token, table(places, place_dim, "place")
        self.places, self.place_dim = places, place_dim

    def build(self, before_shape, after_shape, positions_shape, starts_shape):
        width = self.token.output_dim
        self.place.build(positions_shape)
        self.first, self.second = (dense(width, name, activation("gelu_erf")) for name in ("first", "second"))
        self.first_norm, self.second_norm = (norm("layer", 1e-12, name) for name in ("first_norm", "second_norm"))
        self.first.build((*positions_shape, 2 * before_shape[-1] + self.place_dim))
        self.second.build((*positions_shape, width))
        for layer in (self.first_norm, self.second_norm):
            layer.build((*positions_shape, width))
        self.bias = self.add_weight(shape=(self.token.input_dim,), initializer="zeros", name="bias")

    def call(self, before, after, positions, starts):
        place = self.place(ops.clip(positions - starts - 1, 0, self.places - 1))
        x = self.first_norm(self.first(ops.concatenate([before, after, place], axis=-1)))
        x = self.second_norm(self.second(x))
        logits = ops.matmul(x, ops.cast(ops.transpose(self.token.embeddings), x.dtype)) + ops.cast(self.bias, x.dtype)
        return ops.cast(logits, "float32")

    def compute_output_spec(self, before, after, positions, starts):
        return keras.KerasTensor((*positions.shape, self.token.input_dim), "float32")
