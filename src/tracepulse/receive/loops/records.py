"""Fields and attributes of OTLP's log records."""

import numpy as np

from tracepulse.receive.loops.columns import (
    S_BODY,
    S_BODY_END,
    S_BODY_KIND,
    S_BODY_SIZE,
    S_LEFT,
    S_LEFTOVER,
    S_NUMBER,
    S_OBSERVED,
    S_SPAN,
    S_TIME,
    S_TRACE,
    S_WORD,
    S_WORD_END,
    T_FROM,
    T_KIND,
    T_NUMBER,
    T_SIZE,
    T_TO,
    V_DECIMAL,
    V_FALSE,
    V_INTEGER,
    V_NULL,
    V_TRUE,
)
from tracepulse.receive.loops.compiled import (
    compiled,
)
from tracepulse.receive.loops.instants import (
    decimal_of,
)
from tracepulse.receive.loops.levels import (
    LEVEL_NAME_SIZES,
    LEVEL_NAMES,
)
from tracepulse.receive.loops.memory import (
    copy,
    put8,
    put64i,
    put_double,
    put_varint,
    size_of_varint,
    u8,
)
from tracepulse.receive.loops.texts import (
    put_text,
)

__all__ = [
    "enclose",
    "put_attribute",
    "put_head",
    "put_ids",
    "put_some",
    "set_aside",
]


#
# Whatever writes at `to` writes nothing behind `limit`: without room it returns `limit + 1`, with which
# all that follow do the same, and the record is left to Python in the end.


@compiled
def put_attribute(to, limit, key, key_end, token):  # type: ignore[no-untyped-def]
    """Write an attribute of a record; nothing for null. `key` is a field with its tag."""
    kind = token[T_KIND]
    taken = np.int64(0)
    if kind == V_NULL:
        return to
    if kind == V_INTEGER:
        value = token[T_NUMBER]
        size = 1 + (10 if value < 0 else size_of_varint(value))
    elif kind == V_DECIMAL:
        size = 9
    elif kind in (V_TRUE, V_FALSE):
        size = 2
    else:
        size = 1 + size_of_varint(token[T_SIZE]) + token[T_SIZE]
        taken = max(token[T_TO] - token[T_FROM], np.int64(0))
    if key_end - key + 40 + taken > limit - to:
        return limit + 1
    put8(to, 0x32)
    to = put_varint(to + 1, key_end - key + 1 + size_of_varint(size) + size)
    to = copy(to, key, key_end)
    put8(to, 0x12)
    to = put_varint(to + 1, size)
    if kind == V_INTEGER:
        put8(to, 0x18)
        to += 1
        value = token[T_NUMBER]
        if value >= 0:
            return put_varint(to, value)
        rest = np.uint64(value)
        for _ in range(9):
            put8(to, np.int64(rest & np.uint64(0x7F)) | 0x80)
            rest >>= np.uint64(7)
            to += 1
        put8(to, 1)
        return to + 1
    if kind == V_DECIMAL:
        put8(to, 0x21)
        put_double(to + 1, decimal_of(token))  # type: ignore[call-arg]
        return to + 9
    if kind in (V_TRUE, V_FALSE):
        put8(to, 0x10)
        put8(to + 1, 1 if kind == V_TRUE else 0)
        return to + 2
    put8(to, 0x0A)
    to = put_varint(to + 1, token[T_SIZE])
    return put_text(to, token[T_FROM], token[T_TO], kind)


@compiled
def put_some(to, limit, pos, end):  # type: ignore[no-untyped-def]
    """Copy bytes if there is room for them."""
    if end - pos > limit - to:
        return limit + 1
    return copy(to, pos, end)


@compiled
def _put_bytes(to, limit, tag, pos, end):  # type: ignore[no-untyped-def]
    if end - pos + 11 > limit - to:
        return limit + 1
    put8(to, tag)
    to = put_varint(to + 1, end - pos)
    return copy(to, pos, end)


@compiled
def put_head(to, limit, state):  # type: ignore[no-untyped-def]
    """Write time, severity and body of a record."""
    if limit - to < 20:
        return limit + 1
    if state[S_TIME] > 0:
        put8(to, 0x09)
        put64i(to + 1, state[S_TIME])
        to += 9
    if state[S_NUMBER] > 0:
        put8(to, 0x10)
        put8(to + 1, state[S_NUMBER])
        to += 2
    if state[S_WORD] < 0:  # the name of a number's severity
        name = -1 - state[S_WORD]
        size = LEVEL_NAME_SIZES[name]
        put8(to, 0x1A)
        put8(to + 1, size)
        for i in range(size):
            put8(to + 2 + i, np.int64(LEVEL_NAMES[5 * name + i]))
        to += 2 + size
    elif state[S_WORD_END] > state[S_WORD]:
        to = _put_bytes(to, limit, 0x1A, state[S_WORD], state[S_WORD_END])
    size = state[S_BODY_SIZE]
    if size:
        if max(state[S_BODY_END] - state[S_BODY], 0) + 22 > limit - to:
            return limit + 1
        put8(to, 0x2A)
        to = put_varint(to + 1, 1 + size_of_varint(size) + size)
        put8(to, 0x0A)
        to = put_varint(to + 1, size)
        to = put_text(to, state[S_BODY], state[S_BODY_END], state[S_BODY_KIND])
    return to


@compiled
def put_ids(to, limit, state):  # type: ignore[no-untyped-def]
    """Write trace and span, and when a record was observed."""
    if state[S_TRACE]:
        to = _put_bytes(to, limit, 0x4A, state[S_TRACE], state[S_TRACE] + 16)
    if state[S_SPAN]:
        to = _put_bytes(to, limit, 0x52, state[S_SPAN], state[S_SPAN] + 8)
    if state[S_OBSERVED] > 0:
        if limit - to < 9:
            return limit + 1
        put8(to, 0x59)
        put64i(to + 1, state[S_OBSERVED])
        to += 9
    return to


@compiled
def enclose(start, limit, end):  # type: ignore[no-untyped-def]
    """
    Put tag and length before a record, for which three bytes were left; returns where it ends.

    That is 0 where there was no room for it: Python writes it then.
    """
    if end + 4 > limit:
        return np.int64(0)
    size = end - start - 3
    head = 1 + size_of_varint(size)
    if head != 3:
        if head < 3:
            end = copy(start + head, start + 3, end)
        else:  # from its end: it is moved on by a byte or two
            at = end - 1
            while at >= start + 3:
                put8(at + head - 3, u8(at))
                at -= 1
            end += head - 3
    put8(start, 0x12)
    put_varint(start + 1, size)
    return end


@compiled
def set_aside(state, row, role):  # type: ignore[no-untyped-def]
    """Note that a value that had a part to play becomes an attribute."""
    at = S_LEFTOVER + 3 * state[S_LEFT]
    state[at] = row[role]
    state[at + 1] = row[role + 1]
    state[at + 2] = row[role + 2]
    state[S_LEFT] += 1
