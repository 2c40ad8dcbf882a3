"""kbs-pretrain end to end: text to an encoder that other tools take, the same after a kill, and on several devices."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from keras_bert_suite import Encoder, Tokenizer
from tests.tools.test_tools import complaint, tool

WORDS = "the sea wind ship captain island gold map night morning stone river tree".split()
STEPS = 24


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path, rng = tmp_path_factory.mktemp("text") / "tale.txt", random.Random(0)
    path.write_text("\n".join(" ".join(rng.choices(WORDS, k=rng.randint(5, 20))) + "." for _ in range(600)))
    return path


def flags(text, output, *more):
    sizes = {"dim": 32, "num_layers": 2, "num_heads": 2, "feed_forward_dim": 64}
    return ["--encoder=Bert", *(f"--set={name}={value}" for name, value in sizes.items()), f"--text={text}",
            "--tokenizer=kbs_tiny_en", "--max_length=32", "--batch_size=16", f"--steps={STEPS}",
            "--learning_rate=3e-3", "--checkpoint_every=4", f"--output={output}", *more]  # fmt: skip


def log(folder):
    return [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]


def losses(folder):
    found = log(folder)
    assert [entry["step"] for entry in found] == list(range(1, STEPS + 1))
    return np.array([entry["loss"] for entry in found])


@pytest.fixture(scope="module")
def whole(text, tmp_path_factory):
    """An unbroken run, with dropout."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    tool("pretrain", *flags(text, folder))
    return folder


def test_text_to_an_encoder(whole):
    found = losses(whole)
    # From even guessing over 6,000 pieces, 8.7 nats, towards the 15 that the text has.
    assert found[0] > 8.5 and found[-1] < 7
    encoder, tokenizer = Encoder.from_preset(str(whole)), Tokenizer.from_preset(str(whole))
    arrays = tokenizer.arrays([tokenizer.encode("the captain")])
    assert np.isfinite(np.asarray(encoder(arrays)["pooled_output"])).all()
    assert sorted(path.name for path in (whole / "checkpoints").iterdir()) == ["step_000000020", "step_000000024"]
    assert log(whole)[-1].keys() == {"step", "loss", "masked_lm", "learning_rate", "tokens_per_second"}


