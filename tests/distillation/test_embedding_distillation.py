"""Distilling sentence encoders end to end: texts and a teacher to a folder, the same after a kill; the cache."""

import dataclasses
import json
import random

import numpy as np
import pytest

from keras_bert_suite import InputError, Tokenizer, embedding_distillation
from keras_bert_suite.data import pairs
from keras_bert_suite.distillation import answers
from keras_bert_suite.embedding_distillation import Batches, Candidates, Settings, Texts
from keras_bert_suite.tasks import saved
from keras_bert_suite.tasks.ranking import Ranking
from keras_bert_suite.tasks.similarity import Similarity
from keras_bert_suite.training import progress

WORDS = "the sea wind ship captain island gold map night morning stone river tree".split()
SIZES = ("dim=32", "num_layers=1", "num_heads=2", "feed_forward_dim=64")
STEPS = 12


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("files"), random.Random(0)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(3, 9))) for _ in range(60)]
    (folder / "texts.txt").write_text("".join(f"{text}\n" for text in [*texts, texts[0], ""]))
    lines = [f"{a}\t{b}\t{rng.random():.2f}\n" for a, b in zip(texts[:20], texts[20:40], strict=True)]
    (folder / "pairs.tsv").write_text("".join(["sentence1\tsentence2\tscore\n", *lines]))
    lines = [f"{texts[i]}\t{text}\n" for i in range(10) for text in texts[10 + 5 * i : 13 + 5 * i + i % 3]]
    (folder / "queries.tsv").write_text("".join(["query\tpassage\n", *lines]))
    saved.save(saved.begin(Similarity(), "kbs_tiny_en", 32), folder / "encoder", "")
    saved.save(saved.begin(Ranking(), "kbs_tiny_en", 64), folder / "ranking", "")
    return folder


def settings_of(files, output, recipe="embedding", **more):
    given = {
        "teacher": str(files / ("encoder" if recipe == "embedding" else "ranking")),
        "encoder": "Bert",
        "text": (str(files / ("texts.txt" if recipe == "embedding" else "queries.tsv")),),
        "set": SIZES,
        "max_length": 32,
        "batch_size": 16,
        "group": 8,
        "steps": STEPS,
        "checkpoint_every": 4,
        "cache": str(files / "cache"),
    }
    return Settings(recipe=recipe, output=str(output), **{**given, **more})


def log(folder):
    return [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]


# The file of steps that a killed run leaves open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_texts_to_a_model_and_the_same_after_a_kill(files, tmp_path, monkeypatch):
    asked = settings_of(files, tmp_path / "whole", token_weight=1.0, judge=str(files / "pairs.tsv"))
    student = embedding_distillation.run(asked)
    losses = [entry["loss"] for entry in log(tmp_path / "whole")]
    assert len(losses) == STEPS and losses[-1] < 0.9 * losses[0]
    assert set(student.figures) == {"spearman", "pearson", "teacher_spearman", "teacher_pearson"}
    again = saved.load(tmp_path / "whole")
    assert again.figures == student.figures
    # One graph and another of the same weights: float32's rounding.
    assert again.embed(WORDS) == pytest.approx(student.embed(WORDS), abs=1e-6)
    card = (tmp_path / "whole/README.md").read_text()
    assert "on 60 texts" in card and "| teacher_spearman |" in card
    assert sorted(path.name for path in tmp_path.iterdir()) == ["whole"]

    def killed(state, batch, logs=None):
        write(state, batch, logs)
        if state.step == 6:
            raise KeyboardInterrupt

    write = progress.Checkpoints.on_train_batch_end
    with monkeypatch.context() as patch:
        patch.setattr(progress.Checkpoints, "on_train_batch_end", killed)
        with pytest.raises(KeyboardInterrupt):
            embedding_distillation.run(dataclasses.replace(asked, output=str(tmp_path / "broken")))
        patch.setattr(progress.Checkpoints, "on_train_batch_end", write)
        with pytest.raises(InputError, match="group differed"):
            embedding_distillation.run(dataclasses.replace(asked, output=str(tmp_path / "broken"), group=4))
    embedding_distillation.run(dataclasses.replace(asked, output=str(tmp_path / "broken")))
    assert [entry["loss"] for entry in log(tmp_path / "broken")] == losses
    for ours, theirs in zip(saved.load(tmp_path / "broken").model.weights, again.model.weights, strict=True):
        assert np.array_equal(ours, theirs)


