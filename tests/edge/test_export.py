"""Exported files answer as the Keras model does, carry what they need, and are read by MediaPipe."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_bert_suite import Bert, Encoder, InputError, Tokenizer
from keras_bert_suite.data import assistant_commands
from keras_bert_suite.edge import export, inspection, ladder, metadata, pipeline, quantize
from keras_bert_suite.tasks.classification import Classification
from keras_bert_suite.tasks.inputs import Input
from keras_bert_suite.tasks.saved import TaskModel
from keras_bert_suite.tasks.similarity import Similarity
from keras_bert_suite.tasks.token_classification import TokenClassification

WORDS = "the a film song good bad was is not very anna paris in left".split()
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
TEXTS = [(" ".join(np.random.default_rng(i).choice(WORDS, 3 + i)), None) for i in range(9)]


def trained(task, dim=32):
    keras.utils.set_random_seed(3)
    encoder = Bert(vocab_size=len(PIECES), dim=dim, num_layers=2, num_heads=2, feed_forward_dim=64, max_length=24)
    for variable in encoder.trainable_variables:
        variable.assign(variable + 0.3 * keras.random.normal(variable.shape))
    return TaskModel(encoder, task.build(encoder, 0.1), task, Tokenizer(PIECES), 24, examples=TEXTS)


TASKS = {
    "single_label": Classification(["bad", "good"]),
    "multi_label": Classification(["x", "y", "z"], "multi_label"),
    "regression": Classification(["value"], "regression"),
    "tokens": TokenClassification(["O", "B-PER", "I-PER"]),
}
# float32 rounding; 11 bits of mantissa in the weights; 8 bits in weights and activations over two layers; 4 bits in
# half of the weights.
BOUNDS = {"float32": 1e-5, "float16": 5e-3, "dynamic_int8": 0.1, "int8": 0.1, "int16x8": 0.1, "int4_mixed": 0.3}
CALIBRATION = [Input(*text) for text in TEXTS]


# Those that need text differ by encoder, not by task.
SAME_ANSWERS = [
    (task, kind) for kind in BOUNDS for task in (["single_label", "tokens"] if kind in quantize.CALIBRATED else TASKS)
]
IN_XNNPACK = [(task, kind) for task in TASKS for kind in ("dynamic_int8", "int8", "int4_mixed")]


@pytest.mark.parametrize(("task", "quantization"), SAME_ANSWERS)
def test_same_answers(task, quantization, tmp_path):
    model, path = trained(TASKS[task]), tmp_path / "model.tflite"
    export.export(model, path, quantization, [8, 24], calibration=CALIBRATION)
    found = export.check(model, path)
    scale = 10.0 if task == "regression" else 1.0
    assert found["score_difference"] < scale * BOUNDS[quantization]
    assert list(found["milliseconds"]) == [8, 24]
    device = pipeline.load(path)
    assert device.task == model.task.config
    for answer, expected in zip(device.predict(TEXTS), model.predict(TEXTS), strict=True):
        assert answer.keys() == expected.keys()
        if quantization == "float32" and task == "tokens":
            places = [[(e["start"], e["end"], e["label"]) for e in found["entities"]] for found in (answer, expected)]
            assert places[0] == places[1]
    if (task, quantization) in IN_XNNPACK:
        check_that_all_that_computes_runs_in_xnnpack(path, quantization)


def test_what_blocks_of_four_bits_do_not_fit_is_left_out_of_a_ladder(tmp_path, monkeypatch):
    path, lines, given = tmp_path / "model.tflite", [], {"calibration": CALIBRATION}
    # 40 is no multiple of 32, and what reads 64 comes after GELU, where there are 8 bits anyway.
    model = trained(TASKS["single_label"], dim=40)
    with pytest.raises(quantize.Unfit, match="read 40, 64 features, expected multiples. Take dynamic_int8"):
        export.export(model, path, "int4_mixed", [24], **given)
    assert not path.exists()
    examples = [{"text": text, "pair": None, "label": "bad"} for text, _ in TEXTS]
    monkeypatch.setattr(ladder, "STEPS", ("int4_mixed", "float32"))
    found = ladder.walk(model, path, 100.0, show=lines.append, examples=examples, lengths=[24], **given)
    assert [row["quantization"] for row in found["steps"]] == ["float32"]
    assert "int4_mixed has blocks of 32 weights" in lines[0] and path.exists()


def test_the_file_carries_everything_and_is_the_same_again(tmp_path):
    model = trained(TASKS["single_label"])
    for name in ("one", "two"):
        export.export(model, tmp_path / name, "float32", [16])
    files = metadata.read(tmp_path / "one")
    assert files["vocab.txt"].split() == PIECES
    assert files["labels.txt"].split() == ["bad", "good"]
    assert files[metadata.ABOUT]["lengths"] == [16]
    with zipfile.ZipFile(tmp_path / "one") as archive:
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
    assert metadata.read(tmp_path / "two") == files
    content = (tmp_path / "one").read_bytes()
    assert not [name for name in export.operations(content) if name.startswith("CUSTOM")]


@pytest.mark.parametrize("quantization", ["float32", "dynamic_int8", "int8", "int4_mixed"])
def test_one_signature_takes_rows_of_any_length(quantization, tmp_path):
    model, path = trained(TASKS["single_label"]), tmp_path / "model.tflite"
    about = export.export(model, path, quantization, None, calibration=CALIBRATION)
    assert (about["version"], about["lengths"], about["dynamic_length"]) == (2, [24], True)
    assert inspection.inspect(path)["graphs"][0]["length"] is None
    found = export.check(model, path)
    assert found["score_difference"] < BOUNDS[quantization] and list(found["milliseconds"]) == [24]
    device = pipeline.load(path, workers=2)
    assert [device.runtime.length_for(time) for time in (3, 7, 24)] == [3, 7, 24]
    # Longer and shorter in turn, so that the runtime makes room and gives it back; one is cut.
    items = [TEXTS[8], TEXTS[0], (" ".join(WORDS * 4), None), TEXTS[1]]
    for answer, expected in zip(device.predict(items), model.predict(items), strict=True):
        assert answer["scores"] == pytest.approx(expected["scores"], abs=BOUNDS[quantization])
    with pytest.raises(InputError, match="Received 25 ids; the longest signature takes 24"):
        device.runtime.length_for(25)


def test_mediapipe_reads_it(tmp_path):
    python = pytest.importorskip("mediapipe.tasks.python")
    model, path = trained(TASKS["single_label"]), tmp_path / "model.tflite"
    export.export(model, path, "dynamic_int8", [24])
    options = python.text.TextClassifierOptions(base_options=python.BaseOptions(model_asset_path=str(path)))
    device = pipeline.load(path)
    with python.text.TextClassifier.create_from_options(options) as classifier:
        for text, _ in TEXTS:
            found = {c.category_name: c.score for c in classifier.classify(text).classifications[0].categories}
            scores = device(text)["scores"]
            # The same kernels in another build of the runtime.
            assert max(abs(found[label] - scores[label]) for label in scores) < 1e-2


# One kernel in two builds of a runtime; int8 quantizes activations as they come, and not to the same numbers in both.
COSINES = {"float32": 0.99999, "float16": 0.99999, "dynamic_int8": 0.999}


def commands():
    """Texts of the bundled data set, and one that is longer than a row."""
    lines = (Path(assistant_commands.__file__).parent / "test.jsonl").read_text(encoding="utf-8").splitlines()[:60]
    found = [json.loads(line)["text"] for line in lines]
    return [*found, "Wake Anna at 6:45, please!", "wake anna in Lisbon, please. " * 20]


def sentences(normalize):
    """A model of sentences: the bundled encoder's mean, with length 1 or as it is."""
    encoder, task = Encoder.from_preset("kbs_tiny_en"), Similarity(normalize=normalize)
    return TaskModel(encoder, task.build(encoder, 0.0), task, Tokenizer.from_preset("kbs_tiny_en"), 32)


