"""Examples of any length to padded batches, shuffled the same way by the same seed and epoch."""

import functools

import numpy as np
import tensorflow as tf

MULTIPLE = 8


def training_batches(
    examples,
    targets,
    batch_size,
    seed,
    epochs,
    initial_epoch=0,
    pad_values=None,
    change=None,
    padding_side="right",
    grouped=False,
    token_targets=(),
    drop_remainder=False,
):
    """Batches of all epochs, one after another, as a `tf.data.Dataset` for `fit`.

    What an epoch gives depends on `seed` and its number alone: a run that goes on at epoch 2 sees what an unbroken
    one sees.

    Args:
        examples: a list of examples, each a list of rows, a row a dict from names to lists of integers of one length.
        targets: for each example a dict from the name of an output to `(label, weight)`, numbers or arrays.
        batch_size: examples a batch; the last of an epoch may be smaller.
        seed: of the shuffling, and of `change`.
        epochs: number of epochs.
        initial_epoch: the first epoch to give.
        pad_values: name to the value that fills; 0 where it is not named.
        change: a function of an example's number, its rows and a `numpy.random.Generator` that gives the rows to
            train on this time, of the same lengths; None for the rows themselves.
        padding_side: `"right"` or `"left"`, where rows are filled up.
        grouped: whether arrays are `(batch, rows, time)`, rows that an example lacks being padding; otherwise an
            example has one row and arrays are `(batch, time)`.
        token_targets: the outputs whose labels have an axis of ids, which is padded as the rows are.
        drop_remainder: whether the last batch of an epoch is left out where it is smaller.

    Returns:
        A dataset of `(features, labels, weights)`, dicts, padded to the longest row of the batch and a multiple of 8.
    """
    pad_values = pad_values or {}
    fill = functools.partial(padded, side=padding_side)
    lengths = [max(len(row["token_ids"]) for row in example) for example in examples]

    def batch(numbers, generator):
        length = -(-max(lengths[number] for number in numbers) // MULTIPLE) * MULTIPLE
        chosen = [change(number, examples[number], generator) if change else examples[number] for number in numbers]
        size = max(len(rows) for rows in chosen)
        inputs = {}
        for name in examples[0][0]:
            value = pad_values.get(name, 0)
            arrays = [fill([row[name] for row in rows], length, value, "int32") for rows in chosen]
            if grouped:
                inputs[name] = padded(arrays, size, value, "int32", "right")
            else:
                inputs[name] = np.concatenate(arrays)
        labels, weights = {}, {}
        for name in targets[0]:
            label = [np.asarray(targets[number][name][0]) for number in numbers]
            weight = [np.asarray(targets[number][name][1], "float32") for number in numbers]
            if name in token_targets:
                label = fill(label, length, 0, label[0].dtype)
                weight = fill(weight, length, 0.0, "float32") if weight[0].ndim else weight
            elif grouped and label[0].ndim and any(len(item) != len(label[0]) for item in label):
                label = padded(label, size, -1, label[0].dtype, "right")
            labels[name], weights[name] = np.stack(label), np.stack(weight)
        return inputs, labels, weights

    def all_batches():
        for epoch in range(initial_epoch, epochs):
            generator = np.random.default_rng((seed, epoch))
            order = generator.permutation(len(examples))
            for start in range(0, len(order) - (batch_size - 1 if drop_remainder else 0), batch_size):
                yield batch(order[start : start + batch_size], generator)

    def spec(array):
        return tf.TensorSpec((None,) * array.ndim, array.dtype)

    signature = tf.nest.map_structure(spec, batch(range(min(2, len(examples))), np.random.default_rng(0)))
    return tf.data.Dataset.from_generator(all_batches, output_signature=signature).prefetch(2)


def padded(rows, length, value, dtype, side):
    """Rows of numbers as an array `(rows, length, ...)`, filled up with a value at the right or the left side."""
    rows = [np.asarray(row) for row in rows]
    array = np.full((len(rows), length, *rows[0].shape[1:]), value, dtype)
    for i, row in enumerate(rows):
        array[i, slice(len(row)) if side == "right" else slice(length - len(row), length)] = row
    return array
