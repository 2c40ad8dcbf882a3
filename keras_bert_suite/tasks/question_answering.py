"""Extractive question answering: the span of a passage that answers a question, or none.

Passages of any length are read in windows that overlap, in training and in answering alike.
"""

import keras
import numpy as np

from keras_bert_suite import heads
from keras_bert_suite.data import squad
from keras_bert_suite.errors import InputError
from keras_bert_suite.evaluation import squad as squad_metrics
from keras_bert_suite.tasks.task import Task


class QuestionAnswering(Task):
    """What it takes to train, run and judge a reader of passages, as on SQuAD 1.1 and 2.0.

    Devlin et al. 2019, https://arxiv.org/abs/1810.04805; Rajpurkar et al. 2018, https://arxiv.org/abs/1806.03822.

    Args:
        stride: pieces that windows of a passage share.
        max_answer_pieces: pieces of an answer at most.
        null_answers: whether a passage may have no answer.
        null_threshold: with `null_answers`, the answer is none where its score is above the best span's by more.
    """

    name = "question_answering"
    token_targets = ("start_logits", "end_logits")
    soft = {"start_logits": "places", "end_logits": "places"}
    loss_weights = {"start_logits": 0.5, "end_logits": 0.5}

    def __init__(self, stride=128, max_answer_pieces=30, null_answers=False, null_threshold=0.0):
        self.stride, self.max_answer_pieces = stride, max_answer_pieces
        self.null_answers, self.null_threshold = null_answers, null_threshold

    @classmethod
    def from_examples(cls, examples, **settings):
        """The task; passages may have no answer if that is so of one of these examples."""
        settings.setdefault("null_answers", any(not example["answers"] for example in examples))
        return cls(**settings)

    @staticmethod
    def read(path, columns=None):
        """The examples of a file; see `data.squad.read_squad`."""
        return squad.read_squad(path)

    @property
    def config(self):
        """What makes the task again, as a dict."""
        return {
            "name": self.name,
            "stride": self.stride,
            "max_answer_pieces": self.max_answer_pieces,
            "null_answers": self.null_answers,
            "null_threshold": self.null_threshold,
        }

    def check(self, examples, path):
        """Raises InputError where a question has no answer and the task knows of no such."""
        missing = [example["id"] for example in examples if not example["answers"]]
        if missing and not self.null_answers:
            raise InputError(
                f"{path}: {len(missing)} questions have no answer, as {missing[0]}; training has not seen any such."
            )

    def training(self, example, rows):
        """A question as one row a window; one without the whole answer points at the first special token."""
        return [([encoding], self._target(example, encoding)) for encoding in rows.encodings]

    def _target(self, example, encoding):
        start, end = np.zeros(len(encoding.ids), "float32"), np.zeros(len(encoding.ids), "float32")
        first = last = encoding.sequence_ids.index(None)
        inside = [place for place, sequence in enumerate(encoding.sequence_ids) if sequence == 1]
        if example["answers"] and inside:
            text, begin = example["answers"][0]
            starts = [place for place in inside if encoding.offsets[place][1] > begin]
            ends = [place for place in inside if encoding.offsets[place][0] < begin + len(text)]
            if starts and ends:
                found = encoding.offsets[starts[0]][0] <= begin and encoding.offsets[ends[-1]][1] >= begin + len(text)
                first, last = (starts[0], ends[-1]) if found and starts[0] <= ends[-1] else (first, last)
        start[first], end[last] = 1.0, 1.0
        return {"start_logits": (start, 1.0), "end_logits": (end, 1.0)}

    def build(self, encoder, dropout):
        """The encoder with the task's head, from its inputs to `{"start_logits", "end_logits"}`, `(batch, time)`."""
        return heads.attach(encoder, "question_answering", dropout=dropout)

    def losses(self):
        """Cross-entropy over the places of the row, of start and end; they weigh the same."""
        return {name: keras.losses.CategoricalCrossentropy(from_logits=True) for name in self.token_targets}

    def outputs(self, model_outputs):
        """What `decode` reads: `start_scores` and `end_scores`, the logits."""
        return {"start_scores": model_outputs["start_logits"], "end_scores": model_outputs["end_logits"]}

    def evaluate(self, examples, answers):
        """F1 and exact match, in per cent, as SQuAD's official script gives them, a dict."""
        gold = {example["id"]: [text for text, _ in example["answers"]] for example in examples}
        names = [example["id"] for example in examples]
        figures = squad_metrics.squad(gold, {name: a["answer"] for name, a in zip(names, answers, strict=True)})
        if not self.null_answers:
            return figures
        spans = {
            name: a["answers"][0]["answer"] if a["answers"] else "" for name, a in zip(names, answers, strict=True)
        }
        null_scores = {name: answer["null_score"] for name, answer in zip(names, answers, strict=True)}
        return {**figures, **squad_metrics.best_threshold(gold, spans, null_scores)}
