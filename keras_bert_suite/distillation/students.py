"""Students that begin from their teacher: some of its blocks, fewer of its dimensions, or fewer of its pieces."""

import dataclasses
import inspect
import re

import numpy as np
from keras import ops

from keras_bert_suite.errors import InputError
from keras_bert_suite.tokenizers import vocabularies

# What a layer's config says that changes nothing of what its arrays compute.
_FREE = {"name", "dtype", "trainable", "shared_object_id", "build_config", "dropout", "attention_dropout"}


def layer_map(teacher_layers, student_layers, kind="uniform"):
    """Which of the teacher's blocks each block of a student learns from, or begins as.

    Args:
        teacher_layers: blocks of the teacher.
        student_layers: blocks of the student.
        kind: `"uniform"`, the last of each of as many equal parts of the teacher's blocks (TinyBERT: Jiao et al. 2020,
            https://arxiv.org/abs/1909.10351); `"skip"`, evenly from the first to the last, as DistilBERT took 0, 2, 4,
            7, 9, 11 of 12 (Sanh et al. 2019, https://arxiv.org/abs/1910.01108); `"last"` or `"first"`, so many at one
            end; or the numbers themselves.

    Returns:
        A list of numbers, counted from 0, one a block of the student.

    Raises:
        InputError: there is no such map between so many blocks.
    """
    if not isinstance(kind, str):
        found = [int(number) for number in kind]
        wrong = [number for number in found if not 0 <= number < teacher_layers]
        if len(found) != student_layers or wrong:
            raise InputError(
                f"Received the blocks {', '.join(map(str, found)) or 'none'}; expected {student_layers}, "
                f"each 0 to {teacher_layers - 1}."
            )
        return found
    if not 0 < student_layers <= teacher_layers:
        raise InputError(
            f"A student of {student_layers} blocks cannot learn from the blocks of a teacher of {teacher_layers}; "
            f"expected 1 to {teacher_layers}, or a list of the teacher's blocks."
        )
    if kind == "uniform":
        return [_rounded((i + 1) * teacher_layers, student_layers) - 1 for i in range(student_layers)]
    if kind == "skip":
        if student_layers == 1:
            raise InputError("A map from the first block to the last needs 2 blocks of the student; it has 1.")
        return [_rounded(i * (teacher_layers - 1), student_layers - 1) for i in range(student_layers)]
    if kind in ("last", "first"):
        begin = teacher_layers - student_layers if kind == "last" else 0
        return list(range(begin, begin + student_layers))
    raise InputError(f"Received the layer map {kind!r}; expected uniform, skip, last, first, or a list of numbers.")


def _rounded(numerator, denominator):
    """The nearest whole number; halves upwards."""
    return (2 * numerator + denominator) // (2 * denominator)


def from_blocks(teacher, blocks, family=None, **overrides):
    """A student of some of the teacher's blocks: fewer layers of the same width, with the teacher's weights.

    Sanh et al. 2019, https://arxiv.org/abs/1910.01108: what DistilBERT begins as.

    Args:
        teacher: an `Encoder` of a family.
        blocks: the numbers of its blocks, counted from 0; see `layer_map`.
        family: the class of the student, where its layers have the same names, as `DistilBert` for a teacher of
            `Bert`; None for the teacher's. What it has no pooler or segment table for is left out. It gives what the
            teacher would for texts whose segment is 0: that row of the segment table, which such a teacher adds to
            every token, is added to the table of positions.
        **overrides: arguments of the family that differ from the teacher's, as `dropout=0.0`; with a smaller
            `max_length` the table of positions is cut.

    Returns:
        An encoder of weights of its own.

    Raises:
        InputError: the teacher's blocks are shared or are not made as the student's, or the family has no place for
            one of its arrays.
    """
    family, blocks = family or type(teacher), layer_map(len(teacher.blocks), len(blocks), blocks)
    known = inspect.signature(family.__init__).parameters
    if len({id(block) for block in teacher.blocks}) < len(teacher.blocks):
        raise InputError(
            f"{type(teacher).__name__} runs one block several times; there are no blocks to choose from. Give its "
            "student fewer num_layers and the teacher's weights."
        )
    if "num_layers" not in known:
        raise InputError(f"{family.__name__} has no argument num_layers; expected a family that is cut by it.")
    arguments = {name: value for name, value in teacher.get_config().items() if name in known}
    student = family(**{**arguments, "num_layers": len(blocks), **overrides})
    _check_makes(student, teacher, blocks, {*_FREE, "num_segments", *overrides})
    theirs = {variable.path: variable for variable in teacher.weights}
    used = set()
    for variable in student.weights:
        path = re.sub(r"^block_(\d+)(?=/)", lambda found: f"block_{blocks[int(found[1])]}", variable.path)
        values = theirs.get(path)
        if values is not None and path.startswith("embeddings/position/"):
            values = values[: variable.shape[0]]
        if values is None or values.shape != variable.shape:
            shown = "none" if values is None else tuple(values.shape)
            raise InputError(
                f"{family.__name__} has {variable.path} of the shape {tuple(variable.shape)}, the teacher {shown}; "
                "expected the same."
            )
        variable.assign(values)
        used.add(path)
    left = [path for path in theirs if path not in used and not path.startswith(("block_", "pooler/"))]
    if left == ["embeddings/segment/embeddings"] and getattr(student.embeddings, "position", None) is not None:
        table = student.embeddings.position.embeddings
        table.assign(table + theirs[left[0]][0])
    elif left:
        raise InputError(f"{family.__name__} has no place for the teacher's {', '.join(left)}; expected its family.")
    return student


