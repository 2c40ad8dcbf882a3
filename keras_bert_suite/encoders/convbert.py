"""ConvBERT: half of the attention's features are convolved, by kernels that each place makes for itself.

Jiang et al. 2020, https://arxiv.org/abs/2008.02496
"""

from keras_bert_suite.checkpoints.dialects import HUGGING_FACE
from keras_bert_suite.checkpoints.names import Array
from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import Embeddings, EncoderBlock, FeedForward, GroupedFeedForward, MixedAttention


def _preset(size, num_layers, dim, num_heads, embedding_dim, num_groups=1):
    return {
        "source": f"hf://YituTech/conv-bert-{size}",
        "lowercase": True,
        "arguments": {
            "embedding_dim": embedding_dim,
            "dim": dim,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "feed_forward_dim": 4 * dim,
            "num_groups": num_groups,
        },
    }


def _grouped(name, read):
    """A kernel of the feed-forward: `(groups, in, out)` there, of one group `(out, in)`."""

    def split(arguments):
        groups = arguments["num_groups"]
        return (arguments[read] // groups, groups, -1) if groups > 1 else (arguments[read], -1)

    return Array(name, axes=(1, 0, 2), split=split)


def _summary_pool(config):
    """Which token the multiple-choice head reads; transformers reads the last unless the config says otherwise."""
    pool = config.get("summary_type", "last")
    if pool not in ("last", "first"):
        raise InputError(f'summary_type is "{pool}"; ConvBert supports "last" or "first".')
    return pool


def _summary_hidden(config):
    activation = config.get("summary_activation")
    if config.get("summary_use_proj"):
        return HUGGING_FACE.activations.get(activation, activation) or "linear"
    if activation:
        raise InputError(f'summary_activation is "{activation}" without summary_use_proj; ConvBert has both or none.')
    return None


class ConvBert(Encoder):
    """ConvBERT encoder; the defaults are `convbert_base_en_uncased`.

    Its convolutions read padding, as the published models do: real tokens within half a kernel of it, a block, see it.

    Args:
        vocab_size: number of token ids.
        embedding_dim: width of the embedding tables; a projection follows where it is not `dim`.
        dim: width of the model.
        num_layers: number of blocks.
        num_heads: attention heads before they are reduced.
        head_ratio: by what heads are reduced: a block has `num_heads // head_ratio`, at least one, and as many
            of convolution.
        kernel_size: places that a convolution reads; odd.
        feed_forward_dim: width between the two dense layers of a block.
        num_groups: groups of these two layers.
        max_length: positions that have an embedding.
        num_segments: segments that have an embedding.
        activation: `"gelu_erf"`, as it was trained, or another that layers know.
        dropout: rate on embeddings and on what each part of a block adds.
        attention_dropout: rate on attention probabilities.
        epsilon: of the layer normalizations.
    """

    presets = {
        "convbert_small_en_uncased": _preset("small", 12, 256, 4, 128),
        "convbert_medium_small_en_uncased": _preset("medium-small", 12, 384, 8, 128, num_groups=2),
        "convbert_base_en_uncased": _preset("base", 12, 768, 12, 768),
    }
    model_type = "convbert"
    config_limits = {"is_decoder": (False,), "add_cross_attention": (False,), "tie_word_embeddings": (True,)}
    config_names = {
        "vocab_size": "vocab_size",
        "embedding_dim": "embedding_size",
        "dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "head_ratio": "head_ratio",
        "kernel_size": "conv_kernel_size",
        "feed_forward_dim": "intermediate_size",
        "num_groups": "num_groups",
        "max_length": "max_position_embeddings",
        "num_segments": "type_vocab_size",
        "activation": "hidden_act",
        "dropout": "hidden_dropout_prob",
        "attention_dropout": "attention_probs_dropout_prob",
        "epsilon": "layer_norm_eps",
    }
    weight_names = {
        "embeddings/token": "embeddings.word_embeddings",
        "embeddings/position": "embeddings.position_embeddings",
        "embeddings/segment": "embeddings.token_type_embeddings",
        "embeddings/norm": "embeddings.LayerNorm",
        "embeddings/project": "embeddings_project",
        "block_{i}/attention/query": "encoder.layer.{i}.attention.self.query",
        "block_{i}/attention/key": "encoder.layer.{i}.attention.self.key",
        "block_{i}/attention/value": "encoder.layer.{i}.attention.self.value",
        "block_{i}/attention/span_key/depthwise_kernel": Array(
            "encoder.layer.{i}.attention.self.key_conv_attn_layer.depthwise.weight", axes=(2, 0, 1)
        ),
        "block_{i}/attention/span_key/pointwise_kernel": Array(
            "encoder.layer.{i}.attention.self.key_conv_attn_layer.pointwise.weight", axes=(2, 1, 0)
        ),
        "block_{i}/attention/span_key/bias": Array(
            "encoder.layer.{i}.attention.self.key_conv_attn_layer.bias", split=lambda arguments: (-1, 1)
        ),
        "block_{i}/attention/span_kernel": "encoder.layer.{i}.attention.self.conv_kernel_layer",
        "block_{i}/attention/span_value": "encoder.layer.{i}.attention.self.conv_out_layer",
        "block_{i}/attention/output": "encoder.layer.{i}.attention.output.dense",
        "block_{i}/attention_norm": "encoder.layer.{i}.attention.output.LayerNorm",
        "block_{i}/feed_forward/intermediate/kernel": _grouped("encoder.layer.{i}.intermediate.dense.weight", "dim"),
        "block_{i}/feed_forward/intermediate": "encoder.layer.{i}.intermediate.dense",
        "block_{i}/feed_forward/output/kernel": _grouped("encoder.layer.{i}.output.dense.weight", "feed_forward_dim"),
        "block_{i}/feed_forward/output": "encoder.layer.{i}.output.dense",
        "block_{i}/feed_forward_norm": "encoder.layer.{i}.output.LayerNorm",
    }
    head_names = {
        "masked_lm/dense": "generator_predictions.dense",
        "masked_lm/norm": "generator_predictions.LayerNorm",
        "masked_lm": "generator_lm_head",
        "classification/hidden": "classifier.dense",
        "classification/dense": "classifier.out_proj",
        "token_classification/dense": "classifier",
        "question_answering/dense": "qa_outputs",
        "multiple_choice/hidden": "sequence_summary.summary",
        "multiple_choice/dense": "classifier",
    }
    # The generator predicts with the exact GELU whatever the config's activation is.
    head_options = {
        "masked_lm": {"hidden": "gelu_erf"},
        "classification": {"pool": "first", "hidden": "same"},
        "multiple_choice": {"pool": _summary_pool, "hidden": _summary_hidden},
    }
    ignored_names = (r"position_ids$", r"token_type_ids$", r"^generator_lm_head\.weight$")
    architectures = {
        "encoder": "ConvBertModel",
        "masked_lm": "ConvBertForMaskedLM",
        "classification": "ConvBertForSequenceClassification",
        "token_classification": "ConvBertForTokenClassification",
        "question_answering": "ConvBertForQuestionAnswering",
        "multiple_choice": "ConvBertForMultipleChoice",
    }

    def __init__(
        self,
        vocab_size=30522,
        embedding_dim=768,
        dim=768,
        num_layers=12,
        num_heads=12,
        head_ratio=2,
        kernel_size=9,
        feed_forward_dim=3072,
        num_groups=1,
        max_length=512,
        num_segments=2,
        activation="gelu_erf",
        dropout=0.1,
        attention_dropout=0.1,
        epsilon=1e-12,
        **kwargs,
    ):
        super().__init__(
            embeddings=Embeddings(
                vocab_size,
                embedding_dim,
                max_length,
                num_segments,
                output_dim=dim if embedding_dim != dim else None,
                epsilon=epsilon,
                dropout=dropout,
                name="embeddings",
            ),
            blocks=[
                EncoderBlock(
                    attention=MixedAttention(
                        max(num_heads // head_ratio, 1), kernel_size, attention_dropout, name="attention"
                    ),
                    feed_forward=FeedForward(feed_forward_dim, activation, name="feed_forward")
                    if num_groups == 1
                    else GroupedFeedForward(feed_forward_dim, activation, num_groups, name="feed_forward"),
                    epsilon=epsilon,
                    dropout=dropout,
                    name=f"block_{i}",
                )
                for i in range(num_layers)
            ],
            **kwargs,
        )
