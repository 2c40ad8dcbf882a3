"""The enhanced mask decoder: against numpy, and what absolute positions reach."""

import math

import keras
import numpy as np
import pytest

from keras_bert_suite import Bert, InputError
from keras_bert_suite.encoders import Deberta, DebertaV1
from keras_bert_suite.objectives import EnhancedMaskedLM, attach
from tests.objectives.test_objectives import SMALL, TIME, batch_of

HEADS, BUCKETS, FARTHEST = 2, 4, 8
STILL = {**SMALL, "embedding_dim": 16, "dropout": 0.0, "attention_dropout": 0.0}
V3 = {"num_buckets": BUCKETS, "max_distance": FARTHEST}


def model_of(family=Deberta):
    keras.utils.set_random_seed(2)
    encoder = family(**STILL, **(V3 if family is Deberta else {}))
    # Far from the small initial weights, of which a softmax is nearly even.
    for variable in encoder.weights:
        if "norm" not in variable.path:
            variable.assign(variable * 10.0)
    return attach(encoder, [EnhancedMaskedLM()])


def padded_batch():
    batch = batch_of()
    return {**batch, "padding_mask": (np.arange(TIME) < [[12], [11], [12], [11], [11], [12]]).astype("int32")}


def logits_of(model, batch):
    return np.asarray(model({name: batch[name] for name in model.input})["enhanced_masked_lm"])


def weights_of(layer):
    """Its variables by what stands last in their paths, float64."""
    return {"/".join(variable.path.split("/")[-2:]): np.asarray(variable, "float64") for variable in layer.weights}


def dense(x, weights, name):
    return x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]


def layer_norm(x, weights, name):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-7)
    return x * weights[f"{name}/gamma"] + weights[f"{name}/beta"]


def gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def row_of(distance):
    """The row of the table for a distance: buckets of one each up to the middle, then wider ones."""
    away, middle = abs(distance), BUCKETS // 2
    if away > middle:
        away = math.ceil(math.log(away / middle) / math.log((FARTHEST - 1) / middle) * (middle - 1)) + middle
    return min(max(int(math.copysign(away, distance)) + BUCKETS, 0), 2 * BUCKETS - 1)


def slow_block(query, context, real, weights, vectors):
    """One row through a block of DeBERTa-v3, score by score."""
    head = 16 // HEADS
    q, k, v = dense(query, weights, "query"), dense(context, weights, "key"), dense(context, weights, "value")
    position_q, position_k = dense(vectors, weights, "query"), dense(vectors, weights, "key")
    attended = np.zeros((TIME, 16))
    for number in range(HEADS):
        own = slice(number * head, (number + 1) * head)
        for i in np.flatnonzero(real):
            scores = np.full(TIME, -np.inf)
            for j in np.flatnonzero(real):
                row = row_of(i - j)
                parts = q[i, own] @ k[j, own], q[i, own] @ position_k[row, own], position_q[row, own] @ k[j, own]
                scores[j] = sum(parts) / math.sqrt(3 * head)
            chances = np.exp(scores - scores.max())
            attended[i, own] = chances / chances.sum() @ v[:, own]
    x = layer_norm(query + dense(attended, weights, "attention/output"), weights, "attention_norm")
    more = dense(gelu(dense(x, weights, "feed_forward/intermediate")), weights, "feed_forward/output")
    return layer_norm(x + more, weights, "feed_forward_norm")


