"""
Requests played again with some of their work shorter or longer.

A request is taken apart into gaps: what a span worked by itself before each call, and after the
last one. A call begins a gap after the last of the calls that it waits for; a span ends a gap after
the last of its calls. With every gap as it was, every instant comes out as it was, to the ns.

    parent  |==1==|          |=2=|           |=3=|      gaps 1, 2 and 3 keep their length
    a              |========|    :           :
    b                             |=========|           b begins gap 2 after a ended

    parent  |==1==|    |=2=|           |=3=|            a is shorter: b begins sooner
    a              |==|
    b                       |=========|

Where the parent waited for several, the longest decides, so that another takes over when one
becomes shorter. What is waited for is learned (dependencies.py, call_limits.py); what is left behind,
answered asynchronously, or outside its parent, nobody waits for. A call that outlives its parent is
seen up to its parent's end only. All of it is sums and maxima: nothing ever ends later because
something is shorter.

Two passes: `replay_plan` finds gaps and who waits for whom, once; `replayed` plays requests for one
change after another, in one loop over events.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.call_limits import NO_LIMITS, CallLimits, limit_of
from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.dependencies import ASSUMED, TURNS, Rules, call_kinds, is_concurrent
from tracepulse.derive.sorting import sort_by_keys, sort_room
from tracepulse.derive.span_codes import SpanCodes
from tracepulse.derive.span_flags import ASYNCHRONOUS, LEFT_BEHIND, OUTSIDE_PARENT
from tracepulse.derive.trace_tree import TraceForest

__all__ = ["ReplayPlan", "Replayed", "replay_plan", "replayed", "unchanged_work"]

_NOT_WAITED_FOR = ASYNCHRONOUS | LEFT_BEHIND | OUTSIDE_PARENT
_TURN_CODES = TURNS * TURNS
_MOST_LOOKED_AT = 64
"""Siblings that ended before a call which are tried as what it waited for, the latest first."""

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ReplayPlan:
    """What requests are played again from; by position in the forest."""

    event: Integers
    """Spans that begin, 2p, and end, 2p + 1, in the order in which they can be played."""
    parent: Integers
    """-1 at the root."""
    start_unix_ns: Integers
    end_unix_ns: Integers
    gap_ns: Integers
    """From the last of what a call waited for to its start; below 0 by a clock's error only."""
    tail_ns: Integers
    """From the last of a span's calls to its end."""
    over_ns: Integers
    """How far a span reaches beyond its parent's end."""
    own_ns: Integers
    """Gaps on the way from a span's end back to its start along what it waited for last."""
    first_before: Integers
    """Calls that call p waited for are before[first_before[p]:first_before[p + 1]]."""
    before: Integers
    first_last: Integers
    """Calls that the end of p waited for are last[first_last[p]:first_last[p + 1]]."""
    last: Integers
    played: NDArray[np.bool_]
    """Spans in the tree of a root."""


class Replayed(NamedTuple):
    """When spans begin and end, Unix ns, by position; spans in no root's tree as they were."""

    start_unix_ns: Integers
    end_unix_ns: Integers


class Work(NamedTuple):
    """What is changed, by position."""

    factor: Floats
    """By which a span's own work is multiplied."""
    extra_ns: Integers
    """What a call begins later, for want of a place (stations.py); may be below 0."""
    wait_ns: Integers
    """What a span ends later, for want of a place."""
    how: NDArray[np.uint8]
    """1: removed; 2: made beside the call before it; 3: beside its like; else 0."""


def unchanged_work(spans: int) -> Work:
    """Return work of which nothing is changed."""
    zero = np.zeros(spans, np.int64)
    return Work(np.ones(spans), zero, zero.copy(), np.zeros(spans, np.uint8))


def replay_plan(
    forest: TraceForest,
    codes: SpanCodes,
    rules: Rules = ASSUMED,
    limits: CallLimits = NO_LIMITS,
) -> ReplayPlan:
    """
    Return who waited for whom, and the gaps between.

    Args:
        forest: of the traces to be played; flags say what is left behind.
        codes: for nodes.
        rules: calls that do not wait for each other, by the codes of nodes.
        limits: how many calls of a kind are made at once.
    """
    kind = call_kinds(forest, codes)
    trees = _Trees(
        forest.parent, forest.start_unix_ns, forest.end_unix_ns, forest.flags,
        forest.first_child, forest.child, kind,
    )  # fmt: skip
    found = _plan(forest.root, trees, rules, limits)
    event, gap, tail, over, own, first_before, before, first_last, last = found
    played = np.zeros(len(forest.row), np.bool_)
    played[event >> 1] = True
    return ReplayPlan(
        event, forest.parent, forest.start_unix_ns, forest.end_unix_ns, gap, tail, over, own,
        first_before, before, first_last, last, played,
    )  # fmt: skip


def replayed(plan: ReplayPlan, work: Work) -> Replayed:
    """Play requests again; roots begin when they did."""
    start, end = plan.start_unix_ns.copy(), plan.end_unix_ns.copy()
    seen = np.empty(len(start), np.int64)
    _replay(
        plan.event, plan.parent, plan.gap_ns, plan.tail_ns, plan.over_ns, plan.first_before,
        plan.before, plan.first_last, plan.last, work, start, end, seen,
    )  # fmt: skip
    return Replayed(start, end)


