"""Prints how far a training on two devices is from the same on one, as JSON by optimizer.

A process of its own, run by test_optimizers.py: logical devices are made before TensorFlow begins.
"""

import json

import keras
import numpy as np
import tensorflow as tf

from keras_bert_suite.training.optimizers import optimizer
from keras_bert_suite.training.schedules import schedule

STEPS, BATCH = 20, 16


def train(strategy, name):
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    # Few ids, so that each row of the table is met several times in a batch.
    examples = random.integers(0, 12, (STEPS * BATCH, 6)), random.integers(0, 4, STEPS * BATCH)
    with strategy.scope():
        layers = keras.layers
        model = keras.Sequential(
            [layers.Embedding(12, 8), layers.LayerNormalization(), layers.Flatten(), layers.Dense(4)]
        )
        rates = schedule("linear", 0.1 if name == "sgd" else 0.02, STEPS, 4)
        # All gradients are longer than that.
        model.compile(optimizer(name, rates, clip_norm=0.1), keras.losses.SparseCategoricalCrossentropy(True))
    model.fit(tf.data.Dataset.from_tensor_slices(examples).batch(BATCH), shuffle=False, verbose=0)
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


if __name__ == "__main__":
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    found = {}
    for each in ("adamw", "stable_adamw", "lamb", "sgd"):
        one, two = (
            train(strategy, each)
            for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
        )
        found[each] = float(np.abs(one - two).max())
    print(json.dumps(found))
