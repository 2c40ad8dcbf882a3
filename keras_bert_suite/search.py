"""Semantic search: texts and their vectors as a folder, and the nearest of them to a query.

A model that embeds is any object with `embed(texts, progress=...)`, which gives float32 `(texts, dim)`: a `TaskModel`
of similarity, for one. The folder of an index holds `vectors.npy`, which is mapped into memory and not read as a
whole; `documents.jsonl`, an object `{"id", "text"}` a line; `offsets.npy`, where each of these lines begins;
`index.json`; and `graph.usearch` where it may be searched approximately.
"""

import contextlib
import json
import os
import shutil
from pathlib import Path

import numpy as np

from keras_bert_suite import nearest
from keras_bert_suite.checkpoints import writing
from keras_bert_suite.data import readers
from keras_bert_suite.errors import InputError
from keras_bert_suite.evaluation import metrics
from keras_bert_suite.nearest import highest, unit

IDS = ("_id", "id", "docid", "pid", "qid")
# Texts that are embedded between two records of what is done, and vectors that a query is compared with at a time.
TEXTS, VECTORS = 1024, 65536


def read_texts(path, columns=None):
    """The texts of a file, one at a time.

    Args:
        path: `.txt` (a text a line; its id is the line's number), or `.jsonl`, `.tsv` or `.csv` with a column `text`
            (or another usual name), `_id` or `id`, and `title` where there is one, which goes before the text.
        columns: names of the columns of a file without a header line.

    Yields:
        `{"id", "text"}`, both strings.

    Raises:
        InputError: the file is missing, or a row of it has no text.
    """
    path = Path(path)
    if path.suffix == ".txt":
        for number, line in enumerate(readers.lines_of(path), 1):
            if line.strip():
                yield {"id": str(number), "text": line.strip()}
        return
    for number, row in readers.table_rows(path, columns):
        text, title = readers.pick(row, readers.TEXT_COLUMNS), row.get("title") or ""
        if not isinstance(text, str):
            raise InputError(f"{path} line {number} has no text; its columns are {', '.join(row)}.")
        # Some corpora repeat the title as the beginning of the text.
        text = text if text.startswith(title) else f"{title} {text}"
        yield {"id": str(readers.pick(row, IDS) or number), "text": text}


def build(model, corpus, folder, name="", dtype="float32", columns=None, approximate=False, progress=iter):
    """Writes an index. One that was stopped goes on where it was when it is asked for again.

    Args:
        model: what embeds.
        corpus: a file that `read_texts` reads.
        folder: where to write; a folder that is there is replaced at the end.
        name: where the model is, which the index remembers.
        dtype: of the vectors, `"float32"`, or `"float16"` for half the size.
        columns: names of the columns of a corpus without a header line.
        approximate: whether to add a graph for approximate search, see `Index.search`.
        progress: wraps the list of blocks of texts, as `tqdm` does.

    Returns:
        The `Index`.

    Raises:
        InputError: the corpus holds no text, or the library of approximate search is missing.
    """
    if dtype not in ("float32", "float16"):
        raise InputError(f"Received dtype={dtype!r}; expected float32 or float16.")
    if approximate:
        _usearch()
    folder, corpus = Path(folder), Path(corpus)
    if folder.is_file():
        raise InputError(f"{folder} is a file; expected a folder to write.")
    if not corpus.is_file():
        raise InputError(f"There is no corpus {corpus}; expected a .jsonl, .tsv, .csv or .txt file.")
    state = corpus.stat()
    settings = {
        "model": name,
        "corpus": str(corpus.resolve()),
        "size": state.st_size,
        "changed": state.st_mtime_ns,
        "columns": columns,
        "dtype": dtype,
    }
    work = folder.with_name(f".{folder.name}.indexing")
    if _record(work).get("settings") != settings:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        _write_documents(read_texts(corpus, columns), work)
        _write_json(work / "progress.json", {"settings": settings, "done": 0})
    offsets = np.load(work / "offsets.npy", mmap_mode="r")
    count, done = len(offsets) - 1, _record(work)["done"]
    if not count:
        shutil.rmtree(work)
        raise InputError(f"{corpus} holds no texts.")
    for start in progress(range(done, count, TEXTS)):
        stop = min(start + TEXTS, count)
        texts = [document["text"] for document in _documents(work, offsets, range(start, stop))]
        vectors = unit(model.embed(texts))
        place = {"mode": "r+"} if start else {"mode": "w+", "dtype": dtype, "shape": (count, vectors.shape[1])}
        table = np.lib.format.open_memmap(work / "vectors.npy", **place)
        table[start:stop] = vectors
        table.flush()
        _write_json(work / "progress.json", {"settings": settings, "done": stop})
    if approximate:
        _write_graph(work)
    _write_json(work / "index.json", {"format": "keras_bert_suite index", "version": 1, **settings, "texts": count})
    (work / "progress.json").unlink()
    with writing.new_folder(folder) as temporary:
        # What is whole already takes the place of the new folder, and with it that of an old index.
        os.rmdir(temporary)
        os.replace(work, temporary)
    return Index(folder)