def test_the_logits_are_what_numpy_says():
    model, batch = model_of(), padded_batch()
    encoder, head = model.encoder, model.get_layer("masked_lm")
    block = {}
    for variable in encoder.blocks[-1].weights:
        path = variable.path.split("/")
        name = "/".join(path[-3:] if path[-2] in ("output", "intermediate") else path[-2:])
        block[name] = np.asarray(variable, "float64")
    relative = {"/".join(v.path.split("/")[-2:]): np.asarray(v, "float64") for v in encoder.weights
                if v.path.startswith("relative/")}  # fmt: skip
    vectors = layer_norm(relative["table/embeddings"], relative, "norm")
    before = encoder.trace()({name: batch[name] for name in encoder.input})["blocks"][-2]["output"]
    positions = np.asarray(model.get_layer("decoder_positions").position.embeddings, "float64")
    table, ours = np.asarray(encoder.embeddings.token.embeddings, "float64"), logits_of(model, batch)
    predict = weights_of(head)
    for row in range(2):
        context, real = np.asarray(before, "float64")[row], batch["padding_mask"][row]
        x = context + positions[:TIME]
        for _ in range(2):
            x = slow_block(x, context, real, block, vectors)
        x = x[batch["masked_positions"][row]]
        x = layer_norm(gelu(dense(x, predict, "dense")), predict, "norm")
        expected = x @ table.T + np.asarray(head.bias, "float64")
        # float32 against float64, of logits of some units.
        assert np.abs(ours[row] - expected).max() < 2e-4 * max(1, np.abs(expected).max())


@pytest.mark.parametrize("family", [Deberta, DebertaV1])
def test_a_position_reaches_the_predictions_that_are_made_there_alone(family):
    model, batch = model_of(family), padded_batch()
    before, table = logits_of(model, batch), model.get_layer("decoder_positions").position
    place = batch["masked_positions"][0, 0]
    changed = np.zeros((TIME, 16), "float32")
    changed[place] = np.linspace(-1, 1, 16)
    table.embeddings.assign(table.embeddings + changed)
    there = batch["masked_positions"] == place
    difference = np.abs(logits_of(model, batch) - before).max(-1)
    # float32: the same numbers in the same order elsewhere.
    assert difference[there].min() > 1e-3 and difference[~there].max() == 0


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes gradients through TensorFlow")
@pytest.mark.parametrize("family", [Deberta, DebertaV1])
def test_every_variable_has_a_gradient(family):
    import tensorflow as tf

    model, batch = model_of(family), padded_batch()
    with tf.GradientTape() as tape:
        outputs = model({name: batch[name] for name in model.input})
        loss = model.total(model.sums(outputs, batch, model.totals(batch)))
    found = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    for variable, gradient in zip(model.trainable_variables, found, strict=True):
        assert gradient is not None and np.abs(keras.ops.convert_to_numpy(gradient)).max() > 0, variable.path
    assert sum("decoder_positions" in variable.path for variable in model.trainable_variables) == 1


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="a part of make test-jax")
def test_learns_by_keras_own_step():
    keras.utils.set_random_seed(2)
    model, batch = attach(Deberta(**STILL, **V3), [EnhancedMaskedLM()]), padded_batch()
    model.compile(keras.optimizers.Adam(3e-3))
    x, y = {name: batch[name] for name in model.input}, {k: v for k, v in batch.items() if k not in model.input}
    history = model.fit(x, y, batch_size=6, epochs=60, verbose=0, shuffle=False).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]


def test_learns_by_fit_what_only_absolute_positions_tell():
    """Of rows of one piece, what stood at a place is a piece of its own: without positions all states are the same."""
    tf = pytest.importorskip("tensorflow")
    batch = padded_batch()
    batch["token_ids"][:], batch["padding_mask"][:], batch["masked_weights"][:] = 4, 1, 1
    batch["masked_ids"] = (batch["masked_positions"] + 10).astype("int32")
    keras.utils.set_random_seed(2)
    model = attach(Deberta(**STILL, max_distance=0), [EnhancedMaskedLM()])
    model.compile(keras.optimizers.Adam(1e-2))
    data = tf.data.Dataset.from_tensors(batch).repeat()
    history = model.fit(data, steps_per_epoch=40, epochs=2, verbose=0, shuffle=False).history
    shares = np.bincount(batch["masked_ids"].ravel()) / batch["masked_ids"].size
    best_without = -(shares[shares > 0] * np.log(shares[shares > 0])).sum()
    assert best_without > 2 and history["loss"][-1] < 0.5 * best_without


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (lambda: Bert(**SMALL), "Bert has such positions already. Expected a DeBERTa, or masked_lm"),
        (lambda: Deberta(**STILL, positions="learned"), "Deberta has such positions already"),
    ],
)
def test_other_encoders_are_refused(encoder, message):
    with pytest.raises(InputError, match=message):
        attach(encoder(), [EnhancedMaskedLM()])
