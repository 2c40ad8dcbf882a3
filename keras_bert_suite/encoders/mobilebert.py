"""MobileBERT: thin blocks in the width of a bottleneck, over trigrams of narrow embeddings.

Sun et al. 2020, https://arxiv.org/abs/2004.02984
"""

from keras_bert_suite.checkpoints.dialects import Field
from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import BottleneckBlock, FeedForward, Pooler, SelfAttention, TrigramEmbeddings

# What each kind of config means by a field that it leaves out.
_HUGGING_FACE = {
    "embedding_size": 128,
    "trigram_input": True,
    "use_bottleneck": True,
    "intra_bottleneck_size": 128,
    "use_bottleneck_attention": False,
    "key_query_shared_bottleneck": True,
    "num_feedforward_networks": 4,
    "normalization_type": "no_norm",
    "classifier_activation": True,
}
_ORIGINAL = {
    "trigram_input": False,
    "use_bottleneck": False,
    "use_bottleneck_attention": False,
    "key_query_shared_bottleneck": False,
    "num_feedforward_networks": 1,
    "normalization_type": "layer_norm",
    "classifier_activation": True,
}
_EXPERIMENT = {**_HUGGING_FACE, "classifier_activation": False}
# Model Garden's words for what the others agree on.
_EXPERIMENT_NAMES = {
    "vocab_size": "word_vocab_size",
    "embedding_size": "word_embed_size",
    "max_position_embeddings": "max_sequence_length",
    "num_hidden_layers": "num_blocks",
    "hidden_act": "hidden_activation",
}


def _complete(config, defaults):
    """A config with every field that is left out, under Hugging Face's names."""
    if "num_blocks" in config:
        config = {**config, **{ours: config[theirs] for ours, theirs in _EXPERIMENT_NAMES.items() if theirs in config}}
        defaults = _EXPERIMENT
    config = {**defaults, **{name: value for name, value in config.items() if value is not None}}
    for name in ("embedding_size", "intra_bottleneck_size"):
        config.setdefault(name, config.get("hidden_size"))
    return config


def _bottleneck_attention(config):
    if config["use_bottleneck_attention"]:
        return "all"
    return "query_key" if config["key_query_shared_bottleneck"] else "none"


def _write_bottleneck_attention(value, arguments):
    if value == "none" and arguments["bottleneck_dim"] is not None:
        raise InputError(
            'bottleneck_attention="none" has no Hugging Face form: transformers cannot build it. '
            'Write it with format="keras_bert_suite".'
        )
    return {"use_bottleneck_attention": value == "all", "key_query_shared_bottleneck": value == "query_key"}


def _fields(defaults):
    """The arguments that follow from more than a field of their own."""

    def field(read, write):
        return Field(lambda config: read(_complete(config, defaults)), write)

    return {
        "embedding_dim": field(
            lambda config: config["embedding_size"], lambda value, arguments: {"embedding_size": value}
        ),
        "bottleneck_dim": field(
            lambda config: config["intra_bottleneck_size"] if config["use_bottleneck"] else None,
            lambda value, arguments: {
                "use_bottleneck": value is not None,
                "intra_bottleneck_size": value or arguments["dim"],
            },
        ),
        "bottleneck_attention": field(_bottleneck_attention, _write_bottleneck_attention),
        "num_feed_forwards": field(
            lambda config: config["num_feedforward_networks"],
            lambda value, arguments: {"num_feedforward_networks": value},
        ),
        "trigram": field(lambda config: config["trigram_input"], lambda value, arguments: {"trigram_input": value}),
        "norm": field(
            lambda config: "layer" if config["normalization_type"] == "layer_norm" else "no_norm",
            lambda value, arguments: {"normalization_type": "layer_norm" if value == "layer" else "no_norm"},
        ),
        "pooler": field(
            lambda config: "tanh" if config["classifier_activation"] else "first",
            lambda value, arguments: {"classifier_activation": value == "tanh"},
        ),
    }


def _original(name):
    return Field(lambda config: _complete(config, _ORIGINAL)[name])


def _preset(source, **arguments):
    return {"source": source, "lowercase": True, "arguments": arguments}


