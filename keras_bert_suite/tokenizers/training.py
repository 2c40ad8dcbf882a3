"""Trains vocabularies, through the `tokenizers` library: the same text and settings give the same bytes.

The library's trainers keep words in hash maps whose order differs from run to run. Where that order decides, it is
taken from them here: WordPiece is told its alphabet, at the start of words and within, in the order of code points, so
that pairs of equal count are merged in one order; Unigram's scores, sums of floats in any order, are rounded.
Byte-level BPE needs neither. How many threads the library takes changes nothing.
"""

import inspect
import json
from collections import Counter
from itertools import accumulate, pairwise
from pathlib import Path

import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, trainers
from tqdm import tqdm

from keras_bert_suite.errors import InputError
from keras_bert_suite.tokenizers import byte_bpe as byte_level
from keras_bert_suite.tokenizers import parts, sentencepiece, vocabularies
from keras_bert_suite.tokenizers import wordpiece as word_pieces
from keras_bert_suite.tokenizers.tokenizer import Tokenizer, clean

# Digits behind the point of Unigram's scores: runs differ by 4e-11, measured, where no character is left out.
_DIGITS = 4
# What the library adds to the score of each character that training has left out, one after another.
_STEP = 1e-4


class Lines:
    """The lines of text files, read anew each time they are asked for; some are held out.

    Args:
        paths: the files, UTF-8.
        held_out: of so many lines that are not blank, the last is held out; 0 for none.

    Raises:
        InputError: a file cannot be read, or is no text.
    """

    def __init__(self, paths, held_out=0):
        self.paths, self.every = [Path(path) for path in paths], held_out

    def __iter__(self):
        return self._lines(False)

    def held_out(self):
        """The lines that are held out."""
        return self._lines(True)

    def _lines(self, held_out):
        number = 0
        for path in self.paths:
            try:
                with open(path, encoding="utf-8-sig", errors="replace", newline="\n") as file:
                    for line in file:
                        if "\0" in line:
                            raise InputError(f"{path} holds a zero byte; expected a text file, UTF-8.")
                        number += bool(line.strip())
                        if (self.every > 0 and number % self.every == 0 and bool(line.strip())) == held_out:
                            yield line.rstrip("\r\n")
            except OSError as error:
                raise InputError(f"{path} cannot be read: {error.strerror}.") from None


def wordpiece(
    texts,
    size=8000,
    lowercase=True,
    strip_accents=None,
    split_chinese=True,
    family="bert",
    min_frequency=2,
    limit_alphabet=None,
    special=None,
    show_progress=False,
):
    """A WordPiece tokenizer whose vocabulary is trained.

    The pieces are those of BPE, the most frequent pair merged first: Sennrich et al. 2016,
    https://arxiv.org/abs/1508.07909

    Args:
        texts: strings, in something that can be gone through more than once: a list, or `Lines`.
        size: pieces at most.
        lowercase: whether to lower the case.
        strip_accents: whether to drop accents; None for as `lowercase` says.
        split_chinese: whether each CJK character is a word, BERT's rule.
        family: whose special pieces and pairs: `bert`, `mpnet` or `funnel`.
        min_frequency: how often a pair is seen at least to be merged.
        limit_alphabet: characters at most, the most frequent ones; None for those that are seen `min_frequency`
            times, and no more than there is room for.
        special: the special pieces in the order of their ids; None for the family's order.
        show_progress: whether to show it, on standard error.

    Returns:
        A `Tokenizer`.

    Raises:
        InputError: there is no text, no such family, or no room for the alphabet.
    """
    special = special or _special(_known(family, word_pieces.CONVENTIONS))
    normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=split_chinese, strip_accents=strip_accents, lowercase=lowercase
    )
    engine = tokenizers.Tokenizer(models.WordPiece(unk_token=special[0]))
    engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    counts, pairs = _count(texts, normalizer, show_progress)
    # What is no space, and of that what goes on a word rather than be one.
    counts = {c: n for c, n in counts.items() if engine.pre_tokenizer.pre_tokenize_str(c)}
    joins = {c for c in counts if len(engine.pre_tokenizer.pre_tokenize_str("a" + c)) == 1}
    within = {b for a, b in pairs if a in joins and b in joins}
    alphabet = _alphabet(counts, size - len(special), min_frequency, limit_alphabet, within)
    behind = [vocabularies.WITHIN + c for c in alphabet if c in within]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=min_frequency,
        special_tokens=[*special, *behind],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=show_progress,
    )
    engine.train_from_iterator(_normalized(texts, normalizer), trainer)
    ids = engine.get_vocab()
    first = [*special, *alphabet, *behind]
    merged = sorted(ids.keys() - set(first), key=ids.get)
    return Tokenizer([*first, *merged], lowercase, strip_accents, split_chinese, convention=family)


