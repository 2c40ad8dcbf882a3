r"""Measures .tflite files: latency, size, memory and accuracy, side by side with other runtimes.

  {tool} --files=runs/sst2.tflite,runs/sst2.float32.tflite --threads=1,2 --data=dev.tsv --html=benchmark.html
  {tool} --files=runs/sst2.tflite --model=runs/sst2 --data=dev.tsv --against=onnxruntime,torch,keras_hub --bars

Each contender runs in a process of its own. In every round all of them run the same rows in a random order, so that a
noisy machine is noisy for all: trust the ratios, which are taken within rounds. With --data they run real texts of
all its lengths, ONNX Runtime each at its exact length and once more padded to the longest length of the first file,
and all are judged on it. The others get the encoder's own weights, as float32 and as dynamic int8. ONNX Runtime and
torch run the encoder without the task's head, which counts for them.

--bars judges the ratios by what MiniLM-L6 as dynamic int8 should reach on one thread, and fails where one is missed.
Expect 10 minutes for all of it on 2 cores.
"""

import sys
import tempfile

from absl import flags

from keras_bert_suite import InputError, quiet
from keras_bert_suite.edge import contenders
from keras_bert_suite.tools import command_line

FLAGS = flags.FLAGS
flags.DEFINE_list("files", None, "Files that kbs-export wrote.", required=True)
flags.DEFINE_string("model", None, "The folder that they were exported from, for --against.")
flags.DEFINE_list("against", [], f"Other runtimes, of {', '.join(contenders.NEEDS)}.")
flags.DEFINE_string("data", None, "Labelled data: real texts, and the accuracy on them.")
flags.DEFINE_list("columns", None, "Columns of a file without a header line, as label,text.")
flags.DEFINE_list("threads", ["1"], "Numbers of threads.")
flags.DEFINE_list("sequence_lengths", None, "Numbers of ids. Default: those of the files.")
flags.DEFINE_integer("rounds", 20, "How often all are timed.", lower_bound=1)
flags.DEFINE_integer("texts", 50, "Texts of --data that are timed, of all its lengths.", lower_bound=1)
flags.DEFINE_bool("bars", False, "Judge the ratios by the bars of MiniLM-L6.")
flags.DEFINE_string("json", None, "File for all of it as JSON.")
flags.DEFINE_string("html", None, "File for a report.")


def main():
    if FLAGS.against and not FLAGS.model:
        raise InputError("--against needs --model, the folder that the files were exported from.")
    quiet.start_tensorflow()
    from keras_bert_suite.edge import benchmark, pipeline
    from keras_bert_suite.evaluation import report, suites

    examples, task = [], suites.task_of(pipeline.load(FLAGS.files[0]))
    if FLAGS.data:
        examples = task.read(FLAGS.data, FLAGS.columns)
        task.check(examples, FLAGS.data)
    with tempfile.TemporaryDirectory() as folder:
        result = benchmark.benchmark(
            FLAGS.files,
            _numbers("threads"),
            _numbers("sequence_lengths"),
            inputs=[task.input(example) for example in examples],
            judge=(lambda answers: task.evaluate(examples, answers)) if examples else None,
            trained=command_line.open_model(FLAGS.model) if FLAGS.against else None,
            against=FLAGS.against,
            folder=folder,
            rounds=FLAGS.rounds,
            texts=FLAGS.texts,
            progress=command_line.progress,
            say=lambda line: print(f"kbs-benchmark: {line}", file=sys.stderr),
        )
    result["bars"] = benchmark.judged(result) if FLAGS.bars else []
    tables = benchmark.tables(result)
    command_line.write_json(FLAGS.json, result)
    sections = [(heading, report.html_table(header, rows)) for heading, header, rows in tables]
    sections += [(f"{y} against {x}", report.scatter(points, x, y)) for points, x, y in benchmark.plots(result)]
    sections.append(("Machine", report.html_table(["", ""], list(map(list, result["machine"].items())))))
    command_line.write_text(FLAGS.html, report.page(f"Benchmark of {', '.join(FLAGS.files)}", sections))
    for heading, header, rows in tables:
        print(f"\n{heading}\n{report.text_table(header, rows)}")
    missed = [bar for bar in result["bars"] if not bar["holds"]]
    if FLAGS.bars and (missed or len(result["bars"]) < len(benchmark.BARS)):
        sys.exit(1)


def _numbers(flag):
    from keras_bert_suite.edge import export

    numbers = export.lengths_of(FLAGS[flag].value)
    if FLAGS[flag].value is not None and (not numbers or min(numbers) < 1):
        raise InputError(f"--{flag}={','.join(FLAGS[flag].value)}; expected numbers above 0, as 1,2.")
    return numbers or None


def console():
    command_line.run(main, sys.modules[__name__])


if __name__ == "__main__":
    console()
