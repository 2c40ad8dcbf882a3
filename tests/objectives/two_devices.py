"""Prints how far pre-training on two devices is from the same on one, as JSON by case.

A process of its own, run by test_two_devices.py: logical devices are made before TensorFlow begins. Its argument is
the cases, as JSON: name to settings.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

from keras_bert_suite import Albert, Bert, Electra
from keras_bert_suite.encoders import Deberta, XLNet
from keras_bert_suite.objectives import (
    EnhancedMaskedLM,
    MaskedLM,
    NextSentence,
    PermutationLM,
    ReplacedToken,
    SentenceOrder,
    SpanBoundary,
    attach,
    generator_of,
)
from keras_bert_suite.training.distribution import strategy_of
from keras_bert_suite.training.optimizers import optimizer
from tests.steps import Losses

VOCABULARY, TIME, BATCH, PREDICTIONS, STEPS = 50, 12, 16, 3, 20
SMALL = {"vocab_size": VOCABULARY, "dim": 16, "num_layers": 2, "num_heads": 2, "feed_forward_dim": 32}
OBJECTIVES = {
    "bert": (Bert, lambda encoder: [MaskedLM(), NextSentence()]),
    "albert": (Albert, lambda encoder: [MaskedLM(), SentenceOrder()]),
    "spanbert": (Bert, lambda encoder: [MaskedLM(), SpanBoundary()]),
    "deberta": (Deberta, lambda encoder: [EnhancedMaskedLM()]),
    "xlnet": (XLNet, lambda encoder: [PermutationLM(segments=2)]),
    "packed": (Bert, lambda encoder: [MaskedLM()]),
    "electra": (Electra, lambda encoder: [ReplacedToken(generator_of(encoder, 0.5))]),
    "gdes": (Deberta, lambda encoder: [ReplacedToken(generator_of(encoder, 1.0, 0.5, False), disentangled=True)]),
}
USUAL = {"max_length": TIME, "attention_dropout": 0.0}
MORE = {Bert: USUAL, Albert: USUAL, Electra: USUAL, Deberta: {**USUAL, "embedding_dim": 16}, XLNet: {}}
RATES = {"sgd": 0.1, "adamw": 1e-3, "lamb": 1e-2}


def data():
    random, rows = np.random.default_rng(0), BATCH * STEPS
    places = random.permuted(np.tile(np.arange(1, TIME - 1), (rows, 1)), axis=1)[:, :PREDICTIONS]
    # Some rows have no prediction at all, and the halves of a batch different numbers.
    uneven = random.random((rows, PREDICTIONS)) < random.random((rows, 1)) * random.integers(0, 2, (rows, 1))
    arrays = {
        "token_ids": random.integers(5, VOCABULARY, (rows, TIME)),
        "padding_mask": np.arange(TIME) < random.integers(TIME - 2, TIME + 1, (rows, 1)),
        "segment_ids": np.arange(TIME) > random.integers(2, TIME, (rows, 1)),
        "masked_positions": places,
        "masked_starts": places - 1,
        "masked_ends": places + 1,
        "masked_ids": random.integers(0, VOCABULARY, (rows, PREDICTIONS)),
        "label": random.integers(0, 2, rows),
    }
    # Of each half of a row two pieces in a random order.
    targets = random.permuted(np.tile(np.arange(TIME // 2), (rows, 2, 1)), axis=2)[:, :, :2] + [[0], [TIME // 2]]
    order = np.full((rows, TIME), -1)
    np.put_along_axis(order, targets.reshape(rows, 4), random.permuted(np.tile(np.arange(4), (rows, 1)), axis=1), 1)
    arrays |= {"permutation_order": order, "target_positions": targets.reshape(rows, 4)}
    arrays["target_ids"] = np.take_along_axis(arrays["token_ids"], arrays["target_positions"], 1)
    weights = random.random((rows, 4)) < random.random((rows, 1)) * random.integers(0, 2, (rows, 1))
    # Two sequences a row, for those who read them.
    ends = random.integers(2, TIME - 2, (rows, 1))
    arrays["sequence_ids"] = (1 + (np.arange(TIME) >= ends)) * arrays["padding_mask"]
    arrays["positions"] = np.arange(TIME) - ends * (np.arange(TIME) >= ends)
    draws = random.integers(0, 2**24, (rows, PREDICTIONS, 3))
    arrays["masked_draws"] = np.where(uneven[..., None], draws, -1)
    arrays = {name: array.astype("int32") for name, array in arrays.items()}
    arrays |= {"target_weights": weights.astype("float32")}
    return tf.data.Dataset.from_tensor_slices({**arrays, "masked_weights": uneven.astype("float32")})


def train(
    strategy, objectives, name, clip_norm=None, accumulation=1, steps_per_execution=1, xla=False, dtype="float32"
):
    keras.utils.set_random_seed(1)
    keras.config.set_dtype_policy(dtype)
    family, made = OBJECTIVES[objectives]
    with strategy.scope():
        encoder = family(**SMALL, dropout=0.0, **MORE[family])
        model = attach(encoder.for_rows("packed") if objectives == "packed" else encoder, made(encoder))
        # A loss of a larger weight makes larger steps of SGD.
        rate = RATES[name] / (max(each.weight for each in model.objectives) if name == "sgd" else 1.0)
        model.compile(optimizer(name, rate, clip_norm=clip_norm), steps_per_execution=steps_per_execution)
    model.accumulation, model.xla, kept = accumulation, xla, Losses()
    batches = data().batch(BATCH, drop_remainder=True)
    model.fit(batches, callbacks=[kept], shuffle=False, verbose=0)
    found = model.evaluate(batches.take(3), verbose=0, return_dict=True)
    return np.array(kept.losses + [found["loss"]]), model.get_weights()


if __name__ == "__main__":
    two, found = strategy_of("mirrored", 2), {}
    for case, settings in json.loads(sys.argv[1]).items():
        objectives, name, more = settings["objectives"], settings["optimizer"], settings.get("more", {})
        plain = {key: value for key, value in more.items() if key in ("clip_norm", "dtype")}
        # XLA rounds otherwise on one device too: losses are held against both, weights against that with XLA.
        sides = [plain, {**plain, "xla": True}] if more.get("xla") else [plain]
        ones = [train(strategy_of("one_device"), objectives, name, **side) for side in sides]
        losses, weights = train(two, objectives, name, **more)
        assert {len(losses), *(len(one) for one, _ in ones)} == {STEPS + 1}
        found[case] = {
            # Rounding is in proportion to the loss: that of one above 4 counts as if it were 4.
            "loss": float(max((np.abs(one - losses) / np.maximum(one / 4, 1)).max() for one, _ in ones)),
            "weights": float(max(np.abs(a - b).max() for a, b in zip(ones[-1][1], weights, strict=True))),
        }
    print(json.dumps(found))
