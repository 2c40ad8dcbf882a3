"""Examples of any length to padded batches, shuffled the same way by the same seed and epoch."""

import functools

import numpy as np
import tensorflow as tf

MULTIPLE = 8


def training_batches(
    features, targets, batch_size, seed, epochs, initial_epoch=0, pad_values=None, change=None, padding_side="right"
):
    """Batches of all epochs, one after another, as a `tf.data.Dataset` for `fit`.

    What an epoch gives depends on `seed` and its number alone: a run that goes on at epoch 2 sees what an unbroken
    one sees.

    Args:
        features: a list of dicts, name to a list of integers; those of one example are of one length.
        targets: a list of `(label, weight)`; each a number, or an array whose first axis is the example's length.
        batch_size: examples a batch; the last of an epoch may be smaller.
        seed: of the shuffling, and of `change`.
        epochs: number of epochs.
        initial_epoch: the first epoch to give.
        pad_values: name to the value that fills; 0 where it is not named.
        change: a function of an example's number, its features and a `numpy.random.Generator` that gives the
            features to train on this time, of the same length; None for the features themselves.
        padding_side: `"right"` or `"left"`, where rows are filled up.

    Returns:
        A dataset of `(features, label, weight)`, padded to the longest example of the batch and a multiple of 8.
    """
    pad_values = pad_values or {}
    fill = functools.partial(_padded, side=padding_side)
    lengths = [len(next(iter(feature.values()))) for feature in features]

    def batch(rows, generator):
        length = -(-max(lengths[row] for row in rows) // MULTIPLE) * MULTIPLE
        examples = [change(row, features[row], generator) if change else features[row] for row in rows]
        inputs = {
            name: fill([example[name] for example in examples], length, pad_values.get(name, 0), "int32")
            for name in features[0]
        }
        labels = [np.asarray(targets[row][0]) for row in rows]
        weights = [np.asarray(targets[row][1], "float32") for row in rows]
        if weights[0].ndim:
            return inputs, fill(labels, length, 0, labels[0].dtype), fill(weights, length, 0.0, "float32")
        return inputs, np.stack(labels), np.stack(weights)

    def all_batches():
        for epoch in range(initial_epoch, epochs):
            generator = np.random.default_rng((seed, epoch))
            order = generator.permutation(len(features))
            for start in range(0, len(order), batch_size):
                yield batch(order[start : start + batch_size], generator)

    def spec(array):
        return tf.TensorSpec((None,) + (None,) * (array.ndim > 1) + array.shape[2:], array.dtype)

    signature = tf.nest.map_structure(spec, batch(range(min(2, len(features))), np.random.default_rng(0)))
    return tf.data.Dataset.from_generator(all_batches, output_signature=signature).prefetch(2)


def _padded(rows, length, value, dtype, side):
    rows = [np.asarray(row) for row in rows]
    array = np.full((len(rows), length, *rows[0].shape[1:]), value, dtype)
    for i, row in enumerate(rows):
        array[i, slice(len(row)) if side == "right" else slice(length - len(row), length)] = row
    return array
