"""Pre-training on two devices is that on one: losses and weights of 20 steps, whatever the step is made of."""

import json
from pathlib import Path

import pytest

from tests.steps import printed

MORE = {
    "plain": {},
    "clipping": {"clip_norm": 0.3},
    "accumulation": {"accumulation": 4},
    "executions": {"steps_per_execution": 4},
    "xla": {"xla": True},
    "all": {"clip_norm": 0.3, "accumulation": 4, "steps_per_execution": 4},
}
# Float32 rounding, in another order of sums, over 20 steps of losses around 4.
BOUND = 2e-6


def run(cases):
    return printed(Path(__file__).with_name("two_devices.py"), cases)


def test_a_step_equals_that_of_one_device():
    more = {**MORE["all"], "accumulation": 2}
    cases = {
        f"{objectives} adamw all": {"objectives": objectives, "optimizer": "adamw", "more": more}
        for objectives in ("bert", "electra")
    }
    for case, found in run(cases).items():
        assert found["loss"] <= BOUND and found["weights"] <= BOUND, (case, found)


@pytest.mark.slow
@pytest.mark.parametrize("objectives", ["bert", "albert", "spanbert", "electra", "gdes"])
def test_every_step_equals_that_of_one_device(objectives):
    cases = {
        f"{objectives} {optimizer} {name}": {"objectives": objectives, "optimizer": optimizer, "more": more}
        for optimizer in ("sgd", "adamw", "lamb")
        for name, more in MORE.items()
    }
    found = run(cases)
    print(json.dumps(found, indent=1))
    assert {case: each for case, each in found.items() if max(each.values()) > BOUND} == {}


@pytest.mark.slow
@pytest.mark.parametrize("objectives", ["deberta", "xlnet"])
def test_other_decoders_equal_those_of_one_device(objectives):
    chosen = {"adamw all": {**MORE["all"], "accumulation": 2}, "lamb xla": MORE["xla"]}
    cases = {
        f"{objectives} {name}": {"objectives": objectives, "optimizer": name.split()[0], "more": more}
        for name, more in chosen.items()
    }
    for case, found in run(cases).items():
        assert max(found.values()) <= BOUND, (case, found)


@pytest.mark.slow
def test_a_step_of_packed_rows_equals_that_of_one_device():
    cases = {"packed": {"objectives": "packed", "optimizer": "adamw", "more": {**MORE["all"], "accumulation": 2}}}
    found = run(cases)["packed"]
    assert found["loss"] <= BOUND and found["weights"] <= BOUND, found


@pytest.mark.slow
def test_bfloat16_equals_that_of_one_device_to_its_rounding():
    cases = {"bert": {"objectives": "bert", "optimizer": "adamw", "more": {"dtype": "mixed_bfloat16"}}}
    # 8 bits of mantissa in activations and gradients of losses around 4, summed in another order.
    assert run(cases)["bert"]["loss"] < 2e-3
