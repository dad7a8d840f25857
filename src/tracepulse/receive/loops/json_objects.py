"""A JSON object as tokens, with its keys one behind another."""

import numpy as np

from tracepulse.receive.loops.columns import (
    KEYS_BYTES,
    MAX_DEPTH,
    MAX_TOKENS,
    T_FROM,
    T_KIND,
    T_NUMBER,
    T_SIZE,
    T_TO,
    V_DECIMAL,
    V_FALSE,
    V_INTEGER,
    V_LIST,
    V_NULL,
    V_TEXT,
    V_TRUE,
)
from tracepulse.receive.loops.compiled import (
    compiled,
)
from tracepulse.receive.loops.memory import (
    copy,
    is_digit,
    put8,
    u8,
    u32,
)
from tracepulse.receive.loops.texts import (
    json_text,
)

__all__ = [
    "after_space",
    "json_object",
]


@compiled
def after_space(pos, end):  # type: ignore[no-untyped-def]
    """Return where space of JSON ends."""
    while pos < end:
        byte = u8(pos)
        if byte != 0x20 and byte != 9 and byte != 10 and byte != 13:
            break
        pos += 1
    return pos


@compiled
def _json_number(pos, end, token):  # type: ignore[no-untyped-def]
    """Read a number of up to 18 digits, or a decimal of up to 15; returns where it ends, or -1."""
    start = pos
    negative = u8(pos) == 0x2D
    if negative:
        pos += 1
    value = np.int64(0)
    whole = np.int64(0)
    first = pos
    while pos < end and is_digit(u8(pos)):
        if whole < 18:
            value = value * 10 + u8(pos) - 0x30
        whole += 1
        pos += 1
    if whole == 0 or whole > 18 or (whole > 1 and u8(first) == 0x30):
        return np.int64(-1)
    token[T_FROM] = start
    decimals = np.int64(0)
    if pos < end and u8(pos) == 0x2E:
        pos += 1
        while pos < end and is_digit(u8(pos)):
            if whole + decimals < 16:
                value = value * 10 + u8(pos) - 0x30
            decimals += 1
            pos += 1
        if decimals == 0 or whole + decimals > 15:
            return np.int64(-1)
    if pos < end and u8(pos) & 0xDF == 0x45:
        return np.int64(-1)
    if negative and value == 0:
        return np.int64(-1)
    token[T_TO] = pos
    token[T_NUMBER] = -value if negative else value
    token[T_SIZE] = decimals
    token[T_KIND] = V_DECIMAL if decimals else V_INTEGER
    return pos


@compiled
def _json_list(pos, end):  # type: ignore[no-untyped-def]
    """Return where a list of plain values ends that is written as orjson writes it, or -1."""
    pos += 1
    if pos < end and u8(pos) == 0x5D:
        return pos + 1
    while pos < end:
        byte = u8(pos)
        if byte == 0x22:
            pos, _, kind = json_text(pos + 1, end)
            if pos < 0 or kind != V_TEXT:
                return np.int64(-1)
            pos += 1
        elif is_digit(byte):
            first = pos
            while pos < end and is_digit(u8(pos)):
                pos += 1
            if pos - first > 18 or (byte == 0x30 and pos - first > 1):
                return np.int64(-1)
        else:
            return np.int64(-1)
        if pos >= end:
            return np.int64(-1)
        byte = u8(pos)
        pos += 1
        if byte == 0x5D:
            return pos
        if byte != 0x2C:
            return np.int64(-1)
    return np.int64(-1)


@compiled
def _json_value(pos, end, token):  # type: ignore[no-untyped-def]
    """Read a value that is no object; returns where it ends, or -1."""
    byte = u8(pos)
    if byte == 0x22:
        after, size, kind = json_text(pos + 1, end)
        if after < 0:
            return np.int64(-1)
        token[T_KIND] = kind
        token[T_FROM] = pos + 1
        token[T_TO] = after
        token[T_SIZE] = size
        return after + 1
    if is_digit(byte) or byte == 0x2D:
        return _json_number(pos, end, token)
    if byte == 0x5B:
        after = _json_list(pos, end)
        token[T_KIND] = V_LIST
        token[T_FROM] = pos
        token[T_TO] = after
        token[T_SIZE] = after - pos
        return after
    if end - pos >= 4:
        word = u32(pos)
        if word == 0x65757274:
            token[T_KIND] = V_TRUE
            return pos + 4
        if word == 0x6C6C756E:
            token[T_KIND] = V_NULL
            return pos + 4
        if word == 0x736C6166 and end - pos >= 5 and u8(pos + 4) == 0x65:
            token[T_KIND] = V_FALSE
            return pos + 5
    return np.int64(-1)


@compiled
def json_object(pos, end, tokens, keys):  # type: ignore[no-untyped-def]
    """
    Read an object into tokens, and its keys into what tells it from objects of other keys.

    Returns how many values it has, or -1, and where its keys end. A key ends with 0 before a value
    and with 1 before an object, which ends with 2: no text of JSON has such bytes.
    """
    last = keys + KEYS_BYTES
    count = 0
    depth = 1
    pos += 1
    while True:
        pos = after_space(pos, end)
        if pos >= end or u8(pos) != 0x22:
            return -1, keys
        after, _, kind = json_text(pos + 1, end)
        if after < 0 or kind != V_TEXT or keys + after - pos + 10 > last:
            return -1, keys
        keys = copy(keys, pos + 1, after)
        pos = after_space(after + 1, end)
        if pos >= end or u8(pos) != 0x3A:
            return -1, keys
        pos = after_space(pos + 1, end)
        if pos >= end:
            return -1, keys
        if u8(pos) == 0x7B:
            depth += 1
            if depth > MAX_DEPTH:
                return -1, keys
            put8(keys, 1)
            keys += 1
            pos += 1
            continue
        if count >= MAX_TOKENS:
            return -1, keys
        pos = _json_value(pos, end, tokens[count])
        if pos < 0:
            return -1, keys
        count += 1
        put8(keys, 0)
        keys += 1
        while True:
            pos = after_space(pos, end)
            if pos >= end:
                return -1, keys
            byte = u8(pos)
            pos += 1
            if byte == 0x2C:
                break
            if byte != 0x7D:
                return -1, keys
            depth -= 1
            if keys + 10 > last:
                return -1, keys
            put8(keys, 2)
            keys += 1
            if depth == 0:
                if after_space(pos, end) != end:
                    return -1, keys
                return count, keys
