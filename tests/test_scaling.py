"""The sums of kbs-plan: against models that were built, by hand, and against what published trainings took."""

import inspect
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_bert_suite import InputError, scaling
from keras_bert_suite.encoders import FAMILIES
from keras_bert_suite.objectives import MaskedLM, attach
from keras_bert_suite.scaling import DEVICES, Training

SIZES = {"vocab_size": 61, "dim": 24, "num_layers": 2, "num_heads": 3, "feed_forward_dim": 40, "max_length": 32}
BASE = scaling.Shape(30522, 768, 12, 12, 3072, 512, 2, pooler="tanh")
LARGE = scaling.Shape(30522, 1024, 24, 16, 4096, 512, 2, pooler="tanh")


def arguments(family, **sizes):
    known = inspect.signature(FAMILIES[family].__init__).parameters.values()
    return {one.name: one.default for one in known if one.default is not one.empty} | SIZES | sizes


@pytest.mark.parametrize(
    ("family", "more"), [("Bert", {}), ("Electra", {"embedding_dim": 12}), ("DistilBert", {}), ("Roberta", {})]
)
def test_parameters_and_operations_are_those_of_the_model(family, more):
    given = arguments(family, **more)
    shape = scaling.Shape.of(family, given)
    model = attach(FAMILIES[family](**given), [MaskedLM()])
    assert shape.parameters == sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    widths = {name: 3 if name == "masked_positions" else 16 for name in model.input}
    specs = {name: tf.TensorSpec((2, width), tf.int32) for name, width in widths.items()}
    graph = tf.function(model).get_concrete_function(specs).graph
    products = [op for op in graph.get_operations() if op.type in ("MatMul", "BatchMatMulV2")]
    # Each number of a product of (.., m, k) and (.., k, n) takes k multiplications and as many additions.
    found = sum(2 * int(np.prod(op.outputs[0].shape)) * op.inputs[0].shape[-1] for op in products)
    assert 2 * sum(shape.operations(16, 3)) == found


def test_bert_has_the_published_parameters():
    # With the head and without the pooler, as transformers counts BertForMaskedLM.
    assert replace(BASE, pooler=None).parameters == 109_514_298
    assert replace(LARGE, pooler=None).parameters == 335_174_458


