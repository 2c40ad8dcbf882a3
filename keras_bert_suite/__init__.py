"""keras_bert_suite: the BERT family on Keras 3, from pre-trained weights to a model on a phone.

Every name is loaded when it is first used, so that `keras_bert_suite.Tokenizer` needs neither Keras nor TensorFlow.
"""

import importlib

__version__ = "0.1.0"

_PUBLIC = {
    "Encoder": "keras_bert_suite.encoders",
    "InputError": "keras_bert_suite.errors",
    "Tokenizer": "keras_bert_suite.tokenizers",
    "load_model": "keras_bert_suite.models",
    "presets": "keras_bert_suite.encoders",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name):
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    # The families, of which encoders/__init__.py has the only list.
    if name[0].isupper() and name in (families := importlib.import_module("keras_bert_suite.encoders").FAMILIES):
        return families[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
