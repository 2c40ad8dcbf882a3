"""One vocabulary in the words of another: which old pieces a new piece is made of; and a part of a vocabulary."""

import json
from collections import Counter
from itertools import combinations, islice

import tokenizers

from keras_bert_suite.errors import InputError

WITHIN = "##"  # what WordPiece writes before a piece within a word
_BATCH = 1000  # texts that are encoded at a time
_ROLES = ("pad_id", "unknown_id", "cls_id", "sep_id", "mask_id")


def cuts(new, old):
    """The old pieces that each new piece is made of.

    A piece that both have is itself, and a special piece that of the same role, whatever their ids. Any other is what
    the old tokenizer cuts its text into; a piece within a word (`##ology`) into pieces within words, where they
    suffice.

    Args:
        new: a `Tokenizer`.
        old: a `Tokenizer` of the same kind.

    Returns:
        For each new id a list of old ids.

    Raises:
        InputError: the two are of different kinds.
    """
    if new.kind != old.kind or new.kind in ("xlm", "other"):
        raise InputError(
            f"The new vocabulary is of the kind {new.kind}, the old one of {old.kind}; expected the same of both, "
            "WordPiece, byte-level BPE or SentencePiece."
        )
    ids = {piece: i for i, piece in enumerate(old.vocabulary)}
    model = old._tokenizer.model
    within = _within(old) if old.kind == "wordpiece" else None

    def cut(piece):
        found = []
        if within is not None and piece.startswith(WITHIN):
            piece = piece.removeprefix(WITHIN)
            found = [token.id for token in within.tokenize(piece)]
        if not found or old.unknown_id in found:
            found = [token.id for token in model.tokenize(piece)]
        return found or [old.unknown_id]

    found = [[ids[piece]] if piece in ids else cut(piece) for piece in new.vocabulary]
    for role in _ROLES:
        place, theirs = getattr(new, role), getattr(old, role)
        if place is not None and theirs is not None:
            found[place] = [theirs]
    return found


def _within(old):
    """A model that cuts a text as the old tokenizer does the rest of a word."""
    pieces = enumerate(old.vocabulary)
    inner = {piece.removeprefix(WITHIN): i for i, piece in pieces if piece.startswith(WITHIN) and piece != WITHIN}
    unknown = old.vocabulary[old.unknown_id]
    return tokenizers.models.WordPiece(
        {**inner, unknown: old.unknown_id}, unk_token=unknown, continuing_subword_prefix=""
    )


def pruned(old, texts, keep=(), min_count=1):
    """A tokenizer with those pieces alone that texts are made of, and what keeps other texts from being unknown.

    Special pieces stay, and pieces of one character, within words as at their beginning; pieces with a character that
    has none of its own; and what longer pieces are merged from. So a text is cut as before where all of its pieces
    are left, and into shorter pieces where they are not.

    Args:
        old: a `Tokenizer` of WordPiece, BPE or Unigram.
        texts: strings.
        keep: further strings whose pieces stay, or pieces, however rare they are.
        min_count: how often a piece is in the texts at least.

    Returns:
        A `Tokenizer` whose pieces have the order of the old ones.

    Raises:
        InputError: the vocabulary is of another kind.
    """
    state = json.loads(old._tokenizer.to_str()) if old.kind != "xlm" else {"model": {"type": "XLM"}}
    kind = state["model"].get("type", "WordPiece")
    if kind not in _NEEDED or old.kind == "other":
        raise InputError(f"The vocabulary is of the kind {old.kind} ({kind}); expected WordPiece, BPE or Unigram.")
    ids = {piece: i for i, piece in enumerate(old.vocabulary) if piece is not None}
    counts, unknown = _used(old, texts)
    more, more_unknown = _used(old, keep)
    kept = {old.vocabulary[i] for i, count in counts.items() if count >= min_count}
    kept |= {old.vocabulary[i] for i in more} | ids.keys() & set(keep)
    kept |= {token.content for token in old._tokenizer.get_added_tokens_decoder().values()}
    kept = _NEEDED[kind](state["model"], kept, unknown | more_unknown)
    places = {piece: place for place, piece in enumerate(sorted(kept, key=ids.get))}
    files = {"tokenizer.json": json.dumps(_moved(state, places), ensure_ascii=False)}
    return type(old).from_files({"tokenizer_config.json": old.files()["tokenizer_config.json"], **files})


