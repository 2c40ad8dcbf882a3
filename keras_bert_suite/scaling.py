"""What a pre-training takes: operations, memory, time, input and money, by sums over shapes alone.

The sums are of encoders with BERT's block, trained by masked LM whose head runs over the hidden places alone, in
bfloat16 over float32 variables, on devices that each hold the whole model. What no sum gives is the part of its peak
that a device reaches; docs/scaling.md has what published trainings reached.
"""

from dataclasses import dataclass, fields, replace

from keras_bert_suite.errors import InputError

# Tokens that one processor core reads, and that it masks, in a second: round figures below what one did, 9 million and
# 5 million with batches of 32 rows, 16 and 6 with 256.
READING = MASKING = 5e6
# The part of a device's memory that these sums may fill. The largest batch that NVIDIA ran of BERT-large on an A100
# comes to .66 of it: the rest is workspace, fragments, and what a framework keeps beside what the gradient needs.
USABLE = 0.7
# Bytes that an optimizer keeps for each parameter.
OPTIMIZERS = {"adamw": 8, "bert_adamw": 8, "stable_adamw": 8, "lamb": 8, "albert_lamb": 8, "sgd": 4}
# Arguments of an encoder that the sums need, and those that change none of them.
NEEDED = {"vocab_size", "dim", "num_layers", "num_heads", "feed_forward_dim", "max_length"}
NO_MATTER = {"activation", "dropout", "attention_dropout", "epsilon"}


@dataclass(frozen=True)
class Device:
    """An accelerator.

    Args:
        peak: dense operations a second in bfloat16 or float16, a multiplication and an addition being two.
        memory: bytes.
        link: bytes a second that it sends to its neighbours while it receives as many.
        price: dollars an hour, of one.
    """

    peak: float
    memory: float
    link: float
    price: float


# Peaks, memory and links as NVIDIA and Google state them: of NVLink one direction; of a TPU the all-reduce bandwidth
# of a pod divided by its chips. Prices by the hour without a contract, 2026, see docs/scaling.md.
DEVICES = {
    "h200": Device(989e12, 141e9, 450e9, 3.50),
    "h100": Device(989e12, 80e9, 450e9, 2.95),
    "a100": Device(312e12, 80e9, 300e9, 1.79),
    "v100": Device(125e12, 32e9, 150e9, 2.30),
    "tpu_v3": Device(123e12, 34.4e9, 332e9, 2.20),
    "tpu_v4": Device(275e12, 34.4e9, 269e9, 3.22),
    "tpu_v5e": Device(197e12, 16e9, 200e9, 1.20),
}


def machines(names, prices=None, link=None):
    """Machines by their names.

    Args:
        names: strings such as `"8xh200"`, a count and a key of `DEVICES`.
        prices: dollars an hour for one device, as strings, one for each name; None for those of `DEVICES`.
        link: gigabytes a second that each device sends; None for those of `DEVICES`.

    Returns:
        A list of the name, the `Device` and the count.

    Raises:
        InputError: a name or a price cannot be read, or they are not as many.
    """
    if prices is not None and len(prices) != len(names):
        raise InputError(f"Received {len(prices)} prices for {len(names)} machines; expected one each.")
    found = []
    for i, name in enumerate(names):
        count, _, kind = name.partition("x")
        if not count.isdecimal() or not int(count) or kind not in DEVICES:
            raise InputError(f"Received the machine {name!r}; expected as 8xh200, of {', '.join(DEVICES)}.")
        device = DEVICES[kind]
        if prices is not None:
            device = replace(device, price=_price(prices[i]))
        if link is not None:
            device = replace(device, link=1e9 * link)
        found.append((name, device, int(count)))
    return found


def _price(word):
    try:
        return float(word)
    except ValueError:
        raise InputError(f"Received price={word!r}; expected dollars an hour, as 3.50.") from None


