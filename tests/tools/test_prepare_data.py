"""kbs-prepare_data: the same bytes with one worker or two and after a kill; bad input in one line."""

import importlib.util
import json
import multiprocessing
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from keras_bert_suite import InputError, Tokenizer, preparation
from keras_bert_suite.data import records
from tests.tools.test_tools import complaint, tool

WORDS = "the sea wind ship captain island gold map night morning stone river tree".split()


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """Two files of running text, 24 documents' parts or more."""
    folder, rng = tmp_path_factory.mktemp("text"), random.Random(0)
    for name in ("one", "two"):
        sentences = (" ".join(rng.choices(WORDS, k=rng.randint(3, 30))) + "." for _ in range(800))
        (folder / f"{name}.txt").write_text("\n".join(sentences))
    return folder


def settings(folder, **changes):
    given = {"text": (f"{folder}/*.txt",), "tokenizer": "kbs_tiny_en", "form": "full_sentences", "max_length": 32}
    return preparation.Settings(**{**given, "shards": 4, **changes})


def flags(text, output, *more):
    return [f"--text={text}/*.txt", "--tokenizer=kbs_tiny_en", "--form=full_sentences", "--max_length=32",
            "--shards=4", f"--output={output}", *more]  # fmt: skip


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(folder):
    """All rows of a folder, dicts of lists without padding."""
    found = []
    for batch in records.read(folder, 256, seed=0, epochs=1):
        sizes = batch["padding_mask"].numpy().sum(1)
        arrays = {name: array.numpy() for name, array in batch.items() if name != "padding_mask"}
        for i, size in enumerate(sizes):
            found.append(
                {name: array[i][:size].tolist() if array.ndim > 1 else array[i] for name, array in arrays.items()}
            )
    return found


@pytest.fixture(scope="module")
def prepared(text, tmp_path_factory):
    output = tmp_path_factory.mktemp("prepared") / "data"
    preparation.prepare(settings(text), output)
    return output


def test_every_sentence_is_in_a_row(text, prepared):
    tokenizer, index = Tokenizer.from_preset(prepared / "tokenizer"), json.loads((prepared / "index.json").read_text())
    found = rows(prepared)
    assert all(row["token_ids"][0] == tokenizer.cls_id and row["token_ids"][-1] == tokenizer.sep_id for row in found)
    assert all(len(row["token_ids"]) <= 32 for row in found)
    pieces = [i for row in found for i in row["token_ids"] if i not in (tokenizer.cls_id, tokenizer.sep_id)]
    whole = [i for path in text.iterdir() for i in tokenizer.encode(path.read_text()).ids[1:-1]]
    assert sorted(pieces) == sorted(whole)
    assert index["documents"] == 2 and len(index["shards"]) == 4
    assert sum(shard["examples"] for shard in index["shards"]) == len(found)
    assert sum(shard["tokens"] for shard in index["shards"]) == sum(len(row["token_ids"]) for row in found)
    sizes = [shard["tokens"] for shard in index["shards"]]
    # A shard has 16 parts of equal size or nearly, of which the last may be one more or less.
    assert max(sizes) < 1.15 * min(sizes)


def test_two_workers_write_the_same_bytes(text, prepared, tmp_path):
    preparation.prepare(settings(text), tmp_path / "data", workers=2)
    assert files(tmp_path / "data") == files(prepared)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_beam_writes_the_same_bytes(text, prepared, tmp_path):
    if not importlib.util.find_spec("apache_beam"):
        with pytest.raises(InputError, match="pip install keras_bert_suite.beam"):
            preparation.prepare(settings(text), tmp_path / "data", runner="DirectRunner")
        assert not list(tmp_path.iterdir())
        pytest.skip("needs Apache Beam, the extra beam")
    preparation.prepare(settings(text), tmp_path / "data", runner="DirectRunner")
    assert files(tmp_path / "data") == files(prepared)


def test_a_killed_worker_is_told_and_its_run_goes_on(text, prepared, tmp_path):
    def kill_first(items):
        for worker in multiprocessing.active_children():
            worker.kill()
        return items

    with pytest.raises(InputError, match="A worker was killed"):
        preparation.prepare(settings(text), tmp_path / "data", workers=2, progress=kill_first)
    preparation.prepare(settings(text), tmp_path / "data")
    assert files(tmp_path / "data") == files(prepared)


def test_a_killed_run_goes_on(text, prepared, tmp_path):
    command = [sys.executable, "-m", "keras_bert_suite.tools.prepare_data", *flags(text, tmp_path / "data")]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    work = tmp_path / ".data.preparing"
    deadline = time.time() + 300
    while not list(work.glob("part*.json")) and time.time() < deadline and running.poll() is None:
        time.sleep(0.001)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not (tmp_path / "data").exists()
    done = {path: path.stat().st_mtime_ns for path in work.glob("part*.tfrecord")}
    assert 1 <= len(done) < 4
    with pytest.raises(InputError, match="unfinished preparation whose shards, seed differed"):
        preparation.prepare(settings(text, seed=1, shards=5), tmp_path / "data")
    index = preparation.prepare(settings(text), tmp_path / "data")
    assert files(tmp_path / "data") == files(prepared)
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "data").glob("*.tfrecord")}
    assert all(kept[path.name] == changed for path, changed in done.items())
    assert index == json.loads((prepared / "index.json").read_text())


def test_duplicates_are_dropped_before_they_are_dealt(tmp_path):
    documents = [" ".join(random.Random(seed).choices(WORDS, k=60)) for seed in range(40)]
    near = documents[0].replace("island", "isle", 1)
    for name, lines in (("a", documents[:30]), ("b", [near, *documents[20:], documents[3].upper()])):
        (tmp_path / f"{name}.txt").write_text("\n".join(lines) + "\n")
    for kind, dropped in ((None, 0), ("exact", 11), ("near", 12)):
        index = preparation.prepare(
            settings(tmp_path, layout="documents", form="packed", deduplicate=kind), tmp_path / "out"
        )
        assert (index["documents"], index["duplicates"]) == (52, dropped)


