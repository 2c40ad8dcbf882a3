"""EuroBERT: a Llama block that reads both ways: pre-norm by root mean square, rotary positions, shared key heads.

Boizard et al. 2025, https://arxiv.org/abs/2503.05500
"""

from keras_bert_suite.checkpoints.dialects import Field
from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.layers import Embeddings, EncoderBlock, GatedFeedForward, Rotary, SelfAttention, norm


def _preset(size, dim, num_layers, num_heads, num_key_value_heads, feed_forward_dim):
    return {
        "source": f"hf://EuroBERT/EuroBERT-{size}",
        "lowercase": False,
        "arguments": {
            "dim": dim,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "num_key_value_heads": num_key_value_heads,
            "feed_forward_dim": feed_forward_dim,
        },
    }


class EuroBert(Encoder):
    """EuroBERT encoder; the defaults are `eurobert_210m`.

    Args:
        vocab_size: number of token ids.
        dim: width of the model.
        num_layers: number of blocks.
        num_heads: attention heads a block; divides `dim` into an even width.
        num_key_value_heads: heads of keys and values; divides `num_heads`.
        feed_forward_dim: width between the dense layers of a block.
        max_length: tokens that it was trained to take.
        rotary_theta: base of the wave lengths of the rotary positions.
        attention_bias: whether the projections of attention have biases.
        feed_forward_bias: whether the dense layers of feed-forward have biases.
        activation: `"silu"` or another that layers know.
        attention_dropout: rate on attention probabilities.
        epsilon: of the normalizations.
    """

    presets = {
        "eurobert_210m": _preset("210m", 768, 12, 12, 12, 3072),
        "eurobert_610m": _preset("610m", 1152, 26, 18, 6, 4096),
        "eurobert_2_1b": _preset("2.1B", 2304, 32, 18, 6, 6144),
    }
    model_type = "eurobert"
    prefix = "model"
    config_limits = {"pretraining_tp": (1,)}
    config_names = {
        "vocab_size": "vocab_size",
        "dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "num_key_value_heads": "num_key_value_heads",
        "feed_forward_dim": "intermediate_size",
        "max_length": "max_position_embeddings",
        "rotary_theta": Field(
            lambda config: (
                config["rope_parameters"]["rope_theta"] if "rope_parameters" in config else config["rope_theta"]
            ),
            lambda value, arguments: {"rope_parameters": {"rope_theta": value, "rope_type": "default"}},
        ),
        "attention_bias": "attention_bias",
        "feed_forward_bias": "mlp_bias",
        "activation": "hidden_act",
        "attention_dropout": "attention_dropout",
        "epsilon": "rms_norm_eps",
    }
    weight_names = {
        "embeddings/token": "embed_tokens",
        "block_{i}/attention_norm": "layers.{i}.input_layernorm",
        "block_{i}/attention/query": "layers.{i}.self_attn.q_proj",
        "block_{i}/attention/key": "layers.{i}.self_attn.k_proj",
        "block_{i}/attention/value": "layers.{i}.self_attn.v_proj",
        "block_{i}/attention/output": "layers.{i}.self_attn.o_proj",
        "block_{i}/feed_forward_norm": "layers.{i}.post_attention_layernorm",
        "block_{i}/feed_forward/intermediate": "layers.{i}.mlp.gate_proj",
        "block_{i}/feed_forward/gate": "layers.{i}.mlp.up_proj",
        "block_{i}/feed_forward/output": "layers.{i}.mlp.down_proj",
        "norm": "norm",
    }
    head_names = {
        "masked_lm/output": "lm_head",
        "classification/hidden": "dense",
        "classification/dense": "classifier",
        "token_classification/dense": "classifier",
    }
    head_options = {
        "masked_lm": {"hidden": None, "output": "own"},
        "classification": {
            "pool": lambda config: {"bos": "first"}.get(
                config.get("classifier_pooling", "late"), config.get("classifier_pooling", "late")
            ),
            "hidden": "gelu_erf",
        },
    }
    architectures = {
        "encoder": "EuroBertModel",
        "masked_lm": "EuroBertForMaskedLM",
        "classification": "EuroBertForSequenceClassification",
        "token_classification": "EuroBertForTokenClassification",
    }

    def __init__(
        self,
        vocab_size=128256,
        dim=768,
        num_layers=12,
        num_heads=12,
        num_key_value_heads=12,
        feed_forward_dim=3072,
        max_length=8192,
        rotary_theta=250000.0,
        attention_bias=False,
        feed_forward_bias=False,
        activation="silu",
        attention_dropout=0.0,
        epsilon=1e-5,
        **kwargs,
    ):
        rotary = Rotary(rotary_theta, name="rotary")
        super().__init__(
            embeddings=Embeddings(vocab_size, dim, 0, num_segments=0, norm=None, name="embeddings"),
            blocks=[
                EncoderBlock(
                    attention=SelfAttention(
                        num_heads,
                        attention_dropout,
                        use_bias=attention_bias,
                        num_key_value_heads=num_key_value_heads,
                        rotary=rotary,
                        name="attention",
                    ),
                    feed_forward=GatedFeedForward(
                        feed_forward_dim, activation, feed_forward_bias, name="feed_forward"
                    ),
                    order="pre",
                    norm="rms",
                    epsilon=epsilon,
                    name=f"block_{i}",
                )
                for i in range(num_layers)
            ],
            norm=norm("rms", epsilon, "norm"),
            **kwargs,
        )
