"""The layers of an encoder beside a checkpoint's names for them, as rows for a person to read."""

import math
import re

from keras_bert_suite.checkpoints.dialects import KERAS_BERT_SUITE
from keras_bert_suite.checkpoints.names import layer_and_leaf


def layer_rows(encoder, source):
    """One row a layer; those that differ in numbers alone are one row.

    Args:
        encoder: an encoder that was read from the source.
        source: what `presets.open_source` gave.

    Returns:
        A list of `(ours, theirs, how many, parameters of them all)`, texts.
    """
    layers, names, parameters = {}, {}, {}
    for variable in encoder.weights:
        layer, leaf = layer_and_leaf(variable.path)
        theirs = layer
        if source.dialect is not KERAS_BERT_SUITE:
            place = source.dialect.candidates(variable.path, type(encoder), type(encoder).weight_names)[0]
            theirs = re.sub(rf"(/{leaf}|\.(weight|bias|gamma|beta))$", "", place.name)
        row = _unnumbered(layer)
        layers.setdefault(row, set()).add(layer)
        names.setdefault(row, set()).add(_unnumbered(theirs))
        parameters[row] = parameters.get(row, 0) + math.prod(variable.shape)
    return [(row, ", ".join(sorted(names[row])), str(len(layers[row])), f"{parameters[row]:,}") for row in layers]


def _unnumbered(name):
    return re.sub(r"\d+(?=/|\.|$)", "*", name)