def test_languages_are_sampled_by_temperature(tmp_path):
    rng = random.Random(0)
    for name, count in (("en", 4000), ("de", 500)):
        lines = (" ".join(rng.choices(WORDS, k=10)) + "." for _ in range(count))
        (tmp_path / f"{name}.txt").write_text("\n".join(lines))
    languages = (f"en:{tmp_path}/en.txt", f"de:{tmp_path}/de.txt")
    tokens = {}
    for temperature in (1.0, 0.3):
        given = settings(tmp_path, text=(), languages=languages, temperature=temperature)
        index = preparation.prepare(given, tmp_path / "out")
        assert index["languages"] == ["en", "de"] and index["features"] == ["token_ids", "language_ids"]
        found = rows(tmp_path / "out")
        assert all(len(set(row["language_ids"])) == 1 for row in found)
        tokens[temperature] = np.bincount([i for row in found for i in row["language_ids"]])
    share = {temperature: counts[1] / counts.sum() for temperature, counts in tokens.items()}
    # Shares are of whole parts, of which there are about 70.
    assert abs(share[1.0] - 1 / 9) < 0.01
    assert abs(share[0.3] - 1 / (1 + 8**0.3)) < 0.02
    assert abs(tokens[0.3].sum() / tokens[1.0].sum() - 1) < 0.05


def test_parallel_lines_of_two_files_or_of_one(tmp_path):
    pairs = [(f"the sea {'ship ' * (i % 3)}", f"map gold {'tree ' * (i % 4)}") for i in range(20)] + [("", "x")]
    for place, name in enumerate(("en", "de")):
        (tmp_path / f"{name}.txt").write_text("".join(pair[place] + "\n" for pair in pairs))
    (tmp_path / "both.tsv").write_text("".join("\t".join(pair) + "\tmore\n" for pair in pairs))
    found = []
    for given in (
        {"text": (), "languages": (f"en:{tmp_path}/en.txt", f"de:{tmp_path}/de.txt")},
        {"text": (f"{tmp_path}/both.tsv",), "languages": ("en", "de")},
    ):
        index = preparation.prepare(settings(tmp_path, form="parallel_lines", shards=2, **given), tmp_path / "out")
        assert index["features"] == ["token_ids", "positions", "language_ids"] and index["languages"] == ["en", "de"]
        found.append(sorted(map(str, rows(tmp_path / "out"))))
    assert len(found[0]) == 20 and found[0] == found[1]


def test_pairs_have_segments_and_labels(text, tmp_path):
    preparation.prepare(settings(text, form="sentence_order", passes=2), tmp_path / "out")
    batch = next(iter(records.read(tmp_path / "out", 64, seed=0)))
    assert batch["segment_ids"].shape == batch["token_ids"].shape == (64, 32) and batch["label"].shape == (64,)
    assert set(batch["label"].numpy()) == {0, 1} == set(batch["segment_ids"].numpy().ravel())


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"form": "parallel_lines"}, "parallel_lines takes two languages"),
        ({"form": "parallel_lines", "languages": ("en:a.txt", "de:b.txt")}, "parallel_lines takes two languages"),
        ({"languages": ("en", "de")}, "either --text=FILES or --languages"),
        ({"text": ()}, "either --text=FILES or --languages"),
        ({"temperature": 0.3}, "temperature=0.3; expected"),
        ({"passes": 2}, "passes=2 of full_sentences"),
        ({"deduplicate": "all"}, "deduplicate='all'; expected one of None, exact, near"),
        ({"form": "x"}, "form='x'; expected one of full_sentences"),
    ],
)
def test_settings_that_do_not_go_together(changes, message):
    with pytest.raises(InputError, match=message):
        settings("folder", **changes)


def test_bad_input(text, tmp_path):
    output = tmp_path / "data"
    assert "No file matches" in complaint(tool("prepare_data", *flags(tmp_path, output), check=False))
    for name, content, message in (("empty", b" \n", "holds no text"), ("odd", b"abc\xff", "is no UTF-8 text")):
        (tmp_path / f"{name}.txt").write_bytes(content)
        with pytest.raises(InputError, match=message):
            preparation.prepare(settings(tmp_path, text=(f"{tmp_path}/{name}.txt",)), output)
    with pytest.raises(InputError, match="max_length=2; expected 3 or more"):
        preparation.prepare(settings(text, max_length=2), output)
    with pytest.raises(InputError, match="nowhere"):
        preparation.prepare(settings(text, tokenizer="nowhere"), output)
    (tmp_path / "long.txt").write_text("a\nb\n")
    (tmp_path / "blank.txt").write_text("\n")
    (tmp_path / "tab.tsv").write_text("a\tb\nc\n")
    two = (f"en:{tmp_path}/long.txt", f"de:{tmp_path}/blank.txt")
    for changes, message in (
        ({"form": "parallel_lines", "text": (f"{tmp_path}/tab.tsv",), "languages": ("en", "de")}, "line 2 has no tab"),
        ({"form": "parallel_lines", "text": (), "languages": two}, "long.txt has 2 lines and .*blank.txt 1"),
        ({"text": (), "languages": two, "temperature": 0.5}, "language de has no text"),
    ):
        with pytest.raises(InputError, match=message):
            preparation.prepare(settings(text, **changes), output)
    output.write_text("")
    with pytest.raises(InputError, match="is a file"):
        preparation.prepare(settings(text), output)
    assert not list(tmp_path.glob(".data*"))
