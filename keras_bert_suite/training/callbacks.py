"""Callbacks of `fit`: judge each epoch by the metric that counts, and go on after a kill."""

import json
import os
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np

from keras_bert_suite.checkpoints import writing
from keras_bert_suite.errors import InputError


class Judge(keras.callbacks.Callback):
    """Computes metrics at the end of each epoch; with patience, stops early and keeps the best epoch's weights.

    Args:
        evaluate: a function without arguments that gives a dict of numbers; the first is the one that counts, and
            higher is better.
        patience: epochs without a better value after which training stops; 0 for never, and the last epoch's
            weights are kept.
    """

    def __init__(self, evaluate, patience=0):
        super().__init__()
        self.evaluate, self.patience = evaluate, patience
        self.history, self.best_weights = [], None

    def on_epoch_end(self, epoch, logs=None):
        found = self.evaluate()
        self.history.append({"epoch": epoch + 1, "loss": float(logs["loss"]), **found})
        print(f"  epoch {epoch + 1}: " + ", ".join(f"{name} {value:.4f}" for name, value in found.items()), flush=True)
        if not self.patience:
            return
        if self.best()["epoch"] == epoch + 1:
            self.best_weights = self.model.get_weights()
        elif epoch + 1 - self.best()["epoch"] >= self.patience:
            self.model.stop_training = True

    def best(self):
        """The entry of `history` whose weights are kept."""
        return max(self.history, key=lambda entry: entry[self._metric]) if self.patience else self.history[-1]

    @property
    def _metric(self):
        return next(name for name in self.history[0] if name not in ("epoch", "loss"))

    def on_train_end(self, logs=None):
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class Resume(keras.callbacks.Callback):
    """Writes the whole state of a training after each epoch, and reads it again.

    The state is that of the model (the seeds of its dropout too), the optimizer, and a `Judge`: a run that was killed
    and goes on ends as an unbroken one does.

    Args:
        folder: where the state is kept while the training lasts.
        settings: a dict of what must be the same for a run to go on.
        judge: the `Judge` of the same `fit`, which comes before this callback.
    """

    def __init__(self, folder, settings, judge):
        super().__init__()
        self.folder, self.settings, self.judge = Path(folder), json.loads(json.dumps(settings)), judge

    def restore(self, model):
        """Fills a compiled model from the state, if there is one.

        Returns:
            The number of epochs that are done.

        Raises:
            InputError: the state belongs to other settings, or is damaged.
        """
        path = self.folder / "state.npz"
        if not path.exists():
            return 0
        try:
            with np.load(path) as state:
                about = json.loads(str(state["about"]))
                arrays = {name: state[name] for name in state.files if name != "about"}
        except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} is damaged ({error}); delete {self.folder} to begin anew.") from None
        differing = [name for name, value in self.settings.items() if about["settings"].get(name) != value]
        if differing:
            raise InputError(
                f"{self.folder} holds an unfinished training whose {', '.join(differing)} differed; "
                "run it with the same flags, or delete the folder to begin anew."
            )
        model.optimizer.build(model.trainable_variables)
        for name, variable in self._variables(model):
            variable.assign(arrays[name])
        self.judge.history = about["history"]
        if "best_0" in arrays:
            self.judge.best_weights = [arrays[f"best_{i}"] for i in range(len(model.get_weights()))]
        return about["epochs"]

    def on_epoch_end(self, epoch, logs=None):
        arrays = {name: np.asarray(variable) for name, variable in self._variables(self.model)}
        if self.judge.best_weights is not None:
            arrays.update({f"best_{i}": array for i, array in enumerate(self.judge.best_weights)})
        about = {"settings": self.settings, "epochs": epoch + 1, "history": self.judge.history}
        with writing.new_file(self.folder / "state.npz") as temporary, open(temporary, "wb") as file:
            np.savez(file, about=json.dumps(about), **arrays)

    @staticmethod
    def _variables(model):
        yield from ((f"model_{i}", variable) for i, variable in enumerate(_with_seeds(model)))
        yield from ((f"optimizer_{i}", variable) for i, variable in enumerate(model.optimizer.variables))

    def clear(self):
        """Removes the state: the training is done and its result written."""
        if os.path.isdir(self.folder):
            shutil.rmtree(self.folder)


def _with_seeds(model):
    # `model.weights` leaves out the states of dropout's random numbers.
    return [variable for layer in model.layers for variable in layer.variables]
