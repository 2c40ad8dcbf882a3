"""From a teacher to a small model of sentence embeddings in a folder: what `kbs-distill_embeddings` does.

`embedding`: the teacher is a sentence encoder, whose vectors of texts the student learns, and how alike they are
(Reimers and Gurevych 2020, https://arxiv.org/abs/2004.09813; Tung and Mori 2019, https://arxiv.org/abs/1907.09682).
`cross_encoder`: the teacher is a ranking model, which reads a query and a candidate together; the student, which reads
each by itself, learns how much better one candidate is than another (Hofstätter et al. 2020,
https://arxiv.org/abs/2010.02666). The teacher reads once, and what it says is kept on disk.
"""

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_bert_suite import pretraining, pretraining_tensorflow
from keras_bert_suite.data import documents, libraries, pairs, readers
from keras_bert_suite.distillation import answers
from keras_bert_suite.distillation.distiller import CACHED, Distiller
from keras_bert_suite.distillation.embeddings import Similarities, SimilarityMargins, Vectors
from keras_bert_suite.distillation.losses import Cosine, Labels
from keras_bert_suite.distillation.traces import Traced, traced
from keras_bert_suite.encoders import FAMILIES
from keras_bert_suite.errors import InputError
from keras_bert_suite.tasks import losses, saved
from keras_bert_suite.tasks.inputs import Input, rows
from keras_bert_suite.tasks.similarity import Similarity
from keras_bert_suite.tokenizers import Tokenizer
from keras_bert_suite.training import board, optimizers, progress, schedules

RECIPES = ("embedding", "cross_encoder")
# Texts that a teacher reads at once, and tokens by which those of a batch may differ in length.
READ, SPREAD = 64, 4
# Those that do not change what is learned: a run may go on with others.
FREE = ("output", "cache", "judge", "checkpoint_every", "strategy", "replicas")


@dataclasses.dataclass(frozen=True)
class Settings:
    """The flags of `kbs-distill_embeddings`, under their names; `encoder` is its `--student`.

    Attributes:
        recipe: one of `RECIPES`.
        teacher: a folder: of a sentence encoder, ours or sentence-transformers'; or of a ranking model.
        encoder: the student's: a family, as `"Electra"`, or a folder or preset to begin from.
        text: files or patterns of them: a text a line, or `.tsv`, `.csv`, `.jsonl` as `data.readers.read_inputs` takes
            them, of which each text, pair and choice counts; of `cross_encoder` a candidate a line, with the columns
            `query` and `passage`.
        output: the folder to write, of a similarity model.
        set: arguments of the student's encoder, as `"dim=192"`. A small student does without dropout.
        tokenizer: a folder; None for the encoder's, of a family the teacher's.
        tables: `"teacher"`, a family's token table begins as the teacher's in its main directions; or `"new"`.
        columns: names of the columns of tables without a header line.
        pool, normalize: of the student, see `tasks.similarity.Similarity`.
        vector_weight: of `embedding`: that of 1 less the cosine of the two vectors, through a map to the teacher's
            width that is thrown away where the widths differ.
        similarity_weight: that of `Similarities`.
        margin_weight: that of `SimilarityMargins`.
        token_weight: that of 1 less the cosine of the last hidden states, of the same pieces; 0 for none, which need
            some 800 bytes a token on disk.
        group: texts that are compared with one another; divides those of a device.
        candidates: of `cross_encoder`: candidates of a query that are compared, the best with each of the others.
        scale: what the teacher's margins are divided by; None for their 99th percentile, or 1 where not `normalize`.
        max_length: ids of a text, or of the teacher's query and candidate, at most.
        batch_size: texts a step, or queries.
        steps, epochs: one of them.
        learning_rate, weight_decay, warmup, clip_norm: of AdamW, whose rate falls to 0 linearly.
        judge: a file of scored pairs, or of triplets, on which student and teacher are judged at the end.
        cache: the folder of what the teacher said; None for OUTPUT_teacher.
        checkpoint_every: steps between two checkpoints.
        strategy, replicas: see `training.distribution.strategy_of`.
        seed: of initialization, order and dropout.
    """

    recipe: str
    teacher: str
    encoder: str
    text: tuple
    output: str
    set: tuple = ()
    tokenizer: str | None = None
    tables: str = "teacher"
    columns: tuple | None = None
    pool: str = "mean"
    normalize: bool = True
    vector_weight: float = 1.0
    similarity_weight: float = 10.0
    margin_weight: float = 0.0
    token_weight: float = 0.0
    group: int = 32
    candidates: int = 4
    scale: float | None = None
    max_length: int = 128
    batch_size: int = 64
    steps: int | None = None
    epochs: int | None = None
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.1
    clip_norm: float = 1.0
    judge: str | None = None
    cache: str | None = None
    checkpoint_every: int = 1000
    strategy: str = "one_device"
    replicas: int | None = None
    seed: int = 0


