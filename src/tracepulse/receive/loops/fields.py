"""What the fields of a line mean, as was decided for its set of keys."""

import numpy as np

from tracepulse.receive.loops.columns import (
    AFTER_END,
    AFTER_START,
    BEFORE_END,
    BEFORE_START,
    R_AT,
    R_ATTRIBUTES,
    R_HASH,
    R_LEVEL,
    R_MESSAGE,
    R_PLAN,
    R_SERVICE,
    R_SIZE,
    R_SPAN,
    R_TIME,
    R_TRACE,
    S_BODY,
    S_BODY_END,
    S_BODY_KIND,
    S_BODY_SIZE,
    S_LEFT,
    S_LEFTOVER,
    S_NUMBER,
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
    V_ESCAPED,
    V_INTEGER,
    V_PAIRED,
    V_TEXT,
)
from tracepulse.receive.loops.compiled import (
    compiled,
)
from tracepulse.receive.loops.ids import (
    is_hex_of,
    put_hex,
    put_trace,
)
from tracepulse.receive.loops.instants import (
    instant_ns,
)
from tracepulse.receive.loops.levels import (
    OF_NUMBER,
    level_at,
)
from tracepulse.receive.loops.memory import (
    is_equal,
    u8,
)
from tracepulse.receive.loops.records import (
    put_attribute,
    put_some,
    set_aside,
)
from tracepulse.receive.loops.texts import (
    hex4,
)

__all__ = [
    "put_fields",
    "row_of",
    "take_fields",
]


@compiled
def row_of(keys, keys_end, hashed, slots, rows, pool):  # type: ignore[no-untyped-def]
    """Return the row of a set of keys, or -1."""
    mask = slots.size - 1
    slot = hashed & mask
    while slots[slot] >= 0:
        number = np.int64(slots[slot])
        row = rows[number]
        if (
            row[R_HASH] == hashed
            and row[R_SIZE] == keys_end - keys
            and is_equal(pool + row[R_AT], keys, keys_end - keys)
        ):
            return number
        slot = (slot + 1) & mask
    return np.int64(-1)


@compiled
def _take_level(state, row, tokens):  # type: ignore[no-untyped-def]
    """Take the level that a field gives; returns False where Python is to look at it."""
    token = tokens[row[R_LEVEL]]
    kind = token[T_KIND]
    found = np.int64(0)
    word = np.int64(0)
    word_end = np.int64(0)
    if kind == V_TEXT:
        found, word_end = level_at(token[T_FROM], token[T_TO])
        word = token[T_FROM]
        if not found or word_end != token[T_TO]:
            return False
    elif kind == V_INTEGER:
        value = token[T_NUMBER]
        if 0 <= value < 70:
            found = OF_NUMBER[value]
        if found:
            word = -1 - (found - 1) // 4
    elif kind in (V_ESCAPED, V_PAIRED):
        return False
    if state[S_NUMBER]:
        if found != state[S_NUMBER]:
            set_aside(state, row, R_LEVEL)
    elif not found:
        set_aside(state, row, R_LEVEL)
    else:
        state[S_NUMBER] = found
        state[S_WORD] = word
        state[S_WORD_END] = word_end
    return True


@compiled
def _take_trace(state, row, tokens, ids):  # type: ignore[no-untyped-def]
    """Take the ids that fields give; returns False where Python is to look at them."""
    if row[R_TRACE] >= 0:
        token = tokens[row[R_TRACE]]
        kind = token[T_KIND]
        if kind in (V_ESCAPED, V_PAIRED):
            return False
        if state[S_TRACE]:
            if not is_hex_of(token, state[S_TRACE], 16):
                set_aside(state, row, R_TRACE)
        elif kind == V_TEXT:
            if not put_trace(ids, token[T_FROM], token[T_TO] - token[T_FROM]):
                return False
            state[S_TRACE] = ids
        else:
            set_aside(state, row, R_TRACE)
    if row[R_SPAN] >= 0:
        token = tokens[row[R_SPAN]]
        kind = token[T_KIND]
        if kind in (V_ESCAPED, V_PAIRED):
            return False
        if state[S_SPAN]:
            if not is_hex_of(token, state[S_SPAN], 8):
                set_aside(state, row, R_SPAN)
        elif (
            state[S_TRACE]
            and kind == V_TEXT
            and token[T_TO] - token[T_FROM] == 16
            and put_hex(ids + 16, token[T_FROM], 8)
        ):
            state[S_SPAN] = ids + 16
        else:
            set_aside(state, row, R_SPAN)
    return True


