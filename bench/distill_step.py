"""Times a step of distillation against its parts: the teacher's forward pass, and the student's own step on labels.

    python bench/distill_step.py

The teacher is as MiniLM-L6 (6 x 384, 12 heads), the student as TinyBERT-4 (4 x 312, 12 heads), both with 30,522
pieces, random weights and a classifier of two labels; 32 rows without padding, AdamW, clipping by the global norm. In
a round each contender takes a step, and ratios are taken within the round. Seconds are those of the processor, in one
thread, so that what else the machine does is not in them: of all of the process, reading the cache among it.

`living` is a step beside the teacher over the sum of the teacher's forward pass and the student's step on labels;
`cached` one that reads the teacher's outputs from a cache on disk, over the student's step on labels; `reading` is
what the cache's part of it takes. Expect about

    |                   | length | living | cached |
    |-------------------|--------|--------|--------|
    | soft labels       | 32     | .99    | 1.00   |
    | soft labels       | 64     | .98    | 1.00   |
    | hidden and scores | 32     | 1.04   | 1.13   |
    | hidden and scores | 64     | 1.07   | 1.17   |

where ratios of single rounds are up to .06 apart on a machine that does other things. Of the last column .13 are
products that the loss itself asks for: five projections from 312 to 384 beside four blocks of 312.
"""

import argparse
import functools
import os
import statistics
import tempfile
import time

os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from keras_bert_suite import Bert, heads
from keras_bert_suite.distillation.cache import Cache
from keras_bert_suite.distillation.distiller import Distiller, read_of_teacher
from keras_bert_suite.distillation.losses import AttentionScores, HiddenStates, Labels, SoftLabels
from keras_bert_suite.distillation.traces import traced
from keras_bert_suite.training.optimizers import optimizer

BATCH, ROWS, VOCABULARY, HEADS = 32, 128, 30522, 12
TEACHER = {"dim": 384, "num_layers": 6, "feed_forward_dim": 1536}
STUDENT = {"dim": 312, "num_layers": 4, "feed_forward_dim": 1200}
# As TinyBERT's, spread over six blocks.
PAIRS = [(0, 0), (1, 2), (2, 3), (3, 5)]


def labels():
    return Labels(keras.losses.SparseCategoricalCrossentropy(from_logits=True))


LOSSES = {
    "soft labels": lambda: [SoftLabels(), labels()],
    "hidden and scores": lambda: [
        HiddenStates([("embeddings", "embeddings"), *PAIRS], projection="shared"),
        AttentionScores(PAIRS),
    ],
}


def build(sizes):
    encoder = Bert(vocab_size=VOCABULARY, num_heads=HEADS, **sizes)
    model = heads.attach(encoder, "classification", 2)
    return traced(encoder, model), model


def rows_of(length):
    ids = np.random.default_rng(0).integers(0, VOCABULARY, (ROWS, length)).astype("int32")
    return {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": np.ones_like(ids)}


def batches_of(rows):
    arrays = {
        **rows,
        "number": np.arange(ROWS),
        "logits_labels": np.arange(ROWS, dtype="int32") % 2,
        "logits_weights": np.ones(ROWS, "float32"),
    }
    # Of no known size, as batches of training are.
    specs = {name: tf.TensorSpec((None,) * x.ndim, x.dtype) for name, x in arrays.items()}

    def all_batches():
        while True:
            for start in range(0, ROWS, BATCH):
                yield {name: x[start : start + BATCH] for name, x in arrays.items()}

    return tf.data.Dataset.from_generator(all_batches, output_signature=specs)


def trained(model):
    model.compile(optimizer("adamw", 1e-4, clip_norm=1.0))
    return model.make_train_function()


class Contenders:
    """All models, and of a length each one's step."""

    def __init__(self):
        self.teacher, model = build(TEACHER)
        self.forward = tf.function(lambda batch: model({name: batch[name] for name in model.input}, training=False))
        self.labels = trained(Distiller(build(STUDENT)[0], self.teacher, [labels()]))
        self.living, self.cached, self.keys = {}, {}, {}
        for name, losses in LOSSES.items():
            student = build(STUDENT)[0]
            self.keys[name] = read_of_teacher(student, self.teacher, losses())
            self.living[name] = trained(Distiller(student, self.teacher, losses()))
            self.cached[name] = None

    def steps(self, length, folder, dtype):
        rows = rows_of(length)
        batches = batches_of(rows)
        plain = batches.map(lambda batch: {name: x for name, x in batch.items() if name != "number"})

        def over(run, batches):
            batches = iter(batches)
            return lambda: run(batches)

        found = {"teacher": over(lambda it: self.forward(next(it)), plain), "labels": over(self.labels, plain)}
        as_lists = [{name: x[i].tolist() for name, x in rows.items()} for i in range(ROWS)]
        for name, losses in LOSSES.items():
            cache = Cache.write(f"{folder}/{length} {name}", self.teacher, as_lists, self.keys[name], dtype=dtype)
            if self.cached[name] is None:
                self.cached[name] = trained(Distiller(build(STUDENT)[0], cache.traced(), losses()))
            found[f"{name}, living"] = over(self.living[name], plain)
            found[f"{name}, cached"] = over(self.cached[name], cache.join(batches))
            # Not through the dataset, which reads ahead while others are timed.
            found[f"{name}, reading"] = functools.partial(cache.arrays, np.arange(BATCH), length)
        return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", default="32,64")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=2, help="of so many rounds each, the lengths in turn")
    parser.add_argument("--dtype", default="float32", choices=("float32", "float16"), help="of the cache")
    arguments = parser.parse_args()
    contenders = Contenders()
    with tempfile.TemporaryDirectory() as folder:
        steps = {
            length: contenders.steps(length, folder, arguments.dtype)
            for length in map(int, arguments.lengths.split(","))
        }
        for run in range(arguments.runs):
            for length, each in steps.items():
                print(f"length {length}, run {run + 1}", flush=True)
                report(measure(each, arguments.rounds, warm_up=2 if run == 0 else 1))


def measure(steps, rounds, warm_up):
    seconds = {name: [] for name in steps}
    for i in range(rounds + warm_up):
        for name, step in steps.items():
            start = time.process_time()
            step()
            if i >= warm_up:
                seconds[name].append(time.process_time() - start)
    return seconds


def report(seconds):
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    for name, each in seconds.items():
        parts = [seconds["labels"]] + [seconds["teacher"]] * name.endswith("living")
        line = f"    {name:28} {medians[name]:.3f} s"
        if name.endswith(("living", "cached")):
            ratios = [a / sum(b) for a, *b in zip(each, *parts, strict=True)]
            line += f", {statistics.median(ratios):.3f} of its parts ({min(ratios):.3f} to {max(ratios):.3f})"
        print(line, flush=True)


if __name__ == "__main__":
    main()
