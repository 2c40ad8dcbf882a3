"""Students that begin from their teacher: which weights they have, and that they give what the teacher would."""

import keras
import numpy as np
import pytest

from keras_bert_suite import Albert, Bert, DistilBert, Encoder, InputError, MobileBert, ModernBert, Roberta, Tokenizer
from keras_bert_suite.data import readers
from keras_bert_suite.distillation import students
from keras_bert_suite.tasks import saved, task_class
from keras_bert_suite.tokenizers import training
from tests.checks import GOLDEN, difference, golden

SIZES = dict(dim=16, num_heads=2, feed_forward_dim=24, max_length=20)


@pytest.mark.parametrize(
    ("teacher_layers", "student_layers", "kind", "expected"),
    [
        # TinyBERT's of 12 blocks for 4, and DistilBERT's for 6, as they were published.
        (12, 4, "uniform", [2, 5, 8, 11]),
        (12, 6, "skip", [0, 2, 4, 7, 9, 11]),
        (12, 5, "uniform", [1, 4, 6, 9, 11]),
        (6, 4, "uniform", [1, 2, 4, 5]),
        (12, 3, "last", [9, 10, 11]),
        (12, 3, "first", [0, 1, 2]),
        (12, 3, (11, 0, 5), [11, 0, 5]),
        (2, 3, [0, 1, 1], [0, 1, 1]),
        (4, 4, "uniform", [0, 1, 2, 3]),
        (4, 4, "skip", [0, 1, 2, 3]),
    ],
)
def test_layer_maps(teacher_layers, student_layers, kind, expected):
    assert students.layer_map(teacher_layers, student_layers, kind) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((4, 6), "student of 6 blocks .* teacher of 4; expected 1 to 4"),
        ((4, 0), "expected 1 to 4"),
        ((4, 1, "skip"), "it has 1"),
        ((4, 2, "middle"), "layer map 'middle'; expected uniform, skip, last, first"),
        ((4, 2, [1, 4]), "the blocks 1, 4; expected 2, each 0 to 3"),
        ((4, 2, [1]), "expected 2,"),
    ],
)
def test_maps_that_there_are_not(arguments, message):
    with pytest.raises(InputError, match=message):
        students.layer_map(*arguments)


def encoder(family, seed=0, **arguments):
    """An encoder whose arrays are all different from each other and far from their initial values."""
    made = family(**arguments)
    rng = np.random.default_rng(seed)
    for variable in made.weights:
        if "seed" not in variable.path:
            noise = rng.normal(scale=0.3, size=variable.shape)
            variable.assign(noise + 1 if "gamma" in variable.path else noise)
    return made


def batch(vocab_size=30, rows=3, time=9, seed=1):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, time + 1, rows)
    return {
        "token_ids": rng.integers(0, vocab_size, (rows, time)).astype("int32"),
        "segment_ids": np.zeros((rows, time), "int32"),
        "padding_mask": (np.arange(time) < lengths[:, None]).astype("int32"),
    }


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.npz")))
def test_blocks_of_every_family(name, tmp_path):
    inputs, _, _ = golden(name, tmp_path)
    teacher = Encoder.from_preset(tmp_path, missing="initialize")
    if name in ("albert", "funnel"):
        with pytest.raises(InputError, match="several times|no argument num_layers"):
            students.from_blocks(teacher, range(len(teacher.blocks)))
        return
    whole = students.from_blocks(teacher, range(len(teacher.blocks)))
    trace = teacher.trace()(inputs)
    assert difference(whole(inputs)["sequence_output"], trace["sequence_output"]) == 0
    first = students.from_blocks(teacher, [0])
    expected = trace["blocks"][0]["output"]
    expected = (
        expected
        if teacher.norm is None
        else teacher.norm(expected, **{name: inputs[name] for name in getattr(teacher.norm, "input_names", ())})
    )
    # Shapes and products are the same; the graphs of the two are compiled apart.
    assert difference(first(inputs)["sequence_output"], expected, inputs["padding_mask"]) < 1e-6


