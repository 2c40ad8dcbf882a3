"""Prints how far distilling vectors on two devices, in accumulated parts, is from the same on one, as JSON.

A process of its own, run by test_embeddings.py: logical devices are made before TensorFlow begins.
"""

import json

import keras
import numpy as np
import tensorflow as tf

from keras_bert_suite import Bert
from keras_bert_suite.distillation.distiller import CACHED, Distiller
from keras_bert_suite.distillation.embeddings import Similarities, SimilarityMargins, Vectors
from keras_bert_suite.distillation.losses import Cosine
from keras_bert_suite.distillation.traces import Traced, traced
from keras_bert_suite.tasks.similarity import Similarity
from keras_bert_suite.training.distribution import strategy_of
from keras_bert_suite.training.optimizers import optimizer
from tests.steps import Losses

VOCABULARY, TIME, BATCH, STEPS, WIDTH, GROUP = 50, 12, 16, 20, 24, 4


def data():
    random, rows = np.random.default_rng(0), BATCH * STEPS
    # Of the texts of one device fewer tokens are real.
    lengths = np.where(np.arange(rows) % BATCH < BATCH // 2, 3, random.integers(4, TIME + 1, rows))
    return tf.data.Dataset.from_tensor_slices(
        {
            "token_ids": random.integers(5, VOCABULARY, (rows, TIME)).astype("int32"),
            "segment_ids": np.zeros((rows, TIME), "int32"),
            "padding_mask": (np.arange(TIME) < lengths[:, None]).astype("int32"),
            CACHED + "embedding": random.normal(size=(rows, WIDTH)).astype("float32"),
            CACHED + "sequence_output": random.normal(size=(rows, TIME, WIDTH)).astype("float32"),
        }
    )


def train(strategy, accumulation):
    keras.utils.set_random_seed(1)
    with strategy.scope():
        encoder = Bert(
            vocab_size=VOCABULARY, dim=16, num_layers=2, num_heads=2, feed_forward_dim=32, max_length=TIME,
            dropout=0.0, attention_dropout=0.0,
        )  # fmt: skip
        shapes = {"embedding": (WIDTH,), "sequence_output": (None, WIDTH)}
        teacher = {name: keras.Input(shape, name=CACHED + name) for name, shape in shapes.items()}
        compared = [
            Vectors(projection="shared"),
            Similarities(GROUP, weight=10.0),
            SimilarityMargins(GROUP, weight=5.0),
            Cosine([("sequence_output", "sequence_output")], "shared", name="tokens"),
        ]
        student = traced(encoder, Similarity().build(encoder, 0.0))
        model = Distiller(student, Traced({}, teacher, None, 0), compared)
        model.compile(optimizer("adamw", 1e-3, clip_norm=0.3))
    model.accumulation, kept = accumulation, Losses()
    batches = data().batch(BATCH, drop_remainder=True)
    model.fit(batches, callbacks=[kept], shuffle=False, verbose=0)
    found = model.evaluate(batches.take(3), verbose=0, return_dict=True)
    return np.array(kept.losses + [found["loss"]]), model.get_weights()


if __name__ == "__main__":
    two = strategy_of("mirrored", 2)
    losses, weights = zip(train(strategy_of("one_device"), 1), train(two, 2), strict=True)
    assert len(losses[0]) == STEPS + 1
    found = {
        # Rounding is in proportion to the loss: that of one above 4 counts as if it were 4.
        "loss": float((np.abs(losses[0] - losses[1]) / np.maximum(losses[0] / 4, 1)).max()),
        "weights": float(max(np.abs(a - b).max() for a, b in zip(*weights, strict=True))),
        "losses": [float(losses[0][0]), float(losses[0][-1])],
    }
    print(json.dumps(found))
