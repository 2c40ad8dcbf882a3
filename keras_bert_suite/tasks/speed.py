"""The speed of a model with early exit: what each one loses and saves on labelled texts, and the fastest of a budget.

Liu et al. 2020, https://arxiv.org/abs/2004.02178
"""

import numpy as np

from keras_bert_suite import flops
from keras_bert_suite.data.batches import MULTIPLE
from keras_bert_suite.errors import InputError
from keras_bert_suite.tasks.decoding import decode
from keras_bert_suite.tasks.inputs import rows
from keras_bert_suite.tasks.saved import inputs_of

# Closer together near 0, where the uncertainties of most texts are.
SPEEDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, *(i / 20 for i in range(2, 21)))


def curve(trained, examples, speeds=SPEEDS, progress=iter):
    """What each speed loses and saves; the model is run once.

    Operations are those of `flops.forward`, by text: of the blocks and classifiers that are run, at the text's number
    of ids filled up to one of eight lengths.

    Args:
        trained: a `TaskModel` with early exit.
        examples: labelled examples, of a set that training did not see.
        speeds: uncertainties, 0 to 1, below which a text stops; 0, at which all run to the end, is always judged.
        progress: wraps the list of batches, as `tqdm` does.

    Returns:
        A list of dicts, the slowest first: `speed`; `figure`, the task's first; `lost`, the points (hundredths) by
        which it is below that of speed 0; `blocks`, run a text on average; `flops`, likewise; `ratio`, how many times
        that is in the operations of the model without the classifiers before its last; and `blocks_ratio`, the same
        of the blocks alone.

    Raises:
        InputError: the model has no early exit, or there are no examples.
    """
    if "speed" not in trained.task.config:
        raise InputError("Received a model without early exit; train one by kbs-finetune --set=speed=0.5.")
    if not examples:
        raise InputError("The speed is chosen on labelled examples; there are none.")
    inputs = inputs_of(trained.task, examples)
    encoded = rows(trained.task.config, trained.tokenizer, inputs, trained.max_length)
    encodings = [found.encodings[0] for found in encoded]
    outputs = trained.of_rows(encodings, progress=progress)
    costs = _costs(trained, encodings)
    blocks, both = costs[..., 0].cumsum(1), costs.sum(-1).cumsum(1)
    whole = blocks[:, -1] + costs[:, -1, 1]
    steps = []
    for speed in sorted({0.0, *speeds}):
        config = {**trained.task.config, "speed": speed}
        answers = [
            decode(config, [output], found, item) for output, found, item in zip(outputs, encoded, inputs, strict=True)
        ]
        figure = next(iter(trained.task.evaluate(examples, answers).values()))
        exits = np.array([answer["exit"] for answer in answers])
        each = np.arange(len(exits)), exits
        steps.append(
            {
                "speed": speed,
                "figure": figure,
                "lost": 100 * (steps[0]["figure"] - figure) if steps else 0.0,
                "blocks": float(1 + exits.mean()),
                "flops": float(both[each].mean()),
                "ratio": float(whole.mean() / both[each].mean()),
                "blocks_ratio": float(blocks[:, -1].mean() / blocks[each].mean()),
            }
        )
    return steps


def _costs(trained, encodings):
    """The operations of each text's blocks and classifiers, `(texts, blocks, 2)`."""
    step = -(-trained.max_length // (8 * MULTIPLE)) * MULTIPLE
    lengths = [-(-len(encoding.ids) // step) * step for encoding in encodings]
    # No more than the encoder has positions for.
    lengths = [min(length, trained.max_length) for length in lengths]
    stages = trained.model.stages()
    by_length = {length: flops.of_stages(stages, length) for length in sorted(set(lengths))}
    return np.array([by_length[length] for length in lengths], "float64")


def fastest(steps, budget):
    """Of a curve the step with the fewest operations that loses no more points than a budget, a number from 0."""
    return min((step for step in steps if step["lost"] <= budget), key=lambda step: step["flops"])


def choose(trained, examples, budget, progress=iter, show=lambda line: None):
    """Gives a model the speed that is the fastest within a budget.

    Args:
        trained: a `TaskModel` with early exit, whose task has that speed from here on.
        examples: as for `curve`.
        budget: points of the task's first figure that may be lost against all blocks.
        progress: as for `curve`.
        show: called with a line about each speed.

    Returns:
        The curve.
    """
    steps = curve(trained, examples, progress=progress)
    chosen = fastest(steps, budget)
    for step in steps:
        show(
            f"speed {step['speed']:<5g} figure {step['figure']:.4f}, {step['lost']:5.2f} points lost, "
            f"{step['blocks']:.2f} blocks, {step['ratio']:.2f} times fewer operations"
            f"{'  <- chosen' if step is chosen else ''}"
        )
    trained.task.speed = chosen["speed"]
    return steps
