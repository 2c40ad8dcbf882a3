"""NomicBERT: BERT with rotary positions and gated feed-forward layers, for long texts.

Nussbaum et al. 2024, https://arxiv.org/abs/2402.01613
"""

from keras_bert_suite.checkpoints.dialects import Field
from keras_bert_suite.checkpoints.names import Part
from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.layers import Embeddings, EncoderBlock, GatedFeedForward, Rotary, SelfAttention


class NomicBert(Encoder):
    """NomicBERT encoder; the defaults are `nomic_bert_2048_en_uncased`.

    Args:
        vocab_size: number of token ids.
        dim: width of the model.
        num_layers: number of blocks.
        num_heads: attention heads a block; divides `dim` into an even width.
        feed_forward_dim: width between the dense layers of a block.
        max_length: tokens that it was trained to take.
        num_segments: segments that have an embedding.
        rotary_theta: base of the wave lengths of the rotary positions.
        activation: `"silu"` or another that layers know.
        dropout: rate on embeddings and on what each part of a block adds.
        attention_dropout: rate on attention probabilities.
        epsilon: of the layer normalizations.
    """

    presets = {
        "nomic_bert_2048_en_uncased": {"source": "hf://nomic-ai/nomic-bert-2048", "lowercase": True, "arguments": {}},
        "nomic_embed_text_v1_5_en_uncased": {
            "source": "hf://nomic-ai/nomic-embed-text-v1.5",
            "lowercase": True,
            "arguments": {},
        },
    }
    model_type = "nomic_bert"
    config_limits = {"rope_type": ("default",)}
    config_names = {
        "vocab_size": "vocab_size",
        "dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "feed_forward_dim": "intermediate_size",
        "max_length": "max_position_embeddings",
        "num_segments": "type_vocab_size",
        "rotary_theta": Field(
            lambda config: config["rope_parameters"]["rope_theta"],
            lambda value, arguments: {"rope_parameters": {"rope_theta": value, "rope_type": "default"}},
        ),
        "activation": "hidden_act",
        "dropout": "hidden_dropout_prob",
        "attention_dropout": "attention_probs_dropout_prob",
        "epsilon": "layer_norm_eps",
    }
    weight_names = {
        "embeddings/token": "embeddings.word_embeddings",
        "embeddings/segment": "embeddings.token_type_embeddings",
        "embeddings/norm": "emb_ln",
        "block_{i}/attention/query": Part("encoder.layers.{i}.attn.Wqkv", 0, 3),
        "block_{i}/attention/key": Part("encoder.layers.{i}.attn.Wqkv", 1, 3),
        "block_{i}/attention/value": Part("encoder.layers.{i}.attn.Wqkv", 2, 3),
        "block_{i}/attention/output": "encoder.layers.{i}.attn.out_proj",
        "block_{i}/attention_norm": "encoder.layers.{i}.norm1",
        "block_{i}/feed_forward/gate": "encoder.layers.{i}.mlp.fc11",
        "block_{i}/feed_forward/intermediate": "encoder.layers.{i}.mlp.fc12",
        "block_{i}/feed_forward/output": "encoder.layers.{i}.mlp.fc2",
        "block_{i}/feed_forward_norm": "encoder.layers.{i}.norm2",
    }
    head_names = {
        "masked_lm/dense": "cls.predictions.transform.dense",
        "masked_lm/norm": "cls.predictions.transform.layer_norm",
        "masked_lm": "cls.predictions",
        "classification/hidden": "pooler.dense",
        "classification/dense": "classifier",
        "token_classification/dense": "classifier",
    }
    head_options = {"classification": {"pool": "first", "hidden": "tanh"}}
    ignored_names = (r"^cls\.predictions\.decoder\.",)
    architectures = {
        "encoder": "NomicBertModel",
        "masked_lm": "NomicBertForMaskedLM",
        "classification": "NomicBertForSequenceClassification",
        "token_classification": "NomicBertForTokenClassification",
    }

    def __init__(
        self,
        vocab_size=30528,
        dim=768,
        num_layers=12,
        num_heads=12,
        feed_forward_dim=3072,
        max_length=2048,
        num_segments=2,
        rotary_theta=1000.0,
        activation="silu",
        dropout=0.0,
        attention_dropout=0.0,
        epsilon=1e-12,
        **kwargs,
    ):
        rotary = Rotary(rotary_theta, name="rotary")
        super().__init__(
            embeddings=Embeddings(
                vocab_size, dim, 0, num_segments, epsilon=epsilon, dropout=dropout, name="embeddings"
            ),
            blocks=[
                EncoderBlock(
                    attention=SelfAttention(
                        num_heads, attention_dropout, use_bias=False, rotary=rotary, name="attention"
                    ),
                    feed_forward=GatedFeedForward(feed_forward_dim, activation, name="feed_forward"),
                    epsilon=epsilon,
                    dropout=dropout,
                    name=f"block_{i}",
                )
                for i in range(num_layers)
            ],
            **kwargs,
        )
