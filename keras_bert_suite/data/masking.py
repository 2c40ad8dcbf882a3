"""Which pieces of a row are hidden, and what stands in their place: at training time, so that each epoch hides others.

Batches in, batches out, as operations of a TensorFlow graph or on numpy arrays, by one code with one result. Random
numbers follow from a seed and the number of the batch alone. Masks of many rows at once cost little: mask before the
rows are cut into small batches.
"""

import numpy as np

from keras_bert_suite.data import array_ops
from keras_bert_suite.errors import InputError

UNITS = ("token", "word", "ngram", "span")
# Devlin et al. 2019; ALBERT's n-grams; SpanBERT's spans: in words, p(1), p(2), ...
NGRAM = tuple(1 / n / (1 + 1 / 2 + 1 / 3) for n in (1, 2, 3))
SPAN = tuple(0.2 * 0.8 ** (n - 1) / (1 - 0.8**10) for n in range(1, 11))


class Masking:
    """Hides a part of the pieces of each row.

    The number of a row is `rate` of its pieces, the special ones counted as the published code counts them, rounded,
    and at least 1. Special pieces but for the unknown one are never chosen, nor is padding.

    Args:
        tokenizer: a `Tokenizer`; its vocabulary says which pieces go on with a word.
        unit: what is chosen as a whole: `"token"`, each piece alone; `"word"`, all pieces of a word (Devlin et al.
            2019); `"ngram"`, 1 to 3 words, n of them with a chance of 1/n (Lan et al. 2019,
            https://arxiv.org/abs/1909.11942); `"span"`, 1 to 10 words, of a geometric distribution with 0.2 (Joshi et
            al. 2019, https://arxiv.org/abs/1907.10529). Of words and n-grams one for which a row has no room left is
            passed over; the last span is cut.
        rate: part of the pieces, 0 to 1.
        predictions: pieces of a row at most, the width of what `__call__` adds.
        mask: part of the chosen pieces in whose place the mask stands.
        random: part in whose place a piece stands that is drawn from the whole vocabulary. The rest stay.
        by_unit: whether all pieces of a chosen unit share the draw of these parts (SpanBERT), or each has its own.
        draws: random numbers to add for each chosen piece, for what is drawn in its place while a model runs.

    Raises:
        InputError: there is no such unit, or a number is out of reach, or the vocabulary has no mask.
    """

    def __init__(
        self, tokenizer, unit="token", rate=0.15, predictions=20, mask=0.8, random=0.1, by_unit=None, draws=0
    ):
        if unit not in UNITS:
            raise InputError(f"Received unit={unit!r}; expected one of {', '.join(UNITS)}.")
        if not 0 < rate < 1 or predictions < 1 or min(mask, random) < 0 or mask + random > 1 + 1e-9:
            raise InputError(
                f"Received rate={rate}, predictions={predictions}, mask={mask}, random={random}; expected a rate "
                "between 0 and 1, 1 prediction or more, and parts that add up to 1 at most."
            )
        if tokenizer.mask_id is None:
            raise InputError("The vocabulary has no piece for masks.")
        self.unit, self.rate, self.predictions, self.mask, self.random = unit, rate, predictions, mask, random
        self.by_unit, self.draws = unit == "span" if by_unit is None else by_unit, draws
        self.mask_id, self.vocab_size = tokenizer.mask_id, tokenizer.vocab_size
        self.special, self.goes_on = special(tokenizer), goes_on(tokenizer)

    def __call__(self, batch, seed):
        """Adds masks to a batch.

        Args:
            batch: a dict with `token_ids` and `padding_mask`, int32 `(batch, time)`, tensors or numpy arrays.
            seed: two integers, as those of `tf.random.stateless_uniform`.

        Returns:
            The batch with masks in `token_ids`, and beside what it had: `masked_positions` and `masked_ids` int32,
            `masked_weights` float32, all `(batch, predictions)`, in the order of the row; for spans `masked_starts`
            and `masked_ends` too, the places before and after the span that the piece is of; with `draws`
            `masked_draws`, int32 of 24 random bits, `(batch, predictions, draws)`. Beyond the chosen pieces weights
            are 0 and draws -1.
        """
        tf = array_ops.of(batch["token_ids"])
        ids, real = batch["token_ids"], tf.cast(batch["padding_mask"], tf.bool)
        seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 5))
        free = real & ~tf.gather(self.special, ids)
        count = tf.cast(tf.reduce_sum(batch["padding_mask"], 1), tf.float64) * self.rate
        count = tf.clip_by_value(tf.cast(tf.round(count), tf.int32), 1, self.predictions)
        units = self._units(tf, ids, free, seeds[0])
        order = self._order(tf, free, units, seeds[1])
        chosen = (self._whole if self.unit in ("word", "ngram") else self._first)(tf, order, units, free, count)
        names = ("masked_positions", "masked_ids", "masked_weights")
        batch = {**batch, **dict(zip(names, chosen_places(tf, ids, chosen, self.predictions), strict=True))}
        if self.unit == "span":
            batch |= _edges(tf, chosen, units, batch["masked_positions"])
        if self.draws:
            batch["masked_draws"] = self._draws(tf, batch["masked_weights"], seed)
        return {**batch, "token_ids": self._replaced(tf, ids, chosen, units, seeds[2:])}

    def _units(self, tf, ids, free, seed):
        """The number of the unit that each piece is of, `(batch, time)`; what is not free has one of its own."""
        if self.unit == "token":
            return tf.cumsum(tf.ones_like(ids), 1) - 1
        begins = word_begins(tf, self.goes_on, ids, free)
        if self.unit == "word":
            return tf.cumsum(tf.cast(begins, tf.int32), 1) - 1
        chances = np.cumsum(NGRAM if self.unit == "ngram" else SPAN).astype("float32")
        drawn = tf.random.stateless_uniform(tf.shape(ids), seed)
        lengths = tf.searchsorted(chances[:-1], tf.reshape(drawn, [-1])) + 1
        # One unit ends where the next begins: the sums of lengths, in words, from a random place within the first.
        ends = tf.cumsum(tf.reshape(lengths, tf.shape(ids)), 1) - tf.cast(drawn[:, -1:] * 3, tf.int32)
        words = tf.cumsum(tf.cast(begins, tf.int32), 1) - 1
        by_words = tf.searchsorted(ends, words, side="right")
        new = (by_words != _before(tf, by_words)) | ~free | ~_before(tf, free)
        return tf.cumsum(tf.cast(new, tf.int32), 1) - 1

    def _order(self, tf, free, units, seed):
        """A random number for each unit, the same for all of its pieces; 2 for what is not free."""
        drawn = tf.random.stateless_uniform(tf.shape(units), seed)
        return tf.where(free, drawn if self.unit == "token" else tf.gather(drawn, units, batch_dims=1), 2.0)

    def _first(self, tf, order, units, free, count):
        """The pieces of the first units, as many as there is room for: the last unit is cut."""
        rows, time = tf.unstack(tf.shape(order))
        # Of equal numbers the first piece's, as in a stable sort.
        places = tf.math.top_k(-order, tf.minimum(self.predictions, time)).indices
        places += tf.range(rows)[:, None] * time
        taken = tf.sequence_mask(count, tf.shape(places)[1], tf.int32)
        chosen = tf.scatter_nd(tf.reshape(places, [-1, 1]), tf.reshape(taken, [-1]), [rows * time])
        return free & (tf.reshape(chosen, [rows, time]) > 0)

    def _whole(self, tf, order, units, free, count):
        """Unit after unit, but those for which there is no room left."""
        sizes = _by_unit(tf, tf.math.unsorted_segment_sum, tf.cast(free, tf.int32), units)
        sequence = tf.argsort(_by_unit(tf, tf.math.unsorted_segment_min, order, units), 1)
        # By turns, which all rows take together.
        turns = tf.transpose(tf.gather(sizes, sequence, batch_dims=1))

        def turn(state, size):
            fits = (size > 0) & (state[0] + size <= count)
            return state[0] + tf.where(fits, size, 0), fits

        _, fits = tf.scan(turn, turns, (tf.zeros_like(count), tf.zeros_like(count, tf.bool)))
        taken = tf.gather(tf.transpose(fits), tf.argsort(sequence, 1), batch_dims=1)
        return free & tf.gather(taken, units, batch_dims=1)

    def _replaced(self, tf, ids, chosen, units, seeds):
        drawn = tf.random.stateless_uniform(tf.shape(ids), seeds[0])
        if self.by_unit:
            drawn = tf.gather(drawn, units, batch_dims=1)
        random = tf.random.stateless_uniform(tf.shape(ids), seeds[1], maxval=self.vocab_size, dtype=tf.int32)
        hidden = tf.where(drawn < self.mask, self.mask_id, tf.where(drawn < self.mask + self.random, random, ids))
        return tf.where(chosen, hidden, ids)

    def _draws(self, tf, weights, seed):
        # Of a seed of their own, so that the masks are those of the same seed without them.
        seed, shape = tf.random.experimental.stateless_fold_in(seed, 1), (*tf.unstack(tf.shape(weights)), self.draws)
        drawn = tf.random.stateless_uniform(shape, seed, 0, 2**24, tf.int32)
        return tf.where(weights[..., None] > 0, tf.ensure_shape(drawn, [None, self.predictions, self.draws]), -1)


