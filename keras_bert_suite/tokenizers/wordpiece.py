"""WordPiece: clean, split at spaces and punctuation, then the longest pieces of a vocabulary."""

import dataclasses
import re
from collections import Counter

import tokenizers

from keras_bert_suite.errors import InputError
from keras_bert_suite.tokenizers import parts

FUNNEL = parts.Convention(
    {"pad": "<pad>", "unknown": "<unk>", "cls": "<cls>", "sep": "<sep>", "mask": "<mask>"},
    "<cls>:2 $A:0 <sep>:0",
    "<cls>:2 $A:0 <sep>:0 $B:1 <sep>:1",
    ("<s>", "</s>"),
    strip_before_mask=False,
)
MPNET = dataclasses.replace(parts.ROBERTA, special={**parts.ROBERTA.special, "unknown": "[UNK]"}, trims=True)
CONVENTIONS = {"bert": parts.BERT, "mpnet": MPNET, "funnel": FUNNEL}
_CLASSES = {"bert": "BertTokenizer", "mpnet": "MPNetTokenizer", "funnel": "FunnelTokenizer"}


def build(vocabulary, lowercase, strip_accents, split_chinese, max_word_characters, added_tokens, convention):
    """The parts; arguments as for `Tokenizer`.

    Raises:
        InputError: the vocabulary lacks a special piece, or there is no such convention.
    """
    if convention not in CONVENTIONS:
        raise InputError(f"Received convention={convention!r}; expected one of {', '.join(CONVENTIONS)}.")
    frame = CONVENTIONS[convention]
    ids = {piece: i for i, piece in enumerate(vocabulary)}
    engine = tokenizers.Tokenizer(
        tokenizers.models.WordPiece(
            ids, unk_token=frame.special["unknown"], max_input_chars_per_word=max_word_characters
        )
    )
    engine.normalizer = tokenizers.normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=split_chinese, strip_accents=strip_accents, lowercase=lowercase
    )
    engine.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    engine.decoder = tokenizers.decoders.WordPiece()
    frame.apply(engine)
    engine.add_special_tokens([piece for piece in added_tokens if piece in ids])
    return parts.Parts(
        kind="wordpiece",
        engine=engine,
        special={role: piece for role, piece in frame.special.items() if piece in ids},
        settings={
            "lowercase": lowercase,
            "strip_accents": strip_accents,
            "split_chinese": split_chinese,
            "max_word_characters": max_word_characters,
            "added_tokens": list(added_tokens),
            "convention": convention,
        },
        config={
            "tokenizer_class": _CLASSES[convention],
            "do_lower_case": lowercase,
            "strip_accents": strip_accents,
            "tokenize_chinese_chars": split_chinese,
        },
        files={"vocab.txt": "".join(piece + "\n" for piece in vocabulary)},
    )


def from_files(files, stated):
    """The parts of a folder with `vocab.txt`.

    Args:
        files: the `Files`.
        stated: what the user asks.

    Raises:
        InputError: it is not UTF-8, or holds a piece twice, or lacks a special piece.
    """
    # Split at line feeds alone: vocabularies hold pieces such as U+2028 that `splitlines` would cut.
    pieces = [line.rstrip("\r") for line in files.text("vocab.txt").removesuffix("\n").split("\n")]
    if len(set(pieces)) != len(pieces):
        twice, _ = Counter(pieces).most_common(1)[0]
        raise InputError(f"{files.where}/vocab.txt holds the piece {twice!r} twice; expected each once.")
    config = files.config
    # A folder of google-research says nothing of case; a vocabulary with capitals was made without lowering it.
    capitals = any(re.match("[A-Z][a-z]", piece) for piece in pieces)
    found = {
        "lowercase": config.get("do_lower_case", not capitals),
        "strip_accents": config.get("strip_accents"),
        "split_chinese": config.get("tokenize_chinese_chars", True),
        "max_word_characters": 100,
        "added_tokens": (),
        "convention": _convention(files.family, pieces),
    }
    return build(pieces, **{**found, **_known(stated, found)})


def from_engine(engine, state, family, stated):
    """The parts of a `tokenizer.json` of BERT's make; None where it is of another.

    Args:
        engine: the engine that the file makes.
        state: what the file holds, a dict.
        family: the family, or None.
        stated: what the user asks.

    Raises:
        InputError: there is no such setting.
    """
    normalizer, model = state.get("normalizer") or {}, state["model"]
    plain = (
        model.get("type", "WordPiece") == "WordPiece"
        and model.get("continuing_subword_prefix", "##") == "##"
        and normalizer.get("type") == "BertNormalizer"
        and normalizer.get("clean_text", True)
        and (state.get("pre_tokenizer") or {}).get("type") == "BertPreTokenizer"
    )
    if not plain:
        return None
    ids = engine.get_vocab()
    vocabulary = sorted(ids, key=ids.get)
    convention = _convention(family, vocabulary)
    frame = CONVENTIONS[convention]
    if sorted(ids.values()) != list(range(len(ids))) or not frame.fits(engine):
        return None
    special = {*frame.special.values(), *frame.more}
    found = {
        "lowercase": normalizer.get("lowercase", True),
        "strip_accents": normalizer.get("strip_accents"),
        "split_chinese": normalizer.get("handle_chinese_chars", True),
        "max_word_characters": model.get("max_input_chars_per_word", 100),
        "added_tokens": [
            token["content"] for token in state.get("added_tokens", ()) if token["content"] not in special
        ],
        "convention": convention,
    }
    made = build(vocabulary, **{**found, **_known(stated, found)})
    return made if _frames(made.engine) == _frames(engine) else None


def _frames(engine):
    """How an engine frames a text and a pair: the ids around one piece, and the segments."""
    pair = engine.encode("a", "a")
    return engine.encode("a").ids, pair.ids, pair.type_ids


def _known(stated, known):
    wrong = [name for name in stated if name not in known]
    if wrong:
        raise InputError(f"Received the setting {wrong[0]}; WordPiece has {', '.join(known)}.")
    return stated


def _convention(family, pieces):
    """The convention of a family; where the files name none, that of the special pieces which are there."""
    if family in CONVENTIONS:
        return family
    if "[CLS]" in pieces:
        return "bert"
    return next((name for name, frame in CONVENTIONS.items() if set(frame.special.values()) <= set(pieces)), "bert")