def byte_bpe(texts, size=8000, family="roberta", min_frequency=2, special=None, show_progress=False):
    """A tokenizer of byte-level BPE whose vocabulary is trained.

    Radford et al. 2019; it keeps the case and knows every text.

    Args:
        texts: as for `wordpiece`.
        size: pieces at most; 256 of them are the bytes.
        family: whose special pieces and pairs: `roberta`, `deberta` or `gpt2`.
        min_frequency: how often a pair is seen at least to be merged.
        special: the special pieces in the order of their ids; None for the family's order.
        show_progress: whether to show it, on standard error.

    Returns:
        A `Tokenizer`.

    Raises:
        InputError: there is no text, no such family, or no room for the bytes.
    """
    special = special or _special(_known(family, byte_level.CONVENTIONS))
    engine = tokenizers.Tokenizer(models.BPE())
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model = _merge_bytes(texts, size, engine, special, min_frequency, show_progress)
    files = {
        "vocab.json": json.dumps(model["vocab"], ensure_ascii=False),
        "merges.txt": "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in model["merges"]),
        "config.json": json.dumps({"model_type": family}),
    }
    return Tokenizer.from_files(files)


def _merge_bytes(texts, size, engine, special, min_frequency, show_progress):
    """Trains the model of an engine that has its steps; gives what its file says of the model."""
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    _check_room(size - len(special), len(alphabet))
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=min_frequency,
        special_tokens=special,
        initial_alphabet=alphabet,
        show_progress=show_progress,
    )
    engine.train_from_iterator(map(clean, texts), trainer)
    model = json.loads(engine.to_str())["model"]
    if not model["merges"]:
        raise InputError(f"No pair of characters is in the text {min_frequency} times; expected more text.")
    return model


def unigram(
    texts,
    size=8000,
    lowercase=None,
    strip_accents=None,
    family="albert",
    limit_alphabet=None,
    show_progress=False,
):
    """A Unigram tokenizer, of SentencePiece's kind, whose vocabulary is trained.

    Kudo 2018, https://arxiv.org/abs/1804.10959

    Args:
        texts: as for `wordpiece`.
        size: pieces at most.
        lowercase: whether to lower the case; None for as the family does.
        strip_accents: whether to drop accents and the like, by Unicode's NFKD; None for as the family does.
        family: whose special pieces, pairs and spaces: `albert`, `fnet`, `xlnet`, `xlm-roberta`, `camembert` or
            `deberta-v2`.
        limit_alphabet: characters at most, the most frequent ones; None for those that are seen twice, and no more
            than there is room for.
        show_progress: whether to show it, on standard error.

    Returns:
        A `Tokenizer`.

    Raises:
        InputError: there is no text, no such family or setting, or no room for the alphabet.
    """
    kind = _known(family, sentencepiece.FAMILIES)
    if lowercase and kind.lowercase is None:
        raise InputError(f"The family {family} keeps the case of letters; expected lowercase=False, or none.")
    if strip_accents and not kind.preprocess:
        raise InputError(f"The family {family} keeps accents; expected strip_accents=False, or none.")
    engine = tokenizers.Tokenizer(models.Unigram())
    lowercase = bool(kind.lowercase if lowercase is None else lowercase)
    sentencepiece.set_steps(engine, kind, lowercase, keep_accents=strip_accents is False)
    return _unigram(texts, size, engine, kind.frame, _special(kind.frame), limit_alphabet, show_progress)


def _unigram(texts, size, engine, frame, special, limit_alphabet, show_progress):
    """The tokenizer of an engine that has its steps, and no vocabulary."""
    normalizer, unknown = engine.normalizer, frame.special["unknown"]
    counts, _ = _count(texts, normalizer, show_progress)
    counts = {c: n for c, n in counts.items() if not c.isspace()}
    alphabet = _alphabet(counts, size - len(special), 2, limit_alphabet)
    rare = dict.fromkeys(map(ord, counts.keys() - set(alphabet)), " ")
    engine.normalizer = normalizers.Replace(tokenizers.Regex(" {2,}"), " ")
    trainer = trainers.UnigramTrainer(
        vocab_size=size - len(special) + 1, unk_token=unknown, special_tokens=[], show_progress=show_progress
    )
    engine.train_from_iterator((text.translate(rare) for text in _normalized(texts, normalizer)), trainer)
    scores = dict(json.loads(engine.to_str())["model"]["vocab"])
    scores = _settled({piece: score for piece, score in scores.items() if piece not in special})
    vocabulary = [*((piece, 0.0) for piece in special), *sorted(scores.items(), key=lambda item: (-item[1], item[0]))]
    engine.model = models.Unigram(vocabulary, unk_id=special.index(unknown))
    engine.normalizer = normalizer
    return _framed(engine, frame)


