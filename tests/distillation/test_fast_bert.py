"""FastBERT's two stages: what each trains, what it leaves alone, and that the encoder is run once a step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_suite import Albert, Bert, InputError, flops
from keras_bert_suite.distillation import fast_bert
from keras_bert_suite.distillation.recipes import RECIPES
from keras_bert_suite.encoders.early_exit import EarlyExit
from keras_bert_suite.heads import attach
from keras_bert_suite.training.optimizers import adamw
from tests.checks import difference

SMALL = {"vocab_size": 40, "dim": 16, "num_layers": 3, "num_heads": 2, "feed_forward_dim": 32, "max_length": 12}


def model_of(family=Bert, **settings):
    keras.utils.set_random_seed(0)
    model = EarlyExit(family(**{**SMALL, **settings}, dropout=0.5), units=3, dim=8)
    # As in a classification: no classifier reads it.
    model.encoder.pooler.trainable = False
    for variable in model.weights:
        if "kernel" in variable.path and not variable.path.startswith("exit_"):
            variable.assign(variable * 5.0)
    return model


def batch_of(model, rows=8):
    rng = np.random.default_rng(0)
    ids = rng.integers(5, 40, (rows, 12)).astype("int32")
    mask = (np.arange(12) < rng.integers(6, 13, (rows, 1))).astype("int32")
    given = {"token_ids": ids * mask, "padding_mask": mask, "segment_ids": np.zeros_like(ids)}
    return {
        **{name: given[name] for name in model.input},
        "logits_labels": rng.integers(0, 3, rows).astype("int32"),
        "logits_weights": np.array([1.0] * (rows - 1) + [0.0], "float32"),
    }


def log_softmax(x):
    x = np.asarray(x, "float64")
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def values(model):
    return {variable.path: variable.numpy().copy() for variable in model.weights}


def changed(before, model):
    return {path for path, value in values(model).items() if (value != before[path]).any()}


def trained(stage, model, batch, steps=20):
    """The losses of some steps of a stage."""
    stage.compile(adamw(1e-2, steps))
    data = tf.data.Dataset.from_tensors(batch).repeat()
    return stage.fit(data, epochs=steps, steps_per_epoch=1, shuffle=False, verbose=0).history["loss"]


def loss_of(stage, batch):
    stage.compile("sgd")
    return stage.evaluate(tf.data.Dataset.from_tensors(batch), verbose=0, return_dict=True)["loss"]


def exits(model, batch):
    return {name: np.asarray(x) for name, x in model({name: batch[name] for name in model.input}).items()}


def test_the_first_stage_trains_the_encoder_and_the_last_classifier():
    model = model_of()
    batch, before = batch_of(model), values(model)
    stage = fast_bert.last_exit(model)
    chances = log_softmax(exits(model, batch)["exit_2"])
    # The last text counts nothing.
    expected = -np.take_along_axis(chances, batch["logits_labels"][:, None], 1)[:7].mean()
    # Both are sums of float32 to numbers of about 1.
    assert loss_of(stage, batch) == pytest.approx(expected, abs=1e-5)
    losses = trained(stage, model, batch)
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    moved = changed(before, model)
    assert not [path for path in moved if path.startswith(("exit_0", "exit_1"))]
    assert {path.partition("/")[0] for path in moved} >= {"exit_2", "embeddings", "block_0", "block_2"}


@pytest.mark.parametrize("family", [Bert, Albert])
def test_the_second_stage_trains_the_other_classifiers_alone(family):
    model = model_of(family)
    batch, before = batch_of(model), values(model)
    answers = exits(model, batch)
    batch.pop("logits_labels")
    stage = fast_bert.other_exits(model)
    logs = {name: log_softmax(x)[:7] for name, x in answers.items()}
    theirs = logs["exit_2"]
    parts = [(np.exp(theirs) * (theirs - logs[f"exit_{i}"])).sum(-1).mean() for i in range(2)]
    assert loss_of(stage, batch) == pytest.approx(sum(parts), abs=1e-5)
    losses = trained(stage, model, batch)
    # Without dropout a step's loss is that of the weights alone.
    assert losses[0] == pytest.approx(sum(parts), abs=1e-5) and losses[-1] < losses[0] / 2
    moved = changed(before, model)
    assert moved and all(path.startswith(("exit_0", "exit_1")) for path in moved)
    assert difference(exits(model, batch)["exit_2"], answers["exit_2"]) == 0
    assert {variable.path for variable in stage.trainable_variables} == moved


def test_the_encoder_is_run_once():
    model = model_of()
    shapes = {name: (4, 12) for name in model.input}
    # Less the pooler, which is part of the model's trace.
    whole = flops.forward(model, shapes) - 2 * 4 * 16 * 16
    assert flops.forward(fast_bert.other_exits(model), shapes) == whole
    assert flops.forward(fast_bert.last_exit(model), shapes) < whole


def test_the_stages_are_the_published_ones():
    first, second = RECIPES["fastbert"]
    assert second.learning_rate == pytest.approx(10 * first.learning_rate) and (first.epochs, second.epochs) == (3, 5)
    model = model_of()
    assert set(first.make(model).output) == {"labels_exit_2"}
    assert set(second.make(model).output) == {"soft_exit_0", "soft_exit_1"}


def test_what_has_no_exits_is_named():
    plain = attach(Bert(**SMALL), "classification", 3, 0.1)
    for stage in RECIPES["fastbert"]:
        with pytest.raises(InputError, match="without exits; FastBERT is for a classification with a speed"):
            stage.make(plain)
    with pytest.raises(InputError, match="an encoder of one block"):
        fast_bert.other_exits(model_of(num_layers=1))
