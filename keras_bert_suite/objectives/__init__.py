"""Self-supervised objectives: what an encoder learns from text alone."""

from keras_bert_suite.objectives.masked_lm import MaskedLM
from keras_bert_suite.objectives.objective import Objective, Pretraining, attach
from keras_bert_suite.objectives.pairs import NextSentence, SentenceOrder

__all__ = ["MaskedLM", "NextSentence", "Objective", "Pretraining", "SentenceOrder", "attach"]
