"""Attention that scores a pair by what stands there, by how far apart it stands, and by whether segments match."""

import numpy as np
from keras import ops

from keras_bert_suite.layers.attention import distances, masked_softmax, merge_heads, split_heads
from keras_bert_suite.layers.base import Dropout, Layer, dense, initializer, register, table


def sinusoids(places, dim):
    """The sines, then the cosines, of each place at `dim / 2` wave lengths.

    Args:
        places: float32, `(places,)`.
        dim: width, even.

    Returns:
        `(places, dim)`, float32.
    """
    waves = (10000.0 ** (-np.arange(0, dim, 2) / dim)).astype("float32")
    angles = ops.expand_dims(places, 1) * ops.convert_to_tensor(waves)
    return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)


def shifted(scores, keys, step=1):
    """Scores by distance as scores by key: row i from its place `step * (queries - i)` on, without a gather.

    Dai et al. 2019, https://arxiv.org/abs/1901.02860, appendix B

    Args:
        scores: `(batch, heads, queries, places)`, of falling distances.
        keys: number of keys.
        step: places that the next row starts earlier.

    Returns:
        `(batch, heads, queries, keys)`.
    """
    batch, heads, (queries, places) = ops.shape(scores)[0], scores.shape[1], ops.shape(scores)[2:]
    scores = ops.reshape(scores, (batch, heads, places, queries))[:, :, step:]
    return ops.reshape(scores, (batch, heads, queries, places - step))[:, :, :, :keys]


def chosen(scores, second):
    """Of two scores of a query the one that each pair asks for.

    Args:
        scores: `(batch, heads, queries, 2)`.
        second: `(batch, queries, keys)`, 1 where it is the second.

    Returns:
        `(batch, heads, queries, keys)`.
    """
    first, other = scores[:, :, :, :1], scores[:, :, :, 1:]
    return first + ops.expand_dims(ops.cast(second, scores.dtype), 1) * (other - first)


def biased(query, bias):
    """Queries, scaled for their scores, with a bias a head, scaled as they are.

    Args:
        query: `(batch, heads, queries, head_dim)`, scaled.
        bias: `(heads, head_dim)`, not scaled.
    """
    return query + ops.expand_dims(ops.cast(bias, query.dtype), 1) * query.shape[-1] ** -0.5


