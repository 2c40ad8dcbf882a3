"""How a tokenizer makes pieces, taken from its own parts: what `in_graph.InGraphTokenizer` does to characters.

A recipe is read from the state of the `tokenizers` library; what a graph cannot do is refused here.
"""

import base64
import json
import struct
from dataclasses import dataclass

import numpy as np
import tokenizers

from keras_bert_suite.errors import InputError
from keras_bert_suite.tokenizers import characters, sentencepiece
from keras_bert_suite.tokenizers.in_graph_ops import MARK, changes, firsts, joint, look_up, shifted, utf8_bytes

# Code points that are no characters: they stand for special pieces while a text is cut. One that is in the text itself
# gives way to the first of them, of which every tokenizer makes the same.
SPARE, FILL, *STAND_INS = [
    *range(0xFDD0, 0xFDF0),
    *(plane + i for plane in range(0x1FFFE, 0x110000, 0x10000) for i in (0, 1)),
]
# The library adds scores exactly. tensorflow_text adds them with 24 bits, which are exact too for a word's few pieces
# where the scores have 15 bits behind the point: so cuts that score equally do so in both, and both take the first.
_EXACT = 2**15


@dataclass(frozen=True)
class Recipe:
    """How a kind of tokenizer makes pieces.

    Attributes:
        stages: what is done to the characters, one after another.
        spaces: bool `(CODE_POINTS,)`, what is dropped between words.
        alone: bool `(CODE_POINTS,)`, what is a word of its own.
        model: what finds the pieces of words, of tensorflow_text.
        longest: characters of a word at most, beyond which it is unknown; None for any number.
        marks: whether a word begins with the mark of a space.
        split: whether each mark begins a word.
        quotes: what is made a plain quotation mark, two characters each.
    """

    stages: list
    spaces: np.ndarray
    alone: np.ndarray
    model: object
    longest: int | None = None
    marks: bool = False
    split: bool = True
    quotes: tuple = ()


class _Map:
    """Characters to what a normalizer makes of them."""

    def __init__(self, normalizer, clusters=None):
        found = characters.Replacements.of(normalizer)
        rows, texts = found.rows.copy(), list(found.texts)
        # Of all that is no character the same is made, and of what stands for special pieces nothing.
        rows[[SPARE, FILL, *STAND_INS]] = 0
        self._pairs = None
        if clusters is not None and clusters.pairs:
            keys = sorted(clusters.pairs)
            self._pairs = np.array([joint(*key) for key in keys], "int64")
            self._pair_rows = np.arange(len(keys), dtype="int32") + len(texts)
            texts += [clusters.pairs[key] for key in keys]
        self._clusters = clusters
        if clusters is not None:
            self._marks, self._known = map(characters.Table.of, (clusters.marks, clusters.known))
        self._rows = characters.Table.of(rows)
        self._counts = np.array([1, *map(len, texts[1:])], "int64")
        self._firsts = np.concatenate([[0], np.cumsum(self._counts)[:-1]])
        self._pool = np.array([ord(character) for text in ["-", *texts[1:]] for character in text], "int32")

    def __call__(self, tf, chars):
        codes = chars["codes"]
        row = look_up(tf, self._rows, codes, tf.int32)
        count = tf.gather(self._counts, row)
        if self._clusters is not None:
            row, count = self._joined(tf, chars, row, count)
        source = tf.repeat(tf.range(tf.size(codes, tf.int64)), count)
        number = tf.range(tf.size(source, tf.int64)) - tf.gather(tf.cumsum(count, exclusive=True), source)
        row = tf.gather(row, source)
        made = tf.gather(self._pool, tf.gather(self._firsts, row) + number)
        places = {name: chars[name] for name in ("starts", "ends")}
        new = changes(tf, chars["segments"])
        origin = firsts(tf, tf.range(tf.size(codes, tf.int64)), chars["segments"])
        chars = {name: tf.gather(value, source) for name, value in chars.items()}
        if self._clusters is not None:
            # The library moves the places of all characters by what the map dropped before the first of them.
            moved = firsts(tf, source, chars["segments"]) - tf.gather(origin, source)
            # And the last of several that a character became has the place of what was dropped behind it.
            behind = tf.concat([(count[1:] == 0) & ~new[1:], tf.zeros_like(new[:1])], 0)
            last = (number > 0) & (number + 1 == tf.gather(count, source)) & tf.gather(behind, source)
            source += tf.cast(last, tf.int64) - moved
            chars |= {name: tf.gather(value, source) for name, value in places.items()}
        return {**chars, "codes": tf.where(row == 0, chars["codes"], made)}

    def _joined(self, tf, chars, row, count):
        """Rows and counts where a character and its marks become something together."""
        codes = chars["codes"]
        line = (codes == ord("\n")) & (shifted(tf, codes) == ord("\r")) & self._clusters.line
        head = ~(look_up(tf, self._marks, codes, tf.bool) | line) | changes(tf, chars["segments"])
        cluster = tf.cumsum(tf.cast(head, tf.int64)) - 1
        clusters = tf.reduce_sum(tf.cast(head, tf.int64))
        size = tf.math.unsorted_segment_sum(utf8_bytes(tf, codes), cluster, clusters)
        members = tf.math.unsorted_segment_sum(tf.ones_like(cluster), cluster, clusters)
        small = tf.gather((size < 6) & (members > 1), cluster) & head
        following = tf.concat([codes[1:], tf.zeros_like(codes[:1])], 0)
        line = (codes == ord("\r")) & (following == ord("\n")) & self._clusters.line
        together = small & (look_up(tf, self._known, codes, tf.bool) | line)
        if self._pairs is not None:
            key = joint(tf.cast(codes, tf.int64), tf.cast(following, tf.int64))
            place = tf.minimum(tf.searchsorted(self._pairs, key), len(self._pairs) - 1)
            paired = small & ~together & (tf.gather(self._pairs, place) == key)
            row = tf.where(paired, tf.gather(self._pair_rows, place), row)
            together |= paired
        swallowed = tf.gather(tf.boolean_mask(together, head), cluster) & ~head
        return row, tf.gather(self._counts, row) * tf.cast(~swallowed, tf.int64)


