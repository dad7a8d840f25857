"""
The calls of many traces as columns: who makes them, in runs of like ones, and what follows what.

    handler      |==========================================|
    a a a          |==| |==| |===|                               a run of three, one after the other
    b                              |=====|
    b                               |======|                     a run of two, at once
                               a, then b: neighbours

A call is a query, a request to another service, or what went to something that sends no spans. It is
made by its parent; where that is one of several like spans, as where each turn of a loop has its own,
by what made those.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.categories import CATEGORIES, Category
from tracepulse.derive.cohort_blame import CohortPaths
from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.dependencies import TURNS, call_kinds
from tracepulse.derive.path_tree import PathTree
from tracepulse.derive.span_codes import CONSUMER, SERVER, SpanCodes
from tracepulse.derive.span_flags import ASYNCHRONOUS, CALLS_SERVER, LEFT_BEHIND, OUTSIDE_PARENT

__all__ = [
    "ADJACENT",
    "TOGETHER",
    "CallTable",
    "Pairs",
    "Runs",
    "call_pairs",
    "call_runs",
    "calls_of",
]

Integers = NDArray[np.int64]
_COMPARED = 5
"""Each call is compared with the next four by start."""
_NOT_WAITED_FOR = ASYNCHRONOUS | LEFT_BEHIND | OUTSIDE_PARENT
ADJACENT, TOGETHER = 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class CallTable:
    """Calls, by trace, then by place in the forest."""

    position: Integers
    trace: Integers
    owner: Integers
    """Position of the span that makes it."""
    entry: Integers
    """Position of the server span, or root, that it is made in."""
    peer: Integers
    """Service that it goes to by its code; after those resources; -1 where neither is known."""
    start_unix_ns: Integers
    end_unix_ns: Integers
    waited_ns: Integers
    """How long the blocking path was in it or below."""
    failed: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.position)


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Calls of one owner that are alike."""

    first: Integers
    """Place of the first call, by start, in `order`; the last run's end is one more."""
    order: Integers
    """Places of calls in the table: by owner, likeness, start."""
    overlapping: Integers
    """Calls that began before an earlier one of the run had ended."""
    waited_ns: Integers
    longest_ns: Integers
    """Of waited_ns the largest of a call."""
    failed_first: Integers
    """Calls that failed, before the first that did not."""
    failed: Integers

    @property
    def count(self) -> Integers:
        """Calls of each run."""
        return np.diff(self.first)

    def head(self) -> Integers:
        """Return the place of each run's first call in the table."""
        return self.order[self.first[:-1]]

    def last(self) -> Integers:
        """Return the place of each run's last call in the table."""
        return self.order[self.first[1:] - 1]


class Pairs(NamedTuple):
    """Two calls of one parent: neighbours, or at the same time."""

    one: Integers
    other: Integers
    """Places in the table; the later one of neighbours."""
    how: Integers
    """ADJACENT or TOGETHER."""


def calls_of(
    tree: PathTree, found: CohortPaths, codes: SpanCodes, resource: Integers, services: int
) -> CallTable:
    """
    Return the calls of all traces.

    Args:
        tree: spans on the paths.
        found: forest and paths.
        codes: the spans.
        resource: of each node its resource's code, -1 for none.
        services: how many codes of services there are.
    """
    forest = found.forest
    waited = np.zeros(len(forest.row), np.int64)
    waited[tree.position] = tree.waited_ns
    row = forest.row
    calling = [CATEGORIES.index(c) for c in (Category.DATABASE, Category.CACHE, Category.EXTERNAL)]
    columns = _Forest(
        forest.first, forest.root, forest.top, forest.parent, forest.start_unix_ns,
        forest.end_unix_ns, forest.flags, forest.first_child, forest.child, codes.kind[row],
        codes.service[row], np.isin(codes.category[row], calling), resource[codes.node[row]],
        call_kinds(forest, codes) % TURNS,
    )  # fmt: skip
    position, trace, owner, entry, peer = _find_calls(columns, services)
    return CallTable(
        position, trace, owner, entry, peer, forest.start_unix_ns[position],
        forest.end_unix_ns[position], waited[position], codes.failed[row[position]],
    )  # fmt: skip


def call_runs(calls: CallTable, owner: Integers, likeness: Integers) -> Runs:
    """Return runs of calls that have one owner and one likeness."""
    order = np.lexsort((calls.position, calls.start_unix_ns, likeness, owner))
    if not len(order):
        empty = np.empty(0, np.int64)
        return Runs(np.zeros(1, np.int64), empty, empty, empty, empty, empty, empty)
    changes = (np.diff(owner[order]) != 0) | (np.diff(likeness[order]) != 0)
    first = np.concatenate([[0], np.flatnonzero(changes) + 1, [len(order)]])
    read = _read_runs(
        first, order, calls.start_unix_ns, calls.end_unix_ns, calls.waited_ns, calls.failed
    )
    return Runs(first, order, *read)


