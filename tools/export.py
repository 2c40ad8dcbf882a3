r"""Exports a fine-tuned model: a .tflite file for phones, browsers and small computers, or for a server.

  {tool} --model=runs/sst2 --output=runs/sst2/model.tflite --quantization=dynamic_int8 --sequence_lengths=32,64,128

The file carries its vocabulary and labels, and is run on real texts beside the Keras model: a quarter of the size
with dynamic_int8, other answers on less than one text in a hundred. int8 takes the ranges of activations from
--calibration=train.tsv; with --train=train.tsv it is trained on with its rounding, one epoch.

  {tool} --model=runs/sst2 --output=small.tflite --budget_points=0.5 --data=dev.tsv --calibration=train.tsv

tries all kinds, prints what each loses, and writes the smallest that loses half a point at most.
--speed_budget=0.5 gives a model with early exit the fastest speed that loses half a point on --data at most.

  {tool} --model=runs/sst2 --output=served/sst2 --format=saved_model

writes a folder for TensorFlow Serving, which reads raw text, with the compose.yaml that runs the server.
"""

import sys

from absl import flags

from keras_bert_suite import InputError, quiet
from keras_bert_suite.edge import quantize
from keras_bert_suite.tools import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "A folder of kbs-finetune; or of Hugging Face, with a masked LM.", required=True)
flags.DEFINE_string("output", None, "The .tflite file, or for a server the folder, to write.", required=True)
flags.DEFINE_enum("format", "tflite", ["tflite", "saved_model"], "For devices, or for TensorFlow Serving.")
KINDS = "; ".join(f"{name}: {what}" for name, what in quantize.QUANTIZATIONS.items())
flags.DEFINE_enum("quantization", "dynamic_int8", list(quantize.QUANTIZATIONS), f"{KINDS}.")
flags.DEFINE_string("calibration", None, "Real texts, for the ranges of int4_mixed, int8 and int16x8.")
flags.DEFINE_string("train", None, "Labelled data: an int8 model is trained on with its rounding, one epoch.")
flags.DEFINE_float("budget_points", None, "Hundredths of the metric of --data to lose at most: all kinds are tried.")
flags.DEFINE_float("speed_budget", None, "Points to lose by early exit: the speed is chosen, on --data.", 0)
flags.DEFINE_enum("prefer", "smallest", list(quantize.PREFERENCES), "Of the files within the budget.")
flags.DEFINE_list("sequence_lengths", None, "Lengths, one signature each; or dynamic. Default: the model's own.")
flags.DEFINE_string("data", None, "Labelled data, to say in the file how accurate it is before and after.")
flags.DEFINE_list("columns", None, "Columns of --data without a header line, as label,text.")
flags.DEFINE_string("license", "see the model's card", "What the file says of its licence.")
flags.DEFINE_string("json", None, "File for what the check found.")


def main():
    served = FLAGS.format == "saved_model"
    taken = "model output format" + (" speed_budget data columns" if FLAGS.speed_budget is not None else "")
    mine = FLAGS.get_flags_for_module(sys.modules[__name__])
    others = [f"--{flag.name}" for flag in mine if flag.present and flag.name not in taken.split()]
    if served and others:
        raise InputError(f"Received {', '.join(others)} with --format=saved_model; they are for a .tflite file.")
    if not served and not FLAGS.output.endswith(".tflite"):
        raise InputError(f"--output={FLAGS.output}; expected a name that ends in .tflite.")
    if FLAGS.budget_points is not None and (not FLAGS.data or FLAGS["quantization"].present):
        raise InputError("--budget_points needs --data to judge on, and chooses the --quantization.")
    quiet.start_tensorflow()
    from keras_bert_suite.tasks import saved, speed

    trained = saved.load(FLAGS.model)
    examples = trained.task.labelled(FLAGS.data, FLAGS.columns)
    if FLAGS.speed_budget is not None:
        speed.choose(trained, examples, FLAGS.speed_budget, command_line.progress, print)
    if not served:
        return _for_devices(trained, examples)
    from keras_bert_suite import serving

    place = serving.export_saved_model(trained, FLAGS.output)
    print(f"{place}: signatures serving_default (raw text) and tokens; {place.parent}/compose.yaml runs the server")


def _for_devices(trained, examples):
    from keras_bert_suite.edge import export, ladder

    words = FLAGS.sequence_lengths
    settings = {
        "lengths": None if words == ["dynamic"] else export.lengths_of(words) or [trained.max_length],
        "license": FLAGS.license,
        "examples": examples,
        "calibration": export.texts(trained.task, FLAGS.calibration or FLAGS.train, FLAGS.columns),
        "train": trained.task.labelled(FLAGS.train, FLAGS.columns),
        "progress": command_line.progress,
    }
    if FLAGS.budget_points is None:
        found = {"about": export.export(trained, FLAGS.output, FLAGS.quantization, **settings)}
    else:
        found = ladder.walk(trained, FLAGS.output, FLAGS.budget_points, FLAGS.prefer, show=print, **settings)
    about = found.pop("about")
    found |= {**export.check(trained, FLAGS.output), "accuracy": about.get("accuracy")}
    command_line.write_json(FLAGS.json, found)
    print(f"{FLAGS.output}: {about['quantization']}, all operations built in\n{export.summary(found)}")


def console():
    command_line.run(main, sys.modules[__name__])


if __name__ == "__main__":
    console()
