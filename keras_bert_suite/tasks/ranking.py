"""Ranking by a cross-encoder: query and candidate are read together, and scored."""

import keras
import numpy as np
from keras import ops

from keras_bert_suite import heads
from keras_bert_suite.data import pairs
from keras_bert_suite.errors import InputError
from keras_bert_suite.evaluation import metrics
from keras_bert_suite.tasks import losses
from keras_bert_suite.tasks.inputs import Input
from keras_bert_suite.tasks.task import Task

OBJECTIVES = ("pointwise", "listwise", "lambda")


class Ranking(Task):
    """What it takes to train, run and judge a reranker.

    Nogueira and Cho 2019, https://arxiv.org/abs/1901.04085 (pointwise); Cao et al. 2007 (ListNet, listwise);
    Wang et al. 2018, https://doi.org/10.1145/3269206.3271784 (lambda).

    Args:
        objective: `"pointwise"`, binary cross-entropy of each candidate (labels above 0.5 are relevant);
            `"listwise"`, cross-entropy over the candidates of a query; or `"lambda"`, the order of each two of them
            by what it means for nDCG.
        candidates: how many candidates of a query are in a group at most, but for pointwise. A query with more makes
            several groups, each with its most relevant ones and some of the others.
    """

    name = "ranking"

    def __init__(self, objective="pointwise", candidates=32):
        if objective not in OBJECTIVES:
            raise InputError(f"Received objective={objective!r}; expected {', '.join(OBJECTIVES)}.")
        if candidates < 2:
            raise InputError(f"Received candidates={candidates}; expected 2 or more.")
        self.objective, self.candidates = objective, candidates
        self.grouped = objective != "pointwise"

    @classmethod
    def from_examples(cls, examples, **settings):
        """The task; nothing of it depends on the examples."""
        return cls(**settings)

    @staticmethod
    def read(path, columns=None):
        """The queries of a file with their candidates; see `data.pairs.read_ranking`."""
        return pairs.read_ranking(path, columns)

    @property
    def config(self):
        """What makes the task again, as a dict."""
        return {"name": self.name, "objective": self.objective, "candidates": self.candidates}

    def input(self, example):
        """An example's `Input`."""
        return Input(example["text"], None, example["choices"])

    def training(self, example, rows):
        """A query as one row a candidate (pointwise), or as groups of rows (the others)."""
        relevance = np.array(example["labels"], "float32")
        if self.grouped:
            # Where nothing is relevant there is no order to learn.
            groups = self._groups(relevance) if relevance.max() > 0 else []
            return [([rows.encodings[i] for i in group], {"logits": (relevance[group], 1.0)}) for group in groups]
        return [
            ([encoding], {"logits": (np.array([label > 0.5], "float32"), 1.0)})
            for encoding, label in zip(rows.encodings, relevance, strict=True)
        ]

    def _groups(self, relevance):
        """The candidates of a query by their numbers, in groups that memory has room for."""
        if len(relevance) <= self.candidates:
            return [np.arange(len(relevance))]
        order = np.argsort(-relevance, kind="stable")
        best = order[: min(int((relevance > 0).sum()), self.candidates // 2)]
        others = order[len(best) :]
        width = self.candidates - len(best)
        return [np.concatenate([best, others[i : i + width]]) for i in range(0, len(others), width)]

    def build(self, encoder, dropout):
        """The encoder with the task's head, from its inputs to `{"logits"}` `(batch, 1)`."""
        return heads.attach(encoder, "classification", 1, dropout)

    def training_model(self, model):
        """The model that is trained: but for pointwise, to `{"logits"}` `(batch, candidates)`."""
        return heads.grouped_scores(model) if self.grouped else model

    def losses(self):
        """The loss of `logits`."""
        if self.objective == "pointwise":
            return {"logits": keras.losses.BinaryCrossentropy(from_logits=True)}
        return {"logits": losses.ListNet() if self.objective == "listwise" else losses.LambdaLoss()}

    def outputs(self, model_outputs):
        """What `decode` reads: `scores` `(batch, 1)`, a probability (pointwise) or a logit."""
        logits = model_outputs["logits"]
        return {"scores": ops.sigmoid(logits) if self.objective == "pointwise" else logits}

    def evaluate(self, examples, answers):
        """Mean average precision, MRR@10 and nDCG@10 over the queries that have a relevant candidate, a dict."""
        return metrics.ranking([example["labels"] for example in examples], [answer["scores"] for answer in answers])
