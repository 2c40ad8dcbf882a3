"""`Tokenizer`: WordPiece through the `tokenizers` library, from a `vocab.txt` or a `tokenizer.json`.

It imports neither Keras nor TensorFlow: the same class runs where models are trained and on the device.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tokenizers

from keras_bert_suite.errors import InputError

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Encoding:
    """One text, or a pair, as token ids.

    Attributes:
        ids: token ids, with the special ones.
        offsets: for each id the `(start, end)` characters of its text; `(0, 0)` for special tokens.
        segment_ids: 0 for the first text, 1 for the second.
        padding_mask: 1 for a real token, 0 for padding.
        words: for each id the number of its word in its text (words end at spaces and punctuation); None for
            special tokens.
        tokens: the pieces themselves.
        truncated: whether the text went on beyond `max_length`.
    """

    ids: list
    offsets: list
    segment_ids: list
    padding_mask: list
    words: list
    tokens: list
    truncated: bool


class Tokenizer:
    """BERT's tokenization: clean, split at spaces and punctuation, then the longest pieces of a vocabulary.

    Args:
        vocabulary: list of pieces; an id is a place in it.
        lowercase: whether to lower the case.
        strip_accents: whether to drop accents; None for as `lowercase` says.
        split_chinese: whether each CJK character is a word.
        max_word_characters: a longer word is one unknown token.
        added_tokens: further pieces of the vocabulary that are matched whole in the text.

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
    ):
        ids = {piece: i for i, piece in enumerate(vocabulary)}
        lacking = [token for token in SPECIAL_TOKENS if token not in ids and token != "[MASK]"]
        if lacking:
            raise InputError(
                f"A vocabulary of {len(vocabulary)} pieces lacks {', '.join(lacking)}: it is no BERT vocabulary."
            )
        self.vocabulary = list(vocabulary)
        self.settings = {
            "lowercase": lowercase,
            "strip_accents": strip_accents,
            "split_chinese": split_chinese,
            "max_word_characters": max_word_characters,
            "added_tokens": list(added_tokens),
        }
        self.pad_id, self.unknown_id, self.cls_id, self.sep_id = (ids[token] for token in SPECIAL_TOKENS[:4])
        self.mask_id = ids.get("[MASK]")
        model = tokenizers.models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=max_word_characters)
        self._tokenizer = tokenizers.Tokenizer(model)
        self._tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(
            clean_text=True, handle_chinese_chars=split_chinese, strip_accents=strip_accents, lowercase=lowercase
        )
        self._tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
        self._tokenizer.decoder = tokenizers.decoders.WordPiece()
        self._tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
            single="[CLS]:0 $A:0 [SEP]:0",
            pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
            special_tokens=[("[CLS]", self.cls_id), ("[SEP]", self.sep_id)],
        )
        self._tokenizer.add_special_tokens([token for token in (*SPECIAL_TOKENS, *added_tokens) if token in ids])
        self._by_length = {None: self._tokenizer}

    @classmethod
    def from_preset(cls, preset, **settings):
        """The tokenizer of a checkpoint.

        Args:
            preset: a folder that holds `tokenizer.json` or `vocab.txt`, `hf://org/name`, or a preset's name.
            **settings: arguments of the constructor that differ from what the files say, as `lowercase=False`.

        Raises:
            InputError: there is no such file, or it is no WordPiece vocabulary.
        """
        from keras_bert_suite.checkpoints import presets

        folder = presets.folder_of(preset)
        stated = {name: value for name, value in settings.items() if value is not None}
        if (folder / "tokenizer.json").exists():
            vocabulary, found = _read_tokenizer_json(folder / "tokenizer.json")
        elif (folder / "vocab.txt").exists():
            vocabulary = read_vocabulary(folder / "vocab.txt")
            found = _read_config(folder / "tokenizer_config.json", vocabulary)
        else:
            raise InputError(f"{preset} holds neither tokenizer.json nor vocab.txt: it has no tokenizer.")
        return cls(vocabulary, **{**found, **stated})

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
            pad_to: ids at least; padding fills up to it.
        """
        return self.encode_batch([text], None if pair is None else [pair], max_length, pad_to)[0]

    def encode_batch(self, texts, pairs=None, max_length=None, pad_to=None):
        """A list of texts, or of pairs, as a list of `Encoding`; arguments as for `encode`."""
        inputs = [_clean(text) for text in texts]
        if pairs is not None:
            inputs = list(zip(inputs, (_clean(pair) for pair in pairs), strict=True))
        found = self._of_length(max_length).encode_batch(inputs)
        if pad_to is not None:
            for encoding in found:
                encoding.pad(pad_to, pad_id=self.pad_id, pad_token="[PAD]")
        return [
            Encoding(
                ids=encoding.ids,
                offsets=encoding.offsets,
                segment_ids=encoding.type_ids,
                padding_mask=encoding.attention_mask,
                words=encoding.word_ids,
                tokens=encoding.tokens,
                truncated=bool(encoding.overflowing),
            )
            for encoding in found
        ]

    def _of_length(self, max_length):
        # The library keeps truncation as a state of the tokenizer: one object a length is safe across threads.
        if max_length not in self._by_length:
            if max_length < 3:
                raise InputError(f"Received max_length={max_length}; expected 3 or more, as [CLS] and [SEP] take two.")
            other = tokenizers.Tokenizer.from_str(self._tokenizer.to_str())
            other.enable_truncation(max_length, strategy="longest_first")
            self._by_length[max_length] = other
        return self._by_length[max_length]

    def arrays(self, encodings, length=None):
        """Encodings as the arrays that an encoder takes.

        Args:
            encodings: a list of `Encoding`.
            length: width of the arrays; None for that of the longest.

        Returns:
            A dict of int32 `(batch, length)`: `token_ids segment_ids padding_mask`.
        """
        length = length or max(len(encoding.ids) for encoding in encodings)
        arrays = {
            name: np.zeros((len(encodings), length), "int32") for name in ("token_ids", "segment_ids", "padding_mask")
        }
        arrays["token_ids"][:] = self.pad_id
        for i, encoding in enumerate(encodings):
            arrays["token_ids"][i, : len(encoding.ids)] = encoding.ids
            arrays["segment_ids"][i, : len(encoding.ids)] = encoding.segment_ids
            arrays["padding_mask"][i, : len(encoding.ids)] = encoding.padding_mask
        return arrays

    def decode(self, ids, skip_special=True):
        """Ids as a text."""
        return self._tokenizer.decode(list(map(int, ids)), skip_special_tokens=skip_special)

    def save(self, folder):
        """Writes `tokenizer.json`, `vocab.txt` and `tokenizer_config.json`, which transformers reads too."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        (folder / "vocab.txt").write_text("".join(piece + "\n" for piece in self.vocabulary), encoding="utf-8")
        config = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": self.settings["lowercase"],
            "strip_accents": self.settings["strip_accents"],
            "tokenize_chinese_chars": self.settings["split_chinese"],
        }
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")


