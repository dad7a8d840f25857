"""Instants out of text and numbers, in ns since 1970."""

import numpy as np

from tracepulse.receive.loops.columns import (
    T_FROM,
    T_KIND,
    T_NUMBER,
    T_SIZE,
    T_TO,
    V_DECIMAL,
    V_INTEGER,
    V_TEXT,
)
from tracepulse.receive.loops.compiled import (
    compiled,
)
from tracepulse.receive.loops.memory import (
    is_digit,
    number_of_digits,
    u8,
)

__all__ = [
    "civil_s",
    "decimal_of",
    "fraction_ns",
    "instant_ns",
    "rfc3339",
]


@compiled
def civil_s(pos):  # type: ignore[no-untyped-def]
    """Return the seconds since 1970 of 2024-03-05T10:00:00; -1 where it is another form or no such day."""
    year = number_of_digits(pos, 4)
    month = number_of_digits(pos + 5, 2)
    day = number_of_digits(pos + 8, 2)
    hour = number_of_digits(pos + 11, 2)
    minute = number_of_digits(pos + 14, 2)
    second = number_of_digits(pos + 17, 2)
    if u8(pos + 4) != 0x2D or u8(pos + 7) != 0x2D:
        return np.int64(-1)
    if u8(pos + 13) != 0x3A or u8(pos + 16) != 0x3A:
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


@compiled
def fraction_ns(pos, end):  # type: ignore[no-untyped-def]
    """Return the nanoseconds of up to nine digits and where they end; -1 for more or none."""
    value = np.int64(0)
    count = 0
    while pos < end and is_digit(u8(pos)):
        if count == 9:
            return np.int64(-1), pos
        value = value * 10 + u8(pos) - 0x30
        count += 1
        pos += 1
    if count == 0:
        return np.int64(-1), pos
    for _ in range(9 - count):
        value *= 10
    return value, pos


@compiled
def rfc3339(pos, end):  # type: ignore[no-untyped-def]
    """Return the instant of a whole text; 0 where it is not in the usual form."""
    if end - pos < 20 or not (u8(pos + 10) == 0x54 or u8(pos + 10) == 0x20):
        return np.int64(0)
    seconds = civil_s(pos)
    if seconds < 0:
        return np.int64(0)
    pos += 19
    nanos = np.int64(0)
    if u8(pos) == 0x2E:
        nanos, pos = fraction_ns(pos + 1, end)
        if nanos < 0 or pos == end:
            return np.int64(0)
    byte = u8(pos)
    if byte == 0x5A:
        return seconds * 1_000_000_000 + nanos if pos + 1 == end else np.int64(0)
    if (byte == 0x2B or byte == 0x2D) and end - pos == 6 and u8(pos + 3) == 0x3A:
        hours = number_of_digits(pos + 1, 2)
        minutes = number_of_digits(pos + 4, 2)
        if 0 <= hours < 15 and 0 <= minutes < 60:
            ahead = hours * 3600 + minutes * 60
            seconds += ahead if byte == 0x2D else -ahead
            return seconds * 1_000_000_000 + nanos
    return np.int64(0)


@compiled
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


@compiled
def decimal_of(token):  # type: ignore[no-untyped-def]
    """Return a decimal's number: exact, as both parts are (Clinger, PLDI 1990)."""
    power = 1.0
    for _ in range(token[T_SIZE]):
        power *= 10.0
    return np.float64(token[T_NUMBER]) / power


@compiled
def instant_ns(token):  # type: ignore[no-untyped-def]
    """Return the instant of a value; 0 where Python is to look at it."""
    kind = token[T_KIND]
    if kind == V_INTEGER:
        return _number_ns(token[T_NUMBER])
    if kind == V_DECIMAL:
        value = decimal_of(token)
        if 1.1e8 < value < 9.0e9:
            return np.int64(np.rint(value * 1e6)) * 1000
        return np.int64(0)
    if kind != V_TEXT:
        return np.int64(0)
    pos = token[T_FROM]
    size = token[T_TO] - pos
    if size >= 20 and u8(pos + 4) == 0x2D:
        return rfc3339(pos, token[T_TO])
    if size == 10 or size == 13 or size == 16 or size == 18:
        value = number_of_digits(pos, size)
        return _number_ns(value) if value > 0 else np.int64(0)
    if size == 19 and u8(pos) == 0x31:
        value = number_of_digits(pos, 19)
        return _number_ns(value) if value > 0 else np.int64(0)
    return np.int64(0)
