"""kbs-distill end to end: every recipe on a task and on text, the same after a kill, and on two devices."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from keras_bert_suite import Encoder, Tokenizer, load_model
from keras_bert_suite.edge import pipeline
from keras_bert_suite.tasks import saved
from keras_bert_suite.tasks.similarity import Similarity
from tests.tools.test_tools import complaint, tool

WORDS = {"sea": "wind ship captain island wave".split(), "land": "tree stone river field road".split()}
SIZES = {"num_layers": 2, "dim": 32, "num_heads": 4, "feed_forward_dim": 64, "dropout": 0.0, "attention_dropout": 0.0}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with texts of the sea and of the land, the same as sentences with places, and prose."""
    folder, rng = tmp_path_factory.mktemp("distill"), random.Random(0)

    def sentence(label):
        return " ".join(rng.choices(WORDS[label] + ["the", "morning", "old"], k=rng.randint(4, 9)))

    for name, count in (("train", 96), ("dev", 32)):
        labels = [rng.choice(list(WORDS)) for _ in range(count)]
        rows = [f"{sentence(label)}\t{label}" for label in labels]
        (folder / f"{name}.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n")
        words = [[rng.choice(WORDS["sea"] + WORDS["land"]) for _ in range(rng.randint(3, 7))] for _ in range(count)]
        tags = [[("B-SEA" if word in WORDS["sea"] else "O") for word in line] for line in words]
        lines = ["\n".join(map(" ".join, zip(*both, strict=True))) for both in zip(words, tags, strict=True)]
        (folder / f"{name}.txt").write_text("\n\n".join(lines) + "\n")
    (folder / "prose.txt").write_text("\n".join(sentence(rng.choice(list(WORDS))) + "." for _ in range(900)))
    (folder / "other.txt").write_text("\n".join(sentence(rng.choice(list(WORDS))) + "." for _ in range(200)))
    return folder


def teacher_of(place, task, suffix):
    folder = place / f"teacher_{task}"
    if not folder.exists():
        tool("finetune", f"--task={task}", "--encoder=kbs_tiny_en", f"--train={place}/train.{suffix}",
             f"--eval={place}/dev.{suffix}", "--epochs=3", "--batch_size=16", "--learning_rate=1e-3",
             "--max_length=16", f"--output={folder}")  # fmt: skip
    return folder


def flags(place, recipe, output, *more, task="classification", suffix="tsv", **sizes):
    sizes = {**SIZES, **sizes}
    return [f"--recipe={recipe}", f"--teacher={teacher_of(place, task, suffix)}", "--student=Bert",
            *(f"--set={name}={value}" for name, value in sizes.items()), f"--task={task}",
            f"--train={place}/train.{suffix}", f"--eval={place}/dev.{suffix}", "--max_length=16", "--batch_size=16",
            "--epochs=2", "--learning_rate=3e-3", "--checkpoint_every=3", f"--output={output}", *more]  # fmt: skip


def losses(output, run, stage):
    lines = (output / "stages" / run / stage / "train.jsonl").read_text().splitlines()
    return np.array([json.loads(line)["loss"] for line in lines])


def test_a_task_to_the_device(place, tmp_path):
    output = tmp_path / "out"
    done = tool("distill", *flags(place, "tinybert_task", output, f"--json={tmp_path}/out.json"))
    found = json.loads((tmp_path / "out.json").read_text())
    assert list(found) == ["teacher", "from_scratch", "distilled"]
    assert found["distilled"]["parameters"] < found["teacher"]["parameters"] / 4
    assert found["distilled"]["accuracy"] > 0.8 and "distilled" in done.stdout
    for name in ("from_scratch", "distilled"):
        trained = saved.load(output / name)
        assert trained.task.evaluate(*_judged(trained, place)) == pytest.approx(
            {key: found[name][key] for key in ("accuracy", "f1", "matthews")}, abs=1e-6
        )
    answer = pipeline.load(output / "distilled.tflite")("the captain ship")
    assert answer["label"] == "sea"
    assert "<svg" in (output / "report.html").read_text()
    # What is learned first is not what is learned last, and both fall.
    for stage in ("intermediate", "prediction"):
        assert losses(output, "distilled", stage)[-1] < losses(output, "distilled", stage)[0]


def _judged(trained, place):
    examples = trained.task.read(place / "dev.tsv", None)
    return examples, trained.predict(saved.inputs_of(trained.task, examples))