def _framed(engine, frame):
    """The tokenizer of an engine that has all but its frame."""
    frame.apply(engine)
    config = {parts.ROLES[role]: piece for role, piece in frame.special.items()}
    config |= {"do_lower_case": parts.lowercases(engine), "padding_side": frame.padding_side}
    return Tokenizer.from_files({"tokenizer.json": engine.to_str(), "tokenizer_config.json": json.dumps(config)})


def _settled(scores):
    """Scores without what differs from run to run: last digits, and the order of characters that were left out."""
    scores = {piece: round(score, _DIGITS) for piece, score in scores.items()}
    characters = [piece for piece in scores if len(piece) == 1]
    least = min(scores.values())
    left_out = least + (len(characters) + 1) * _STEP
    return {**scores, **{c: least for c in characters if scores[c] < left_out}}


KINDS = {"wordpiece": wordpiece, "bpe": byte_bpe, "unigram": unigram}


def train(kind, texts, **settings):
    """A tokenizer of a kind whose vocabulary is trained.

    Args:
        kind: one of `KINDS`.
        texts: as for `wordpiece`.
        **settings: arguments of the kind's function.

    Raises:
        InputError: the kind has no such setting, or what its function raises.
    """
    known = list(inspect.signature(KINDS[kind]).parameters)[1:]
    wrong = [name for name in settings if name not in known]
    if wrong:
        shown = [name for name in known if name not in ("special", "show_progress")]
        raise InputError(f"{kind} has no setting {wrong[0]}; it has {', '.join(shown)}.")
    return KINDS[kind](texts, **settings)


def like(base, texts, size=8000, min_frequency=2, limit_alphabet=None, show_progress=False):
    """A tokenizer of the kind and the settings of another, whose vocabulary is trained anew.

    Args:
        base: a `Tokenizer` of WordPiece, byte-level BPE or Unigram.
        texts: as for `wordpiece`.
        size: pieces at most.
        min_frequency: as for `wordpiece`; of no use to Unigram.
        limit_alphabet: as for `wordpiece`; of no use to byte-level BPE.
        show_progress: whether to show it, on standard error.

    Returns:
        A `Tokenizer`, its special pieces in the order of the other's.

    Raises:
        InputError: the base is of another kind.
    """
    engine = base._tokenizer
    model = json.loads(engine.to_str())["model"].get("type", "WordPiece")
    known = {
        "wordpiece": word_pieces.CONVENTIONS,
        "byte_bpe": byte_level.CONVENTIONS,
        "sentencepiece": {name: family.frame for name, family in sentencepiece.FAMILIES.items()},
    }.get(base.kind if base.kind != "sentencepiece" or model == "Unigram" else None, {})
    name = base.settings.get("convention") or next(
        (name for name, frame in known.items() if frame.special == base._parts.special), None
    )
    if name not in known:
        raise InputError(
            f"The vocabulary is of the kind {base.kind} ({model}) with the special pieces "
            f"{', '.join(base._parts.special.values())}; expected WordPiece, byte-level BPE or Unigram of a known "
            "family."
        )
    frame = known[name]
    pieces = [piece for piece in _special(frame, frame.more) if engine.token_to_id(piece) is not None]
    common = {"special": sorted(pieces, key=engine.token_to_id), "show_progress": show_progress}
    new = tokenizers.Tokenizer(models.Unigram() if model == "Unigram" else models.BPE())
    new.normalizer, new.pre_tokenizer, new.decoder = engine.normalizer, engine.pre_tokenizer, engine.decoder
    if base.kind == "byte_bpe":
        cut = engine.pre_tokenizer
        plain = isinstance(cut, pre_tokenizers.ByteLevel) and cut.use_regex and not cut.add_prefix_space
        if plain and engine.normalizer is None:
            return byte_bpe(texts, size, name, min_frequency, **common)
        # Those with further steps, as ModernBERT's.
        _merge_bytes(texts, size, new, min_frequency=min_frequency, **common)
        return _framed(new, frame)
    common["limit_alphabet"] = limit_alphabet
    if base.kind == "wordpiece":
        kept = {key: base.settings[key] for key in ("lowercase", "strip_accents", "split_chinese")}
        return wordpiece(texts, size, family=name, min_frequency=min_frequency, **kept, **common)
    return _unigram(texts, size, new, frame, **common)


