"""`Encoder`: embeddings, a list of blocks, and a pooler, as one functional Keras model."""

import inspect
import json

import keras

from keras_bert_suite.checkpoints import loading, presets, writing
from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import SequenceMask, Trace
from keras_bert_suite.layers.base import PACKAGE, deserialize, register, serialize


@register
class Encoder(keras.Model):
    """An encoder composed of the layers that it is given.

    Anyone may pass layers of their own; a family such as `Bert` is a subclass that only constructs. The model is
    functional: `get_layer`, `summary`, `export` and composition with other layers work on it.

    Args:
        embeddings: a layer from `token_ids`, and what else its `input_names` say, to `(batch, time, dim)`.
        blocks: a list of layers such as `EncoderBlock`; one that is listed twice is shared. One that has a number as
            `reads` is given, as `skip`, what that block before it gave, counted from 1; 0 for the embeddings. One
            that changes the length has a method `inputs_after(inputs, whole)`: what the blocks after it read.
        pooler: a layer from `(batch, time, dim)` to `(batch, dim)`, or None.
        norm: a layer after the last block, which may read what its `input_names` say; or None.

    Call arguments:
        inputs: a dict of integers `(batch, time)`: `token_ids`; `padding_mask`, 1 for a real token; and of
            `segment_ids` and `language_ids` those that the layers read.

    Returns:
        A dict: `sequence_output` `(batch, time, dim)` and, where there is a pooler, `pooled_output` `(batch, dim)`.
    """

    # What a family states of itself; a composed encoder has none of it.
    presets = {}  # name to `source`, `arguments`, `lowercase`
    model_type = None  # what configs call it
    other_model_types = ()  # further names of the same architecture
    prefix = None  # what stands before names of the encoder under a head; the model type where it is None
    config_names = {}  # arguments to Hugging Face's, and mostly everybody's, fields
    config = {}  # by dialect: arguments to fields, or to a `Field`, where that dialect differs
    config_limits = {}  # fields to the values that are supported, the usual one first
    weight_names = {}  # our layers to Hugging Face's
    head_names = {}  # the same for heads
    head_options = {}  # heads to arguments of the head's layer and `pool`; a function is asked with the config
    head_sources = {}  # heads to a function from a source to the one that the head's encoder is read from
    renames = {}  # by dialect: patterns and replacements, applied to the names that the dialect gives
    ignored_names = ()  # patterns of arrays that no model here reads: buffers and tied copies
    optional_names = ()  # paths of variables that a checkpoint may lack, as its model has no use for them
    architectures = {}  # heads to Hugging Face's classes

    def __new__(cls, *args, **kwargs):
        # Keras makes functional subclasses through `cls.__new__(cls)`, hence the partial binding.
        instance = super().__new__(cls, *args, **kwargs)
        bound = inspect.signature(cls.__init__).bind_partial(instance, *args, **kwargs)
        bound.apply_defaults()
        arguments = {name: value for name, value in bound.arguments.items() if name not in ("self", "kwargs")}
        object.__setattr__(instance, "_arguments", arguments)
        return instance

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        keras.saving.register_keras_serializable(package=PACKAGE)(cls)

    def __init__(self, embeddings, blocks, pooler=None, norm=None, **kwargs):
        self._compose(embeddings, list(blocks), pooler, norm, None, **kwargs)

    def _compose(self, embeddings, blocks, pooler, norm, rows, **kwargs):
        read = {name for layer in (embeddings, *blocks) for name in _input_names(layer, rows)}
        read |= {"token_ids", "padding_mask", *(["sequence_ids"] if rows == "packed" else [])}
        inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in sorted(read, key=_INPUTS.index)}
        x = embeddings(**_embedded_inputs(embeddings, inputs, rows))
        x = _run(blocks, x, inputs, rows)[-1]
        if norm is not None:
            x = norm(x, **_named_inputs(norm, inputs))
        outputs = {"sequence_output": x}
        # What pools a row knows of one sequence.
        if pooler is not None and rows != "packed":
            outputs["pooled_output"] = pooler(x)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.embeddings, self.blocks, self.pooler, self.norm, self._rows = embeddings, blocks, pooler, norm, rows

    @property
    def max_length(self):
        """Tokens that it takes at most: those that have a position; None where nothing bounds them."""
        return self._arguments.get("max_length") or getattr(self.embeddings, "max_length", None) or None

    def get_config(self):
        arguments = {name: serialize(value) for name, value in self._arguments.items()}
        return {"name": self.name, "trainable": self.trainable, **arguments}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**{name: deserialize(value) for name, value in config.items()})

    def for_rows(self, rows):
        """A second encoder over the same weights that reads rows of several sequences.

        Each token is given what it has in a row of its own: a place in its sequence and, of packed rows, its sequence
        to read. It is saved as this encoder is.

        Krell et al. 2021, https://arxiv.org/abs/2107.02027

        Args:
            rows: `"packed"`, several sequences that do not read each other; or `"parallel_lines"`, a text and its
                translation, which read each other while positions begin anew.

        Returns:
            An encoder whose inputs are, beside this one's, `positions` `(batch, time)`, the places from 0 on in a
            token's sequence, where a layer reads them; and of packed rows `sequence_ids` `(batch, time)`, which count
            a row's sequences from 1, 0 for padding. Of packed rows it gives no `pooled_output`.

        Raises:
            InputError: a layer cannot tell the sequences of such rows apart.
        """
        for layer in (self.embeddings, *self.blocks):
            if rows not in getattr(layer, "rows", {}):
                raise InputError(
                    f"{type(self).__name__} does not read rows of the form {rows}: its {layer.name} cannot tell the "
                    "sequences of a row apart. Use rows of one sequence, or another family."
                )
        other = type(self).__new__(type(self), **self._arguments)
        other._compose(self.embeddings, self.blocks, self.pooler, self.norm, rows, name=f"{self.name}_{rows}")
        return other

    def trace(self):
        """A second model over the same weights that gives everything the blocks computed.

        Returns:
            A functional model from the encoder's inputs to a dict: `embeddings` `(batch, time, dim)`; `blocks`, a
            list of one dict a block (`output`, and what its attention gives: `query key value scores`);
            `sequence_output`, and `pooled_output` where there is a pooler.
        """
        inputs = dict(self.input)
        x = embedded = self.embeddings(**_embedded_inputs(self.embeddings, inputs, self._rows))
        traces = []

        def traced(block, x, given):
            traces.append(Trace(block, name=f"trace_{len(traces)}")(x, **given))
            return traces[-1]["output"]

        x = _run(self.blocks, x, inputs, self._rows, traced)[-1]
        x = x if self.norm is None else self.norm(x, **_named_inputs(self.norm, inputs))
        outputs = {"embeddings": embedded, "blocks": traces, "sequence_output": x}
        if "pooled_output" in self.output:
            outputs["pooled_output"] = self.pooler(x)
        return keras.Model(inputs, outputs, name=f"{self.name}_trace")

    @classmethod
    def from_preset(cls, preset, *, load_weights=True, missing="error", **overrides):
        """An encoder with the weights of a checkpoint.

        Args:
            preset: a preset's name (see `keras_bert_suite.presets()`); a folder: our own, Hugging Face's
                (`config.json`, `model.safetensors`), google-research's (`bert_config.json`, `bert_model.ckpt`), or
                Model Garden's (`bert_config.json` or `params.yaml`, a TensorFlow 2 checkpoint); `hf://org/name`,
                fetched through huggingface_hub; `keras_nlp://name`; or a keras_nlp backbone object.
            load_weights: whether to read the weights; otherwise they are random.
            missing: `"error"`, or `"initialize"` to leave weights that the checkpoint does not have (a pooler in
                one saved from masked-LM training, say) as they were initialized, with a warning that names them.
            **overrides: arguments of the family that differ from the checkpoint's, as `dropout=0.0`.

        Raises:
            InputError: nothing is there, or arrays of the checkpoint are missing, unused or misshapen; each is named.
        """
        source = presets.open_source(preset)
        family = family_of(source)
        if not issubclass(family, cls):
            raise InputError(f"{source} holds a {family.__name__}; it was asked for through {cls.__name__}.")
        arguments = {**source.arguments(family), **overrides}
        known = inspect.signature(family.__init__).parameters
        unknown = sorted(set(overrides) - set(known))
        if unknown and family.weight_names:
            raise InputError(f"{family.__name__} has no argument {', '.join(unknown)}; it has {', '.join(known)}.")
        encoder = family.from_config(arguments) if family is Encoder else family(**arguments)
        if load_weights:
            loading.load(encoder, source, family, missing=missing)
        return encoder

    def save_preset(self, folder, tokenizer=None, format="keras_bert_suite", heads=()):
        """Writes the encoder as a folder that `from_preset` reads.

        Args:
            folder: the folder to make; its parent exists.
            tokenizer: a `Tokenizer` whose files are written beside, or None.
            format: `"keras_bert_suite"` (`config.json`, `model.weights.h5`) or `"huggingface"` (`config.json`,
                `model.safetensors`, which transformers loads).
            heads: variables of heads over it, which are written with it in the former format, for `load_model`.
        """
        if format not in ("keras_bert_suite", "huggingface"):
            raise InputError(f'Received format={format!r}; expected "keras_bert_suite" or "huggingface".')
        with writing.new_folder(folder) as temporary:
            if format == "huggingface":
                writing.write_hugging_face(self, temporary)
            else:
                config = writing.encoder_config(self)
                (temporary / "config.json").write_text(json.dumps(config, indent=1) + "\n")
                writing.write_weights([*self.weights, *heads], temporary / "model.weights.h5")
            if tokenizer is not None:
                tokenizer.save(temporary)


