"""RoFormer: BERT with rotary positions.

Su et al. 2021, https://arxiv.org/abs/2104.09864
"""

from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.layers import Embeddings, EncoderBlock, FeedForward, Rotary, SelfAttention


def _preset(name, dim, embedding_dim, num_layers=12, feed_forward_dim=None):
    sizes = {"dim": dim, "num_heads": dim // 64, "feed_forward_dim": feed_forward_dim or 4 * dim}
    arguments = {"embedding_dim": embedding_dim, "num_layers": num_layers, **sizes}
    return {"source": f"hf://junnyu/{name}", "lowercase": True, "arguments": arguments}


class RoFormer(Encoder):
    """RoFormer encoder; the defaults are `roformer_base_zh`.

    Args:
        vocab_size: number of token ids.
        embedding_dim: width of the embedding tables; a projection follows where it is not `dim`.
        dim: width of the model.
        num_layers: number of blocks.
        num_heads: attention heads a block; divides `dim` into an even width.
        feed_forward_dim: width between the two dense layers of a block.
        max_length: positions that have sines and cosines.
        num_segments: segments that have an embedding.
        rotary_value: whether values are turned by their place too.
        activation: `"gelu_erf"` or another that layers know.
        dropout: rate on embeddings and on what each part of a block adds.
        attention_dropout: rate on attention probabilities.
        epsilon: of the layer normalizations.
    """

    presets = {
        "roformer_base_zh": _preset("roformer_chinese_base", 768, 768),
        "roformer_small_zh": _preset("roformer_chinese_small", 384, 384, 6),
    }
    model_type = "roformer"
    config_limits = {"is_decoder": (False,)}
    config_names = {
        "vocab_size": "vocab_size",
        "embedding_dim": "embedding_size",
        "dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "feed_forward_dim": "intermediate_size",
        "max_length": "max_position_embeddings",
        "num_segments": "type_vocab_size",
        "rotary_value": "rotary_value",
        "activation": "hidden_act",
        "dropout": "hidden_dropout_prob",
        "attention_dropout": "attention_probs_dropout_prob",
        "epsilon": "layer_norm_eps",
    }
    weight_names = {
        "embeddings/token": "embeddings.word_embeddings",
        "embeddings/segment": "embeddings.token_type_embeddings",
        "embeddings/norm": "embeddings.LayerNorm",
        "embeddings/project": "embeddings_project",
        "rotary/table": "encoder.embed_positions.weight",
        "block_{i}/attention/query": "encoder.layer.{i}.attention.self.query",
        "block_{i}/attention/key": "encoder.layer.{i}.attention.self.key",
        "block_{i}/attention/value": "encoder.layer.{i}.attention.self.value",
        "block_{i}/attention/output": "encoder.layer.{i}.attention.output.dense",
        "block_{i}/attention_norm": "encoder.layer.{i}.attention.output.LayerNorm",
        "block_{i}/feed_forward/intermediate": "encoder.layer.{i}.intermediate.dense",
        "block_{i}/feed_forward/output": "encoder.layer.{i}.output.dense",
        "block_{i}/feed_forward_norm": "encoder.layer.{i}.output.LayerNorm",
    }
    head_names = {
        "masked_lm/dense": "cls.predictions.transform.dense",
        "masked_lm/norm": "cls.predictions.transform.LayerNorm",
        "masked_lm": "cls.predictions",
        "classification/hidden": "classifier.dense",
        "classification/dense": "classifier.out_proj",
        "token_classification/dense": "classifier",
        "question_answering/dense": "qa_outputs",
        "multiple_choice/dense": "classifier",
    }
    head_options = {"classification": {"pool": "first", "hidden": "same"}, "multiple_choice": {"pool": "last"}}
    ignored_names = (r"^cls\.predictions\.decoder\.",)
    architectures = {
        "encoder": "RoFormerModel",
        "masked_lm": "RoFormerForMaskedLM",
        "classification": "RoFormerForSequenceClassification",
        "token_classification": "RoFormerForTokenClassification",
        "question_answering": "RoFormerForQuestionAnswering",
        "multiple_choice": "RoFormerForMultipleChoice",
    }

    def __init__(
        self,
        vocab_size=50000,
        embedding_dim=768,
        dim=768,
        num_layers=12,
        num_heads=12,
        feed_forward_dim=3072,
        max_length=1536,
        num_segments=2,
        rotary_value=False,
        activation="gelu_erf",
        dropout=0.1,
        attention_dropout=0.1,
        epsilon=1e-12,
        **kwargs,
    ):
        rotary = Rotary(pairs="neighbours", values=rotary_value, rows=max_length, name="rotary")
        # Built here, so that its path does not depend on which block calls it first.
        rotary.build((None, None, None, dim // num_heads))
        super().__init__(
            embeddings=Embeddings(
                vocab_size,
                embedding_dim,
                0,
                num_segments,
                output_dim=dim if embedding_dim != dim else None,
                epsilon=epsilon,
                dropout=dropout,
                name="embeddings",
            ),
            blocks=[
                EncoderBlock(
                    attention=SelfAttention(num_heads, attention_dropout, rotary=rotary, name="attention"),
                    feed_forward=FeedForward(feed_forward_dim, activation, name="feed_forward"),
                    epsilon=epsilon,
                    dropout=dropout,
                    name=f"block_{i}",
                )
                for i in range(num_layers)
            ],
            **kwargs,
        )
