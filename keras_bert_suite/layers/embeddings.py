"""Token ids to vectors: a token, a position and a segment table."""

import numpy as np
from keras import ops

from keras_bert_suite.layers.base import Dropout, Layer, dense, masked, register, table
from keras_bert_suite.layers.base import norm as make_norm

# What language embeddings are given where nothing says of which language a text is: none is added.
NO_LANGUAGE = -1


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
        positions: integers, `(batch, time)`, the place of each token in its sequence, where a row has several; None
            where they count from 0.

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
        self.drop = Dropout(dropout)

    @property
    def input_names(self):
        """What it reads of an encoder's inputs."""
        return ("token_ids", "segment_ids") if self.num_segments > 1 else ("token_ids",)

    @property
    def rows(self):
        """The kinds of rows of several sequences that it reads, and what of their inputs it is given."""
        return _any_rows(self.position)

    def build(self, token_ids_shape, segment_ids_shape=None):
        for part in (self.token, self.position, self.segment):
            if part is not None:
                part.build(token_ids_shape)
        for part in (self.norm, self.project):
            if part is not None:
                part.build((*token_ids_shape, self.dim))

    def call(self, token_ids, segment_ids=None, positions=None):
        x = self.token(token_ids)
        if self.position is not None:
            x = x + self._positions(token_ids, positions)
        if self.segment is not None:
            x = x + _segments(self.segment, segment_ids)
        x = x if self.norm is None else self.norm(x)
        x = self.drop(x)
        return x if self.project is None else self.project(x)

    def _positions(self, token_ids, positions):
        if self.pad_id is None:
            return _counted(self.position, token_ids, self.max_length, positions)
        real = ops.cast(ops.not_equal(token_ids, self.pad_id), "int32")
        if positions is None:
            _check_length(token_ids, self.max_length)
            places = ops.cumsum(real, axis=1)
        else:
            places = positions + 1
        return self.position(places * real + self.pad_id)

    def compute_output_shape(self, token_ids_shape, segment_ids_shape=None, positions_shape=None):
        return (*token_ids_shape, self.output_dim or self.dim)


def _check_length(token_ids, max_length):
    time = token_ids.shape[1]
    if time is not None and time > max_length:
        raise ValueError(
            f"Received token_ids of {time} positions; this encoder has {max_length}. "
            "Cut the sequence or build the encoder with a larger max_length."
        )


def _any_rows(position):
    """Rows of any kind, as embeddings read them: each token by itself, its place in a table where there is one."""
    return dict.fromkeys(("packed", "parallel_lines"), () if position is None else ("positions",))


def _counted(position, token_ids, max_length, positions=None):
    """The rows of a position table for places counted from 0, `(1, time, dim)`; or for those that are given."""
    if positions is not None:
        # A row may be longer than the table where its sequences are not.
        return position(positions)
    _check_length(token_ids, max_length)
    return ops.expand_dims(position(ops.arange(ops.shape(token_ids)[1], dtype="int32")), 0)


def _segments(segment, segment_ids):
    """The rows of a segment table; without ids the one row that every token is given, `(1, 1, dim)`."""
    return segment(ops.zeros((1, 1), "int32") if segment_ids is None else segment_ids)