def embedded(path, texts, **options):
    """The vectors that MediaPipe's TextEmbedder gives, and the name of its output."""
    python = pytest.importorskip("mediapipe.tasks.python")
    options = python.text.TextEmbedderOptions(python.BaseOptions(model_asset_path=str(path)), **options)
    with python.text.TextEmbedder.create_from_options(options) as embedder:
        found = [embedder.embed(text).embeddings for text in texts]
    assert {len(one) for one in found} == {1}
    return np.array([one[0].embedding for one in found]), found[0][0].head_name


def cosines(ours, theirs):
    return (ours * theirs).sum(-1) / np.linalg.norm(ours, axis=-1) / np.linalg.norm(theirs, axis=-1)


@pytest.mark.parametrize(("quantization", "normalize"), [*((name, True) for name in COSINES), ("float32", False)])
def test_mediapipe_gives_the_same_vectors(quantization, normalize, tmp_path):
    path, texts = tmp_path / "model.tflite", commands()
    export.export(sentences(normalize), path, quantization, [32])
    ours = pipeline.load(path).embed(texts)
    theirs, name = embedded(path, texts)
    assert name == "embedding" and ours.shape == theirs.shape
    assert cosines(ours, theirs).min() > COSINES[quantization]
    lengths = np.linalg.norm(theirs, axis=-1)
    # What the task says of normalization is in the graph: MediaPipe's own is not needed, and does it where it is not.
    assert np.abs(lengths - 1).max() < 1e-5 if normalize else np.abs(lengths - 1).min() > 0.1
    scaled, _ = embedded(path, texts[:5], l2_normalize=True)
    assert np.abs(np.linalg.norm(scaled, axis=-1) - 1).max() < 1e-5


