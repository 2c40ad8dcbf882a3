"""`.tflite` files measured: latency, size, memory and accuracy, side by side with other runtimes.

The machine is taken to be noisy. Each contender is loaded in a process of its own; in each round all of them run the
same rows one after another in a random order; what counts are medians, and of two contenders the median over the
rounds of the ratio within a round.
"""

import contextlib
import dataclasses
import importlib.metadata
import os
import platform
import random
import sys
from pathlib import Path

import numpy as np

from keras_bert_suite.edge import contenders, inspection, pipeline
from keras_bert_suite.edge.contenders import Contender, Process
from keras_bert_suite.errors import InputError
from keras_bert_suite.tasks.inputs import rows

QUANTIZATIONS = ("float32", "dynamic_int8")
TEXTS = "texts"
# What MiniLM-L6 as dynamic int8 should reach on one thread: of whom, on which of our rows and of theirs, at most.
BARS = (
    ("onnxruntime dynamic_int8", "128", "128", 0.6),
    ("keras_hub dynamic_int8", "128", "128", 0.75),
    ("onnxruntime dynamic_int8", TEXTS, "texts in 128", 0.4),
    ("onnxruntime dynamic_int8", TEXTS, TEXTS, 1.0),
)
_CALLS = 3
_PACKAGES = ("ai-edge-litert", "keras", "tensorflow", "onnxruntime", "torch", "transformers", "keras-hub", "numpy")


def benchmark(
    paths,
    threads=(1,),
    lengths=None,
    inputs=(),
    judge=None,
    trained=None,
    against=(),
    folder=None,
    rounds=20,
    texts=50,
    progress=iter,
    say=print,
):
    """Measures files, and the same model in other runtimes.

    Args:
        paths: files that `kbs-export` wrote.
        threads: numbers of threads.
        lengths: numbers of ids; None for those of the files.
        inputs: a list of `Input`, real texts; of them `texts` are timed, which have the lengths of all of them.
        judge: a function from the answers to `inputs` to figures, a dict, of which the first counts; or None.
        trained: the `TaskModel` of the files, which the other runtimes are given; None without `against`.
        against: of `contenders.NEEDS`, those to compare with.
        folder: an empty folder for what the other runtimes load.
        rounds: how often all are timed.
        texts: how many of `inputs` are timed.
        progress: wraps a list, as `tqdm` does.
        say: is told in a line what is done next, and what is left out.

    Returns:
        A dict: `machine`, `contenders` (a list: `name`, `source`, `quantization`, `megabytes`, `load_ms`, `peak_mb`,
        `model_mb`, `nodes` and `xnnpack` of a file's first graph, `accuracy`, and `latency`: by thread, by what was
        run, `p10`, `p50`, `p90`, in milliseconds), `ratios` (a list: `file`, `against`, `threads`, `ours`, `theirs`,
        `p10`, `p50`, `p90`) and `left_out`, a list of lines.

    Raises:
        InputError: a file is no such file, or none of a runtime's.
    """
    if set(against) - set(contenders.NEEDS):
        raise InputError(f"Received {', '.join(against)} to compare with; expected of {', '.join(contenders.NEEDS)}.")
    ours = {str(path): pipeline.load(path) for path in paths}
    found = [
        Contender(
            *(path, "litert", path, model.about["quantization"]),
            *(None if model.runtime.dynamic else tuple(model.runtime.lengths), "ours"),
            speed=model.task.get("speed", 0.0),
        )
        for path, model in ours.items()
    ]
    first = ours[found[0].path]
    padded = first.runtime.lengths[-1]
    if trained is not None:
        if trained.task.config != first.task:
            raise InputError(f"{paths[0]} was exported from another model: its task or its labels differ.")
        trained = dataclasses.replace(trained, max_length=first.max_length)
    of_files = [length for model in ours.values() for length in model.runtime.lengths]
    lengths = sorted(set(lengths or of_files))
    if lengths[0] < 1 or lengths[-1] > max(of_files):
        raise InputError(f"Received lengths {lengths}; expected 1 to those of the files.")
    others, left_out = [], []
    for library in against:
        lacking = contenders.missing(library)
        try:
            if lacking:
                raise InputError(f"{', '.join(lacking)}: not installed; pip install 'keras_bert_suite[benchmark]'")
            say(f"making the model of {library}")
            others += prepare(trained, library, folder, first.runtime.lengths)
        except InputError as error:
            left_out.append(f"{library} is left out: {error}")
            say(left_out[-1])
    models = {each.name: ours.get(each.name, trained) for each in (*found, *others)}
    timed = _of_all_lengths(first, inputs, texts) if inputs else ()
    work = {
        each.name: work_of(each, models[each.name], lengths, timed, padded if each.library == "onnxruntime" else None)
        for each in (*found, *others)
    }
    times, results = {}, {}
    for number in threads:
        say(f"timing {len(work)} contenders on {number} thread(s), {rounds} rounds")
        times[number], figures = _rounds([*found, *others], work, number, rounds, progress)
        for name, value in figures.items():
            results.setdefault(name, value)
    for each in (*found, *others):
        entry = results[each.name]
        entry.update(name=each.name, source=each.source, quantization=each.quantization)
        if each.library == "litert":
            graph = inspection.inspect(each.path)["graphs"][0]
            entry["nodes"] = sum(graph["operations"].values())
            entry["xnnpack"] = entry["nodes"] - sum(graph["outside"].values())
            entry["partitions"] = graph["partitions"]
        entry["latency"] = {
            str(number): {key: percentiles(np.concatenate(value)) for key, value in found_times[each.name].items()}
            for number, found_times in times.items()
        }
        if judge is not None:
            say(f"judging {each.name} on {len(inputs)} inputs")
            entry["accuracy"] = judge(_answers(each, trained, inputs, threads[-1], progress))
    return {
        "machine": machine(),
        "rounds": rounds,
        "texts": len(timed),
        "contenders": [results[each.name] for each in (*found, *others)],
        "ratios": [
            {"file": each.name, "against": other.name, "threads": number, "ours": ours_key, "theirs": theirs_key}
            | percentiles(ratio(of_number[each.name][ours_key], of_number[other.name][theirs_key], ours_key))
            for number, of_number in times.items()
            for each in found
            for other in others
            for theirs_key in of_number[other.name]
            for ours_key in [TEXTS if theirs_key.startswith(TEXTS) else theirs_key]
            if ours_key in of_number[each.name]
        ],
        "left_out": left_out,
    }