@register
class TrigramEmbeddings(Layer):
    """MobileBERT's input: three neighbouring tokens of a narrow table, projected, with positions and segments added.

    Sun et al. 2020, https://arxiv.org/abs/2004.02984, section 3.2

    The last real token sees the embedding of the padding after it, as it was trained to.

    Args:
        vocab_size: number of token ids.
        embedding_dim: width of the token table.
        dim: width of the other tables and of the result.
        max_length: number of positions with an embedding of their own.
        num_segments: number of segments; 1 for a row that every token is given.
        norm: kind of norm, see `keras_bert_suite.layers.norm`.
        epsilon: of the norm.
        dropout: rate after the norm.
        trigram: whether the projection reads the next and the previous token too; without them and with the token
            table as wide as the result there is no projection.

    Call arguments:
        token_ids: integers, `(batch, time)`.
        segment_ids: integers, `(batch, time)`; left out where `num_segments` is 1.

    Returns:
        `(batch, time, dim)`.

    Raises:
        ValueError: the sequence is longer than the positions reach.
    """

    def __init__(
        self,
        vocab_size,
        embedding_dim,
        dim,
        max_length=512,
        num_segments=2,
        norm="no_norm",
        epsilon=1e-12,
        dropout=0.0,
        trigram=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocab_size, self.embedding_dim, self.dim = vocab_size, embedding_dim, dim
        self.max_length, self.num_segments, self.dropout, self.trigram = max_length, num_segments, dropout, trigram
        self.token = table(vocab_size, embedding_dim, "token")
        self.position = table(max_length, dim, "position")
        self.segment = table(num_segments, dim, "segment")
        self.project = dense(dim, "project") if trigram or embedding_dim != dim else None
        self.norm = make_norm(norm, epsilon, "norm")
        self.drop = Dropout(dropout)

    @property
    def input_names(self):
        """What it reads of an encoder's inputs."""
        return ("token_ids", "segment_ids") if self.num_segments > 1 else ("token_ids",)

    def build(self, token_ids_shape, segment_ids_shape=None):
        for part in (self.token, self.position, self.segment):
            part.build(token_ids_shape)
        if self.project is not None:
            self.project.build((*token_ids_shape, self.embedding_dim * (3 if self.trigram else 1)))
        self.norm.build((*token_ids_shape, self.dim))

    def call(self, token_ids, segment_ids=None):
        x = self.token(token_ids)
        if self.trigram:
            following = ops.pad(x[:, 1:], ((0, 0), (0, 1), (0, 0)))
            previous = ops.pad(x[:, :-1], ((0, 0), (1, 0), (0, 0)))
            x = ops.concatenate([following, x, previous], axis=-1)
        x = x if self.project is None else self.project(x)
        x = x + _counted(self.position, token_ids, self.max_length)
        x = x + _segments(self.segment, segment_ids)
        return self.drop(self.norm(x))

    def compute_output_shape(self, token_ids_shape, segment_ids_shape=None):
        return (*token_ids_shape, self.dim)


@register
class MaskedEmbeddings(Layer):
    """DeBERTa's input: embeddings, added, projected where they are narrower, normalized; zero where padding is.

    He et al. 2021, https://arxiv.org/abs/2006.03654

    Args:
        vocab_size: number of token ids.
        dim: width of the tables.
        max_length: number of positions with an embedding of their own; 0 for no position table.
        num_segments: number of segments; 0 for no segment table, 1 for a row that every token is given.
        output_dim: width of the result where a projection, without a bias, comes before the norm; or None.
        epsilon: of the norm.
        dropout: rate after the norm.

    Call arguments:
        token_ids: integers, `(batch, time)`.
        padding_mask: `(batch, time)`, 1 for a real token, or None.
        segment_ids: integers, `(batch, time)`; left out where `num_segments` is 0 or 1.
        positions: integers, `(batch, time)`, the place of each token in its sequence, where a row has several; None
            where they count from 0.

    Returns:
        `(batch, time, output_dim or dim)`.

    Raises:
        ValueError: the sequence is longer than the positions reach.
    """

    def __init__(
        self, vocab_size, dim, max_length=0, num_segments=0, output_dim=None, epsilon=1e-7, dropout=0.0, **kwargs
    ):
        super().__init__(**kwargs)
        self.vocab_size, self.dim, self.num_segments, self.output_dim = vocab_size, dim, num_segments, output_dim
        self.max_length, self.dropout = max_length, dropout
        self.token = table(vocab_size, dim, "token")
        self.position = table(max_length, dim, "position") if max_length else None
        self.segment = table(num_segments, dim, "segment") if num_segments else None
        self.project = dense(output_dim, "project", use_bias=False) if output_dim else None
        self.norm = make_norm("layer", epsilon, "norm")
        self.drop = Dropout(dropout)

    @property
    def input_names(self):
        """What it reads of an encoder's inputs."""
        return ("token_ids", "padding_mask", *(("segment_ids",) if self.num_segments > 1 else ()))

    @property
    def rows(self):
        """The kinds of rows of several sequences that it reads, and what of their inputs it is given."""
        return _any_rows(self.position)

    def build(self, token_ids_shape, padding_mask_shape=None, segment_ids_shape=None):
        for part in (self.token, self.position, self.segment):
            if part is not None:
                part.build(token_ids_shape)
        if self.project is not None:
            self.project.build((*token_ids_shape, self.dim))
        self.norm.build((*token_ids_shape, self.output_dim or self.dim))

    def call(self, token_ids, padding_mask=None, segment_ids=None, positions=None):
        x = self.token(token_ids)
        if self.position is not None:
            x = x + _counted(self.position, token_ids, self.max_length, positions)
        if self.segment is not None:
            x = x + _segments(self.segment, segment_ids)
        return self.drop(masked(self.norm(x if self.project is None else self.project(x)), padding_mask))

    def compute_output_shape(
        self, token_ids_shape, padding_mask_shape=None, segment_ids_shape=None, positions_shape=None
    ):
        return (*token_ids_shape, self.output_dim or self.dim)


@register
class PositionEmbeddings(Layer):
    """Adds an embedding of its place to each vector.

    Args:
        max_length: number of places.

    Call arguments:
        x: `(batch, time, dim)`.

    Returns:
        `(batch, time, dim)`.

    Raises:
        ValueError: the sequence is longer than the positions reach.
    """

    def __init__(self, max_length, **kwargs):
        super().__init__(**kwargs)
        self.max_length = max_length

    def build(self, x_shape):
        self.position = table(self.max_length, x_shape[-1], "position")
        self.position.build(x_shape[:-1])

    def call(self, x):
        return x + _counted(self.position, x, self.max_length)

    def compute_output_shape(self, x_shape):
        return x_shape


@register
class LanguageEmbeddings(Layer):
    """XLM's input: token, position and language embeddings, added, normalized; zero where padding is.

    Lample and Conneau 2019, https://arxiv.org/abs/1901.07291

    Args:
        vocab_size: number of token ids.
        dim: width of the tables.
        max_length: number of positions with an embedding of their own.
        num_languages: number of languages; 0 for no language table.
        positions: `"learned"`, or `"sinusoidal"` for a table that starts as sines and cosines.
        epsilon: of the norm.
        dropout: rate after the norm.

    Call arguments:
        token_ids: integers, `(batch, time)`.
        padding_mask: `(batch, time)`, 1 for a real token, or None.
        language_ids: integers, `(batch, time)`, -1 for no language; left out where `num_languages` is 0.
        positions: integers, `(batch, time)`, the place of each token in its sequence, where a row has several; None
            where they count from 0.

    Returns:
        `(batch, time, dim)`.

    Raises:
        ValueError: the sequence is longer than the positions reach.
    """

    def __init__(
        self,
        vocab_size,
        dim,
        max_length=512,
        num_languages=0,
        positions="learned",
        epsilon=1e-12,
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if positions not in ("learned", "sinusoidal"):
            raise ValueError(f'Received positions={positions!r}; expected "learned" or "sinusoidal".')
        self.vocab_size, self.dim, self.max_length, self.num_languages = vocab_size, dim, max_length, num_languages
        self.positions, self.dropout = positions, dropout
        self.token = table(vocab_size, dim, "token")
        self.position = table(max_length, dim, "position")
        if positions == "sinusoidal":
            self.position.embeddings_initializer = _neighbouring_sinusoids
        self.language = table(num_languages, dim, "language") if num_languages else None
        self.norm = make_norm("layer", epsilon, "norm")
        self.drop = Dropout(dropout)

    @property
    def input_names(self):
        """What it reads of an encoder's inputs."""
        return ("token_ids", "padding_mask", *(("language_ids",) if self.num_languages else ()))

    @property
    def rows(self):
        """The kinds of rows of several sequences that it reads, and what of their inputs it is given."""
        return _any_rows(self.position)

    def build(self, token_ids_shape, padding_mask_shape=None, language_ids_shape=None):
        for part in (self.token, self.position, self.language):
            if part is not None:
                part.build(token_ids_shape)
        self.norm.build((*token_ids_shape, self.dim))

    def call(self, token_ids, padding_mask=None, language_ids=None, positions=None):
        x = self.token(token_ids) + _counted(self.position, token_ids, self.max_length, positions)
        if self.language is not None and language_ids is not None:
            x = x + masked(self.language(ops.maximum(language_ids, 0)), ops.greater_equal(language_ids, 0))
        return masked(self.drop(self.norm(x)), padding_mask)

    def compute_output_shape(
        self, token_ids_shape, padding_mask_shape=None, language_ids_shape=None, positions_shape=None
    ):
        return (*token_ids_shape, self.dim)


def _neighbouring_sinusoids(shape, dtype=None):
    """A table whose even columns are sines of the place and whose odd ones the cosines, at falling frequencies."""
    places, columns = np.arange(shape[0])[:, None], np.arange(shape[1])
    angles = places / 10000.0 ** (2 * (columns // 2) / shape[1])
    return ops.convert_to_tensor(np.where(columns % 2, np.cos(angles), np.sin(angles)), dtype)
