"""XLNet: attention by distance rather than by position, and the two streams that permutation language models need.

Yang et al. 2019, https://arxiv.org/abs/1906.08237
"""

import keras

from keras_bert_suite.checkpoints.dialects import Field
from keras_bert_suite.checkpoints.names import Array
from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.layers import (
    Dropout,
    EncoderBlock,
    FeedForward,
    Memory,
    RelativeAttention,
    StreamEmbeddings,
    StreamMasks,
)


def _preset(size, num_layers, dim):
    return {
        "source": f"hf://xlnet/xlnet-{size}-cased",
        "lowercase": False,
        "arguments": {
            "num_layers": num_layers,
            "dim": dim,
            "num_heads": dim // 64,
            "feed_forward_dim": 4 * dim,
            "activation": "gelu_tanh",
        },
    }


def _heads(arguments):
    """The number of heads and the width of one."""
    heads = arguments["num_heads"]
    return heads, arguments["head_dim"] or arguments["dim"] // heads


def _in(name):
    return Array(name, split=lambda arguments: (arguments["dim"], *_heads(arguments)))


def _out(name):
    return Array(name, axes=(1, 2, 0), split=lambda arguments: (*_heads(arguments), arguments["dim"]))


class XLNet(Encoder):
    """XLNet encoder; the defaults are `xlnet_base_en_cased`. There is no pooler, and no bound on the length.

    Texts are written `A <sep> B <sep> <cls>`, padded on the left; heads read the last token.

    Args:
        vocab_size: number of token ids.
        dim: width of the model.
        num_layers: number of blocks.
        num_heads: attention heads a block.
        head_dim: width of a head; None for `dim / num_heads`.
        feed_forward_dim: width between the two dense layers of a block.
        clamp_length: distances beyond it count as it; None for no bound.
        two_directions: whether the second half of each batch is text in reverse order, as the pretraining data may be.
        activation: `"gelu_tanh"`, as it was trained, or another that layers know.
        dropout: rate on embeddings, distances, attention probabilities, in the feed-forward part, on what each part
            of a block adds, and on the result.
        epsilon: of the layer normalizations.
    """

    presets = {"xlnet_base_en_cased": _preset("base", 12, 768), "xlnet_large_en_cased": _preset("large", 24, 1024)}
    model_type = "xlnet"
    prefix = "transformer"
    config_limits = {
        "attn_type": ("bi",),
        "summary_type": ("last",),
        "summary_activation": ("tanh",),
        "summary_use_proj": (True,),
    }
    config_names = {
        # Original configs, and Hugging Face's first ones, have n_token.
        "vocab_size": Field(
            lambda config: config["vocab_size" if "vocab_size" in config else "n_token"],
            lambda value, arguments: {"vocab_size": value},
        ),
        "dim": "d_model",
        "num_layers": "n_layer",
        "num_heads": "n_head",
        "head_dim": Field(
            lambda config: config["d_head"],
            lambda value, arguments: {"d_head": value or arguments["dim"] // arguments["num_heads"]},
        ),
        "feed_forward_dim": "d_inner",
        "clamp_length": Field(
            lambda config: config["clamp_len"] if config["clamp_len"] > 0 else None,
            lambda value, arguments: {"clamp_len": value or -1},
        ),
        "two_directions": "bi_data",
        "activation": "ff_activation",
        "dropout": "dropout",
        "epsilon": "layer_norm_eps",
    }
    # keras_nlp runs the exact GELU.
    config = {"keras_nlp": {"activation": Field(lambda config: "gelu_erf")}}
    weight_names = {
        "embeddings/token": "word_embedding",
        "embeddings/mask": Array("mask_emb", split=lambda arguments: (1, 1, arguments["dim"])),
        "block_{i}/attention/query/kernel": _in("layer.{i}.rel_attn.q"),
        "block_{i}/attention/key/kernel": _in("layer.{i}.rel_attn.k"),
        "block_{i}/attention/value/kernel": _in("layer.{i}.rel_attn.v"),
        "block_{i}/attention/position/kernel": _in("layer.{i}.rel_attn.r"),
        "block_{i}/attention/output/kernel": _out("layer.{i}.rel_attn.o"),
        "block_{i}/attention/content_bias": "layer.{i}.rel_attn.r_w_bias",
        "block_{i}/attention/position_bias": "layer.{i}.rel_attn.r_r_bias",
        "block_{i}/attention/segment_bias": "layer.{i}.rel_attn.r_s_bias",
        "block_{i}/attention/segment": "layer.{i}.rel_attn.seg_embed",
        "block_{i}/attention_norm": "layer.{i}.rel_attn.layer_norm",
        "block_{i}/feed_forward/intermediate": "layer.{i}.ff.layer_1",
        "block_{i}/feed_forward/output": "layer.{i}.ff.layer_2",
        "block_{i}/feed_forward_norm": "layer.{i}.ff.layer_norm",
    }
    head_names = {
        "masked_lm": "lm_loss",
        "permutation_lm": "lm_loss",
        "classification/hidden": "sequence_summary.summary",
        "classification/dense": "logits_proj",
        "token_classification/dense": "classifier",
        "question_answering/dense": "qa_outputs",
        "multiple_choice/hidden": "sequence_summary.summary",
        "multiple_choice/dense": "logits_proj",
    }
    head_options = {
        "masked_lm": {"hidden": None},
        "permutation_lm": {"hidden": None},
        "classification": {"pool": "last", "hidden": "tanh"},
        "multiple_choice": {"pool": "last", "hidden": "tanh"},
    }
    # Original checkpoints keep the biases and segments of all blocks as one array, or one for all: "[3]" is its row.
    renames = {
        "TensorFlow 1": (
            (r"^(transformer|lm_loss)/", r"model/\1/"),
            (r"word_embedding$", "word_embedding/lookup_table"),
            (r"mask_emb$", "mask_emb/mask_emb"),
            (r"rel_attn/([qkvro])$", r"rel_attn/\1/kernel"),
            (r"layer_(\d+)/rel_attn/(r_[wrs]_bias|seg_embed)$", r"\2[\1]"),
            (r"layer_norm", "LayerNorm"),
        ),
        "Model Garden": (
            (r"^transformer/word_embedding", "word_embedding"),
            (r"^transformer/mask_emb$", "mask_emb/mask_emb"),
            (r"^transformer/layer_(\d+)/rel_attn/r_w_bias$", r"content_attention_bias[\1]"),
            (r"^transformer/layer_(\d+)/rel_attn/r_r_bias$", r"positional_attention_bias[\1]"),
            (r"^transformer/layer_(\d+)/rel_attn/r_s_bias$", r"segment_attention_bias[\1]"),
            (r"^transformer/layer_(\d+)/rel_attn/seg_embed$", r"seg_embed[\1]"),
            (r"rel_attn/q$", "rel_attn/query/kernel"),
            (r"rel_attn/k$", "rel_attn/key/kernel"),
            (r"rel_attn/v$", "rel_attn/value/kernel"),
            (r"rel_attn/r$", "rel_attn/encoding/kernel"),
            (r"rel_attn/o$", "rel_attn/attention_output/kernel[:]"),
            (r"rel_attn/layer_norm", "self_attention_layer_norm"),
            (r"ff/layer_1", "inner"),
            (r"ff/layer_2", "output"),
            (r"ff/layer_norm", "output_layer_norm"),
            (r"^transformer/", "transformer_xl/"),
        ),
        "keras_nlp": (
            (r"^token_embedding/", "content_query_embedding/word_embedding/"),
            (r"^embeddings/mask$", "encoder_block_attn_mask_layer/mask_emb"),
            (r"^transformer_layer_", "xlnet_encoder_"),
            (r"self_attention_layer/content_bias$", "content_attention_bias"),
            (r"self_attention_layer/position_bias$", "positional_attention_bias"),
            (r"self_attention_layer/segment_bias$", "segment_attention_bias"),
            (r"self_attention_layer/segment$", "segment_encoding"),
            (r"self_attention_layer/position/", "rel_attn/encoding/"),
            (r"self_attention_layer/output/", "rel_attn/attention_output/"),
            (r"self_attention_layer/", "rel_attn/"),
            (r"self_attention_layer_norm", "layer_norm_rel_attn"),
            (r"feedforward_layer_norm", "layer_norm_ff"),
        ),
    }
    # What stands for tokens to predict in two streams.
    optional_names = ("embeddings/mask",)
    ignored_names = (r"^lm_loss\.weight$",)
    architectures = {
        "encoder": "XLNetModel",
        "masked_lm": "XLNetLMHeadModel",
        "permutation_lm": "XLNetLMHeadModel",
        "classification": "XLNetForSequenceClassification",
        "token_classification": "XLNetForTokenClassification",
        "question_answering": "XLNetForQuestionAnsweringSimple",
        "multiple_choice": "XLNetForMultipleChoice",
    }

    def __init__(
        self,
        vocab_size=32000,
        dim=768,
        num_layers=12,
        num_heads=12,
        head_dim=None,
        feed_forward_dim=3072,
        clamp_length=None,
        two_directions=False,
        activation="gelu_tanh",
        dropout=0.1,
        epsilon=1e-12,
        **kwargs,
    ):
        super().__init__(
            embeddings=StreamEmbeddings(vocab_size, dim, dropout, name="embeddings"),
            blocks=[
                EncoderBlock(
                    attention=RelativeAttention(
                        num_heads, dropout, head_dim, clamp_length, two_directions, name="attention"
                    ),
                    feed_forward=FeedForward(feed_forward_dim, activation, dropout, name="feed_forward"),
                    epsilon=epsilon,
                    dropout=dropout,
                    name=f"block_{i}",
                )
                for i in range(num_layers)
            ],
            norm=Dropout(dropout, name="dropout"),
            **kwargs,
        )

    def two_streams(self, memory_length=0, reuse_length=None):
        """A second model over the same weights: predictions in an order of their own, with memory of earlier text.

        The content stream reads what stands at a place, the query stream only what comes before it in the order. One
        that has nothing to read reads everything evenly: give every order a token that all read, as `<cls>` is.

        Args:
            memory_length: vectors a block that are kept for the next part of a text; 0 for none.
            reuse_length: tokens of this part, from the first on, of which vectors may be kept; None for all.

        Returns:
            A functional model. Inputs, a dict: `token_ids`, `segment_ids`, `padding_mask` `(batch, time)`;
            `permutation_mask` `(batch, time, time)`, 1 where the first place does not read the second;
            `target_mapping` `(batch, predictions, time)`, 1 at the place that a prediction is for; and where there is
            memory `memories`, one `(batch, memory, dim)` a block, of no length before the first part. Outputs, a
            dict: `sequence_output` `(batch, time, dim)`; `query_output` `(batch, predictions, dim)`; and where there
            is memory `memories`, those for the next part.
        """
        inputs = {name: self.input[name] for name in ("token_ids", "segment_ids", "padding_mask")}
        inputs["permutation_mask"] = keras.Input((None, None), dtype="int32", name="permutation_mask")
        inputs["target_mapping"] = keras.Input((None, None), dtype="float32", name="target_mapping")
        content = self.embeddings(inputs["token_ids"])
        query = self.embeddings(inputs["token_ids"], target_mapping=inputs["target_mapping"])
        memories = []
        if memory_length:
            width = content.shape[-1]
            memories = [keras.Input((None, width), name=f"memory_{i}") for i in range(len(self.blocks))]
            inputs["memories"] = memories
        masks = StreamMasks(name="masks")(
            inputs["padding_mask"], inputs["permutation_mask"], memory=memories[0] if memories else None
        )
        remember, kept = Memory(memory_length, reuse_length, name="memory"), []
        for i, block in enumerate(self.blocks):
            context = content
            if memories:
                context = keras.layers.Concatenate(axis=1, name=f"context_{i}")([memories[i], content])
                kept.append(remember(memories[i], content))
            read = {"segment_ids": inputs["segment_ids"], "context": context}
            content, query = (
                block(content, padding_mask=masks["content"], **read),
                block(query, padding_mask=masks["query"], target_mapping=inputs["target_mapping"], **read),
            )
        outputs = {"sequence_output": self.norm(content), "query_output": self.norm(query)}
        if memories:
            outputs["memories"] = kept
        return keras.Model(inputs, outputs, name=f"{self.name}_two_streams")
