"""The tokenizer inside a TensorFlow graph: the same ids and offsets as `Tokenizer`, for a SavedModel or `tf.data`.

Characters are looked up in tables that the tokenizer's own normalizer filled, and words are cut as it cuts them;
tensorflow_text, which has no wheel for Windows, finds the pieces of each word. So ids, offsets and words are those of
the host's tokenizer, whatever version of Unicode or settings it has. What remains different depends on the text: two
marks that NFD would put in another order, where neither is dropped (some of musical notation), stay as they are
written, and of a word of more than about 50 SentencePiece pieces another cut of equal score may be chosen.
"""

import base64
import json
import struct
from dataclasses import dataclass

import numpy as np
import tokenizers

from keras_bert_suite.errors import InputError
from keras_bert_suite.tokenizers import characters, sentencepiece

MARK = 0x2581
# Code points that are no characters: they stand for special pieces while a text is cut. One that is in the text itself
# gives way to the first of them, of which every tokenizer makes the same.
# The library adds scores exactly. tensorflow_text adds them with 24 bits, which are exact too for a word's few pieces
# where the scores have 15 bits behind the point: so cuts that score equally do so in both, and both take the first.
_EXACT = 2**15
_SPARE, _FILL, *_STAND_INS = [
    *range(0xFDD0, 0xFDF0),
    *(plane + i for plane in range(0x1FFFE, 0x110000, 0x10000) for i in (0, 1)),
]


