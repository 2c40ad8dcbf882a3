"""A vocabulary for the domain that a pre-trained encoder is to be trained on further, and an encoder that reads it."""

from keras_bert_suite.checkpoints import presets, vocabulary
from keras_bert_suite.encoders.encoder import family_of
from keras_bert_suite.errors import InputError
from keras_bert_suite.tokenizers import Tokenizer, training, vocabularies


def with_vocabulary(base, texts, folder, size=None, add=None, min_frequency=2, limit_alphabet=None, **shown):
    """Trains a vocabulary on texts of a domain, and writes a pre-trained encoder that begins with it.

    SciBERT (Beltagy et al. 2019, https://arxiv.org/abs/1903.10676) was trained anew for a vocabulary of its own. Here
    the rows of pieces that both vocabularies have stay, and each new row begins as the mean of the rows of the pieces
    that the old tokenizer makes of it; so does the bias of a masked-LM head. Special pieces keep their rows.

    Args:
        base: an encoder, our own folder or Hugging Face's; see `Encoder.from_preset`.
        texts: strings, in something that can be gone through more than once: a list, or `training.Lines`.
        folder: the folder to write.
        size: pieces at most; None for as many as the old vocabulary has.
        add: pieces to add at most, while all old ones stay (of WordPiece alone); None for a new vocabulary.
        min_frequency: see `tokenizers.training.wordpiece`.
        limit_alphabet: the same, of a new vocabulary alone.
        **shown: `show_progress`, whether to show it, on standard error.

    Returns:
        The new `Tokenizer`, and a dict: `pieces`, `shared` (with the old vocabulary), `rows_per_new_piece` (the mean
        number of old rows that a new one is made of).

    Raises:
        InputError: the checkpoint or its vocabulary is of a form that is not known here, or does not go with what is
            asked.
    """
    source, old = presets.open_source(base), Tokenizer.from_preset(base)
    vocabulary.check_form(source)
    if add is None:
        new = training.like(old, texts, size or old.vocab_size, min_frequency, limit_alphabet, **shown)
    elif size is None and limit_alphabet is None:
        new = training.extended(old, texts, add, min_frequency, **shown)
    else:
        raise InputError("Received add with size or limit_alphabet; expected it alone, as the old pieces all stay.")
    cuts = vocabularies.cuts(new, old)
    vocabulary.write(source, family_of(source), cuts, new, folder)
    known = set(old.vocabulary)
    made = [len(cut) for piece, cut in zip(new.vocabulary, cuts, strict=True) if piece not in known]
    shared = new.vocab_size - len(made)
    return new, {"pieces": new.vocab_size, "shared": shared, "rows_per_new_piece": sum(made) / max(len(made), 1)}
