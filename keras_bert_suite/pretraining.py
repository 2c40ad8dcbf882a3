"""From text to a pre-trained encoder in a folder: what `kbs-pretrain` does."""

import ast
import inspect
import os
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import tensorflow as tf

from keras_bert_suite import flops, preparation
from keras_bert_suite.data import records
from keras_bert_suite.data.masking import Masking
from keras_bert_suite.encoders import FAMILIES, Encoder
from keras_bert_suite.errors import InputError
from keras_bert_suite.objectives import OBJECTIVES, attach
from keras_bert_suite.quiet import quiet
from keras_bert_suite.tokenizers import Tokenizer
from keras_bert_suite.training import board, distribution, launcher, optimizers, peaks, phases, progress

# Those that do not change what is learned: a run may go on with others.
FREE = (
    "output",
    "checkpoint_every",
    "steps_per_execution",
    "strategy",
    "replicas",
    "accumulation",
    "remat",
    "xla",
    "peak_tflops",
)


@dataclass(frozen=True)
class Settings:
    """The flags of `kbs-pretrain`, under their names; see there."""

    encoder: str
    set: tuple
    objective: tuple
    text: tuple
    data: str
    tokenizer: str
    max_length: int
    masking: str
    mask_rate: float
    batch_size: int
    steps: int
    phase: tuple
    optimizer: str
    learning_rate: float
    weight_decay: float
    schedule: str
    warmup_steps: int
    clip_norm: float
    accumulation: int
    steps_per_execution: int
    remat: bool
    xla: bool
    dtype: str
    strategy: str
    replicas: int
    peak_tflops: float
    checkpoint_every: int
    seed: int
    output: str


def run(settings, show_progress=iter):
    """Trains, from the last checkpoint if there is one, and writes the encoder.

    Args:
        settings: the `Settings`.
        show_progress: wraps what is done before training, as `tqdm` does.

    Returns:
        The `Pretraining` model.

    Raises:
        InputError: a setting, the text or the encoder is at fault, a checkpoint is of another training, or a loss is
            no number.
    """
    output = Path(settings.output)
    with quiet():
        strategy = distribution.strategy_of(settings.strategy, settings.replicas)
        tf.config.list_logical_devices()
    parts = _phases(settings)
    plan = phases.stages(parts, strategy.num_replicas_in_sync, settings.steps_per_execution)
    settings = replace(settings, steps=plan[-1].end, max_length=max(stage.max_length for stage in plan))
    chief = strategy.cluster_resolver is None or strategy.cluster_resolver.task_id in (None, 0)
    output.mkdir(parents=True, exist_ok=True)
    folders = [_folder(settings, output, stage, show_progress) for stage in plan]
    folder = folders[0]
    if len({records.index_of(each)["tokenizer"]["sha256"] for each in set(folders)}) > 1:
        raise InputError(f"{', '.join(sorted(map(str, set(folders))))} are of different tokenizers.")
    tokenizer = Tokenizer.from_preset(str(folder / "tokenizer"))
    keras.utils.set_random_seed(settings.seed)
    keras.config.set_dtype_policy(settings.dtype)
    with strategy.scope():
        encoder = encoder_of(settings, tokenizer)
        model = attach(encoder, [OBJECTIVES[name]() for name in settings.objective])
        optimizer = optimizers.optimizer(
            settings.optimizer,
            phases.learning_rate(parts),
            weight_decay=settings.weight_decay,
            clip_norm=settings.clip_norm or None,
        )
        model.compile(optimizer, steps_per_execution=settings.steps_per_execution)
        optimizer.build(model.trainable_variables)
    model.xla = settings.xla
    if settings.remat:
        distribution.recompute(encoder.blocks)
    kept = {name: value for name, value in asdict(settings).items() if name not in FREE}
    state = progress.Checkpoints(output / "checkpoints", kept, settings.checkpoint_every, settings.steps, chief=chief)
    done = state.restore(model)
    if done:
        print(f"Goes on after step {done} of {settings.steps}.", flush=True)

    def data(done):
        i, stage = next((i, stage) for i, stage in enumerate(plan) if done < stage.end)
        of = replace(settings, max_length=stage.max_length, batch_size=stage.batch_size)
        return batches(of, folders[i], tokenizer, model, done, stage.read + (done - stage.start) * stage.batch_size)

    def batch_of(step):
        return {name: array.numpy() for name, array in next(iter(data(step - 1))).items()}

    peak = peaks.peak(strategy, settings.dtype, settings.peak_tflops)
    shown = board.Board(output / "tensorboard") if chief else None
    log = progress.StepLog(output / "train.jsonl", done, settings.steps, batch_of, peak, shown, chief)
    for stage in plan:
        left = stage.end - max(done, stage.start)
        if left > 0 and left % settings.steps_per_execution:
            raise InputError(
                f"{left} steps are left{' of a phase' if settings.phase else ''}; expected a multiple of "
                f"steps_per_execution={settings.steps_per_execution}."
            )
    for stage in plan:
        if done >= stage.end:
            continue
        # A step that has other parts is another graph.
        model.accumulation, model.train_function = stage.accumulation, None
        found = data(done)
        log.tokens = stage.batch_size * stage.max_length
        log.flops = _step_flops(model, found, stage.batch_size) if peak else None
        model.fit(found, steps_per_epoch=stage.end - done, callbacks=[log, state], shuffle=False, verbose=0)
        done = stage.end
    if chief:
        _write(encoder, tokenizer, output)
    if settings.strategy == "multi_worker":
        # The others wait until it is written: one that ends before takes the first one with it.
        strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(lambda: tf.constant(1.0)), axis=None)
    return model


