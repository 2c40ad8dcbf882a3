"""Callbacks of a long training: a line for each step, and checkpoints that it goes on from after a kill."""

import contextlib
import hashlib
import json
import math
import os
import shutil
import time
from pathlib import Path

import keras
import numpy as np

from keras_bert_suite.checkpoints import writing
from keras_bert_suite.errors import InputError

PRINT_SECONDS = 10


@contextlib.contextmanager
def room_for(path):
    """Within it, that a file cannot be written, as where a disk is full, is an `InputError` that says what to do."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise InputError(
            f"{path} could not be written: {reason}. The last checkpoint is whole; make room, and give the same "
            "command again."
        ) from None


class StepLog(keras.callbacks.Callback):
    """Writes a line of JSON for each step, and prints one every ten seconds.

    It has `step`, `loss`; and for the last of each execution the parts of the loss, `learning_rate`, that of the step
    that comes, `tokens_per_second`, and `mfu`, the part of the devices' peak that the model's own operations are
    (Chowdhery et al. 2022, https://arxiv.org/abs/2204.02311, appendix B), where both are known.

    Args:
        path: the file, to which lines are added. Those of steps that are to be done again are cut off.
        done: steps that are done.
        steps: all steps.
        peak: operations a second of all devices, or None.
        board: a `Board` that is given the same numbers, or None.
        batch_of: a function from a step to the dict of arrays that it reads. Where a loss is no number, that of its
            step and that of the step before, whose update it came after, are written beside `path` as
            `bad_batch.npz`: `step`, `NAME` and `before/NAME`.
        chief: whether this process is the one that writes.

    Attributes:
        tokens: token places of a step, to be set before `fit`.
        flops: operations of a step, or None.

    Raises:
        InputError: a loss is no number, and the line before it is the last; or a file cannot be written.
    """

    tokens, flops = 0, None

    def __init__(self, path, done, steps, batch_of, peak=None, board=None, chief=True):
        super().__init__()
        self.path, self.step, self.steps, self.batch_of = Path(path), done, steps, batch_of
        self.peak, self.board, self.chief = peak, board, chief
        if chief:
            _cut(self.path, done)

    def on_train_begin(self, logs=None):
        self._file = open(self.path, "a") if self.chief else None
        self._since = self._printed = time.time()

    def on_train_batch_end(self, batch, logs=None):
        losses, now = self.model.last_losses, time.time()
        entries = [{"step": self.step + i, "loss": loss} for i, loss in enumerate(losses, 1)]
        entries[-1] |= {name: float(value) for name, value in logs.items()}
        pace = len(losses) / (now - self._since)
        entries[-1] |= {
            "learning_rate": float(self.model.optimizer.learning_rate),
            "tokens_per_second": round(self.tokens * pace),
        }
        if self.flops and self.peak:
            entries[-1]["mfu"] = float(f"{self.flops * pace / self.peak:.4g}")
        self.step, self._since = self.step + len(losses), now
        bad = next((entry for entry in entries if not math.isfinite(entry["loss"])), None)
        if self.chief:
            good = entries if bad is None else entries[: entries.index(bad)]
            with room_for(self.path):
                self._file.write("".join(json.dumps(entry) + "\n" for entry in good))
                self._file.flush()
            if self.board is not None:
                with room_for(self.board.folder):
                    self.board.write(good)
            if now - self._printed > PRINT_SECONDS or self.step >= self.steps:
                self._printed, last = now, entries[-1]
                line = f"loss {losses[-1]:.4f}, {last['tokens_per_second']:,} tokens a second"
                part = f", {last['mfu']:.1%} of the peak" if "mfu" in last else ""
                print(f"step {self.step} of {self.steps}: {line}{part}", flush=True)
        if bad is not None:
            raise InputError(
                f"The loss of step {bad['step']} is {bad['loss']}; {self._bad_batch(bad['step'])} has what it read. "
                "Begin again from the last checkpoint with a lower learning rate or a longer warm-up."
            )

    def _bad_batch(self, step):
        path = self.path.with_name("bad_batch.npz")
        if self.chief:
            arrays = {"step": step, **self.batch_of(step)}
            if step > 1:
                arrays |= {f"before/{name}": array for name, array in self.batch_of(step - 1).items()}
            with room_for(path), writing.new_file(path) as temporary, open(temporary, "wb") as file:
                np.savez(file, **arrays)
        return path

    def on_train_end(self, logs=None):
        if self._file is not None:
            self._file.close()
        if self.board is not None:
            with room_for(self.board.folder):
                self.board.flush()


class HeldOut(keras.callbacks.Callback):
    """Judges the model on text that it does not learn from, every so many steps and after the last one.

    Each time it adds a line of JSON: `step`, `loss` and its parts.

    Args:
        path: the file. Lines of steps that are to be done again are cut off.
        done: steps that are done.
        every: steps between two.
        steps: all steps.
        evaluate: a function to a dict of numbers, of which the first is printed.
        board: a `Board` that is given the same numbers, as `held_out/loss` and so on, or None.
        chief: whether this process is the one that writes.
        at_start: whether the model is judged before the first step too.
    """

    def __init__(self, path, done, every, steps, evaluate, board=None, chief=True, at_start=False):
        super().__init__()
        self.path, self.step, self.every, self.steps = Path(path), done, every, steps
        self.evaluate, self.board, self.chief, self.at_start = evaluate, board, chief, at_start
        if chief:
            _cut(self.path, done)

    def on_train_batch_end(self, batch, logs=None):
        before, self.step = self.step, self.step + len(self.model.last_losses)
        if self.step // self.every > before // self.every or self.step >= self.steps:
            self._judge()

    def on_train_begin(self, logs=None):
        if self.at_start and not self.step:
            self._judge()

    def _judge(self):
        found = {name: float(value) for name, value in self.evaluate().items()}
        if not self.chief:
            return
        with room_for(self.path), open(self.path, "a") as file:
            file.write(json.dumps({"step": self.step, **found}) + "\n")
        if self.board is not None:
            with room_for(self.board.folder):
                self.board.write([{"step": self.step, **{f"held_out/{name}": x for name, x in found.items()}}])
        name, value = next(iter(found.items()))
        print(f"step {self.step} of {self.steps}: held-out {name} {value:.4f}", flush=True)


def _cut(path, done):
    """Takes the lines of later steps, and one that a kill cut off, from a file of lines."""
    lines = path.read_text().splitlines() if path.exists() else []
    kept = [line for line in lines if _step(line) is not None and _step(line) <= done]
    with room_for(path), writing.new_file(path) as temporary:
        Path(temporary).write_text("".join(line + "\n" for line in kept))


def _step(line):
    # The last line of a file may be cut off by a kill.
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError):
        return None


class Checkpoints(keras.callbacks.Callback):
    """Writes the whole state of a training every so many steps, and finds the newest whole one again.

    A checkpoint is whole or not there, whenever the process is killed: a folder `step_N` with `state.npz`, all
    variables of the model, of its dropout's seeds and of the optimizer, and `state.json`, which says the step, the
    settings and the SHA-256 of the former.

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
        if self.chief:
            # What a kill left of checkpoints that it interrupted.
            for rest in self.folder.glob(".step_*"):
                shutil.rmtree(rest)
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
        """Writes a checkpoint of the model as it is.

        Raises:
            InputError: there is no room for it; those before it stay.
        """
        # All processes read the variables, some of which are spread over them; one writes.
        arrays = {name: np.asarray(variable) for name, variable in _variables(self.model)}
        if not self.chief:
            return
        place = self.folder / f"step_{self.step:09}"
        with room_for(place), writing.new_folder(place) as temporary:
            np.savez(temporary / "state.npz", **arrays)
            digest = hashlib.sha256((temporary / "state.npz").read_bytes()).hexdigest()
            about = {"step": self.step, "settings": self.settings, "sha256": digest}
            (temporary / "state.json").write_text(json.dumps(about, indent=1) + "\n")
        # Later ones are damaged, or this step would not have been done again.
        for old in sorted(path for path in self.folder.glob("step_*") if path <= place)[: -self.keep]:
            shutil.rmtree(old)


def _variables(model):
    """All that a step reads and writes, with names."""
    yield from ((f"model_{i}", variable) for i, variable in enumerate(model.state))
    yield from ((f"optimizer_{i}", variable) for i, variable in enumerate(model.optimizer.variables))
