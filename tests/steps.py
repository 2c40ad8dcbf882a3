"""What tests of training steps share: the loss of each step, and scripts that need a process of their own."""

import json

import keras

from tests import processes


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
    done = processes.run(script, map(json.dumps, arguments))
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