class _Trees(NamedTuple):
    parent: Cells
    start: Cells
    end: Cells
    flags: Cells
    first_child: Cells
    child: Cells
    kind: Cells
    """As `call_kinds` has it."""


class _Edges(NamedTuple):
    first: Cells
    other: Cells


@kernel
def _plan(root: Cells, trees: _Trees, rules: Rules, limits: CallLimits) -> tuple[Cells, ...]:
    """Walk every tree from its root, children by start, and note what each waits for."""
    spans = len(trees.start)
    event = np.empty(2 * spans, np.int64)
    gap, tail = np.zeros(spans, np.int64), np.zeros(spans, np.int64)
    over, own = np.zeros(spans, np.int64), np.zeros(spans, np.int64)
    by_start = _by_start(trees)
    count_before = np.zeros(spans + 1, np.int64)
    before_at = np.zeros(spans, np.int64)
    before = np.empty(2 * spans + _MOST_LOOKED_AT, np.int64)
    last_at, count_last = np.zeros(spans, np.int64), np.zeros(spans + 1, np.int64)
    last = np.empty(spans + _MOST_LOOKED_AT, np.int64)
    following = np.zeros(spans, np.int64)
    events, used, used_last = 0, 0, 0
    for t in range(len(root)):
        if root[t] < 0:
            continue
        p = root[t]
        event[events] = 2 * p
        events += 1
        while p >= 0:
            i = trees.first_child[p] + following[p]
            if i < trees.first_child[p + 1]:
                c = by_start[i]
                following[p] += 1
                if len(before) < used + spans // 4 + _MOST_LOOKED_AT:
                    before = _longer(before, used)
                before_at[c] = used
                used = _look_before(p, c, i, by_start, trees, rules, limits, before, used)
                count_before[c] = used - before_at[c]
                base = trees.start[p]
                for k in range(before_at[c], used):
                    base = max(base, min(trees.end[before[k]], trees.end[p]))
                gap[c] = trees.start[c] - base
                over[c] = max(0, trees.end[c] - trees.end[p])
                event[events] = 2 * c
                events += 1
                p = c
                continue
            if len(last) < used_last + _MOST_LOOKED_AT:
                last = _longer(last, used_last)
            last_at[p] = used_last
            used_last = _look_last(p, trees, last, used_last)
            count_last[p] = used_last - last_at[p]
            base = trees.start[p]
            for k in range(last_at[p], used_last):
                base = max(base, min(trees.end[last[k]], trees.end[p]))
            tail[p] = trees.end[p] - base
            own[p] = _own_ns(p, trees, gap, tail, before_at, count_before, before, last_at,
                             count_last, last)  # fmt: skip
            event[events] = 2 * p + 1
            events += 1
            p = trees.parent[p] if p != root[t] else -1
    edges = _ordered(before_at, count_before, before, used)
    ends = _ordered(last_at, count_last, last, used_last)
    return (event[:events], gap, tail, over, own, edges.first, edges.other, ends.first, ends.other)


@kernel
def _longer(values: Cells, used: int) -> Cells:
    longer = np.empty(2 * len(values) + 2 * _MOST_LOOKED_AT, np.int64)
    longer[:used] = values[:used]
    return longer


@kernel
def _ordered(at: Cells, count: Cells, values: Cells, used: int) -> _Edges:
    """Put lists that were written in any order one after the other, by position."""
    first = np.zeros(len(at) + 1, np.int64)
    other = np.empty(used, np.int64)
    for p in range(len(at)):
        for k in range(count[p]):
            other[first[p] + k] = values[at[p] + k]
        first[p + 1] = first[p] + count[p]
    return _Edges(first, other)


@kernel
def _by_start(trees: _Trees) -> Cells:
    """Return children by start, then by end, then by position."""
    order = trees.child.copy()
    widest = 0
    for p in range(len(trees.start)):
        widest = max(widest, trees.first_child[p + 1] - trees.first_child[p])
    major, minor, spare = sort_room(widest)
    for p in range(len(trees.start)):
        low, high = trees.first_child[p], trees.first_child[p + 1]
        if high - low < 2:
            continue
        siblings = order[low:high]
        siblings.sort()
        for i in range(high - low):
            major[i], minor[i] = trees.start[siblings[i]], trees.end[siblings[i]]
        sort_by_keys(major, minor, siblings, high - low, spare)
    return order


