"""
The compiled reading of log lines and documents, from their bytes to those of OTLP's log records.

Python decides what keys mean and where a sender's headers stand, once for each set of keys and each
sender (`key_shapes.py`, `log_headers.py`); the loops here do what was decided. Whatever they do not know
for certain is left undone, and is read in Python (`sent_logs.py`): a number of twenty digits, a date without a
year, a text that is not UTF-8. So both give the same bytes, which the tests compare.

Every read is compared with the end of what it reads in, and every write with the end of the output: a
record for which there is no room is left to Python too. A position is an address, as in
`wire_kernel.py`, and everything compiled stands in this one file for the reason given there.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numba import config, njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from tracepulse.receive.severities import SEVERITY_WORDS, severity_of_number

__all__ = [
    "AFTER_END",
    "AFTER_START",
    "BEFORE_END",
    "BEFORE_START",
    "CHECKED",
    "DONE",
    "END",
    "GROUP",
    "HASH",
    "IDS",
    "ITEM_COLUMNS",
    "KNOWN",
    "KNOWN_COLUMNS",
    "LAYOUT_COLUMNS",
    "LINE",
    "LINE_ROOM",
    "MAX_GROUPS",
    "MAX_TOKENS",
    "OUT_END",
    "OUT_START",
    "PAIRS",
    "READ_LATER",
    "ROW_COLUMNS",
    "SCRATCH_BYTES",
    "STAMP",
    "START",
    "STATUS",
    "TIME",
    "UNDECIDED",
    "UNKNOWN_KEYS",
    "allow",
    "compiled_stamp",
    "read_items",
    "read_syslog",
    "split_objects",
    "split_push",
]

# What became of an item.
UNDECIDED, DONE, UNKNOWN_KEYS, READ_LATER = 0, 1, 2, 3

# Columns of an item. Places are offsets into the input, but OUT_… into the output.
START, END, KNOWN, TIME, IDS = 0, 1, 2, 3, 4
"""The text; its row of what is known; ns since 1970 or 0; 16 bytes of trace and 8 of span, or -1."""
BEFORE_START, BEFORE_END, AFTER_START, AFTER_END = 5, 6, 7, 8
"""Attributes as bytes, to stand before those of the text and after them."""
STATUS, OUT_START, OUT_END, HASH, GROUP = 9, 10, 11, 12, 13
"""The record; of unknown keys, these as `key_shapes.py` reads them."""
KEPT_START, KEPT_END, KEPT_IDS = 14, 15, 16
"""Of a line to be read later: its attributes and ids in the output."""
ITEM_COLUMNS = 17

# Columns of what is known of an item.
K_NUMBER, K_TEXT, K_TEXT_END, K_SERVICE, K_LAYOUT, K_LAYOUTS, K_LOGFMT, K_SPACE = range(8)
KNOWN_COLUMNS = 8

# Columns of a header's layout.
L_KIND, L_WORDS, L_LATE = range(3)
LAYOUT_COLUMNS = 3

# Namespaces of keys.
LINE, PAIRS = 1, 2
"""Keys of a line of JSON, and of a line of pairs; documents have other numbers."""

# Columns of a set of keys; the leaves of an object are numbered in their order.
R_HASH, R_AT, R_SIZE, R_GOOD, R_ATTRIBUTES, R_PLAN, R_STAMP, R_TEXT, R_BYTES = range(9)
R_MESSAGE, R_PLACES, R_PLACES_AT, R_LATER = 9, 10, 11, 12
R_LEVEL, R_TRACE, R_SPAN, R_TIME, R_SERVICE = 13, 16, 19, 22, 25
"""Leaf, and where the bytes of its key are: offset and length."""
ROW_COLUMNS = 28

MAX_TOKENS = 160
MAX_GROUPS = 4096
LINE_ROOM = 1024
"""Bytes of output that a record takes beside three times its text, its keys and attributes."""
_DEPTH = 6
_HEAD = 400
"""A header that may reach further is left to Python, which looks at 512 characters."""
_KEYS_BYTES = 6000
SCRATCH_BYTES = _KEYS_BYTES + 128
_LONGEST_ORIGINAL = 4096

# Kinds of values.
_TEXT, _ESCAPED, _PAIRED, _INTEGER, _DECIMAL, _TRUE, _FALSE, _NULL, _LIST = range(1, 10)
# Columns of a token.
_KIND, _FROM, _TO, _SIZE, _NUMBER = range(5)

# State of a record in the making.
(_S_TIME, _S_NUMBER, _S_WORD, _S_WORD_END, _S_BODY, _S_BODY_END, _S_BODY_SIZE, _S_BODY_KIND,
 _S_TRACE, _S_SPAN, _S_LEFT, _S_OBSERVED) = range(12)  # fmt: skip
_S_LEFTOVER = 12
_STATE = 12 + 3 * 6


def _level_table() -> tuple[Any, Any, Any]:
    words = {word.encode(): number for word, number in SEVERITY_WORDS.items()}
    low = np.zeros(256, np.uint64)
    high = np.zeros(256, np.uint64)
    numbers = np.zeros(256, np.int64)
    for word, number in words.items():
        padded = word.ljust(16, b"\0")
        first, second = (int.from_bytes(padded[at : at + 8], "little") for at in (0, 8))
        slot = ((first ^ second * 31) * 0x9E3779B97F4A7C15 % 2**64) >> 56
        while numbers[slot]:
            slot = (slot + 1) % 256
        low[slot], high[slot], numbers[slot] = first, second, number
    return low, high, numbers


_WORD_LOW, _WORD_HIGH, _WORD_NUMBER = _level_table()
_OF_NUMBER = np.array([severity_of_number(level) for level in range(70)], np.int64)
_NAMES = np.frombuffer(b"TRACEDEBUGINFO WARN ERRORFATAL", np.uint8)
_NAME_SIZES = np.array([5, 5, 4, 4, 5, 5], np.int64)


_TABLES = np.concatenate(
    [_WORD_LOW, _WORD_HIGH, _WORD_NUMBER, _OF_NUMBER], dtype=np.int64, casting="unsafe"
)
STAMP = crc32(Path(__file__).read_bytes(), crc32(_TABLES.tobytes()))
"""Of this source, and of the tables from elsewhere that are part of the machine code."""

CHECKED = bool(config.BOUNDSCHECK)  # type: ignore[attr-defined]
"""
Whether each access is checked, which is for tests: NUMBA_BOUNDSCHECK=1 has Numba check the indices of arrays,
and the functions here the addresses. Such code is slow, and kept nowhere.
"""
_compiled: Any = njit(cache=not CHECKED, nogil=True)


@_compiled
def compiled_stamp():  # type: ignore[no-untyped-def]
    """
    Return the STAMP of the source that the kept machine code is from.

    Numba keeps code by the time and the size of the source, which two versions may have in common,
    and does not see that a table from another file is another one.
    """
    return STAMP


# -- memory ----------------------------------------------------------------------------------------


def _loader(bits: int, result: types.Integer) -> Any:
    """Return a function that reads a little-endian number at an address, without a check."""

    @intrinsic
    def load(_context, _address):  # type: ignore[no-untyped-def]
        def generate(context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
            number = context.get_value_type(types.Integer.from_bitwidth(bits, signed=False))
            pointer = builder.inttoptr(arguments[0], number.as_pointer())
            value = builder.load(pointer, align=1)
            return builder.zext(value, context.get_value_type(result)) if bits < 64 else value

        return result(types.int64), generate

    return load


def _storer(bits: int, given: types.Integer) -> Any:
    """Return a function that writes a little-endian number at an address, without a check."""

    @intrinsic
    def store(_context, _address, _value):  # type: ignore[no-untyped-def]
        def generate(context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
            number = context.get_value_type(types.Integer.from_bitwidth(bits, signed=False))
            pointer = builder.inttoptr(arguments[0], number.as_pointer())
            value = builder.trunc(arguments[1], number) if bits < 64 else arguments[1]
            builder.store(value, pointer, align=1)
            return context.get_dummy_value()

        return types.void(types.int64, given), generate

    return store


@intrinsic
def _put_double(_context, _address, _value):  # type: ignore[no-untyped-def]
    def generate(context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        number = context.get_value_type(types.float64)
        pointer = builder.inttoptr(arguments[0], number.as_pointer())
        builder.store(arguments[1], pointer, align=1)
        return context.get_dummy_value()

    return types.void(types.int64, types.float64), generate


_u8 = _loader(8, types.int64)
_u32 = _loader(32, types.uint64)
_u64 = _loader(64, types.uint64)
_put8 = _storer(8, types.int64)
_put64 = _storer(64, types.uint64)
_put64i = _storer(64, types.int64)


_REGIONS: NDArray[np.int64] = np.zeros((2, 4096), np.int64)
"""How many regions may be read, and written, and from and to of each, while addresses are checked."""
_REGIONS_AT = int(_REGIONS.ctypes.data)


def allow(readable: Sequence[tuple[int, int]], writable: Sequence[tuple[int, int]]) -> None:
    """Say which addresses the next loop may read and write, from and to, if they are CHECKED."""
    for row, regions in zip(_REGIONS, (readable, writable), strict=True):
        row[0] = len(regions)
        row[1 : 1 + 2 * len(regions)] = np.array(regions, np.int64).ravel()


_UNCHECKED_READ, _UNCHECKED_WRITE = _u64, _put64i


def _checked(access: Any, size: int, row: int) -> Any:
    """Return an access that raises IndexError outside of what is allowed."""
    raw, note, regions = _UNCHECKED_READ, _UNCHECKED_WRITE, _REGIONS_AT + 8 * 4096 * row

    @njit(nogil=True)
    def is_allowed(at):  # type: ignore[no-untyped-def]
        for i in range(np.int64(raw(regions))):
            first = regions + 8 + 16 * i
            if np.int64(raw(first)) <= at and at + size <= np.int64(raw(first + 8)):
                return True
        note(_REGIONS_AT + 8 * 4095, at)
        return False

    @njit(nogil=True)
    def read(at):  # type: ignore[no-untyped-def]
        if not is_allowed(at):
            raise IndexError("a loop reads outside of what it was given")
        return access(at)

    @njit(nogil=True)
    def write(at, value):  # type: ignore[no-untyped-def]
        if not is_allowed(at):
            raise IndexError("a loop writes outside of what it was given")
        access(at, value)

    return write if row else read


if CHECKED:
    _u8, _u32, _u64 = _checked(_u8, 1, 0), _checked(_u32, 4, 0), _checked(_u64, 8, 0)
    _put8, _put64 = _checked(_put8, 1, 1), _checked(_put64, 8, 1)
    _put64i, _put_double = _checked(_put64i, 8, 1), _checked(_put_double, 8, 1)
_HIGH_BITS = np.uint64(0x8080808080808080)


@_compiled
def _copy(to, at, end):  # type: ignore[no-untyped-def]
    """Copy [at, end) to `to`, which may lie a little before it; returns where that ends."""
    while end - at >= 8:
        _put64(to, _u64(at))
        to += 8
        at += 8
    while at < end:
        _put8(to, _u8(at))
        to += 1
        at += 1
    return to


@_compiled
def _equal(a, b, size):  # type: ignore[no-untyped-def]
    i = np.int64(0)
    while size - i >= 8:
        if _u64(a + i) != _u64(b + i):
            return False
        i += 8
    while i < size:
        if _u8(a + i) != _u8(b + i):
            return False
        i += 1
    return True


@_compiled
def _hash(at, end):  # type: ignore[no-untyped-def]
    value = np.uint64(0xCBF29CE484222325) ^ np.uint64(end - at)
    while end - at >= 8:
        value = (value ^ _u64(at)) * np.uint64(0x9E3779B97F4A7C15)
        value ^= value >> np.uint64(29)
        at += 8
    while at < end:
        value = (value ^ np.uint64(_u8(at))) * np.uint64(0x100000001B3)
        at += 1
    value ^= value >> np.uint64(32)
    return np.int64(value >> np.uint64(1))


@_compiled
def _is_utf8(pos, end):  # type: ignore[no-untyped-def]
    """Follow the table of well-formed sequences in the Unicode standard (3-7)."""
    while pos < end:
        if end - pos >= 8 and not _u64(pos) & _HIGH_BITS:
            pos += 8
            continue
        lead = _u8(pos)
        if lead < 0x80:
            pos += 1
            continue
        low, high = 0x80, 0xBF
        if 0xC2 <= lead <= 0xDF:
            more = 1
        elif 0xE0 <= lead <= 0xEF:
            more = 2
            if lead == 0xE0:
                low = 0xA0
            elif lead == 0xED:
                high = 0x9F
        elif 0xF0 <= lead <= 0xF4:
            more = 3
            if lead == 0xF0:
                low = 0x90
            elif lead == 0xF4:
                high = 0x8F
        else:
            return False
        if pos + more >= end:
            return False
        if _u8(pos + 1) < low or _u8(pos + 1) > high:
            return False
        for i in range(2, more + 1):
            if _u8(pos + i) < 0x80 or _u8(pos + i) > 0xBF:
                return False
        pos += more + 1
    return True


@_compiled
def _size_of_varint(value):  # type: ignore[no-untyped-def]
    size = 1
    while value > 0x7F:
        value >>= 7
        size += 1
    return size


@_compiled
def _put_varint(to, value):  # type: ignore[no-untyped-def]
    """Write a number that is not negative."""
    while value > 0x7F:
        _put8(to, value & 0x7F | 0x80)
        value >>= 7
        to += 1
    _put8(to, value)
    return to + 1


@_compiled
def _is_digit(byte):  # type: ignore[no-untyped-def]
    return 0x30 <= byte <= 0x39


@_compiled
def _is_letter(byte):  # type: ignore[no-untyped-def]
    return 0x41 <= byte & 0xDF <= 0x5A


@_compiled
def _is_word(byte):  # type: ignore[no-untyped-def]
    return _is_digit(byte) or _is_letter(byte) or byte == 0x5F


@_compiled
def _is_space(byte):  # type: ignore[no-untyped-def]
    return byte == 0x20 or 9 <= byte <= 13


@_compiled
def _digits(pos, count):  # type: ignore[no-untyped-def]
    """Return the number that so many digits make; -1 if they are not digits."""
    value = np.int64(0)
    for i in range(count):
        byte = _u8(pos + i)
        if not _is_digit(byte):
            return np.int64(-1)
        value = value * 10 + byte - 0x30
    return value


# -- texts -----------------------------------------------------------------------------------------


@_compiled
def _hex4(pos):  # type: ignore[no-untyped-def]
    value = np.int64(0)
    for i in range(4):
        digit = _hex_digit(_u8(pos + i))
        if digit < 0:
            return np.int64(-1)
        value = value << 4 | digit
    return value


@_compiled
def _hex_digit(byte):  # type: ignore[no-untyped-def]
    if _is_digit(byte):
        return byte - 0x30
    if 0x41 <= byte & 0xDF <= 0x46:
        return (byte & 0xDF) - 55
    return np.int64(-1)


@_compiled
def _json_text(pos, end):  # type: ignore[no-untyped-def]
    """Return where the text ends that begins at `pos`, its bytes without escapes, and its kind; or -1."""
    start = pos
    size = np.int64(0)
    kind = _TEXT
    while pos < end:
        byte = _u8(pos)
        if byte == 0x22:
            return pos, size + pos - start, kind
        if byte < 0x20:
            break
        if byte != 0x5C:
            pos += 1
            continue
        kind = _ESCAPED
        if end - pos < 7:
            if end - pos < 2:
                break
            if _u8(pos + 1) == 0x75:
                break
        code = _u8(pos + 1)
        if code == 0x75:
            unit = _hex4(pos + 2)
            if unit < 0:
                break
            if 0xD800 <= unit < 0xDC00:
                if end - pos < 13 or _u8(pos + 6) != 0x5C or _u8(pos + 7) != 0x75:
                    break
                if not 0xDC00 <= _hex4(pos + 8) < 0xE000:
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


@_compiled
def _put_code(to, code):  # type: ignore[no-untyped-def]
    """Write a character as UTF-8."""
    if code < 0x80:
        _put8(to, code)
        return to + 1
    if code < 0x800:
        _put8(to, 0xC0 | code >> 6)
        _put8(to + 1, 0x80 | code & 0x3F)
        return to + 2
    if code < 0x10000:
        _put8(to, 0xE0 | code >> 12)
        _put8(to + 1, 0x80 | code >> 6 & 0x3F)
        _put8(to + 2, 0x80 | code & 0x3F)
        return to + 3
    _put8(to, 0xF0 | code >> 18)
    _put8(to + 1, 0x80 | code >> 12 & 0x3F)
    _put8(to + 2, 0x80 | code >> 6 & 0x3F)
    _put8(to + 3, 0x80 | code & 0x3F)
    return to + 4


@_compiled
def _put_text(to, pos, end, kind):  # type: ignore[no-untyped-def]
    """Write a text without its escapes, which were checked."""
    if kind != _ESCAPED and kind != _PAIRED:
        return _copy(to, pos, end)
    while pos < end:
        byte = _u8(pos)
        if byte != 0x5C:
            _put8(to, byte)
            to += 1
            pos += 1
            continue
        if end - pos < 2 or (end - pos < 6 and kind == _ESCAPED and _u8(pos + 1) == 0x75):
            break
        code = _u8(pos + 1)
        if kind == _ESCAPED and code == 0x75:
            unit = _hex4(pos + 2)
            pos += 6
            if 0xD800 <= unit < 0xDC00:
                if end - pos < 6:
                    break
                unit = 0x10000 + ((unit - 0xD800) << 10) + _hex4(pos + 2) - 0xDC00
                pos += 6
            to = _put_code(to, unit)
            continue
        if code == 0x6E:
            code = 10
        elif code == 0x72:
            code = 13
        elif code == 0x74:
            code = 9
        elif kind == _ESCAPED and code == 0x62:
            code = 8
        elif kind == _ESCAPED and code == 0x66:
            code = 12
        _put8(to, code)
        to += 1
        pos += 2
    return to


# -- JSON ------------------------------------------------------------------------------------------


@_compiled
def _after_space(pos, end):  # type: ignore[no-untyped-def]
    while pos < end:
        byte = _u8(pos)
        if byte != 0x20 and byte != 9 and byte != 10 and byte != 13:
            break
        pos += 1
    return pos


@_compiled
def _json_number(pos, end, token):  # type: ignore[no-untyped-def]
    """Read a number of up to 18 digits, or a decimal of up to 15; returns where it ends, or -1."""
    start = pos
    negative = _u8(pos) == 0x2D
    if negative:
        pos += 1
    value = np.int64(0)
    whole = np.int64(0)
    first = pos
    while pos < end and _is_digit(_u8(pos)):
        if whole < 18:
            value = value * 10 + _u8(pos) - 0x30
        whole += 1
        pos += 1
    if whole == 0 or whole > 18 or (whole > 1 and _u8(first) == 0x30):
        return np.int64(-1)
    token[_FROM] = start
    decimals = np.int64(0)
    if pos < end and _u8(pos) == 0x2E:
        pos += 1
        while pos < end and _is_digit(_u8(pos)):
            if whole + decimals < 16:
                value = value * 10 + _u8(pos) - 0x30
            decimals += 1
            pos += 1
        if decimals == 0 or whole + decimals > 15:
            return np.int64(-1)
    if pos < end and _u8(pos) & 0xDF == 0x45:
        return np.int64(-1)
    if negative and value == 0:
        return np.int64(-1)
    token[_TO] = pos
    token[_NUMBER] = -value if negative else value
    token[_SIZE] = decimals
    token[_KIND] = _DECIMAL if decimals else _INTEGER
    return pos


@_compiled
def _json_list(pos, end):  # type: ignore[no-untyped-def]
    """Return where a list of plain values ends that is written as orjson writes it, or -1."""
    pos += 1
    if pos < end and _u8(pos) == 0x5D:
        return pos + 1
    while pos < end:
        byte = _u8(pos)
        if byte == 0x22:
            pos, _, kind = _json_text(pos + 1, end)
            if pos < 0 or kind != _TEXT:
                return np.int64(-1)
            pos += 1
        elif _is_digit(byte):
            first = pos
            while pos < end and _is_digit(_u8(pos)):
                pos += 1
            if pos - first > 18 or (byte == 0x30 and pos - first > 1):
                return np.int64(-1)
        else:
            return np.int64(-1)
        if pos >= end:
            return np.int64(-1)
        byte = _u8(pos)
        pos += 1
        if byte == 0x5D:
            return pos
        if byte != 0x2C:
            return np.int64(-1)
    return np.int64(-1)


@_compiled
def _json_value(pos, end, token):  # type: ignore[no-untyped-def]
    """Read a value that is no object; returns where it ends, or -1."""
    byte = _u8(pos)
    if byte == 0x22:
        after, size, kind = _json_text(pos + 1, end)
        if after < 0:
            return np.int64(-1)
        token[_KIND] = kind
        token[_FROM] = pos + 1
        token[_TO] = after
        token[_SIZE] = size
        return after + 1
    if _is_digit(byte) or byte == 0x2D:
        return _json_number(pos, end, token)
    if byte == 0x5B:
        after = _json_list(pos, end)
        token[_KIND] = _LIST
        token[_FROM] = pos
        token[_TO] = after
        token[_SIZE] = after - pos
        return after
    if end - pos >= 4:
        word = _u32(pos)
        if word == 0x65757274:
            token[_KIND] = _TRUE
            return pos + 4
        if word == 0x6C6C756E:
            token[_KIND] = _NULL
            return pos + 4
        if word == 0x736C6166 and end - pos >= 5 and _u8(pos + 4) == 0x65:
            token[_KIND] = _FALSE
            return pos + 5
    return np.int64(-1)


@_compiled
def _json_object(pos, end, tokens, keys):  # type: ignore[no-untyped-def]
    """
    Read an object into tokens, and its keys into what tells it from objects of other keys.

    Returns how many values it has, or -1, and where its keys end. A key ends with 0 before a value
    and with 1 before an object, which ends with 2: no text of JSON has such bytes.
    """
    last = keys + _KEYS_BYTES
    count = 0
    depth = 1
    pos += 1
    while True:
        pos = _after_space(pos, end)
        if pos >= end or _u8(pos) != 0x22:
            return -1, keys
        after, _, kind = _json_text(pos + 1, end)
        if after < 0 or kind != _TEXT or keys + after - pos + 10 > last:
            return -1, keys
        keys = _copy(keys, pos + 1, after)
        pos = _after_space(after + 1, end)
        if pos >= end or _u8(pos) != 0x3A:
            return -1, keys
        pos = _after_space(pos + 1, end)
        if pos >= end:
            return -1, keys
        if _u8(pos) == 0x7B:
            depth += 1
            if depth > _DEPTH:
                return -1, keys
            _put8(keys, 1)
            keys += 1
            pos += 1
            continue
        if count >= MAX_TOKENS:
            return -1, keys
        pos = _json_value(pos, end, tokens[count])
        if pos < 0:
            return -1, keys
        count += 1
        _put8(keys, 0)
        keys += 1
        while True:
            pos = _after_space(pos, end)
            if pos >= end:
                return -1, keys
            byte = _u8(pos)
            pos += 1
            if byte == 0x2C:
                break
            if byte != 0x7D:
                return -1, keys
            depth -= 1
            if keys + 10 > last:
                return -1, keys
            _put8(keys, 2)
            keys += 1
            if depth == 0:
                if _after_space(pos, end) != end:
                    return -1, keys
                return count, keys


# -- logfmt ----------------------------------------------------------------------------------------


@_compiled
def _pairs(pos, end, tokens, keys):  # type: ignore[no-untyped-def]
    """Read a line that is nothing but pairs with one space between them; returns as `_json_object`."""
    last = keys + _KEYS_BYTES
    count = 0
    while True:
        start = pos
        while pos < end:
            byte = _u8(pos)
            if not (_is_word(byte) or byte == 0x40 or byte == 0x2E or byte == 0x2F or byte == 0x2D):
                break
            pos += 1
        if pos == start or pos >= end or _u8(pos) != 0x3D or count >= MAX_TOKENS:
            return -1, keys
        first = _u8(start)
        if not (_is_letter(first) or first == 0x5F or first == 0x40):
            return -1, keys
        if keys + pos - start + 10 > last:
            return -1, keys
        keys = _copy(keys, start, pos)
        _put8(keys, 0)
        keys += 1
        pos += 1
        token = tokens[count]
        count += 1
        token[_KIND] = _TEXT
        if pos < end and _u8(pos) == 0x22:
            pos += 1
            token[_FROM] = pos
            escapes = 0
            while pos < end and _u8(pos) != 0x22:
                if _u8(pos) == 0x5C:
                    pos += 1
                    escapes += 1
                    if pos >= end or _u8(pos) == 10:
                        return -1, keys
                pos += 1
            if pos >= end:
                return -1, keys
            token[_TO] = pos
            token[_SIZE] = pos - token[_FROM] - escapes
            if escapes:
                token[_KIND] = _PAIRED
            pos += 1
        else:
            token[_FROM] = pos
            while pos < end:
                byte = _u8(pos)
                if byte <= 0x20 or byte >= 0x7F or byte == 0x22:
                    break
                pos += 1
            token[_TO] = pos
            token[_SIZE] = pos - token[_FROM]
        if pos == end:
            return count, keys
        if _u8(pos) != 0x20:
            return -1, keys
        pos += 1


@_compiled
def _is_not_pairs(pos, end):  # type: ignore[no-untyped-def]
    """Tell for certain that pairs do not cover nine tenths of a line: there are none at its beginning."""
    size = end - pos
    plain = before = np.int64(0)
    while pos < end:
        byte = _u8(pos)
        if byte == 0x3D:
            return (before - 2) * 10 > size
        plain += byte < 0x80
        pos += 1
        if _is_space(byte):
            before = plain
    return True


# -- instants --------------------------------------------------------------------------------------


@_compiled
def _civil_s(pos):  # type: ignore[no-untyped-def]
    """Return the seconds since 1970 of 2024-03-05T10:00:00; -1 where it is another form or no such day."""
    year = _digits(pos, 4)
    month = _digits(pos + 5, 2)
    day = _digits(pos + 8, 2)
    hour = _digits(pos + 11, 2)
    minute = _digits(pos + 14, 2)
    second = _digits(pos + 17, 2)
    if _u8(pos + 4) != 0x2D or _u8(pos + 7) != 0x2D:
        return np.int64(-1)
    if _u8(pos + 13) != 0x3A or _u8(pos + 16) != 0x3A:
        return np.int64(-1)
    if year < 1971 or year > 2261 or month < 1 or month > 12 or day < 1:
        return np.int64(-1)
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60):
        return np.int64(-1)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    longest = 31
    if month == 2:
        longest = 29 if leap else 28
    elif month == 4 or month == 6 or month == 9 or month == 11:
        longest = 30
    if day > longest:
        return np.int64(-1)
    # Days of the civil calendar from 0000-03-01, Hinnant, chrono-compatible date algorithms.
    shifted = year - (month <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
    return days * 86400 + hour * 3600 + minute * 60 + second


@_compiled
def _fraction(pos, end):  # type: ignore[no-untyped-def]
    """Return the nanoseconds of up to nine digits and where they end; -1 for more or none."""
    value = np.int64(0)
    count = 0
    while pos < end and _is_digit(_u8(pos)):
        if count == 9:
            return np.int64(-1), pos
        value = value * 10 + _u8(pos) - 0x30
        count += 1
        pos += 1
    if count == 0:
        return np.int64(-1), pos
    for _ in range(9 - count):
        value *= 10
    return value, pos


@_compiled
def _rfc3339(pos, end):  # type: ignore[no-untyped-def]
    """Return the instant of a whole text; 0 where it is not in the usual form."""
    if end - pos < 20 or not (_u8(pos + 10) == 0x54 or _u8(pos + 10) == 0x20):
        return np.int64(0)
    seconds = _civil_s(pos)
    if seconds < 0:
        return np.int64(0)
    pos += 19
    nanos = np.int64(0)
    if _u8(pos) == 0x2E:
        nanos, pos = _fraction(pos + 1, end)
        if nanos < 0 or pos == end:
            return np.int64(0)
    byte = _u8(pos)
    if byte == 0x5A:
        return seconds * 1_000_000_000 + nanos if pos + 1 == end else np.int64(0)
    if (byte == 0x2B or byte == 0x2D) and end - pos == 6 and _u8(pos + 3) == 0x3A:
        hours = _digits(pos + 1, 2)
        minutes = _digits(pos + 4, 2)
        if 0 <= hours < 15 and 0 <= minutes < 60:
            ahead = hours * 3600 + minutes * 60
            seconds += ahead if byte == 0x2D else -ahead
            return seconds * 1_000_000_000 + nanos
    return np.int64(0)


@_compiled
def _number_ns(value):  # type: ignore[no-untyped-def]
    """Return the instant of a whole number since 1970, whose unit its size tells; 0 for none."""
    if 100_000_000 <= value <= 9_000_000_000:
        return value * 1_000_000_000
    if 100_000_000_000 <= value <= 9_000_000_000_000:
        return value * 1_000_000
    if 100_000_000_000_000 <= value <= 9_000_000_000_000_000:
        return value * 1_000
    if 100_000_000_000_000_000 <= value <= 900_000_000_000_000_000_0:
        return value
    return np.int64(0)


@_compiled
def _decimal(token):  # type: ignore[no-untyped-def]
    """Return a decimal's number: exact, as both parts are (Clinger, PLDI 1990)."""
    power = 1.0
    for _ in range(token[_SIZE]):
        power *= 10.0
    return np.float64(token[_NUMBER]) / power


