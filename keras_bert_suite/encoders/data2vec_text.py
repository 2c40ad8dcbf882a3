"""data2vec for text: RoBERTa trained to predict the states of its own moving average.

Baevski et al. 2022, https://arxiv.org/abs/2202.03555
"""

from keras_bert_suite.checkpoints.dialects import Field
from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.layers import Embeddings, EncoderBlock, FeedForward, Pooler, SelfAttention


class Data2VecText(Encoder):
    """data2vec text encoder; the defaults are `data2vec_text_base_en`.

    Args:
        vocab_size: number of token ids.
        dim: width of the model.
        num_layers: number of blocks.
        num_heads: attention heads a block; divides `dim`.
        feed_forward_dim: width between the two dense layers of a block.
        max_length: real tokens that positions reach.
        num_segments: rows of the segment table; 1 for the row that every token is given, 0 for none.
        pad_id: id of padding, behind which positions are counted; the first real token has the next.
        activation: `"gelu_erf"` or another that layers know.
        dropout: rate on embeddings and on what each part of a block adds.
        attention_dropout: rate on attention probabilities.
        epsilon: of the layer normalizations.
        pooler: `"tanh"` (a dense layer over the first token), or None.
    """

    presets = {
        "data2vec_text_base_en": {"source": "hf://facebook/data2vec-text-base", "lowercase": False, "arguments": {}}
    }
    model_type = "data2vec-text"
    prefix = "data2vec_text"
    config_limits = {"position_embedding_type": ("absolute",), "is_decoder": (False,)}
    config_names = {
        "vocab_size": "vocab_size",
        "dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "feed_forward_dim": "intermediate_size",
        "max_length": Field(
            lambda config: config["max_position_embeddings"] - config["pad_token_id"] - 1,
            lambda value, arguments: {"max_position_embeddings": value + arguments["pad_id"] + 1},
        ),
        "num_segments": "type_vocab_size",
        "pad_id": "pad_token_id",
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
        "masked_lm/dense": "lm_head.dense",
        "masked_lm/norm": "lm_head.layer_norm",
        "masked_lm": "lm_head",
        "classification/hidden": "classifier.dense",
        "classification/dense": "classifier.out_proj",
        "token_classification/dense": "classifier",
        "question_answering/dense": "qa_outputs",
        "multiple_choice/dense": "classifier",
    }
    # The head predicts with the exact GELU whatever the activation of the blocks is.
    head_options = {"masked_lm": {"hidden": "gelu_erf"}, "classification": {"pool": "first", "hidden": "tanh"}}
    ignored_names = (r"position_ids$", r"^lm_head\.decoder\.")
    architectures = {
        "encoder": "Data2VecTextModel",
        "masked_lm": "Data2VecTextForMaskedLM",
        "classification": "Data2VecTextForSequenceClassification",
        "token_classification": "Data2VecTextForTokenClassification",
        "question_answering": "Data2VecTextForQuestionAnswering",
        "multiple_choice": "Data2VecTextForMultipleChoice",
    }

    def __init__(
        self,
        vocab_size=50265,
        dim=768,
        num_layers=12,
        num_heads=12,
        feed_forward_dim=3072,
        max_length=512,
        num_segments=1,
        pad_id=1,
        activation="gelu_erf",
        dropout=0.1,
        attention_dropout=0.1,
        epsilon=1e-12,
        pooler="tanh",
        **kwargs,
    ):
        super().__init__(
            embeddings=Embeddings(
                vocab_size,
                dim,
                max_length,
                num_segments,
                epsilon=epsilon,
                dropout=dropout,
                pad_id=pad_id,
                name="embeddings",
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
