"""Losses and metrics against values made with independent implementations (torch, scikit-learn, official scripts)."""

import functools
import json

import keras
import numpy as np
import pytest

from keras_bert_suite.data import readers
from keras_bert_suite.evaluation import metrics
from keras_bert_suite.evaluation.squad import best_threshold, squad
from keras_bert_suite.tasks import losses
from keras_bert_suite.tasks.question_answering import QuestionAnswering

# float64 throughout: only the order of summation differs.
CLOSE = 1e-9


@pytest.fixture(scope="module")
def reference(shared):
    folder = shared / "reference_losses_metrics"
    return json.loads((folder / "values.json").read_text()), dict(np.load(folder / "arrays.npz"))


@pytest.fixture(autouse=True)
def float64():
    keras.backend.set_floatx("float64")
    yield
    keras.backend.set_floatx("float32")


@pytest.mark.parametrize(
    ("name", "loss", "texts", "gold"),
    [
        ("mnrl_scale20", losses.MultipleNegativesRanking, "ap", None),
        ("simcse_temp0.05", functools.partial(losses.MultipleNegativesRanking, scale=1 / 0.05), "ap", None),
        ("mnrl_scale20_hard_negatives", losses.MultipleNegativesRanking, "apn", None),
        ("mnrl_symmetric_scale20", functools.partial(losses.MultipleNegativesRanking, symmetric=True), "ap", None),
        ("cosine_similarity_mse", losses.CosineSimilarity, "ap", "pair_scores"),
        ("cosent_scale20", losses.CoSENT, "ap", "pair_scores"),
        ("triplet_euclidean_margin5", losses.Triplet, "apn", None),
    ],
)
def test_losses_of_embeddings(name, loss, texts, gold, reference):
    values, arrays = reference
    embeddings = np.stack([arrays[f"emb_{text}"] for text in texts], axis=1)
    y_true = arrays[gold] if gold else np.zeros(len(embeddings))
    assert float(loss()(y_true, embeddings)) == pytest.approx(values[name], abs=CLOSE)


def test_losses_without_a_reference_value(reference):
    _, arrays = reference
    texts = np.stack([arrays[f"emb_{text}"] for text in "apn"], axis=1)
    scores = np.einsum("bd,bnd->bn", texts[:, 0], texts[:, 1:])
    margin = np.linspace(-1, 1, len(texts))
    expected = np.mean((scores[:, 0] - scores[:, 1] - margin) ** 2)
    assert float(losses.MarginMSE()(margin, texts)) == pytest.approx(expected, abs=CLOSE)

    one, both = losses.MultipleNegativesRanking(), losses.Matryoshka(losses.MultipleNegativesRanking(), [8, 4])
    zeros = np.zeros(len(texts))
    expected = float(one(zeros, texts)) + float(one(zeros, texts[..., :4]))
    assert float(both(zeros, texts)) == pytest.approx(expected, abs=CLOSE)

    def unit(x):
        return x / np.linalg.norm(x, axis=-1, keepdims=True)

    distance = 1 - np.einsum("bd,bnd->bn", unit(texts[:, 0]), unit(texts[:, 1:]))
    expected = np.mean(np.maximum(0, distance[:, 0] - distance[:, 1] + 0.5))
    found = losses.Triplet(distance="cosine", margin=0.5)(zeros, texts)
    assert float(found) == pytest.approx(expected, abs=CLOSE)


def test_listwise_ranking_leaves_out_what_is_not_there():
    scores, relevance = np.array([[2.0, 1.0, 9.0], [0.5, 0.0, 1.0]]), np.array([[1.0, 0.0, -1.0], [0.0, 2.0, 1.0]])

    def softmax(x):
        return np.exp(x) / np.exp(x).sum()

    expected = np.mean([
        -(softmax(relevance[0, :2]) * np.log(softmax(scores[0, :2]))).sum(),
        -(softmax(relevance[1]) * np.log(softmax(scores[1]))).sum(),
    ])  # fmt: skip
    assert float(losses.ListNet()(relevance, scores)) == pytest.approx(expected, abs=CLOSE)


