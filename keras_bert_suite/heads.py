"""Heads: from an encoder's outputs to logits, and `attach`, which joins one to an encoder as a `keras.Model`."""

import keras
from keras import ops

from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import Dropout, Layer, Pool, activation, dense, norm, register
from keras_bert_suite.layers.base import initializer


@register
class Classifier(Layer):
    """Dropout and a dense layer, over a pooled vector or over each token; before it a hidden layer where asked for.

    Args:
        units: number of labels.
        dropout: rate before each dense layer.
        hidden: name of the activation of a hidden layer (`"linear"` for none), or None for no such layer.
        hidden_units: width of the hidden layer; None for that of the input.
        hidden_bias: whether it has a bias.
        norm: kind of norm after it, see `keras_bert_suite.layers.norm`, or None.
        epsilon: of the norm.

    Call arguments:
        x: `(batch, dim)` or `(batch, time, dim)`.

    Returns:
        Logits, `(batch, units)` or `(batch, time, units)`, float32.
    """

    def __init__(
        self, units, dropout=0.0, hidden=None, hidden_units=None, hidden_bias=True, norm=None, epsilon=1e-12, **kwargs
    ):
        super().__init__(**kwargs)
        self.units, self.dropout, self.hidden, self.hidden_units = units, dropout, hidden, hidden_units
        self.hidden_bias, self.norm_kind, self.epsilon = hidden_bias, norm, epsilon
        self.drop = Dropout(dropout)

    def build(self, x_shape):
        if self.hidden is not None:
            units = self.hidden_units or x_shape[-1]
            self.hidden_dense = dense(units, "hidden", activation(self.hidden), self.hidden_bias)
            self.hidden_dense.build(x_shape)
            x_shape = (*x_shape[:-1], units)
        self.norm = norm(self.norm_kind, self.epsilon, "norm")
        if self.norm is not None:
            self.norm.build(x_shape)
        self.dense = dense(self.units, "dense")
        self.dense.build(x_shape)

    def call(self, x):
        if self.hidden is not None:
            x = self.hidden_dense(self.drop(x))
        if self.norm is not None:
            x = self.norm(x)
        return ops.cast(self.dense(self.drop(x)), "float32")


