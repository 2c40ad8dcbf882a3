"""Files of labelled text to examples: tsv, csv and jsonl with columns, CoNLL columns, jsonl with entities.

Where a file may be `.jsonl`, a data set of a library may stand too; see `data.libraries`.

An example of classification is `{"text", "pair", "label"}`; one of token classification `{"text", "words",
"entities"}`, where `words` is a list of `(start, end)` characters (None where the file has none) and `entities` a list
of `(start, end, label)`.
"""

import csv
import io
import json
import re
from pathlib import Path

from keras_bert_suite.data import libraries
from keras_bert_suite.errors import InputError

TEXT_COLUMNS = (
    "text",
    "sentence",
    "sentence1",
    "text_a",
    "premise",
    "question1",
    "#1 string",
    "sentence_a",
    "question",
)
PAIR_COLUMNS = ("pair", "sentence2", "text_b", "hypothesis", "question2", "#2 string", "sentence_b")
LABEL_COLUMNS = ("label", "labels", "gold_label", "quality", "score", "similarity", "intent", "class")
_TAG = re.compile(r"O|[BIESLUM]-.+")


def read_classification(path, columns=None, labelled=True):
    """The examples of a tsv, csv or jsonl file.

    Args:
        path: `.tsv` (tab between columns, no quoting), `.csv` (RFC 4180) or `.jsonl` (one object a line).
        columns: for a file without a header line, the names of its columns: `text`, `pair`, `label`, any other
            for a column that is not wanted. A header line may use the field's usual names (`sentence`,
            `sentence1`, `premise`, `hypothesis`, `gold_label`, ...).
        labelled: whether a row without a label is an error.

    Returns:
        A list of dicts `{"text", "pair", "label"}`; pair and label are None where the file has none.

    Raises:
        InputError: the file is missing, empty, or a row of it is not whole; with its line number.
    """
    rows = list(table_rows(Path(path), columns))
    if not rows:
        raise InputError(f"{path} holds no examples.")
    examples = []
    for line, row in rows:
        text, pair, label = (pick(row, names) for names in (TEXT_COLUMNS, PAIR_COLUMNS, LABEL_COLUMNS))
        if text is None:
            raise InputError(f"{path} line {line} has no text; its columns are {', '.join(map(str, row))}.")
        if labelled and label in (None, ""):
            raise InputError(f"{path} line {line} has no label; its columns are {', '.join(map(str, row))}.")
        examples.append({"text": text, "pair": pair, "label": label})
    return examples


def read_inputs(path, columns=None):
    """What a file asks: a list of `(text, pair, choices)`, of which pair and choices may be None.

    Args:
        path: `.tsv`, `.csv` or `.jsonl` as for `read_classification`, where `pair` may also be `context` or `passage`
            (of a question) and a `.jsonl` line may have `choices`, a list; or any other file, a text a line.
        columns: for a table without a header line, the names of its columns.

    Raises:
        InputError: the file is missing or empty, or a row of it has no text; with its line number.
    """
    path, found = Path(path), []
    if not has_objects(path) and path.suffix not in (".tsv", ".csv"):
        found = [(line, None, None) for line in lines_of(path)]
    else:
        for line, row in table_rows(path, columns, (*TEXT_COLUMNS, "query")):
            text, pair = pick(row, (*TEXT_COLUMNS, "query")), pick(row, (*PAIR_COLUMNS, "context", "passage"))
            choices = row.get("choices")
            strings = isinstance(text, str) and isinstance(pair, str | None)
            if (
                not strings
                or not isinstance(choices, list | None)
                or not all(isinstance(x, str) for x in choices or ())
            ):
                raise InputError(
                    f"{path} line {line}: expected a text, perhaps a pair, perhaps choices, a list; its columns are "
                    f"{', '.join(map(str, row))}."
                )
            found.append((text, pair, tuple(choices) if choices else None))
    if not found:
        raise InputError(f"{path} holds no texts.")
    return found


def pick(row, names):
    """The value of the first of these columns that the row has, or None."""
    return next((row[name] for name in names if name in row), None)


def table_rows(path, columns, known=TEXT_COLUMNS):
    """Pairs of a line number and a dict, column in lower case to value; a header line names one of `known`."""
    if has_objects(path):
        for line, value in objects(path):
            yield line, {str(name).lower(): item for name, item in value.items()}
        return
    if path.suffix not in (".tsv", ".csv"):
        raise InputError(f"{path} ends in {path.suffix or 'nothing'}; expected .tsv, .csv or .jsonl.")
    if path.suffix == ".tsv":
        table = ((number, line.split("\t")) for number, line in enumerate(lines_of(path), 1) if line.strip())
    else:
        reader = csv.reader(io.StringIO(text_of(path), newline=""), strict=True)
        table = _numbered(reader, path)
    names = None
    for number, cells in table:
        if names is None:
            header = [cell.strip().lower() for cell in cells]
            if any(name in header for name in known):
                names = header
                continue
            if not columns:
                raise InputError(
                    f"{path} line 1 names no text column: {', '.join(cells)[:100]}. Name the columns of a file "
                    "without a header, as --columns=label,text."
                )
            names = [name.strip().lower() for name in columns]
        if len(cells) != len(names):
            raise InputError(
                f"{path} line {number} has {len(cells)} columns; expected {len(names)}: {', '.join(names)}."
            )
        yield number, dict(zip(names, cells, strict=True))


def _numbered(reader, path):
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(f"{path} line {reader.line_num} is no csv: {error}.") from None


