"""Files of commands to examples of joint intent and slots: `{"text", "words", "entities", "label"}`."""

from pathlib import Path

from keras_bert_suite.data.readers import from_words, has_objects, lines_of, objects, read_token_classification
from keras_bert_suite.errors import InputError


def read_intent_slots(path):
    """The examples of a file.

    Args:
        path: `.jsonl` with `{"text", "label" or "intent", "entities": [{"start", "end", "label"}]}` or `{"tokens",
            "tags", "intent"}`; or the words of three parallel files, `NAME.seq.in` beside `NAME.seq.out` (tags) and
            `NAME.label` (intents), as SNIPS and ATIS come.

    Raises:
        InputError: a file is missing or empty, or a line of it is not whole; with its line number.
    """
    path = Path(path)
    if has_objects(path):
        intents = [row.get("label", row.get("intent")) for _, row in objects(path)]
        examples = read_token_classification(path)
        missing = next((i for i, intent in enumerate(intents, 1) if not isinstance(intent, str)), None)
        if missing:
            raise InputError(f"{path} example {missing} has no label: expected the intent under label or intent.")
        return [{**example, "label": intent} for example, intent in zip(examples, intents, strict=True)]
    if not path.name.endswith(".seq.in"):
        raise InputError(f"{path}: expected .jsonl, or NAME.seq.in beside NAME.seq.out and NAME.label.")
    stem = str(path).removesuffix(".seq.in")
    lines = [lines_of(Path(stem + part)) for part in (".seq.in", ".seq.out", ".label")]
    if len({len(part) for part in lines}) > 1 or not lines[0]:
        raise InputError(f"{stem}: .seq.in, .seq.out and .label have {', '.join(str(len(x)) for x in lines)} lines.")
    examples = []
    for number, (words, tags, intent) in enumerate(zip(*lines, strict=True), 1):
        words, tags = words.split(), tags.split()
        if len(words) != len(tags) or not words:
            raise InputError(f"{path} line {number}: {len(words)} words, {len(tags)} tags.")
        examples.append({**from_words(words, tags), "label": intent.strip()})
    return examples
