"""What a model is asked, and how it becomes the rows that the encoder reads. numpy and the tokenizer alone.

A task's config says how: one row for a text or a pair; one a choice; or, where it has a `stride`, one a window of a
text that is longer than the model reads.
"""

from dataclasses import dataclass
from typing import NamedTuple

from keras_bert_suite.errors import InputError

# A longer question is cut, as in BERT's SQuAD code, so that there is room for the passage.
QUESTION_PIECES = 64


class Input(NamedTuple):
    """One question to a model.

    Args:
        text: the text; of question answering the question, of ranking the query.
        pair: the second text; of question answering the passage. None for a single text.
        choices: several second texts, of multiple choice the answers, of ranking and similarity the candidates. None
            where there are none.
    """

    text: str
    pair: str | None = None
    choices: tuple | None = None


@dataclass(frozen=True)
class Rows:
    """An input as rows.

    Attributes:
        encodings: the rows, a list of `Encoding`.
        whole: for windows of a token task the encoding of the whole text; None otherwise.
        pieces: of masked LM the vocabulary, pieces by id; None otherwise.
    """

    encodings: list
    whole: object = None
    pieces: list | None = None


def rows(task, tokenizer, inputs, max_length):
    """A list of `Input`, or of tuples of its values, as a list of `Rows`.

    Args:
        task: the task's config, a dict.
        tokenizer: the `Tokenizer`.
        inputs: the inputs.
        max_length: ids of a row at most.

    Raises:
        InputError: an input lacks what the task needs, or some are pairs and some are not.
    """
    inputs = [Input(*item) for item in inputs]
    if not inputs:
        raise InputError("Received no texts.")
    if task["name"] == "question_answering":
        return _questions(task, tokenizer, inputs, max_length)
    if any(item.choices is not None for item in inputs) or task["name"] == "multiple_choice":
        return _choices(task, tokenizer, inputs, max_length)
    if task["name"] == "similarity" and any(item.pair is not None for item in inputs):
        return _choices(task, tokenizer, [Input(item.text, None, (_pair(item),)) for item in inputs], max_length)
    pairs = [item.pair for item in inputs]
    paired = sum(pair is not None for pair in pairs)
    if paired not in (0, len(inputs)):
        raise InputError(f"{paired} of {len(inputs)} inputs are pairs; expected all or none.")
    if task["name"] == "ranking" and not paired:
        raise InputError("A ranking model scores a query with a text; the input has a single text.")
    texts, pairs = [item.text for item in inputs], pairs if paired else None
    encodings = tokenizer.encode_batch(texts, pairs, max_length)
    if task["name"] == "masked_lm":
        return [_masked(task, tokenizer, encoding) for encoding in encodings]
    found = [Rows([encoding]) for encoding in encodings]
    if task.get("stride") is not None:
        long = [i for i, encoding in enumerate(encodings) if encoding.truncated]
        if long:
            texts = [texts[i] for i in long]
            pairs = [pairs[i] for i in long] if paired else None
            windows = tokenizer.windows(texts, pairs, max_length, task["stride"])
            token_task = task["name"] == "token_classification"
            wholes = tokenizer.encode_batch(texts, pairs) if token_task else [None] * len(long)
            for i, row, whole in zip(long, windows, wholes, strict=True):
                found[i] = Rows(row, whole)
    return found


def _masked(task, tokenizer, encoding):
    masks, piece = encoding.ids.count(task["mask_id"]), tokenizer.vocabulary[task["mask_id"]]
    if not 0 < masks <= task["masks"]:
        raise InputError(
            f"A text has {masks} {piece} within the {len(encoding.ids)} pieces that are read; "
            f"expected 1 to {task['masks']}."
        )
    return Rows([encoding], pieces=tokenizer.vocabulary)


def _pair(item):
    if item.pair is None:
        raise InputError("Some inputs are pairs and some are not; expected all or none.")
    return item.pair


def _questions(task, tokenizer, inputs, max_length):
    if any(item.pair is None for item in inputs):
        raise InputError("Question answering reads a question and a passage; the input has no passage.")
    room = question_room(max_length)
    questions = []
    for item, encoding in zip(inputs, tokenizer.encode_batch([item.text for item in inputs]), strict=True):
        pieces = [offset for offset, i in zip(encoding.offsets, encoding.sequence_ids, strict=True) if i is not None]
        questions.append(item.text[: pieces[room - 1][1]] if len(pieces) > room else item.text)
    stride = passage_stride(task, max_length)
    return [Rows(row) for row in tokenizer.windows(questions, [item.pair for item in inputs], max_length, stride)]


def question_room(max_length):
    """Pieces of a question at most: half of a row is the passage's."""
    return min(QUESTION_PIECES, max(1, max_length // 2 - 4))


def passage_stride(task, max_length):
    """Pieces that windows of a passage share, by the task's config: of short rows no more than a quarter."""
    return min(task["stride"], max_length // 4)


def _choices(task, tokenizer, inputs, max_length):
    if any(not item.choices for item in inputs):
        raise InputError(f"The task {task['name']} needs choices; an input has none.")
    if task["name"] == "similarity":
        texts = [text for item in inputs for text in (item.text, *item.choices)]
        encodings, counts = tokenizer.encode_batch(texts, None, max_length), [1 + len(i.choices) for i in inputs]
    elif task["name"] in ("multiple_choice", "ranking"):
        texts = [item.text for item in inputs for _ in item.choices]
        # SWAG's form: the choice goes on where the second text, or a question, breaks off.
        pairs = [choice if i.pair is None else f"{i.pair} {choice}" for i in inputs for choice in i.choices]
        encodings, counts = tokenizer.encode_batch(texts, pairs, max_length), [len(item.choices) for item in inputs]
    else:
        raise InputError(f"The task {task['name']} takes no choices.")
    found, start = [], 0
    for count in counts:
        found.append(Rows(encodings[start : start + count]))
        start += count
    return found


def owners(lengths, stride):
    """Which window each piece of a text is read in: the one in which it has most context.

    Devlin et al. 2019, https://arxiv.org/abs/1810.04805 (its code for SQuAD).

    Args:
        lengths: the number of pieces of each window, without special tokens.
        stride: pieces that a window shares with the one before.

    Returns:
        For each piece of the text `(window, place in the window)`.
    """
    step = lengths[0] - stride
    best = {}
    for window, length in enumerate(lengths):
        for place in range(length):
            piece = window * step + place
            context = min(place, length - 1 - place) + 0.01 * length
            if piece not in best or context > best[piece][0]:
                best[piece] = (context, window, place)
    return [best[piece][1:] for piece in range(len(best))]


def pieces_of(encoding):
    """The places of an encoding's ids that are no special tokens."""
    return [place for place, sequence in enumerate(encoding.sequence_ids) if sequence is not None]
