"""Rows to a folder and back: standard TFRecord, an order that resumes, readers that share the work."""

import json

import numpy as np
import pytest
import tensorflow as tf

from keras_bert_suite import InputError
from keras_bert_suite.data import record_arrays, records

COUNTS, LENGTH = (7, 0, 16), 8


def features(rows):
    """Rows, dicts of lists, as `records.write` takes them."""
    names = ("token_ids", "label")
    splits = {name: np.cumsum([0, *(len(row[name]) for row in rows)]) for name in names}
    return {name: (np.array([i for row in rows for i in row[name]], "int64"), splits[name]) for name in names}


@pytest.fixture
def folder(tmp_path):
    """Rows that begin with their number, in three shards of which one is empty."""
    shards, number = [], 0
    for place, count in enumerate(COUNTS):
        path = tmp_path / f"part-{place:05d}-of-00003.tfrecord"
        rows = [
            {"token_ids": [i, *range(100, 100 + i % LENGTH)], "label": [i % 2]} for i in range(number, number + count)
        ]
        number += count
        records.write(features(rows), range(count), path, tmp_path / records.offsets_of(path))
        shards.append({"file": path.name, "examples": count, "bytes": path.stat().st_size})
    index = {"version": 1, "form": "x", "max_length": LENGTH, "pad_id": 9, "features": ["token_ids", "label"]}
    (tmp_path / "index.json").write_text(json.dumps({**index, "shards": shards}))
    return tmp_path


def numbers(dataset):
    """The numbers of the rows of each batch."""
    return [batch["token_ids"][:, 0].numpy().tolist() for batch in dataset]


def test_files_are_tfrecord(folder):
    found = tf.data.TFRecordDataset([str(path) for path in sorted(folder.glob("*.tfrecord"))])
    features = {"token_ids": tf.io.RaggedFeature(tf.int64)}
    first = [int(tf.io.parse_single_example(record, features)["token_ids"][0]) for record in found]
    assert first == list(range(sum(COUNTS)))


def test_bytes_are_those_of_protocol_buffers(tmp_path):
    numbers = [0, 1, 127, 128, 16383, 16384, 2**21 - 1, 2**21, 2**28 - 1, 2**28, 2**31 - 1]
    rows = [{"token_ids": numbers[i:] * (1 + 40 * i), "label": [i]} for i in range(len(numbers))]
    records.write(features(rows), [*range(1, 11), 0], tmp_path / "x", tmp_path / "y")
    lists = {
        name: [tf.train.Feature(int64_list=tf.train.Int64List(value=row[name])) for row in rows] for name in rows[0]
    }
    for found, i in zip(tf.data.TFRecordDataset(str(tmp_path / "x")), [*range(1, 11), 0], strict=True):
        feature = {name: values[i] for name, values in lists.items()}
        example = tf.train.Example(features=tf.train.Features(feature=feature))
        assert found.numpy() == example.SerializeToString(deterministic=True)


def test_batches_are_padded(folder):
    for batch in records.read(folder, 5, seed=1, epochs=1):
        for ids, mask, label in zip(
            *(batch[name].numpy() for name in ("token_ids", "padding_mask", "label")), strict=True
        ):
            number = ids[0]
            size = 1 + number % LENGTH
            assert ids.tolist() == [number, *range(100, 99 + size), *[9] * (LENGTH - size)]
            assert mask.tolist() == [1] * size + [0] * (LENGTH - size) and label == number % 2
    assert all(array.dtype == tf.int32 for array in batch.values())
    assert batch["token_ids"].shape == (23 % 5, LENGTH) and batch["label"].shape == (3,)


@pytest.mark.parametrize(
    "more", [{"epochs": 2}, {"skip": 2, "epochs": 2}, {"begin": 3, "epochs": 1}, {"shard": (1, 2), "epochs": 3}]
)
def test_numpy_reads_the_same_without_tensorflow(folder, more):
    ours = list(record_arrays.read(folder, 5, seed=1, **more))
    for batch, arrays in zip(records.read(folder, 5, seed=1, **more), ours, strict=True):
        assert batch.keys() == arrays.keys()
        for name, array in arrays.items():
            assert array.dtype == np.int32 and np.array_equal(batch[name].numpy(), array)


