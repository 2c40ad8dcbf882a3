"""SentencePiece models, Unigram and BPE, as engines of the `tokenizers` library, with each family's conventions.

The ids and the normalization are those of the `tokenizer.json` files that families published, which follow their
original code: quotes and accents of ALBERT and XLNet, the ids of XLM-R and CamemBERT, and so on. A model of no known
family is read as the SentencePiece library reads it.
"""

import dataclasses
import re
import struct

import tokenizers
from tokenizers import decoders, normalizers, pre_tokenizers

from keras_bert_suite.errors import InputError
from keras_bert_suite.tokenizers import parts

UNIGRAM, BPE, WORD = 1, 2, 3
NORMAL, UNKNOWN, CONTROL, USER_DEFINED = 1, 2, 3, 4
MARK = "▁"  # what SentencePiece writes for a space


@dataclasses.dataclass(frozen=True)
class Model:
    """What a `.model` file holds.

    Attributes:
        pieces: a list of `(piece, score, type)`.
        kind: `UNIGRAM`, `BPE` or `WORD`.
        unknown_id: the id of the unknown piece.
        byte_fallback: whether unknown characters are spelled in bytes.
        charsmap: the compiled map of characters; empty for none.
        prefix: whether a text gets a space in front.
        strip: whether spaces at the ends and repeated ones are dropped.
    """

    pieces: list
    kind: int
    unknown_id: int
    byte_fallback: bool
    charsmap: bytes
    prefix: bool
    strip: bool


@dataclasses.dataclass(frozen=True)
class Family:
    """How a family uses its model.

    Attributes:
        frame: a `Convention`.
        pieces: a function from the model's pieces to the vocabulary, a list of `(piece, score)`.
        unknown_id: the id of the unknown piece; None for the model's.
        preprocess: whether quotes are made plain and accents dropped before the model's own map.
        lowercase: whether the case is lowered, where the config says nothing; None where there is no such setting.
        splits_spaces: whether words are cut at spaces of every kind, and offsets leave them out.
    """

    frame: parts.Convention
    pieces: object
    unknown_id: int | None = None
    preprocess: bool = False
    lowercase: bool | None = None
    splits_spaces: bool = True


def _numbers_without_commas(pieces):
    """Puts pieces such as `9,` out of use, as the original code splits them in two."""
    return [
        (piece, score - 100 if len(piece) > 1 and piece[-1] == "," and piece[-2].isdigit() else score)
        for piece, score, _ in pieces
    ]


def _fairseq(pieces):
    """Fairseq's first four ids are its own; from there on a piece has the model's id and one."""
    first = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    return [*first, *((piece, score) for piece, score, _ in pieces[3:]), ("<mask>", 0.0)]


def _camembert(pieces):
    """As XLM-R, with the model's `<s>` and `</s>` after five ids, of which three are out of use."""
    unused = [("<s>NOTUSED", 0.0), ("<pad>", 0.0), ("</s>NOTUSED", 0.0), ("<unk>", 0.0), ("<unk>NOTUSED", -100.0)]
    return [*unused, *((piece, score) for piece, score, _ in pieces[1:]), ("<mask>", 0.0)]


def _with_mask(pieces):
    """DeBERTa's `[MASK]` has the id after the last of the model."""
    names = {piece for piece, _, _ in pieces}
    return [*((piece, score) for piece, score, _ in pieces), *([] if "[MASK]" in names else [("[MASK]", 0.0)])]


_ALBERT = parts.Convention(
    {**parts.BERT.special, "pad": "<pad>", "unknown": "<unk>"}, parts.BERT.single, parts.BERT.pair
)
_XLNET = parts.Convention(
    {"pad": "<pad>", "unknown": "<unk>", "cls": "<cls>", "sep": "<sep>", "mask": "<mask>"},
    "$A:0 <sep>:0 <cls>:2",
    "$A:0 <sep>:0 $B:1 <sep>:1 <cls>:2",
    ("<s>", "</s>", "<eod>", "<eop>"),
    padding_side="left",
)
FAMILIES = {
    "albert": Family(_ALBERT, _numbers_without_commas, preprocess=True, lowercase=True),
    "fnet": Family(_ALBERT, _numbers_without_commas, preprocess=True, lowercase=False),
    "xlnet": Family(_XLNET, _numbers_without_commas, preprocess=True, lowercase=False),
    "xlm-roberta": Family(parts.ROBERTA, _fairseq, unknown_id=3),
    "camembert": Family(parts.ROBERTA, _camembert, unknown_id=3),
    "deberta-v2": Family(parts.BERT, _with_mask, lowercase=False, splits_spaces=False),
}