def special(tokenizer):
    """For each id whether it is a special piece that no text has: `(vocab_size,)`, bool."""
    found = np.zeros(tokenizer.vocab_size, bool)
    found[[i for i in (tokenizer.pad_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id) if i is not None]] = (
        True
    )
    return found


def goes_on(tokenizer):
    """For each id whether its piece goes on with the word before it: `(vocab_size,)`, bool."""
    pieces = ["" if piece is None else piece for piece in tokenizer.vocabulary]
    if tokenizer.kind == "wordpiece":
        return np.array([piece.startswith("##") for piece in pieces])
    # A byte-level or SentencePiece vocabulary marks what begins a word instead.
    return np.array([not piece.startswith(("\u2581", "\u0120")) for piece in pieces])


def word_begins(tf, goes_on, ids, free):
    """Whether a word begins at each piece, `(batch, time)`; what is not free is a word of its own."""
    return ~(tf.gather(goes_on, ids) & _before(tf, free)) | ~free


def chosen_places(tf, ids, chosen, predictions):
    """The chosen pieces of each row in its order: their places, their ids and 1.0; all 0 beyond them.

    Args:
        ids: `(batch, time)`.
        chosen: bool, `(batch, time)`.
        predictions: how many are given of each row.

    Returns:
        Three arrays `(batch, predictions)`.
    """
    time = tf.shape(ids)[1]
    places = tf.range(time)[None] + tf.where(chosen, 0, time)
    found = -tf.math.top_k(-places, tf.minimum(predictions, time)).values
    found = tf.pad(found, [[0, 0], [0, predictions - tf.shape(found)[1]]], constant_values=2 * 10**9)
    found = tf.ensure_shape(found, [None, predictions])
    weights = found < time
    found = tf.where(weights, found, 0)
    return found, tf.where(weights, tf.gather(ids, found, batch_dims=1), 0), tf.cast(weights, tf.float32)


