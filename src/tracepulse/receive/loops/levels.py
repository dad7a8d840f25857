"""Levels, by their names and their numbers."""

from typing import Any

import numpy as np

from tracepulse.receive.loops.compiled import (
    compiled,
)
from tracepulse.receive.loops.memory import (
    is_letter,
    u8,
)
from tracepulse.receive.severities import SEVERITY_WORDS, severity_of_number

__all__ = [
    "LEVEL_NAMES",
    "LEVEL_NAME_SIZES",
    "LEVEL_TABLES",
    "OF_NUMBER",
    "WORD_HIGH",
    "WORD_LOW",
    "WORD_NUMBER",
    "level_at",
]


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


WORD_LOW, WORD_HIGH, WORD_NUMBER = _level_table()
OF_NUMBER = np.array([severity_of_number(level) for level in range(70)], np.int64)
LEVEL_TABLES = np.concatenate(
    [WORD_LOW, WORD_HIGH, WORD_NUMBER, OF_NUMBER], dtype=np.int64, casting="unsafe"
)
"""What is part of the machine code and comes from elsewhere."""
LEVEL_NAMES = np.frombuffer(b"TRACEDEBUGINFO WARN ERRORFATAL", np.uint8)
LEVEL_NAME_SIZES = np.array([5, 5, 4, 4, 5, 5], np.int64)


@compiled
def level_at(pos, end):  # type: ignore[no-untyped-def]
    """Return the severity of the letters at `pos` and where they end; 0 if they are no level."""
    low = np.uint64(0)
    high = np.uint64(0)
    shift = np.uint64(0)
    start = pos
    while pos < end:
        byte = u8(pos)
        if not is_letter(byte):
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
    while WORD_NUMBER[slot]:
        if WORD_LOW[slot] == low and WORD_HIGH[slot] == high:
            return WORD_NUMBER[slot], pos
        slot = (slot + 1) & 255
    return np.int64(0), pos
