"""BERT, the encoder that the others vary, and what differs from it in training alone: TinyBERT, MiniLM, SpanBERT.

Devlin et al. 2019, https://arxiv.org/abs/1810.04805; the small sizes: Turc et al. 2019, https://arxiv.org/abs/1908.08962;
TinyBERT: Jiao et al. 2020, https://arxiv.org/abs/1909.10351; MiniLM: Wang et al. 2020, https://arxiv.org/abs/2002.10957;
SpanBERT: Joshi et al. 2020, https://arxiv.org/abs/1907.10529
"""

from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.layers import Embeddings, EncoderBlock, FeedForward, Pooler, SelfAttention


def _preset(source, num_layers, dim, vocab_size=30522, lowercase=True, **arguments):
    sizes = {"num_layers": num_layers, "dim": dim, "num_heads": dim // 64, "feed_forward_dim": 4 * dim}
    return {
        "source": source,
        "lowercase": lowercase,
        "arguments": {"vocab_size": vocab_size, **sizes, "activation": "gelu_tanh", **arguments},
    }


def _torch(source, num_layers, dim, num_heads, feed_forward_dim, vocab_size=30522, lowercase=True):
    """A preset of a checkpoint that was trained in PyTorch, with the exact GELU."""
    return {
        "source": f"hf://{source}",
        "lowercase": lowercase,
        "arguments": {
            "vocab_size": vocab_size,
            "num_layers": num_layers,
            "dim": dim,
            "num_heads": num_heads,
            "feed_forward_dim": feed_forward_dim,
            "activation": "gelu_erf",
        },
    }


_SMALL = {
    f"bert_l{layers}_d{dim}_en_uncased": _preset(
        f"hf://google/bert_uncased_L-{layers}_H-{dim}_A-{dim // 64}", layers, dim
    )
    for layers in (2, 4, 6, 8, 10, 12)
    for dim in (128, 256, 512, 768)
}


class Bert(Encoder):
    """BERT encoder; the defaults are `bert_base_en_uncased`.

    Args:
        vocab_size: number of token ids.
        dim: width of the model.
        num_layers: number of blocks.
        num_heads: attention heads a block; divides `dim`.
        feed_forward_dim: width between the two dense layers of a block.
        max_length: positions that have an embedding.
        num_segments: segments that have an embedding.
        activation: `"gelu_tanh"`, as Google's checkpoints were trained, or `"gelu_erf"`, as those from PyTorch.
        dropout: rate on embeddings and on what each part of a block adds.
        attention_dropout: rate on attention probabilities.
        epsilon: of the layer normalizations.
        pooler: `"tanh"` (a dense layer over the first token), or None.
    """

    presets = {
        "kbs_tiny_en": {
            "source": "bundled://kbs_tiny_en",
            "lowercase": True,
            "arguments": {
                "vocab_size": 6000,
                "dim": 128,
                "num_layers": 4,
                "num_heads": 4,
                "feed_forward_dim": 512,
                "max_length": 128,
                "activation": "gelu_erf",
            },
        },
        **_SMALL,
        "bert_tiny_en_uncased": _SMALL["bert_l2_d128_en_uncased"],
        "bert_mini_en_uncased": _SMALL["bert_l4_d256_en_uncased"],
        "bert_small_en_uncased": _SMALL["bert_l4_d512_en_uncased"],
        "bert_medium_en_uncased": _SMALL["bert_l8_d512_en_uncased"],
        "bert_base_en_uncased": _preset("hf://google-bert/bert-base-uncased", 12, 768),
        "bert_base_en_cased": _preset("hf://google-bert/bert-base-cased", 12, 768, 28996, lowercase=False),
        "bert_large_en_uncased": _preset("hf://google-bert/bert-large-uncased", 24, 1024),
        "bert_large_en_cased": _preset("hf://google-bert/bert-large-cased", 24, 1024, 28996, lowercase=False),
        "bert_large_whole_word_masking_en_uncased": _preset(
            "hf://google-bert/bert-large-uncased-whole-word-masking", 24, 1024
        ),
        "bert_large_whole_word_masking_en_cased": _preset(
            "hf://google-bert/bert-large-cased-whole-word-masking", 24, 1024, 28996, lowercase=False
        ),
        "bert_base_multilingual_cased": _preset(
            "hf://google-bert/bert-base-multilingual-cased", 12, 768, 119547, lowercase=False
        ),
        "bert_base_multilingual_uncased": _preset("hf://google-bert/bert-base-multilingual-uncased", 12, 768, 105879),
        "tinybert_l4_d312_en_uncased": _torch("huawei-noah/TinyBERT_General_4L_312D", 4, 312, 12, 1200),
        "tinybert_l6_d768_en_uncased": _torch("huawei-noah/TinyBERT_General_6L_768D", 6, 768, 12, 3072),
        "minilm_l12_d384_en_uncased": _torch("microsoft/MiniLM-L12-H384-uncased", 12, 384, 12, 1536),
        "minilm_l6_d384_en_uncased": _torch("nreimers/MiniLM-L6-H384-uncased", 6, 384, 12, 1536),
        "minilm_l12_d384_multilingual": _torch(
            "microsoft/Multilingual-MiniLM-L12-H384", 12, 384, 12, 1536, 250037, lowercase=False
        ),
        "all_minilm_l6_v2_en_uncased": _torch("sentence-transformers/all-MiniLM-L6-v2", 6, 384, 12, 1536),
        "all_minilm_l12_v2_en_uncased": _torch("sentence-transformers/all-MiniLM-L12-v2", 12, 384, 12, 1536),
        "spanbert_base_en_cased": _torch("SpanBERT/spanbert-base-cased", 12, 768, 12, 3072, 28996, lowercase=False),
        "spanbert_large_en_cased": _torch("SpanBERT/spanbert-large-cased", 24, 1024, 16, 4096, 28996, lowercase=False),
        "bert_base_zh": _preset("hf://google-bert/bert-base-chinese", 12, 768, 21128),
    }
    model_type = "bert"
    config_limits = {"position_embedding_type": ("absolute",), "is_decoder": (False,)}
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
    }
    weight_names = {
        "embeddings/token": "embeddings.word_embeddings",
        "embeddings/position": "embeddings.position_embeddings",
        "embeddings/segment": "embeddings.token_type_embeddings",
        "embeddings/norm": "embeddings.LayerNorm",
        "block_{i}/attention/query": "encoder.layer.{i}.attention.self.query",
        "block_{i}/attention/key": "encoder.layer.{i}.attention.self.key",
        "block_{i}/attention/value": "encoder.layer.{i}.attention.self.value",
        "block_{i}/attention/output": "encoder.layer.{i}.attention.output.dense",
        "block_{i}/attention_norm": "encoder.layer.{i}.attention.output.LayerNorm",
        "block_{i}/feed_forward/intermediate": "encoder.layer.{i}.intermediate.dense",
        "block_{i}/feed_forward/output": "encoder.layer.{i}.output.dense",
        "block_{i}/feed_forward_norm": "encoder.layer.{i}.output.LayerNorm",
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

    # fit_dense is what TinyBERT's distillation compares its hidden states through.
    ignored_names = (r"position_ids$", r"^cls\.predictions\.decoder\.", r"^fit_dense\.")
    architectures = {
        "encoder": "BertModel",
        "masked_lm": "BertForMaskedLM",
        "next_sentence": "BertForNextSentencePrediction",
        "classification": "BertForSequenceClassification",
        "token_classification": "BertForTokenClassification",
        "question_answering": "BertForQuestionAnswering",
        "multiple_choice": "BertForMultipleChoice",
    }

    def __init__(
        self,
        vocab_size=30522,
        dim=768,
        num_layers=12,
        num_heads=12,
        feed_forward_dim=3072,
        max_length=512,
        num_segments=2,
        activation="gelu_tanh",
        dropout=0.1,
        attention_dropout=0.1,
        epsilon=1e-12,
        pooler="tanh",
        **kwargs,
    ):
        super().__init__(
            embeddings=Embeddings(
                vocab_size, dim, max_length, num_segments, dropout=dropout, epsilon=epsilon, name="embeddings"
            ),
            blocks=[
                EncoderBlock(
                    attention=SelfAttention(num_heads, attention_dropout, name="attention"),
                    feed_forward=FeedForward(feed_forward_dim, activation, name="feed_forward"),
                    epsilon=epsilon,
                    dropout=dropout,
                    name=f"block_{i}",
                )
                for i in range(num_layers)
            ],
            pooler=Pooler(pooler, name="pooler") if pooler else None,
            **kwargs,
        )
