"""Text to a folder of rows for pre-training: what `kbs-prepare_data` does.

Each file is scanned by itself, which says where its documents are; then all of them are dealt to shards; then each
shard is made by itself. Scans and shards are pure functions of the settings and a number: whoever runs them, in
whatever order, writes the same bytes, and those that are there when a run begins again are kept. They stand in a
folder beside the output, `.OUTPUT.preparing`, which becomes the output at the end.
"""

import concurrent.futures
import contextlib
import functools
import gc
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
from keras_bert_suite.data import documents, duplicates, forms, records
from keras_bert_suite.data.pieces import Pieces
from keras_bert_suite.errors import InputError
from keras_bert_suite.tokenizers import Tokenizer

# Bytes of a document's part at most, about; fewer where so little text is there that shards would be uneven.
PART_BYTES, PARTS = 65536, 16
# Sentences that are tokenized at a time.
SENTENCES = 8192
SEQUENCES = ("documents", "sentences")


@dataclass(frozen=True)
class Settings:
    """What is prepared, and how.

    Attributes:
        tokenizer: a preset's name or a folder.
        form: one of `data.forms.FORMS`.
        text: patterns of the text files.
        max_length: ids of a row at most.
        shards: number of files to write.
        layout: how the text files are to be read, see `data.documents`.
        languages: instead of `text` patterns with their language, as `en:english/*.txt`. Of `parallel_lines` two,
            whose files have the same lines; or two names, for `text` of two columns with a tab between.
        temperature: the power to which a language's share of the characters is raised, 1 for as it is; with less, text
            of rare languages is repeated and of frequent ones left out.
        deduplicate: `exact`, `near` (see `data.duplicates`) or None: which documents are left out.
        short_sequences: of pairs, the probability of a shorter target.
        passes: of pairs, how often a document is read, with other random numbers each time.
        sequences: of `packed`, what a sequence is: one of the `documents`, cut where it is longer than a row, or of
            the `sentences`.
        seed: of the order, and of what a form draws.

    Raises:
        InputError: a value is none of those that are known, or does not go with the form.
    """

    tokenizer: str
    form: str
    text: tuple = ()
    max_length: int = 128
    shards: int = 8
    layout: str = "prose"
    languages: tuple = ()
    temperature: float = 1.0
    deduplicate: str | None = None
    short_sequences: float = 0.1
    passes: int = 1
    sequences: str = "documents"
    seed: int = 0

    def __post_init__(self):
        for name, known in (
            ("form", forms.FORMS),
            ("layout", documents.LAYOUTS),
            ("deduplicate", (None, *duplicates.KINDS)),
            ("sequences", SEQUENCES),
        ):
            if getattr(self, name) not in known:
                raise InputError(
                    f"Received {name}={getattr(self, name)!r}; expected one of {', '.join(map(str, known))}."
                )
        if self.passes > 1 and not self.paired or self.passes < 1 or self.shards < 1:
            raise InputError(
                f"Received shards={self.shards}, passes={self.passes} of {self.form}; expected 1 or more, and more "
                "than one pass of sentence_pairs and sentence_order alone: others would write the same rows again."
            )
        if not 0 < self.temperature <= 1 or self.temperature < 1 and (self.parallel or not self.languages):
            raise InputError(
                f"Received temperature={self.temperature}; expected more than 0 and 1 at most, and less than 1 only "
                "with languages that are not parallel."
            )
        named = [bool(pattern) for _, pattern in self.language_patterns]
        if self.parallel:
            if len(named) != 2 or any(named) == bool(self.text) or len(set(named)) != 1:
                raise InputError(
                    "parallel_lines takes two languages: --languages=en:a.txt,de:b.txt, files with the same lines; or "
                    "--languages=en,de with --text=FILE, two columns with a tab between."
                )
        elif not all(named) or bool(self.text) == bool(named):
            raise InputError(
                "Expected either --text=FILES or --languages=en:FILES,de:FILES, with the files of each language."
            )

    @property
    def paired(self):
        """Whether rows are pairs of which the second may follow the first."""
        return self.form in ("sentence_pairs", "sentence_order")

    @property
    def parallel(self):
        """Whether rows are texts with their translations."""
        return self.form == "parallel_lines"

    @property
    def language_patterns(self):
        """The languages, each `(name, pattern)`; the pattern is empty where there is none."""
        return [(name, pattern) for name, _, pattern in (item.partition(":") for item in self.languages)]

    def sources(self):
        """What is read: a list of dicts `paths sizes language`, the language a number or None.

        Raises:
            InputError: a pattern matches no file, or parallel ones as many as they should.
        """
        found = [(language, documents.files_of([pattern])) for language, pattern in self.language_patterns if pattern]
        if self.parallel and found:
            (first, left), (second, right) = found
            if len(left) != len(right):
                raise InputError(f"{first} has {len(left)} files and {second} {len(right)}; expected as many.")
            groups = [(None, pair) for pair in zip(left, right, strict=True)]
        elif found:
            groups = [(number, [path]) for number, (_, paths) in enumerate(found) for path in paths]
        else:
            groups = [(None, [path]) for path in documents.files_of(self.text)]
        return [
            {"paths": list(paths), "sizes": [os.stat(path).st_size for path in paths], "language": language}
            for language, paths in groups
        ]


