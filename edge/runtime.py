"""Runs a `.tflite` file, by the shortest signature that fits: arrays in, scores out. numpy and LiteRT.

Of a model with early exit a file has a signature for each block and length: `serving_default` or `serving_length_N`
runs the embeddings and the first block, `stage_K_length_N` block K, from the `states` `(1, time, dim)` that the block
before it gave. Each gives the `scores` of its own classifier, and all but the last their `states`. Where a file takes
rows of any length, that is its one length, and `any` stands for N.
"""

import re

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from keras_bert_suite.errors import InputError
from keras_bert_suite.quiet import quiet
from keras_bert_suite.tasks.decoding import uncertainty

# The length of a signature that takes all.
ANY = -1
_NAMES = {"token_ids": "input_word_ids", "padding_mask": "input_mask", "segment_ids": "input_type_ids"}


class Runtime:
    """A model on the device runtime.

    Args:
        path: the `.tflite` file.
        threads: threads of the runtime.
        speed: of a model with early exit, the uncertainty, 0 to 1, below which no further block runs.
        longest: the longest row, for a file whose signature takes any length.

    Attributes:
        lengths: the lengths of the file's signatures, in order; `[longest]` where one takes any.
        dynamic: whether one takes any.

    Raises:
        InputError: the file is missing, cut off, or no TFLite model.
    """

    def __init__(self, path, threads=None, speed=0.0, longest=None):
        try:
            with quiet():
                self._interpreter = Interpreter(str(path), num_threads=threads)
                self._interpreter.allocate_tensors()
                signatures = self._interpreter.get_signature_list()
                runners = {name: self._interpreter.get_signature_runner(name) for name in signatures}
        except (ValueError, RuntimeError, OSError) as error:
            raise InputError(
                f"{path} is no TFLite model that runs here: {' '.join(str(error).split())[:200]}"
            ) from None
        if not runners:
            raise InputError(f"{path} has no signature; export it with kbs-export.")
        self._speed, self._runners = speed, {}
        for name in sorted(runners, key=stage):
            self._runners.setdefault(length(runners[name]), []).append(runners[name])
        self.dynamic = ANY in self._runners
        self.lengths = [longest] if self.dynamic else sorted(self._runners)

    def length_for(self, time):
        """The shortest length that takes so many ids: one of `lengths`, or `time` itself where all are taken."""
        shortest = next((each for each in self.lengths if each >= time), None)
        if shortest is None:
            raise InputError(f"Received {time} ids; the longest signature takes {self.lengths[-1]}.")
        return time if self.dynamic else shortest

    def run(self, arrays):
        """What the model gives for one row.

        Args:
            arrays: `token_ids`, `padding_mask` and `segment_ids`, int32 `(1, time)`; `time` as `length_for` gives.

        Returns:
            A dict of arrays with a first axis of 1, as `scores` `(1, labels)` or `(1, time, labels)`, float32; with
            early exit `scores` `(1, blocks, labels)`, of the blocks that ran.
        """
        first, *others = self._runners[ANY if self.dynamic else arrays["token_ids"].shape[1]]
        arrays = {_NAMES[name]: array for name, array in arrays.items()}
        found = _ask(first, arrays)
        if not others:
            return found
        scores = [found["scores"]]
        for runner in others:
            if uncertainty(scores[-1][0]) < self._speed:
                break
            found = _ask(runner, {**arrays, "states": found["states"]})
            scores.append(found["scores"])
        return {"scores": np.stack(scores, axis=1)}


def _ask(runner, arrays):
    wanted = runner.get_input_details()
    return runner(**{name: array for name, array in arrays.items() if name in wanted})


def length(runner):
    """The ids of a row that a signature takes, or `ANY`."""
    return int(next(iter(runner.get_input_details().values()))["shape_signature"][1])


def stage(name):
    """The number of the block that a signature runs."""
    found = re.match(r"stage_(\d+)_", name)
    return int(found[1]) if found else 0
