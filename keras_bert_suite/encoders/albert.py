"""ALBERT: one block listed many times, over embeddings of a smaller width.

Lan et al. 2020, https://arxiv.org/abs/1909.11942
"""

from keras_bert_suite.checkpoints.dialects import GARDEN_NAMES, Field
from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.layers import BlockGroup, Embeddings, EncoderBlock, FeedForward, Pooler, SelfAttention


def _preset(size, version, num_layers, dim, dropout, num_heads=None, activation="gelu_tanh"):
    return {
        "source": f"hf://albert/albert-{size}-{version}",
        "lowercase": True,
        "arguments": {
            "num_layers": num_layers,
            "dim": dim,
            "num_heads": num_heads or dim // 64,
            "feed_forward_dim": 4 * dim,
            "activation": activation,
            "dropout": dropout,
            "attention_dropout": dropout,
        },
    }


class Albert(Encoder):
    """ALBERT encoder; the defaults are `albert_base_v2_en`.

    Args:
        vocab_size: number of token ids.
        embedding_dim: width of the embedding tables.
        dim: width of the model.
        num_layers: times that the blocks of a group are run, over all groups.
        num_heads: attention heads a block; divides `dim`.
        feed_forward_dim: width between the two dense layers of a block.
        num_groups: groups of blocks, each run `num_layers / num_groups` times in a row.
        group_layers: different blocks in a group.
        max_length: positions that have an embedding.
        num_segments: segments that have an embedding.
        activation: `"gelu_tanh"`, as it was trained, or another that layers know.
        dropout: rate on embeddings and on what each part of a block adds.
        attention_dropout: rate on attention probabilities.
        epsilon: of the layer normalizations.
        pooler: `"tanh"` (a dense layer over the first token), or None.
    """

    presets = {
        "albert_base_v1_en": _preset("base", "v1", 12, 768, 0.1),
        "albert_large_v1_en": _preset("large", "v1", 24, 1024, 0.1),
        "albert_xlarge_v1_en": _preset("xlarge", "v1", 24, 2048, 0.1, 16),
        "albert_xxlarge_v1_en": _preset("xxlarge", "v1", 12, 4096, 0.0),
        "albert_base_v2_en": _preset("base", "v2", 12, 768, 0.0),
        "albert_large_v2_en": _preset("large", "v2", 24, 1024, 0.0),
        "albert_xlarge_v2_en": _preset("xlarge", "v2", 24, 2048, 0.0, 16),
        "albert_xxlarge_v2_en": _preset("xxlarge", "v2", 12, 4096, 0.0),
    }
    model_type = "albert"
    config_limits = {"position_embedding_type": ("absolute",)}
    config_names = {
        "vocab_size": "vocab_size",
        "embedding_dim": "embedding_size",
        "dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "feed_forward_dim": "intermediate_size",
        "num_groups": "num_hidden_groups",
        "group_layers": "inner_group_num",
        "max_length": "max_position_embeddings",
        "num_segments": "type_vocab_size",
        "activation": "hidden_act",
        "dropout": "hidden_dropout_prob",
        "attention_dropout": "attention_probs_dropout_prob",
        "epsilon": "layer_norm_eps",
    }
    config = {
        "Model Garden": {
            "embedding_dim": Field(
                lambda config: config["embedding_size"] if "embedding_size" in config else config["embedding_width"]
            )
        },
        "keras_nlp": {
            "embedding_dim": "embedding_dim",
            "num_groups": "num_groups",
            "group_layers": "num_inner_repetitions",
            "attention_dropout": "dropout",
        },
    }
    weight_names = {
        "embeddings/token": "embeddings.word_embeddings",
        "embeddings/position": "embeddings.position_embeddings",
        "embeddings/segment": "embeddings.token_type_embeddings",
        "embeddings/norm": "embeddings.LayerNorm",
        "embeddings/project": "encoder.embedding_hidden_mapping_in",
        **{
            f"group_{{i}}/layer_{{j}}/{ours}": f"encoder.albert_layer_groups.{{i}}.albert_layers.{{j}}.{theirs}"
            for ours, theirs in {
                "attention/query": "attention.query",
                "attention/key": "attention.key",
                "attention/value": "attention.value",
                "attention/output": "attention.dense",
                "attention_norm": "attention.LayerNorm",
                "feed_forward/intermediate": "ffn",
                "feed_forward/output": "ffn_output",
                "feed_forward_norm": "full_layer_layer_norm",
            }.items()
        },
        "pooler/dense": "pooler",
    }
    head_names = {
        "masked_lm/dense": "predictions.dense",
        "masked_lm/norm": "predictions.LayerNorm",
        "masked_lm": "predictions",
        "sentence_order/dense": "sop_classifier.classifier",
        "classification/dense": "classifier",
        "token_classification/dense": "classifier",
        "question_answering/dense": "qa_outputs",
        "multiple_choice/dense": "classifier",
    }
    renames = {
        "TensorFlow 1": (
            (r"^albert/", "bert/"),
            (r"encoder/albert_layer_groups/(\d+)/albert_layers/(\d+)", r"encoder/transformer/group_\1/inner_group_\2"),
            (r"attention/(query|key|value)", r"attention_1/self/\1"),
            (r"attention/dense", "attention_1/output/dense"),
            (r"attention/LayerNorm", "LayerNorm"),
            (r"ffn_output", "ffn_1/intermediate/output/dense"),
            (r"ffn(?=/)", "ffn_1/intermediate/dense"),
            (r"full_layer_layer_norm", "LayerNorm_1"),
            (r"bert/pooler", "bert/pooler/dense"),
            (r"^predictions/(dense|LayerNorm)", r"cls/predictions/transform/\1"),
            (r"^predictions", "cls/predictions"),
            (r"^sop_classifier/classifier", "cls/seq_relationship"),
        ),
        "Model Garden": (
            (r"^albert/", ""),
            (r"^encoder/albert_layer_groups/0/albert_layers/0/", "transformer/"),
            (r"^transformer/attention/(query|key|value)", r"transformer/self_attention/\1"),
            (r"^transformer/attention/dense", "transformer/self_attention/attention_output"),
            (r"^transformer/attention/LayerNorm", "transformer/self_attention_layer_norm"),
            (r"^transformer/ffn_output", "transformer/output"),
            (r"^transformer/ffn(?=/)", "transformer/intermediate"),
            (r"^transformer/full_layer_layer_norm", "transformer/output_layer_norm"),
            (r"^encoder/embedding_hidden_mapping_in", "embedding_projection"),
            (r"^pooler(?=/)", "pooler/dense"),
            *GARDEN_NAMES,
        ),
        "keras_nlp": (
            (r"^embeddings/project", "embedding_projection"),
            (r"^group_(\d+)/layer_(\d+)", r"group_\1_inner_layer_\2"),
        ),
    }
    ignored_names = (r"position_ids$", r"^predictions\.decoder\.")
    architectures = {
        "encoder": "AlbertModel",
        "masked_lm": "AlbertForMaskedLM",
        "sentence_order": "AlbertForPreTraining",
        "classification": "AlbertForSequenceClassification",
        "token_classification": "AlbertForTokenClassification",
        "question_answering": "AlbertForQuestionAnswering",
        "multiple_choice": "AlbertForMultipleChoice",
    }

    def __init__(
        self,
        vocab_size=30000,
        embedding_dim=128,
        dim=768,
        num_layers=12,
        num_heads=12,
        feed_forward_dim=3072,
        num_groups=1,
        group_layers=1,
        max_length=512,
        num_segments=2,
        activation="gelu_tanh",
        dropout=0.0,
        attention_dropout=0.0,
        epsilon=1e-12,
        pooler="tanh",
        **kwargs,
    ):
        groups = [
            BlockGroup(
                [
                    EncoderBlock(
                        attention=SelfAttention(num_heads, attention_dropout, name="attention"),
                        feed_forward=FeedForward(feed_forward_dim, activation, name="feed_forward"),
                        epsilon=epsilon,
                        dropout=dropout,
                        name=f"layer_{j}",
                    )
                    for j in range(group_layers)
                ],
                name=f"group_{i}",
            )
            for i in range(num_groups)
        ]
        super().__init__(
            embeddings=Embeddings(
                vocab_size,
                embedding_dim,
                max_length,
                num_segments,
                output_dim=dim,
                epsilon=epsilon,
                dropout=dropout,
                name="embeddings",
            ),
            blocks=[groups[i * num_groups // num_layers] for i in range(num_layers)],
            pooler=Pooler(pooler, name="pooler") if pooler else None,
            **kwargs,
        )
