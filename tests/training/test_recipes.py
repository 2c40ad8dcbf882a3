"""Recipes do to an encoder what they say, and each trains from the tool to a folder that is whole."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_bert_suite import Encoder, InputError
from keras_bert_suite.tasks import saved
from keras_bert_suite.tasks.classification import Classification
from keras_bert_suite.tools import seeds
from keras_bert_suite.training import recipes
from keras_bert_suite.training.optimizers import LayerwiseAdamW

EXAMPLES = [
    {"text": f"{text} {i}", "pair": None, "label": label}
    for i in range(6)
    for text, label in (("play some jazz", "music"), ("wake me at", "alarm"))
]


def value(variable):
    return np.copy(keras.ops.convert_to_numpy(variable))


def trained_with(name, **changes):
    keras.utils.set_random_seed(0)
    recipe = dataclasses.replace(recipes.choose(name, epochs=2, batch_size=4, learning_rate=1e-3), **changes)
    task = Classification.from_examples(EXAMPLES)
    trained = saved.begin(task, "kbs_tiny_en", 16)
    before = {variable.path: value(variable) for variable in trained.model.weights}
    recipes.prepare(recipe, trained.encoder)
    batches, steps = trained.training_data(EXAMPLES, recipe.batch_size, 0, recipe.epochs)
    model, losses = recipes.with_losses(recipe, task.training_model(trained.model), task.losses())
    model.compile(recipes.optimizer(recipe, steps * recipe.epochs, trained.encoder), losses)
    loss = [model.train_on_batch(*batch) for batch in batches()]
    assert np.isfinite(loss).all()
    return trained, before


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_a_recipe_trains_and_is_saved_whole(name, tmp_path):
    trained, before = trained_with(name)
    inputs = saved.inputs_of(trained.task, EXAMPLES)
    answers = [answer["score"] for answer in trained.predict(inputs)]
    saved.save(saved.merged(trained), tmp_path / "model", "")
    again = saved.load(tmp_path / "model")
    assert {variable.path for variable in again.model.weights} == set(before)
    # LoRA's sum of two products against one product.
    found = [answer["score"] for answer in again.predict(inputs)]
    np.testing.assert_allclose(found, answers, atol=1e-5)


def changed(trained, before):
    return {
        variable.path
        for variable in saved.merged(trained).model.weights
        if np.abs(value(variable) - before[variable.path]).max() > 0
    }


def test_frozen_encoders_stay_as_they_are():
    trained, before = trained_with("frozen")
    assert {path for path in changed(trained, before) if path.startswith("embeddings")} == set()
    trained, before = trained_with("frozen", frozen=2)
    assert not any(path.startswith(("embeddings", "block_0/", "block_1/")) for path in changed(trained, before))
    assert any(path.startswith("classification") for path in changed(trained, before))


def test_lora_changes_queries_values_and_the_head_alone():
    trained, before = trained_with("lora")
    parts = {path.split("/")[-2] for path in changed(trained, before)}
    assert {"query", "value"} <= parts
    assert not any(
        "key" in path or "feed_forward" in path or "embeddings" in path for path in changed(trained, before)
    )


def test_top_blocks_begin_anew():
    encoder, same = Encoder.from_preset("kbs_tiny_en"), Encoder.from_preset("kbs_tiny_en")
    recipes.prepare(recipes.RECIPES["reinitialized"], encoder)
    last = f"{encoder.blocks[-1].name}/"
    for variable, other in zip(encoder.weights, same.weights, strict=True):
        equal = np.array_equal(value(variable), value(other))
        assert equal or variable.path.startswith(last)
        if variable.path.startswith(last) and variable.path.endswith("kernel"):
            assert not equal and np.std(value(variable)) == pytest.approx(0.02, rel=0.15)


def test_rates_fall_towards_the_embeddings():
    encoder = Encoder.from_preset("kbs_tiny_en")
    rates = recipes.layer_rates(encoder, 0.5)
    count = len(encoder.blocks)
    assert rates[encoder.blocks[-1].weights[0].path] == 0.5
    assert rates[encoder.embeddings.weights[0].path] == 0.5 ** (count + 1)


def test_adam_with_a_rate_for_each_variable_and_without_bias_correction():
    gradients = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    one, two = (keras.Variable(np.ones(3, "float32"), name=name) for name in ("one", "two"))
    optimizer = LayerwiseAdamW(0.1, bias_correction=False, rates={two.path: 0.25}, weight_decay=0.0, epsilon=1e-6)
    one_expected, mean, square = np.ones(3), np.zeros(3), np.zeros(3)
    for gradient in gradients:
        optimizer.apply([gradient, gradient], [one, two])
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        one_expected = one_expected - 0.1 * mean / (np.sqrt(square) + 1e-6)
    # float32 against float64.
    np.testing.assert_allclose(value(one), one_expected, rtol=1e-5)
    np.testing.assert_allclose(1 - value(two), 0.25 * (1 - one_expected), rtol=1e-4, atol=1e-6)


def test_a_recipe_that_does_not_fit_is_named():
    with pytest.raises(InputError, match="expected one of default, bert"):
        recipes.choose("magic")
    with pytest.raises(InputError, match="names 9 blocks of"):
        trained_with("frozen", frozen=9)


def test_several_seeds_are_summed_up():
    runs = {0: {"loss": 0.1, "accuracy": 0.5, "f1": 1.0}, 1: {"loss": 0.2, "accuracy": 0.7, "f1": 0.0}}
    found = seeds.summary(runs, baseline=0.5)
    assert (found["metric"], found["failed"], found["best"]) == ("accuracy", 1, 0.7)
    assert found["mean"] == pytest.approx(0.6) and found["deviation"] == pytest.approx(0.02**0.5)