def test_margins_of_a_cross_encoder(files, tmp_path):
    asked = settings_of(files, tmp_path / "student", "cross_encoder", batch_size=4, candidates=3, steps=60)
    source = Candidates(asked)
    source.read(iter)
    teacher = saved.load(files / "ranking")
    numbers, targets = source.epoch(np.random.default_rng(0))
    # A query of 3 candidates is one row, those of 4 and 5 are two.
    assert len(numbers) == 4 * 1 + 6 * 2 and numbers.shape[1] == 4
    margins = targets(np.arange(len(numbers)), {})["embedding_labels"]
    assert margins.min() >= 0
    for row, margin in zip(numbers[:3], margins[:3], strict=True):
        query, *candidates = (source.texts[number] for number in row)
        (answer,) = teacher.predict([(query, None, tuple(candidates))])
        scores = np.log(answer["scores"]) - np.log1p(-np.array(answer["scores"]))
        # Of probabilities in float32 and back; the margins of an untrained head are about 0.1.
        assert margin * source._scale == pytest.approx(scores[0] - scores[1:], abs=1e-5)
    student = embedding_distillation.run(asked)
    losses = [entry["loss"] for entry in log(tmp_path / "student")]
    # An untrained teacher's margins are noise, which a student of few texts knows by heart after 15 epochs.
    assert np.mean(losses[-8:]) < 0.5 * np.mean(losses[:8])
    assert saved.load(tmp_path / "student").task.objective == "margin_mse" and student.figures == {}


def test_a_batch_has_what_the_teacher_says_of_its_texts(files, tmp_path, monkeypatch):
    asked = settings_of(files, tmp_path / "student", token_weight=1.0)
    source = Texts(asked)
    source.read(iter)
    student = embedding_distillation.student_of(asked, source.teacher, source.task)
    batches = Batches(source, student, 16, 0)
    assert batches.per_epoch == 60 // 16
    arrays, later = batches.arrays(0), batches.arrays(4)
    seen = [next(arrays) for _ in range(8)]
    for early, late in zip(seen[4:], later, strict=False):
        assert all(np.array_equal(early[name], late[name]) for name in early)
    texts = [tuple(row[row > 0]) for batch in seen[:3] for row in batch["token_ids"]]
    assert len(set(texts)) == 48
    batch = seen[0]
    found = source.teacher.model({name: batch[name] for name in source.teacher.model.input})["embedding"]
    # float16 keeps 11 bits of numbers below 1.
    assert batch["teacher_embedding"] == pytest.approx(np.asarray(found), abs=5e-4)
    states = source.teacher.encoder({name: batch[name] for name in source.teacher.model.input})["sequence_output"]
    real = batch["padding_mask"] == 1
    assert batch["teacher_sequence_output"][real] == pytest.approx(np.asarray(states)[real], abs=4e-3)
    assert not batch["teacher_sequence_output"][~real].any()
    # Loaded once more it is the same teacher, which is not asked again.
    monkeypatch.setattr(Texts, "_answer", None)
    Texts(asked).read(iter)