def prepare(trained, library, folder, lengths):
    """The model in the forms that another library runs, a list of `Contender`.

    Args:
        trained: the `TaskModel`.
        library: one of `contenders.NEEDS`.
        folder: where to write.
        lengths: of keras-hub's export.

    Raises:
        InputError: the library has no such model.
    """
    source = Path(folder) / "transformers"
    unknown = set(trained.encoder.input) - {"token_ids", "padding_mask", "segment_ids"}
    if unknown:
        raise InputError(f"an encoder that reads {', '.join(unknown)} is not compared.")
    if not source.exists():
        trained.encoder.save_preset(source, tokenizer=trained.tokenizer, format="huggingface")
    if library == "keras_hub":
        return _keras_hub(trained, source, folder, lengths)
    paths = dict.fromkeys(QUANTIZATIONS, str(source))
    if library == "onnxruntime":
        with Process("the export for onnxruntime") as process:
            paths = process.ask("export_onnx", str(source), f"{folder}/model.onnx", list(trained.encoder.input))
    found = [Contender(f"{library} {kind}", library, path, kind, None, library) for kind, path in paths.items()]
    for contender in found:
        # One that does not load here is known before anything is timed.
        with Process(contender.name) as process:
            process.ask("load", contender, 1)
    return found


def _keras_hub(trained, source, folder, lengths):
    """keras-hub's backbone with the encoder's own weights and the task's head, as `.tflite` by our converter."""
    import keras
    import keras_hub

    from keras_bert_suite.edge import export

    try:
        backbone = keras_hub.models.Backbone.from_preset(str(source))
        outputs = backbone.output if isinstance(backbone.output, dict) else {"sequence_output": backbone.output}
        read = {**trained.encoder.input, **outputs, **backbone.input}
        head = head_of(trained)
        model = keras.Model(backbone.input, head([read[name] for name in _read_by_head(trained)]))
    # Of a family that it does not have, or whose outputs the head does not read.
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"it has no such model: {' '.join(str(error).split())[:200]}") from None
    backbone.max_length = trained.encoder.max_length
    found = []
    for kind in QUANTIZATIONS:
        path = f"{folder}/keras_hub.{kind}.tflite"
        export.export(dataclasses.replace(trained, encoder=backbone, model=model), path, kind, lengths)
        found.append(Contender(f"keras_hub {kind}", "litert", path, kind, tuple(sorted(lengths)), "keras_hub"))
    return found


