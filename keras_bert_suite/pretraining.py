"""From text to a pre-trained encoder in a folder: what `kbs-pretrain` does."""

import ast
import inspect
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import tensorflow as tf

from keras_bert_suite import preparation
from keras_bert_suite.data import records
from keras_bert_suite.data.masking import Masking
from keras_bert_suite.encoders import FAMILIES, Encoder
from keras_bert_suite.errors import InputError
from keras_bert_suite.objectives import OBJECTIVES, Generator, ReplacedToken, attach, generator_of
from keras_bert_suite.quiet import quiet
from keras_bert_suite.tokenizers import Tokenizer
from keras_bert_suite.training import distribution, launcher, optimizers, progress, schedules

# Those that do not change what is learned: a run may go on with others.
FREE = ("output", "checkpoint_every", "steps_per_execution", "strategy", "replicas", "accumulation", "xla")


@dataclass(frozen=True)
class Settings:
    """The flags of `kbs-pretrain`, under their names; see there."""

    encoder: str
    set: tuple
    objective: tuple
    generator: str
    generator_width: float
    generator_depth: float
    generator_tables: str
    text: tuple
    data: str
    tokenizer: str
    max_length: int
    masking: str
    mask_rate: float
    batch_size: int
    steps: int
    optimizer: str
    learning_rate: float
    weight_decay: float
    schedule: str
    warmup_steps: int
    clip_norm: float
    accumulation: int
    steps_per_execution: int
    xla: bool
    dtype: str
    strategy: str
    replicas: int
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
    if settings.batch_size % (strategy.num_replicas_in_sync * settings.accumulation):
        raise InputError(
            f"Received batch_size={settings.batch_size}; expected a multiple of {strategy.num_replicas_in_sync} "
            f"replicas times accumulation={settings.accumulation}."
        )
    chief = strategy.cluster_resolver is None or strategy.cluster_resolver.task_id in (None, 0)
    output.mkdir(parents=True, exist_ok=True)
    folder = Path(settings.data) if settings.data else _prepared(settings, output, show_progress)
    tokenizer = Tokenizer.from_preset(str(folder / "tokenizer"))
    keras.utils.set_random_seed(settings.seed)
    keras.config.set_dtype_policy(settings.dtype)
    with strategy.scope():
        encoder = encoder_of(settings, tokenizer)
        model = attach(encoder, objectives_of(settings, encoder))
        rate = schedules.schedule(
            settings.schedule, settings.learning_rate, settings.steps, min(settings.warmup_steps, settings.steps)
        )
        optimizer = optimizers.optimizer(
            settings.optimizer, rate, weight_decay=settings.weight_decay, clip_norm=settings.clip_norm or None
        )
        model.compile(optimizer, steps_per_execution=settings.steps_per_execution)
        optimizer.build(model.trainable_variables)
    model.accumulation, model.xla = settings.accumulation, settings.xla
    kept = {name: value for name, value in asdict(settings).items() if name not in FREE}
    state = progress.Checkpoints(output / "checkpoints", kept, settings.checkpoint_every, settings.steps, chief=chief)
    done = state.restore(model)
    if done:
        print(f"Goes on after step {done} of {settings.steps}.", flush=True)
    tokens = settings.batch_size * settings.max_length
    log = progress.StepLog(output / "train.jsonl", done, settings.steps, tokens, chief)
    if done < settings.steps:
        if (settings.steps - done) % settings.steps_per_execution:
            raise InputError(
                f"{settings.steps - done} steps are left; expected a multiple of "
                f"steps_per_execution={settings.steps_per_execution}."
            )
        model.fit(
            batches(settings, folder, tokenizer, model, done),
            steps_per_epoch=settings.steps - done,
            callbacks=[log, state],
            shuffle=False,
            verbose=0,
        )
    if chief:
        _write(model, tokenizer, output)
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
    if not settings.data:
        _prepared(settings, output, show_progress)
    kept = [word for word in arguments if not word.lstrip("-").startswith(("workers=", "strategy="))]
    command = [sys.executable, "-m", "keras_bert_suite.tools.pretrain", *kept, "--strategy=multi_worker"]
    launcher.run(command, workers, output, lambda: sorted((output / "checkpoints").glob("step_*")))


def _prepared(settings, output, show_progress):
    """The folder of the text's rows, made unless it is there."""
    folder = output / "data"
    if not (folder / "index.json").exists():
        source = settings.tokenizer or settings.encoder
        if source in FAMILIES.values() or source in {family.__name__ for family in FAMILIES.values()}:
            raise InputError(f"{source} from nothing needs --tokenizer, a folder or a preset's name.")
        asked = preparation.Settings(
            text=tuple(settings.text),
            tokenizer=source,
            form="full_sentences",
            max_length=settings.max_length,
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


def objectives_of(settings, encoder):
    """The objectives, with a generator where one is asked for.

    Args:
        settings: the `Settings`, of which `objective` and those of the generator count.
        encoder: the encoder that learns.

    Raises:
        InputError: they do not go together.
    """
    given = {name: value for name, value in asdict(settings).items() if name.startswith("generator")}
    given = {name: value for name, value in given.items() if value is not None}
    if "replaced_token" not in settings.objective:
        if given:
            raise InputError(f"Received {', '.join(given)}; a generator is of objective=replaced_token.")
        return [OBJECTIVES[name]() for name in settings.objective]
    if len(settings.objective) > 1:
        raise InputError(
            f"Received objective={','.join(settings.objective)}; expected replaced_token alone, whose encoder reads "
            "other pieces than that of the rest."
        )
    sizes = {name: given[f"generator_{name}"] for name in ("width", "depth") if f"generator_{name}" in given}
    if settings.generator and sizes:
        raise InputError(f"Received generator={settings.generator} and its {', '.join(sizes)}; expected one of them.")
    tables = given.get("generator_tables", "tied")
    generator = generator_of(encoder, tied=tables == "tied", preset=settings.generator, **sizes)
    return [ReplacedToken(generator, disentangled=tables == "gdes")]


def _value(word):
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError):
        return word


def batches(settings, folder, tokenizer, model, done=0):
    """Endless batches of a prepared folder with masks, for `fit`.

    Args:
        settings: the `Settings`.
        folder: what `preparation.prepare` wrote.
        tokenizer: its tokenizer.
        model: the `Pretraining`, which says what it reads.
        done: batches that were read before.
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
    asked = {name: value for each in model.objectives for name, value in each.masking.items()}
    masking = Masking(tokenizer, settings.masking, settings.mask_rate, predictions, **asked)

    def masked(number, batch):
        if "segment_ids" in model.input and "segment_ids" not in batch:
            batch = {**batch, "segment_ids": tf.zeros_like(batch["token_ids"])}
        return masking(batch, tf.stack([tf.constant(settings.seed, tf.int64), number]))

    found = records.read(folder, settings.batch_size, settings.seed, done).enumerate(done)
    options = tf.data.Options()
    # Each worker takes its part of each batch: all together read what one device reads.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return found.map(masked, num_parallel_calls=2).prefetch(4).with_options(options)


def _write(model, tokenizer, output):
    """The encoder's files, of which the last one makes the folder one that is read, and a generator in a folder."""
    for each in model.objectives:
        if isinstance(each, Generator):
            each.generator.save_preset(output / "generator", tokenizer)
    place = output / ".encoder"
    model.trained().save_preset(place, tokenizer)
    for path in sorted(place.iterdir(), key=lambda path: path.name == "config.json"):
        os.replace(path, output / path.name)
    place.rmdir()
