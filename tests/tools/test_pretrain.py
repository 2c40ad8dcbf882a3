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

from keras_bert_suite import Encoder, Tokenizer, load_model, preparation
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
    arrays = tokenizer.arrays([tokenizer.encode("the captain [MASK] .")])
    assert np.isfinite(np.asarray(encoder(arrays)["pooled_output"])).all()
    guesses = np.asarray(load_model(whole, head="masked_lm")(arrays)["logits"])[0, 3].argsort()[-10:]
    assert set(guesses) <= set(tokenizer.encode(" ".join(WORDS) + ".").ids)
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
    assert "has no head of span_boundary; it is new" in done.stdout
    assert {"masked_lm", "span_boundary"} <= log(tmp_path / "more")[-1].keys()
    # It goes on with the head that was saved: a new one would begin at even guessing, 8.7 nats.
    assert log(tmp_path / "more")[-1]["masked_lm"] < 7


def test_permutation_lm_of_two_segments(text, tmp_path):
    tool("pretrain", *flags(text, tmp_path / "run", "--encoder=XLNet", "--objective=permutation_lm", "--segments=2"))
    found = losses(tmp_path / "run")
    # As with masks: from even guessing towards the 15 words of the text.
    assert found[0] > 8.5 and found[-1] < 7
    assert type(Encoder.from_preset(str(tmp_path / "run"))).__name__ == "XLNet"


def prepared(folder, form, **settings):
    given = {"tokenizer": "kbs_tiny_en", "form": form, "max_length": 32, "shards": 2}
    preparation.prepare(preparation.Settings(**given, **settings), folder / form)
    return folder / form


def test_packed_rows(text, tmp_path):
    data = prepared(tmp_path, "packed", text=(str(text),), sequences="sentences")
    index = json.loads((data / "index.json").read_text())
    filled = [sum(shard[name] for shard in index["shards"]) for name in ("tokens", "examples")]
    assert filled[0] / (32 * filled[1]) > 0.97
    more = [word for word in flags(text, tmp_path / "run", f"--data={data}") if not word.startswith("--text")]
    tool("pretrain", *more)
    found = losses(tmp_path / "run")
    assert found[0] > 8.5 and found[-1] < 7
    # What was trained is an encoder like any other.
    assert "sequence_ids" not in Encoder.from_preset(str(tmp_path / "run")).input


def test_text_on_the_fly(text, tmp_path):
    tool("pretrain", *flags(text, tmp_path / "whole", "--on_the_fly"))
    found = losses(tmp_path / "whole")
    assert found[0] > 8.5 and found[-1] < 7
    assert not (tmp_path / "whole/data").exists()
    # A run from the checkpoint after step 20 ends as the whole one.
    (tmp_path / "rest").mkdir()
    shutil.copytree(tmp_path / "whole/checkpoints/step_000000020", tmp_path / "rest/checkpoints/step_000000020")
    shutil.copy(tmp_path / "whole/train.jsonl", tmp_path / "rest")
    done = tool("pretrain", *flags(text, tmp_path / "rest", "--on_the_fly"))
    assert "Goes on after step 20" in done.stdout
    assert (losses(tmp_path / "rest") == found).all()


@pytest.mark.parametrize("family", ["Xlm", "Bert"])
def test_translation_lm(family, tmp_path):
    # Each word has its translation, which alone tells what is hidden: 13 words, of which one is drawn a line.
    rng, path = random.Random(0), tmp_path / "lines.tsv"
    lines = ((word, word[::-1]) for word in rng.choices(WORDS, k=400))
    path.write_text("".join(f"{first}\t{second}\n" for first, second in lines))
    data = prepared(tmp_path, "parallel_lines", text=(str(path),), languages=("en", "ne"))
    more = ["--set=num_languages=2"] if family == "Xlm" else ["--set=feed_forward_dim=64"]
    sizes = {"dim": 32, "num_layers": 1, "num_heads": 2}
    tool("pretrain", f"--encoder={family}", *(f"--set={name}={value}" for name, value in sizes.items()), *more,
         f"--data={data}", "--max_length=32", "--batch_size=16", f"--steps={STEPS}", "--learning_rate=3e-3",
         f"--output={tmp_path / 'run'}")  # fmt: skip
    found = losses(tmp_path / "run")
    assert found[0] > 8.5 and found[-1] < 8
    encoder = Encoder.from_preset(str(tmp_path / "run"))
    assert ("language_ids" in encoder.input) == (family == "Xlm")


@pytest.mark.parametrize(
    ("form", "more", "message"),
    [
        ("packed", ["--encoder=FNet"], "FNet does not read rows of the form packed"),
        ("parallel_lines", ["--encoder=MPNet"], "MPNet does not read rows of the form parallel_lines"),
        ("parallel_lines", ["--encoder=Xlm", "--set=num_languages=1"], "the encoder has num_languages=1"),
    ],
)
def test_rows_that_a_family_does_not_read_are_told(form, more, message, text, tmp_path):
    path = tmp_path / "lines.tsv"
    path.write_text("the sea\tdie See\nthe ship\tdas Schiff\n")
    given = {"languages": ("en", "de")} if form == "parallel_lines" else {}
    data = prepared(tmp_path, form, text=(str(path),), **given)
    sizes = ["--set=dim=48", "--set=num_layers=1"]
    done = tool("pretrain", *more, *sizes, f"--data={data}", "--max_length=32", "--steps=1",
                f"--output={tmp_path / 'run'}", check=False)  # fmt: skip
    assert message in complaint(done)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--objective=next_word"], "expected of masked_lm"),
        (["--set=width=3"], "Bert has no argument width"),
        (["--batch_size=15", "--accumulation=2"], "expected a multiple of 1 replicas times accumulation=2"),
        (["--objective=masked_lm,next_sentence"], "has no pairs; prepare it with --form=sentence_pairs"),
        (["--objective=permutation_lm"], "reads two streams, which Bert lacks"),
        (["--objective=masked_lm,permutation_lm"], "permutation_lm is learned alone"),
        (["--objective=masked_lm,enhanced_masked_lm"], "by another decoder; expected one of them"),
        (["--encoder=XLNet", "--objective=permutation_lm", "--segments=3"], "a multiple of segments=3"),
        (["--text=nothing/*.txt"], "nothing/*.txt"),
        (["--strategy=multi_worker"], "TF_CONFIG"),
        (["--on_the_fly", "--objective=next_sentence"], "The text has no pairs"),
    ],
)
def test_bad_input_is_one_line(text, tmp_path, more, message):
    assert message in complaint(tool("pretrain", *flags(text, tmp_path / "run", *more), check=False))
