"""What each kind of checkpoint calls the arrays of a layer, and how it lays them out.

A family names its layers once, ours to Hugging Face's (`weight_names`). A dialect turns such a pair into the names
that arrays have in its files, and an array of theirs into ours and back.
"""

import re
from dataclasses import dataclass, replace

from keras_bert_suite.checkpoints.names import Array, Part, layer_and_leaf, theirs

# The activations that layers know by name.
ACTIVATIONS = ("gelu_erf", "gelu_tanh", "relu", "relu6", "silu", "tanh")


@dataclass(frozen=True)
class Field:
    """How an argument follows from a config where it is no field of its own.

    Args:
        read: from a config, a dict, to the value; a KeyError where the config says nothing of it.
        write: from the value and all arguments to a dict of fields; None where it is not written.
    """

    read: callable
    write: callable = None


@dataclass(frozen=True)
class Dialect:
    """One kind of checkpoint.

    Args:
        name: what it is called; a family's `renames` and `config` know it by that.
        layer_name: from (our layer path, Hugging Face's layer name, the prefix of the family) to candidate names.
        leaf_names: our leaf (`kernel bias embeddings gamma beta`) to candidate suffixes of an array's name.
        transposed: suffixes whose matrix is stored output-major.
        activations: what a config there calls an activation, to our name.
        config_names: argument names of ours to theirs where these are the same for every family, or None.
    """

    name: str
    layer_name: callable
    leaf_names: dict
    transposed: tuple
    activations: dict
    config_names: dict | None = None

    def candidates(self, path, family, weight_names):
        """The arrays that a variable of ours may be, likeliest first.

        Args:
            path: of the variable.
            family: the class of the encoder.
            weight_names: its map, or that of its heads.

        Returns:
            A list of `Array`; empty where the map says nothing of the variable.
        """
        layer, leaf = layer_and_leaf(path)
        prefix = family.prefix or family.model_type
        whole = theirs(path, weight_names)
        if whole is not None:
            whole = whole if isinstance(whole, Array) else Array(whole)
            found = [replace(whole, name=name) for name in self.layer_name(path, whole.name, prefix)]
        else:
            named = theirs(layer, weight_names)
            named = None if isinstance(named, Array) else named  # that is a variable, not a layer of several
            part = named if isinstance(named, Part) else None
            names = [] if named is None else self.layer_name(layer, named if part is None else part.name, prefix)
            found = [
                Array(name + suffix, (1, 0) if leaf in _MATRICES and suffix in self.transposed else None, part=part)
                for name in names
                for suffix in self.leaf_names.get(leaf, (f"/{leaf}",))
            ]
        return [array.named(name) for array in found for name in self._renamed(array.name, family)]

    def _renamed(self, name, family):
        """The names that a family's renames make of one: several, likeliest first, where a replacement is several."""
        names = [name]
        for pattern, replacements in family.renames.get(self.name, ()):
            replacements = (replacements,) if isinstance(replacements, str) else replacements
            names = [re.sub(pattern, replacement, name) for name in names for replacement in replacements]
        return list(dict.fromkeys(names))


# Leaves that a checkpoint may keep output-major; `extra` is what a masked-LM head has beside the token table.
_MATRICES = ("kernel", "extra")


def _hugging_face(ours, theirs, prefix):
    return [theirs, f"{prefix}.{theirs}"]


def _tensorflow_1(ours, theirs, prefix):
    name = re.sub(r"\blayer\.(\d+)", r"layer_\1", theirs).replace(".", "/")
    return [f"{prefix}/{name}", name]


GARDEN_NAMES = (
    (r"^bert/", ""),
    (r"^encoder/", "transformer/"),
    (r"^embeddings/word_embeddings", "word_embeddings"),
    (r"^embeddings/token_type_embeddings", "type_embeddings"),
    (r"^embeddings/position_embeddings", "position_embedding"),
    (r"^embeddings/LayerNorm", "embeddings/layer_norm"),
    (r"attention/self", "self_attention"),
    (r"attention/output/dense", "self_attention/attention_output"),
    (r"attention/output/LayerNorm", "self_attention_layer_norm"),
    (r"intermediate/dense", "intermediate"),
    (r"output/dense", "output"),
    (r"output/LayerNorm", "output_layer_norm"),
    (r"^pooler/dense", "pooler_transform"),
)


_GARDEN_TABLE = re.compile(r"word_embeddings?/embeddings$")


def garden_scope(names):
    """What stands before Model Garden's names of an encoder; None where the names are not Model Garden's.

    Nothing does in a functional `BertEncoder`; in a `BertEncoderV2` it is the name of the layer, in a
    `MobileBERTEncoder` that of the embeddings, before which alone it stands.
    """
    return next((_GARDEN_TABLE.sub("", name) for name in names if _GARDEN_TABLE.search(name)), None)


