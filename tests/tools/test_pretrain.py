"""kbs-pretrain end to end: text to an encoder that other tools take, the same after a kill, and on several devices."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

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
    last = log(whole)[-1]
    assert last.keys() == {"step", "loss", "masked_lm", "learning_rate", "tokens_per_second", "mfu"}
    # Of a peak that is measured at another moment.
    assert 0 < last["mfu"] < 2
    events = [
        tf.compat.v1.Event.FromString(record.numpy())
        for path in (whole / "tensorboard").iterdir()
        for record in tf.data.TFRecordDataset(str(path))
    ]
    shown = [
        (event.step, value.tag, tf.make_ndarray(value.tensor)) for event in events for value in event.summary.value
    ]
    assert [float(value) for _, tag, value in shown if tag == "loss"] == pytest.approx(found, rel=1e-6)
    assert {tag for _, tag, _ in shown} == last.keys() - {"step"} and shown[-1][0] == STEPS


def begin(*arguments):
    command = [sys.executable, "-m", "keras_bert_suite.tools.pretrain", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def wait_for(found, process):
    while not found() and process.poll() is None:
        time.sleep(0.0005)


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_a_kill_at_any_time_costs_no_step(text, whole, tmp_path, kills):
    folder, times, whiles = tmp_path / "broken", random.Random(kills), 0
    for number in range(kills):
        process, before = begin(*flags(text, folder, "--checkpoint_every=1")), set(folder.glob("checkpoints/step_*"))
        wait_for(lambda before=before: set(folder.glob("checkpoints/step_*")) - before, process)
        if number % 2:
            time.sleep(times.uniform(0, 0.2))
        else:
            # While a checkpoint is being written: its temporary folder is there, also once the process stands still.
            while process.poll() is None:
                wait_for(lambda: list(folder.glob("checkpoints/.step_*")), process)
                time.sleep(times.uniform(0, 0.003))
                process.send_signal(signal.SIGSTOP)
                if list(folder.glob("checkpoints/.step_*")):
                    break
                process.send_signal(signal.SIGCONT)
        process.kill()
        process.communicate()
        whiles += bool(list(folder.glob("checkpoints/.step_*")))
    assert whiles
    # The newest checkpoint is damaged too: the one before counts.
    newest = max(folder.glob("checkpoints/step_*"))
    content = (newest / "state.npz").read_bytes()
    (newest / "state.npz").write_bytes(content[: len(content) // 2])
    done = tool("pretrain", *flags(text, folder, "--checkpoint_every=1"))
    assert "is damaged" in done.stdout
    assert (losses(folder) == losses(whole)).all()
    assert (folder / "model.weights.h5").read_bytes() == (whole / "model.weights.h5").read_bytes()
    names = sorted(path.name for path in (folder / "checkpoints").iterdir())
    assert names == ["step_000000023", "step_000000024"]


def test_where_there_is_no_room_a_run_stops_and_goes_on_later(text, whole, tmp_path):
    folder = tmp_path / "full"
    process = begin(*flags(text, folder))
    wait_for(lambda: list(folder.glob("checkpoints/step_*")), process)
    # Writes fail in the middle of a file, as on a full disk.
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    _, errors = process.communicate()
    assert process.returncode == 2 and "Traceback" not in errors
    assert "could not be written: File too large. The last checkpoint is whole; make room" in errors
    assert list((folder / "checkpoints").iterdir()) and not list(folder.rglob(".*"))
    assert not (folder / "model.weights.h5").exists()
    tool("pretrain", *flags(text, folder))
    assert (losses(folder) == losses(whole)).all()
    assert (folder / "model.weights.h5").read_bytes() == (whole / "model.weights.h5").read_bytes()


def test_a_loss_that_is_no_number_leaves_its_batch(text, tmp_path):
    more = ["--optimizer=sgd", "--learning_rate=1e38", "--steps_per_execution=4"]
    done = tool("pretrain", *flags(text, tmp_path / "run", *more), check=False)
    # On processors without AVX-512 oneDNN has a line of its own before it.
    assert done.returncode == 2 and "Traceback" not in done.stderr
    line = done.stderr.splitlines()[-1]
    arrays = np.load(tmp_path / "run/bad_batch.npz")
    step = int(arrays["step"])
    assert step > 1 and f"The loss of step {step} is " in line and "bad_batch.npz has what it read" in line
    assert [entry["step"] for entry in log(tmp_path / "run")] == list(range(1, step))
    assert arrays["token_ids"].shape == arrays["before/token_ids"].shape == (16, 32)
    assert (arrays["token_ids"] != arrays["before/token_ids"]).any()


PHASES = (
    "steps=6,max_length=16,batch_size=8..24,accumulation=3",
    "steps=6,max_length=32,batch_size=16,learning_rate=1e-3,warmup_steps=2",
)


def in_phases(text, output, *more):
    given = [flag for flag in flags(text, output) if not flag.startswith(("--steps", "--set=num_layers", "--max"))]
    return [*given, "--set=num_layers=1", *(f"--phase={phase}" for phase in PHASES), *more]


@pytest.fixture(scope="module")
def phased(text, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "phased"
    tool("pretrain", *in_phases(text, folder))
    return folder


def test_phases_have_lengths_batches_and_rates_of_their_own(text, phased):
    found = log(phased)
    assert [entry["step"] for entry in found] == list(range(1, 13))
    # Of the step that comes: a line that falls to nothing in 6 steps; then 2 steps of warm-up and 4 of fall.
    rates = [*(3e-3 * (1 - np.arange(1, 6) / 6)), 0, 5e-4, *(1e-3 * (1 - np.arange(5) / 4))]
    np.testing.assert_allclose([entry["learning_rate"] for entry in found], rates, rtol=1e-6, atol=1e-9)
    assert Encoder.from_preset(str(phased)).max_length == 32
    # Within the second phase: what is learned after step 8 is the same again.
    expected = [entry["loss"] for entry in found]
    for path in (phased / "checkpoints/step_000000012", phased / "config.json"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = tool("pretrain", *in_phases(text, phased))
    assert "Goes on after step 8 of 12." in done.stdout
    assert [entry["loss"] for entry in log(phased)] == expected


@pytest.mark.slow
def test_a_kill_in_any_phase_costs_no_step(text, phased, tmp_path):
    folder = tmp_path / "broken"
    for number in (2, 4, 5, 9):
        process = begin(*in_phases(text, folder, "--checkpoint_every=1"))
        wait_for(lambda number=number: (folder / f"checkpoints/step_{number:09}").exists(), process)
        process.kill()
        process.communicate()
    tool("pretrain", *in_phases(text, folder, "--checkpoint_every=1"))
    assert [entry["loss"] for entry in log(folder)] == [entry["loss"] for entry in log(phased)]


def test_blocks_that_are_computed_again_learn_the_same(text, whole, tmp_path):
    tool("pretrain", *flags(text, tmp_path / "again", "--remat"))
    # Float32 of losses around 8, after 24 steps of Adam.
    assert np.abs(losses(tmp_path / "again") - losses(whole)).max() <= 2e-6


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
    assert "has no boundary_hidden, span_boundary: they are new" in done.stdout
    assert {"masked_lm", "span_boundary"} <= log(tmp_path / "more")[-1].keys()
    # It goes on with the head that was saved: a new one would begin at even guessing, 8.7 nats.
    assert log(tmp_path / "more")[-1]["masked_lm"] < 7


def test_checkpoints_are_judged_on_text_that_is_held_out(text, tmp_path):
    held, folder = tmp_path / "held.txt", tmp_path / "run"
    held.write_text("\n".join(text.read_text().splitlines()[:80]))
    tool("pretrain", *flags(text, folder, f"--held_out={held}", "--checkpoint_every=12"))
    found = [json.loads(line) for line in (folder / "held_out.jsonl").read_text().splitlines()]
    assert [each["step"] for each in found] == [12, STEPS] and found[0].keys() == {"step", "loss", "masked_lm"}
    # Near the loss of the last steps on text of the same kind, and below that of the first half.
    assert found[1]["loss"] < found[0]["loss"] and abs(found[1]["loss"] - losses(folder)[-6:].mean()) < 0.5


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
    tool("pretrain", *flags(text, tmp_path / "whole", "--on_the_fly", f"--held_out={text}"))
    found = losses(tmp_path / "whole")
    judged = [json.loads(line) for line in (tmp_path / "whole/held_out.jsonl").read_text().splitlines()]
    assert [each["step"] for each in judged] == [4, 8, 12, 16, 20, 24] and judged[-1]["loss"] < 7
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
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    # Of 2e-6 for a loss of 4: these are around 40, and float32 rounds them ten times as coarsely.
    assert (np.abs(one - two) / np.maximum(one / 4, 1)).max() <= 2e-6


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--objective=next_word"], "expected of masked_lm"),
        (["--set=width=3"], "Bert has no argument width"),
        (["--batch_size=15", "--accumulation=2"], "expected a multiple of 1 replicas times accumulation=2"),
        (["--objective=masked_lm,next_sentence"], "has no pairs; prepare it with --form=sentence_pairs"),
        (["--objective=permutation_lm"], "reads two streams, which Bert lacks"),
        (["--objective=masked_lm,permutation_lm"], "expected permutation_lm alone"),
        (["--objective=masked_lm,enhanced_masked_lm"], "by another decoder; expected one of them"),
        (["--encoder=XLNet", "--objective=permutation_lm", "--segments=3"], "a multiple of segments=3"),
        (["--text=nothing/*.txt"], "nothing/*.txt"),
        (["--strategy=multi_worker"], "TF_CONFIG"),
        (["--on_the_fly", "--objective=next_sentence"], "The text has no pairs"),
        (["--on_the_fly", "--objective=replaced_token"], "replaced_token reads rows of one sequence"),
        (["--phase=steps=4"], "Expected --steps or --phase"),
        (["--generator_width=0.5"], "a generator is of objective=replaced_token"),
        (["--objective=masked_lm,replaced_token"], "expected replaced_token alone"),
        (["--objective=replaced_token"], "expected the same shape for tables that are tied"),
    ],
)
def test_bad_input_is_one_line(text, tmp_path, more, message):
    assert message in complaint(tool("pretrain", *flags(text, tmp_path / "run", *more), check=False))
