"""What early exit saves and loses: FastBERT's self-distillation beside all classifiers trained on labels at once.

    python bench/fast_bert.py --encoder=MINILM --train=train.tsv --dev=dev.tsv --output=runs/fast_bert

Of --train so many rows as --texts are learnt, and 800 others choose the speed; --dev is judged. For each way of
training OUTPUT has the model's folder, `curve.json` (the curves of both sets), and two files for the device: `exits`,
with the chosen speed, and `plain`, the same model with its last classifier alone. The latencies are means over 200
texts on one thread, which the files answer by turns.
"""

import argparse
import dataclasses
import json
import random
import time
from pathlib import Path

import keras
import numpy as np

from keras_bert_suite.distillation.recipes import RECIPES
from keras_bert_suite.edge import export, pipeline
from keras_bert_suite.edge.runtime import Runtime
from keras_bert_suite.tasks import saved, speed
from keras_bert_suite.tasks.classification import Classification
from keras_bert_suite.training.optimizers import adamw

HELD_OUT = 800
BUDGETS = (0.5, 1.5)
TEXTS = 200


def flat(features, labels, weights):
    """A batch of `TaskModel.training_data` as a `Distiller` reads it."""
    return {**features, "logits_labels": labels["logits"], "logits_weights": weights["logits"]}


def fast_bert(trained, train, arguments):
    first, _ = RECIPES["fastbert"]
    for stage in RECIPES["fastbert"]:
        epochs = arguments.epochs if stage is first else stage.epochs
        rate = arguments.learning_rate * stage.learning_rate / first.learning_rate
        batches, steps = trained.training_data(train, arguments.batch_size, arguments.seed, epochs)
        model = stage.make(trained.model)
        model.compile(adamw(rate, steps * epochs))
        model.fit(batches().map(flat), epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=2)


def on_labels(trained, train, arguments):
    batches, steps = trained.training_data(train, arguments.batch_size, arguments.seed, arguments.epochs)
    model = trained.task.training_model(trained.model)
    model.compile(adamw(arguments.learning_rate, steps * arguments.epochs), trained.task.losses())
    model.fit(batches(), epochs=arguments.epochs, steps_per_epoch=steps, shuffle=False, verbose=2)


def latencies(folder, speeds, encodings):
    """The mean milliseconds of a text: of the plain file, and of the one with exits at each speed."""
    device = pipeline.load(folder / "exits.tflite", threads=1)
    runtimes = [Runtime(folder / "plain.tflite", 1)]
    runtimes += [Runtime(folder / "exits.tflite", 1, value) for value in speeds]
    times = np.zeros((len(encodings), len(runtimes)))
    for row, encoding in enumerate(encodings):
        arrays = device.tokenizer.arrays([encoding], runtimes[0].length_for(len(encoding.ids)))
        for column, runtime in enumerate(runtimes):
            runtime.run(arrays)
            start = time.perf_counter()
            runtime.run(arrays)
            times[row, column] = 1000 * (time.perf_counter() - start)
    return times.mean(0).tolist()


def measure(way, train, held_out, dev, arguments):
    keras.utils.set_random_seed(arguments.seed)
    trained = saved.begin(Classification.from_examples(train, speed=0.5), arguments.encoder, arguments.max_length)
    folder = Path(arguments.output) / way.__name__
    folder.mkdir(parents=True)
    way(trained, train, arguments)
    curves = {"held_out": speed.curve(trained, held_out), "dev": speed.curve(trained, dev)}
    (folder / "curve.json").write_text(json.dumps(curves, indent=1))
    print(f"{way.__name__}: accuracy of the last exit {curves['dev'][0]['figure']:.4f}, of the first "
          f"{curves['dev'][-1]['figure']:.4f}")  # fmt: skip
    for step in curves["dev"]:
        print("  speed {speed:<5g} {figure:.4f} {lost:6.2f} points {blocks:.2f} blocks {ratio:.2f}x "
              "({blocks_ratio:.2f}x blocks alone)".format(**step))  # fmt: skip
    chosen = []
    for budget in BUDGETS:
        best = speed.fastest(curves["dev"], budget)
        value = speed.fastest(curves["held_out"], budget)["speed"]
        held = next(step for step in curves["dev"] if step["speed"] == value)
        chosen.append(value)
        for name, step in (("of dev itself", best), ("of held-out texts", held)):
            print(f"  {budget} points, speed {name}: {step['speed']:g}, {step['lost']:.2f} points, "
                  f"{step['ratio']:.2f}x, {step['blocks_ratio']:.2f}x blocks alone")  # fmt: skip
    trained.task.speed = chosen[0]
    saved.save(trained, folder / "model", "")
    lengths = [arguments.max_length // 2, arguments.max_length]
    last = keras.Model(trained.model.input, {"logits": list(trained.model.output.values())[-1]})
    plain = dataclasses.replace(trained, model=last, task=Classification(trained.task.labels))
    export.export(plain, folder / "plain.tflite", lengths=lengths)
    export.export(trained, folder / "exits.tflite", lengths=lengths)
    encodings = [trained.tokenizer.encode_batch([x["text"]], x["pair"] and [x["pair"]], arguments.max_length)[0]
                 for x in dev[:TEXTS]]  # fmt: skip
    plain, *others = latencies(folder, [0.0, *chosen], encodings)
    for value, found in zip([0.0, *chosen], others, strict=True):
        print(f"  speed {value:g} on the device: {plain / found:.2f} times as fast as the plain model", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("encoder", "train", "dev", "output"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--columns", help="of files without a header line, as label,text,pair")
    for name, value in (("texts", 6000), ("max_length", 64), ("epochs", 3), ("batch_size", 32), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--learning_rate", type=float, default=1e-4)
    parser.add_argument("--ways", default="fast_bert,on_labels")
    arguments = parser.parse_args()
    columns = arguments.columns and arguments.columns.split(",")
    rows = Classification.read(arguments.train, columns)
    rows = random.Random(0).sample(rows, min(len(rows), arguments.texts + HELD_OUT))
    dev = Classification.read(arguments.dev, columns)
    for way in (fast_bert, on_labels):
        if way.__name__ in arguments.ways.split(","):
            measure(way, rows[HELD_OUT:], rows[:HELD_OUT], dev, arguments)


if __name__ == "__main__":
    main()
