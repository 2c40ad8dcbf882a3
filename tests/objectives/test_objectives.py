"""Objectives: their losses are what numpy says, and any number of them joins one encoder."""

import keras
import numpy as np
import pytest

from keras_bert_suite import Albert, Bert, InputError
from keras_bert_suite.objectives import MaskedLM, NextSentence, SentenceOrder, SpanBoundary, attach

VOCABULARY, TIME, PREDICTIONS = 40, 12, 4
SMALL = {
    "vocab_size": VOCABULARY,
    "dim": 16,
    "num_layers": 2,
    "num_heads": 2,
    "feed_forward_dim": 32,
    "max_length": TIME,
}


def batch_of(rows=6, seed=0):
    rng = np.random.default_rng(seed)
    places = np.sort(rng.permuted(np.tile(np.arange(1, TIME - 1), (rows, 1)), axis=1)[:, :PREDICTIONS])
    return {
        "token_ids": rng.integers(5, VOCABULARY, (rows, TIME)).astype("int32"),
        "padding_mask": np.ones((rows, TIME), "int32"),
        "segment_ids": np.zeros((rows, TIME), "int32"),
        "masked_positions": places.astype("int32"),
        "masked_starts": places.astype("int32") - 1,
        "masked_ends": places.astype("int32") + 1,
        "masked_ids": rng.integers(0, VOCABULARY, (rows, PREDICTIONS)).astype("int32"),
        "masked_weights": (rng.random((rows, PREDICTIONS)) < 0.6).astype("float32"),
        "label": rng.integers(0, 2, rows).astype("int32"),
    }


def log_softmax(x):
    x = x.astype("float64") - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


@pytest.mark.parametrize(
    ("family", "objectives"),
    [
        (Bert, [MaskedLM(), NextSentence()]),
        (Albert, [MaskedLM(), SentenceOrder()]),
        (Bert, [MaskedLM(), SpanBoundary(weight=0.5)]),
    ],
)
def test_the_loss_is_what_numpy_says(family, objectives):
    keras.utils.set_random_seed(2)
    model, batch = attach(family(**SMALL), objectives), batch_of()
    outputs = {name: np.asarray(x) for name, x in model({name: batch[name] for name in model.input}).items()}
    expected = 0.0
    for each in objectives:
        if each.name in ("masked_lm", "span_boundary"):
            chances = log_softmax(outputs[each.name])
            losses = -np.take_along_axis(chances, batch["masked_ids"][..., None], -1)[..., 0]
            part = (losses * batch["masked_weights"]).sum() / batch["masked_weights"].sum()
        else:
            part = -log_softmax(outputs[each.name])[np.arange(6), batch["label"]].mean()
        expected += each.weight * part
    parts = model.sums(outputs, batch, model.totals(batch))
    # float32 against float64.
    assert float(model.total(parts)) == pytest.approx(expected, rel=1e-6)


def test_a_masked_state_is_that_of_the_whole_row():
    keras.utils.set_random_seed(2)
    encoder, batch = Bert(**SMALL), batch_of()
    model = attach(encoder, [MaskedLM()])
    logits = model({name: batch[name] for name in model.input})["masked_lm"]
    states = np.asarray(encoder({name: batch[name] for name in encoder.input})["sequence_output"])
    chosen = np.take_along_axis(states, batch["masked_positions"][..., None], 1)
    # The same numbers in another order of sums.
    np.testing.assert_allclose(logits, model.get_layer("masked_lm")(chosen), atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="a part of make test-jax")
def test_learns_by_fit_of_arrays():
    keras.utils.set_random_seed(2)
    model, batch = attach(Bert(**SMALL, dropout=0.0, attention_dropout=0.0), [MaskedLM(), NextSentence()]), batch_of()
    model.compile(keras.optimizers.Adam(3e-3))
    x, y = {name: batch[name] for name in model.input}, {k: v for k, v in batch.items() if k not in model.input}
    history = model.fit(x, y, batch_size=6, epochs=60, verbose=0, shuffle=False).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]


def test_learns_by_fit():
    tf = pytest.importorskip("tensorflow")
    keras.utils.set_random_seed(2)
    model = attach(Bert(**SMALL, dropout=0.0, attention_dropout=0.0), [MaskedLM(), NextSentence()])
    model.compile(keras.optimizers.Adam(3e-3))
    data = tf.data.Dataset.from_tensors(batch_of()).repeat()
    history = model.fit(data, steps_per_epoch=20, epochs=3, verbose=0, shuffle=False).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert set(history) == {"loss", "masked_lm", "next_sentence"}
    found = model.evaluate(data.take(3), verbose=0, return_dict=True)
    # A sum in float32.
    assert found["loss"] == pytest.approx(found["masked_lm"] + found["next_sentence"], rel=1e-5)


def test_none_and_twice_are_named():
    for objectives in ([], [MaskedLM(), MaskedLM()]):
        with pytest.raises(InputError, match="expected one or more, each once"):
            attach(Bert(**SMALL), objectives)
