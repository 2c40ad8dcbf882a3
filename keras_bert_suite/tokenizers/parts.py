"""What every kind of tokenizer is made of, and the steps that they share."""

import json
from dataclasses import dataclass, field

import tokenizers

from keras_bert_suite.errors import InputError

ROLES = {
    "pad": "pad_token",
    "unknown": "unk_token",
    "cls": "cls_token",
    "sep": "sep_token",
    "mask": "mask_token",
}


@dataclass(frozen=True)
class Parts:
    """A tokenizer before it is put behind the one interface.

    Attributes:
        kind: `wordpiece`, `byte_bpe`, `sentencepiece`, `xlm`, or `other` for a `tokenizer.json` of another make.
        engine: the `tokenizers.Tokenizer`.
        special: the pieces of `pad unknown cls sep mask`, those that there are.
        settings: what the user may ask of this kind, a dict.
        config: what `tokenizer_config.json` says beside the special pieces.
        padding_side: `right` or `left`.
        files: the vocabulary in the files that are natural for the kind, a dict of texts.
        moses: what cuts a text into the engine's words, an `xlm.Moses`; None where the engine does that.
    """

    kind: str
    engine: tokenizers.Tokenizer
    special: dict
    settings: dict
    config: dict
    padding_side: str = "right"
    files: dict = field(default_factory=dict)
    moses: object = None


@dataclass(frozen=True)
class Convention:
    """How a family frames its texts.

    Attributes:
        special: the pieces of `pad unknown cls sep mask`.
        single: the template of a text, as `tokenizers.processors.TemplateProcessing` takes it.
        pair: the template of a pair.
        more: further special pieces, where the vocabulary has them.
        strip_before_mask: whether the mask takes the spaces before it, as a word would.
        padding_side: `right` or `left`.
        trims: whether offsets leave out the space that a piece begins with.
    """

    special: dict
    single: str
    pair: str
    more: tuple = ()
    strip_before_mask: bool = True
    padding_side: str = "right"
    trims: bool = False

    def apply(self, engine, prefix=False):
        """Adds the special pieces and the templates to an engine.

        Args:
            engine: the engine.
            prefix: whether the engine puts a space before a text.

        Raises:
            InputError: its vocabulary lacks one of them; only the mask may be absent.
        """
        if not self.fits(engine):
            lacking = [piece for piece in self.special.values() if engine.token_to_id(piece) is None]
            raise InputError(
                f"A vocabulary of {engine.get_vocab_size()} pieces lacks {', '.join(lacking)}; "
                "expected one with the special pieces of its kind."
            )
        add_special(engine, self.special, self.more, self.strip_before_mask)
        engine.post_processor = template(engine, self.single, self.pair)
        if self.trims:
            # It frames as RoBERTa's templates do, and trims.
            cls, sep = ((self.special[role], engine.token_to_id(self.special[role])) for role in ("cls", "sep"))
            engine.post_processor = tokenizers.processors.RobertaProcessing(sep, cls, True, prefix)

    def fits(self, engine):
        """Whether an engine's vocabulary has the special pieces; only the mask may be absent."""
        return all(engine.token_to_id(piece) is not None for role, piece in self.special.items() if role != "mask")


