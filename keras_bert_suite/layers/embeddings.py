"""Token ids to vectors: the sum of a token, a position and a segment table."""

import keras
from keras import ops

from keras_bert_suite.layers.base import Layer, dense, initializer, norm, register


@register
class Embeddings(Layer):
    """BERT's input: token, position and segment embeddings, added, normalized, dropped out.

    Devlin et al. 2019, https://arxiv.org/abs/1810.04805

    Args:
        vocab_size: number of token ids.
        dim: width of the tables.
        max_length: number of positions with an embedding of their own; 0 for no position table.
        num_segments: number of segments; 0 for no segment table.
        output_dim: width of the result where it differs from `dim` (a projection is added), or None.
        dropout: rate after the normalization.
        epsilon: of the normalization.

    Call arguments:
        token_ids: integers, `(batch, time)`.
        segment_ids: integers, `(batch, time)`; left out where `num_segments` is 0.

    Returns:
        `(batch, time, output_dim or dim)`.

    Raises:
        ValueError: the sequence is longer than `max_length`.
    """

    def __init__(
        self, vocab_size, dim, max_length=512, num_segments=2, output_dim=None, dropout=0.0, epsilon=1e-12, **kwargs
    ):
        super().__init__(**kwargs)
        self.vocab_size, self.dim, self.max_length, self.num_segments = vocab_size, dim, max_length, num_segments
        self.output_dim, self.dropout, self.epsilon = output_dim, dropout, epsilon
        self.token = self._table(vocab_size, "token")
        self.position = self._table(max_length, "position") if max_length else None
        self.segment = self._table(num_segments, "segment") if num_segments else None
        self.norm = norm("layer", epsilon, "norm")
        self.project = dense(output_dim, "project") if output_dim else None
        self.drop = keras.layers.Dropout(dropout)

    def _table(self, rows, name):
        return keras.layers.Embedding(rows, self.dim, embeddings_initializer=initializer(), name=name)

    def build(self, token_ids_shape, segment_ids_shape=None):
        for table in (self.token, self.position, self.segment):
            if table is not None:
                table.build(token_ids_shape)
        self.norm.build((*token_ids_shape, self.dim))
        if self.project is not None:
            self.project.build((*token_ids_shape, self.dim))

    def call(self, token_ids, segment_ids=None):
        x = self.token(token_ids)
        if self.position is not None:
            time = token_ids.shape[1]
            if time is not None and time > self.max_length:
                raise ValueError(
                    f"Received token_ids of {time} positions; this encoder has {self.max_length}. "
                    "Cut the sequence or build the encoder with a larger max_length."
                )
            positions = ops.arange(ops.shape(token_ids)[1], dtype="int32")
            x = x + ops.expand_dims(self.position(positions), 0)
        if self.segment is not None:
            x = x + self.segment(segment_ids)
        x = self.drop(self.norm(x))
        return x if self.project is None else self.project(x)

    def compute_output_shape(self, token_ids_shape, segment_ids_shape=None):
        return (*token_ids_shape, self.output_dim or self.dim)
