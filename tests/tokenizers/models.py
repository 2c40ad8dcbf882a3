"""Tiny vocabularies of every kind, written where a test needs them."""

import json
import struct

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6


def write_model(path, pieces, kind=1, unknown_id=0, **flags):
    """Writes a SentencePiece model, without a map of characters.

    Args:
        path: where.
        pieces: a list of `(piece, score, type)`.
        kind: 1 Unigram, 2 BPE, 3 words, 4 characters.
        unknown_id: the id of the unknown piece.
        **flags: `byte_fallback`, `suffix`, `prefix`, `strip`.
    """
    content = b""
    for piece, score, type_ in pieces:
        text = piece.encode()
        content += _message(1, _message(1, text) + b"\x15" + struct.pack("<f", score) + _number(3, type_))
    trainer = _number(3, kind) + _number(40, unknown_id)
    trainer += _number(35, flags.get("byte_fallback", 0)) + _number(24, flags.get("suffix", 0))
    normalizer = _message(1, b"identity") + _number(3, flags.get("prefix", 1)) + _number(4, flags.get("strip", 1))
    path.write_bytes(content + _message(2, trainer) + _message(3, normalizer))


def write_config(folder, **config):
    """Writes `tokenizer_config.json`."""
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def write_bpe(folder, vocabulary, merges):
    """Writes `vocab.json` and `merges.txt`."""
    (folder / "vocab.json").write_text(json.dumps({piece: i for i, piece in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("".join(f"{merge}\n" for merge in ("#version: 0.2", *merges)))


def same(tokenizer, other, texts):
    """Whether two tokenizers are the same in all that the interface tells, on these texts and their pairs."""
    names = ("kind", "settings", "vocabulary", "padding_side", "pad_id", "cls_id", "sep_id", "unknown_id", "mask_id")
    pairs = [text[::-1] for text in texts]
    return (
        all(getattr(tokenizer, name) == getattr(other, name) for name in names)
        and tokenizer.encode_batch(texts) == other.encode_batch(texts)
        and tokenizer.encode_batch(texts, pairs, 12, 12) == other.encode_batch(texts, pairs, 12, 12)
    )


def _varint(value):
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def _number(field, value):
    return _varint(field << 3) + _varint(value)


def _message(field, content):
    return _varint(field << 3 | 2) + _varint(len(content)) + content
