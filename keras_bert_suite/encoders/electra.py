"""ELECTRA: BERT's blocks over embeddings that may be narrower; as discriminator and as generator.

Clark et al. 2020, https://arxiv.org/abs/2003.10555
"""

import re

from keras_bert_suite.checkpoints.dialects import GARDEN_NAMES, Field
from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.layers import Embeddings, EncoderBlock, FeedForward, SelfAttention


def _preset(name, num_layers, dim, embedding_dim):
    sizes = {"num_layers": num_layers, "dim": dim, "num_heads": dim // 64, "feed_forward_dim": 4 * dim}
    return {
        "source": f"hf://google/electra-{name}",
        "lowercase": True,
        "arguments": {"embedding_dim": embedding_dim, **sizes},
    }


def _generator(source):
    """The generator in an original checkpoint, which holds both and shares the embeddings."""
    if "generator" not in source.config:
        return source

    def rename(name):
        if name.startswith("electra/") and not name.startswith("electra/embeddings/"):
            return None
        return re.sub("^generator/", "electra/", name)

    return source.changed({**source.config, **source.config["generator"]}, lambda: source.arrays().renamed(rename))


class Electra(Encoder):
    """ELECTRA encoder; the defaults are `electra_base_discriminator_en_uncased`.

    Args:
        vocab_size: number of token ids.
        embedding_dim: width of the embedding tables; a projection follows where it is not `dim`.
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
    """

    presets = {
        "electra_small_discriminator_en_uncased": _preset("small-discriminator", 12, 256, 128),
        "electra_small_generator_en_uncased": _preset("small-generator", 12, 256, 128),
        "electra_base_discriminator_en_uncased": _preset("base-discriminator", 12, 768, 768),
        "electra_base_generator_en_uncased": _preset("base-generator", 12, 256, 768),
        "electra_large_discriminator_en_uncased": _preset("large-discriminator", 24, 1024, 1024),
        "electra_large_generator_en_uncased": _preset("large-generator", 24, 256, 1024),
    }
    model_type = "electra"
    config_limits = {
        "position_embedding_type": ("absolute",),
        "summary_type": ("first",),
        "summary_activation": ("gelu",),
        "summary_use_proj": (True,),
    }
    config_names = {
        "vocab_size": "vocab_size",
        "embedding_dim": "embedding_size",
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
    # "gelu" is the exact form in the original code of this family.
    config = {
        "TensorFlow 1": {"activation": Field(lambda config: config["hidden_act"].replace("gelu", "gelu_erf"))},
        # keras_nlp runs the tanh form, whatever the weights were trained with.
        "keras_nlp": {
            "vocab_size": "vocab_size",
            "embedding_dim": "embedding_dim",
            "attention_dropout": "dropout",
            "activation": Field(lambda config: "gelu_tanh"),
        },
    }
    weight_names = {
        "embeddings/token": "embeddings.word_embeddings",
        "embeddings/position": "embeddings.position_embeddings",
        "embeddings/segment": "embeddings.token_type_embeddings",
        "embeddings/norm": "embeddings.LayerNorm",
        "embeddings/project": "embeddings_project",
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
        "masked_lm/dense": "generator_predictions.dense",
        "masked_lm/norm": "generator_predictions.LayerNorm",
        "masked_lm": "generator_lm_head",
        "replaced_token/hidden": "discriminator_predictions.dense",
        "replaced_token/dense": "discriminator_predictions.dense_prediction",
        "classification/hidden": "classifier.dense",
        "classification/dense": "classifier.out_proj",
        "token_classification/dense": "classifier",
        "question_answering/dense": "qa_outputs",
        "multiple_choice/hidden": "sequence_summary.summary",
        "multiple_choice/dense": "classifier",
    }
    # Hugging Face's generator predicts with the exact GELU whatever the config's activation is.
    head_options = {
        "masked_lm": {"hidden": "gelu_erf"},
        "classification": {"pool": "first", "hidden": "gelu_erf"},
        "multiple_choice": {"pool": "first", "hidden": "gelu_erf"},
    }
    renames = {
        "TensorFlow 1": (
            (r"^generator_lm_head/", "generator_predictions/"),
            (r"^discriminator_predictions/dense_prediction", "discriminator_predictions/dense_1"),
        ),
        # There it is a BertEncoder, whose names are those of BERT.
        "Model Garden": (
            (r"^electra/", ""),
            *GARDEN_NAMES,
            (r"^embeddings_project", "embedding_projection"),
        ),
        "keras_nlp": ((r"^embeddings/project", "embeddings_projection"),),
    }
    ignored_names = (
        r"position_ids$",
        r"^generator_lm_head\.weight$",
        r"^generator/",
        r"^pooled_dense/",
        r"^pooler_transform/",
    )
    head_sources = {"masked_lm": _generator}
    architectures = {
        "encoder": "ElectraModel",
        "masked_lm": "ElectraForMaskedLM",
        "replaced_token": "ElectraForPreTraining",
        "classification": "ElectraForSequenceClassification",
        "token_classification": "ElectraForTokenClassification",
        "question_answering": "ElectraForQuestionAnswering",
        "multiple_choice": "ElectraForMultipleChoice",
    }

    def __init__(
        self,
        vocab_size=30522,
        embedding_dim=768,
        dim=768,
        num_layers=12,
        num_heads=12,
        feed_forward_dim=3072,
        max_length=512,
        num_segments=2,
        activation="gelu_erf",
        dropout=0.1,
        attention_dropout=0.1,
        epsilon=1e-12,
        **kwargs,
    ):
        super().__init__(
            embeddings=Embeddings(
                vocab_size,
                embedding_dim,
                max_length,
                num_segments,
                output_dim=dim if embedding_dim != dim else None,
                epsilon=epsilon,
                dropout=dropout,
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
            **kwargs,
        )
