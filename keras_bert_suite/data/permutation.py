"""Which pieces of a row are predicted, and in which order: at training time, so that each epoch has another.

Batches in, batches out, as in `data.masking`: random numbers follow from a seed and the number of the batch alone.
"""

import numpy as np

from keras_bert_suite.data import array_ops
from keras_bert_suite.data.masking import chosen_places, goes_on, special, word_begins
from keras_bert_suite.errors import InputError

# Yang et al. 2019: spans of 1 to 5 words, n of them with a chance as 1/n.
SPAN = tuple(1 / n / sum(1 / m for m in range(1, 6)) for n in range(1, 6))


class Permutation:
    """Chooses spans of pieces to predict, and the order in which a permutation language model reads them.

    Yang et al. 2019, https://arxiv.org/abs/1906.08237. A span of n words stands at a random place of its context of
    n / rate pieces, rounded; one context follows the other, and single pieces make up the number: `rate` of a row's
    pieces, rounded, and at least 1. So a rate of 1/6 is the published `mask_alpha` 6 with `mask_beta` 1, and 85
    predictions of 512 pieces. Special pieces but for the unknown one are never chosen.

    What is not chosen has no place in the order: all read it, special pieces too, to which the published code gives
    places; so every prediction has something to read.

    Args:
        tokenizer: a `Tokenizer`; its vocabulary says which pieces go on with a word.
        rate: part of the pieces, 0 to 1.
        predictions: pieces of a row at most, the width of what `__call__` adds; a multiple of `segments`.
        segments: equal parts of a row, each of which has pieces to predict and an order of its own, see
            `objectives.PermutationLM`.
        part_length: pieces within which the order is random, part after part, the published `perm_size`; None for a
            segment.

    Raises:
        InputError: a number is out of reach.
    """

    def __init__(self, tokenizer, rate=1 / 6, predictions=85, segments=1, part_length=None):
        if not 0 < rate < 1 or segments < 1 or predictions < 1 or predictions % segments:
            raise InputError(
                f"Received rate={rate}, predictions={predictions}, segments={segments}; expected a rate between 0 and "
                "1, and as many predictions of each segment, 1 or more."
            )
        if part_length is not None and part_length < 1:
            raise InputError(f"Received part_length={part_length}; expected 1 or more, or None.")
        self.rate, self.predictions, self.segments, self.part_length = rate, predictions, segments, part_length
        self.special, self.goes_on = special(tokenizer), goes_on(tokenizer)

    def __call__(self, batch, seed):
        """Adds what is predicted to a batch.

        Args:
            batch: a dict with `token_ids` and `padding_mask`, int32 `(batch, time)`, tensors or numpy arrays, the
                time a multiple of `segments`.
            seed: two integers, as those of `tf.random.stateless_uniform`.

        Returns:
            The batch, and beside what it had: `permutation_order` int32 `(batch, time)`, the place of each chosen
            piece in the order, -1 of the others; `target_positions` and `target_ids` int32, `target_weights` float32,
            all `(batch, predictions)`, segment after segment as many, each in the order of the row. Beyond the chosen
            pieces of a segment positions are -1 and ids and weights 0.

        Raises:
            InputError: the rows cannot be cut.
        """
        if (batch["token_ids"].shape[1] or 0) % self.segments:
            raise InputError(
                f"Received rows of {batch['token_ids'].shape[1]} ids; expected a multiple of segments={self.segments}."
            )
        tf = array_ops.of(batch["token_ids"])
        rows, time = tf.unstack(tf.shape(batch["token_ids"]))
        length, predictions = time // self.segments, self.predictions // self.segments
        ids, real = (tf.reshape(batch[name], [-1, length]) for name in ("token_ids", "padding_mask"))
        seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 4))
        free = tf.cast(real, tf.bool) & ~tf.gather(self.special, ids)
        number = tf.reduce_sum(real, 1)
        count = tf.clip_by_value(tf.cast(tf.round(tf.cast(number, tf.float64) * self.rate), tf.int32), 1, predictions)
        # One piece at least stays, to be read.
        chosen = self._chosen(tf, ids, free, tf.minimum(count, number - 1), seeds[:3])
        drawn = tf.random.stateless_uniform(tf.shape(ids), seeds[3])
        if self.part_length is not None:
            drawn += tf.cast(tf.range(length) // self.part_length, tf.float32)
        order = tf.where(chosen, tf.argsort(tf.argsort(drawn, 1, stable=True), 1), -1)
        places, labels, weights = chosen_places(tf, ids, chosen, predictions)
        begins = tf.tile(tf.range(self.segments) * length, [rows])[:, None]
        found = {"target_positions": tf.where(weights > 0, places + begins, -1), "target_ids": labels}
        found |= {"target_weights": weights}
        found = {name: tf.reshape(array, [-1, self.predictions]) for name, array in found.items()}
        return {**batch, **found, "permutation_order": tf.reshape(order, [rows, time])}

    def _chosen(self, tf, ids, free, count, seeds):
        """As many pieces as asked for: those of spans from the left on, then others by chance."""
        time = tf.shape(ids)[1]
        drawn, places = tf.random.stateless_uniform(tf.shape(ids), seeds[2]), tf.range(time)[None]
        in_spans = self._in_spans(tf, *self._spans(tf, ids, free, seeds), places)
        keys = tf.where(in_spans, tf.cast(places - time, tf.float32), tf.where(free, drawn, 2.0))
        ranks = tf.argsort(tf.argsort(keys, 1, stable=True), 1)
        return free & (ranks < count[:, None])

    def _spans(self, tf, ids, free, seeds):
        """Where spans begin and end, both `(batch, spans)`; those that no room is left for are empty, at the end."""
        rows, time = tf.unstack(tf.shape(ids))
        begins = word_begins(tf, self.goes_on, ids, free)
        next_begin, next_special = _following(tf, begins & free), _following(tf, ~free)
        words, before = _places(tf, begins, len(SPAN) + 1), _number_before(tf, begins)
        turns = [time // (1 + int(1 / self.rate)) + 1, rows]
        chances = np.cumsum(SPAN).astype("float32")[:-1]
        lengths = tf.searchsorted(chances, tf.reshape(tf.random.stateless_uniform(turns, seeds[0]), [-1])) + 1
        lengths = tf.reshape(lengths, turns)
        contexts = tf.cast(tf.round(tf.cast(lengths, tf.float64) / self.rate), tf.int32)
        lefts = tf.cast(tf.random.stateless_uniform(turns, seeds[1]) * tf.cast(contexts, tf.float32), tf.int32)

        def turn(state, drawn):
            length, context, left = drawn
            begin = _at(tf, next_begin, tf.minimum(state[0] + left, time))
            end = _at(tf, words, _at(tf, before, begin) + length)
            end = tf.maximum(tf.minimum(end, _at(tf, next_special, begin)), begin)
            return tf.minimum(end + context - left, time), begin, end

        start = tf.zeros([rows], tf.int32)
        _, begin, end = tf.scan(turn, (lengths, contexts, lefts), (start, start, start))
        return tf.transpose(begin), tf.transpose(end)

    def _in_spans(self, tf, begins, ends, places):
        places = tf.broadcast_to(places, [tf.shape(begins)[0], tf.shape(places)[1]])
        number = tf.searchsorted(begins, places, side="right")
        return places < tf.gather(tf.pad(ends, [[0, 0], [1, 0]]), number, batch_dims=1)


def _at(tf, table, place):
    """One entry of each row."""
    return tf.gather(table, place, batch_dims=1)


def _places(tf, flags, more):
    """The places of what is flagged, in their order; beyond them, and in so many columns more, the row's length."""
    time = tf.shape(flags)[1]
    found = tf.sort(tf.where(flags, tf.range(time)[None], time), 1)
    return tf.concat([found, tf.fill([tf.shape(flags)[0], more], time)], 1)


def _number_before(tf, flags):
    """How many are flagged before each place, and before the row's end."""
    return tf.pad(tf.cumsum(tf.cast(flags, tf.int32), 1), [[0, 0], [1, 0]])


def _following(tf, flags):
    """For each place, and the row's end, the first flagged one from there on; the row's length where none is."""
    return tf.gather(_places(tf, flags, 1), _number_before(tf, flags), batch_dims=1)
