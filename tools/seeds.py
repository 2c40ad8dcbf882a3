"""Several runs of kbs-finetune that differ in their seed: each in a folder of its own, then mean and deviation."""

import json
import statistics
import subprocess
import sys
from pathlib import Path

from absl import flags

from keras_bert_suite.evaluation import report
from keras_bert_suite.tools import command_line


def run(module, output, first, count, baseline):
    """Runs the tool once a seed, and sums up; runs that are done are not run again.

    Args:
        module: the module of kbs-finetune, whose flags the runs get.
        output: a folder; the runs write `seed_N` in it, and this function `seeds.json`.
        first: the first seed.
        count: how many, each one higher than the last.
        baseline: what the metric is without learning anything; a run that is not above it has failed.
    """
    output, seeds = Path(output), range(first, first + count)
    arguments = [
        part
        for flag in flags.FLAGS.get_flags_for_module(module)
        if flag.name not in ("seeds", "seed", "output", "json") and flag.value is not None
        for part in flag.serialize().split("\n")
        if part
    ]
    runs = {}
    for seed in seeds:
        folder = output / f"seed_{seed}"
        if not (folder / "metrics.json").exists():
            command = [sys.executable, "-m", "keras_bert_suite.tools.finetune", *arguments]
            if subprocess.run([*command, f"--seed={seed}", f"--output={folder}"], check=False).returncode:
                sys.exit(2)
        runs[seed] = json.loads((folder / "metrics.json").read_text())
    found = summary(runs, baseline)
    command_line.write_json(output / "seeds.json", {**found, "runs": runs})
    rows = [[f"seed {seed}", f"{value:.4f}"] for seed, value in zip(seeds, found["values"], strict=True)]
    rows += [[name, f"{found[name]:.4f}"] for name in ("mean", "deviation", "best")]
    print("\n" + report.text_table(["", found["metric"]], [*rows, ["failed runs", str(found["failed"])]]))


def summary(runs, baseline):
    """Mean, sample deviation and failed runs of the metric that counts.

    Args:
        runs: a dict from seed to figures.
        baseline: a run whose metric is not above it has failed.
    """
    metric = next(name for name in next(iter(runs.values())) if name not in ("epoch", "loss"))
    values = [figures[metric] for figures in runs.values()]
    return {
        "metric": metric,
        "values": values,
        "mean": statistics.mean(values),
        "deviation": statistics.stdev(values) if len(values) > 1 else 0.0,
        "best": max(values),
        "baseline": baseline,
        "failed": sum(value <= baseline for value in values),
    }
