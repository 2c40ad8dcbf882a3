"""Our variables beside the layer names of a family's checkpoints."""

import re


def layer_and_leaf(path):
    """`block_3/attention/query/kernel` to (`block_3/attention/query`, `kernel`)."""
    layer, _, leaf = path.rpartition("/")
    return layer, leaf


def theirs(layer, weight_names):
    """Hugging Face's name of a layer of ours, or None.

    Args:
        layer: our path, as `block_3/attention/query`.
        weight_names: a family's map of paths to names, with `{i}` for the number of the block.
    """
    number = re.search(r"block_(\d+)", layer)
    pattern = re.sub(r"block_\d+", "block_{i}", layer, count=1)
    name = weight_names.get(pattern)
    return name.replace("{i}", number.group(1)) if name and number else name
