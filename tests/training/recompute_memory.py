"""Prints the megabytes that steps of eight blocks add to a process, those computed again first, as JSON.

A process of its own, run by test_recompute.py, since the most that a process held never falls.
"""

import json
import resource

import numpy as np
import tensorflow as tf

from keras_bert_suite import Bert
from keras_bert_suite.objectives import MaskedLM, attach
from keras_bert_suite.training.distribution import recompute

ROWS, TIME = 16, 256


def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def steps(remat):
    model = attach(Bert(50, dim=64, num_layers=8, num_heads=4, feed_forward_dim=128, max_length=TIME), [MaskedLM()])
    if remat:
        recompute(model.encoder.blocks)
    model.compile("sgd")
    batch = {name: np.ones((ROWS, TIME), "int32") for name in model.encoder.input}
    batch |= {name: np.ones((ROWS, 4), "int32") for name in ("masked_positions", "masked_ids", "masked_weights")}
    before = megabytes()
    model.fit(tf.data.Dataset.from_tensors(batch).repeat(), steps_per_epoch=2, verbose=0, shuffle=False)
    return before, megabytes()


if __name__ == "__main__":
    begin, again = steps(True)
    _, plain = steps(False)
    print(json.dumps({"again": again - begin, "plain": plain - begin}))
