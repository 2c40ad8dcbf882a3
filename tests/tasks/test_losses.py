"""Losses without a published value: against loops in numpy, by finite differences, and through a config and back."""

import keras
import numpy as np
import pytest

from keras_bert_suite.tasks import losses

CLOSE, STEP = 1e-9, 1e-5
if keras.backend.backend() == "jax":
    import jax

    jax.config.update("jax_enable_x64", True)
    # There ops.mean computes in float32 whatever it is given.
    CLOSE, STEP = 1e-6, 1e-3

LABELS = np.array([[2, 0, 1, -1], [0, 3, -1, -1], [1, 1, 0, 2]], "float64")
SCORES = np.array([[0.3, 1.2, -0.4, 9.0], [0.5, -0.2, 3.0, 4.0], [0.1, 0.9, 0.2, -0.7]], "float64")


def vectors(texts=4, batch=5, dim=6):
    return np.random.default_rng(0).normal(size=(batch, texts, dim))


def lambda_loss(labels, scores, mu):
    """Wang et al. 2018, equations of NDCG-Loss2++, one pair at a time."""
    labels, scores = labels[labels >= 0], scores[labels >= 0]
    ranks = 1 + np.argsort(np.argsort(-scores))
    gains = 2.0**labels - 1
    best = sum(gain / np.log2(2 + i) for i, gain in enumerate(sorted(gains, reverse=True)))
    total = 0.0
    for i in range(len(labels)):
        for j in range(len(labels)):
            if labels[i] > labels[j]:
                apart = abs(ranks[i] - ranks[j])
                rho = abs(1 / np.log2(1 + ranks[i]) - 1 / np.log2(1 + ranks[j]))
                delta = abs(1 / np.log2(1 + apart) - 1 / np.log2(2 + apart))
                weight = (rho + mu * delta) * abs(gains[i] - gains[j]) / best
                total += weight * np.log2(1 + np.exp(scores[j] - scores[i]))
    return total


@pytest.mark.parametrize("mu", [0.0, 10.0])
def test_lambda_loss(mu):
    expected = np.mean([lambda_loss(*row, mu) for row in zip(LABELS, SCORES, strict=True)])
    assert float(losses.LambdaLoss(mu, dtype="float64")(LABELS, SCORES)) == pytest.approx(expected, abs=CLOSE)


def test_margins_of_several_negatives():
    x = vectors()
    margins = np.linspace(-1, 1, 10).reshape(5, 2)
    unit = x / np.linalg.norm(x, axis=-1, keepdims=True)
    for similarity, v in (("dot", x), ("cosine", unit)):
        scores = np.einsum("bd,btd->bt", v[:, 0], v[:, 1:])
        expected = np.mean((scores[:, :1] - scores[:, 1:] - margins) ** 2)
        found = losses.MarginMSE(similarity, dtype="float64")(margins, x)
        assert float(found) == pytest.approx(expected, abs=CLOSE)


def test_matryoshka_weighs_its_widths():
    x, zeros = vectors(), np.zeros(5)
    one = losses.Triplet(dtype="float64")
    both = losses.Matryoshka(one, [6, 2], [1.0, 0.5], dtype="float64")
    expected = float(one(zeros, x)) + 0.5 * float(one(zeros, x[..., :2]))
    assert float(both(zeros, x)) == pytest.approx(expected, abs=CLOSE)
    with pytest.raises(ValueError, match="2 dims and 1 weights"):
        losses.Matryoshka(one, [6, 2], [1.0])


def value_and_gradient(function, x):
    """Of a function of one array, on whichever backend runs."""
    if keras.backend.backend() == "jax":
        import jax

        return tuple(map(np.asarray, jax.value_and_grad(function)(x)))
    import tensorflow as tf

    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return float(value), tape.gradient(value, x).numpy()


# Each with what it is compared to: `y_true` and `y_pred`.
EVERY = [
    (losses.MultipleNegativesRanking(7.0, symmetric=True, dtype="float64"), np.zeros(5), vectors()),
    (losses.CosineSimilarity(dtype="float64"), np.linspace(0, 1, 5), vectors()),
    (losses.CoSENT(5.0, dtype="float64"), np.array([0.1, 0.5, 0.5, 0.2, 0.9]), vectors()),
    (losses.Triplet("cosine", 0.5, dtype="float64"), np.zeros(5), vectors()),
    (losses.MarginMSE("cosine", dtype="float64"), np.linspace(-1, 1, 5), vectors()),
    (losses.Matryoshka(losses.CoSENT(3.0), [6, 3], dtype="float64"), np.linspace(0, 1, 5), vectors()),
    (losses.ListNet(dtype="float64"), LABELS, SCORES),
    (losses.LambdaLoss(2.0, dtype="float64"), LABELS, SCORES),
]


@pytest.mark.parametrize(("loss", "y_true", "y_pred"), EVERY, ids=lambda x: getattr(x, "name", ""))
def test_gradients_and_configs(loss, y_true, y_pred):
    value, gradient = value_and_gradient(lambda x: loss(y_true, x), y_pred)
    direction = np.random.default_rng(1).normal(size=y_pred.shape)
    change = float(loss(y_true, y_pred + STEP * direction)) - float(loss(y_true, y_pred - STEP * direction))
    assert np.sum(gradient * direction) == pytest.approx(change / (2 * STEP), abs=STEP)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(again(y_true, y_pred)) == pytest.approx(value, rel=1e-5)
