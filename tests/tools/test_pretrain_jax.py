"""kbs-pretrain on JAX, where there is no TensorFlow: rows to an encoder, the same after a kill and on two devices."""

import json
import random
import subprocess
import sys
import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_bert_suite import Encoder, InputError, Tokenizer, preparation
from tests.tools.test_tools import complaint, tool

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="a part of make test-jax")
WORDS = "the sea wind ship captain island gold map night morning stone river tree".split()
STEPS = 24


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("data"), random.Random(0)
    lines = (" ".join(rng.choices(WORDS, k=rng.randint(5, 20))) + "." for _ in range(600))
    (folder / "tale.txt").write_text("\n".join(lines))
    asked = preparation.Settings(
        text=(f"{folder}/tale.txt",), tokenizer="kbs_tiny_en", form="full_sentences", max_length=32, shards=2
    )
    preparation.prepare(asked, folder / "rows")
    return folder / "rows"


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    """The flag says what the backend is."""
    monkeypatch.delenv("KERAS_BACKEND")


def flags(data, output, *more, family="Bert"):
    sizes = {"dim": 32, "num_layers": 1, "num_heads": 2, "feed_forward_dim": 64}
    return ["--backend=jax", f"--encoder={family}", *(f"--set={name}={value}" for name, value in sizes.items()),
            f"--data={data}", "--max_length=32", "--batch_size=16", f"--steps={STEPS}", "--learning_rate=3e-3",
            "--checkpoint_every=4", f"--output={output}", *more]  # fmt: skip


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def losses(folder, steps=STEPS):
    found = lines(folder / "train.jsonl")
    assert [entry["step"] for entry in found] == list(range(1, steps + 1))
    return np.array([entry["loss"] for entry in found])


def test_rows_to_an_encoder_and_again_after_a_kill(data, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    tool("pretrain", *flags(data, whole, f"--held_out={data}", "--checkpoint_every=12"))
    found = losses(whole)
    # From even guessing over 6,000 pieces, 8.7 nats, towards the 15 that the text has.
    assert found[0] > 8.5 and found[-1] < 7
    last = lines(whole / "train.jsonl")[-1]
    assert last.keys() == {"step", "loss", "masked_lm", "learning_rate", "tokens_per_second", "mfu"}
    # Of a peak that is measured at another moment.
    assert 0 < last["mfu"] < 2
    judged = lines(whole / "held_out.jsonl")
    assert [each["step"] for each in judged] == [12, STEPS] and judged[1]["loss"] < judged[0]["loss"] < found[0]
    encoder, tokenizer = Encoder.from_preset(str(whole)), Tokenizer.from_preset(str(whole))
    arrays = tokenizer.arrays([tokenizer.encode("the captain [MASK] .")])
    assert np.isfinite(np.asarray(encoder(arrays)["pooled_output"])).all()
    command = [sys.executable, "-m", "keras_bert_suite.tools.pretrain", *flags(data, broken, "--checkpoint_every=1")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not list(broken.glob("checkpoints/step_*")) and process.poll() is None:
        time.sleep(0.001)
    process.kill()
    assert process.wait() < 0
    done = tool("pretrain", *flags(data, broken, "--checkpoint_every=1"))
    assert "Goes on after step" in done.stdout
    assert (losses(broken) == found).all()
    assert (broken / "model.weights.h5").read_bytes() == (whole / "model.weights.h5").read_bytes()


def test_two_devices_are_as_one(data, tmp_path):
    still = ["--set=dropout=0.0", "--set=attention_dropout=0.0", "--clip_norm=0.3", "--masking=ngram"]
    tool("pretrain", *flags(data, tmp_path / "one", *still))
    two = ["--strategy=mirrored", "--replicas=2", "--accumulation=2", "--steps_per_execution=4"]
    tool("pretrain", *flags(data, tmp_path / "two", *still, *two))
    # Float32 rounding in another order of sums, of losses around 8.
    assert np.abs(losses(tmp_path / "one") - losses(tmp_path / "two")).max() <= 2e-6


def test_a_loss_that_is_no_number_leaves_its_batch(data, tmp_path):
    more = ["--optimizer=sgd", "--learning_rate=1e38", "--steps_per_execution=4"]
    line = complaint(tool("pretrain", *flags(data, tmp_path, *more), check=False))
    arrays = np.load(tmp_path / "bad_batch.npz")
    step = int(arrays["step"])
    assert step > 1 and f"The loss of step {step} is " in line and "bad_batch.npz has what it read" in line
    assert losses(tmp_path, step - 1).size
    assert arrays["token_ids"].shape == arrays["before/token_ids"].shape == (16, 32)
    assert (arrays["token_ids"] != arrays["before/token_ids"]).any()


@pytest.mark.parametrize(
    ("family", "more"),
    [
        ("Electra", ["--objective=replaced_token", "--set=embedding_dim=32", "--generator_width=0.5"]),
        ("XLNet", ["--objective=permutation_lm", "--segments=2"]),
        ("Bert", ["--objective=masked_lm,span_boundary", "--masking=span", "--dtype=mixed_bfloat16"]),
    ],
)
def test_other_objectives(family, more, data, tmp_path):
    tool("pretrain", *flags(data, tmp_path, *more, family=family))
    found = losses(tmp_path)
    assert found[-1] < 0.9 * found[0]
    assert type(Encoder.from_preset(str(tmp_path))).__name__ == family


@pytest.mark.parametrize("more", [[], ["--on_the_fly"]])
def test_text_needs_no_tensorflow(more, data, tmp_path):
    given = [word for word in flags(data, tmp_path, *more) if not word.startswith("--data")]
    tool("pretrain", *given, f"--text={data.parent}/tale.txt", "--tokenizer=kbs_tiny_en")
    assert losses(tmp_path)[-1] < 7


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"xla": True}, "JAX compiles every step"),
        ({"remat": True}, "Received --remat with --backend=jax"),
        ({"strategy": "multi_worker"}, "expected one_device or mirrored"),
        ({"replicas": 2}, "they are of mirrored"),
    ],
)
def test_what_is_tensorflow_s_alone_is_told(more, message):
    from keras_bert_suite import pretraining_jax

    usual = {"text": (), "held_out": None, "xla": False, "remat": False, "strategy": "one_device", "replicas": None}
    with pytest.raises(InputError, match=message):
        pretraining_jax.Side(SimpleNamespace(**{**usual, **more}))


def test_what_is_not_installed_is_told(tmp_path):
    done = tool("pretrain", "--backend=tensorflow", "--encoder=Bert", f"--output={tmp_path}", check=False)
    assert "--backend=tensorflow needs tensorflow, which is not installed" in complaint(done)
