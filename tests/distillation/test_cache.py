"""A cache of a teacher: a student learns from it what it learns from the teacher, after a kill too; of no other."""

import keras
import numpy as np
import pytest

from keras_bert_suite import Bert, heads
from keras_bert_suite.distillation import cache as module
from keras_bert_suite.distillation.cache import Cache
from keras_bert_suite.distillation.distiller import Distiller, read_of_teacher
from keras_bert_suite.distillation.losses import (
    AttentionDistributions,
    AttentionScores,
    HiddenStates,
    Relations,
    SoftLabels,
)
from keras_bert_suite.distillation.traces import traced
from keras_bert_suite.errors import InputError
from keras_bert_suite.training.optimizers import optimizer

SMALL = {"vocab_size": 40, "num_heads": 2, "max_length": 24, "dropout": 0.1, "attention_dropout": 0.0}
ROWS, SHARD = 23, 8


def build(dim, num_layers, seed):
    keras.utils.set_random_seed(seed)
    encoder = Bert(**SMALL, dim=dim, num_layers=num_layers, feed_forward_dim=2 * dim)
    model = heads.attach(encoder, "classification", 3)
    for variable in model.trainable_variables:
        # At first attention is even, and the divergences nothing but rounding.
        if "kernel" in variable.path:
            variable.assign(variable * 8.0)
    return traced(encoder, model)


def losses():
    return [
        HiddenStates([("embeddings", "embeddings"), (1, 3)], projection="shared"),
        AttentionScores([(1, 3)]),
        AttentionDistributions([(1, 3)]),
        Relations([(1, 3)], of=("value",)),
        SoftLabels(),
    ]


@pytest.fixture(scope="module")
def pair():
    return build(8, 2, 0), build(16, 4, 1)


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    found = []
    for length in random.integers(2, 20, ROWS):
        ids = random.integers(1, 40, length).tolist()
        found.append({"token_ids": ids, "segment_ids": [0] * length, "padding_mask": [1] * length})
    return found


def batch_of(rows, numbers, length=20, side="right"):
    found = {}
    for name in rows[0]:
        found[name] = np.zeros((len(numbers), length), "int32")
        for filled, number in zip(found[name], numbers, strict=True):
            row = rows[number][name]
            filled[slice(len(row)) if side == "right" else slice(length - len(row), None)] = row
    return {**found, "logits_weights": np.ones(len(numbers), "float32")}


def write(folder, pair, rows, **more):
    return Cache.write(
        folder, pair[1], rows, read_of_teacher(*pair, losses()), **{"batch_size": 3, "rows_per_shard": SHARD, **more}
    )


def parts_of(model, batch):
    outputs = model({name: batch[name] for name in model.input})
    return {name: float(x) for name, x in model.sums(outputs, batch, model.totals(batch)).items()}


# Float32 in another order of sums, as the lengths that rows are filled up to differ; and 11 bits, in parts of the
# largest, of which a divergence keeps fewer, as it is a difference.
@pytest.mark.parametrize(("dtype", "close", "of_losses"), [("float32", 1e-6, 1e-6), ("float16", 5e-4, 2e-3)])
def test_losses_are_those_of_the_living_teacher(pair, rows, tmp_path, dtype, close, of_losses):
    write(tmp_path / "cache", pair, rows, dtype=dtype)
    cache = Cache(tmp_path / "cache")
    numbers = np.random.default_rng(1).permutation(ROWS)[:7]
    batch = batch_of(rows, numbers)
    keras.utils.set_random_seed(0)
    living = Distiller(*pair, losses())
    keras.utils.set_random_seed(0)
    kept = Distiller(pair[0], cache.traced(), losses())
    arrays = cache.arrays(numbers, 20)
    assert set(arrays) == set(kept.input) - set(pair[0].inputs)
    assert all(array.dtype == dtype for array in arrays.values())
    check_tensors(pair[1], arrays, batch, rows, numbers, close)
    found, expected = parts_of(kept, {**batch, **arrays}), parts_of(living, batch)
    assert found == {name: pytest.approx(value, rel=of_losses) for name, value in expected.items()}


