"""Scores to answers, in numpy alone: the same functions answer for a Keras model, on the device and for a server."""

import functools

import numpy as np

from keras_bert_suite.tasks.inputs import owners, pieces_of

# The outputs that have an axis of ids, which is cut to the row's own before decoding.
TOKEN_OUTPUTS = {
    "token_classification": ("scores",),
    "intent_slots": ("tag_scores",),
    "question_answering": ("start_scores", "end_scores"),
}
ANSWERS = 20
# By how much "no answer" is above the best span where there is no span: JSON has no infinity.
NO_SPAN = 1e4
# Probabilities are kept so far from 0 and 1 before their logits are pooled.
TINY = 1e-7


def decode(task, outputs, rows, item):
    """The answer to one input.

    Args:
        task: the task's config, a dict.
        outputs: what the model gives for each row of the input, a list of dicts of arrays; those of `TOKEN_OUTPUTS`
            are as long as the row.
        rows: the input's `Rows`.
        item: the `Input`.

    Returns:
        Classification: `{"label", "score", "scores"}`, with early exit also `"exit"`, the number of the block, from 0,
        whose classifier answers; with several labels `{"labels", "scores"}`; a number
        `{"value"}`. Token classification: `{"entities": [{"label", "text", "start", "end", "score"}]}`, characters
        of the text. Intent and slots: both together. Question answering: `{"answer", "start", "end", "score",
        "null_score", "answers"}`, characters of the passage. Masked LM: `{"masks": [{"piece", "score", "start", "end",
        "pieces": [{"piece", "score"}]}]}`, characters of the text that the mask is in. Multiple choice: `{"choice",
        "score", "scores"}`.
        Ranking: `{"score"}`, or with choices `{"scores", "ranking"}`. Similarity: `{"embedding"}`, of a pair
        `{"score"}`, with choices `{"scores", "ranking"}`. With `"truncated": True` where the model did not read a
        text to its end.
    """
    answer = _DECODERS[task["name"]](task, outputs, rows, item)
    return {**answer, "truncated": True} if any(encoding.truncated for encoding in rows.encodings) else answer


def of_row(task, tokenizer, outputs, i, encoding, length):
    """One row of a batch's outputs, those of `TOKEN_OUTPUTS` cut to the row's own ids.

    Args:
        task: the task's config.
        tokenizer: the `Tokenizer`, for the side of the padding.
        outputs: a dict of arrays, whose first axis is the batch's.
        i: the row.
        encoding: its encoding.
        length: ids that the row was padded to.
    """
    place = tokenizer.place(encoding, length)
    token_outputs = TOKEN_OUTPUTS.get(task["name"], ())
    return {name: array[i][place] if name in token_outputs else array[i] for name, array in outputs.items()}


def _classification(task, outputs, rows, item):
    scores = _pooled(task, outputs) if len(outputs) > 1 else np.asarray(outputs[0]["scores"], "float64")
    if task["problem"] == "regression":
        return {"value": float(scores[0])}
    if task["problem"] == "ordinal":
        above = np.concatenate([[1.0], np.minimum.accumulate(scores), [0.0]])
        return _best(task["labels"], above[:-1] - above[1:], int((scores > 0.5).sum()))
    if "speed" in task:
        sure = uncertainty(scores) < task["speed"]
        exit = int(sure.argmax()) if sure.any() else len(scores) - 1
        return {**_best(task["labels"], scores[exit]), "exit": exit}
    if task["problem"] == "multi_label":
        by_label = {label: float(score) for label, score in zip(task["labels"], scores, strict=True)}
        return {"labels": [label for label, score in by_label.items() if score >= 0.5], "scores": by_label}
    return _best(task["labels"], scores)


def uncertainty(scores):
    """The entropy of probabilities, from 0 for certain to 1 for all labels alike; Liu et al. 2020, FastBERT.

    Args:
        scores: `(..., labels)`, an array.

    Returns:
        `(...)`, an array.
    """
    scores = np.asarray(scores, "float64")
    return -(scores * np.log(np.maximum(scores, np.finfo("float64").tiny))).sum(-1) / np.log(scores.shape[-1])


def _best(labels, scores, best=None):
    by_label = {label: float(score) for label, score in zip(labels, scores, strict=True)}
    best = max(by_label, key=by_label.get) if best is None else labels[best]
    return {"label": best, "score": by_label[best], "scores": by_label}


