"""Encoders of tf-models-official other than BERT, saved by it and read here, against its own outputs."""

import json

import numpy as np
import pytest

from keras_bert_suite import Encoder

networks = pytest.importorskip(
    "official.nlp.modeling.networks", reason="tf-models-official is not installed: see constraints-card.txt"
)

# Both sides compute in float32 and add in different orders; values are of order 1 after the last normalization.
TOLERANCE = 1e-5
SHARED = {
    "vocab_size": 30,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "hidden_act": "gelu",
    "max_position_embeddings": 12,
    "type_vocab_size": 2,
}
MASK = np.array([[1] * 9, [1] * 5 + [0] * 4], "int32")
INPUTS = {
    "token_ids": np.random.default_rng(1).integers(1, 30, (2, 9)).astype("int32") * MASK,
    "segment_ids": np.array([[0] * 4 + [1] * 5, [0] * 2 + [1] * 3 + [0] * 4], "int32"),
    "padding_mask": MASK,
}
THEIRS = {
    "input_word_ids": INPUTS["token_ids"],
    "input_type_ids": INPUTS["segment_ids"],
    "input_mask": INPUTS["padding_mask"],
}


def albert():
    network = networks.AlbertEncoder(
        vocab_size=30,
        embedding_width=8,
        hidden_size=16,
        num_layers=2,
        num_attention_heads=2,
        max_sequence_length=12,
        type_vocab_size=2,
        intermediate_size=24,
        dict_outputs=True,
    )
    return network, {**SHARED, "embedding_size": 8}, lambda: network(THEIRS)["sequence_output"]


def electra():
    from official.modeling import tf_utils

    network = networks.BertEncoder(
        vocab_size=30,
        embedding_width=8,
        hidden_size=16,
        num_layers=2,
        num_attention_heads=2,
        max_sequence_length=12,
        type_vocab_size=2,
        intermediate_size=24,
        activation=tf_utils.get_activation("gelu"),
        dict_outputs=True,
    )
    return network, {**SHARED, "embedding_size": 8}, lambda: network(THEIRS)["sequence_output"]


def mobilebert():
    network = networks.MobileBERTEncoder(
        word_vocab_size=30,
        word_embed_size=8,
        type_vocab_size=2,
        max_sequence_length=12,
        num_blocks=2,
        hidden_size=16,
        num_attention_heads=2,
        intermediate_size=24,
        intra_bottleneck_size=8,
        num_feedforward_networks=2,
    )
    own = {"embedding_size": 8, "hidden_act": "relu", "intra_bottleneck_size": 8, "num_feedforward_networks": 2,
           "trigram_input": True, "use_bottleneck": True, "key_query_shared_bottleneck": True,
           "use_bottleneck_attention": False, "normalization_type": "no_norm",
           "classifier_activation": False}  # fmt: skip
    return network, {**SHARED, **own}, lambda: network(THEIRS)["sequence_output"]


def xlnet(**options):
    import tf_keras
    from official.modeling import tf_utils

    network = networks.XLNetBase(
        vocab_size=30,
        num_layers=2,
        hidden_size=16,
        num_attention_heads=2,
        head_size=8,
        inner_size=24,
        inner_activation=tf_utils.get_activation("gelu"),
        dropout_rate=0.0,
        attention_dropout_rate=0.0,
        attention_type="bi",
        bi_data=False,
        initializer=tf_keras.initializers.RandomNormal(stddev=0.02),
        **options,
    )
    config = {"n_token": 30, "n_layer": 2, "d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 24, "clamp_len": -1,
              "ff_activation": "gelu"}  # fmt: skip

    def run():
        mask = MASK.astype("float32")
        return network(input_ids=INPUTS["token_ids"], segment_ids=INPUTS["segment_ids"], input_mask=mask)[0]

    return network, config, run


def xlnet_untied():
    return xlnet(tie_attention_biases=False)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", [albert, electra, mobilebert, xlnet, xlnet_untied])
def test_same_numbers(make, tmp_path):
    import tensorflow as tf

    network, config, run = make()
    run()
    random = np.random.default_rng(0)
    for variable in network.weights:
        variable.assign(random.normal(float("gamma" in variable.name), 0.3, variable.shape))
    expected = np.asarray(run())
    name = make.__name__.removesuffix("_untied")
    (tmp_path / f"{name}_config.json").write_text(json.dumps(config))
    tf.train.Checkpoint(encoder=network).save(str(tmp_path / "model.ckpt"))
    # Model Garden's "gelu" is the tanh form, for ELECTRA as for all.
    activation = "relu" if name == "mobilebert" else "gelu_tanh"
    encoder = Encoder.from_preset(tmp_path, activation=activation)
    found = np.asarray(encoder({name: INPUTS[name] for name in encoder.input})["sequence_output"])
    assert np.abs(found - expected)[MASK.astype(bool)].max() <= TOLERANCE