def rate(devices, batch_size, length, predictions, utilization, kind="a100", rows=None, **more):
    """Rows a second that the plan of BERT-large promises, each device running `rows` of them at once."""
    training = Training(LARGE, batch_size, length, predictions, 1, "lamb")
    device = replace(DEVICES[kind], **more)
    found = scaling.plan(training, device, devices, utilization, batch_size // devices // rows)
    return batch_size / found["step"]


# NVIDIA DeepLearningExamples, TensorFlow2/LanguageModeling/BERT, mixed precision, sentences a second on 1 and on 8:
# device, ids of a row, hidden places, rows of a device at once, all rows.
NVIDIA = [
    ("a100", 128, 20, 312, 79872, 485.59, 3799.24, 0.3745),
    ("v100", 128, 20, 60, 61440, 206.5, 1561.77, 0.3975),
    ("v100", 512, 80, 10, 30720, 40.95, 312.03, 0.3343),
]


@pytest.mark.parametrize(("kind", "length", "places", "rows", "batch_size", "one", "eight", "part"), NVIDIA)
def test_eight_devices_follow_from_one(kind, length, places, rows, batch_size, one, eight, part):
    training = Training(LARGE, batch_size, length, places, 1, "lamb")
    reached = scaling.utilization(training, DEVICES[kind], 1, one)
    assert reached == pytest.approx(part, abs=1e-4)
    assert rate(1, batch_size, length, places, reached, kind, rows) == pytest.approx(one, rel=1e-9)
    # 6 percent: what the slowest of eight keeps the others waiting is in no sum.
    assert rate(8, batch_size, length, places, reached, kind, rows) == pytest.approx(eight, rel=0.06)


def test_machines_with_a_network_between_them():
    # 32 DGX A100, each with eight links of 25 GB/s; measured were 110,280 sentences a second.
    reached = scaling.utilization(Training(LARGE, 79872, 128, 20, 1), DEVICES["a100"], 8, 3803.82)
    assert rate(256, 79872, 128, 20, reached, rows=312, link=25e9) == pytest.approx(110_280.73, rel=0.08)


# You et al. 2020, https://arxiv.org/abs/1904.00962, table 1: BERT-large on TPUs v3, 9 of 10 rows of a training of 128
# ids and one of 512.
DAYS = [(512, 128, 20, 900_000), (512, 512, 80, 100_000)]
MINUTES = [(65536, 128, 20, 7038), (32768, 512, 80, 1561)]


def lamb_hours(devices, reached, phases):
    steps = [
        scaling.plan(Training(LARGE, rows, length, places, count, "lamb"), DEVICES["tpu_v3"], devices, reached)
        for rows, length, places, count in phases
    ]
    return sum(found["hours"] for found in steps)


def test_lamb_in_76_minutes_follows_from_three_days():
    reached = 0.29
    # 1.5 percent: both phases are taken to reach the same part of the peak.
    assert lamb_hours(16, reached, DAYS) == pytest.approx(81.4, rel=0.015)
    assert lamb_hours(1024, reached, MINUTES) == pytest.approx(76.19 / 60, rel=0.015)


def test_mosaic_bert_baseline():
    # Portes et al. 2023, https://arxiv.org/abs/2312.17482: transformers' BERT-base, its head over all places, 286.72
    # million rows of 128 ids in about 11.5 hours on 8 A100.
    training = Training(BASE, 4096, 128, 128, 70_000)
    reached = scaling.utilization(training, DEVICES["a100"], 8, 286.72e6 / (11.5 * 3600))
    assert reached == pytest.approx(0.237, abs=5e-4)
    found = scaling.plan(training, DEVICES["a100"], 8, reached)
    # 1.5 percent: the published rate holds the exchange, which the plan adds.
    assert found["hours"] == pytest.approx(11.5, rel=0.015)


def test_the_document_has_these_numbers():
    text = (Path(__file__).parents[1] / "docs/scaling.md").read_text()
    for kind, length, places, rows, batch_size, one, eight, _ in NVIDIA:
        reached = scaling.utilization(Training(LARGE, batch_size, length, places, 1), DEVICES[kind], 1, one)
        planned = rate(8, batch_size, length, places, reached, kind, rows)
        name = kind.upper()
        assert f"{length} ids, 1 {name}, {one} rows a second | {f'{reached:.3f}'[1:]} | 8 {name} |" in text
        assert f"| {eight:,.0f} | {planned:,.0f} |\n" in text
    reached = scaling.utilization(Training(LARGE, 79872, 128, 20, 1), DEVICES["a100"], 8, 3803.82)
    assert f"| 110,281 | {rate(256, 79872, 128, 20, reached, rows=312, link=25e9):,.0f} |\n" in text
    steps = "8,599 steps of 65,536 and 32,768"
    assert f"| .290 | 1,024 TPUs v3, {steps} | 76.2 minutes | {60 * lamb_hours(1024, 0.29, MINUTES):.1f} " in text


def test_the_largest_batches_that_were_run_fit():
    for kind, length, places, rows, batch_size, *_ in [*NVIDIA, ("a100", 512, 80, 40, 30720)]:
        memory = Training(LARGE, batch_size, length, places, 1, "lamb").memory(2 * rows, 2)
        assert sum(memory.values()) < scaling.USABLE * DEVICES[kind].memory
    memory = Training(LARGE, 79872, 128, 20, 1, "lamb").memory(2 * 312, 2)
    assert sum(memory.values()) / DEVICES["a100"].memory == pytest.approx(0.66, abs=0.01)


def test_a_plan_by_hand():
    shape = scaling.Shape(100, 8, 2, 2, 32, 16)
    device = scaling.Device(peak=1e9, memory=1e9, link=1e6, price=2.0)
    training = Training(shape, batch_size=8, length=10, predictions=2, steps=1000)
    # A block: 4 * 8 * 8 + 2 * 8 * 32 weights, twice for each of 10 ids; twice 2 * 10 * 10 * 8 for attention.
    blocks, head = 2 * (20 * 768 + 3200), 2 * 2 * 8 * (8 + 100)
    assert shape.operations(10, 2) == (blocks, head)
    assert training.operations == training.executed == 3 * 8 * (blocks + head)
    assert replace(training, rematerialize=True).executed == 8 * (4 * blocks + 3 * head)
    block = 10 * (18 * 8 + 4 * 32) + 5 * 2 * 100
    assert shape.activations(10, 2) == 2 * block + 2 * 10 * 100
    assert shape.activations(10, 2, rematerialize=True) == 2 * (2 * 10 * 8) + block + 2 * 10 * 100
    found = scaling.plan(training, device, devices=4, utilization=0.5)
    assert found["compute"] == pytest.approx(training.operations / 2e9)
    assert found["all_reduce"] == pytest.approx(2 * 3 / 4 * 4 * shape.parameters / 1e6)
    assert found["step"] == found["compute"] + found["all_reduce"]
    assert found["utilization"] == pytest.approx(0.5 * found["compute"] / found["step"])
    assert found["tokens_per_second"] == pytest.approx(80 / found["step"])
    assert found["cores"] == pytest.approx(found["tokens_per_second"] * (1 / 5e6 + 1 / 5e6))
    assert found["dollars"] == pytest.approx(found["hours"] * 8)
    hidden = scaling.plan(training, device, devices=4, utilization=0.5, parts=2, overlap=True)
    assert hidden["step"] == pytest.approx(found["step"] - found["compute"] * 2 / 3 / 2)
    alone = scaling.plan(training, device, devices=1, utilization=0.5)
    assert alone["all_reduce"] == 0 and alone["step"] == alone["compute"]
    quick = scaling.plan(training, replace(device, link=1e12), devices=4, utilization=0.5, overlap=True)
    assert quick["step"] == quick["compute"]


def test_memory_decides_on_the_parts():
    shape = scaling.Shape(100, 8, 2, 2, 32, 16)
    training = Training(shape, 12, 10, 2, 1, "sgd")
    count, row = shape.parameters, shape.activations(10, 2)
    assert training.memory(12) == {
        "parameters": 4 * count,
        "bfloat16_copies": 2 * count,
        "gradients": 4 * count,
        "optimizer": 4 * count,
        "activations": 12 * row,
    }
    assert training.memory(12, 3)["gradients"] == 8 * count and training.memory(12, 3)["activations"] == 4 * row
    device = scaling.Device(1e9, (18 * count + 4 * row) / scaling.USABLE + 1, 1e9, 1.0)
    assert scaling.plan(training, device, 1, 0.5)["parts"] == 3
    with pytest.raises(InputError, match="12 rows at once need .* more parts"):
        scaling.plan(training, device, 1, 0.5, parts=1)
    with pytest.raises(InputError, match="1 rows at once need"):
        scaling.plan(training, replace(device, memory=10), 1, 0.5)
    for devices, parts in ((5, None), (4, 2), (24, None)):
        with pytest.raises(InputError, match="expected a multiple of"):
            scaling.plan(training, device, devices, 0.5, parts)


def test_shapes_and_machines_are_read():
    found = scaling.Shape.of("Bert", arguments("Bert"), ["dim=48", "num_layers=6"])
    assert (found.dim, found.num_layers, found.num_heads) == (48, 6, 3)
    for family, named in {"Deberta": "positions", "FNet": "method", "NomicBert": "rotary_theta"}.items():
        with pytest.raises(InputError, match=f"{family} differs in .*{named}"):
            scaling.Shape.of(family, arguments(family))
    for word in ("dim", "dim=", "dim=0", "dim=x", "width=8", "pooler=1"):
        with pytest.raises(InputError, match=f"set='{word}'; expected one of .*as dim=256"):
            scaling.Shape.of("Bert", arguments("Bert"), [word])
    with pytest.raises(InputError, match="num_heads=3; expected a divisor of dim=32"):
        scaling.Shape.of("Bert", arguments("Bert"), ["dim=32"])
    (_, one, _), (name, other, count) = scaling.machines(["1xh200", "16xtpu_v5e"], ["4", "1.5"], 25.0)
    assert one == replace(DEVICES["h200"], price=4.0, link=25e9)
    assert (name, count, other.price, other.peak) == ("16xtpu_v5e", 16, 1.5, 197e12)
    for names, prices, expected in (
        (["8h200"], None, "machine '8h200'; expected as 8xh200"),
        (["0xh200"], None, "'0xh200'"),
        (["8xh300"], None, "of h200, h100"),
        (["8xh200"], ["a"], "price='a'"),
        (["8xh200"], ["1", "2"], "2 prices for 1 machines"),
    ):
        with pytest.raises(InputError, match=expected):
            scaling.machines(names, prices)
