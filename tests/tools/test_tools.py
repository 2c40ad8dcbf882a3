"""Every tool end to end on a kilobyte of text, in processes of their own; a kill; bad input in one line."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import keras
import pytest

from keras_bert_suite import Bert, Encoder, Tokenizer
from tests import processes

GOOD, BAD = "lovely witty gorgeous fine".split(), "dull awful clumsy grim".split()
FILLER = "the film was a story and it is".split()


def tool(name, *arguments, check=True, text="", fresh=False):
    """Runs a tool; a fresh one loads its libraries itself."""
    module = f"keras_bert_suite.tools.{name}"
    if fresh:
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, input=text)
    else:
        done = processes.run(module, arguments, text)
    assert not check or done.returncode == 0, done.stderr[-3000:]
    return done


def complaint(done):
    """The one line of an error: nothing but it reaches the user, of TensorFlow's start neither."""
    lines = done.stderr.splitlines()
    assert done.returncode == 2 and len(lines) == 1 and lines[0].startswith("kbs-"), done.stderr[-3000:]
    return lines[0]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    rng = random.Random(0)

    def sentence():
        good = rng.random() < 0.5
        words = [*rng.sample(FILLER, 4), rng.choice(GOOD if good else BAD)]
        rng.shuffle(words)
        return " ".join(words), str(int(good))

    for name, count in (("train", 96), ("dev", 32)):
        rows = [sentence() for _ in range(count)]
        (folder / f"{name}.tsv").write_text("sentence\tlabel\n" + "".join(f"{t}\t{label}\n" for t, label in rows))
        tags = [[(w, "B-ADJ" if w in GOOD + BAD else "O") for w in t.split()] for t, _ in rows]
        (folder / f"{name}.conll").write_text("\n".join("".join(f"{w} {t}\n" for w, t in row) for row in tags))
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *GOOD, *BAD, *FILLER]
    keras.utils.set_random_seed(0)
    encoder = Bert(len(pieces), dim=32, num_layers=1, num_heads=2, feed_forward_dim=64, max_length=32)
    encoder.save_preset(folder / "encoder", tokenizer=Tokenizer(pieces))
    return folder


def finetune_flags(files, output, task="classification", suffix="tsv", epochs=8):
    return [f"--task={task}", f"--encoder={files}/encoder", f"--train={files}/train.{suffix}",
            f"--eval={files}/dev.{suffix}", f"--output={output}", f"--epochs={epochs}", "--batch_size=8",
            "--learning_rate=3e-3", "--max_length=16", f"--json={output}.json"]  # fmt: skip


def test_from_text_to_the_device(files, tmp_path):
    tool("finetune", *finetune_flags(files, tmp_path / "model"))
    figures = json.loads((tmp_path / "model.json").read_text())
    assert figures["accuracy"] > 0.9
    card = (tmp_path / "model/README.md").read_text()
    assert f"| accuracy | {figures['accuracy']:.4f} |" in card and " --learning_rate=0.003 " in card
    device = tmp_path / "model.tflite"
    flags = ["--sequence_lengths=8,16", f"--data={files}/dev.tsv"]
    done = tool("export", f"--model={tmp_path}/model", f"--output={device}", *flags, fresh=True)
    assert "same answer" in done.stdout and not done.stderr
    accuracy = f"{figures['accuracy']:.4f}"
    assert f"in brackets the Keras model: accuracy {accuracy} ({accuracy})" in done.stdout
    for model in (tmp_path / "model", device):
        tool("evaluate", f"--model={model}", f"--data={files}/dev.tsv", f"--json={tmp_path}/report.json")
        found = json.loads((tmp_path / "report.json").read_text())
        # Of 32 examples, int8 may turn one.
        assert abs(found["accuracy"] - figures["accuracy"]) <= 1 / 32 + 1e-9
        done = tool("predict", f"--model={model}", text="the film was lovely\nit was " + "dull " * 10_000 + "\n")
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert [answer["label"] for answer in answers] == ["1", "0"]
        assert done.stderr == "kbs-predict: a text goes on beyond 16 pieces; the rest was not read.\n"
        assert not tool("predict", f"--model={model}", "--text=the film was lovely").stderr
    printed = tool("inspect", f"--model={device}").stdout
    assert "task classification: labels ['0', '1'], problem single_label" in printed and "block_0/attention" in printed
    assert f"accuracy: {{'examples': 32, 'before': {{'accuracy': {figures['accuracy']}" in printed
    assert "has the label '7'" in complaint(_evaluate_with_label(files, tmp_path, "7"))
    device.write_bytes(device.read_bytes()[:9000])
    for name, more in {"predict": ["--text=x"], "inspect": []}.items():
        assert "cut off" in complaint(tool(name, f"--model={device}", *more, check=False, fresh=True))


