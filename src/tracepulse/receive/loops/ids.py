"""Ids of traces and spans, as hexadecimal digits."""

import numpy as np

from tracepulse.receive.loops.columns import (
    S_SPAN,
    S_TRACE,
    T_FROM,
    T_KIND,
    T_TO,
    V_TEXT,
)
from tracepulse.receive.loops.compiled import (
    compiled,
)
from tracepulse.receive.loops.memory import (
    has_word,
    is_digit,
    is_letter,
    is_space,
    is_word,
    put8,
    put64,
    u8,
)
from tracepulse.receive.loops.texts import (
    hex_digit,
)

__all__ = [
    "find_ids",
    "is_hex_of",
    "put_hex",
    "put_trace",
]


@compiled
def put_hex(to, pos, count):  # type: ignore[no-untyped-def]
    """Write `count` bytes given in hexadecimal; returns whether it was that, and not only zeros."""
    any_bit = np.int64(0)
    for i in range(count):
        high = hex_digit(u8(pos + 2 * i))
        low = hex_digit(u8(pos + 2 * i + 1))
        if high < 0 or low < 0:
            return False
        put8(to + i, high << 4 | low)
        any_bit |= high | low
    return any_bit != 0


@compiled
def put_trace(to, pos, size):  # type: ignore[no-untyped-def]
    """Write a trace id of 32 or 16 digits; returns whether it is one."""
    if size == 32:
        return put_hex(to, pos, 16)
    if size == 16:
        put64(to, np.uint64(0))
        return put_hex(to + 8, pos, 8)
    return False


@compiled
def is_hex_of(token, at, count):  # type: ignore[no-untyped-def]
    """Tell whether a value is the small digits of so many bytes."""
    if token[T_KIND] != V_TEXT or token[T_TO] - token[T_FROM] != 2 * count:
        return False
    for i in range(count):
        byte = u8(at + i)
        high = byte >> 4
        low = byte & 15
        if u8(token[T_FROM] + 2 * i) != (high + 0x30 if high < 10 else high + 87):
            return False
        if u8(token[T_FROM] + 2 * i + 1) != (low + 0x30 if low < 10 else low + 87):
            return False
    return True


@compiled
def _id_behind(pos, end):  # type: ignore[no-untyped-def]
    r"""
    Return where the digits begin and end behind `trace` or `span`; -1 if none, -2 for Python to tell.

    That is [._-]?id\\?["']?\s*[=:]\s*\\?["']? and hexadecimal digits.
    """
    if pos < end and (u8(pos) == 0x2E or u8(pos) == 0x5F or u8(pos) == 0x2D):
        pos += 1
    if pos >= end:
        return np.int64(-1), pos
    if u8(pos) >= 0x80:
        return np.int64(-2), pos
    if end - pos < 3 or u8(pos) & 0xDF != 0x49 or u8(pos + 1) & 0xDF != 0x44:
        return np.int64(-1), pos
    pos += 2
    for part in range(2):
        if part:
            while pos < end and is_space(u8(pos)):
                pos += 1
            if pos >= end:
                return np.int64(-1), pos
            byte = u8(pos)
            if byte >= 0x80 or 0x1C <= byte < 0x20:
                return np.int64(-2), pos
            if byte != 0x3D and byte != 0x3A:
                return np.int64(-1), pos
            pos += 1
            while pos < end and is_space(u8(pos)):
                pos += 1
            if pos < end and (u8(pos) >= 0x80 or 0x1C <= u8(pos) < 0x20):
                return np.int64(-2), pos
        if pos < end and u8(pos) == 0x5C:
            pos += 1
        if pos < end and (u8(pos) == 0x22 or u8(pos) == 0x27):
            pos += 1
    start = pos
    while pos < end and hex_digit(u8(pos)) >= 0:
        pos += 1
    if pos < end:
        if u8(pos) >= 0x80:
            return np.int64(-2), pos
        if is_digit(u8(pos)) or is_letter(u8(pos)):
            return np.int64(-1), pos
    return start, pos


@compiled
def find_ids(start, end, state, has_service, ids):  # type: ignore[no-untyped-def]
    """Take the ids that a line names in words; False for Python to tell."""
    traced = False
    for what in range(2):
        pos = start
        size = 5 if what == 0 else 4
        while end - pos >= size + 2:
            byte = u8(pos) & 0xDF
            if what == 0:
                hit = (
                    byte == 0x54
                    and u8(pos + 1) & 0xDF == 0x52
                    and u8(pos + 2) & 0xDF == 0x41
                    and u8(pos + 3) & 0xDF == 0x43
                    and u8(pos + 4) & 0xDF == 0x45
                )
            else:
                if u8(pos) == 0xC5 and u8(pos + 1) == 0xBF:  # a long s is an s to Python
                    return False
                hit = (
                    byte == 0x53
                    and u8(pos + 1) & 0xDF == 0x50
                    and u8(pos + 2) & 0xDF == 0x41
                    and u8(pos + 3) & 0xDF == 0x4E
                )
            if hit and pos > start:
                if u8(pos - 1) >= 0x80:
                    return False
                hit = not is_word(u8(pos - 1))
            if not hit:
                pos += 1
                continue
            at, after = _id_behind(pos + size, end)
            if at == -2:
                return False
            pos += 1
            if at < 0:
                continue
            if what == 0 and (after - at == 32 or after - at == 16):
                if not put_trace(ids, at, after - at):
                    return False
                traced = True
                break
            if what == 1 and after - at == 16:
                if not put_hex(ids + 16, at, 8):
                    return False
                state[S_SPAN] = ids + 16
                break
        if not traced:
            return True
    state[S_TRACE] = ids
    return has_service or not has_word(start, end, 0x65636976726573, 7)  # "service"
