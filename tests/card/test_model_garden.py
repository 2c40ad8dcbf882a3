"""Checkpoints that tf-models-official wrote, against its own models."""

import json

import numpy as np
import pytest

from keras_bert_suite import Encoder, InputError, load_model

networks = pytest.importorskip(
    "official.nlp.modeling.networks", reason="tf-models-official is not installed: see constraints-card.txt"
)

# Both sides compute in float32 and add in different orders; values are of order 1 after the last normalization.
TOLERANCE = 1e-5

CONFIG = {
    "vocab_size": 30,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 32,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 12,
    "type_vocab_size": 2,
    "initializer_range": 0.02,
}


def _encoder(kind):
    """An encoder made from google-research's config by the arguments that Model Garden's own converter passes."""
    from official.modeling import tf_utils

    return getattr(networks, kind)(
        vocab_size=CONFIG["vocab_size"],
        hidden_size=CONFIG["hidden_size"],
        num_layers=CONFIG["num_hidden_layers"],
        num_attention_heads=CONFIG["num_attention_heads"],
        intermediate_size=CONFIG["intermediate_size"],
        activation=tf_utils.get_activation(CONFIG["hidden_act"]),
        dropout_rate=CONFIG["hidden_dropout_prob"],
        attention_dropout_rate=CONFIG["attention_probs_dropout_prob"],
        max_sequence_length=CONFIG["max_position_embeddings"],
        type_vocab_size=CONFIG["type_vocab_size"],
        dict_outputs=True,
    )


def _inputs():
    """Two sequences of both segments, the second one padded."""
    token_ids = np.random.default_rng(1).integers(1, CONFIG["vocab_size"], (2, 9)).astype("int32")
    mask = np.array([[1] * 9, [1] * 5 + [0] * 4], "int32")
    segment_ids = np.array([[0] * 4 + [1] * 5, [0] * 2 + [1] * 3 + [0] * 4], "int32")
    return token_ids * mask, segment_ids, mask


def _theirs():
    return dict(zip(("input_word_ids", "input_type_ids", "input_mask"), _inputs(), strict=True))


def _ours():
    return dict(zip(("token_ids", "segment_ids", "padding_mask"), _inputs(), strict=True))


def _randomize(model):
    """Weights no array of which could be left out, swapped or transposed unseen."""
    random = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(random.normal(float("gamma" in variable.name), 0.3, variable.shape))


def _save(folder, **roots):
    import tensorflow as tf

    folder.mkdir(exist_ok=True)
    (folder / "bert_config.json").write_text(json.dumps(CONFIG))
    tf.train.Checkpoint(**roots).save(str(folder / "bert_model.ckpt"))
    return folder


def _difference(ours, theirs):
    """The largest difference of the pooled output and of the sequence output at real tokens."""
    real = _inputs()[2].astype(bool)
    sequence = np.asarray(ours["sequence_output"])[real] - np.asarray(theirs["sequence_output"])[real]
    pooled = np.asarray(ours["pooled_output"]) - np.asarray(theirs["pooled_output"])
    return max(np.abs(sequence).max(), np.abs(pooled).max())


@pytest.mark.parametrize("root", ["encoder", "model"])
@pytest.mark.parametrize("kind", ["BertEncoder", "BertEncoderV2"])
def test_encoder(kind, root, tmp_path):
    encoder = _encoder(kind)
    theirs = encoder(_theirs())
    _randomize(encoder)
    theirs = encoder(_theirs())
    folder = _save(tmp_path / "checkpoint", **{root: encoder})
    assert _difference(Encoder.from_preset(folder)(_ours()), theirs) <= TOLERANCE
    # Model Garden's "gelu" is the tanh form; the comparison above would see the other one.
    assert _difference(Encoder.from_preset(folder, activation="gelu_erf")(_ours()), theirs) > 10 * TOLERANCE


