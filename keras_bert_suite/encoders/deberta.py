"""DeBERTa-v2 and v3, mDeBERTa: attention by content and by distance, in buckets of one table.

He et al. 2021, https://arxiv.org/abs/2006.03654; v3: He et al. 2023, https://arxiv.org/abs/2111.09543
"""

import re

from keras_bert_suite.checkpoints.dialects import HUGGING_FACE, Field
from keras_bert_suite.checkpoints.names import Array
from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import (
    DisentangledAttention,
    EncoderBlock,
    FeedForward,
    MaskedConvolution,
    MaskedEmbeddings,
    RelativeTable,
)

_CONVOLUTION = {"convolution_size": 3, "convolution_activation": "gelu_erf"}


def _preset(name, num_layers, dim, vocab_size=128100, **arguments):
    return {
        "source": f"hf://microsoft/{name}",
        "lowercase": False,
        "arguments": {
            "vocab_size": vocab_size,
            "embedding_dim": dim,
            "dim": dim,
            "num_layers": num_layers,
            "num_heads": dim // 64,
            "feed_forward_dim": 4 * dim,
            **arguments,
        },
    }


def max_distance(config):
    """How far distances are told apart, by a config of Hugging Face's; 0 where there are no relative positions."""
    if not config.get("relative_attention", False):
        return 0
    given = config.get("max_relative_positions", -1)
    return given if given > 0 else config["max_position_embeddings"]


def position_scores(config):
    """The scores by position that a config of Hugging Face's states, in our order.

    Raises:
        InputError: it states others than `c2p` and `p2c`.
    """
    given = config.get("pos_att_type") or ()
    given = [name.strip() for name in given.lower().split("|")] if isinstance(given, str) else list(given)
    if set(given) - {"c2p", "p2c"} or len(set(given)) < len(given):
        raise InputError(f"pos_att_type is {config['pos_att_type']!r}; expected of c2p and p2c, each once.")
    return sorted(given)


# Fields whose absence means something else than the signatures' defaults.
POSITION_FIELDS = {
    "embedding_dim": Field(
        lambda config: config.get("embedding_size", config["hidden_size"]),
        lambda value, arguments: {"embedding_size": value},
    ),
    "num_segments": Field(
        lambda config: config.get("type_vocab_size", 0), lambda value, arguments: {"type_vocab_size": value}
    ),
    "positions": Field(
        lambda config: "learned" if config.get("position_biased_input", True) else None,
        lambda value, arguments: {"position_biased_input": value is not None},
    ),
    "max_distance": Field(
        max_distance,
        lambda value, arguments: {"relative_attention": value > 0, "max_relative_positions": value or -1},
    ),
    "position_scores": Field(position_scores, lambda value, arguments: {"pos_att_type": list(value)}),
}


def _pooler_activation(config):
    name = config.get("pooler_hidden_act", "gelu")
    return HUGGING_FACE.activations.get(name, name)


# The classifying heads read the first token through a dense layer of their own.
HEAD_OPTIONS = {
    "classification": {"pool": "first", "hidden": _pooler_activation},
    "multiple_choice": {"pool": "first", "hidden": _pooler_activation},
}
HEAD_NAMES = {
    "masked_lm/dense": "cls.predictions.transform.dense",
    "masked_lm/norm": "cls.predictions.transform.LayerNorm",
    "masked_lm": "cls.predictions",
    "classification/hidden": "pooler.dense",
    "classification/dense": "classifier",
    "token_classification/dense": "classifier",
    "question_answering/dense": "qa_outputs",
    "multiple_choice/hidden": "pooler.dense",
    "multiple_choice/dense": "classifier",
}
# Of the encoder: a position table that only the decoder of the pre-training reads, and a norm of no table.
IGNORED_NAMES = (
    r"position_ids$",
    r"embeddings\.position_embeddings\.",
    r"encoder\.LayerNorm\.",
    r"^cls\.predictions\.decoder\.",
    r"^lm_predictions\.",
    r"^mask_predictions\.",
)


def pretrained_head(source):
    """A checkpoint whose masked-LM head has the names of the original code (`legacy` false), with the usual ones."""
    theirs = "lm_predictions.lm_head."
    names = list(source.arrays())
    usual = any(name.startswith("cls.predictions.transform.") for name in names)
    if not any(name.startswith(theirs) for name in names) or (usual and source.config.get("legacy", True)):
        return source

    def rename(name):
        if name.startswith("cls.predictions."):
            return None
        name = re.sub(f"^{re.escape(theirs)}(dense|LayerNorm)", r"cls.predictions.transform.\1", name)
        return name.replace(theirs, "cls.predictions.")

    return source.changed(source.config, lambda: source.arrays().renamed(rename))