def test_span_loss(reference):
    values, arrays = reference
    total, size = 0.0, arrays["qa_start"].shape[1]
    for name, loss in QuestionAnswering().losses().items():
        side = name.removesuffix("_logits")
        places = arrays[f"qa_{side}_pos"]
        # Places outside the row have no target here: the reader gives those rows the first special token instead.
        inside = (places >= 0) & (places < size)
        total += 0.5 * float(loss(np.eye(size)[places[inside]], arrays[f"qa_{side}"][inside]))
    assert total == pytest.approx(values["qa_hf"], abs=CLOSE)


def test_metrics_of_labels(reference):
    values, arrays = reference
    binary = metrics.single_label(arrays["bin_true"], arrays["bin_pred"], [0, 1])
    for name, key in (("matthews", "matthews"), ("f1", "f1_binary"), ("accuracy", "accuracy")):
        assert binary[name] == pytest.approx(values[key], abs=CLOSE)
    labels = sorted(set(arrays["multi_true"]) | set(arrays["multi_pred"]))
    several = metrics.single_label(arrays["multi_true"], arrays["multi_pred"], labels)
    assert several["f1"] == pytest.approx(values["f1_macro"], abs=CLOSE)
    assert several["accuracy"] == pytest.approx(values["f1_micro"], abs=CLOSE)
    assert metrics.single_label([0, 1, 1], [1, 1, 1], [0, 1])["matthews"] == values["matthews_constant_prediction"]


def test_metrics_of_numbers(reference):
    values, arrays = reference
    found = metrics.regression(arrays["reg_true"], arrays["reg_pred"])
    assert found["pearson"] == pytest.approx(values["pearson"], abs=CLOSE)
    assert found["spearman"] == pytest.approx(values["spearman"], abs=CLOSE)
    ties = metrics.regression(arrays["reg_true_ties"], arrays["reg_pred"])
    assert ties["spearman"] == pytest.approx(values["spearman_ties"], abs=CLOSE)


def test_metrics_of_rankings(reference):
    values, arrays = reference
    found = metrics.ranking(arrays["rank_relevance"], arrays["rank_scores"])
    assert found["map"] == pytest.approx(values["map"], abs=CLOSE)
    assert found["mrr@10"] == pytest.approx(values["mrr@10"], abs=CLOSE)
    assert found["ndcg@10"] == pytest.approx(values["ndcg@10_linear_gain_trec_eval"], abs=CLOSE)
    five = metrics.ranking(arrays["rank_relevance"], arrays["rank_scores"], k=5)
    assert five["recall@5"] == pytest.approx(values["recall@5"], abs=CLOSE)


@pytest.mark.parametrize("version", ["1.1", "2.0"])
def test_squad_is_the_official_scripts(version, shared):
    reference = json.loads((shared / "reference_losses_metrics/squad_scores.json").read_text())[version]
    articles = json.loads((shared / reference["file"]).read_text())["data"]
    predicted = reference["predictions"]
    gold = {
        question["id"]: [answer["text"] for answer in question["answers"]]
        for article in articles
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
        if question["id"] in predicted
    }
    found, expected = squad(gold, predicted), reference["official_result"]
    for name in ("f1", "exact"):
        assert found[name] == pytest.approx(expected[name], abs=1e-6)
    if version == "2.0":
        for name in ("HasAns_f1", "HasAns_exact", "NoAns_exact"):
            assert found[name] == pytest.approx(expected[name], abs=1e-6)
        best = best_threshold(gold, predicted, reference["na_prob"])
        assert best["best_f1"] == pytest.approx(expected["best_f1"], abs=1e-6)
        assert best["best_threshold"] == pytest.approx(expected["best_f1_thresh"], abs=1e-6)


def test_entities_are_conllevals(shared):
    reference = json.loads((shared / "reference_losses_metrics/seqeval.json").read_text())
    gold, found = ([readers.spans_of_tags(tags) for tags in reference[side]] for side in ("true", "pred"))
    figures = metrics.entities(gold, found)
    expected = reference["default_conlleval"]
    assert figures["entity_f1"] == pytest.approx(expected["f1_micro"], abs=CLOSE)
    assert figures["entity_precision"] == pytest.approx(expected["precision"], abs=CLOSE)
    assert figures["entity_recall"] == pytest.approx(expected["recall"], abs=CLOSE)
