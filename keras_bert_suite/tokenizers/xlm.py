"""XLM's BPE: Moses cuts a text into words, and the characters of each word are joined up to its end, `</w>`."""

import re
import unicodedata

import tokenizers

from keras_bert_suite.errors import InputError
from keras_bert_suite.tokenizers import byte_bpe, parts

XLM = parts.Convention(
    {"pad": "<pad>", "unknown": "<unk>", "cls": "<s>", "sep": "</s>", "mask": "<special1>"},
    "<s>:0 $A:0 </s>:0",
    "<s>:0 $A:0 </s>:0 $B:1 </s>:1",
    tuple(f"<special{i}>" for i in range(10)),
    strip_before_mask=False,
)
END = "</w>"
# Punctuation of Chinese and Japanese, as Moses's replace-unicode-punctuation maps it; two take a space behind.
_ONE_TO_ONE = dict(
    zip(
        "，、”“∶：？《》）！（；」「～’━〈〉【】％０１２３４５６７８９",
        ',,""::?"")!(;""~\'-<>[]%0123456789',
        strict=True,
    )
)
_PUNCTUATION = str.maketrans({**_ONE_TO_ONE, "…": "..."})
_FULL_STOP = re.compile(r"[。．]\s*")
_REACH = 12  # characters that Moses changes at one place, at most


def is_xlm(files):
    """Whether `vocab.json` and `merges.txt` are XLM's, by the config or, where it is silent, by the pieces."""
    family = files.family
    return family == "xlm" or (family not in byte_bpe.CONVENTIONS and "<special0>" in files.json("vocab.json"))


def build(files, stated):
    """The parts of a folder with XLM's `vocab.json` and `merges.txt`.

    Args:
        files: the `Files`.
        stated: what the user asks.

    Raises:
        InputError: the two do not belong together, or the package sacremoses is absent.
    """
    if files.family not in (None, "xlm"):
        raise InputError(
            f"{files.where} is of the family {files.family}; of those with words of Moses XLM alone is known."
        )
    vocabulary, merges, config = files.json("vocab.json"), byte_bpe.read_merges(files), files.config
    what = f"{files.where}: vocab.json with merges.txt"
    if not all(isinstance(i, int) for i in vocabulary.values()) or sorted(vocabulary.values()) != list(
        range(len(vocabulary))
    ):
        raise InputError(f"{what} has {len(vocabulary)} pieces whose ids do not run from 0 to {len(vocabulary) - 1}.")
    wrong = [name for name in stated if name != "lowercase"]
    if wrong:
        raise InputError(f"{what} has no setting {wrong[0]}; expected lowercase alone, or none.")
    lowercase = stated.get("lowercase", config.get("do_lowercase_and_remove_accent", True))
    # Merges lead through pieces that the vocabulary lacks: they get ids behind its own, and stand for unknown ones.
    whole = dict(vocabulary)
    for left, right in merges:
        for piece in (left, right, left + right):
            whole.setdefault(piece, len(whole))
    model = parts.made(
        what,
        tokenizers.models.BPE,
        vocab=whole,
        merges=merges,
        unk_token=XLM.special["unknown"],
        end_of_word_suffix=END,
    )
    engine = tokenizers.Tokenizer(model)
    engine.decoder = tokenizers.decoders.BPEDecoder(suffix=END)
    XLM.apply(engine)
    special = [piece for piece in (*XLM.special.values(), *XLM.more) if piece in vocabulary]
    return parts.Parts(
        kind="xlm",
        engine=engine,
        special={role: piece for role, piece in XLM.special.items() if piece in vocabulary},
        settings={"lowercase": lowercase},
        config={"tokenizer_class": "XLMTokenizer", "do_lowercase_and_remove_accent": lowercase},
        files={name: files.text(name) for name in ("vocab.json", "merges.txt")},
        moses=Moses(lowercase, special, len(vocabulary)),
    )