def extended(base, texts, count, min_frequency=2, show_progress=False):
    """A WordPiece tokenizer with further pieces behind those that it has: the ones that save most in these texts.

    Of the pieces of a vocabulary as large that is trained on the texts, those come first that stand for most pieces
    of the old vocabulary, all times that they are used taken together.

    Args:
        base: a `Tokenizer` of WordPiece.
        texts: as for `wordpiece`.
        count: pieces to add at most.
        min_frequency: as for `wordpiece`.
        show_progress: whether to show it, on standard error.

    Raises:
        InputError: the base is of another kind.
    """
    if base.kind != "wordpiece":
        raise InputError(f"Pieces are added to WordPiece alone; the vocabulary is of the kind {base.kind}.")
    trained = like(base, texts, base.vocab_size + count, min_frequency, show_progress=show_progress)
    known = set(base.vocabulary)
    whole = Tokenizer([*base.vocabulary, *(p for p in trained.vocabulary if p not in known)], **base.settings)
    uses = Counter()
    for batch in vocabularies.batches(tqdm(texts, disable=not show_progress, leave=False)):
        uses.update(i for encoding in whole.encode_batch(batch) for i in encoding.ids)
    cuts = vocabularies.cuts(whole, base)
    # An unknown piece says nothing of its text: to know it saves as much as a piece.
    saved = {
        whole.vocabulary[i]: uses[i] * (len(cuts[i]) - 1 + (base.unknown_id in cuts[i]))
        for i in range(base.vocab_size, whole.vocab_size)
    }
    best = sorted((piece for piece in saved if saved[piece]), key=lambda piece: (-saved[piece], piece))
    return Tokenizer([*base.vocabulary, *best[:count]], **base.settings)


def coverage(tokenizer, texts):
    """How a tokenizer cuts texts.

    Args:
        tokenizer: a `Tokenizer`.
        texts: strings.

    Returns:
        A dict: `texts`, `words` (what spaces part), `pieces`, `unknown` (pieces), and their shares `pieces_per_word`,
        `characters_per_piece` (spaces left out) and `unknown_share`.
    """
    found = Counter(texts=0, words=0, pieces=0, unknown=0)
    characters = 0
    for batch in vocabularies.batches(texts):
        words = [word for text in batch for word in text.split()]
        characters += sum(map(len, words))
        found.update(texts=len(batch), words=len(words))
        for encoding in tokenizer.encode_batch(batch):
            own = [i for i, text in zip(encoding.ids, encoding.sequence_ids, strict=True) if text is not None]
            found.update(pieces=len(own), unknown=own.count(tokenizer.unknown_id))
    return {
        **found,
        "pieces_per_word": found["pieces"] / max(found["words"], 1),
        "characters_per_piece": characters / max(found["pieces"], 1),
        "unknown_share": found["unknown"] / max(found["pieces"], 1),
    }


def _known(family, families):
    if family not in families:
        raise InputError(f"Received family={family!r}; expected one of {', '.join(families)}.")
    return families[family]


def _special(frame, more=()):
    """The special pieces of a frame in the usual order of their ids: RoBERTa's padding is the second."""
    roles = ("cls", "pad", "sep", "unknown", "mask") if frame.special.get("cls") == "<s>" else tuple(frame.special)
    return list(dict.fromkeys([*(frame.special[role] for role in roles), *more]))


def _normalized(texts, normalizer):
    return (normalizer.normalize_str(clean(text)) for text in texts)


def _count(texts, normalizer, show_progress):
    """How often each character is in normalized texts, and which are side by side."""
    counts, pairs = Counter(), set()
    for text in tqdm(_normalized(texts, normalizer), "characters", disable=not show_progress, leave=False):
        counts.update(text)
        pairs.update(pairwise(text))
    return counts, pairs


def _alphabet(counts, room, min_frequency, limit, within=()):
    """The characters to keep, by code point: the most frequent, those of equal count by code point."""
    found = sorted(counts, key=lambda c: (-counts[c], c))
    if not found:
        raise InputError("There is no text to train on; expected some.")
    kept = [c for c in found if counts[c] >= min_frequency] if limit is None else found[:limit]
    if not kept:
        raise InputError(f"No character is in the text {min_frequency} times; expected more text.")
    taken = list(accumulate(1 + (c in within) for c in kept))
    if limit is None:
        kept = [c for c, size in zip(kept, taken, strict=True) if size < room]
    _check_room(room, taken[max(len(kept) - 1, 0)])
    return sorted(kept)


def _check_room(room, taken):
    if room <= taken:
        raise InputError(
            f"Beside the special pieces there is room for {max(room, 0)}, and the alphabet takes {taken}; give a "
            "larger size."
        )
