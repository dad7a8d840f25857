"""
Spans linked into trees: who caused whom, which span is the root, and what does not fit.

Works on any number of traces at once. Passes, each a compiled loop over all spans:

  link       parent of each span; duplicates and unusable spans set aside   (span_links.py)
  top        the span that each climbs up to; cycles cut
  root       the one root of each trace
  children   lists of children
  clocks     hosts whose clock is off, moved                                     (clock_skew.py)
  sort       children by end, the last first
  fit        spans that stick out of their parents, calls that were answered, asynchronous work

No pass recurses, and none takes more than n log n steps on any input.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.clock_skew import (
    NOTHING_LEARNED,
    ClockReadings,
    PairOffsets,
    Trees,
    moved_clocks,
    pair_offsets,
)
from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.sorting import sort_by_keys, sort_room
from tracepulse.derive.span_codes import CLIENT, CONSUMER, PRODUCER, SERVER, SpanCodes
from tracepulse.derive.span_flags import (
    ASYNCHRONOUS,
    CALLS_SERVER,
    CHOSEN,
    CYCLE,
    ORPHAN,
    OUTLIVES_PARENT,
    OUTSIDE_PARENT,
    PARENTLESS,
    STARTS_BEFORE_PARENT,
)
from tracepulse.derive.span_links import NO_SPAN, SET_ASIDE, span_links

__all__ = ["TraceForest", "clock_offsets", "trace_forest"]

Integers = NDArray[np.int64]
Flags = NDArray[np.uint16]
Ids = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class TraceForest:
    """Linked spans of many traces. A position is a span's place by trace, then by span id."""

    row: Integers
    """Row of the input that stands at each position."""
    first: Integers
    """Positions of trace t are first[t] to first[t + 1], the latter not included."""
    parent: Integers
    """Position of the parent; -1 at the top of a tree; -2 for a span that was set aside."""
    top: Integers
    """Position of the top of the tree that the span is in; -1 for a span that was set aside."""
    root: Integers
    """Position of each trace's root; -1 for a trace without usable spans."""
    start_unix_ns: Integers
    """By the root's clock."""
    end_unix_ns: Integers
    moved_ns: Integers
    """What was taken off the span's own clock."""
    flags: Flags
    first_child: Integers
    """Children of position p are child[first_child[p]:first_child[p + 1]]."""
    child: Integers
    """By end, the last first; then by start, the first first; then by span id."""


def trace_forest(
    codes: SpanCodes, root_ids: Ids | None = None, clocks: PairOffsets = NOTHING_LEARNED
) -> TraceForest:
    """
    Link the spans of many traces into trees.

    Args:
        codes: spans in any order; the result does not depend on it but for `row`.
        root_ids: for each trace the span id to take as root, 0 for the usual rule: of the spans
            that name no parent the one that starts first, then the longest, then the smallest
            id; without such a span the same among those whose parent is missing, then among
            those where a cycle was cut.
        clocks: what many traces showed of pairs of hosts, by this input's codes of hosts.
    Returns:
        A forest, in which each span is in one tree or was set aside.
    """
    row, first, parent, flags = span_links(codes, root_ids)
    start = codes.start_unix_ns[row]
    end = start + np.where(parent == SET_ASIDE, 0, codes.duration_ns[row])
    top = _tops(parent, start, end, flags)
    root = _roots(first, parent, start, end, flags)
    first_child, child = _children(parent)
    kind = codes.kind[row]
    readings = ClockReadings(start, end, kind, codes.host[row], codes.failed[row])
    moved = moved_clocks(Trees(first, root, parent, first_child, child), readings, clocks)
    start, end = start - moved, end - moved
    _sort_children(first_child, child, start, end)
    _fit(parent, start, end, kind, codes.service[row], flags)
    return TraceForest(row, first, parent, top, root, start, end, moved, flags, first_child, child)


def clock_offsets(codes: SpanCodes) -> PairOffsets:
    """Return by how much clocks of pairs of hosts differ, as all these traces show together."""
    row, first, parent, flags = span_links(codes, None)
    start = codes.start_unix_ns[row]
    end = start + np.where(parent == SET_ASIDE, 0, codes.duration_ns[row])
    _tops(parent, start, end, flags)
    readings = ClockReadings(start, end, codes.kind[row], codes.host[row], codes.failed[row])
    nothing = np.empty(0, np.int64)
    return pair_offsets(Trees(first, nothing, parent, nothing, nothing), readings)