@_compiled
def _instant(token):  # type: ignore[no-untyped-def]
    """Return the instant of a value; 0 where Python is to look at it."""
    kind = token[_KIND]
    if kind == _INTEGER:
        return _number_ns(token[_NUMBER])
    if kind == _DECIMAL:
        value = _decimal(token)
        if 1.1e8 < value < 9.0e9:
            return np.int64(np.rint(value * 1e6)) * 1000
        return np.int64(0)
    if kind != _TEXT:
        return np.int64(0)
    pos = token[_FROM]
    size = token[_TO] - pos
    if size >= 20 and _u8(pos + 4) == 0x2D:
        return _rfc3339(pos, token[_TO])
    if size == 10 or size == 13 or size == 16 or size == 18:
        value = _digits(pos, size)
        return _number_ns(value) if value > 0 else np.int64(0)
    if size == 19 and _u8(pos) == 0x31:
        value = _digits(pos, 19)
        return _number_ns(value) if value > 0 else np.int64(0)
    return np.int64(0)


# -- levels and ids --------------------------------------------------------------------------------


@_compiled
def _level_at(pos, end):  # type: ignore[no-untyped-def]
    """Return the severity of the letters at `pos` and where they end; 0 if they are no level."""
    low = np.uint64(0)
    high = np.uint64(0)
    shift = np.uint64(0)
    start = pos
    while pos < end:
        byte = _u8(pos)
        if not _is_letter(byte):
            break
        if pos - start >= 16:
            return np.int64(0), pos
        if pos - start < 8:
            low |= np.uint64(byte & 0xDF) << shift
        else:
            high |= np.uint64(byte & 0xDF) << shift
        shift = (shift + np.uint64(8)) & np.uint64(63)
        pos += 1
    if pos == start:
        return np.int64(0), pos
    slot = np.int64(((low ^ high * np.uint64(31)) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(56))
    while _WORD_NUMBER[slot]:
        if _WORD_LOW[slot] == low and _WORD_HIGH[slot] == high:
            return _WORD_NUMBER[slot], pos
        slot = (slot + 1) & 255
    return np.int64(0), pos


@_compiled
def _put_hex(to, pos, count):  # type: ignore[no-untyped-def]
    """Write `count` bytes given in hexadecimal; returns whether it was that, and not only zeros."""
    any_bit = np.int64(0)
    for i in range(count):
        high = _hex_digit(_u8(pos + 2 * i))
        low = _hex_digit(_u8(pos + 2 * i + 1))
        if high < 0 or low < 0:
            return False
        _put8(to + i, high << 4 | low)
        any_bit |= high | low
    return any_bit != 0


@_compiled
def _put_trace(to, pos, size):  # type: ignore[no-untyped-def]
    """Write a trace id of 32 or 16 digits; returns whether it is one."""
    if size == 32:
        return _put_hex(to, pos, 16)
    if size == 16:
        _put64(to, np.uint64(0))
        return _put_hex(to + 8, pos, 8)
    return False


@_compiled
def _is_hex_of(token, at, count):  # type: ignore[no-untyped-def]
    """Tell whether a value is the small digits of so many bytes."""
    if token[_KIND] != _TEXT or token[_TO] - token[_FROM] != 2 * count:
        return False
    for i in range(count):
        byte = _u8(at + i)
        high = byte >> 4
        low = byte & 15
        if _u8(token[_FROM] + 2 * i) != (high + 0x30 if high < 10 else high + 87):
            return False
        if _u8(token[_FROM] + 2 * i + 1) != (low + 0x30 if low < 10 else low + 87):
            return False
    return True


# -- writing ---------------------------------------------------------------------------------------
#
# Whatever writes at `to` writes nothing behind `limit`: without room it returns `limit + 1`, with which
# all that follow do the same, and the record is left to Python in the end.


@_compiled
def _put_attribute(to, limit, key, key_end, token):  # type: ignore[no-untyped-def]
    """Write an attribute of a record; nothing for null. `key` is a field with its tag."""
    kind = token[_KIND]
    taken = np.int64(0)
    if kind == _NULL:
        return to
    if kind == _INTEGER:
        value = token[_NUMBER]
        size = 1 + (10 if value < 0 else _size_of_varint(value))
    elif kind == _DECIMAL:
        size = 9
    elif kind in (_TRUE, _FALSE):
        size = 2
    else:
        size = 1 + _size_of_varint(token[_SIZE]) + token[_SIZE]
        taken = max(token[_TO] - token[_FROM], np.int64(0))
    if key_end - key + 40 + taken > limit - to:
        return limit + 1
    _put8(to, 0x32)
    to = _put_varint(to + 1, key_end - key + 1 + _size_of_varint(size) + size)
    to = _copy(to, key, key_end)
    _put8(to, 0x12)
    to = _put_varint(to + 1, size)
    if kind == _INTEGER:
        _put8(to, 0x18)
        to += 1
        value = token[_NUMBER]
        if value >= 0:
            return _put_varint(to, value)
        rest = np.uint64(value)
        for _ in range(9):
            _put8(to, np.int64(rest & np.uint64(0x7F)) | 0x80)
            rest >>= np.uint64(7)
            to += 1
        _put8(to, 1)
        return to + 1
    if kind == _DECIMAL:
        _put8(to, 0x21)
        _put_double(to + 1, _decimal(token))  # type: ignore[call-arg]
        return to + 9
    if kind in (_TRUE, _FALSE):
        _put8(to, 0x10)
        _put8(to + 1, 1 if kind == _TRUE else 0)
        return to + 2
    _put8(to, 0x0A)
    to = _put_varint(to + 1, token[_SIZE])
    return _put_text(to, token[_FROM], token[_TO], kind)


@_compiled
def _put_some(to, limit, pos, end):  # type: ignore[no-untyped-def]
    if end - pos > limit - to:
        return limit + 1
    return _copy(to, pos, end)


@_compiled
def _put_bytes(to, limit, tag, pos, end):  # type: ignore[no-untyped-def]
    if end - pos + 11 > limit - to:
        return limit + 1
    _put8(to, tag)
    to = _put_varint(to + 1, end - pos)
    return _copy(to, pos, end)


@_compiled
def _put_head(to, limit, state):  # type: ignore[no-untyped-def]
    """Write time, severity and body of a record."""
    if limit - to < 20:
        return limit + 1
    if state[_S_TIME] > 0:
        _put8(to, 0x09)
        _put64i(to + 1, state[_S_TIME])
        to += 9
    if state[_S_NUMBER] > 0:
        _put8(to, 0x10)
        _put8(to + 1, state[_S_NUMBER])
        to += 2
    if state[_S_WORD] < 0:  # the name of a number's severity
        name = -1 - state[_S_WORD]
        size = _NAME_SIZES[name]
        _put8(to, 0x1A)
        _put8(to + 1, size)
        for i in range(size):
            _put8(to + 2 + i, np.int64(_NAMES[5 * name + i]))
        to += 2 + size
    elif state[_S_WORD_END] > state[_S_WORD]:
        to = _put_bytes(to, limit, 0x1A, state[_S_WORD], state[_S_WORD_END])
    size = state[_S_BODY_SIZE]
    if size:
        if max(state[_S_BODY_END] - state[_S_BODY], 0) + 22 > limit - to:
            return limit + 1
        _put8(to, 0x2A)
        to = _put_varint(to + 1, 1 + _size_of_varint(size) + size)
        _put8(to, 0x0A)
        to = _put_varint(to + 1, size)
        to = _put_text(to, state[_S_BODY], state[_S_BODY_END], state[_S_BODY_KIND])
    return to


@_compiled
def _put_ids(to, limit, state):  # type: ignore[no-untyped-def]
    """Write trace and span, and when a record was observed."""
    if state[_S_TRACE]:
        to = _put_bytes(to, limit, 0x4A, state[_S_TRACE], state[_S_TRACE] + 16)
    if state[_S_SPAN]:
        to = _put_bytes(to, limit, 0x52, state[_S_SPAN], state[_S_SPAN] + 8)
    if state[_S_OBSERVED] > 0:
        if limit - to < 9:
            return limit + 1
        _put8(to, 0x59)
        _put64i(to + 1, state[_S_OBSERVED])
        to += 9
    return to


@_compiled
def _enclose(start, limit, end):  # type: ignore[no-untyped-def]
    """
    Put tag and length before a record, for which three bytes were left; returns where it ends.

    That is 0 where there was no room for it: Python writes it then.
    """
    if end + 4 > limit:
        return np.int64(0)
    size = end - start - 3
    head = 1 + _size_of_varint(size)
    if head != 3:
        if head < 3:
            end = _copy(start + head, start + 3, end)
        else:  # from its end: it is moved on by a byte or two
            at = end - 1
            while at >= start + 3:
                _put8(at + head - 3, _u8(at))
                at -= 1
            end += head - 3
    _put8(start, 0x12)
    _put_varint(start + 1, size)
    return end


@_compiled
def _leave(state, row, role):  # type: ignore[no-untyped-def]
    """Note that a value that had a part to play becomes an attribute."""
    at = _S_LEFTOVER + 3 * state[_S_LEFT]
    state[at] = row[role]
    state[at + 1] = row[role + 1]
    state[at + 2] = row[role + 2]
    state[_S_LEFT] += 1


# -- fields ----------------------------------------------------------------------------------------


@_compiled
def _row_of(keys, keys_end, hashed, slots, rows, pool):  # type: ignore[no-untyped-def]
    """Return the row of a set of keys, or -1."""
    mask = slots.size - 1
    slot = hashed & mask
    while slots[slot] >= 0:
        number = np.int64(slots[slot])
        row = rows[number]
        if (
            row[R_HASH] == hashed
            and row[R_SIZE] == keys_end - keys
            and _equal(pool + row[R_AT], keys, keys_end - keys)
        ):
            return number
        slot = (slot + 1) & mask
    return np.int64(-1)


@_compiled
def _take_level(state, row, tokens):  # type: ignore[no-untyped-def]
    """Take the level that a field gives; returns False where Python is to look at it."""
    token = tokens[row[R_LEVEL]]
    kind = token[_KIND]
    found = np.int64(0)
    word = np.int64(0)
    word_end = np.int64(0)
    if kind == _TEXT:
        found, word_end = _level_at(token[_FROM], token[_TO])
        word = token[_FROM]
        if not found or word_end != token[_TO]:
            return False
    elif kind == _INTEGER:
        value = token[_NUMBER]
        if 0 <= value < 70:
            found = _OF_NUMBER[value]
        if found:
            word = -1 - (found - 1) // 4
    elif kind in (_ESCAPED, _PAIRED):
        return False
    if state[_S_NUMBER]:
        if found != state[_S_NUMBER]:
            _leave(state, row, R_LEVEL)
    elif not found:
        _leave(state, row, R_LEVEL)
    else:
        state[_S_NUMBER] = found
        state[_S_WORD] = word
        state[_S_WORD_END] = word_end
    return True


@_compiled
def _take_trace(state, row, tokens, ids):  # type: ignore[no-untyped-def]
    """Take the ids that fields give; returns False where Python is to look at them."""
    if row[R_TRACE] >= 0:
        token = tokens[row[R_TRACE]]
        kind = token[_KIND]
        if kind in (_ESCAPED, _PAIRED):
            return False
        if state[_S_TRACE]:
            if not _is_hex_of(token, state[_S_TRACE], 16):
                _leave(state, row, R_TRACE)
        elif kind == _TEXT:
            if not _put_trace(ids, token[_FROM], token[_TO] - token[_FROM]):
                return False
            state[_S_TRACE] = ids
        else:
            _leave(state, row, R_TRACE)
    if row[R_SPAN] >= 0:
        token = tokens[row[R_SPAN]]
        kind = token[_KIND]
        if kind in (_ESCAPED, _PAIRED):
            return False
        if state[_S_SPAN]:
            if not _is_hex_of(token, state[_S_SPAN], 8):
                _leave(state, row, R_SPAN)
        elif (
            state[_S_TRACE]
            and kind == _TEXT
            and token[_TO] - token[_FROM] == 16
            and _put_hex(ids + 16, token[_FROM], 8)
        ):
            state[_S_SPAN] = ids + 16
        else:
            _leave(state, row, R_SPAN)
    return True


@_compiled
def _take_time(state, row, tokens):  # type: ignore[no-untyped-def]
    """Take the time that a field gives, where it is finer; False where Python is to look at it."""
    found = _instant(tokens[row[R_TIME]])
    if found <= 0:
        return False
    time = state[_S_TIME]
    if not time:
        state[_S_TIME] = found
    elif found // 1_000_000 != time // 1_000_000:
        _leave(state, row, R_TIME)
    elif time % 1_000_000 == 0:
        state[_S_TIME] = found
    return True


@_compiled
def _take_message(state, token):  # type: ignore[no-untyped-def]
    """Take the body without line ends behind it; False where Python is to look at it."""
    kind = token[_KIND]
    if kind != _TEXT and kind != _ESCAPED and kind != _PAIRED:
        return False
    start = token[_FROM]
    end = token[_TO]
    size = token[_SIZE]
    while end > start:
        byte = _u8(end - 1)
        if byte == 10 or byte == 13:
            if kind == _PAIRED:
                return False
            end -= 1
            size -= 1
            continue
        if kind == _TEXT or byte == 0x22:
            break
        if kind == _ESCAPED and end - start >= 6 and _u8(end - 6) == 0x5C and _u8(end - 5) == 0x75:
            code = _hex4(end - 4)
            if code == 10 or code == 13:
                return False
        if not (byte == 0x6E or byte == 0x72) or end - start < 2 or _u8(end - 2) != 0x5C:
            break
        slashes = np.int64(1)
        while end - 2 - slashes >= start and _u8(end - 2 - slashes) == 0x5C:
            slashes += 1
        if slashes % 2 == 0:
            break
        end -= 2
        size -= 1
    state[_S_BODY] = start
    state[_S_BODY_END] = end
    state[_S_BODY_SIZE] = size
    state[_S_BODY_KIND] = kind
    return True


@_compiled
def _put_fields(to, limit, state, item, row, plan, tokens, pool, base):  # type: ignore[no-untyped-def]
    """Write the attributes of an object, in the order of its plan, between those of the item."""
    to = _put_some(to, limit, base + item[BEFORE_START], base + item[BEFORE_END])
    at = row[R_PLAN]
    for _ in range(row[R_ATTRIBUTES]):
        key = pool + plan[at + 1]
        to = _put_attribute(to, limit, key, key + plan[at + 2], tokens[plan[at]])
        at += 3
    to = _put_some(to, limit, base + item[AFTER_START], base + item[AFTER_END])
    for i in range(state[_S_LEFT]):
        left = _S_LEFTOVER + 3 * i
        key = pool + state[left + 1]
        to = _put_attribute(to, limit, key, key + state[left + 2], tokens[state[left]])
    return to


@_compiled
def _take_fields(state, row, tokens, has_service, ids):  # type: ignore[no-untyped-def]
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
        _leave(state, row, R_SERVICE)
    return row[R_MESSAGE] < 0 or _take_message(state, tokens[row[R_MESSAGE]])


# -- headers of text -------------------------------------------------------------------------------


@_compiled
def _after_words(pos, end, count, limit):  # type: ignore[no-untyped-def]
    """Return where so many words and the gaps behind them end; -1 if not so, -2 for Python to tell."""
    for _ in range(count):
        if pos >= end:
            return np.int64(-1)
        start = pos
        if _u8(pos) == 0x5B:
            close = pos + 1
            while close < end and _u8(close) != 0x5D:
                close += 1
            if close >= limit:
                return np.int64(-2)
            if close + 1 < end:
                byte = _u8(close + 1)
                if _is_space(byte) or byte == 0x7C or byte == 0x5B:
                    pos = close + 1
        if pos == start:
            while pos < end and not _is_space(_u8(pos)) and _u8(pos) != 0x7C:
                pos += 1
            if pos == start:
                return np.int64(-1)
        if pos >= limit:
            return np.int64(-2)
        gap = pos
        while pos < end and (_is_space(_u8(pos)) or _u8(pos) == 0x7C):
            pos += 1
        if pos == gap and not (pos < end and _u8(pos - 1) == 0x5D and _u8(pos) == 0x5B):
            return np.int64(-1)
        if pos >= limit:
            return np.int64(-2)
    return pos


@_compiled
def _zone(pos, end):  # type: ignore[no-untyped-def]
    """Return seconds ahead of UTC and where the zone ends; -1 for Python to tell."""
    at = pos
    if at < end and _u8(at) == 0x20:
        at += 1
    if at >= end:
        return np.int64(0), pos
    byte = _u8(at)
    size = 0
    if byte == 0x5A:
        size = 1
    elif end - at >= 3:
        word = _u32(at) & np.uint64(0xFFFFFF) if end - at >= 4 else np.uint64(0)
        if word == 0x435455 or word == 0x544D47:
            size = 3
        elif end - at == 3 and (byte == 0x55 or byte == 0x47):
            return np.int64(0), np.int64(-1)
    if size:
        if at + size < end and _is_word(_u8(at + size)):
            if at == pos:
                return np.int64(0), np.int64(-1)
            return np.int64(0), pos
        return np.int64(0), at + size
    if byte == 0x2B or byte == 0x2D:
        if at + 1 < end and _is_digit(_u8(at + 1)):
            if end - at < 5:
                return np.int64(0), np.int64(-1)
            hours = _digits(at + 1, 2)
            colon = _u8(at + 3) == 0x3A
            if colon and end - at < 6:
                return np.int64(0), np.int64(-1)
            minutes = _digits(at + 3 + colon, 2)
            after = at + 5 + colon
            if not (0 <= hours < 15 and 0 <= minutes < 60):
                return np.int64(0), np.int64(-1)
            if after < end and _is_word(_u8(after)):
                return np.int64(0), np.int64(-1)
            ahead = hours * 3600 + minutes * 60
            return (ahead if byte == 0x2B else -ahead), after
    return np.int64(0), pos


@_compiled
def _header(start, end, layout, state):  # type: ignore[no-untyped-def]
    """
    Read a line's header by a layout.

    Returns where the message begins; -1 if the layout does not fit, -2 if Python is to tell.
    """
    limit = start + _HEAD
    pos = start
    while pos < end and _is_space(_u8(pos)):
        pos += 1
    pos = _after_words(pos, end, layout[L_WORDS], limit)
    if pos < 0:
        return pos
    if pos < end:
        byte = _u8(pos)
        if byte == 0x5B or byte == 0x28 or byte == 0x3C or byte == 0x22 or byte == 0x27:
            pos += 1
    if pos >= limit:
        return np.int64(-2)
    if end - pos < 19 or not (_u8(pos + 10) == 0x54 or _u8(pos + 10) == 0x20):
        return np.int64(-1)
    if _u8(pos + 4) != 0x2D or _u8(pos + 13) != 0x3A or not _is_digit(_u8(pos)):
        return np.int64(-1)
    seconds = _civil_s(pos)
    if seconds < 0:
        return np.int64(-2)
    pos += 19
    nanos = np.int64(0)
    if end - pos >= 2 and (_u8(pos) == 0x2E or _u8(pos) == 0x2C) and _is_digit(_u8(pos + 1)):
        nanos, pos = _fraction(pos + 1, end)
        if nanos < 0:
            return np.int64(-2)
    ahead, after = _zone(pos, end)
    if after < 0:
        return np.int64(-2)
    pos = after
    if pos < end and _is_word(_u8(pos)):
        return np.int64(-2)
    state[_S_TIME] = (seconds - ahead) * 1_000_000_000 + nanos
    if pos < end:
        byte = _u8(pos)
        if byte == 0x5D or byte == 0x29 or byte == 0x3E or byte == 0x22 or byte == 0x27:
            pos += 1
    while pos < end:
        byte = _u8(pos)
        if not (_is_space(byte) or byte == 0x7C or byte == 0x2C or byte == 0x3B or byte == 0x3A):
            break
        pos += 1
    if end - pos >= 2 and _u8(pos) == 0x2D and _is_space(_u8(pos + 1)):
        pos += 1
        while pos < end and _is_space(_u8(pos)):
            pos += 1
    if pos >= limit:
        return np.int64(-2)
    state[_S_NUMBER] = 0
    state[_S_WORD] = 0
    state[_S_WORD_END] = 0
    if layout[L_LATE] >= 0:
        at = _after_words(pos, end, layout[L_LATE], limit)
        if at == -2:
            return np.int64(-2)
        if at >= 0:
            return _late_level(pos, at, end, limit, state)
    return pos


@_compiled
def _late_level(pos, at, end, limit, state):  # type: ignore[no-untyped-def]
    """Take a level at `at`; returns where the message begins, which is `pos` if there is none."""
    if at < end:
        byte = _u8(at)
        if byte == 0x5B or byte == 0x28 or byte == 0x3C:
            at += 1
    found, after = _level_at(at, end)
    if not found or after - at < 3:
        return pos
    if after < end:
        byte = _u8(after)
        if not (
            _is_space(byte)
            or byte == 0x3A
            or byte == 0x7C
            or byte == 0x2C
            or byte == 0x5D
            or byte == 0x29
            or byte == 0x3E
            or byte == 0x2D
        ):
            return pos
    state[_S_NUMBER] = found
    state[_S_WORD] = at
    state[_S_WORD_END] = after
    if after < end:
        byte = _u8(after)
        if byte == 0x5D or byte == 0x29 or byte == 0x3E:
            after += 1
    while True:
        at = after
        while at < end and _is_space(_u8(at)):
            at += 1
        if at >= end:
            break
        byte = _u8(at)
        if byte == 0x7C:
            after = at + 1
            continue
        ends = at + 1 == end
        spaced = not ends and _is_space(_u8(at + 1))
        if (byte == 0x3A or byte == 0x2C) and (ends or spaced):
            after = at + 1
            continue
        if byte == 0x2D and at > after and spaced:
            after = at + 1
            continue
        break
    return at if at < limit else np.int64(-2)


@_compiled
def _first_level(start, end, state):  # type: ignore[no-untyped-def]
    """Take the level at the very beginning of a line; returns where the message begins, or -1."""
    pos = start
    if pos >= end:
        return np.int64(-1)
    opened = _u8(pos)
    bracket = opened == 0x5B or opened == 0x28 or opened == 0x3C
    if bracket:
        pos += 1
    found, after = _level_at(pos, end)
    if not found or after - pos < 3 or after >= end:
        return np.int64(-1)
    byte = _u8(after)
    word_end = after
    if bracket:
        if not (byte == 0x5D or byte == 0x29 or byte == 0x3E):
            return np.int64(-1)
        after += 1
        if after < end and _u8(after) == 0x3A:
            after += 1
    elif byte == 0x3A:
        after += 1
    elif _is_space(byte) or byte == 0x7C:
        for at in range(pos, after):
            if _u8(at) & 0x20:
                return np.int64(-1)
    else:
        return np.int64(-1)
    at = after
    while at < end and _is_space(_u8(at)):
        at += 1
    if end - at >= 2 and (_u8(at) == 0x7C or _u8(at) == 0x2D) and _is_space(_u8(at + 1)):
        at += 1
        while at < end and _is_space(_u8(at)):
            at += 1
    if at >= start + _HEAD:
        return np.int64(-2)
    state[_S_NUMBER] = found
    state[_S_WORD] = pos
    state[_S_WORD_END] = word_end
    return at


@_compiled
def _leading_level(pos, end, state):  # type: ignore[no-untyped-def]
    """Take the level that a message begins with, before a colon; False for Python to tell."""
    if pos < end:
        byte = _u8(pos)
        if byte == 0x5B or byte == 0x28 or byte == 0x3C:
            pos += 1
    found, after = _level_at(pos, end)
    if after < end and (_u8(after) & 0xFE == 0xC4 or _u8(after) == 0xE2):
        return False  # letters that are an i, s or k to Python: ı, ſ and the sign of Kelvin
    if not found or after - pos < 3:
        return True
    word_end = after
    if after < end:
        byte = _u8(after)
        if byte == 0x5D or byte == 0x29 or byte == 0x3E:
            after += 1
    if after >= end or _u8(after) != 0x3A:
        return True
    after += 1
    if after < end:
        byte = _u8(after)
        if byte >= 0x80 or 0x1C <= byte < 0x20:
            return False
        if not _is_space(byte):
            return True
    state[_S_NUMBER] = found
    state[_S_WORD] = pos
    state[_S_WORD_END] = word_end
    return True


@_compiled
def _names_race(pos, end):  # type: ignore[no-untyped-def]
    """Tell whether `race` or `RACE` stands in a text."""
    last = end - 4
    while pos <= last:
        byte = _u8(pos + 1)
        if byte & 0xDF == 0x41:
            word = _u32(pos)
            if word == 0x65636172 or word == 0x45434152:
                return True
            pos += 2  # the second letter of no other one is the first of this
        elif byte == 0x72 or byte == 0x52:
            pos += 1
        else:
            pos += 2
    return False


@_compiled
def _id_behind(pos, end):  # type: ignore[no-untyped-def]
    r"""
    Return where the digits begin and end behind `trace` or `span`; -1 if none, -2 for Python to tell.

    That is [._-]?id\\?["']?\s*[=:]\s*\\?["']? and hexadecimal digits.
    """
    if pos < end and (_u8(pos) == 0x2E or _u8(pos) == 0x5F or _u8(pos) == 0x2D):
        pos += 1
    if pos >= end:
        return np.int64(-1), pos
    if _u8(pos) >= 0x80:
        return np.int64(-2), pos
    if end - pos < 3 or _u8(pos) & 0xDF != 0x49 or _u8(pos + 1) & 0xDF != 0x44:
        return np.int64(-1), pos
    pos += 2
    for part in range(2):
        if part:
            while pos < end and _is_space(_u8(pos)):
                pos += 1
            if pos >= end:
                return np.int64(-1), pos
            byte = _u8(pos)
            if byte >= 0x80 or 0x1C <= byte < 0x20:
                return np.int64(-2), pos
            if byte != 0x3D and byte != 0x3A:
                return np.int64(-1), pos
            pos += 1
            while pos < end and _is_space(_u8(pos)):
                pos += 1
            if pos < end and (_u8(pos) >= 0x80 or 0x1C <= _u8(pos) < 0x20):
                return np.int64(-2), pos
        if pos < end and _u8(pos) == 0x5C:
            pos += 1
        if pos < end and (_u8(pos) == 0x22 or _u8(pos) == 0x27):
            pos += 1
    start = pos
    while pos < end and _hex_digit(_u8(pos)) >= 0:
        pos += 1
    if pos < end:
        if _u8(pos) >= 0x80:
            return np.int64(-2), pos
        if _is_digit(_u8(pos)) or _is_letter(_u8(pos)):
            return np.int64(-1), pos
    return start, pos


@_compiled
def _find_ids(start, end, state, has_service, ids):  # type: ignore[no-untyped-def]
    """Take the ids that a line names in words; False for Python to tell."""
    traced = False
    for what in range(2):
        pos = start
        size = 5 if what == 0 else 4
        while end - pos >= size + 2:
            byte = _u8(pos) & 0xDF
            if what == 0:
                hit = (
                    byte == 0x54
                    and _u8(pos + 1) & 0xDF == 0x52
                    and _u8(pos + 2) & 0xDF == 0x41
                    and _u8(pos + 3) & 0xDF == 0x43
                    and _u8(pos + 4) & 0xDF == 0x45
                )
            else:
                if _u8(pos) == 0xC5 and _u8(pos + 1) == 0xBF:  # a long s is an s to Python
                    return False
                hit = (
                    byte == 0x53
                    and _u8(pos + 1) & 0xDF == 0x50
                    and _u8(pos + 2) & 0xDF == 0x41
                    and _u8(pos + 3) & 0xDF == 0x4E
                )
            if hit and pos > start:
                if _u8(pos - 1) >= 0x80:
                    return False
                hit = not _is_word(_u8(pos - 1))
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
                if not _put_trace(ids, at, after - at):
                    return False
                traced = True
                break
            if what == 1 and after - at == 16:
                if not _put_hex(ids + 16, at, 8):
                    return False
                state[_S_SPAN] = ids + 16
                break
        if not traced:
            return True
    state[_S_TRACE] = ids
    return has_service or not _has(start, end, 0x65636976726573, 7)  # "service"


@_compiled
def _has(pos, end, word, size):  # type: ignore[no-untyped-def]
    """Tell whether a word of up to eight bytes stands in a text; `word` is little-endian."""
    mask = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - 8 * size)
    while end - pos >= 8:
        if _u64(pos) & mask == np.uint64(word):
            return True
        pos += 1
    while end - pos >= size:
        same = True
        for i in range(size):
            if _u8(pos + i) != word >> 8 * i & 0xFF:
                same = False
                break
        if same:
            return True
        pos += 1
    return False


