"""A log line's shape: its first line with what varies masked. The same as `shape_sql` in the engine."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tracepulse.store.load.rows import LENGTH_MASK

__all__ = ["shape_texts"]

_CHARACTERS = 300
"""How much of a line counts."""
_IN_TOKEN = np.zeros(256, np.bool_)
for _each in b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.:/@+-":
    _IN_TOKEN[_each] = True


@njit(cache=True, nogil=True)
def _shape_texts(buf, places, at, in_token, out):  # type: ignore[no-untyped-def]
    for n in range(len(places)):
        pos = places[n] >> 24
        end = pos + (places[n] & 0xFFFFFF)
        stop = pos
        characters = 0
        while stop < end and buf[stop] != 10 and buf[stop] != 13:
            if buf[stop] & 0xC0 != 0x80:
                characters += 1
                if characters > 300:
                    break
            stop += 1
        begin = at
        while pos < stop:
            byte = buf[pos]
            after = pos + 1
            masked = False
            if byte == 34 or byte == 39:
                while after < stop and buf[after] != byte:
                    after += 1
                if after < stop:
                    after += 1
                    masked = True
                else:
                    after = pos + 1
            elif in_token[byte]:
                masked = 48 <= byte <= 57
                while after < stop and in_token[buf[after]]:
                    masked |= 48 <= buf[after] <= 57
                    after += 1
            if masked:
                buf[at] = 60
                buf[at + 1] = 42
                buf[at + 2] = 62
                at += 3
            else:
                for each in range(pos, after):
                    buf[at] = buf[each]
                    at += 1
            pos = after
        out[n] = (begin << 24) | (at - begin)
    return at


def shape_texts(
    text: NDArray[np.uint8], places: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the bytes given, longer by the shapes of the texts, and where each shape is."""
    # A masked stretch of one byte becomes three; no character has more than four bytes.
    room = int(np.minimum((places & LENGTH_MASK) * 3, _CHARACTERS * 4).sum())
    longer = np.empty(len(text) + room, np.uint8)
    longer[: len(text)] = text
    out = np.empty(len(places), np.int64)
    _shape_texts(longer, places, len(text), _IN_TOKEN, out)
    return longer, out