def read_token_classification(path):
    """The examples of a CoNLL file or of a jsonl file.

    Args:
        path: CoNLL columns (`.conll .txt .tsv .bio .iob2`: one word a line, blank line between sentences; the tag
            is the last column in which every value is a tag: `O`, `B-X`, `I-X`, ...), or `.jsonl` with
            `{"text", "entities": [{"start", "end", "label"}]}` or `{"tokens", "tags"}`.

    Returns:
        A list of dicts `{"text", "words", "entities"}`.

    Raises:
        InputError: the file is missing, empty, or a line of it is not whole; with its line number.
    """
    path = Path(path)
    examples = list(_entity_lines(path) if has_objects(path) else _conll(path))
    if not examples:
        raise InputError(f"{path} holds no examples.")
    return examples


def _conll(path):
    sentences, sentence = [], []
    for number, line in enumerate(lines_of(path), 1):
        cells = line.split("\t") if "\t" in line else line.split()
        if not line.strip() or cells[0] == "-DOCSTART-":
            if sentence:
                sentences.append(sentence)
            sentence = []
        elif not line.startswith("# "):
            sentence.append((number, [cell.strip() for cell in cells]))
    if sentence:
        sentences.append(sentence)
    lines = [line for sentence in sentences for line in sentence]
    if not lines:
        return
    width = max(len(cells) for _, cells in lines)
    short = next((number for number, cells in lines if len(cells) != width), None)
    if short is not None or width < 2:
        raise InputError(f"{path} line {short or lines[0][0]}: expected {max(width, 2)} columns, a word and its tag.")
    column = next((i for i in range(width - 1, 0, -1) if all(_TAG.fullmatch(cells[i]) for _, cells in lines)), None)
    if column is None:
        number, cells = next(line for line in lines if not any(_TAG.fullmatch(cell) for cell in line[1][1:]))
        raise InputError(
            f"{path} line {number} has no tag: {' '.join(cells)[:80]}. Expected O, B-X or I-X in a column."
        )
    for sentence in sentences:
        yield from_words([cells[0] for _, cells in sentence], [cells[column] for _, cells in sentence])


def from_words(words, tags):
    """An example of token classification from words and their tags."""
    spans, start = [], 0
    for word in words:
        spans.append((start, start + len(word)))
        start += len(word) + 1
    entities = [(spans[first][0], spans[last][1], label) for first, last, label in spans_of_tags(tags)]
    return {"text": " ".join(words), "words": spans, "entities": entities}


def spans_of_tags(tags):
    """The entities in a list of tags, as `(first, last, label)`; last is inclusive.

    Any of the usual schemes (IOB1, IOB2, IOBES, BILOU) is read, and read as conlleval does: an entity goes on while
    the label stays the same and nothing says that it ended or that another began.
    """
    spans, before, before_label = [], "O", None
    for i, tag in enumerate(tags):
        prefix, _, label = tag.partition("-")
        prefix = {"L": "E", "U": "S", "M": "I"}.get(prefix, prefix)
        if prefix != "O":
            if prefix in "BS" or before in "OES" or label != before_label:
                spans.append((i, i, label))
            else:
                spans[-1] = (spans[-1][0], i, label)
        before, before_label = prefix, label
    return spans


def _entity_lines(path):
    for number, row in objects(path):
        words = row.get("tokens", row.get("words"))
        tags = next((row[name] for name in ("tags", "ner_tags", "ner") if name in row), None)
        if words is not None and tags is not None:
            bad = [tag for tag in tags if not (isinstance(tag, str) and _TAG.fullmatch(tag))]
            if bad or len(words) != len(tags):
                raise InputError(
                    f"{path} line {number}: {len(words)} tokens, {len(tags)} tags; expected O, B-X or I-X each."
                )
            yield from_words(words, tags)
        elif isinstance(row.get("text"), str) and isinstance(row.get("entities"), list):
            try:
                entities = sorted((item["start"], item["end"], item["label"]) for item in row["entities"])
            except (KeyError, TypeError):
                raise InputError(f"{path} line {number}: an entity lacks start, end or label.") from None
            for start, end, label in entities:
                if not 0 <= start < end <= len(row["text"]):
                    raise InputError(
                        f"{path} line {number}: entity {label} at {start}-{end} lies outside the text of "
                        f"{len(row['text'])} characters."
                    )
            yield {"text": row["text"], "words": None, "entities": entities}
        else:
            raise InputError(f"{path} line {number} has neither text and entities nor tokens and tags.")


def has_objects(path):
    """Whether `objects` reads it: a `.jsonl` file, or the name of a library's data set."""
    return libraries.is_name(path) or path.suffix == ".jsonl"


def objects(path):
    """Pairs of a line number and the object on that line of a `.jsonl` file, or of a row's number and the row."""
    if libraries.is_name(path):
        yield from libraries.rows(path)
        return
    for number, line in enumerate(lines_of(path), 1):
        if line.strip():
            try:
                value = json.loads(line)
            except ValueError as error:
                raise InputError(f"{path} line {number} is no JSON: {error}.") from None
            if not isinstance(value, dict):
                raise InputError(f"{path} line {number} holds a {type(value).__name__}; expected an object.")
            yield number, value


def text_of(path):
    """The text of a file; InputError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None


def lines_of(path):
    """The lines of a file; unlike `str.splitlines`, nothing but a line feed ends one, a carriage return before it."""
    lines = [line.removesuffix("\r") for line in text_of(path).split("\n")]
    return lines[:-1] if not lines[-1] else lines
