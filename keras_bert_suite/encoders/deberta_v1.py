"""The first DeBERTa: projections of their own for a vector of each distance.

He et al. 2021, https://arxiv.org/abs/2006.03654
"""

from keras_bert_suite.checkpoints.names import Part
from keras_bert_suite.encoders.deberta import HEAD_NAMES, HEAD_OPTIONS, IGNORED_NAMES, POSITION_FIELDS, pretrained_head
from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.layers import DisentangledAttention, EncoderBlock, FeedForward, MaskedEmbeddings, RelativeTable


def _preset(name, num_layers, dim):
    return {
        "source": f"hf://microsoft/{name}",
        "lowercase": False,
        "arguments": {
            "embedding_dim": dim,
            "dim": dim,
            "num_layers": num_layers,
            "num_heads": dim // 64,
            "feed_forward_dim": 4 * dim,
        },
    }


class DebertaV1(Encoder):
    """DeBERTa encoder; the defaults are `deberta_base_en`.

    Args:
        vocab_size: number of token ids.
        embedding_dim: width of the embedding tables; a projection follows where it is not `dim`.
        dim: width of the model.
        num_layers: number of blocks.
        num_heads: attention heads a block; divides `dim`.
        feed_forward_dim: width between the two dense layers of a block.
        max_length: positions that have an embedding, where there are such; otherwise a text may be longer.
        num_segments: segments that have an embedding; 0 for none.
        positions: `"learned"` where tokens have position embeddings too, or None.
        max_distance: distance from which on all share a vector; 0 for no relative positions.
        position_scores: see `DisentangledAttention`.
        activation: `"gelu_erf"`, as it was trained, or another that layers know.
        dropout: rate on embeddings, vectors of distances, and what each part of a block adds.
        attention_dropout: rate on attention probabilities.
        epsilon: of the layer normalizations.
    """

    presets = {
        "deberta_base_en": _preset("deberta-base", 12, 768),
        "deberta_large_en": _preset("deberta-large", 24, 1024),
        "deberta_xlarge_en": _preset("deberta-xlarge", 48, 1024),
    }
    model_type = "deberta"
    config_limits = {"talking_head": (False,)}
    config_names = {
        "vocab_size": "vocab_size",
        "dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "feed_forward_dim": "intermediate_size",
        "max_length": "max_position_embeddings",
        **POSITION_FIELDS,
        "activation": "hidden_act",
        "dropout": "hidden_dropout_prob",
        "attention_dropout": "attention_probs_dropout_prob",
        "epsilon": "layer_norm_eps",
    }
    weight_names = {
        "embeddings/token": "embeddings.word_embeddings",
        "embeddings/position": "embeddings.position_embeddings",
        "embeddings/segment": "embeddings.token_type_embeddings",
        "embeddings/project": "embeddings.embed_proj",
        "embeddings/norm": "embeddings.LayerNorm",
        "relative/table": "encoder.rel_embeddings",
        **{
            f"block_{{i}}/attention/{name}": Part("encoder.layer.{i}.attention.self.in_proj", index, 3, by_head=True)
            for index, name in enumerate(("query", "key", "value"))
        },
        "block_{i}/attention/query/bias": "encoder.layer.{i}.attention.self.q_bias",
        "block_{i}/attention/value/bias": "encoder.layer.{i}.attention.self.v_bias",
        "block_{i}/attention/position_key": "encoder.layer.{i}.attention.self.pos_proj",
        "block_{i}/attention/position_query": "encoder.layer.{i}.attention.self.pos_q_proj",
        "block_{i}/attention/output": "encoder.layer.{i}.attention.output.dense",
        "block_{i}/attention_norm": "encoder.layer.{i}.attention.output.LayerNorm",
        "block_{i}/feed_forward/intermediate": "encoder.layer.{i}.intermediate.dense",
        "block_{i}/feed_forward/output": "encoder.layer.{i}.output.dense",
        "block_{i}/feed_forward_norm": "encoder.layer.{i}.output.LayerNorm",
    }
    head_names = HEAD_NAMES
    head_options = HEAD_OPTIONS
    head_sources = {"masked_lm": pretrained_head}
    ignored_names = IGNORED_NAMES
    architectures = {
        "encoder": "DebertaModel",
        "masked_lm": "DebertaForMaskedLM",
        "classification": "DebertaForSequenceClassification",
        "token_classification": "DebertaForTokenClassification",
        "question_answering": "DebertaForQuestionAnswering",
    }

    def __init__(
        self,
        vocab_size=50265,
        embedding_dim=768,
        dim=768,
        num_layers=12,
        num_heads=12,
        feed_forward_dim=3072,
        max_length=512,
        num_segments=0,
        positions=None,
        max_distance=512,
        position_scores=("c2p", "p2c"),
        activation="gelu_erf",
        dropout=0.1,
        attention_dropout=0.1,
        epsilon=1e-7,
        **kwargs,
    ):
        relative = RelativeTable(dim, max_distance, dropout=dropout, name="relative") if max_distance else None
        super().__init__(
            embeddings=MaskedEmbeddings(
                vocab_size,
                embedding_dim,
                max_length if positions else 0,
                num_segments,
                output_dim=dim if embedding_dim != dim else None,
                epsilon=epsilon,
                dropout=dropout,
                name="embeddings",
            ),
            blocks=[
                EncoderBlock(
                    attention=DisentangledAttention(
                        num_heads,
                        attention_dropout,
                        relative,
                        position_scores,
                        "own",
                        key_bias=False,
                        name="attention",
                    ),
                    feed_forward=FeedForward(feed_forward_dim, activation, name="feed_forward"),
                    epsilon=epsilon,
                    dropout=dropout,
                    name=f"block_{i}",
                )
                for i in range(num_layers)
            ],
            **kwargs,
        )
