"""ModernBERT: pre-norm, rotary positions, gated feed-forward layers, and blocks that read a window or everything.

Warner et al. 2024, https://arxiv.org/abs/2412.13663
"""

from keras_bert_suite.checkpoints.dialects import Field
from keras_bert_suite.checkpoints.names import Part
from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.layers import Embeddings, EncoderBlock, GatedFeedForward, Rotary, SelfAttention, norm


def _global_layers(config):
    if "layer_types" in config:
        return [i for i, kind in enumerate(config["layer_types"]) if kind == "full_attention"]
    return list(range(0, config["num_hidden_layers"], config["global_attn_every_n_layers"]))


def _layer_types(value, arguments):
    chosen = _every_third(arguments["num_layers"]) if value is None else value
    kinds = {True: "full_attention", False: "sliding_attention"}
    return {"layer_types": [kinds[i in chosen] for i in range(arguments["num_layers"])]}


def _every_third(num_layers):
    return list(range(0, num_layers, 3))


def _theta(kind, old):
    """How the base of one kind of layer's rotary positions is read: of the newer form of a config, else the older."""
    return lambda config: config["rope_parameters"][kind]["rope_theta"] if "rope_parameters" in config else config[old]


def _rope_parameters(value, arguments):
    thetas = {"full_attention": arguments["global_theta"], "sliding_attention": arguments["local_theta"]}
    return {"rope_parameters": {kind: {"rope_theta": t, "rope_type": "default"} for kind, t in thetas.items()}}


def _pool(config):
    return {"cls": "first", "mean": "mean"}[config.get("classifier_pooling", "cls")]


_HEAD = {
    "hidden": lambda config: {"gelu": "gelu_erf"}.get(
        config.get("classifier_activation", "gelu"), config.get("classifier_activation")
    ),
    "hidden_bias": lambda config: config.get("classifier_bias", False),
    "norm": lambda config: "layer" if config.get("norm_bias", False) else "layer_no_bias",
    "epsilon": lambda config: config.get("norm_eps", 1e-5),
}


