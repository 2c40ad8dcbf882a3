"""The exported classifier in tflite-support's Task Library, whose runtime is that of TensorFlow 2.12."""

import pytest

pytest.importorskip("tflite_support", reason="tflite-support is not installed: see constraints-card.txt")

from keras_bert_suite.edge import export, pipeline
from tests.edge.test_export import TASKS, TEXTS, trained

# The same kernels but for their age; float16 weights are read back with 11 bits of mantissa by both.
BOUNDS = {"float32": 1e-4, "float16": 5e-3}


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