def call_pairs(calls: CallTable) -> Pairs:
    """Return calls of one owner that follow each other with little between, or overlap."""
    order = np.lexsort((calls.position, calls.start_unix_ns, calls.owner))
    one, other, how = _read_pairs(order, calls.owner, calls.start_unix_ns, calls.end_unix_ns)
    return Pairs(one, other, how)


class _Forest(NamedTuple):
    first: Cells
    root: Cells
    top: Cells
    parent: Cells
    start: Cells
    end: Cells
    flags: Cells
    first_child: Cells
    child: Cells
    kind: Cells
    service: Cells
    calling: Cells
    """The category is one of calls."""
    resource: Cells
    like: Cells
    """Siblings of the same node beside it, cut."""


@kernel
def _find_calls(spans: _Forest, services: int) -> tuple[Cells, Cells, Cells, Cells, Cells]:
    size = len(spans.parent)
    position, trace = np.empty(size, np.int64), np.empty(size, np.int64)
    owner, entry, peer = (
        np.empty(size, np.int64),
        np.empty(size, np.int64),
        np.empty(size, np.int64),
    )
    count = 0
    for t in range(len(spans.first) - 1):
        root = spans.root[t]
        for p in range(spans.first[t], spans.first[t + 1]):
            if root < 0 or spans.top[p] != root or not _is_call(p, root, spans):
                continue
            position[count], trace[count] = p, t
            q = spans.parent[p]
            for _ in range(3):
                plain = spans.kind[q] != SERVER and spans.kind[q] != CONSUMER
                if q == root or not plain or spans.like[q] == 0 or _is_call(q, root, spans):
                    break
                q = spans.parent[q]
            owner[count] = q
            for _ in range(64):
                if q == root or spans.kind[q] == SERVER or spans.kind[q] == CONSUMER:
                    break
                q = spans.parent[q]
            entry[count] = q
            peer[count] = _peer(p, spans, services)
            count += 1
    return position[:count], trace[:count], owner[:count], entry[:count], peer[:count]


@kernel
def _is_call(p: int, root: int, spans: _Forest) -> bool:
    """Tell whether a span is a call that is waited for, and not the inside of one."""
    if p == root or spans.start[p] >= spans.end[p] or spans.flags[p] & _NOT_WAITED_FOR:
        return False
    q = spans.parent[p]
    if spans.flags[q] & CALLS_SERVER and spans.kind[p] == SERVER:
        return False
    if spans.calling[p] or spans.flags[p] & CALLS_SERVER:
        # A driver's span within that of a library is the same call.
        inside = spans.calling[q] and spans.service[q] == spans.service[p] and q != root
        return not (inside and spans.kind[q] != SERVER)
    return bool(spans.service[p] != spans.service[q])


@kernel
def _peer(p: int, spans: _Forest, services: int) -> int:
    if spans.flags[p] & CALLS_SERVER:
        for i in range(spans.first_child[p], spans.first_child[p + 1]):
            if spans.kind[spans.child[i]] == SERVER:
                return int(spans.service[spans.child[i]])
    if spans.service[p] != spans.service[spans.parent[p]]:
        return int(spans.service[p])
    return int(services + spans.resource[p]) if spans.resource[p] >= 0 else -1


@kernel
def _read_runs(
    first: Cells, order: Cells, start: Cells, end: Cells, waited: Cells, failed: Cells
) -> tuple[Cells, Cells, Cells, Cells, Cells]:
    runs = len(first) - 1
    overlapping, total = np.zeros(runs, np.int64), np.zeros(runs, np.int64)
    longest, leading = np.zeros(runs, np.int64), np.zeros(runs, np.int64)
    failures = np.zeros(runs, np.int64)
    for r in range(runs):
        reached, only_failed = start[order[first[r]]], True
        for i in range(first[r], first[r + 1]):
            c = order[i]
            if i > first[r] and start[c] < reached:
                overlapping[r] += 1
            reached = max(reached, end[c])
            total[r] += waited[c]
            longest[r] = max(longest[r], waited[c])
            failures[r] += failed[c]
            only_failed = only_failed and failed[c]
            leading[r] += only_failed
    return overlapping, total, longest, leading, failures


@kernel
def _read_pairs(order: Cells, owner: Cells, start: Cells, end: Cells) -> tuple[Cells, Cells, Cells]:
    size = _COMPARED * len(order)
    one, other = np.empty(size, np.int64), np.empty(size, np.int64)
    how = np.empty(size, np.int64)
    count, i = 0, 0
    while i < len(order):
        j = i
        while j < len(order) and owner[order[j]] == owner[order[i]]:
            j += 1
        for a in range(i, j):
            for b in range(a + 1, min(j, a + _COMPARED)):
                x, y = order[a], order[b]
                if start[y] < end[x]:
                    one[count], other[count], how[count] = x, y, TOGETHER
                    count += 1
                elif b == a + 1:
                    one[count], other[count], how[count] = x, y, ADJACENT
                    count += 1
        i = j
    return one[:count], other[:count], how[:count]