@_compiled
def _text_line(  # type: ignore[no-untyped-def]
    to, limit, start, end, state, known, layouts, ids, item, base, blob, parts, tokens, fields
):
    """Write the record of a line of text; returns where it ends, or 0 for Python to read it."""
    if end - start >= 48 and _is_wrapped(start, end):
        return np.int64(0)
    first = _u8(start)
    if first == 0x7B:
        return np.int64(0)
    if first == 0x5B and end - start > 1 and _u8(start + 1) == 0x32:
        return _access_line(
            to, limit, start, end, state, known, ids, item, base, blob, parts, tokens, fields
        )
    time = state[_S_TIME]
    number = state[_S_NUMBER]
    word = state[_S_WORD]
    word_end = state[_S_WORD_END]
    message = np.int64(-1)
    for i in range(known[K_LAYOUTS]):
        layout = layouts[known[K_LAYOUT] + i]
        if layout[L_KIND] == 0:
            return np.int64(0)
        message = _header(start, end, layout, state)
        if message == -2:
            return np.int64(0)
        if message >= 0:
            break
    if message < 0:
        state[_S_TIME] = 0
        state[_S_NUMBER] = 0
        state[_S_WORD] = 0
        state[_S_WORD_END] = 0
        if first > 0x20:
            message = _first_level(start, end, state)
            if message == -2:
                return np.int64(0)
    headed = message >= 0
    if headed and message >= end:
        return np.int64(0)  # nothing but a header
    body = message if headed else start
    if not state[_S_TRACE]:
        state[_S_SPAN] = 0
        if _names_race(body, end) and not _find_ids(start, end, state, known[K_SERVICE], ids):
            return np.int64(0)
    if headed and not state[_S_NUMBER] and not _leading_level(body, end, state):
        return np.int64(0)
    if number:
        state[_S_NUMBER] = number
    if word_end > word:
        state[_S_WORD] = word
        state[_S_WORD_END] = word_end
    if time:
        state[_S_TIME] = time
    state[_S_BODY] = body
    state[_S_BODY_END] = end
    state[_S_BODY_SIZE] = end - body
    state[_S_BODY_KIND] = _TEXT
    if headed and end - start > _LONGEST_ORIGINAL:
        return np.int64(0)
    at = _put_head(to + 3, limit, state)
    at = _put_some(at, limit, base + item[BEFORE_START], base + item[BEFORE_END])
    if headed:
        at = _put_words(at, limit, 0, start, end, blob, parts, tokens[0])
    at = _put_some(at, limit, base + item[AFTER_START], base + item[AFTER_END])
    return _enclose(to, limit, _put_ids(at, limit, state))