def prepare(settings, output, workers=1, progress=iter, runner=None, runner_options=()):
    """Writes a folder of prepared data. A run that was stopped goes on when the same is asked for again.

    Args:
        settings: the `Settings`.
        output: the folder to write; one that is there is replaced at the end.
        workers: processes that work beside one another; what is written does not depend on it.
        progress: wraps what is done, one thing after another, as `tqdm` does.
        runner: instead of `workers` a runner of Apache Beam, as `DirectRunner` or `FlinkRunner`. Its workers must see
            the text and the folder beside the output under the same paths.
        runner_options: its options, as `flink_master=localhost:8081`.

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
    with _on_beam(work, runner, runner_options) if runner else _runner(work, workers) as run:
        sources = _begin(settings, work)
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
    sources = settings.sources()
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
    shutil.rmtree(work, ignore_errors=True)
    _loaded.cache_clear()
    *_, tokenizer, _ = _loaded(work, _json(about))
    forms.Frame(tokenizer, settings.max_length, paired=settings.paired or settings.parallel)
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


@contextlib.contextmanager
def _on_beam(work, runner, options):
    """As `_runner`, on Apache Beam."""
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError:
        raise InputError(
            f"The runner {runner} needs Apache Beam, which is absent: pip install keras_bert_suite[beam]."
        ) from None

    def run(function, count):
        arguments = [f"--runner={runner}", *(f"--{option}" for option in options)]
        with beam.Pipeline(options=PipelineOptions(arguments)) as pipeline:
            numbers = pipeline | beam.Create(range(count)) | beam.Reshuffle()
            _ = numbers | function.__name__ >> beam.Map(functools.partial(function, work))
        # All is done and written; what the function gives is read.
        return (function(work, number) for number in range(count))

    yield run


def _start_worker():
    # Workers share the processors already; each stays at one.
    os.environ["RAYON_NUM_THREADS"] = "1"
    quiet.start_tensorflow()


def _opened(work):
    """The settings of a work, its sources, and the tokenizer's `Pieces`."""
    return _loaded(work, (work / "settings.json").read_text(encoding="utf-8"))


