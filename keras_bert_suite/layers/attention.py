"""Scaled dot-product self-attention, and the pieces that every way of scoring a pair shares."""

from keras import ops

from keras_bert_suite.layers.base import Dropout, Layer, dense, register

# What a forbidden pair's score is lowered by. Added, never selected: a SELECT splits the graph that XNNPACK runs.
FORBIDDEN = -1e9


def split_heads(x, num_heads):
    """`(batch, time, dim)` to `(batch, heads, time, head_dim)`."""
    batch, time, dim = *ops.shape(x)[:2], x.shape[2]
    return ops.transpose(ops.reshape(x, (batch, time, num_heads, dim // num_heads)), (0, 2, 1, 3))


def merge_heads(x):
    """`(batch, heads, time, head_dim)` to `(batch, time, dim)`."""
    batch, heads, time, head_dim = ops.shape(x)[0], x.shape[1], ops.shape(x)[2], x.shape[3]
    return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (batch, time, heads * head_dim))


def masked_softmax(scores, padding_mask=None):
    """Softmax over the last axis that gives keys which are padding no weight.

    Args:
        scores: `(batch, heads, time, time)`, queries before keys.
        padding_mask: `(batch, time)`, 1 for a real token; or `(batch, time, time)`, 1 where a query may read a key;
            None where nothing is masked.

    Returns:
        Probabilities of the shape and dtype of `scores`, computed in float32.
    """
    dtype = scores.dtype
    scores = ops.cast(scores, "float32")
    if padding_mask is not None:
        scores = scores + padding_bias(padding_mask)
    return ops.cast(ops.softmax(scores, axis=-1), dtype)


def padding_bias(padding_mask):
    """What is added to scores, so that no weight is left for keys that are not to be read.

    Args:
        padding_mask: `(batch, time)` or `(batch, time, time)`, as `masked_softmax` takes it.

    Returns:
        Float32, `(batch, 1, 1, time)` or `(batch, 1, time, time)`.
    """
    bias = ops.expand_dims((ops.cast(padding_mask, "float32") - 1.0) * -FORBIDDEN, 1)
    return bias if len(padding_mask.shape) == 3 else ops.expand_dims(bias, 1)


@register
class SequenceMask(Layer):
    """Who reads whom in a row of several sequences: each token those of its own.

    Krell et al. 2021, https://arxiv.org/abs/2107.02027

    Call arguments:
        sequence_ids: integers, `(batch, time)`, the number of each token's sequence; 0 for padding.

    Returns:
        `(batch, time, time)`, 1 where a query reads a key.
    """

    def call(self, sequence_ids):
        same = ops.equal(ops.expand_dims(sequence_ids, 2), ops.expand_dims(sequence_ids, 1))
        return ops.cast(same, sequence_ids.dtype)


def distances(queries, keys):
    """`(queries, keys)` integers: the place of the query less the place of the key."""
    return ops.expand_dims(ops.arange(queries, dtype="int32"), 1) - ops.expand_dims(ops.arange(keys, dtype="int32"), 0)


@register
class SelfAttention(Layer):
    """Multi-head self-attention by scaled dot products.

    Vaswani et al. 2017, https://arxiv.org/abs/1706.03762

    Args:
        num_heads: number of heads; divides the width of the input.
        dropout: rate on the attention probabilities.
        use_bias: whether the projections have biases.
        num_key_value_heads: heads of keys and values, each read by several heads of queries (Ainslie et al. 2023,
            https://arxiv.org/abs/2305.13245); None for as many as `num_heads`.
        rotary: a layer such as `Rotary` that turns queries and keys by their place, or None.
        relative: a layer such as `RelativePositions`, from `(queries, keys)` counts to what is added to the scores,
            or None. One that several layers are given is shared.
        window: how far to each side a token reads; None for all of the sequence.
        dim: width of all heads together and of the output; None for that of the input.

    Call arguments:
        x: `(batch, time, dim)`, what queries and keys are made of.
        padding_mask: `(batch, time)`, 1 for a real token; or `(batch, time, time)`, 1 where a query reads a key; or
            None.
        value: `(batch, time, value_dim)`, what values are made of; None for `x`.
        positions: integers, `(batch, time)`, what `rotary` turns by; None where places count from 0.

    Returns:
        A dict: `output` `(batch, time, dim)`; `query`, `key`, `value` `(batch, heads, time, head_dim)`; `scores`
        `(batch, heads, time, time)`, scaled, before the padding's mask and softmax.

    Raises:
        ValueError: `num_heads` does not divide the width of all heads, or `num_key_value_heads` not `num_heads`.
    """

    def __init__(
        self,
        num_heads,
        dropout=0.0,
        use_bias=True,
        num_key_value_heads=None,
        rotary=None,
        relative=None,
        window=None,
        dim=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads, self.dropout, self.use_bias = num_heads, dropout, use_bias
        self.num_key_value_heads = num_key_value_heads or num_heads
        self.rotary, self.relative, self.window, self.dim = rotary, relative, window, dim
        self.drop = Dropout(dropout)

    @property
    def rows(self):
        """The kinds of rows of several sequences that it reads, and what of their inputs it is given."""
        names = () if self.rotary is None else ("positions",)
        # Distances are those of the row: of two texts that begin at one place they say nothing.
        by_distance = self.relative is not None or self.window is not None
        return {"packed": names} if by_distance else {"packed": names, "parallel_lines": names}

    def build(self, x_shape, padding_mask_shape=None, value_shape=None):
        dim = self.dim or x_shape[-1]
        if dim % self.num_heads:
            raise ValueError(f"Received num_heads={self.num_heads} for a width of {dim}; it must divide the width.")
        if self.num_heads % self.num_key_value_heads:
            raise ValueError(
                f"Received num_key_value_heads={self.num_key_value_heads}; it must divide num_heads={self.num_heads}."
            )
        narrow = dim // self.num_heads * self.num_key_value_heads
        shapes = {"query": (x_shape, dim), "key": (x_shape, narrow), "value": (value_shape or x_shape, narrow)}
        for name, (shape, units) in {**shapes, "output": ((*x_shape[:-1], dim), dim)}.items():
            layer = dense(units, name, use_bias=self.use_bias)
            layer.build(shape)
            setattr(self, f"{name}_dense", layer)

    def call(self, x, padding_mask=None, value=None, positions=None):
        query = split_heads(self.query_dense(x), self.num_heads)
        key = split_heads(self.key_dense(x), self.num_key_value_heads)
        value = split_heads(self.value_dense(x if value is None else value), self.num_key_value_heads)
        if self.rotary is not None:
            query, key = (self.rotary(part, positions=positions) for part in (query, key))
            value = self.rotary(value, positions=positions) if self.rotary.values else value
        repeats = self.num_heads // self.num_key_value_heads
        if repeats > 1:
            key, value = ops.repeat(key, repeats, axis=1), ops.repeat(value, repeats, axis=1)
        scores = ops.matmul(query * (query.shape[-1] ** -0.5), ops.transpose(key, (0, 1, 3, 2)))
        if self.relative is not None:
            places = self.relative(queries=ops.shape(scores)[2], keys=ops.shape(scores)[3])
            scores = scores + ops.cast(places, scores.dtype)
        mask = padding_mask
        if self.window is not None:
            away = ops.abs(distances(*ops.shape(scores)[2:]))
            inside = ops.expand_dims(ops.cast(away <= self.window, "float32"), 0)
            # One mask of both: where all keys of a padded query are forbidden, each is so by the same amount.
            if padding_mask is None:
                mask = inside
            else:
                mask = ops.cast(padding_mask, "float32")
                mask = inside * (mask if len(mask.shape) == 3 else ops.expand_dims(mask, 1))
            scores_inside = scores + ops.cast(ops.expand_dims((inside - 1.0) * limit(scores.dtype), 1), scores.dtype)
        attended = ops.matmul(self.drop(masked_softmax(scores, mask)), value)
        output = self.output_dense(merge_heads(attended))
        scores = scores if self.window is None else scores_inside
        return {"output": output, "query": query, "key": key, "value": value, "scores": scores}


def limit(dtype):
    """What is as good as infinite in a dtype: float16 ends at 65,504."""
    return 3e4 if dtype == "float16" else -FORBIDDEN
