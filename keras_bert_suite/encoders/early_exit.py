"""FastBERT's early exit over any encoder: each block has a classifier of its own, and easy texts stop at the first.

Liu et al. 2020, https://arxiv.org/abs/2004.02178
"""

import keras
import numpy as np
from keras import ops

from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import Layer, SelfAttention, dense, register
from keras_bert_suite.layers.base import PACKAGE, deserialize, serialize
from keras_bert_suite.layers.pooling import token_at


@register
class ExitClassifier(Layer):
    """A small classifier over the output of a block: narrow, attend, take the first token, classify.

    Args:
        units: number of labels.
        dim: width that the block's output is narrowed to.
        num_heads: attention heads; divides `dim`.

    Call arguments:
        x: `(batch, time, dim)`.
        padding_mask: `(batch, time)`, 1 for a real token.

    Returns:
        Logits, `(batch, units)`, float32.
    """

    def __init__(self, units, dim=128, num_heads=2, **kwargs):
        super().__init__(**kwargs)
        self.units, self.dim, self.num_heads = units, dim, num_heads
        self.attention = SelfAttention(num_heads, name="attention")

    def build(self, x_shape, padding_mask_shape=None):
        self.narrow = dense(self.dim, "narrow", "tanh")
        self.hidden = dense(self.dim, "hidden", "tanh")
        self.dense = dense(self.units, "dense")
        self.narrow.build(x_shape)
        new = not self.attention.built
        if new:
            self.attention.build((*x_shape[:-1], self.dim))
        self.hidden.build((x_shape[0], self.dim))
        self.dense.build((x_shape[0], self.dim))
        # At BERT's deviation of 0.02 so narrow a stack gives logits of 1e-4, and its gradients vanish.
        for variable in self.weights if new else ():
            if variable.name == "kernel":
                variable.assign(keras.initializers.GlorotUniform()(variable.shape))

    def call(self, x, padding_mask=None):
        x = self.attention(self.narrow(x), padding_mask=padding_mask)["output"]
        return ops.cast(self.dense(self.hidden(token_at(x, "first"))), "float32")


def uncertainty(logits):
    """The entropy of each row's probabilities, from 0 for certain to 1 for all labels alike.

    Args:
        logits: `(batch, labels)`, an array.

    Returns:
        `(batch,)`, an array.
    """
    logits = np.asarray(logits, "float64")
    shifted = logits - logits.max(-1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return -(np.exp(logs) * logs).sum(-1) / np.log(logits.shape[-1])


@keras.saving.register_keras_serializable(package=PACKAGE)
class EarlyExit(keras.Model):
    """An encoder with a classifier after each of its blocks.

    As a model it gives the logits of all of them, for training: the last one on labels first, then, with the encoder
    and it frozen, the others on its answers. `predict_early` runs the blocks one at a time and drops each text once
    its answer is certain enough.

    Args:
        encoder: an `Encoder`.
        units: number of labels.
        dim: width of the classifiers.
        num_heads: their attention heads; divides `dim`.

    Call arguments:
        inputs: what the encoder takes.

    Returns:
        A dict of logits `(batch, units)`: `exit_0`, `exit_1`, ..., one a block.

    Raises:
        InputError: a block gives shorter rows than it is given.
    """

    def __init__(self, encoder, units, dim=128, num_heads=2, **kwargs):
        if any(hasattr(block, "inputs_after") for block in encoder.blocks):
            raise InputError(
                f"Received a {type(encoder).__name__}, whose blocks shorten the rows; early exit is for encoders that "
                "keep their length."
            )
        classifiers = [ExitClassifier(units, dim, num_heads, name=f"exit_{i}") for i in range(len(encoder.blocks))]
        trace, mask = encoder.trace(), encoder.input["padding_mask"]
        states = [block["output"] for block in trace(encoder.input)["blocks"]]
        outputs = {layer.name: layer(x, padding_mask=mask) for layer, x in zip(classifiers, states, strict=True)}
        super().__init__(inputs=encoder.input, outputs=outputs, **kwargs)
        self.encoder, self.classifiers = encoder, classifiers
        self._arguments = {"encoder": encoder, "units": units, "dim": dim, "num_heads": num_heads}

    def get_config(self):
        return {"name": self.name, **{name: serialize(value) for name, value in self._arguments.items()}}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**{name: deserialize(value) for name, value in config.items()})

    def stages(self):
        """The model cut behind each classifier, for runtimes that stop on their own.

        Returns:
            A list of functional models. The first takes the encoder's inputs, the others a dict of `states`
            `(batch, time, dim)` and the inputs that blocks read; each gives `states` and `logits`.
        """
        cut, width = [], None
        for i, (block, classifier) in enumerate(zip(self.encoder.blocks, self.classifiers, strict=True)):
            read = ("padding_mask", *getattr(block, "input_names", ()))
            if i == 0:
                inputs = dict(self.encoder.input)
                names = getattr(self.encoder.embeddings, "input_names", ("token_ids",))
                x = self.encoder.embeddings(**{name: inputs[name] for name in names})
            else:
                inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in read}
                x = inputs["states"] = keras.Input((None, width), name="states")
            x = block(x, **{name: inputs[name] for name in read})
            width = x.shape[-1]
            logits = classifier(x, padding_mask=inputs["padding_mask"])
            cut.append(keras.Model(inputs, {"states": x, "logits": logits}, name=f"stage_{i}"))
        return cut

    def predict_early(self, inputs, speed=0.5):
        """The logits of each text from the first classifier that is certain enough.

        Args:
            inputs: a dict of arrays that the encoder takes.
            speed: the uncertainty, 0 to 1, below which a text stops; 0 lets every text run to the end.

        Returns:
            `(logits, exits)`: `(batch, units)`, and `(batch,)` the number of the block each text stopped at.
        """
        stages = self._stages = getattr(self, "_stages", None) or self.stages()
        rows = np.arange(len(inputs["token_ids"]))
        arrays, states, logits, exits = {name: np.asarray(x) for name, x in inputs.items()}, None, None, None
        for i, stage in enumerate(stages):
            given = {name: arrays[name][rows] if name != "states" else states for name in stage.input}
            found = {name: ops.convert_to_numpy(x) for name, x in stage.predict_on_batch(given).items()}
            if logits is None:
                logits = np.zeros((len(rows), found["logits"].shape[-1]), "float32")
                exits = np.zeros(len(rows), "int32")
            logits[rows], exits[rows] = found["logits"], i
            unsure = uncertainty(found["logits"]) >= speed
            rows, states = rows[unsure], found["states"][unsure]
            if not len(rows):
                break
        return logits, exits
