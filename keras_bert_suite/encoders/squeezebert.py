"""SqueezeBERT: BERT whose dense layers are grouped convolutions.

Iandola et al. 2020, https://arxiv.org/abs/2006.11316
"""

from keras_bert_suite.checkpoints.dialects import Field
from keras_bert_suite.checkpoints.names import Array
from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import Embeddings, EncoderBlock, GroupedFeedForward, GroupedSelfAttention, Pooler


def _dim(config):
    dim, embedding_dim = config["hidden_size"], config.get("embedding_size", config["hidden_size"])
    if embedding_dim != dim:
        raise InputError(f"embedding_size is {embedding_dim}; SqueezeBert supports that of hidden_size, {dim}.")
    return dim


def _convolution(name, units="dim"):
    """A kernel of grouped dense: `(out, in, 1)` there, `in` being that of a group."""
    return Array(name, axes=(2, 1, 0), split=lambda arguments: (1, -1, arguments[units]))


class SqueezeBert(Encoder):
    """SqueezeBERT encoder; the defaults are `squeezebert_uncased`.

    Args:
        vocab_size: number of token ids.
        dim: width of the model.
        num_layers: number of blocks.
        num_heads: attention heads a block; divides `dim`.
        feed_forward_dim: width between the two dense layers of a block.
        query_groups: groups of the projection to queries, as the next ones of theirs.
        key_groups: to keys.
        value_groups: to values.
        attention_output_groups: from the heads to the block.
        intermediate_groups: of the first dense layer of a block.
        output_groups: of the second.
        max_length: positions that have an embedding.
        num_segments: segments that have an embedding.
        activation: `"gelu_erf"`, as it was trained, or another that layers know.
        dropout: rate on embeddings and on what each part of a block adds.
        attention_dropout: rate on attention probabilities.
        epsilon: of the layer normalizations of the embeddings and of the masked-LM head; that of blocks is 1e-12.
        pooler: `"tanh"` (a dense layer over the first token), or None.
    """

    presets = {
        name: {"source": f"hf://squeezebert/{name.replace('_', '-')}", "lowercase": True, "arguments": {}}
        for name in ("squeezebert_uncased", "squeezebert_mnli", "squeezebert_mnli_headless")
    }
    model_type = "squeezebert"
    prefix = "transformer"
    config_limits = {"tie_word_embeddings": (True,)}
    config_names = {
        "vocab_size": "vocab_size",
        "dim": Field(_dim, lambda value, arguments: {"hidden_size": value, "embedding_size": value}),
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "feed_forward_dim": "intermediate_size",
        "query_groups": "q_groups",
        "key_groups": "k_groups",
        "value_groups": "v_groups",
        "attention_output_groups": "post_attention_groups",
        "intermediate_groups": "intermediate_groups",
        "output_groups": "output_groups",
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
        "block_{i}/attention/query/kernel": _convolution("encoder.layers.{i}.attention.query.weight"),
        "block_{i}/attention/query": "encoder.layers.{i}.attention.query",
        "block_{i}/attention/key/kernel": _convolution("encoder.layers.{i}.attention.key.weight"),
        "block_{i}/attention/key": "encoder.layers.{i}.attention.key",
        "block_{i}/attention/value/kernel": _convolution("encoder.layers.{i}.attention.value.weight"),
        "block_{i}/attention/value": "encoder.layers.{i}.attention.value",
        "block_{i}/attention/output/kernel": _convolution("encoder.layers.{i}.post_attention.conv1d.weight"),
        "block_{i}/attention/output": "encoder.layers.{i}.post_attention.conv1d",
        "block_{i}/attention_norm": "encoder.layers.{i}.post_attention.layernorm",
        "block_{i}/feed_forward/intermediate/kernel": _convolution(
            "encoder.layers.{i}.intermediate.conv1d.weight", "feed_forward_dim"
        ),
        "block_{i}/feed_forward/intermediate": "encoder.layers.{i}.intermediate.conv1d",
        "block_{i}/feed_forward/output/kernel": _convolution("encoder.layers.{i}.output.conv1d.weight"),
        "block_{i}/feed_forward/output": "encoder.layers.{i}.output.conv1d",
        "block_{i}/feed_forward_norm": "encoder.layers.{i}.output.layernorm",
        "pooler/dense": "pooler.dense",
    }
    head_names = {
        "masked_lm/dense": "cls.predictions.transform.dense",
        "masked_lm/norm": "cls.predictions.transform.LayerNorm",
        "masked_lm": "cls.predictions",
        "classification/dense": "classifier",
        "token_classification/dense": "classifier",
        "question_answering/dense": "qa_outputs",
        "multiple_choice/dense": "classifier",
    }
    ignored_names = (r"position_ids$", r"^cls\.predictions\.decoder\.")
    architectures = {
        "encoder": "SqueezeBertModel",
        "masked_lm": "SqueezeBertForMaskedLM",
        "classification": "SqueezeBertForSequenceClassification",
        "token_classification": "SqueezeBertForTokenClassification",
        "question_answering": "SqueezeBertForQuestionAnswering",
        "multiple_choice": "SqueezeBertForMultipleChoice",
    }

    def __init__(
        self,
        vocab_size=30528,
        dim=768,
        num_layers=12,
        num_heads=12,
        feed_forward_dim=3072,
        query_groups=4,
        key_groups=4,
        value_groups=4,
        attention_output_groups=1,
        intermediate_groups=4,
        output_groups=4,
        max_length=512,
        num_segments=2,
        activation="gelu_erf",
        dropout=0.1,
        attention_dropout=0.1,
        epsilon=1e-12,
        pooler="tanh",
        **kwargs,
    ):
        groups = query_groups, key_groups, value_groups, attention_output_groups
        super().__init__(
            embeddings=Embeddings(
                vocab_size, dim, max_length, num_segments, epsilon=epsilon, dropout=dropout, name="embeddings"
            ),
            blocks=[
                EncoderBlock(
                    attention=GroupedSelfAttention(num_heads, attention_dropout, groups, name="attention"),
                    feed_forward=GroupedFeedForward(
                        feed_forward_dim, activation, intermediate_groups, output_groups, name="feed_forward"
                    ),
                    epsilon=1e-12,
                    dropout=dropout,
                    name=f"block_{i}",
                )
                for i in range(num_layers)
            ],
            pooler=Pooler(pooler, name="pooler") if pooler else None,
            **kwargs,
        )
