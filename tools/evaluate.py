r"""Judges a fine-tuned model, a folder or a .tflite file alike, on labelled data or on a suite of data sets.

  {tool} --model=runs/sst2 --data=dev.tsv --html=report.html
  {tool} --model=runs/sst2/model.tflite --data=dev.tsv --json=report.json
  {tool} --model=runs/glue --suite=glue --data=GLUE --submission=glue_answers

Prints each metric on a line; with the .tflite file it runs on the device runtime, without Keras. Of a suite it takes
the data sets that are in the folder --data, and for each the model of its name within --model (runs/glue/SST-2), or
--model itself; the figures are printed beside published ones. --html adds what a classifier takes for what.

all-MiniLM-L6-v2 on --suite=sts: Spearman 86.72 on the dev set of STS-B, in a minute on 2 cores.
"""

import functools
import sys
from pathlib import Path

from absl import flags

from keras_bert_suite import InputError, quiet
from keras_bert_suite.evaluation import report, suites
from keras_bert_suite.tools import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "A folder that kbs-finetune wrote, or a .tflite file.", required=True)
flags.DEFINE_string("data", None, "Labelled data, of the kind the model was trained on.", required=True)
flags.DEFINE_list("columns", None, "Columns of a file without a header line, as label,text,pair.")
flags.DEFINE_enum("suite", None, suites.SUITES, "Judge on the data sets of a suite; --data is the folder they are in.")
flags.DEFINE_string("submission", None, "Folder for answers to GLUE's test sets, in the leaderboard's form.")
flags.DEFINE_string("json", None, "File for the metrics.")
flags.DEFINE_string("html", None, "File for a report.")
flags.DEFINE_integer("threads", 2, "Threads of the device runtime.", lower_bound=1)
flags.DEFINE_integer("workers", 1, "Texts at a time on the device runtime, each with so many threads.", lower_bound=1)


def main():
    quiet.start_tensorflow()
    if FLAGS.submission and FLAGS.suite != "glue":
        raise InputError("--submission answers GLUE's test sets; expected --suite=glue beside it.")
    figures, title, sections = _suite() if FLAGS.suite else _file()
    command_line.write_json(FLAGS.json, figures)
    command_line.write_text(FLAGS.html, report.page(title, sections))


def _file():
    model = command_line.open_model(FLAGS.model, FLAGS.threads, FLAGS.workers)
    task = suites.task_of(model)
    examples = task.read(FLAGS.data, FLAGS.columns)
    task.check(examples, FLAGS.data)
    answers = model.predict([task.input(example) for example in examples], progress=command_line.progress)
    figures = task.evaluate(examples, answers)
    title = f"{FLAGS.model} on {len(examples)} examples of {FLAGS.data}"
    print(title)
    for name, value in figures.items():
        print(f"{name:18} {value:.4f}")
    rows = [[name, f"{value:.4f}"] for name, value in figures.items()]
    sections = [("Figures", report.html_table(["metric", "value"], rows))]
    if task.config.get("problem") in ("single_label", "ordinal"):
        sections += report.classification(examples, answers, task.labels)
    return {**figures, "examples": len(examples)}, title, sections


def _suite():
    results, open_model = {}, functools.cache(command_line.open_model)
    for data_set, paths in suites.find(FLAGS.suite, FLAGS.data).items():
        own = Path(FLAGS.model) / paths[0].parent.name, Path(FLAGS.model) / data_set.name
        path = next((str(folder) for folder in own if folder.is_dir()), FLAGS.model)
        try:
            model = open_model(path, FLAGS.threads, FLAGS.workers)
            results[data_set.name] = suites.judge(data_set, paths, model, command_line.progress)
            if FLAGS.submission:
                suites.write_submission(data_set, FLAGS.data, model, FLAGS.submission, command_line.progress)
        except InputError as error:
            print(f"kbs-evaluate: {data_set.name}: {error}", file=sys.stderr)
    if not results:
        raise InputError(f"{FLAGS.model} fits no data set of {FLAGS.suite} in {FLAGS.data}.")
    header, rows = suites.table(results)
    print(report.text_table(header, rows))
    if suites.average(results) is not None:
        print(f"average without WNLI: {100 * suites.average(results):.2f}")
    return results, f"{FLAGS.model} on {FLAGS.suite}", [("Figures", report.html_table(header, rows))]


def console():
    command_line.run(main, sys.modules[__name__])


if __name__ == "__main__":
    console()