@dataclass(frozen=True)
class Shape:
    """The sizes of an encoder, by the names that the families give them; `embedding_dim` None is `dim`."""

    vocab_size: int
    dim: int
    num_layers: int
    num_heads: int
    feed_forward_dim: int
    max_length: int = 512
    num_segments: int = 0
    embedding_dim: int | None = None
    pad_id: int | None = None
    pooler: str | None = None

    @classmethod
    def of(cls, family, arguments, given=()):
        """The shape that a family's arguments make.

        Args:
            family: its name, for messages.
            arguments: all its arguments, a dict.
            given: what stands in place of some of them, strings such as `"dim=256"`.

        Raises:
            InputError: the family has other blocks than BERT's, an argument is unknown or no whole number above 0, or
                the heads do not divide the width.
        """
        known = {field.name for field in fields(cls)}
        other = sorted(set(arguments) - known - NO_MATTER) or sorted(NEEDED - set(arguments))
        if other:
            raise InputError(f"The sums are of BERT's block; {family} differs in {', '.join(other)}.")
        sizes = {name: value for name, value in arguments.items() if name in known}
        numbers = [name for name, value in sizes.items() if isinstance(value, int)]
        for word in given:
            name, _, value = word.partition("=")
            if name not in numbers or not value.isdecimal() or not int(value):
                raise InputError(f"Received set={word!r}; expected one of {', '.join(numbers)}, as dim=256.")
            sizes[name] = int(value)
        if sizes["dim"] % sizes["num_heads"]:
            raise InputError(f"Received num_heads={sizes['num_heads']}; expected a divisor of dim={sizes['dim']}.")
        return cls(**sizes)

    @property
    def parameters(self):
        """Numbers that are trained, those of the masked-LM head over the token table among them."""
        dim, width = self.dim, self.embedding_dim or self.dim
        rows = self.vocab_size + self.max_length + self.num_segments
        rows += 0 if self.pad_id is None else self.pad_id + 1
        pooler = (dim + 1) * dim if self.pooler else 0
        embeddings = rows * width + 2 * width + ((width + 1) * dim if width != dim else 0)
        block = 4 * (dim + 1) * dim + (dim + 1) * self.feed_forward_dim + (self.feed_forward_dim + 1) * dim + 4 * dim
        head = (dim + 1) * width + 2 * width + self.vocab_size
        return embeddings + self.num_layers * block + pooler + head

    def operations(self, length, predictions):
        """Operations of a row on the way forward: those of the blocks, and those of the rest.

        Args:
            length: token ids of the row.
            predictions: hidden places that the head runs over.
        """
        dim, width = self.dim, self.embedding_dim or self.dim
        block = 2 * length * (4 * dim * dim + 2 * dim * self.feed_forward_dim) + 4 * length * length * dim
        project = 2 * length * width * dim if width != dim else 0
        return self.num_layers * block, project + 2 * predictions * width * (dim + self.vocab_size)

    def activations(self, length, predictions, rematerialize=False):
        """Bytes of a row that are kept on the way forward for the way back.

        Korthikanti et al. 2022, https://arxiv.org/abs/2205.05198: bfloat16, and a byte for what dropout kept. The
        head's logits are float32, twice.

        Args:
            length: token ids of the row.
            predictions: hidden places that the head runs over.
            rematerialize: whether the inputs of the blocks alone are kept, and one block at a time made again.
        """
        block = length * (18 * self.dim + 4 * self.feed_forward_dim) + 5 * self.num_heads * length * length
        kept = 2 * length * self.dim * self.num_layers + block if rematerialize else self.num_layers * block
        return kept + predictions * 10 * self.vocab_size


@dataclass(frozen=True)
class Training:
    """What is trained.

    Args:
        shape: the encoder's `Shape`.
        batch_size: rows of a step, over all devices.
        length: token ids of a row.
        predictions: hidden places of a row that the head runs over.
        steps: their number.
        optimizer: one of `OPTIMIZERS`.
        rematerialize: whether blocks are computed again on the way back.
    """

    shape: Shape
    batch_size: int
    length: int
    predictions: int
    steps: int
    optimizer: str = "adamw"
    rematerialize: bool = False

    @property
    def operations(self):
        """Operations of a step, forward and twice that back: what the model needs, rematerialization left out."""
        return 3 * self.batch_size * sum(self.shape.operations(self.length, self.predictions))

    @property
    def executed(self):
        """Operations of a step, those of rematerialization among them."""
        blocks, _ = self.shape.operations(self.length, self.predictions)
        return self.operations + (self.batch_size * blocks if self.rematerialize else 0)

    def memory(self, rows, parts=1):
        """Bytes of a device, by what they hold.

        Args:
            rows: of a step on the device.
            parts: in which it runs them one after the other.
        """
        count = self.shape.parameters
        return {
            "parameters": 4 * count,
            "bfloat16_copies": 2 * count,
            # Beside the sum over the parts there are those of the part that runs.
            "gradients": (8 if parts > 1 else 4) * count,
            "optimizer": OPTIMIZERS[self.optimizer] * count,
            "activations": rows
            // parts
            * self.shape.activations(self.length, self.predictions, rematerialize=self.rematerialize),
        }


