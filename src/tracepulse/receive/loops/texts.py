"""Texts of JSON: their escapes, and how they are written as OTLP."""

import numpy as np

from tracepulse.receive.loops.columns import (
    V_ESCAPED,
    V_PAIRED,
    V_TEXT,
)
from tracepulse.receive.loops.compiled import (
    compiled,
)
from tracepulse.receive.loops.memory import (
    copy,
    is_digit,
    put8,
    u8,
)

__all__ = [
    "hex4",
    "hex_digit",
    "json_text",
    "put_text",
]


@compiled
def hex4(pos):  # type: ignore[no-untyped-def]
    """Return the number of four hexadecimal digits; -1 if one is none."""
    value = np.int64(0)
    for i in range(4):
        digit = hex_digit(u8(pos + i))
        if digit < 0:
            return np.int64(-1)
        value = value << 4 | digit
    return value


@compiled
def hex_digit(byte):  # type: ignore[no-untyped-def]
    """Return the value of a hexadecimal digit; -1 if it is none."""
    if is_digit(byte):
        return byte - 0x30
    if 0x41 <= byte & 0xDF <= 0x46:
        return (byte & 0xDF) - 55
    return np.int64(-1)


@compiled
def json_text(pos, end):  # type: ignore[no-untyped-def]
    """Return where the text ends that begins at `pos`, its bytes without escapes, and its kind; or -1."""
    start = pos
    size = np.int64(0)
    kind = V_TEXT
    while pos < end:
        byte = u8(pos)
        if byte == 0x22:
            return pos, size + pos - start, kind
        if byte < 0x20:
            break
        if byte != 0x5C:
            pos += 1
            continue
        kind = V_ESCAPED
        if end - pos < 7:
            if end - pos < 2:
                break
            if u8(pos + 1) == 0x75:
                break
        code = u8(pos + 1)
        if code == 0x75:
            unit = hex4(pos + 2)
            if unit < 0:
                break
            if 0xD800 <= unit < 0xDC00:
                if end - pos < 13 or u8(pos + 6) != 0x5C or u8(pos + 7) != 0x75:
                    break
                if not 0xDC00 <= hex4(pos + 8) < 0xE000:
                    break
                pos += 12
                size -= 8
                continue
            if 0xDC00 <= unit < 0xE000:
                break
            pos += 6
            size -= 5 if unit < 0x80 else 4 if unit < 0x800 else 3
            continue
        if not (
            code == 0x22
            or code == 0x5C
            or code == 0x2F
            or code == 0x62
            or code == 0x66
            or code == 0x6E
            or code == 0x72
            or code == 0x74
        ):
            break
        pos += 2
        size -= 1
    return np.int64(-1), size, kind


@compiled
def _put_code(to, code):  # type: ignore[no-untyped-def]
    """Write a character as UTF-8."""
    if code < 0x80:
        put8(to, code)
        return to + 1
    if code < 0x800:
        put8(to, 0xC0 | code >> 6)
        put8(to + 1, 0x80 | code & 0x3F)
        return to + 2
    if code < 0x10000:
        put8(to, 0xE0 | code >> 12)
        put8(to + 1, 0x80 | code >> 6 & 0x3F)
        put8(to + 2, 0x80 | code & 0x3F)
        return to + 3
    put8(to, 0xF0 | code >> 18)
    put8(to + 1, 0x80 | code >> 12 & 0x3F)
    put8(to + 2, 0x80 | code >> 6 & 0x3F)
    put8(to + 3, 0x80 | code & 0x3F)
    return to + 4


@compiled
def put_text(to, pos, end, kind):  # type: ignore[no-untyped-def]
    """Write a text without its escapes, which were checked."""
    if kind != V_ESCAPED and kind != V_PAIRED:
        return copy(to, pos, end)
    while pos < end:
        byte = u8(pos)
        if byte != 0x5C:
            put8(to, byte)
            to += 1
            pos += 1
            continue
        if end - pos < 2 or (end - pos < 6 and kind == V_ESCAPED and u8(pos + 1) == 0x75):
            break
        code = u8(pos + 1)
        if kind == V_ESCAPED and code == 0x75:
            unit = hex4(pos + 2)
            pos += 6
            if 0xD800 <= unit < 0xDC00:
                if end - pos < 6:
                    break
                unit = 0x10000 + ((unit - 0xD800) << 10) + hex4(pos + 2) - 0xDC00
                pos += 6
            to = _put_code(to, unit)
            continue
        if code == 0x6E:
            code = 10
        elif code == 0x72:
            code = 13
        elif code == 0x74:
            code = 9
        elif kind == V_ESCAPED and code == 0x62:
            code = 8
        elif kind == V_ESCAPED and code == 0x66:
            code = 12
        put8(to, code)
        to += 1
        pos += 2
    return to