def run(settings, show_progress=iter):
    """Trains, from the last checkpoint if there is one, and writes the student's folder.

    Args:
        settings: the `Settings`.
        show_progress: wraps what the teacher reads, as `tqdm` does.

    Returns:
        The student, a `TaskModel`, with its figures.

    Raises:
        InputError: a setting, the texts or a model is at fault, a checkpoint is of another training, or a loss is no
            number.
    """
    _check(settings)
    output = Path(settings.output)
    work = output.with_name(f".{output.name}.training")
    devices = pretraining_tensorflow.Side(settings)
    source = {"embedding": Texts, "cross_encoder": Candidates}[settings.recipe](settings)
    keras.utils.set_random_seed(settings.seed)
    with devices.scope():
        student = student_of(settings, source.teacher, source.task)
        model = source.distiller(student, devices.devices)
    # After all that may be at fault, as a teacher may read for hours.
    source.read(show_progress)
    with devices.scope():
        batches = Batches(source, student, settings.batch_size, settings.seed)
        steps = settings.steps or settings.epochs * batches.per_epoch
        rate = schedules.schedule("linear", settings.learning_rate, steps, round(settings.warmup * steps))
        model.compile(
            optimizers.optimizer("adamw", rate, settings.weight_decay, settings.clip_norm or None, epsilon=1e-8)
        )
        model.optimizer.build(model.trainable_variables)
    kept = {name: value for name, value in dataclasses.asdict(settings).items() if name not in FREE}
    kept["texts"] = hashlib.sha256(json.dumps(source.texts).encode()).hexdigest()
    state = progress.Checkpoints(work / "checkpoints", kept, settings.checkpoint_every, steps)
    done = state.restore(model)
    if done:
        print(f"Goes on after step {done} of {steps}.", flush=True)
    shown = board.Board(work / "tensorboard")
    log = progress.StepLog(work / "train.jsonl", done, steps, lambda step: next(batches.arrays(step - 1)), board=shown)
    log.tokens = batches.tokens
    if done < steps:
        found = batches.dataset(done)
        model.fit(found, steps_per_epoch=steps - done, callbacks=[log, state], shuffle=False, verbose=0)
    student.figures, student.examples = _judged(settings, student, source)
    saved.save(student, output, _card(settings, student, source, steps))
    for name in ("train.jsonl", "tensorboard"):
        os.replace(work / name, output / name)
    shutil.rmtree(work)
    return student


def _check(settings):
    if settings.recipe not in RECIPES:
        raise InputError(f"Received recipe={settings.recipe!r}; expected {' or '.join(RECIPES)}.")
    if bool(settings.steps) == bool(settings.epochs):
        raise InputError("Expected steps or epochs, one of them.")
    if settings.tables not in ("teacher", "new"):
        raise InputError(f"Received tables={settings.tables!r}; expected teacher or new.")
    if settings.candidates < 2:
        raise InputError(f"Received candidates={settings.candidates}; expected 2 or more, to be compared.")


