"""Walks the kinds of quantization and keeps the smallest or the fastest file that loses no more than is allowed."""

import os
import tempfile
from pathlib import Path

from keras_bert_suite.edge import export, pipeline, quantize
from keras_bert_suite.errors import InputError

# int16x8 is for other processors: on a CPU it is never the one, and takes a hundred times as long to judge.
STEPS = ("int4_mixed", "int8", "dynamic_int8", "float16", "float32")


def walk(trained, path, budget, prefer="smallest", examples=(), calibration=(), show=lambda line: None, **settings):
    """Writes a `.tflite` file with the quantization that a budget allows.

    Args:
        trained: a `TaskModel`.
        path: the file to write.
        budget: points (hundredths) of the task's first figure that the file may lose against the Keras model.
        prefer: `"smallest"` or `"fastest"` of the files within the budget, the latter at the longest length.
        examples: labelled examples, on which each step is judged.
        calibration: a list of `Input`; without it those of `quantize.CALIBRATED` are left out.
        show: called with a line about each step when it is known.
        **settings: further arguments of `export.export`; `train` is the int8 step's.

    Returns:
        A dict: `steps`, for each a dict `quantization figure lost megabytes milliseconds within`; `about`, what the
        file that was written says of itself.

    Raises:
        InputError: there are no examples, or none of the files is within the budget.
    """
    if not examples:
        raise InputError("A budget needs labelled examples to be judged on.")
    steps = [step for step in STEPS if calibration or step not in quantize.CALIBRATED]
    settings = {**settings, "examples": examples, "calibration": calibration}
    train = settings.pop("train", ())
    before, found, abouts = None, [], {}
    with tempfile.TemporaryDirectory(dir=Path(path).parent, prefix=".ladder_") as folder:
        for step in steps:
            file = Path(folder) / f"{step}.tflite"
            tuned = train if step == "int8" else ()
            try:
                about = abouts[step] = export.export(trained, file, step, before=before, train=tuned, **settings)
            except quantize.Unfit as error:
                show(f"{step:13} {error}")
                continue
            before, after = about["accuracy"]["before"], about["accuracy"]["after"]
            name = next(iter(before))
            measured = export.measured(file, pipeline.load(file, threads=2))
            row = {
                "quantization": step,
                "figure": after[name],
                "lost": 100 * (before[name] - after[name]),
                "megabytes": measured["megabytes"],
                "milliseconds": max(measured["milliseconds"].values()),
            }
            found.append({**row, "within": row["lost"] <= budget})
            show(
                f"{step:13} {name} {after[name]:.4f}, {row['lost']:5.2f} points lost, {row['megabytes']:6.2f} MB, "
                f"{row['milliseconds']:6.2f} ms"
            )
        within = [row for row in found if row["within"]]
        if not within:
            least = min(row["lost"] for row in found)
            raise InputError(f"No file loses {budget} points or less; the least that one loses is {least:.2f}.")
        chosen = min(within, key=lambda row: row[quantize.PREFERENCES[prefer]])["quantization"]
        os.replace(Path(folder) / f"{chosen}.tflite", path)
    return {"steps": found, "about": abouts[chosen]}
