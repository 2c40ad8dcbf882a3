"""The tokenizer inside a TensorFlow graph: the same ids and offsets as `Tokenizer`, for a SavedModel or `tf.data`.

Characters are looked up in tables that the tokenizer's own normalizer filled, and words are cut as it cuts them;
tensorflow_text, which has no wheel for Windows, finds the pieces of each word. So ids, offsets and words are those of
the host's tokenizer, whatever version of Unicode or settings it has. What remains different depends on the text: two
marks that NFD would put in another order, where neither is dropped (some of musical notation), stay as they are
written, and of a word of more than about 50 SentencePiece pieces another cut of equal score may be chosen.
"""

import json

import numpy as np

from keras_bert_suite.errors import InputError
from keras_bert_suite.tokenizers import characters, parts
from keras_bert_suite.tokenizers.in_graph_ops import (
    changes,
    firsts,
    longest_first,
    look_up,
    quoted,
    ranges,
    shifted,
    utf8_bytes,
    with_marks,
)
from keras_bert_suite.tokenizers.in_graph_recipes import (
    FILL,
    SPARE,
    STAND_INS,
    added_pieces,
    unigram,
    white_space,
    wordpiece,
)


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
        added = added_pieces(state)
        self._stand_ins = dict(zip(STAND_INS, added, strict=False))
        self._frames = {paired: parts.frame_of(self._engine, paired) for paired in (False, True)}
        self._white = characters.Table.of(white_space())
        blank = np.zeros(characters.CODE_POINTS, bool)
        blank[[ord(character) for character in characters.all_characters() if character.isspace()]] = True
        self._blank = characters.Table.of(blank)
        self._recipe = wordpiece(tokenizer) if tokenizer.kind == "wordpiece" else unigram(state)
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
        return [FILL, *self._stand_ins]

    def _check_stand_ins(self, tokenizer, added):
        if len(added) > len(STAND_INS):
            raise InputError(
                f"The tokenizer matches {len(added)} pieces whole in a text; in a graph at most {len(STAND_INS)}."
            )
        stand_ins = {chr(point) for point in [SPARE, *self._taken]}
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
        first = changes(tf, word_numbers) | changes(tf, rows)
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
            kept = [tf.minimum(lengths[0], room)] if pairs is None else longest_first(tf, *lengths, room)
        cut = [ranges(tf, one, None, tf.zeros_like(n), n) for one, n in zip(found, kept, strict=True)]
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
        cut = [ranges(tf, found[-1], text, begin, width)]
        truncated = tf.zeros_like(text, tf.bool)
        if pairs is not None:
            first = tf.gather(kept, text)
            cut.insert(0, ranges(tf, found[0], text, tf.zeros_like(first), first))
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
        texts = tf.strings.regex_replace(texts, f"[{class_}]", chr(SPARE))
        for point, (piece, _, _) in sorted(self._stand_ins.items(), key=lambda item: -len(item[1][0])):
            texts = tf.strings.regex_replace(texts, quoted(piece), chr(point) + chr(FILL) * (len(piece) - 1))
        for quotes in self._recipe.quotes:
            texts = tf.strings.regex_replace(texts, quotes, chr(FILL) + '"')
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
        chars = {name: value[codes != FILL] for name, value in chars.items()}
        special = chars.pop("special")
        boundary = changes(tf, chars["rows"]) | special | shifted(tf, special)
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
        chars = {name: value[~space] for name, value in {**chars, "apart": shifted(tf, space)}.items()}
        lone = look_up(tf, self._alone, chars["codes"], tf.bool)
        new = changes(tf, chars["segments"]) | chars["apart"] | lone | shifted(tf, lone)
        special = look_up(tf, self._special, chars["codes"], tf.int32)
        chars = {**chars, "new": new, "special": special}
        if recipe.marks:
            chars = with_marks(tf, chars, recipe.split)
        codes, new = chars["codes"], chars["new"]
        word = tf.cumsum(tf.cast(new, tf.int64)) - 1
        starts = tf.concat([tf.reshape(tf.where(new), [-1]), [tf.size(codes, tf.int64)]], 0)
        if recipe.longest is not None:
            # No word that is too long is known, nor one of what is no character.
            long = starts[1:] - starts[:-1] > recipe.longest
            codes = tf.where(tf.gather(long, word), SPARE, codes)
        if self._absent is not None:
            absent = look_up(tf, self._absent, codes, tf.bool)
            starts = tf.concat([tf.reshape(tf.where(new | changes(tf, absent)), [-1]), starts[-1:]], 0)
        words = tf.RaggedTensor.from_row_splits(codes, starts, validate=False)
        ids, begin, end = recipe.model.tokenize_with_offsets(tf.strings.unicode_encode(words, "UTF-8"))
        size = utf8_bytes(tf, codes)
        character = tf.repeat(tf.range(tf.size(codes, tf.int64)), size)
        base = tf.gather(tf.cumsum(size, exclusive=True), tf.gather(starts, ids.value_rowids()))
        first = tf.gather(character, base + tf.cast(begin.values, tf.int64))
        last = tf.gather(character, base + tf.cast(end.values, tf.int64) - 1)
        ids, word = tf.cast(ids.values, tf.int32), tf.gather(word, first)
        if self._absent is not None:
            # The library makes one piece of the unknown ones of a word that stand side by side.
            unknown = ids == self.tokenizer.unknown_id
            new = changes(tf, word) | ~unknown | ~shifted(tf, unknown)
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
        new = changes(tf, rows)
        later = changes(tf, found["word"])
        if self._parts is not None:
            flags = tf.concat([look_up(tf, self._parts, whole.values, tf.bool), [False]], 0)
            row_starts, row_ends = tf.gather(whole.row_starts(), rows), tf.gather(whole.row_limits(), rows)
            start = row_starts + found["starts"]
            last = tf.where(new, tf.zeros_like(start), shifted(tf, found["ends"]))
            end = row_starts + last
            around = (tf.gather(flags, tf.maximum(end - 1, 0)) & (last > 0)) | (
                tf.gather(flags, tf.minimum(start, row_ends)) & (start < row_ends)
            )
            later |= (start >= end) & around
        numbers = tf.cumsum(tf.cast(later | new, tf.int32))
        return numbers - firsts(tf, numbers, rows)