def test_a_killed_run_ends_as_an_unbroken_one(text, whole, tmp_path):
    folder = tmp_path / "broken"
    command = [sys.executable, "-m", "keras_bert_suite.tools.pretrain", *flags(text, folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(folder.glob("checkpoints/step_*")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # The newest checkpoint is damaged too: the one before counts, or the beginning.
    newest = max(folder.glob("checkpoints/step_*"))
    content = (newest / "state.npz").read_bytes()
    (newest / "state.npz").write_bytes(content[: len(content) // 2])
    done = tool("pretrain", *flags(text, folder))
    assert "is damaged" in done.stdout
    assert (losses(folder) == losses(whole)).all()
    assert (folder / "model.weights.h5").read_bytes() == (whole / "model.weights.h5").read_bytes()


@pytest.mark.slow
def test_two_devices_are_as_one(text, tmp_path):
    still = ["--set=dropout=0.0", "--set=attention_dropout=0.0", "--clip_norm=0.3"]
    tool("pretrain", *flags(text, tmp_path / "one", *still))
    two = ["--strategy=mirrored", "--replicas=2", "--accumulation=2", "--steps_per_execution=4"]
    tool("pretrain", *flags(text, tmp_path / "two", *still, *two))
    # Float32 rounding in another order of sums, of losses around 8.
    assert np.abs(losses(tmp_path / "one") - losses(tmp_path / "two")).max() <= 2e-6


@pytest.mark.slow
def test_two_workers_of_which_one_dies_are_as_one(text, tmp_path):
    still = ["--set=dropout=0.0", "--set=attention_dropout=0.0"]
    tool("pretrain", *flags(text, tmp_path / "one", *still))
    folder = tmp_path / "workers"
    command = [sys.executable, "-m", "keras_bert_suite.tools.pretrain", *flags(text, folder, *still, "--workers=2")]
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL)
    while not list(folder.glob("checkpoints/step_*")) and launcher.poll() is None:
        time.sleep(0.01)
    children = subprocess.run(["pgrep", "-P", str(launcher.pid)], capture_output=True, text=True).stdout.split()
    os.kill(int(children[-1]), signal.SIGKILL)
    output, _ = launcher.communicate(timeout=300)
    assert launcher.returncode == 0 and "A worker died (SIGKILL); all 2 begin again" in output
    assert np.abs(losses(tmp_path / "one") - losses(folder)).max() <= 2e-6


def test_goes_on_from_a_checkpoint_with_another_objective(text, whole, tmp_path):
    done = tool("pretrain", f"--encoder={whole}", f"--text={text}", "--max_length=32", "--steps=2", "--masking=span",
                "--objective=masked_lm,span_boundary", f"--output={tmp_path / 'more'}")  # fmt: skip
    assert done.returncode == 0
    assert {"masked_lm", "span_boundary"} <= log(tmp_path / "more")[-1].keys()


def replaced_token(text, output, *more):
    return flags(text, output, "--encoder=Electra", "--objective=replaced_token", "--set=embedding_dim=32",
                 "--generator_width=0.5", *more)  # fmt: skip


def test_replaced_tokens_are_the_same_after_a_kill(text, tmp_path):
    folder = tmp_path / "run"
    tool("pretrain", *replaced_token(text, folder))
    found, files = losses(folder), ("model.weights.h5", "generator/model.weights.h5")
    assert {"generator", "replaced_token"} <= log(folder)[-1].keys()
    encoder, generator = Encoder.from_preset(str(folder)), Encoder.from_preset(str(folder / "generator"))
    tables = [np.asarray(each.embeddings.token.embeddings) for each in (encoder, generator)]
    assert (tables[0] == tables[1]).all() and generator.get_config()["dim"] == 16
    before = [(folder / file).read_bytes() for file in files]
    # As if the run had died after step 20: what is drawn follows from the step alone.
    shutil.rmtree(folder / "checkpoints" / f"step_{STEPS:09}")
    done = tool("pretrain", *replaced_token(text, folder))
    assert "Goes on after step 20" in done.stdout
    assert (losses(folder) == found).all() and [(folder / file).read_bytes() for file in files] == before


@pytest.mark.slow
def test_replaced_tokens_of_disentangled_tables_go_on(text, tmp_path):
    first, more = tmp_path / "first", tmp_path / "more"
    tool("pretrain", *replaced_token(text, first, "--generator_tables=gdes"))
    tool("pretrain", f"--encoder={first}", f"--generator={first}/generator", "--generator_tables=gdes", "--steps=2",
         f"--text={text}", "--max_length=32", "--objective=replaced_token", "--learning_rate=0",
         f"--output={more}")  # fmt: skip
    before, after = Encoder.from_preset(str(first)), Encoder.from_preset(str(more))
    for one, two in zip(before.weights, after.weights, strict=True):
        # Without a learning rate nothing moves, but for a table less another and plus it again, in float32.
        np.testing.assert_allclose(np.asarray(one), np.asarray(two), atol=1e-7)


@pytest.mark.slow
def test_replaced_tokens_on_two_devices_are_as_on_one(text, tmp_path):
    still = ["--set=dropout=0.0", "--set=attention_dropout=0.0", "--clip_norm=0.3"]
    tool("pretrain", *replaced_token(text, tmp_path / "one", *still))
    two = ["--strategy=mirrored", "--replicas=2", "--accumulation=2", "--steps_per_execution=4"]
    tool("pretrain", *replaced_token(text, tmp_path / "two", *still, *two))
    # Float32 rounding in another order of sums, of losses around 40.
    assert np.abs(losses(tmp_path / "one") - losses(tmp_path / "two")).max() <= 2e-5


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--objective=next_word"], "expected of masked_lm"),
        (["--set=width=3"], "Bert has no argument width"),
        (["--batch_size=15", "--accumulation=2"], "expected a multiple of 1 replicas times accumulation=2"),
        (["--objective=masked_lm,next_sentence"], "has no pairs; prepare it with --form=sentence_pairs"),
        (["--text=nothing/*.txt"], "nothing/*.txt"),
        (["--strategy=multi_worker"], "TF_CONFIG"),
        (["--generator_width=0.5"], "a generator is of objective=replaced_token"),
        (["--objective=masked_lm,replaced_token"], "expected replaced_token alone"),
        (["--objective=replaced_token"], "expected the same shape for tables that are tied"),
    ],
)
def test_bad_input_is_one_line(text, tmp_path, more, message):
    assert message in complaint(tool("pretrain", *flags(text, tmp_path / "run", *more), check=False))