def _read_by_head(trained):
    return [*trained.encoder.input, *trained.encoder.output]


def head_of(trained):
    """The task's head alone: a `keras.Model` from the encoder's inputs, then its outputs, to what the model gives."""
    import keras

    return keras.Model([*trained.encoder.input.values(), *trained.encoder.output.values()], trained.model.output)


class _Elsewhere:
    """A model whose encoder runs in a `Process`, and whose head runs here."""

    def __init__(self, process, trained):
        self._process, self._head, self._read = process, head_of(trained), _read_by_head(trained)

    def predict_on_batch(self, arrays):
        import keras

        found = {**arrays, **self._process.ask("outputs", arrays)}
        return self._head([keras.ops.convert_to_tensor(found[name]) for name in self._read], training=False)


def _answers(contender, trained, inputs, threads, progress):
    if contender.library == "litert":
        return pipeline.load(contender.path, threads).predict(inputs, progress=progress)
    with Process(contender.name) as process:
        process.ask("load", contender, threads)
        model = _Elsewhere(process, trained)
        return dataclasses.replace(trained, model=model).predict(inputs, batch_size=1, progress=progress)


def _of_all_lengths(model, inputs, number):
    """So many of the inputs, at even steps of their order by length: they have the lengths of all."""
    found = rows(_task(model), model.tokenizer, inputs, model.max_length)
    order = np.argsort([sum(len(encoding.ids) for encoding in row.encodings) for row in found], kind="stable")
    steps = np.linspace(0, len(order) - 1, min(number, len(order))).round().astype(int)
    return [inputs[i] for i in order[steps]]


def _task(model):
    return model.task if isinstance(model.task, dict) else model.task.config


def work_of(contender, model, lengths, inputs, padded=None):
    """What a contender is timed on: from a length, or `TEXTS`, to rows, a list of dicts of arrays.

    Args:
        contender: the `Contender`.
        model: a `Pipeline` or `TaskModel` that has its task and tokenizer.
        lengths: numbers of ids, for rows of ids drawn at random.
        inputs: a list of `Input`, or an empty one.
        padded: a length to which the inputs are padded once more, under a name of their own.
    """
    work, tokenizer = {}, model.tokenizer
    for length in lengths:
        width = contender.width(length)
        if width is not None:
            ids = np.zeros((1, width), "int32")
            ids[0, :length] = np.random.default_rng(length).integers(0, tokenizer.vocab_size, length)
            mask = (np.arange(width) < length).astype("int32")[None]
            work[str(length)] = [{"token_ids": ids, "padding_mask": mask, "segment_ids": np.zeros_like(ids)}]
    if inputs:
        found = rows(_task(model), tokenizer, inputs, model.max_length)
        encodings = [encoding for row in found for encoding in row.encodings]
        for key, to in {TEXTS: None, **({f"{TEXTS} in {padded}": padded} if padded else {})}.items():
            work[key] = [tokenizer.arrays([each], contender.width(len(each.ids), to)) for each in encodings]
    return work


def _rounds(found, work, threads, rounds, progress):
    """Times all contenders side by side.

    Returns:
        From a contender's name, and of that from a key of its work, to a list of the milliseconds of each round; and
        from a contender's name to its size, memory and loading time.
    """
    times = {each.name: {key: [] for key in work[each.name]} for each in found}
    order = random.Random(0)
    with contextlib.ExitStack() as stack:
        processes = {each.name: stack.enter_context(Process(each.name)) for each in found}
        for each in found:
            processes[each.name].ask("load", each, threads)
            for key, arrays in work[each.name].items():
                processes[each.name].ask("keep", key, arrays)
        keys = [(name, key) for name, of_name in work.items() for key in of_name]
        for _ in progress(range(rounds)):
            order.shuffle(keys)
            # All that is compared with each other stands together, as the machine changes from moment to moment.
            for name, key in sorted(keys, key=lambda pair: pair[1].partition(" ")[0]):
                calls = 1 if key.startswith(TEXTS) else _CALLS
                times[name][key].append(processes[name].ask("time", key, calls))
        return times, {name: process.ask("figures") for name, process in processes.items()}


