"""A part of a vocabulary: it cuts its texts as before, and knows what was known."""

import pytest

from keras_bert_suite import InputError, Tokenizer
from keras_bert_suite.tokenizers import training, vocabularies
from keras_bert_suite.tokenizers.tokenizer import SPECIAL_TOKENS

TEXTS = ["the cells in the protein", "a protein of the cells binds, 7 times"]
OTHER = ["keratinocytes bind to proteins in a cell", "the times of old", "a text that is none of these"]


def tokens(tokenizer, texts):
    return [encoding.tokens for encoding in tokenizer.encode_batch(texts)]


@pytest.mark.parametrize("train", [training.wordpiece, training.byte_bpe, training.unigram])
def test_texts_are_cut_as_before(train):
    old = train((TEXTS + OTHER) * 3, 400)
    new = vocabularies.pruned(old, TEXTS)
    assert new.kind == old.kind and new.vocab_size < old.vocab_size
    assert tokens(new, TEXTS) == tokens(old, TEXTS)
    assert new.vocabulary == [piece for piece in old.vocabulary if piece in set(new.vocabulary)]
    assert tokens(new, OTHER) != tokens(old, OTHER)
    for tokenizer in (old, new):
        assert tokenizer.vocabulary[tokenizer.unknown_id] not in sum(tokens(tokenizer, OTHER), [])
    roles = ("pad_id", "unknown_id", "cls_id", "sep_id", "mask_id")
    for role in roles:
        assert new.vocabulary[getattr(new, role)] == old.vocabulary[getattr(old, role)]
    # All that is said of a tokenizer goes through its files.
    again = Tokenizer.from_files(new.files())
    assert tokens(again, TEXTS + OTHER) == tokens(new, TEXTS + OTHER)
    ids = {piece: i for i, piece in enumerate(new.vocabulary)}
    for encoding in new.encode_batch(OTHER, TEXTS + OTHER[:1]):
        assert encoding.ids == [ids[token] for token in encoding.tokens]


def test_what_is_kept():
    alphabet = ["a", "b", "c", "##a", "##b", "##c", "é"]
    # Twice in the texts; once; asked for as a text and as a piece; with a character that has no piece of its own,
    # at all or within words; and with one that has.
    pieces = ["ab", "abc", "cab", "##bc", "ax", "aé", "éa"]
    old = Tokenizer([*SPECIAL_TOKENS, *alphabet, *pieces, "##cc"], strip_accents=False)
    new = vocabularies.pruned(old, ["ab abc", "ab"], keep=["cabbc", "##cc"], min_count=2)
    assert new.vocabulary == [*SPECIAL_TOKENS, *alphabet, "ab", "cab", "##bc", "ax", "aé", "##cc"]
    assert tokens(new, ["abc éa"]) == [["[CLS]", "ab", "##c", "é", "##a", "[SEP]"]]
    assert new.settings == old.settings


def test_an_unknown_word_stays_unknown():
    # The longest piece `abc` leads to nothing, so that the word is unknown; without it `ab ##cd` would be found.
    old = Tokenizer([*SPECIAL_TOKENS, "abc", "ab", "##cd", "a", "b", "c", "d", "##a", "##b", "##c"])
    assert tokens(old, ["abcd ab"]) == [["[CLS]", "[UNK]", "ab", "[SEP]"]]
    assert tokens(vocabularies.pruned(old, ["abcd ab"]), ["abcd ab"]) == tokens(old, ["abcd ab"])


def test_kinds_that_are_not_cut():
    old = Tokenizer([*SPECIAL_TOKENS, "a"])
    old.kind = "xlm"
    with pytest.raises(InputError, match="of the kind xlm .* expected WordPiece, BPE or Unigram"):
        vocabularies.pruned(old, ["a"])
