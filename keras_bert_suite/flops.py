"""Counts the floating-point operations of a model's products: of matrices and convolutions, as they are run."""

import math


def forward(model, shapes):
    """Floating-point operations of a forward pass, two for each product that is added to a sum.

    They are those of the graph of these shapes: attention of each kind, a head over chosen places alone, padding like
    all else. What is not a product of matrices or a convolution (norms, activations, tables, fast Fourier transforms)
    is left out, as is usual. A training step has three times as many: the backward pass has a product for the
    gradient of each of the two factors.

    Args:
        model: a functional model with a dict of inputs, as an encoder.
        shapes: a dict of the inputs' shapes, the batch among them; more names do not matter.

    Returns:
        An int. BERT-base has 22.35e9 for a row of 128 ids, 96.6e9 for one of 512.

    Raises:
        ValueError: a shape within the model does not follow from these.
    """
    import keras

    if keras.backend.backend() == "jax":
        import jax

        inputs = {name: jax.ShapeDtypeStruct(shapes[name], tensor.dtype) for name, tensor in model.input.items()}
        values = [
            [variable.value for variable in kind]
            for kind in (model.trainable_variables, model.non_trainable_variables)
        ]
        traced = jax.make_jaxpr(lambda inputs: model.stateless_call(*values, inputs, training=False)[0])(inputs)
        return _products(traced.jaxpr)
    import tensorflow as tf

    specs = {name: tf.TensorSpec(shapes[name], tensor.dtype) for name, tensor in model.input.items()}
    graph = tf.function(lambda inputs: model(inputs, training=False)).get_concrete_function(specs).graph
    return sum(_operations(op) for op in graph.get_operations())


def of_stages(stages, time):
    """Those of the parts of an `EarlyExit`, for a row of so many ids.

    Args:
        stages: what its `stages` gave.
        time: ids of the row.

    Returns:
        A list of pairs of ints: of a block, the first with the embeddings, and of the classifier behind it.
    """
    import keras

    found = []
    for stage in stages:
        shapes = dict.fromkeys(stage.input, (1, time))
        if "states" in shapes:
            shapes["states"] = (1, time, stage.input["states"].shape[-1])
        block = forward(keras.Model(stage.input, {"states": stage.output["states"]}), shapes)
        found.append((block, forward(stage, shapes) - block))
    return found


def _operations(op):
    """Those of an operation of a TensorFlow graph."""
    if op.type not in ("MatMul", "BatchMatMulV2", "Conv2D", "DepthwiseConv2dNative"):
        return 0
    made, (first, second) = op.outputs[0].shape, (each.shape for each in op.inputs)
    if not (made.is_fully_defined() and second.is_fully_defined() and first[1:].is_fully_defined()):
        raise ValueError(f"{op.name}: the shapes {first}, {second} and {made} are not known; expected whole ones.")
    if op.type.endswith(("MatMul", "MatMulV2")):
        turned = op.get_attr("transpose_b" if op.type == "MatMul" else "adj_y")
        each = second[-1 if turned else -2]
    else:
        # (height, width, features of a group, ...)
        each = math.prod(second[: 3 if op.type == "Conv2D" else 2])
    return 2 * made.num_elements() * each


def _products(jaxpr):
    """Those of what JAX traced."""
    found = 0
    for step in jaxpr.eqns:
        made, operands = step.outvars[0].aval.shape, [each.aval.shape for each in step.invars]
        if step.primitive.name == "dot_general":
            (summed, _), _ = step.params["dimension_numbers"]
            found += 2 * math.prod(made) * math.prod(operands[0][axis] for axis in summed)
        elif step.primitive.name == "conv_general_dilated":
            # All axes of the kernel but that of what it makes.
            kernel, axis = operands[1], step.params["dimension_numbers"].rhs_spec[0]
            found += 2 * math.prod(made) * math.prod(kernel) // kernel[axis]
        else:
            inner = (step.params.get(name) for name in ("jaxpr", "call_jaxpr"))
            times = step.params["length"] if step.primitive.name == "scan" else 1
            found += times * sum(_products(getattr(each, "jaxpr", each)) for each in inner if each is not None)
    return found
