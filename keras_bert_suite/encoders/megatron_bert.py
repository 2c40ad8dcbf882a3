"""Megatron-BERT: BERT with the normalization before each part, at 345 million parameters.

Shoeybi et al. 2019, https://arxiv.org/abs/1909.08053
"""

from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.layers import Embeddings, EncoderBlock, FeedForward, Pooler, SelfAttention, norm


class MegatronBert(Encoder):
    """Megatron-BERT encoder; the defaults are `megatron_bert_345m_en_cased`.

    Args:
        vocab_size: number of token ids.
        dim: width of the model.
        num_layers: number of blocks.
        num_heads: attention heads a block; divides `dim`.
        feed_forward_dim: width between the two dense layers of a block.
        max_length: positions that have an embedding.
        num_segments: segments that have an embedding.
        activation: `"gelu_erf"`, as it was trained, or another that layers know.
        dropout: rate on embeddings and on what each part of a block adds.
        attention_dropout: rate on attention probabilities.
        epsilon: of the layer normalizations.
        pooler: `"tanh"` (a dense layer over the first token), or None.
    """

    presets = {
        "megatron_bert_345m_en_uncased": {
            "source": "hf://nvidia/megatron-bert-uncased-345m",
            "lowercase": True,
            "arguments": {"vocab_size": 30592},
        },
        "megatron_bert_345m_en_cased": {
            "source": "hf://nvidia/megatron-bert-cased-345m",
            "lowercase": False,
            "arguments": {},
        },
    }
    model_type = "megatron-bert"
    prefix = "bert"
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
        "block_{i}/attention/query": "encoder.layer.{i}.attention.self.query",
        "block_{i}/attention/key": "encoder.layer.{i}.attention.self.key",
        "block_{i}/attention/value": "encoder.layer.{i}.attention.self.value",
        "block_{i}/attention/output": "encoder.layer.{i}.attention.output.dense",
        "block_{i}/attention_norm": "encoder.layer.{i}.attention.ln",
        "block_{i}/feed_forward/intermediate": "encoder.layer.{i}.intermediate.dense",
        "block_{i}/feed_forward/output": "encoder.layer.{i}.output.dense",
        "block_{i}/feed_forward_norm": "encoder.layer.{i}.ln",
        "norm": "encoder.ln",
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

    ignored_names = (
        r"position_ids$",
        r"^cls\.predictions\.decoder\.",
    )
    architectures = {
        "encoder": "MegatronBertModel",
        "masked_lm": "MegatronBertForMaskedLM",
        "next_sentence": "MegatronBertForNextSentencePrediction",
        "classification": "MegatronBertForSequenceClassification",
        "token_classification": "MegatronBertForTokenClassification",
        "question_answering": "MegatronBertForQuestionAnswering",
        "multiple_choice": "MegatronBertForMultipleChoice",
    }

    def __init__(
        self,
        vocab_size=29056,
        dim=1024,
        num_layers=24,
        num_heads=16,
        feed_forward_dim=4096,
        max_length=512,
        num_segments=2,
        activation="gelu_erf",
        dropout=0.1,
        attention_dropout=0.1,
        epsilon=1e-12,
        pooler="tanh",
        **kwargs,
    ):
        super().__init__(
            embeddings=Embeddings(
                vocab_size, dim, max_length, num_segments, norm=None, dropout=dropout, name="embeddings"
            ),
            blocks=[
                EncoderBlock(
                    attention=SelfAttention(num_heads, attention_dropout, name="attention"),
                    feed_forward=FeedForward(feed_forward_dim, activation, name="feed_forward"),
                    order="pre",
                    epsilon=epsilon,
                    dropout=dropout,
                    name=f"block_{i}",
                )
                for i in range(num_layers)
            ],
            pooler=Pooler(pooler, name="pooler") if pooler else None,
            norm=norm("layer", epsilon, "norm"),
            **kwargs,
        )
