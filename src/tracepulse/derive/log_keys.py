"""
Correlation keys: the tokens that two services or more mention, in memory that does not grow with the text.

    pass 1   every token marks a slot with its service; a second service marks it as shared
    pass 2   tokens whose slot is shared are kept with their line, all others are forgotten

Slots are shared by chance now and then; what got through so is dropped once the mentions are sorted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.log_tokens import LineFacts, LogLines, tokens_of

__all__ = ["Mentions", "shared_mentions"]

BATCH_LINES = 100_000
MIN_SLOTS, MAX_SLOTS = 1 << 20, 1 << 27
SHARED = 0xFFFF
MAX_MENTIONS = 20_000
"""Of one token: with more it is a word of the system, such as a host or a version."""


@dataclass(frozen=True, slots=True)
class Mentions:
    """Which line mentions which key; by key, then by line, so by time."""

    key: NDArray[np.uint64]
    line: NDArray[np.int64]


def shared_mentions(lines: LogLines) -> tuple[Mentions, LineFacts]:
    """Return the mentions of tokens that several services know, and what lines say of their time."""
    count = len(lines.time_unix_ns)
    slots = np.zeros(_slots_for(count), np.uint16)
    facts = []
    batches = [(first, min(first + BATCH_LINES, count)) for first in range(0, count, BATCH_LINES)]
    kept = None
    for first, last in batches:
        tokens, owners, batch_facts = tokens_of(lines, first, last)
        _mark(tokens, owners, lines.service, slots)
        facts.append(batch_facts)
        kept = (tokens, owners) if len(batches) == 1 else None
    keys, places = [], []
    for first, last in batches:
        tokens, owners = kept if kept is not None else tokens_of(lines, first, last)[:2]
        shared = slots[(tokens ^ (tokens >> np.uint64(29))) & np.uint64(len(slots) - 1)] == SHARED
        keys.append(tokens[shared])
        places.append(owners[shared])
    mentions = _sorted(np.concatenate(keys), np.concatenate(places), lines)
    return mentions, LineFacts(
        np.concatenate([each.length_ns for each in facts]),
        np.concatenate([each.moment for each in facts]),
        np.concatenate([each.shape for each in facts]),
        np.concatenate([each.part for each in facts]),
    )


def _slots_for(lines: int) -> int:
    slots = MIN_SLOTS
    while slots < lines * 16 and slots < MAX_SLOTS:
        slots *= 2
    return slots


def _sorted(key: NDArray[np.uint64], line: NDArray[np.int64], lines: LogLines) -> Mentions:
    order = np.lexsort((line, key))
    key, line = key[order], line[order]
    new = np.ones(len(key), np.bool_)
    new[1:] = (key[1:] != key[:-1]) | (line[1:] != line[:-1])
    key, line = key[new], line[new]
    begins = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    sizes = np.diff(np.append(begins, len(key)))
    service = lines.service[line]
    if len(key) == 0:
        return Mentions(key, line)
    several = np.minimum.reduceat(service, begins) != np.maximum.reduceat(service, begins)
    kept = np.repeat(several & (sizes <= MAX_MENTIONS), sizes)
    return Mentions(key[kept], line[kept])


@kernel
def _mark(tokens: Cells, owners: Cells, service: Cells, slots: Cells) -> None:
    mask = np.uint64(len(slots) - 1)
    for place in range(len(tokens)):
        slot = (tokens[place] ^ (tokens[place] >> np.uint64(29))) & mask
        mine = np.uint16(service[owners[place]] + 1)
        if slots[slot] == 0:
            slots[slot] = mine
        elif slots[slot] != mine:
            slots[slot] = 65535