@compiled
def _take_time(state, row, tokens):  # type: ignore[no-untyped-def]
    """Take the time that a field gives, where it is finer; False where Python is to look at it."""
    found = instant_ns(tokens[row[R_TIME]])
    if found <= 0:
        return False
    time = state[S_TIME]
    if not time:
        state[S_TIME] = found
    elif found // 1_000_000 != time // 1_000_000:
        set_aside(state, row, R_TIME)
    elif time % 1_000_000 == 0:
        state[S_TIME] = found
    return True


@compiled
def _take_message(state, token):  # type: ignore[no-untyped-def]
    """Take the body without line ends behind it; False where Python is to look at it."""
    kind = token[T_KIND]
    if kind != V_TEXT and kind != V_ESCAPED and kind != V_PAIRED:
        return False
    start = token[T_FROM]
    end = token[T_TO]
    size = token[T_SIZE]
    while end > start:
        byte = u8(end - 1)
        if byte == 10 or byte == 13:
            if kind == V_PAIRED:
                return False
            end -= 1
            size -= 1
            continue
        if kind == V_TEXT or byte == 0x22:
            break
        if kind == V_ESCAPED and end - start >= 6 and u8(end - 6) == 0x5C and u8(end - 5) == 0x75:
            code = hex4(end - 4)
            if code == 10 or code == 13:
                return False
        if not (byte == 0x6E or byte == 0x72) or end - start < 2 or u8(end - 2) != 0x5C:
            break
        slashes = np.int64(1)
        while end - 2 - slashes >= start and u8(end - 2 - slashes) == 0x5C:
            slashes += 1
        if slashes % 2 == 0:
            break
        end -= 2
        size -= 1
    state[S_BODY] = start
    state[S_BODY_END] = end
    state[S_BODY_SIZE] = size
    state[S_BODY_KIND] = kind
    return True


@compiled
def put_fields(to, limit, state, item, row, plan, tokens, pool, base):  # type: ignore[no-untyped-def]
    """Write the attributes of an object, in the order of its plan, between those of the item."""
    to = put_some(to, limit, base + item[BEFORE_START], base + item[BEFORE_END])
    at = row[R_PLAN]
    for _ in range(row[R_ATTRIBUTES]):
        key = pool + plan[at + 1]
        to = put_attribute(to, limit, key, key + plan[at + 2], tokens[plan[at]])
        at += 3
    to = put_some(to, limit, base + item[AFTER_START], base + item[AFTER_END])
    for i in range(state[S_LEFT]):
        left = S_LEFTOVER + 3 * i
        key = pool + state[left + 1]
        to = put_attribute(to, limit, key, key + state[left + 2], tokens[state[left]])
    return to


@compiled
def take_fields(state, row, tokens, has_service, ids):  # type: ignore[no-untyped-def]
    """Take level, ids, time and message out of an object's values; False for Python to do it."""
    if row[R_LEVEL] >= 0 and not _take_level(state, row, tokens):
        return False
    if (row[R_TRACE] >= 0 or row[R_SPAN] >= 0) and not _take_trace(state, row, tokens, ids):
        return False
    if row[R_TIME] >= 0 and not _take_time(state, row, tokens):
        return False
    if row[R_SERVICE] >= 0:
        if not has_service:
            return False
        set_aside(state, row, R_SERVICE)
    return row[R_MESSAGE] < 0 or _take_message(state, tokens[row[R_MESSAGE]])
