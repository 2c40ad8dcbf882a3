"""Prints how far distillation on two devices is from the same on one, as JSON by case.

A process of its own, run by test_distiller.py: logical devices are made before TensorFlow begins. Its argument is the
names of the cases, as JSON.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

from keras_bert_suite import Bert, heads
from keras_bert_suite.distillation.distiller import Distiller
from keras_bert_suite.distillation.losses import (
    AttentionDistributions,
    AttentionScores,
    Cosine,
    FeatureStatistics,
    HiddenStates,
    Labels,
    Relations,
    SoftLabels,
)
from keras_bert_suite.distillation.traces import traced
from keras_bert_suite.training.distribution import strategy_of
from keras_bert_suite.training.optimizers import optimizer
from tests.steps import Losses

VOCABULARY, TIME, BATCH, UNITS, STEPS = 50, 12, 16, 3, 20
SMALL = {"vocab_size": VOCABULARY, "num_heads": 4, "max_length": TIME, "dropout": 0.0, "attention_dropout": 0.0}
LAST = [("sequence_output", "sequence_output")]


def labels():
    return Labels(keras.losses.SparseCategoricalCrossentropy(from_logits=True))


# The width of the student, of a teacher of 24, and the losses.
CASES = {
    "tinybert": (
        16,
        lambda: [
            HiddenStates([("embeddings", "embeddings"), (0, 1), (1, 3)], projection="shared"),
            AttentionScores([(0, 1), (1, 3)]),
        ],
    ),
    "minilm_v1": (16, lambda: [AttentionDistributions([(1, 3)]), Relations([(1, 3)], of=("value",))]),
    "minilm_v2": (16, lambda: [Relations([(1, 3)], heads=8)]),
    "distilbert": (24, lambda: [SoftLabels(temperature=2.0, weight=5.0), labels(), Cosine(LAST)]),
    "soft labels": (16, lambda: [SoftLabels(), labels()]),
    "mobilebert": (
        24,
        lambda: [
            HiddenStates([(0, 1), (1, 3)], normalize=True, weight=100.0),
            FeatureStatistics([(0, 1), (1, 3)]),
            AttentionDistributions([(0, 1), (1, 3)]),
        ],
    ),
}


def data():
    random, rows = np.random.default_rng(0), BATCH * STEPS
    # The halves of a batch have different numbers of tokens, and different weights.
    half = np.arange(rows)[:, None] % BATCH >= BATCH // 2
    mask = np.arange(TIME) < random.integers(np.where(half, 2, TIME - 2), np.where(half, 6, TIME + 1))
    arrays = {
        "token_ids": random.integers(5, VOCABULARY, (rows, TIME)) * mask,
        "padding_mask": mask,
        "segment_ids": (np.arange(TIME) > 4) * mask,
        "logits_labels": random.integers(0, UNITS, rows),
    }
    arrays = {name: array.astype("int32") for name, array in arrays.items()}
    weights = random.random(rows) * (random.random(rows) < 0.7) * np.where(half[:, 0], 3.0, 0.3)
    return tf.data.Dataset.from_tensor_slices({**arrays, "logits_weights": weights.astype("float32")})


def build(dim, num_layers):
    encoder = Bert(**SMALL, dim=dim, num_layers=num_layers, feed_forward_dim=2 * dim)
    model = heads.attach(encoder, "classification", UNITS)
    for variable in model.trainable_variables:
        # At first all states of a new model are alike, and losses and gradients near zero.
        if "kernel" in variable.path:
            variable.assign(variable * 5.0)
    return traced(encoder, model)


def train(strategy, case):
    keras.utils.set_random_seed(1)
    width, losses = CASES[case]
    with strategy.scope():
        model = Distiller(build(width, 2), build(24, 4), losses())
        model.compile(optimizer("adamw", 1e-3, clip_norm=1.0))
    kept, batches = Losses(), data().batch(BATCH, drop_remainder=True)
    model.fit(batches, callbacks=[kept], shuffle=False, verbose=0)
    found = model.evaluate(batches.take(3), verbose=0, return_dict=True)
    # The bias of keys moves all scores of a query alike: of a softmax over them its gradient is rounding, which Adam
    # makes steps of.
    weights = [variable for variable in model.weights if not variable.path.endswith("block_1/attention/key/bias")]
    return np.array(kept.losses + [found["loss"]]), [np.asarray(variable) for variable in weights]


if __name__ == "__main__":
    two, found = strategy_of("mirrored", 2), {}
    for case in json.loads(sys.argv[1]):
        losses, weights = zip(train(strategy_of("one_device"), case), train(two, case), strict=True)
        assert len(losses[0]) == len(losses[1]) == STEPS + 1
        found[case] = {
            # Rounding is in proportion to the loss: that of one above 4 counts as if it were 4.
            "loss": float((np.abs(losses[0] - losses[1]) / np.maximum(losses[0] / 4, 1)).max()),
            "weights": float(max(np.abs(a - b).max() for a, b in zip(*weights, strict=True))),
        }
    print(json.dumps(found))
