"""From a teacher to a small student in a folder, beside that student without a teacher: what `kbs-distill` does."""

import contextlib
import dataclasses
import functools
import json
import sys
import types
from pathlib import Path

import keras
import numpy as np

from keras_bert_suite import flops, heads, models, pretraining, pretraining_tensorflow
from keras_bert_suite.checkpoints import loading, presets, writing
from keras_bert_suite.data import records
from keras_bert_suite.data.batches import padded
from keras_bert_suite.data.masking import Masking
from keras_bert_suite.distillation import augmentation, recipes, students
from keras_bert_suite.distillation.cache import Cache
from keras_bert_suite.distillation.distiller import CACHED, Distiller, read_of_teacher
from keras_bert_suite.distillation.traces import Traced, traced
from keras_bert_suite.encoders import Encoder
from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import NO_LANGUAGE
from keras_bert_suite.objectives.masked_lm import Gather, cross_entropy
from keras_bert_suite.tasks import card, saved, speed
from keras_bert_suite.tokenizers import Tokenizer, vocabularies
from keras_bert_suite.training import board, distribution, launcher, optimizers, progress

# What a row may have for the inputs of an encoder.
INPUTS = ("token_ids", "segment_ids", "padding_mask", "language_ids")
# Rows of the training data that a narrower student is fitted to its teacher on; and those whose length is measured.
FITTED, SAMPLE = 400, 1000
# Stages read as many epochs as they have; a dataset has an end.
EPOCHS = 10**6
# Ids of the row whose operations and latency are stated; fewer where the models read fewer.
LENGTH = 32
# Those that do not change what is learned: a run may go on with others.
FREE = ("output", "checkpoint_every", "steps_per_execution", "strategy", "replicas", "accumulation", "xla")


@dataclasses.dataclass(frozen=True)
class Settings:
    """The flags of `kbs-distill`, under their names; see there."""

    recipe: str
    teacher: str
    student: str
    set: tuple
    init: str
    prune_vocabulary: bool
    task: str
    train: str
    eval: str
    columns: tuple
    augmenter: str
    copies: int
    text: tuple
    held_out: str
    max_length: int
    mask_rate: float
    epochs: tuple
    learning_rate: tuple
    scratch_epochs: int
    scratch_learning_rate: float
    batch_size: int
    clip_norm: float
    accumulation: int
    steps_per_execution: int
    xla: bool
    dtype: str
    teacher_dtype: str
    teacher_block: int
    cache: str
    speed_budget: float
    strategy: str
    replicas: int
    checkpoint_every: int
    seed: int
    output: str


def run(settings, show_progress=iter):
    """Distils, from the last checkpoint if there is one, and writes the student, the other student and the figures.

    Args:
        settings: the `Settings`.
        show_progress: wraps a list of what is to be done, as `tqdm` does.

    Returns:
        A dict from `teacher`, `from_scratch` and `distilled` to figures: the metrics, `parameters` and `flops`; of a
        recipe that teaches no answers, on text, `untrained` and `distilled` have the recipe's own loss. None in one of
        several workers.

    Raises:
        InputError: a setting, the data or a model is at fault, or what is there is of another run.
    """
    output, devices = Path(settings.output), pretraining_tensorflow.Side(settings)
    if (settings.recipe == "fastbert") != (settings.student is None):
        raise InputError(
            f"Received recipe={settings.recipe}, student={settings.student}; expected a student, but for fastbert, "
            "whose student is the teacher with an exit behind each block."
        )
    if settings.text and settings.recipe == "fastbert":
        raise InputError("fastbert is for a task; expected --task in place of --text.")
    if settings.cache != "none" and (settings.text or settings.strategy == "multi_worker"):
        raise InputError(f"Received cache={settings.cache}; it is for a task, and for one worker.")
    if devices.chief:
        _same_settings(settings, output)
    make = functools.partial(_OnTask if settings.task else _OnText, settings, show_progress, devices)
    with devices.scope():
        side = make()
    # What answers does so on one device.
    judge = side if devices.devices == 1 else make()
    for name, recipe, init in _runs(settings):
        if not (output / name / "config.json").exists():
            with _policy(settings.dtype):
                _run(settings, (side, judge), devices, name, recipe, init)
            devices.wait()
    if settings.strategy == "multi_worker":
        return None
    # Not the one that taught: that may be of another dtype.
    found = {"teacher": judge.figures(judge.load(settings.teacher))}
    found |= {name: judge.figures(judge.load(output / name)) for name, *_ in _runs(settings)}
    return found if "from_scratch" in found else _before_and_after(found, output / "stages/distilled")


