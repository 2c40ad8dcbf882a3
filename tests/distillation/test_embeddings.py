"""Losses between texts' vectors: loops of numpy in float64, padding, and two devices against one."""

from pathlib import Path

import keras
import numpy as np
import pytest

from keras_bert_suite import Bert, InputError
from keras_bert_suite.distillation.distiller import CACHED, Distiller
from keras_bert_suite.distillation.embeddings import Similarities, SimilarityMargins, Vectors
from keras_bert_suite.distillation.losses import Cosine
from keras_bert_suite.distillation.traces import Traced, traced
from keras_bert_suite.tasks.similarity import Similarity
from tests.steps import printed

TEXTS, GROUP, TIME = 12, 4, 5


def vectors(dim, seed):
    return np.random.default_rng(seed).normal(size=(TEXTS, dim))


def masks(absent=()):
    mask = np.arange(TIME) < np.random.default_rng(2).integers(1, TIME + 1, (TEXTS, 1))
    mask[list(absent)] = False
    return mask.astype("int32")


def cosine(x, y):
    return x @ y / np.linalg.norm(x) / np.linalg.norm(y)


def by_hand(kind, ours, theirs, absent):
    """What each text's loss is, one pair, or one pair of pairs, at a time; and whether it counts."""
    found = np.zeros(TEXTS)
    for i in set(range(TEXTS)) - set(absent):
        others = [j for j in range(TEXTS) if j // GROUP == i // GROUP and j != i and j not in absent]
        apart = [cosine(ours[i], ours[j]) - cosine(theirs[i], theirs[j]) for j in others]
        if kind is SimilarityMargins:
            apart = [a - b for k, a in enumerate(apart) for m, b in enumerate(apart) if k != m]
        found[i] = np.mean(np.square(apart)) if apart else 0.0
    return found


# One whole group is absent, of another one text is left.
@pytest.mark.parametrize("absent", [(), (3,), (1, 4, 5, 6, 7, 8, 9, 10)])
@pytest.mark.parametrize("kind", [Similarities, SimilarityMargins])
def test_similarities_are_what_numpy_says(kind, absent):
    ours, theirs, mask = vectors(3, 0), vectors(7, 1), masks(absent)
    loss = kind(GROUP)
    found = np.asarray(loss.compare([ours], [theirs], mask, []))
    weights = np.asarray(loss.weights({"padding_mask": mask}))
    assert weights.tolist() == [float(i not in absent) for i in range(TEXTS)]
    # float64's rounding over sums of a few numbers about 1
    assert found * weights == pytest.approx(by_hand(kind, ours, theirs, absent), abs=1e-12)


@pytest.mark.parametrize("distance", ["cosine", "squared"])
def test_vectors_are_what_numpy_says(distance):
    ours, theirs, loss = vectors(3, 0), vectors(7, 1), Vectors(distance, "shared")
    (layer,) = loss.make([(None, 3)], [(None, 7)])
    layer.kernel.assign(vectors(7, 3)[:3])
    kernel = np.asarray(layer.kernel, "float64")
    found = np.asarray(loss.compare([ours], [theirs], masks(), [lambda x: keras.ops.matmul(x, kernel)]))
    mapped = ours @ kernel
    if distance == "squared":
        expected = ((mapped - theirs) ** 2).mean(axis=-1)
    else:
        expected = [1 - cosine(a, b) for a, b in zip(mapped, theirs, strict=True)]
    assert found == pytest.approx(np.array(expected), abs=1e-12)


@pytest.mark.parametrize("kind", [Vectors, Similarities, SimilarityMargins])
def test_the_same_vectors_are_nothing_apart(kind):
    same, loss = vectors(6, 0), kind() if kind is Vectors else kind(GROUP)
    # The cosine of a vector with itself is 1 but for float64's rounding.
    assert np.abs(loss.compare([same], [2 * same], masks(), [])).max() < 1e-12


def model_of(comparisons, width=6):
    encoder = Bert(vocab_size=20, dim=8, num_layers=1, num_heads=2, feed_forward_dim=16, max_length=16, dropout=0.0)
    student = traced(encoder, Similarity().build(encoder, 0.0))
    shapes = {"embedding": (width,), "sequence_output": (None, width)}
    teacher = {name: keras.Input(shape, name=CACHED + name) for name, shape in shapes.items()}
    return Distiller(student, Traced({}, teacher, None, 0), comparisons)


def batch_of(model, rows=8, time=6, width=6):
    rng = np.random.default_rng(0)
    return {
        "token_ids": rng.integers(5, 20, (rows, time)).astype("int32"),
        "segment_ids": np.zeros((rows, time), "int32"),
        "padding_mask": (np.arange(time) < rng.integers(2, time, (rows, 1))).astype("int32"),
        CACHED + "embedding": rng.normal(size=(rows, width)).astype("float32"),
        CACHED + "sequence_output": rng.normal(size=(rows, time, width)).astype("float32"),
    }


def losses(model, batch):
    outputs = model({name: batch[name] for name in model.input})
    found = model.sums(outputs, batch, model.totals(batch))
    return {name: float(value) for name, value in found.items()}


def test_padding_counts_nowhere():
    keras.utils.set_random_seed(0)
    tokens = Cosine([("sequence_output", "sequence_output")], "shared", name="tokens")
    model = model_of([Vectors(projection="shared"), Similarities(4), SimilarityMargins(4), tokens])
    batch = batch_of(model)
    before = losses(model, batch)
    assert set(before) == {"vectors", "similarities", "similarity_margins", "tokens"} and min(before.values()) > 0
    wider = {
        name: np.pad(x, [(0, 0), (0, 3), (0, 0)][: x.ndim]) for name, x in batch.items() if "embedding" not in name
    }
    wider["token_ids"][:, 6:] = 7
    wider[CACHED + "sequence_output"][:, 6:] = 9.0
    # A group more, all of it padding.
    more = {name: np.concatenate([x, np.zeros_like(x[:4])]) for name, x in {**batch, **wider}.items()}
    # Matrices of other shapes are multiplied in another order: float32's rounding of numbers about 1.
    assert losses(model, more) == pytest.approx(before, abs=2e-6)


def test_a_projection_is_asked_for():
    with pytest.raises(InputError, match="vectors compares what is 8 wide in the student with 6 in the teacher"):
        model_of([Vectors()])
    with pytest.raises(InputError, match="group=1; expected 2 or more"):
        Similarities(1)
    with pytest.raises(InputError, match="distance='dot'"):
        Vectors("dot")


def test_two_devices_equal_one():
    found = printed(Path(__file__).with_name("two_devices_of_embeddings.py"))
    # Float32 rounding in another order of sums, over 20 steps of losses of about 4.
    assert found["loss"] <= 2e-6 and found["weights"] <= 2e-6, found