def build(files, stated):
    """The parts of a folder with a SentencePiece model.

    Args:
        files: the `Files`.
        stated: what the user asks.

    Raises:
        InputError: the file is no such model, or one of a kind that is not known here, or has no such setting.
    """
    what = f"{files.where}/{files.model}"
    model = read(files.read(files.model), what)
    config = files.config
    family = FAMILIES.get(files.family or _by_pieces(model, files.model))
    if family is None:
        return _plain(model, stated, what)
    vocabulary = family.pieces(model.pieces)
    unknown = model.unknown_id if family.unknown_id is None else family.unknown_id
    engine = tokenizers.Tokenizer(parts.made(what, _engine, model, vocabulary, unknown))
    lowercase = family.lowercase is not None and config.get("do_lower_case", family.lowercase)
    keep_accents, split_by_punct = config.get("keep_accents", False), config.get("split_by_punct", False)
    parts.made(what, set_steps, engine, family, lowercase, keep_accents, split_by_punct, model.charsmap)
    frame = family.frame
    frame.apply(engine)
    parts.add_listed(engine, files)
    engine = parts.with_settings(engine, stated, family.lowercase is not None, what)
    return parts.Parts(
        kind="sentencepiece",
        engine=engine,
        special={role: piece for role, piece in frame.special.items() if engine.token_to_id(piece) is not None},
        settings={"lowercase": parts.lowercases(engine)},
        # Its class would make transformers normalize anew; so it reads `tokenizer.json` as it is.
        config={
            "tokenizer_class": "PreTrainedTokenizerFast",
            **({} if family.lowercase is None else {"do_lower_case": parts.lowercases(engine)}),
        },
        padding_side=frame.padding_side,
    )


def _by_pieces(model, name):
    """The family that the special pieces and the file's name show, where the config names none."""
    pieces = {piece for piece, _, _ in model.pieces}
    shown = {
        "xlnet": {"<cls>", "<sep>", "<eop>"},
        "albert": {"<pad>", "[CLS]", "[SEP]"},
        "deberta-v2": {"[PAD]", "[CLS]", "[SEP]"},
    }
    usual = "xlm-roberta" if name == "sentencepiece.bpe.model" else None
    return next((family for family, special in shown.items() if special <= pieces), usual)


def _engine(model, vocabulary, unknown):
    if model.kind == UNIGRAM:
        return tokenizers.models.Unigram(vocabulary, unk_id=unknown, byte_fallback=model.byte_fallback)
    ids = {piece: i for i, (piece, _) in enumerate(vocabulary)}
    if model.kind == WORD:
        return tokenizers.models.WordLevel(ids, unk_token=vocabulary[unknown][0])
    mergeable = {piece for piece, _, kind in model.pieces if kind == NORMAL}
    return tokenizers.models.BPE(
        ids,
        _merges(vocabulary, mergeable),
        unk_token=vocabulary[unknown][0],
        fuse_unk=True,
        byte_fallback=model.byte_fallback,
    )


def _merges(vocabulary, mergeable):
    """The pairs that SentencePiece would join: those which make a piece, the piece of the highest score first."""
    ids = {piece: i for i, (piece, _) in enumerate(vocabulary)}
    pairs = []
    for piece, score in vocabulary:
        if piece in mergeable:
            cuts = ((piece[:i], piece[i:]) for i in range(1, len(piece)))
            pairs += [(-score, ids[a], ids[b]) for a, b in cuts if a in mergeable and b in mergeable]
    names = [piece for piece, _ in vocabulary]
    return [(names[a], names[b]) for _, a, b in sorted(pairs)]


