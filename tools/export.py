r"""Exports a fine-tuned model: a .tflite file for phones, browsers and small computers, or for a server.

  {tool} --model=runs/sst2 --output=runs/sst2/model.tflite --quantization=dynamic_int8 --sequence_lengths=32,64,128

The file carries its vocabulary and labels. It is run on real texts beside the Keras model, and both are compared:
expect a quarter of the size with dynamic_int8 and answers that differ on less than one text in a hundred.

  {tool} --model=runs/sst2 --output=served/sst2 --format=saved_model

writes a folder for TensorFlow Serving, which reads raw text, with the compose.yaml that runs the server.
"""

import sys

from absl import flags

from keras_bert_suite import InputError, quiet
from keras_bert_suite.tools import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "A folder that kbs-finetune wrote.", required=True)
flags.DEFINE_string("output", None, "The .tflite file, or for a server the folder, to write.", required=True)
flags.DEFINE_enum("format", "tflite", ["tflite", "saved_model"], "For devices, or for TensorFlow Serving.")
flags.DEFINE_enum(
    "quantization", "dynamic_int8", ["float32", "float16", "dynamic_int8", "legacy_int8"], "Of the weights."
)
flags.DEFINE_list("sequence_lengths", None, "Lengths, one signature each. Default: the model's own.")
flags.DEFINE_string("data", None, "Labelled data, to say in the file how accurate it is before and after.")
flags.DEFINE_list("columns", None, "Columns of --data without a header line, as label,text.")
flags.DEFINE_string("license", "see the model's card", "What the file says of its licence.")
flags.DEFINE_string("json", None, "File for what the check found.")


def main():
    if FLAGS.format == "saved_model":
        return _for_a_server()
    if not FLAGS.output.endswith(".tflite"):
        raise InputError(f"--output={FLAGS.output}; expected a name that ends in .tflite.")
    quiet.start_tensorflow()
    from keras_bert_suite.edge import export
    from keras_bert_suite.tasks import saved

    trained = saved.load(FLAGS.model)
    try:
        lengths = [int(length) for length in FLAGS.sequence_lengths or [trained.max_length]]
    except ValueError:
        raise InputError(
            f"--sequence_lengths={','.join(FLAGS.sequence_lengths)}; expected numbers, as 32,64."
        ) from None
    examples = trained.task.read(FLAGS.data, FLAGS.columns) if FLAGS.data else ()
    trained.task.check(examples, FLAGS.data)
    about = export.export(
        trained, FLAGS.output, FLAGS.quantization, lengths, FLAGS.license, examples, command_line.progress
    )
    found = {**export.check(trained, FLAGS.output), "accuracy": about.get("accuracy")}
    command_line.write_json(FLAGS.json, found)
    print(f"{FLAGS.output}: {found['megabytes']:.2f} MB, {FLAGS.quantization}, all operations built in")
    print(
        f"against the Keras model on {found['examples']} texts: same answer {found['agreement']:.1%}, "
        f"largest difference of a score {found['score_difference']:.2g}"
    )
    if examples:
        before, after = found["accuracy"]["before"], found["accuracy"]["after"]
        compared = ", ".join(f"{name} {after[name]:.4f} ({value:.4f})" for name, value in before.items())
        print(f"on {len(examples)} examples, in brackets the Keras model: {compared}")
    for length, milliseconds in found["milliseconds"].items():
        print(f"  {length:4} pieces: {milliseconds:.2f} ms a text, 2 threads")


def _for_a_server():
    given = [
        f"--{name}"
        for name in ("quantization", "sequence_lengths", "data", "columns", "license", "json")
        if FLAGS[name].present
    ]
    if given:
        raise InputError(f"Received {', '.join(given)} with --format=saved_model; they are for a .tflite file.")
    quiet.start_tensorflow()
    from keras_bert_suite import serving
    from keras_bert_suite.tasks import saved

    place = serving.export_saved_model(saved.load(FLAGS.model), FLAGS.output)
    print(f"{place}: signatures serving_default (raw text) and tokens; {place.parent}/compose.yaml runs the server")


def console():
    command_line.run(main, sys.modules[__name__])


if __name__ == "__main__":
    console()