def student_of(settings, teacher, task):
    """A student as it is before training, a `TaskModel`.

    Args:
        settings: the `Settings`.
        teacher: a `TaskModel`, whose tokenizer and token table it may take over.
        task: what it is to be, a `Similarity`.

    Raises:
        InputError: the encoder's arguments are wrong, or its table is wider than the teacher's.
    """
    new = settings.encoder in {family.__name__ for family in FAMILIES.values()}
    if settings.tokenizer or not new:
        tokenizer = Tokenizer.from_preset(settings.tokenizer or settings.encoder)
    else:
        tokenizer = teacher.tokenizer
    encoder = pretraining.encoder_of(settings, tokenizer)
    saved.check_vocabulary(tokenizer, encoder, settings.encoder)
    if encoder.max_length and encoder.max_length < settings.max_length:
        raise InputError(
            f"Received max_length={settings.max_length}; the student's encoder has {encoder.max_length} positions."
        )
    if new and settings.tables == "teacher":
        _begin_table(encoder.embeddings.token, tokenizer, teacher)
    return saved.TaskModel(encoder, task.build(encoder, 0.0), task, tokenizer, settings.max_length)


def _begin_table(layer, tokenizer, teacher):
    """Fills a token table: the teacher's rows of each piece, averaged, in as many of their main directions."""
    theirs = np.asarray(teacher.encoder.embeddings.token.embeddings)
    if layer.output_dim > theirs.shape[1]:
        raise InputError(
            f"The student's table is {layer.output_dim} wide, the teacher's {theirs.shape[1]}; expected no more, or "
            "tables=new."
        )
    known = {piece: number for number, piece in enumerate(teacher.tokenizer.vocabulary)}

    def row(piece):
        if piece in known:
            return theirs[known[piece]]
        ids = teacher.tokenizer.encode(piece.removeprefix("##")).ids[1:-1]
        return theirs[ids].mean(axis=0) if ids else np.zeros(theirs.shape[1])

    table = np.stack([row(piece) for piece in tokenizer.vocabulary])
    table -= table.mean(axis=0)
    directions = np.linalg.eigh(table.T @ table)[1][:, ::-1]
    table = table @ directions[:, : layer.output_dim]
    values = np.asarray(layer.embeddings).copy()
    # As wide as BERT's initializer makes them, for the norm that follows.
    values[: len(table)] = 0.03 * table / table.std()
    layer.embeddings.assign(values)


class Batches:
    """What a student reads, in batches of one size, the texts of one of about one length.

    What stands in a step depends on the seed and its number alone. Of an epoch whose rows the batch size does not
    divide, some are left out, each time others.

    Args:
        source: `Texts` or `Candidates`.
        student: a `TaskModel`.
        size: rows a batch.
        seed: of the order.

    Attributes:
        per_epoch: batches of an epoch.
        tokens: those of a step, on average.

    Raises:
        InputError: there are fewer rows than a batch has.
    """

    def __init__(self, source, student, size, seed):
        self._source, self._student, self._size, self._seed = source, student, size, seed
        self._lengths = np.concatenate(
            [
                [len(encoding.ids) for encoding in _encodings(student, source.texts[start : start + answers.ITEMS])]
                for start in range(0, len(source.texts), answers.ITEMS)
            ]
        )
        source.check(student, self._lengths)
        numbers, _ = source.epoch(np.random.default_rng(seed))
        self.per_epoch = len(numbers) // size
        self.tokens = int(self._lengths[numbers].mean() * numbers.shape[1] * size)
        if not self.per_epoch:
            raise InputError(f"There are {len(numbers)} rows to learn from; expected a batch of {size} or more.")

    def arrays(self, done):
        """The batches after so many, endless, dicts of arrays."""
        epoch, skip = divmod(done, self.per_epoch)
        while True:
            generator = np.random.default_rng((self._seed, epoch))
            numbers, targets = self._source.epoch(generator)
            chosen = generator.permutation(len(numbers))[: self.per_epoch * self._size]
            about = self._lengths[numbers[chosen]].max(axis=1) + SPREAD * generator.random(len(chosen))
            order = chosen[np.argsort(about)].reshape(self.per_epoch, self._size)
            for batch in generator.permutation(order)[skip:]:
                features = self._features(numbers[batch])
                yield {**features, **targets(batch, features)}
            epoch, skip = epoch + 1, 0

    def _features(self, numbers):
        texts = [self._source.texts[number] for number in numbers.ravel()]
        arrays = self._student.features(_encodings(self._student, texts))
        if numbers.shape[1] == 1:
            return arrays
        return {name: array.reshape(*numbers.shape, -1) for name, array in arrays.items()}

    def dataset(self, done):
        """The same as a `tf.data.Dataset`."""
        first = next(self.arrays(done))
        features = self._student.encoder.input

        def spec(name, array):
            shape = list(array.shape)
            if name in features:
                shape[-1] = None
            elif name == CACHED + "sequence_output":
                shape[1] = None
            return tf.TensorSpec(shape, array.dtype)

        signature = {name: spec(name, array) for name, array in first.items()}
        return tf.data.Dataset.from_generator(lambda: self.arrays(done), output_signature=signature).prefetch(2)


