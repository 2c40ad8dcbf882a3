r"""Answers with a fine-tuned model, a folder, a .tflite file or a server alike; one line of JSON a text.

  {tool} --model=runs/sst2/model.tflite --text="a gorgeous, witty film"
  {tool} --model=runs/ner < texts.txt
  {tool} --model=sst2 --server=localhost:8500 --text="a gorgeous, witty film"

Classification prints the label and every label's score; token classification the entities with their characters.
"""

import json
import sys

from absl import flags

from keras_bert_suite.tools import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "A folder that kbs-finetune wrote, or a .tflite file, or a name.", required=True)
flags.DEFINE_string("server", None, "host:port (gRPC) or http://host:port (REST) of a server that has the model.")
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
    model = _on_server() if FLAGS.server else command_line.open_model(FLAGS.model, FLAGS.threads)
    inputs = list(zip(texts, FLAGS.pair or [None] * len(texts), strict=True))
    for text, answer in zip(texts, model.predict(inputs, progress=command_line.progress), strict=True):
        if answer.pop("truncated", False):
            length = "what the model reads" if FLAGS.server else f"{model.max_length} pieces"
            print(f"kbs-predict: a text goes on beyond {length}; the rest was not read.", file=sys.stderr)
        shown = text.encode("utf-8", "replace").decode()
        print(json.dumps({"text": shown[:200], **answer}, ensure_ascii=False))


def _on_server():
    from keras_bert_suite import client

    return client.Client(FLAGS.server, FLAGS.model)


def console():
    command_line.run(main, sys.modules[__name__])


if __name__ == "__main__":
    console()
