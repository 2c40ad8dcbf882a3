"""Times the training step of masked LM beside transformers on torch, keras-hub and Model Garden.

    python bench/step.py --shape=minilm --torch=HF/bin/python --keras_hub=HUB/bin/python --garden=CARD/bin/python

Each contender is a process of its own, and all are made before the first round; in a round each in turn takes a few
steps while the others wait, and the ratio of its time to that of the first is taken within the round, so that what
else the machine does falls on all of them. The same architecture, batch, hidden places, dropout, AdamW and clipping by
the global norm of 1. transformers computes the vocabulary's scores of all places, as its `BertForMaskedLM` does;
`torch, gathered` is the same model with its head over the hidden places alone, as in all others.

`peak MB` is the most memory that the process ever held, its libraries included. Shapes: `mini` is BERT-Mini with 8,000
pieces and 32 rows, `minilm` is MiniLM-L6 with 30,522 pieces and 16 rows; rows have 128 pieces, of which 20 are hidden.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

SHAPES = {
    "mini": {"vocab": 8000, "dim": 256, "layers": 4, "heads": 4, "batch": 32},
    "minilm": {"vocab": 30522, "dim": 384, "layers": 6, "heads": 12, "batch": 16},
}
TIME, HIDDEN, STEPS = 128, 20, 4
CONTENDERS = {
    "ours": ("ours", {}),
    "ours, XLA": ("ours", {"xla": True}),
    "ours, bfloat16": ("ours", {"dtype": "mixed_bfloat16"}),
    "ours, bfloat16, XLA": ("ours", {"dtype": "mixed_bfloat16", "xla": True}),
    "torch": ("torch", {}),
    "torch, compiled": ("torch", {"compiled": True}),
    "torch, gathered": ("torch", {"gathered": True}),
    "torch, gathered, compiled": ("torch", {"gathered": True, "compiled": True}),
    "torch, bfloat16": ("torch", {"bfloat16": True}),
    "torch, bfloat16, gathered": ("torch", {"bfloat16": True, "gathered": True}),
    "torch, bfloat16, gathered, compiled": ("torch", {"bfloat16": True, "gathered": True, "compiled": True}),
    "keras-hub": ("keras_hub", {}),
    "Model Garden": ("garden", {}),
}


def arrays(shape):
    """A batch as numpy arrays: ids, hidden places and what stood there."""
    import numpy as np

    random = np.random.default_rng(0)
    ids = random.integers(0, shape["vocab"], (shape["batch"], TIME)).astype("int32")
    places = np.sort(random.permuted(np.tile(np.arange(TIME), (shape["batch"], 1)), axis=1)[:, :HIDDEN]).astype(
        "int32"
    )
    return ids, places, np.take_along_axis(ids, places, 1)


def ours(shape, dtype="float32", xla=False):
    """A step of ours, as `kbs-pretrain` takes it."""
    import keras
    import numpy as np
    import tensorflow as tf

    from keras_bert_suite import Bert
    from keras_bert_suite.objectives import MaskedLM, attach
    from keras_bert_suite.training.optimizers import optimizer

    keras.config.set_dtype_policy(dtype)
    sizes = {"dim": shape["dim"], "num_layers": shape["layers"], "num_heads": shape["heads"]}
    encoder = Bert(vocab_size=shape["vocab"], feed_forward_dim=4 * shape["dim"], max_length=TIME, **sizes)
    model = attach(encoder, [MaskedLM()])
    model.xla = xla
    model.compile(optimizer("adamw", 1e-4, clip_norm=1.0))
    ids, places, labels = arrays(shape)
    batch = {
        "token_ids": ids,
        "segment_ids": np.zeros_like(ids),
        "padding_mask": np.ones_like(ids),
        "masked_positions": places,
        "masked_ids": labels,
        "masked_weights": np.ones(places.shape, "float32"),
    }
    batches, run = iter(tf.data.Dataset.from_tensors(batch).repeat()), model.make_train_function()
    return lambda: run(batches)


def torch(shape, compiled=False, gathered=False, bfloat16=False):
    """A step of transformers' BertForMaskedLM."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    config = BertConfig(
        vocab_size=shape["vocab"],
        hidden_size=shape["dim"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        intermediate_size=4 * shape["dim"],
        max_position_embeddings=TIME,
    )
    model = BertForMaskedLM(config).train()
    ids, places, labels = (torch.from_numpy(array).long() for array in arrays(shape))
    everywhere = torch.full_like(ids, -100).scatter(1, places, labels)
    attended = torch.ones_like(ids)

    def loss_of():
        if not gathered:
            return model(input_ids=ids, attention_mask=attended, labels=everywhere).loss
        states = model.bert(input_ids=ids, attention_mask=attended).last_hidden_state
        states = states.gather(1, places[..., None].expand(-1, -1, states.shape[-1]))
        return torch.nn.functional.cross_entropy(model.cls(states).flatten(0, 1), labels.flatten())

    forward = torch.compile(loss_of) if compiled else loss_of
    update = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)

    def step():
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
            loss = forward()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        update.step()
        update.zero_grad()
        loss.item()

    return step


