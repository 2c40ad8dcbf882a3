"""Losses of sentence embeddings and of rankings, in `keras.ops` alone.

Embeddings are `(batch, texts, dim)`: an anchor, its positive, and any further texts are hard negatives. Scores of a
ranking are `(batch, candidates)`, their labels -1 where a query has no further candidate. Each loss is a mean over the
batch.
"""

import inspect
import math

import keras
from keras import ops

from keras_bert_suite.layers import Layer, dense, register


class Loss(keras.losses.Loss):
    """A Keras loss that serializes from its own signature; every argument is kept under its name."""

    def get_config(self):
        own = [name for name in inspect.signature(type(self).__init__).parameters if name not in ("self", "kwargs")]
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


def cosines(a, b):
    """Cosine similarity along the last axis; the other axes broadcast."""
    return ops.sum(unit(a) * unit(b), axis=-1)


def unit(x):
    """Vectors along the last axis, of length 1."""
    return x / ops.sqrt(ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), 1e-24))


@register
class MultipleNegativesRanking(Loss):
    """Cross-entropy of each anchor's own positive against all positives and hard negatives of the batch.

    Henderson et al. 2017, https://arxiv.org/abs/1705.00652. Wants large batches in which no text occurs twice.

    Args:
        scale: factor of the cosines, the inverse of a temperature.
        symmetric: whether each positive must find its anchor as well; the mean of both.
    """

    def __init__(self, scale=20.0, symmetric=False, name="multiple_negatives_ranking", **kwargs):
        super().__init__(name=name, **kwargs)
        self.scale, self.symmetric = scale, symmetric

    def call(self, y_true, y_pred):
        anchors = unit(y_pred[:, 0])
        others = ops.reshape(ops.transpose(y_pred[:, 1:], (1, 0, 2)), (-1, y_pred.shape[-1]))
        scores = self.scale * ops.matmul(anchors, ops.transpose(unit(others)))
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


@register
class CosineSimilarity(Loss):
    """Squared error of the cosine of a pair against its score, from -1 to 1.

    Reimers and Gurevych 2019, https://arxiv.org/abs/1908.10084
    """

    def call(self, y_true, y_pred):
        return ops.square(cosines(y_pred[:, 0], y_pred[:, 1]) - ops.cast(y_true, y_pred.dtype))


@register
class CoSENT(Loss):
    """`log(1 + sum exp(scale * (cos_i - cos_j)))` over the pairs of pairs whose scores say that j is above i.

    Su 2022, https://kexue.fm/archives/8847. It wants the order of the scores alone.

    Args:
        scale: factor of the cosines.
    """

    def __init__(self, scale=20.0, name="cosent", **kwargs):
        super().__init__(name=name, **kwargs)
        self.scale = scale

    def call(self, y_true, y_pred):
        found = self.scale * cosines(y_pred[:, 0], y_pred[:, 1])
        differences = ops.expand_dims(found, 1) - ops.expand_dims(found, 0)
        gold = ops.cast(y_true, y_pred.dtype)
        counts = ops.cast(ops.expand_dims(gold, 1) < ops.expand_dims(gold, 0), y_pred.dtype)
        terms = ops.reshape(differences - 1e4 * (1.0 - counts), (-1,))
        return ops.expand_dims(ops.logsumexp(ops.concatenate([ops.zeros((1,), y_pred.dtype), terms]), axis=0), 0)


@register
class Triplet(Loss):
    """`max(0, distance(anchor, positive) - distance(anchor, negative) + margin)`, the mean over the negatives.

    Args:
        distance: `"euclidean"` or `"cosine"` (1 less the cosine).
        margin: how much farther the negative should be.
    """

    def __init__(self, distance="euclidean", margin=5.0, name="triplet", **kwargs):
        super().__init__(name=name, **kwargs)
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


@register
class MarginMSE(Loss):
    """Squared error of how far a positive is above a negative against the same margin of a teacher, a cross-encoder.

    Hofstätter et al. 2020, https://arxiv.org/abs/2010.02666. `y_true` is `(batch,)`, or `(batch, negatives)` for
    several hard negatives, of which the loss is the mean.

    Args:
        similarity: `"dot"`, the product of two vectors, or `"cosine"`.
    """

    def __init__(self, similarity="dot", name="margin_mse", **kwargs):
        super().__init__(name=name, **kwargs)
        if similarity not in ("dot", "cosine"):
            raise ValueError(f'Received similarity={similarity!r}; expected "dot" or "cosine".')
        self.similarity = similarity

    def call(self, y_true, y_pred):
        vectors = unit(y_pred) if self.similarity == "cosine" else y_pred
        scores = ops.sum(vectors[:, :1] * vectors[:, 1:], axis=-1)
        margins = ops.cast(y_true, y_pred.dtype)
        margins = ops.expand_dims(margins, 1) if len(margins.shape) == 1 else margins
        found = scores[:, :1] - scores[:, 1 : 1 + margins.shape[1]]
        return ops.mean(ops.square(found - margins), axis=1)


