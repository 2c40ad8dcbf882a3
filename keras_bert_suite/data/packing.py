"""Sequences into rows of one length, with as little padding as may be."""

import numpy as np


def best_fit(lengths, capacity):
    """Which sequences share a row: from the longest on, each goes where it leaves the least room.

    Args:
        lengths: of the sequences, 1 to `capacity`.
        capacity: length of a row.

    Returns:
        A list of lists of numbers of sequences.
    """
    lengths = np.asarray(lengths, "int64")
    rows, by_room = [], [[] for _ in range(capacity + 1)]
    # Bit r says whether there is a row with room for r more.
    rooms = 0
    for number in np.argsort(-lengths, kind="stable").tolist():
        length = int(lengths[number])
        fitting = rooms >> length
        if fitting:
            room = length + (fitting & -fitting).bit_length() - 1
            row = by_room[room].pop()
            if not by_room[room]:
                rooms ^= 1 << room
        else:
            row, room = len(rows), capacity
            rows.append([])
        rows[row].append(number)
        if room > length:
            by_room[room - length].append(row)
            rooms |= 1 << (room - length)
    return rows