def test_numpy_reads_integers_of_any_size_and_none(tmp_path):
    numbers = [0, 127, 128, 16383, 16384, 2**21, 2**28, 2**31 - 1]
    rows = [{"token_ids": numbers[i:] * (1 + 30 * i), "label": [i]} for i in range(len(numbers))]
    rows += [{"token_ids": [], "label": [7]}, {"token_ids": [5], "label": [0]}, {"token_ids": [], "label": [1]}]
    records.write(features(rows), range(len(rows)), tmp_path / "x", tmp_path / "y")
    examples = [example.numpy() for example in tf.data.TFRecordDataset(str(tmp_path / "x"))]
    index = {"features": ["label", "token_ids", "segment_ids"], "max_length": 500, "pad_id": 9}
    found = record_arrays.arrays(examples, index)
    for row, ids, mask in zip(rows, found["token_ids"], found["padding_mask"], strict=True):
        size = len(row["token_ids"])
        assert ids.tolist() == row["token_ids"] + [9] * (500 - size) and mask.tolist() == [1] * size + [0] * (
            500 - size
        )
    assert found["label"].tolist() == [row["label"][0] for row in rows] and not found["segment_ids"].any()
    for damaged in (examples[3][:-1], examples[3] + b"\x0a", b"\x0a\x02\x0a\x00"):
        with pytest.raises(InputError, match="A record is damaged"):
            record_arrays.arrays([*examples, damaged], index)


def test_each_epoch_reads_all_in_another_order(folder):
    found = sum(numbers(records.read(folder, 4, seed=1, epochs=3)), [])
    epochs = [found[start : start + 23] for start in (0, 23, 46)]
    assert all(sorted(epoch) == list(range(23)) for epoch in epochs) and epochs[0] != epochs[1]
    assert found == sum(numbers(records.read(folder, 4, seed=1, epochs=3)), [])
    assert found != sum(numbers(records.read(folder, 4, seed=2, epochs=3)), [])


def test_batches_of_another_size_go_on_where_others_ended(folder):
    whole = numbers(records.read(folder, 1, seed=1).take(40))
    first, second = records.read(folder, 3, seed=1).take(2), records.read(folder, 5, seed=1, begin=6).take(4)
    assert sum(numbers(first) + numbers(second), []) == sum(whole[:26], [])


@pytest.mark.parametrize("skip", [0, 1, 5, 6, 17])
def test_resuming_reads_nothing_twice_and_skips_nothing(folder, skip):
    whole = numbers(records.read(folder, 4, seed=1).take(24))
    assert numbers(records.read(folder, 4, seed=1, skip=skip).take(24 - skip)) == whole[skip:]


def test_readers_share_an_epoch_and_make_the_same_steps(folder):
    one = numbers(records.read(folder, 6, seed=1).take(10))
    parts = [numbers(records.read(folder, 2, seed=1, shard=(i, 3)).take(10)) for i in range(3)]
    assert [sum(step, []) for step in zip(*parts, strict=True)] == one
    last = [numbers(records.read(folder, 2, seed=1, shard=(i, 3), epochs=1)) for i in range(3)]
    assert sorted(sum((batch for part in last for batch in part), [])) == list(range(23))
    assert numbers(records.read(folder, 2, seed=1, skip=4, shard=(1, 3)).take(6)) == parts[1][4:]


def test_a_folder_that_is_not_whole(folder):
    with pytest.raises(InputError, match="reader 0 to n - 1"):
        records.read(folder, 4, seed=1, shard=(3, 3))
    path = folder / "part-00002-of-00003.tfrecord"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(InputError, match=f"is {len(content) - 1} bytes; its index says {len(content)}"):
        records.read(folder, 4, seed=1)
    path.unlink()
    with pytest.raises(InputError, match="is absent; its index says"):
        records.read(folder, 4, seed=1)
    path.write_bytes(content)
    (folder / records.offsets_of(path.name)).unlink()
    with pytest.raises(InputError, match="offsets.npy is absent or damaged"):
        records.read(folder, 4, seed=1)
    (folder / "index.json").write_text('{"version": 2, "shards": []}')
    with pytest.raises(InputError, match="is of version 2"):
        records.read(folder, 4, seed=1)
    (folder / "index.json").write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        records.read(folder, 4, seed=1)
    with pytest.raises(InputError, match="has no index.json"):
        records.read(folder / "nowhere", 4, seed=1)
