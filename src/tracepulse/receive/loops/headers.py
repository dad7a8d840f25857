"""Headers of lines of text: instants, levels, names."""

import numpy as np

from tracepulse.receive.loops.columns import (
    L_LATE,
    L_WORDS,
    MAX_HEADER,
    S_NUMBER,
    S_TIME,
    S_WORD,
    S_WORD_END,
)
from tracepulse.receive.loops.compiled import (
    compiled,
)
from tracepulse.receive.loops.instants import (
    civil_s,
    fraction_ns,
)
from tracepulse.receive.loops.levels import (
    level_at,
)
from tracepulse.receive.loops.memory import (
    is_digit,
    is_space,
    is_word,
    number_of_digits,
    u8,
    u32,
)

__all__ = [
    "first_level",
    "header",
    "leading_level",
    "names_race",
]


@compiled
def _after_words(pos, end, count, limit):  # type: ignore[no-untyped-def]
    """Return where so many words and the gaps behind them end; -1 if not so, -2 for Python to tell."""
    for _ in range(count):
        if pos >= end:
            return np.int64(-1)
        start = pos
        if u8(pos) == 0x5B:
            close = pos + 1
            while close < end and u8(close) != 0x5D:
                close += 1
            if close >= limit:
                return np.int64(-2)
            if close + 1 < end:
                byte = u8(close + 1)
                if is_space(byte) or byte == 0x7C or byte == 0x5B:
                    pos = close + 1
        if pos == start:
            while pos < end and not is_space(u8(pos)) and u8(pos) != 0x7C:
                pos += 1
            if pos == start:
                return np.int64(-1)
        if pos >= limit:
            return np.int64(-2)
        gap = pos
        while pos < end and (is_space(u8(pos)) or u8(pos) == 0x7C):
            pos += 1
        if pos == gap and not (pos < end and u8(pos - 1) == 0x5D and u8(pos) == 0x5B):
            return np.int64(-1)
        if pos >= limit:
            return np.int64(-2)
    return pos


@compiled
def _zone(pos, end):  # type: ignore[no-untyped-def]
    """Return seconds ahead of UTC and where the zone ends; -1 for Python to tell."""
    at = pos
    if at < end and u8(at) == 0x20:
        at += 1
    if at >= end:
        return np.int64(0), pos
    byte = u8(at)
    size = 0
    if byte == 0x5A:
        size = 1
    elif end - at >= 3:
        word = u32(at) & np.uint64(0xFFFFFF) if end - at >= 4 else np.uint64(0)
        if word == 0x435455 or word == 0x544D47:
            size = 3
        elif end - at == 3 and (byte == 0x55 or byte == 0x47):
            return np.int64(0), np.int64(-1)
    if size:
        if at + size < end and is_word(u8(at + size)):
            if at == pos:
                return np.int64(0), np.int64(-1)
            return np.int64(0), pos
        return np.int64(0), at + size
    if byte == 0x2B or byte == 0x2D:
        if at + 1 < end and is_digit(u8(at + 1)):
            if end - at < 5:
                return np.int64(0), np.int64(-1)
            hours = number_of_digits(at + 1, 2)
            colon = u8(at + 3) == 0x3A
            if colon and end - at < 6:
                return np.int64(0), np.int64(-1)
            minutes = number_of_digits(at + 3 + colon, 2)
            after = at + 5 + colon
            if not (0 <= hours < 15 and 0 <= minutes < 60):
                return np.int64(0), np.int64(-1)
            if after < end and is_word(u8(after)):
                return np.int64(0), np.int64(-1)
            ahead = hours * 3600 + minutes * 60
            return (ahead if byte == 0x2B else -ahead), after
    return np.int64(0), pos


@compiled
def header(start, end, layout, state):  # type: ignore[no-untyped-def]
    """
    Read a line's header by a layout.

    Returns where the message begins; -1 if the layout does not fit, -2 if Python is to tell.
    """
    limit = start + MAX_HEADER
    pos = start
    while pos < end and is_space(u8(pos)):
        pos += 1
    pos = _after_words(pos, end, layout[L_WORDS], limit)
    if pos < 0:
        return pos
    if pos < end:
        byte = u8(pos)
        if byte == 0x5B or byte == 0x28 or byte == 0x3C or byte == 0x22 or byte == 0x27:
            pos += 1
    if pos >= limit:
        return np.int64(-2)
    if end - pos < 19 or not (u8(pos + 10) == 0x54 or u8(pos + 10) == 0x20):
        return np.int64(-1)
    if u8(pos + 4) != 0x2D or u8(pos + 13) != 0x3A or not is_digit(u8(pos)):
        return np.int64(-1)
    seconds = civil_s(pos)
    if seconds < 0:
        return np.int64(-2)
    pos += 19
    nanos = np.int64(0)
    if end - pos >= 2 and (u8(pos) == 0x2E or u8(pos) == 0x2C) and is_digit(u8(pos + 1)):
        nanos, pos = fraction_ns(pos + 1, end)
        if nanos < 0:
            return np.int64(-2)
    ahead, after = _zone(pos, end)
    if after < 0:
        return np.int64(-2)
    pos = after
    if pos < end and is_word(u8(pos)):
        return np.int64(-2)
    state[S_TIME] = (seconds - ahead) * 1_000_000_000 + nanos
    if pos < end:
        byte = u8(pos)
        if byte == 0x5D or byte == 0x29 or byte == 0x3E or byte == 0x22 or byte == 0x27:
            pos += 1
    while pos < end:
        byte = u8(pos)
        if not (is_space(byte) or byte == 0x7C or byte == 0x2C or byte == 0x3B or byte == 0x3A):
            break
        pos += 1
    if end - pos >= 2 and u8(pos) == 0x2D and is_space(u8(pos + 1)):
        pos += 1
        while pos < end and is_space(u8(pos)):
            pos += 1
    if pos >= limit:
        return np.int64(-2)
    state[S_NUMBER] = 0
    state[S_WORD] = 0
    state[S_WORD_END] = 0
    if layout[L_LATE] >= 0:
        at = _after_words(pos, end, layout[L_LATE], limit)
        if at == -2:
            return np.int64(-2)
        if at >= 0:
            return _late_level(pos, at, end, limit, state)
    return pos


