r"""Searches texts by meaning: index a corpus once, then ask it.

  {tool} index --model=runs/similarity --corpus=corpus.jsonl --output=runs/index
  {tool} query --index=runs/index --text="how does a wing stall" --top=5
  {tool} query --index=runs/index --queries=queries.tsv --rerank=runs/reranker --json=hits.json

The corpus is .jsonl, .tsv or .csv with a column text, and _id and title where it has them, or .txt with a text a line.
The model is a folder of a similarity model, ours or sentence-transformers'. Indexing that was stopped goes on when the
same command is given again. --packed=int8 writes one file beside it, which a device searches with numpy alone; its
model may be a .tflite file. With --rerank a ranking model reads the best --candidates once more beside the query.

all-MiniLM-L6-v2 on the 1,400 abstracts of Cranfield: about 2 minutes on 2 cores, 2 MB of vectors.
"""

import sys
from pathlib import Path

from absl import flags

from keras_bert_suite import InputError
from keras_bert_suite.edge import index as packed
from keras_bert_suite.tools import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "The model that embeds. Default of query: the one of the index.")
flags.DEFINE_string("corpus", None, "index: the texts.")
flags.DEFINE_list("columns", None, "Columns of a file without a header line, as id,text.")
flags.DEFINE_string("output", None, "index: the folder to write.")
flags.DEFINE_enum("dtype", "float32", ["float32", "float16"], "index: of the vectors; float16 is half the size.")
flags.DEFINE_enum("packed", None, packed.DTYPES, "index: also OUTPUT.packed, a single file for devices.")
flags.DEFINE_string("index", None, "query: the folder, or the packed file, that index wrote.")
flags.DEFINE_multi_string("text", [], "query: a query; may be given several times.")
flags.DEFINE_string("queries", None, "query: a file of queries, of the form of a corpus.")
flags.DEFINE_integer("top", 10, "query: texts to print.", lower_bound=1)
flags.DEFINE_string("rerank", None, "query: a ranking model.")
flags.DEFINE_integer("candidates", 100, "query: texts that the ranking model reads.", lower_bound=1)
flags.DEFINE_bool("approximate", False, "By a graph, for millions of texts; needs the extra search.")
flags.DEFINE_string("json", None, "query: file for what was found.")
flags.DEFINE_integer("threads", 2, "Threads of the device runtime.", lower_bound=1)
flags.DEFINE_integer("workers", 1, "Texts at a time on the device runtime, each with so many threads.", lower_bound=1)


def main(command):
    (_index if command == "index" else _query)()


def _given(*names):
    missing = [f"--{name}" for name in names if not FLAGS[name].value]
    if missing:
        raise InputError(f"{' and '.join(missing)} must have a value. See kbs-search --help.")


def _index():
    _given("model", "corpus", "output")
    model = command_line.open_model(FLAGS.model, FLAGS.threads, FLAGS.workers)
    from keras_bert_suite import search

    settings = {"dtype": FLAGS.dtype, "columns": FLAGS.columns, "approximate": FLAGS.approximate}
    index = search.build(
        model, FLAGS.corpus, FLAGS.output, name=FLAGS.model, progress=command_line.progress, **settings
    )
    size = index.vectors.nbytes / 1e6
    print(f"{FLAGS.output}: {len(index)} texts, {index.vectors.shape[1]} values each, {size:.1f} MB")
    if FLAGS.packed:
        path = Path(f"{FLAGS.output}.packed")
        packed.write(index, path, FLAGS.packed)
        print(f"{path}: {FLAGS.packed}, {path.stat().st_size / 1e6:.1f} MB with the texts")


def _query():
    _given("index")
    from keras_bert_suite import search

    index = (packed.PackedIndex if Path(FLAGS.index).is_file() else search.Index)(FLAGS.index)
    queries = [{"id": str(number), "text": text} for number, text in enumerate(FLAGS.text, 1)]
    queries += search.read_texts(FLAGS.queries, FLAGS.columns) if FLAGS.queries else []
    if not queries:
        raise InputError("No query: give --text=TEXT, or --queries=FILE.")
    model = command_line.open_model(FLAGS.model or index.settings["model"], FLAGS.threads, FLAGS.workers)
    reranker = command_line.open_model(FLAGS.rerank, FLAGS.threads, FLAGS.workers) if FLAGS.rerank else None
    vectors = model.embed([query["text"] for query in queries], progress=command_line.progress)
    found = index.search(vectors, max(FLAGS.top, FLAGS.candidates if reranker else 0), FLAGS.approximate)
    for query, scores, places in zip(queries, *found, strict=True):
        hits = [{**hit, "score": float(s)} for hit, s in zip(index.documents(places), scores, strict=True)]
        query["hits"] = (search.rerank(reranker, query["text"], hits) if reranker else hits)[: FLAGS.top]
        print(query["text"])
        for hit in query["hits"]:
            print(f"  {hit['score']:7.4f}  {hit['id']}  {hit['text'][:80]}")
    command_line.write_json(FLAGS.json, queries)


def console():
    command_line.run(main, sys.modules[__name__], commands=("index", "query"))


if __name__ == "__main__":
    console()