def _replaced_token_head(source):
    """The original code spells the last layer of this head both ways."""
    return source.changed(
        source.config, lambda: source.arrays().renamed(lambda name: name.replace(".classifer.", ".classifier."))
    )


class Deberta(Encoder):
    """DeBERTa-v2 or v3 encoder; the defaults are `deberta_v3_base_en`.

    Args:
        vocab_size: number of token ids.
        embedding_dim: width of the embedding tables; a projection follows where it is not `dim`.
        dim: width of the model.
        num_layers: number of blocks.
        num_heads: attention heads a block; divides `dim`.
        feed_forward_dim: width between the two dense layers of a block.
        max_length: positions that have an embedding, where there are such; otherwise a text may be longer.
        num_segments: segments that have an embedding; 0 for none.
        positions: `"learned"` where tokens have position embeddings too, or None.
        max_distance: distance from which on all share the last bucket, or where there are none a vector; 0 for no
            relative positions.
        num_buckets: buckets of distances on each side; 0 for a vector for each distance.
        relative_norm: kind of norm of the vectors of distances: `"layer"`, or None.
        position_scores: see `DisentangledAttention`.
        position_projections: see `DisentangledAttention`.
        convolution_size: tokens that the convolution beside the first block reads, odd; 0 for no convolution.
        convolution_activation: activation after it.
        convolution_groups: groups of features that it convolves apart.
        activation: `"gelu_erf"`, as it was trained, or another that layers know.
        dropout: rate on embeddings, vectors of distances, and what each part of a block adds.
        attention_dropout: rate on attention probabilities.
        epsilon: of the layer normalizations.
    """

    presets = {
        "deberta_v2_xlarge_en": _preset("deberta-v2-xlarge", 24, 1536, **_CONVOLUTION),
        "deberta_v2_xxlarge_en": _preset("deberta-v2-xxlarge", 48, 1536, **_CONVOLUTION),
        "deberta_v3_xsmall_en": _preset("deberta-v3-xsmall", 12, 384),
        "deberta_v3_small_en": _preset("deberta-v3-small", 6, 768),
        "deberta_v3_base_en": _preset("deberta-v3-base", 12, 768),
        "deberta_v3_large_en": _preset("deberta-v3-large", 24, 1024),
        "mdeberta_v3_base": _preset("mdeberta-v3-base", 12, 768, 251000),
    }
    model_type = "deberta-v2"
    other_model_types = ("DebertaV3",)
    prefix = "deberta"
    config_names = {
        "vocab_size": "vocab_size",
        "dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "feed_forward_dim": "intermediate_size",
        "max_length": "max_position_embeddings",
        **POSITION_FIELDS,
        "num_buckets": Field(
            lambda config: max(config.get("position_buckets", -1), 0),
            lambda value, arguments: {"position_buckets": value or -1},
        ),
        "relative_norm": Field(
            lambda config: "layer" if "layer_norm" in config.get("norm_rel_ebd", "none").lower() else None,
            lambda value, arguments: {"norm_rel_ebd": "none" if value is None else "layer_norm"},
        ),
        "position_projections": Field(
            lambda config: "shared" if config.get("share_att_key", False) else "own",
            lambda value, arguments: {"share_att_key": value == "shared"},
        ),
        "convolution_size": Field(
            lambda config: max(config.get("conv_kernel_size", 0), 0),
            lambda value, arguments: {"conv_kernel_size": value},
        ),
        "convolution_activation": "conv_act",
        "convolution_groups": "conv_groups",
        "activation": "hidden_act",
        "dropout": "hidden_dropout_prob",
        "attention_dropout": "attention_probs_dropout_prob",
        "epsilon": "layer_norm_eps",
    }
    config = {
        "keras_nlp": {
            "embedding_dim": "hidden_dim",
            "max_distance": "max_sequence_length",
            "num_buckets": "bucket_size",
            "attention_dropout": "dropout",
        }
    }
    weight_names = {
        "embeddings/token": "embeddings.word_embeddings",
        "embeddings/position": "embeddings.position_embeddings",
        "embeddings/segment": "embeddings.token_type_embeddings",
        "embeddings/project": "embeddings.embed_proj",
        "embeddings/norm": "embeddings.LayerNorm",
        "relative/table": "encoder.rel_embeddings",
        "relative/norm": "encoder.LayerNorm",
        "block_{i}/attention/query": "encoder.layer.{i}.attention.self.query_proj",
        "block_{i}/attention/key": "encoder.layer.{i}.attention.self.key_proj",
        "block_{i}/attention/value": "encoder.layer.{i}.attention.self.value_proj",
        "block_{i}/attention/position_key": "encoder.layer.{i}.attention.self.pos_key_proj",
        "block_{i}/attention/position_query": "encoder.layer.{i}.attention.self.pos_query_proj",
        "block_{i}/attention/output": "encoder.layer.{i}.attention.output.dense",
        "block_{i}/attention_norm": "encoder.layer.{i}.attention.output.LayerNorm",
        "block_{i}/feed_forward/intermediate": "encoder.layer.{i}.intermediate.dense",
        "block_{i}/feed_forward/output": "encoder.layer.{i}.output.dense",
        "block_{i}/feed_forward_norm": "encoder.layer.{i}.output.LayerNorm",
        "block_0/convolution/conv/kernel": Array("encoder.conv.conv.weight", (2, 1, 0)),
        "block_0/convolution/conv/bias": "encoder.conv.conv.bias",
        "block_0/convolution_norm": "encoder.conv.LayerNorm",
    }
    head_names = {
        **HEAD_NAMES,
        "replaced_token/norm": "mask_predictions.LayerNorm",
        "replaced_token/hidden": "mask_predictions.dense",
        "replaced_token/dense": "mask_predictions.classifier",
    }
    head_options = {**HEAD_OPTIONS, "replaced_token": {"norm": "layer"}}
    head_sources = {"masked_lm": pretrained_head, "replaced_token": _replaced_token_head}
    renames = {
        "keras_nlp": (
            (r"^transformer_layer_", "disentangled_attention_encoder_layer_"),
            (r"^relative/table/embeddings$", "rel_embedding/rel_embedding"),
            (r"^relative/norm/", "rel_embedding/rel_embeddings_layer_norm/"),
        )
    }
    ignored_names = IGNORED_NAMES
    architectures = {
        "encoder": "DebertaV2Model",
        "masked_lm": "DebertaV2ForMaskedLM",
        "replaced_token": "ReplacedTokenDetectionModel",  # of the original code; transformers has none
        "classification": "DebertaV2ForSequenceClassification",
        "token_classification": "DebertaV2ForTokenClassification",
        "question_answering": "DebertaV2ForQuestionAnswering",
        "multiple_choice": "DebertaV2ForMultipleChoice",
    }

    def __init__(
        self,
        vocab_size=128100,
        embedding_dim=768,
        dim=768,
        num_layers=12,
        num_heads=12,
        feed_forward_dim=3072,
        max_length=512,
        num_segments=0,
        positions=None,
        max_distance=512,
        num_buckets=256,
        relative_norm="layer",
        position_scores=("c2p", "p2c"),
        position_projections="shared",
        convolution_size=0,
        convolution_activation="tanh",
        convolution_groups=1,
        activation="gelu_erf",
        dropout=0.1,
        attention_dropout=0.1,
        epsilon=1e-7,
        **kwargs,
    ):
        relative = convolution = None
        if max_distance:
            relative = RelativeTable(
                dim, max_distance, num_buckets, relative_norm, epsilon=epsilon, dropout=dropout, name="relative"
            )
        if convolution_size:
            convolution = MaskedConvolution(
                convolution_size, convolution_activation, convolution_groups, dropout, name="convolution"
            )
        super().__init__(
            embeddings=MaskedEmbeddings(
                vocab_size,
                embedding_dim,
                max_length if positions else 0,
                num_segments,
                output_dim=dim if embedding_dim != dim else None,
                epsilon=epsilon,
                dropout=dropout,
                name="embeddings",
            ),
            blocks=[
                EncoderBlock(
                    attention=DisentangledAttention(
                        num_heads,
                        attention_dropout,
                        relative,
                        position_scores,
                        position_projections,
                        name="attention",
                    ),
                    feed_forward=FeedForward(feed_forward_dim, activation, name="feed_forward"),
                    epsilon=epsilon,
                    dropout=dropout,
                    convolution=convolution if i == 0 else None,
                    name=f"block_{i}",
                )
                for i in range(num_layers)
            ],
            **kwargs,
        )