@compiled
def _late_level(pos, at, end, limit, state):  # type: ignore[no-untyped-def]
    """Take a level at `at`; returns where the message begins, which is `pos` if there is none."""
    if at < end:
        byte = u8(at)
        if byte == 0x5B or byte == 0x28 or byte == 0x3C:
            at += 1
    found, after = level_at(at, end)
    if not found or after - at < 3:
        return pos
    if after < end:
        byte = u8(after)
        if not (
            is_space(byte)
            or byte == 0x3A
            or byte == 0x7C
            or byte == 0x2C
            or byte == 0x5D
            or byte == 0x29
            or byte == 0x3E
            or byte == 0x2D
        ):
            return pos
    state[S_NUMBER] = found
    state[S_WORD] = at
    state[S_WORD_END] = after
    if after < end:
        byte = u8(after)
        if byte == 0x5D or byte == 0x29 or byte == 0x3E:
            after += 1
    while True:
        at = after
        while at < end and is_space(u8(at)):
            at += 1
        if at >= end:
            break
        byte = u8(at)
        if byte == 0x7C:
            after = at + 1
            continue
        ends = at + 1 == end
        spaced = not ends and is_space(u8(at + 1))
        if (byte == 0x3A or byte == 0x2C) and (ends or spaced):
            after = at + 1
            continue
        if byte == 0x2D and at > after and spaced:
            after = at + 1
            continue
        break
    return at if at < limit else np.int64(-2)


@compiled
def first_level(start, end, state):  # type: ignore[no-untyped-def]
    """Take the level at the very beginning of a line; returns where the message begins, or -1."""
    pos = start
    if pos >= end:
        return np.int64(-1)
    opened = u8(pos)
    bracket = opened == 0x5B or opened == 0x28 or opened == 0x3C
    if bracket:
        pos += 1
    found, after = level_at(pos, end)
    if not found or after - pos < 3 or after >= end:
        return np.int64(-1)
    byte = u8(after)
    word_end = after
    if bracket:
        if not (byte == 0x5D or byte == 0x29 or byte == 0x3E):
            return np.int64(-1)
        after += 1
        if after < end and u8(after) == 0x3A:
            after += 1
    elif byte == 0x3A:
        after += 1
    elif is_space(byte) or byte == 0x7C:
        for at in range(pos, after):
            if u8(at) & 0x20:
                return np.int64(-1)
    else:
        return np.int64(-1)
    at = after
    while at < end and is_space(u8(at)):
        at += 1
    if end - at >= 2 and (u8(at) == 0x7C or u8(at) == 0x2D) and is_space(u8(at + 1)):
        at += 1
        while at < end and is_space(u8(at)):
            at += 1
    if at >= start + MAX_HEADER:
        return np.int64(-2)
    state[S_NUMBER] = found
    state[S_WORD] = pos
    state[S_WORD_END] = word_end
    return at


@compiled
def leading_level(pos, end, state):  # type: ignore[no-untyped-def]
    """Take the level that a message begins with, before a colon; False for Python to tell."""
    if pos < end:
        byte = u8(pos)
        if byte == 0x5B or byte == 0x28 or byte == 0x3C:
            pos += 1
    found, after = level_at(pos, end)
    if after < end and (u8(after) & 0xFE == 0xC4 or u8(after) == 0xE2):
        return False  # letters that are an i, s or k to Python: ı, ſ and the sign of Kelvin
    if not found or after - pos < 3:
        return True
    word_end = after
    if after < end:
        byte = u8(after)
        if byte == 0x5D or byte == 0x29 or byte == 0x3E:
            after += 1
    if after >= end or u8(after) != 0x3A:
        return True
    after += 1
    if after < end:
        byte = u8(after)
        if byte >= 0x80 or 0x1C <= byte < 0x20:
            return False
        if not is_space(byte):
            return True
    state[S_NUMBER] = found
    state[S_WORD] = pos
    state[S_WORD_END] = word_end
    return True


@compiled
def names_race(pos, end):  # type: ignore[no-untyped-def]
    """Tell whether `race` or `RACE` stands in a text."""
    last = end - 4
    while pos <= last:
        byte = u8(pos + 1)
        if byte & 0xDF == 0x41:
            word = u32(pos)
            if word == 0x65636172 or word == 0x45434152:
                return True
            pos += 2  # the second letter of no other one is the first of this
        elif byte == 0x72 or byte == 0x52:
            pos += 1
        else:
            pos += 2
    return False
