"""Blocks that are computed again in the backward pass: the same training, and less memory."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_bert_suite import Albert, Bert, Encoder
from keras_bert_suite.objectives import MaskedLM, Objective, attach
from keras_bert_suite.training.distribution import recompute
from keras_bert_suite.training.optimizers import optimizer
from tests.checks import GOLDEN, golden
from tests.objectives.test_objectives import SMALL, batch_of

STEPS = 5


class States(Objective):
    """Of every family, without a head."""

    name = "states"

    def build(self, encoder, inputs):
        return encoder.output["sequence_output"]

    def losses(self, output, batch):
        return ops.reshape(ops.mean(ops.sin(output)), (1,))

    def weights(self, batch):
        return ops.ones((1,))


def trained(make, batch, remat, xla=False):
    """Losses and weights after some steps."""
    keras.utils.set_random_seed(2)
    model = make()
    if remat:
        recompute(model.encoder.blocks)
    model.compile(optimizer("adamw", 1e-2, weight_decay=0.0), steps_per_execution=STEPS)
    model.xla = xla
    model.fit(tf.data.Dataset.from_tensors(batch).repeat(), steps_per_epoch=STEPS, verbose=0, shuffle=False)
    return np.array(model.last_losses), model.get_weights()


@pytest.mark.parametrize(("family", "xla"), [(Bert, False), (Albert, False), (Bert, True)])
def test_training_with_dropout_is_the_same(family, xla):
    def make():
        return attach(family(**SMALL, dropout=0.2, attention_dropout=0.2), [MaskedLM()])

    plain, again = (trained(make, batch_of(), remat, xla) for remat in (False, True))
    # Float32; Adam makes steps of the same size of gradients of any size.
    assert np.abs(plain[0] - again[0]).max() <= 2e-6
    assert max(np.abs(a - b).max() for a, b in zip(plain[1], again[1], strict=True)) <= 2e-6


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.npz")))
def test_every_family_trains_the_same(name, tmp_path):
    inputs, _, _ = golden(name, tmp_path)
    batch = {name: np.asarray(array).astype("int32") for name, array in inputs.items()}

    def make():
        return attach(Encoder.from_preset(tmp_path, dropout=0.2), [States()])

    plain, again = (trained(make, batch, remat) for remat in (False, True))
    # Float32, five steps of Adam; a step changes the loss by more.
    np.testing.assert_allclose(again[0], plain[0], atol=1e-5)
    assert np.abs(np.diff(plain[0])).min() > 1e-4


@pytest.mark.slow
def test_memory_falls():
    script = Path(__file__).with_name("recompute_memory.py")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    # 420 and 796 MB when written, of which what TensorFlow takes for its first step is a part of both.
    assert found["again"] < 0.6 * found["plain"]
