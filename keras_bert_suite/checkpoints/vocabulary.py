"""Gives a checkpoint another vocabulary: rows of shared pieces stay, each new row begins as the mean of old ones.

All arrays that have a row a piece are renewed alike: the token table, what is tied to it, the bias of a head of masked
LM.
"""

import inspect
import json

import numpy as np

from keras_bert_suite.checkpoints import dialects, presets, writing
from keras_bert_suite.errors import InputError


def write(preset, family, cuts, tokenizer, folder):
    """Writes a checkpoint with another vocabulary as a folder of the same form.

    Args:
        preset: our own folder or Hugging Face's, or what leads to one; see `Encoder.from_preset`.
        family: the class of its encoder.
        cuts: for each new id the list of old ids whose rows' mean it begins with; see
            `tokenizers.vocabularies.cuts`.
        tokenizer: the new `Tokenizer`, whose files are written beside.
        folder: the folder to write.

    Raises:
        InputError: the checkpoint is of another form, its arrays do not tell which of their rows are pieces, or
            padding would get another id where positions are counted from it.
    """
    source = presets.open_source(preset)
    check_form(source)
    ours = source.dialect is dialects.KERAS_BERT_SUITE
    arrays = source.arrays()
    arguments = {**_defaults(family), **source.arguments(family), "vocab_size": len(cuts)}
    rows = _rows(source, family, arrays)
    if max(max(cut) for cut in cuts) >= rows:
        raise InputError(
            f"{source} has {rows} embeddings, and its vocabulary more pieces; they do not belong together."
        )
    same = sorted(name for name, value in arguments.items() if value == rows and name != "vocab_size")
    if same:
        raise InputError(f"{source} has {rows} pieces, and as many {same[0]}; its arrays do not tell the two apart.")
    places = {}
    for place, cut in enumerate(cuts):
        if len(cut) == 1:
            places.setdefault(cut[0], place)
    pad = arguments["pad_id"] if "pad_id" in arguments else source.config.get("pad_token_id")
    if pad and places.get(pad) != pad:
        raise InputError(
            f"{source} may count positions from the id of padding, {pad}; the new vocabulary gives padding the id "
            f"{places.get(pad)}. Expected the same."
        )
    new = ((name, _renewed(arrays[name], rows, cuts)) for name in arrays)
    with writing.new_folder(folder) as temporary:
        if ours:
            config = {**source.config, "arguments": arguments}
            # What a fine-tuned model says of its task speaks of the old ids.
            config = {name: value for name, value in config.items() if name not in ("task", "max_length")}
            writing.write_h5(new, temporary / "model.weights.h5")
        else:
            stated = writing.hugging_face_fields(family, arguments, only={"vocab_size", *source.overrides})
            config = {**source.config, **stated}
            ids = {name: value for name, value in config.items() if name.endswith(("_token_id", "_index"))}
            config |= {name: places.get(value) for name, value in ids.items() if isinstance(value, int)}
            writing.write_safetensors(
                {name: np.ascontiguousarray(array) for name, array in new}, temporary / "model.safetensors"
            )
        (temporary / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        tokenizer.save(temporary)


def check_form(source):
    """Raises InputError where a source is of a form that `write` does not write."""
    if source.dialect not in (dialects.KERAS_BERT_SUITE, dialects.HUGGING_FACE):
        raise InputError(
            f"{source} is a checkpoint of {source.dialect.name}; expected our own form or Hugging Face's: "
            "convert it with kbs-convert_checkpoint first."
        )


def _defaults(family):
    parameters = inspect.signature(family.__init__).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _rows(source, family, arrays):
    """How many rows the token table has."""
    path = "embeddings/token/embeddings"
    names = [path]
    if source.dialect is not dialects.KERAS_BERT_SUITE:
        names = [place.name for place in source.dialect.candidates(path, family, family.weight_names)]
    found = next((name for name in names if name in arrays), None)
    if found is None:
        raise InputError(f"{source} has no table of tokens; expected one of {', '.join(names) or path}.")
    return len(arrays[found])


def _renewed(array, rows, cuts):
    """An array with a row a new piece where it had one an old piece; any other as it is."""
    axis = next((axis for axis, size in enumerate(array.shape) if size == rows), None)
    if axis is None:
        return array
    old = np.moveaxis(array, axis, 0)
    sizes = np.array([len(cut) for cut in cuts])
    sums = np.add.reduceat(old[np.concatenate(cuts)].astype("float32"), np.cumsum(sizes) - sizes, axis=0)
    means = sums / sizes.reshape(-1, *[1] * (old.ndim - 1)).astype("float32")
    return np.moveaxis(means, 0, axis).astype(array.dtype)