@_compiled
def _is_wrapped(start, end):  # type: ignore[no-untyped-def]
    """Tell whether a line may be in the wrapping of a container's runtime."""
    plain = True
    for at in range(start, start + 11):
        plain &= _u8(at) < 0x80
    if plain and _u8(start + 10) != 0x54:
        return False
    until = min(end, start + 192)
    return _has(start, until, 0x74756F647473, 6) or _has(start, until, 0x727265647473, 6)


# -- access logs -----------------------------------------------------------------------------------


@_compiled
def _put_words(to, limit, part, pos, end, blob, parts, token):  # type: ignore[no-untyped-def]
    """Write a text as the attribute whose key is a part of the blob."""
    token[_KIND] = _TEXT
    token[_FROM] = pos
    token[_TO] = end
    token[_SIZE] = end - pos
    key = blob + parts[part, 0]
    return _put_attribute(to, limit, key, key + parts[part, 1], token)


@_compiled
def _put_whole(to, limit, part, number, blob, parts, token):  # type: ignore[no-untyped-def]
    """Write a number as the attribute whose key is a part of the blob."""
    token[_KIND] = _INTEGER
    token[_NUMBER] = number
    key = blob + parts[part, 0]
    return _put_attribute(to, limit, key, key + parts[part, 1], token)


