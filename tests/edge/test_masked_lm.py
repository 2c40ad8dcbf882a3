"""Masks filled in: from a checkpoint of Hugging Face to the device, with the characters that each mask is in."""

import json

import numpy as np
import pytest

from keras_bert_suite import InputError, load_model
from keras_bert_suite.edge import export, pipeline
from keras_bert_suite.tasks import saved
from tests.checks import golden
from tests.tasks.test_every_task import numbers

SPECIAL = {"bert": "[PAD] [UNK] [CLS] [SEP] [MASK]".split()}
TEXTS = [("w10 w11 [MASK] w12",), ("[MASK] w40 , [MASK]",), ("w9 [MASK]", "w8 [MASK] w7")]


def checkpoint(folder):
    """A folder as Hugging Face writes one of a masked LM; its head has a bias of its own for each piece."""
    from safetensors.numpy import load_file, save_file

    golden("bert", folder)
    config = json.loads((folder / "config.json").read_text())
    dim, size, rng = config["hidden_size"], config["vocab_size"], np.random.default_rng(0)
    weights = {name: x for name, x in load_file(folder / "model.safetensors").items() if "pooler" not in name}
    weights = {f"bert.{name.removeprefix('bert.')}": x for name, x in weights.items()}
    shapes = {"transform.dense.weight": (dim, dim), "transform.dense.bias": (dim,), "bias": (size,),
              "transform.LayerNorm.weight": (dim,), "transform.LayerNorm.bias": (dim,)}  # fmt: skip
    head = {f"cls.predictions.{name}": rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}
    save_file({**weights, **head}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["BertForMaskedLM"]}))
    pieces = [*SPECIAL["bert"], ",", *(f"w{i}" for i in range(size))][:size]
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))


def test_masks_of_a_hugging_face_folder_on_the_device(tmp_path):
    checkpoint(tmp_path / "hf")
    trained = saved.load(tmp_path / "hf")
    whole = load_model(tmp_path / "hf", head="masked_lm")
    export.export(trained, tmp_path / "model.tflite", "float32", [16])
    # Float32 rounding of probabilities, behind logits of order 10 that a random head gives.
    assert export.check(trained, tmp_path / "model.tflite")["score_difference"] < 1e-4
    device = pipeline.load(tmp_path / "model.tflite")
    for item in TEXTS:
        answer = device(*item)
        # The same, of the scores alone: pieces and characters are equal, or the numbers are far apart.
        np.testing.assert_allclose(numbers(answer), numbers(trained.predict([item])[0]), atol=1e-4)
        encoding = trained.tokenizer.encode(*item)
        logits = np.asarray(whole(trained.features([encoding]))["logits"])[0]
        places = [i for i, token in enumerate(encoding.tokens) if token == "[MASK]"]
        assert len(answer["masks"]) == len(places)
        for place, mask in zip(places, answer["masks"], strict=True):
            text = item[encoding.sequence_ids[place]]
            assert text[mask["start"] : mask["end"]] == "[MASK]"
            best = np.argsort(-logits[place])[:5]
            assert [found["piece"] for found in mask["pieces"]] == [trained.tokenizer.vocabulary[i] for i in best]
            chances = np.exp(logits[place]) / np.exp(logits[place]).sum()
            # The device against another graph over the same weights: float32 rounding.
            np.testing.assert_allclose([found["score"] for found in mask["pieces"]], chances[best], atol=1e-5)


def test_texts_without_masks_are_named(tmp_path):
    checkpoint(tmp_path / "hf")
    trained = saved.load(tmp_path / "hf")
    with pytest.raises(InputError, match=r"has 0 \[MASK\] within the 3 pieces that are read; expected 1 to 8"):
        trained.predict([("w1",)])
    with pytest.raises(InputError, match=r"has 9 \[MASK\]"):
        trained.predict([("[MASK] " * 9,)])
