"""Files of pairs, triplets and rankings to examples of similarity and ranking.

An example of similarity is `{"text", "pair", "negatives", "label"}`; `negatives` is a tuple of hard negatives, `label`
a number, a string, or None. One of ranking is `{"text", "choices", "labels"}`: a query, its candidates and their
relevance.
"""

from pathlib import Path

from keras_bert_suite.data.readers import LABEL_COLUMNS, PAIR_COLUMNS, TEXT_COLUMNS, pick, table_rows
from keras_bert_suite.errors import InputError

ANCHORS = ("anchor", "query", *TEXT_COLUMNS)
POSITIVES = ("positive", *PAIR_COLUMNS)
SCORES = ("margin", "relatedness_score", *LABEL_COLUMNS)
QUERIES = ("query", "qtext", "question", "anchor", "text", "sentence1")
CANDIDATES = ("passage", "document", "atext", "answer", "candidate", "pair", "sentence2", "text")


def read_similarity(path, columns=None):
    """The pairs or triplets of a `.tsv`, `.csv` or `.jsonl` file.

    Args:
        path: with columns `anchor`, `positive`, and any of `negative`, `negative_1`, ..., or names that pairs usually
            have (`sentence1`, `sentence2`, `premise`, ...); and `score`, `label` or `margin` where there is one.
        columns: names of the columns of a file without a header line.

    Raises:
        InputError: the file is missing, empty, or a row of it has no pair; with its line number.
    """
    examples = []
    for number, row in table_rows(Path(path), columns, ANCHORS):
        text, pair, label = pick(row, ANCHORS), pick(row, POSITIVES), pick(row, SCORES)
        if not isinstance(text, str) or not isinstance(pair, str):
            raise InputError(f"{path} line {number} has no pair; its columns are {', '.join(map(str, row))}.")
        negatives = tuple(value for name, value in row.items() if name.startswith("negative"))
        examples.append({"text": text, "pair": pair, "negatives": negatives, "label": _number(label)})
    if not examples:
        raise InputError(f"{path} holds no examples.")
    return examples


def _number(label):
    try:
        return float(label)
    except (TypeError, ValueError):
        return label or None


def read_ranking(path, columns=None, labelled=True):
    """The queries of a `.tsv`, `.csv` or `.jsonl` file, each with its candidates.

    Args:
        path: one line a candidate, with columns `query`, `passage` and `label` (a number, higher for better; or the
            names that such files usually have, as `qtext` and `atext`). Lines of the same query make one example.
        columns: names of the columns of a file without a header line.
        labelled: whether a row without a label is an error; its label is None otherwise.

    Raises:
        InputError: the file is missing, empty, or a row of it is not whole; with its line number.
    """
    by_query = {}
    for number, row in table_rows(Path(path), columns, QUERIES):
        query = next((name for name in QUERIES if name in row), None)
        candidate = next((name for name in CANDIDATES if name in row and name != query), None)
        label = _number(pick(row, LABEL_COLUMNS))
        if query is None or candidate is None or (labelled and not isinstance(label, float)):
            raise InputError(
                f"{path} line {number}: expected a query, a passage and a label that is a number; its columns are "
                f"{', '.join(map(str, row))}."
            )
        by_query.setdefault(row[query], []).append((row[candidate], label))
    if not by_query:
        raise InputError(f"{path} holds no examples.")
    return [
        {"text": query, "choices": tuple(text for text, _ in found), "labels": [label for _, label in found]}
        for query, found in by_query.items()
    ]
