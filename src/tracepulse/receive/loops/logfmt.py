"""Pairs of keys and values as tokens."""

import numpy as np

from tracepulse.receive.loops.columns import (
    KEYS_BYTES,
    MAX_TOKENS,
    T_FROM,
    T_KIND,
    T_SIZE,
    T_TO,
    V_PAIRED,
    V_TEXT,
)
from tracepulse.receive.loops.compiled import (
    compiled,
)
from tracepulse.receive.loops.memory import (
    copy,
    is_letter,
    is_space,
    is_word,
    put8,
    u8,
)

__all__ = [
    "is_not_pairs",
    "logfmt_pairs",
]


@compiled
def logfmt_pairs(pos, end, tokens, keys):  # type: ignore[no-untyped-def]
    """Read a line that is nothing but pairs with one space between them; returns as `json_object`."""
    last = keys + KEYS_BYTES
    count = 0
    while True:
        start = pos
        while pos < end:
            byte = u8(pos)
            if not (is_word(byte) or byte == 0x40 or byte == 0x2E or byte == 0x2F or byte == 0x2D):
                break
            pos += 1
        if pos == start or pos >= end or u8(pos) != 0x3D or count >= MAX_TOKENS:
            return -1, keys
        first = u8(start)
        if not (is_letter(first) or first == 0x5F or first == 0x40):
            return -1, keys
        if keys + pos - start + 10 > last:
            return -1, keys
        keys = copy(keys, start, pos)
        put8(keys, 0)
        keys += 1
        pos += 1
        token = tokens[count]
        count += 1
        token[T_KIND] = V_TEXT
        if pos < end and u8(pos) == 0x22:
            pos += 1
            token[T_FROM] = pos
            escapes = 0
            while pos < end and u8(pos) != 0x22:
                if u8(pos) == 0x5C:
                    pos += 1
                    escapes += 1
                    if pos >= end or u8(pos) == 10:
                        return -1, keys
                pos += 1
            if pos >= end:
                return -1, keys
            token[T_TO] = pos
            token[T_SIZE] = pos - token[T_FROM] - escapes
            if escapes:
                token[T_KIND] = V_PAIRED
            pos += 1
        else:
            token[T_FROM] = pos
            while pos < end:
                byte = u8(pos)
                if byte <= 0x20 or byte >= 0x7F or byte == 0x22:
                    break
                pos += 1
            token[T_TO] = pos
            token[T_SIZE] = pos - token[T_FROM]
        if pos == end:
            return count, keys
        if u8(pos) != 0x20:
            return -1, keys
        pos += 1


@compiled
def is_not_pairs(pos, end):  # type: ignore[no-untyped-def]
    """Tell for certain that pairs do not cover nine tenths of a line: there are none at its beginning."""
    size = end - pos
    plain = before = np.int64(0)
    while pos < end:
        byte = u8(pos)
        if byte == 0x3D:
            return (before - 2) * 10 > size
        plain += byte < 0x80
        pos += 1
        if is_space(byte):
            before = plain
    return True