@kernel
def _look_before(
    p: int, c: int, place: int, by_start: Cells, trees: _Trees, rules: Rules, limits: CallLimits,
    before: Cells, used: int,
) -> int:  # fmt: skip
    """
    Add the calls that call c of p waits for; returns how many there are now.

    One that another of them waited for in turn is left out. Calls of which only so many are made at
    once wait for a place among them, rather than for each other.
    """
    begun, low, high = used, trees.first_child[p], trees.first_child[p + 1]
    few = high - low <= _MOST_LOOKED_AT
    at_once = limit_of(p, c, trees.kind, limits) if few and len(limits.key) else 0
    first = _first_ended(low, high, trees.start[c], trees)
    for i in range(first, min(high, first + _MOST_LOOKED_AT)):
        d = trees.child[i]
        if d == c or trees.flags[d] & _NOT_WAITED_FOR or trees.start[d] > trees.start[c]:
            continue
        if trees.start[d] == trees.start[c] and not _earlier(d, c, trees):
            continue
        if at_once and trees.kind[d] // _TURN_CODES == trees.kind[c] // _TURN_CODES:
            continue
        if len(rules.concurrent) and is_concurrent(p, c, d, trees.kind, rules):
            continue
        needed = True
        for k in range(begun, used):
            later = before[k]
            if trees.end[d] <= trees.start[later] and not (
                len(rules.concurrent) and is_concurrent(p, later, d, trees.kind, rules)
            ):
                needed = False
                break
        if needed:
            before[used] = d
            used += 1
    if at_once:
        used = _add_place(c, low, place, at_once, by_start, trees, before, used)
    return used


@kernel
def _first_ended(low: int, high: int, at: int, trees: _Trees) -> int:
    """Return the place of the first child, of those from the last to end, that ended by an instant."""
    while low < high:
        middle = (low + high) // 2
        if trees.end[trees.child[middle]] > at:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _earlier(a: int, b: int, trees: _Trees) -> bool:
    return bool((trees.end[a], a) < (trees.end[b], b))


@kernel
def _add_place(
    c: int, low: int, place: int, at_once: int, by_start: Cells, trees: _Trees, before: Cells,
    used: int,
) -> int:  # fmt: skip
    """Add the call of c's kind whose end left a place: of those begun before, the n-th last to end."""
    latest = np.full(at_once, -1, np.int64)  # the last to end first
    for i in range(low, place):
        d = by_start[i]
        if trees.kind[d] // _TURN_CODES != trees.kind[c] // _TURN_CODES:
            continue
        for k in range(at_once):
            if latest[k] < 0 or _earlier(latest[k], d, trees):
                latest[k], d = d, latest[k]
                if d < 0:
                    break
    best = latest[at_once - 1]
    if best >= 0 and trees.end[best] <= trees.start[c]:
        before[used] = best
        used += 1
    return used


@kernel
def _look_last(p: int, trees: _Trees, last: Cells, used: int) -> int:
    """Add the calls that the end of p waits for: those that ended last."""
    added = 0
    for i in range(trees.first_child[p], trees.first_child[p + 1]):
        d = trees.child[i]
        if trees.flags[d] & _NOT_WAITED_FOR == 0 and added < _MOST_LOOKED_AT:
            last[used + added] = d
            added += 1
    return used + added


@kernel
def _own_ns(
    p: int, trees: _Trees, gap: Cells, tail: Cells, before_at: Cells, count_before: Cells,
    before: Cells, last_at: Cells, count_last: Cells, last: Cells,
) -> int:  # fmt: skip
    """Return the sum of gaps along the calls that were waited for last."""
    own = tail[p]
    low, high = last_at[p], last_at[p] + count_last[p]
    values = last
    while True:
        c = -1
        for k in range(low, high):
            if c < 0 or min(trees.end[values[k]], trees.end[p]) > min(trees.end[c], trees.end[p]):
                c = values[k]
        if c < 0:
            return int(own)
        own += max(0, gap[c])
        low, high, values = before_at[c], before_at[c] + count_before[c], before


@kernel
def _scaled(length: int, factor: float) -> int:
    if factor == 1.0 or length <= 0:
        return length
    return int(length * factor + 0.5)


@kernel
def _replay(
    event: Cells, parent: Cells, gap: Cells, tail: Cells, over: Cells, first_before: Cells,
    before: Cells, first_last: Cells, last: Cells, work: Work, start: Cells, end: Cells,
    seen: Cells,
) -> None:  # fmt: skip
    """Play events one by one; `seen` is a call's end as its parent and siblings see it."""
    for i in range(len(event)):
        p = event[i] >> 1
        how = work.how[p]
        if event[i] & 1 == 0:
            q = parent[p]
            if q < 0:
                continue
            if work.how[q] == 1:
                work.how[p] = 1
            base = start[q]
            for k in range(first_before[p], first_before[p + 1]):
                d = before[k]
                if how == 2 or (how == 3 and work.how[d] == 3):
                    base = max(base, start[d])
                else:
                    base = max(base, seen[d])
            start[p] = base + max(
                _scaled(gap[p], work.factor[q]) + work.extra_ns[p], min(gap[p], 0)
            )
            continue
        base = start[p]
        for k in range(first_last[p], first_last[p + 1]):
            base = max(base, seen[last[k]])
        end[p] = base + max(_scaled(tail[p], work.factor[p]) + work.wait_ns[p], 0)
        if how == 1:
            end[p] = start[p]
        seen[p] = max(start[p], end[p] - over[p])
        if how >= 2:
            for k in range(first_before[p], first_before[p + 1]):
                seen[p] = max(seen[p], seen[before[k]])
