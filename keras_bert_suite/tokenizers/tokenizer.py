"""`Tokenizer`: text to token ids, whatever kind of vocabulary it is, through the `tokenizers` library.

It imports neither Keras nor TensorFlow: the same class runs where models are trained and on the device.
"""

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tokenizers

from keras_bert_suite.errors import InputError
from keras_bert_suite.tokenizers import byte_bpe, parts, sentencepiece, tokenizer_json, wordpiece, xlm
from keras_bert_suite.tokenizers.files import Files
from keras_bert_suite.tokenizers.words import number_words

SPECIAL_TOKENS = tuple(parts.BERT.special.values())
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Encoding:
    """One text, or a pair, as token ids.

    Attributes:
        ids: token ids, with the special ones.
        offsets: for each id the `(start, end)` characters of its text; `(0, 0)` for special tokens.
        segment_ids: 0 for the first text, 1 for the second; all 0 where the family has no segments.
        padding_mask: 1 for a real token, 0 for padding.
        words: for each id the number of its word in its text (words end at spaces and punctuation); None for
            special tokens.
        sequence_ids: for each id 0 or 1, the text that it is of; None for special tokens.
        tokens: the pieces themselves.
        truncated: whether the text went on beyond `max_length`.
    """

    ids: list
    offsets: list
    segment_ids: list
    padding_mask: list
    words: list
    sequence_ids: list
    tokens: list
    truncated: bool