class MobileBert(Encoder):
    """MobileBERT encoder; the defaults are `mobilebert_en_uncased`.

    Google's original code lowers the scores of padding by 6 alone; here, as elsewhere, padding is not read at all.

    Args:
        vocab_size: number of token ids.
        embedding_dim: width of the token table.
        dim: width between blocks.
        num_layers: number of blocks.
        num_heads: attention heads a block; divides `bottleneck_dim`.
        feed_forward_dim: width between the two dense layers of a feed-forward.
        bottleneck_dim: width inside a block; None for that between blocks, without layers from one to the other.
        bottleneck_attention: what of the attention reads a bottleneck: `"query_key"` (one of their own), `"all"`
            (that of the residual) or `"none"`.
        num_feed_forwards: feed-forwards a block.
        trigram: whether the embeddings read the next and the previous token too.
        max_length: positions that have an embedding.
        num_segments: segments that have an embedding.
        activation: `"relu"` or another that layers know.
        norm: `"no_norm"` (a scale and a bias) or `"layer"`.
        dropout: rate on embeddings and on what each block adds.
        attention_dropout: rate on attention probabilities.
        epsilon: of the layer normalizations.
        outer_epsilon: of those of the embeddings and after a block's last feed-forward; transformers has 1e-5 there
            whatever the other is.
        pooler: `"first"` (the first token's vector as it is), `"tanh"` (a dense layer over it), or None.
    """

    presets = {
        "mobilebert_en_uncased": _preset("hf://google/mobilebert-uncased"),
        "mobilebert_tiny_en_uncased": _preset(None, bottleneck_attention="all", num_feed_forwards=2),
        "mobilebert_teacher_en_uncased": _preset(
            None,
            feed_forward_dim=4096,
            bottleneck_dim=1024,
            bottleneck_attention="none",
            num_feed_forwards=1,
            activation="gelu_tanh",
            norm="layer",
            dropout=0.1,
        ),
    }
    model_type = "mobilebert"
    config_limits = {"normalization_type": ("no_norm", "layer_norm"), "tie_word_embeddings": (True,)}
    config_names = {
        "vocab_size": "vocab_size",
        "dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "feed_forward_dim": "intermediate_size",
        "max_length": "max_position_embeddings",
        "num_segments": "type_vocab_size",
        "activation": "hidden_act",
        "dropout": "hidden_dropout_prob",
        "attention_dropout": "attention_probs_dropout_prob",
        "epsilon": "layer_norm_eps",
        **_fields(_HUGGING_FACE),
    }
    config = {
        "Hugging Face": {"outer_epsilon": Field(lambda config: 1e-5)},
        "TensorFlow 1": _fields(_ORIGINAL),
        "Model Garden": {
            "vocab_size": _original("vocab_size"),
            "num_layers": _original("num_hidden_layers"),
            "dim": "hidden_size",
            "num_heads": "num_attention_heads",
            "feed_forward_dim": "intermediate_size",
            "max_length": _original("max_position_embeddings"),
            "activation": Field(
                lambda config: _complete(config, _ORIGINAL)["hidden_act"].replace("gelu", "gelu_tanh")
            ),
            "dropout": "hidden_dropout_prob",
            "attention_dropout": "attention_probs_dropout_prob",
            **_fields(_ORIGINAL),
        },
    }
    weight_names = {
        "embeddings/token": "embeddings.word_embeddings",
        "embeddings/position": "embeddings.position_embeddings",
        "embeddings/segment": "embeddings.token_type_embeddings",
        "embeddings/project": "embeddings.embedding_transformation",
        "embeddings/norm": "embeddings.LayerNorm",
        "block_{i}/input_dense": "encoder.layer.{i}.bottleneck.input.dense",
        "block_{i}/input_norm": "encoder.layer.{i}.bottleneck.input.LayerNorm",
        "block_{i}/query_key_dense": "encoder.layer.{i}.bottleneck.attention.dense",
        "block_{i}/query_key_norm": "encoder.layer.{i}.bottleneck.attention.LayerNorm",
        "block_{i}/attention/query": "encoder.layer.{i}.attention.self.query",
        "block_{i}/attention/key": "encoder.layer.{i}.attention.self.key",
        "block_{i}/attention/value": "encoder.layer.{i}.attention.self.value",
        "block_{i}/attention/output": "encoder.layer.{i}.attention.output.dense",
        "block_{i}/attention_norm": "encoder.layer.{i}.attention.output.LayerNorm",
        "block_{i}/feed_forward_{j}/intermediate": "encoder.layer.{i}.ffn.{j}.intermediate.dense",
        "block_{i}/feed_forward_{j}/output": "encoder.layer.{i}.ffn.{j}.output.dense",
        "block_{i}/feed_forward_{j}_norm": "encoder.layer.{i}.ffn.{j}.output.LayerNorm",
        "block_{i}/feed_forward/intermediate": "encoder.layer.{i}.intermediate.dense",
        "block_{i}/feed_forward/output": "encoder.layer.{i}.output.dense",
        "block_{i}/feed_forward_norm": "encoder.layer.{i}.output.LayerNorm",
        "block_{i}/output_dense": "encoder.layer.{i}.output.bottleneck.dense",
        "block_{i}/output_norm": "encoder.layer.{i}.output.bottleneck.LayerNorm",
        "pooler/dense": "pooler.dense",
    }
    head_names = {
        "masked_lm/dense": "cls.predictions.transform.dense",
        "masked_lm/norm": "cls.predictions.transform.LayerNorm",
        "masked_lm": "cls.predictions",
        "next_sentence/dense": "cls.seq_relationship",
        "classification/dense": "classifier",
        "token_classification/dense": "classifier",
        "question_answering/dense": "qa_outputs",
        "multiple_choice/dense": "classifier",
    }
    head_options = {"masked_lm": {"hidden_units": "input"}}
    renames = {
        # A norm without statistics has a name of its own there; that of the masked-LM head always has statistics.
        "TensorFlow 1": (
            (r"^mobilebert/", "bert/"),
            (r"/ffn/(\d+)/", r"/ffn_layer_\1/"),
            (r"LayerNorm", ("FakeLayerNorm", "LayerNorm")),
        ),
        # The feed-forwards of a block are numbered there, the last one too, which here has a name without a number.
        "Model Garden": (
            (r"^(bert/)?mobilebert/cls/", r"\1cls/"),
            (r"^mobilebert/embeddings/word_embeddings", "word_embedding"),
            (r"^mobilebert/embeddings/token_type_embeddings", "type_embedding"),
            (r"^mobilebert/embeddings/position_embeddings", "position_embedding"),
            (r"^mobilebert/embeddings/embedding_transformation", "embedding_projection"),
            (r"^mobilebert/embeddings/LayerNorm", "embedding_norm"),
            (r"^mobilebert/pooler/dense", "pooler"),
            (r"^mobilebert/encoder/layer_", "transformer_layer_"),
            (r"/bottleneck/(input)/dense", r"/bottleneck_\1/dense"),
            (r"/bottleneck/(input)/LayerNorm", r"/bottleneck_\1/norm"),
            (r"/bottleneck/attention/dense", "/kq_shared_bottleneck/dense"),
            (r"/bottleneck/attention/LayerNorm", "/kq_shared_bottleneck/norm"),
            (r"/output/bottleneck/dense", "/bottleneck_output/dense"),
            (r"/output/bottleneck/LayerNorm", "/bottleneck_output/norm"),
            (r"/self_attention_layer_norm", "/attention/norm"),
            (r"/self_attention/", "/attention/"),
            (
                r"^(transformer_layer_\d+)/(intermediate|output|output_layer_norm)(?=/)",
                tuple(rf"\1/ffn/{j}/\2" for j in reversed(range(16))),
            ),
            (r"/ffn/(\d+)/(intermediate|output)(?=/)", r"/ffn_layer_\1/\2_dense"),
            (r"/ffn/(\d+)/output_layer_norm", r"/ffn_layer_\1/norm"),
        ),
    }
    # transformers makes layers that it then does not run: a bottleneck for queries and keys that read the other, a
    # projection of embeddings that are wide enough.
    ignored_names = (
        r"position_ids$",
        r"^cls\.predictions\.decoder\.",
        r"\.bottleneck\.attention\.",
        r"\.embedding_transformation\.",
    )
    architectures = {
        "encoder": "MobileBertModel",
        "masked_lm": "MobileBertForMaskedLM",
        "next_sentence": "MobileBertForNextSentencePrediction",
        "classification": "MobileBertForSequenceClassification",
        "token_classification": "MobileBertForTokenClassification",
        "question_answering": "MobileBertForQuestionAnswering",
        "multiple_choice": "MobileBertForMultipleChoice",
    }

    def __init__(
        self,
        vocab_size=30522,
        embedding_dim=128,
        dim=512,
        num_layers=24,
        num_heads=4,
        feed_forward_dim=512,
        bottleneck_dim=128,
        bottleneck_attention="query_key",
        num_feed_forwards=4,
        trigram=True,
        max_length=512,
        num_segments=2,
        activation="relu",
        norm="no_norm",
        dropout=0.0,
        attention_dropout=0.1,
        epsilon=1e-12,
        outer_epsilon=1e-12,
        pooler="first",
        **kwargs,
    ):
        super().__init__(
            embeddings=TrigramEmbeddings(
                vocab_size,
                embedding_dim,
                dim,
                max_length,
                num_segments,
                norm=norm,
                epsilon=outer_epsilon,
                dropout=dropout,
                trigram=trigram,
                name="embeddings",
            ),
            blocks=[
                BottleneckBlock(
                    attention=SelfAttention(num_heads, attention_dropout, dim=bottleneck_dim, name="attention"),
                    feed_forwards=[
                        FeedForward(feed_forward_dim, activation, name=f"feed_forward_{j}")
                        for j in range(num_feed_forwards - 1)
                    ]
                    + [FeedForward(feed_forward_dim, activation, name="feed_forward")],
                    bottleneck_dim=bottleneck_dim,
                    bottleneck_attention=bottleneck_attention,
                    norm=norm,
                    epsilon=(epsilon, outer_epsilon),
                    dropout=dropout,
                    name=f"block_{i}",
                )
                for i in range(num_layers)
            ],
            pooler=Pooler(None if pooler == "first" else pooler, name="pooler") if pooler else None,
            **kwargs,
        )
