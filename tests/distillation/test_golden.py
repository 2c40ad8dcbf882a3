"""TinyBERT's, MiniLM's and DistilBERT's losses between two checkpoints: values and gradients as torch has them."""

from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from keras_bert_suite import heads, models
from keras_bert_suite.checkpoints import presets
from keras_bert_suite.distillation.distiller import Distiller
from keras_bert_suite.distillation.losses import (
    AttentionDistributions,
    AttentionScores,
    Cosine,
    HiddenStates,
    Relations,
    SoftLabels,
)
from keras_bert_suite.distillation.traces import traced

GOLDEN = Path(__file__).with_name("golden.npz")
GROUPS = {
    "tinybert": lambda: [
        HiddenStates([("embeddings", "embeddings")], projection="shared", name="embeddings"),
        HiddenStates([("embeddings", "embeddings"), (0, 1), (1, 3)], projection="shared"),
        AttentionScores([(0, 1), (1, 3)]),
    ],
    "minilm_v1": lambda: [AttentionDistributions([(1, 3)]), Relations([(1, 3)], of=("value",), name="values")],
    "minilm_v2": lambda: [Relations([(1, 2)], heads=8)],
    "distilbert": lambda: [SoftLabels(temperature=2.0), Cosine([("sequence_output",) * 2], projection="shared")],
}
# By torch's name of an array: our path, and whether it is turned.
PATHS = {
    "bert.embeddings.word_embeddings.weight": ("embeddings/token/embeddings", False),
    "bert.encoder.layer.0.attention.self.query.weight": ("block_0/attention/query/kernel", True),
    "bert.encoder.layer.1.attention.self.value.weight": ("block_1/attention/value/kernel", True),
    "bert.encoder.layer.1.attention.self.key.bias": ("block_1/attention/key/bias", False),
    "classifier.weight": ("classification/dense/kernel", True),
}
# Float32 against float64 over a few blocks of this width, in parts of a loss or of the largest of a gradient.
CLOSE = 1e-5


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as file:
        return {name: file[name] for name in file.files}


def named(golden, kind):
    return {name.removeprefix(kind): array for name, array in golden.items() if name.startswith(kind)}


def load(golden, name, folder):
    folder.mkdir()
    (folder / "config.json").write_text(str(golden[f"{name}/config"]))
    save_file(named(golden, f"{name}/weight:"), folder / "model.safetensors")
    source = presets.open_source(folder)

    def build(encoder, config):
        return heads.attach(encoder, "classification", units=3, config=config)

    return traced(*models.with_head(source, "classification", build))


@pytest.fixture(scope="module")
def pair(golden, tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    return [load(golden, name, folder / name) for name in ("student", "teacher")]


@pytest.mark.parametrize("group", GROUPS)
def test_losses_are_those_of_torch(golden, pair, group):
    model = Distiller(*pair, GROUPS[group]())
    for layer in model.layers:
        for dense in getattr(layer, "learned", []):
            dense.kernel.assign(golden["projection:kernel"])
            dense.bias.assign(golden["projection:bias"])
    inputs = named(golden, "input:")
    batch = {**inputs, "logits_weights": np.ones(len(inputs["token_ids"]), "float32")}
    totals = model.totals(batch)
    parts = model.sums(model({name: batch[name] for name in model.input}), batch, totals)
    for name, value in parts.items():
        assert float(value) == pytest.approx(float(golden[f"loss:{name}"]), rel=CLOSE)
    if keras.backend.backend() != "tensorflow":
        return
    _, gradients = model._forward_and_backward(batch, totals)
    found = {
        variable.path: np.asarray(gradient)
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True)
        if gradient is not None
    }
    expected = named(golden, f"gradient:{group}:")
    # Both embeddings' losses of TinyBERT have a projection with the same values, which torch has once.
    kernels = [gradient for path, gradient in found.items() if path.endswith("projection_0/kernel")]
    if "fit_dense.weight" in expected:
        check(sum(kernels), expected.pop("fit_dense.weight").T)
    assert expected
    for name, gradient in expected.items():
        path, turned = PATHS[name]
        check(found[path], gradient.T if turned else gradient)


def check(found, expected):
    # The bias of keys moves all scores of a query alike: its gradient is rounding where softmax follows.
    assert np.abs(found - expected).max() <= CLOSE * max(np.abs(expected).max(), 1e-2)