def _pooled(task, outputs):
    """The scores of a text from those of its windows: their logits are pooled, as in training."""
    scores = np.array([output["scores"] for output in outputs], "float64")
    problem = task["problem"]
    if problem == "single_label":
        logits = np.log(np.maximum(scores, TINY))
    elif problem == "regression":
        logits = scores
    else:
        scores = np.clip(scores, TINY, 1 - TINY)
        logits = np.log(scores / (1 - scores))
    if task["pool"] == "max":
        logits = logits.max(axis=0)
    else:
        weights = np.array([output.get("weight", [0.0])[0] for output in outputs], "float64")
        weights = np.exp(weights - weights.max())
        logits = weights @ logits / weights.sum()
    if problem == "single_label":
        return np.exp(logits) / np.exp(logits).sum()
    return logits if problem == "regression" else 1 / (1 + np.exp(-logits))


def _token_classification(task, outputs, rows, item, name="scores", tags="labels"):
    scores, encoding = outputs[0][name], rows.encodings[0]
    if rows.whole is not None:
        scores, encoding = _joined(task, outputs, rows, name), rows.whole
    return {"entities": entities(scores, encoding, item.text, task[tags])}


def _joined(task, outputs, rows, name):
    """The scores of a whole text's ids, each from the window that has most context."""
    places = [pieces_of(encoding) for encoding in rows.encodings]
    joined = np.zeros((len(rows.whole.ids), outputs[0][name].shape[-1]))
    own = owners([len(place) for place in places], task["stride"])
    for place, (window, inside) in zip(pieces_of(rows.whole), own, strict=True):
        joined[place] = outputs[window][name][places[window][inside]]
    return joined


def _intent_slots(task, outputs, rows, item):
    return {
        **_best(task["labels"], np.asarray(outputs[0]["scores"], "float64")),
        **_token_classification(task, outputs, rows, item, "tag_scores", "tags"),
    }


def _question_answering(task, outputs, rows, item):
    """The n best spans over all windows, as in BERT's SQuAD code, and whether the passage answers at all."""
    spans, null_score = {}, np.inf
    for output, encoding in zip(outputs, rows.encodings, strict=True):
        starts, ends = (np.asarray(output[name], "float64") for name in ("start_scores", "end_scores"))
        # The first id that belongs to no text stands for "no answer".
        null = encoding.sequence_ids.index(None)
        null_score = min(null_score, starts[null] + ends[null])
        passage = np.array([place for place, sequence in enumerate(encoding.sequence_ids) if sequence == 1], int)
        best_ends = passage[np.argsort(-ends[passage], kind="stable")[:ANSWERS]]
        for start in passage[np.argsort(-starts[passage], kind="stable")[:ANSWERS]]:
            for end in best_ends:
                if start <= end < start + task["max_answer_pieces"]:
                    first, last = encoding.offsets[start][0], encoding.offsets[end][1]
                    first += len(item.pair[first:last]) - len(item.pair[first:last].lstrip())
                    score = float(starts[start] + ends[end])
                    if first < last and score > spans.get((first, last), -np.inf):
                        spans[first, last] = score
    ordered = sorted(spans.items(), key=lambda span: -span[1])[:ANSWERS]
    scores = np.array([score for _, score in ordered] + ([null_score] if task["null_answers"] else []))
    chances = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum() if len(scores) else scores
    answers = [
        {"answer": item.pair[first:last], "start": first, "end": last, "score": float(chance)}
        for ((first, last), _), chance in zip(ordered, chances, strict=False)
    ]
    difference = float(null_score - ordered[0][1]) if ordered else NO_SPAN
    none = {"answer": "", "start": 0, "end": 0, "score": float(chances[-1]) if task["null_answers"] else 0.0}
    is_none = not answers or (task["null_answers"] and difference > task["null_threshold"])
    return {**(none if is_none else answers[0]), "null_score": difference, "answers": answers}


def _masked_lm(task, outputs, rows, item):
    encoding, masks = rows.encodings[0], []
    places = [place for place, i in enumerate(encoding.ids) if i == task["mask_id"]]
    for place, scores in zip(places, np.asarray(outputs[0]["scores"], "float64"), strict=False):
        best = np.argsort(-scores, kind="stable")[: task["top"]]
        pieces = [{"piece": rows.pieces[i], "score": float(scores[i])} for i in best]
        start, end = encoding.offsets[place]
        text = item.text if encoding.sequence_ids[place] == 0 else item.pair
        # The mask of some tokenizers takes the space before it.
        start += len(text[start:end]) - len(text[start:end].lstrip())
        masks.append({**pieces[0], "start": start, "end": end, "pieces": pieces})
    return {"masks": masks}


