"""The end of kbs-distill: three models as `.tflite` files; size, accuracy and latency in a table and on a page."""

from keras_bert_suite.evaluation import report
from keras_bert_suite.tools import command_line

QUANTIZATION = "dynamic_int8"
# Columns beside the metrics: key, heading, and a number of it as text.
COLUMNS = (
    ("parameters", "parameters", "{:,}".format),
    ("flops", "MFLOP at {} ids", lambda value: f"{value / 1e6:,.0f}"),
    ("megabytes", ".tflite MB", "{:.1f}".format),
    ("latency_ms", "ms at {} ids", "{:.2f}".format),
)


def measured(found, folders, output, examples_path, columns):
    """The figures with those of each model's `.tflite` file, which is written beside them.

    Args:
        found: a dict from a model's name to its figures.
        folders: a dict from its name to its folder.
        output: a `Path`; files are `OUTPUT/NAME.tflite`.
        examples_path: labelled examples.
        columns: of these, where they have no header line.

    Returns:
        The dict with, for each model, `megabytes`, `latency_ms` (the median of one thread) and `device`, the metrics
        of the file's answers.
    """
    from keras_bert_suite.edge import benchmark, export, pipeline
    from keras_bert_suite.tasks import saved

    paths, devices, length = {}, {}, found["distilled"]["length"]
    for name, folder in folders.items():
        trained, paths[name] = saved.load(folder), output / f"{name}.tflite"
        export.export(trained, paths[name], QUANTIZATION, lengths=sorted({length, trained.max_length}))
        examples = trained.task.read(examples_path, columns)
        inputs = [trained.task.input(example) for example in examples]
        answers = pipeline.load(paths[name]).predict(inputs, progress=command_line.progress)
        devices[name] = trained.task.evaluate(examples, answers)
    timed = benchmark.benchmark([str(path) for path in paths.values()], lengths=[length])["contenders"]
    files = {each["name"]: each for each in timed}
    for name, path in paths.items():
        file = files[str(path)]
        latency = file["latency"]["1"][str(length)]["p50"]
        found[name] |= {"megabytes": file["megabytes"], "latency_ms": latency, "device": devices[name]}
    return found


def text(found):
    """The figures as a table, a line a model."""
    return report.text_table(*_table(found))


def page(found, title):
    """The figures as an HTML page, with the metric against latency where that was measured."""
    sections = [("Models", report.html_table(*_table(found)))]
    if all("latency_ms" in figures for figures in found.values()):
        metric = _metrics(found)[0]
        points = [
            (name, figures["latency_ms"], figures[metric], name == "distilled") for name, figures in found.items()
        ]
        sections.append((f"{metric} against milliseconds", report.scatter(points, "ms", metric)))
    return report.page(title, sections)


def _metrics(found):
    known = {key for key, *_ in COLUMNS} | {"device", "length"}
    return [name for name in found["distilled"] if name not in known]


def _table(found):
    metrics = _metrics(found)
    columns = [column for column in COLUMNS if all(column[0] in figures for figures in found.values())]
    devices = metrics[:1] if all("device" in figures for figures in found.values()) else []
    header = [
        "",
        *metrics,
        *(f"{name} as int8" for name in devices),
        *(heading.format(found["distilled"]["length"]) for _, heading, _ in columns),
    ]
    rows = [
        [
            name.replace("_", " "),
            *(f"{figures[metric]:.4f}" if metric in figures else "-" for metric in metrics),
            *(f"{figures['device'][metric]:.4f}" for metric in devices),
            *(written(figures[key]) for key, _, written in columns),
        ]
        for name, figures in found.items()
    ]
    return header, rows
