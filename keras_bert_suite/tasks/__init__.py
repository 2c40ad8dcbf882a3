"""Supervised tasks: what an example is, the head, the loss, the metrics, and how outputs become an answer."""

import importlib

TASKS = {
    "classification": ("keras_bert_suite.tasks.classification", "Classification"),
    "token_classification": ("keras_bert_suite.tasks.token_classification", "TokenClassification"),
}


def task_class(name):
    """The class of a task by its name, imported when it is asked for: the device needs none of them."""
    module, cls = TASKS[name]
    return getattr(importlib.import_module(module), cls)
