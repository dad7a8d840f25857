"""
The loops that read log lines, with fences around all that they are given.

Each text, attribute and id lies alone between bytes that would be read as something else if a loop went
on into them; behind the output and the scratch memory stand bytes that must stay. Where the loops are
CHECKED, an access between two regions raises IndexError.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from tracepulse.receive import (
    line_batches,
    loki_protobuf,
    splunk_events,
    syslog_batches,
)
from tracepulse.receive.loops import columns
from tracepulse.receive.loops import items as items_loop
from tracepulse.receive.loops import requests as requests_loop
from tracepulse.receive.loops import syslog as syslog_loop
from tracepulse.receive.loops.memory import allow

_GAP = 64
_POISON = (b"0", b'"', b"}", b" ", b"a", b"\\", b"\n", b"]", b"=", b"\x80", b":00Z")
_Region = tuple[int, int]
_numbers = count()


class _Arena:
    """Copies of what a loop reads, with fences between."""

    def __init__(self, base: int) -> None:
        self._base = base
        word = _POISON[next(_numbers) % len(_POISON)]
        self._poison = (word * _GAP)[:_GAP]
        self._pieces = [self._poison]
        self._size = _GAP
        self._regions: list[_Region] = []

    def put(self, start: int, end: int) -> int:
        """Copy [start, end) of the input; returns where it is now."""
        piece = _bytes_at(self._base + start, end - start)
        at = self._size
        self._pieces += [piece, self._poison]
        self._size += len(piece) + _GAP
        self._regions.append((at, at + len(piece)))
        return at

    def made(self) -> tuple[NDArray[np.uint8], list[_Region]]:
        """Return the memory, and the addresses of what was put into it."""
        memory = np.frombuffer(b"".join(self._pieces), np.uint8)
        base = memory.ctypes.data
        return memory, [(base + start, base + end) for start, end in self._regions]


def _bytes_at(address: int, size: int) -> bytes:
    return ctypes.string_at(address, size) if size > 0 else b""


def _fenced(size: int) -> tuple[NDArray[np.uint8], int]:
    memory = np.full(size + 2 * _GAP, 0xA5, np.uint8)
    return memory, memory.ctypes.data + _GAP


def _assert_fences(memory: NDArray[np.uint8]) -> None:
    assert (memory[:_GAP] == 0xA5).all(), "written before the output"
    assert (memory[-_GAP:] == 0xA5).all(), "written behind the output"


def _region(address: int, size: int) -> _Region:
    return address, address + size


def _size_of(parts: NDArray[np.int64]) -> int:
    return int((parts[:, 0] + parts[:, 1]).max())


class Fences:
    """Stand-ins for the loops, each of which calls the loop with fences around its memory."""

    def __init__(self) -> None:
        self.shares = [1.0]
        """What part of the output they are given, in turn."""
        self._calls = count()

    def read_items(self, items: Any, known: Any, *rest: Any) -> int:
        """Stand for `items_loop.read_items`."""
        layouts, slots, rows, plan, pool, base, out, out_size, keys, *others = rest
        groups, group_slots, counts, blob, parts, _scratch = others
        arena = _Arena(base)
        given = items.copy()
        lines = items.copy()
        for row in lines:
            for start, end in ((0, 1), (5, 6), (7, 8)):
                size = row[end] - row[start]
                row[start] = arena.put(int(row[start]), int(row[end]))
                row[end] = row[start] + size
            if row[4] >= 0:
                row[4] = arena.put(int(row[4]), int(row[4]) + 24)
        words = known.copy()
        for row in words:
            size = row[2] - row[1]
            row[1] = arena.put(int(row[1]), int(row[2]))
            row[2] = row[1] + size
        memory, regions = arena.made()
        pool_size = int(max((rows[:, 1] + rows[:, 2]).max(), _plan_end(rows, plan)))
        readable = [*regions, _region(pool, pool_size), _region(blob, _size_of(parts))]
        used = self._run(
            readable, out, out_size, keys, int(counts[2]),
            lambda to, size, places, scratch: items_loop.read_items(
                lines, words, layouts, slots, rows, plan, pool, memory.ctypes.data, to, size, places,
                groups, group_slots, counts, blob, parts, scratch,
            ),
        )  # fmt: skip
        for column in (0, 1, 4, 5, 6, 7, 8):
            lines[:, column] = given[:, column]
        items[:] = lines
        return used

    def read_syslog(self, items: Any, seconds: Any, received: int, *rest: Any) -> int:
        """Stand for `syslog_loop.read_syslog`."""
        base, out, out_size, keys, groups, group_slots, counts, blob, parts, _scratch = rest
        arena = _Arena(base)
        lines = items.copy()
        for row in lines:
            size = row[1] - row[0]
            row[0] = arena.put(int(row[0]), int(row[1]))
            row[1] = row[0] + size
        moved = lines[:, 0] - items[:, 0]
        memory, regions = arena.made()
        readable = [*regions, _region(blob, _size_of(parts))]
        used = self._run(
            readable, out, out_size, keys, int(counts[2]),
            lambda to, size, places, scratch: syslog_loop.read_syslog(
                lines, seconds, received, memory.ctypes.data, to, size, places, groups, group_slots,
                counts, blob, parts, scratch,
            ),
        )  # fmt: skip
        unknown = lines[:, columns.STATUS] == columns.UNKNOWN_KEYS
        lines[unknown, columns.OUT_START] -= moved[unknown]
        lines[:, :2] = items[:, :2]
        items[:] = lines
        return used

    def split(self, loop: Any, base: int, size: int, *tables: Any) -> Any:
        """Stand for a loop that only reads."""
        arena = _Arena(base)
        at = arena.put(0, size)
        memory, regions = arena.made()
        allow(regions, [])
        return loop(memory.ctypes.data + at, size, *tables)

    def _run(
        self, readable: list[_Region], out: int, out_size: int, keys: int, keys_size: int, call: Any
    ) -> int:
        share = self.shares[next(self._calls) % len(self.shares)]
        to_memory, to = _fenced(out_size)
        key_memory, places = _fenced(keys_size)
        scratch_memory, scratch = _fenced(columns.SCRATCH_BYTES)
        size = int(out_size * share)
        to_memory[_GAP + size :] = 0xA5
        written = [_region(to, size), _region(places, keys_size)]
        written.append(_region(scratch, columns.SCRATCH_BYTES))
        allow([*readable, *written], written)
        used = int(call(to, size, places, scratch))
        assert 0 <= used <= size
        _assert_fences(key_memory)
        _assert_fences(scratch_memory)
        assert (to_memory[:_GAP] == 0xA5).all(), "written before the output"
        assert (to_memory[_GAP + size :] == 0xA5).all(), "written behind the output"
        ctypes.memmove(out, to, used)
        ctypes.memmove(keys, places, keys_size)
        return used


def _plan_end(rows: Any, plan: Any) -> int:
    """Return where the last key ends in the pool that a plan names."""
    end = 0
    for row in rows:
        if row[3]:
            for at in range(row[5], row[5] + 3 * row[4], 3):
                end = max(end, plan[at + 1] + plan[at + 2])
            for role in (13, 16, 19, 22, 25):
                end = max(end, row[role + 1] + row[role + 2])
    return int(end)


@contextmanager
def fenced(*shares: float) -> Iterator[None]:
    """Have all loops run between fences, with the given shares of their output in turn."""
    fences = Fences()
    fences.shares = list(shares or (1.0,))
    with (
        patch.object(line_batches, "read_items", fences.read_items),
        patch.object(syslog_batches, "read_syslog", fences.read_syslog),
        patch.object(
            splunk_events, "split_objects", lambda *a: fences.split(requests_loop.split_objects, *a)
        ),
        patch.object(
            loki_protobuf, "split_push", lambda *a: fences.split(requests_loop.split_push, *a)
        ),
    ):
        yield
