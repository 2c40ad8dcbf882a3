"""Losses of sentence embeddings and of rankings, over groups of rows, in `keras.ops` alone.

Embeddings are `(batch, texts, dim)`: an anchor, its positive, and any further texts are hard negatives. Each loss is a
mean over the batch.
"""

import keras
from keras import ops

from keras_bert_suite.layers import Layer, dense, register


def cosines(a, b):
    """Cosine similarity along the last axis; the other axes broadcast."""
    return ops.sum(_unit(a) * _unit(b), axis=-1)


def _unit(x):
    return x / ops.sqrt(ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), 1e-24))


class MultipleNegativesRanking(keras.losses.Loss):
    """Cross-entropy of each anchor's own positive against all positives and hard negatives of the batch.

    Henderson et al. 2017, https://arxiv.org/abs/1705.00652. Wants large batches in which no text occurs twice.

    Args:
        scale: factor of the cosines, the inverse of a temperature.
        symmetric: whether each positive must find its anchor as well; the mean of both.
    """

    def __init__(self, scale=20.0, symmetric=False, name="multiple_negatives_ranking"):
        super().__init__(name=name)
        self.scale, self.symmetric = scale, symmetric

    def call(self, y_true, y_pred):
        anchors = _unit(y_pred[:, 0])
        others = ops.reshape(ops.transpose(y_pred[:, 1:], (1, 0, 2)), (-1, y_pred.shape[-1]))
        scores = self.scale * ops.matmul(anchors, ops.transpose(_unit(others)))
        loss = _own(scores)
        if self.symmetric:
            size = ops.shape(scores)[0]
            loss = (loss + _own(ops.transpose(scores[:, :size]))) / 2
        return loss


def _own(scores):
    """Cross-entropy of the diagonal, for each row."""
    size = ops.shape(scores)[0]
    diagonal = ops.sum(scores[:, :size] * ops.eye(size, dtype=scores.dtype), axis=1)
    return ops.logsumexp(scores, axis=1) - diagonal


class CosineSimilarity(keras.losses.Loss):
    """Squared error of the cosine of a pair against its score, from -1 to 1.

    Reimers and Gurevych 2019, https://arxiv.org/abs/1908.10084
    """

    def call(self, y_true, y_pred):
        return ops.square(cosines(y_pred[:, 0], y_pred[:, 1]) - ops.cast(y_true, y_pred.dtype))


class CoSENT(keras.losses.Loss):
    """`log(1 + sum exp(scale * (cos_i - cos_j)))` over the pairs of pairs whose scores say that j is above i.

    Su 2022, https://kexue.fm/archives/8847. It wants the order of the scores alone.

    Args:
        scale: factor of the cosines.
    """

    def __init__(self, scale=20.0, name="cosent"):
        super().__init__(name=name)
        self.scale = scale

    def call(self, y_true, y_pred):
        found = self.scale * cosines(y_pred[:, 0], y_pred[:, 1])
        differences = ops.expand_dims(found, 1) - ops.expand_dims(found, 0)
        gold = ops.cast(y_true, y_pred.dtype)
        counts = ops.cast(ops.expand_dims(gold, 1) < ops.expand_dims(gold, 0), y_pred.dtype)
        terms = ops.reshape(differences - 1e4 * (1.0 - counts), (-1,))
        return ops.expand_dims(ops.logsumexp(ops.concatenate([ops.zeros((1,), y_pred.dtype), terms]), axis=0), 0)


class Triplet(keras.losses.Loss):
    """`max(0, distance(anchor, positive) - distance(anchor, negative) + margin)`, the mean over the negatives.

    Args:
        distance: `"euclidean"` or `"cosine"` (1 less the cosine).
        margin: how much farther the negative should be.
    """

    def __init__(self, distance="euclidean", margin=5.0, name="triplet"):
        super().__init__(name=name)
        if distance not in ("euclidean", "cosine"):
            raise ValueError(f'Received distance={distance!r}; expected "euclidean" or "cosine".')
        self.distance, self.margin = distance, margin

    def call(self, y_true, y_pred):
        anchor, others = y_pred[:, :1], y_pred[:, 1:]
        if self.distance == "cosine":
            distances = 1.0 - cosines(anchor, others)
        else:
            distances = ops.sqrt(ops.maximum(ops.sum(ops.square(anchor - others), axis=-1), 1e-12))
        return ops.mean(ops.relu(distances[:, :1] - distances[:, 1:] + self.margin), axis=1)


class MarginMSE(keras.losses.Loss):
    """Squared error of `a.p - a.n` against the same margin of a teacher, a cross-encoder.

    Hofstätter et al. 2020, https://arxiv.org/abs/2010.02666
    """

    def call(self, y_true, y_pred):
        scores = ops.sum(y_pred[:, :1] * y_pred[:, 1:3], axis=-1)
        return ops.square(scores[:, 0] - scores[:, 1] - ops.cast(y_true, y_pred.dtype))


class Matryoshka(keras.losses.Loss):
    """Another loss, at several widths: the whole vector and its first values alone, the sum.

    Kusupati et al. 2022, https://arxiv.org/abs/2205.13147

    Args:
        loss: a loss of embeddings.
        dims: the widths.
    """

    def __init__(self, loss, dims, name="matryoshka"):
        super().__init__(name=name)
        self.loss, self.dims = loss, sorted(dims, reverse=True)

    def call(self, y_true, y_pred):
        return sum(self.loss.call(y_true, y_pred[..., :dim]) for dim in self.dims)


class ListNet(keras.losses.Loss):
    """Cross-entropy of the softmax of the scores against the softmax of the relevance, over a query's candidates.

    Cao et al. 2007 (top-one probabilities). `y_true` `(batch, candidates)` is the relevance, -1 where a query has no
    further candidate; `y_pred` likewise the scores.
    """

    def call(self, y_true, y_pred):
        gold = ops.cast(y_true, y_pred.dtype)
        absent = ops.cast(gold < 0, y_pred.dtype) * 1e4
        return -ops.sum(ops.softmax(gold - absent) * ops.log_softmax(y_pred - absent), axis=-1)


@register
class PairClassifier(Layer):
    """Labels of a pair of vectors from `[u; v; |u - v|]`; Reimers and Gurevych 2019, https://arxiv.org/abs/1908.10084.

    Args:
        units: number of labels.

    Call arguments:
        x: `(batch, 2, dim)`.

    Returns:
        Logits, `(batch, units)`.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, x_shape):
        self.dense = dense(self.units, "dense", use_bias=False)
        self.dense.build((x_shape[0], 3 * x_shape[-1]))

    def call(self, x):
        u, v = x[:, 0], x[:, 1]
        return self.dense(ops.concatenate([u, v, ops.abs(u - v)], axis=-1))
