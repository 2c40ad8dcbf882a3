"""AdamW as BERT is fine-tuned with, and its learning-rate schedule."""

import keras
from keras import ops

from keras_bert_suite.layers.base import register


@register
class WarmupLinear(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly from 0 to a peak, then falls linearly to 0.

    Args:
        peak: the highest learning rate.
        warmup_steps: steps until the peak; 0 to begin there.
        steps: all steps; the rate is 0 after them.
    """

    def __init__(self, peak, warmup_steps, steps):
        self.peak, self.warmup_steps, self.steps = peak, warmup_steps, steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        up = step / max(1, self.warmup_steps)
        down = (self.steps - step) / max(1, self.steps - self.warmup_steps)
        return self.peak * ops.maximum(0.0, ops.minimum(up, down) if self.warmup_steps else down)

    def get_config(self):
        return {"peak": self.peak, "warmup_steps": self.warmup_steps, "steps": self.steps}


@register
class LayerwiseAdamW(keras.optimizers.AdamW):
    """Keras's AdamW with a factor for the rate of each variable, and with or without bias correction.

    Args:
        bias_correction: whether the moments are corrected for beginning at 0.
        rates: a dict from a variable's path to the factor of its learning rate, 1 where it is not named.
        **kwargs: those of `keras.optimizers.AdamW`.
    """

    def __init__(self, learning_rate, bias_correction=True, rates=None, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.bias_correction, self.rates = bias_correction, dict(rates or {})

    def build(self, variables):
        # The variables of an update have no path on every backend, but a number.
        self._factors = [self.rates.get(variable.path, 1.0) for variable in variables]
        super().build(variables)

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype) * self._factors[self._get_variable_index(variable)]
        if not self.bias_correction:
            step = ops.cast(self.iterations + 1, variable.dtype)
            one, two = (ops.power(ops.cast(beta, variable.dtype), step) for beta in (self.beta_1, self.beta_2))
            # Keras multiplies by the inverse.
            rate = rate * (1 - one) / ops.sqrt(1 - two)
        super().update_step(gradient, variable, rate)

    def get_config(self):
        return {**super().get_config(), "bias_correction": self.bias_correction, "rates": self.rates}


def adamw(learning_rate, steps, warmup=0.1, weight_decay=0.01, clip_norm=1.0, bias_correction=True, rates=None):
    """AdamW with warm-up, linear decay, and clipping by the global norm.

    Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101. Decay is decoupled and leaves out biases and norms.

    Args:
        learning_rate: the peak.
        steps: all steps of the training.
        warmup: the part of them that warms up.
        weight_decay: rate of the decay.
        clip_norm: the norm that all gradients together are clipped to.
        bias_correction: see `LayerwiseAdamW`.
        rates: likewise.
    """
    optimizer = LayerwiseAdamW(
        WarmupLinear(learning_rate, round(warmup * steps), steps),
        bias_correction,
        rates,
        weight_decay=weight_decay,
        epsilon=1e-8,
        global_clipnorm=clip_norm,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
