"""One vocabulary in the words of another: which old pieces a new piece is made of."""

import tokenizers

from keras_bert_suite.errors import InputError

WITHIN = "##"  # what WordPiece writes before a piece within a word
_ROLES = ("pad_id", "unknown_id", "cls_id", "sep_id", "mask_id")


def cuts(new, old):
    """The old pieces that each new piece is made of.

    A piece that both have is itself, and a special piece that of the same role, whatever their ids. Any other is what
    the old tokenizer cuts its text into; a piece within a word (`##ology`) into pieces within words, where they
    suffice.

    Args:
        new: a `Tokenizer`.
        old: a `Tokenizer` of the same kind.

    Returns:
        For each new id a list of old ids.

    Raises:
        InputError: the two are of different kinds.
    """
    if new.kind != old.kind or new.kind in ("xlm", "other"):
        raise InputError(
            f"The new vocabulary is of the kind {new.kind}, the old one of {old.kind}; expected the same of both, "
            "WordPiece, byte-level BPE or SentencePiece."
        )
    ids = {piece: i for i, piece in enumerate(old.vocabulary)}
    model = old._tokenizer.model
    within = _within(old) if old.kind == "wordpiece" else None

    def cut(piece):
        found = []
        if within is not None and piece.startswith(WITHIN):
            piece = piece.removeprefix(WITHIN)
            found = [token.id for token in within.tokenize(piece)]
        if not found or old.unknown_id in found:
            found = [token.id for token in model.tokenize(piece)]
        return found or [old.unknown_id]

    found = [[ids[piece]] if piece in ids else cut(piece) for piece in new.vocabulary]
    for role in _ROLES:
        place, theirs = getattr(new, role), getattr(old, role)
        if place is not None and theirs is not None:
            found[place] = [theirs]
    return found


def _within(old):
    """A model that cuts a text as the old tokenizer does the rest of a word."""
    pieces = enumerate(old.vocabulary)
    inner = {piece.removeprefix(WITHIN): i for i, piece in pieces if piece.startswith(WITHIN) and piece != WITHIN}
    unknown = old.vocabulary[old.unknown_id]
    return tokenizers.models.WordPiece(
        {**inner, unknown: old.unknown_id}, unk_token=unknown, continuing_subword_prefix=""
    )
