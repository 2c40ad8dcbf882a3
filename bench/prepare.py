r"""Tokens that are prepared in a second, here and by Model Garden's create_pretraining_data, on one processor.

  taskset -c 0 python bench/prepare.py --which=ours   --text=text.txt --tokenizer=FOLDER
  taskset -c 0 python bench/prepare.py --which=garden --text=text.txt --tokenizer=FOLDER

The text has a sentence a line and blank lines between documents, and FOLDER a vocab.txt of small letters. Both make
pairs for next sentence prediction of 128 pieces, once; Model Garden draws its masks with them, which here is done when
training reads. Imports do not count. `garden` needs tf-models-official in the environment.
"""

import argparse
import tempfile
import time
from pathlib import Path


def ours(text, tokenizer, folder):
    import tensorflow_text  # noqa: F401

    from keras_bert_suite import preparation

    settings = preparation.Settings(tokenizer, "sentence_pairs", (text,), layout="sentences", shards=1)
    clocks = time.process_time(), time.time()
    index = preparation.prepare(settings, folder / "ours")
    report("kbs-prepare_data", sum(shard["tokens"] for shard in index["shards"]), since(clocks))


def garden(text, tokenizer, folder):
    import tensorflow as tf
    from absl import flags
    from official.nlp.data import create_pretraining_data

    given = {"input_file": text, "output_file": folder / "garden", "vocab_file": Path(tokenizer, "vocab.txt")}
    given |= {"max_seq_length": 128, "max_predictions_per_seq": 20, "dupe_factor": 1, "do_lower_case": True}
    flags.FLAGS(["", *(f"--{name}={value}" for name, value in given.items())])
    clocks = time.process_time(), time.time()
    create_pretraining_data.main([])
    spent = since(clocks)
    feature, tokens = {"input_mask": tf.io.FixedLenFeature([128], tf.int64)}, 0
    for batch in tf.data.TFRecordDataset(str(folder / "garden")).batch(512):
        tokens += int(tf.reduce_sum(tf.io.parse_example(batch, feature)["input_mask"]))
    report("create_pretraining_data", tokens, spent)


def since(clocks):
    return time.process_time() - clocks[0], time.time() - clocks[1]


def report(name, tokens, spent):
    busy, wall = spent
    print(
        f"{name}: {tokens:,} tokens, {busy:.2f} s of the processor, {tokens / busy:,.0f} a second; {wall:.2f} s in all"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("which", "text", "tokenizer"):
        parser.add_argument(f"--{name}", required=True)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        {"ours": ours, "garden": garden}[asked.which](asked.text, asked.tokenizer, Path(place))
