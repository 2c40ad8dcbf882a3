"""Distillation's losses: what numpy says of real tokens alone, with its gradient; what does not fit is one line."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_bert_suite.distillation.losses import (
    AttentionDistributions,
    AttentionScores,
    Compare,
    Cosine,
    FeatureStatistics,
    HiddenStates,
    Labels,
    Relations,
    SoftLabels,
)
from keras_bert_suite.distillation.traces import Traced
from keras_bert_suite.errors import InputError

BATCH, TIME, LENGTHS = 3, 6, (6, 4, 1)
# Float32 rounding of sums of this many terms, against float64.
CLOSE = 1e-5
# The same of a gradient, a part of which is small beside the others, in parts of the largest.
CLOSE_GRADIENT = 1e-5
PAIRS = [(0, 1), (1, 3)]


# What the papers say, of one row that has no padding: a number for each token.


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def divergence(teacher, student):
    """KL(P || Q) of scores, along the last axis."""
    p, q = softmax(teacher), softmax(student)
    return (p * np.log(p / q)).sum(-1)


def hidden(student, teacher):
    return ((student - teacher) ** 2).mean(-1)


def normalized(student, teacher):
    return hidden(*((x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True) for x in (student, teacher)))


def statistics(student, teacher):
    mean = (student.mean(-1) - teacher.mean(-1)) ** 2
    return 5000 * mean + 5 * np.abs(student.std(-1) ** 2 - teacher.std(-1) ** 2)


def cosine(student, teacher):
    lengths = np.linalg.norm(student, axis=-1) * np.linalg.norm(teacher, axis=-1)
    return 1 - (student * teacher).sum(-1) / lengths


def scores(student, teacher):
    return ((student - teacher) ** 2).mean((0, 2))


def attention(student, teacher):
    return divergence(teacher, student).mean(0)


def relation(heads=None):
    def of(student, teacher):
        products = []
        for x in (student, teacher):
            if heads:
                joined = np.concatenate(list(x), axis=-1)
                x = np.stack(np.split(joined, heads, axis=-1))
            products.append(np.einsum("hqd,hkd->hqk", x, x) / np.sqrt(x.shape[-1]))
        return divergence(products[1], products[0]).mean(0)

    return of


# The comparison, what it is of a row, and the shapes of a student's and a teacher's tensors behind the batch.
STATES, SCORES = (TIME, 8), (2, TIME, TIME)
CASES = {
    "hidden": (HiddenStates(PAIRS), hidden, STATES, STATES),
    "normalized": (HiddenStates(PAIRS, normalize=True), normalized, STATES, STATES),
    "shared": (HiddenStates(PAIRS, projection="shared"), hidden, (TIME, 5), STATES),
    "each": (HiddenStates(PAIRS, projection="each"), hidden, (TIME, 5), STATES),
    "statistics": (FeatureStatistics(PAIRS), statistics, STATES, STATES),
    "cosine": (Cosine(PAIRS), cosine, STATES, STATES),
    "cosine, projected": (Cosine(PAIRS, projection="each"), cosine, (TIME, 5), STATES),
    "scores": (AttentionScores(PAIRS), scores, SCORES, SCORES),
    "distributions": (AttentionDistributions(PAIRS), attention, SCORES, SCORES),
    "relations": (Relations(PAIRS, of=("value",)), relation(), (2, TIME, 3), (2, TIME, 5)),
    "more relation heads": (Relations(PAIRS, of=("key",), heads=4), relation(4), (3, TIME, 4), (2, TIME, 10)),
    "fewer relation heads": (Relations(PAIRS, of=("query",), heads=2), relation(2), (3, TIME, 4), (4, TIME, 3)),
}


def arrays(shape, pairs, seed):
    random = np.random.default_rng(seed)
    return [random.normal(size=(BATCH, *shape)).astype("float32") for _ in range(pairs)]


def mask_of(lengths):
    return (np.arange(TIME) < np.array(lengths)[:, None]).astype("int32")


def cut(x, shape, length):
    """A row's array without its padding, along each axis that has the time's length."""
    x = np.asarray(x, "float64")
    for axis, size in enumerate(shape):
        x = np.take(x, np.arange(length), axis) if size == TIME else x
    return x


def expected(case, student, teacher, lengths, projections=None):
    """The loss by loops over rows that are cut to their real tokens."""
    _, of, ours, theirs = CASES[case]
    total = 0.0
    for pair, (s, t) in enumerate(zip(student, teacher, strict=True)):
        for row, length in enumerate(lengths):
            x = cut(s[row], ours, length)
            if projections:
                kernel, bias = projections[pair]
                x = x @ kernel + bias
            total += of(x, cut(t[row], theirs, length)).sum()
    return total / sum(lengths)


def made(comparison, student, teacher, mask):
    """The comparison as a layer, and its projections with values that are not zero, as float64 arrays a pair."""
    layer = Compare(comparison, dtype="float32")
    layer(student, teacher, mask)
    random = np.random.default_rng(7)
    for variable in layer.weights:
        variable.assign(random.normal(size=variable.shape))
    found = [tuple(np.asarray(ops.convert_to_numpy(v), "float64") for v in each.weights) for each in layer.learned]
    return layer, found * len(student) if len(found) == 1 else found


def loss_of(layer, student, teacher, mask, weights=None):
    weights = ops.cast(mask if weights is None else weights, "float32")
    return ops.sum(layer(student, teacher, mask) * weights) / ops.sum(weights)


def gradients(function, student):
    """The value of a function of a list of arrays, and its gradients."""
    if keras.backend.backend() == "jax":
        import jax

        value, found = jax.value_and_grad(function)([jax.numpy.asarray(x) for x in student])
    else:
        import tensorflow as tf

        student = [tf.constant(x) for x in student]
        with tf.GradientTape() as tape:
            tape.watch(student)
            value = function(student)
        found = tape.gradient(value, student)
    return float(value), [np.asarray(x) for x in found]


def differences(function, student, step=1e-6):
    """Central differences of a function in float64."""
    student = [x.astype("float64") for x in student]
    found = [np.zeros_like(x) for x in student]
    for x, gradient in zip(student, found, strict=True):
        for place in np.ndindex(x.shape):
            kept = x[place]
            x[place] = kept + step
            above = function(student)
            x[place] = kept - step
            gradient[place] = (above - function(student)) / (2 * step)
            x[place] = kept
    return found


@pytest.mark.parametrize("lengths", [(TIME,) * BATCH, LENGTHS], ids=["whole", "padded"])
@pytest.mark.parametrize("case", CASES)
def test_values_are_what_numpy_says(case, lengths):
    comparison, _, ours, theirs = CASES[case]
    student, teacher, mask = arrays(ours, 2, 0), arrays(theirs, 2, 1), mask_of(lengths)
    layer, projections = made(comparison, student, teacher, mask)
    number = {"shared": 1, "each": 2}.get(getattr(comparison, "projection", None), 0)
    assert len(layer.learned) == number and len(layer.trainable_variables) == 2 * number
    value = expected(case, student, teacher, lengths, projections)
    assert float(loss_of(layer, student, teacher, mask)) == pytest.approx(value, rel=CLOSE)


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_numpy_and_none_at_padding(case):
    comparison, _, ours, theirs = CASES[case]
    student, teacher, mask = arrays(ours, 2, 0), arrays(theirs, 2, 1), mask_of(LENGTHS)
    layer, projections = made(comparison, student, teacher, mask)
    _, found = gradients(lambda x: loss_of(layer, x, teacher, mask), student)
    numeric = differences(lambda x: expected(case, x, teacher, LENGTHS, projections), student)
    scale = max(np.abs(x).max() for x in numeric)
    for ours_found, theirs_found in zip(found, numeric, strict=True):
        # float32 beside differences that are good to 1e-9 of the loss.
        assert np.abs(ours_found - theirs_found).max() <= CLOSE_GRADIENT * scale
    for x in found:
        for row, length in enumerate(LENGTHS):
            real = np.zeros(ours, bool)
            real[np.ix_(*(range(length if size == TIME else size) for size in ours))] = True
            assert not x[row][~real].any()


@pytest.mark.parametrize("case", CASES)
def test_what_stands_at_padding_changes_nothing(case):
    comparison, _, ours, theirs = CASES[case]
    student, teacher, mask = arrays(ours, 2, 0), arrays(theirs, 2, 1), mask_of(LENGTHS)
    layer, _ = made(comparison, student, teacher, mask)
    before = gradients(lambda x: loss_of(layer, x, teacher, mask), student)
    for tensors, shape in ((student, ours), (teacher, theirs)):
        for x in tensors:
            for row, length in enumerate(LENGTHS):
                for axis, size in enumerate(shape):
                    if size == TIME:
                        places = [slice(None)] * len(shape)
                        places[axis] = slice(length, None)
                        x[row][tuple(places)] = 50.0
    after = gradients(lambda x: loss_of(layer, x, teacher, mask), student)
    assert before[0] == after[0]
    assert all(np.array_equal(a, b) for a, b in zip(before[1], after[1], strict=True))


def test_scores_out_of_a_window_differ_by_nothing():
    student, teacher, mask = arrays(SCORES, 1, 0), arrays(SCORES, 1, 1), mask_of([TIME] * BATCH)
    inside = np.abs(np.subtract.outer(np.arange(TIME), np.arange(TIME))) <= 2
    layer, _ = made(AttentionScores([(0, 0)]), student, teacher, mask)
    teacher[0] -= np.where(inside, 0, 1e9).astype("float32")
    value = (((student[0] - teacher[0]) ** 2) * inside).astype("float64").mean()
    assert float(loss_of(layer, student, teacher, mask)) == pytest.approx(value, rel=CLOSE)


def test_a_projection_is_computed_in_float32_beside_a_student_that_is_not():
    student, teacher, mask = arrays((TIME, 5), 1, 0), arrays(STATES, 1, 1), mask_of(LENGTHS)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer, projections = made(HiddenStates([(0, 0)], projection="shared"), student, teacher, mask)
    finally:
        keras.config.set_dtype_policy(policy)
    value = expected("shared", student, teacher, LENGTHS, projections)
    assert float(loss_of(layer, student, teacher, mask)) == pytest.approx(value, rel=CLOSE)


# Soft labels: by kind the shape of the logits, whether an answer is a row's or a token's, and what it is of one.


def soft_labels(student, teacher, temperature):
    return divergence(teacher / temperature, student / temperature) * temperature**2


def soft_several(student, teacher, temperature):
    both = (np.stack([np.zeros_like(x), x], -1) for x in (student, teacher))
    return soft_labels(*both, temperature).mean(-1)


def soft_number(student, teacher, temperature):
    return ((student - teacher) ** 2).mean(-1)


SOFT = {
    "labels": ("labels", (4,), soft_labels),
    "labels of tokens": ("labels", (TIME, 4), soft_labels),
    "several": ("several", (4,), soft_several),
    "places": ("places", (TIME,), soft_labels),
    "number": ("number", (1,), soft_number),
}


def soft_expected(case, student, teacher, temperature, weights):
    kind, _, of = SOFT[case]
    total = 0.0
    for row, length in enumerate(LENGTHS):
        s, t = (np.asarray(x[row], "float64") for x in (student, teacher))
        if kind == "places":
            s, t = s[:length], t[:length]
        total += (of(s, t, temperature) * weights[row]).sum()
    return total / weights.sum()


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("case", SOFT)
def test_soft_labels_of_each_kind(case, temperature):
    kind, shape, _ = SOFT[case]
    (student,), (teacher,), mask = arrays(shape, 1, 0), arrays(shape, 1, 1), mask_of(LENGTHS)
    comparison = SoftLabels(kind=kind, temperature=temperature)
    assert comparison.name == "soft_logits"
    weights = np.random.default_rng(3).random((BATCH, *shape[:-1])) * (mask if len(shape) == 2 else 1.0)
    assert comparison.weights({"logits_weights": weights}) is weights
    layer, _ = made(comparison, [student], [teacher], mask)
    value = soft_expected(case, student, teacher, temperature, weights)
    found, (gradient,) = gradients(lambda x: loss_of(layer, x, [teacher], mask, weights), [student])
    assert found == pytest.approx(value, rel=CLOSE)
    (numeric,) = differences(lambda x: soft_expected(case, x[0], teacher, temperature, weights), [student])
    assert np.abs(gradient - numeric).max() <= CLOSE_GRADIENT * np.abs(numeric).max()
    if kind == "places":
        assert not gradient[mask == 0].any()


def test_places_are_those_of_real_tokens():
    (student,), (teacher,), mask = arrays((TIME,), 1, 0), arrays((TIME,), 1, 1), mask_of(LENGTHS)
    layer, _ = made(SoftLabels(kind="places"), [student], [teacher], mask)
    before = np.asarray(layer([student], [teacher], mask))
    student[mask == 0], teacher[mask == 0] = 30.0, -30.0
    assert np.array_equal(before, np.asarray(layer([student], [teacher], mask)))


@pytest.mark.parametrize("function", [False, True])
def test_labels_have_their_own_weights(function):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    comparison = Labels(loss.call if function else loss, weight=0.5, counted="answer_weights")
    (logits,) = arrays((4,), 1, 0)
    batch = {"logits_labels": np.array([1, 3, 0]), "answer_weights": np.array([0.5, 2.0, 0.0], "float32")}
    assert comparison.name == "labels_logits" and comparison.build([logits], [], {}) is logits
    found = np.asarray(comparison.losses(ops.convert_to_tensor(logits), batch))
    chances = softmax(logits.astype("float64"))
    assert found == pytest.approx(-np.log(chances[np.arange(3), batch["logits_labels"]]), rel=CLOSE)
    assert comparison.weights(batch) is batch["answer_weights"]


def of_model(blocks, width=8, heads=2, **more):
    """A `Traced` of symbolic tensors, as a model of these sizes has."""
    tensors = {"embeddings": keras.KerasTensor((None, None, width)), **more}
    for i in range(blocks):
        tensors[f"block_{i}_output"] = tensors["embeddings"]
        tensors[f"block_{i}_scores"] = keras.KerasTensor((None, heads, None, None))
        for name in ("query", "key", "value"):
            tensors[f"block_{i}_{name}"] = keras.KerasTensor((None, heads, None, width // heads))
    mask = keras.Input((None,), dtype="int32", name="padding_mask")
    return Traced({"padding_mask": mask}, tensors, None, blocks)


def of_labels(units):
    return {"logits": keras.KerasTensor((None, units))}


@pytest.mark.parametrize(
    ("comparison", "student", "teacher", "said"),
    [
        (lambda: HiddenStates([]), {}, {}, "no pairs for hidden_states"),
        (lambda: HiddenStates([(0, 0)], projection="one"), {}, {}, "projection='one'"),
        (lambda: Cosine([(0, 0)], projection="one"), {}, {}, "projection='one'"),
        (lambda: Relations([(0, 0)], of="value"), {}, {}, "of='value'"),
        (lambda: SoftLabels(kind="soft"), {}, {}, "kind='soft'"),
        (lambda: HiddenStates([(2, 3)]), {}, {}, "block_2_output of the student, which has 2 blocks"),
        (lambda: HiddenStates([(1, 4)]), {}, {}, "block_4_output of the teacher, which has 4 blocks"),
        (lambda: HiddenStates([("middle", 3)]), {}, {}, "reads middle of the student"),
        (lambda: SoftLabels(), {}, of_labels(3), "reads logits of the student"),
        (lambda: Labels(None, output="tags"), {}, {}, "reads tags of the student"),
        (lambda: HiddenStates([(1, 3)]), {"width": 4}, {}, "4 wide in the student with 8 in the teacher"),
        (lambda: Cosine([(1, 3)]), {"width": 4}, {}, "4 wide in the student with 8 in the teacher"),
        (lambda: SoftLabels(), of_labels(2), of_labels(3), "2 wide in the student with 3 in the teacher"),
        (lambda: AttentionScores([(1, 3)]), {"heads": 4}, {}, "the student has 4, the teacher 2"),
        (lambda: AttentionDistributions([(1, 3)]), {"heads": 4}, {}, "the student has 4, the teacher 2"),
        (lambda: Relations([(1, 3)]), {"heads": 4}, {}, "the student has 4, the teacher 2"),
        (lambda: Relations([(1, 3)], heads=3), {"width": 6}, {}, "the teacher's heads together, 8"),
        (lambda: Relations([(1, 3)], heads=4), {"width": 6}, {}, "the student's heads together, 6"),
        (
            lambda: HiddenStates([("logits", 3), (1, 3)], projection="shared"),
            of_labels(2),
            {},
            "of the student is 2, 8 wide",
        ),
        (
            lambda: HiddenStates([(1, "logits"), (1, 3)], projection="shared"),
            {},
            of_labels(2),
            "of the teacher is 2, 8 wide",
        ),
    ],
)
def test_what_does_not_fit_is_one_line(comparison, student, teacher, said):
    student, teacher = of_model(2, **student), of_model(4, **teacher)
    with pytest.raises(InputError) as raised:
        made = comparison()
        ours, theirs = made.keys(student, teacher)
        made.build([student.tensors[key] for key in ours], [teacher.tensors[key] for key in theirs], student.inputs)
    assert said in str(raised.value) and "\n" not in str(raised.value)
