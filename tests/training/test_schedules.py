"""Learning rates against the formulas of google-research, transformers and ModernBERT; phases; batch sizes."""

import re

import keras
import numpy as np
import pytest

from keras_bert_suite.errors import InputError
from keras_bert_suite.training.schedules import SCHEDULES, Phases, WarmupDecay, batch_size, schedule

REFERENCES = {
    "google_bert_linear": ("bert_linear", {}),
    "hf_linear_with_warmup": ("linear", {}),
    "hf_cosine_with_warmup": ("cosine", {}),
    "hf_constant_with_warmup": ("constant", {}),
    "hf_polynomial_p2_end1e-7": ("polynomial", {"power": 2.0, "end": 1e-7}),
    "inverse_sqrt": ("inverse_sqrt", {}),
    "trapezoid_1-sqrt_decay20pct": ("warmup_stable_decay_sqrt", {"decay_part": 0.2}),
}


def values(rates, steps):
    return keras.ops.convert_to_numpy(rates(np.arange(steps)))


@pytest.mark.parametrize("reference", REFERENCES)
def test_each_step_has_the_rate_of_the_reference(shared, reference):
    name, settings = REFERENCES[reference]
    found = [key for key in np.load(shared / "reference_optim/schedules.npz") if key.endswith(f"/{reference}")]
    assert len(found) == 3
    for key in found:
        expected = np.load(shared / "reference_optim/schedules.npz")[key]
        steps, warmup, peak = re.match(r"total(\d+)_warm(\d+)_lr(\S+)/", key).groups()
        rates = schedule(name, float(peak), int(steps), int(warmup), **settings)
        # float32 against float64; the largest found is 1.5e-7.
        np.testing.assert_allclose(values(rates, int(steps) + 1) / float(peak), expected / float(peak), atol=1e-6)


def test_a_stable_rate_falls_in_the_last_part_alone():
    rates = values(schedule("warmup_stable_decay", 1.0, 100, 10, decay_part=0.3, end=0.1), 121)
    np.testing.assert_allclose(rates[:10], np.arange(10) / 10, atol=1e-6)
    np.testing.assert_array_equal(rates[10:71], 1.0)
    np.testing.assert_allclose(rates[70:101], np.linspace(1.0, 0.1, 31), atol=1e-6)
    np.testing.assert_array_equal(rates[100:], rates[100])


def test_two_phases_have_a_warmup_and_a_peak_each():
    first = WarmupDecay(7.5e-4, 750, 213, "polynomial", decay_steps=750, power=0.5)
    second = WarmupDecay(5e-4, 166, 21, "polynomial", decay_steps=166, power=0.5)
    rates = values(Phases([first, second]), 950)
    # The last bit of a power depends on where it stands in an array.
    np.testing.assert_allclose(rates[:750], values(first, 750), rtol=1e-6)
    np.testing.assert_allclose(rates[750:], values(second, 200), rtol=1e-6)
    assert rates[750] == 0.0 and rates[916] == 0.0
    # The formula of NVIDIA's optimization.py, whose fall counts from the first step of its phase.
    assert rates[750 + 100] == pytest.approx(5e-4 * (1 - 100 / 166) ** 0.5, rel=1e-6)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_saved_with_all_that_it_is(name):
    one = schedule(name, 0.5, 40, 4, decay_part=0.5, end=0.25, power=2.0)
    for rates in (one, Phases([one, WarmupDecay(0.1, 10)])):
        again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(rates))
        np.testing.assert_array_equal(values(rates, 60), values(again, 60))


def test_an_unknown_schedule_is_named():
    with pytest.raises(InputError, match="Received schedule='step'; expected one of linear"):
        schedule("step", 0.1, 10)


def test_batches_grow_by_whole_multiples():
    sizes = [batch_size(step, 768, 4608, 100, multiple=96) for step in range(120)]
    assert sizes[0] == 768 and set(sizes[100:]) == {4608}
    assert all(size % 96 == 0 for size in sizes)
    # Never more than a multiple below the line from one to the other, and never above it.
    line = [min(4608, 768 + 3840 * step / 100) for step in range(120)]
    assert all(0 <= exact - size < 96 for size, exact in zip(sizes, line, strict=True))
    assert batch_size(0, 32, 256, 0) == 256