class InGraphTokenizer:
    """What `Tokenizer` does, as operations of TensorFlow.

    Args:
        tokenizer: a `Tokenizer` of WordPiece, or of a SentencePiece model of the kind Unigram.

    Attributes:
        tokenizer: the tokenizer.
        resources: what a SavedModel must track beside its functions, a list.

    Raises:
        InputError: the kind, or a setting of it, cannot be had in a graph.
    """

    def __init__(self, tokenizer):
        if tokenizer.kind not in ("wordpiece", "sentencepiece"):
            raise InputError(
                f"Received a tokenizer of the kind {tokenizer.kind}; a graph has wordpiece and sentencepiece. "
                "Tokenize outside of the graph, and give it token ids."
            )
        self.tokenizer = tokenizer
        self._engine = tokenizer._tokenizer
        state = json.loads(self._engine.to_str())
        added = _added(state)
        self._stand_ins = dict(zip(_STAND_INS, added, strict=False))
        self._frames = {paired: _frame(self._engine, paired) for paired in (False, True)}
        self._white = characters.Table.of(_white())
        blank = np.zeros(characters.CODE_POINTS, bool)
        blank[[ord(character) for character in characters.all_characters() if character.isspace()]] = True
        self._blank = characters.Table.of(blank)
        self._recipe = _wordpiece(tokenizer) if tokenizer.kind == "wordpiece" else _unigram(state)
        for numbers in (self._recipe.spaces, self._recipe.alone):
            numbers[self._taken] = False
        self._spaces, self._alone = map(characters.Table.of, (self._recipe.spaces, self._recipe.alone))
        ids = np.zeros(characters.CODE_POINTS, "int32")
        for point, (_, i, _) in self._stand_ins.items():
            ids[point] = i + 1
        self._special = characters.Table.of(ids)
        self._parts = self._absent = None
        if self._recipe.marks:
            self._parts = characters.Table.of(characters.words_of_their_own())
            # What no piece has is unknown wherever words are cut. Cut out, its scores cost no digits of the others'.
            absent = np.ones(characters.CODE_POINTS, bool)
            absent[[ord(character) for character in set("".join(filter(None, tokenizer.vocabulary)))]] = False
            self._absent = characters.Table.of(absent)
        self.resources = [self._recipe.model]
        self._check_stand_ins(tokenizer, added)

    @property
    def _taken(self):
        return [_FILL, *self._stand_ins]

    def _check_stand_ins(self, tokenizer, added):
        if len(added) > len(_STAND_INS):
            raise InputError(
                f"The tokenizer matches {len(added)} pieces whole in a text; in a graph at most {len(_STAND_INS)}."
            )
        stand_ins = {chr(point) for point in [_SPARE, *self._taken]}
        piece = next((piece for piece in tokenizer.vocabulary if piece and stand_ins & set(piece)), None)
        if piece is not None:
            raise InputError(
                f"The vocabulary has the piece {piece!r}, of what is no character; a graph cannot cut it."
            )

    def pieces(self, texts):
        """The pieces of texts, without the special pieces around them.

        Args:
            texts: a string tensor `(batch,)`; bytes that are no UTF-8 count as the replacement character.

        Returns:
            A dict of ragged int32 `(batch, (pieces))`: `ids`; `starts` and `ends`, characters of the text; `solid`,
            the first character from `starts` on that is no space; `words`, the number of the piece's word; and
            `first`, bool, whether it is the first of its word.
        """
        import tensorflow as tf

        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        whole = tf.strings.unicode_decode(texts, "UTF-8")
        chars = self._characters(tf, texts)
        found = self._found(tf, chars)
        rows = found["rows"]
        word_numbers = self._words(tf, found, rows, whole)
        first = _changes(tf, word_numbers) | _changes(tf, rows)
        flat = {name: found[name] for name in ("ids", "starts", "ends")}
        flat |= {"words": word_numbers, "solid": self._solid(tf, found["starts"], rows, whole)}
        flat = {name: tf.cast(value, tf.int32) for name, value in flat.items()}
        lengths = tf.math.unsorted_segment_sum(tf.ones_like(rows), rows, tf.size(texts, tf.int64))
        return {
            name: tf.RaggedTensor.from_row_lengths(value, lengths, validate=False)
            for name, value in {**flat, "first": first}.items()
        }

    def inputs(self, texts, pairs=None, max_length=None, multiple=1):
        """Texts, or pairs, as the arrays that an encoder takes: `Tokenizer.encode_batch` and `Tokenizer.arrays`.

        Args:
            texts: a string tensor `(batch,)`.
            pairs: a second string tensor `(batch,)`, or None.
            max_length: ids at most, the special ones included; of a pair the longer text is cut first. None: all.
            multiple: the arrays are as wide as the longest, and a multiple of this.

        Returns:
            A dict of int32 `(batch, length)`: `token_ids segment_ids padding_mask`; `starts`, `ends` and `solid`,
            characters, as `pieces` gives them; `words`, and `piece`, the number of the piece in its text, both -1 for
            special pieces; `sequence`, 0 or 1 for the first or second text, -1 for special pieces. And of bool
            `(batch,)`: `truncated`.
        """
        import tensorflow as tf

        found = [self.pieces(group) for group in ((texts,) if pairs is None else (texts, pairs))]
        lengths = [one["ids"].row_lengths() for one in found]
        kept = lengths
        if max_length is not None:
            room = self._room(max_length, pairs is not None)
            kept = [tf.minimum(lengths[0], room)] if pairs is None else _longest_first(tf, *lengths, room)
        cut = [_ranges(tf, one, None, tf.zeros_like(n), n) for one, n in zip(found, kept, strict=True)]
        arrays = self._framed(tf, cut, multiple)
        truncated = [n < whole for n, whole in zip(kept, lengths, strict=True)]
        return {**arrays, "truncated": tf.reduce_any(truncated, 0)}

    def windows(self, texts, pairs=None, max_length=512, stride=128, multiple=1):
        """Texts as windows that overlap by `stride` pieces; of a pair the second is cut, and the first repeated whole.

        They are those of the `tokenizers` library with the same length and stride. A first text that would leave no
        room for a window of the second is itself cut.

        Args:
            texts: a string tensor `(batch,)`.
            pairs: a second string tensor `(batch,)`, or None.
            max_length: ids of a window at most, the special ones included.
            stride: pieces that two windows have in common.
            multiple: as for `inputs`.

        Returns:
            As `inputs`, with a row a window, and `text`, int32 `(windows,)`: which text a row belongs to.
            `truncated`, `(windows,)`, is true where the first text of a pair was cut.

        Raises:
            InputError: the stride leaves no room.
        """
        import tensorflow as tf

        room = self._room(max_length, pairs is not None)
        if not 0 <= stride < room:
            raise InputError(
                f"Received stride={stride} for windows of {max_length} pieces; expected 0 to {room - 1}, as "
                f"{max_length - room} are special tokens."
            )
        found = [self.pieces(group) for group in ((texts,) if pairs is None else (texts, pairs))]
        lengths = [one["ids"].row_lengths() for one in found]
        wide = tf.zeros_like(lengths[0]) + room
        kept = None
        if pairs is not None:
            fits = lengths[0] + lengths[1] <= room
            kept = tf.where(fits, lengths[0], tf.minimum(lengths[0], room - stride - 1))
            wide -= kept
        step = tf.maximum(wide - stride, 1)
        count = 1 + tf.maximum(-(-(lengths[-1] - wide) // step), 0)
        text = tf.repeat(tf.range(tf.size(count, tf.int64)), count)
        number = tf.range(tf.size(text, tf.int64)) - tf.gather(tf.cumsum(count, exclusive=True), text)
        begin = number * tf.gather(step, text)
        width = tf.minimum(tf.gather(wide, text), tf.gather(lengths[-1], text) - begin)
        cut = [_ranges(tf, found[-1], text, begin, width)]
        truncated = tf.zeros_like(text, tf.bool)
        if pairs is not None:
            first = tf.gather(kept, text)
            cut.insert(0, _ranges(tf, found[0], text, tf.zeros_like(first), first))
            truncated = tf.gather(kept < lengths[0], text)
        arrays = self._framed(tf, cut, multiple)
        return {**arrays, "text": tf.cast(text, tf.int32), "truncated": truncated}

    def _room(self, max_length, paired):
        special = sum(part[0] == "special" for part in self._frames[paired])
        if max_length <= special:
            raise InputError(
                f"Received max_length={max_length}; expected {special + 1} or more, as {special} are special tokens."
            )
        return max_length - special

    def _framed(self, tf, sequences, multiple):
        """Pieces with the special ones around them, padded."""
        rows = sequences[0]["ids"].nrows()
        names = {"token_ids": "ids", **{name: name for name in ("starts", "ends", "solid", "words", "piece")}}
        parts = {name: [] for name in (*names, "segment_ids", "sequence")}
        for kind, value, segment in self._frames[len(sequences) == 2]:
            if kind == "special":
                alone = {
                    "token_ids": value,
                    "starts": 0,
                    "ends": 0,
                    "solid": 0,
                    "words": -1,
                    "piece": -1,
                    "sequence": -1,
                }
                one = {
                    name: tf.RaggedTensor.from_uniform_row_length(tf.fill([rows], number), 1)
                    for name, number in {**alone, "segment_ids": segment}.items()
                }
            else:
                ids = sequences[value]["ids"]
                one = {name: sequences[value][theirs] for name, theirs in names.items()}
                one["segment_ids"] = ids.with_values(tf.fill(tf.shape(ids.values), segment))
                one["sequence"] = ids.with_values(tf.fill(tf.shape(ids.values), value))
            for name, values in parts.items():
                values.append(one[name])
        whole = {name: tf.concat(values, 1) for name, values in parts.items()}
        whole["padding_mask"] = tf.ones_like(whole["token_ids"])
        return self._padded(tf, whole, multiple)

    def _padded(self, tf, ragged, multiple):
        lengths = ragged["token_ids"].row_lengths()
        width = -(-tf.reduce_max(tf.concat([lengths, [0]], 0)) // multiple) * multiple
        lack = width - lengths
        fills = {"token_ids": self.tokenizer.pad_id or 0, "words": -1, "piece": -1, "sequence": -1}
        padded = {}
        for name, values in ragged.items():
            fill = tf.fill([tf.reduce_sum(lack)], fills.get(name, 0))
            fill = tf.RaggedTensor.from_row_lengths(fill, lack, validate=False)
            sides = [values, fill] if self.tokenizer.padding_side == "right" else [fill, values]
            padded[name] = tf.reshape(tf.concat(sides, 1).values, tf.stack([values.nrows(), width]))
        return padded

    def _characters(self, tf, texts):
        """The characters of texts, one after another, with special pieces as one stand-in each.

        Returns:
            A dict of `(characters,)`: `codes`, `rows`, `segments`, which part between special pieces; `starts` and
            `ends`, where they are in their text.
        """
        class_ = "".join(f"\\x{{{point:X}}}" for point in self._taken)
        texts = tf.strings.regex_replace(texts, f"[{class_}]", chr(_SPARE))
        for point, (piece, _, _) in sorted(self._stand_ins.items(), key=lambda item: -len(item[1][0])):
            texts = tf.strings.regex_replace(texts, _quoted(piece), chr(point) + chr(_FILL) * (len(piece) - 1))
        for quotes in self._recipe.quotes:
            texts = tf.strings.regex_replace(texts, quotes, chr(_FILL) + '"')
        ragged = tf.strings.unicode_decode(texts, "UTF-8")
        codes, rows = ragged.values, ragged.value_rowids()
        starts = tf.range(tf.size(codes, tf.int64)) - tf.gather(ragged.row_starts(), rows)
        ends, special = starts + 1, tf.zeros_like(codes, tf.bool)
        solid = tf.cast(~look_up(tf, self._white, codes, tf.bool), tf.int64)
        places = tf.concat([tf.reshape(tf.where(solid > 0), [-1]), [0]], 0)
        before = tf.gather(places, tf.maximum(tf.cumsum(solid) - 2, 0))
        row_starts = tf.gather(ragged.row_starts(), rows)
        # The character behind the last that is no space; the start of the text where there is none.
        reach = tf.where((tf.cumsum(solid) > 1) & (before >= row_starts), before + 1 - row_starts, 0)
        for point, (piece, _, strips) in self._stand_ins.items():
            here = codes == point
            special |= here
            ends = tf.where(here, starts + len(piece), ends)
            if strips:
                starts = tf.where(here, tf.minimum(reach, starts), starts)
        chars = {"codes": codes, "rows": rows, "starts": starts, "ends": ends, "special": special}
        chars = {name: value[codes != _FILL] for name, value in chars.items()}
        special = chars.pop("special")
        boundary = _changes(tf, chars["rows"]) | special | _before(tf, special)
        return {**chars, "segments": tf.cumsum(tf.cast(boundary, tf.int64))}

    def _found(self, tf, chars):
        """The pieces of characters.

        Returns:
            A dict of `(pieces,)`: `ids`, `starts`, `ends`, `word`, and `rows`, whose text.
        """
        recipe = self._recipe
        for stage in recipe.stages:
            chars = stage(tf, chars)
        space = look_up(tf, self._spaces, chars["codes"], tf.bool)
        chars = {name: value[~space] for name, value in {**chars, "apart": _before(tf, space)}.items()}
        lone = look_up(tf, self._alone, chars["codes"], tf.bool)
        new = _changes(tf, chars["segments"]) | chars["apart"] | lone | _before(tf, lone)
        special = look_up(tf, self._special, chars["codes"], tf.int32)
        chars = {**chars, "new": new, "special": special}
        if recipe.marks:
            chars = _with_marks(tf, chars, recipe.split)
        codes, new = chars["codes"], chars["new"]
        word = tf.cumsum(tf.cast(new, tf.int64)) - 1
        starts = tf.concat([tf.reshape(tf.where(new), [-1]), [tf.size(codes, tf.int64)]], 0)
        if recipe.longest is not None:
            # No word that is too long is known, nor one of what is no character.
            long = starts[1:] - starts[:-1] > recipe.longest
            codes = tf.where(tf.gather(long, word), _SPARE, codes)
        if self._absent is not None:
            absent = look_up(tf, self._absent, codes, tf.bool)
            starts = tf.concat([tf.reshape(tf.where(new | _changes(tf, absent)), [-1]), starts[-1:]], 0)
        words = tf.RaggedTensor.from_row_splits(codes, starts, validate=False)
        ids, begin, end = recipe.model.tokenize_with_offsets(tf.strings.unicode_encode(words, "UTF-8"))
        size = _bytes(tf, codes)
        character = tf.repeat(tf.range(tf.size(codes, tf.int64)), size)
        base = tf.gather(tf.cumsum(size, exclusive=True), tf.gather(starts, ids.value_rowids()))
        first = tf.gather(character, base + tf.cast(begin.values, tf.int64))
        last = tf.gather(character, base + tf.cast(end.values, tf.int64) - 1)
        ids, word = tf.cast(ids.values, tf.int32), tf.gather(word, first)
        if self._absent is not None:
            # The library makes one piece of the unknown ones of a word that stand side by side.
            unknown = ids == self.tokenizer.unknown_id
            new = _changes(tf, word) | ~unknown | ~_before(tf, unknown)
            last = tf.math.unsorted_segment_max(
                last, tf.cumsum(tf.cast(new, tf.int64)) - 1, tf.math.count_nonzero(new)
            )
            ids, first, word = (value[new] for value in (ids, first, word))
        special = tf.gather(chars["special"], first)
        return {
            "ids": tf.where(special > 0, special - 1, ids),
            "starts": tf.gather(chars["starts"], first),
            "ends": tf.gather(chars["ends"], last),
            "word": word,
            "rows": tf.gather(chars["rows"], first),
        }

    def _solid(self, tf, starts, rows, whole):
        """The first characters from `starts` on that are no spaces."""
        solid = ~look_up(tf, self._blank, whole.values, tf.bool)
        size = tf.size(solid, tf.int64)
        places = tf.concat([tf.reshape(tf.where(solid), [-1]), [size]], 0)
        ranks = tf.concat([tf.cumsum(tf.cast(solid, tf.int64), exclusive=True), [tf.size(places, tf.int64) - 1]], 0)
        row_starts, row_ends = tf.gather(whole.row_starts(), rows), tf.gather(whole.row_limits(), rows)
        return tf.minimum(tf.gather(places, tf.gather(ranks, row_starts + starts)), row_ends) - row_starts

    def _words(self, tf, found, rows, whole):
        """The numbers of the words that pieces belong to, by the rule of `words.number_words`."""
        new = _changes(tf, rows)
        later = _changes(tf, found["word"])
        if self._parts is not None:
            flags = tf.concat([look_up(tf, self._parts, whole.values, tf.bool), [False]], 0)
            row_starts, row_ends = tf.gather(whole.row_starts(), rows), tf.gather(whole.row_limits(), rows)
            start = row_starts + found["starts"]
            last = tf.where(new, tf.zeros_like(start), _before(tf, found["ends"]))
            end = row_starts + last
            around = (tf.gather(flags, tf.maximum(end - 1, 0)) & (last > 0)) | (
                tf.gather(flags, tf.minimum(start, row_ends)) & (start < row_ends)
            )
            later |= (start >= end) & around
        numbers = tf.cumsum(tf.cast(later | new, tf.int32))
        return numbers - _firsts(tf, numbers, rows)


@dataclass(frozen=True)
class _Recipe:
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
        rows[[_SPARE, _FILL, *_STAND_INS]] = 0
        self._pairs = None
        if clusters is not None and clusters.pairs:
            keys = sorted(clusters.pairs)
            self._pairs = np.array([_pair(*key) for key in keys], "int64")
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
        new = _changes(tf, chars["segments"])
        origin = _firsts(tf, tf.range(tf.size(codes, tf.int64)), chars["segments"])
        chars = {name: tf.gather(value, source) for name, value in chars.items()}
        if self._clusters is not None:
            # The library moves the places of all characters by what the map dropped before the first of them.
            moved = _firsts(tf, source, chars["segments"]) - tf.gather(origin, source)
            # And the last of several that a character became has the place of what was dropped behind it.
            behind = tf.concat([(count[1:] == 0) & ~new[1:], tf.zeros_like(new[:1])], 0)
            last = (number > 0) & (number + 1 == tf.gather(count, source)) & tf.gather(behind, source)
            source += tf.cast(last, tf.int64) - moved
            chars |= {name: tf.gather(value, source) for name, value in places.items()}
        return {**chars, "codes": tf.where(row == 0, chars["codes"], made)}

    def _joined(self, tf, chars, row, count):
        """Rows and counts where a character and its marks become something together."""
        codes = chars["codes"]
        line = (codes == ord("\n")) & (_before(tf, codes) == ord("\r")) & self._clusters.line
        head = ~(look_up(tf, self._marks, codes, tf.bool) | line) | _changes(tf, chars["segments"])
        cluster = tf.cumsum(tf.cast(head, tf.int64)) - 1
        clusters = tf.reduce_sum(tf.cast(head, tf.int64))
        size = tf.math.unsorted_segment_sum(_bytes(tf, codes), cluster, clusters)
        members = tf.math.unsorted_segment_sum(tf.ones_like(cluster), cluster, clusters)
        small = tf.gather((size < 6) & (members > 1), cluster) & head
        following = tf.concat([codes[1:], tf.zeros_like(codes[:1])], 0)
        line = (codes == ord("\r")) & (following == ord("\n")) & self._clusters.line
        together = small & (look_up(tf, self._known, codes, tf.bool) | line)
        if self._pairs is not None:
            key = _pair(tf.cast(codes, tf.int64), tf.cast(following, tf.int64))
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
    space, new = chars["codes"] == ord(" "), _changes(tf, chars["segments"])
    followed = tf.concat([space[1:] & ~new[1:], tf.zeros_like(space[:1])], 0)
    keep = ~(space & followed)
    return {name: value[keep] for name, value in chars.items()}


def _wordpiece(tokenizer):
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
    return _Recipe([_Map(engine.normalizer)], spaces, alone, model, longest)


def _unigram(state):
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
    return _Recipe(
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
            stages.append(_Trim(_white()))
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


def _added(state):
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


def _frame(engine, paired):
    """How an engine frames a text or a pair: `("special", id, segment)` and `("text", 0 or 1, segment)`, in order."""
    found = engine.encode("a", "a") if paired else engine.encode("a")
    frame = []
    for sequence, i, segment in zip(found.sequence_ids, found.ids, found.type_ids, strict=True):
        part = ("special", i, segment) if sequence is None else ("text", sequence, segment)
        if part[0] == "special" or part not in frame:
            frame.append(part)
    return frame


def _white():
    return characters.kinds(tokenizers.pre_tokenizers.WhitespaceSplit())[0]


def _longest_first(tf, first, second, room):
    """How many pieces of a pair are kept, as the `tokenizers` library cuts the longer one first."""
    short = tf.minimum(first, second)
    kept_long = tf.where(short > room, short, tf.maximum(short, room - short))
    over = short + kept_long > room
    half = tf.zeros_like(short) + room // 2
    short, kept_long = tf.where(over, half, short), tf.where(over, half + room % 2, kept_long)
    fits = first + second <= room
    swapped = first > second
    return [
        tf.where(fits, first, tf.where(swapped, kept_long, short)),
        tf.where(fits, second, tf.where(swapped, short, kept_long)),
    ]


def _ranges(tf, found, rows, begin, width):
    """Of ragged rows the ranges from `begin`, `width` wide; `rows` says whose, None for each its own."""
    starts = found["ids"].row_starts()
    starts = begin + (starts if rows is None else tf.gather(starts, rows))
    places = tf.ragged.range(starts, starts + width)
    cut = {name: places.with_values(tf.gather(value.values, places.values)) for name, value in found.items()}
    numbers = places.values - tf.gather(starts - begin, places.value_rowids())
    return {**cut, "piece": places.with_values(tf.cast(numbers, tf.int32))}


def _with_marks(tf, chars, split):
    """Characters with a mark for each space, and one before each word that has none."""
    codes = tf.where(chars["codes"] == ord(" "), MARK, chars["codes"])
    marked = codes == MARK
    new = chars["new"] | marked if split else chars["new"]
    prefixed = new & ~marked & (chars["special"] == 0)
    count = 1 + tf.cast(prefixed, tf.int64)
    source = tf.repeat(tf.range(tf.size(codes, tf.int64)), count)
    number = tf.range(tf.size(source, tf.int64)) - tf.gather(tf.cumsum(count, exclusive=True), source)
    chars = {name: tf.gather(value, source) for name, value in {**chars, "codes": codes, "new": new}.items()}
    added = (number == 0) & tf.gather(prefixed, source)
    return {**chars, "codes": tf.where(added, MARK, chars["codes"]), "new": chars["new"] & (number == 0)}


def look_up(tf, table, codes, dtype):
    """The numbers of a `characters.Table` at code points."""
    page = tf.gather(table.pages, codes // 256)
    number = tf.gather(table.values, page * 256 + codes % 256)
    return number != 0 if dtype == tf.bool else number


def _bytes(tf, codes):
    """How many bytes each code point has in UTF-8."""
    return 1 + tf.add_n([tf.cast(codes >= least, tf.int64) for least in (0x80, 0x800, 0x10000)])


def _pair(first, second):
    return first * characters.CODE_POINTS + second


def _before(tf, values):
    """For each value the one before it; for the first a zero, or False."""
    return tf.concat([tf.zeros_like(values[:1]), values[:-1]], 0)


def _changes(tf, values):
    """Where a value differs from the one before it; the first does."""
    return tf.concat([tf.ones_like(values[:1], tf.bool), values[1:] != values[:-1]], 0)


def _firsts(tf, values, groups):
    """For each value the first of its group; `groups` are numbers, those of a group side by side."""
    new = _changes(tf, groups)
    return tf.gather(tf.boolean_mask(values, new), tf.cumsum(tf.cast(new, tf.int64)) - 1)


def _quoted(piece):
    return "".join(c if c.isalnum() or not c.isascii() else "\\" + c for c in piece)
