"""FastBERT: exits after each block, over several families; what is certain stops early, and the rest is as before."""

import keras
import numpy as np
import pytest

from keras_bert_suite import InputError
from keras_bert_suite.encoders import Albert, Bert, Funnel, ModernBert
from keras_bert_suite.encoders.early_exit import EarlyExit, uncertainty
from tests.checks import difference

SMALL = {"vocab_size": 50, "dim": 16, "num_layers": 3, "num_heads": 2, "feed_forward_dim": 24}


def make(family=Bert):
    keras.utils.set_random_seed(0)
    model = EarlyExit(family(**SMALL), units=3, dim=8)
    for variable in model.weights:
        if "kernel" in variable.path:
            variable.assign(variable * 20.0)
    ids = np.random.default_rng(0).integers(0, 50, (6, 9)).astype("int32")
    inputs = {name: ids if name == "token_ids" else np.ones_like(ids) for name in model.input}
    return model, inputs


@pytest.mark.parametrize("family", [Bert, Albert, ModernBert])
def test_without_exits_it_is_the_last_classifier(family):
    model, inputs = make(family)
    logits, exits = model.predict_early(inputs, speed=0.0)
    assert (exits == 2).all()
    # 1e-5: float32 rounding of another batch's shape.
    assert difference(logits, model(inputs)["exit_2"]) < 1e-5


def test_what_is_certain_stops_early():
    model, inputs = make()
    found = {name: np.asarray(x) for name, x in model(inputs).items()}
    first = uncertainty(found["exit_0"])
    speed = float(np.median(first))
    logits, exits = model.predict_early(inputs, speed)
    assert ((exits == 0) == (first < speed)).all() and 0 < (exits == 0).sum() < 6
    chosen = np.stack([found[f"exit_{stop}"][i] for i, stop in enumerate(exits)])
    assert difference(logits, chosen) < 1e-5


def test_rows_that_shorten_are_named():
    with pytest.raises(InputError, match="Received a Funnel, whose blocks shorten the rows"):
        EarlyExit(Funnel(vocab_size=50, dim=16, group_layers=(1, 1), group_repeats=(1, 1), num_heads=2), units=3)


def test_uncertainty_has_its_ends():
    assert uncertainty(np.zeros((1, 4))) == pytest.approx(1.0)
    assert uncertainty(np.array([[1e4, 0.0]])) == pytest.approx(0.0)


def test_saving(tmp_path):
    model, inputs = make()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert difference(again(inputs)["exit_1"], model(inputs)["exit_1"]) == 0
