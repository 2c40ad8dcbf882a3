"""Text in, answers out, on the device runtime: `load("model.tflite")("a text")`. Neither Keras nor TensorFlow."""

from keras_bert_suite.edge import metadata
from keras_bert_suite.edge.runtime import Runtime
from keras_bert_suite.errors import InputError
from keras_bert_suite.tasks.decoding import decode


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

    def __call__(self, text, pair=None):
        """The answer to a text, or a pair of texts, a dict as `tasks.decoding.decode` gives."""
        encoding = self.tokenizer.encode(text, pair, self.max_length)
        length = self.runtime.length_for(len(encoding.ids))
        scores = self.runtime.run(self.tokenizer.arrays([encoding], length))
        scores = scores[self.tokenizer.place(encoding, length)] if scores.ndim == 2 else scores
        return decode(self.task, scores, encoding, text)

    def predict(self, inputs, progress=iter):
        """The answers to a list of `(text, pair)`; `progress` wraps the list, as `tqdm` does."""
        return [self(text, pair) for text, pair in progress(inputs)]


def load(path, threads=None):
    """The `Pipeline` of a `.tflite` file."""
    return Pipeline(path, threads)