class Moses:
    """Cuts texts into words as Moses's scripts do, and leads the pieces of the words back to the text.

    Args:
        lowercase: whether to lower the case and drop accents.
        special: pieces that stay whole in a text.
        vocab_size: number of the vocabulary's own ids; the engine's further ids are unknown pieces.

    Raises:
        InputError: the package sacremoses is absent.
    """

    def __init__(self, lowercase, special, vocab_size):
        try:
            import sacremoses
        except ImportError:
            raise InputError(
                "XLM's tokenizer needs the package sacremoses, which is absent: pip install sacremoses."
            ) from None
        self.lowercase, self.vocab_size = lowercase, vocab_size
        self._special = re.compile("(" + "|".join(map(re.escape, sorted(special, key=len, reverse=True))) + ")")
        self._punctuation = sacremoses.MosesPunctNormalizer(lang="en")
        self._moses = sacremoses.MosesTokenizer(lang="en")

    def cut(self, text):
        """The words of a text, and for each word the `(start, end)` of each of its characters in the text."""
        words, spans, at = [], [], 0
        for i, part in enumerate(self._special.split(text)):
            found = [part] if i % 2 else self._words(part)
            places = align("".join(found), self._folded(part))
            for word in found:
                words.append(word)
                spans.append([(at + start, at + end) for start, end in places[: len(word)]])
                places = places[len(word) :]
            at += len(part)
        return words, spans

    def finish(self, found, spans, unknown_id):
        """The ids, tokens and offsets of the library's encoding of words.

        Args:
            found: the encoding.
            spans: for each text what `cut` gives.
            unknown_id: the id of the unknown piece.
        """
        ids = [i if i < self.vocab_size else unknown_id for i in found.ids]
        tokens = [
            token if i < self.vocab_size else XLM.special["unknown"]
            for i, token in zip(found.ids, found.tokens, strict=True)
        ]
        offsets = []
        for sequence, word, (start, end) in zip(found.sequence_ids, found.word_ids, found.offsets, strict=True):
            if sequence is None or word is None:
                offsets.append((0, 0))
            else:
                places = spans[sequence][word][start:end]
                offsets.append((places[0][0], places[-1][1]))
        return ids, tokens, offsets

    def _words(self, text):
        text = _FULL_STOP.sub(". ", text).translate(_PUNCTUATION)
        text = self._punctuation.normalize(text)
        text = "".join(character for character in text if unicodedata.category(character)[0] != "C")
        words = self._moses.tokenize(text, return_str=False, escape=False)
        if self.lowercase:
            # Lowered together, as the end of a word decides on the form of a sigma.
            words = _without_accents(" ".join(words).lower()).lower().split(" ")
        return [word for word in words if word]

    def _folded(self, text):
        """The characters that each character of a text most likely becomes, with its place."""
        folded = []
        for place, character in enumerate(text):
            became = _FULL_STOP.sub(".", character).translate(_PUNCTUATION)
            if self.lowercase:
                became = _without_accents(became.lower())
            folded += [(part, place) for part in became if not part.isspace() and unicodedata.category(part)[0] != "C"]
        return folded


def _without_accents(text):
    return "".join(part for part in unicodedata.normalize("NFD", text) if unicodedata.category(part) != "Mn")


def align(characters, folded):
    """The places that characters came from, where a few were changed on the way.

    Args:
        characters: a text without spaces.
        folded: a list of `(character, place)`, most of them those of the text, in its order.

    Returns:
        A `(start, end)` of places for each character.
    """
    spans, i, j = [], 0, 0
    while i < len(characters):
        a, b = _step(characters, i, folded, j)
        places = [place for _, place in folded[j : j + b]]
        if not places:
            before = spans[-1][1] if spans else 0
            spans += [(before, before)] * a
        elif a == b:
            spans += [(place, place + 1) for place in places]
        else:
            spans += [(places[0], places[-1] + 1)] * a
        i, j = i + a, j + b
    return spans


def _step(characters, i, folded, j):
    """How many characters of both sides belong together next: one each where they are equal."""

    def equal(a, b):
        return i + a < len(characters) and j + b < len(folded) and characters[i + a] == folded[j + b][0]

    if equal(0, 0):
        return 1, 1
    for total in range(1, 2 * _REACH):
        # As many on both sides first: most changes are of one character into one.
        for a in sorted(range(max(0, total - _REACH), min(total, _REACH) + 1), key=lambda a: abs(total - 2 * a)):
            b = total - a
            both_end = i + a == len(characters) and j + b == len(folded)
            if both_end or (equal(a, b) and (equal(a + 1, b + 1) or i + a + 1 == len(characters))):
                return a, b
    return 1, min(1, len(folded) - j)
