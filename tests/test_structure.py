"""The rules of the design that a machine can read: imports, the packages of setup.cfg, how arguments are spelled."""

import ast
import configparser
import inspect
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUTSIDE = {
    "keras",
    "tensorflow",
    "jax",
    "tensorflow_text",
    "keras_nlp",
    "ai_edge_litert",
    "safetensors",
    "tokenizers",
    "absl",
}
MAY_IMPORT = {
    "layers": {"keras", "layers", "errors"},
    "checkpoints": {"safetensors", "checkpoints", "errors"},
    "encoders": {"keras", "layers", "checkpoints", "encoders", "errors"},
    "heads": {"keras", "layers", "errors"},
    "objectives": {"keras", "encoders", "heads", "layers", "training", "objectives", "errors"},
    "distilling": {
        "checkpoints",
        "keras",
        "data",
        "distillation",
        "encoders",
        "errors",
        "flops",
        "heads",
        "layers",
        "models",
        "objectives",
        "pretraining",
        "pretraining_tensorflow",
        "tasks",
        "tokenizers",
        "training",
    },
    "pretraining": {
        "checkpoints",
        "keras",
        "preparation",
        "data",
        "encoders",
        "layers",
        "objectives",
        "tokenizers",
        "training",
        "errors",
    },
    "pretraining_tensorflow": {"tensorflow", "flops", "data", "training", "quiet"},
    "pretraining_jax": {"flops", "data", "training", "errors", "quiet"},
    "embedding_distillation": {
        "keras",
        "tensorflow",
        "data",
        "distillation",
        "encoders",
        "pretraining",
        "pretraining_tensorflow",
        "tasks",
        "tokenizers",
        "training",
        "errors",
    },
    "models": {"heads", "checkpoints", "encoders", "errors"},
    "domain": {"checkpoints", "encoders", "tokenizers", "errors"},
    "tokenizers": {"tokenizers", "errors"},
    "data": {"tensorflow", "tokenizers", "data", "errors"},
    "tasks": {
        "keras",
        "heads",
        "layers",
        "models",
        "data",
        "evaluation",
        "checkpoints",
        "encoders",
        "tokenizers",
        "tasks",
        "flops",
        "errors",
    },
    "distillation": {
        "keras",
        "layers",
        "encoders",
        "heads",
        "objectives",
        "checkpoints",
        "tokenizers",
        "tasks",
        "training",
        "data",
        "errors",
        "distillation",
        "nearest",
    },
    "evaluation": {"errors"},
    "training": {"keras", "tensorflow", "jax", "layers", "checkpoints", "training", "errors"},
    "edge": {"ai_edge_litert", "data", "tokenizers", "tasks", "checkpoints", "edge", "errors", "nearest", "quiet"},
    "search": {"checkpoints", "data", "evaluation", "errors", "nearest"},
    "nearest": {"errors"},
    "preparation": {"checkpoints", "data", "tokenizers", "errors", "quiet"},
    "client": {"tasks", "tokenizers", "errors"},
    "serving": {"keras", "tensorflow", "tasks", "data", "tokenizers", "checkpoints", "client", "errors", "quiet"},
    "rounding": {"keras", "tensorflow", "layers", "training"},
    "flops": set(),
    "quiet": set(),
    "scaling": {"errors"},
}


def imports(path):
    """Modules that a file imports when it is itself imported: not those inside functions."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield node.module


def test_imports_follow_the_design():
    folders = {name: ROOT / "keras_bert_suite" / name for name in MAY_IMPORT} | {"edge": ROOT / "edge"}
    for part, allowed in MAY_IMPORT.items():
        place = folders[part]
        for path in place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]:
            for module in imports(path):
                head, _, rest = module.partition(".")
                name = rest.split(".")[0] if head == "keras_bert_suite" else head
                if name and (head == "keras_bert_suite" or name in OUTSIDE):
                    assert name in allowed, f"{path.relative_to(ROOT)} imports {module}"


def test_setup_lists_every_package():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    found = {
        ".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "keras_bert_suite").rglob("__init__.py")
    } | {"keras_bert_suite.edge", "keras_bert_suite.tools"}
    assert listed == found


def test_tools_are_short():
    for path in (ROOT / "tools").glob("*.py"):
        lines = len(path.read_text().splitlines())
        assert lines < 100, f"{path.name} has {lines} lines"


def test_arguments_are_spelled_one_way():
    from keras_bert_suite.encoders import FAMILIES

    wrong = {"hidden_size", "hidden_dim", "num_hidden_layers", "intermediate_size", "vocabulary_size", "dropout_rate"}
    for family in FAMILIES.values():
        assert not wrong & set(inspect.signature(family.__init__).parameters)


def test_the_device_needs_neither_keras_nor_tensorflow():
    code = (
        "import keras_bert_suite.edge.pipeline, sys; print([m for m in ('keras', 'tensorflow') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
