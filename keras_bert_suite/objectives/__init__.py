"""Self-supervised objectives: what an encoder learns from text alone."""

from keras_bert_suite.objectives.enhanced_masked_lm import EnhancedMaskedLM
from keras_bert_suite.objectives.generators import generator_of
from keras_bert_suite.objectives.masked_lm import MaskedLM
from keras_bert_suite.objectives.objective import Objective, Pretraining, attach
from keras_bert_suite.objectives.pairs import NextSentence, SentenceOrder
from keras_bert_suite.objectives.permutation_lm import PermutationLM
from keras_bert_suite.objectives.replaced_token import Generator, ReplacedToken
from keras_bert_suite.objectives.span_boundary import SpanBoundary

OBJECTIVES = {
    each.name: each
    for each in (MaskedLM, EnhancedMaskedLM, NextSentence, SentenceOrder, SpanBoundary, PermutationLM, ReplacedToken)
}

__all__ = [
    "EnhancedMaskedLM",
    "Generator",
    "MaskedLM",
    "NextSentence",
    "OBJECTIVES",
    "Objective",
    "PermutationLM",
    "Pretraining",
    "ReplacedToken",
    "SentenceOrder",
    "SpanBoundary",
    "attach",
    "generator_of",
]
