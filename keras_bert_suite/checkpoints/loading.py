"""Puts the arrays of a checkpoint into a model: each variable filled, each array used, or the error names them."""

import logging
import re

from keras_bert_suite.checkpoints.dialects import KERAS_BERT_SUITE
from keras_bert_suite.checkpoints.names import Array
from keras_bert_suite.errors import InputError

_SHOWN = 8


def load(model, source, family, missing="error", ignore_encoder_extras=False):
    """Fills the variables of a model from a source.

    Args:
        model: an encoder, or a model with heads over one.
        source: what `presets.open_source` gave.
        family: the class whose `weight_names` and `head_names` name the arrays.
        missing: `"error"`, or `"initialize"` to leave what the checkpoint does not have as it is.
        ignore_encoder_extras: whether arrays that the family names but this model lacks (a pooler, under a head that
            does not read it) are no fault.

    Raises:
        InputError: naming each array that is missing, unused or misshapen.
    """
    if missing not in ("error", "initialize"):
        raise InputError(f'Received missing={missing!r}; expected "error" or "initialize".')
    arrays, dialect = source.arrays(), source.dialect
    arguments = source.arguments(family)
    used, absent, misshapen, assignments = set(), [], [], []
    for variable in model.weights:
        candidates = _candidates(dialect, family, variable.path)
        found = _first(candidates, arrays)
        if found is None and variable.path in family.optional_names:
            continue
        if found is None:
            absent.append(f"{candidates[0].name if candidates else '?'} (for {variable.path})")
            continue
        used.add(found.name)
        theirs = arrays[found.name]
        ours = found.read(theirs, variable.shape, arguments)
        if ours is None:
            misshapen.append(f"{found.name} has shape {tuple(theirs.shape)}, {variable.path} {tuple(variable.shape)}")
        else:
            assignments.append((variable, ours))
    spare = {**family.weight_names, **family.head_names} if ignore_encoder_extras else family.head_names
    unused = sorted(set(arrays) - used - _known(dialect, family, spare, arrays))
    if missing == "initialize" and absent:
        logging.getLogger(__name__).warning("%s lacks, and so left as initialized: %s", source, _list(absent))
        absent = []
    problems = [
        f"{len(found)} {kind}: {_list(found)}"
        for kind, found in (("missing", absent), ("misshapen", misshapen), ("unused", unused))
        if found
    ]
    if problems:
        hint = ' Pass missing="initialize" to leave what is missing as initialized.' if absent else ""
        raise InputError(f"{source} does not fit {family.__name__}; arrays " + "; ".join(problems) + "." + hint)
    for variable, array in assignments:
        variable.assign(array)


def load_heads(model, source, family):
    """Fills each head of a model that a source has whole; others stay as they were initialized.

    Args:
        model: one with heads over an encoder; a head's layer has one of the names in `family.architectures`.
        source: what `presets.open_source` gave.
        family: the class of the encoder.

    Returns:
        The names of the heads that were filled.
    """
    filled = []
    for name, variables in heads_of(model, family).items():
        about = family.head_sources.get(name, lambda source: source)(source)
        arrays, arguments, found = about.arrays(), about.arguments(family), []
        for variable in variables:
            theirs = _first(_candidates(about.dialect, family, variable.path), arrays)
            found.append(theirs and theirs.read(arrays[theirs.name], variable.shape, arguments))
        if all(array is not None for array in found):
            for variable, array in zip(variables, found, strict=True):
                variable.assign(array)
            filled.append(name)
    return filled


def heads_of(model, family):
    """The variables of a model's heads, a dict of lists by those names of heads that the family has."""
    heads = {}
    for variable in model.weights:
        name = variable.path.split("/")[0]
        if name in family.architectures:
            heads.setdefault(name, []).append(variable)
    return heads


def _first(candidates, arrays):
    return next((candidate for candidate in candidates if candidate.name in arrays), None)


def _candidates(dialect, family, path):
    if dialect is KERAS_BERT_SUITE:
        return [Array(path)]
    return dialect.candidates(path, family, family.weight_names) or dialect.candidates(path, family, family.head_names)


def _known(dialect, family, spare, arrays):
    """The arrays of these layers, and buffers and copies of others: not used by every model, yet no fault."""
    if dialect is KERAS_BERT_SUITE:
        layers = {*family.architectures, *(ours.split("/")[0] for ours in spare)}
        known = {name for name in arrays if name.split("/")[0] in layers}
    else:
        paths = [
            path
            for ours in spare
            for path in (ours, *(f"{ours}/{leaf}" for leaf in dialect.leaf_names))
            if "{" not in ours
        ]
        known = {candidate.name for path in paths for candidate in dialect.candidates(path, family, spare)}
    ignored = [re.compile(pattern) for pattern in family.ignored_names]
    return known | {name for name in arrays if any(pattern.search(name) for pattern in ignored)}


def _list(found):
    rest = len(found) - _SHOWN
    return ", ".join(found[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
