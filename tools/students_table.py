"""The end of kbs-distill: three models as `.tflite` files; size, accuracy and latency in a table and on a page."""

from keras_bert_suite.evaluation import report
from keras_bert_suite.tools import command_line

QUANTIZATION = "dynamic_int8"
# Columns beside the metrics: key, heading, and a number of it as text.
COLUMNS = (
    ("parameters", "parameters", "{:,}".format),
    ("speed", "speed", "{:g}".format),
    ("flops", "MFLOP at {} ids", lambda value: f"{value / 1e6:,.0f}"),
    ("megabytes", ".tflite MB", "{:.1f}".format),
    ("latency_ms", "ms at {} ids", "{:.2f}".format),
)


def write(found, teacher, output, examples_path, columns):
    """Prints the table, a line a model, and writes it as `OUTPUT/results.json` and `OUTPUT/report.html`.

    Args:
        found: a dict from `teacher`, `from_scratch` and `distilled` to figures.
        teacher: the teacher's folder.
        output: a `Path`, the folder of the others.
        examples_path: labelled examples, to write and judge `OUTPUT/NAME.tflite` of each model too; or None.
        columns: of these, where they have no header line.

    Returns:
        The dict; of models that were written as files with `megabytes`, `latency_ms` (the median of one thread) and
        `device`, the metrics of the file's answers.
    """
    if examples_path:
        _measure(found, {name: output / name for name in found} | {"teacher": teacher}, output, examples_path, columns)
    command_line.write_json(output / "results.json", found)
    command_line.write_text(output / "report.html", page(found, f"Students of {teacher}"))
    print(report.text_table(*_table(found)))
    return found


def _measure(found, folders, output, examples_path, columns):
    from keras_bert_suite.edge import benchmark, export, pipeline
    from keras_bert_suite.tasks import saved

    paths, length = {}, found["distilled"]["length"]
    for name, folder in folders.items():
        trained, paths[name] = saved.load(folder), output / f"{name}.tflite"
        export.export(trained, paths[name], QUANTIZATION, lengths=sorted({length, trained.max_length}))
        examples = trained.task.read(examples_path, columns)
        inputs = [trained.task.input(example) for example in examples]
        answers = pipeline.load(paths[name]).predict(inputs, progress=command_line.progress)
        found[name]["device"] = trained.task.evaluate(examples, answers)
    timed = benchmark.benchmark([str(path) for path in paths.values()], lengths=[length])["contenders"]
    files = {each["name"]: each for each in timed}
    for name, path in paths.items():
        file = files[str(path)]
        found[name]["megabytes"] = file["megabytes"]
        found[name]["latency_ms"] = file["latency"]["1"][str(length)]["p50"]


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
    columns = [column for column in COLUMNS if column[0] in found["distilled"]]
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
            *(written(figures[key]) if key in figures else "-" for key, _, written in columns),
        ]
        for name, figures in found.items()
    ]
    return header, rows