def check_tensors(teacher, arrays, batch, rows, numbers, close, side="right"):
    keys, length = [name.removeprefix("teacher_") for name in arrays], batch["token_ids"].shape[1]
    trace = keras.Model(teacher.inputs, {key: teacher.tensors[key] for key in keys})
    tensors = trace({name: batch[name] for name in trace.input})
    for key in keys:
        shape = teacher.tensors[key].shape[1:]
        for whole, there, number in zip(np.asarray(tensors[key]), arrays[f"teacher_{key}"], numbers, strict=True):
            size = len(rows[number]["token_ids"])
            real = slice(size) if side == "right" else slice(length - size, None)
            places = tuple(real if axis is None else slice(None) for axis in shape)
            assert np.abs(there[places] - whole[places]).max() <= close * max(np.abs(whole).max(), 1.0)
            padding = np.ones(there.shape, bool)
            padding[places] = False
            assert not there[padding].any()


def test_rows_may_be_filled_up_on_the_left(pair, rows, tmp_path):
    # Positions are counted from the left: of rows that the cache fills up to 24 as well.
    longest = [row for row in rows if len(row["token_ids"]) > 16]
    cache = write(tmp_path / "cache", pair, longest, padding_side="left")
    numbers = np.arange(len(longest))
    batch = batch_of(longest, numbers, 24, "left")
    check_tensors(pair[1], cache.arrays(numbers, 24), batch, longest, numbers, 1e-6, "left")


def test_a_student_learns_from_batches_with_it(pair, rows, tmp_path):
    tf = pytest.importorskip("tensorflow")
    cache = write(tmp_path / "cache", pair, rows)
    batches = [
        {"number": np.array(numbers), **batch_of(rows, numbers, length)}
        for numbers, length in (([3, 1, 7], 24), ([22, 0], 20))
    ]
    shapes = {name: tf.TensorSpec((None,) * x.ndim, x.dtype) for name, x in batches[0].items()}
    joined = cache.join(tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=shapes))
    for given, found in zip(batches, joined, strict=True):
        arrays = cache.arrays(given["number"], given["token_ids"].shape[1])
        assert set(found) == {*given, *arrays} - {"number"}
        assert all(np.array_equal(found[name], array) for name, array in arrays.items())
    model = Distiller(pair[0], cache.traced(), losses())
    before = sum(parts_of(model, {**batches[0], **cache.arrays([3, 1, 7], 24)}).values())
    model.compile(optimizer("adamw", 1e-2))
    model.fit(joined.repeat(), steps_per_epoch=10, shuffle=False, verbose=0)
    assert sum(parts_of(model, {**batches[0], **cache.arrays([3, 1, 7], 24)}).values()) < before


class Killed(BaseException):
    pass


def test_work_that_was_killed_goes_on_at_the_next_shard(pair, rows, tmp_path, monkeypatch):
    whole = write(tmp_path / "whole", pair, rows)
    folder, ran = tmp_path / "cache", []
    run = Cache._run

    def counted(self, model, given, pad_values):
        ran.append(len(given))
        # In the middle of the second shard.
        if len(ran) == 5:
            raise Killed
        return run(self, model, given, pad_values)

    monkeypatch.setattr(Cache, "_run", counted)
    with pytest.raises(Killed):
        write(folder, pair, rows)
    assert sorted(path.name for path in folder.glob("shard*")) == ["shard_00000"]
    with pytest.raises(InputError, match="lacks 2 of 3 shards; run Cache.write again"):
        Cache(folder)
    # What a kill leaves that no `finally` clears.
    (folder / ".shard_00001.abc").mkdir()
    assert write(folder, pair, rows).lengths.tolist() == [len(row["token_ids"]) for row in rows]
    assert sum(ran) - 3 == 8 + 3 + ROWS - 8 and not list(folder.glob(".shard*"))
    done = len(ran)
    write(folder, pair, rows)
    assert len(ran) == done
    # A shard that is damaged is made again.
    path = folder / "shard_00001" / "logits.npy"
    path.write_bytes(path.read_bytes()[:-3])
    again = write(folder, pair, rows)
    assert len(ran) == done + 3
    for name, array in whole.arrays(np.arange(ROWS), 20).items():
        # A function that Keras made for other shapes may add in another order.
        assert np.abs(array - again.arrays(np.arange(ROWS), 20)[name]).max() <= 1e-5


