"""Pre-training goes on with the heads of a checkpoint, whoever wrote it."""

import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_bert_suite import Encoder
from keras_bert_suite.checkpoints import loading, presets
from keras_bert_suite.objectives import MaskedLM, NextSentence, attach
from tests.checks import difference
from tests.conftest import SHARED
from tests.references import Reference

FOLDERS = [name for name in ("bert", "roberta", "modernbert") if (SHARED / "data/reference" / name).exists()]


@pytest.mark.parametrize("name", FOLDERS)
def test_the_masked_lm_head_of_a_checkpoint(name, tmp_path):
    reference = Reference.open(SHARED / "data/reference" / name)
    folder = reference.with_head("mlm", tmp_path)
    encoder = Encoder.from_preset(folder, missing="initialize")
    model = attach(encoder, [MaskedLM()])
    assert loading.load_heads(model, presets.open_source(folder), type(encoder)) == ["masked_lm"]
    features = reference.features(encoder.input)
    places = np.tile([1, 3], (len(reference.mask), 1))
    found = model({**features, "masked_positions": places})["masked_lm"]
    assert difference(found, reference.logits("mlm")["logits"][:, [1, 3]]) < reference.bound("mlm")


@pytest.mark.parametrize("name", FOLDERS[:1])
def test_a_head_of_which_a_part_is_missing_stays_as_it_was(name, tmp_path):
    folder = SHARED / "data/reference" / name
    arrays = load_file(folder / "model.safetensors")
    del arrays["cls.predictions.transform.dense.bias"]
    save_file(arrays, tmp_path / "model.safetensors")
    shutil.copy(folder / "config.json", tmp_path)
    encoder = Encoder.from_preset(tmp_path)
    model = attach(encoder, [MaskedLM(), NextSentence()])
    before = {variable.path: np.asarray(variable) for variable in model.weights}
    assert loading.load_heads(model, presets.open_source(tmp_path), type(encoder)) == ["next_sentence"]
    changed = {variable.path for variable in model.weights if (before[variable.path] != np.asarray(variable)).any()}
    assert {path.split("/")[0] for path in changed} == {"next_sentence"}
