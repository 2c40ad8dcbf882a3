"""The card of a fine-tuned model: its folder's `README.md`."""


def text(settings, figures, train, judged):
    """The card's text.

    Args:
        settings: the flags of `kbs-finetune`, a dict.
        figures: the metrics, with `epoch`.
        train: number of training examples.
        judged: number of examples that the metrics were computed on.
    """
    command = " ".join(f"--{name}={_written(value)}" for name, value in settings.items() if value is not None)
    rows = "".join(f"| {name} | {value:.4f} |\n" for name, value in figures.items() if name != "epoch")
    return (
        f"# {settings['task'].replace('_', ' ').capitalize()} model\n\nFine-tuned from `{settings['encoder']}` on "
        f"{train} examples of `{settings['train']}`; judged on {judged} of `{settings['eval']}` after epoch "
        f"{figures['epoch']}.\n\n| metric | value |\n|---|---|\n{rows}\n    kbs-finetune {command}\n\n"
        "Licence: that of the encoder and of the data.\n"
    )


def _written(value):
    return ",".join(value) if isinstance(value, list) else value
