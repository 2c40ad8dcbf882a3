"""Encoders of keras_nlp, as objects and as folders, give keras_nlp's own numbers here."""

import keras_nlp
import numpy as np
import pytest

from keras_bert_suite import Encoder
from tests.checks import difference

SIZES = {
    "vocabulary_size": 50,
    "num_layers": 2,
    "hidden_dim": 16,
    "intermediate_dim": 32,
    "max_sequence_length": 20,
}
HEADS = {"num_heads": 2}
ROWS = {
    "AlbertBackbone": {**HEADS, "embedding_dim": 8, "num_layers": 4, "num_groups": 2, "num_inner_repetitions": 2},
    "BertBackbone": HEADS,
    "DebertaV3Backbone": {**HEADS, "bucket_size": 6},
    "DistilBertBackbone": HEADS,
    "ElectraBackbone": {**HEADS, "embedding_dim": 8, "vocab_size": 50},
    "FNetBackbone": {},
    "RobertaBackbone": HEADS,
    "XLMRobertaBackbone": HEADS,
    "XLNetBackbone": HEADS,
}
# Sizes that a backbone does not take: it calls them otherwise, or has no such bound.
LEFT_OUT = {"ElectraBackbone": ["vocabulary_size"], "XLNetBackbone": ["max_sequence_length"]}


@pytest.fixture(scope="module", params=ROWS)
def backbone(request):
    sizes = {name: size for name, size in SIZES.items() if name not in LEFT_OUT.get(request.param, ())}
    model = getattr(keras_nlp.models, request.param)(**{**sizes, **ROWS[request.param]})
    rng = np.random.default_rng(0)
    model.set_weights([0.3 * rng.standard_normal(array.shape) + (array == 1) for array in model.get_weights()])
    return model


@pytest.mark.parametrize("form", ["object", "folder"])
def test_same_numbers(form, backbone, tmp_path):
    if form == "folder":
        backbone.save_to_preset(str(tmp_path / "preset"))
    encoder = Encoder.from_preset(backbone if form == "object" else tmp_path / "preset")
    mask = (np.arange(9) < np.array([[9], [4]])).astype("int32")
    inputs = {
        "token_ids": np.random.default_rng(1).integers(0, 50, mask.shape).astype("int32"),
        "segment_ids": (np.arange(9) > 3).astype("int32") * mask,
        "padding_mask": mask,
    }
    found = encoder({name: inputs[name] for name in encoder.input})
    # One text at a time: keras_nlp's XLNet reshapes the masks of a batch where it should transpose them.
    rows = [backbone({name: inputs[name][i : i + 1] for name in backbone.input}) for i in range(2)]
    rows = [row if isinstance(row, dict) else {"sequence_output": row} for row in rows]
    expected = {name: np.concatenate([np.asarray(row[name]) for row in rows]) for name in rows[0]}
    # 1e-5: float32 rounding, summed in another order.
    assert difference(found["sequence_output"], expected["sequence_output"], mask) < 1e-5
    if "pooled_output" in found:
        assert difference(found["pooled_output"], expected["pooled_output"]) < 1e-5
