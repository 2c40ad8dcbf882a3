"""Ranking beyond what was ranked, gains and calibration; `test_reference_values` holds the other metrics."""

import json

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from keras_bert_suite import InputError
from keras_bert_suite.evaluation import metrics


def test_gains(shared):
    folder = shared / "reference_losses_metrics"
    values, arrays = json.loads((folder / "values.json").read_text()), np.load(folder / "arrays.npz")
    grades = np.take_along_axis(arrays["rank_relevance"], np.argsort(-arrays["rank_scores"], axis=1), axis=1)
    for gain, name in (("linear", "linear_gain_trec_eval"), ("exponential", "exponential_gain")):
        found = np.mean([metrics.ndcg(row, 10, gain) for row in grades])
        assert found == pytest.approx(values[f"ndcg@10_{name}"], abs=1e-6)


def test_what_was_not_found_counts():
    """Candidates beyond those ranked: the same figures as when they are ranked last."""
    rng = np.random.default_rng(0)
    grades, scores = rng.integers(0, 4, 30), rng.permutation(30)
    first = np.argsort(-scores)[:10]
    whole = metrics.ranking([grades], [scores])
    part = metrics.ranking([grades[first]], [scores[first]], judged=[grades])
    assert part["ndcg@10"] == pytest.approx(ndcg_score([grades], [scores], k=10))
    assert {**part, "map": 0} == {**whole, "map": 0}
    assert metrics.average_precision([0, 1], relevant=2) == 0.25


def test_a_query_without_relevant_candidates_does_not_count():
    assert metrics.ranking([[1, 0], [0, 0]], [[2, 1], [2, 1]])["map"] == 1.0
    with pytest.raises(InputError, match="None of 1 queries has a relevant candidate"):
        metrics.ranking([[0, -1]], [[1, 2]])


def test_calibration():
    confidence, correct = np.array([0.0, 0.2, 0.95, 0.9, 1.0, 0.91]), np.array([0, 1, 1, 0, 1, 1])
    rows = metrics.reliability(confidence, correct, bins=5)
    assert [row["count"] for row in rows] == [2, 4]
    error = (2 * abs(0.1 - 0.5) + 4 * abs(0.94 - 0.75)) / 6
    assert metrics.expected_calibration_error(confidence, correct, bins=5) == pytest.approx(error)
    with pytest.raises(InputError, match="confidences from 0 to 1"):
        metrics.reliability([1.5], [1])