class Tokenizer:
    """Text to token ids and back: WordPiece from a vocabulary, or any kind from its files (`from_preset`).

    Args:
        vocabulary: list of WordPiece pieces; an id is a place in it.
        lowercase: whether to lower the case.
        strip_accents: whether to drop accents; None for as `lowercase` says.
        split_chinese: whether each CJK character is a word.
        max_word_characters: a longer word is one unknown token.
        added_tokens: further pieces of the vocabulary that are matched whole in the text.
        convention: whose special pieces and pairs: `bert`, `mpnet` or `funnel`.

    Attributes:
        kind: `wordpiece`, `byte_bpe`, `sentencepiece`, `xlm`, or `other` for a `tokenizer.json` of another make.
        vocabulary: the pieces; an id is a place in it. None at an id that has no piece.
        settings: of WordPiece the arguments of the constructor; of other kinds `lowercase`.
        padding_side: `right` or, for XLNet, `left`.
        pad_id, unknown_id, cls_id, sep_id, mask_id: ids of the special pieces; None for one that there is not.

    Raises:
        InputError: the vocabulary lacks one of the special tokens.
    """

    def __init__(
        self,
        vocabulary,
        lowercase=True,
        strip_accents=None,
        split_chinese=True,
        max_word_characters=100,
        added_tokens=(),
        convention="bert",
    ):
        self._take(
            wordpiece.build(
                vocabulary, lowercase, strip_accents, split_chinese, max_word_characters, added_tokens, convention
            )
        )

    def _take(self, made):
        self.kind, self.settings, self.padding_side = made.kind, made.settings, made.padding_side
        self._parts, self._tokenizer = made, made.engine
        ids = made.engine.get_vocab()
        self.vocabulary = [None] * (max(ids.values()) + 1)
        for piece, i in ids.items():
            self.vocabulary[i] = piece
        if made.moses is not None:
            self.vocabulary = self.vocabulary[: made.moses.vocab_size]
        self.pad_id, self.unknown_id, self.cls_id, self.sep_id, self.mask_id = (
            ids.get(made.special.get(role)) for role in ("pad", "unknown", "cls", "sep", "mask")
        )
        self._by_length, self._frames = {None: self._tokenizer}, {}

    @classmethod
    def from_preset(cls, preset, **settings):
        """The tokenizer of a checkpoint.

        Args:
            preset: a folder with `tokenizer.json`, a SentencePiece `*.model`, `vocab.json` with `merges.txt`, or
                `vocab.txt`; `hf://org/name`; or a preset's name.
            **settings: what differs from what the files say, as `lowercase=False`; for WordPiece any argument of
                the constructor. None is as the files say.

        Raises:
            InputError: there is no such file, it is broken, or its kind has no such setting.
        """
        from keras_bert_suite.checkpoints import presets

        return cls._from(Files.of_folder(presets.folder_of(preset), preset), settings)

    @classmethod
    def from_files(cls, files, **settings):
        """The tokenizer of files in memory.

        Args:
            files: a dict from names to texts, as the method `files` gives.
            **settings: as for `from_preset`.
        """
        return cls._from(Files.of_texts(files), settings)

    @classmethod
    def _from(cls, files, settings):
        stated = {name: value for name, value in settings.items() if value is not None}
        if "tokenizer.json" in files.names:
            build = tokenizer_json.build
        elif files.model is not None:
            build = sentencepiece.build
        elif {"vocab.json", "merges.txt"} <= files.names:
            build = xlm.build if xlm.is_xlm(files) else byte_bpe.build
        elif "vocab.txt" in files.names:
            build = wordpiece.from_files
        else:
            raise InputError(
                f"{files.where} holds neither tokenizer.json nor vocab.txt, neither vocab.json with merges.txt nor a "
                "SentencePiece *.model: it has no tokenizer."
            )
        tokenizer = cls.__new__(cls)
        tokenizer._take(build(files, stated))
        return tokenizer

    @property
    def vocab_size(self):
        """Number of token ids."""
        return len(self.vocabulary)

    def encode(self, text, pair=None, max_length=None, pad_to=None):
        """A text, or a pair of texts, as an `Encoding`.

        Args:
            text: a string; lone surrogates in it count as the replacement character.
            pair: a second string, or None.
            max_length: ids at most, the special ones included; of a pair the longer text is cut first. None: all.
            pad_to: ids at least; padding fills up to it, on the `padding_side`.
        """
        return self.encode_batch([text], None if pair is None else [pair], max_length, pad_to)[0]

    def encode_batch(self, texts, pairs=None, max_length=None, pad_to=None):
        """A list of texts, or of pairs, as a list of `Encoding`; arguments as for `encode`."""
        found, cut = self._encode(self._of_length(max_length, pairs is not None), texts, pairs)
        if pad_to is not None:
            self._pad(found, pad_to)
        return [self._encoding(encoding, *texts) for encoding, *texts in zip(found, *cut, strict=True)]

    def windows(self, texts, pairs=None, max_length=512, stride=128):
        """Each text, however long, as a list of encodings of `max_length` ids at most that overlap.

        Args:
            texts: strings.
            pairs: second strings; of a pair the second is cut into windows and the first stands whole in each. None
                for single texts.
            max_length: ids of a window, the special ones included.
            stride: pieces that a window shares with the one before.

        Returns:
            A list of lists of `Encoding`, none of them `truncated`.

        Raises:
            InputError: a window has no room for more than the stride, beside the first text of a pair.
        """
        room = max_length - self._tokenizer.num_special_tokens_to_add(pairs is not None)
        if not 0 <= stride < room:
            raise InputError(
                f"Received stride={stride}; expected 0 to {room - 1}: a window of {max_length} ids has {room} pieces."
            )
        if pairs is not None:
            self._check_room(texts, pairs, room, stride)
        engine = self._of_length(
            max_length, pairs is not None, stride, "only_first" if pairs is None else "only_second"
        )
        found, cut = self._encode(engine, texts, pairs)
        return [
            [
                dataclasses.replace(made, truncated=False, segment_ids=self._segments(made, pairs is not None))
                for made in (self._encoding(window, *texts) for window in (encoding, *encoding.overflowing))
            ]
            for encoding, *texts in zip(found, *cut, strict=True)
        ]

    def _check_room(self, texts, pairs, room, stride):
        """Raises InputError where a first text leaves windows no more than the stride: the library would panic."""
        special = self._tokenizer.num_special_tokens_to_add(False)
        sizes = [len(found.ids) - special for found in self._encode(self._tokenizer, texts, None)[0]]
        for size, pair in zip(sizes, pairs, strict=True):
            if size + stride < room:
                continue
            second = len(self._encode(self._tokenizer, [pair], None)[0][0].ids) - special
            if size + second > room:
                raise InputError(
                    f"A first text has {size} pieces; beside it a window of {room} pieces has no room for more than "
                    f"the stride of {stride}. Cut the first text, or take longer windows."
                )

    def _segments(self, encoding, paired):
        """Segment ids by the frame of a text or a pair: the library gives a template's to the first window alone."""
        if paired not in self._frames:
            frame = parts.frame_of(self._tokenizer, paired)
            self._frames[paired] = {sequence: segment for kind, sequence, segment in frame if kind == "text"}
        own = self._frames[paired]
        found = zip(encoding.sequence_ids, encoding.segment_ids, strict=True)
        return [segment if sequence is None else own[sequence] for sequence, segment in found]

    def _encode(self, engine, texts, pairs):
        groups = [[clean(text) for text in group] for group in ((texts,) if pairs is None else (texts, pairs))]
        moses = self._parts.moses
        cut = groups if moses is None else [[moses.cut(text) for text in group] for group in groups]
        inputs = [group if moses is None else [words for words, _ in group] for group in cut]
        inputs = inputs[0] if pairs is None else list(zip(*inputs, strict=True))
        return engine.encode_batch(inputs, is_pretokenized=moses is not None), cut

    def _encoding(self, found, *texts):
        ids, tokens, offsets, words = found.ids, found.tokens, found.offsets, found.word_ids
        if self._parts.moses is not None:
            ids, tokens, offsets = self._parts.moses.finish(found, [spans for _, spans in texts], self.unknown_id)
        elif self.kind != "wordpiece":
            words = number_words(found, texts)
        return Encoding(
            ids=ids,
            offsets=offsets,
            segment_ids=found.type_ids,
            padding_mask=found.attention_mask,
            words=words,
            sequence_ids=found.sequence_ids,
            tokens=tokens,
            truncated=bool(found.overflowing),
        )

    def _pad(self, encodings, length):
        if self.pad_id is None:
            raise InputError(f"Received pad_to={length}; a vocabulary without a piece for padding cannot fill up.")
        for encoding in encodings:
            encoding.pad(
                length,
                direction=self.padding_side,
                pad_id=self.pad_id,
                pad_token=self._parts.special["pad"],
            )

    def _of_length(self, max_length, paired, stride=0, strategy="longest_first"):
        if max_length is not None:
            least = self._tokenizer.num_special_tokens_to_add(paired) + 1
            if max_length < least:
                raise InputError(
                    f"Received max_length={max_length}; expected {least} or more, as {least - 1} are special tokens."
                )
        # The library keeps truncation as a state of the tokenizer: one object a length is safe across threads.
        key = None if max_length is None else (max_length, stride, strategy)
        if key not in self._by_length:
            other = tokenizers.Tokenizer.from_str(self._tokenizer.to_str())
            other.enable_truncation(max_length, stride=stride, strategy=strategy)
            self._by_length[key] = other
        return self._by_length[key]

    def arrays(self, encodings, length=None):
        """Encodings as the arrays that an encoder takes, padded on the `padding_side`.

        Args:
            encodings: a list of `Encoding`.
            length: width of the arrays; None for that of the longest.

        Returns:
            A dict of int32 `(batch, length)`: `token_ids segment_ids padding_mask`.
        """
        length = length or max(len(encoding.ids) for encoding in encodings)
        fill = {"token_ids": self.pad_id or 0, "segment_ids": 0, "padding_mask": 0}
        arrays = {name: np.full((len(encodings), length), value, "int32") for name, value in fill.items()}
        for i, encoding in enumerate(encodings):
            place = self.place(encoding, length)
            arrays["token_ids"][i, place] = encoding.ids
            arrays["segment_ids"][i, place] = encoding.segment_ids
            arrays["padding_mask"][i, place] = encoding.padding_mask
        return arrays

    def place(self, encoding, length):
        """Where the tokens of an encoding are in a row of this length, a slice."""
        width = len(encoding.ids)
        return slice(width) if self.padding_side == "right" else slice(length - width, length)

    def decode(self, ids, skip_special=True):
        """Ids as a text."""
        return self._tokenizer.decode(list(map(int, ids)), skip_special_tokens=skip_special)

    def files(self):
        """The files that make the same tokenizer again, here (`from_files`) and in transformers.

        Returns:
            A dict from names to texts: `tokenizer_config.json`, `tokenizer.json` but for XLM, and the vocabulary in
            the files that are natural for its kind.
        """
        made = self._parts
        special = {parts.ROLES[role]: piece for role, piece in made.special.items()}
        config = {**made.config, **special, "padding_side": made.padding_side}
        files = {"tokenizer_config.json": json.dumps(config, indent=1, ensure_ascii=False) + "\n"}
        if made.moses is None:
            files["tokenizer.json"] = made.engine.to_str()
        return {**files, **made.files}

    def save(self, folder):
        """Writes what `files` gives into a folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files().items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")


def clean(text):
    """A text without lone surrogates, which count as the replacement character; InputError where it is no string."""
    if not isinstance(text, str):
        raise InputError(f"Received a text of type {type(text).__name__}; expected a string.")
    return _SURROGATE.sub("\ufffd", text)
