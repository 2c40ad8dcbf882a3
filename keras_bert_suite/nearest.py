"""The nearest vectors by cosine, in numpy alone: on the host and on a device the same."""

import numpy as np

from keras_bert_suite.errors import InputError


def search(vectors, queries, k, block, scales=None, model=""):
    """The rows of a table that are nearest to each query; every row is compared.

    Args:
        vectors: `(rows, dim)`, of length 1 but for what `scales` makes of them; may be mapped from a file.
        queries: `(queries, dim)`, of any length.
        k: number of rows.
        block: rows that are in memory at a time.
        scales: `(rows,)`, what each row is multiplied by; None for 1.
        model: what made the vectors, for the error.

    Returns:
        Cosines and rows, both `(queries, k)`, the nearest first, of equals the lower row; fewer where there are fewer.

    Raises:
        InputError: the queries are of another width.
    """
    queries = unit_queries(queries, vectors.shape[1], model)
    best = np.empty((len(queries), 0), "float32")
    places = np.empty((len(queries), 0), "int64")
    for start in range(0, len(vectors), block):
        scores = queries @ np.asarray(vectors[start : start + block], "float32").T
        if scales is not None:
            scores = scores * scales[start : start + block]
        numbers = np.broadcast_to(np.arange(start, start + scores.shape[1]), scores.shape)
        best, places = highest(
            np.concatenate([best, scores], axis=1), np.concatenate([places, numbers], axis=1), min(k, len(vectors))
        )
    return best, places


def unit_queries(queries, dim, model):
    """Queries at length 1; InputError where they are not `dim` wide."""
    queries = unit(queries)
    if queries.shape[1] != dim:
        raise InputError(
            f"The queries' vectors have {queries.shape[1]} values and the index's {dim}; "
            f"embed them with the model of the index, {model or 'which it does not name'}."
        )
    return queries


def unit(vectors):
    """Vectors `(n, dim)` as float32 of length 1; zeros stay zeros."""
    vectors = np.asarray(vectors, "float32")
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def highest(scores, places, k):
    """The `k` highest of each row and their places, in order; of equal scores the lower place first."""
    if scores.shape[1] > k:
        inside = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        scores, places = np.take_along_axis(scores, inside, 1), np.take_along_axis(places, inside, 1)
    order = np.lexsort((places, -scores))
    return np.take_along_axis(scores, order, 1), np.take_along_axis(places, order, 1)