def _run(settings, sides, devices, name, recipe, init):
    """Trains a student through all stages, and writes it."""
    (side, judge), output = sides, Path(settings.output)
    keras.utils.set_random_seed(settings.seed)
    with devices.scope():
        student = side.begin(init)
    stages = _stages(settings, recipe, student)
    if devices.chief:
        print(f"{name}: {', '.join(f'{each.name} ({each.epochs} epochs)' for each in stages)}", flush=True)
    _train(settings, sides, devices, student, stages, output / "stages" / name)
    if devices.chief:
        side.save(student if judge is side else judge.copied(student), output / name, recipe)


def run_workers(settings, show_progress, workers, arguments):
    """Distils in several processes on this machine, which begin again from the last checkpoint when one dies.

    Args:
        settings: the `Settings`.
        show_progress: see `run`.
        workers: number of processes.
        arguments: those of `kbs-distill`; the processes are given all but `--workers`, and `multi_worker`.

    Returns:
        What `run` does.

    Raises:
        InputError: as for `run`; or the processes died again and again.
    """
    output = Path(settings.output)
    _same_settings(settings, output)
    if settings.text:
        _OnText(settings, show_progress, None)
    kept = [word for word in arguments if not word.lstrip("-").startswith(("workers=", "strategy=", "json="))]
    command = [sys.executable, "-m", "keras_bert_suite.tools.distill", *kept, "--strategy=multi_worker"]
    launcher.run(command, workers, output, lambda: sorted(output.glob("stages/*/*/checkpoints/step_*")))
    return run(dataclasses.replace(settings, strategy="one_device"), show_progress)


def _runs(settings):
    """What is trained: name, recipe, and what the student begins as."""
    runs = [("from_scratch", "labels", "random"), ("distilled", settings.recipe, settings.init)]
    # Without a teacher a student of text would learn other things than general recipes teach.
    return runs[not settings.task and settings.recipe in recipes.GENERAL :]


def _before_and_after(found, folder):
    """The figures of a student that learnt no answers: what is compared on held-out text, untrained and at the end."""
    path = next(folder.glob("*/held_out.jsonl"))
    first, *_, last = (json.loads(line)["loss"] for line in path.read_text().splitlines())
    size = found["distilled"]
    return {"teacher": found["teacher"], "untrained": {"loss": first, **size}, "distilled": {"loss": last, **size}}


def _same_settings(settings, output):
    """What a folder's unfinished run was asked for is what this one is."""
    kept = json.loads(json.dumps({k: v for k, v in dataclasses.asdict(settings).items() if k not in FREE}))
    path = output / "settings.json"
    if path.exists():
        before = presets.read_json(path)
        differing = [name for name, value in kept.items() if before.get(name) != value]
        if differing:
            raise InputError(
                f"{output} holds a run whose {', '.join(differing)} differed; give the same flags, or another output."
            )
    output.mkdir(parents=True, exist_ok=True)
    with progress.room_for(path), writing.new_file(path) as temporary:
        Path(temporary).write_text(json.dumps(kept, indent=1) + "\n")


def _stages(settings, recipe, student):
    blocks, on_task = len(student.encoder.blocks), bool(settings.task)
    asked = recipes.stages(settings.recipe, blocks, on_task, settings.epochs, settings.learning_rate)
    if recipe != "labels":
        return asked
    epochs = settings.scratch_epochs or sum(stage.epochs for stage in asked)
    rate = [settings.scratch_learning_rate] if settings.scratch_learning_rate else []
    return recipes.stages(recipe, blocks, on_task, [epochs], rate)


