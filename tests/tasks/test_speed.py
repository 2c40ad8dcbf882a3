"""The choice of an early exit's speed: against a count by hand, and what a budget takes of a curve."""

import dataclasses
import functools

import keras
import numpy as np
import pytest

from keras_bert_suite import InputError, flops
from keras_bert_suite.encoders.early_exit import uncertainty
from keras_bert_suite.tasks import saved, speed
from keras_bert_suite.tasks.classification import Classification

TEXTS = ["play some jazz", "wake me at six", "a", "wake anna in Lisbon, please, and play jazz " * 3] * 3


@functools.cache
def trained_on():
    """A small model with exits that are far from each other, and examples whose labels the last one gives."""
    keras.utils.set_random_seed(1)
    trained = saved.begin(Classification(["alarm", "music", "other"], speed=0.5), "kbs_tiny_en", 24)
    for variable in trained.model.weights:
        if "exit_" in variable.path and "kernel" in variable.path:
            variable.assign(variable * 12.0)
    trained.task.speed = 0.0
    answers = trained.predict([(text,) for text in TEXTS])
    trained.task.speed = 0.5
    return trained, [
        {"text": text, "pair": None, "label": answer["label"]} for text, answer in zip(TEXTS, answers, strict=True)
    ]


def test_a_curve_is_what_a_count_by_hand_gives():
    trained, examples = trained_on()
    encodings = trained.tokenizer.encode_batch(TEXTS, None, 24)
    logits = {name: np.asarray(x) for name, x in trained.model(trained.features(encodings)).items()}
    unsure = np.stack([uncertainty(x) for x in logits.values()], 1)
    # Cuts between two of the four texts, so that rounding moves none.
    first = np.sort(unsure[:4, 0])
    speeds = [*((first[:-1] + first[1:]) / 2), 1.0]
    steps = speed.curve(trained, examples, speeds)
    assert [step["speed"] for step in steps] == sorted([0.0, *speeds])
    names, last = list(logits), logits[list(logits)[-1]].argmax(-1)
    costs = {length: np.array(flops.of_stages(trained.model.stages(), length)) for length in (8, 16, 24)}
    lengths = [-(-len(encoding.ids) // 8) * 8 for encoding in encodings]
    assert len(set(lengths)) > 1
    whole = np.mean([costs[length][:, 0].sum() + costs[length][-1, 1] for length in lengths])
    for step in steps:
        sure = unsure < step["speed"]
        exits = np.where(sure.any(1), sure.argmax(1), len(names) - 1)
        right = [logits[names[stop]][i].argmax() == last[i] for i, stop in enumerate(exits)]
        assert step["figure"] == pytest.approx(np.mean(right))
        assert step["lost"] == pytest.approx(100 * (1 - np.mean(right)))
        assert step["blocks"] == pytest.approx(1 + exits.mean())
        spent = np.mean([costs[length][: stop + 1].sum() for length, stop in zip(lengths, exits, strict=True)])
        assert step["flops"] == pytest.approx(spent) and step["ratio"] == pytest.approx(whole / spent)
    slow, *_, fast = steps
    # All blocks are run with all classifiers, of which the model without exits has one.
    assert slow["blocks_ratio"] == 1.0 and slow["ratio"] < 1.0 and slow["figure"] == 1.0
    assert fast["blocks"] == 1.0 and fast["ratio"] > 1.0


def test_the_fastest_within_a_budget():
    steps = [
        {"speed": 0.0, "lost": 0.0, "flops": 9.0},
        {"speed": 0.1, "lost": 0.8, "flops": 7.0},
        {"speed": 0.2, "lost": 0.4, "flops": 5.0},
        {"speed": 0.3, "lost": 2.0, "flops": 3.0},
    ]
    assert [speed.fastest(steps, budget)["speed"] for budget in (0, 0.5, 1, 2)] == [0.0, 0.2, 0.2, 0.3]


def test_a_model_is_given_the_speed_that_is_chosen():
    trained, examples = trained_on()
    lines = []
    steps = speed.choose(trained, examples, 0.0, show=lines.append)
    chosen = speed.fastest(steps, 0.0)
    assert trained.task.config["speed"] == chosen["speed"]
    assert len(lines) == len(steps) and sum("<- chosen" in line for line in lines) == 1
    speed.choose(trained, examples, 100.0)
    assert trained.task.speed == speed.fastest(steps, 100.0)["speed"] > chosen["speed"]


def test_what_has_no_speed_to_choose_is_named():
    trained, examples = trained_on()
    with pytest.raises(InputError, match="there are none"):
        speed.curve(trained, [])
    plain = dataclasses.replace(trained, task=Classification(trained.task.labels))
    with pytest.raises(InputError, match="without early exit; train one by kbs-finetune --set=speed=0.5"):
        speed.curve(plain, examples)