def _evaluate_with_label(files, tmp_path, label):
    (tmp_path / "odd.tsv").write_text(f"sentence\tlabel\nfilm\t{label}\n")
    return tool("evaluate", f"--model={tmp_path}/model", f"--data={tmp_path}/odd.tsv", check=False)


def test_a_killed_training_ends_as_an_unbroken_one(files, tmp_path):
    flags = {
        name: [*finetune_flags(files, tmp_path / name, "token_classification", "conll", 4), "--token_dropout=0.05"]
        for name in ("one", "two")
    }
    tool("finetune", *flags["one"])
    command = [sys.executable, "-m", "keras_bert_suite.tools.finetune", *flags["two"]]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    state = tmp_path / ".two.training/state.npz"
    deadline = time.time() + 300
    while not state.exists() and time.time() < deadline:
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert state.exists() and not (tmp_path / "two").exists()
    refused = tool("finetune", *flags["two"], "--seed=5", check=False)
    assert "seed differed" in complaint(refused)
    assert "Goes on after epoch" in tool("finetune", *flags["two"]).stdout
    one, two = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("one", "two"))
    assert one["entity_f1"] == two["entity_f1"] > 0.9
    # Sums of float32 in the order that threads happen to end.
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-4)
    assert not state.exists()


def test_predict_reads_tables_and_candidates(files, tmp_path):
    encoder, tokenizer = Encoder.from_preset(files / "encoder"), Tokenizer.from_preset(files / "encoder")
    encoder.save_preset(tmp_path / "sentences", tokenizer=tokenizer, format="huggingface")
    (tmp_path / "sentences/modules.json").write_text(json.dumps([{"type": "Transformer", "path": ""}]))
    model, text, choices = f"--model={tmp_path}/sentences", "the film was lovely", ["dull", "the film was lovely"]
    asked = tool("predict", model, f"--text={text}", *(f"--choice={choice}" for choice in choices))
    (tmp_path / "asked.jsonl").write_text(json.dumps({"text": text, "choices": choices}) + "\n")
    assert asked.stdout == tool("predict", model, f"--data={tmp_path}/asked.jsonl").stdout
    assert json.loads(asked.stdout)["ranking"][0] == 1
    (tmp_path / "pairs.csv").write_text(f"1,{text},{text}\n2,dull,{text}\n")
    done = tool("predict", model, f"--data={tmp_path}/pairs.csv", "--columns=id,text,pair")
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == [text, "dull"]


@pytest.mark.parametrize(
    "flags, expected",
    [
        (["--text=a", "--data=b.tsv"], "Received --data and --text"),
        (["--text=a", "--text=b", "--pair=c"], "2 --text and 1 --pair"),
        (["--text=a", "--text=b", "--choice=c"], "2 --text with --choice"),
        (["--data=missing.tsv"], "missing.tsv cannot be read"),
        ([], "No text: give"),
    ],
)
def test_predict_asks_for_what_it_lacks(flags, expected):
    assert expected in complaint(tool("predict", "--model=m", *flags, check=False))


def test_convert_checkpoint(files, tmp_path):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    printed = tool("convert_checkpoint", f"--source={files}/encoder", f"--output={theirs}", "--to=huggingface").stdout
    assert "largest difference 0.0" in printed
    printed = tool("convert_checkpoint", f"--source={theirs}", f"--output={ours}").stdout
    assert re.search(r"block_\*/attention/query +encoder\.layer\.\*\.attention\.self\.query", printed)
    assert "largest difference 0.0" in printed


def test_bad_input_is_one_line_and_leaves_nothing(files, tmp_path):
    assert "--train must have a value" in complaint(tool("finetune", "--task=classification", check=False))
    assert "Unknown command line flag" in complaint(tool("predict", "--modle=x", check=False))
    (tmp_path / "empty.tsv").write_text("")
    flags = finetune_flags(files, tmp_path / "model")
    assert "holds no examples" in complaint(tool("finetune", *flags, f"--train={tmp_path}/empty.tsv", check=False))
    assert "no entities" in complaint(tool("finetune", *flags, "--entity_dropout=0.1", check=False))
    assert "has 32 positions" in complaint(tool("finetune", *flags, "--max_length=64", check=False))
    assert "no folder" in complaint(tool("export", "--model=nothing", f"--output={tmp_path}/m.tflite", check=False))
    assert [path.name for path in tmp_path.iterdir()] == ["empty.tsv"]


@pytest.mark.parametrize(
    "name", ["convert_checkpoint", "evaluate", "export", "finetune", "inspect", "predict", "quickstart"]
)
def test_help(name):
    printed = tool(name, "--help").stdout
    assert f"kbs-{name} " in printed or f"kbs-{name}\n" in printed
    assert "Flags:" in printed