class _Trim:
    """Drops characters of a kind at both ends of what is between special pieces."""

    def __init__(self, kind):
        self._kind = characters.Table.of(kind)

    def __call__(self, tf, chars):
        kind, segment = look_up(tf, self._kind, chars["codes"], tf.bool), chars["segments"] - 1
        solid = tf.cast(~kind, tf.int64)
        whole = tf.math.unsorted_segment_sum(solid, segment, tf.reduce_max(tf.concat([segment, [-1]], 0)) + 1)
        reached = tf.cumsum(solid) - tf.gather(tf.cumsum(whole, exclusive=True), segment)
        keep = ~kind | ((reached > 0) & (reached < tf.gather(whole, segment)))
        return {name: value[keep] for name, value in chars.items()}


def _collapse(tf, chars):
    """Of several spaces one after another, the last."""
    space, new = chars["codes"] == ord(" "), changes(tf, chars["segments"])
    followed = tf.concat([space[1:] & ~new[1:], tf.zeros_like(space[:1])], 0)
    keep = ~(space & followed)
    return {name: value[keep] for name, value in chars.items()}


def wordpiece(tokenizer):
    import tensorflow_text as text

    engine, settings = tokenizer._tokenizer, tokenizer.settings
    longest = settings["max_word_characters"]
    model = text.FastWordpieceTokenizer(
        tokenizer.vocabulary,
        max_bytes_per_word=4 * longest,
        unknown_token=tokenizer.vocabulary[tokenizer.unknown_id],
        no_pretokenization=True,
    )
    spaces, alone = characters.kinds(engine.pre_tokenizer)
    return Recipe([_Map(engine.normalizer)], spaces, alone, model, longest)


def unigram(state):
    import tensorflow_text as text

    model = state["model"]
    if model.get("type") != "Unigram" or model.get("byte_fallback"):
        raise InputError(
            f"The SentencePiece model is of the kind {model.get('type')}"
            f"{' with bytes' if model.get('byte_fallback') else ''}; in a graph there is Unigram without bytes."
        )
    stages, quotes = _stages(list(_flat(state["normalizer"], "normalizers")))
    *before, mark = list(_flat(state["pre_tokenizer"], "pretokenizers")) or [{"type": "no pre-tokenizer"}]
    known = {"WhitespaceSplit": tokenizers.pre_tokenizers.WhitespaceSplit}
    known["Punctuation"] = lambda: tokenizers.pre_tokenizers.Punctuation("isolated")
    usual = mark["type"] == "Metaspace" and mark["replacement"] == chr(MARK) and mark["prepend_scheme"] == "always"
    if not usual or any(
        step["type"] not in known or step.get("behavior", "Isolated") != "Isolated" for step in before
    ):
        raise InputError(
            f"The tokenizer cuts words by {json.dumps([*before, mark], ensure_ascii=False)}; in a graph they are cut "
            "at spaces and punctuation, and each begins with the mark of a space."
        )
    spaces, alone = np.zeros((2, characters.CODE_POINTS), bool)
    if before:
        spaces, alone = characters.kinds(
            tokenizers.pre_tokenizers.Sequence([known[step["type"]]() for step in before])
        )
    return Recipe(
        stages,
        spaces,
        alone,
        text.SentencepieceTokenizer(_model(model["vocab"], model["unk_id"])),
        marks=True,
        split=mark["split"],
        quotes=quotes,
    )


