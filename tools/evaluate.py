r"""Judges a fine-tuned model, a folder or a .tflite file alike, on labelled data.

  {tool} --model=runs/sst2 --data=dev.tsv
  {tool} --model=runs/sst2/model.tflite --data=dev.tsv --json=report.json

Prints each metric on a line; with the .tflite file it runs on the device runtime, without Keras.
"""

import sys

from absl import flags

from keras_bert_suite import quiet
from keras_bert_suite.tools import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "A folder that kbs-finetune wrote, or a .tflite file.", required=True)
flags.DEFINE_string("data", None, "Labelled data, of the kind the model was trained on.", required=True)
flags.DEFINE_list("columns", None, "Columns of a file without a header line, as label,text,pair.")
flags.DEFINE_string("json", None, "File for the metrics.")
flags.DEFINE_integer("threads", 2, "Threads of the device runtime.", lower_bound=1)


def main():
    quiet.start_tensorflow()
    from keras_bert_suite.tasks import task_class

    model = command_line.open_model(FLAGS.model, FLAGS.threads)
    settings = dict(model.task if isinstance(model.task, dict) else model.task.config)
    task = task_class(settings.pop("name"))(**settings)
    examples = task.read(FLAGS.data, FLAGS.columns)
    task.check(examples, FLAGS.data)
    inputs = [task.input(example) for example in examples]
    figures = task.evaluate(examples, model.predict(inputs, progress=command_line.progress))
    command_line.write_json(FLAGS.json, {**figures, "examples": len(examples)})
    print(f"{FLAGS.model} on {len(examples)} examples of {FLAGS.data}")
    for name, value in figures.items():
        print(f"{name:18} {value:.4f}")


def console():
    command_line.run(main, sys.modules[__name__])


if __name__ == "__main__":
    console()
