"""
Each span's parent, found by span id, in traces of any size and make.

A position is a span's place by trace, then by span id; from here on a span is its position.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.sorting import sort_by_keys, sort_room
from tracepulse.derive.span_codes import (
    CLIENT,
    EARLIEST_UNIX_NS,
    LATEST_UNIX_NS,
    SERVER,
    SpanCodes,
)
from tracepulse.derive.span_flags import CHOSEN, CYCLE, DUPLICATE, ORPHAN, PARENTLESS, UNUSABLE

__all__ = ["NO_SPAN", "SET_ASIDE", "SpanLinks", "span_links"]

NO_SPAN = -1
SET_ASIDE = -2
_NO_ID = -(1 << 63)
"""The id 0, as `_signed` gives it."""

Integers = NDArray[np.int64]
Ids = NDArray[np.uint64]


class SpanLinks(NamedTuple):
    """Spans side by side by trace and id, and the parent of each."""

    row: Integers
    """Row of the input that stands at each position."""
    first: Integers
    """Positions of trace t are first[t] to first[t + 1], the latter not included."""
    parent: Integers
    """NO_SPAN at the top of a tree; SET_ASIDE for a span that is in none."""
    flags: NDArray[np.uint16]


class _Contents(NamedTuple):
    """What tells two spans of one id apart, by row."""

    length: Cells
    start: Cells
    kind: Cells
    node: Cells
    parent_id: Cells
    host: Cells
    failed: Cells


def span_links(codes: SpanCodes, root_ids: Ids | None) -> SpanLinks:
    """
    Return every span's parent. Duplicates and unusable spans are set aside and flagged.

    Args:
        codes: spans in any order.
        root_ids: for each trace the span id that is to have no parent; 0 for none.
    """
    row, first = _group(codes.trace, codes.trace_count)
    signed_id, signed_parent = _signed(codes.span_id), _signed(codes.parent_id)
    _sort_by_id(row, first, signed_id, codes.kind)
    span_id = signed_id[row]
    flags = _unusable(span_id, codes.start_unix_ns[row], codes.duration_ns[row])
    contents = _Contents(
        codes.duration_ns,
        codes.start_unix_ns,
        codes.kind,
        codes.node,
        signed_parent,
        codes.host,
        codes.failed,
    )
    parent, owner = _set_duplicates_aside(first, row, span_id, contents, flags)
    wanted = np.zeros(codes.trace_count, np.uint64) if root_ids is None else root_ids
    _link(first, span_id, signed_parent[row], owner, _signed(wanted), parent, flags)
    return SpanLinks(row, first, parent, flags)


def _signed(ids: Ids) -> Integers:
    """Return ids as signed numbers in the same order; kernels then know one type of key only."""
    return (np.ascontiguousarray(ids, np.uint64) ^ np.uint64(1 << 63)).view(np.int64)


def _unusable(span_id: Integers, start: Integers, length: Integers) -> NDArray[np.uint16]:
    """Flag spans that no tree can hold; the comparison cannot overflow."""
    out_of_range = (start < EARLIEST_UNIX_NS) | (start > LATEST_UNIX_NS) | (length < 0)
    too_long = length > LATEST_UNIX_NS - np.clip(start, EARLIEST_UNIX_NS, LATEST_UNIX_NS)
    return np.where(out_of_range | too_long | (span_id == _NO_ID), UNUSABLE, 0).astype(np.uint16)


@kernel
def _group(trace: Cells, trace_count: int) -> tuple[Cells, Cells]:
    """Counting sort of rows by trace; also where each trace begins."""
    first = np.zeros(trace_count + 1, np.int64)
    for row in range(len(trace)):
        first[trace[row] + 1] += 1
    for t in range(trace_count):
        first[t + 1] += first[t]
    place = first[:-1].copy()
    rows = np.empty(len(trace), np.int64)
    for row in range(len(trace)):
        rows[place[trace[row]]] = row
        place[trace[row]] += 1
    return rows, first


@kernel
def _sort_by_id(row: Cells, first: Cells, span_id: Cells, kind: Cells) -> None:
    """Order each trace's rows by span id, then kind; duplicates come to stand side by side."""
    longest = 0
    for t in range(len(first) - 1):
        longest = max(longest, first[t + 1] - first[t])
    major, minor, spare = sort_room(longest)
    for t in range(len(first) - 1):
        size = first[t + 1] - first[t]
        rows = row[first[t] : first[t + 1]]
        for i in range(size):
            major[i], minor[i] = span_id[rows[i]], kind[rows[i]]
        sort_by_keys(major, minor, rows, size, spare)


