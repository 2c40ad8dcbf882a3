"""Text in, answers out, on the device runtime: `load("model.tflite")("a text")`. Neither Keras nor TensorFlow.

A pipeline may be asked from several threads, and from a program of asyncio (`await pipeline.answer("a text")`). One
with `workers=2` reads two texts at a time, each with an interpreter of its own over the same file.
"""

import asyncio
import contextlib
import queue
from concurrent.futures import ThreadPoolExecutor

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
        threads: threads of each interpreter; None for the runtime's default.
        workers: interpreters, each for one text at a time. On few cores `threads=1, workers=2` answers many texts
            sooner than `threads=2`, which answers one text sooner.

    Raises:
        InputError: the file is missing, cut off, or was not written by `kbs-export`.
    """

    def __init__(self, path, threads=None, workers=1):
        if workers < 1:
            raise InputError(f"Received workers={workers}; expected 1 or more.")
        files = metadata.read(path)
        about = files[metadata.ABOUT]
        if about["version"] not in (1, 2):
            raise InputError(f"{path} has metadata of version {about['version']}; this package reads 1 and 2.")
        self.task, self.max_length, self.about = about["task"], about["max_length"], about
        self.tokenizer = metadata.tokenizer_of(files)
        speed, longest = self.task.get("speed", 0.0), about["lengths"][-1]
        runtimes = [Runtime(path, threads, speed, longest) for _ in range(workers)]
        self.runtime = runtimes[0]
        self._idle = queue.SimpleQueue()
        for runtime in runtimes:
            self._idle.put(runtime)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="keras_bert_suite")

    def __call__(self, text, pair=None, choices=None):
        """The answer to a text, a pair, or a text with choices, a dict as `tasks.decoding.decode` gives."""
        item = Input(text, pair, choices)
        found = rows(self.task, self.tokenizer, [item], self.max_length)[0]
        return decode(self.task, [self.outputs(encoding) for encoding in found.encodings], found, item)

    async def answer(self, text, pair=None, choices=None):
        """The same, for a program of asyncio: other tasks run while it is awaited."""
        return await asyncio.wrap_future(self._pool.submit(self, text, pair, choices))

    def outputs(self, encoding):
        """What the model gives for one row, a dict of arrays."""
        length = self.runtime.length_for(len(encoding.ids))
        with self._a_runtime() as runtime:
            outputs = runtime.run(self.tokenizer.arrays([encoding], length))
        return of_row(self.task, self.tokenizer, outputs, 0, encoding, length)

    @contextlib.contextmanager
    def _a_runtime(self):
        """An interpreter for this thread alone: no interpreter runs two texts at once."""
        runtime = self._idle.get()
        try:
            yield runtime
        finally:
            self._idle.put(runtime)

    def predict(self, inputs, progress=iter, errors="raise"):
        """The answers to a list of inputs, in their order, as many at a time as there are `workers`.

        Args:
            inputs: a list of `Input`, or of tuples `(text, pair, choices)`, of which the last may be left out.
            progress: wraps the list, as `tqdm` does.
            errors: `"raise"`; or `"answer"`, where an input that cannot be answered has the answer `{"error"}`, a
                string, and the others are answered as ever.

        Raises:
            InputError: an input cannot be answered; the message begins with its number, from 1.
        """
        if errors not in ("raise", "answer"):
            raise InputError(f"Received errors={errors!r}; expected raise or answer.")
        futures = [self._pool.submit(self, *item) for item in inputs]
        answers = []
        try:
            for future in progress(futures):
                try:
                    answers.append(future.result())
                except InputError as error:
                    if errors == "raise":
                        raise InputError(f"Input {len(answers) + 1}: {error}") from None
                    answers.append({"error": str(error)})
        finally:
            for future in futures:
                future.cancel()
        return answers

    def embed(self, texts, progress=iter):
        """The vectors of a list of texts, float32 `(texts, dim)`; of a similarity model alone."""
        if self.task["name"] != "similarity":
            raise InputError(f"A model of the task {self.task['name']} gives no vectors; expected one of similarity.")
        return np.array([x["embedding"] for x in self.predict([(text,) for text in texts], progress)], "float32")


def load(path, threads=None, workers=1):
    """The `Pipeline` of a `.tflite` file."""
    return Pipeline(path, threads, workers)