class Texts:
    """The recipe `embedding`: texts, and the teacher's vectors of them.

    Args:
        settings: the `Settings`.

    Attributes:
        texts: all of them, each once.
        teacher: a `TaskModel`.
        task: what the student is to be.

    Raises:
        InputError: there are no texts, or the teacher is no sentence encoder.
    """

    def __init__(self, settings):
        self._settings = settings
        self.texts = texts_of(settings.text, settings.columns)
        self.teacher = _teacher(settings, "similarity")
        self.task = Similarity(pool=settings.pool, normalize=settings.normalize)
        names = {"embedding": self.teacher.model.output["embedding"]}
        if settings.token_weight:
            names["sequence_output"] = self.teacher.encoder.output["sequence_output"]
        self._model = keras.Model(self.teacher.encoder.input, names)

    def read(self, show_progress):
        """Has the teacher read the texts, `show_progress` around it."""
        names = sorted(self._model.output)
        self._cache = _kept(self._settings, self.teacher, self.texts, names, self._answer, show_progress)

    def _answer(self, texts):
        found = {name: [None] * len(texts) for name in self._model.output}
        for numbers, arrays in _in_batches(self.teacher, _encodings(self.teacher, texts)):
            output, real = self._model.predict_on_batch(arrays), arrays["padding_mask"] == 1
            for i, number in enumerate(numbers):
                for name, array in output.items():
                    # In float16, which moves the cosines of vectors by less than 1e-3.
                    kept = array[i][real[i]] if name == "sequence_output" else array[i : i + 1]
                    found[name][number] = kept.astype("float16")
        return found

    def distiller(self, student, replicas):
        """The `Distiller` of a student."""
        asked, part = self._settings, self._settings.batch_size // replicas
        theirs = {
            name: keras.Input(output.shape[1:], name=CACHED + name) for name, output in self._model.output.items()
        }
        ours = traced(student.encoder, student.model)

        def projection(name):
            return None if ours.tensors[name].shape[-1] == theirs[name].shape[-1] else "shared"

        compared = []
        if asked.vector_weight:
            compared.append(Vectors(projection=projection("embedding"), weight=asked.vector_weight))
        for kind, weight in ((Similarities, asked.similarity_weight), (SimilarityMargins, asked.margin_weight)):
            if weight:
                compared.append(kind(asked.group, weight=weight))
                if asked.batch_size % replicas or part % asked.group:
                    raise InputError(
                        f"Received batch_size={asked.batch_size} for {replicas} devices; expected groups of "
                        f"{asked.group} texts for each."
                    )
        if asked.token_weight:
            pair = ("sequence_output", "sequence_output")
            compared.append(Cosine([pair], projection(pair[0]), asked.token_weight, "tokens"))
        return Distiller(ours, Traced({}, theirs, None, 0), compared)

    def check(self, student, lengths):
        """Raises InputError where tokens are to be compared that are not the same."""
        if self._settings.token_weight and not np.array_equal(lengths, self._cache.sizes("sequence_output")):
            number = int(np.flatnonzero(lengths != self._cache.sizes("sequence_output"))[0])
            raise InputError(
                f"The student's tokenizer cuts {self.texts[number][:80]!r} into other pieces than the teacher's; "
                "expected token_weight=0."
            )

    def epoch(self, generator):
        """The numbers of the texts of each row, and a function from rows and their features to what is learned."""

        def targets(batch, features):
            vectors = np.concatenate([self._cache("embedding", number) for number in batch])
            found = {CACHED + "embedding": vectors.astype("float32")}
            if self._settings.token_weight:
                real = features["padding_mask"] == 1
                states = [self._cache("sequence_output", number) for number in batch]
                array = np.zeros((*real.shape, states[0].shape[-1]), "float32")
                array[real] = np.concatenate(states)
                found[CACHED + "sequence_output"] = array
            return found

        return np.arange(len(self.texts))[:, None], targets

    def figures(self, examples):
        """What the teacher reaches."""
        return self.teacher.task.evaluate(examples, self.teacher.predict(saved.inputs_of(self.teacher.task, examples)))


