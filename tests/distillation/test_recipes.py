"""Recipes: their stages, and what each compares of a student with what of a teacher."""

import dataclasses

import keras
import pytest

from keras_bert_suite import InputError, heads
from keras_bert_suite.distillation import losses, recipes
from keras_bert_suite.distillation.traces import traced
from keras_bert_suite.encoders import Bert


@pytest.fixture(scope="module")
def models():
    def of(num_layers, dim):
        sizes = {"num_layers": num_layers, "dim": dim, "num_heads": 4, "feed_forward_dim": 2 * dim}
        encoder = Bert(vocab_size=20, max_length=16, **sizes)
        return traced(encoder, heads.attach(encoder, "classification", 3))

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return recipes.Models(of(2, 24), of(6, 32), (recipes.Answer("logits", "labels", loss),))


def of(models, name, stage=0):
    return recipes.stages(name, models.student.num_blocks, True)[stage].losses(models)


def test_tinybert_compares_every_third_block(models):
    states, scores = of(models, "tinybert_task")
    assert states.pairs == [("embeddings", "embeddings"), (0, 2), (1, 5)] and states.projection == "shared"
    assert scores.pairs == [(0, 2), (1, 5)]
    (soft,) = of(models, "tinybert_task", 1)
    assert soft.temperature == 1.0


def test_distilbert_weighs_five_two_one(models):
    soft, labels, cosine = of(models, "distilbert")
    assert (soft.weight, labels.weight, cosine.weight) == (5.0, 2.0, 1.0) and soft.temperature == 2.0
    assert isinstance(labels, losses.Labels) and isinstance(cosine, losses.Cosine)


def test_minilm_compares_the_last_block(models):
    attention, values = of(models, "minilm_v1")
    assert attention.pairs == values.pairs == [(1, 5)] and values.what == ("value",)
    (relations,) = of(models, "minilm_v2")
    # As many as divide 24 and 32, up to 48.
    assert relations.what == ("query", "key", "value") and relations.heads == 8


def test_a_teacher_up_to_a_block_is_mapped_as_one_of_so_many(models):
    lower = dataclasses.replace(models, teacher=dataclasses.replace(models.teacher, num_blocks=4))
    (relations,), (states, scores) = of(lower, "minilm_v2"), of(lower, "tinybert_general")
    assert relations.pairs == [(1, 3)] and scores.pairs == [(0, 1), (1, 3)] == states.pairs[1:]


def test_mobilebert_transfers_block_after_block(models):
    stages = recipes.stages("mobilebert", 2, True)
    assert [stage.name for stage in stages] == ["transfer_0", "transfer_1", "answers"]
    states, statistics, attention = stages[1].losses(models)
    assert states.pairs == statistics.pairs == attention.pairs == [(1, 5)] and states.weight == 100.0
    assert (statistics.mean, statistics.variance) == (5000.0, 5.0)
    encoder = models.student.encoder
    rates = stages[1].rates(encoder)
    lower = {variable.path for layer in (encoder.embeddings, encoder.blocks[0]) for variable in layer.weights}
    assert rates == dict.fromkeys(lower, 0.1) and stages[0].rates(encoder) == {}
    assert [loss.weight for loss in stages[2].losses(models)] == [0.5, 0.5]


def test_general_recipes_end_with_the_task():
    assert [stage.name for stage in recipes.stages("minilm_v2", 2, True)] == ["relations", "task"]
    assert [stage.name for stage in recipes.stages("minilm_v2", 2, False)] == ["relations"]


def test_epochs_and_rates_of_each_stage():
    found = recipes.stages("tinybert_task", 2, True, epochs=(4, 2), learning_rates=(1e-3,))
    assert [(stage.epochs, stage.learning_rate) for stage in found] == [(4, 1e-3), (2, 1e-3)]
    with pytest.raises(InputError, match="intermediate, prediction"):
        recipes.stages("tinybert_task", 2, True, epochs=(1, 2, 3))
    with pytest.raises(InputError, match="recipe='bert'"):
        recipes.stages("bert", 2, True)
