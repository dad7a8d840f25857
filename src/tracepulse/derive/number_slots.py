"""Numbers that vary between lines of one shape: an age, a size, a count that reached its limit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["NumberSlot", "number_slots"]

NUMBER = re.compile(
    r"^[\[(=,:]*(-?\d{1,15}(?:\.\d{1,9})?)(ms|us|ns|s|m|h|kb|mb|gb|b|%)?[\]),.;:]*$", re.I
)
MIN_EXAMPLES = 5
MIN_DISTINCT = 4
"""Fewer different numbers are codes or counters of tries, not measurements."""


@dataclass(frozen=True, slots=True)
class NumberSlot:
    """One place in a log shape that holds a varying number."""

    position: int
    """Which blank-separated word of the line."""
    count: int
    smallest: float
    median: float
    largest: float


def number_slots(examples: Sequence[str]) -> tuple[NumberSlot, ...]:
    """
    Return the varying numbers of lines of one shape, by position.

    Only lines with the most frequent number of words count. Ids are not numbers: a place counts
    only when all its values are plain numbers of at most 15 digits, several of them different.
    """
    rows = [line.split() for line in examples]
    lengths = [len(row) for row in rows]
    if not lengths:
        return ()
    usual = max(sorted(set(lengths)), key=lengths.count)
    rows = [row for row in rows if len(row) == usual]
    if len(rows) < MIN_EXAMPLES:
        return ()
    slots = []
    for position in range(usual):
        values = _values([row[position] for row in rows])
        if len(set(values)) >= MIN_DISTINCT:
            slots.append(
                NumberSlot(position, len(values), values[0], values[len(values) // 2], values[-1])
            )
    return tuple(slots)


def _values(words: Sequence[str]) -> list[float]:
    matches = [NUMBER.match(word) for word in words]
    if any(match is None for match in matches):
        return []
    return sorted(float(match.group(1)) for match in matches if match is not None)
