"""MPNet: RoBERTa's positions, and relative ones that all blocks share.

Song et al. 2020, https://arxiv.org/abs/2004.09297
"""

from keras_bert_suite.checkpoints.dialects import Field
from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.layers import Embeddings, EncoderBlock, FeedForward, Pooler, RelativePositions, SelfAttention


class MPNet(Encoder):
    """MPNet encoder; the defaults are `mpnet_base_en_uncased`.

    Args:
        vocab_size: number of token ids.
        dim: width of the model.
        num_layers: number of blocks.
        num_heads: attention heads a block; divides `dim`.
        feed_forward_dim: width between the two dense layers of a block.
        max_length: real tokens that positions reach.
        num_buckets: buckets of distances.
        activation: `"gelu_erf"` or another that layers know.
        dropout: rate on embeddings and on what each part of a block adds.
        attention_dropout: rate on attention probabilities.
        epsilon: of the layer normalizations.
        pooler: `"tanh"` (a dense layer over the first token), or None.
    """

    presets = {
        "mpnet_base_en_uncased": {"source": "hf://microsoft/mpnet-base", "lowercase": True, "arguments": {}},
        "all_mpnet_base_v2_en_uncased": {
            "source": "hf://sentence-transformers/all-mpnet-base-v2",
            "lowercase": True,
            "arguments": {},
        },
    }
    model_type = "mpnet"
    # transformers counts 32 buckets whatever the config says.
    config_limits = {"relative_attention_num_buckets": (32,)}
    config_names = {
        "vocab_size": "vocab_size",
        "dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "feed_forward_dim": "intermediate_size",
        "max_length": Field(
            lambda config: config["max_position_embeddings"] - 2,
            lambda value, arguments: {"max_position_embeddings": value + 2},
        ),
        "num_buckets": "relative_attention_num_buckets",
        "activation": "hidden_act",
        "dropout": "hidden_dropout_prob",
        "attention_dropout": "attention_probs_dropout_prob",
        "epsilon": "layer_norm_eps",
    }
    weight_names = {
        "embeddings/token": "embeddings.word_embeddings",
        "embeddings/position": "embeddings.position_embeddings",
        "embeddings/norm": "embeddings.LayerNorm",
        "relative/table": "encoder.relative_attention_bias",
        "block_{i}/attention/query": "encoder.layer.{i}.attention.attn.q",
        "block_{i}/attention/key": "encoder.layer.{i}.attention.attn.k",
        "block_{i}/attention/value": "encoder.layer.{i}.attention.attn.v",
        "block_{i}/attention/output": "encoder.layer.{i}.attention.attn.o",
        "block_{i}/attention_norm": "encoder.layer.{i}.attention.LayerNorm",
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
        "encoder": "MPNetModel",
        "masked_lm": "MPNetForMaskedLM",
        "classification": "MPNetForSequenceClassification",
        "token_classification": "MPNetForTokenClassification",
        "question_answering": "MPNetForQuestionAnswering",
        "multiple_choice": "MPNetForMultipleChoice",
    }

    def __init__(
        self,
        vocab_size=30527,
        dim=768,
        num_layers=12,
        num_heads=12,
        feed_forward_dim=3072,
        max_length=512,
        num_buckets=32,
        activation="gelu_erf",
        dropout=0.1,
        attention_dropout=0.1,
        epsilon=1e-12,
        pooler="tanh",
        **kwargs,
    ):
        relative = RelativePositions(num_heads, num_buckets, name="relative")
        # Built here, so that its path does not depend on which block calls it first.
        relative.build()
        super().__init__(
            embeddings=Embeddings(
                vocab_size,
                dim,
                max_length,
                num_segments=0,
                epsilon=epsilon,
                dropout=dropout,
                pad_id=1,
                name="embeddings",
            ),
            blocks=[
                EncoderBlock(
                    attention=SelfAttention(num_heads, attention_dropout, relative=relative, name="attention"),
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