def test_a_table_begins_as_the_teachers(files, tmp_path):
    asked = settings_of(files, tmp_path / "student")
    teacher = saved.load(files / "encoder")
    student = embedding_distillation.student_of(asked, teacher, Similarity())
    ours, theirs = (np.asarray(model.encoder.embeddings.token.embeddings) for model in (student, teacher))
    values, vectors = np.linalg.eigh(np.cov(theirs.T))
    assert ours.std() == pytest.approx(0.03, rel=1e-3)
    # Of the teacher's variance the student has all that 32 directions can hold.
    mapped = (theirs - theirs.mean(axis=0)) @ vectors[:, ::-1][:, :32]
    assert np.abs(np.corrcoef(ours[:, 0], mapped[:, 0])[0, 1]) > 0.9999
    new = embedding_distillation.student_of(dataclasses.replace(asked, tables="new"), teacher, Similarity())
    assert np.asarray(new.encoder.embeddings.token.embeddings).std() < 0.025


def test_a_cache_asks_only_for_what_it_lacks(tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "ITEMS", 3)
    asked = []

    def answer(items):
        asked.append(items)
        return {
            "length": [np.full((1, 2), len(item)) for item in items],
            "codes": [np.array([*item.encode()], "int64") for item in items],
        }

    items = ["a", "bcd", "", "ef", "g"]
    found = answers.kept(tmp_path, {"teacher": 1}, items, answer)
    assert found.names == ["codes", "length"] and found.sizes("codes").tolist() == [1, 3, 0, 2, 1]
    assert [bytes(found("codes", i).tolist()).decode() for i in range(5)] == items
    assert [found("length", i).tolist() for i in (1, 3)] == [[[3, 3]], [[2, 2]]]
    assert asked == [items[:3], items[3:]]
    found = answers.kept(tmp_path, {"teacher": 1}, [*items, "h"], answer)
    assert asked[2:] == [["ef", "g", "h"]] and found("codes", 5).tolist() == [104]
    # What a kill left, and another teacher.
    place = next(path.parent for path in tmp_path.glob("*/about.json"))
    (place / ".0123.abc").mkdir()
    answers.kept(tmp_path, {"teacher": 1}, items, answer)
    assert len(asked) == 3 and not (place / ".0123.abc").exists()
    answers.kept(tmp_path, {"teacher": 2}, items, answer)
    assert len(asked) == 5


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"recipe": "vectors"}, "recipe='vectors'; expected embedding or cross_encoder"),
        ({"steps": None}, "Expected steps or epochs"),
        ({"tables": "theirs"}, "tables='theirs'"),
        ({"recipe": "cross_encoder", "candidates": 1}, "candidates=1"),
        ({"teacher": "ranking"}, "is a model of ranking; expected one of similarity"),
        ({"group": 5}, "batch_size=16 for 1 devices; expected groups of 5"),
        ({"batch_size": 64}, "There are 60 rows to learn from; expected a batch of 64"),
        ({"set": ("dim=256", *SIZES[1:])}, "table is 256 wide, the teacher's 128"),
        ({"set": (*SIZES, "max_length=16")}, "has 16 positions"),
        ({"vector_weight": 0.0, "similarity_weight": 0.0}, "expected one or more"),
    ],
)
def test_what_is_wrong_is_told(files, tmp_path, more, message):
    if "teacher" in more:
        more = {"teacher": str(files / more["teacher"])}
    with pytest.raises(InputError, match=message):
        embedding_distillation.run(settings_of(files, tmp_path / "student", **more))


def test_tokens_are_those_of_the_teacher(files, tmp_path):
    teacher = saved.load(files / "encoder")
    Tokenizer([piece for piece in teacher.tokenizer.vocabulary if piece != "captain"]).save(tmp_path)
    asked = settings_of(files, tmp_path / "student", token_weight=1.0, tokenizer=str(tmp_path))
    with pytest.raises(InputError, match="captain.* into other pieces than the teacher's; expected token_weight=0"):
        embedding_distillation.run(asked)


def test_candidates_without_labels(tmp_path):
    path = tmp_path / "queries.tsv"
    path.write_text("query\tpassage\na\tb\na\tc\n")
    assert pairs.read_ranking(path, labelled=False) == [{"text": "a", "choices": ("b", "c"), "labels": [None, None]}]
    with pytest.raises(InputError, match="a label that is a number"):
        pairs.read_ranking(path)
