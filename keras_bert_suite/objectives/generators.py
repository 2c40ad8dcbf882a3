"""A generator beside an encoder: a smaller encoder that shares its tables, or whose token table it builds upon."""

import keras
from keras import ops

from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import Layer, register
from keras_bert_suite.layers.base import wrapping

# What a family's width is, and its depth, as arguments.
WIDTH, DEPTH = ("dim", "num_heads", "feed_forward_dim"), ("num_layers",)
TABLES = ("token", "position", "segment", "language")


def generator_of(encoder, width=0.25, depth=1.0, tied=True, preset=None):
    """A generator for an encoder, of its family.

    Clark et al. 2020, https://arxiv.org/abs/2003.10555, section 3.2, found a width of 1/4 to 1/2 best; DeBERTa-v3
    (He et al. 2021, https://arxiv.org/abs/2111.09543) has the whole width and half of the depth.

    Args:
        encoder: an `Encoder` of a family.
        width: of the model and its feed-forward layers, and the number of heads, in parts of the encoder's. The
            tables are as wide as the encoder's where the family has `embedding_dim`; elsewhere they are as wide as
            the model, and only the whole width can be tied.
        depth: the number of blocks, likewise.
        tied: whether the encoder's token, position and segment tables are the generator's, the same layers. Otherwise
            it has its own, which begin as the encoder's where they have the same shape.
        preset: a folder with a generator, or a preset's name, in place of `width` and `depth`. Tied tables stay as
            the encoder's were.

    Returns:
        An `Encoder` of the same class.

    Raises:
        InputError: the encoder is of no family, a part is not above 0 and up to 1, the heads do not divide the width,
            or tables that are to be tied have other shapes.
    """
    tables = {name: getattr(encoder.embeddings, name, None) for name in TABLES}

    def shared(layer):
        given = tables.get(layer.name) if isinstance(layer, keras.layers.Embedding) else None
        if given is None:
            return layer
        if (layer.input_dim, layer.output_dim) != (given.input_dim, given.output_dim):
            raise InputError(
                f"The {layer.name} table of the generator is {layer.input_dim} x {layer.output_dim}, that of the "
                f"encoder {given.input_dim} x {given.output_dim}; expected the same shape for tables that are tied. "
                "Make a generator of the whole width, or with tables of its own."
            )
        return given

    kept = {name: ops.copy(table.embeddings) for name, table in tables.items() if table is not None}
    with wrapping(shared if tied else lambda layer: layer):
        if preset is None:
            made = type(encoder)(**_scaled(encoder, width, depth))
        else:
            made = type(encoder).from_preset(preset)
    if tied or preset is None:
        for name, values in kept.items():
            own = getattr(made.embeddings, name).embeddings
            if own.shape == values.shape:
                own.assign(values)
    return made


def _scaled(encoder, width, depth):
    """The arguments of an encoder of other sizes."""
    if not (0 < width <= 1 and 0 < depth <= 1):
        raise InputError(f"Received width={width} and depth={depth}; expected parts above 0 and up to 1.")
    arguments = {name: value for name, value in encoder.get_config().items() if name not in ("name", "trainable")}
    if not {*WIDTH, *DEPTH} <= set(arguments):
        raise InputError(
            f"{type(encoder).__name__} has no {', '.join(sorted({*WIDTH, *DEPTH} - set(arguments)))}; pass a "
            "generator of your own."
        )
    scaled = {name: max(1, round(arguments[name] * (width if name in WIDTH else depth))) for name in (*WIDTH, *DEPTH)}
    if scaled["dim"] % scaled["num_heads"]:
        raise InputError(
            f"A width of {width} gives dim={scaled['dim']} and num_heads={scaled['num_heads']}, which does not divide "
            "it; pass another width."
        )
    return {**arguments, **scaled}


@register
class Disentangled(Layer):
    """The rows of two tables, added, of which the first gets no gradient: GDES.

    He et al. 2021, https://arxiv.org/abs/2111.09543, section 3.3.

    Args:
        base: the `Embedding` layer that another model trains.
        delta: the one with what is added to it.

    Call arguments:
        token_ids: integers, of any shape.

    Returns:
        `(..., dim)`.
    """

    def __init__(self, base, delta, **kwargs):
        # The sum is one of float32 numbers, whatever is computed with it.
        super().__init__(autocast=False, **kwargs)
        self.base, self.delta = base, delta

    def call(self, token_ids):
        base = ops.stop_gradient(ops.take(self.base.embeddings, token_ids, axis=0))
        return ops.cast(base + ops.take(self.delta.embeddings, token_ids, axis=0), self.compute_dtype)


def with_token_table(embeddings, token):
    """An embeddings layer that has another token table and shares all its other parts with a built one."""
    with wrapping(lambda layer: token if layer.name == "token" else getattr(embeddings, layer.name)):
        found = type(embeddings).from_config(embeddings.get_config())
    for name in ("norm", "drop"):
        if hasattr(embeddings, name):
            setattr(found, name, getattr(embeddings, name))
    # Its parts are: another build would give them new variables.
    found.built = True
    return found
