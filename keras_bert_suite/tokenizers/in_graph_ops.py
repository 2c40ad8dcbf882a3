"""Operations on flat tensors of characters and pieces, of which a tokenizer in a graph is made.

TensorFlow is an argument, `tf`, so that importing this costs nothing.
"""

from keras_bert_suite.tokenizers import characters

MARK = 0x2581


def longest_first(tf, first, second, room):
    """How many pieces of a pair are kept, as the `tokenizers` library cuts the longer one first."""
    short = tf.minimum(first, second)
    kept_long = tf.where(short > room, short, tf.maximum(short, room - short))
    over = short + kept_long > room
    half = tf.zeros_like(short) + room // 2
    short, kept_long = tf.where(over, half, short), tf.where(over, half + room % 2, kept_long)
    fits = first + second <= room
    swapped = first > second
    return [
        tf.where(fits, first, tf.where(swapped, kept_long, short)),
        tf.where(fits, second, tf.where(swapped, short, kept_long)),
    ]


def ranges(tf, found, rows, begin, width):
    """Of ragged rows the ranges from `begin`, `width` wide; `rows` says whose, None for each its own."""
    starts = found["ids"].row_starts()
    starts = begin + (starts if rows is None else tf.gather(starts, rows))
    places = tf.ragged.range(starts, starts + width)
    cut = {name: places.with_values(tf.gather(value.values, places.values)) for name, value in found.items()}
    numbers = places.values - tf.gather(starts - begin, places.value_rowids())
    return {**cut, "piece": places.with_values(tf.cast(numbers, tf.int32))}


def with_marks(tf, chars, split):
    """Characters with a mark for each space, and one before each word that has none."""
    codes = tf.where(chars["codes"] == ord(" "), MARK, chars["codes"])
    marked = codes == MARK
    new = chars["new"] | marked if split else chars["new"]
    prefixed = new & ~marked & (chars["special"] == 0)
    count = 1 + tf.cast(prefixed, tf.int64)
    source = tf.repeat(tf.range(tf.size(codes, tf.int64)), count)
    number = tf.range(tf.size(source, tf.int64)) - tf.gather(tf.cumsum(count, exclusive=True), source)
    chars = {name: tf.gather(value, source) for name, value in {**chars, "codes": codes, "new": new}.items()}
    added = (number == 0) & tf.gather(prefixed, source)
    return {**chars, "codes": tf.where(added, MARK, chars["codes"]), "new": chars["new"] & (number == 0)}


def look_up(tf, table, codes, dtype):
    """The numbers of a `characters.Table` at code points."""
    page = tf.gather(table.pages, codes // 256)
    number = tf.gather(table.values, page * 256 + codes % 256)
    return number != 0 if dtype == tf.bool else number


def utf8_bytes(tf, codes):
    """How many bytes each code point has in UTF-8."""
    return 1 + tf.add_n([tf.cast(codes >= least, tf.int64) for least in (0x80, 0x800, 0x10000)])


def joint(first, second):
    return first * characters.CODE_POINTS + second


def shifted(tf, values):
    """For each value the one before it; for the first a zero, or False."""
    return tf.concat([tf.zeros_like(values[:1]), values[:-1]], 0)


def changes(tf, values):
    """Where a value differs from the one before it; the first does."""
    return tf.concat([tf.ones_like(values[:1], tf.bool), values[1:] != values[:-1]], 0)


def firsts(tf, values, groups):
    """For each value the first of its group; `groups` are numbers, those of a group side by side."""
    new = changes(tf, groups)
    return tf.gather(tf.boolean_mask(values, new), tf.cumsum(tf.cast(new, tf.int64)) - 1)


def quoted(piece):
    return "".join(c if c.isalnum() or not c.isascii() else "\\" + c for c in piece)