def test_bad_files_and_lengths_are_named(tmp_path):
    model, path = trained(TASKS["single_label"]), tmp_path / "model.tflite"
    with pytest.raises(InputError, match="expected 3 to 24"):
        export.export(model, path, "float32", [64])
    export.export(model, path, "float32", [8])
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match="cut off"):
        pipeline.load(path)
    with pytest.raises(InputError, match="cannot be read"):
        pipeline.load(tmp_path / "nothing.tflite")


@pytest.mark.parametrize(("task", "quantization"), [case for case in IN_XNNPACK if case not in SAME_ANSWERS])
def test_all_that_computes_runs_in_xnnpack(task, quantization, tmp_path):
    path = tmp_path / "model.tflite"
    export.export(trained(TASKS[task]), path, quantization, [16], calibration=CALIBRATION)
    check_that_all_that_computes_runs_in_xnnpack(path, quantization)


def check_that_all_that_computes_runs_in_xnnpack(path, quantization):
    """Shows that a file's first graph is one part for XNNPACK; of an int8 file, that its products are int8 alone."""
    graph = inspection.inspect(path)["graphs"][0]
    # What is left looks up rows of embeddings.
    assert set(graph["outside"]) <= {"CAST", "GATHER", "LESS", "ADD", "SELECT_V2", "SELECT"}
    assert graph["partitions"] == 1
    if quantization == "int8":
        check_integers(path)


def check_integers(path):
    """Shows that an int8 file multiplies int8 alone, and says why the rest of it is float."""
    about = metadata.read(path)[metadata.ABOUT]
    assert about["float_operations"].keys() <= quantize.FLOAT.keys()
    assert inspection.float_operations(path.read_bytes()).keys() == about["float_operations"].keys()
    content = inspection.schema.Model.GetRootAs(bytearray(path.read_bytes()), 0)
    graph = content.Subgraphs(0)
    products = [made for made in inspection._operations(content, graph) if made[0] == "FULLY_CONNECTED"]
    assert products
    for _, read, made in products:
        assert [inspection._type(graph, number) for number in (*read[:2], *made)] == ["int8"] * 3