def _check_makes(student, teacher, blocks, free):
    """Raises InputError where a layer of the student would compute something else with the teacher's arrays."""
    chosen = [student.embeddings, *student.blocks], [teacher.embeddings, *(teacher.blocks[i] for i in blocks)]
    for ours, theirs in zip(*chosen, strict=True):
        found = next(_differing(ours.get_config(), theirs.get_config(), free), None)
        if found is not None:
            name, *values = found
            raise InputError(
                f"The student's {ours.name} cannot begin as the teacher's {theirs.name}: its {name} is "
                f"{values[0]!r}, the teacher's {values[1]!r}. Choose other blocks, or give the student the argument "
                "that makes the two alike."
            )


def _differing(ours, theirs, free):
    """Where two configs differ, `(name, ours, theirs)` each, but for the names in `free`."""
    for name in sorted({*ours, *theirs} - free, key=str):
        pair = [dict(enumerate(x)) if isinstance(x, list) else x for x in (ours.get(name), theirs.get(name))]
        if all(isinstance(value, dict) for value in pair):
            yield from _differing(*pair, free)
        elif pair[0] != pair[1]:
            yield name, *pair


def prune_vocabulary(encoder, tokenizer, texts, keep=(), min_count=1):
    """An encoder and a tokenizer with those pieces alone that texts are made of; see `tokenizers.vocabularies.pruned`.

    For texts whose pieces are all left, as with a `min_count` of 1 those that are given, the encoder gives exactly
    what it did.

    Args:
        encoder: an `Encoder` of a family.
        tokenizer: its `Tokenizer`.
        texts: strings.
        keep: further strings whose pieces stay, or pieces, however rare they are.
        min_count: how often a piece is in the texts at least.

    Returns:
        The encoder and the tokenizer.

    Raises:
        InputError: the vocabulary is of a kind that cannot be cut, or the encoder of no family.
    """
    new = vocabularies.pruned(tokenizer, texts, keep, min_count)
    arguments = encoder.get_config()
    if "vocab_size" not in arguments:
        raise InputError(f"{type(encoder).__name__} has no argument vocab_size; expected an encoder of a family.")
    if arguments.get("pad_id") not in (None, new.pad_id):
        raise InputError(
            f"{type(encoder).__name__} counts positions from the id of padding, {arguments['pad_id']}; fewer pieces "
            f"would make it {new.pad_id}. Keep the pieces before it."
        )
    made = type(encoder).from_config({**arguments, "vocab_size": new.vocab_size})
    _take_rows(made, encoder, tokenizer, new)
    return made, new


def prune_model(trained, texts, keep=(), min_count=1):
    """A fine-tuned model, or one that fills in masks, with fewer pieces; as `prune_vocabulary`.

    Args:
        trained: a `TaskModel`, as `tasks.saved.load` gives it.
        texts: strings.
        keep: further strings whose pieces stay, or pieces, however rare they are.
        min_count: how often a piece is in the texts at least.

    Returns:
        A `TaskModel`; of masked LM the head has the rows of the pieces that are left.
    """
    encoder, tokenizer = prune_vocabulary(trained.encoder, trained.tokenizer, texts, keep, min_count)
    task = type(trained.task)(**{name: value for name, value in trained.task.config.items() if name != "name"})
    task.take(tokenizer)
    model = task.build(encoder, encoder.get_config().get("dropout", 0.0))
    _take_rows(model, trained.model, trained.tokenizer, tokenizer)
    return dataclasses.replace(trained, encoder=encoder, model=model, task=task, tokenizer=tokenizer)


def _take_rows(new, old, old_tokenizer, new_tokenizer):
    """Fills a model from one of more pieces: of arrays with a row a piece the rows that are left, and the others."""
    rows = np.concatenate(vocabularies.cuts(new_tokenizer, old_tokenizer))
    theirs = {variable.path: variable for variable in old.weights}
    for variable in new.weights:
        values = ops.convert_to_numpy(theirs[variable.path])
        axes = [axis for axis, size in enumerate(variable.shape) if size != values.shape[axis]]
        variable.assign(np.take(values, rows, axes[0]) if axes else values)


def begin(student, teacher, pieces=None):
    """Fills a new student with what it can have of its teacher.

    A block begins as that of the teacher whose place `layer_map` says, where all of its arrays have the same shapes.
    Tables of embeddings begin as the teacher's; in a narrower student as what its rows are along the main directions
    of the teacher's token table. What nothing fits stays as it is.

    Args:
        student: an `Encoder`, changed in place.
        teacher: the teacher's `Encoder`.
        pieces: for each of the student's token ids the teacher's, a list; None where they are the same.
    """
    theirs = {variable.path: ops.convert_to_numpy(variable) for variable in teacher.weights}
    if len({id(block) for block in student.blocks}) == len(student.blocks) <= len(teacher.blocks):
        for i, block in zip(layer_map(len(teacher.blocks), len(student.blocks)), student.blocks, strict=True):
            found = [(each, theirs.get(re.sub(r"^block_\d+", f"block_{i}", each.path))) for each in block.weights]
            if all(array is not None and array.shape == each.shape for each, array in found):
                for variable, array in found:
                    variable.assign(array)
    token, width = "embeddings/token/embeddings", student.embeddings.token.embeddings.shape[-1]
    if token not in theirs or width > theirs[token].shape[-1]:
        return
    table = theirs[token].astype("float64")
    directions = np.linalg.svd(table - table.mean(0), full_matrices=False)[2][:width].T
    for variable in student.embeddings.weights:
        array = theirs.get(variable.path)
        if array is None:
            continue
        if variable.path == token and pieces is not None:
            array = array[pieces]
        if array.ndim == 2 and array.shape[1] == len(directions) != variable.shape[1] == width:
            array = array @ directions
        array = array[: variable.shape[0]]
        if array.shape == tuple(variable.shape):
            variable.assign(array)