class ModernBert(Encoder):
    """ModernBERT encoder; the defaults are `modernbert_base_en`.

    Args:
        vocab_size: number of token ids.
        dim: width of the model.
        num_layers: number of blocks.
        num_heads: attention heads a block; divides `dim` into an even width.
        feed_forward_dim: width between the dense layers of a block.
        max_length: tokens that it was trained to take.
        global_layers: numbers of the blocks that read the whole sequence; None for every third, from the first.
        window: how far to each side the other blocks read.
        global_theta: base of the wave lengths of the rotary positions in blocks that read everything.
        local_theta: the same in the other blocks.
        attention_bias: whether the projections of attention have biases.
        feed_forward_bias: whether the dense layers of feed-forward have biases.
        norm_bias: whether the normalizations have biases.
        activation: `"gelu_erf"` or another that layers know.
        dropout: rate on the embeddings.
        attention_dropout: rate on attention probabilities.
        epsilon: of the layer normalizations.
    """

    presets = {
        "modernbert_base_en": {
            "source": "hf://answerdotai/ModernBERT-base",
            "lowercase": False,
            "arguments": {"num_layers": 22, "dim": 768, "num_heads": 12, "feed_forward_dim": 1152},
        },
        "modernbert_large_en": {
            "source": "hf://answerdotai/ModernBERT-large",
            "lowercase": False,
            "arguments": {"num_layers": 28, "dim": 1024, "num_heads": 16, "feed_forward_dim": 2624},
        },
    }
    model_type = "modernbert"
    prefix = "model"
    config_names = {
        "vocab_size": "vocab_size",
        "dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "feed_forward_dim": "intermediate_size",
        "max_length": "max_position_embeddings",
        "global_layers": Field(_global_layers, _layer_types),
        "window": Field(
            lambda config: config["local_attention"] // 2, lambda value, arguments: {"local_attention": 2 * value}
        ),
        "global_theta": Field(_theta("full_attention", "global_rope_theta"), _rope_parameters),
        "local_theta": Field(_theta("sliding_attention", "local_rope_theta"), _rope_parameters),
        "attention_bias": "attention_bias",
        "feed_forward_bias": "mlp_bias",
        "norm_bias": "norm_bias",
        "activation": "hidden_activation",
        "dropout": "embedding_dropout",
        "attention_dropout": "attention_dropout",
        "epsilon": "norm_eps",
    }
    weight_names = {
        "embeddings/token": "embeddings.tok_embeddings",
        "embeddings/norm": "embeddings.norm",
        "block_{i}/attention_norm": "layers.{i}.attn_norm",
        "block_{i}/attention/query": Part("layers.{i}.attn.Wqkv", 0, 3),
        "block_{i}/attention/key": Part("layers.{i}.attn.Wqkv", 1, 3),
        "block_{i}/attention/value": Part("layers.{i}.attn.Wqkv", 2, 3),
        "block_{i}/attention/output": "layers.{i}.attn.Wo",
        "block_{i}/feed_forward_norm": "layers.{i}.mlp_norm",
        "block_{i}/feed_forward/intermediate": Part("layers.{i}.mlp.Wi", 0, 2),
        "block_{i}/feed_forward/gate": Part("layers.{i}.mlp.Wi", 1, 2),
        "block_{i}/feed_forward/output": "layers.{i}.mlp.Wo",
        "norm": "final_norm",
    }
    head_names = {
        "masked_lm/dense": "head.dense",
        "masked_lm/norm": "head.norm",
        "masked_lm": "decoder",
        **{
            f"{head}/{ours}": theirs
            for head in ("classification", "token_classification", "question_answering", "multiple_choice")
            for ours, theirs in {"hidden": "head.dense", "norm": "head.norm", "dense": "classifier"}.items()
        },
    }
    head_options = {
        "masked_lm": {
            **_HEAD,
            "output": lambda config: "tied" if config.get("decoder_bias", True) else "tied_no_bias",
        },
        "classification": {"pool": _pool, **_HEAD},
        "token_classification": _HEAD,
        "question_answering": _HEAD,
        "multiple_choice": {"pool": _pool, **_HEAD},
    }
    ignored_names = (r"^decoder\.weight$",)
    architectures = {
        "encoder": "ModernBertModel",
        "masked_lm": "ModernBertForMaskedLM",
        "classification": "ModernBertForSequenceClassification",
        "token_classification": "ModernBertForTokenClassification",
        "question_answering": "ModernBertForQuestionAnswering",
        "multiple_choice": "ModernBertForMultipleChoice",
    }

    def __init__(
        self,
        vocab_size=50368,
        dim=768,
        num_layers=22,
        num_heads=12,
        feed_forward_dim=1152,
        max_length=8192,
        global_layers=None,
        window=64,
        global_theta=160000.0,
        local_theta=10000.0,
        attention_bias=False,
        feed_forward_bias=False,
        norm_bias=False,
        activation="gelu_erf",
        dropout=0.0,
        attention_dropout=0.0,
        epsilon=1e-5,
        **kwargs,
    ):
        kind = "layer" if norm_bias else "layer_no_bias"
        everywhere = _every_third(num_layers) if global_layers is None else global_layers
        blocks = []
        for i in range(num_layers):
            whole = i in everywhere
            attention = SelfAttention(
                num_heads,
                attention_dropout,
                use_bias=attention_bias,
                rotary=Rotary(global_theta if whole else local_theta, name="rotary"),
                window=None if whole else window,
                name="attention",
            )
            feed_forward = GatedFeedForward(feed_forward_dim, activation, feed_forward_bias, name="feed_forward")
            # The embeddings are normalized already, hence the first block's attention has no norm of its own.
            norms = (None if i == 0 else kind, kind)
            blocks.append(EncoderBlock(attention, feed_forward, "pre", norms, epsilon, name=f"block_{i}"))
        super().__init__(
            embeddings=Embeddings(
                vocab_size, dim, 0, num_segments=0, norm=kind, epsilon=epsilon, dropout=dropout, name="embeddings"
            ),
            blocks=blocks,
            norm=norm(kind, epsilon, "norm"),
            **kwargs,
        )