class Candidates:
    """The recipe `cross_encoder`: queries with their candidates, and the teacher's score of each.

    Args, Attributes, Raises: as for `Texts`; the teacher is a ranking model.
    """

    def __init__(self, settings):
        self._settings = settings
        found = [
            (example["text"], *dict.fromkeys(example["choices"]))
            for path in _files(settings.text)
            for example in pairs.read_ranking(path, settings.columns, labelled=False)
        ]
        self._found = [item for item in found if len(item) > 2]
        if not self._found:
            raise InputError(f"{', '.join(settings.text)}: no query has two candidates, which could be compared.")
        self.texts = list(dict.fromkeys(text for item in self._found for text in item))
        self.teacher = _teacher(settings, "ranking")
        self.task = Similarity("margin_mse", pool=settings.pool, normalize=settings.normalize)
        numbers = {text: number for number, text in enumerate(self.texts)}
        self._items = [np.array([numbers[text] for text in item]) for item in self._found]

    def read(self, show_progress):
        """Has the teacher score the candidates, `show_progress` around it."""
        items = [list(item) for item in self._found]
        found = _kept(self._settings, self.teacher, items, ["scores"], self._answer, show_progress)
        self._scores = [np.asarray(found("scores", number)) for number in range(len(items))]
        widest = float(np.percentile([np.ptp(scores) for scores in self._scores], 99))
        self._scale = self._settings.scale or (widest if self._settings.normalize else 0.0) or 1.0

    def _answer(self, items):
        inputs = [Input(query, None, tuple(candidates)) for query, *candidates in items]
        found = rows(self.teacher.task.config, self.teacher.tokenizer, inputs, self.teacher.max_length)
        encodings = [encoding for row in found for encoding in row.encodings]
        scores = np.empty(len(encodings), "float32")
        for numbers, arrays in _in_batches(self.teacher, encodings):
            scores[numbers] = self.teacher.model.predict_on_batch(arrays)["logits"][:, 0]
        return {"scores": np.split(scores, np.cumsum([len(row.encodings) for row in found])[:-1])}

    def distiller(self, student, replicas):
        """The `Distiller` of a student."""
        group = self.task.training_model(student.model)
        margins = Labels(losses.MarginMSE(), "embedding", name="margins")
        return Distiller(Traced(group.input, group.output, student.encoder, 0), Traced({}, {}, None, 0), [margins])

    def check(self, student, lengths):
        """Nothing: what the student reads is its own."""

    def epoch(self, generator):
        """As that of `Texts`; a row is a query, the best of some of its candidates, and the others."""
        width, numbers, margins = self._settings.candidates, [], []
        for item, scores in zip(self._items, self._scores, strict=True):
            order = generator.permutation(len(scores))
            # The last group, and one of a query with few candidates, is filled with some that were there before.
            for group in np.resize(order, (-(-len(order) // width), width)):
                group = group[np.argsort(-scores[group], kind="stable")]
                numbers.append([item[0], *item[1 + group]])
                margins.append((scores[group[0]] - scores[group[1:]]) / self._scale)
        numbers, margins = np.array(numbers), np.array(margins, "float32")

        def targets(batch, features):
            return {"embedding_labels": margins[batch], "embedding_weights": np.ones(len(batch), "float32")}

        return numbers, targets

    def figures(self, examples):
        """Nothing: a ranking model has no vectors to be judged on pairs."""
        return {}


def texts_of(patterns, columns=None):
    """The texts of files, each once, in their order.

    Args:
        patterns: of the files, or names of libraries' data sets.
        columns: names of the columns of tables without a header line.

    Raises:
        InputError: a pattern matches no file, or a file holds no text.
    """
    found = {}
    for path in _files(patterns):
        for text, pair, choices in readers.read_inputs(path, columns):
            for each in (text, pair, *(choices or ())):
                each = " ".join((each or "").split())
                if each:
                    found[each] = None
    return list(found)


def _files(patterns):
    return [path for each in patterns for path in ([each] if libraries.is_name(each) else documents.files_of([each]))]


def _teacher(settings, task):
    teacher = saved.load(settings.teacher)
    if teacher.task.name != task:
        raise InputError(
            f"{settings.teacher} is a model of {teacher.task.name}; expected one of {task} for "
            f"recipe={settings.recipe}."
        )
    return dataclasses.replace(teacher, max_length=min(teacher.max_length, settings.max_length))


def _kept(settings, teacher, items, names, answer, show_progress):
    """The `Answers` of what a teacher says."""
    digest = hashlib.sha256()
    for variable in teacher.model.weights:
        digest.update(np.asarray(variable).tobytes())
    about = {
        "format": "keras_bert_suite teacher",
        "version": 1,
        "weights": digest.hexdigest(),
        "task": teacher.task.config,
        "max_length": teacher.max_length,
        "names": names,
    }
    folder = settings.cache or f"{settings.output}_teacher"
    return answers.kept(folder, about, items, answer, show_progress)


def _encodings(model, texts):
    inputs = [(text,) for text in texts]
    return [found.encodings[0] for found in rows(model.task.config, model.tokenizer, inputs, model.max_length)]


def _in_batches(model, encodings):
    """Encodings of about one length together: their numbers, and their arrays."""
    order = np.argsort([len(encoding.ids) for encoding in encodings], kind="stable")
    for start in range(0, len(order), READ):
        numbers = order[start : start + READ]
        yield numbers, model.features([encodings[number] for number in numbers])


def _judged(settings, student, source):
    """The student's figures, with the teacher's, and examples for exports."""
    if not settings.judge:
        return {}, [Input(text) for text in source.texts[: saved.EXAMPLES]]
    examples = student.task.read(settings.judge, settings.columns)
    student.task.check(examples, settings.judge)
    inputs = saved.inputs_of(student.task, examples)
    found = student.task.evaluate(examples, student.predict(inputs))
    theirs = {f"teacher_{name}": value for name, value in source.figures(examples).items()}
    return {**found, **theirs}, inputs[: saved.EXAMPLES]


def _card(settings, student, source, steps):
    """The text of the student's `README.md`."""
    rows = "".join(f"| {name} | {value:.4f} |\n" for name, value in student.figures.items())
    judged = f"\n\nJudged on `{settings.judge}`.\n\n| metric | value |\n|---|---|\n{rows}" if rows else "\n"
    changed = {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(settings)
        if getattr(settings, field.name) != field.default
    }
    return (
        f"# Sentence encoder\n\nDistilled from `{settings.teacher}` in {steps} steps, by the recipe "
        f"{settings.recipe}, on {len(source.texts)} texts of {', '.join(f'`{each}`' for each in settings.text)}; "
        f"{student.encoder.count_params():,} parameters, of the teacher's {source.teacher.encoder.count_params():,}."
        f"{judged}\n    {json.dumps(changed, ensure_ascii=False)}\n\n"
        "Licence: that of the teacher and of the texts.\n"
    )
