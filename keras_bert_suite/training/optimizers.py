"""AdamW, BERT's own Adam, StableAdamW, LAMB and SGD, chosen by name, with exclusions and rates of layers."""

import math

import keras
from keras import ops

from keras_bert_suite.errors import InputError
from keras_bert_suite.layers.base import register
from keras_bert_suite.training.schedules import schedule

# What the names of the variables that do not decay end with: biases and norms.
NO_DECAY = ("bias", "gamma", "beta", "scale")


class Summed:
    """What a Keras optimizer lacks: exclusions that are saved, and on TensorFlow whole gradients.

    Keras 3.15 on TensorFlow squares the rows of a table's gradient before those of the same row are added, so that
    second moments and norms are wrong (three steps of Adam at 0.1 are off by 0.21), and clips the gradients of each
    replica by a norm of their own before they are added. With both, two devices end 2.1e-2 from one after
    the 20 steps of the tests; here 1.2e-7 at most.

    Args:
        no_decay: endings of the names of variables that do not decay.
    """

    def __init__(self, *args, no_decay=NO_DECAY, **kwargs):
        super().__init__(*args, **kwargs)
        self.no_decay = tuple(no_decay)

    def build(self, variables):
        self.exclude_from_weight_decay([variable for variable in variables if variable.name.endswith(self.no_decay)])
        super().build(variables)

    def apply(self, grads, trainable_variables=None):
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            grads = [gradient if gradient is None else tf.convert_to_tensor(gradient) for gradient in grads]
        return super().apply(grads, trainable_variables)

    def _clip_gradients(self, grads):
        return grads if keras.backend.backend() == "tensorflow" else super()._clip_gradients(grads)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        # TensorFlow's backend calls this between clipping and the update.
        grads, variables = zip(*super()._all_reduce_sum_gradients(grads_and_vars), strict=True)
        return list(zip(super()._clip_gradients(grads), variables, strict=True))

    def get_config(self):
        return {**super().get_config(), "no_decay": list(self.no_decay)}


@register
class SGD(Summed, keras.optimizers.SGD):
    """Keras's SGD, see `Summed`. The momentum holds steps, so that a change of the rate is felt as it fades."""