def test_another_teacher_or_other_rows_are_refused(pair, rows, tmp_path):
    folder = tmp_path / "cache"
    write(folder, pair, rows)
    other = build(16, 4, 2)
    for given, more, said in (
        ((pair[0], other), {}, "another teacher;"),
        (pair, {"rows": rows[::-1]}, "another rows;"),
        (pair, {"rows": rows[:-1]}, "another rows and another number_of_rows;"),
        (pair, {"dtype": "float16"}, "another dtype;"),
        (pair, {"pieces": list(range(40))}, "another teacher;"),
    ):
        with pytest.raises(InputError, match=said) as raised:
            write(folder, given, more.pop("rows", rows), **more)
        assert "\n" not in str(raised.value)
    with pytest.raises(InputError, match="another keys;"):
        Cache.write(folder, pair[1], rows, ["logits"], rows_per_shard=SHARD)
    with pytest.raises(InputError, match='expected "float32" or "float16"'):
        write(tmp_path / "other", pair, rows, dtype="int8")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text("dear")
    with pytest.raises(InputError, match="holds other things"):
        write(tmp_path / "letters", pair, rows)
    with pytest.raises(InputError, match="holds no teacher's outputs"):
        Cache(tmp_path / "letters")


def test_a_student_with_another_vocabulary(pair, rows, tmp_path):
    pieces = np.random.default_rng(0).permutation(40).tolist()
    cache = Cache.write(tmp_path / "cache", pair[1], rows, ["logits"], pieces=pieces)
    batch = batch_of(rows, [4, 2])
    living = Distiller(*pair, [SoftLabels()], pieces=pieces)
    kept = Distiller(pair[0], cache.traced(), [SoftLabels()])
    found = parts_of(kept, {**batch, **cache.arrays([4, 2], 20)})
    assert found == pytest.approx(parts_of(living, batch), rel=1e-6)


def test_of_many_shards_few_are_open(pair, rows, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "OPEN", 2)
    cache = Cache.write(tmp_path / "cache", pair[1], rows, ["logits"], rows_per_shard=4)
    whole = cache.arrays(np.arange(ROWS), 20)["teacher_logits"]
    assert len(cache._arrays) == 2
    assert np.array_equal(cache.arrays([0, 22, 9], 20)["teacher_logits"], whole[[0, 22, 9]])


def test_what_does_not_fit_is_one_line(pair, rows, tmp_path, monkeypatch):
    cache = Cache.write(tmp_path / "cache", pair[1], rows, ["logits"])
    with pytest.raises(InputError, match="rows 5 to 23; .* has 23"):
        cache.arrays([5, 23], 24)
    with pytest.raises(InputError, match="length=2 for rows of up to"):
        cache.arrays([0, 1], 2)
    with pytest.raises(InputError, match="block_3_output of the teacher, which has 4 blocks"):
        Distiller(pair[0], cache.traced(), [HiddenStates([(1, 3)])])
    with monkeypatch.context() as patched:
        patched.setattr(module.shutil, "disk_usage", lambda folder: type("usage", (), {"free": 10}))
        with pytest.raises(InputError, match="GB are free; make room"):
            Cache.write(tmp_path / "full", pair[1], rows, ["logits"])

    def full(self, *arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Cache, "_append", full)
    with pytest.raises(InputError, match="could not be written: No space left on device"):
        Cache.write(tmp_path / "full", pair[1], rows, ["logits"])
