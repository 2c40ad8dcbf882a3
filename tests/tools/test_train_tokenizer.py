"""kbs-train_tokenizer end to end, in processes of its own."""

import pytest

from keras_bert_suite import Encoder, Tokenizer
from tests.tokenizers.test_training import TEXTS
from tests.tools.test_tools import complaint, tool


@pytest.fixture
def text(tmp_path):
    for name, texts in (("one", TEXTS[:4]), ("two", TEXTS[4:])):
        (tmp_path / f"{name}.txt").write_text("".join(f"{text}\n" for text in texts))
    return f"--text={tmp_path}/*.txt"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    "kind, flags",
    [
        ("wordpiece", ["--size=260", "--lowercase"]),
        ("bpe", ["--size=330", "--family=deberta"]),
        ("unigram", ["--size=200", "--nolowercase"]),
    ],
)
def test_a_folder_that_reads_the_same_each_time(kind, flags, text, tmp_path):
    for name in ("a", "b"):
        done = tool("train_tokenizer", text, f"--kind={kind}", "--held_out=4", *flags, f"--output={tmp_path}/{name}")
        lines = done.stdout.splitlines()
        assert not done.stderr and "on 2 lines held out: " in lines[1] and " pieces a word, " in lines[1]
        assert kind != "bpe" or lines[1].endswith(" 0.000 % unknown")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    tokenizer = Tokenizer.from_preset(tmp_path / "a")
    assert f"{tokenizer.kind}, {tokenizer.vocab_size} pieces, " in lines[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "one.txt", "two.txt"]


def test_an_encoder_for_the_domain(text, tmp_path):
    done = tool("train_tokenizer", text, "--base=kbs_tiny_en", "--size=300", f"--output={tmp_path}/domain")
    assert " pieces keep their rows; each other row is the mean of " in done.stdout and not done.stderr
    tokenizer, encoder = (kind.from_preset(tmp_path / "domain") for kind in (Tokenizer, Encoder))
    assert encoder.embeddings.vocab_size == tokenizer.vocab_size <= 300


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--text=none*.txt"], "--text=none*.txt matches no file"),
        (["--kind=bpe", "--lowercase"], "bpe has no setting lowercase; it has size, family, min_frequency"),
        (["--size=5"], "the special pieces there is room for 0"),
        (["--add=5"], "--add adds to the pieces of --base"),
        (["--base=kbs_tiny_en", "--lowercase"], "--lowercase is as the tokenizer of --base has it"),
        (["--base=no_such"], "'no_such' is no folder and no preset"),
        (["--kind=words"], "value should be one of <wordpiece|bpe|unigram>"),
    ],
)
def test_bad_input_is_one_line(flags, message, text, tmp_path):
    done = tool("train_tokenizer", text, *flags, f"--output={tmp_path}/new", check=False)
    assert message in complaint(done)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.txt", "two.txt"]
