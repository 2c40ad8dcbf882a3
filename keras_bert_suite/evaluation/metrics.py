"""Metrics of answers against labels, each a dict of numbers under the field's names."""

import warnings

import numpy as np

from keras_bert_suite.errors import InputError


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


def average_precision(grades, relevant=None):
    """The mean, over relevant candidates, of the precision at the rank of each; one that was not found adds 0.

    Args:
        grades: the candidates' grades from the first rank on; above 0 is relevant.
        relevant: number of relevant candidates that there are. Default: those among `grades`.
    """
    hits = np.asarray(grades) > 0
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].sum() / max(1, hits.sum() if relevant is None else relevant))


def reciprocal_rank(grades, k):
    """One over the rank of the first relevant of the first `k` candidates, or 0."""
    hits = np.flatnonzero(np.asarray(grades)[:k] > 0)
    return float(1.0 / (hits[0] + 1)) if len(hits) else 0.0


def recall_at(grades, k, relevant=None):
    """The part of the relevant candidates that is among the first `k`; arguments as `average_precision`'s."""
    hits = np.asarray(grades) > 0
    return float(hits[:k].sum() / max(1, hits.sum() if relevant is None else relevant))


def ndcg(grades, k, gain="linear", judged=None):
    """Normalized discounted cumulative gain of the first `k` candidates.

    Järvelin and Kekäläinen 2002, https://doi.org/10.1145/582415.582418

    Args:
        grades: the candidates' grades from the first rank on; below 0 counts as 0.
        k: number of ranks.
        gain: `"linear"`, the grade, as trec_eval, or `"exponential"`, 2^grade - 1, as in Burges et al. 2005.
        judged: the grades of all candidates that there are, found or not. Default: `grades`.
    """
    if gain not in ("linear", "exponential"):
        raise InputError(f'Received gain={gain!r}; expected "linear" or "exponential".')

    def discounted(grades):
        gains = np.maximum(np.asarray(grades, "float64")[:k], 0.0)
        gains = gains if gain == "linear" else np.exp2(gains) - 1.0
        return float((gains / np.log2(np.arange(2, len(gains) + 2))).sum())

    best = discounted(np.sort(grades if judged is None else judged)[::-1])
    return discounted(grades) / best if best else 0.0


def ranking(relevance, scores, k=10, recall_k=None, judged=None):
    """Figures of ranked candidates, each the mean over the queries that have a relevant one, as trec_eval's.

    nDCG has a linear gain. Candidates of the same score stay in the order that they come in.

    Args:
        relevance: for each query the grades of its candidates; above 0 is relevant.
        scores: for each query the scores of the same candidates.
        k: ranks that nDCG and MRR see.
        recall_k: ranks that recall sees. Default: `k`.
        judged: for each query the grades of all candidates that there are, found or not. Default: `relevance`.

    Returns:
        A dict: `map`, `mrr@k`, `ndcg@k`, `recall@recall_k`.

    Raises:
        InputError: no query has a relevant candidate.
    """
    recall_k, found = recall_k or k, []
    for grades, order, known in zip(relevance, scores, relevance if judged is None else judged, strict=True):
        relevant = int(np.sum(np.asarray(known) > 0))
        if relevant:
            grades = np.asarray(grades)[np.argsort(-np.asarray(order, "float64"), kind="stable")]
            precision, first = average_precision(grades, relevant), reciprocal_rank(grades, k)
            found.append((precision, first, ndcg(grades, k, judged=known), recall_at(grades, recall_k, relevant)))
    if not found:
        raise InputError(f"None of {len(relevance)} queries has a relevant candidate; expected grades above 0.")
    names = ("map", f"mrr@{k}", f"ndcg@{k}", f"recall@{recall_k}")
    return dict(zip(names, map(float, np.mean(found, axis=0)), strict=True))


def reliability(confidence, correct, bins=15):
    """How often answers of like confidence are right: what a reliability diagram shows.

    Args:
        confidence: the scores of the answers given, 0 to 1.
        correct: whether each was right.
        bins: number of equal parts of 0 to 1; those without an answer are left out.

    Returns:
        A list of dicts `{"low", "high", "count", "confidence", "accuracy"}`, the latter two means.
    """
    confidence, correct = np.asarray(confidence, "float64"), np.asarray(correct, "float64")
    if len(confidence) == 0 or confidence.shape != correct.shape or confidence.min() < 0 or confidence.max() > 1:
        raise InputError(
            f"Received {len(confidence)} confidences and {len(correct)} answers; expected as many of both, at least "
            "one, with confidences from 0 to 1."
        )
    edges = np.linspace(0.0, 1.0, bins + 1)
    # Parts are open below and closed above, as in Guo et al.; 0 belongs to the first.
    places = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    rows = []
    for part in np.unique(places):
        inside = places == part
        rows.append(
            {
                "low": float(edges[part]),
                "high": float(edges[part + 1]),
                "count": int(inside.sum()),
                "confidence": float(confidence[inside].mean()),
                "accuracy": float(correct[inside].mean()),
            }
        )
    return rows


def expected_calibration_error(confidence, correct, bins=15):
    """The mean distance of confidence and accuracy over the parts of `reliability`, by their number of answers.

    Guo et al. 2017, https://arxiv.org/abs/1706.04599
    """
    rows = reliability(confidence, correct, bins)
    return sum(row["count"] * abs(row["confidence"] - row["accuracy"]) for row in rows) / len(confidence)