def run_workers(settings, show_progress, workers, arguments):
    """Trains in several processes on this machine, which begin again from the last checkpoint when one dies.

    Args:
        settings: the `Settings`.
        show_progress: see `run`.
        workers: number of processes.
        arguments: those of `kbs-pretrain`; the processes are given all but `--workers`, and `multi_worker`.

    Raises:
        InputError: as for `run`; or the processes died again and again.
    """
    output = Path(settings.output)
    output.mkdir(parents=True, exist_ok=True)
    for stage in phases.stages(_phases(settings)):
        _folder(settings, output, stage, show_progress)
    kept = [word for word in arguments if not word.lstrip("-").startswith(("workers=", "strategy="))]
    command = [sys.executable, "-m", "keras_bert_suite.tools.pretrain", *kept, "--strategy=multi_worker"]
    launcher.run(command, workers, output, lambda: sorted((output / "checkpoints").glob("step_*")))


def _phases(settings):
    """The phases of a training, dicts; where none is asked for, all steps are one."""
    if bool(settings.steps) == bool(settings.phase):
        raise InputError("Expected --steps or --phase, one of them.")
    names = ("max_length", "batch_size", "accumulation", "data", "warmup_steps", "schedule")
    given = {name: getattr(settings, name) for name in names}
    made = [{**given, **phases.parse(text)} for text in settings.phase] or [{**given, "steps": settings.steps}]
    return [{"learning_rate": settings.learning_rate, **made[0]}, *made[1:]]


def _step_flops(model, data, rows):
    """Floating-point operations of a training step over batches such as these; None where they have no one shape."""
    shapes = {name: (rows, *spec.shape[1:]) for name, spec in data.element_spec.items()}
    try:
        return 3 * flops.forward(model, shapes)
    except ValueError:
        return None


