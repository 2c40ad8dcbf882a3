"""Where a preset is: a name, a folder of ours or of others, `hf://`, `keras_nlp://`, or a keras_nlp backbone."""

import contextlib
import json
import os
import re
from importlib import resources
from pathlib import Path

from keras_bert_suite.checkpoints import dialects, readers
from keras_bert_suite.checkpoints.dialects import ACTIVATIONS, Field
from keras_bert_suite.errors import InputError

BUNDLED = "bundled://"
_HUB_FILES = ("*.json", "*.safetensors", "*.txt", "*.model")


class Source:
    """A checkpoint that was found and not yet read.

    Args:
        label: what messages call it.
        config: its config, a dict.
        dialect: of its arrays.
        read: a function that gives its arrays.
        folder: the folder, or None.
        overrides: arguments that a preset's entry states against the config.
    """

    def __init__(self, label, config, dialect, read, folder=None, overrides=None):
        self.label, self.config, self.dialect, self.arrays = label, config, dialect, read
        self.folder, self.overrides = folder, overrides or {}

    def __str__(self):
        return str(self.label)

    @property
    def model_type(self):
        """What the source says it holds."""
        return self.config.get("family") or self.config.get("model_type")

    def changed(self, config, read):
        """The same source with another config and other arrays."""
        return Source(self.label, config, self.dialect, read, self.folder, self.overrides)

    def is_of(self, family):
        """Whether it holds this family."""
        return self.model_type in (family.__name__, family.model_type, *family.other_model_types)

    def arguments(self, family):
        """The arguments of the family that the config states.

        Raises:
            InputError: the config asks for something that the family does not have.
        """
        if self.dialect is dialects.KERAS_BERT_SUITE:
            return {**self.config["arguments"], **self.overrides}
        for name, supported in family.config_limits.items():
            if self.config.get(name, supported[0]) not in supported:
                shown = " or ".join(map(json.dumps, supported))
                raise InputError(
                    f"{self}: {name} is {json.dumps(self.config[name])}; {family.__name__} supports {shown}."
                )
        special = family.config.get(self.dialect.name, {})
        theirs = {**(self.dialect.config_names or family.config_names), **special}
        arguments = {}
        for ours, name in theirs.items():
            if isinstance(name, Field):
                with contextlib.suppress(KeyError):
                    arguments[ours] = name.read(self.config)
            elif name in self.config:
                arguments[ours] = self._activation(name) if ours.endswith("activation") else self.config[name]
        return {**arguments, **self.overrides}

    def _activation(self, field):
        name = self.config[field]
        ours = self.dialect.activations.get(name, name)
        if ours not in ACTIVATIONS:
            supported = ", ".join(sorted({*self.dialect.activations, *ACTIVATIONS}))
            raise InputError(f"{self}: {field} is {name!r}; supported are {supported}.")
        return ours


def open_source(preset):
    """Finds a checkpoint.

    Args:
        preset: see `Encoder.from_preset`.

    Raises:
        InputError: nothing of the kind is there.
    """
    if isinstance(preset, Source):
        return preset
    if not isinstance(preset, (str, os.PathLike)):
        return _keras_nlp(preset)
    text = str(preset)
    if text.startswith(("hf://", BUNDLED)):
        return _folder(folder_of(text), text)
    if text.startswith("keras_nlp://"):
        return _keras_nlp_preset(text.removeprefix("keras_nlp://"))
    known = _known_presets().get(text)
    if known is not None:
        source = open_source(_published(text, known))
        source.overrides = known["arguments"]
        return source
    if Path(text).is_dir():
        return _folder(Path(text), text)
    raise InputError(
        f"{text!r} is no folder and no preset. Give a folder, hf://org/name, or a name that "
        "keras_bert_suite.presets() lists."
    )


def folder_of(preset):
    """The folder of a preset, fetched if need be: for its tokenizer files."""
    text = str(preset)
    if text.startswith("hf://"):
        return fetch(text)
    if text.startswith(BUNDLED):
        return Path(str(resources.files("keras_bert_suite.bundled") / text.removeprefix(BUNDLED)))
    if Path(text).is_dir():
        return Path(text)
    known = _known_presets().get(text)
    if known is None:
        raise InputError(f"{text!r} is no folder and no preset that keras_bert_suite.presets() lists.")
    return folder_of(_published(text, known))