def test_a_file_is_looked_into(tmp_path):
    model, path = trained(TASKS["tokens"]), tmp_path / "model.tflite"
    export.export(model, path, "dynamic_int8", [8, 24], license="Apache-2.0")
    found = inspection.inspect(path)
    assert found["about"]["license"] == "Apache-2.0" and found["files"]["labels.txt"] == len("O\nB-PER\nI-PER\n")
    assert [(graph["signature"], graph["length"]) for graph in found["graphs"]] == [
        ("serving_default", 24), ("serving_length_8", 8),
    ]  # fmt: skip
    graph = found["graphs"][0]
    assert graph["outputs"] == {"scores": [1, 24, 3]} and graph["operations"]["GELU"] == 2
    # All that computes is XNNPACK's, in one piece; what is left looks up rows of embeddings.
    assert (
        set(graph["outside"]) <= {"CAST", "GATHER", "LESS", "ADD", "SELECT_V2", "SELECT"} and graph["partitions"] == 1
    )
    layers = {layer["layer"]: layer for layer in found["layers"]}
    sizes = {name: layer["bytes"] for name, layer in layers.items()}
    # Kernels of 32 x 32 and 32 x 64 in int8, biases in float32; three kernels hold the scores' scale as well.
    assert 4 * 32 * 32 <= sizes["block_0/attention"] <= 4 * (32 * 32 + 4 * 32) + 100
    assert 2 * 32 * 64 <= sizes["block_1/feed_forward"] <= 2 * 32 * 64 + 4 * (32 + 64) + 100
    assert sum(sizes.values()) < 1e6 * found["megabytes"]


def test_a_ladder_takes_the_smallest_or_the_fastest_within_a_budget(tmp_path, monkeypatch):
    model, path, lines = trained(TASKS["single_label"]), tmp_path / "model.tflite", []
    made, make = {}, export.export

    def once(trained, file, step, **settings):
        # The three walks are of one model: the second and third take the files that the first one made.
        if step not in made:
            made[step] = make(trained, file, step, **settings), file.read_bytes()
        file.write_bytes(made[step][1])
        return made[step][0]

    monkeypatch.setattr(export, "export", once)
    examples = [{"text": text, "pair": None, "label": "bad"} for text, _ in TEXTS]
    settings = {"lengths": [16], "examples": examples, "calibration": CALIBRATION}
    found = ladder.walk(model, path, 100.0, show=lines.append, **settings)
    assert [row["quantization"] for row in found["steps"]] == list(ladder.STEPS) and len(lines) == 5
    smallest = min(found["steps"], key=lambda row: row["megabytes"])["quantization"]
    assert metadata.read(path)[metadata.ABOUT]["quantization"] == found["about"]["quantization"] == smallest
    found = ladder.walk(model, path, 0.0, prefer="fastest", **{**settings, "calibration": ()})
    within = [row for row in found["steps"] if row["lost"] <= 0]
    fastest = min(within, key=lambda row: row["milliseconds"])["quantization"]
    assert metadata.read(path)[metadata.ABOUT]["quantization"] == fastest and len(found["steps"]) == 3
    before = path.read_bytes()
    with pytest.raises(InputError, match="No file loses -200.0 points"):
        ladder.walk(model, path, -200.0, **{**settings, "calibration": ()})
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == ["model.tflite"]


def test_ranges_need_text(tmp_path):
    with pytest.raises(InputError, match="int8 takes the ranges of activations from real text"):
        export.export(trained(TASKS["tokens"]), tmp_path / "model.tflite", "int8", [16])
    with pytest.raises(InputError, match="expected one of float32"):
        export.export(trained(TASKS["tokens"]), tmp_path / "model.tflite", "int2", [16])
    with pytest.raises(InputError, match="expected int8"):
        export.export(trained(TASKS["tokens"]), tmp_path / "model.tflite", "float16", [16], train=[{}])
    assert not list(tmp_path.iterdir())