@register
class Matryoshka(Loss):
    """Another loss, at several widths: the whole vector and its first values alone, the weighted sum.

    Kusupati et al. 2022, https://arxiv.org/abs/2205.13147

    Args:
        loss: a loss of embeddings.
        dims: the widths, a list.
        weights: the weight of each width, a list. Default: 1 each.
    """

    def __init__(self, loss, dims, weights=None, name="matryoshka", **kwargs):
        super().__init__(name=name, **kwargs)
        if weights is not None and len(weights) != len(dims):
            raise ValueError(f"Received {len(dims)} dims and {len(weights)} weights; expected as many of both.")
        self.loss, self.dims, self.weights = loss, list(dims), weights

    def call(self, y_true, y_pred):
        weights = self.weights or [1.0] * len(self.dims)
        return sum(
            weight * self.loss.call(y_true, y_pred[..., :dim]) for dim, weight in zip(self.dims, weights, strict=True)
        )

    def get_config(self):
        return {**super().get_config(), "loss": keras.losses.serialize(self.loss)}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "loss": keras.losses.deserialize(config["loss"])})


@register
class ListNet(Loss):
    """Cross-entropy of the softmax of the scores against the softmax of the relevance, over a query's candidates.

    Cao et al. 2007 (top-one probabilities). `y_true` `(batch, candidates)` is the relevance, -1 where a query has no
    further candidate; `y_pred` likewise the scores.
    """

    def call(self, y_true, y_pred):
        gold = ops.cast(y_true, y_pred.dtype)
        absent = ops.cast(gold < 0, y_pred.dtype) * 1e4
        return -ops.sum(ops.softmax(gold - absent) * ops.log_softmax(y_pred - absent), axis=-1)


@register
class LambdaLoss(Loss):
    """Logistic loss of each two candidates in the wrong order, by what exchanging them would change of nDCG.

    NDCG-Loss2++ of Wang et al. 2018, https://doi.org/10.1145/3269206.3271784: with ranks i and j of the present scores
    and the discount D, two candidates weigh `|G_i - G_j| (|1/D_i - 1/D_j| + mu |1/D_|i-j| - 1/D_|i-j|+1|)`. The gain G
    is `2^label - 1` over the highest DCG that there is.

    Args:
        mu: weight of the second term; 0 is LambdaRank (Burges et al. 2006).
    """

    def __init__(self, mu=10.0, name="lambda_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.mu = mu

    def call(self, y_true, y_pred):
        labels = ops.cast(y_true, y_pred.dtype)
        present = ops.cast(labels >= 0, y_pred.dtype)
        labels = ops.relu(labels)
        order = ops.argsort(ops.argsort(-(y_pred - (1.0 - present) * 1e4), axis=-1), axis=-1)
        ranks = ops.cast(order, y_pred.dtype) + 1.0
        gains = (ops.power(2.0, labels) - 1.0) * present
        places = ops.cast(ops.arange(1, ops.shape(labels)[1] + 1), y_pred.dtype)
        best = ops.sum(-ops.sort(-gains, axis=-1) * _discount(places), axis=-1, keepdims=True)
        gains = gains / ops.maximum(best, 1e-6)
        distance = ops.abs(_pairs(ranks))
        # Two candidates are a rank apart at least; a candidate and itself have no gain to change.
        apart = ops.maximum(distance, 1.0)
        weights = ops.abs(_discount(ops.expand_dims(ranks, 2)) - _discount(ops.expand_dims(ranks, 1)))
        weights = weights + self.mu * (_discount(apart) - _discount(apart + 1.0))
        above = ops.cast(_pairs(labels) > 0, y_pred.dtype) * ops.expand_dims(present, 2) * ops.expand_dims(present, 1)
        weights = ops.stop_gradient(weights * ops.abs(_pairs(gains)) * above)
        return ops.sum(weights * ops.softplus(-_pairs(y_pred)), axis=(1, 2)) / math.log(2.0)


def _discount(ranks):
    """What a gain at these ranks, from 1 on, is worth."""
    return math.log(2.0) / ops.log1p(ranks)


def _pairs(x):
    """Differences of each two, `(batch, n)` to `(batch, n, n)`."""
    return ops.expand_dims(x, 2) - ops.expand_dims(x, 1)


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
