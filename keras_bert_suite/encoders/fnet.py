"""FNet: a Fourier transform in the place of attention.

Lee-Thorp et al. 2022, https://arxiv.org/abs/2105.03824
"""

from keras_bert_suite.encoders.encoder import Encoder
from keras_bert_suite.layers import Embeddings, EncoderBlock, FeedForward, FourierMixing, Pooler


def _preset(size, num_layers, dim):
    sizes = {"num_layers": num_layers, "dim": dim, "feed_forward_dim": 4 * dim}
    return {"source": f"hf://google/fnet-{size}", "lowercase": False, "arguments": sizes}


class FNet(Encoder):
    """FNet encoder; the defaults are `fnet_base_en`.

    Nothing is masked: every token reads all places of its sequence, those of padding too. Pad to the length that a
    model was trained at, and compare outputs only at the same length.

    Args:
        vocab_size: number of token ids.
        dim: width of the model.
        num_layers: number of blocks.
        feed_forward_dim: width between the two dense layers of a block.
        max_length: positions that have an embedding.
        num_segments: segments that have an embedding.
        activation: `"gelu_tanh"`, as it was trained, or another that layers know.
        dropout: rate on embeddings and on what the feed-forward of a block adds.
        epsilon: of the layer normalizations.
        method: how the transform is computed, `"matmul"` or `"fft"`; see `FourierMixing`.
        pooler: `"tanh"` (a dense layer over the first token), or None.
    """

    presets = {"fnet_base_en": _preset("base", 12, 768), "fnet_large_en": _preset("large", 24, 1024)}
    model_type = "fnet"
    config_limits = {"tie_word_embeddings": (True,)}
    config_names = {
        "vocab_size": "vocab_size",
        "dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "feed_forward_dim": "intermediate_size",
        "max_length": "max_position_embeddings",
        "num_segments": "type_vocab_size",
        "activation": "hidden_act",
        "dropout": "hidden_dropout_prob",
        "epsilon": "layer_norm_eps",
    }
    weight_names = {
        "embeddings/token": "embeddings.word_embeddings",
        "embeddings/position": "embeddings.position_embeddings",
        "embeddings/segment": "embeddings.token_type_embeddings",
        "embeddings/norm": "embeddings.LayerNorm",
        "embeddings/project": "embeddings.projection",
        "block_{i}/attention_norm": "encoder.layer.{i}.fourier.output.LayerNorm",
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
    renames = {
        "keras_nlp": (
            (r"^embeddings/project", "embedding_projection"),
            (r"^transformer_layer_(\d+)/self_attention_layer_norm", r"f_net_layer_\1/mixing_layer_norm"),
            (r"^transformer_layer_(\d+)/feedforward_(intermediate|output)_dense", r"f_net_layer_\1/\2_dense"),
            (r"^transformer_layer_(\d+)/feedforward_layer_norm", r"f_net_layer_\1/output_layer_norm"),
        )
    }
    # The last two: cosines and sines, where transformers multiplies by them.
    ignored_names = (
        r"position_ids$",
        r"token_type_ids$",
        r"^cls\.predictions\.decoder\.",
        r"dft_mat_hidden$",
        r"dft_mat_seq$",
    )
    architectures = {
        "encoder": "FNetModel",
        "masked_lm": "FNetForMaskedLM",
        "next_sentence": "FNetForNextSentencePrediction",
        "classification": "FNetForSequenceClassification",
        "token_classification": "FNetForTokenClassification",
        "question_answering": "FNetForQuestionAnswering",
        "multiple_choice": "FNetForMultipleChoice",
    }

    def __init__(
        self,
        vocab_size=32000,
        dim=768,
        num_layers=12,
        feed_forward_dim=3072,
        max_length=512,
        num_segments=4,
        activation="gelu_tanh",
        dropout=0.1,
        epsilon=1e-12,
        method="matmul",
        pooler="tanh",
        **kwargs,
    ):
        super().__init__(
            embeddings=Embeddings(
                vocab_size,
                dim,
                max_length,
                num_segments,
                output_dim=dim,
                epsilon=epsilon,
                dropout=dropout,
                name="embeddings",
            ),
            blocks=[
                EncoderBlock(
                    attention=FourierMixing(method, name="attention"),
                    feed_forward=FeedForward(feed_forward_dim, activation, name="feed_forward"),
                    epsilon=epsilon,
                    dropout=(0.0, dropout),
                    name=f"block_{i}",
                )
                for i in range(num_layers)
            ],
            pooler=Pooler(pooler, name="pooler") if pooler else None,
            **kwargs,
        )
