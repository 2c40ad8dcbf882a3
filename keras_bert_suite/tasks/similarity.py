"""Sentence embeddings: one vector a text, such that texts of like meaning have vectors of like direction."""

import functools
import json
from pathlib import Path

import keras
import numpy as np

from keras_bert_suite import heads
from keras_bert_suite.data import pairs
from keras_bert_suite.errors import InputError
from keras_bert_suite.evaluation import metrics
from keras_bert_suite.layers import Pool, UnitNorm
from keras_bert_suite.tasks import losses
from keras_bert_suite.tasks.inputs import Input
from keras_bert_suite.tasks.task import Task

# Each with what its examples must have beside a pair of texts.
OBJECTIVES = {
    "cosine": "a score",
    "cosent": "a score",
    "multiple_negatives": "nothing, or hard negatives",
    "triplet": "a negative",
    "margin_mse": "a negative and a margin",
    "softmax": "a label",
}


class Similarity(Task):
    """What it takes to train, run and judge a sentence encoder; siamese: one encoder reads each text by itself.

    Reimers and Gurevych 2019, https://arxiv.org/abs/1908.10084 (softmax, cosine, triplet); Henderson et al. 2017,
    https://arxiv.org/abs/1705.00652 (multiple negatives); Hofstätter et al. 2020, https://arxiv.org/abs/2010.02666
    (margin MSE); Kusupati et al. 2022, https://arxiv.org/abs/2205.13147 (Matryoshka).

    Args:
        objective: one of `OBJECTIVES`; left out in `from_examples`, what the columns of the data suggest.
        pool: `"mean"`, `"max"`, `"first"` or `"last"`, of the tokens' vectors.
        normalize: whether vectors have length 1.
        dims: widths that the first values of a vector are trained at as well (Matryoshka), as a list; None for the
            whole alone.
        highest: what a score of the data is divided by, so that 1 is the highest; 0 for what the data have.
        labels: the labels of `"softmax"`.
    """

    name = "similarity"
    grouped = True

    def __init__(self, objective="cosent", pool="mean", normalize=True, dims=None, highest=0.0, labels=()):
        if objective not in OBJECTIVES:
            raise InputError(f"Received objective={objective!r}; expected {', '.join(OBJECTIVES)}.")
        self.objective, self.pool, self.normalize, self.dims = objective, pool, normalize, dims
        self.highest, self.classes = highest, list(labels)

    @classmethod
    def from_examples(cls, examples, objective=None, highest=0.0, **settings):
        """The task for what these examples have."""
        names = sorted({example["label"] for example in examples if isinstance(example["label"], str)})
        scores = [example["label"] for example in examples if isinstance(example["label"], float)]
        negatives = all(example["negatives"] for example in examples)
        if objective is None:
            if negatives:
                objective = "margin_mse" if scores else "multiple_negatives"
            else:
                objective = "softmax" if names else "cosent" if scores else "multiple_negatives"
        fits = {
            "cosine": len(scores) == len(examples),
            "cosent": len(scores) == len(examples),
            "multiple_negatives": True,
            "triplet": negatives,
            "margin_mse": negatives and len(scores) == len(examples),
            "softmax": len(names) > 1 and not scores,
        }
        if not fits.get(objective, True):
            raise InputError(
                f"objective={objective} needs {OBJECTIVES[objective]} in each training example; some have none."
            )
        if not highest:
            highest = max(1.0, *scores) if objective in ("cosine", "cosent") else 1.0
        return cls(objective, highest=highest, labels=names, **settings)

    @staticmethod
    def read(path, columns=None):
        """The examples of a file; see `data.pairs.read_similarity`."""
        return pairs.read_similarity(path, columns)

    @property
    def config(self):
        """What makes the task again, as a dict."""
        return {
            "name": self.name,
            "objective": self.objective,
            "pool": self.pool,
            "normalize": self.normalize,
            "dims": self.dims,
            "highest": self.highest,
            "labels": self.classes,
        }

    def input(self, example):
        """An example's `Input`: the pair, or with negatives the text and its choices, the right one first."""
        if example["negatives"]:
            return Input(example["text"], None, (example["pair"], *example["negatives"]))
        return Input(example["text"], example["pair"])

    def check(self, examples, path):
        """Raises InputError where some examples have a score, or negatives, and some have not."""
        for what in ("label", "negatives"):
            number = sum(example[what] not in (None, ()) for example in examples)
            if number not in (0, len(examples)):
                raise InputError(f"{path}: {number} of {len(examples)} examples have a {what}; expected all or none.")

    def target(self, example, encodings):
        """What the loss compares an example with."""
        if self.objective == "softmax":
            return {"logits": (np.int32(self.classes.index(example["label"])), 1.0)}
        if self.objective in ("cosine", "cosent", "margin_mse"):
            return {"embedding": (np.float32(example["label"] / self.highest), 1.0)}
        return {"embedding": (np.float32(0.0), 1.0)}

    def build(self, encoder, dropout):
        """The encoder with pooling, from its inputs to `{"embedding"}` `(batch, dim)`."""
        x = Pool(self.pool, name="pool")(encoder.output["sequence_output"], encoder.input["padding_mask"])
        return keras.Model(encoder.input, {"embedding": UnitNorm(name="unit_norm")(x) if self.normalize else x})

    def training_model(self, model):
        """The model that is trained: to `{"embedding"}` `(batch, texts, dim)`, or `{"logits"}` for softmax."""
        group = heads.grouped(model)
        if self.objective != "softmax":
            return group
        layer = losses.PairClassifier(len(self.classes), name="pair_classifier")
        return keras.Model(group.input, {"logits": layer(group.output["embedding"])})

    def losses(self):
        """The loss of each output."""
        if self.objective == "softmax":
            return {"logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}
        loss = {
            "cosine": losses.CosineSimilarity,
            "cosent": losses.CoSENT,
            "multiple_negatives": losses.MultipleNegativesRanking,
            # Vectors of length 1 are 2 apart at most, far less than the usual margin of lengths.
            "triplet": functools.partial(losses.Triplet, "cosine", 0.5) if self.normalize else losses.Triplet,
            "margin_mse": losses.MarginMSE,
        }[self.objective]()
        return {"embedding": losses.Matryoshka(loss, self.dims) if self.dims else loss}

    def outputs(self, model_outputs):
        """What `decode` reads: `embedding`."""
        return model_outputs

    def evaluate(self, examples, answers):
        """Spearman and Pearson correlation of cosines with scores; of triplets the part that is in the right order.

        Pairs with labels that are no numbers give the mean cosine of each label, after how far these are apart.
        """
        if examples[0]["negatives"]:
            return {"accuracy": float(np.mean([answer["ranking"][0] == 0 for answer in answers]))}
        cosines = [answer["score"] for answer in answers]
        if isinstance(examples[0]["label"], float):
            found = metrics.regression([example["label"] for example in examples], cosines)
            return {name: found[name] for name in ("spearman", "pearson")}
        if examples[0]["label"] is None:
            return {"cosine": float(np.mean(cosines))}
        names = sorted({example["label"] for example in examples})
        order = [names.index(example["label"]) for example in examples]
        means = {
            f"cosine_{name}": float(np.mean([c for c, o in zip(cosines, order, strict=True) if names[o] == name]))
            for name in names
        }
        return {"separation": max(means.values()) - min(means.values()), **means}


def is_sentence_transformers(folder):
    """Whether a folder is one of sentence-transformers: it says which modules follow the encoder."""
    return (Path(folder) / "modules.json").exists()


def settings_of(folder):
    """The pooling of a sentence-transformers folder, and the length that it cuts texts to.

    Returns:
        `(settings, max_length)`: arguments of `Similarity`; ids, None where the folder does not say.

    Raises:
        InputError: it has a module that is not pooling or normalization.
    """
    folder = Path(folder)
    modules = json.loads((folder / "modules.json").read_text())
    settings = {"normalize": False}
    for module in modules[1:]:
        kind = module["type"].rpartition(".")[2]
        if kind == "Pooling":
            modes = json.loads((folder / module["path"] / "config.json").read_text())
            known = {"mean_tokens": "mean", "max_tokens": "max", "cls_token": "first"}
            found = [pool for mode, pool in known.items() if modes.get(f"pooling_mode_{mode}")]
            if len(found) != 1:
                raise InputError(f"{folder}: expected one of mean, max or first-token pooling; found {found}.")
            settings["pool"] = found[0]
        elif kind == "Normalize":
            settings["normalize"] = True
        else:
            raise InputError(f"{folder} has the module {module['type']}; expected Pooling and Normalize alone.")
    lengths = folder / "sentence_bert_config.json"
    return settings, json.loads(lengths.read_text())["max_seq_length"] if lengths.exists() else None
