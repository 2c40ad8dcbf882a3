"""What is predicted in which order: as the recipe says, never special pieces, and the same for the same seed."""

import numpy as np
import pytest
import tensorflow as tf

from keras_bert_suite import InputError, Tokenizer
from keras_bert_suite.data import masking, permutation
from keras_bert_suite.data.permutation import Permutation
from tests.data.test_masking import same

ROWS, TIME = 256, 512


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.from_preset("kbs_tiny_en")


@pytest.fixture(scope="module")
def batch(tokenizer):
    """Rows of 400 to 512 pieces with their special pieces, one of them in the middle."""
    rng, goes_on = np.random.default_rng(0), masking.goes_on(tokenizer)
    begin, rest = np.flatnonzero(~goes_on & ~masking.special(tokenizer)), np.flatnonzero(goes_on)
    ids = np.where(rng.random((ROWS, TIME)) < 0.3, rng.choice(rest, (ROWS, TIME)), rng.choice(begin, (ROWS, TIME)))
    lengths = rng.integers(400, TIME + 1, ROWS)
    lengths[0] = TIME
    ids[:, 0], ids[:, 200], ids[np.arange(ROWS), lengths - 1] = tokenizer.cls_id, tokenizer.sep_id, tokenizer.sep_id
    real = np.arange(TIME) < lengths[:, None]
    ids[~real] = tokenizer.pad_id
    return {"token_ids": tf.constant(ids, tf.int32), "padding_mask": tf.constant(real, tf.int32)}


def permuted(tokenizer, batch, seed=(1, 2), **settings):
    """What a graph and what numpy makes of a batch, which is the same to the bit."""
    permute = Permutation(tokenizer, **settings)
    graph, arrays = permute(batch, tf.constant(seed, tf.int64)), {name: x.numpy() for name, x in batch.items()}
    return same({name: array.numpy() for name, array in graph.items()}, permute(arrays, seed))