def _pretrainer(kind):
    """A masked-LM pretrainer after one step of its optimizer, with its encoder and its scores over every token."""
    import tensorflow as tf
    import tf_keras
    from official.modeling import tf_utils
    from official.nlp.modeling import models

    encoder = _encoder(kind)
    pretrainer = models.BertPretrainerV2(encoder, mlm_activation=tf_utils.get_activation(CONFIG["hidden_act"]))
    positions = np.tile(np.arange(9, dtype="int32"), (2, 1))
    inputs = {**_theirs(), "masked_lm_positions": positions}
    pretrainer(inputs)
    _randomize(pretrainer)
    optimizer = tf_keras.optimizers.Adam(1e-3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(pretrainer(inputs)["mlm_logits"] ** 2)
    pairs = zip(tape.gradient(loss, pretrainer.trainable_variables), pretrainer.trainable_variables, strict=True)
    optimizer.apply_gradients([(gradient, variable) for gradient, variable in pairs if gradient is not None])
    return pretrainer, encoder, optimizer, pretrainer(inputs)["mlm_logits"]


@pytest.mark.filterwarnings("ignore:Input dict contained keys")  # the functional encoder is passed the positions too
@pytest.mark.parametrize("kind", ["BertEncoder", "BertEncoderV2"])
def test_pretrainer(kind, tmp_path):
    """As training leaves it, and as the published checkpoints are: heads, an optimizer's slots and steps beside."""
    import tensorflow as tf

    pretrainer, encoder, optimizer, scores = _pretrainer(kind)
    folder = _save(
        tmp_path / "checkpoint",
        model=pretrainer,
        optimizer=optimizer,
        global_step=tf.Variable(1, name="global_step"),
        **pretrainer.checkpoint_items,
    )
    assert _difference(Encoder.from_preset(folder)(_ours()), encoder(_theirs())) <= TOLERANCE
    logits = np.asarray(load_model(folder, head="masked_lm")(_ours())["logits"])
    real = _inputs()[2].astype(bool)
    # A logit adds 16 products more, of order 1 each.
    np.testing.assert_allclose(logits[real], np.asarray(scores)[real], atol=2 * TOLERANCE, rtol=0)


def _experiment(kind, **changes):
    """Model Garden's experiment of BERT's pre-training, made small."""
    from official.core import exp_factory
    from official.nlp.configs import pretraining_experiments  # noqa: F401, it registers the experiment

    sizes = {
        "vocab_size": CONFIG["vocab_size"],
        "hidden_size": CONFIG["hidden_size"],
        "num_layers": CONFIG["num_hidden_layers"],
        "num_attention_heads": CONFIG["num_attention_heads"],
        "intermediate_size": CONFIG["intermediate_size"],
        "max_position_embeddings": CONFIG["max_position_embeddings"],
        "type_vocab_size": CONFIG["type_vocab_size"],
        "dropout_rate": 0.2,
        "attention_dropout_rate": 0.3,
    }
    config = exp_factory.get_exp_config("bert/pretraining")
    config.override({"task": {"model": {"encoder": {"type": kind, kind: {**sizes, **changes}}}}})
    return config


@pytest.mark.filterwarnings("ignore:Input dict contained keys")  # as above
@pytest.mark.parametrize("kind, activation", [("bert", "gelu"), ("bert_v2", "gelu"), ("bert", "relu")])
def test_experiment(kind, activation, tmp_path):
    """A folder as the trainer leaves it: params.yaml, checkpoints by step, both heads of the pre-training."""
    import tensorflow as tf
    from official.core import train_utils
    from official.nlp.tasks import masked_lm

    config = _experiment(kind, hidden_activation=activation)
    train_utils.serialize_config(config, str(tmp_path))
    model = masked_lm.MaskedLMTask(config.task).build_model()
    inputs = {**_theirs(), "masked_lm_positions": np.tile(np.arange(9, dtype="int32"), (2, 1))}
    assert "next_sentence" in model(inputs)
    checkpoint = tf.train.Checkpoint(model=model, **model.checkpoint_items)
    checkpoint.write(str(tmp_path / "ckpt-200"))
    _randomize(model)
    checkpoint.write(str(tmp_path / "ckpt-1000"))
    found = Encoder.from_preset(tmp_path)
    assert (found.get_config()["dropout"], found.get_config()["attention_dropout"]) == (0.2, 0.3)
    assert _difference(found(_ours()), model.encoder_network(_theirs())) <= TOLERANCE
    # Its next-sentence head has a pooler of its own, so it must not pass for ours.
    with pytest.raises(InputError, match="missing: cls/seq_relationship"):
        load_model(tmp_path, head="next_sentence")


def test_fine_tuned_classifier(tmp_path):
    """The encoder of a classifier loads; the head, which pools as none of ours does, is left aside."""
    from official.nlp.modeling import models

    encoder = _encoder("BertEncoder")
    classifier = models.BertClassifier(encoder, num_classes=3)
    _randomize(classifier)
    folder = _save(tmp_path / "checkpoint", model=classifier, **classifier.checkpoint_items)
    assert _difference(Encoder.from_preset(folder)(_ours()), encoder(_theirs())) <= TOLERANCE


def test_an_experiment_of_another_order_is_refused(tmp_path):
    """Blocks that normalize first have the same arrays, so that nothing else would tell."""
    import tensorflow as tf
    from official.core import train_utils

    train_utils.serialize_config(_experiment("bert", norm_first=True), str(tmp_path))
    tf.train.Checkpoint(encoder=_encoder("BertEncoder")).write(str(tmp_path / "ckpt-1"))
    with pytest.raises(InputError, match="norm_first"):
        Encoder.from_preset(tmp_path)


def test_two_encoders_of_one_name_are_refused(tmp_path):
    """A teacher and a student, say: their variables are called the same."""
    folder = _save(tmp_path / "checkpoint", teacher=_encoder("BertEncoder"), student=_encoder("BertEncoder"))
    with pytest.raises(InputError, match="more than one array called word_embeddings/embeddings"):
        Encoder.from_preset(folder)


def test_a_layer_that_the_checkpoint_lacks_is_named(tmp_path):
    folder = _save(tmp_path / "checkpoint", encoder=_encoder("BertEncoder"))
    with pytest.raises(InputError, match="missing: transformer/layer_3/self_attention/query/kernel"):
        Encoder.from_preset(folder, num_layers=4)
