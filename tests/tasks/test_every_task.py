"""Every task end to end on a little data: a step of training, the folder, Keras and the device, and odd texts."""

import json

import keras
import numpy as np
import pytest

from keras_bert_suite import InputError
from keras_bert_suite.edge import export, pipeline
from keras_bert_suite.tasks import TASKS, saved, task_class
from keras_bert_suite.tasks.task import from_settings

PASSAGE = "Anna moved to Lisbon in May. She paints boats there, and sells them at the old harbour on Sundays. " * 3
FILES = {
    "classification": ("a.tsv", "text\tlabel\nplay some jazz\tmusic\nwake me at six\talarm\n"),
    "token_classification": ("a.conll", "wake O\nanna B-person\n\nplay O\njazz B-genre\n"),
    "intent_slots": (
        "a.jsonl",
        '{"tokens": ["wake", "anna"], "tags": ["O", "B-person"], "intent": "alarm"}\n'
        '{"tokens": ["play", "jazz"], "tags": ["O", "B-genre"], "intent": "music"}\n',
    ),
    "question_answering": (
        "a.jsonl",
        json.dumps({"question": "Where?", "context": PASSAGE, "answers": {"text": ["Lisbon"], "answer_start": [14]}})
        + "\n"
        + json.dumps({"question": "Who else?", "context": PASSAGE, "answers": {"text": [], "answer_start": []}}),
    ),
    "multiple_choice": ("a.csv", "sent1,sent2,ending0,ending1,label\nHe wakes.,Then he,sleeps,rises,1\n"),
    "ranking": ("a.csv", "qtext,label,atext\nwho?,1,anna did\nwho?,0,at six\nwhen?,0,anna\nwhen?,1,at six o'clock\n"),
    "masked_lm": ("a.tsv", "text\tlabel\nplay some [MASK]\tmusic\n[MASK] me up at [MASK]\twake six\n"),
    "similarity": (
        "a.csv",
        "sentence1,sentence2,score\nplay jazz,some music,4\nwake me,the harbour,0\nthere,here,2\n",
    ),
}
SETTINGS = [
    ("classification", []),
    ("classification", ["problem=multi_label"]),
    ("classification", ["speed=0.9"]),
    ("masked_lm", ["top=3"]),
    ("token_classification", ["stride=8"]),
    ("intent_slots", []),
    ("question_answering", ["stride=16"]),
    ("multiple_choice", []),
    ("ranking", []),
    ("ranking", ["objective=listwise"]),
    ("ranking", ["objective=lambda"]),
    ("similarity", []),
    ("similarity", ["objective=multiple_negatives", "dims=[32,16]"]),
]
ODD = ["", "a", "\U0001f600\U0001f389", "\ud800 lone", "z" * 5000]


def trained_on(name, settings, tmp_path):
    keras.utils.set_random_seed(0)
    file, content = FILES[name]
    (tmp_path / file).write_text(content)
    kind = task_class(name)
    examples = kind.read(tmp_path / file)
    task = from_settings(kind, examples, settings)
    task.check(examples, file)
    trained = saved.begin(task, "kbs_tiny_en", 48)
    batches, steps = trained.training_data(examples, 2, 0, 1)
    model = task.training_model(trained.model)
    model.compile("sgd", task.losses(), task.loss_weights)
    for inputs, labels, weights in batches():
        assert np.isfinite(model.train_on_batch(inputs, labels, weights)).all()
    return trained, examples


def odd(item, text):
    """An input with this text in place of the one that may be long; a mask stays."""
    text = f"[MASK] {text}" if "[MASK]" in item.text else text
    if item.choices is not None:
        return item._replace(choices=(text, *item.choices[1:]))
    return item._replace(text=text) if item.pair is None else item._replace(pair=text)


def numbers(value):
    """All numbers of an answer in order; of what a dict names, by name."""
    if isinstance(value, dict):
        return [x for name in sorted(value) for x in numbers(value[name])]
    if isinstance(value, list | tuple):
        return [x for item in value for x in numbers(item)]
    return [float(value)] if isinstance(value, int | float) else []


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_a_task_from_file_to_device(name, settings, tmp_path):
    trained, examples = trained_on(name, settings, tmp_path)
    inputs = saved.inputs_of(trained.task, examples)
    answers = trained.predict(inputs)
    figures = trained.task.evaluate(examples, answers)
    assert figures and all(np.isfinite(value) for value in figures.values())
    trained.examples = inputs
    saved.save(trained, tmp_path / "model", "")
    again = saved.load(tmp_path / "model")
    assert again.task.config == trained.task.config
    np.testing.assert_allclose(numbers(again.predict(inputs)), numbers(answers), atol=1e-6)
    export.export(again, tmp_path / "model.tflite", "float32", [48])
    # The device's file against Keras: the bar for any export.
    assert export.check(again, tmp_path / "model.tflite")["score_difference"] < 1e-4
    inputs += [odd(inputs[0], text) for text in ODD]
    device = pipeline.load(tmp_path / "model.tflite").predict(inputs)
    # Answers are further from the scores that 1e-4 bounds: softmax over spans and choices, cosines, entities' means.
    np.testing.assert_allclose(numbers(device), numbers(again.predict(inputs)), atol=1e-3)


@pytest.mark.parametrize("name", TASKS)
def test_odd_texts_are_answered_beside_a_sound_one(name, tmp_path):
    trained, examples = trained_on(name, [], tmp_path)
    sound = trained.task.input(examples[0])
    alone = trained.predict([sound])[0]
    answers = trained.predict([odd(sound, text) for text in ODD] + [sound])
    assert len(answers) == len(ODD) + 1
    # The same row in a batch of another shape.
    np.testing.assert_allclose(numbers(answers[-1]), numbers(alone), atol=1e-5)
    assert all(np.isfinite(numbers(answer)).all() for answer in answers)


def test_a_wrong_text_or_setting_is_named(tmp_path):
    trained, _ = trained_on("ranking", [], tmp_path)
    with pytest.raises(InputError, match="the input has a single text"):
        trained.predict([("who?",)])
    with pytest.raises(InputError, match="expected a string"):
        trained.predict([("who?", 5)])
    with pytest.raises(InputError, match="ranking has objective"):
        from_settings(task_class("ranking"), [], ["stride=3"])
    with pytest.raises(InputError, match="expected pointwise, listwise, lambda"):
        from_settings(task_class("ranking"), [], ["objective=pairwise"])
