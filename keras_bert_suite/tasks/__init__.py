"""Supervised tasks: what an example is, the head, the loss, the metrics, and how outputs become an answer."""

import importlib

TASKS = {
    "classification": ("keras_bert_suite.tasks.classification", "Classification"),
    "token_classification": ("keras_bert_suite.tasks.token_classification", "TokenClassification"),
    "intent_slots": ("keras_bert_suite.tasks.intent_slots", "IntentSlots"),
    "question_answering": ("keras_bert_suite.tasks.question_answering", "QuestionAnswering"),
    "multiple_choice": ("keras_bert_suite.tasks.multiple_choice", "MultipleChoice"),
    "ranking": ("keras_bert_suite.tasks.ranking", "Ranking"),
    "masked_lm": ("keras_bert_suite.tasks.masked_lm", "MaskedLM"),
    "similarity": ("keras_bert_suite.tasks.similarity", "Similarity"),
}


def task_class(name):
    """The class of a task by its name, imported when it is asked for: the device needs none of them."""
    module, cls = TASKS[name]
    return getattr(importlib.import_module(module), cls)
