"""Funnel-Transformer: groups of blocks over ever shorter sequences, and a decoder over the whole one.

Dai et al. 2020, https://arxiv.org/abs/2006.03236
"""

from keras_bert_suite.checkpoints.dialects import Field
from keras_bert_suite.checkpoints.names import Array
from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.layers import Embeddings, EncoderBlock, FeedForward, PooledAttention, PooledBlock, Upsample

# Of the model without a decoder, and of the heads that read it.
_WITHOUT_DECODER = ("FunnelBaseModel", "FunnelForSequenceClassification", "FunnelForMultipleChoice")


def _presets(size, group_layers, dim=768, group_repeats=None):
    """Of one size the whole model and the one without a decoder."""
    sizes = {"group_layers": group_layers, "dim": dim, "num_heads": dim // 64, "feed_forward_dim": 4 * dim}
    sizes["group_repeats"] = group_repeats or [1] * len(group_layers)
    return {
        f"funnel_{size}_en": {
            "source": f"hf://funnel-transformer/{size}",
            "lowercase": True,
            "arguments": sizes,
        },
        f"funnel_{size}_base_en": {
            "source": f"hf://funnel-transformer/{size}-base",
            "lowercase": True,
            "arguments": {**sizes, "decoder_layers": None},
        },
    }


def _decoder_layers(config):
    architectures = config.get("architectures") or [None]
    return None if architectures[0] in _WITHOUT_DECODER else config["num_decoder_layers"]


def _without_decoder(source):
    """The same source as that of a model without a decoder, which the heads over one vector read."""
    if "arguments" in source.config:
        return source

    def rename(name):
        return None if "decoder.layers." in name else name

    config = {**source.config, "architectures": list(_WITHOUT_DECODER[:1])}
    return source.changed(config, lambda: source.arrays().renamed(rename))


def _head_dim(arguments):
    return arguments["head_dim"] or arguments["dim"] // arguments["num_heads"]


def _block_names(ours, theirs):
    parts = {
        "attention/query": "attention.q_head",
        "attention/key": "attention.k_head",
        "attention/value": "attention.v_head",
        "attention/position/kernel": Array(
            "attention.r_kernel",
            split=lambda arguments: (arguments["dim"], arguments["num_heads"], _head_dim(arguments)),
        ),
        "attention/output": "attention.post_proj",
        "attention/content_bias": "attention.r_w_bias",
        "attention/position_bias": "attention.r_r_bias",
        "attention/segment_bias": "attention.r_s_bias",
        "attention/segment": "attention.seg_embed",
        "attention_norm": "attention.layer_norm",
        "feed_forward/intermediate": "ffn.linear_1",
        "feed_forward/output": "ffn.linear_2",
        "feed_forward_norm": "ffn.layer_norm",
    }
    return {
        f"{ours}/{part}": Array(f"{theirs}.{name.name}", split=name.split)
        if isinstance(name, Array)
        else f"{theirs}.{name}"
        for part, name in parts.items()
    }


class Funnel(Encoder):
    """Funnel-Transformer encoder; the defaults are `funnel_small_en`. There is no pooler.

    Before each group but the first, the sequence is pooled to half of its length; it must be longer than two tokens
    there. The last real token may be pooled with padding, and the pair is masked then, so that results depend a little
    on how a sequence is padded: in the original as here. `segment_ids` are 2 for the first token, which is of every
    segment.

    Args:
        vocab_size: number of token ids.
        dim: width of the model.
        group_layers: a list, the number of blocks in each group.
        group_repeats: a list, the times that each block of a group is run in a row.
        decoder_layers: blocks over the whole sequence, after the shortest one was repeated up to its length and the
            first group's result added; None for none of that: the result is the shortest sequence then.
        num_heads: attention heads a block.
        head_dim: width of a head; None for `dim / num_heads`.
        feed_forward_dim: width between the two dense layers of a block.
        pooling: what a pair of vectors becomes: its `"mean"`, `"max"` or `"min"`.
        pool_queries_only: whether the first block of a group reads keys and values of the longer sequence.
        separate_first: whether the first token stands apart, unpooled.
        truncate: whether the last token is left out where the first stands apart.
        activation: `"gelu_tanh"`, as it was trained, or another that layers know.
        dropout: rate on embeddings, distances, and what each part of a block adds.
        attention_dropout: rate on attention probabilities.
        activation_dropout: rate between the dense layers of the feed-forward part.
        epsilon: of the layer normalizations.
    """

    presets = {
        **_presets("small", [4, 4, 4]),
        **_presets("medium", [6, 3, 3], group_repeats=[1, 2, 2]),
        **_presets("intermediate", [6, 6, 6]),
        **_presets("large", [8, 8, 8], 1024),
        **_presets("xlarge", [10, 10, 10], 1024),
    }
    model_type = "funnel"
    # Two ways to compute the same.
    config_limits = {"attention_type": ("relative_shift", "factorized")}
    config_names = {
        "vocab_size": "vocab_size",
        "dim": "d_model",
        "group_layers": "block_sizes",
        "group_repeats": Field(
            lambda config: config.get("block_repeats") or [1] * len(config["block_sizes"]),
            lambda value, arguments: {"block_repeats": value},
        ),
        "decoder_layers": Field(
            _decoder_layers,
            lambda value, arguments: (
                {"architectures": list(_WITHOUT_DECODER[:1])} if value is None else {"num_decoder_layers": value}
            ),
        ),
        "num_heads": "n_head",
        "head_dim": Field(
            lambda config: config["d_head"],
            lambda value, arguments: {"d_head": _head_dim(arguments)},
        ),
        "feed_forward_dim": "d_inner",
        "pooling": "pooling_type",
        "pool_queries_only": "pool_q_only",
        "separate_first": "separate_cls",
        "truncate": "truncate_seq",
        "activation": "hidden_act",
        "dropout": "hidden_dropout",
        "attention_dropout": "attention_dropout",
        "activation_dropout": "activation_dropout",
        "epsilon": "layer_norm_eps",
    }
    weight_names = {
        "embeddings/token": "embeddings.word_embeddings",
        "embeddings/norm": "embeddings.layer_norm",
        **_block_names("block_{i}_{j}", "encoder.blocks.{i}.{j}"),
        **_block_names("decoder_{i}", "decoder.layers.{i}"),
    }
    head_names = {
        "masked_lm": "lm_head",
        "replaced_token/hidden": "discriminator_predictions.dense",
        "replaced_token/dense": "discriminator_predictions.dense_prediction",
        "classification/hidden": "classifier.linear_hidden",
        "classification/dense": "classifier.linear_out",
        "token_classification/dense": "classifier",
        "question_answering/dense": "qa_outputs",
        "multiple_choice/hidden": "classifier.linear_hidden",
        "multiple_choice/dense": "classifier.linear_out",
    }
    head_options = {
        "masked_lm": {"hidden": None},
        "classification": {"pool": "first", "hidden": "tanh"},
        "multiple_choice": {"pool": "first", "hidden": "tanh"},
    }
    head_sources = {"classification": _without_decoder, "multiple_choice": _without_decoder}
    ignored_names = (r"^lm_head\.weight$",)
    architectures = {
        "encoder": "FunnelModel",
        "masked_lm": "FunnelForMaskedLM",
        "replaced_token": "FunnelForPreTraining",
        "classification": "FunnelForSequenceClassification",
        "token_classification": "FunnelForTokenClassification",
        "question_answering": "FunnelForQuestionAnswering",
        "multiple_choice": "FunnelForMultipleChoice",
    }

    def __init__(
        self,
        vocab_size=30522,
        dim=768,
        group_layers=(4, 4, 4),
        group_repeats=(1, 1, 1),
        decoder_layers=2,
        num_heads=12,
        head_dim=64,
        feed_forward_dim=3072,
        pooling="mean",
        pool_queries_only=True,
        separate_first=True,
        truncate=True,
        activation="gelu_tanh",
        dropout=0.1,
        attention_dropout=0.1,
        activation_dropout=0.0,
        epsilon=1e-9,
        **kwargs,
    ):
        if len(group_layers) != len(group_repeats):
            raise ValueError(
                f"Received group_layers={group_layers} and group_repeats={group_repeats}; expected one number a group."
            )

        def block(pools, name):
            made = EncoderBlock(
                attention=PooledAttention(
                    num_heads, attention_dropout, dropout, head_dim, pools, separate_first, truncate, name="attention"
                ),
                feed_forward=FeedForward(feed_forward_dim, activation, activation_dropout, name="feed_forward"),
                epsilon=epsilon,
                dropout=dropout,
                name=name,
            )
            # Here, so that its variables have its own path where it is a part of a pooled block, too.
            made.build((None, None, dim))
            return made

        blocks = []
        for i, (layers, repeats) in enumerate(zip(group_layers, group_repeats, strict=True)):
            group = [block(i, f"block_{i}_{j}") for j in range(layers)]
            runs = [made for made in group for _ in range(repeats)]
            if i > 0:
                runs[0] = PooledBlock(
                    runs[0], pooling, pool_queries_only, separate_first, truncate, name=f"pooled_block_{i}"
                )
            blocks += runs
        if decoder_layers is not None:
            factor = 2 ** (len(group_layers) - 1)
            blocks.append(Upsample(group_layers[0], factor, separate_first, truncate, name="upsample"))
            blocks += [block(0, f"decoder_{i}") for i in range(decoder_layers)]
        super().__init__(
            embeddings=Embeddings(
                vocab_size, dim, max_length=0, num_segments=0, epsilon=epsilon, dropout=dropout, name="embeddings"
            ),
            blocks=blocks,
            **kwargs,
        )
