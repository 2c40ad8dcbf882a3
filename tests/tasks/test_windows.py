"""Long documents by windows: nothing lost or doubled at a seam, and training, Keras and the device agree."""

import keras
import numpy as np
import pytest

from keras_bert_suite import InputError, Tokenizer
from keras_bert_suite.edge import export, pipeline
from keras_bert_suite.tasks import saved
from keras_bert_suite.tasks.classification import Classification
from keras_bert_suite.tasks.decoding import decode
from keras_bert_suite.tasks.inputs import Input, owners, pieces_of, rows
from keras_bert_suite.tasks.token_classification import TokenClassification

KINDS = ["O", "B-X", "I-X"]


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.from_preset("kbs_tiny_en")


def answer_by_the_gold(text, spans, tokenizer, max_length, stride):
    """What decoding makes of windows whose tags are those of the gold entities, but for the edges of windows."""
    task = TokenClassification(KINDS, stride)
    found = rows(task.config, tokenizer, [(text,)], max_length)[0]
    outputs = []
    for number, encoding in enumerate(found.encodings):
        scores = np.tile([1.0, 0.0, 0.0], (len(encoding.ids), 1))
        for place in pieces_of(encoding):
            start = encoding.offsets[place][0]
            kind = next((1 if start == s else 2 for s, e in spans if s <= start < e), 0)
            # At the very edge of a window the model sees too little to be right.
            edge = min(place, len(encoding.ids) - 1 - place) == 1
            inner = 0 < number < len(found.encodings) - 1
            scores[place] = np.eye(3)[0 if edge and inner else kind]
        outputs.append({"scores": scores})
    return found, decode(task.config, outputs, found, Input(text))["entities"]


@pytest.mark.parametrize("shift", range(12))
def test_no_entity_is_lost_or_doubled_at_a_seam(shift, tokenizer):
    words, spans, start = [], [], 0
    for i in range(10_000 + shift):
        word = "Barcelona" if (i + shift) % 7 < 2 else "the"
        if word == "Barcelona":
            if (i + shift) % 7 == 0 or not spans:
                spans.append([start, start + len(word)])
            else:
                spans[-1][1] = start + len(word)
        words.append(word)
        start += len(word) + 1
    found, entities = answer_by_the_gold(" ".join(words), spans, tokenizer, 64, 16)
    assert len(found.encodings) > 200
    assert [(entity["start"], entity["end"]) for entity in entities] == [tuple(span) for span in spans]


def test_a_word_as_long_as_a_window(tokenizer):
    text = "the " * 9 + "z" * 90 + " the" * 9
    _, entities = answer_by_the_gold(text, [(36, 126)], tokenizer, 24, 6)
    assert [(entity["start"], entity["end"]) for entity in entities] == [(36, 126)]


def test_every_piece_is_read_once_where_it_has_most_context():
    own = owners([10, 10, 7], 4)
    assert len(own) == 19
    assert own[7] == (0, 7) and own[8] == (1, 2)
    assert [place for window, place in own if window == 2] == list(range(2, 7))


def test_windows_share_the_stride(tokenizer):
    text = "my name is anna and i live in new york city " * 9
    [windows] = tokenizer.windows([text], max_length=20, stride=5)
    whole = tokenizer.encode(text).ids[1:-1]
    assert [window.ids[1:-1] for window in windows] == [
        whole[i : i + 18] for i in range(0, max(1, len(whole) - 5), 13)
    ]
    with pytest.raises(InputError, match="expected 0 to 17"):
        tokenizer.windows([text], max_length=20, stride=18)


def test_training_weighs_each_word_once(tokenizer):
    text = "anna lives in barcelona now " * 30
    spans = [(i * 28, i * 28 + 4, "X") for i in range(30)]
    task = TokenClassification(KINDS, 8)
    found = rows(task.config, tokenizer, [(text,)], 40)[0]
    parts = task.training({"text": text, "entities": spans, "words": None}, found)
    assert len(parts) == len(found.encodings) > 3
    assert sum(targets["logits"][1].sum() for _, targets in parts) == 150
    assert sum((targets["logits"][0] == 1).sum() for _, targets in parts) == 30


@pytest.mark.parametrize("pool", ["mean", "max", "attention"])
def test_pooled_windows_are_the_same_in_training_in_keras_and_on_the_device(pool, tmp_path):
    keras.utils.set_random_seed(0)
    texts = ["play some jazz " * n for n in (2, 9, 30)]
    examples = [{"text": text, "pair": None, "label": str(i % 2)} for i, text in enumerate(texts)]
    task = Classification.from_examples(examples, stride=8, pool=pool)
    trained = saved.begin(task, "kbs_tiny_en", 32)
    batches, steps = trained.training_data(examples, 3, 0, 1)
    assert steps == 1
    inputs, _, _ = next(iter(batches()))
    logits = task.training_model(trained.model).predict_on_batch(inputs)["logits"]
    order = np.random.default_rng((0, 0)).permutation(3)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    answers = trained.predict(saved.inputs_of(task, examples))
    found = np.array([list(answers[i]["scores"].values()) for i in order])
    # float32 in two orders of summation.
    np.testing.assert_allclose(found, expected, atol=1e-6)
    saved.save(trained, tmp_path / "model", "")
    again = saved.load(tmp_path / "model").predict(saved.inputs_of(task, examples))
    assert [answer["label"] for answer in again] == [answer["label"] for answer in answers]
    export.export(trained, tmp_path / "model.tflite", "float32", [32])
    device = pipeline.load(tmp_path / "model.tflite").predict(saved.inputs_of(task, examples))
    for ours, theirs in zip(answers, device, strict=True):
        np.testing.assert_allclose(list(theirs["scores"].values()), list(ours["scores"].values()), atol=1e-5)
        assert "truncated" not in theirs
