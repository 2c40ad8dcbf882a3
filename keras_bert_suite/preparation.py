"""Text to a folder of rows for pre-training: what `kbs-prepare_data` does.

Each file is scanned by itself, which says where its documents are; then all of them are dealt to shards; then each
shard is made by itself. Scans and shards are pure functions of the settings and a number: whoever runs them, in
whatever order, writes the same bytes, and those that are there when a run begins again are kept. They stand in a
folder beside the output, `.OUTPUT.preparing`, which becomes the output at the end.
"""

import concurrent.futures
import contextlib
import functools
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from keras_bert_suite import quiet
from keras_bert_suite.checkpoints import writing
from keras_bert_suite.data import documents, forms, records
from keras_bert_suite.data.pieces import Pieces
from keras_bert_suite.errors import InputError
from keras_bert_suite.tokenizers import Tokenizer

FORMS = ("full_sentences",)
# Bytes of a document's part at most, about; fewer where so little text is there that shards would be uneven.
PART_BYTES, PARTS = 65536, 16
# Sentences that are tokenized at a time.
SENTENCES = 8192


@dataclass(frozen=True)
class Settings:
    """What is prepared, and how.

    Attributes:
        text: patterns of the text files.
        tokenizer: a preset's name or a folder.
        form: one of `FORMS`.
        max_length: ids of a row at most.
        shards: number of files to write.
        layout: how the text files are to be read, see `data.documents`.
        seed: of the order, and of what a form draws.

    Raises:
        InputError: there is no such form or layout, or a number is too small.
    """

    text: tuple
    tokenizer: str
    form: str
    max_length: int = 128
    shards: int = 8
    layout: str = "prose"
    seed: int = 0

    def __post_init__(self):
        for name, known in (("form", FORMS), ("layout", documents.LAYOUTS)):
            if getattr(self, name) not in known:
                raise InputError(f"Received {name}={getattr(self, name)!r}; expected one of {', '.join(known)}.")
        if self.shards < 1:
            raise InputError(f"Received shards={self.shards}; expected 1 or more.")


def prepare(settings, output, workers=1, progress=iter):
    """Writes a folder of prepared data. A run that was stopped goes on when the same is asked for again.

    Args:
        settings: the `Settings`.
        output: the folder to write; one that is there is replaced at the end.
        workers: processes that work beside one another; what is written does not depend on it.
        progress: wraps what is done, one thing after another, as `tqdm` does.

    Returns:
        The index of the folder, a dict.

    Raises:
        InputError: the text, the tokenizer or a setting is at fault, an unfinished run had other settings, or a
            worker was killed.
    """
    output = Path(output)
    if output.is_file():
        raise InputError(f"{output} is a file; expected a folder to write.")
    work = output.with_name(f".{output.name}.preparing")
    sources = _begin(settings, work)
    with _runner(work, workers) as run:
        try:
            list(progress(run(scan, len(sources))))
            plan(work)
        except InputError:
            # Nothing is there yet that took long; and with other text it would be of no use.
            shutil.rmtree(work)
            raise
        bar, shards, start = progress(run(make_shard, settings.shards)), [], time.time()
        for shard in bar:
            shards.append(shard)
            if hasattr(bar, "set_postfix_str"):
                rate = sum(shard["tokens"] for shard in shards) / (time.time() - start)
                bar.set_postfix_str(f"{rate:,.0f} tokens a second")
    return _finish(settings, shards, work, output)


def _begin(settings, work):
    """The folder of the work, with its settings and the tokenizer. One that is there is gone on with.

    Returns:
        The sources, a list of dicts.
    """
    sources = [{"paths": [path], "sizes": [os.stat(path).st_size]} for path in documents.files_of(settings.text)]
    about = json.loads(json.dumps({**asdict(settings), "sources": sources}))
    if (work / "settings.json").exists():
        before = _read_json(work / "settings.json")
        differing = [name for name, value in about.items() if before.get(name) != value]
        if differing:
            raise InputError(
                f"{work} holds an unfinished preparation whose {', '.join(differing)} differed; run it with the same "
                "flags, or delete the folder to begin anew."
            )
        return sources
    tokenizer = Tokenizer.from_preset(settings.tokenizer)
    forms.Frame(tokenizer, settings.max_length, paired=False)
    shutil.rmtree(work, ignore_errors=True)
    tokenizer.save(work / "tokenizer")
    _write_json(work / "settings.json", about)
    return sources


