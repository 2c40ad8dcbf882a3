r"""Tokens a second from text to masked batches, here on the fly and with transformers, on one core.

  taskset -c 0 python bench/pipeline.py --side=ours --tokenizer=FOLDER --text='novels/*.txt'
  taskset -c 0 python bench/pipeline.py --side=theirs --tokenizer=FOLDER --text='novels/*.txt'

Both read the text three times, tokenize it, make rows of 128 ids, hide 15 percent and give batches of 32. `theirs` is
a fast tokenizer on a thousand paragraphs at a time, ids laid end to end and cut into rows as run_mlm.py does, and
DataCollatorForLanguageModeling; of its rows none has padding. FOLDER has a vocab.txt of small letters. Imports do not
count; the first time has the start of the graph and the words that are new. To be run with
TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 OMP_NUM_THREADS=1 RAYON_NUM_THREADS=1 in the environment.
Sixteen novels, 9.5 MB, tokens a second of the processor: ours 1,180,362 the first time, 2,447,019, 2,895,066; theirs
528,296, 532,946, 533,264.
"""

import argparse
import glob
import os
import re
import time
from pathlib import Path

LENGTH, BATCH, ROWS, EPOCHS, COUNTED = 128, 32, 1024, 3, 16


def ours(text, folder):
    """The tokens of batches, some at a time, and the clocks at the beginning."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401

    from keras_bert_suite import Tokenizer
    from keras_bert_suite.data import on_the_fly
    from keras_bert_suite.data.masking import Masking

    tokenizer = Tokenizer.from_preset(folder)
    masking = Masking(tokenizer, "token", 0.15, round(0.15 * LENGTH))
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    start = clocks()
    found = on_the_fly.read(
        on_the_fly.Text([text], tokenizer, LENGTH, seed=0),
        BATCH,
        transform=lambda number, batch: masking(batch, tf.stack([tf.constant(0, tf.int64), number])),
        group=ROWS // BATCH,
    )
    # Counted in the graph, where a step of training reads them too.
    counts = found.map(lambda batch: tf.reduce_sum(batch["padding_mask"])).batch(COUNTED)
    for count in counts.prefetch(4).with_options(options):
        yield int(count.numpy().sum()), start


def theirs(text, folder):
    """The same of transformers."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import torch
    import transformers

    torch.set_num_threads(1)
    tokenizer = transformers.BertTokenizerFast(f"{folder}/vocab.txt", do_lower_case=True)
    collate = transformers.DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
    start = clocks()
    while True:
        paragraphs = [
            paragraph
            for path in sorted(glob.glob(text))
            for paragraph in re.split(r"\n\s*\n", Path(path).read_text(encoding="utf-8"))
        ]
        ids, rows = [], []
        for begin in range(0, len(paragraphs), 1000):
            for found in tokenizer(paragraphs[begin : begin + 1000])["input_ids"]:
                ids += found
            whole = len(ids) // LENGTH * LENGTH
            rows += [{"input_ids": ids[i : i + LENGTH]} for i in range(0, whole, LENGTH)]
            ids = ids[whole:]
            while len(rows) >= BATCH:
                yield collate(rows[:BATCH])["input_ids"].numel(), start
                rows = rows[BATCH:]


def clocks():
    return time.process_time(), time.perf_counter()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", choices=("ours", "theirs"), required=True)
    for name in ("tokenizer", "text"):
        parser.add_argument(f"--{name}", required=True)
    asked = parser.parse_args()
    # Of English about 4.2 characters a piece; what counts is that both sides read as much.
    size = sum(os.stat(path).st_size for path in glob.glob(asked.text)) / 4.2
    done, epoch, start = 0, 1, None
    for tokens, first in {"ours": ours, "theirs": theirs}[asked.side](asked.text, asked.tokenizer):
        start = start or first
        done += tokens
        if done >= size:
            busy, wall = (b - a for a, b in zip(start, clocks(), strict=True))
            print(
                f"{asked.side}, time {epoch}: {done:,} tokens, {busy:.2f} s of the processor, {done / busy:,.0f} a "
                f"second; {wall:.2f} s in all",
                flush=True,
            )
            done, epoch, start = 0, epoch + 1, clocks()
            if epoch > EPOCHS:
                break


if __name__ == "__main__":
    main()
