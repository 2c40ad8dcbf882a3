"""A student and its teacher as one model: who is run, who learns, what they read, and the same on two devices."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from keras_bert_suite import Bert, flops, heads
from keras_bert_suite.distillation.distiller import Distiller
from keras_bert_suite.distillation.losses import AttentionScores, HiddenStates, Labels, Relations, SoftLabels
from keras_bert_suite.distillation.traces import traced
from keras_bert_suite.encoders import DistilBert
from keras_bert_suite.encoders.early_exit import EarlyExit
from keras_bert_suite.errors import InputError
from keras_bert_suite.training.optimizers import optimizer
from tests.steps import printed

SMALL = {"dim": 16, "num_heads": 2, "feed_forward_dim": 32, "max_length": 12}
ROWS, TIME, UNITS = 4, 12, 3
# Float32 rounding of another order of sums; weights reach 1 here.
CLOSE = 1e-5
CROSS_ENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def build(family=Bert, num_layers=2, seed=0, vocab_size=40, **more):
    """The `Traced` of a classifier with weights that are large enough for its answers to differ."""
    keras.utils.set_random_seed(seed)
    more = {"dropout": 0.0, "attention_dropout": 0.0, **more}
    encoder = family(vocab_size=vocab_size, num_layers=num_layers, **{**SMALL, **more})
    model = heads.attach(encoder, "classification", UNITS)
    for variable in model.trainable_variables:
        if "kernel" in variable.path:
            variable.assign(variable * 6.0)
    return traced(encoder, model), model


def batch_of(vocab_size=40, seed=1):
    random = np.random.default_rng(seed)
    mask = np.arange(TIME) < random.integers(3, TIME + 1, (ROWS, 1))
    arrays = {
        "token_ids": random.integers(1, vocab_size, (ROWS, TIME)) * mask,
        "segment_ids": (np.arange(TIME) > 5) * mask,
        "padding_mask": mask,
        "logits_labels": random.integers(0, UNITS, ROWS),
    }
    arrays = {name: array.astype("int32") for name, array in arrays.items()}
    return {**arrays, "logits_weights": np.ones(ROWS, "float32")}


def parts_of(model, batch, training=False):
    outputs = model({name: batch[name] for name in model.input}, training=training)
    return {name: float(x) for name, x in model.sums(outputs, batch, model.totals(batch)).items()}


def fit(model, batch, steps=3):
    import tensorflow as tf

    model.compile(optimizer("adamw", 1e-2))
    model.fit(tf.data.Dataset.from_tensors(batch).repeat(steps), shuffle=False, verbose=0)


def all_losses():
    return [
        HiddenStates([("embeddings", "embeddings"), (1, 3)], projection="shared"),
        SoftLabels(temperature=2.0),
        Labels(CROSS_ENTROPY),
    ]


def test_the_teacher_neither_drops_nor_learns():
    student, ours = build()
    teacher, theirs = build(num_layers=4, seed=1, dropout=0.5, attention_dropout=0.5)
    before = [weight.copy() for weight in theirs.get_weights()], [weight.copy() for weight in ours.get_weights()]
    model, batch = Distiller(student, teacher, all_losses()), batch_of()
    assert parts_of(model, batch, training=True) == parts_of(model, batch)
    learned = {id(variable) for variable in model.trainable_variables}
    assert not learned & {id(variable) for variable in theirs.variables}
    assert {id(variable) for variable in ours.trainable_variables} <= learned
    # Two projections' variables beside.
    assert len(learned) == len(ours.trainable_variables) + 2
    fit(model, batch)
    assert all(np.array_equal(a, b) for a, b in zip(before[0], theirs.get_weights(), strict=True))
    changed = [not np.array_equal(a, b) for a, b in zip(before[1], ours.get_weights(), strict=True)]
    assert all(changed)


def test_the_student_drops():
    student, _ = build(dropout=0.5)
    model, batch = Distiller(student, build(num_layers=4, seed=1)[0], all_losses()), batch_of()
    assert parts_of(model, batch, training=True) != parts_of(model, batch, training=True)


def test_each_is_run_once_and_of_the_teacher_what_is_read():
    shapes = {name: (ROWS, TIME) for name in ("token_ids", "segment_ids", "padding_mask")}
    (student, ours), (teacher, theirs) = build(), build(num_layers=4, seed=1)
    losses = [HiddenStates([(0, 1), (1, 3)]), AttentionScores([(1, 3)]), SoftLabels(), Labels(CROSS_ENTROPY)]
    both = flops.forward(ours, shapes) + flops.forward(theirs, shapes)
    assert flops.forward(Distiller(student, teacher, losses), shapes) == both
    # Of four blocks two, neither pooler nor head.
    cut = Distiller(student, teacher, [HiddenStates([(1, 1)])])
    of_two = flops.forward(keras.Model(student.inputs, student.tensors["block_1_output"]), shapes)
    assert flops.forward(cut, shapes) == 2 * of_two
    # On labels alone no teacher is run.
    alone = Distiller(student, teacher, [Labels(CROSS_ENTROPY)])
    assert flops.forward(alone, shapes) == flops.forward(ours, shapes)


def test_a_trace_computes_what_the_model_does():
    traced_model, model = build()
    batch = batch_of()
    inputs = {name: batch[name] for name in model.input}
    found = keras.Model(traced_model.inputs, {"logits": traced_model.tensors["logits"]})(inputs)
    assert np.abs(np.asarray(found["logits"]) - np.asarray(model(inputs)["logits"])).max() <= CLOSE


def test_a_student_with_another_vocabulary():
    pieces = np.random.default_rng(0).integers(0, 40, 25).tolist()
    (student, _), (teacher, _) = build(vocab_size=25), build(num_layers=4, seed=1)
    model, batch = Distiller(student, teacher, [SoftLabels()], pieces=pieces), batch_of(vocab_size=25)
    found = parts_of(model, batch)["soft_logits"]
    read = {**batch, "token_ids": np.array(pieces, "int32")[batch["token_ids"]]}
    logits = [
        np.asarray(keras.Model(each.inputs, each.tensors["logits"])({name: given[name] for name in each.inputs}))
        for each, given in ((student, batch), (teacher, read))
    ]
    q, p = (x - np.log(np.exp(x.astype("float64")).sum(-1, keepdims=True)) for x in logits)
    assert found == pytest.approx((np.exp(p) * (p - q)).sum(-1).mean(), rel=CLOSE)


def test_a_student_without_segments_beside_a_teacher_with_them():
    (student, _), (teacher, _) = build(DistilBert), build(num_layers=4, seed=1)
    model, batch = Distiller(student, teacher, all_losses()), batch_of()
    assert "segment_ids" not in student.inputs and sorted(model.input) == sorted(teacher.inputs)
    before = parts_of(model, batch)
    other = {**batch, "segment_ids": 1 - batch["segment_ids"]}
    after = parts_of(model, other)
    assert after["labels_logits"] == before["labels_logits"] and after["soft_logits"] != before["soft_logits"]
    fit(model, batch, steps=10)
    assert sum(parts_of(model, batch).values()) < sum(before.values())


def test_a_teacher_in_bfloat16_beside_a_student_in_float32():
    student, ours = build()
    teacher, theirs = build(num_layers=4, seed=1)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half, halves = build(num_layers=4, seed=1)
    finally:
        keras.config.set_dtype_policy("float32")
    halves.set_weights(theirs.get_weights())
    losses = lambda: [*all_losses(), Relations([(1, 3)], heads=4)]  # noqa: E731
    keras.utils.set_random_seed(0)
    model = Distiller(student, half, losses())
    keras.utils.set_random_seed(0)
    whole = Distiller(student, teacher, losses())
    assert ops.dtype(half.tensors["block_3_output"]) == "bfloat16"
    assert all(ops.dtype(x) == "float32" for x in model.output.values())
    assert all(variable.dtype == "float32" for variable in model.trainable_variables)
    batch = batch_of()
    found, expected = parts_of(model, batch), parts_of(whole, batch)
    # 8 bits of mantissa through four blocks.
    assert all(found[name] == pytest.approx(expected[name], rel=5e-2) for name in found)
    # The student is not rounded.
    assert found["labels_logits"] == pytest.approx(expected["labels_logits"], rel=CLOSE)
    fit(model, batch)


def test_exits_learn_from_the_last():
    keras.utils.set_random_seed(0)
    encoder = Bert(vocab_size=40, num_layers=3, **SMALL)
    model = EarlyExit(encoder, UNITS, dim=8)
    both = traced(encoder, model)
    distiller = Distiller(both, both, [SoftLabels((f"exit_{i}", "exit_2"), counted="exit_weights") for i in (0, 1)])
    batch = {**batch_of(), "exit_weights": np.ones(ROWS, "float32")}
    assert sorted(parts_of(distiller, batch)) == ["soft_exit_0", "soft_exit_1"]


def test_what_does_not_go_together_is_one_line():
    student, _ = build()
    teacher, theirs = build(num_layers=4, seed=1)
    with pytest.raises(InputError, match="the losses none; expected one or more"):
        Distiller(student, teacher, [])
    with pytest.raises(InputError, match="soft_logits, soft_logits; expected one or more, each once"):
        Distiller(student, teacher, [SoftLabels(), SoftLabels(temperature=2.0)])
    with pytest.raises(InputError, match="over single rows"):
        traced(teacher.encoder, heads.grouped(theirs))


# Float32 rounding, in another order of sums, over 20 steps of losses up to 4.
BOUND = 2e-6


def run(cases):
    return printed(Path(__file__).with_name("two_devices.py"), cases)


def test_a_step_equals_that_of_one_device():
    found = run(["soft labels"])["soft labels"]
    assert found["loss"] <= BOUND and found["weights"] <= BOUND, found


@pytest.mark.slow
def test_every_step_equals_that_of_one_device():
    found = run(["tinybert", "minilm_v1", "minilm_v2", "distilbert", "mobilebert"])
    print(json.dumps(found, indent=1))
    assert {case: each for case, each in found.items() if max(each.values()) > BOUND} == {}
