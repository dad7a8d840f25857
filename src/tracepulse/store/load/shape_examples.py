"""
A few lines of each shape, the same whatever the order in which they come.

Of the distinct lines of a shape those are kept whose hashes are lowest: which these are depends on the
lines alone. Once many lines have passed, a new one seldom belongs to them.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tracepulse.store.load.texts import hash_bytes

__all__ = ["EXAMPLES", "NO_HASH", "lowest_hashes"]

EXAMPLES = 8
"""Lines kept of each shape."""
NO_HASH = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


@njit(cache=True, nogil=True)
def _lowest(buf, places, codes, known, lines):  # type: ignore[no-untyped-def]
    count = known.shape[1]
    for n in range(len(places)):
        pos = places[n] >> 24
        value = hash_bytes(buf, pos, pos + (places[n] & 0xFFFFFF), np.uint64(7))
        row = known[codes[n]]
        if value >= row[count - 1]:
            continue
        slot = count - 1
        while slot > 0 and row[slot - 1] >= value:
            slot -= 1
        if row[slot] == value:
            continue
        chosen = lines[codes[n]]
        for each in range(count - 1, slot, -1):
            row[each] = row[each - 1]
            chosen[each] = chosen[each - 1]
        row[slot] = value
        chosen[slot] = n


def lowest_hashes(
    text: NDArray[np.uint8],
    places: NDArray[np.int64],
    codes: NDArray[np.int32],
    known: NDArray[np.uint64],
) -> NDArray[np.int64]:
    """
    Add lines to the lowest hashes of their shapes.

    Args:
        places: the lines.
        codes: the shape of each, a row of `known`.
        known: lowest hashes of each shape, ascending, `NO_HASH` where there are fewer; changed.
    Returns:
        For each place in `known` the number of the line that took it, or -1 where it was known.
    """
    lines = np.full(known.shape, -1, np.int64)
    _lowest(text, places, codes, known, lines)
    return lines
