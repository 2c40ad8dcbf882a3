r"""Answers with a fine-tuned model, a folder, a .tflite file or a server alike; one line of JSON a text.

  {tool} --model=runs/sst2/model.tflite --text="a gorgeous, witty film"
  {tool} --model=runs/ner < texts.txt
  {tool} --model=runs/rank --text="flow past a plate" --choice="heat in slabs" --choice="boundary layers"
  {tool} --model=filler.tflite --text="Paris is the [MASK] of France"
  {tool} --model=sst2 --server=localhost:8500 --data=texts.jsonl

Classification prints the label and every label's score; token classification the entities with their characters;
masked LM the likeliest pieces of each mask.
"""

import json
import sys

from absl import flags

from keras_bert_suite import InputError
from keras_bert_suite.data import readers
from keras_bert_suite.tools import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "A folder that kbs-finetune wrote, or a .tflite file, or a name.", required=True)
flags.DEFINE_string("server", None, "host:port (gRPC) or http://host:port (REST) of a server that has the model.")
flags.DEFINE_multi_string("text", [], "A text; may be given several times. Default: a text a line of standard input.")
flags.DEFINE_multi_string("pair", [], "The second text of each --text, for a model of pairs.")
flags.DEFINE_multi_string("choice", [], "A choice, or a candidate, of the one --text; given several times.")
flags.DEFINE_string("data", None, "File of text, pair, choices: .tsv, .csv, .jsonl; or of a text a line.")
flags.DEFINE_list("columns", None, "Columns of a file without a header line, as text,pair.")
flags.DEFINE_integer("threads", 2, "Threads of the device runtime.", lower_bound=1)
flags.DEFINE_integer("workers", 1, "Texts at a time on the device runtime, each with so many threads.", lower_bound=1)


def main():
    inputs = _inputs()
    local = (FLAGS.model, FLAGS.threads, FLAGS.workers)
    model = _on_server() if FLAGS.server else command_line.open_model(*local)
    for (text, *_), answer in zip(inputs, model.predict(inputs, progress=command_line.progress), strict=True):
        if answer.pop("truncated", False):
            length = "what the model reads" if FLAGS.server else f"{model.max_length} pieces"
            print(f"kbs-predict: a text goes on beyond {length}; the rest was not read.", file=sys.stderr)
        shown = text.encode("utf-8", "replace").decode()
        print(json.dumps({"text": shown[:200], **answer}, ensure_ascii=False))


def _inputs():
    """What is asked, a list of `(text, pair, choices)`."""
    given = [name for name in ("text", "pair", "choice") if FLAGS[name].value]
    if FLAGS.data:
        if given:
            raise InputError(f"Received --data and --{', --'.join(given)}; expected one or the other.")
        return readers.read_inputs(FLAGS.data, FLAGS.columns)
    if FLAGS.pair and len(FLAGS.pair) != len(FLAGS.text):
        raise InputError(f"{len(FLAGS.text)} --text and {len(FLAGS.pair)} --pair; expected as many of both.")
    if FLAGS.choice and len(FLAGS.text) != 1:
        raise InputError(f"{len(FLAGS.text)} --text with --choice; expected one.")
    texts = FLAGS.text or [line.rstrip("\n") for line in sys.stdin]
    if not texts:
        raise InputError("No text: give --text=TEXT, --data=FILE, or texts on standard input, one a line.")
    return [
        (text, pair, tuple(FLAGS.choice) or None)
        for text, pair in zip(texts, FLAGS.pair or [None] * len(texts), strict=True)
    ]


def _on_server():
    from keras_bert_suite import client

    return client.Client(FLAGS.server, FLAGS.model)


def console():
    command_line.run(main, sys.modules[__name__])


if __name__ == "__main__":
    console()
