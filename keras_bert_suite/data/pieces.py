"""Many texts to token ids at once: what `Tokenizer` gives, sooner.

Of WordPiece tensorflow_text makes the pieces of plain ASCII texts, a batch at a time. Other texts are cut at their
spaces, and as most words of a corpus were met before, each is looked up; the tokenizer itself is asked for new words
alone. That holds where a word's pieces do not depend on the words around it: of WordPiece, of byte-level BPE and of
SentencePiece that cuts at spaces. Texts of other tokenizers, and texts with a word that may join the one before it, go
to the tokenizer whole.
"""

import json
import unicodedata

import numpy as np

from keras_bert_suite.data.forms import ranges
from keras_bert_suite.tokenizers import parts
from keras_bert_suite.tokenizers.tokenizer import clean

# Words in memory; about 200 bytes each.
WORDS = 2**20


class Pieces:
    """Texts to the ids of their pieces, without special pieces around them.

    Args:
        tokenizer: a `Tokenizer`.
    """

    def __init__(self, tokenizer):
        self._tokenizer, self._engine = tokenizer, tokenizer._tokenizer
        state = json.loads(self._engine.to_str())
        self._added = [token["content"] for token in state["added_tokens"]]
        self._lowercase = tokenizer.settings.get("lowercase")
        self._fast = _fast(tokenizer) if tokenizer.kind == "wordpiece" else None
        self._local = _cuts_at_spaces(tokenizer, state)
        # Byte-level BPE: a space belongs to the word behind it, and the first word of a text has none.
        self._spaced = tokenizer.kind == "byte_bpe"
        self._forget()

    def _forget(self):
        self._words, self._ids = _Numbers(), np.zeros(0, "int32")
        self._starts = self._counts = np.zeros(0, "int64")
        # Words that may join the word before: their texts are not cut.
        self._joining = np.zeros(0, bool)

    def __call__(self, texts):
        """The ids of texts.

        Args:
            texts: a list of strings without white space but single spaces between words.

        Returns:
            `(ids, counts)`: int32 `(pieces,)`, those of all texts one after another, and int64 `(texts,)`.
        """
        whole = "\n".join(texts)
        added = [piece for piece in self._added if piece in whole]
        plain = np.array([self._fast is not None and text.isascii() and text.isprintable() for text in texts], bool)
        if added:
            plain &= [not any(piece in text for piece in added) for text in texts]
        rest = np.flatnonzero(~plain)
        groups = [
            (
                np.flatnonzero(plain),
                *self._plain([text for text, is_plain in zip(texts, plain, strict=True) if is_plain]),
            )
        ]
        if len(rest) and self._local:
            ids, counts, joined = self._by_word([texts[i] for i in rest])
            groups.append((rest, ids, counts))
            rest = rest[joined]
        if len(rest):
            groups.append((rest, *self._whole([texts[i] for i in rest])))
        if len(groups) == 1:
            return groups[0][1:]
        starts, counts, size = np.zeros(len(texts), "int64"), np.zeros(len(texts), "int64"), 0
        for places, ids, found in groups:
            counts[places] = found
            starts[places] = size + np.cumsum(found) - found
            size += len(ids)
        return np.concatenate([ids for _, ids, _ in groups])[ranges(starts, counts)], counts

    def _plain(self, texts):
        if not texts:
            return np.zeros(0, "int32"), np.zeros(0, "int64")
        found = self._fast.tokenize([text.lower() for text in texts] if self._lowercase else texts)
        return found.values.numpy().astype("int32"), found.row_lengths().numpy()

    def _by_word(self, texts):
        """Ids and counts; and bool `(texts,)`, where a word may join the one before, so that they are wrong."""
        if len(self._words) > WORDS:
            self._forget()
        numbers, starts = self._numbers(texts)
        ids = self._ids[ranges(self._starts[numbers], self._counts[numbers])]
        return (
            ids,
            np.add.reduceat(self._counts[numbers], starts),
            np.logical_or.reduceat(self._joining[numbers], starts),
        )

    def _numbers(self, texts):
        """The numbers of all words, and where each text begins among them; new words are learned."""
        words = [text.split(" ") for text in texts]
        sizes = np.fromiter(map(len, words), "int64", len(words))
        if self._spaced:
            words = [["\n" + first, *rest] for first, *rest in words]
        numbers = np.fromiter((self._words[word] for row in words for word in row), "int64", sizes.sum())
        self._learn()
        return numbers, np.cumsum(sizes) - sizes

    def _learn(self):
        """Asks the tokenizer for the words that were new."""
        new = self._words.new
        if not new:
            return
        texts = [clean(word) for word in new]
        if self._spaced:
            texts = [text[1:] if text.startswith("\n") else " " + text for text in texts]
        ids, counts = _flat(self._engine.encode_batch_fast(texts, add_special_tokens=False))
        self._starts = np.concatenate([self._starts, len(self._ids) + np.cumsum(counts) - counts])
        self._counts = np.concatenate([self._counts, counts])
        self._ids = np.concatenate([self._ids, ids])
        joining = [self._tokenizer.kind != "wordpiece" and _joins(text.strip(" ")) for text in texts]
        self._joining = np.concatenate([self._joining, np.array(joining, bool)])
        new.clear()

    def _whole(self, texts):
        frame = [part[0] for part in parts.frame_of(self._engine, False)]
        before, after = frame.index("text"), frame[::-1].index("text")
        return _flat(self._tokenizer.encode_batch(texts), before, after)


def _flat(encodings, before=0, after=0):
    """The ids of encodings one after another, but for special ones at their ends, and how many each has."""
    found = [encoding.ids[before : len(encoding.ids) - after] for encoding in encodings]
    counts = np.fromiter(map(len, found), "int64", len(found))
    return np.fromiter((i for ids in found for i in ids), "int32", counts.sum()), counts


def _fast(tokenizer):
    """What finds pieces of ASCII texts as this WordPiece does, but for their case; None without tensorflow_text."""
    try:
        import tensorflow_text as text
    except ImportError:
        return None
    return text.FastWordpieceTokenizer(
        tokenizer.vocabulary,
        max_bytes_per_word=tokenizer.settings["max_word_characters"],
        unknown_token=tokenizer.vocabulary[tokenizer.unknown_id],
    )


class _Numbers(dict):
    """Words to numbers; a new word gets the next one and is noted in `new`."""

    def __init__(self):
        super().__init__()
        self.new = []

    def __missing__(self, word):
        number = self[word] = len(self)
        self.new.append(word)
        return number


def _cuts_at_spaces(tokenizer, state):
    """Whether a word's pieces are its own, whatever is around it."""
    if tokenizer._parts.moses is not None:
        return False
    if any(" " in token["content"] for token in state["added_tokens"]):
        return False
    step = state["pre_tokenizer"] or {}
    step = step["pretokenizers"][-1] if step.get("type") == "Sequence" else step
    if tokenizer.kind == "wordpiece":
        return True
    if tokenizer.kind == "byte_bpe":
        return step.get("type") == "ByteLevel" and step["use_regex"]
    usual = step.get("type") == "Metaspace" and step["split"] and step["prepend_scheme"] == "always"
    return tokenizer.kind == "sentencepiece" and usual


def _joins(word):
    """Whether a word begins with what Unicode may join to the character before, even a space."""
    kind = unicodedata.category(word[0]) if word else "Ll"
    return kind[0] == "M" or kind == "Cf" or (kind == "Sk" and not word.isascii())