def keras_hub(shape):
    """A step of keras-hub's BertMaskedLM, by the graph that `fit` runs."""
    import keras
    import keras_hub
    import numpy as np
    import tensorflow as tf

    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=shape["vocab"],
        num_layers=shape["layers"],
        num_heads=shape["heads"],
        hidden_dim=shape["dim"],
        intermediate_dim=4 * shape["dim"],
        max_sequence_length=TIME,
    )
    model = keras_hub.models.BertMaskedLM(backbone, preprocessor=None)
    model.compile(
        optimizer=keras.optimizers.AdamW(1e-4, weight_decay=0.01, global_clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[],
        jit_compile=False,
    )
    ids, places, labels = arrays(shape)
    inputs = {
        "token_ids": ids,
        "segment_ids": np.zeros_like(ids),
        "padding_mask": np.ones_like(ids),
        "mask_positions": places,
    }
    data = tf.data.Dataset.from_tensors((inputs, labels, np.ones(labels.shape, "float32"))).repeat()
    model.make_train_function()
    batches = iter(data)
    return lambda: float(model.train_function(batches)["loss"])


def garden(shape):
    """A step of Model Garden's BertPretrainerV2, written as its tasks write it."""
    import numpy as np
    import tensorflow as tf
    import tf_keras
    from official.nlp.modeling import models, networks

    encoder = networks.BertEncoderV2(
        vocab_size=shape["vocab"],
        hidden_size=shape["dim"],
        num_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        inner_dim=4 * shape["dim"],
        max_sequence_length=TIME,
    )
    model = models.BertPretrainerV2(encoder)
    ids, places, labels = (tf.constant(array) for array in arrays(shape))
    inputs = {
        "input_word_ids": ids,
        "input_mask": tf.ones_like(ids),
        "input_type_ids": tf.constant(np.zeros(ids.shape, "int32")),
        "masked_lm_positions": places,
    }
    update = tf_keras.optimizers.AdamW(1e-4, weight_decay=0.01)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            logits = model(inputs, training=True)["mlm_logits"]
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.cast(logits, "float32")))
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, model.trainable_variables), 1.0)
        update.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return lambda: float(step())


def work(name, shape):
    """A contender's process: takes steps when it is told to, and answers with seconds and megabytes."""
    # Libraries print; the answers have the true standard output for themselves.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    side, settings = CONTENDERS[name]
    step = globals()[side](SHAPES[shape], **settings)
    for _ in range(3):
        step()
    print("made", file=answers)
    for _ in sys.stdin:
        start = time.perf_counter()
        for _ in range(STEPS):
            step()
        seconds = time.perf_counter() - start
        with open("/proc/self/status") as lines:
            peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
        print(seconds / STEPS, peak / 1000, file=answers)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--work", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--only", help="Names of contenders, with ; between them; all by default.")
    for side in ("torch", "keras_hub", "garden"):
        parser.add_argument(f"--{side}", help=f"The Python that has {side}; without it those contenders are left out.")
    arguments = parser.parse_args()
    if arguments.work:
        return work(arguments.work, arguments.shape)
    pythons = {"ours": sys.executable, **{side: getattr(arguments, side) for side in ("torch", "keras_hub", "garden")}}
    names = arguments.only.split(";") if arguments.only else list(CONTENDERS)
    running = {}
    for name in names:
        python = pythons[CONTENDERS[name][0]]
        if python is None:
            continue
        command = [python, __file__, f"--shape={arguments.shape}", f"--work={name}"]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        if process.stdout.readline() != "made\n":
            print(f"{name}: not made; its command says why: {' '.join(command)}", file=sys.stderr)
            continue
        running[name] = process
        print(f"{name}: made", file=sys.stderr, flush=True)
    ratios, peaks = {name: [] for name in running}, {}
    for _ in range(arguments.rounds):
        seconds = {}
        for name, process in running.items():
            print(file=process.stdin, flush=True)
            seconds[name], peaks[name] = map(float, process.stdout.readline().split())
        for name in running:
            ratios[name].append(seconds[name] / seconds[next(iter(running))])
    for process in running.values():
        process.stdin.close()
        process.wait()
    print(f"{'':36}  step, of {next(iter(running))}'s  lowest  highest  peak MB")
    for name, found in ratios.items():
        print(f"{name:36}  {statistics.median(found):20.2f}  {min(found):6.2f}  {max(found):7.2f}  {peaks[name]:7.0f}")


if __name__ == "__main__":
    main()
