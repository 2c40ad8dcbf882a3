"""A model with early exit, cut behind each block, as signatures of one file; `runtime` says how they are run."""


def of(model):
    """The stages of an `EarlyExit`; an empty list for any other model."""
    return model.stages() if hasattr(model, "stages") else []


def number(model):
    """How many stages `of` a model there are, without making them."""
    return len(model.classifiers) if hasattr(model, "stages") else 0


def outputs(stages, number, features):
    """What a stage gives: `scores` `(1, labels)` and, but for the last, `states` `(1, time, dim)`.

    Args:
        stages: what `of` gave.
        number: which of them.
        features: a dict of tensors with what the stage takes.
    """
    from keras import ops

    stage = stages[number]
    found = stage({name: features[name] for name in stage.input}, training=False)
    scores = {"scores": ops.softmax(found["logits"], axis=-1)}
    return scores if number == len(stages) - 1 else {**scores, "states": found["states"]}


def signatures(stages, names, lengths):
    """The signatures of all stages but the first.

    Args:
        stages: what `of` gave.
        names: names of the file's inputs to those of the encoder.
        lengths: sequence lengths, None for any.

    Returns:
        A list of `(key, serve, names, specs)`: the signature's name; a function of tensors that gives its outputs; the
        names of these tensors, and their `tf.TensorSpec`.
    """
    import tensorflow as tf

    found = []
    for number, stage in enumerate(stages[1:], 1):
        read = {**{name: feature for name, feature in names.items() if feature in stage.input}, "states": "states"}

        def serve(*arrays, number=number, read=read):
            return outputs(stages, number, dict(zip(read.values(), arrays, strict=True)))

        for length in lengths:
            states = tf.TensorSpec((1, length, stage.input["states"].shape[-1]), tf.float32, name="states")
            specs = [tf.TensorSpec((1, length), tf.int32, name=name) for name in list(read)[:-1]]
            found.append((f"stage_{number}_length_{length or 'any'}", serve, list(read), [*specs, states]))
    return found