@contextlib.contextmanager
def _runner(work, workers):
    """A function of a function and a count: what `function(work, number)` gives for each number, in order."""
    if workers == 1:
        yield lambda function, count: (function(work, number) for number in range(count))
        return
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, context, _start_worker) as pool:
        try:
            yield lambda function, count: pool.map(functools.partial(function, work), range(count))
        except concurrent.futures.process.BrokenProcessPool:
            raise InputError(
                "A worker was killed, perhaps for its memory. The same command goes on from the shards that are done."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _start_worker():
    # Workers share the processors already; each stays at one.
    os.environ["RAYON_NUM_THREADS"] = "1"
    quiet.start_tensorflow()


@functools.lru_cache(1)
def _opened(work):
    """The settings of a work, its sources, and the tokenizer's `Pieces`."""
    about = _read_json(work / "settings.json")
    sources = about.pop("sources")
    tokenizer = Tokenizer.from_preset(work / "tokenizer")
    return Settings(**{**about, "text": tuple(about["text"])}), sources, tokenizer, Pieces(tokenizer)


def scan(work, number):
    """Finds the documents of a source, and writes where they are: `scan-00000.npz`.

    Args:
        work: the folder of the work.
        number: of the source.
    """
    path = work / f"scan-{number:05d}.npz"
    if path.exists():
        return
    settings, sources, *_ = _opened(work)
    total = sum(sum(source["sizes"]) for source in sources)
    part_bytes = min(max(total // (settings.shards * PARTS), 1024), PART_BYTES)
    data = documents.opened(sources[number]["paths"][0])
    found = list(documents.spans(data, settings.layout, part_bytes))
    for parts in found:
        documents.text_of(data, parts[0][0], parts[-1][1], sources[number]["paths"][0])
    arrays = {
        "spans": np.array([part for parts in found for part in parts], "int64").reshape(-1, 2),
        "documents": np.repeat(np.arange(len(found)), [len(parts) for parts in found]),
    }
    _write_arrays(path, arrays)


def plan(work):
    """Deals the parts of all documents to shards, about as many bytes to each, and writes `plan.npz`."""
    if (work / "plan.npz").exists():
        return
    settings, sources, *_ = _opened(work)
    scans = [_read_arrays(work / f"scan-{number:05d}.npz") for number in range(len(sources))]
    source = np.repeat(np.arange(len(scans)), [len(found["spans"]) for found in scans])
    spans = np.concatenate([found["spans"] for found in scans])
    if not len(spans):
        raise InputError(f"{', '.join(settings.text)} holds no text.")
    order = np.random.default_rng(settings.seed).permutation(len(spans))
    sizes = np.diff(spans)[order, 0]
    shard = (np.cumsum(sizes) - sizes) * settings.shards // sizes.sum()
    _write_arrays(
        work / "plan.npz",
        {
            "source": source[order],
            "spans": spans[order],
            "shards": np.searchsorted(shard, np.arange(settings.shards + 1)),
            "documents": np.array(sum(len(np.unique(found["documents"])) for found in scans)),
        },
    )


def make_shard(work, number):
    """Writes a shard, where it is not there yet.

    Args:
        work: the folder of the work.
        number: of the shard.

    Returns:
        What the index says of it, a dict `file examples tokens bytes sha256`.
    """
    settings, sources, tokenizer, pieces = _opened(work)
    path = work / f"part-{number:05d}-of-{settings.shards:05d}.tfrecord"
    if path.with_suffix(".json").exists():
        return _read_json(path.with_suffix(".json"))
    dealt = _read_arrays(work / "plan.npz")
    begin, end = dealt["shards"][number : number + 2]
    files = {source: documents.opened(sources[source]["paths"][0]) for source in set(dealt["source"][begin:end])}
    sentences, sizes = [], []
    for source, span in zip(dealt["source"][begin:end], dealt["spans"][begin:end], strict=True):
        text = documents.text_of(files[source], *span, sources[source]["paths"][0])
        found = documents.sentences(text, settings.layout)
        sentences += found
        sizes.append(len(found))
    corpus = forms.Corpus.of(*_tokenized(sentences, pieces), np.array(sizes, "int64"))
    rows = list(forms.full_sentences(corpus, tokenizer, settings.max_length))
    random.Random(f"{settings.seed} {number}").shuffle(rows)
    offsets = work / records.offsets_of(path)
    with writing.new_file(offsets) as other, writing.new_file(path) as temporary:
        examples, tokens = records.write(rows, temporary, other)
        with open(temporary, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = path.stat().st_size
    about = {"file": path.name, "examples": examples, "tokens": tokens, "bytes": size, "sha256": digest}
    _write_json(path.with_suffix(".json"), about)
    return about


def _tokenized(sentences, pieces):
    """The ids of sentences, and how many each has."""
    found = [pieces(sentences[start : start + SENTENCES]) for start in range(0, len(sentences), SENTENCES)]
    ids, counts = zip(*found or [pieces([])], strict=True)
    return np.concatenate(ids), np.concatenate(counts)


def _finish(settings, shards, work, output):
    """Writes the index, and makes the folder of the work the output.

    Returns:
        The index.
    """
    files = sorted((work / "tokenizer").iterdir())
    digest = hashlib.sha256(b"".join(file.name.encode() + b"\0" + file.read_bytes() for file in files)).hexdigest()
    pad_id = Tokenizer.from_preset(work / "tokenizer").pad_id
    index = {
        "version": records.VERSION,
        "form": settings.form,
        "max_length": settings.max_length,
        "pad_id": pad_id or 0,
        "features": ["token_ids"],
        "tokenizer": {"name": settings.tokenizer, "sha256": digest},
        "settings": {**asdict(settings), "text": list(settings.text)},
        "documents": int(_read_arrays(work / "plan.npz")["documents"]),
        "shards": shards,
    }
    _write_json(work / "index.json", index)
    wanted = {"index.json", "tokenizer"}
    wanted |= {name for shard in shards for name in (shard["file"], records.offsets_of(shard["file"]))}
    with writing.new_folder(output) as temporary:
        # What is whole already takes the place of the new folder, and with it that of an old one.
        temporary.rmdir()
        for path in work.iterdir():
            if path.name not in wanted:
                path.unlink()
        os.replace(work, temporary)
    return index


def _read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def _write_json(path, value):
    with writing.new_file(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, ensure_ascii=False)


def _read_arrays(path):
    with np.load(path) as file:
        return dict(file)


def _write_arrays(path, arrays):
    with writing.new_file(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)
