"""What a model computes inside, under flat names: what distillation's losses compare."""

import dataclasses

import keras
from keras import ops

from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import Layer, register


@dataclasses.dataclass
class Traced:
    """A model's inputs, and what it computes from them.

    Attributes:
        inputs: a dict of `keras.KerasTensor`.
        tensors: a dict of the same: `embeddings`; for each block `block_0_output`, and what its attention gives, as
            `block_0_query`; `sequence_output`; and the outputs of the model under their own names.
        encoder: the encoder; None where all comes from a cache.
        num_blocks: how many blocks it has.
    """

    inputs: dict
    tensors: dict
    encoder: object
    num_blocks: int

    def key(self, place, what="output"):
        """The name of a tensor.

        Args:
            place: a block's number, from 0; or the whole name, as `"embeddings"`.
            what: which of a block's tensors.
        """
        return place if isinstance(place, str) else f"block_{place}_{what}"


def traced(encoder, model=None):
    """The `Traced` of an encoder, or of a model over it, whose encoder is run once for all.

    Args:
        encoder: an `Encoder`.
        model: a functional model over the encoder's outputs, whose outputs are a dict; or an `EarlyExit`.

    Raises:
        InputError: the model reads other inputs than the encoder's own, as one over groups of rows does.
    """
    if model is not None and any(model.input.get(name) is not x for name, x in encoder.input.items()):
        raise InputError(
            f"The model {model.name} does not stand on the encoder's own inputs; expected one over single rows, as "
            "`heads.one_choice` is for multiple choice."
        )
    found = dict(encoder.trace().output)
    blocks = found.pop("blocks")
    tensors = {
        **found,
        **{f"block_{i}_{name}": tensor for i, block in enumerate(blocks) for name, tensor in block.items()},
    }
    inputs = dict(encoder.input)
    if model is None:
        return Traced(inputs, tensors, encoder, len(blocks))
    inputs = dict(model.input)
    if hasattr(model, "classifiers"):
        # Its classifiers read a trace of their own.
        return Traced(inputs, {**tensors, **model.output}, encoder, len(blocks))
    names = list(encoder.output)
    # The model from the encoder's outputs on: run from the inputs, its blocks would be run again beside the trace.
    rest = keras.Model([*inputs.values(), *(encoder.output[name] for name in names)], model.output)
    return Traced(
        inputs, {**tensors, **rest([*inputs.values(), *(found[name] for name in names)])}, encoder, len(blocks)
    )


def frozen(teacher, names, inputs, pieces=None):
    """Tensors of a teacher over other inputs: without dropout, without a gradient.

    Args:
        teacher: a `Traced`, whose variables are no longer trained.
        names: those of the tensors.
        inputs: a dict of `keras.KerasTensor` with the names of the teacher's inputs.
        pieces: for each token id of `inputs` the teacher's, a list; None where they are the same.

    Returns:
        A dict of tensors by name.
    """
    model = keras.Model(teacher.inputs, {name: teacher.tensors[name] for name in names}, name="teacher_trace")
    given = {name: inputs[name] for name in teacher.inputs}
    if pieces is not None:
        given["token_ids"] = Translate(pieces, name="teacher_pieces")(given["token_ids"])
    return Frozen(model, name="teacher")(given)


@register
class Frozen(Layer):
    """A model that is run as it is: without dropout, and without a gradient to what it reads or is made of.

    Args:
        model: a functional model to a dict.

    Call arguments:
        inputs: a dict, as the model's.

    Returns:
        The model's dict.
    """

    def __init__(self, model, **kwargs):
        super().__init__(**kwargs)
        self.model = model
        model.trainable = False

    def call(self, inputs):
        return {name: ops.stop_gradient(x) for name, x in self.model(inputs, training=False).items()}

    def compute_output_spec(self, inputs):
        # As the model has them: JAX would trace it with a length that cannot be compared with the encoder's positions.
        return {name: keras.KerasTensor(x.shape, x.dtype) for name, x in self.model.output.items()}


@register
class Translate(Layer):
    """Token ids of one vocabulary as those of another.

    Args:
        pieces: for each id of the one the id of the other, a list.

    Call arguments:
        token_ids: integers, `(batch, time)`.

    Returns:
        Integers, `(batch, time)`.
    """

    def __init__(self, pieces, **kwargs):
        super().__init__(**kwargs)
        self.pieces = [int(piece) for piece in pieces]

    def call(self, token_ids):
        return ops.take(ops.convert_to_tensor(self.pieces, "int32"), token_ids, axis=0)