@pytest.mark.parametrize("recipe", ["task", "distilbert", "minilm_v1", "minilm_v2", "tinybert_general"])
@pytest.mark.slow
def test_recipes_on_a_task(place, tmp_path, recipe):
    tool("distill", *flags(place, recipe, tmp_path / "out"))
    found = json.loads((tmp_path / "out/results.json").read_text())
    assert found["distilled"]["accuracy"] > 0.8


@pytest.mark.slow
def test_half_precision_is_that_of_training_alone(place, tmp_path):
    output = tmp_path / "out"
    half = ["--dtype=mixed_bfloat16", "--teacher_dtype=mixed_bfloat16"]
    tool("distill", *flags(place, "tinybert_task", output, *half))
    found = json.loads((output / "results.json").read_text())
    trained = saved.load(output / "distilled")
    assert trained.encoder.compute_dtype == "float32"
    answers = trained.task.evaluate(*_judged(trained, place))
    assert answers["accuracy"] == pytest.approx(found["distilled"]["accuracy"], abs=1e-6)
    assert answers["accuracy"] > 0.8
    tool("distill", *flags(place, "tinybert_task", tmp_path / "whole"))
    ours, theirs = (losses(folder, "from_scratch", "labels") for folder in (output, tmp_path / "whole"))
    # 8 bits of precision: another loss, of the same course.
    assert ours.tolist() != theirs.tolist() and abs(ours - theirs).max() < 0.1


@pytest.mark.slow
def test_mobilebert_on_tags(place, tmp_path):
    output = tmp_path / "out"
    given = flags(place, "mobilebert", output, task="token_classification", suffix="txt", num_layers=4, dim=128)
    given = [flag.replace("--student=Bert", "--student=MobileBert") for flag in given]
    tool("distill", *given, "--set=bottleneck_dim=32", "--set=embedding_dim=128")
    for block in range(4):
        lines = (output / "stages/distilled" / f"transfer_{block}" / "held_out.jsonl").read_text().splitlines()
        found = [json.loads(line)["hidden_states"] for line in lines]
        assert found == sorted(found, reverse=True) and len(found) == 3
    found = json.loads((output / "results.json").read_text())
    assert found["distilled"]["entity_f1"] > 0.9 > found["from_scratch"]["entity_f1"]


def test_text_to_an_encoder(place, tmp_path):
    teacher = tmp_path / "teacher"
    tool("pretrain", "--encoder=Bert", *(f"--set={name}={value}" for name, value in SIZES.items()),
         f"--text={place}/prose.txt", "--tokenizer=kbs_tiny_en", "--max_length=32", "--batch_size=16", "--steps=60",
         "--learning_rate=3e-3", f"--output={teacher}")  # fmt: skip
    common = [f"--teacher={teacher}", "--student=Bert", f"--text={place}/prose.txt", f"--held_out={place}/other.txt",
              *(f"--set={name}={value}" for name, value in {**SIZES, "num_layers": 1}.items()), "--max_length=32",
              "--batch_size=16", "--epochs=2", "--learning_rate=3e-3"]  # fmt: skip
    output = tmp_path / "distilbert"
    tool("distill", "--recipe=distilbert", *common, f"--output={output}")
    found = json.loads((output / "results.json").read_text())
    assert found["distilled"]["masked_lm_loss"] < found["from_scratch"]["masked_lm_loss"]
    tokenizer, model = Tokenizer.from_preset(output / "distilled"), load_model(output / "distilled", head="masked_lm")
    assert np.isfinite(np.asarray(model(tokenizer.arrays([tokenizer.encode("the [MASK] .")]))["logits"])).all()
    output = tmp_path / "minilm"
    tool("distill", "--recipe=minilm_v2", *common, f"--output={output}")
    found = json.loads((output / "results.json").read_text())
    assert list(found) == ["teacher", "untrained", "distilled"]
    assert found["distilled"]["loss"] < found["untrained"]["loss"]
    assert len(Encoder.from_preset(output / "distilled").blocks) == 1
    # On the output of a run is another run's no place.
    done = tool("distill", "--recipe=minilm_v1", *common, f"--output={output}", check=False)
    assert "whose recipe differed" in complaint(done)