def test_chosen_blocks_are_copied():
    teacher = encoder(Bert, vocab_size=30, num_layers=4, **SIZES)
    student = students.from_blocks(teacher, [1, 3], dropout=0.0, max_length=10)
    assert student.get_config() | {"name": ""} == teacher.get_config() | {
        "name": "",
        "num_layers": 2,
        "dropout": 0.0,
        "max_length": 10,
    }
    inputs = batch()
    x = teacher.embeddings(inputs["token_ids"], inputs["segment_ids"])
    for number in (1, 3):
        x = teacher.blocks[number](x, padding_mask=inputs["padding_mask"])
    found = student(inputs)
    assert difference(found["sequence_output"], x) < 1e-6
    assert difference(found["pooled_output"], teacher.pooler(x)) < 1e-6
    # Its weights are its own.
    student.weights[0].assign(student.weights[0] + 1)
    assert difference(teacher.weights[0], student.weights[0]) == pytest.approx(1, abs=1e-6)


def test_a_student_of_distilbert_has_the_first_segment_in_its_positions():
    teacher = encoder(Bert, vocab_size=30, num_layers=3, **SIZES)
    student = students.from_blocks(teacher, range(3), family=DistilBert)
    assert isinstance(student, DistilBert)
    inputs = batch()
    expected = teacher(inputs)["sequence_output"]
    found = student({name: inputs[name] for name in student.input})["sequence_output"]
    # Three numbers are added in another order.
    assert difference(found, expected) < 1e-5
    single = students.from_blocks(teacher, [0, 2], num_segments=0, pooler=None)
    assert set(single.input) == {"token_ids", "padding_mask"} and single.pooler is None


def test_teachers_that_cannot_be_cut():
    albert = Albert(30, 8, num_layers=2, **SIZES)
    with pytest.raises(InputError, match="Albert runs one block several times"):
        students.from_blocks(albert, [0])
    modern = ModernBert(30, num_layers=4, **{k: v for k, v in SIZES.items() if k != "max_length"})
    with pytest.raises(InputError, match="student's block_1 cannot begin as the teacher's block_3: its"):
        students.from_blocks(modern, [0, 3])
    with pytest.raises(InputError, match="student's block_0 cannot begin as the teacher's block_1: its"):
        students.from_blocks(modern, [1, 2])
    assert len(students.from_blocks(modern, [0, 3], global_layers=[0, 1]).blocks) == 2
    teacher = Bert(30, num_layers=2, **SIZES)
    with pytest.raises(InputError, match="expected 1, each 0 to 1"):
        students.from_blocks(teacher, [2])
    with pytest.raises(InputError, match=r"the shape \(30, 8\), the teacher \(30, 16\)"):
        students.from_blocks(teacher, [1], dim=8)
    with pytest.raises(InputError, match="has no argument num_layers"):
        students.from_blocks(Encoder(teacher.embeddings, teacher.blocks), [1])


TEXTS = ["some words of a text", "of a text", "7 of these 龍"]
MORE = ["none of those keratinocytes are in it", "a text"]


@pytest.mark.parametrize(("train", "family"), [(training.wordpiece, Bert), (training.byte_bpe, Roberta)])
def test_fewer_pieces_give_the_same(train, family):
    tokenizer = train((TEXTS + MORE) * 2, 330)
    pads = {"pad_id": tokenizer.pad_id} if family is Roberta else {}
    # A table may have rows that are no piece's.
    teacher = encoder(family, vocab_size=tokenizer.vocab_size + 3, num_layers=2, **SIZES, **pads)
    student, fewer = students.prune_vocabulary(teacher, tokenizer, TEXTS)
    assert student.get_config()["vocab_size"] == fewer.vocab_size < tokenizer.vocab_size
    found = student(_inputs(student, fewer, TEXTS))["sequence_output"]
    expected = teacher(_inputs(teacher, tokenizer, TEXTS))["sequence_output"]
    assert difference(found, expected) == 0
    whole, same = students.prune_vocabulary(teacher, tokenizer, TEXTS, keep=tokenizer.vocabulary)
    assert same.vocabulary == tokenizer.vocabulary
    assert difference(whole.weights[0], np.asarray(teacher.weights[0])[:-3]) == 0


def _inputs(model, tokenizer, texts):
    arrays = tokenizer.arrays(tokenizer.encode_batch(texts))
    return {name: arrays[name] for name in model.input}