BERT = Convention(
    {"pad": "[PAD]", "unknown": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"},
    "[CLS]:0 $A:0 [SEP]:0",
    "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
    strip_before_mask=False,
)
ROBERTA = Convention(
    {"pad": "<pad>", "unknown": "<unk>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"},
    "<s>:0 $A:0 </s>:0",
    "<s>:0 $A:0 </s>:0 </s>:0 $B:0 </s>:0",
)


def usual_special(pieces):
    """The usual special pieces that a vocabulary has, by role."""
    usual = {
        "pad": ("[PAD]", "<pad>"),
        "unknown": ("[UNK]", "<unk>"),
        "cls": ("[CLS]", "<cls>", "<s>"),
        "sep": ("[SEP]", "<sep>", "</s>"),
        "mask": ("[MASK]", "<mask>"),
    }
    found = {role: next((piece for piece in names if piece in pieces), None) for role, names in usual.items()}
    return {role: piece for role, piece in found.items() if piece is not None}


def add_special(engine, special, more=(), strip_before_mask=True):
    """Makes special pieces match whole in a text, as far as the vocabulary has them."""
    engine.add_special_tokens(
        [
            tokenizers.AddedToken(
                piece, lstrip=strip_before_mask and piece == special.get("mask"), normalized=False, special=True
            )
            for piece in dict.fromkeys([*special.values(), *more])
            if engine.token_to_id(piece) is not None
        ]
    )


def add_listed(engine, files):
    """Adds the pieces of `added_tokens.json`, which a user has put behind the vocabulary.

    Raises:
        InputError: a piece would get another id than the file says.
    """
    for piece, i in sorted(files.json("added_tokens.json").items(), key=lambda item: item[1]):
        if engine.token_to_id(piece) is None:
            engine.add_tokens([tokenizers.AddedToken(piece, normalized=False)])
        if engine.token_to_id(piece) != i:
            raise InputError(
                f"{files.where}/added_tokens.json gives {piece!r} the id {i}; behind the vocabulary it has "
                f"{engine.token_to_id(piece)}."
            )


def template(engine, single, pair):
    """The processor that frames texts with special pieces."""
    parts = f"{single} {pair}".split()
    pieces = sorted({part.rpartition(":")[0] for part in parts if not part.startswith("$")})
    return tokenizers.processors.TemplateProcessing(
        single=single, pair=pair, special_tokens=[(piece, engine.token_to_id(piece)) for piece in pieces]
    )


def made(what, build, *arguments, **settings):
    """What `build` gives; the library's errors, which are bare `Exception`, as an `InputError` about `what`."""
    try:
        return build(*arguments, **settings)
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{what} makes no tokenizer: {reason}.") from None


def lowercases(engine):
    """Whether an engine lowers the case."""
    return any(step["type"] == "Lowercase" or step.get("lowercase", False) for step in _steps(engine))


def with_settings(engine, stated, settable, what):
    """An engine as the user asks.

    Args:
        engine: the engine.
        stated: what is asked, a dict; of it only `lowercase` is known here.
        settable: whether this kind of tokenizer may lower the case.
        what: what messages call it.

    Raises:
        InputError: this kind of tokenizer has no such setting.
    """
    other = [name for name in stated if name != "lowercase"]
    if other:
        raise InputError(f"{what} has no setting {other[0]}; expected lowercase alone, or none.")
    lowercase = stated.get("lowercase", lowercases(engine))
    if lowercase == lowercases(engine):
        return engine
    if not settable:
        raise InputError(f"{what} keeps the case of letters and cannot lower it; leave lowercase={lowercase} out.")
    steps = _steps(engine)
    bert = next((step for step in steps if step["type"] == "BertNormalizer"), None)
    if bert is not None:
        bert["lowercase"] = lowercase
    elif not lowercase:
        steps = [step for step in steps if step["type"] != "Lowercase"]
    else:
        # Before the map of characters, which was made for text whose case is lowered already.
        place = next((i for i, step in enumerate(steps) if step["type"] == "Precompiled"), len(steps))
        steps.insert(place, {"type": "Lowercase"})
    whole = json.loads(engine.to_str())
    whole["normalizer"] = steps[0] if len(steps) == 1 else {"type": "Sequence", "normalizers": steps}
    return tokenizers.Tokenizer.from_str(json.dumps(whole))


def _steps(engine):
    if engine.normalizer is None:
        return []
    # The state that a normalizer is pickled by is its JSON: that of the whole engine may be 17 MB.
    return list(_flat(json.loads(engine.normalizer.__getstate__())))


def _flat(state):
    if state["type"] != "Sequence":
        yield state
    for inner in state.get("normalizers", ()):
        yield from _flat(inner)


def frame_of(engine, paired):
    """How an engine frames a text or a pair: `("special", id, segment)` and `("text", 0 or 1, segment)`, in order."""
    found = engine.encode("a", "a") if paired else engine.encode("a")
    frame = []
    for sequence, i, segment in zip(found.sequence_ids, found.ids, found.type_ids, strict=True):
        part = ("special", i, segment) if sequence is None else ("text", sequence, segment)
        if part[0] == "special" or part not in frame:
            frame.append(part)
    return frame
