"""Indexing, stopped and gone on with; exact, approximate and reranked search; figures of retrieval."""

import json
import zlib

import numpy as np
import pytest

from keras_bert_suite import InputError, search
from keras_bert_suite.edge import index as packed
from tests.tools.test_tools import complaint, tool

WORDS = "wing lift drag heat shock plate flow jet cone shell".split()


class Bag:
    """Embeds a text as the sum of a random vector for each of its words."""

    def __init__(self, fail_after=None):
        self.calls, self.fail_after = 0, fail_after

    def embed(self, texts, progress=iter):
        self.calls += 1
        if self.fail_after is not None and self.calls > self.fail_after:
            raise KeyboardInterrupt
        return np.stack([sum(self._word(word) for word in text.split()) for text in texts]).astype("float32")

    @staticmethod
    def _word(word):
        return np.random.default_rng(zlib.crc32(word.encode())).normal(size=16)


class Reversed:
    """A cross-encoder that likes the last candidate most."""

    def predict(self, inputs, progress=iter):
        (_, _, choices) = inputs[0]
        scores = list(np.arange(len(choices), dtype="float64"))
        return [{"scores": scores, "ranking": list(range(len(choices)))[::-1]}]


def texts(count):
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(WORDS, 4)) for _ in range(count)]


@pytest.fixture
def corpus(tmp_path):
    rows = [{"_id": f"d{i}", "title": "", "text": text} for i, text in enumerate(texts(50))]
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_packed_index_gives_what_the_folder_does(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "BLOCK", 7)
    folder = search.build(Bag(), corpus, tmp_path / "index", name="bag")
    queries = Bag().embed(texts(60)[-10:])
    scores, places = folder.search(queries, 5)
    cosines = search.unit(queries) @ np.array(folder.vectors).T
    for dtype, atol in (("float16", 1e-3), ("int8", 1e-2)):
        path = tmp_path / f"index.{dtype}"
        packed.write(folder, path, dtype)
        index = packed.PackedIndex(path)
        assert len(index) == 50 and isinstance(index.vectors, np.memmap) and index.vectors.dtype == dtype
        found, numbers = index.search(queries, 5)
        # 11 bits of mantissa; steps of 1/127 of a row's largest value. Texts of the same words are ties.
        np.testing.assert_allclose(found, scores, atol=atol)
        np.testing.assert_allclose(np.take_along_axis(cosines, numbers, 1), scores, atol=atol)
        assert index.documents(places[0]) == folder.documents(places[0])
        assert index.search(queries, 500)[0].shape == (10, 50)
        with pytest.raises(InputError, match="have 3 values and the index's 16.*model of the index, bag"):
            index.search(np.ones((1, 3)))
        with pytest.raises(InputError, match="has no graph"):
            index.search(queries, approximate=True)
        for damaged in (path.read_bytes()[:-1], path.read_bytes()[:20], b"", b"x" * 99):
            (tmp_path / "damaged").write_bytes(damaged)
            with pytest.raises(InputError, match="damaged is no packed index, or is cut off"):
                packed.PackedIndex(tmp_path / "damaged")


def test_a_packed_index_is_laid_out_as_documented(corpus, tmp_path):
    folder = search.build(Bag(), corpus, tmp_path / "index", name="bag")
    packed.write(folder, tmp_path / "packed", "int8")
    content = (tmp_path / "packed").read_bytes()
    assert content[:8] == b"KBSINDEX" and content[8:12] == b"\x01\0\0\0"
    header = json.loads(content[16 : 16 + int.from_bytes(content[12:16], "little")])
    assert header["bytes"] == len(content) and header["texts"] == 50 and header["dim"] == 16
    parts = {name: content[start : start + size] for name, (start, size) in header["parts"].items()}
    assert all(start % 64 == 0 for start, _ in header["parts"].values())
    rows = np.frombuffer(parts["vectors"], "<i1").reshape(50, 16) * np.frombuffer(parts["scales"], "<f4")[:, None]
    # A scale is float32, of seven digits.
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    offsets = np.frombuffer(parts["offsets"], "<i8")
    assert json.loads(parts["documents"][offsets[3] : offsets[4]]) == {"id": "d3", "text": texts(50)[3]}


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_exact_search_is_by_cosine(corpus, tmp_path, dtype, monkeypatch):
    monkeypatch.setattr(search, "VECTORS", 7)
    index = search.build(Bag(), corpus, tmp_path / "index", name="bag", dtype=dtype)
    assert isinstance(index.vectors, np.memmap) and index.vectors.dtype == dtype and len(index) == 50
    queries = Bag().embed(texts(53)[-3:])
    cosines = search.unit(queries) @ search.unit(Bag().embed(texts(50))).T
    scores, places = index.search(queries, 5)
    atol = 1e-6 if dtype == "float32" else 2e-3
    np.testing.assert_allclose(scores, -np.sort(-cosines, axis=1)[:, :5], atol=atol)
    np.testing.assert_allclose(np.take_along_axis(cosines, places, 1), scores, atol=atol)
    assert index.documents(places[0])[0] == {"id": f"d{places[0][0]}", "text": texts(50)[places[0][0]]}
    assert index.search(queries, 500)[0].shape == (3, 50)
    with pytest.raises(InputError, match="have 3 values and the index's 16.*model of the index, bag"):
        index.search(np.ones((1, 3)))


