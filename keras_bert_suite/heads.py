"""Heads: from an encoder's outputs to logits, and `attach`, which joins one to an encoder as a `keras.Model`."""

import keras
from keras import ops

from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import Layer, activation, dense, norm, register


@register
class Classifier(Layer):
    """Dropout and a dense layer: over a pooled vector, or over each token.

    Args:
        units: number of labels.
        dropout: rate before the dense layer.

    Call arguments:
        x: `(batch, dim)` or `(batch, time, dim)`.

    Returns:
        Logits, `(batch, units)` or `(batch, time, units)`, float32.
    """

    def __init__(self, units, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.dropout = units, dropout
        self.drop = keras.layers.Dropout(dropout)

    def build(self, x_shape):
        self.dense = dense(self.units, "dense")
        self.dense.build(x_shape)

    def call(self, x):
        return ops.cast(self.dense(self.drop(x)), "float32")


@register
class TokenLogits(Layer):
    """The masked-LM head: dense, activation, norm, then the product with the token embeddings that it shares.

    Args:
        token: the `Embedding` layer of the encoder, whose table is the last layer's kernel.
        activation: name of the activation.
        epsilon: of the norm.

    Call arguments:
        x: `(batch, time, dim)`.

    Returns:
        Logits, `(batch, time, vocab_size)`, float32.
    """

    def __init__(self, token, activation="gelu_erf", epsilon=1e-12, **kwargs):
        super().__init__(**kwargs)
        self.token, self.activation, self.epsilon = token, activation, epsilon

    def build(self, x_shape):
        width = self.token.output_dim
        self.dense = dense(width, "dense", activation(self.activation))
        self.dense.build(x_shape)
        self.norm = norm("layer", self.epsilon, "norm")
        self.norm.build((*x_shape[:-1], width))
        self.bias = self.add_weight(shape=(self.token.input_dim,), initializer="zeros", name="bias")

    def call(self, x):
        logits = ops.matmul(self.norm(self.dense(x)), ops.transpose(ops.cast(self.token.embeddings, x.dtype)))
        return ops.cast(logits, "float32") + ops.cast(self.bias, "float32")


@register
class SpanClassifier(Layer):
    """Two scores a token: does the answer start here, does it end here.

    Call arguments:
        x: `(batch, time, dim)`.

    Returns:
        A dict of logits `(batch, time)`, float32: `start_logits`, `end_logits`.
    """

    def build(self, x_shape):
        self.dense = dense(2, "dense")
        self.dense.build(x_shape)

    def call(self, x):
        logits = ops.cast(self.dense(x), "float32")
        return {"start_logits": logits[..., 0], "end_logits": logits[..., 1]}


@register
class MergeChoices(Layer):
    """`(batch, choices, time)` to `(batch * choices, time)`."""

    def call(self, x):
        return ops.reshape(x, (-1, ops.shape(x)[2]))


@register
class SplitChoices(Layer):
    """`(batch * choices, 1)` to `(batch, choices)`, the shape being that of `like` `(batch, choices, time)`."""

    def call(self, x, like):
        return ops.reshape(x, (-1, ops.shape(like)[1]))


def attach(encoder, head, units=2, dropout=0.0):
    """A model with one head over an encoder.

    Args:
        encoder: an `Encoder`.
        head: `"classification"`, `"token_classification"`, `"masked_lm"`, `"next_sentence"`,
            `"question_answering"` or `"multiple_choice"`.
        units: number of labels, for the first two.
        dropout: rate before the dense layer of a classifying head.

    Returns:
        A functional `keras.Model` from the encoder's inputs (for multiple choice `(batch, choices, time)`) to a dict:
        `logits`, or `start_logits` and `end_logits` for question answering.

    Raises:
        InputError: the encoder has no pooler and the head needs one, or there is no such head.
    """
    outputs = encoder.output
    if head in ("classification", "next_sentence", "multiple_choice") and "pooled_output" not in outputs:
        raise InputError(
            f"The {head} head reads pooled_output; this encoder has no pooler. Load it with pooler='tanh'."
        )
    if head == "classification":
        logits = Classifier(units, dropout, name=head)(outputs["pooled_output"])
    elif head == "token_classification":
        logits = Classifier(units, dropout, name=head)(outputs["sequence_output"])
    elif head == "next_sentence":
        logits = Classifier(2, name=head)(outputs["pooled_output"])
    elif head == "masked_lm":
        config = encoder.get_config()
        layer = TokenLogits(encoder.embeddings.token, config["activation"], config["epsilon"], name=head)
        logits = layer(outputs["sequence_output"])
    elif head == "question_answering":
        return keras.Model(encoder.input, SpanClassifier(name=head)(outputs["sequence_output"]))
    elif head == "multiple_choice":
        return _multiple_choice(encoder, dropout)
    else:
        raise InputError(f"Received head={head!r}; expected one of {', '.join(encoder.architectures)}.")
    return keras.Model(encoder.input, {"logits": logits})


def _multiple_choice(encoder, dropout):
    inputs = {name: keras.Input((None, None), dtype="int32", name=name) for name in encoder.input}
    merged = {name: MergeChoices(name=f"{name}_merged")(x) for name, x in inputs.items()}
    logits = Classifier(1, dropout, name="multiple_choice")(encoder(merged)["pooled_output"])
    return keras.Model(inputs, {"logits": SplitChoices(name="choices")(logits, inputs["token_ids"])})
