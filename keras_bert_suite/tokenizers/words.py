"""Which word of its text a token belongs to, by one rule for every kind of tokenizer."""

import re
import unicodedata

_CJK = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ceaf\U0002f800-\U0002fa1f]")


def number_words(found, texts):
    """The numbers of the words of an encoding's tokens; None for special tokens.

    Byte-level and SentencePiece pieces end words at spaces, some at punctuation; here all words end as BERT's do, at
    spaces, at punctuation and around CJK characters, so that a tag on a word means the same for every family.

    Args:
        found: the library's encoding.
        texts: the one or two texts.
    """
    words, last, number = [], None, -1
    for sequence, word, (start, end) in zip(found.sequence_ids, found.word_ids, found.offsets, strict=True):
        if sequence is None or word is None:
            words.append(None)
            continue
        if last is None or sequence != last[0]:
            number = 0
        elif word != last[1] or _part(texts[sequence], last[2], start):
            number += 1
        words.append(number)
        last = sequence, word, end
    return words


def _part(text, end, start):
    """Whether a word ends between a piece that ends at `end` and the next, which begins at `start`."""
    return start >= end and any(
        is_word(character) for character in text[max(end - 1, 0) : end] + text[start : start + 1]
    )


def is_word(character):
    """Whether a character is a word of its own."""
    if character.isascii():
        return not character.isalnum() and not character.isspace() and character.isprintable()
    return unicodedata.category(character).startswith("P") or _CJK.match(character) is not None
