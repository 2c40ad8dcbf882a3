"""Metrics of answers against labels, each a dict of numbers under the field's names."""

import warnings

import numpy as np


def single_label(gold, predicted, labels):
    """Accuracy, F1 and Matthews correlation.

    `f1` is that of the second label where there are two (GLUE's positive class), and the mean over labels otherwise.
    """
    from sklearn import metrics

    binary = len(labels) == 2
    with warnings.catch_warnings():
        # A label that occurs nowhere has F1 0, which scikit-learn warns of.
        warnings.simplefilter("ignore")
        f1 = metrics.f1_score(
            gold,
            predicted,
            labels=labels,
            pos_label=labels[1] if binary else 1,
            average="binary" if binary else "macro",
            zero_division=0.0,
        )
        return {
            "accuracy": float(metrics.accuracy_score(gold, predicted)),
            "f1": float(f1),
            "matthews": float(metrics.matthews_corrcoef(gold, predicted)),
        }


def multi_label(gold, predicted, labels):
    """Micro F1 as `f1`, accuracy (all labels right), and macro F1."""
    from sklearn import metrics

    def matrix(rows):
        return np.array([[label in row for label in labels] for row in rows], "int32")

    gold, predicted = matrix(gold), matrix(predicted)
    return {
        "f1": float(metrics.f1_score(gold, predicted, average="micro", zero_division=0.0)),
        "accuracy": float((gold == predicted).all(axis=1).mean()),
        "f1_macro": float(metrics.f1_score(gold, predicted, average="macro", zero_division=0.0)),
    }


def regression(gold, predicted):
    """Spearman and Pearson correlation, 0 where one side is constant, and mean squared error."""
    from scipy import stats

    gold, predicted = np.asarray(gold, "float64"), np.asarray(predicted, "float64")
    constant = len(gold) < 2 or np.ptp(gold) == 0 or np.ptp(predicted) == 0
    return {
        "spearman": 0.0 if constant else float(stats.spearmanr(gold, predicted).statistic),
        "pearson": 0.0 if constant else float(stats.pearsonr(gold, predicted).statistic),
        "mse": float(np.mean((gold - predicted) ** 2)),
    }


def entities(gold, predicted):
    """Precision, recall and F1 over all entities; one is right if its place and its label are.

    The numbers are seqeval's (micro average, default mode), under `entity_precision entity_recall entity_f1`.

    Args:
        gold: a list of lists of `(start, end, label)`.
        predicted: likewise.
    """
    right = sum(len(set(g) & set(p)) for g, p in zip(gold, predicted, strict=True))
    precision = right / max(1, sum(len(set(p)) for p in predicted))
    recall = right / max(1, sum(len(set(g)) for g in gold))
    return {
        "entity_f1": 2 * precision * recall / (precision + recall) if right else 0.0,
        "entity_precision": precision,
        "entity_recall": recall,
    }


def ranking(relevance, scores, k=10):
    """Mean average precision, mean reciprocal rank, nDCG and recall at `k`, the means over the queries.

    nDCG has a linear gain, as trec_eval's. Candidates of the same score stay in the order that they come in.

    Args:
        relevance: for each query the relevance of its candidates, 0 for none.
        scores: for each query the scores of the same candidates.
        k: candidates that `mrr@k`, `ndcg@k` and `recall@k` look at.
    """
    found = [
        _ranking(np.asarray(r, "float64"), np.asarray(s, "float64"), k) for r, s in zip(relevance, scores, strict=True)
    ]
    means = np.mean(found, axis=0)
    return dict(zip(("map", f"mrr@{k}", f"ndcg@{k}", f"recall@{k}"), map(float, means), strict=True))


def _ranking(relevance, scores, k):
    gains = np.maximum(relevance[np.argsort(-scores, kind="stable")], 0.0)
    right, places = gains > 0, np.arange(1, len(gains) + 1)
    if not right.any():
        return 0.0, 0.0, 0.0, 0.0
    precision = np.cumsum(right) / places
    first = places[right][0]
    discount = 1.0 / np.log2(places + 1.0)
    ideal = (np.sort(gains)[::-1] * discount)[:k].sum()
    return (
        precision[right].mean(),
        1.0 / first if first <= k else 0.0,
        (gains * discount)[:k].sum() / ideal,
        right[:k].sum() / right.sum(),
    )


def on_words(spans, words):
    """Spans of characters as spans of words: a word belongs to the span that holds its first character.

    Args:
        spans: a list of `(start, end, label)`.
        words: a list of `(start, end)`, in order.

    Returns:
        A list of `(first word, last word, label)`.
    """
    found = []
    for span_start, span_end, label in spans:
        inside = [i for i, (start, _) in enumerate(words) if span_start <= start < span_end]
        if inside:
            found.append((inside[0], inside[-1], label))
    return found
