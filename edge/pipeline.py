"""Text in, answers out, on the device runtime: `load("model.tflite")("a text")`. Neither Keras nor TensorFlow."""

import numpy as np

from keras_bert_suite.edge import metadata
from keras_bert_suite.edge.runtime import Runtime
from keras_bert_suite.errors import InputError
from keras_bert_suite.tasks.decoding import decode, of_row
from keras_bert_suite.tasks.inputs import Input, rows


class Pipeline:
    """A `.tflite` file that answers.

    Args:
        path: a file that `kbs-export` wrote.
        threads: threads of the runtime; None for its default.

    Raises:
        InputError: the file is missing, cut off, or was not written by `kbs-export`.
    """

    def __init__(self, path, threads=None):
        files = metadata.read(path)
        about = files[metadata.ABOUT]
        if about["version"] != 1:
            raise InputError(f"{path} has metadata of version {about['version']}; this package reads version 1.")
        self.task, self.max_length, self.about = about["task"], about["max_length"], about
        self.tokenizer = metadata.tokenizer_of(files)
        self.runtime = Runtime(path, threads)

    def __call__(self, text, pair=None, choices=None):
        """The answer to a text, a pair, or a text with choices, a dict as `tasks.decoding.decode` gives."""
        item = Input(text, pair, choices)
        found = rows(self.task, self.tokenizer, [item], self.max_length)[0]
        return decode(self.task, [self.outputs(encoding) for encoding in found.encodings], found, item)

    def outputs(self, encoding):
        """What the model gives for one row, a dict of arrays."""
        length = self.runtime.length_for(len(encoding.ids))
        outputs = self.runtime.run(self.tokenizer.arrays([encoding], length))
        return of_row(self.task, self.tokenizer, outputs, 0, encoding, length)

    def predict(self, inputs, progress=iter):
        """The answers to a list of `Input` or tuples; `progress` wraps the list, as `tqdm` does."""
        return [self(*item) for item in progress(inputs)]

    def embed(self, texts, progress=iter):
        """The vectors of a list of texts, float32 `(texts, dim)`; of a similarity model alone."""
        if self.task["name"] != "similarity":
            raise InputError(f"A model of the task {self.task['name']} gives no vectors; expected one of similarity.")
        return np.array([self(text)["embedding"] for text in progress(texts)], "float32")


def load(path, threads=None):
    """The `Pipeline` of a `.tflite` file."""
    return Pipeline(path, threads)