@_compiled
def _is_there(pos, end):  # type: ignore[no-untyped-def]
    """Tell whether a field of an access log says anything."""
    return end > pos and not (end - pos == 1 and _u8(pos) == 0x2D)


@_compiled
def _address(pos, end, found):  # type: ignore[no-untyped-def]
    """Split host:port into `found`: from and to of the host, and the port or 0."""
    colon = end - 1
    while colon >= pos and _is_digit(_u8(colon)):
        colon -= 1
    found[2] = 0
    if colon >= pos and _u8(colon) == 0x3A and 0 < end - colon - 1 < 6:
        inner = False
        for at in range(pos, colon):
            inner |= _u8(at) == 0x3A
        if not inner or _u8(colon - 1) == 0x5D:
            found[2] = _digits(colon + 1, end - colon - 1)
            end = colon
    while pos < end and (_u8(pos) == 0x5B or _u8(pos) == 0x5D):
        pos += 1
    while pos < end and (_u8(end - 1) == 0x5B or _u8(end - 1) == 0x5D):
        end -= 1
    found[0] = pos
    found[1] = end


@_compiled
def _cluster(pos, end, found):  # type: ignore[no-untyped-def]
    """Return 1 for an inbound, 2 for an outbound cluster, else 0; the service goes into `found`."""
    bars = 0
    first = end
    last = pos
    plain = True
    for at in range(pos, end):
        byte = _u8(at)
        if byte == 0x7C:
            bars += 1
            first = min(first, at)
            last = at + 1
        elif not (_is_word(byte) or byte == 0x2D or byte == 0x2E):
            plain = False
    found[0] = pos
    found[1] = pos
    if bars != 3:
        letters = False
        for at in range(pos, end):
            letters |= _is_digit(_u8(at)) or _is_letter(_u8(at))
        if plain and letters and bars == 0 and not _has(pos, end, 0x72657473756C43, 7):
            found[1] = end
        return 0
    direction = 0
    if first - pos == 7 and _has(pos, first, 0x646E756F626E69, 7):
        direction = 1
    elif first - pos == 8 and _has(pos, first, 0x646E756F6274756F, 8):
        direction = 2
    found[0] = last
    found[1] = end
    dot_svc = end - last >= 4 and _u32(end - 4) == 0x6376732E
    dot_local = end - last >= 6 and _has(end - 6, end, 0x6C61636F6C2E, 6)
    if dot_svc or dot_local or _has(last, end, 0x2E6376732E, 5):
        for at in range(last, end):
            if _u8(at) == 0x2E:
                found[1] = at
                break
    return direction