@pytest.mark.parametrize(("segments", "predictions"), [(1, 85), (2, 86)])
def test_as_many_as_the_recipe_says(tokenizer, batch, segments, predictions):
    ids, found = batch["token_ids"].numpy(), permuted(tokenizer, batch, predictions=predictions, segments=segments)
    assert (found["token_ids"] == ids).all()
    places, weights = (found[f"target_{name}"].reshape(ROWS, segments, -1) for name in ("positions", "weights"))
    real = batch["padding_mask"].numpy().reshape(ROWS, segments, -1).sum(-1)
    assert (weights.sum(-1) == np.clip(np.round(real / 6), 1, predictions // segments)).all()
    # 85 of the first row's 512, or twice 43 of 256.
    assert weights[0].sum() == predictions
    chosen = found["permutation_order"] >= 0
    assert chosen.sum() == weights.sum() and not (chosen & masking.special(tokenizer)[ids]).any()
    for row in range(ROWS):
        kept = [place[weight > 0] for place, weight in zip(places[row], weights[row], strict=True)]
        assert all((each // (TIME // segments) == number).all() for number, each in enumerate(kept))
        assert (np.concatenate(kept) == np.flatnonzero(chosen[row])).all()
        assert (ids[row][np.concatenate(kept)] == found["target_ids"][row][weights[row].ravel() > 0]).all()
    assert (places[weights == 0] == -1).all()


def spans(tokenizer, ids, seed=(1, 2), **settings):
    ids = tf.constant(ids, tf.int32)
    free = ~tf.gather(masking.special(tokenizer), ids)
    seeds = tf.unstack(tf.random.experimental.stateless_split(tf.constant(seed, tf.int64), 2))
    return [array.numpy() for array in Permutation(tokenizer, **settings)._spans(tf, ids, free, seeds)]


def test_spans_are_as_long_as_often_and_as_far_apart_as_the_recipe_says(tokenizer):
    """Of rows in which each piece is a word; of whole contexts, since the last one of a row is cut."""
    ids = np.full((512, TIME), tokenizer.vocabulary.index("the"))
    begins, ends = spans(tokenizer, ids)
    # A context of 5 words and what stands before it: so many spans at least are whole in every row.
    whole = TIME // (5 + 30) - 1
    lengths = (ends - begins)[:, :whole]
    for length, chance in enumerate(permutation.SPAN, 1):
        assert abs((lengths == length).mean() - chance) < 3 * np.sqrt(chance * (1 - chance) / lengths.size)
    # What is before the k-th span: the k - 1 whole contexts, of 7 pieces a word, and the left part of its own.
    left = begins[:, :whole] - 7 * (np.cumsum(lengths, 1) - lengths)
    assert left.min() == 0 and (left < 6 * lengths).all()
    expected, deviation = 3 * lengths - 0.5, np.sqrt(((6 * lengths) ** 2 - 1) / 12)
    assert abs((left - expected).mean()) < 3 * np.sqrt((deviation**2).mean() / left.size)
    # So a seventh of the pieces, and single ones up to a sixth. A row ends within one of its contexts.
    share = (ends - begins).sum(1) / TIME
    assert abs(share.mean() - 1 / 7) < 3 * share.std() / np.sqrt(512) + 5 / TIME


def test_spans_are_whole_words(tokenizer, batch):
    ids = batch["token_ids"].numpy()
    begins, ends = spans(tokenizer, ids)
    free = ~masking.special(tokenizer)[ids]
    word = ~masking.goes_on(tokenizer)[ids] | ~free
    word[:, 1:] |= ~free[:, :-1]
    for row in range(ROWS):
        for begin, end in zip(begins[row], ends[row], strict=True):
            if begin < end:
                assert word[row, begin] and free[row, begin:end].all()
                assert end == TIME or word[row, end]
                assert word[row, begin:end].sum() <= 5


def slow_visibility(chosen, order, part_length):
    """Who reads whom in the query stream, pair by pair, and that the order is what it says."""
    time = len(chosen)
    found = np.zeros((time, time), int)
    for i in range(time):
        for j in range(time):
            if not chosen[j]:
                found[i, j] = 1
            elif chosen[i] and chosen[j]:
                if i // part_length == j // part_length:
                    found[i, j] = order[j] < order[i]
                else:
                    found[i, j] = j // part_length < i // part_length
    return found


@pytest.mark.parametrize("part_length", [None, 64])
def test_the_order_is_random_within_a_part_and_part_after_part(tokenizer, batch, part_length):
    found = permuted(tokenizer, batch, part_length=part_length)
    order = found["permutation_order"]
    chosen = order >= 0
    for row in range(4):
        read = (order[row][None] < np.maximum(order[row], 0)[:, None]).astype(int)
        assert (read == slow_visibility(chosen[row], order[row], part_length or TIME)).all()
        assert len(set(order[row][chosen[row]])) == chosen[row].sum()
    # Of two neighbours of a part each comes first as often.
    one, two = order[:, 80:110], order[:, 81:111]
    both = (one >= 0) & (two >= 0)
    first = (one < two)[both]
    assert abs(first.mean() - 0.5) < 3 * 0.5 / np.sqrt(len(first))


def test_the_same_seed_gives_the_same_bytes(tokenizer, batch):
    one, two, other = (permuted(tokenizer, batch, seed) for seed in ((1, 2), (1, 2), (1, 3)))
    assert all(one[name].tobytes() == two[name].tobytes() for name in one)
    assert (one["target_positions"] != other["target_positions"]).mean() > 0.5


def test_rows_of_which_little_is_there(tokenizer):
    ids = np.full((4, 8), tokenizer.pad_id)
    lengths = np.array([0, 1, 2, 5])
    for row, length in enumerate(lengths):
        ids[row, :length] = tokenizer.vocabulary.index("the")
    batch = {"token_ids": tf.constant(ids, tf.int32), "padding_mask": tf.cast(ids != tokenizer.pad_id, tf.int32)}
    found = permuted(tokenizer, batch, rate=0.99, predictions=6)
    # One is left to be read.
    assert list(found["target_weights"].sum(1)) == [0, 0, 1, 4]


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"rate": 1.0}, "a rate between 0"), ({"segments": 2}, "as many predictions of each segment"),
     ({"part_length": 0}, "part_length=0; expected 1 or more")],
)  # fmt: skip
def test_bad_settings(tokenizer, settings, message):
    with pytest.raises(InputError, match=message):
        Permutation(tokenizer, **settings)


def test_rows_that_cannot_be_cut(tokenizer, batch):
    with pytest.raises(InputError, match="rows of 512 ids; expected a multiple of segments=5"):
        permuted(tokenizer, batch, segments=5)
