"""The runtimes that `benchmark` compares: one model, loaded in a process of its own, so that its memory is its own.

A runner has `prepare(arrays)`, `run(prepared)`, `arrays(outputs)` and `size()`: only `run` is timed. Arrays are the
encoder's, int32 `(1, time)`; what is not LiteRT gives the encoder's outputs, without the task's head.
"""

import dataclasses
import gc
import importlib.util
import io
import multiprocessing
import signal
import statistics
import sys
import time
from pathlib import Path

from keras_bert_suite.errors import InputError
from keras_bert_suite.quiet import quiet

# Libraries that take part, with what each needs to be installed.
NEEDS = {
    "onnxruntime": ("onnxruntime", "onnx", "torch", "transformers"),
    "torch": ("torch", "transformers"),
    "keras_hub": ("keras_hub",),
}
_LOADS = 5
_NAMES = {"token_ids": "input_ids", "padding_mask": "attention_mask", "segment_ids": "token_type_ids"}
_OUTPUTS = {"last_hidden_state": "sequence_output", "pooler_output": "pooled_output"}


@dataclasses.dataclass(frozen=True)
class Contender:
    """A model in a form that a runtime loads.

    Args:
        name: what tables call it.
        library: `"litert"`, `"onnxruntime"` or `"torch"`.
        path: a `.tflite` or `.onnx` file; of torch a folder that transformers loads.
        quantization: `"float32"`, `"dynamic_int8"`, or what else a `.tflite` file says of itself.
        lengths: the lengths that it takes, in order; None for any.
        source: what it is: `"ours"`, or one of `NEEDS`.
        speed: see `Runtime`.
    """

    name: str
    library: str
    path: str
    quantization: str
    lengths: tuple | None
    source: str
    speed: float = 0.0

    def width(self, time, padded=None):
        """The ids that a row of `time` ids takes here, or None where it takes no such row; `padded` where any will."""
        if self.lengths is None:
            return padded or time
        return next((length for length in self.lengths if length >= time), None)


def missing(library):
    """The packages that one of `NEEDS` lacks here."""
    return [name for name in NEEDS[library] if importlib.util.find_spec(name) is None]


class _LiteRT:
    def __init__(self, contender, threads):
        from keras_bert_suite.edge.runtime import Runtime

        self._path, self._runtime = contender.path, Runtime(contender.path, threads, contender.speed)

    def prepare(self, arrays):
        return arrays

    def run(self, arrays):
        return self._runtime.run(arrays)

    def arrays(self, outputs):
        return outputs

    def size(self):
        return Path(self._path).stat().st_size


class _OnnxRuntime:
    def __init__(self, contender, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self._path = contender.path
        self._session = onnxruntime.InferenceSession(contender.path, options, providers=["CPUExecutionProvider"])
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._inputs = {each.name for each in self._session.get_inputs()}

    def prepare(self, arrays):
        return {_NAMES[name]: x.astype("int64") for name, x in arrays.items() if _NAMES[name] in self._inputs}

    def run(self, arrays):
        return self._session.run(None, arrays)

    def arrays(self, outputs):
        return dict(zip(self._outputs, outputs, strict=True))

    def size(self):
        return Path(self._path).stat().st_size


class _Torch:
    def __init__(self, contender, threads):
        import inspect

        import torch

        torch.set_num_threads(threads)
        model = _from_transformers(contender.path)
        self._inputs = set(inspect.signature(model.forward).parameters)
        if contender.quantization == "dynamic_int8":
            model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
        self._torch, self._model = torch, model

    def prepare(self, arrays):
        return {
            _NAMES[name]: self._torch.from_numpy(x.astype("int64"))
            for name, x in arrays.items()
            if _NAMES[name] in self._inputs
        }

    def run(self, arrays):
        with self._torch.inference_mode():
            return self._model(**arrays)

    def arrays(self, outputs):
        return {ours: outputs[theirs].numpy() for theirs, ours in _OUTPUTS.items() if outputs.get(theirs) is not None}

    def size(self):
        file = io.BytesIO()
        self._torch.save(self._model.state_dict(), file)
        return file.tell()


_RUNNERS = {"litert": _LiteRT, "onnxruntime": _OnnxRuntime, "torch": _Torch}


def _from_transformers(folder):
    import transformers

    transformers.logging.set_verbosity_error()
    return transformers.AutoModel.from_pretrained(folder).eval()


def export_onnx(folder, path, names):
    """Writes an encoder that transformers loads as two files for ONNX Runtime: float32, and dynamic int8.

    Args:
        folder: of `config.json` and `model.safetensors`.
        path: the file for float32.
        names: the encoder's inputs, as `token_ids`.

    Returns:
        The paths of both, a dict by quantization.
    """
    import torch
    from onnxruntime.quantization import quantize_dynamic

    class Encoder(torch.nn.Module):
        """Positional in, a tuple out: what the exporter names."""

        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, *arrays):
            outputs = self.model(**dict(zip(inputs, arrays, strict=True)))
            return tuple(outputs[name] for name in _OUTPUTS if outputs.get(name) is not None)

    inputs, model = [_NAMES[name] for name in names], _from_transformers(folder)
    rows = tuple(torch.ones(1, 16, dtype=torch.int64) for _ in names)
    pooled = getattr(model, "pooler", None) is not None
    paths = {"float32": str(path), "dynamic_int8": str(Path(path).with_suffix(".int8.onnx"))}
    torch.onnx.export(
        Encoder(model),
        rows,
        paths["float32"],
        input_names=inputs,
        output_names=list(_OUTPUTS.values())[: 1 + pooled],
        dynamic_axes={name: {1: "time"} for name in [*inputs, "sequence_output"]},
        # The exporter by tracing needs no further package, and both give the same graph of products.
        dynamo=False,
    )
    quantize_dynamic(paths["float32"], paths["dynamic_int8"])
    return paths


