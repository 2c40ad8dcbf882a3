"""Scores to answers, in numpy alone: the same functions answer for a Keras model and on the device."""

import numpy as np


def decode(task, scores, encoding, text):
    """The answer to one text.

    Args:
        task: the task's config, a dict: `name`, `labels`, and for classification `problem`.
        scores: what the model gives for this text: `(labels,)`, or `(time, labels)` for token classification.
        encoding: the text's `Encoding`.
        text: the text.

    Returns:
        Classification: `{"label", "score", "scores"}`; with several labels `{"labels", "scores"}`; a number
        `{"value"}`. Token classification: `{"entities": [{"label", "text", "start", "end", "score"}]}`, characters
        of the text. With `"truncated": True` where the model did not read the text to its end.
    """
    if task["name"] == "token_classification":
        answer = {"entities": entities(scores, encoding, text, task["labels"])}
    else:
        answer = _classification(task, np.asarray(scores, "float64"))
    return {**answer, "truncated": True} if encoding.truncated else answer


def _classification(task, scores):
    if task["problem"] == "regression":
        return {"value": float(scores[0])}
    by_label = {label: float(score) for label, score in zip(task["labels"], scores, strict=True)}
    if task["problem"] == "multi_label":
        return {"labels": [label for label, score in by_label.items() if score >= 0.5], "scores": by_label}
    best = max(by_label, key=by_label.get)
    return {"label": best, "score": by_label[best], "scores": by_label}


def entities(scores, encoding, text, labels):
    """The entities of a text, from the tag of the first piece of each word.

    Args:
        scores: `(time, labels)`, probabilities.
        encoding: the text's `Encoding`.
        text: the text.
        labels: the tags, `O`, `B-X` and `I-X`.
    """
    found, open_label = [], None
    for first, last in words_of(encoding):
        best = int(np.argmax(scores[first]))
        prefix, _, label = labels[best].partition("-")
        start, end = encoding.offsets[first][0], encoding.offsets[last][1]
        # Pieces of some tokenizers begin with the space before the word.
        start += len(text[start:end]) - len(text[start:end].lstrip())
        if prefix == "O":
            open_label = None
            continue
        if prefix == "B" or label != open_label:
            found.append({"label": label, "start": start, "end": end, "scores": [float(scores[first][best])]})
        else:
            found[-1]["end"] = end
            found[-1]["scores"].append(float(scores[first][best]))
        open_label = label
    return [
        {
            "label": entity["label"],
            "text": text[entity["start"] : entity["end"]],
            "start": entity["start"],
            "end": entity["end"],
            "score": sum(entity["scores"]) / len(entity["scores"]),
        }
        for entity in found
    ]


def words_of(encoding):
    """The words of an encoding, each as the places of its first and last piece."""
    words, before = [], None
    for i, word in enumerate(encoding.words):
        if word is not None and word != before:
            words.append((i, i))
        elif word is not None:
            words[-1] = (words[-1][0], i)
        before = word
    return words