class Index:
    """An index that `build` wrote.

    Args:
        folder: the folder.

    Raises:
        InputError: it is no such folder, or is not whole.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        try:
            self.settings = json.loads((self.folder / "index.json").read_text())
            self.vectors = np.load(self.folder / "vectors.npy", mmap_mode="r")
            self.offsets = np.load(self.folder / "offsets.npy", mmap_mode="r")
        except (OSError, ValueError) as error:
            raise InputError(f"{folder} is no index, or not a whole one: {error}. Write it with kbs-search.") from None

    def __len__(self):
        return len(self.vectors)

    def documents(self, places):
        """The texts at these places, a list of `{"id", "text"}`."""
        return _documents(self.folder, self.offsets, places)

    def search(self, queries, k=10, approximate=False):
        """The nearest texts of each query by the cosine of their vectors.

        Args:
            queries: vectors, `(queries, dim)`.
            k: number of texts.
            approximate: whether to search the graph: fast over millions of texts, and now and then one is missed;
                Malkov and Yashunin 2018, https://arxiv.org/abs/1603.09320. Otherwise every vector is compared.

        Returns:
            Cosines and places in the index, both `(queries, k)`, the nearest first; fewer where there are fewer texts.

        Raises:
            InputError: the queries are of another width, or there is no graph.
        """
        model = self.settings["model"]
        if approximate:
            return self._search_graph(nearest.unit_queries(queries, self.vectors.shape[1], model), min(k, len(self)))
        return nearest.search(self.vectors, queries, k, VECTORS, model=model)

    def _search_graph(self, queries, k):
        path = self.folder / "graph.usearch"
        if not path.exists():
            raise InputError(f"{self.folder} has no graph; index with approximate search, or search exactly.")
        found = _usearch().Index.restore(str(path), view=True).search(queries, k)
        # A batch of one query gives a single row.
        return 1.0 - found.distances.reshape(-1, k), found.keys.reshape(-1, k).astype("int64")


def rerank(model, query, documents, progress=iter):
    """Texts in the order of a cross-encoder, which reads each together with the query.

    Nogueira and Cho 2019, https://arxiv.org/abs/1901.04085

    Args:
        model: a model of the task ranking.
        query: the query.
        documents: a list of dicts with `text`.
        progress: wraps the list of batches, as `tqdm` does.

    Returns:
        The documents, the best first, each with its `score`.
    """
    (answer,) = model.predict([(query, None, tuple(item["text"] for item in documents))], progress=progress)
    return [{**documents[place], "score": float(answer["scores"][place])} for place in answer["ranking"]]


def evaluate(model, folder, reranker=None, candidates=100, binary=False, progress=iter):
    """Figures of a retrieval task in BEIR's layout: `corpus.jsonl`, `queries.jsonl`, `qrels.tsv`.

    Thakur et al. 2021, https://arxiv.org/abs/2104.08663. Grades above 0 are relevant. The vectors stay in memory.

    Args:
        model: what embeds.
        folder: the folder; `qrels.tsv` may be `qrels/test.tsv`, and its columns are `query-id corpus-id score`.
        reranker: a model of the task ranking, or None.
        candidates: texts that are retrieved, and reranked.
        binary: whether all grades above 0 are the same gain, as where a higher grade is not a better one.
        progress: wraps the list of batches, as `tqdm` does.

    Returns:
        A dict: `ndcg@10`, `map`, `mrr@10`, `recall@100`.
    """
    folder = Path(folder)
    documents, queries = list(read_texts(folder / "corpus.jsonl")), list(read_texts(folder / "queries.jsonl"))
    qrels = read_qrels(folder / "qrels.tsv" if (folder / "qrels.tsv").exists() else folder / "qrels" / "test.tsv")
    if binary:
        qrels = {query: {text: int(grade > 0) for text, grade in found.items()} for query, found in qrels.items()}
    queries = [query for query in queries if query["id"] in qrels]
    if not documents or not queries:
        raise InputError(f"{folder} has {len(documents)} texts and {len(queries)} queries with judgements.")
    vectors = unit(model.embed([item["text"] for item in documents], progress=progress))
    asked = unit(model.embed([query["text"] for query in queries]))
    relevance, scores = [], []
    for query, vector in zip(queries, asked, strict=True):
        cosines = (vectors @ vector)[None]
        best, places = highest(cosines, np.arange(len(documents))[None], min(candidates, len(documents)))
        found = [{**documents[i], "score": float(score)} for i, score in zip(places[0], best[0], strict=True)]
        found = rerank(reranker, query["text"], found) if reranker else found
        relevance.append([qrels[query["id"]].get(item["id"], 0) for item in found])
        scores.append(np.arange(len(found), 0, -1))
    judged = [list(qrels[query["id"]].values()) for query in queries]
    return metrics.ranking(relevance, scores, recall_k=100, judged=judged)


def read_qrels(path):
    """Judgements: a dict from a query's id to a dict from a text's id to its grade.

    Raises:
        InputError: the file is missing, or a line of it is not a query, a text and a number.
    """
    qrels = {}
    for number, row in readers.table_rows(Path(path), None, ("query-id",)):
        try:
            grade = int(row["score"])
            qrels.setdefault(row["query-id"], {})[row["corpus-id"]] = grade
        except (KeyError, ValueError):
            raise InputError(
                f"{path} line {number}: expected query-id, corpus-id and score, a whole number."
            ) from None
    return qrels


def _write_documents(documents, folder):
    offsets = [0]
    with open(folder / "documents.jsonl", "wb") as file:
        for document in documents:
            offsets.append(offsets[-1] + file.write(json.dumps(document).encode() + b"\n"))
    np.save(folder / "offsets.npy", np.array(offsets, "int64"))


def _documents(folder, offsets, places):
    found = []
    with open(folder / "documents.jsonl", "rb") as file:
        for place in places:
            file.seek(offsets[place])
            found.append(json.loads(file.read(offsets[place + 1] - offsets[place])))
    return found


def _record(work):
    with contextlib.suppress(OSError, ValueError):
        return json.loads((work / "progress.json").read_text())
    return {}


def _write_json(path, value):
    with writing.new_file(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)


def _write_graph(work):
    vectors = np.load(work / "vectors.npy", mmap_mode="r")
    precision = {"float32": "f32", "float16": "f16"}[str(vectors.dtype)]
    graph = _usearch().Index(ndim=vectors.shape[1], metric="cos", dtype=precision)
    for start in range(0, len(vectors), VECTORS):
        block = vectors[start : start + VECTORS]
        graph.add(np.arange(start, start + len(block)), np.asarray(block))
    graph.save(str(work / "graph.usearch"))


def _usearch():
    try:
        from usearch import index
    except ImportError:
        raise InputError(
            "Approximate search needs usearch: pip install keras_bert_suite[search], or search exactly."
        ) from None
    return index