def batches(texts):
    """Texts in lists of so many as are encoded at a time."""
    texts = iter(texts)
    while batch := list(islice(texts, _BATCH)):
        yield batch


def _used(old, texts):
    """How often each id is in texts, and the words that are unknown, as the model is given them."""
    counts, unknown = Counter(), set()
    normalizer = old._tokenizer.normalizer
    for batch in batches(texts):
        for text, encoding in zip(batch, old.encode_batch(batch), strict=True):
            counts.update(encoding.ids)
            if old.unknown_id in encoding.ids:
                spans = zip(encoding.ids, encoding.offsets, strict=True)
                unknown |= {text[start:end] for i, (start, end) in spans if i == old.unknown_id}
    return counts, {word if normalizer is None else normalizer.normalize_str(word) for word in unknown}


def _of_wordpiece(model, kept, unknown):
    """With these pieces those that WordPiece needs."""
    pieces = model["vocab"].keys()

    def alone(piece):
        begin, rest = piece[:1], piece[1:]
        if piece.startswith(WITHIN) and piece != WITHIN:
            begin, rest = "", piece.removeprefix(WITHIN)
        return {begin, *(WITHIN + character for character in rest)} - {""}

    kept = kept | {piece for piece in pieces if alone(piece) == {piece} or not alone(piece) <= pieces}
    for word in unknown:
        # Where the longest piece led to nothing, a shorter one might not: the word would be known of a sudden.
        parts = {word[start:end] for start, end in combinations(range(len(word) + 1), 2)}
        kept |= pieces & (parts | {WITHIN + part for part in parts})
    return kept


def _of_bpe(model, kept, unknown):
    """With these pieces those that they are merged from, and those that nothing is merged to."""
    made = {}
    for a, b in model["merges"]:
        made.setdefault(a + b, []).append((a, b))
    kept, wanted = kept | {piece for piece in model["vocab"] if piece not in made}, list(kept)
    while wanted:
        parts = {part for pair in made.get(wanted.pop(), ()) for part in pair} - kept
        kept |= parts
        wanted += parts
    return kept


def _of_unigram(model, kept, unknown):
    """With these pieces those of one character, and those that have no others to be spelled with."""
    pieces = [piece for piece, _ in model["vocab"]]
    characters = {piece for piece in pieces if len(piece) == 1}
    bytes_ = {f"<0x{i:02X}>" for i in range(256)} if model.get("byte_fallback") else set()
    return kept | {piece for piece in pieces if len(piece) == 1 or piece in bytes_ or not set(piece) <= characters}


_NEEDED = {"WordPiece": _of_wordpiece, "BPE": _of_bpe, "Unigram": _of_unigram}


def _moved(state, places):
    """What a `tokenizer.json` holds with those pieces alone that have a place."""
    model, unknown = state["model"], {}
    if isinstance(model["vocab"], dict):
        vocab = {piece: place for piece, place in places.items() if piece in model["vocab"]}
    else:
        vocab = [[piece, score] for piece, score in model["vocab"] if piece in places]
        unknown = {"unk_id": places[model["vocab"][model["unk_id"]][0]]}
    merges = {}
    if "merges" in model:
        merges = {"merges": [[a, b] for a, b in model["merges"] if {a, b, a + b} <= places.keys()]}
    added = [{**token, "id": places[token["content"]]} for token in state["added_tokens"]]
    return {
        **state,
        "model": {**model, "vocab": vocab, **unknown, **merges},
        "added_tokens": added,
        "post_processor": _moved_frame(state["post_processor"], places),
    }


def _moved_frame(processor, places):
    """A step that frames texts, with the ids of other places."""
    if processor is None:
        return None
    moved = dict(processor)
    for role in {"sep", "cls"} & processor.keys():
        moved[role] = [processor[role][0], places[processor[role][0]]]
    if "processors" in processor:
        moved["processors"] = [_moved_frame(step, places) for step in processor["processors"]]
    if "special_tokens" in processor:
        moved["special_tokens"] = {
            name: {**about, "ids": [places[piece] for piece in about["tokens"]]}
            for name, about in processor["special_tokens"].items()
        }
    return moved