def _stages(steps):
    """The stages of a normalizer's steps, and the quotes that are made plain before them.

    Raises:
        InputError: a step is not known.
    """
    stages, quotes, pending = [], [], []
    plain = {name: getattr(tokenizers.normalizers, name) for name in ("NFKD", "StripAccents", "Lowercase")}

    def flush():
        if pending:
            stages.append(_Map(tokenizers.normalizers.Sequence([plain[name]() for name in pending])))
            pending.clear()

    space = np.zeros(characters.CODE_POINTS, bool)
    space[ord(" ")] = True
    for step in steps:
        kind = step["type"]
        replaced = tuple(step["pattern"].values()) + (step["content"],) if kind == "Replace" else None
        if kind in plain:
            pending.append(kind)
            continue
        if replaced in ((" {2,}", " "), (r"\A +| +\z", "")):
            flush()
            stages.append(_collapse if replaced[1] else _Trim(space))
        elif kind == "Strip" and step["strip_left"] and step["strip_right"]:
            flush()
            stages.append(_Trim(white_space()))
        elif kind == "Precompiled":
            flush()
            charsmap = step["precompiled_charsmap"]
            normalizer = tokenizers.normalizers.Precompiled(base64.b64decode(charsmap))
            stages.append(_Map(normalizer, characters.clusters(charsmap)))
        elif replaced in (("``", '"'), ("''", '"')) and not stages and not pending:
            quotes.append(replaced[0])
        else:
            shown = json.dumps(step, ensure_ascii=False)[:120]
            raise InputError(f"The tokenizer normalizes text by {shown}, which cannot be had in a graph.")
    flush()
    return stages, tuple(quotes)


def _model(vocabulary, unknown_id):
    """A SentencePiece model of these pieces, which takes words as they are."""
    parts = []
    for i, (piece, score) in enumerate(vocabulary):
        kind = sentencepiece.UNKNOWN if i == unknown_id else sentencepiece.NORMAL
        number = struct.pack("<f", round(score * _EXACT) / _EXACT)
        parts.append(_message(1, _message(1, piece.encode()) + b"\x15" + number + bytes([24, kind])))
    # Of the normalizer: neither a space in front, nor spaces dropped, nor marks for them.
    return (
        b"".join(parts) + _message(2, bytes([24, sentencepiece.UNIGRAM])) + _message(3, bytes([24, 0, 32, 0, 40, 0]))
    )


def _message(number, content):
    size, length = len(content), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def _flat(state, inner):
    if state is not None and state["type"] != "Sequence":
        yield state
    for step in (state or {}).get(inner, ()):
        yield from _flat(step, inner)


def added_pieces(state):
    """The pieces that are matched whole in a text, each as `(piece, id, whether it takes the spaces before it)`.

    Raises:
        InputError: one is matched in a way that is not known.
    """
    added = []
    for token in state["added_tokens"]:
        other = [name for name in ("single_word", "rstrip", "normalized") if token[name]]
        if other:
            raise InputError(
                f"The tokenizer matches {token['content']!r} in a text with {other[0]}=True, which cannot be had in a "
                "graph."
            )
        added.append((token["content"], token["id"], token["lstrip"]))
    pieces = [piece for piece, _, _ in added]
    for piece in pieces:
        for other in pieces:
            if any(piece.endswith(other[:i]) for i in range(1, len(other))) and piece != other:
                raise InputError(
                    f"The tokenizer matches {piece!r} and {other!r} in a text, which may overlap; a graph cannot tell "
                    "which comes first."
                )
    return added


def white_space():
    return characters.kinds(tokenizers.pre_tokenizers.WhitespaceSplit())[0]
