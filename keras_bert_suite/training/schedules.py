"""Learning rates by step, chosen by name, one phase or several; and batch sizes by step."""

import math

import keras
from keras import ops

from keras_bert_suite.errors import InputError
from keras_bert_suite.layers.base import register

# How much of the way from the end to the peak is left, where `done` and `left` are parts of the steps that decay.
DECAYS = {
    "linear": lambda done, left, power: left,
    "polynomial": lambda done, left, power: ops.power(left, power),
    "cosine": lambda done, left, power: (1 + ops.cos(math.pi * done)) / 2,
    "one_minus_sqrt": lambda done, left, power: 1 - ops.sqrt(done),
    "constant": lambda done, left, power: ops.ones_like(done),
}
# A decay, and the part of all steps that it takes: None for those after the warm-up, "given" for `decay_part`.
SCHEDULES = {
    "linear": ("linear", None),
    # google-research/bert: the fall counts from step 0, so that the peak is not reached.
    "bert_linear": ("linear", 1.0),
    "cosine": ("cosine", None),
    "polynomial": ("polynomial", None),
    "constant": ("constant", None),
    "inverse_sqrt": ("inverse_sqrt", None),
    # Hu et al. 2024, https://arxiv.org/abs/2404.06395
    "warmup_stable_decay": ("linear", "given"),
    # Warner et al. 2024 (ModernBERT), https://arxiv.org/abs/2412.13663
    "warmup_stable_decay_sqrt": ("one_minus_sqrt", "given"),
}


def schedule(name, peak, steps, warmup_steps=0, decay_part=0.2, end=0.0, power=1.0):
    """A `WarmupDecay` by its name.

    Args:
        name: a key of `SCHEDULES`.
        peak: the highest learning rate.
        steps: all steps of the training.
        warmup_steps: steps in which the rate rises.
        decay_part: the part of all steps that `warmup_stable_decay` and `warmup_stable_decay_sqrt` fall in, the last.
        end: see `WarmupDecay`.
        power: likewise.

    Raises:
        InputError: there is no such schedule.
    """
    if name not in SCHEDULES:
        raise InputError(f"Received schedule={name!r}; expected one of {', '.join(SCHEDULES)}.")
    decay, part = SCHEDULES[name]
    part = decay_part if part == "given" else part
    decay_steps = None if part is None else round(part * steps)
    return WarmupDecay(peak, steps, warmup_steps, decay, decay_steps, end, power)


@register
class WarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly from 0 to a peak, stays there, and falls over the last steps.

    Args:
        peak: the highest learning rate.
        steps: all steps; after them the rate stays as it is.
        warmup_steps: steps until the peak; 0 to begin there.
        decay: the form of the fall, with x from 0 to 1: `"linear"`, `"polynomial"` `(1 - x)^power`, `"cosine"`,
            `"one_minus_sqrt"` `1 - x^0.5`, or `"constant"` for none; `"inverse_sqrt"` is
            `peak * (warmup_steps / step)^0.5`, warms up for a step at least, and has no end.
        decay_steps: how many steps the fall takes, the last; None for all after the warm-up. Where both overlap, as in
            google-research/bert, the rate is that of the warm-up.
        end: the rate at the end of the fall.
        power: of `"polynomial"`; 1 is linear, 0.5 what NVIDIA trains BERT with LAMB by.

    Raises:
        InputError: there is no such decay.
    """

    def __init__(self, peak, steps, warmup_steps=0, decay="linear", decay_steps=None, end=0.0, power=1.0):
        if decay not in (*DECAYS, "inverse_sqrt"):
            raise InputError(f"Received decay={decay!r}; expected one of {', '.join(DECAYS)}, inverse_sqrt.")
        self.peak, self.steps, self.warmup_steps, self.decay = peak, steps, warmup_steps, decay
        self.decay_steps, self.end, self.power = decay_steps, end, power

    def __call__(self, step):
        step = ops.cast(step, "float32")
        inverse_sqrt = self.decay == "inverse_sqrt"
        warmup_steps = max(1, self.warmup_steps) if inverse_sqrt else self.warmup_steps
        rising = self.peak * step / max(1, warmup_steps)
        if inverse_sqrt:
            falling = self.peak * ops.sqrt(warmup_steps / ops.maximum(step, 1.0))
        else:
            decay_steps = self.steps - self.warmup_steps if self.decay_steps is None else self.decay_steps
            start, length = self.steps - decay_steps, max(1, decay_steps)
            # Where no step is left to fall in, transformers' linear form has fallen, and its others stand at the peak.
            stop = self.steps if self.decay == "linear" else start + length
            done = ops.clip((step - start) / length, 0.0, 1.0)
            # Not 1 - done, which XLA's division leaves above 0, and a root far above.
            left = ops.clip((stop - step) / length, 0.0, 1.0)
            falling = self.end + (self.peak - self.end) * DECAYS[self.decay](done, left, self.power)
        return ops.where(step < warmup_steps, rising, falling)

    def get_config(self):
        names = ("peak", "steps", "warmup_steps", "decay", "decay_steps", "end", "power")
        return {name: getattr(self, name) for name in names}


@register
class Phases(keras.optimizers.schedules.LearningRateSchedule):
    """Schedules one after another, each with its own steps, warm-up and peak.

    BERT-large by LAMB, with sequences of 128 pieces and then of 512, as NVIDIA trains it:

    ```python
    first = WarmupDecay(7.5e-4, 7506, warmup_steps=2133, decay="polynomial", decay_steps=7506, power=0.5)
    second = WarmupDecay(5e-4, 1668, warmup_steps=213, decay="polynomial", decay_steps=1668, power=0.5)
    rates = Phases([first, second])
    ```

    Args:
        schedules: `WarmupDecay`s. Each counts from 0 and ends after its `steps`; the last goes on.
    """

    def __init__(self, schedules):
        self.schedules = list(schedules)

    def __call__(self, step):
        start, rate = 0, self.schedules[0](step)
        for before, phase in zip(self.schedules, self.schedules[1:], strict=False):
            start += before.steps
            rate = ops.where(step < start, rate, phase(step - start))
        return rate

    def get_config(self):
        return {"schedules": [keras.optimizers.schedules.serialize(phase) for phase in self.schedules]}

    @classmethod
    def from_config(cls, config):
        return cls([keras.optimizers.schedules.deserialize(phase) for phase in config["schedules"]])


def batch_size(step, first, last, warmup_steps, multiple=1):
    """Examples in the batch of a step, where batches grow linearly from one size to another.

    Args:
        step: the step, from 0.
        first: the size at step 0, a multiple of `multiple`.
        last: the size from step `warmup_steps` on.
        warmup_steps: steps in which it grows; 0 for none.
        multiple: what each size on the way is a multiple of: replicas times the examples of one micro-batch.

    Returns:
        An int. ModernBERT grew from 768 to 4,608 in its first 50 billion tokens.
    """
    if step >= warmup_steps:
        return last
    return first + (last - first) * step // warmup_steps // multiple * multiple