@_compiled
def _words(pos, end, spans, most):  # type: ignore[no-untyped-def]
    """Find words between spaces; returns how many, or -1 for more or for anything but plain ASCII."""
    count = 0
    while True:
        while pos < end and _u8(pos) == 0x20:
            pos += 1
        if pos == end:
            return count
        if count == most:
            return -1
        spans[count, 0] = pos
        while pos < end and _u8(pos) != 0x20:
            if not 0x20 < _u8(pos) < 0x7F:
                return -1
            pos += 1
        spans[count, 1] = pos
        count += 1


@_compiled
def _are_numbers(pos, end):  # type: ignore[no-untyped-def]
    for at in range(pos, end):
        byte = _u8(at)
        if not (_is_digit(byte) or byte == 0x2D or byte == 0x20):
            return False
    return True


@_compiled
def _access_line(  # type: ignore[no-untyped-def]
    to, limit, start, end, state, known, ids, item, base, blob, parts, tokens, fields
):
    """Write the record of a line of Envoy's access log; returns where it ends, or 0 for Python to read it."""
    # fields: 0 to 31 quotes, 32 to 39 words before the numbers, 40 to 43 the numbers, 44 to 49 the rest
    close = start + 19
    last = min(end - 3, start + 40)
    while close < last and not (
        _u8(close) == 0x5D and _u8(close + 1) == 0x20 and _u8(close + 2) == 0x22
    ):
        close += 1
    if close >= last or end - start > _LONGEST_ORIGINAL:
        return np.int64(0)
    time = _rfc3339(start + 1, close)
    if time <= 0 or _u8(close - 1) != 0x5A or _u8(start + 11) != 0x54:
        return np.int64(0)
    quotes = 0
    for at in range(start, end):
        byte = _u8(at)
        if byte < 0x20:
            return np.int64(0)
        if byte == 0x22:
            if quotes == 16:
                return np.int64(0)
            fields[quotes, 0] = at
            quotes += 1
    if quotes < 12 or quotes % 2:
        return np.int64(0)
    head = _words(fields[1, 0] + 1, fields[2, 0], fields[32:], 6)
    if head < 2:
        return np.int64(0)
    at = quotes - 10
    numbers = 0
    if head == 6 and _are_numbers(fields[34, 0], fields[2, 0]):
        if at != 2:
            return np.int64(0)
        for i in range(4):
            fields[40 + i, 0] = fields[34 + i, 0]
            fields[40 + i, 1] = fields[34 + i, 1]
        numbers = 4
        head = 2
    else:
        if at == 2:
            return np.int64(0)
        begin = fields[3, 0] + 1
        stop = fields[4, 0]
        if _are_numbers(begin, stop):
            spaces = 0
            for each in range(begin, stop):
                spaces += _u8(each) == 0x20
            if spaces == 5:
                if at != 4:
                    return np.int64(0)
            elif at != 6:
                return np.int64(0)
        elif at != 6:
            return np.int64(0)
        begin = fields[at - 1, 0] + 1
        stop = fields[at, 0]
        spaces = 0
        for each in range(begin, stop):
            spaces += _u8(each) == 0x20
        if spaces != 5 or not _are_numbers(begin, stop):
            return np.int64(0)
        numbers = _words(begin, stop, fields[40:], 4)
    if numbers != 4:
        return np.int64(0)
    for i in range(1, 5):
        gap = fields[at + 2 * i - 1, 0]
        if fields[at + 2 * i, 0] != gap + 2 or _u8(gap + 1) != 0x20:
            return np.int64(0)
    tail = _words(fields[quotes - 1, 0] + 1, end, fields[44:], 6)
    if tail < 0:
        return np.int64(0)
    for i in range(tail, 6):
        fields[44 + i, 0] = end
        fields[44 + i, 1] = end
    for i in range(head, 4):
        fields[32 + i, 0] = end
        fields[32 + i, 1] = end
    code = fields[32, 0]
    code_size = fields[32, 1] - code
    status = _digits(code, code_size) if code_size < 18 else np.int64(-1)
    if status < 0:
        return np.int64(0)
    if code_size > 3:
        status = np.int64(0)
    return _put_access(
        to, limit, start, close, end, at, time, status, state, known, ids, item, base, blob, parts,
        tokens[0], fields, tokens[1],
    )  # fmt: skip


@_compiled
def _is_ascii(pos, end):  # type: ignore[no-untyped-def]
    for at in range(pos, end):
        if _u8(at) >= 0x80:
            return False
    return True


@_compiled
def _put_access(  # type: ignore[no-untyped-def]
    to, limit, start, close, end, at, time, status, state, known, ids, item, base, blob, parts,
    token, fields, found,
):  # fmt: skip
    quoted = fields
    forwarded = quoted[at, 0] + 1
    forwarded_end = quoted[at + 1, 0]
    authority = quoted[at + 6, 0] + 1
    authority_end = quoted[at + 7, 0]
    cluster = fields[44, 0]
    cluster_end = fields[44, 1]
    peer = fields[47, 0]
    peer_end = fields[47, 1]
    if not _is_ascii(forwarded, forwarded_end) or not _is_ascii(authority, authority_end):
        return np.int64(0)
    if authority_end - authority > 300 or cluster_end - cluster > 300 or peer_end - peer > 300:
        return np.int64(0)
    direction = 0
    if _is_there(cluster, cluster_end):
        direction = _cluster(cluster, cluster_end, found)
        if direction == 1 and found[1] > found[0] and not known[K_SERVICE]:
            return np.int64(0)
    flags = fields[33, 0]
    flags_end = fields[33, 1]
    excused = not _is_there(flags, flags_end) or (
        flags_end - flags == 2 and _u8(flags) == 0x44 and _u8(flags + 1) == 0x43
    )
    body = close + 2
    if not state[_S_TRACE]:
        state[_S_SPAN] = 0
        if _names_race(body, end) and not _find_ids(start, end, state, known[K_SERVICE], ids):
            return np.int64(0)
    if not state[_S_NUMBER]:
        state[_S_NUMBER] = 17 if status >= 500 or (status == 0 and not excused) else 9
    if not state[_S_TIME]:
        state[_S_TIME] = time
    state[_S_BODY] = body
    state[_S_BODY_END] = end
    state[_S_BODY_SIZE] = end - body
    state[_S_BODY_KIND] = _TEXT
    to_begin = to
    to = _put_head(to + 3, limit, state)
    to = _put_some(to, limit, base + item[BEFORE_START], base + item[BEFORE_END])
    # "method path protocol"
    request = quoted[0, 0] + 1
    request_end = quoted[1, 0]
    gap = request
    while gap < request_end and _u8(gap) != 0x20:
        gap += 1
    target = min(gap + 1, request_end)
    protocol = request_end
    while protocol > target and _u8(protocol - 1) != 0x20:
        protocol -= 1
    path_end = max(protocol - 1, target)
    if _is_there(request, gap):
        to = _put_words(to, limit, 1, request, gap, blob, parts, token)
    for i in range(3):
        if _is_there(fields[33 + i, 0], fields[33 + i, 1]):
            to = _put_words(
                to, limit, 2 + i, fields[33 + i, 0], fields[33 + i, 1], blob, parts, token
            )
    if at > 2 and _is_there(quoted[at - 2, 0] + 1, quoted[at - 1, 0]):
        to = _put_words(to, limit, 5, quoted[at - 2, 0] + 1, quoted[at - 1, 0], blob, parts, token)
    for i in range(3):
        place = at + (2, 4, 8)[i]
        if _is_there(quoted[place, 0] + 1, quoted[place + 1, 0]):
            to = _put_words(
                to, limit, 6 + i, quoted[place, 0] + 1, quoted[place + 1, 0], blob, parts, token
            )
    for i in range(3):
        place = 44 + (0, 4, 5)[i]
        if _is_there(fields[place, 0], fields[place, 1]):
            to = _put_words(
                to, limit, 9 + i, fields[place, 0], fields[place, 1], blob, parts, token
            )
    if status:
        to = _put_whole(to, limit, 12, status, blob, parts, token)
    for slash in range(protocol, request_end):
        if _u8(slash) == 0x2F:
            to = _put_words(to, limit, 13, slash + 1, request_end, blob, parts, token)
            break
    service = found[0]
    service_end = found[1]
    if _is_there(authority, authority_end):
        _address(authority, authority_end, found)
        to = _put_words(to, limit, 14, found[0], found[1], blob, parts, token)
        if found[2]:
            to = _put_whole(to, limit, 15, found[2], blob, parts, token)
    if _is_there(cluster, cluster_end):
        if direction:
            word = 16 + direction  # 17 and 18 are the words, and 16 the key
            at_word = blob + parts[word, 0]
            to = _put_words(to, limit, 16, at_word, at_word + parts[word, 1], blob, parts, token)
        if direction != 1 and service_end > service:
            to = _put_words(to, limit, 19, service, service_end, blob, parts, token)
    for i in range(4):
        digits = fields[40 + i, 1] - fields[40 + i, 0]
        number = _digits(fields[40 + i, 0], digits) if digits < 19 else np.int64(-1)
        if number >= 0:
            to = _put_whole(to, limit, 20 + i, number, blob, parts, token)
    if _is_there(target, path_end):
        ask = target
        while ask < path_end and _u8(ask) != 0x3F:
            ask += 1
        to = _put_words(to, limit, 24, target, ask, blob, parts, token)
        if ask < path_end:
            to = _put_words(to, limit, 25, ask + 1, path_end, blob, parts, token)
    client = client_end = np.int64(0)
    if _is_there(peer, peer_end):
        _address(peer, peer_end, found)
        client = found[0]
        client_end = found[1]
        to = _put_words(to, limit, 26, client, client_end, blob, parts, token)
    if _is_there(forwarded, forwarded_end):
        client = forwarded
        client_end = client
        while client_end < forwarded_end and _u8(client_end) != 0x2C:
            client_end += 1
        while client < client_end and _u8(client) == 0x20:
            client += 1
        while client < client_end and _u8(client_end - 1) == 0x20:
            client_end -= 1
    if client_end > client:
        to = _put_words(to, limit, 27, client, client_end, blob, parts, token)
    to = _put_words(to, limit, 0, start, end, blob, parts, token)
    to = _put_some(to, limit, base + item[AFTER_START], base + item[AFTER_END])
    return _enclose(to_begin, limit, _put_ids(to, limit, state))


# -- items -----------------------------------------------------------------------------------------


@_compiled
def _begin(state, item, known, base):  # type: ignore[no-untyped-def]
    """Begin a record with what is known of it."""
    state[_S_TIME] = item[TIME]
    state[_S_NUMBER] = known[K_NUMBER]
    state[_S_WORD] = base + known[K_TEXT]
    state[_S_WORD_END] = base + known[K_TEXT_END]
    state[_S_BODY_SIZE] = 0
    state[_S_TRACE] = 0
    state[_S_SPAN] = 0
    state[_S_LEFT] = 0
    state[_S_OBSERVED] = 0
    if item[IDS] >= 0:
        at = base + item[IDS]
        if _u64(at) | _u64(at + 8):
            state[_S_TRACE] = at
        if _u64(at + 16):
            state[_S_SPAN] = at + 16


@_compiled
def _group_of(row, plan, tokens, seed, keys, groups, group_slots, counts):  # type: ignore[no-untyped-def]
    """
    Return the number of the values that say where a document is from; -1 for Python to tell.

    They are kept in `keys`, each as its length (4 bytes) and its text, behind `seed` (8 bytes).
    """
    start = keys + counts[1]
    if counts[1] + 16 > counts[2]:
        return np.int64(-1)
    to = start
    _put64i(to, seed)
    to += 8
    for i in range(row[R_PLACES]):
        token = tokens[plan[row[R_PLACES_AT] + i]]
        kind = token[_KIND]
        if (kind != _TEXT and kind != _ESCAPED) or not 0 < token[_SIZE] <= 1000:
            return np.int64(-1)
        if to + token[_TO] - token[_FROM] + 16 > keys + counts[2]:
            return np.int64(-1)
        _put64i(to, token[_SIZE])
        to = _put_text(to + 4, token[_FROM], token[_TO], kind)
    return _numbered(start, to, keys, groups, group_slots, counts)