class Process:
    """A process that runs one contender, or one call; `ask` is a call that waits for the answer.

    Args:
        name: what errors call it.
    """

    def __init__(self, name):
        # A fresh interpreter: what the parent has loaded is neither in its memory nor in its way.
        context = multiprocessing.get_context("spawn")
        self.name, (self._connection, theirs) = name, context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, what, *arguments):
        """What `_Server.<what>` gives.

        Raises:
            InputError: it failed, or the process ended.
        """
        try:
            self._connection.send((what, arguments))
            error, answer = self._connection.recv()
        except (EOFError, OSError):
            raise InputError(f"{self.name}: its process ended by itself.") from None
        if error:
            raise InputError(f"{self.name}: {error}")
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._connection.close()
        self._process.terminate()
        self._process.join()


def _serve(connection):
    # The parent is told of Ctrl-C, and closes the connection.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = _Server()
    while True:
        try:
            what, arguments = connection.recv()
        except EOFError:
            return
        try:
            with quiet():
                answer = None, getattr(server, what)(*arguments)
        # Whatever a library raises: the parent says it in one line.
        except Exception as error:
            answer = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}", None
        connection.send(answer)


class _Server:
    """What a `Process` can be asked."""

    def export_onnx(self, folder, path, names):
        return export_onnx(folder, path, names)

    def load(self, contender, threads):
        """Loads a contender; gives milliseconds, of the first time, in which its libraries are imported too."""
        self._contender, self._threads, self._before = contender, threads, peak()
        self._work, self._runner, milliseconds = {}, *self._loaded()
        return milliseconds

    def _loaded(self):
        start = time.perf_counter()
        runner = _RUNNERS[self._contender.library](self._contender, self._threads)
        return runner, 1000 * (time.perf_counter() - start)

    def keep(self, name, rows):
        """Keeps rows, a list of dicts of arrays, under a name, and runs each once."""
        self._work[name] = [self._runner.prepare(arrays) for arrays in rows]
        for row in self._work[name]:
            self._runner.run(row)

    def time(self, name, calls):
        """The milliseconds of the rows of a name, `calls` times over, after one that is not counted."""
        rows, times = self._work[name], []
        self._runner.run(rows[0])
        for row in rows * calls:
            start = time.perf_counter()
            self._runner.run(row)
            times.append(1000 * (time.perf_counter() - start))
        return times

    def outputs(self, arrays):
        """What the model gives for a row, a dict of arrays."""
        return self._runner.arrays(self._runner.run(self._runner.prepare(arrays)))

    def figures(self):
        """Size, memory and loading time; the memory is that of loading and of all that has been run, so ask last."""
        megabytes = {"peak_mb": peak() / 1e6, "model_mb": (peak() - self._before) / 1e6}
        size, times = self._runner.size() / 1e6, []
        for _ in range(_LOADS):
            # Not beside the one before: a second copy would be charged for the first one's memory.
            self._runner = None
            gc.collect()
            self._runner, milliseconds = self._loaded()
            times.append(milliseconds)
        return {"megabytes": size, "load_ms": statistics.median(times), **megabytes}


def peak():
    """The largest memory that this process has held so far, in bytes."""
    try:
        # getrusage tells on Linux of the process that this one was started from, too.
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
