"""Recipes of fine-tuning as plain values, chosen by name; and what a recipe does to an encoder and a loss."""

from dataclasses import dataclass, replace

import keras
from keras import ops

from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import Layer, register
from keras_bert_suite.layers.base import initializer
from keras_bert_suite.training.optimizers import adamw


@dataclass(frozen=True)
class Recipe:
    """How an encoder is fine-tuned.

    Attributes:
        learning_rate: the peak.
        epochs: times that the data are read.
        batch_size: examples a step.
        warmup: part of the steps in which the rate rises.
        weight_decay: decoupled, not on norms and biases.
        bias_correction: whether Adam corrects its moments, which BERT's own optimizer did not.
        layer_decay: factor of the rate from each block to the one below it.
        reinitialized: number of top blocks that begin anew, the pooler with them.
        frozen: number of lowest blocks that stay as they are, the embeddings with them; None for none, not even these.
        r_drop: weight of the divergence between two passes with different dropout; 0 for one pass.
        lora_rank: rank of the changes of the queries' and values' kernels, the rest of the encoder being frozen; 0 to
            train the kernels themselves.
    """

    learning_rate: float = 5e-5
    epochs: int = 3
    batch_size: int = 32
    warmup: float = 0.1
    weight_decay: float = 0.01
    bias_correction: bool = True
    layer_decay: float = 1.0
    reinitialized: int = 0
    frozen: int | None = None
    r_drop: float = 0.0
    lora_rank: int = 0


RECIPES = {
    "default": Recipe(),
    # Devlin et al. 2019, https://arxiv.org/abs/1810.04805, with the optimizer of its code.
    "bert": Recipe(learning_rate=2e-5, bias_correction=False),
    # Mosbach et al. 2021, https://arxiv.org/abs/2006.04884
    "stable": Recipe(learning_rate=2e-5, epochs=20, batch_size=16),
    # Clark et al. 2020, https://arxiv.org/abs/2003.10555
    "layer_decay": Recipe(learning_rate=1e-4, layer_decay=0.8),
    # Zhang et al. 2021, https://arxiv.org/abs/2006.05987
    "reinitialized": Recipe(learning_rate=2e-5, reinitialized=1),
    "frozen": Recipe(learning_rate=1e-3, frozen=0),
    # Wu et al. 2021, https://arxiv.org/abs/2106.14448
    "r_drop": Recipe(r_drop=1.0),
    # Hu et al. 2022, https://arxiv.org/abs/2106.09685
    "lora": Recipe(learning_rate=5e-4, lora_rank=8),
}


def choose(name, epochs=None, batch_size=None, learning_rate=None, warmup=None):
    """The recipe of a name, with those of the values that are not None in place of its own.

    Raises:
        InputError: there is no such recipe.
    """
    if name not in RECIPES:
        raise InputError(f"Received recipe={name!r}; expected one of {', '.join(RECIPES)}.")
    values = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "warmup": warmup}
    return replace(RECIPES[name], **{key: value for key, value in values.items() if value is not None})


def prepare(recipe, encoder):
    """Does to a pre-trained encoder what a recipe says of its blocks: freezes, begins anew, adds low ranks.

    Raises:
        InputError: the encoder has fewer blocks than the recipe names, or none of the layers that LoRA changes.
    """
    blocks = list(encoder.blocks)
    if max(recipe.reinitialized, recipe.frozen or 0) > len(blocks):
        raise InputError(f"The recipe names {recipe.frozen or recipe.reinitialized} blocks of {len(blocks)}.")
    if recipe.frozen is not None:
        for layer in [encoder.embeddings, *blocks[: recipe.frozen]]:
            layer.trainable = False
    for block in blocks[len(blocks) - recipe.reinitialized :] if recipe.reinitialized else []:
        for variable in block.weights:
            name = variable.path.rpartition("/")[2]
            make = {"kernel": initializer(), "gamma": keras.initializers.Ones()}.get(name, keras.initializers.Zeros())
            variable.assign(make(variable.shape, variable.dtype))
    if recipe.lora_rank:
        found = [layer for layer in encoder._flatten_layers() if isinstance(layer, keras.layers.Dense)]
        found = [layer for layer in found if layer.name in ("query", "value")]
        if not found:
            raise InputError("This encoder has no query and value layers that LoRA could change.")
        for layer in encoder._flatten_layers():
            if layer.weights and not list(layer._flatten_layers(include_self=False)):
                layer.trainable = False
        for layer in found:
            layer.trainable = True
            layer.enable_lora(recipe.lora_rank)


def optimizer(recipe, steps, encoder):
    """AdamW as a recipe says, over all its steps; rates of an encoder's blocks by their depth."""
    return adamw(
        recipe.learning_rate,
        steps,
        recipe.warmup,
        recipe.weight_decay,
        bias_correction=recipe.bias_correction,
        rates=layer_rates(encoder, recipe.layer_decay) if recipe.layer_decay != 1.0 else {},
    )


def layer_rates(encoder, decay, top=1):
    """A dict from a variable's path to the factor of its learning rate; the head and the pooler have 1.

    Args:
        encoder: an encoder.
        decay: the factor from each block to the one below it, and from the lowest to the embeddings.
        top: the power of `decay` that the top block has: 1 as is common, 2 as in ELECTRA's code.
    """
    depths = [encoder.embeddings, *encoder.blocks]
    rates = {}
    for depth, layer in enumerate(depths):
        for variable in layer.weights:
            # A block that is used several times has the rate of its last use.
            rates[variable.path] = decay ** (len(depths) - depth + top - 1)
    return rates


def with_losses(recipe, model, losses):
    """The model that is trained and its losses; with R-Drop one of two passes with different dropout, that must agree.

    Args:
        recipe: the recipe.
        model: a model; for R-Drop one to `{"logits"}` `(batch, labels)`.
        losses: its losses, a dict.

    Raises:
        InputError: R-Drop is asked for, and the model has other outputs.
    """
    if not recipe.r_drop:
        return model, losses
    if set(model.output) != {"logits"} or len(model.output["logits"].shape) != 2:
        raise InputError(f"R-Drop is for tasks with one output of labels; this one has {', '.join(model.output)}.")
    both = StackTwo(name="twice")([model(model.input)["logits"], model(model.input)["logits"]])
    return keras.Model(model.input, {"logits": both}), {"logits": RDrop(losses["logits"], recipe.r_drop)}


@register
class StackTwo(Layer):
    """Two `(batch, labels)` as `(batch, 2, labels)`."""

    def call(self, pair):
        return ops.stack(pair, axis=1)


class RDrop(keras.losses.Loss):
    """The mean of a loss over two passes, and the symmetric KL divergence between these.

    Args:
        loss: the loss of one pass.
        weight: of the divergence.
    """

    def __init__(self, loss, weight, name="r_drop"):
        super().__init__(name=name)
        self.loss, self.weight = loss, weight

    def call(self, y_true, y_pred):
        one, two = y_pred[:, 0], y_pred[:, 1]
        loss = (self.loss.call(y_true, one) + self.loss.call(y_true, two)) / 2
        difference = ops.softmax(one) - ops.softmax(two)
        divergence = ops.sum(difference * (ops.log_softmax(one) - ops.log_softmax(two)), axis=-1) / 2
        return loss + self.weight * divergence
