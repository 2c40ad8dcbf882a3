r"""Converts a checkpoint to our form or Hugging Face's, from any that Encoder.from_preset reads.

  {tool} --source=uncased_L-2_H-128_A-2 --output=bert_tiny
  {tool} --source=bert_tiny --output=bert_tiny_hf --to=huggingface

Prints each layer beside the checkpoint's name for it, reads the result back and compares its outputs: expect
"largest difference 0.0".
"""

import sys

from absl import flags

from keras_bert_suite import quiet
from keras_bert_suite.tools import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("source", None, "A folder, a preset's name, hf://org/name, or keras_nlp://name.", required=True)
flags.DEFINE_string("output", None, "The folder to write.", required=True)
flags.DEFINE_enum("to", "preset", ["preset", "huggingface"], "Our own form, or the one that transformers loads.")
flags.DEFINE_bool("lowercase", None, "Lower the case of texts. Default: as the checkpoint says.")


def main():
    quiet.start_tensorflow()
    import numpy as np

    from keras_bert_suite import Encoder, InputError, Tokenizer
    from keras_bert_suite.checkpoints import presets, table
    from keras_bert_suite.evaluation import report

    source = presets.open_source(FLAGS.source)
    encoder = Encoder.from_preset(source)
    try:
        tokenizer = Tokenizer.from_preset(FLAGS.source, lowercase=FLAGS.lowercase)
    except InputError as error:
        tokenizer = None
        print(f"Without a tokenizer: {error}")
    form = {"preset": "keras_bert_suite", "huggingface": "huggingface"}[FLAGS.to]
    encoder.save_preset(FLAGS.output, tokenizer=tokenizer, format=form)
    header = ["layer", f"in {source.dialect.name}", "layers", "parameters"]
    print(report.text_table(header, table.layer_rows(encoder, source)) + "\n")
    again = Encoder.from_preset(FLAGS.output)
    ids = np.random.default_rng(0).integers(0, encoder.embeddings.vocab_size, (2, 16)).astype("int32")
    inputs = {name: ids if name == "token_ids" else np.ones_like(ids) for name in encoder.input}
    before, after = encoder(inputs), again(inputs)
    difference = max(float(np.abs(np.asarray(before[name]) - np.asarray(after[name])).max()) for name in before)
    print(f"{FLAGS.output}: {type(encoder).__name__}, {encoder.count_params():,} parameters")
    print(f"read back and run on the same random texts: largest difference {difference}")


def console():
    command_line.run(main, sys.modules[__name__])


if __name__ == "__main__":
    console()