def _multiple_choice(task, outputs, rows, item):
    scores = np.array([output["scores"][0] for output in outputs], "float64")
    chances = np.exp(scores - scores.max())
    chances = chances / chances.sum()
    return {"choice": int(chances.argmax()), "score": float(chances.max()), "scores": chances.tolist()}


def _ranking(task, outputs, rows, item):
    if item.choices is None:
        return {"score": float(outputs[0]["scores"][0])}
    return ranked([float(output["scores"][0]) for output in outputs])


def _similarity(task, outputs, rows, item):
    return compared([output["embedding"] for output in outputs], item)


def compared(vectors, item):
    """The answer of a similarity model, from the vectors of an input's text and of what it is compared with."""
    vectors = np.array(vectors, "float64")
    if item.pair is None and item.choices is None:
        return {"embedding": vectors[0].tolist()}
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    cosines = (vectors / lengths)[1:] @ (vectors / lengths)[0]
    return {"score": float(cosines[0])} if item.choices is None else ranked(cosines.tolist())


def ranked(scores):
    """The scores of an input's choices, with the numbers of these from the best on."""
    return {"scores": scores, "ranking": np.argsort(-np.array(scores), kind="stable").tolist()}


_DECODERS = {
    "classification": _classification,
    "token_classification": _token_classification,
    "intent_slots": _intent_slots,
    "question_answering": _question_answering,
    "masked_lm": _masked_lm,
    "multiple_choice": _multiple_choice,
    "ranking": _ranking,
    "similarity": _similarity,
}


def entities(scores, encoding, text, labels):
    """The entities of a text, from the tags of the first piece of each word.

    Args:
        scores: `(time, labels)`, probabilities.
        encoding: the text's `Encoding`.
        text: the text.
        labels: the tags, `O`, `B-X` and `I-X`.
    """
    places, words = words_of(encoding), []
    tags = best_tags(scores[[first for first, _ in places]], labels) if places else []
    for (first, last), best in zip(places, tags, strict=True):
        start, end = encoding.offsets[first][0], encoding.offsets[last][1]
        # Pieces of some tokenizers begin with the space before the word.
        start += len(text[start:end]) - len(text[start:end].lstrip())
        words.append((labels[best], float(scores[first][best]), start, end))
    return entities_of_words(words, text)


def best_tags(scores, labels):
    """The likeliest tags of the words of a text, of those sequences in which an entity begins with its `B-`.

    Viterbi 1967, https://doi.org/10.1109/TIT.1967.1054010, where all transitions that may be weigh the same.

    Args:
        scores: `(words, labels)`, probabilities; one word or more.
        labels: the tags.

    Returns:
        A list of numbers of tags.
    """
    begins, inside = beginnings(tuple(labels))
    logs = np.log(np.maximum(np.asarray(scores, "float64"), TINY))
    state, origins = np.where(inside, -np.inf, logs[0]), []
    for row in logs[1:]:
        goes_on = np.where(state[begins] > state, begins, np.arange(len(labels)))
        origins.append(np.where(inside, goes_on, state.argmax()))
        state = state[origins[-1]] + row
    tags = [int(state.argmax())]
    for origin in reversed(origins):
        tags.append(int(origin[tags[-1]]))
    return tags[::-1]


@functools.cache
def beginnings(labels):
    """For each tag the number of the one that its entity begins with, itself but for `I-X`; and whether it is not."""
    numbers = {label: i for i, label in enumerate(labels)}
    begins = [numbers.get(f"B-{label[2:]}", i) if label[:2] == "I-" else i for i, label in enumerate(labels)]
    return np.array(begins, "int32"), np.array([begin != i for i, begin in enumerate(begins)])


def entities_of_words(words, text):
    """The entities of a text, from its words in order.

    Args:
        words: `(tag, score, start, end)` of each, characters of the text.
        text: the text.
    """
    found, open_label = [], None
    for tag, score, start, end in words:
        prefix, _, label = tag.partition("-")
        if prefix == "O":
            open_label = None
            continue
        if prefix == "B" or label != open_label:
            found.append({"label": label, "start": start, "end": end, "scores": [score]})
        else:
            found[-1]["end"] = end
            found[-1]["scores"].append(score)
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
