r"""Converts a checkpoint to our form or Hugging Face's, from any that Encoder.from_preset reads.

  {tool} --input=uncased_L-2_H-128_A-2 --output=bert_tiny
  {tool} --input=bert_tiny --output=bert_tiny_hf --format=huggingface

Reads the result back and prints the largest difference of the outputs, which is 0.
"""

import sys

from absl import flags

from keras_bert_suite.tools import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("input", None, "A folder, a preset's name, hf://org/name, or keras_nlp://name.", required=True)
flags.DEFINE_string("output", None, "The folder to write.", required=True)
flags.DEFINE_enum("format", "keras_bert_suite", ["keras_bert_suite", "huggingface"], "What to write.")
flags.DEFINE_bool("lowercase", None, "Lower the case of texts. Default: as the checkpoint says.")


def main():
    import numpy as np

    from keras_bert_suite import Encoder, InputError, Tokenizer

    encoder = Encoder.from_preset(FLAGS.input)
    try:
        tokenizer = Tokenizer.from_preset(FLAGS.input, lowercase=FLAGS.lowercase)
    except InputError as error:
        tokenizer = None
        print(f"Without a tokenizer: {error}")
    encoder.save_preset(FLAGS.output, tokenizer=tokenizer, format=FLAGS.format)
    again = Encoder.from_preset(FLAGS.output)
    ids = np.random.default_rng(0).integers(0, encoder.embeddings.vocab_size, (2, 16)).astype("int32")
    inputs = {name: ids if name == "token_ids" else np.ones_like(ids) for name in encoder.input}
    before, after = encoder(inputs), again(inputs)
    difference = max(float(np.abs(np.asarray(before[name]) - np.asarray(after[name])).max()) for name in before)
    print(f"{FLAGS.output}: {type(encoder).__name__}, {encoder.count_params():,} parameters")
    print(f"read back, differs by {difference}")


def console():
    command_line.run(main, sys.modules[__name__])


if __name__ == "__main__":
    console()