def utilization(training, device, devices, rows_per_second):
    """The part of the peak (model FLOPs utilization, MFU) that a measured rate of rows, all devices' together, is."""
    return training.operations / training.batch_size * rows_per_second / (devices * device.peak)


def all_reduce(size, devices, link):
    """Seconds in which a ring of devices adds up arrays of `size` bytes."""
    return 2 * (devices - 1) / devices * size / link


def plan(training, device, devices, utilization, parts=None, overlap=False):
    """What a training takes on some devices.

    Args:
        training: a `Training`.
        device: a `Device`.
        devices: their number.
        utilization: the part of the peak that the operations run at, exchange between devices left out.
        parts: in which each device runs its rows of a step; None for as few as fit its memory.
        overlap: whether gradients are exchanged while the last part's are still computed.

    Returns:
        A dict: `parameters`, `operations` and `executed` of a step, `parts`, `memory` (bytes by what they hold),
        `compute`, `all_reduce` and `step` (seconds), `utilization` (of the whole step), `tokens_per_second`, `cores`,
        `hours`, `dollars`.

    Raises:
        InputError: the rows cannot be shared out, or do not fit the memory.
    """
    rows, rest = divmod(training.batch_size, devices * (parts or 1))
    if rest or not rows:
        raise InputError(
            f"Received batch_size={training.batch_size}; expected a multiple of {devices} devices times "
            f"{parts or 1} parts."
        )
    rows = training.batch_size // devices
    choices = [parts] if parts else [count for count in range(1, rows + 1) if rows % count == 0]
    fitting = [c for c in choices if sum(training.memory(rows, c).values()) <= USABLE * device.memory]
    if not fitting:
        least = sum(training.memory(rows, choices[-1]).values())
        raise InputError(
            f"{rows // choices[-1]} rows at once need {least / 1e9:.1f} GB of a device, which has "
            f"{USABLE * device.memory / 1e9:.1f} GB for them. Expected more parts, more devices, "
            "shorter rows, or rematerialization."
        )
    parts = fitting[0]
    compute = training.executed / (devices * device.peak * utilization)
    exchange = all_reduce(4 * training.shape.parameters, devices, device.link)
    # Of the operations of a part the first third, with rematerialization the first quarter, is the way forward.
    hidden = compute / parts * (0.75 if training.rematerialize else 2 / 3) if overlap else 0
    step = compute + max(0, exchange - hidden)
    rate = training.batch_size * training.length / step
    hours = training.steps * step / 3600
    return {
        "parameters": training.shape.parameters,
        "operations": training.operations,
        "executed": training.executed,
        "parts": parts,
        "memory": training.memory(rows, parts),
        "compute": compute,
        "all_reduce": exchange,
        "step": step,
        "utilization": training.operations / (step * devices * device.peak),
        "tokens_per_second": rate,
        "cores": rate / READING + rate / MASKING,
        "hours": hours,
        "dollars": hours * devices * device.price,
    }


HEADER = [
    "machine",
    "parts",
    "GB",
    "compute ms",
    "all-reduce ms",
    "step ms",
    "MFU",
    "M tokens/s",
    "cores",
    "hours",
    "$",
]


def row(machine, found):
    """What `plan` gives as strings, under `HEADER`."""
    milliseconds = [f"{1000 * found[name]:,.1f}" for name in ("compute", "all_reduce", "step")]
    return [
        machine,
        str(found["parts"]),
        f"{sum(found['memory'].values()) / 1e9:.1f}",
        *milliseconds,
        f"{found['utilization']:.3f}",
        f"{found['tokens_per_second'] / 1e6:.2f}",
        f"{found['cores']:.1f}",
        f"{found['hours']:,.2f}",
        f"{found['dollars']:,.0f}",
    ]