@kernel
def _earlier(a: int, b: int, start: Cells, end: Cells) -> bool:
    """Tell whether span a comes before b: by start, then the longer, then by id."""
    if start[a] != start[b]:
        return bool(start[a] < start[b])
    if end[a] != end[b]:
        return bool(end[a] > end[b])
    return a < b


@kernel
def _tops(parent: Cells, start: Cells, end: Cells, flags: Cells) -> Cells:
    """Return where climbing from parent to parent ends, cutting cycles on the way."""
    top = np.full(len(parent), NO_SPAN, np.int64)
    seen_from = np.full(len(parent), NO_SPAN, np.int64)
    for p in range(len(parent)):
        if parent[p] == SET_ASIDE or top[p] >= 0:
            continue
        q = p
        while parent[q] >= 0 and top[q] < 0 and seen_from[q] != p:
            seen_from[q] = p
            q = parent[q]
        if top[q] >= 0:
            reached = top[q]
        elif parent[q] < 0:
            reached = q
        else:
            reached, member = q, parent[q]
            while member != q:
                if _earlier(member, reached, start, end):
                    reached = member
                member = parent[member]
            parent[reached] = NO_SPAN
            flags[reached] |= CYCLE
        q = p
        while q >= 0 and top[q] < 0:
            top[q] = reached
            q = parent[q]
    return top


@kernel
def _roots(first: Cells, parent: Cells, start: Cells, end: Cells, flags: Cells) -> Cells:
    """Pick the root of each trace among the tops of its trees."""
    root = np.full(len(first) - 1, NO_SPAN, np.int64)
    for t in range(len(first) - 1):
        best, best_class = NO_SPAN, 4
        for p in range(first[t], first[t + 1]):
            if parent[p] != NO_SPAN:
                continue
            if flags[p] & CHOSEN:
                p_class = 0
            elif flags[p] & PARENTLESS:
                p_class = 1
            else:
                p_class = 2 if flags[p] & ORPHAN else 3
            if p_class < best_class or (p_class == best_class and _earlier(p, best, start, end)):
                best, best_class = p, p_class
        root[t] = best
    return root


@kernel
def _children(parent: Cells) -> tuple[Cells, Cells]:
    """Return the children of each span, by span id."""
    first_child = np.zeros(len(parent) + 1, np.int64)
    for p in range(len(parent)):
        if parent[p] >= 0:
            first_child[parent[p] + 1] += 1
    for p in range(len(parent)):
        first_child[p + 1] += first_child[p]
    place = first_child[:-1].copy()
    child = np.empty(first_child[-1], np.int64)
    for p in range(len(parent)):
        if parent[p] >= 0:
            child[place[parent[p]]] = p
            place[parent[p]] += 1
    return first_child, child


@kernel
def _sort_children(first_child: Cells, child: Cells, start: Cells, end: Cells) -> None:
    """Order children by end, the last first, then by start; ids break ties as they stand."""
    widest = 0
    for p in range(len(start)):
        widest = max(widest, first_child[p + 1] - first_child[p])
    major, minor, spare = sort_room(widest)
    for p in range(len(start)):
        size = first_child[p + 1] - first_child[p]
        if size < 2:
            continue
        siblings = child[first_child[p] : first_child[p + 1]]
        for i in range(size):
            major[i], minor[i] = -end[siblings[i]], start[siblings[i]]
        sort_by_keys(major, minor, siblings, size, spare)


@kernel
def _fit(
    parent: Cells, start: Cells, end: Cells, kind: Cells, service: Cells, flags: Cells
) -> None:
    """Flag how each span lies in its parent, as clocks were corrected, and what kind of call."""
    for p in range(len(parent)):
        q = parent[p]
        if q < 0:
            continue
        if start[p] < start[q]:
            flags[p] |= STARTS_BEFORE_PARENT
        if end[p] > end[q]:
            flags[p] |= OUTLIVES_PARENT
        if _is_outside(start[p], end[p], start[q], end[q]):
            flags[p] |= OUTSIDE_PARENT
        if kind[p] == SERVER and kind[q] == CLIENT:
            flags[q] |= CALLS_SERVER
        if kind[p] == CONSUMER and (kind[q] == PRODUCER or service[p] != service[q]):
            flags[p] |= ASYNCHRONOUS


@kernel
def _is_outside(start: int, end: int, parent_start: int, parent_end: int) -> bool:
    """Tell whether a span shares no time with its parent; an instant may lie on its edge."""
    if start == end:
        return end < parent_start or start > parent_end
    return end <= parent_start or start >= parent_end