def _train(settings, sides, devices, student, stages, folder):
    """Runs stages one after another; those that have ended before a kill are not built again."""
    (side, judge), chief = sides, devices.chief
    begun = [i for i, stage in enumerate(stages) if any((folder / stage.name / "checkpoints").glob("step_*"))]
    # A checkpoint of exits that learn from the last one lacks what is frozen, which is in that of the stage before.
    first = 0 if any(stage.make for stage in stages) else max(begun, default=0)
    for stage in stages[first:]:
        place, steps = folder / stage.name, stage.epochs * side.steps_per_epoch
        place.mkdir(parents=True, exist_ok=True)
        with devices.scope():
            model = side.distiller(student, stage)
            optimizer = optimizers.adamw(
                stage.learning_rate,
                steps,
                stage.warmup,
                stage.weight_decay,
                rates=stage.rates(student.encoder) if stage.rates else {},
                clip_norm=settings.clip_norm or None,
            )
            model.compile(optimizer, steps_per_execution=settings.steps_per_execution)
            optimizer.build(model.trainable_variables)
        model.xla, model.accumulation = settings.xla, settings.accumulation
        kept = {"stage": stage.name, "steps": steps}
        state = progress.Checkpoints(place / "checkpoints", kept, settings.checkpoint_every, steps, chief=chief)
        done = state.restore(model)
        if done and chief:
            print(f"{stage.name} goes on after step {done} of {steps}.", flush=True)
        if done == steps:
            continue
        if (steps - done) % settings.steps_per_execution:
            raise InputError(
                f"{steps - done} steps of {stage.name} are left; expected a multiple of "
                f"steps_per_execution={settings.steps_per_execution}."
            )
        shown = board.Board(place / "tensorboard") if chief else None

        def batch_of(step, model=model):
            return {k: np.asarray(x) for k, x in next(iter(side.batches(model, step - 1))).items()}

        log = progress.StepLog(place / "train.jsonl", done, steps, batch_of, None, shown, chief)
        log.tokens = round(settings.batch_size * side.row_length)
        held_out = progress.HeldOut(
            place / "held_out.jsonl",
            done,
            side.steps_per_epoch,
            steps,
            functools.partial(_judged, side, judge, model, student),
            shown,
            chief,
            at_start=True,
        )
        model.fit(
            side.batches(model, done),
            steps_per_epoch=steps - done,
            callbacks=[log, held_out, state],
            shuffle=False,
            verbose=0,
        )


def _judged(side, judge, model, student):
    """The metrics of a student that learns to answer, and the losses on what is held out."""
    found = model.evaluate(side.held_out(model), steps=side.held_out_steps, verbose=0, return_dict=True)
    answers = {name for each in side.answers for name in (f"soft_{each.output}", f"labels_{each.output}")}
    metrics = judge.metrics(student if judge is side else judge.copied(student)) if answers & set(found) else {}
    return {**metrics, "loss": found.pop("loss"), **found}