@functools.lru_cache(1)
def _loaded(work, about):
    about = json.loads(about)
    sources = about.pop("sources")
    about = {name: tuple(value) if isinstance(value, list) else value for name, value in about.items()}
    folder = work / "tokenizer"
    tokenizer = Tokenizer.from_preset(folder if folder.is_dir() else about["tokenizer"])
    return Settings(**about), sources, tokenizer, Pieces(tokenizer)


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
    paths = sources[number]["paths"]
    files = [documents.opened(name) for name in paths]
    if settings.parallel:
        found = [[spans] for spans in _parallel_spans(files, paths)]
    else:
        total = sum(sum(source["sizes"]) for source in sources)
        part_bytes = min(max(total // (settings.shards * PARTS), 1024), PART_BYTES)
        found = [[[part] for part in parts] for parts in documents.spans(files[0], settings.layout, part_bytes)]
    kind, characters, prints, bands = settings.deduplicate, [], [], []
    for parts in found:
        texts = [_text(files, paths, part) for part in parts]
        characters += map(len, texts)
        if kind:
            prints.append(duplicates.fingerprint("\n".join(texts)))
        if kind == "near":
            bands.append(duplicates.bands("\n".join(texts)))
    arrays = {
        "spans": np.array([part for parts in found for part in parts], "int64").reshape(-1, len(files), 2),
        "characters": np.array(characters, "int64"),
        "documents": np.repeat(np.arange(len(found)), [len(parts) for parts in found]),
        "prints": np.array(prints, "uint64").reshape(-1, 2),
        "bands": np.array(bands, "uint64").reshape(-1, duplicates.BANDS),
    }
    _write_arrays(path, arrays)


def _parallel_spans(files, paths):
    """The lines of parallel files, a list of lists of a span a file, without those that are blank in one of them."""
    lines = [documents.lines(data) for data in files]
    if len({len(found) for found in lines}) > 1:
        raise InputError(
            f"{paths[0]} has {len(lines[0])} lines and {paths[1]} {len(lines[1])}; expected each line's translation."
        )
    if len(files) == 1:
        wrong = next(
            (i for i, (a, b) in enumerate(lines[0], 1) if files[0][a:b].strip() and b"\t" not in files[0][a:b]), 0
        )
        if wrong:
            raise InputError(f"{paths[0]} line {wrong} has no tab; expected a text, a tab and its translation.")
    return [
        spans
        for spans in zip(*lines, strict=True)
        if all(data[begin:end].strip() for data, (begin, end) in zip(files, spans, strict=True))
    ]


def _text(files, paths, part):
    """What a part of a document says; of parallel files with a line's end between the texts."""
    texts = [documents.text_of(data, *span, path) for data, span, path in zip(files, part, paths, strict=True)]
    return "\n".join(texts)


def plan(work):
    """Deals the parts of documents to shards, about as many bytes to each, and writes `plan.npz`."""
    if (work / "plan.npz").exists():
        return
    settings, sources, *_ = _opened(work)
    scans = [_read_arrays(work / f"scan-{number:05d}.npz") for number in range(len(sources))]
    source = np.repeat(np.arange(len(scans)), [len(found["spans"]) for found in scans])
    if not len(source):
        raise InputError(f"{', '.join(settings.text or settings.languages)} holds no text.")
    first, parts = 0, []
    for found in scans:
        parts.append(first + found["documents"])
        first += len(np.unique(found["documents"]))
    joined = {
        name: np.concatenate([found[name] for found in scans]) for name in ("spans", "characters", "prints", "bands")
    }
    joined |= {"source": source, "documents": np.concatenate(parts)}
    kept = _kept(settings, sources, joined, first)
    chosen = np.flatnonzero(kept[joined["documents"]])
    generator = np.random.default_rng(settings.seed)
    if settings.temperature < 1:
        languages = np.array([found["language"] for found in sources])[source[chosen]]
        chosen = _sampled(chosen, languages, joined["characters"][chosen], settings, generator)
    order = generator.permutation(chosen)
    sizes = (joined["spans"][order, :, 1] - joined["spans"][order, :, 0]).sum(1)
    shard = (np.cumsum(sizes) - sizes) * settings.shards // sizes.sum()
    _write_arrays(
        work / "plan.npz",
        {
            "source": source[order],
            "spans": joined["spans"][order],
            "shards": np.searchsorted(shard, np.arange(settings.shards + 1)),
            "counts": np.array([first, first - kept.sum()]),
        },
    )


def _kept(settings, sources, joined, count):
    """Which documents stay, bool `(documents,)`."""
    if settings.deduplicate is None:
        return np.ones(count, bool)
    kept = duplicates.first_ones(joined["prints"])
    if settings.deduplicate == "exact":
        return kept
    begins = np.searchsorted(joined["documents"], np.arange(count + 1))

    def text_of(document):
        parts = slice(*begins[document : document + 2])
        paths = sources[joined["source"][parts.start]]["paths"]
        files = [documents.opened(path) for path in paths]
        return "\n".join(_text(files, paths, part) for part in joined["spans"][parts])

    return duplicates.without_near(kept, joined["bands"], text_of)


def _sampled(parts, languages, characters, settings, generator):
    """Parts of documents, some of them several times, so that a language's share is as the temperature says.

    With p a language's share of the characters, XLM's p^temperature, and about as many characters as before.
    """
    sums = np.bincount(languages, characters, len(settings.languages))
    if not sums.all():
        name, _ = settings.language_patterns[int(np.argmin(sums))]
        raise InputError(f"The language {name} has no text.")
    wanted = (sums / sums.sum()) ** settings.temperature
    times = wanted / wanted.sum() * sums.sum() / sums
    chosen = []
    for language, factor in enumerate(times):
        own = generator.permutation(np.flatnonzero(languages == language))
        whole, rest = divmod(factor, 1)
        chosen += [own] * int(whole)
        middle = np.cumsum(characters[own]) - characters[own] / 2
        chosen.append(own[middle < rest * sums[language]])
    return parts[np.concatenate(chosen)]


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
    draw = random.Random(f"{settings.seed} {number}")
    # Forms make a great many small lists, of which none is in a cycle: to look for cycles takes half of their time.
    gc.disable()
    try:
        rows = forms.FORMS[settings.form](_corpus(work, number), tokenizer, settings, draw)
    finally:
        gc.enable()
    order = list(range(len(rows)))
    draw.shuffle(order)
    offsets = work / records.offsets_of(path)
    with writing.new_file(offsets) as other, writing.new_file(path) as temporary:
        records.write(rows.features, order, temporary, other)
        with open(temporary, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    examples, tokens = len(rows), len(rows.features["token_ids"][0])
    size = path.stat().st_size
    about = {"file": path.name, "examples": examples, "tokens": tokens, "bytes": size, "sha256": digest}
    _write_json(path.with_suffix(".json"), about)
    return about


def _corpus(work, number):
    """The `Corpus` of a shard."""
    settings, sources, _, pieces = _opened(work)
    dealt = _read_arrays(work / "plan.npz")
    shard = slice(*dealt["shards"][number : number + 2])
    sources_of, spans = dealt["source"][shard], dealt["spans"][shard]
    found = [None] * len(spans)
    # File after file, so that few are open at a time.
    for source in np.unique(sources_of):
        paths = sources[source]["paths"]
        files = [documents.opened(path) for path in paths]
        for place in np.flatnonzero(sources_of == source):
            text = _text(files, paths, spans[place])
            if settings.parallel:
                found[place] = [documents.even(one) for one in text.split("\t" if len(files) == 1 else "\n")[:2]]
            else:
                found[place] = documents.sentences(text, settings.layout)
    sizes = np.fromiter(map(len, found), "int64", len(found))
    languages = [sources[source]["language"] for source in sources_of]
    named = bool(settings.languages) and not settings.parallel
    ids, counts = _tokenized([sentence for part in found for sentence in part], pieces)
    return forms.Corpus.of(ids, counts, sizes, languages if named else None)


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
    pad_id = _opened(work)[2].pad_id
    found, dropped = _read_arrays(work / "plan.npz")["counts"]
    index = {
        "version": records.VERSION,
        "form": settings.form,
        "max_length": settings.max_length,
        "pad_id": pad_id or 0,
        "features": forms.features_of(settings.form, settings.languages),
        "languages": [name for name, _ in settings.language_patterns],
        "tokenizer": {"name": settings.tokenizer, "sha256": digest},
        "settings": {**asdict(settings), "text": list(settings.text), "languages": list(settings.languages)},
        "documents": int(found),
        "duplicates": int(dropped),
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


def _json(value):
    return json.dumps(value, indent=1, ensure_ascii=False)


def _write_json(path, value):
    with writing.new_file(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(_json(value))


def _read_arrays(path):
    with np.load(path) as file:
        return dict(file)


def _write_arrays(path, arrays):
    with writing.new_file(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)
