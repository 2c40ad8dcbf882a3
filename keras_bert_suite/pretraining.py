"""From text to a pre-trained encoder in a folder: what `kbs-pretrain` does."""

import ast
import inspect
import os
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np

from keras_bert_suite import preparation
from keras_bert_suite.checkpoints import loading, presets
from keras_bert_suite.data import array_ops, on_the_fly, records
from keras_bert_suite.data.masking import Masking
from keras_bert_suite.data.permutation import Permutation
from keras_bert_suite.encoders import FAMILIES, Encoder
from keras_bert_suite.encoders.encoder import family_of
from keras_bert_suite.errors import InputError
from keras_bert_suite.layers import NO_LANGUAGE
from keras_bert_suite.objectives import OBJECTIVES, Generator, ReplacedToken, attach, generator_of
from keras_bert_suite.tokenizers import Tokenizer
from keras_bert_suite.training import launcher, optimizers, phases, progress

# Those that do not change what is learned: a run may go on with others.
FREE = (
    "output",
    "held_out",
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
    generator: str
    generator_width: float
    generator_depth: float
    generator_tables: str
    text: tuple
    data: str
    on_the_fly: bool
    held_out: str
    tokenizer: str
    max_length: int
    masking: str
    mask_rate: float
    segments: int
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
    _check(settings)
    output, side = Path(settings.output), _side(settings)
    chief, parts = side.chief, _phases(settings)
    plan = phases.stages(parts, side.devices, settings.steps_per_execution)
    settings = replace(settings, steps=plan[-1].end, max_length=max(stage.max_length for stage in plan))
    output.mkdir(parents=True, exist_ok=True)
    sources = [_source(settings, output, stage, show_progress) for stage in plan]
    tokenizer = _one_tokenizer(sources)
    if {"next_sentence", "sentence_order"} & set(settings.objective):
        for stage, source in zip(plan, sources, strict=True):
            if "label" not in _index_of(source)["features"]:
                kept = stage.data or "The text"
                raise InputError(f"{kept} has no pairs; prepare it with --form=sentence_pairs or sentence_order.")
    keras.utils.set_random_seed(settings.seed)
    keras.config.set_dtype_policy(settings.dtype)
    with side.scope():
        encoder = encoder_of(settings, tokenizer)
        reader = _reader(encoder, sources[0])
        model = attach(reader, objectives_of(settings, reader))
        _load_heads(model, settings)
        optimizer = optimizers.optimizer(
            settings.optimizer,
            phases.learning_rate(parts),
            weight_decay=settings.weight_decay,
            clip_norm=settings.clip_norm or None,
        )
        model.compile(optimizer, steps_per_execution=settings.steps_per_execution)
        optimizer.build(model.trainable_variables)
    side.set_up(model)
    kept = {name: value for name, value in asdict(settings).items() if name not in FREE}
    state = progress.Checkpoints(output / "checkpoints", kept, settings.checkpoint_every, settings.steps, chief=chief)
    done = state.restore(model)
    if done:
        print(f"Goes on after step {done} of {settings.steps}.", flush=True)

    def data(done):
        i, stage = next((i, stage) for i, stage in enumerate(plan) if done < stage.end)
        of = replace(settings, max_length=stage.max_length, batch_size=stage.batch_size)
        read = stage.read + (done - stage.start) * stage.batch_size
        return batches(side, of, sources[i], tokenizer, model, done, read)

    def batch_of(step):
        return {name: np.asarray(array) for name, array in next(iter(data(step - 1))).items()}

    peak = side.peak()
    shown = side.board(output / "tensorboard") if chief else None
    log = progress.StepLog(output / "train.jsonl", done, settings.steps, batch_of, peak, shown, chief)
    watching = [log, state]
    if settings.held_out:
        of = replace(settings, batch_size=plan[-1].batch_size)
        evaluate = _evaluation(side, of, sources[0], tokenizer, model, output, show_progress)
        path, every = output / "held_out.jsonl", settings.checkpoint_every
        # Before the checkpoint, so that one has the line of its step.
        watching.insert(1, progress.HeldOut(path, done, every, settings.steps, evaluate, shown, chief))
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
        log.tokens = stage.batch_size * stage.max_length
        log.flops = side.step_flops(model, data(done), stage.batch_size) if peak else None
        found = side.fed(data(done))
        model.fit(found, steps_per_epoch=stage.end - done, callbacks=watching, shuffle=False, verbose=0)
        done = stage.end
    if chief:
        _write(model, tokenizer, output)
    # The others wait until it is written.
    side.wait()
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
    _check(settings)
    if keras.backend.backend() == "jax":
        raise InputError("--workers are of tf.distribute; with --backend=jax expected --strategy=mirrored.")
    output = Path(settings.output)
    output.mkdir(parents=True, exist_ok=True)
    plan = phases.stages(_phases(settings))
    settings = replace(settings, max_length=max(stage.max_length for stage in plan))
    sources = [_source(settings, output, stage, show_progress) for stage in plan]
    if settings.held_out:
        _held_out(settings, sources[0], output, show_progress)
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


def _check(settings):
    """Refuses what does not go together, whatever the text and the encoder."""
    if bool(settings.text) == bool(settings.data):
        raise InputError("Expected --text or --data, one of them.")
    if settings.on_the_fly and settings.data:
        raise InputError("--on_the_fly reads --text; --data is prepared already.")
    if set(settings.objective) - set(OBJECTIVES):
        raise InputError(f"Received objective={','.join(settings.objective)}; expected of {', '.join(OBJECTIVES)}.")


def _side(settings):
    """What trains, of Keras's backend."""
    if keras.backend.backend() == "jax":
        from keras_bert_suite import pretraining_jax as side
    else:
        from keras_bert_suite import pretraining_tensorflow as side
    return side.Side(settings)


def _source(settings, output, stage, show_progress):
    """What a stage reads: a folder of rows, that of the text's made unless it is there, or an `on_the_fly.Text`."""
    if settings.on_the_fly:
        if settings.phase:
            raise InputError("--on_the_fly reads rows of one length; expected --steps in place of --phase.")
        tokenizer = Tokenizer.from_preset(_tokenizer_of(settings))
        return on_the_fly.Text(settings.text, tokenizer, settings.max_length, settings.seed)
    if stage.data:
        return Path(stage.data)
    folder = output / f"data_{stage.max_length}" if settings.phase else output / "data"
    return prepared(settings, settings.text, "full_sentences", stage.max_length, folder, show_progress)


def _held_out(settings, source, output, show_progress):
    """The folder of rows that the model is judged on: as given, or made of text, in the form that it learns from."""
    if (Path(settings.held_out) / "index.json").exists():
        return Path(settings.held_out)
    text, form = [settings.held_out], _index_of(source)["form"]
    tokenizer = None if isinstance(source, on_the_fly.Text) else str(source / "tokenizer")
    return prepared(settings, text, form, settings.max_length, output / "held_out", show_progress, tokenizer)


def _evaluation(side, settings, source, tokenizer, model, output, show_progress):
    """A function that judges the model on all of its held-out rows, each time with the same masks."""
    rows = _held_out(settings, source, output, show_progress)
    _one_tokenizer([rows, source])
    count = max(1, sum(shard["examples"] for shard in records.index_of(rows)["shards"]) // settings.batch_size)

    def evaluate():
        found = side.fed(batches(side, settings, rows, tokenizer, model))
        return model.evaluate(found, steps=count, verbose=0, return_dict=True)

    return evaluate


def prepared(settings, text, form, max_length, folder, show_progress, tokenizer=None):
    """A folder of rows of text, made unless it is there.

    Args:
        settings: the `Settings`, whose `seed` counts, and whose tokenizer where none is given.
        text: patterns of files.
        form, max_length, tokenizer: see `preparation.Settings`.
        folder: a `Path`.
        show_progress: see `run`.
    """
    if not (folder / "index.json").exists():
        asked = preparation.Settings(
            text=tuple(text),
            tokenizer=tokenizer or _tokenizer_of(settings),
            form=form,
            max_length=max_length,
            seed=settings.seed,
        )
        preparation.prepare(asked, folder, progress=show_progress)
    return folder


def families():
    """The families that an encoder may be of, by name."""
    return {family.__name__: family for family in FAMILIES.values()}


def _tokenizer_of(settings):
    source = settings.tokenizer or settings.encoder
    if source in families():
        raise InputError(f"{source} from nothing needs --tokenizer, a folder or a preset's name.")
    return source


def _one_tokenizer(sources):
    """The tokenizer of what is read, which must be one."""
    texts = [source for source in sources if isinstance(source, on_the_fly.Text)]
    folders = sorted({str(source) for source in sources} - {str(text) for text in texts})
    if len({records.index_of(folder)["tokenizer"]["sha256"] for folder in folders}) > 1:
        raise InputError(f"{', '.join(folders)} are of different tokenizers.")
    return texts[0].tokenizer if texts else Tokenizer.from_preset(str(sources[0] / "tokenizer"))


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
    known_families = families()
    if settings.encoder not in known_families:
        encoder = Encoder.from_preset(settings.encoder, missing="initialize", **given)
    else:
        family = known_families[settings.encoder]
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
    """What is learned.

    Args:
        settings: the `Settings`, of which `objective`, `segments`, `max_length` and those of the generator count.
        encoder: the encoder that learns, in the form that reads the data's rows.

    Raises:
        InputError: objectives do not go together, or not with the other settings or such rows.
    """
    asked = set(settings.objective)
    alone = asked & {"permutation_lm", "replaced_token"}
    if alone and len(asked) > 1:
        raise InputError(
            f"Received objective={','.join(settings.objective)}; expected {min(alone)} alone, as its encoder reads "
            "other things than that of the rest."
        )
    if settings.segments > 1 and "permutation_lm" not in asked:
        raise InputError(f"Received segments={settings.segments}; they are of objective=permutation_lm.")
    if {"masked_lm", "enhanced_masked_lm"} <= asked:
        raise InputError("enhanced_masked_lm is masked_lm by another decoder; expected one of them.")
    if settings.max_length % settings.segments:
        raise InputError(
            f"Received max_length={settings.max_length}; expected a multiple of segments={settings.segments}."
        )
    whole = asked & {"enhanced_masked_lm", "permutation_lm", "replaced_token"}
    if whole and {"positions", "sequence_ids"} & set(encoder.input):
        raise InputError(f"{min(whole)} reads rows of one sequence; expected data of the form full_sentences.")
    given = {name: value for name, value in asdict(settings).items() if name.startswith("generator")}
    given = {name: value for name, value in given.items() if value is not None}
    if "replaced_token" in asked:
        return [_replaced_token(given, encoder)]
    if given:
        raise InputError(f"Received {', '.join(given)}; a generator is of objective=replaced_token.")
    more = {"permutation_lm": {"segments": settings.segments}}
    return [OBJECTIVES[name](**more.get(name, {})) for name in settings.objective]


def _replaced_token(given, encoder):
    """Replaced-token detection with a generator as it was asked for."""
    sizes = {name: given[f"generator_{name}"] for name in ("width", "depth") if f"generator_{name}" in given}
    preset, tables = given.get("generator"), given.get("generator_tables", "tied")
    if preset and sizes:
        raise InputError(f"Received generator={preset} and its {', '.join(sizes)}; expected one of them.")
    generator = generator_of(encoder, tied=tables == "tied", preset=preset, **sizes)
    return ReplacedToken(generator, disentangled=tables == "gdes")


def _index_of(source):
    return source.index if isinstance(source, on_the_fly.Text) else records.index_of(source)


def _reader(encoder, source):
    """The encoder, in the form that reads a source's rows."""
    index, languages = _index_of(source), getattr(encoder.embeddings, "num_languages", 0)
    if languages and len(index["languages"]) > languages:
        raise InputError(
            f"The data has the languages {', '.join(index['languages'])}; the encoder has num_languages={languages}."
        )
    return encoder.for_rows(index["form"]) if "positions" in index["features"] else encoder


def _value(word):
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError):
        return word


def batches(side, settings, source, tokenizer, model, done=0, read=0):
    """Endless batches with masks, or with pieces to predict in an order.

    Args:
        side: what makes them, a `Side`.
        settings: the `Settings`.
        source: a folder that `preparation.prepare` wrote, or an `on_the_fly.Text`.
        tokenizer: its tokenizer.
        model: the `Pretraining`, which says what it reads.
        done: steps before, on whose number masks depend.
        read: rows of the folder that were read before.
    """
    index = _index_of(source)
    if index["max_length"] != settings.max_length:
        raise InputError(f"{source} has rows of {index['max_length']} ids; received max_length={settings.max_length}.")
    if "permutation_lm" in settings.objective:
        # Of each segment as many.
        predictions = settings.segments * max(1, round(settings.max_length * settings.mask_rate / settings.segments))
        hide = Permutation(tokenizer, settings.mask_rate, predictions, settings.segments)
    else:
        predictions = max(1, round(settings.max_length * settings.mask_rate))
        asked = {name: value for each in model.objectives for name, value in each.masking.items()}
        hide = Masking(tokenizer, settings.masking, settings.mask_rate, predictions, **asked)

    def masked(number, batch):
        return hide(filled(batch, model.input), [settings.seed, number])

    return side.batches(source, settings.batch_size, done, read, masked)


def filled(batch, names):
    """A batch with those of an encoder's inputs that its rows lack: one segment, no language."""
    tf = array_ops.of(batch["token_ids"])
    for name, value in (("segment_ids", 0), ("language_ids", NO_LANGUAGE)):
        if name in names and name not in batch:
            batch = {**batch, name: tf.zeros_like(batch["token_ids"]) + value}
    return batch


def _load_heads(model, settings):
    """Heads of objectives that the checkpoint has go on with it: a new one would first undo what the encoder knows."""
    if settings.encoder in families():
        return
    source = presets.open_source(settings.encoder)
    filled = loading.load_heads(model, source, family_of(source))
    parts = [{variable.path.split("/")[0] for variable in each.weights} for each in (model, model.encoder)]
    new = sorted(parts[0] - parts[1] - set(filled))
    if new:
        print(f"{source} has no {', '.join(new)}: they are new.", flush=True)


def _write(model, tokenizer, output):
    """The encoder's files, of which the last one makes the folder one that is read, and a generator in a folder."""
    place, encoder, heads = output / ".encoder", model.trained(), loading.heads_of(model, model.encoder)
    with progress.room_for(output):
        for each in model.objectives:
            if isinstance(each, Generator):
                each.generator.save_preset(output / "generator", tokenizer, heads=heads.pop("masked_lm"))
        encoder.save_preset(place, tokenizer, heads=[variable for head in heads.values() for variable in head])
        for path in sorted(place.iterdir(), key=lambda path: path.name == "config.json"):
            os.replace(path, output / path.name)
        place.rmdir()
