"""A training in phases: steps with rows of one length, batches of one size or a growing one, a learning rate."""

import itertools
from dataclasses import dataclass

from keras_bert_suite.errors import InputError
from keras_bert_suite.training import schedules

NAMES = {
    "steps": int,
    "max_length": int,
    "batch_size": str,
    "accumulation": int,
    "data": str,
    "learning_rate": float,
    "warmup_steps": int,
    "schedule": str,
}


@dataclass(frozen=True)
class Stage:
    """Steps in a row whose batches have one shape.

    Attributes:
        start: steps before it.
        steps: its own.
        max_length: token ids of a row.
        batch_size: rows of a step, over all devices.
        accumulation: parts in which each device runs its rows.
        data: the folder of its rows, or None.
        read: rows of that folder and length that were read before it.
    """

    start: int
    steps: int
    max_length: int
    batch_size: int
    accumulation: int
    data: str
    read: int

    @property
    def end(self):
        return self.start + self.steps


def parse(text):
    """The settings that a phase states, a dict.

    Args:
        text: as `"steps=1000,max_length=512,batch_size=64"`. `batch_size=64..512` is a batch that grows linearly from
            64 rows to 512, by parts of 512 / `accumulation` rows, of which each step runs as many as it has.

    Raises:
        InputError: it is not of this form.
    """
    found = {}
    for word in text.split(","):
        name, sign, value = word.partition("=")
        try:
            found[name] = NAMES[name](value)
        except (KeyError, ValueError):
            expected = f"of {', '.join(NAMES)}" if name not in NAMES or not sign else "a number"
            raise InputError(
                f"Received phase={text!r}; expected name=value,name=value: {word!r} is not {expected}."
            ) from None
    for name, least in {"steps": 1, "max_length": 3, "accumulation": 1, "learning_rate": 0, "warmup_steps": 0}.items():
        if found.get(name, 0 if name == "steps" else least) < least:
            raise InputError(f"Received phase={text!r}; expected {name} of {least} or more.")
    return found


def stages(phases, replicas=1, multiple=1):
    """The stages of phases, of which one with a growing batch has several.

    Args:
        phases: dicts of `steps`, `max_length`, `batch_size`, `accumulation` and `data`.
        replicas: devices that share a batch.
        multiple: steps that run as one: a batch grows after these alone.

    Raises:
        InputError: the numbers of a phase do not fit together.
    """
    made, start, read = [], 0, {}
    for phase in phases:
        place = (phase["data"], phase["max_length"])
        for size, steps, accumulation in _sizes(phase, replicas, multiple):
            before = read.get(place, 0)
            made.append(Stage(start, steps, phase["max_length"], size, accumulation, phase["data"], before))
            start, read[place] = start + steps, before + steps * size
    return made


def _sizes(phase, replicas, multiple):
    """Triples of rows, steps in a row that have as many, and parts that they are run in."""
    text, steps, accumulation = str(phase["batch_size"]), phase["steps"], phase["accumulation"]
    try:
        first, last = (int(word) for word in (text.split("..") if ".." in text else (text, text)))
    except ValueError:
        raise InputError(f"Received batch_size={text}; expected a number, or two as in 64..512.") from None
    if first < 1 or last % (replicas * accumulation):
        raise InputError(
            f"Received batch_size={text}; expected a multiple of {replicas} replicas times "
            f"accumulation={accumulation}."
        )
    part = last // accumulation
    if first == last:
        return [(last, steps, accumulation)]
    if first > last or first % part:
        raise InputError(
            f"Received batch_size={text} with accumulation={accumulation}; expected to begin with a multiple of its "
            f"parts, {part} rows each, and to grow."
        )
    rows = [schedules.batch_size(step // multiple * multiple, first, last, steps, part) for step in range(steps)]
    return [(size, len(list(found)), size // part) for size, found in itertools.groupby(rows)]


def learning_rate(phases):
    """The learning rates of phases by step.

    A phase that states a `learning_rate` begins a schedule of its own, which lasts until the next that does.

    Args:
        phases: dicts of `steps`, `schedule` and `warmup_steps`; and of `learning_rate`, the first one in any case.

    Returns:
        A schedule of `training.schedules`.
    """
    groups = []
    for phase in phases:
        if "learning_rate" in phase:
            groups.append({**phase, "steps": 0})
        groups[-1]["steps"] += phase["steps"]
    made = []
    for each in groups:
        warmup_steps = min(each["warmup_steps"], each["steps"])
        made.append(schedules.schedule(each["schedule"], each["learning_rate"], each["steps"], warmup_steps))
    return made[0] if len(made) == 1 else schedules.Phases(made)
