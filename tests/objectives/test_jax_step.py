"""The step on JAX: a batch in parts is one batch, what is judged is a mean, what nothing reads stays as it is."""

import keras
import numpy as np
import pytest

from keras_bert_suite import Bert, flops
from keras_bert_suite.objectives import MaskedLM, NextSentence, attach
from keras_bert_suite.training.optimizers import optimizer
from tests.objectives.test_objectives import SMALL, batch_of

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="a part of make test-jax")
STILL = {"dropout": 0.0, "attention_dropout": 0.0}
ROWS, STEPS = 8, 6


class Losses(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(self.model.last_losses)


def batches():
    return ((batch_of(ROWS, seed),) for seed in range(STEPS))


def trained(model, **settings):
    """The losses of each execution, and what the model holds, after training from the same weights and seeds."""
    kept = Losses()
    model.compile(optimizer("adamw", 1e-2, 0.1, clip_norm=0.3), **settings)
    model.fit(batches(), steps_per_epoch=STEPS, callbacks=[kept], shuffle=False, verbose=0)
    return kept.losses, weights(model)


def weights(model):
    # Copies, as a step writes where the ones before it were.
    return [np.asarray(variable).copy() for variable in model.trainable_variables]


def made(objectives=(MaskedLM, NextSentence), **more):
    keras.utils.set_random_seed(2)
    return attach(Bert(**{**SMALL, "num_layers": 1}, **more), [each() for each in objectives])


def test_parts_and_executions_change_nothing_but_rounding():
    model = made(**STILL)
    begin = weights(model)
    losses, first = trained(model)
    assert [len(each) for each in losses] == [1] * STEPS
    for variable, value in zip(model.trainable_variables, begin, strict=True):
        variable.assign(value)
    # Of the same shape: what was compiled for whole batches is not used again.
    model.accumulation, model.train_function = 4, None
    more, others = trained(model, steps_per_execution=3)
    assert [len(each) for each in more] == [3, 3]
    # Float32 rounding in another order of sums, of losses around 4, and of weights that Adam moves by 1e-2 a step.
    assert np.abs(np.concatenate(losses) - np.concatenate(more)).max() <= 2e-6
    assert max(np.abs(one - two).max() for one, two in zip(first, others, strict=True)) <= 2e-5


def test_what_no_objective_reads_does_not_decay():
    model = made([MaskedLM])
    pooler = {id(variable) for variable in model.encoder.get_layer("pooler").weights}
    before = weights(model)
    _, after = trained(model)
    moved = [(new != old).any() for new, old in zip(after, before, strict=True)]
    assert moved == [id(variable) not in pooler for variable in model.trainable_variables] and len(pooler) == 2


def test_what_is_judged_is_the_mean_over_all_predictions():
    model = made()
    model.compile("sgd")
    found = model.evaluate(batches(), steps=STEPS, verbose=0, return_dict=True)
    whole = [batch for (batch,) in batches()]
    whole = {name: np.concatenate([batch[name] for batch in whole]) for name in whole[0]}
    expected = model.sums(model({name: whole[name] for name in model.input}), whole, model.totals(whole))
    for name, value in expected.items():
        # Sums in float32, in another order.
        assert found[name] == pytest.approx(float(value), rel=1e-5)
    assert found["loss"] == pytest.approx(float(model.total(expected)), rel=1e-5)


def test_operations_are_counted_as_those_of_tensorflow():
    encoder = Bert(num_layers=1, vocab_size=10)
    # One block of BERT-base of 128 ids, and the pooler: see tests/test_flops.py.
    expected = 2 * (128 * (4 * 768**2 + 2 * 768 * 3072 + 2 * 128 * 768) + 768**2)
    assert flops.forward(encoder, {name: (1, 128) for name in encoder.input}) == expected
