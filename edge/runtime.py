"""Runs a `.tflite` file, by the shortest signature that fits: arrays in, scores out. numpy and LiteRT."""

from ai_edge_litert.interpreter import Interpreter

from keras_bert_suite.errors import InputError
from keras_bert_suite.quiet import quiet

_NAMES = {"token_ids": "input_word_ids", "padding_mask": "input_mask", "segment_ids": "input_type_ids"}


class Runtime:
    """A model on the device runtime.

    Args:
        path: the `.tflite` file.
        threads: threads of the runtime.

    Raises:
        InputError: the file is missing, cut off, or no TFLite model.
    """

    def __init__(self, path, threads=None):
        try:
            with quiet():
                self._interpreter = Interpreter(str(path), num_threads=threads)
                self._interpreter.allocate_tensors()
                signatures = self._interpreter.get_signature_list()
                runners = [self._interpreter.get_signature_runner(name) for name in signatures]
        except (ValueError, RuntimeError, OSError) as error:
            raise InputError(
                f"{path} is no TFLite model that runs here: {' '.join(str(error).split())[:200]}"
            ) from None
        if not runners:
            raise InputError(f"{path} has no signature; export it with kbs-export.")
        self._runners = {self._length(runner): runner for runner in runners}
        self.lengths = sorted(self._runners)

    @staticmethod
    def _length(runner):
        return int(next(iter(runner.get_input_details().values()))["shape"][1])

    def length_for(self, time):
        """The shortest of `lengths` that takes so many ids."""
        length = next((length for length in self.lengths if length >= time), None)
        if length is None:
            raise InputError(f"Received {time} ids; the longest signature takes {self.lengths[-1]}.")
        return length

    def run(self, arrays):
        """What the model gives for one row.

        Args:
            arrays: `token_ids`, `padding_mask` and `segment_ids`, int32 `(1, time)`; `time` one of `lengths`.

        Returns:
            A dict of arrays with a first axis of 1, as `scores` `(1, labels)` or `(1, time, labels)`, float32.
        """
        runner = self._runners[arrays["token_ids"].shape[1]]
        wanted = runner.get_input_details()
        return runner(**{_NAMES[name]: array for name, array in arrays.items() if _NAMES[name] in wanted})