def read_vocabulary(path):
    """The pieces of a `vocab.txt`, one a line.

    Raises:
        InputError: it is not UTF-8, or holds a piece twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no UTF-8 text (byte {error.start}): expected one piece a line.") from None
    # Split at line feeds alone: vocabularies hold pieces such as U+2028 that `splitlines` would cut.
    pieces = [line.rstrip("\r") for line in text.removesuffix("\n").split("\n")]
    if len(set(pieces)) != len(pieces):
        twice = next(piece for i, piece in enumerate(pieces) if piece in pieces[:i])
        raise InputError(f"{path} holds the piece {twice!r} twice.")
    return pieces


def _read_tokenizer_json(path):
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        model, normalizer = found["model"], found.get("normalizer") or {}
        kind = model.get("type", "WordPiece")
        if kind != "WordPiece" or normalizer.get("type") != "BertNormalizer":
            raise InputError(
                f"{path} holds a {kind} model with the normalizer {normalizer.get('type')}; "
                "expected WordPiece with BertNormalizer."
            )
        ids = dict(model["vocab"])
        added = [token["content"] for token in found.get("added_tokens", [])]
        ids.update({token["content"]: token["id"] for token in found.get("added_tokens", [])})
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no whole tokenizer.json ({type(error).__name__}: {error}).") from None
    vocabulary = sorted(ids, key=ids.get)
    if sorted(ids.values()) != list(range(len(ids))):
        raise InputError(f"{path} has {len(ids)} pieces whose ids do not run from 0 to {len(ids) - 1}.")
    settings = {
        "lowercase": normalizer.get("lowercase", True),
        "strip_accents": normalizer.get("strip_accents"),
        "split_chinese": normalizer.get("handle_chinese_chars", True),
        "max_word_characters": model.get("max_input_chars_per_word", 100),
        "added_tokens": [token for token in added if token not in SPECIAL_TOKENS],
    }
    return vocabulary, settings


def _read_config(path, vocabulary):
    config = {}
    if path.exists():
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path} is no JSON: {error}.") from None
    # A folder of google-research says nothing of case; a vocabulary with capitals was made without lowering it.
    capitals = any(re.match("[A-Z][a-z]", piece) for piece in vocabulary)
    return {
        "lowercase": config.get("do_lower_case", not capitals),
        "strip_accents": config.get("strip_accents"),
        "split_chinese": config.get("tokenize_chinese_chars", True),
    }


def _clean(text):
    if not isinstance(text, str):
        raise InputError(f"Received a text of type {type(text).__name__}; expected a string.")
    return _SURROGATE.sub("\ufffd", text)
