"""SQuAD files to examples of question answering.

An example is `{"id", "text", "pair", "answers"}`: the question, the passage, and a list of `(text, start)`, characters
of the passage; an empty list where the passage has no answer.
"""

import json
from pathlib import Path

from keras_bert_suite.data.readers import has_objects, objects, text_of
from keras_bert_suite.errors import InputError


def read_squad(path):
    """The examples of a file.

    Args:
        path: SQuAD's `.json`, 1.1 or 2.0, or `.jsonl` with `{"question", "context", "answers": {"text": [...],
            "answer_start": [...]}}` a line.

    Raises:
        InputError: the file is missing, empty or broken, or an answer is not where it is said to be.
    """
    path = Path(path)
    examples = list(_lines(path) if has_objects(path) else _articles(path))
    if not examples:
        raise InputError(f"{path} holds no questions.")
    for example in examples:
        for text, start in example["answers"]:
            if example["pair"][start : start + len(text)] != text:
                raise InputError(
                    f"{path}: the answer {text[:40]!r} of question {example['id']} is not at character {start} of "
                    "its passage."
                )
    return examples


def _articles(path):
    try:
        articles = json.loads(text_of(path))["data"]
        for article in articles:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    answers = [] if question.get("is_impossible") else question.get("answers", [])
                    yield _example(
                        question["id"],
                        question["question"],
                        paragraph["context"],
                        [(answer["text"], answer["answer_start"]) for answer in answers],
                    )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is no SQuAD file ({type(error).__name__}: {error}); expected data, paragraphs, context, qas."
        ) from None


def _lines(path):
    for number, row in objects(path):
        try:
            answers = row.get("answers") or {"text": [], "answer_start": []}
            spans = list(zip(answers["text"], answers["answer_start"], strict=True))
            yield _example(row.get("id", str(number)), row["question"], row["context"], spans)
        except (KeyError, TypeError, ValueError):
            raise InputError(
                f'{path} line {number}: expected question, context and answers {{"text": [], "answer_start": []}}.'
            ) from None


def _example(name, question, passage, answers):
    return {"id": str(name), "text": question, "pair": passage, "answers": answers}
