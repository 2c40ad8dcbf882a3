"""Blocks that are computed again in the backward pass: the same gradients, and less memory."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_suite import Albert, Bert
from keras_bert_suite.objectives import MaskedLM, attach
from keras_bert_suite.training.distribution import recompute
from keras_bert_suite.training.optimizers import optimizer
from tests.objectives.test_objectives import SMALL, batch_of


def losses(family, remat, xla=False):
    keras.utils.set_random_seed(2)
    model = attach(family(**SMALL, dropout=0.2, attention_dropout=0.2), [MaskedLM()])
    if remat:
        recompute(model.encoder.blocks)
    model.compile(optimizer("adamw", 1e-2))
    model.xla = xla
    data = tf.data.Dataset.from_tensors(batch_of()).repeat()
    found = []
    for _ in range(5):
        model.fit(data, steps_per_epoch=1, verbose=0, shuffle=False)
        found += model.last_losses
    return np.array(found), model.get_weights()


@pytest.mark.parametrize(("family", "xla"), [(Bert, False), (Albert, False), (Bert, True)])
def test_training_with_dropout_is_the_same(family, xla):
    plain, again = (losses(family, remat, xla) for remat in (False, True))
    # Float32; Adam makes steps of the same size of gradients of any size.
    assert np.abs(plain[0] - again[0]).max() <= 2e-6
    assert max(np.abs(a - b).max() for a, b in zip(plain[1], again[1], strict=True)) <= 2e-6


@pytest.mark.slow
def test_memory_falls():
    script = Path(__file__).with_name("recompute_memory.py")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    print(found)
    assert found["again"] < 0.5 * found["plain"]
