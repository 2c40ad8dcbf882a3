"""Callbacks of a long training: a line for each step, and checkpoints that it goes on from after a kill."""

import hashlib
import json
import math
import shutil
import time
from pathlib import Path

import keras
import numpy as np

from keras_bert_suite.checkpoints import writing
from keras_bert_suite.errors import InputError

PRINT_SECONDS = 10


class StepLog(keras.callbacks.Callback):
    """Writes a line of JSON for each step, and prints one every ten seconds.

    It has `step`, `loss`; and for the last of each execution `tokens_per_second`, the parts of the loss and
    `learning_rate`, that of the step that comes.

    Args:
        path: the file, to which lines are added. Those of steps that are to be done again are cut off.
        done: steps that are done.
        steps: all steps.
        tokens: token places of a step.
        chief: whether this process is the one that writes.

    Raises:
        InputError: a loss is no number; the line before it is the last.
    """

    def __init__(self, path, done, steps, tokens, chief=True):
        super().__init__()
        self.path, self.step, self.steps, self.tokens, self.chief = Path(path), done, steps, tokens, chief
        if chief:
            lines = self.path.read_text().splitlines() if self.path.exists() else []
            kept = [line for line in lines if _step(line) is not None and _step(line) <= done]
            with writing.new_file(self.path) as temporary:
                Path(temporary).write_text("".join(line + "\n" for line in kept))

    def on_train_begin(self, logs=None):
        self._file = open(self.path, "a") if self.chief else None
        self._since = self._printed = time.time()

    def on_train_batch_end(self, batch, logs=None):
        losses, now = self.model.last_losses, time.time()
        entries = [{"step": self.step + i, "loss": loss} for i, loss in enumerate(losses, 1)]
        entries[-1] |= {name: float(value) for name, value in logs.items()}
        entries[-1] |= {
            "learning_rate": float(self.model.optimizer.learning_rate),
            "tokens_per_second": round(self.tokens * len(losses) / (now - self._since)),
        }
        self.step, self._since = self.step + len(losses), now
        bad = next((entry for entry in entries if not math.isfinite(entry["loss"])), None)
        if self.chief:
            good = entries if bad is None else entries[: entries.index(bad)]
            self._file.write("".join(json.dumps(entry) + "\n" for entry in good))
            self._file.flush()
            if now - self._printed > PRINT_SECONDS or self.step >= self.steps:
                self._printed, rate = now, entries[-1]["tokens_per_second"]
                print(f"step {self.step} of {self.steps}: loss {losses[-1]:.4f}, {rate:,} tokens a second", flush=True)
        if bad is not None:
            raise InputError(
                f"The loss of step {bad['step']} is {bad['loss']}; begin again from the last checkpoint with a lower "
                "learning rate or a longer warm-up."
            )

    def on_train_end(self, logs=None):
        if self._file is not None:
            self._file.close()


def _step(line):
    # The last line of a file may be cut off by a kill.
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError):
        return None


class Checkpoints(keras.callbacks.Callback):
    """Writes the whole state of a training every so many steps, and finds the newest whole one again.

    A checkpoint is a folder `step_N` with `state.npz`, all variables of the model, of its dropout's seeds and of the
    optimizer, and `state.json`, which says the step, the settings and the SHA-256 of the former.

    Args:
        folder: where they are kept.
        settings: a dict of what must be the same for a run to go on.
        every: steps between two; the last step has one too.
        steps: all steps of the training.
        keep: how many are kept.
        chief: whether this process is the one that writes.
    """

    def __init__(self, folder, settings, every, steps, keep=2, chief=True):
        super().__init__()
        self.folder, self.settings = Path(folder), json.loads(json.dumps(settings))
        self.every, self.steps, self.keep, self.chief = every, steps, keep, chief
        self.step = 0

    def restore(self, model):
        """Fills a compiled model from the newest checkpoint that is whole, if there is one.

        Returns:
            The number of steps that are done.

        Raises:
            InputError: it belongs to other settings.
        """
        for place in sorted(self.folder.glob("step_*"), reverse=True):
            try:
                about = json.loads((place / "state.json").read_text())
                content = (place / "state.npz").read_bytes()
                whole = hashlib.sha256(content).hexdigest() == about["sha256"]
            except (OSError, ValueError, KeyError):
                whole = False
            if not whole:
                print(f"{place} is damaged; the one before it is taken.", flush=True)
                continue
            differing = [name for name, value in self.settings.items() if about["settings"].get(name) != value]
            if differing:
                raise InputError(
                    f"{place} is of a training whose {', '.join(differing)} differed; run it with the same flags, or "
                    f"delete {self.folder} to begin anew."
                )
            with np.load(place / "state.npz") as arrays:
                for name, variable in _variables(model):
                    variable.assign(arrays[name])
            self.step = about["step"]
            break
        return self.step

    def on_train_batch_end(self, batch, logs=None):
        before, self.step = self.step, self.step + len(self.model.last_losses)
        if self.step // self.every > before // self.every or self.step >= self.steps:
            self.write()

    def write(self):
        """Writes a checkpoint of the model as it is."""
        # All processes read the variables, some of which are spread over them; one writes.
        arrays = {name: np.asarray(variable) for name, variable in _variables(self.model)}
        if not self.chief:
            return
        with writing.new_folder(self.folder / f"step_{self.step:09}") as temporary:
            np.savez(temporary / "state.npz", **arrays)
            digest = hashlib.sha256((temporary / "state.npz").read_bytes()).hexdigest()
            about = {"step": self.step, "settings": self.settings, "sha256": digest}
            (temporary / "state.json").write_text(json.dumps(about, indent=1) + "\n")
        for old in sorted(self.folder.glob("step_*"))[: -self.keep]:
            shutil.rmtree(old)


def _variables(model):
    """All that a step reads and writes, with names."""
    yield from ((f"model_{i}", variable) for i, variable in enumerate(model.variables))
    yield from ((f"optimizer_{i}", variable) for i, variable in enumerate(model.optimizer.variables))