class _OnTask:
    """A student that learns a task from labelled examples and from a teacher that has learnt it."""

    def __init__(self, settings, show_progress, devices):
        self.settings, self.progress = settings, show_progress
        with _policy(settings.teacher_dtype):
            self.teacher = saved.load(settings.teacher)
        task = self.task = self.teacher.task
        self._exits = settings.recipe == "fastbert"
        if task.name != settings.task:
            raise InputError(f"{settings.teacher} has learnt {task.name}; received task={settings.task}.")
        if self._exits:
            # To be chosen at the end: until then all texts run to the last exit.
            self.task = type(task)(**{**_arguments(task), "speed": 0.0})
        if not task.soft or task.grouped:
            raise InputError(
                f"{settings.teacher} has the task {task.config}; expected one whose example is one row: "
                "classification without windows or speed, token_classification, question_answering, intent_slots."
            )
        self.train, self.judged = (task.read(path, settings.columns) for path in (settings.train, settings.eval))
        for examples, path in ((self.train, settings.train), (self.judged, settings.eval)):
            task.check(examples, path)
        if settings.augmenter:
            self.train = _augmented(settings, self.train, show_progress)
        texts = [text for item in saved.inputs_of(task, self.train) for text in (item.text, item.pair) if text]
        self.tokenizer, self.pieces = _tokenizer_of(settings, self.teacher.tokenizer, texts)
        self.max_length = min(settings.max_length, self.teacher.max_length)
        self.answers = _exits(self.teacher) if self._exits else _answers(task)
        reader = dataclasses.replace(self.teacher, tokenizer=self.tokenizer, max_length=self.max_length)
        given = {"names": INPUTS, "drop_remainder": True, "numbered": settings.cache != "none"}
        self._examples, self._caches = {"train": self.train, "eval": self.judged}, {}
        self._data = {
            kind: reader.training_data(examples, settings.batch_size, settings.seed, EPOCHS, **given)
            for kind, examples in self._examples.items()
        }
        self._rows_of = functools.partial(reader.training_rows, names=INPUTS)
        self.row_length = np.mean([len(row["token_ids"]) for row, *_ in self._rows_of(self.train[:SAMPLE])[0]])
        self.steps_per_epoch, self.held_out_steps = (steps for _, steps in self._data.values())

    def begin(self, init):
        """A student to be trained, as a `TaskModel`."""
        if not self._exits:
            return self._student(_student_encoder(self, self.max_length, init))
        encoder = type(self.teacher.encoder).from_config(self.teacher.encoder.get_config())
        _copy(self.teacher.encoder, encoder)
        return self._student(encoder)

    def _student(self, encoder):
        # Each student has a speed of its own.
        task = type(self.task)(**_arguments(self.task)) if self._exits else self.task
        model = task.build(encoder, encoder.get_config().get("dropout", 0.0))
        examples = saved.inputs_of(task, self.judged[: saved.EXAMPLES])
        return saved.TaskModel(encoder, model, task, self.tokenizer, self.max_length, examples=examples)

    def distiller(self, student, stage):
        """The model that a stage trains."""
        if stage.make:
            return stage.make(student.model)
        ours, theirs = traced(student.encoder, student.model), _traced_teacher(self)
        found = stage.losses(recipes.Models(ours, theirs, self.answers))
        keys = read_of_teacher(ours, theirs, found)
        if self.settings.cache == "none" or not keys:
            return Distiller(ours, theirs, found, self.pieces)
        self._caches = {kind: self._cache(kind, stage, theirs, keys) for kind in self._examples}
        return Distiller(ours, self._caches["train"].traced(), found)

    def _cache(self, kind, stage, theirs, keys):
        """What the teacher computes of all rows, on disk."""
        folder = Path(self.settings.output) / "teacher" / stage.name / kind
        return Cache.write(
            folder,
            theirs,
            [row for row, *_ in self._rows_of(self._examples[kind])[0]],
            keys,
            self.settings.batch_size,
            self.progress,
            self.settings.cache,
            pad_values={"token_ids": self.tokenizer.pad_id or 0, "language_ids": NO_LANGUAGE},
            padding_side=self.tokenizer.padding_side,
            pieces=self.pieces,
        )

    def batches(self, model, done):
        """What it reads from a step on, as a dataset of dicts."""
        return self._batches("train", model, done)

    def _batches(self, kind, model, done=0):
        batches, steps = self._data[kind]
        found = batches(initial_epoch=done // steps).skip(done % steps)

        def joined(features, labels, weights):
            return {
                **features,
                **{f"{name}_labels": array for name, array in labels.items()},
                **{f"{name}_weights": array for name, array in weights.items()},
            }

        found = found.map(joined)
        if any(name.startswith(CACHED) for name in model.input):
            found = self._caches[kind].join(found.map(lambda batch: {**batch, "number": batch["number_labels"]}))
        return distribution.by_data(found)

    def rows(self, count):
        """Rows of the training data as the teacher reads them, a dict of arrays."""
        reader = dataclasses.replace(self.teacher, max_length=self.max_length)
        found = [row for row, *_ in reader.training_rows(self.train[:count])[0]]
        length = max(len(row["token_ids"]) for row in found)
        fill = {"token_ids": self.teacher.tokenizer.pad_id or 0, "language_ids": NO_LANGUAGE}
        return {
            name: padded([row[name] for row in found], length, fill.get(name, 0), "int32", self.tokenizer.padding_side)
            for name in self.teacher.encoder.input
        }

    def held_out(self, model):
        """The examples to be judged on, likewise, once."""
        return self._batches("eval", model)

    def copied(self, student):
        """A student of this side's device with the weights of another's."""
        copy = self._student(type(student.encoder).from_config(student.encoder.get_config()))
        _copy(student.model, copy.model)
        return copy

    def metrics(self, trained):
        """The task's metrics of a model, a dict."""
        return self.task.evaluate(self.judged, trained.predict(saved.inputs_of(self.task, self.judged)))

    def figures(self, trained):
        """The metrics of a model, its parameters and operations; of early exit, those of a text on average."""
        size = _size(trained.model, self.max_length)
        if trained.task.config.get("speed"):
            chosen = speed.curve(trained, self.judged, [trained.task.speed], self.progress)[-1]
            size |= {"flops": round(size["flops"] / chosen["ratio"]), "speed": chosen["speed"]}
        return {**self.metrics(trained), **size}

    def save(self, student, folder, recipe):
        """Writes a student as a folder."""
        if self._exits:
            speed.choose(student, self.judged, self.settings.speed_budget, self.progress, _chosen)
        student.figures = self.metrics(student)
        made = f"Distilled from `{self.settings.teacher}` by the recipe {recipe}"
        made = "Trained without a teacher" if recipe == "labels" else made
        text = card.text(
            dataclasses.asdict(self.settings), student.figures, len(self.train), len(self.judged), made, "kbs-distill"
        )
        saved.save(student, folder, text)

    def load(self, folder):
        """A student that was saved."""
        return saved.load(folder)


def _chosen(line):
    """Prints of the lines of a curve the one that was chosen."""
    if line.endswith("chosen"):
        print(line, flush=True)


def _arguments(task):
    return {name: value for name, value in task.config.items() if name != "name"}


def _answers(task):
    losses, weights = task.losses(), task.loss_weights or {}
    return tuple(recipes.Answer(name, kind, losses[name], weights.get(name, 1.0)) for name, kind in task.soft.items())


def _exits(teacher):
    """The answers of a classifier behind each block, all on the same labels."""
    (answer,), blocks = _answers(teacher.task), len(teacher.encoder.blocks)
    names = {"labels": "logits_labels", "counted": "logits_weights"}
    return tuple(dataclasses.replace(answer, output=f"exit_{i}", weight=1 / blocks, **names) for i in range(blocks))


class _OnText:
    """A student that learns from text alone and from a teacher that was pre-trained."""

    def __init__(self, settings, show_progress, devices):
        self.settings, self.row_length, self._devices = settings, settings.max_length, devices
        with _policy(settings.teacher_dtype):
            self.teacher = _pretrained(settings.teacher)
        self.tokenizer, self.pieces = _tokenizer_of(settings, Tokenizer.from_preset(settings.teacher))
        output = Path(settings.output)
        (output / "tokenizer").mkdir(parents=True, exist_ok=True)
        self.tokenizer.save(output / "tokenizer")
        form = ("full_sentences", settings.max_length)
        self._folders = {
            kind: pretraining.prepared(settings, text, *form, output / kind, show_progress, str(output / "tokenizer"))
            for kind, text in (("text", settings.text), ("held_out", (settings.held_out,)))
        }
        counts = {
            kind: sum(shard["examples"] for shard in records.index_of(folder)["shards"]) // settings.batch_size
            for kind, folder in self._folders.items()
        }
        for kind, steps in counts.items():
            if not steps:
                raise InputError(f"{kind} has fewer rows than batch_size={settings.batch_size}; expected more text.")
        self.steps_per_epoch, self.held_out_steps = counts.values()
        self.answers = ()
        if self.teacher.model is not None:
            names = {"labels": "masked_ids", "counted": "masked_weights"}
            self.answers = (recipes.Answer("masked_lm", "labels", lambda y, x: cross_entropy(x, y), **names),)
        predictions = max(1, round(settings.max_length * settings.mask_rate))
        self._hide = Masking(self.tokenizer, "token", settings.mask_rate, predictions)

    def begin(self, init):
        """A student to be trained: its encoder, and a model that guesses hidden pieces."""
        encoder = _student_encoder(self, self.settings.max_length, init)
        return types.SimpleNamespace(encoder=encoder, model=_guesses(encoder) if self.answers else None)

    def distiller(self, student, stage):
        """The model that a stage trains."""
        ours, theirs = traced(student.encoder, student.model), _traced_teacher(self)
        found = stage.losses(recipes.Models(ours, theirs, self.answers))
        if not found:
            raise InputError(f"{self.settings.teacher} has no masked-LM head, whose guesses {stage.name} learns from.")
        return Distiller(ours, theirs, found, self.pieces)

    def batches(self, model, done):
        """What it reads from a step on, as a dataset of dicts."""
        return self._batches("text", model, done)

    def _batches(self, kind, model, done=0):
        def arrays(number, batch):
            batch = pretraining.filled(batch, model.input)
            # Losses of states alone are those of whole text.
            return self._hide(batch, [self.settings.seed, number]) if "masked_positions" in model.input else batch

        size = self.settings.batch_size
        return self._devices.batches(self._folders[kind], size, done, done * size, arrays)

    def rows(self, count):
        """Rows of the training data as the teacher reads them, a dict of arrays."""
        whole = types.SimpleNamespace(input=self.teacher.encoder.input)
        (found,) = self._batches("text", whole).unbatch().batch(count).take(1).as_numpy_iterator()
        return {name: found[name] for name in self.teacher.encoder.input}

    def held_out(self, model):
        """The held-out rows, likewise; each time with the same masks."""
        return self._batches("held_out", model)

    def copied(self, student):
        """A student of this side's device with the weights of another's."""
        encoder = type(student.encoder).from_config(student.encoder.get_config())
        copy = types.SimpleNamespace(encoder=encoder, model=_guesses(encoder) if self.answers else None)
        _copy(student.model or student.encoder, copy.model or copy.encoder)
        return copy

    def metrics(self, trained):
        """None beside the losses."""
        return {}

    def figures(self, trained):
        """The loss of its guesses on what is held out, where the recipe has such; its parameters and operations."""
        size = _size(trained.model or trained.encoder, self.settings.max_length)
        if self.settings.recipe in recipes.GENERAL:
            return size
        ours = traced(trained.encoder, trained.model)
        found = recipes.labels(recipes.Models(ours, ours, self.answers))
        model = Distiller(ours, Traced({}, {}, None, 0), found)
        model.compile()
        found = model.evaluate(self.held_out(model), steps=self.held_out_steps, verbose=0, return_dict=True)
        return {"masked_lm_loss": found["loss"], **size}

    def save(self, student, folder, recipe):
        """Writes a student as a folder."""
        found = {} if student.model is None else loading.heads_of(student.model, student.encoder)
        heads = [variable for variables in found.values() for variable in variables]
        student.encoder.save_preset(folder, self.tokenizer, heads=heads)

    def load(self, folder):
        """A student that was saved."""
        return _pretrained(folder)


def _traced_teacher(side):
    """The teacher's trace, up to the last block that is learned from."""
    found = traced(side.teacher.encoder, side.teacher.model)
    last = side.settings.teacher_block or found.num_blocks
    if last > found.num_blocks:
        raise InputError(f"Received teacher_block={last}; expected one of the {found.num_blocks} of the teacher.")
    return dataclasses.replace(found, num_blocks=last)


def _copy(source, target):
    for ours, theirs in zip(target.variables, source.variables, strict=True):
        ours.assign(np.asarray(theirs))


@contextlib.contextmanager
def _policy(dtype):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _pretrained(folder):
    """An encoder and, where its checkpoint has a masked-LM head, a model that guesses hidden pieces; else None."""
    source = presets.open_source(folder)
    try:
        encoder, model = models.with_head(
            source, "masked_lm", lambda encoder, config: heads.attach(encoder, "masked_lm", config=config)
        )
    except InputError:
        return types.SimpleNamespace(encoder=Encoder.from_preset(folder), model=None)
    return types.SimpleNamespace(encoder=encoder, model=_guesses(encoder, model.get_layer("masked_lm")))


def _guesses(encoder, head=None):
    """A model from rows and hidden places to `masked_lm`, logits `(batch, predictions, vocab_size)`."""
    head = head or heads.attach(encoder, "masked_lm").get_layer("masked_lm")
    places = keras.Input((None,), dtype="int32", name="masked_positions")
    states = Gather(name="masked_states")(encoder.output["sequence_output"], places)
    return keras.Model({**encoder.input, "masked_positions": places}, {"masked_lm": head(states)})


def _tokenizer_of(settings, theirs, texts=()):
    """The student's tokenizer, and for each of its pieces the number of the teacher's; None where they are the same.

    Raises:
        InputError: the teacher lacks one of the pieces.
    """
    if settings.student is None:
        ours = theirs
    elif settings.student not in pretraining.families():
        ours = Tokenizer.from_preset(settings.student)
    elif settings.prune_vocabulary:
        ours = vocabularies.pruned(theirs, texts)
    else:
        ours = theirs
    if ours.vocabulary == theirs.vocabulary:
        return ours, None
    known = {piece: i for i, piece in enumerate(theirs.vocabulary)}
    unknown = [piece for piece in ours.vocabulary if piece not in known]
    if unknown:
        raise InputError(
            f"The vocabulary of {settings.student} has {len(unknown)} pieces, {unknown[0]!r} among them, that "
            f"{settings.teacher} has not; expected the same, or a part of it."
        )
    return ours, [known[piece] for piece in ours.vocabulary]


def _student_encoder(side, max_length, init):
    """The student's encoder: a family's, new or begun from the teacher; or that of a folder."""
    settings = side.settings
    asked = types.SimpleNamespace(encoder=settings.student, set=settings.set, max_length=max_length)
    encoder = pretraining.encoder_of(asked, side.tokenizer)
    if init == "teacher" and settings.student in pretraining.families():
        way = students.begin(encoder, side.teacher.encoder, side.rows(FITTED), side.pieces)
        print(f"The student begins with its teacher's {way}." if way != "random" else "The student begins at random.")
    return encoder


def _augmented(settings, examples, show_progress):
    """Labelled examples with copies, as a masked LM makes them; kept in a file."""
    path = Path(settings.output) / "augmented.jsonl"
    if not path.exists():
        tokenizer = Tokenizer.from_preset(settings.augmenter)
        model = models.load_model(settings.augmenter, head="masked_lm")
        found = augmentation.augmented(
            examples,
            model,
            tokenizer,
            copies=settings.copies,
            max_length=settings.max_length,
            seed=settings.seed,
            progress=show_progress,
        )
        with progress.room_for(path), writing.new_file(path) as temporary, open(temporary, "w") as file:
            file.writelines(json.dumps(example) + "\n" for example in found)
    with open(path) as file:
        return [json.loads(line) for line in file]


def _size(model, max_length):
    length = min(LENGTH, max_length)
    shapes = {name: (1, length) for name in model.input}
    return {"parameters": model.count_params(), "flops": flops.forward(model, shapes), "length": length}
