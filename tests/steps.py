"""What tests of training steps share: the loss of each step, and scripts that need a process of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras

ROOT = Path(__file__).parents[1]


class Losses(keras.callbacks.Callback):
    """Keeps the loss of each step of a `GlobalStep`, a list of floats, as `losses`."""

    def on_train_begin(self, logs=None):
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.extend(self.model.last_losses)


def printed(script, *arguments):
    """Runs a script, which may import `tests`, and gives what its last line says in JSON.

    Args:
        script: its path.
        *arguments: what it is given, each as JSON.
    """
    command = [sys.executable, str(script), *map(json.dumps, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
