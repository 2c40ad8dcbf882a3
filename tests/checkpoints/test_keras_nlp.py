"""Encoders of keras_nlp, as objects and as folders, give keras_nlp's own numbers here."""

import keras_nlp
import numpy as np
import pytest

from keras_bert_suite import Encoder
from tests.checks import difference


@pytest.fixture(scope="module")
def backbone():
    model = keras_nlp.models.BertBackbone(
        vocabulary_size=50, num_layers=2, num_heads=2, hidden_dim=16, intermediate_dim=32, max_sequence_length=20
    )
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
    found, expected = encoder(inputs), backbone(inputs)
    # 1e-5: float32 rounding, summed in another order.
    assert difference(found["sequence_output"], expected["sequence_output"], mask) < 1e-5
    assert difference(found["pooled_output"], expected["pooled_output"]) < 1e-5
