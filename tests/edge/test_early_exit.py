"""A model with early exit on the device: stages in one file, and it stops where the Keras model does."""

import keras
import numpy as np
import pytest

from keras_bert_suite import Albert, Bert, InputError, Tokenizer
from keras_bert_suite.edge import export, inspection, metadata, pipeline
from keras_bert_suite.tasks import saved
from keras_bert_suite.tasks.classification import Classification
from keras_bert_suite.tasks.inputs import Input
from tests.edge.test_export import PIECES, TEXTS
from tests.tools.test_tools import tool

SMALL = {"vocab_size": len(PIECES), "dim": 32, "num_layers": 3, "num_heads": 2, "feed_forward_dim": 64}


def trained(speed, family=Bert, sharpness=10.0):
    keras.utils.set_random_seed(3)
    encoder = family(**SMALL, max_length=24)
    task = Classification(["bad", "fair", "good"], speed=speed)
    model = task.build(encoder, 0.0)
    for variable in model.weights:
        if "kernel" in variable.path:
            # Exits begin with larger weights than the encoder: here all are of one deviation.
            variable.assign(variable * (sharpness * 0.02 / np.std(variable)))
    return saved.TaskModel(encoder, model, task, Tokenizer(PIECES), 24, examples=TEXTS)


@pytest.mark.parametrize(("family", "lengths"), [(Bert, [8, 24]), (Albert, [8, 24]), (Bert, None)])
def test_it_stops_where_the_keras_model_does(family, lengths, tmp_path):
    probe = trained(0.5, family)
    arrays = probe.features(probe.tokenizer.encode_batch([text for text, _ in TEXTS]), 24)
    logits = np.asarray(probe.model(arrays)["exit_0"])
    chances = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    # Between two texts, so that some stop at the first block and rounding moves none.
    unsure = np.sort(-(chances * np.log(chances)).sum(-1) / np.log(3))
    model, path = trained(float(unsure[3:5].mean()), family), tmp_path / "model.tflite"
    export.export(model, path, "float32", lengths)
    expected, exits = model.model.predict_early(arrays, model.task.speed)
    expected = np.exp(expected) / np.exp(expected).sum(-1, keepdims=True)
    answers = pipeline.load(path).predict(TEXTS)
    assert [answer["exit"] for answer in answers] == exits.tolist() and 0 < (exits == 0).sum() < len(TEXTS)
    found = np.array([list(answer["scores"].values()) for answer in answers])
    # float32 rounding, in another order of sums, behind kernels that were made ten times as large.
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert [answer["exit"] for answer in model.predict(TEXTS)] == exits.tolist()
    assert export.check(model, path)["score_difference"] < 1e-4


@pytest.mark.parametrize("quantization", ["int8", "int16x8"])
def test_ranges_of_all_stages_come_from_text(quantization, tmp_path):
    model, path = trained(0.0, sharpness=3.0), tmp_path / "model.tflite"
    export.export(model, path, quantization, [8, 24], calibration=[Input(*text) for text in TEXTS])
    # 8 bits in weights and tokens, and in int8 in activations too; .002 was measured. Wrong ranges cost .1 and more.
    assert export.check(model, path)["score_difference"] < 0.01


def test_the_file_shares_its_weights_and_says_what_it_is(tmp_path):
    model = trained(0.3)
    export.export(model, tmp_path / "one.tflite", "float32", [24])
    export.export(model, tmp_path / "two.tflite", "float32", [8, 24])
    found = inspection.inspect(tmp_path / "two.tflite")
    assert found["about"]["version"] == 2 and found["about"]["stages"] == 3
    assert found["about"]["task"]["speed"] == 0.3
    assert sorted(graph["signature"] for graph in found["graphs"]) == [
        "serving_default", "serving_length_8", "stage_1_length_24", "stage_1_length_8", "stage_2_length_24",
        "stage_2_length_8",
    ]  # fmt: skip
    weights = 4 * model.model.count_params()
    for name in ("one", "two"):
        kept = sum(layer["bytes"] for layer in inspection.inspect(tmp_path / f"{name}.tflite")["layers"])
        # Positions beyond a length, and constants of the graphs.
        assert abs(kept - weights) < 0.1 * weights


def test_a_folder_keeps_it_and_fit_trains_all_classifiers(tmp_path):
    keras.utils.set_random_seed(0)
    model = trained(0.3)
    examples = [{"text": text, "pair": None, "label": "good" if "good" in text else "bad"} for text, _ in TEXTS]
    batches, steps = model.training_data(examples, 4, 0, 8)
    training = model.task.training_model(model.model)
    training.compile(keras.optimizers.Adam(1e-3), model.task.losses())
    losses = training.fit(batches(), epochs=8, steps_per_epoch=steps, shuffle=False, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    saved.save(model, tmp_path / "model", "")
    again = saved.load(tmp_path / "model")
    assert again.task.speed == 0.3
    np.testing.assert_array_equal(
        [answer["score"] for answer in again.predict(TEXTS)], [answer["score"] for answer in model.predict(TEXTS)]
    )


def test_what_has_no_early_exit_is_named():
    for settings in ({"problem": "regression"}, {"stride": 8}, {"speed": 2.0}):
        with pytest.raises(InputError, match="a speed is 0 to 1"):
            Classification(["a", "b"], **{"speed": 0.5, **settings})


def test_the_tool_chooses_the_speed(tmp_path):
    model = trained(0.0)
    saved.save(model, tmp_path / "model", "")
    answers = model.predict(TEXTS)
    rows = [f"{text}\t{answer['label']}" for (text, _), answer in zip(TEXTS, answers, strict=True)]
    (tmp_path / "dev.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n")
    flags = [f"--model={tmp_path}/model", f"--output={tmp_path}/model.tflite", f"--data={tmp_path}/dev.tsv"]
    run = tool("export", *flags, "--speed_budget=100", "--quantization=float32")
    chosen = next(line for line in run.stdout.splitlines() if line.endswith("<- chosen"))
    # Whatever it loses, the fewest operations are those of the first block.
    assert ", 1.00 blocks, " in chosen
    about = metadata.read(tmp_path / "model.tflite")[metadata.ABOUT]
    assert f"speed {about['task']['speed']:<5g} figure" in chosen
    assert {answer["exit"] for answer in pipeline.load(tmp_path / "model.tflite").predict(TEXTS)} == {0}


def test_other_files_are_of_version_1(tmp_path):
    model = trained(None)
    export.export(model, tmp_path / "model.tflite", "float32", [24])
    about = metadata.read(tmp_path / "model.tflite")[metadata.ABOUT]
    assert about["version"] == 1 and "stages" not in about