@_compiled
def _numbered(start, to, keys, groups, group_slots, counts):  # type: ignore[no-untyped-def]
    """Return the number of the bytes written at `start`, which are kept where they are new; or -1."""
    hashed = _hash(start, to)
    mask = group_slots.size - 1
    slot = hashed & mask
    while group_slots[slot] >= 0:
        number = np.int64(group_slots[slot])
        group = groups[number]
        if (
            group[0] == hashed
            and group[2] == to - start
            and _equal(keys + group[1], start, to - start)
        ):
            return number
        slot = (slot + 1) & mask
    number = counts[0]
    if number >= MAX_GROUPS or to + 16 > keys + counts[2]:
        return np.int64(-1)
    group_slots[slot] = number
    groups[number, 0] = hashed
    groups[number, 1] = start - keys
    groups[number, 2] = to - start
    counts[0] += 1
    counts[1] = to - keys
    return number


@_compiled
def _read_fields(to, limit, start, end, state, item, known, row, plan, tokens, pool, base, ids):  # type: ignore[no-untyped-def]
    """Write the record of a line of fields; returns where it ends, or 0 for Python to read it."""
    state[_S_BODY] = start
    state[_S_BODY_END] = end
    state[_S_BODY_SIZE] = end - start
    state[_S_BODY_KIND] = _TEXT
    if not _take_fields(state, row, tokens, known[K_SERVICE], ids):
        return np.int64(0)
    at = _put_head(to + 3, limit, state)
    at = _put_fields(at, limit, state, item, row, plan, tokens, pool, base)
    return _enclose(to, limit, _put_ids(at, limit, state))


@_compiled
def _read_document(  # type: ignore[no-untyped-def]
    to,
    limit,
    state,
    item,
    number,
    row,
    plan,
    tokens,
    pool,
    base,
    ids,
    keys,
    groups,
    group_slots,
    counts,
):
    """Write the record of a document, or what is known of the line that its message is."""
    if row[R_STAMP] >= 0:
        state[_S_TIME] = _instant(tokens[row[R_STAMP]])
        if state[_S_TIME] <= 0:
            return np.int64(0)
    line = row[R_TEXT]
    if line >= 0:
        token = tokens[line]
        if (token[_KIND] != _TEXT and token[_KIND] != _ESCAPED) or token[_SIZE] == 0:
            return np.int64(0)
        state[_S_BODY] = token[_FROM]
        state[_S_BODY_END] = token[_TO]
        state[_S_BODY_SIZE] = token[_SIZE]
        state[_S_BODY_KIND] = token[_KIND]
    elif row[R_MESSAGE] < 0 or not _take_fields(state, row, tokens, False, ids):
        return np.int64(0)
    seed = item[KNOWN] | number << 32
    group = _group_of(row, plan, tokens, seed, keys, groups, group_slots, counts)
    if group < 0:
        return np.int64(0)
    item[GROUP] = group
    later = line >= 0 or (row[R_LATER] and not state[_S_NUMBER])
    at = to if later else _put_head(to + 3, limit, state)
    at = _put_fields(at, limit, state, item, row, plan, tokens, pool, base)
    if not later:
        at = _enclose(to, limit, _put_ids(at, limit, state))
        item[STATUS] = DONE if at else UNDECIDED
        return at
    if max(state[_S_BODY_END] - state[_S_BODY], 0) + 24 > limit - at:
        return np.int64(0)
    item[STATUS] = READ_LATER
    item[KEPT_START] = to
    item[KEPT_END] = at
    item[TIME] = state[_S_TIME]
    item[KEPT_IDS] = at
    for i in range(3):
        _put64(at + 8 * i, np.uint64(0))
    if state[_S_TRACE]:
        _copy(at, state[_S_TRACE], state[_S_TRACE] + 16)
    if state[_S_SPAN]:
        _copy(at + 16, state[_S_SPAN], state[_S_SPAN] + 8)
    at += 24
    item[OUT_START] = at
    return _put_text(at, state[_S_BODY], state[_S_BODY_END], state[_S_BODY_KIND])


@_compiled
def read_items(  # type: ignore[no-untyped-def]
    items,
    known,
    layouts,
    slots,
    rows,
    plan,
    pool,
    base,
    out,
    out_size,
    keys,
    groups,
    group_slots,
    counts,
    blob,
    parts,
    scratch,
):
    """
    Write the records of lines or documents one behind another; what became of each stands in its row.

    Args:
        items, known, layouts: rows as the columns above say.
        slots, rows, plan, pool: sets of keys; `pool` is an address.
        base, out: addresses of the input, which `items` and `known` point into, and of the output.
        keys: address of the room for the values that tell where documents are from.
        groups: of those values; hash, offset and size each.
        group_slots: numbers of groups by their hash; -1 where there is none.
        counts: how many groups there are, how many bytes of `keys` they take, and how many there are.
        blob, parts: keys that lines have of themselves, see `line_batches.py`.
        scratch: address of SCRATCH_BYTES. An array made here might be freed once its address is taken.
    Returns:
        How many bytes were written.
    """
    tokens = np.zeros((MAX_TOKENS, 5), np.int64)
    state = np.zeros(_STATE, np.int64)
    fields = np.zeros((50, 2), np.int64)
    ids = scratch
    names = scratch + 32
    limit = out + out_size
    to = out
    for i in range(items.shape[0]):
        item = items[i]
        item[STATUS] = UNDECIDED
        start = base + item[START]
        end = base + item[END]
        room = 6 * (end - start) + item[BEFORE_END] - item[BEFORE_START]
        room += item[AFTER_END] - item[AFTER_START] + LINE_ROOM
        if start == end or to + room > out + out_size or not _is_utf8(start, end):
            continue
        what = known[item[KNOWN]]
        _begin(state, item, what, base)
        space = what[K_SPACE]
        first = _u8(start)
        count = -1
        if not space and first != 0x7B and what[K_LOGFMT]:
            _put8(names, PAIRS)
            count, names_end = _pairs(start, end, tokens, names + 1)
            if count < 0 and not _is_not_pairs(start, end):
                continue
        if not space and first != 0x7B and count < 0:
            after = _text_line(
                to,
                limit,
                start,
                end,
                state,
                what,
                layouts,
                ids,
                item,
                base,
                blob,
                parts,
                tokens,
                fields,
            )
            if after:
                item[STATUS] = DONE
                item[OUT_START] = to - out
                item[OUT_END] = after - out
                to = after
            continue
        if first == 0x7B:
            _put8(names, space if space else LINE)
            count, names_end = _json_object(start, end, tokens, names + 1)
        elif space:
            continue
        if count < 0:
            continue
        hashed = _hash(names, names_end)
        number = _row_of(names, names_end, hashed, slots, rows, pool)
        if number < 0:
            if to + names_end - names + 16 <= out + out_size:
                item[STATUS] = UNKNOWN_KEYS
                item[HASH] = hashed
                item[OUT_START] = to - out
                to = _copy(to, names, names_end)
                item[OUT_END] = to - out
            continue
        row = rows[number]
        if not row[R_GOOD] or to + room + row[R_BYTES] > out + out_size:
            continue
        if not space:
            after = _read_fields(
                to, limit, start, end, state, item, what, row, plan, tokens, pool, base, ids
            )
            if after:
                item[STATUS] = DONE
        else:
            after = _read_document(
                to,
                limit,
                state,
                item,
                number,
                row,
                plan,
                tokens,
                pool,
                base,
                ids,
                keys,
                groups,
                group_slots,
                counts,
            )
        if not after:
            continue
        if item[STATUS] == READ_LATER:
            item[KEPT_START] -= out
            item[KEPT_END] -= out
            item[KEPT_IDS] -= out
            item[OUT_START] -= out
        else:
            item[OUT_START] = to - out
        item[OUT_END] = after - out
        to = after
    return to - out


# -- syslog ----------------------------------------------------------------------------------------


@_compiled
def _is_sentence(pos, end):  # type: ignore[no-untyped-def]
    """Tell for certain that a message is plain words, without header, fields, level or trace."""
    if pos == end:
        return False
    first = _u8(pos)
    if not (_is_letter(first) or first == 0x2F or first == 0x2A or first == 0x5F or first == 0x2D):
        return False
    if first == 0x49 or first == 0x57 or first == 0x45 or first == 0x46 or first == 0x44:
        if end - pos > 1 and _is_digit(_u8(pos + 1)):
            return False
    at = pos
    while at < end and at < pos + 14 and _u8(at) != 0x20:
        if not 0x20 < _u8(at) < 0x7F:
            return False
        at += 1
    while at > pos and (_u8(at - 1) == 0x3A or _u8(at - 1) == 0x7C or _u8(at - 1) == 0x2C):
        at -= 1
    found, after = _level_at(pos, at)
    if found and after == at:
        return False
    if _names_race(pos, end):
        return False
    for at in range(pos, end):
        byte = _u8(at)
        if byte == 0x23 and end - at >= 3 and _u8(at + 1) == 0x30 and _u8(at + 2) == 0x31:
            return False  # a line end as rsyslog writes it
        if byte == 0x3D and at - pos >= 3:
            byte = _u8(at - 1)
            if byte == 0x67 or byte == 0x6C or byte == 0x65:  # may be msg=, level=, lvl=, message=
                return False
    return True


@_compiled
def _parameters(pos, end, spans):  # type: ignore[no-untyped-def]
    """
    Find structured data: element, name and value, from and to, of each parameter.

    Returns how many and where the data end; -1 for Python to read them.
    """
    count = 0
    while pos < end and _u8(pos) == 0x5B:
        pos += 1
        element = pos
        while pos < end and (_is_word(_u8(pos)) or _u8(pos) == 0x40 or _u8(pos) == 0x2D):
            pos += 1
        element_end = pos
        if pos == element:
            return -1, pos
        while pos < end and _u8(pos) == 0x20:
            pos += 1
            name = pos
            while pos < end and (_is_word(_u8(pos)) or _u8(pos) == 0x2E or _u8(pos) == 0x2D):
                pos += 1
            if pos == name or end - pos < 3 or _u8(pos) != 0x3D or _u8(pos + 1) != 0x22:
                return -1, pos
            if count == spans.shape[0]:
                return -1, pos
            span = spans[count]
            span[0] = element
            span[1] = element_end
            span[2] = name
            span[3] = pos
            pos += 2
            span[4] = pos
            while pos < end and _u8(pos) != 0x22:
                if _u8(pos) == 0x5C or _u8(pos) == 0x5D:
                    return -1, pos
                pos += 1
            span[5] = pos
            pos += 1
            count += 1
        if pos >= end or _u8(pos) != 0x5D:
            return -1, pos
        pos += 1
    return count, pos


@_compiled
def _what_id(pos, end):  # type: ignore[no-untyped-def]
    """Return 1 if a name is that of a trace id, 2 of a span id, else 0."""
    size = end - pos
    if size < 6 or size > 8:
        return 0
    word = np.uint64(0)
    for i in range(size):
        byte = _u8(pos + i)
        if _is_letter(byte):
            byte |= 0x20
        word |= np.uint64(byte) << np.uint64(8 * i)
    if word == 0x64695F6563617274 or word == 0x64692E6563617274 or word == 0x64696563617274:
        return 1
    if word == 0x64695F6E617073 or word == 0x64692E6E617073 or word == 0x64696E617073:
        return 2
    return 0


@_compiled
def _syslog_frame(pos, end, spans, seconds, frame):  # type: ignore[no-untyped-def]
    """
    Read what stands around a message into `frame`: 0 time, 1 to 8 host, app, process and message id
    (from and to), 9 text, 10 parameters.

    Returns 1; 0 for Python to read it; -1 for a time without a year that is not in `seconds`.
    """
    for i in range(11):
        frame[i] = 0
    if end - pos > 2 and _u8(pos) == 0x31 and _u8(pos + 1) == 0x20:
        pos += 2
        for i in range(5):
            start = pos
            while pos < end and _u8(pos) != 0x20:
                pos += 1
            if pos >= end or (i and pos == start):
                return 0
            is_nothing = pos - start == 1 and _u8(start) == 0x2D
            if i == 0:
                if not is_nothing:
                    frame[0] = _rfc3339(start, pos)
                    if frame[0] <= 0:
                        return 0
            elif not is_nothing:
                frame[2 * i - 1] = start
                frame[2 * i] = pos
            pos += 1
        if pos < end and _u8(pos) == 0x5B:
            count, pos = _parameters(pos, end, spans)
            if count < 0:
                return 0
            frame[10] = count
            if pos < end and _u8(pos) == 0x20:
                pos += 1
        elif pos < end and _u8(pos) == 0x2D:
            pos += 1
            if pos < end and _u8(pos) == 0x20:
                pos += 1
        if end - pos >= 3 and _u8(pos) == 0xEF and _u8(pos + 1) == 0xBB and _u8(pos + 2) == 0xBF:
            pos += 3
        if pos < end and _u8(pos) == 0x20:
            pos += 1
        frame[9] = pos
        return 1
    if end - pos < 22:
        return 0
    if _u8(pos + 3) == 0x20 and _u8(pos + 9) == 0x3A and _u8(pos + 12) == 0x3A:
        if _u8(pos + 15) != 0x20:
            return 0
        first = np.int64(_u64(pos))
        second = np.int64(_u64(pos + 7))
        for i in range(seconds.shape[0]):
            if seconds[i, 0] == first and seconds[i, 1] == second:
                frame[0] = seconds[i, 2]
                break
        else:
            return -1
        pos += 15
    elif _u8(pos + 4) == 0x2D and _u8(pos + 10) == 0x54:
        start = pos
        while pos < end and _u8(pos) != 0x20:
            pos += 1
        frame[0] = _rfc3339(start, pos)
    if frame[0] <= 0 or pos >= end:
        return 0
    pos += 1
    frame[1] = pos
    while pos < end and _u8(pos) != 0x20:
        pos += 1
    frame[2] = pos
    if pos == frame[1] or pos >= end or _u8(pos - 1) == 0x3A or _u8(pos - 1) == 0x5D:
        return 0
    pos += 1
    return _tag(pos, end, frame)