@kernel
def _better(a: int, b: int, rows: _Contents) -> bool:
    """
    Tell whether row a is kept rather than row b, both under one span id.

    The longest, as a span that was still open when first sent is sent again once it is closed;
    then by every column that the result depends on, so that order of arrival does not matter.
    """
    if rows.length[a] != rows.length[b]:
        return bool(rows.length[a] > rows.length[b])
    if rows.start[a] != rows.start[b]:
        return bool(rows.start[a] < rows.start[b])
    if rows.kind[a] != rows.kind[b]:
        return bool(rows.kind[a] < rows.kind[b])
    if rows.node[a] != rows.node[b]:
        return bool(rows.node[a] < rows.node[b])
    if rows.parent_id[a] != rows.parent_id[b]:
        return bool(rows.parent_id[a] < rows.parent_id[b])
    if rows.host[a] != rows.host[b]:
        return bool(rows.host[a] < rows.host[b])
    return bool(rows.failed[a] and not rows.failed[b])


@kernel
def _set_duplicates_aside(
    first: Cells, row: Cells, span_id: Cells, rows: _Contents, flags: Cells
) -> tuple[Cells, Cells]:
    """
    Keep one span for each id, or a client and a server half where two sides share one id.

    Zipkin's B3 propagation gives both sides of a call the same span id. The server half is then
    the child of the client half, and spans that name the id as parent are the server's.

    Returns the parents known so far, and, at the first position of each id, the one that answers
    to it.
    """
    parent = np.full(len(span_id), NO_SPAN, np.int64)
    owner = np.full(len(span_id), NO_SPAN, np.int64)
    for t in range(len(first) - 1):
        begin = first[t]
        while begin < first[t + 1]:
            end = begin + 1
            while end < first[t + 1] and span_id[end] == span_id[begin]:
                end += 1
            if end == begin + 1 and flags[begin] & UNUSABLE == 0:
                owner[begin] = begin
                begin = end
                continue
            server, other = _kept(begin, end, row, rows, flags)
            for p in range(begin, end):
                if p not in (server, other):
                    parent[p] = SET_ASIDE
                    if flags[p] & UNUSABLE == 0:
                        flags[p] |= DUPLICATE
            if server >= 0 and other >= 0:
                parent[server] = other
            owner[begin] = server if server >= 0 else other
            begin = end
    return parent, owner


@kernel
def _kept(begin: int, end: int, row: Cells, rows: _Contents, flags: Cells) -> tuple[int, int]:
    """Return the server span and the other span to keep of one id; both only if it is shared."""
    server, other = NO_SPAN, NO_SPAN
    for p in range(begin, end):
        if flags[p] & UNUSABLE:
            continue
        if rows.kind[row[p]] == SERVER:
            if server < 0 or _better(row[p], row[server], rows):
                server = p
        elif other < 0 or _better(row[p], row[other], rows):
            other = p
    if server < 0 or other < 0 or rows.kind[row[other]] == CLIENT:
        return server, other
    if _better(row[server], row[other], rows):
        return server, NO_SPAN
    return NO_SPAN, other


@kernel
def _find(span_id: Cells, owner: Cells, low: int, high: int, wanted: int) -> int:
    """Return the position that answers to an id within a trace, NO_SPAN if there is none."""
    end = high
    while low < high:
        middle = (low + high) // 2
        if span_id[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    if low < end and span_id[low] == wanted:
        return int(owner[low])
    return NO_SPAN


@kernel
def _link(
    first: Cells,
    span_id: Cells,
    parent_id: Cells,
    owner: Cells,
    wanted: Cells,
    parent: Cells,
    flags: Cells,
) -> None:
    """Fill in each span's parent; flag spans that have none, by the reason."""
    for t in range(len(first) - 1):
        low, high = first[t], first[t + 1]
        for p in range(low, high):
            if parent[p] != NO_SPAN:
                continue
            if parent_id[p] == _NO_ID:
                flags[p] |= PARENTLESS
                continue
            found = _find(span_id, owner, low, high, parent_id[p])
            if found == p:
                flags[p] |= CYCLE
            elif found < 0:
                flags[p] |= ORPHAN
            else:
                parent[p] = found
        if wanted[t] != _NO_ID:
            chosen = _find(span_id, owner, low, high, wanted[t])
            if chosen >= 0:
                parent[chosen] = NO_SPAN
                flags[chosen] |= CHOSEN
