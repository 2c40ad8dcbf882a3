"""Masks: as often as the recipe says, never on special pieces, whole units, and the same for the same seed."""

import numpy as np
import pytest
import tensorflow as tf

from keras_bert_suite import InputError, Tokenizer
from keras_bert_suite.data import masking
from keras_bert_suite.data.masking import Masking

ROWS, TIME, PREDICTIONS = 8192, 128, 20


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.from_preset("kbs_tiny_en")


@pytest.fixture(scope="module")
def batch(tokenizer):
    """A million pieces in words of one to three, as rows of 100 to 128 with their special pieces."""
    rng, goes_on = np.random.default_rng(0), masking.goes_on(tokenizer)
    begin, rest = np.flatnonzero(~goes_on & ~masking.special(tokenizer)), np.flatnonzero(goes_on)
    ids = rng.choice(begin, (ROWS, TIME))
    later = rng.random((ROWS, TIME)) < 0.4
    later[:, 3:] &= ~(later[:, 1:-2] & later[:, 2:-1])
    ids[later] = rng.choice(rest, later.sum())
    lengths = rng.integers(100, TIME + 1, ROWS)
    ids[:, 0], ids[np.arange(ROWS), lengths - 1] = tokenizer.cls_id, tokenizer.sep_id
    real = np.arange(TIME) < lengths[:, None]
    ids[~real] = tokenizer.pad_id
    # A piece behind a special one begins a word, whatever it is.
    return {"token_ids": tf.constant(ids, tf.int32), "padding_mask": tf.constant(real, tf.int32)}


def masked(tokenizer, batch, seed=(1, 2), **settings):
    """What a graph and what numpy makes of a batch, which is the same to the bit."""
    masking = Masking(tokenizer, predictions=PREDICTIONS, **settings)
    graph, arrays = masking(batch, tf.constant(seed, tf.int64)), {name: x.numpy() for name, x in batch.items()}
    return same({name: array.numpy() for name, array in graph.items()}, masking(arrays, seed))


def same(graph, arrays):
    assert graph.keys() == arrays.keys()
    for name, array in arrays.items():
        assert array.dtype == graph[name].dtype and array.shape == graph[name].shape
        assert array.tobytes() == graph[name].tobytes(), name
    return arrays


def within(found, expected, number):
    """Whether a part of so many draws is within 3 standard errors."""
    return abs(found - expected) < 3 * np.sqrt(expected * (1 - expected) / number)


@pytest.mark.parametrize("unit", masking.UNITS)
def test_as_often_as_the_recipe_says(tokenizer, batch, unit):
    before, after = batch["token_ids"].numpy(), masked(tokenizer, batch, unit=unit)
    weights, places = after["masked_weights"].astype(bool), after["masked_positions"]
    chosen = np.zeros((ROWS, TIME), bool)
    np.put_along_axis(chosen, np.where(weights, places, 0), True, 1)
    chosen[:, 0] = False
    assert not (chosen & masking.special(tokenizer)[before]).any()
    assert (before[~chosen] == after["token_ids"][~chosen]).all()
    number = np.clip(np.round(batch["padding_mask"].numpy().sum(1) * 0.15), 1, PREDICTIONS)
    if unit in ("token", "span"):
        assert (weights.sum(1) == number).all()
    else:
        # A unit for which there is no room is passed over, and mostly another fits.
        assert (weights.sum(1) <= number).all() and weights.sum() > 0.99 * number.sum()
    assert (np.take_along_axis(before, places, 1)[weights] == after["masked_ids"][weights]).all()
    assert all((np.diff(row[mask]) > 0).all() for row, mask in zip(places, weights, strict=True))
    now, then = np.take_along_axis(after["token_ids"], places, 1)[weights], after["masked_ids"][weights]
    # Draws of a span are shared by its pieces: as many draws as spans, of about 5 pieces.
    draws = weights.sum() / (6 if unit == "span" else 1)
    assert within((now == tokenizer.mask_id).mean(), 0.8, draws)
    assert within((now == then).mean(), 0.1 + 0.1 / tokenizer.vocab_size, draws)


@pytest.mark.parametrize("unit", ["word", "ngram"])
def test_words_are_hidden_whole(tokenizer, batch, unit):
    before, after = batch["token_ids"].numpy(), masked(tokenizer, batch, unit=unit)
    chosen = np.zeros((ROWS, TIME + 1), bool)
    for row, places, weights in zip(chosen, after["masked_positions"], after["masked_weights"], strict=True):
        row[places[weights > 0]] = True
    goes_on = masking.goes_on(tokenizer)[before]
    goes_on[:, 1] = False
    # Where a piece goes on with a word both are hidden or neither.
    assert (chosen[:, 1:TIME] == chosen[:, : TIME - 1])[goes_on[:, 1:]].all()