# In the order in which an encoder lists them.
_INPUTS = ("token_ids", "segment_ids", "language_ids", "positions", "sequence_ids", "padding_mask")


def _input_names(layer, rows=None):
    """What a layer reads of the inputs; and what of those that rows of several sequences have."""
    return (*getattr(layer, "input_names", ()), *(getattr(layer, "rows", {})[rows] if rows else ()))


def _named_inputs(layer, inputs, rows=None):
    return {name: inputs[name] for name in _input_names(layer, rows)}


def _embedded_inputs(embeddings, inputs, rows):
    return {"token_ids": inputs["token_ids"], **_named_inputs(embeddings, inputs, rows)}


def _run(blocks, x, inputs, rows, run=lambda block, x, given: block(x, **given)):
    """Runs blocks in a row; gives what each gave, behind `x`."""
    states, whole, mask = [x], inputs, None
    if rows == "packed":
        mask = SequenceMask(name="sequence_mask")(inputs["sequence_ids"])
    for block in blocks:
        given = {
            "padding_mask": inputs["padding_mask"] if mask is None else mask,
            **_named_inputs(block, inputs, rows),
        }
        if getattr(block, "reads", None) is not None:
            given["skip"] = states[block.reads]
        states.append(run(block, states[-1], given))
        if hasattr(block, "inputs_after"):
            inputs = block.inputs_after(inputs, whole)
    return states


def family_of(source):
    """The class of the encoder that a source holds.

    Raises:
        InputError: it is none that this package knows.
    """
    from keras_bert_suite.encoders import FAMILIES

    for family in (Encoder, *FAMILIES.values()):
        if source.is_of(family):
            return family
    known = ", ".join(
        sorted(name for family in FAMILIES.values() for name in (family.model_type, *family.other_model_types))
    )
    raise InputError(f"{source}: model_type is {source.model_type!r}; supported are {known}.")