_GARDEN_HEAD = re.compile(r"/(pooler_dense|logits)/(kernel|bias)$")


def garden_name(name, scope):
    """An array's name without the scope; None for arrays of a classification head.

    Such a head pools with a dense layer of its own, not with the encoder's; no head here does.
    """
    return None if _GARDEN_HEAD.search(name) else name.removeprefix(scope)


def _model_garden(ours, theirs, prefix):
    name = _tensorflow_1(ours, theirs, prefix)[0]
    for pattern, replacement in GARDEN_NAMES:
        name = re.sub(pattern, replacement, name)
    # Heads stand under the name of the pretrainer, which is "bert" whatever its encoder.
    return [name, f"bert/{name}"]


_KERAS_NLP = (
    (r"^embeddings/token$", "token_embedding"),
    (r"^embeddings/position$", "position_embedding"),
    (r"^embeddings/segment$", "segment_embedding"),
    (r"^embeddings/norm$", "embeddings_layer_norm"),
    (r"^pooler/dense$", "pooled_dense"),
    (r"^block_(\d+)/", r"transformer_layer_\1/"),
    (r"/attention/output$", "/self_attention_layer/attention_output"),
    (r"/attention/", "/self_attention_layer/"),
    (r"/attention_norm$", "/self_attention_layer_norm"),
    (r"/feed_forward/intermediate$", "/feedforward_intermediate_dense"),
    (r"/feed_forward/output$", "/feedforward_output_dense"),
    (r"/feed_forward_norm$", "/feedforward_layer_norm"),
)


def _keras_nlp(ours, theirs, prefix):
    for pattern, replacement in _KERAS_NLP:
        ours = re.sub(pattern, replacement, ours)
    return [ours]


_KERAS_LEAVES = {leaf: (f"/{leaf}",) for leaf in ("kernel", "bias", "embeddings", "gamma", "beta")}

KERAS_BERT_SUITE = Dialect(
    name="keras_bert_suite",
    layer_name=lambda ours, theirs, prefix: [ours],
    leaf_names=_KERAS_LEAVES,
    transposed=(),
    activations={},
)
HUGGING_FACE = Dialect(
    name="Hugging Face",
    layer_name=_hugging_face,
    leaf_names={
        "kernel": (".weight",),
        "extra": (".dense.weight",),
        "bias": (".bias",),
        "embeddings": (".weight",),
        "gamma": (".weight", ".gamma"),
        "scale": (".weight",),
        "beta": (".bias", ".beta"),
    },
    transposed=(".weight",),
    activations={
        "gelu": "gelu_erf",
        "gelu_python": "gelu_erf",
        "gelu_new": "gelu_tanh",
        "gelu_fast": "gelu_tanh",
        "gelu_pytorch_tanh": "gelu_tanh",
        "swish": "silu",
    },
)
TENSORFLOW_1 = Dialect(
    name="TensorFlow 1",
    layer_name=_tensorflow_1,
    leaf_names={
        "kernel": ("/kernel", "/output_weights"),
        "extra": ("/extra_output_weights",),
        "bias": ("/bias", "/output_bias"),
        "embeddings": ("",),
        "gamma": ("/gamma",),
        "beta": ("/beta",),
    },
    transposed=("/output_weights", "/extra_output_weights"),
    activations={"gelu": "gelu_tanh"},
)
MODEL_GARDEN = Dialect(
    name="Model Garden",
    layer_name=_model_garden,
    leaf_names={**_KERAS_LEAVES, "bias": ("/bias", "/output_bias/bias"), "extra": ("/extra_output_weights",)},
    transposed=("/extra_output_weights",),
    activations={"gelu": "gelu_tanh"},
)
# The same arrays beside the params.yaml of an experiment, which has its own words for what bert_config.json says.
MODEL_GARDEN_EXPERIMENT = replace(
    MODEL_GARDEN,
    config_names={
        "vocab_size": "vocab_size",
        "dim": "hidden_size",
        "num_layers": "num_layers",
        "num_heads": "num_attention_heads",
        "feed_forward_dim": "intermediate_size",
        "max_length": "max_position_embeddings",
        "num_segments": "type_vocab_size",
        "activation": "hidden_activation",
        "dropout": "dropout_rate",
        "attention_dropout": "attention_dropout_rate",
    },
)
KERAS_NLP = Dialect(
    name="keras_nlp",
    layer_name=_keras_nlp,
    leaf_names=_KERAS_LEAVES,
    transposed=(),
    activations={},
    config_names={
        "vocab_size": "vocabulary_size",
        "dim": "hidden_dim",
        "num_layers": "num_layers",
        "num_heads": "num_heads",
        "feed_forward_dim": "intermediate_dim",
        "max_length": "max_sequence_length",
        "num_segments": "num_segments",
        "dropout": "dropout",
    },
)