@pytest.mark.parametrize(("unit", "mean"), [("ngram", 18 / 11), ("span", 3.797)])
def test_lengths_of_units(tokenizer, unit, mean):
    """In words; of a row in which each piece is a word, with room for few units, so that few touch."""
    ids = np.full((4096, TIME), tokenizer.vocabulary.index("the"), "int32")
    masks = Masking(tokenizer, unit, rate=0.15, predictions=PREDICTIONS, by_unit=True, mask=0.5, random=0.0)
    units = masks._units(tf, tf.constant(ids), tf.ones(ids.shape, tf.bool), tf.constant([3, 4])).numpy()
    # The first and the last of a row are cut.
    counts = np.concatenate([np.bincount(row)[1:-1] for row in units])
    expected = masking.NGRAM if unit == "ngram" else masking.SPAN
    assert abs(counts.mean() - mean) < 0.03 * mean
    for length, chance in enumerate(expected, 1):
        # Longer units are cut off by the row's end more often, by 10 in 128 at most.
        assert abs((counts == length).mean() - chance) < 0.02


def test_edges_of_spans(tokenizer, batch):
    after = masked(tokenizer, batch, unit="span")
    weights = after["masked_weights"].astype(bool)
    places, starts, ends = (after[f"masked_{name}"][weights] for name in ("positions", "starts", "ends"))
    assert (starts < places).all() and (places < ends).all()
    row = np.repeat(np.arange(ROWS), weights.sum(1))
    hidden = set(zip(row.tolist(), places.tolist(), strict=True))
    inner = [(r, p) for r, s, e in zip(row[:500], starts, ends, strict=False) for p in range(s + 1, e)]
    assert all(each in hidden for each in inner)


def test_the_same_seed_gives_the_same_bytes(tokenizer, batch):
    one, two, other = (masked(tokenizer, batch, seed, unit="span") for seed in ((1, 2), (1, 2), (1, 3)))
    assert all(one[name].tobytes() == two[name].tobytes() for name in one)
    assert (one["masked_positions"] != other["masked_positions"]).mean() > 0.5


@pytest.mark.parametrize("unit", masking.UNITS)
@pytest.mark.parametrize("rows", [(300, 33), (3, 5), (1, 1)])
def test_numpy_hides_what_a_graph_does_in_rows_of_any_length(tokenizer, unit, rows):
    rng = np.random.default_rng(rows)
    ids = rng.integers(0, tokenizer.vocab_size, rows)
    real = np.arange(rows[1]) < rng.integers(0, rows[1] + 1, (rows[0], 1))
    batch = {"token_ids": tf.constant(ids, tf.int32), "padding_mask": tf.constant(real, tf.int32)}
    # Of a seed all bits count.
    masked(tokenizer, batch, seed=(2**40 + 7, 2**33 + 1), unit=unit, draws=2)


def test_other_parts(tokenizer, batch):
    found = masked(tokenizer, batch, rate=0.1, mask=1.0, random=0.0)
    weights = found["masked_weights"] > 0
    assert (np.take_along_axis(found["token_ids"], found["masked_positions"], 1)[weights] == tokenizer.mask_id).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"unit": "sentence"}, "expected one of token"), ({"rate": 1.0}, "a rate between 0 and 1"),
     ({"mask": 0.9, "random": 0.2}, "add up to 1")],
)  # fmt: skip
def test_bad_settings(tokenizer, settings, message):
    with pytest.raises(InputError, match=message):
        Masking(tokenizer, **settings)


def test_draws_come_with_what_is_hidden_and_change_no_mask(tokenizer, batch):
    before, after = masked(tokenizer, batch), masked(tokenizer, batch, draws=3)
    draws, hidden = after.pop("masked_draws"), after["masked_weights"] > 0
    assert draws.shape == (ROWS, PREDICTIONS, 3) and (draws[~hidden] == -1).all()
    assert all((before[name] == after[name]).all() for name in before)
    parts, number = draws[hidden] / 2**24, hidden.sum()
    # Even from 0 to 1, by the standard error of a mean of such numbers, and apart for each.
    assert (abs(parts.mean(0) - 0.5) < 3 * np.sqrt(1 / 12 / number)).all() and 0 <= parts.min() < parts.max() < 1
    assert (abs(np.corrcoef(parts.T) - np.eye(3)) < 4 / np.sqrt(number)).all()
    assert (masked(tokenizer, batch, draws=3)["masked_draws"] == draws).all()