def _folder(settings, output, stage, show_progress):
    """The folder of a stage's rows; that of the text's rows is made unless it is there."""
    if stage.data:
        return Path(stage.data)
    folder = output / f"data_{stage.max_length}" if settings.phase else output / "data"
    if not (folder / "index.json").exists():
        source = settings.tokenizer or settings.encoder
        if source in FAMILIES.values() or source in {family.__name__ for family in FAMILIES.values()}:
            raise InputError(f"{source} from nothing needs --tokenizer, a folder or a preset's name.")
        asked = preparation.Settings(
            text=tuple(settings.text),
            tokenizer=source,
            form="full_sentences",
            max_length=stage.max_length,
            seed=settings.seed,
        )
        preparation.prepare(asked, folder, progress=show_progress)
    return folder


def encoder_of(settings, tokenizer):
    """A family's encoder, new; or that of a checkpoint.

    Args:
        settings: the `Settings`, of which `encoder`, `set` and `max_length` count.
        tokenizer: whose vocabulary a new encoder has.

    Raises:
        InputError: there is no such family or checkpoint, an argument is unknown, or the vocabularies differ.
    """
    given = {}
    for word in settings.set:
        name, sign, value = word.partition("=")
        if not sign:
            raise InputError(f"Received set={word!r}; expected name=value.")
        given[name] = _value(value)
    families = {family.__name__: family for family in FAMILIES.values()}
    if settings.encoder not in families:
        encoder = Encoder.from_preset(settings.encoder, **given)
    else:
        family = families[settings.encoder]
        known = inspect.signature(family.__init__).parameters
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise InputError(f"{settings.encoder} has no argument {', '.join(unknown)}; it has {', '.join(known)}.")
        lengths = {"max_length": settings.max_length} if "max_length" in known else {}
        encoder = family(**{"vocab_size": tokenizer.vocab_size, **lengths, **given})
    rows = encoder.embeddings.token.input_dim
    if rows < tokenizer.vocab_size:
        raise InputError(f"The tokenizer has {tokenizer.vocab_size} pieces; the encoder has {rows}.")
    return encoder


def _value(word):
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError):
        return word


def batches(settings, folder, tokenizer, model, done=0, read=0):
    """Endless batches of a prepared folder with masks, for `fit`.

    Args:
        settings: the `Settings`.
        folder: what `preparation.prepare` wrote.
        tokenizer: its tokenizer.
        model: the `Pretraining`, which says what it reads.
        done: steps before, on whose number masks depend.
        read: rows of the folder that were read before.
    """
    index = records.index_of(folder)
    if index["max_length"] != settings.max_length:
        raise InputError(f"{folder} has rows of {index['max_length']} ids; received max_length={settings.max_length}.")
    unread = {"sequence_ids", "language_ids"} & set(index["features"])
    if unread:
        raise InputError(
            f"{folder} has rows of the form {index['form']}, whose {', '.join(sorted(unread))} pre-training does not "
            "read; prepare it as full_sentences, sentence_pairs or sentence_order."
        )
    if "label" not in index["features"] and {"next_sentence", "sentence_order"} & set(settings.objective):
        raise InputError(f"{folder} has no pairs; prepare it with --form=sentence_pairs or sentence_order.")
    predictions = max(1, round(settings.max_length * settings.mask_rate))
    masking = Masking(tokenizer, settings.masking, settings.mask_rate, predictions)

    def masked(number, batch):
        if "segment_ids" in model.input and "segment_ids" not in batch:
            batch = {**batch, "segment_ids": tf.zeros_like(batch["token_ids"])}
        return masking(batch, tf.stack([tf.constant(settings.seed, tf.int64), number]))

    found = records.read(folder, settings.batch_size, settings.seed, begin=read).enumerate(done)
    options = tf.data.Options()
    # Each worker takes its part of each batch: all together read what one device reads.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return found.map(masked, num_parallel_calls=2).prefetch(4).with_options(options)


def _write(encoder, tokenizer, output):
    """The encoder's files, of which the last one makes the folder one that is read."""
    place = output / ".encoder"
    with progress.room_for(output):
        encoder.save_preset(place, tokenizer)
        for path in sorted(place.iterdir(), key=lambda path: path.name == "config.json"):
            os.replace(path, output / path.name)
        place.rmdir()
