"""Exported files in tflite-support's Task Library, whose runtime is that of TensorFlow 2.12."""

import keras
import pytest

pytest.importorskip("tflite_support", reason="tflite-support is not installed: see constraints-card.txt")

from keras_bert_suite import Bert, Tokenizer
from keras_bert_suite.edge import export, pipeline
from keras_bert_suite.tasks.question_answering import QuestionAnswering
from keras_bert_suite.tasks.saved import TaskModel
from tests.edge.test_export import TASKS, TEXTS, trained

# The same kernels but for their age; float16 weights are read back with 11 bits of mantissa by both; int8 quantizes
# the activations as they come, and not to the same numbers in both.
BOUNDS = {"float32": 1e-4, "float16": 5e-3, "legacy_int8": 0.1}
# The one length that its BertQuestionAnswerer takes, and the pieces of its answers at most.
LENGTH, ANSWER_PIECES = 384, 32


@pytest.mark.parametrize("quantization", BOUNDS)
def test_bert_nl_classifier(quantization, tmp_path):
    from tflite_support.task.text import BertNLClassifier

    path = tmp_path / "model.tflite"
    export.export(trained(TASKS["single_label"]), path, quantization, [24])
    classifier, device = BertNLClassifier.create_from_file(str(path)), pipeline.load(path)
    for text, _ in TEXTS:
        found = {c.category_name: c.score for c in classifier.classify(text).classifications[0].categories}
        scores = device(text)["scores"]
        assert max(abs(found[label] - scores[label]) for label in scores) < BOUNDS[quantization]


def reader():
    """A reader of passages with sharp random weights, so that a wrong piece is seen in every logit."""
    keras.utils.set_random_seed(5)
    tokenizer, task = Tokenizer.from_preset("kbs_tiny_en"), QuestionAnswering(max_answer_pieces=ANSWER_PIECES)
    encoder = Bert(
        vocab_size=len(tokenizer.vocabulary), dim=32, num_layers=2, num_heads=2, feed_forward_dim=64, max_length=LENGTH
    )
    for variable in encoder.trainable_variables:
        variable.assign(variable + 0.3 * keras.random.normal(variable.shape))
    return TaskModel(encoder, task.build(encoder, 0.0), task, tokenizer, LENGTH)


@pytest.mark.parametrize("quantization", ["float32", "float16"])
def test_bert_question_answerer(quantization, shared, tmp_path):
    from tflite_support.task.text import BertQuestionAnswerer

    path = tmp_path / "model.tflite"
    export.export(reader(), path, quantization, [LENGTH])
    answerer, device = BertQuestionAnswerer.create_from_file(str(path)), pipeline.load(path)
    examples = QuestionAnswering.read(shared / "qa/squad_v1.1/dev.json")
    # It lowers the case of ASCII alone, and leaves accents where they are.
    asked = [example for example in examples if (example["text"] + example["pair"]).isascii()][::20]
    answers = 0
    for example in asked:
        question, passage = example["text"], example["pair"]
        encoding = device.tokenizer.encode(question, passage, LENGTH)
        # What is longer is cut there, and read in windows here.
        if encoding.truncated:
            continue
        scores = device.outputs(encoding)
        spans = {(a["start"], a["end"]) for a in device(question, passage)["answers"]}
        for answer in answerer.answer(passage, question).answers:
            place, answers = answer.pos, answers + 1
            ours = scores["start_scores"][place.start] + scores["end_scores"][place.end]
            # Of two logits, whose roundings add up.
            assert abs(ours - place.logit) < 2 * BOUNDS[quantization]
            start, end = encoding.offsets[place.start][0], encoding.offsets[place.end][1]
            assert (start, end) in spans
            # Its answers are whole words, as spaces cut them.
            assert " ".join(passage[start:end].split()) in answer.text
    assert answers > 10 and len(asked) > 90