@pytest.mark.parametrize("name", ["masked_lm", "classification"])
def test_a_model_of_fewer_pieces_answers_alike(name, tmp_path):
    tokenizer = training.wordpiece((TEXTS + MORE) * 2, 90)
    task = task_class(name)(**({"labels": ["x", "y"]} if name == "classification" else {"top": 2}))
    encoder(Bert, vocab_size=tokenizer.vocab_size, num_layers=1, **SIZES).save_preset(tmp_path / "base", tokenizer)
    trained = saved.begin(task, tmp_path / "base", 16)
    for variable in trained.model.weights[-4:]:
        variable.assign(np.random.default_rng(0).normal(size=variable.shape))
    student = students.prune_model(trained, TEXTS)
    assert student.tokenizer.vocab_size < tokenizer.vocab_size == trained.tokenizer.vocab_size
    if name == "classification":
        answers = [[a["score"] for a in model.predict([(text,) for text in TEXTS])] for model in (trained, student)]
        assert answers[0] == answers[1]
        return
    assert (trained.task.mask_id, student.task.mask_id) == (tokenizer.mask_id, student.tokenizer.mask_id)
    arrays = [m.features(m.tokenizer.encode_batch(["some [MASK] of a text"])) for m in (trained, student)]
    theirs, ours = (np.asarray(m.model(x)["logits"])[0, 0] for m, x in zip((trained, student), arrays, strict=True))
    rows = [tokenizer.vocabulary.index(piece) for piece in student.tokenizer.vocabulary]
    # The same products, in a matrix product of another width.
    assert difference(ours, theirs[rows]) < 1e-5
    bias, old = (np.asarray(m.model.get_layer("masked_lm").bias) for m in (student, trained))
    assert difference(bias, old[rows]) == 0


def test_vocabularies_that_cannot_be_cut():
    tokenizer = training.wordpiece(TEXTS * 2, 90)
    teacher = Bert(tokenizer.vocab_size, num_layers=1, **SIZES)
    with pytest.raises(InputError, match="no argument vocab_size"):
        students.prune_vocabulary(Encoder(teacher.embeddings, teacher.blocks), tokenizer, TEXTS)
    late = Tokenizer(
        ["of", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "words", "w", *"ords", "##o", "##r", "##d", "##s", "[PAD]"]
    )
    counted = Roberta(late.vocab_size, num_layers=1, pad_id=late.pad_id, **SIZES)
    with pytest.raises(InputError, match="positions from the id of padding, 15; .* make it 14"):
        students.prune_vocabulary(counted, late, ["of"])


NARROW = dict(vocab_size=40, num_layers=3, dim=24, num_heads=3, feed_forward_dim=48, max_length=12)


def explained(student, teacher, inputs):
    """The part of the variance of a teacher's last states that a linear map of a student's explains."""
    real = inputs["padding_mask"].astype(bool)
    given, wanted = (
        np.asarray(e({n: inputs[n] for n in e.input})["sequence_output"])[real] for e in (student, teacher)
    )
    given, wanted = given - given.mean(0), wanted - wanted.mean(0)
    rest = wanted - given @ np.linalg.lstsq(given, wanted, rcond=None)[0]
    return 1 - (rest**2).sum() / (wanted**2).sum()


def test_a_student_as_wide_as_its_teacher_equals_it():
    teacher = encoder(Bert, **NARROW)
    student = Bert(**NARROW)
    inputs = batch(vocab_size=40, rows=40)
    students.narrowed(student, teacher, inputs, "uniform")
    others = batch(vocab_size=40, seed=5)
    for name, values in teacher(others).items():
        mask = others["padding_mask"] if name == "sequence_output" else None
        # States of up to 4 are fitted block after block, with variances that have a millionth of their mean added.
        assert difference(student(others)[name], values, mask) < 1e-4, name


@pytest.mark.parametrize("family", [Bert, DistilBert])
def test_narrower_students_begin_near_their_teacher(family):
    teacher = encoder(Bert, **NARROW)
    fitted, others = batch(vocab_size=40, rows=60), batch(vocab_size=40, rows=60, seed=3)
    sizes = NARROW | dict(dim=16, num_heads=2, feed_forward_dim=40, num_layers=2, max_length=10)
    keras.utils.set_random_seed(0)
    random, tables, student = (family(**sizes) for _ in range(3))
    assert students.project_tables(tables, teacher) is tables
    assert students.narrowed(student, teacher, fitted, [0, 2]) is student
    found = [explained(one, teacher, others) for one in (random, tables, student)]
    assert found[0] < found[1] < found[2] - 0.1, found


