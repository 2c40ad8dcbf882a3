"""Token dropout: pieces of training texts give way to random ones, so that a model reads what stands around them."""

import numpy as np


class TokenDropout:
    """Replaces pieces by random pieces of the vocabulary, differently each time that an example is seen.

    A small data set shows few names of each kind, and a model learns those by heart; with other pieces in their place
    it has to tell a name by its surroundings. Special pieces stay.

    Args:
        tokenizer: the `Tokenizer` of the encodings.
        examples: a list of dicts; they may have `entities`, spans `(start, end, label)` of the text.
        encodings: the encodings of their rows, a list of lists.
        token_dropout: the probability of a piece outside entities to be replaced.
        entity_dropout: that of a piece within one.

    Call arguments:
        number: that of the example.
        rows: its rows, a list of dicts with `token_ids`.
        generator: a `numpy.random.Generator`.

    Returns:
        The rows with other `token_ids`.
    """

    def __init__(self, tokenizer, examples, encodings, token_dropout, entity_dropout):
        special = [tokenizer.pad_id, tokenizer.unknown_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id]
        self._pool = np.array([i for i in range(tokenizer.vocab_size) if i not in special])
        self._rates = [
            [
                np.where(_in_entity(example, encoding), entity_dropout, token_dropout)
                * [word is not None for word in encoding.words]
                for encoding in rows
            ]
            for example, rows in zip(examples, encodings, strict=True)
        ]

    def __call__(self, number, rows, generator):
        return [self._changed(row, rates, generator) for row, rates in zip(rows, self._rates[number], strict=True)]

    def _changed(self, row, rates, generator):
        ids = np.array(row["token_ids"])
        replaced = generator.random(len(ids)) < rates
        return {**row, "token_ids": np.where(replaced, generator.choice(self._pool, len(ids)), ids)}


def _in_entity(example, encoding):
    spans = example.get("entities", ())
    return [any(start <= place < end for start, end, _ in spans) for place, _ in encoding.offsets]
