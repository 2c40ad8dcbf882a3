"""Byte-level BPE, of GPT-2, RoBERTa and DeBERTa: any text is bytes, so no piece is ever unknown."""

import dataclasses

import tokenizers

from keras_bert_suite.errors import InputError
from keras_bert_suite.tokenizers import parts

GPT2 = parts.Convention({"unknown": "<|endoftext|>"}, "$A:0", "$A:0 $B:0")
CONVENTIONS = {"roberta": dataclasses.replace(parts.ROBERTA, trims=True), "deberta": parts.BERT, "gpt2": GPT2}
_CLASSES = {"roberta": "RobertaTokenizer", "gpt2": "GPT2Tokenizer"}


def build(files, stated):
    """The parts of a folder with `vocab.json` and `merges.txt`.

    Args:
        files: the `Files`.
        stated: what the user asks.

    Raises:
        InputError: the two do not belong together, or a setting is asked.
    """
    vocabulary, merges, config = files.json("vocab.json"), read_merges(files), files.config
    name = files.family if files.family in CONVENTIONS else _by_pieces(vocabulary)
    prefix = config.get("add_prefix_space", False)
    model = parts.made(
        f"{files.where}: vocab.json with merges.txt", tokenizers.models.BPE, vocab=vocabulary, merges=merges
    )
    engine = tokenizers.Tokenizer(model)
    engine.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    engine.decoder = tokenizers.decoders.ByteLevel()
    frame = CONVENTIONS[name]
    frame = dataclasses.replace(frame, trims=frame.trims and config.get("trim_offsets", True))
    frame.apply(engine, prefix)
    parts.add_listed(engine, files)
    return parts.Parts(
        kind="byte_bpe",
        engine=parts.with_settings(engine, stated, False, f"{files.where}: byte-level BPE"),
        special={role: piece for role, piece in frame.special.items() if piece in vocabulary},
        settings={"lowercase": False},
        config={"tokenizer_class": _CLASSES.get(name, "PreTrainedTokenizerFast"), "add_prefix_space": prefix},
        files={name: files.text(name) for name in ("vocab.json", "merges.txt")},
    )


def read_merges(files):
    """The pairs of a `merges.txt`.

    Raises:
        InputError: a line is no pair.
    """
    merges = []
    for number, line in enumerate(files.text("merges.txt").split("\n"), 1):
        if not line.strip() or (number == 1 and line.startswith("#version")):
            continue
        # At spaces alone: a piece may be one of the spaces of other scripts. A third column counts the pair.
        pair = tuple(line.rstrip("\r").split(" ")[:2])
        if len(pair) != 2:
            raise InputError(f"{files.where}/merges.txt line {number} is {line!r}; expected two pieces.")
        merges.append(pair)
    return merges


def _by_pieces(vocabulary):
    return "roberta" if "<s>" in vocabulary else "deberta" if "[CLS]" in vocabulary else "gpt2"