def test_fewer_heads_and_wider_ones():
    teacher = encoder(Bert, **NARROW)
    inputs, others = batch(vocab_size=40, rows=60), batch(vocab_size=40, rows=60, seed=3)
    for heads in (1, 2):
        student = students.narrowed(Bert(**NARROW | dict(num_heads=heads)), teacher, inputs, "uniform")
        assert explained(student, teacher, others) > 0.5


def test_what_is_not_narrowed():
    teacher, inputs = Bert(**NARROW), batch(vocab_size=40)
    for sizes, message in (
        (dict(dim=48), "is 40 x 48, the teacher's 40 x 24"),
        (dict(vocab_size=41), "is 41 x 24, the teacher's 40 x 24"),
        (dict(max_length=13), "has 13 positions, the teacher 12"),
        (dict(num_heads=4), "block_0 has 4 heads and 48 units, the teacher's block_0 3 and 48"),
        (dict(feed_forward_dim=50), "3 heads and 50 units"),
    ):
        with pytest.raises(InputError, match=message):
            students.narrowed(Bert(**NARROW | sizes), teacher, inputs, "uniform")
    modern = ModernBert(40, num_layers=3, dim=24, num_heads=3, feed_forward_dim=48)
    with pytest.raises(InputError, match="ModernBert has block_0 of another make than BERT's"):
        students.narrowed(modern, teacher, inputs, "uniform")
    students.project_tables(modern, teacher)


@pytest.mark.slow
def test_a_narrower_minilm(minilm, shared):
    teacher, tokenizer = Encoder.from_preset(minilm), Tokenizer.from_preset(minilm)
    examples = readers.read_classification(shared / "classification/sst2/dev.tsv")[:180]
    arrays = tokenizer.arrays(tokenizer.encode_batch([example["text"] for example in examples], max_length=24))
    fitted, others = ({name: x[rows] for name, x in arrays.items()} for rows in (slice(90), slice(90, None)))
    keras.utils.set_random_seed(0)
    sizes = dict(dim=192, num_layers=4, num_heads=6, feed_forward_dim=768, activation="gelu_erf", pooler=None)
    tables, student = Bert(**sizes), Bert(**sizes)
    students.project_tables(tables, teacher)
    students.narrowed(student, teacher, fitted, students.layer_map(6, 4))
    found = [explained(one, teacher, others) for one in (tables, student)]
    assert found[0] < found[1] - 0.1, found


def test_begin_takes_the_first_way_that_fits():
    sizes = {"vocab_size": 50, "num_layers": 4, "dim": 32, "num_heads": 4, "feed_forward_dim": 64, "max_length": 32}
    teacher, random = Bert(**sizes), np.random.default_rng(0)
    arrays = {
        "token_ids": random.integers(0, 50, (40, 8)),
        "segment_ids": np.zeros((40, 8), "int32"),
        "padding_mask": np.ones((40, 8), "int32"),
    }
    small = {**sizes, "num_layers": 2, "max_length": 16}
    pieces = list(range(10, 30))

    def begun(pieces=None, family=Bert, **other):
        student = family(**{**small, **other})
        return students.begin(student, teacher, arrays, pieces), student

    way, student = begun()
    assert way == "blocks"
    kernel = student.blocks[0].attention.query_dense.kernel
    np.testing.assert_array_equal(kernel, teacher.blocks[1].attention.query_dense.kernel)
    way, student = begun(pieces, vocab_size=20)
    assert way == "blocks"
    table = np.asarray(teacher.embeddings.token.embeddings)
    np.testing.assert_array_equal(student.embeddings.token.embeddings, table[pieces])
    assert begun(dim=16)[0] == begun(num_heads=2)[0] == "narrowed"
    assert begun(family=MobileBert, bottleneck_dim=16, embedding_dim=32)[0] == "tables"
    assert begun(dim=64)[0] == "random"
    # A family's own sizes, a bottleneck of 128, may not be had with the teacher's heads.
    teacher = Bert(**{**sizes, "dim": 36, "num_heads": 3})
    assert begun(family=MobileBert, dim=36, bottleneck_dim=16, embedding_dim=36)[0] == "tables"
