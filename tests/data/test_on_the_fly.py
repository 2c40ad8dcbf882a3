"""Text that is read while training: the sequences of prepared data, in an order that a seed and a number give."""

import itertools
import random

import numpy as np
import pytest

from keras_bert_suite import InputError, Tokenizer, preparation
from keras_bert_suite.data import on_the_fly, records
from keras_bert_suite.data.masking import Masking

WORDS = "the sea wind ship captain island gold map night morning stone river tree café".split()
LENGTH = 32


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.from_preset("kbs_tiny_en")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two files of running text, with paragraphs of several lines."""
    folder, rng = tmp_path_factory.mktemp("text"), random.Random(0)
    for name in ("one", "two"):
        lines = (" ".join(rng.choices(WORDS, k=rng.randint(3, 30))) + "." for _ in range(300))
        (folder / f"{name}.txt").write_text("".join(line + "\n" * rng.choice((1, 1, 2)) for line in lines))
    return folder


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(on_the_fly, "CHUNK_BYTES", 10_000)


def text_of(folder, tokenizer, seed=0):
    return on_the_fly.Text([f"{folder}/*.txt"], tokenizer, LENGTH, seed)


def sequences(batches):
    """The sequences of rows, as tuples of ids, of which positions and paddings are checked."""
    found = []
    for batch in batches:
        for ids, numbers, positions, real in zip(
            *(np.asarray(batch[name]) for name in ("token_ids", "sequence_ids", "positions", "padding_mask")),
            strict=True,
        ):
            assert ((numbers > 0) == (real == 1)).all() and (ids[real == 0] == 0).all()
            for number in range(1, numbers.max() + 1):
                assert positions[numbers == number].tolist() == list(range((numbers == number).sum()))
                found.append(tuple(ids[numbers == number].tolist()))
    return found


def epoch(text):
    """All rows, once."""
    return [text.rows(number) for number in range(len(text._chunks))]


def test_sequences_are_those_of_prepared_data(folder, tokenizer, tmp_path):
    settings = preparation.Settings(
        tokenizer="kbs_tiny_en", form="packed", text=(f"{folder}/*.txt",), max_length=LENGTH, shards=1
    )
    index = preparation.prepare(settings, tmp_path / "data")
    found, expected = epoch(text_of(folder, tokenizer)), list(records.read(tmp_path / "data", 64, 0, epochs=1))
    assert sorted(sequences(found)) == sorted(sequences(expected))
    # As they are as long, they need as many rows, and those are as full.
    assert sum(len(rows["token_ids"]) for rows in found) == sum(shard["examples"] for shard in index["shards"])
    filled = np.concatenate([rows["padding_mask"] for rows in found]).mean()
    assert filled > 0.97


def test_ids_are_the_hosts(folder, tokenizer, small_chunks):
    text = text_of(folder, tokenizer)
    assert len(text._chunks) > 2
    special = {tokenizer.cls_id, tokenizer.sep_id}
    found = sorted(i for ids in sequences(epoch(text)) for i in ids if i not in special)
    whole = [i for path in folder.iterdir() for i in tokenizer.encode(path.read_text()).ids[1:-1]]
    assert found == sorted(whole)


def same(first, second):
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def test_a_seed_gives_an_order_and_an_epoch_another(folder, tokenizer, small_chunks):
    def epochs(seed):
        text = text_of(folder, tokenizer, seed)
        rows = sum(len(found["token_ids"]) for found in epoch(text))
        batches = list(itertools.islice(text.batches(1), 2 * rows))
        return batches[:rows], batches[rows:]

    first, second = epochs(0)
    again, _ = epochs(0)
    other, _ = epochs(1)
    assert all(map(same, first, again))
    assert sorted(sequences(first)) == sorted(sequences(second)) == sorted(sequences(other))
    for batches in (second, other):
        assert sum(map(same, first, batches)) < 0.1 * len(first)


@pytest.mark.parametrize("skip", [0, 3, 31])
def test_it_goes_on_where_it_was(folder, tokenizer, small_chunks, skip):
    masking = Masking(tokenizer, "token", 0.15, 5)

    def transform(number, batch):
        return masking(batch, [7, number])

    def batches(skip, count):
        # 32 batches of 16 are more than the epoch has rows.
        found = on_the_fly.read(text_of(folder, tokenizer), 16, skip, transform, group=4)
        return [{name: x.numpy() for name, x in batch.items()} for batch in found.take(count)]

    whole, rest = batches(0, 33), batches(skip, 33 - skip)
    assert all(map(same, whole[skip:], rest))
    arrays = on_the_fly.arrays(text_of(folder, tokenizer), 16, skip, transform, group=4)
    assert all(map(same, rest, arrays))
    assert whole[0]["token_ids"].shape == (16, LENGTH)
    hidden = np.concatenate([batch["masked_weights"] for batch in whole]).sum()
    size = np.concatenate([batch["padding_mask"] for batch in whole]).sum()
    # A number a row, rounded: of 32 pieces 5, which is 15.6 percent.
    assert hidden / size == pytest.approx(0.15, abs=0.01)


def test_no_text_is_told(tmp_path, tokenizer):
    (tmp_path / "blank.txt").write_text(" \n\n ")
    with pytest.raises(InputError, match="holds no text"):
        on_the_fly.Text([str(tmp_path / "blank.txt")], tokenizer, LENGTH, 0)
    (tmp_path / "latin.txt").write_bytes("café\n".encode("latin-1"))
    with pytest.raises(InputError, match="latin.txt is no UTF-8 text"):
        on_the_fly.Text([str(tmp_path / "latin.txt")], tokenizer, LENGTH, 0)
    with pytest.raises(InputError, match="No file matches"):
        on_the_fly.Text([str(tmp_path / "absent.txt")], tokenizer, LENGTH, 0)