def set_steps(engine, family, lowercase, keep_accents=False, split_by_punct=False, charsmap=b""):
    """Gives an engine the steps before and after its model that a family has.

    Args:
        engine: the engine.
        family: a `Family`.
        lowercase: whether the case is lowered.
        keep_accents: whether accents stay where the family drops them.
        split_by_punct: whether words are cut at punctuation too.
        charsmap: the compiled map of characters; empty for none.
    """
    steps = []
    if family.preprocess:
        steps += [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
        if not keep_accents:
            steps += [normalizers.NFKD(), normalizers.StripAccents()]
    if lowercase:
        steps.append(normalizers.Lowercase())
    if not family.splits_spaces:
        steps.append(normalizers.Strip())
    if charsmap:
        steps.append(normalizers.Precompiled(charsmap))
    steps.append(normalizers.Replace(tokenizers.Regex(" {2,}"), " "))
    engine.normalizer = normalizers.Sequence(steps)
    mark = pre_tokenizers.Metaspace(replacement=MARK, prepend_scheme="always")
    before = [pre_tokenizers.WhitespaceSplit()] if family.splits_spaces else []
    if split_by_punct:
        before.append(pre_tokenizers.Punctuation(behavior="isolated"))
    engine.pre_tokenizer = pre_tokenizers.Sequence([*before, mark])
    engine.decoder = decoders.Metaspace(replacement=MARK, prepend_scheme="always")


def _plain(model, stated, what):
    """The parts of a model of no known family: as the SentencePiece library reads it, framed by `[CLS]` and `[SEP]`
    where it has them."""
    names = [piece for piece, _, _ in model.pieces]
    whole = [piece for piece, _, kind in model.pieces if kind == USER_DEFINED]
    engine = tokenizers.Tokenizer(parts.made(what, _engine, model, _scores(model), model.unknown_id))
    steps = [parts.made(what, normalizers.Precompiled, model.charsmap)] if model.charsmap else []
    if model.strip:
        steps.append(normalizers.Replace(tokenizers.Regex(r"\A +| +\z"), ""))
        steps.append(normalizers.Replace(tokenizers.Regex(" {2,}"), " "))
    elif model.prefix:
        # The prefix is put before a text that begins with a space too; `Metaspace` would take that for the prefix.
        steps.append(normalizers.Replace(tokenizers.Regex(r"\A "), "  "))
    engine.normalizer = normalizers.Sequence(steps)
    # "first" is the text's first character, which may be a space that is dropped.
    scheme = "never" if not model.prefix else "always" if model.strip else "first"
    inside = model.kind == WORD or any(MARK in piece[1:] for piece, _, kind in model.pieces if kind == NORMAL)
    mark = pre_tokenizers.Metaspace(replacement=MARK, prepend_scheme=scheme, split=not inside)
    engine.pre_tokenizer = mark
    if model.kind == WORD:
        # What is between known words, be it one word or several, is one unknown piece.
        known = "|".join(re.escape(piece) for piece, _, kind in model.pieces if kind == NORMAL)
        cut = pre_tokenizers.Split(tokenizers.Regex(f"(?:{known})(?={MARK}|\\z)"), behavior="isolated")
        engine.pre_tokenizer = pre_tokenizers.Sequence([mark, cut])
    engine.decoder = decoders.Sequence(
        [
            decoders.Replace(MARK, " "),
            *([decoders.ByteFallback()] if model.byte_fallback else []),
            decoders.Fuse(),
            *([decoders.Strip(" ", 1, 0)] if model.prefix else []),
        ]
    )
    special = {**parts.usual_special(names), "unknown": names[model.unknown_id]}
    parts.add_special(engine, special, [piece for piece, _, kind in model.pieces if kind == CONTROL], False)
    if model.kind != UNIGRAM:
        engine.add_tokens([tokenizers.AddedToken(piece, normalized=False) for piece in whole])
    if (special.get("cls"), special.get("sep")) == ("[CLS]", "[SEP]"):
        engine.post_processor = parts.template(engine, parts.BERT.single, parts.BERT.pair)
    engine = parts.with_settings(engine, stated, False, what)
    config = {"tokenizer_class": "PreTrainedTokenizerFast"}
    return parts.Parts("sentencepiece", engine, special, {"lowercase": parts.lowercases(engine)}, config)


def _scores(model):
    """The pieces with their scores; in Unigram a user's symbol scores as well as its bytes could at best."""
    best = max((score for _, score, kind in model.pieces if kind == NORMAL), default=0.0)
    return [
        (piece, len(piece.encode()) * best - 0.1 if kind == USER_DEFINED else score)
        for piece, score, kind in model.pieces
    ]


def read(content, what):
    """A `.model` file, a protocol buffer, as a `Model`.

    Args:
        content: its bytes.
        what: what messages call it.

    Raises:
        InputError: it is cut off or no such file, or of a kind that is not known here.
    """
    try:
        fields = list(_fields(content))
        pieces = [_read_piece(value) for number, value in fields if number == 1]
        trainer, normalizer = (dict(_fields(dict(fields)[number])) for number in (2, 3))
    except (IndexError, KeyError, TypeError, ValueError, struct.error):
        raise InputError(f"{what} is cut off, or is no SentencePiece model; expected the file of one.") from None
    kind = trainer.get(3, UNIGRAM)
    if kind not in (UNIGRAM, BPE, WORD) or trainer.get(24, 0):
        reason = "spaces at the ends of its pieces" if trainer.get(24, 0) else f"the kind {kind}"
        raise InputError(f"{what} is a model with {reason}; expected Unigram (1), BPE (2) or words (3).")
    return Model(
        pieces=pieces,
        kind=kind,
        unknown_id=trainer.get(40, 0),
        byte_fallback=bool(trainer.get(35, 0)),
        charsmap=normalizer.get(2, b""),
        prefix=bool(normalizer.get(3, 1)),
        strip=bool(normalizer.get(4, 1)),
    )


def _read_piece(content):
    found = dict(_fields(content))
    return found[1].decode("utf-8"), struct.unpack("<f", found.get(2, bytes(4)))[0], found.get(3, NORMAL)


def _fields(content):
    """The `(number, value)` of a message: an int for a varint, bytes for all else."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(content, at)
        else:
            size = {1: 8, 5: 4}.get(kind)
            if kind == 2:
                size, at = _varint(content, at)
            value, at = content[at : at + size], at + size
            if at > len(content):
                raise ValueError("cut off")
        yield key >> 3, value


def _varint(content, at):
    value = shift = 0
    while True:
        byte = content[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at
