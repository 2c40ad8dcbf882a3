"""`tokenizer.json`: the whole tokenizer in one file, which is used as it is."""

import json

import tokenizers

from keras_bert_suite.errors import InputError
from keras_bert_suite.tokenizers import parts, sentencepiece, wordpiece


def build(files, stated):
    """The parts of a folder with `tokenizer.json`.

    Args:
        files: the `Files`.
        stated: what the user asks.

    Raises:
        InputError: the file is broken, or has no such setting.
    """
    what = f"{files.where}/tokenizer.json"
    engine, state = _read(files, what)
    made = wordpiece.from_engine(engine, state, files.family, stated)
    if made is not None:
        return made
    config = files.config
    named = {role: config[name] for role, name in parts.ROLES.items() if config.get(name)}
    special = {**parts.usual_special(engine.get_vocab()), **_framing(state.get("post_processor")), **named}
    matched = {token["content"] for token in state.get("added_tokens") or ()}
    parts.add_special(engine, {}, [piece for piece in named.values() if piece not in matched])
    family = sentencepiece.FAMILIES.get(files.family)
    settable = "do_lower_case" in config or (family is not None and family.lowercase is not None)
    engine = parts.with_settings(engine, stated, settable or parts.lowercases(engine), what)
    side = "right" if family is None else family.frame.padding_side
    return parts.Parts(
        kind=_kind(state),
        engine=engine,
        special={role: piece for role, piece in special.items() if engine.token_to_id(piece) is not None},
        settings={"lowercase": parts.lowercases(engine)},
        config={
            "tokenizer_class": "PreTrainedTokenizerFast",
            **({"do_lower_case": parts.lowercases(engine)} if settable else {}),
        },
        padding_side=config.get("padding_side", (state.get("padding") or {}).get("direction", side)).lower(),
    )


def _read(files, what):
    """The engine of the file, without the lengths that it may state, and what the file holds."""
    text = files.text("tokenizer.json")
    try:
        state = json.loads(text)
        engine = tokenizers.Tokenizer.from_str(text)
    except Exception as error:  # the library raises bare ones
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{what} is no whole tokenizer.json ({reason}).") from None
    engine.no_truncation()
    engine.no_padding()
    return engine, state


def _kind(state):
    steps = json.dumps(state.get("pre_tokenizer")) + json.dumps(state.get("normalizer"))
    if '"ByteLevel"' in steps:
        return "byte_bpe"
    return "sentencepiece" if '"Metaspace"' in steps or state["model"].get("type") == "Unigram" else "other"


def _framing(processor):
    """The special pieces that a processor puts before and after a text, as those of `cls` and `sep`."""
    steps = [step for step in (processor or {}).get("processors", [processor]) if step]
    for step in steps:
        if step["type"] in ("RobertaProcessing", "BertProcessing"):
            return {"cls": step["cls"][0], "sep": step["sep"][0]}
        if step["type"] == "TemplateProcessing":
            pieces = [part["SpecialToken"]["id"] if "SpecialToken" in part else None for part in step["single"]]
            before, after = pieces[: pieces.index(None)], pieces[pieces.index(None) + 1 :]
            # XLNet has both behind its text.
            cls = before[:1] or after[1:2]
            return {role: found[0] for role, found in (("cls", cls), ("sep", after[:1])) if found}
    return {}