@_compiled
def _tag(pos, end, frame):  # type: ignore[no-untyped-def]
    """Read the program's name and process id before the text, as far as they are there."""
    frame[9] = pos
    colon = pos
    bracket = np.int64(0)
    while colon < end and colon < pos + 128 and _u8(colon) != 0x3A:
        byte = _u8(colon)
        if byte >= 0x7F or byte < 0x20:
            return 0
        if byte == 0x5B and not bracket:
            bracket = colon
        colon += 1
    if colon == pos or colon >= end or colon >= pos + 128:
        return 1
    if _u8(pos) == 0x20 or _u8(pos) == 0x2F or _u8(colon - 1) == 0x20:
        return 0
    for at in range(pos, colon):
        if _u8(at) == 0x20:
            return 1
    if bracket and _u8(colon - 1) != 0x5D:
        return 1
    frame[3] = pos
    frame[4] = bracket if bracket else colon
    if bracket:
        frame[5] = bracket + 1
        frame[6] = colon - 1
    frame[9] = colon + 1
    if colon + 1 < end and _u8(colon + 1) == 0x20:
        frame[9] += 1
    return 1


@_compiled
def _put_parameter(to, limit, span, blob, parts, token, scratch):  # type: ignore[no-untyped-def]
    """Write a parameter as the attribute syslog.structured_data.<element>.<name>."""
    size = parts[3, 1] + span[1] - span[0] + 1 + span[3] - span[2]
    _put8(scratch, 0x0A)
    key = _put_varint(scratch + 1, size)
    key = _copy(key, blob + parts[3, 0], blob + parts[3, 0] + parts[3, 1])
    key = _copy(key, span[0], span[1])
    _put8(key, 0x2E)
    key = _copy(key + 1, span[2], span[3])
    token[_KIND] = _TEXT
    token[_FROM] = span[4]
    token[_TO] = span[5]
    token[_SIZE] = span[5] - span[4]
    return _put_attribute(to, limit, scratch, key, token)


@_compiled
def _message(  # type: ignore[no-untyped-def]
    to, limit, pos, end, priority, frame, spans, state, blob, parts, token, scratch, ids
):
    """Write the record of a message that is a sentence; 0 for Python to write it."""
    state[_S_NUMBER] = parts[12 + (priority & 7), 2]
    state[_S_WORD] = blob + parts[12 + (priority & 7), 0]
    state[_S_WORD_END] = state[_S_WORD] + parts[12 + (priority & 7), 1]
    state[_S_TRACE] = 0
    state[_S_SPAN] = 0
    state[_S_BODY] = pos
    state[_S_BODY_END] = end
    state[_S_BODY_SIZE] = end - pos
    state[_S_BODY_KIND] = _TEXT
    traced = spanned = False
    for i in range(frame[10]):
        what = _what_id(spans[i, 2], spans[i, 3])
        if what == 1:
            if traced or not _put_trace(ids, spans[i, 4], spans[i, 5] - spans[i, 4]):
                return np.int64(0)
            traced = True
        elif what == 2:
            if spanned or spans[i, 5] - spans[i, 4] != 16 or not _put_hex(ids + 16, spans[i, 4], 8):
                return np.int64(0)
            spanned = True
    if traced:
        state[_S_TRACE] = ids
        if spanned:
            state[_S_SPAN] = ids + 16
    start = to
    to = _put_head(to + 3, limit, state)
    facility = 20 + (priority >> 3)
    word = blob + parts[facility, 0]
    to = _put_some(to, limit, word, word + parts[facility, 1])
    digits = frame[6] - frame[5]
    if digits:
        number = _digits(frame[5], digits) if digits < 10 else np.int64(-1)
        if number >= 0:
            to = _put_whole(to, limit, 0, number, blob, parts, token)
        elif not _is_ascii(frame[5], frame[6]):
            return np.int64(0)
        else:
            to = _put_words(to, limit, 1, frame[5], frame[6], blob, parts, token)
    if frame[8] > frame[7]:
        to = _put_words(to, limit, 2, frame[7], frame[8], blob, parts, token)
    for i in range(frame[10]):
        if spans[i, 3] - spans[i, 2] + spans[i, 1] - spans[i, 0] > 1000:
            return np.int64(0)
        to = _put_parameter(to, limit, spans[i], blob, parts, token, scratch)
    return _enclose(start, limit, _put_ids(to, limit, state))


@_compiled
def read_syslog(  # type: ignore[no-untyped-def]
    items, seconds, received_unix_ns, base, out, out_size, keys, groups, group_slots, counts,
    blob, parts, scratch,
):  # fmt: skip
    """
    Write the records of syslog messages, as `read_items` does those of lines.

    Args:
        seconds: times without a year, their first and last eight bytes as numbers, and their instant.
        parts: where in `blob` keys and words stand, see `syslog_batches.py`.
        scratch: as for `read_items`.
    Returns:
        How many bytes were written. An unknown time has UNKNOWN_KEYS, and stands at OUT_START of the
        input; a group is the name of the program and that of the host.
    """
    state = np.zeros(_STATE, np.int64)
    tokens = np.zeros((1, 5), np.int64)
    spans = np.zeros((32, 6), np.int64)
    frame = np.zeros(11, np.int64)
    ids = scratch
    names = scratch + 32
    state[_S_OBSERVED] = received_unix_ns
    limit = out + out_size
    to = out
    for i in range(items.shape[0]):
        item = items[i]
        item[STATUS] = UNDECIDED
        pos = base + item[START]
        end = base + item[END]
        while end > pos and (
            _u8(end - 1) == 0x20 or _u8(end - 1) == 10 or _u8(end - 1) == 13 or _u8(end - 1) == 0
        ):
            end -= 1
        if end - pos < 8 or to + 6 * (end - pos) + LINE_ROOM > out + out_size:
            continue
        close = pos + 2
        while close < pos + 5 and _u8(close) != 0x3E:
            close += 1
        if _u8(pos) != 0x3C or close == pos + 5 or not _is_utf8(pos, end):
            continue
        priority = _digits(pos + 1, close - pos - 1)
        if not 0 <= priority < 192:
            continue
        done = _syslog_frame(close + 1, end, spans, seconds, frame)
        if done < 0:
            item[STATUS] = UNKNOWN_KEYS
            item[OUT_START] = close + 1 - base
        if done <= 0 or not _is_sentence(frame[9], end):
            continue
        size = frame[2] - frame[1] + frame[4] - frame[3]
        start = keys + counts[1]
        if size > 1000 or start + size + 32 > keys + counts[2]:
            continue
        _put64i(start, frame[4] - frame[3])
        key = _copy(start + 4, frame[3], frame[4])
        key = _copy(key, frame[1], frame[2])
        group = _numbered(start, key, keys, groups, group_slots, counts)
        if group < 0:
            continue
        item[GROUP] = group
        state[_S_TIME] = frame[0] if frame[0] else received_unix_ns
        after = _message(
            to,
            limit,
            frame[9],
            end,
            priority,
            frame,
            spans,
            state,
            blob,
            parts,
            tokens[0],
            names,
            ids,
        )
        if after:
            item[STATUS] = DONE
            item[OUT_START] = to - out
            item[OUT_END] = after - out
            to = after
    return to - out


# -- requests --------------------------------------------------------------------------------------


@_compiled
def split_objects(base, size, items):  # type: ignore[no-untyped-def]
    """Find objects that stand one behind another; returns how many, or -1 for anything else."""
    pos = base
    end = base + size
    count = 0
    while True:
        pos = _after_space(pos, end)
        if pos == end:
            return count
        if _u8(pos) != 0x7B or count == items.shape[0]:
            return -1
        start = pos
        depth = 0
        while pos < end:
            byte = _u8(pos)
            pos += 1
            if byte == 0x22:
                while pos < end and _u8(pos) != 0x22:
                    pos += 2 if _u8(pos) == 0x5C else 1
                pos += 1
            elif byte == 0x7B:
                depth += 1
            elif byte == 0x7D:
                depth -= 1
                if depth == 0:
                    break
        if depth or pos > end:
            return -1
        items[count, START] = start - base
        items[count, END] = pos - base
        count += 1


@_compiled
def _field(pos, end):  # type: ignore[no-untyped-def]
    """Return tag, number or length, and where the value begins, of a field; -1 for anything unusual."""
    if pos >= end or not 8 <= _u8(pos) < 0x80:
        return np.int64(-1), np.int64(0), pos
    tag = _u8(pos)
    pos += 1
    value = np.uint64(0)
    shift = np.uint64(0)
    while pos < end and shift < 64:
        byte = _u8(pos)
        pos += 1
        value |= np.uint64(byte & 0x7F) << shift
        if byte < 0x80:
            number = np.int64(value)
            if tag & 7 == 2:
                return (tag if 0 <= number <= end - pos else np.int64(-1)), number, pos
            return (tag if tag & 7 == 0 else np.int64(-1)), number, pos
        shift += np.uint64(7)
    return np.int64(-1), np.int64(0), pos


@_compiled
def split_push(base, size, streams, items, pairs):  # type: ignore[no-untyped-def]
    """
    Find streams, entries and structured metadata of Loki's PushRequest.

    Args:
        streams: labels, from and to, and the first entry, of each.
        items: START, END and TIME of each entry's line are set; KNOWN is its stream.
        pairs: entry, and name and value, from and to, of each.
    Returns:
        How many there are of each; -1 where the message is not as usual or there are more.
    """
    none = np.int64(-1)
    pos = base
    end = base + size
    n_streams = n_items = n_pairs = np.int64(0)
    while pos < end:
        tag, length, pos = _field(pos, end)
        if tag != 0x0A or n_streams == streams.shape[0]:
            return none, none, none
        stop = pos + length
        streams[n_streams, 0] = 0
        streams[n_streams, 1] = 0
        streams[n_streams, 2] = n_items
        while pos < stop:
            tag, length, pos = _field(pos, stop)
            if tag == 0x0A:
                streams[n_streams, 0] = pos - base
                streams[n_streams, 1] = pos + length - base
            elif tag == 0x12:
                if n_items == items.shape[0]:
                    return none, none, none
                n_pairs = _push_entry(
                    base, pos, pos + length, items[n_items], pairs, n_items, n_pairs
                )
                if n_pairs < 0:
                    return none, none, none
                items[n_items, KNOWN] = n_streams
                n_items += 1
            elif tag < 0 or tag & 7 == 2:
                return none, none, none
            if tag & 7 == 2:
                pos += length
        n_streams += 1
    return n_streams, n_items, n_pairs


@_compiled
def _push_entry(base, pos, end, item, pairs, number, n_pairs):  # type: ignore[no-untyped-def]
    """Read an entry; returns how many pairs there are with its own, or -1."""
    item[START] = 0
    item[END] = 0
    item[TIME] = 0
    while pos < end:
        tag, length, pos = _field(pos, end)
        if tag == 0x0A:
            stop = pos + length
            while pos < stop:
                tag, value, pos = _field(pos, stop)
                if tag == 0x08 and 0 < value < 9_000_000_000 and not item[TIME]:
                    item[TIME] += value * 1_000_000_000
                elif tag == 0x10 and 0 <= value < 1_000_000_000 and item[TIME] % 1_000_000_000 == 0:
                    item[TIME] += value
                else:
                    return np.int64(-1)
        elif tag == 0x12:
            item[START] = pos - base
            item[END] = pos + length - base
            pos += length
        elif tag == 0x1A:
            if n_pairs == pairs.shape[0]:
                return np.int64(-1)
            pair = pairs[n_pairs]
            n_pairs += 1
            stop = pos + length
            pair[0] = number
            for column in range(1, 5):
                pair[column] = 0
            while pos < stop:
                tag, length, pos = _field(pos, stop)
                if tag != 0x0A and tag != 0x12:
                    return np.int64(-1)
                column = 1 if tag == 0x0A else 3
                pair[column] = pos - base
                pair[column + 1] = pos + length - base
                pos += length
        elif tag < 0 or tag & 7 == 2:
            return np.int64(-1)
    return n_pairs