@register
class TokenLogits(Layer):
    """The masked-LM head: a transform, then the product with the token embeddings that it shares.

    Args:
        token: the `Embedding` layer of the encoder, whose table is the last layer's kernel.
        hidden: name of the activation of the transform, a dense layer and a norm; None for no transform.
        hidden_units: width of the transform; None for that of the token embeddings, `"input"` for that of the input.
            Where it is wider than the former, the rest of the last kernel is the head's own, as MobileBERT's.
        hidden_bias: whether its dense layer has a bias.
        norm: kind of its norm, see `keras_bert_suite.layers.norm`.
        epsilon: of the norm.
        output: `"tied"` (the token table and a bias), `"tied_no_bias"`, or `"own"` (a kernel of its own, no bias).

    Call arguments:
        x: `(batch, time, dim)`.

    Returns:
        Logits, `(batch, time, vocab_size)`, float32.
    """

    def __init__(
        self,
        token,
        hidden="gelu_erf",
        hidden_units=None,
        hidden_bias=True,
        norm="layer",
        epsilon=1e-12,
        output="tied",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if output not in ("tied", "tied_no_bias", "own"):
            raise ValueError(f'Received output={output!r}; expected "tied", "tied_no_bias" or "own".')
        self.token, self.hidden, self.hidden_units, self.hidden_bias = token, hidden, hidden_units, hidden_bias
        self.norm_kind, self.epsilon, self.output_kind = norm, epsilon, output

    def build(self, x_shape):
        tied, vocab_size = self.token.output_dim, self.token.input_dim
        if self.hidden is not None:
            width = x_shape[-1] if self.hidden_units == "input" else self.hidden_units or tied
            self.dense = dense(width, "dense", activation(self.hidden), self.hidden_bias)
            self.dense.build(x_shape)
            self.norm = norm(self.norm_kind, self.epsilon, "norm")
            self.norm.build((*x_shape[:-1], width))
            if width > tied:
                self.extra = self.add_weight(shape=(width - tied, vocab_size), initializer=initializer(), name="extra")
        if self.output_kind == "tied":
            self.bias = self.add_weight(shape=(vocab_size,), initializer="zeros", name="bias")
        elif self.output_kind == "own":
            self.output_dense = dense(vocab_size, "output", use_bias=False)
            self.output_dense.build(x_shape)

    def call(self, x):
        if self.hidden is not None:
            x = self.norm(self.dense(x))
        if self.output_kind == "own":
            return ops.cast(self.output_dense(x), "float32")
        kernel = ops.transpose(ops.cast(self.token.embeddings, x.dtype))
        if x.shape[-1] > self.token.output_dim:
            kernel = ops.concatenate([kernel, ops.cast(self.extra, x.dtype)], axis=0)
        logits = ops.cast(ops.matmul(x, kernel), "float32")
        return logits + ops.cast(self.bias, "float32") if self.output_kind == "tied" else logits


@register
class TokenScore(Layer):
    """One number a token, such as whether it was replaced: a hidden layer and a dense one.

    Clark et al. 2020, https://arxiv.org/abs/2003.10555

    Args:
        hidden: name of the hidden layer's activation.
        norm: kind of norm, see `keras_bert_suite.layers.norm`, of the sum of each token and the first, which is then
            what the hidden layer reads, as in DeBERTa-v3; None for the token alone.
        epsilon: of the norm.

    Call arguments:
        x: `(batch, time, dim)`.

    Returns:
        Logits, `(batch, time)`, float32.
    """

    def __init__(self, hidden="gelu_erf", norm=None, epsilon=1e-12, **kwargs):
        super().__init__(**kwargs)
        self.hidden, self.norm_kind, self.epsilon = hidden, norm, epsilon

    def build(self, x_shape):
        self.norm = norm(self.norm_kind, self.epsilon, "norm")
        if self.norm is not None:
            self.norm.build(x_shape)
        self.hidden_dense = dense(x_shape[-1], "hidden", activation(self.hidden))
        self.hidden_dense.build(x_shape)
        self.dense = dense(1, "dense")
        self.dense.build(x_shape)

    def call(self, x):
        x = x if self.norm is None else self.norm(x + x[:, :1])
        return ops.squeeze(ops.cast(self.dense(self.hidden_dense(x)), "float32"), -1)


@register
class SplitSpans(Layer):
    """Two scores a token, does the answer start here and does it end here, as two outputs.

    Call arguments:
        x: logits, `(batch, time, 2)`.

    Returns:
        A dict of logits `(batch, time)`: `start_logits`, `end_logits`.
    """

    def call(self, x):
        return {"start_logits": x[..., 0], "end_logits": x[..., 1]}


@register
class MergeGroups(Layer):
    """`(batch, group, time)` to `(batch * group, time)`."""

    def call(self, x):
        return ops.reshape(x, (-1, ops.shape(x)[2]))


@register
class SplitGroups(Layer):
    """`(batch * group, units)` to `(batch, group, units)`, the first two as those of `like` `(batch, group, time)`."""

    def call(self, x, like):
        return ops.reshape(x, (-1, ops.shape(like)[1], x.shape[-1]))

    def compute_output_shape(self, x_shape, like_shape):
        return (*like_shape[:2], x_shape[-1])


@register
class OneScore(Layer):
    """`(batch, group, 1)` to `(batch, group)`."""

    def call(self, x):
        return ops.squeeze(x, -1)


def grouped(model):
    """A model over groups of rows: the choices of a question, the sentences of a pair, the windows of a document.

    Args:
        model: a model from an encoder's inputs `(batch, time)` to a dict of `(batch, units)`.

    Returns:
        A `keras.Model` over the same weights, from `(batch, group, time)` to `(batch, group, units)`.
    """
    inputs = {name: keras.Input((None, None), dtype="int32", name=name) for name in model.input}
    outputs = model({name: MergeGroups(name=f"{name}_merged")(x) for name, x in inputs.items()})
    like = inputs["token_ids"]
    return keras.Model(inputs, {name: SplitGroups(name=f"{name}_split")(x, like) for name, x in outputs.items()})


def grouped_scores(model):
    """A model from `(batch, group, time)` to `{"logits"}` `(batch, group)`, of one whose `logits` are `(batch, 1)`."""
    group = grouped(model)
    return keras.Model(group.input, {"logits": OneScore(name="scores")(group.output["logits"])})


POOLED = ("classification", "next_sentence", "sentence_order", "multiple_choice")
HEADS = (
    *POOLED,
    "masked_lm",
    "permutation_lm",
    "replaced_token",
    "token_classification",
    "question_answering",
)


def attach(encoder, head, units=2, dropout=0.0, config=None):
    """A model with one head over an encoder, of the form that the encoder's family has in published checkpoints.

    Args:
        encoder: an `Encoder`.
        head: one of `HEADS`.
        units: number of labels, for `"classification"` and `"token_classification"`.
        dropout: rate before the dense layers of a classifying head.
        config: the checkpoint's, where a family's head follows from it; None for the family's usual head.

    Returns:
        A functional `keras.Model` from the encoder's inputs (for multiple choice `(batch, choices, time)`) to a dict:
        `logits`, or `start_logits` and `end_logits` for question answering.

    Raises:
        InputError: the encoder has no pooler and the head needs one, or there is no such head.
    """
    if head == "multiple_choice":
        return grouped_scores(one_choice(encoder, dropout, config))
    pool, options = _options(encoder, head, config)
    if head in POOLED:
        layer = Classifier(units if head == "classification" else 2, dropout, name=head, **options)
        if pool == "late":
            logits = Pool("mean", name="pool")(layer(encoder.output["sequence_output"]), encoder.input["padding_mask"])
        else:
            logits = layer(_pooled(encoder, pool, head))
        return keras.Model(encoder.input, {"logits": logits})
    x = encoder.output["sequence_output"]
    if head == "question_answering":
        logits = Classifier(2, dropout, name=head, **options)(x)
        return keras.Model(encoder.input, SplitSpans(name="spans")(logits))
    if head == "token_classification":
        layer = Classifier(units, dropout, name=head, **options)
    elif head in ("masked_lm", "permutation_lm"):
        options = {**_activation(encoder), **_epsilon(encoder), **options}
        layer = TokenLogits(encoder.embeddings.token, name=head, **options)
    elif head == "replaced_token":
        layer = TokenScore(name=head, **{**_activation(encoder), **_epsilon(encoder), **options})
    else:
        raise InputError(f"Received head={head!r}; expected one of {', '.join(HEADS)}.")
    return keras.Model(encoder.input, {"logits": layer(x)})


def one_choice(encoder, dropout=0.0, config=None):
    """The head of multiple choice over one row: from the encoder's inputs to `{"logits"}` `(batch, 1)`.

    `attach` makes it a model over all choices of an example, with `grouped_scores`; arguments as there.
    """
    pool, options = _options(encoder, "multiple_choice", config)
    layer = Classifier(1, dropout, name="multiple_choice", **options)
    return keras.Model(encoder.input, {"logits": layer(_pooled(encoder, pool, "multiple_choice"))})


def _options(encoder, head, config):
    """What a family says of a head: what is pooled how, and the arguments of its layer."""
    options = {
        name: value(config or {}) if callable(value) else value
        for name, value in encoder.head_options.get(head, {}).items()
    }
    if options.get("hidden") == "same":
        options.update(_activation(encoder))
    return options.pop("pool", None if head not in POOLED else "pooler"), options


def _activation(encoder):
    activation = encoder.get_config().get("activation")
    return {"hidden": activation} if isinstance(activation, str) else {}


def _epsilon(encoder):
    epsilon = encoder.get_config().get("epsilon")
    return {"epsilon": epsilon} if isinstance(epsilon, float) else {}


def _pooled(encoder, pool, head):
    if pool != "pooler":
        return Pool(pool, name="pool")(encoder.output["sequence_output"], encoder.input["padding_mask"])
    if "pooled_output" not in encoder.output:
        raise InputError(
            f"The {head} head reads pooled_output; this encoder has no pooler. Load it with pooler='tanh'."
        )
    return encoder.output["pooled_output"]