def _published(name, preset):
    if preset["source"] is None:
        raise InputError(
            f"No weights are published under {name!r}; for its sizes with random weights, "
            f"{preset['family']}(**keras_bert_suite.presets()[{name!r}]['arguments'])."
        )
    return preset["source"]


def fetch(address):
    """The folder of `hf://org/name`, from huggingface_hub's cache or its endpoint (`HF_ENDPOINT`)."""
    import huggingface_hub

    name, _, revision = address.removeprefix("hf://").partition("@")
    try:
        return Path(
            huggingface_hub.snapshot_download(name, revision=revision or None, allow_patterns=list(_HUB_FILES))
        )
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{address} cannot be fetched ({type(error).__name__}: {reason}).") from None


def _known_presets():
    import keras_bert_suite

    return keras_bert_suite.presets()


def _folder(folder, label):
    if (folder / "config.json").exists():
        config = read_json(folder / "config.json")
        if config.get("format") == "keras_bert_suite":
            return Source(
                label, config, dialects.KERAS_BERT_SUITE, lambda: readers.read_h5(folder / "model.weights.h5"), folder
            )
        if "registered_name" in config and "config" in config:
            return _keras_nlp_preset(str(folder))
        return Source(label, config, dialects.HUGGING_FACE, lambda: readers.read_safetensors(folder), folder)
    configs = sorted(folder.glob("*_config.json"))
    experiment = folder / "params.yaml"
    prefixes = sorted((path.with_suffix("") for path in folder.glob("*.index")), key=_step)
    if prefixes and (configs or experiment.exists()):
        arrays = readers.read_tensorflow(prefixes[-1])
        scope = dialects.garden_scope(arrays)
        if configs:
            config = {"model_type": configs[0].name.removesuffix("_config.json"), **read_json(configs[0])}
            dialect = dialects.TENSORFLOW_1 if scope is None else dialects.MODEL_GARDEN
        else:
            config, dialect = _experiment(experiment), dialects.MODEL_GARDEN_EXPERIMENT
        if scope is not None:
            arrays = arrays.renamed(lambda name: dialects.garden_name(name, scope))
        return Source(label, config, dialect, lambda: arrays, folder)
    raise InputError(
        f"{label} holds neither config.json with model.safetensors or model.weights.h5, nor bert_config.json or "
        "params.yaml with a TensorFlow checkpoint."
    )


def _step(prefix):
    """Sorts checkpoints so that the last is the latest: ckpt-1000 after ckpt-200."""
    number = re.search(r"\d+$", prefix.name)
    return int(number.group()) if number else -1, prefix.name


def _experiment(path):
    """The encoder that Model Garden's config of an experiment, `params.yaml`, states."""
    import yaml

    try:
        encoder = yaml.safe_load(path.read_text(encoding="utf-8"))["task"]["model"]["encoder"]
        kind = encoder["type"]
        config = dict(encoder[kind])
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path} states no encoder under task, model, encoder ({type(error).__name__}: {reason})."
        ) from None
    if config.get("norm_first"):
        raise InputError(f"{path} has norm_first: true; blocks that normalize first are not among those known here.")
    return {"model_type": kind.removesuffix("_v2"), **config}


def read_json(path):
    """The object in a JSON file.

    Raises:
        InputError: it is missing, or no JSON object.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise InputError(f"{path} is no JSON: {error}.") from None
    if not isinstance(value, dict):
        raise InputError(f"{path} holds a JSON {type(value).__name__}; expected an object.")
    return value


def _keras_nlp_preset(name):
    import keras_nlp

    try:
        return _keras_nlp(keras_nlp.models.Backbone.from_preset(name))
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"keras_nlp cannot load {name!r}: {' '.join(str(error).split())[:200]}") from None


def _keras_nlp(backbone):
    kind = type(backbone).__name__
    if not kind.endswith("Backbone") or not hasattr(backbone, "get_config"):
        raise InputError(f"Received a {kind}; expected a preset's name, a folder, or a keras_nlp backbone.")
    config = {"model_type": kind.removesuffix("Backbone"), **backbone.get_config()}
    return Source(f"keras_nlp's {kind}", config, dialects.KERAS_NLP, lambda: readers.read_keras(backbone))
