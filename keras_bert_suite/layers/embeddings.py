"""Token ids to vectors: the sum of a token, a position and a segment table."""

import keras
from keras import ops

from keras_bert_suite.layers.base import Layer, dense, register, table
from keras_bert_suite.layers.base import norm as make_norm


@register
class Embeddings(Layer):
    """BERT's input: token, position and segment embeddings, added, normalized, dropped out.

    Devlin et al. 2019, https://arxiv.org/abs/1810.04805

    Args:
        vocab_size: number of token ids.
        dim: width of the tables.
        max_length: number of positions with an embedding of their own; 0 for no position table.
        num_segments: number of segments; 0 for no segment table, 1 for a row that every token is given.
        output_dim: width of the result where a projection follows, or None.
        norm: kind of norm, see `keras_bert_suite.layers.norm`.
        epsilon: of the norm.
        dropout: rate after the norm.
        pad_id: where positions count real tokens alone, as RoBERTa's do, the id of padding: it has the position
            `pad_id`, and the first real token the next, so that the table has `pad_id + 1` rows more. None where
            positions count from 0.

    Call arguments:
        token_ids: integers, `(batch, time)`.
        segment_ids: integers, `(batch, time)`; left out where `num_segments` is 0 or 1.

    Returns:
        `(batch, time, output_dim or dim)`.

    Raises:
        ValueError: the sequence is longer than the positions reach.
    """

    def __init__(
        self,
        vocab_size,
        dim,
        max_length=512,
        num_segments=2,
        output_dim=None,
        norm="layer",
        epsilon=1e-12,
        dropout=0.0,
        pad_id=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocab_size, self.dim, self.num_segments, self.output_dim = vocab_size, dim, num_segments, output_dim
        self.max_length, self.pad_id, self.dropout = max_length, pad_id, dropout
        self.token = table(vocab_size, dim, "token")
        rows = max_length if pad_id is None else max_length + pad_id + 1
        self.position = table(rows, dim, "position") if max_length else None
        self.segment = table(num_segments, dim, "segment") if num_segments else None
        self.norm = make_norm(norm, epsilon, "norm")
        self.project = dense(output_dim, "project") if output_dim else None
        self.drop = keras.layers.Dropout(dropout)

    @property
    def input_names(self):
        """What it reads of an encoder's inputs."""
        return ("token_ids", "segment_ids") if self.num_segments > 1 else ("token_ids",)

    def build(self, token_ids_shape, segment_ids_shape=None):
        for part in (self.token, self.position, self.segment):
            if part is not None:
                part.build(token_ids_shape)
        for part in (self.norm, self.project):
            if part is not None:
                part.build((*token_ids_shape, self.dim))

    def call(self, token_ids, segment_ids=None):
        x = self.token(token_ids)
        if self.position is not None:
            x = x + self._positions(token_ids)
        if self.segment is not None:
            x = x + self.segment(ops.zeros((1, 1), "int32") if segment_ids is None else segment_ids)
        x = x if self.norm is None else self.norm(x)
        x = self.drop(x)
        return x if self.project is None else self.project(x)

    def _positions(self, token_ids):
        time = token_ids.shape[1]
        if time is not None and time > self.max_length:
            raise ValueError(
                f"Received token_ids of {time} positions; this encoder has {self.max_length}. "
                "Cut the sequence or build the encoder with a larger max_length."
            )
        if self.pad_id is None:
            return ops.expand_dims(self.position(ops.arange(ops.shape(token_ids)[1], dtype="int32")), 0)
        real = ops.cast(ops.not_equal(token_ids, self.pad_id), "int32")
        return self.position(ops.cumsum(real, axis=1) * real + self.pad_id)

    def compute_output_shape(self, token_ids_shape, segment_ids_shape=None):
        return (*token_ids_shape, self.output_dim or self.dim)