@pytest.mark.parametrize(
    ("recipe", "stages"),
    [
        ("tinybert_task", ("intermediate", "prediction")),
        pytest.param("fastbert", ("last_exit", "other_exits"), marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_ends_as_an_unbroken_one(place, tmp_path, recipe, stages):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    given = flags(place, recipe, broken)
    if recipe == "fastbert":
        given = [flag for flag in given if not flag.startswith(("--set", "--student"))]
    tool("distill", *given[:-1], f"--output={whole}")
    command = [sys.executable, "-m", "keras_bert_suite.tools.distill", *given]
    for stage, step in zip(stages, (4, 5), strict=True):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        path = broken / "stages/distilled" / stage / "train.jsonl"
        while process.poll() is None and not (path.exists() and len(path.read_text().splitlines()) >= step):
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    tool("distill", *given)
    for run, stage in (("from_scratch", "labels"), *(("distilled", stage) for stage in stages)):
        np.testing.assert_array_equal(losses(broken, run, stage), losses(whole, run, stage))
    for ours, theirs in zip(
        *(saved.load(place / "distilled").model.weights for place in (broken, whole)), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_two_devices_are_as_one(place, tmp_path):
    found = []
    for name, more in (("one", ()), ("two", ("--strategy=mirrored", "--replicas=2", "--accumulation=2"))):
        tool("distill", *flags(place, "tinybert_task", tmp_path / name, *more))
        found.append([losses(tmp_path / name, "distilled", stage) for stage in ("intermediate", "prediction")])
    for one, two in zip(*found, strict=True):
        # Sums in another order: relative, as the first losses are around 10.
        np.testing.assert_allclose(one, two, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"--task": "--task=token_classification"}, "has learnt classification"),
        ({"--teacher": "--teacher=nowhere"}, "nowhere"),
        ({"--teacher_block": "--teacher_block=9"}, "teacher_block=9; expected one of the 4 of the teacher"),
        ({"--epochs": "--epochs=1,2,3"}, "intermediate, prediction"),
        ({"--epochs": "--epochs=many"}, "expected numbers"),
        ({"--train": ""}, "--task needs --train"),
        ({"--set": "--set=num_heads=2"}, "the student has 2, the teacher 4"),
        ({"--batch_size": "--batch_size=1000"}, "batch_size=1000 or more"),
    ],
)
def test_bad_input_is_one_line(place, tmp_path, change, expected):
    given = flags(place, "tinybert_task", tmp_path / "out")
    (start, flag), *_ = change.items()
    given = [each for each in given if not each.startswith(start) or start == "--set"] + [flag] * bool(flag)
    assert expected in complaint(tool("distill", *given, check=False))


@pytest.mark.slow
def test_exits_learn_from_the_last(place, tmp_path):
    given = [
        flag for flag in flags(place, "fastbert", tmp_path / "out") if not flag.startswith(("--set", "--student"))
    ]
    tool("distill", *given, "--init=random", "--learning_rate=1e-3", "--epochs=4", "--speed_budget=2")
    found = json.loads((tmp_path / "out/results.json").read_text())
    # All texts of so easy a task stop early.
    assert found["distilled"]["accuracy"] > 0.9 and found["distilled"]["speed"] > 0
    assert found["distilled"]["flops"] < found["teacher"]["flops"]
    assert pipeline.load(tmp_path / "out/distilled.tflite")("the captain ship")["label"] == "sea"


@pytest.mark.slow
def test_two_workers_are_as_one_device(place, tmp_path):
    found = []
    for name, more in (("one", ()), ("two", ("--workers=2",))):
        tool("distill", *flags(place, "task", tmp_path / name, *more))
        found.append(losses(tmp_path / name, "distilled", "task"))
    # Sums in another order.
    np.testing.assert_allclose(*found, rtol=2e-6, atol=2e-6)


def test_sentences_to_a_model_of_embeddings(place, tmp_path):
    teacher, output = tmp_path / "teacher", tmp_path / "out"
    saved.save(saved.begin(Similarity(), "kbs_tiny_en", 32), teacher, "")
    given = [f"--teacher={teacher}", "--student=Bert", *(f"--set={name}={value}" for name, value in SIZES.items()),
             f"--text={place}/prose.txt", "--max_length=16", "--batch_size=16", "--group=8"]  # fmt: skip
    done = tool("distill_embeddings", *given, "--steps=20", f"--output={output}")
    assert "parameters" in done.stdout and saved.load(output).embed(["the sea"]).shape == (1, SIZES["dim"])
    done = tool("distill_embeddings", *given, "--steps=20", "--epochs=1", f"--output={output}", check=False)
    assert "one of them" in complaint(done)