def ratio(ours, theirs, key):
    """The ratio of the milliseconds within each round, an array.

    Args:
        ours: a list of the milliseconds of each round.
        theirs: likewise, of the same rounds.
        key: what was run; of one row the medians count, of many the means.
    """
    middle = np.mean if key == TEXTS else np.median
    return np.array([middle(a) / middle(b) for a, b in zip(ours, theirs, strict=True)])


def percentiles(values):
    """The 10th, 50th and 90th percentile, a dict."""
    return dict(zip(("p10", "p50", "p90"), np.percentile(values, (10, 50, 90)).tolist(), strict=True))


def judged(result):
    """The bars of MiniLM-L6 as dynamic int8, and whether they hold: a list of the ratios with `bar` and `holds`."""
    int8 = {each["name"] for each in result["contenders"] if each["quantization"] == "dynamic_int8"}
    return [
        {**each, "bar": bar, "holds": each["p50"] <= bar}
        for each in result["ratios"]
        for against, ours, theirs, bar in BARS
        if each["file"] in int8
        and (each["threads"], each["against"], each["ours"], each["theirs"]) == (1, against, ours, theirs)
    ]


def tables(result):
    """What `benchmark` gave as tables: a list of heading, header, and rows of strings."""
    found = result["contenders"]
    header = ["model", "MB", "load ms", "peak MB", "of it model and runtime", "nodes", "in XNNPACK", "parts"]
    metric = next((next(iter(each["accuracy"])) for each in found if "accuracy" in each), None)
    models = [
        [each["name"], *(f"{each[name]:.1f}" for name in ("megabytes", "load_ms", "peak_mb", "model_mb"))]
        + [str(each.get(name, "")) for name in ("nodes", "xnnpack", "partitions")]
        + ([f"{each['accuracy'][metric]:.4f}"] if metric else [])
        for each in found
    ]
    keys = list(dict.fromkeys(key for each in found for of_key in each["latency"].values() for key in of_key))
    latency = [
        [f"{each['name']}, {number} thread(s)", *(_cell(of_key.get(key)) for key in keys)]
        for each in found
        for number, of_key in each["latency"].items()
    ]
    ratios = [
        [f"{each['file']} / {each['against']}", str(each["threads"]), each["theirs"]]
        + [f"{each[name]:.2f}" for name in ("p50", "p10", "p90")]
        for each in result["ratios"]
    ]
    shown = [
        ("Models", header + ([metric] if metric else []), models),
        ("Milliseconds a row, p50 and p90, by its ids", ["model", *keys], latency),
        ("Ratios of latency within a round", ["of", "threads", "by their ids", "median", "p10", "p90"], ratios),
    ]
    if result.get("bars"):
        bars = [
            [f"{each['file']} / {each['against']}", each["theirs"], f"{each['p50']:.2f}", f"{each['bar']:.2f}"]
            + ["holds" if each["holds"] else "missed"]
            for each in result["bars"]
        ]
        shown.append(("Bars of MiniLM-L6, one thread", ["of", "by their ids", "median", "at most", ""], bars))
    return [part for part in shown if part[2]]


def plots(result):
    """Accuracy against latency and size, where it was measured: a list of points, what x is, what y is."""
    judged_ones = [each for each in result["contenders"] if "accuracy" in each]
    if not judged_ones:
        return []
    metric = next(iter(judged_ones[0]["accuracy"]))
    number = next(iter(judged_ones[0]["latency"]))
    return [
        ([(e["name"], x(e), e["accuracy"][metric], e["source"] == "ours") for e in judged_ones], label, metric)
        for label, x in (
            (f"milliseconds a text, {number} thread(s)", lambda e: e["latency"][number][TEXTS]["p50"]),
            ("MB", lambda e: e["megabytes"]),
        )
    ]


def _cell(latency):
    return f"{latency['p50']:.2f} {latency['p90']:.2f}" if latency else ""


def machine():
    """What it was measured on: processor, cores, load, system, versions, a dict of strings."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        flags = next(line for line in lines if line.startswith("flags")).split()
        model += "".join(f", {name}" for name in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if name in flags)
    versions = {}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "load of the last minute": load,
        "system": f"{platform.system()} {platform.machine()}",
        "Python": sys.version.split()[0],
        **versions,
    }