@register
class RelativeAttention(Layer):
    """Self-attention by content, distance and segment, each with a bias of its own in the place of the query's.

    Dai et al. 2019, https://arxiv.org/abs/1901.02860; Yang et al. 2019, https://arxiv.org/abs/1906.08237

    Every token reads itself, padding too.

    Args:
        num_heads: number of heads.
        dropout: rate on the attention probabilities, and on the vectors of the distances.
        head_dim: width of a head; None for that of the input divided by `num_heads`.
        clamp_length: distances beyond it count as it; None for no bound.
        two_directions: whether the second half of each batch is text in reverse order, so that distances count
            backwards there.

    Call arguments:
        x: `(batch, time, dim)`, what queries are made of; with `target_mapping` `(batch, predictions, dim)`.
        padding_mask: `(batch, time)`, 1 for a real token; or `(batch, time, keys)`, 1 where a query may read a key,
            itself included; or None.
        segment_ids: integers, `(batch, time)`, or None where all are of one segment.
        context: `(batch, keys, dim)`, what keys and values are made of, where the keys end with those of `x` and what
            stands before them is of segment 0; None for `x`.
        target_mapping: `(batch, predictions, time)`, 1 at the place that a prediction is for, or None.

    Returns:
        A dict: `output`, of the shape of `x`; `query`, `key`, `value` `(batch, heads, time, head_dim)`; `scores`
        `(batch, heads, time, keys)`, scaled, before mask and softmax.

    Raises:
        ValueError: there is no `head_dim` and `num_heads` does not divide the width of the input.
    """

    input_names = ("segment_ids",)

    def __init__(self, num_heads, dropout=0.0, head_dim=None, clamp_length=None, two_directions=False, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.dropout, self.head_dim = num_heads, dropout, head_dim
        self.clamp_length, self.two_directions = clamp_length, two_directions
        self.drop = Dropout(dropout)

    @property
    def rows(self):
        """The kinds of rows of several sequences that it reads, and what of their inputs it is given."""
        # Distances within a sequence are the same wherever in a row it begins.
        return {} if self.two_directions else {"packed": ()}

    def build(self, x_shape, **shapes):
        build_parts(self, x_shape)

    def call(self, x, padding_mask=None, segment_ids=None, context=None, target_mapping=None):
        query = split_heads(self.query_dense(x), self.num_heads)
        if target_mapping is not None:
            target_mapping = ops.expand_dims(ops.cast(target_mapping, query.dtype), 1)
            query = ops.matmul(ops.transpose(target_mapping, (0, 1, 3, 2)), query)
        context = x if context is None else context
        key, value = (split_heads(layer(context), self.num_heads) for layer in (self.key_dense, self.value_dense))
        scaled, keys = query * query.shape[-1] ** -0.5, ops.shape(key)[2]
        scores = ops.matmul(biased(scaled, self.content_bias), ops.transpose(key, (0, 1, 3, 2)))
        scores = scores + self._by_distance(biased(scaled, self.position_bias), keys, x.shape[-1])
        if segment_ids is not None:
            scores = scores + self._by_segment(biased(scaled, self.segment_bias), segment_ids, keys)
        attended = ops.matmul(self.drop(masked_softmax(scores, _with_itself(padding_mask))), value)
        if target_mapping is not None:
            attended = ops.matmul(target_mapping, attended)
        output = self.output_dense(merge_heads(attended))
        return {"output": output, "query": query, "key": key, "value": value, "scores": scores}

    def _by_distance(self, query, keys, dim):
        places = ops.cast(keys - ops.arange(keys + ops.shape(query)[2], dtype="int32"), "float32")
        if self.clamp_length is not None:
            places = ops.clip(places, -self.clamp_length, self.clamp_length)
        if not self.two_directions:
            return self._at(places, query, keys, dim)
        half = ops.shape(query)[0] // 2
        halves = self._at(places, query[:half], keys, dim), self._at(-places, query[half:], keys, dim)
        return ops.concatenate(halves, axis=0)

    def _at(self, places, query, keys, dim):
        vectors = self.drop(ops.expand_dims(ops.cast(sinusoids(places, dim), query.dtype), 0))
        vectors = split_heads(self.position_dense(vectors), self.num_heads)
        return shifted(ops.matmul(query, ops.transpose(vectors, (0, 1, 3, 2))), keys)

    def _by_segment(self, query, segment_ids, keys):
        batch, time = ops.shape(segment_ids)
        before = ops.zeros((batch, keys - time), segment_ids.dtype)
        key_ids = ops.expand_dims(ops.concatenate([before, segment_ids], axis=1), 1)
        different = ops.not_equal(ops.expand_dims(segment_ids, 2), key_ids)
        vectors = ops.transpose(ops.cast(self.segment, query.dtype), (1, 2, 0))
        return chosen(ops.matmul(query, vectors), different)


def _with_itself(padding_mask):
    """`(batch, time)`, or nothing, to who reads whom: `(batch, time, time)`."""
    if padding_mask is None or len(padding_mask.shape) == 3:
        return padding_mask
    return ops.maximum(ops.expand_dims(padding_mask, 1), _itself(padding_mask))


def _itself(padding_mask):
    """`(1, time, time)`, 1 where a place meets itself."""
    time = ops.shape(padding_mask)[1]
    return ops.expand_dims(ops.cast(ops.equal(distances(time, time), 0), padding_mask.dtype), 0)


def build_parts(layer, x_shape, with_bias=()):
    """Makes what attention by content, distance and segment is computed with.

    Args:
        layer: with `num_heads` and `head_dim`; it gets the dense layers and variables.
        x_shape: `(batch, time, dim)`.
        with_bias: names of the dense layers that have a bias.

    Raises:
        ValueError: there is no `head_dim` and `num_heads` does not divide the width of the input.
    """
    dim = x_shape[-1]
    if layer.head_dim is None and dim % layer.num_heads:
        raise ValueError(f"Received num_heads={layer.num_heads} for a width of {dim}; it must divide the width.")
    head_dim = layer.head_dim or dim // layer.num_heads
    units = layer.num_heads * head_dim
    widths = {name: (dim, units) for name in ("query", "key", "value", "position")}
    for name, (given, made) in {**widths, "output": (units, dim)}.items():
        part = dense(made, name, use_bias=name in with_bias)
        part.build((*x_shape[:-1], given))
        setattr(layer, f"{name}_dense", part)
    shapes = {name: (layer.num_heads, head_dim) for name in ("content_bias", "position_bias", "segment_bias")}
    for name, shape in {**shapes, "segment": (2, layer.num_heads, head_dim)}.items():
        setattr(layer, name, layer.add_weight(shape=shape, initializer=initializer(), name=name))


@register
class StreamEmbeddings(Layer):
    """Token embeddings, and the one vector that a stream of predictions starts from.

    Yang et al. 2019, https://arxiv.org/abs/1906.08237

    Args:
        vocab_size: number of token ids.
        dim: width.
        dropout: rate after the lookup.

    Call arguments:
        token_ids: integers, `(batch, time)`.
        target_mapping: `(batch, predictions, time)`, or None.

    Returns:
        `(batch, time, dim)`, the content stream; with `target_mapping` `(batch, predictions, dim)`, the query stream.
    """

    input_names = ("token_ids",)
    max_length = 0  # no position has an embedding
    rows = {"packed": (), "parallel_lines": ()}

    def __init__(self, vocab_size, dim, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.vocab_size, self.dim, self.dropout = vocab_size, dim, dropout
        self.token = table(vocab_size, dim, "token")
        self.drop = Dropout(dropout)

    def build(self, token_ids_shape, **shapes):
        self.token.build(token_ids_shape)
        self.mask = self.add_weight(shape=(self.dim,), initializer=initializer(), name="mask")

    def call(self, token_ids, target_mapping=None):
        x = self.token(token_ids)
        mask = ops.cast(self.mask, x.dtype)
        if target_mapping is None:
            # Nothing of the mask: so a model without a query stream has a gradient for it, which is 0.
            return self.drop(x + mask * 0.0)
        shape = (*ops.shape(target_mapping)[:2], self.dim)
        return self.drop(ops.broadcast_to(mask, shape))


@register
class StreamMasks(Layer):
    """Who reads whom: the content stream itself too, the query stream only what its order allows; both all memory.

    Call arguments:
        padding_mask: `(batch, time)`, 1 for a real token.
        permutation_mask: `(batch, time, time)`, 1 where a query does not read a key.
        memory: `(batch, memory, dim)`, or None.

    Returns:
        A dict of `(batch, time, memory + time)`, 1 where a query reads a key: `content`, `query`.
    """

    def call(self, padding_mask, permutation_mask, memory=None):
        query = ops.expand_dims(padding_mask, 1) * (1 - permutation_mask)
        content = ops.maximum(query, _itself(padding_mask))
        if memory is not None:
            before = ops.ones((*ops.shape(query)[:2], ops.shape(memory)[1]), query.dtype)
            content, query = (ops.concatenate([before, mask], axis=2) for mask in (content, query))
        return {"content": content, "query": query}


@register
class Memory(Layer):
    """The last vectors that a block read, to be read again with the next part of a text; no gradient goes there.

    Dai et al. 2019, https://arxiv.org/abs/1901.02860

    Args:
        length: how many are kept.
        reuse_length: how many of `x`, from the first on, may be kept; None for all.

    Call arguments:
        memory: `(batch, memory, dim)`, those of before.
        x: `(batch, time, dim)`.

    Returns:
        `(batch, at most length, dim)`.
    """

    def __init__(self, length, reuse_length=None, **kwargs):
        super().__init__(**kwargs)
        self.length, self.reuse_length = length, reuse_length

    def call(self, memory, x):
        kept = ops.concatenate([memory, x[:, : self.reuse_length]], axis=1)
        return ops.stop_gradient(kept[:, -self.length :])
