"""DistilBERT: half of BERT's blocks, without segments and pooler.

Sanh et al. 2019, https://arxiv.org/abs/1910.01108
"""

from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.layers import Embeddings, EncoderBlock, FeedForward, SelfAttention


def _preset(source, vocab_size, lowercase):
    return {"source": source, "lowercase": lowercase, "arguments": {"vocab_size": vocab_size}}


class DistilBert(Encoder):
    """DistilBERT encoder; the defaults are `distilbert_base_en_uncased`.

    Args:
        vocab_size: number of token ids.
        dim: width of the model.
        num_layers: number of blocks.
        num_heads: attention heads a block; divides `dim`.
        feed_forward_dim: width between the two dense layers of a block.
        max_length: positions that have an embedding.
        activation: `"gelu_erf"` or another that layers know.
        dropout: rate on embeddings and on what each part of a block adds.
        attention_dropout: rate on attention probabilities.
        epsilon: of the layer normalizations.
    """

    presets = {
        "distilbert_base_en_uncased": _preset("hf://distilbert/distilbert-base-uncased", 30522, True),
        "distilbert_base_en_cased": _preset("hf://distilbert/distilbert-base-cased", 28996, False),
        "distilbert_base_multilingual_cased": _preset(
            "hf://distilbert/distilbert-base-multilingual-cased", 119547, False
        ),
    }
    model_type = "distilbert"
    config_names = {
        "vocab_size": "vocab_size",
        "dim": "dim",
        "num_layers": "n_layers",
        "num_heads": "n_heads",
        "feed_forward_dim": "hidden_dim",
        "max_length": "max_position_embeddings",
        "activation": "activation",
        "dropout": "dropout",
        "attention_dropout": "attention_dropout",
    }
    config = {"keras_nlp": {"attention_dropout": "dropout"}}
    weight_names = {
        "embeddings/token": "embeddings.word_embeddings",
        "embeddings/position": "embeddings.position_embeddings",
        "embeddings/norm": "embeddings.LayerNorm",
        "block_{i}/attention/query": "transformer.layer.{i}.attention.q_lin",
        "block_{i}/attention/key": "transformer.layer.{i}.attention.k_lin",
        "block_{i}/attention/value": "transformer.layer.{i}.attention.v_lin",
        "block_{i}/attention/output": "transformer.layer.{i}.attention.out_lin",
        "block_{i}/attention_norm": "transformer.layer.{i}.sa_layer_norm",
        "block_{i}/feed_forward/intermediate": "transformer.layer.{i}.ffn.lin1",
        "block_{i}/feed_forward/output": "transformer.layer.{i}.ffn.lin2",
        "block_{i}/feed_forward_norm": "transformer.layer.{i}.output_layer_norm",
    }
    head_names = {
        "masked_lm/dense": "vocab_transform",
        "masked_lm/norm": "vocab_layer_norm",
        "masked_lm": "vocab_projector",
        "classification/hidden": "pre_classifier",
        "classification/dense": "classifier",
        "token_classification/dense": "classifier",
        "question_answering/dense": "qa_outputs",
        "multiple_choice/hidden": "pre_classifier",
        "multiple_choice/dense": "classifier",
    }
    head_options = {
        "classification": {"pool": "first", "hidden": "relu"},
        "multiple_choice": {"pool": "first", "hidden": "relu"},
    }
    renames = {"keras_nlp": ((r"^(token|position)_embedding/", r"token_and_position_embedding/\1_embedding/"),)}
    ignored_names = (r"^vocab_projector\.weight$",)
    architectures = {
        "encoder": "DistilBertModel",
        "masked_lm": "DistilBertForMaskedLM",
        "classification": "DistilBertForSequenceClassification",
        "token_classification": "DistilBertForTokenClassification",
        "question_answering": "DistilBertForQuestionAnswering",
        "multiple_choice": "DistilBertForMultipleChoice",
    }

    def __init__(
        self,
        vocab_size=30522,
        dim=768,
        num_layers=6,
        num_heads=12,
        feed_forward_dim=3072,
        max_length=512,
        activation="gelu_erf",
        dropout=0.1,
        attention_dropout=0.1,
        epsilon=1e-12,
        **kwargs,
    ):
        super().__init__(
            embeddings=Embeddings(
                vocab_size, dim, max_length, num_segments=0, epsilon=epsilon, dropout=dropout, name="embeddings"
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
            **kwargs,
        )
