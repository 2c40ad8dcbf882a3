"""Files of questions with several answers to examples of multiple choice.

An example is `{"text", "pair", "choices", "label"}`: the passage or first sentence, the question or the beginning of
the second sentence (None where there is none), the choices, and the number of the right one, from 0.
"""

from pathlib import Path

from keras_bert_suite.data.readers import has_objects, objects, table_rows
from keras_bert_suite.errors import InputError


def read_multiple_choice(path):
    """The examples of a file.

    Args:
        path: SWAG's `.csv` (`sent1 sent2 ending0 ... label`; `startphrase` is not read), or `.jsonl` with
            `{"context", "question", "choices", "label"}` or `{"context", "questions": [{"question", "choices",
            "label"}]}` a line.

    Raises:
        InputError: the file is missing, empty, or a row of it is not whole; with its line number.
    """
    path = Path(path)
    examples = list(_examples(path))
    if not examples:
        raise InputError(f"{path} holds no examples.")
    return examples


def _examples(path):
    for number, row in objects(path) if has_objects(path) else table_rows(path, None, ("sent1",)):
        where = f"{path} line {number}"
        if "sent1" in row:
            if "sent2" not in row:
                raise InputError(f"{where}: expected sent1, sent2, ending0, ... and label.")
            choices = [row[name] for name in sorted(name for name in row if name.startswith("ending"))]
            yield _example(where, row["sent1"], row["sent2"], choices, row.get("label"))
            continue
        text = row.get("context", row.get("text", row.get("article")))
        for question in row.get("questions", [row]):
            if not isinstance(question, dict) or not isinstance(text, str):
                raise InputError(f"{where}: expected context, question, choices and label.")
            choices = question.get("choices", question.get("options"))
            yield _example(where, text, question.get("question"), choices, question.get("label"))


def _example(where, text, pair, choices, label):
    if not isinstance(choices, list) or len(choices) < 2:
        raise InputError(f"{where} has {choices!r:.60} for choices; expected two or more.")
    if label is not None:
        if not str(label).isdigit() or int(label) >= len(choices):
            raise InputError(f"{where} has the label {label!r}; expected 0 to {len(choices) - 1}.")
        label = int(label)
    return {"text": text, "pair": pair, "choices": tuple(choices), "label": label}