def _before(tf, x):
    return tf.pad(x, [[0, 0], [1, 0]])[:, :-1]


def _by_unit(tf, reduce, x, units):
    """What `reduce` makes of the numbers of each unit's pieces, `(batch, time)`: as many units at most as pieces."""
    rows, time = tf.unstack(tf.shape(units))
    flat = tf.reshape(tf.range(rows)[:, None] * time + units, [-1])
    return tf.reshape(reduce(tf.reshape(x, [-1]), flat, rows * time), [rows, time])


def _edges(tf, chosen, units, positions):
    """The places before and after the chosen pieces of each masked piece's span."""
    rows, time = tf.unstack(tf.shape(chosen))
    places = tf.broadcast_to(tf.range(time)[None], [rows, time])
    first = _by_unit(tf, tf.math.unsorted_segment_min, tf.where(chosen, places, time), units)
    last = _by_unit(tf, tf.math.unsorted_segment_max, tf.where(chosen, places, -1), units)
    unit = tf.gather(units, positions, batch_dims=1)
    # Beyond the chosen pieces there is no span, and no weight.
    return {
        "masked_starts": tf.clip_by_value(tf.gather(first, unit, batch_dims=1) - 1, 0, time - 1),
        "masked_ends": tf.clip_by_value(tf.gather(last, unit, batch_dims=1) + 1, 0, time - 1),
    }
