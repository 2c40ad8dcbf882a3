r"""Answers with a fine-tuned model, a folder or a .tflite file alike; one line of JSON a text.

  {tool} --model=runs/sst2/model.tflite --text="a gorgeous, witty film"
  {tool} --model=runs/ner < texts.txt

Classification prints the label and every label's score; token classification the entities with their characters.
"""

import json
import sys

from absl import flags

from keras_bert_suite.tools import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "A folder that kbs-finetune wrote, or a .tflite file.", required=True)
flags.DEFINE_multi_string("text", [], "A text; may be given several times. Default: a text a line of standard input.")
flags.DEFINE_multi_string("pair", [], "The second text of each --text, for a model of pairs.")
flags.DEFINE_integer("threads", 2, "Threads of the device runtime.", lower_bound=1)


def main():
    from keras_bert_suite import InputError

    if FLAGS.pair and len(FLAGS.pair) != len(FLAGS.text):
        raise InputError(f"{len(FLAGS.text)} --text and {len(FLAGS.pair)} --pair; expected as many of both.")
    texts = FLAGS.text or [line.rstrip("\n") for line in sys.stdin]
    if not texts:
        raise InputError("No text: give --text=TEXT, or texts on standard input, one a line.")
    model = command_line.open_model(FLAGS.model, FLAGS.threads)
    inputs = list(zip(texts, FLAGS.pair or [None] * len(texts), strict=True))
    for text, answer in zip(texts, model.predict(inputs, progress=command_line.progress), strict=True):
        if answer.pop("truncated", False):
            print(
                f"kbs-predict: a text goes on beyond {model.max_length} pieces; the rest was not read.",
                file=sys.stderr,
            )
        shown = text.encode("utf-8", "replace").decode()
        print(json.dumps({"text": shown[:200], **answer}, ensure_ascii=False))


def console():
    command_line.run(main, sys.modules[__name__])


if __name__ == "__main__":
    console()