@register
class LayerwiseAdamW(Summed, keras.optimizers.Lamb):
    """Adam with decoupled weight decay, a factor for the rate of each variable, and what its kin add to it.

    With the moments m and v, corrected or not, `u = m / (v^0.5 + epsilon) + weight_decay * p`, without the decay for
    biases and norms, and `p <- p - rate * r * u`, where r is 1, LAMB's ratio of norms or StableAdamW's clipping. The
    decay is part of u and so has the rate of its variable. This is PyTorch's AdamW; without bias correction
    google-research's AdamWeightDecayOptimizer.

    Keras's own are others. After twelve steps with weights of about 1, rates up to 7.5e-3 and epsilon 1e-6, `AdamW`
    is off by 1.3e-4, as its epsilon is added before v is corrected (`epsilon_hat`), and `Lamb` by 1.2e-2, as it decays
    the weights outside of the ratio, or 6.0e-2 from the LAMB that leaves biases and norms out of it. Neither saves its
    exclusions. This class is off by 4.9e-7 at most.

    Args:
        learning_rate: a float or a schedule.
        bias_correction: whether the moments are corrected for beginning at 0.
        rates: a dict from a variable's path to the factor of its learning rate, 1 where it is not named.
        trust_ratio: the variables whose step is scaled to their norm, as LAMB does (You et al. 2020,
            https://arxiv.org/abs/1904.00962): `"none"`, `"all"`, or `"decayed"`, all but biases and norms.
        clip_update: whether the rate is divided by `max(1, mean(g^2 / max(v, epsilon^2))^0.5)`, as StableAdamW does
            (Wortsman et al. 2023, https://arxiv.org/abs/2304.13013).
        epsilon_hat: whether epsilon is added to the root of the second moment before its correction, as in Keras.
        epsilon: added to that root.
        **kwargs: those of `keras.optimizers.Lamb`, and `no_decay`, see `Summed`.

    Raises:
        InputError: there is no such trust ratio.
    """

    def __init__(
        self,
        learning_rate=0.001,
        bias_correction=True,
        rates=None,
        trust_ratio="none",
        clip_update=False,
        epsilon_hat=False,
        epsilon=1e-6,
        **kwargs,
    ):
        if trust_ratio not in ("none", "all", "decayed"):
            raise InputError(f"Received trust_ratio={trust_ratio!r}; expected none, all or decayed.")
        super().__init__(learning_rate, epsilon=epsilon, **kwargs)
        self.bias_correction, self.rates, self.trust_ratio = bias_correction, dict(rates or {}), trust_ratio
        self.clip_update, self.epsilon_hat = clip_update, epsilon_hat

    def build(self, variables):
        # The variables of an update have no path on every backend, but a number.
        self._factors = [self.rates.get(variable.path, 1.0) for variable in variables]
        super().build(variables)

    def _apply_weight_decay(self, variables):
        """Does nothing: the decay is part of the update."""

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        mean, square = self._momentums[index], self._velocities[index]
        gradient = ops.cast(gradient, variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype) * self._factors[index]
        self.assign_add(mean, (gradient - mean) * (1 - self.beta_1))
        self.assign_add(square, (ops.square(gradient) - square) * (1 - self.beta_2))
        one = two = ops.ones((), variable.dtype)
        if self.bias_correction:
            step = ops.cast(self.iterations + 1, variable.dtype)
            # 1 - beta^step, without the difference of two numbers that are almost equal.
            one, two = (-ops.expm1(step * math.log(beta)) for beta in (self.beta_1, self.beta_2))
        epsilon = self.epsilon / ops.sqrt(two) if self.epsilon_hat else self.epsilon
        # (mean / one) / ((square / two)^0.5 + epsilon), in fewer passes over the arrays.
        update = mean / (ops.sqrt(square) * (one / ops.sqrt(two)) + one * epsilon)
        decayed = self._use_weight_decay(variable)
        if self.weight_decay and decayed:
            update = update + self.weight_decay * variable
        if self.clip_update:
            excess = two * ops.mean(ops.square(gradient) / ops.maximum(square, two * self.epsilon**2))
            rate = rate / ops.maximum(1.0, ops.sqrt(excess))
        if self.trust_ratio == "all" or (self.trust_ratio == "decayed" and decayed):
            norm, size = (ops.sqrt(ops.sum(ops.square(array))) for array in (variable, update))
            some = ops.logical_and(norm > 0, size > 0)
            rate = rate * ops.where(some, norm / ops.where(some, size, 1.0), 1.0)
        self.assign_sub(variable, rate * update)

    def get_config(self):
        names = ("bias_correction", "rates", "trust_ratio", "clip_update", "epsilon_hat")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


OPTIMIZERS = {
    "adamw": (LayerwiseAdamW, {}),
    # Devlin et al. 2019, https://arxiv.org/abs/1810.04805, by its code
    "bert_adamw": (LayerwiseAdamW, {"bias_correction": False}),
    "stable_adamw": (LayerwiseAdamW, {"clip_update": True}),
    "lamb": (LayerwiseAdamW, {"trust_ratio": "decayed"}),
    # Lan et al. 2020, https://arxiv.org/abs/1909.11942, by its code
    "albert_lamb": (LayerwiseAdamW, {"trust_ratio": "decayed", "bias_correction": False}),
    "sgd": (SGD, {"momentum": 0.9}),
}


def optimizer(name, learning_rate, weight_decay=0.01, clip_norm=1.0, **settings):
    """An optimizer by its name.

    Args:
        name: a key of `OPTIMIZERS`.
        learning_rate: a float or a schedule.
        weight_decay: rate of the decay, which leaves out biases and norms.
        clip_norm: the norm that all gradients together are clipped to, after the sum over replicas; None for no
            clipping, as for `stable_adamw`, which does without.
        **settings: what else the class takes: `beta_1`, `beta_2`, `epsilon`, `rates`, `trust_ratio`, `momentum`, ...

    Raises:
        InputError: there is no such optimizer.
    """
    if name not in OPTIMIZERS:
        raise InputError(f"Received optimizer={name!r}; expected one of {', '.join(OPTIMIZERS)}.")
    make, own = OPTIMIZERS[name]
    return make(
        learning_rate, weight_decay=weight_decay or None, global_clipnorm=clip_norm or None, **{**own, **settings}
    )


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
    learning_rate = schedule("linear", learning_rate, steps, round(warmup * steps))
    settings = {"bias_correction": bias_correction, "rates": rates, "epsilon": 1e-8}
    return optimizer("adamw", learning_rate, weight_decay, clip_norm, **settings)
