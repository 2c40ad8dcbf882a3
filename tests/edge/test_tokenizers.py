"""Files of encoders with other tokenizers than BERT's: they carry them, and answer as the Keras models do."""

import string

import keras
import numpy as np
import pytest

from keras_bert_suite import Roberta, Tokenizer, XLNet
from keras_bert_suite.edge import export, pipeline
from keras_bert_suite.tasks.classification import Classification
from keras_bert_suite.tasks.saved import TaskModel
from keras_bert_suite.tasks.token_classification import TokenClassification
from tests.tokenizers.models import CONTROL, NORMAL, UNKNOWN, write_bpe, write_config, write_model

SIZES = {"dim": 16, "num_layers": 2, "num_heads": 2, "feed_forward_dim": 24}
TEXTS = [("anna left paris", None), ("a bad film", None), ("not good at all and very long too", None)]


def roberta(folder):
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *string.ascii_lowercase, "Ġ", "<mask>"]
    write_bpe(folder, pieces, [])
    write_config(folder, tokenizer_class="RobertaTokenizer")
    return Tokenizer.from_preset(folder), Roberta(vocab_size=len(pieces), **SIZES)


def xlnet(folder):
    special = ["<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>"]
    pieces = [("<unk>", 0.0, UNKNOWN), *((piece, 0.0, CONTROL) for piece in special)]
    pieces += [(piece, -2.0, NORMAL) for piece in ("▁", *string.ascii_lowercase)]
    write_model(folder / "spiece.model", pieces)
    write_config(folder, tokenizer_class="XLNetTokenizer")
    return Tokenizer.from_preset(folder), XLNet(vocab_size=len(pieces), **SIZES)


@pytest.mark.parametrize("make", [roberta, xlnet], ids=["byte_bpe", "sentencepiece"])
@pytest.mark.parametrize(
    "task", [Classification(["bad", "good"]), TokenClassification(["O", "B-PER", "I-PER"])], ids=lambda task: task.name
)
def test_same_answers(make, task, tmp_path):
    keras.utils.set_random_seed(0)
    tokenizer, encoder = make(tmp_path)
    for variable in encoder.trainable_variables:
        variable.assign(variable + 0.3 * keras.random.normal(variable.shape))
    model = TaskModel(encoder, task.build(encoder, 0.0), task, tokenizer, 40, examples=TEXTS)
    export.export(model, tmp_path / "model.tflite", "float32", [24, 40])
    # 1e-4: the device runtime's own approximations of exp and erf.
    assert export.check(model, tmp_path / "model.tflite")["score_difference"] < 1e-4
    device = pipeline.load(tmp_path / "model.tflite")
    assert device.tokenizer.padding_side == tokenizer.padding_side
    for found, expected in zip(device.predict(TEXTS), model.predict(TEXTS), strict=True):
        if task.name == "classification":
            assert found["label"] == expected["label"]
            assert np.allclose(list(found["scores"].values()), list(expected["scores"].values()), atol=1e-4)
        else:
            places = [[(e["start"], e["end"], e["label"]) for e in answer["entities"]] for answer in (found, expected)]
            assert places[0] == places[1]