def test_what_was_stopped_goes_on(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "TEXTS", 10)
    whole = search.build(Bag(), corpus, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        search.build(Bag(fail_after=3), corpus, tmp_path / "index")
    assert not (tmp_path / "index").exists()
    model = Bag()
    index = search.build(model, corpus, tmp_path / "index")
    assert model.calls == 2
    np.testing.assert_array_equal(index.vectors, whole.vectors)
    # Another corpus begins anew, and the old index stands until the new one is whole.
    corpus.write_text('{"_id": "1", "text": "wing"}\n')
    with pytest.raises(KeyboardInterrupt):
        search.build(Bag(fail_after=0), corpus, tmp_path / "index")
    assert len(search.Index(tmp_path / "index")) == 50
    assert len(search.build(Bag(), corpus, tmp_path / "index")) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus.jsonl", "index", "whole"]


def test_approximate_search_finds_almost_all(corpus, tmp_path):
    pytest.importorskip("usearch")
    index = search.build(Bag(), corpus, tmp_path / "index", approximate=True)
    queries = Bag().embed(texts(70)[-20:])
    exact, found = index.search(queries, 5), index.search(queries, 5, approximate=True)
    shared = [len(set(a) & set(b)) for a, b in zip(exact[1], found[1], strict=True)]
    assert np.mean(shared) > 4.5
    assert index.search(queries[:1], 5, approximate=True)[1].shape == (1, 5)
    assert found[0][:, 0] == pytest.approx(exact[0][:, 0], abs=1e-3)
    (tmp_path / "index/graph.usearch").unlink()
    with pytest.raises(InputError, match="has no graph"):
        index.search(queries, 5, approximate=True)


@pytest.mark.parametrize(
    ("name", "content", "columns", "expected"),
    [
        ("a.txt", "one two\n\nthree\n", None, [("1", "one two"), ("3", "three")]),
        ("a.tsv", "id\ttitle\ttext\n7\tA\tb c\n", None, [("7", "A b c")]),
        ("a.tsv", "7\tb c\n", ["id", "text"], [("7", "b c")]),
        ("a.jsonl", '{"_id": "x", "title": "wing", "text": "wing lift"}\n', None, [("x", "wing lift")]),
    ],
)
def test_corpora(name, content, columns, expected, tmp_path):
    (tmp_path / name).write_text(content)
    assert [(row["id"], row["text"]) for row in search.read_texts(tmp_path / name, columns)] == expected


def test_bad_input(tmp_path):
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(InputError, match="holds no texts"):
        search.build(Bag(), tmp_path / "empty.txt", tmp_path / "index")
    with pytest.raises(InputError, match="There is no corpus"):
        search.build(Bag(), tmp_path / "none.txt", tmp_path / "index")
    with pytest.raises(InputError, match="is no index"):
        search.Index(tmp_path)
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n1\t2\tgood\n")
    with pytest.raises(InputError, match="line 2: expected query-id, corpus-id and score"):
        search.read_qrels(tmp_path / "qrels.tsv")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_figures_of_retrieval(corpus, tmp_path):
    asked = texts(50)
    (tmp_path / "queries.jsonl").write_text(
        "".join(json.dumps({"_id": f"q{i}", "text": asked[i]}) + "\n" for i in (0, 1, 2))
    )
    # Of q0 one of two relevant texts is the query itself; q1 has a text that is not relevant; q2 no judgement.
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq0\td0\t2\nq0\tgone\t1\nq1\td1\t-1\n")
    found = search.evaluate(Bag(), tmp_path)
    ideal = 2 + 1 / np.log2(3)
    assert found == pytest.approx({"ndcg@10": 2 / ideal, "map": 0.5, "mrr@10": 1.0, "recall@100": 0.5})
    # Where grades are no gains, both relevant texts count the same.
    found = search.evaluate(Bag(), tmp_path, binary=True)
    assert found["ndcg@10"] == pytest.approx(1 / (1 + 1 / np.log2(3)))
    worse = search.evaluate(Bag(), tmp_path, Reversed(), candidates=10)
    assert worse["mrr@10"] == pytest.approx(0.1)


def test_reranked():
    documents = [{"id": "a", "text": "x", "score": 0.9}, {"id": "b", "text": "y", "score": 0.1}]
    assert [item["id"] for item in search.rerank(Reversed(), "q", documents)] == ["b", "a"]


def test_the_tools_commands(corpus, tmp_path):
    assert "expected a command, index or query" in complaint(tool("search", "--model=x", check=False))
    assert "--model and --output must have a value" in complaint(
        tool("search", "index", f"--corpus={corpus}", check=False)
    )
    assert "kbs-search index" in tool("search", "--help").stdout
