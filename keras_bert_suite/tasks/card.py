"""The card of a fine-tuned model: its folder's `README.md`."""

# Flags that are given once for each of their values.
REPEATED = ("set", "text")


def text(settings, figures, train, judged, made=None, tool="kbs-finetune"):
    """The card's text.

    Args:
        settings: the flags of the tool, a dict.
        figures: the metrics, with `epoch` where they are of one.
        train: number of training examples.
        judged: number of examples that the metrics were computed on.
        made: what was done, and from what; None for that it was fine-tuned from the flags' encoder.
        tool: the tool's name.
    """
    made = made or f"Fine-tuned from `{settings['encoder']}`"
    when = f" after epoch {figures['epoch']}" if "epoch" in figures else ""
    command = " ".join(_flag(name, value) for name, value in settings.items() if value not in (None, [], ()))
    rows = "".join(f"| {name} | {value:.4f} |\n" for name, value in figures.items() if name != "epoch")
    return (
        f"# {settings['task'].replace('_', ' ').capitalize()} model\n\n{made} on "
        f"{train} examples of `{settings['train']}`; judged on {judged} of `{settings['eval']}`{when}.\n\n"
        f"| metric | value |\n|---|---|\n{rows}\n    {tool} {command}\n\n"
        "Licence: that of the encoder and of the data.\n"
    )


def _flag(name, value):
    if name in REPEATED:
        return " ".join(f"--{name}={each}" for each in value)
    return f"--{name}={','.join(map(str, value)) if isinstance(value, (list, tuple)) else value}"
