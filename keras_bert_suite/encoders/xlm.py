"""XLM: BERT's blocks over embeddings that know the language of each token.

Lample and Conneau 2019, https://arxiv.org/abs/1901.07291
"""

from keras_bert_suite.checkpoints.dialects import Field
from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.layers import ClearPadding, EncoderBlock, FeedForward, LanguageEmbeddings, SelfAttention


def _preset(name, num_layers, dim, num_heads, vocab_size, num_languages, lowercase=True):
    return {
        "source": f"hf://FacebookAI/xlm-{name}",
        "lowercase": lowercase,
        "arguments": {
            "vocab_size": vocab_size,
            "dim": dim,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "num_languages": num_languages,
        },
    }


def _languages(config):
    """Languages that have an embedding: none where a model knows one alone."""
    count = config["n_langs"] if config.get("use_lang_emb", True) else 0
    return count if count > 1 else 0


class Xlm(Encoder):
    """XLM encoder; the defaults are `xlm_mlm_en_2048`. There is no pooler; the result is zero where padding is.

    Args:
        vocab_size: number of token ids.
        dim: width of the model; the feed-forward part of a block is four times as wide.
        num_layers: number of blocks.
        num_heads: attention heads a block; divides `dim`.
        max_length: positions that have an embedding.
        num_languages: languages that have an embedding, read from `language_ids`; 0 for none.
        positions: `"learned"`, or `"sinusoidal"` for a table that starts as sines and cosines.
        activation: `"gelu_erf"` or `"relu"`.
        dropout: rate on embeddings and on what each part of a block adds.
        attention_dropout: rate on attention probabilities.
        epsilon: of the layer normalizations.
    """

    presets = {
        "xlm_mlm_en_2048": _preset("mlm-en-2048", 12, 2048, 16, 30145, 0),
        "xlm_mlm_ende_1024": _preset("mlm-ende-1024", 6, 1024, 8, 64699, 2),
        "xlm_mlm_xnli15_1024": _preset("mlm-xnli15-1024", 12, 1024, 8, 95000, 15),
        "xlm_mlm_tlm_xnli15_1024": _preset("mlm-tlm-xnli15-1024", 12, 1024, 8, 95000, 15),
        "xlm_mlm_17_1280": _preset("mlm-17-1280", 16, 1280, 16, 200000, 0, lowercase=False),
        "xlm_mlm_100_1280": _preset("mlm-100-1280", 16, 1280, 16, 200000, 0, lowercase=False),
    }
    model_type = "xlm"
    prefix = "transformer"
    config_limits = {
        "asm": (False,),
        "causal": (False,),
        "is_encoder": (True,),
        "summary_type": ("first",),
        "summary_use_proj": (True,),
        "summary_activation": (None,),
        "summary_proj_to_labels": (True,),
    }
    config_names = {
        # The first configs had n_words.
        "vocab_size": Field(
            lambda config: config["vocab_size" if "vocab_size" in config else "n_words"],
            lambda value, arguments: {"vocab_size": value},
        ),
        "dim": "emb_dim",
        "num_layers": "n_layers",
        "num_heads": "n_heads",
        "max_length": "max_position_embeddings",
        "num_languages": Field(
            _languages, lambda value, arguments: {"n_langs": max(value, 1), "use_lang_emb": value > 0}
        ),
        "positions": Field(
            lambda config: "sinusoidal" if config["sinusoidal_embeddings"] else "learned",
            lambda value, arguments: {"sinusoidal_embeddings": value == "sinusoidal"},
        ),
        "activation": Field(
            lambda config: "gelu_erf" if config["gelu_activation"] else "relu",
            lambda value, arguments: {"gelu_activation": value == "gelu_erf"},
        ),
        "dropout": "dropout",
        "attention_dropout": "attention_dropout",
        "epsilon": "layer_norm_eps",
    }
    weight_names = {
        "embeddings/token": "embeddings",
        "embeddings/position": "position_embeddings",
        "embeddings/language": "lang_embeddings",
        "embeddings/norm": "layer_norm_emb",
        "block_{i}/attention/query": "attentions.{i}.q_lin",
        "block_{i}/attention/key": "attentions.{i}.k_lin",
        "block_{i}/attention/value": "attentions.{i}.v_lin",
        "block_{i}/attention/output": "attentions.{i}.out_lin",
        "block_{i}/attention_norm": "layer_norm1.{i}",
        "block_{i}/feed_forward/intermediate": "ffns.{i}.lin1",
        "block_{i}/feed_forward/output": "ffns.{i}.lin2",
        "block_{i}/feed_forward_norm": "layer_norm2.{i}",
    }
    head_names = {
        "masked_lm": "pred_layer.proj",
        "classification/dense": "sequence_summary.summary",
        "token_classification/dense": "classifier",
        "question_answering/dense": "qa_outputs",
        "multiple_choice/hidden": "sequence_summary.summary",
        "multiple_choice/dense": "logits_proj",
    }
    # The summary of multiple choice is as wide as a classifier's labels, 2 where a config does not say.
    head_options = {
        "masked_lm": {"hidden": None},
        "classification": {"pool": "first"},
        "multiple_choice": {"pool": "first", "hidden": "linear", "hidden_units": 2},
    }
    ignored_names = (r"position_ids$", r"^pred_layer\.proj\.weight$")
    architectures = {
        "encoder": "XLMModel",
        "masked_lm": "XLMWithLMHeadModel",
        "classification": "XLMForSequenceClassification",
        "token_classification": "XLMForTokenClassification",
        "question_answering": "XLMForQuestionAnsweringSimple",
        "multiple_choice": "XLMForMultipleChoice",
    }

    def __init__(
        self,
        vocab_size=30145,
        dim=2048,
        num_layers=12,
        num_heads=16,
        max_length=512,
        num_languages=0,
        positions="learned",
        activation="gelu_erf",
        dropout=0.1,
        attention_dropout=0.1,
        epsilon=1e-12,
        **kwargs,
    ):
        super().__init__(
            embeddings=LanguageEmbeddings(
                vocab_size, dim, max_length, num_languages, positions, epsilon, dropout, name="embeddings"
            ),
            blocks=[
                EncoderBlock(
                    attention=SelfAttention(num_heads, attention_dropout, name="attention"),
                    feed_forward=FeedForward(4 * dim, activation, name="feed_forward"),
                    epsilon=epsilon,
                    dropout=dropout,
                    name=f"block_{i}",
                )
                for i in range(num_layers)
            ],
            norm=ClearPadding(name="clear_padding"),
            **kwargs,
        )
