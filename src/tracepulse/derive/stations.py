"""
Places that requests wait for each other at, learned from when they got one; and waiting played again.

A station is a lock, a pool of connections, or a service with few workers: at most so many hold a
place of it at any time, and who asks when all are taken begins when one is given back, in the order
of asking. How many places there are is the most ever seen at once. That this is a limit, not chance, is
taken from those who came when all were taken:

    holds   |======|==========|=====|      one place: each begins when one before it ends
    asked   .   .     .                    2nd and 3rd came while it was taken

Were there no limit, they would have begun as soon after asking as those do who come when a place is free, and
so, often enough, before one was given back. None did: how many would have is the evidence.

A wait shows in one of two ways:

    in a gap     before a server span (workers), or before a query (a lock): what the gap has more than
                 is usual
    as a span    named so (`acquire`, `wait` …); a place is then held by the call after it, or by the
                 parent to its end, whichever of the two fits what others then waited for

Waiting is played first come, first served, once with the times as they were and once as they would
be; the difference is added to the wait as it was. So with nothing changed nothing changes.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.categories import CATEGORIES, Category
from tracepulse.derive.cohort_blame import NodeTable
from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.limits.what_if import (
    STATION_LEAST_NS,
    STATION_MAX_PLACES,
    STATION_MIN_EARLY,
    STATION_MIN_EARLY_SHOWN,
    STATION_USUAL_QUANTILE,
)
from tracepulse.derive.retiming import Replayed, ReplayPlan, Work
from tracepulse.derive.span_codes import SERVER, SpanCodes
from tracepulse.derive.span_flags import CALLS_SERVER
from tracepulse.derive.trace_tree import TraceForest

__all__ = ["NO_STATIONS", "Station", "Stations", "learn_stations", "waits"]

_WAITING = CATEGORIES.index(Category.WAITING)
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Station:
    """What was learned of one."""

    service: str
    what: str
    """`workers`, the resource, or the name of the spans that wait."""
    places: int
    asked_when_full: int
    """Calls that came when all places were taken: the evidence."""
    expected_early: float
    """Of these so many would have begun before one was free, were there no limit; none did."""


@dataclass(frozen=True, slots=True, eq=False)
class Stations:
    """All calls that ask for a place, station after station."""

    found: tuple[Station, ...]
    first: Integers
    """Calls of station s are first[s] to first[s + 1], the latter not included."""
    call: Integers
    """Position of the span that waits: the one that waits before it begins, or the wait itself."""
    release: Integers
    """Position of the span at whose end the place is given back."""
    usual_ns: Integers
    """Of a gap: as long as it is without a wait; -1 where the wait is a span."""
    waited_ns: Integers
    """As played with the times as they were."""

    def __len__(self) -> int:
        return len(self.found)


class _Calls(NamedTuple):
    """Calls that may ask for places of one station."""

    service: int
    what: str
    call: Integers
    release: Integers
    asked: Integers
    begun: Integers
    usual_ns: Integers


_NONE = np.empty(0, np.int64)
NO_STATIONS = Stations((), np.zeros(1, np.int64), _NONE, _NONE, _NONE, _NONE)


def learn_stations(
    forest: TraceForest, codes: SpanCodes, table: NodeTable, plan: ReplayPlan
) -> Stations:
    """
    Return the places that requests were seen to wait for each other at.

    Args:
        forest: all requests of a window; where only some are given, too few places are seen taken.
        codes: for services, hosts, nodes and kinds.
        table: the nodes.
        plan: of the same forest.
    """
    services = np.unique(codes.service, return_index=True)
    names = {
        code: table.nodes[codes.node[row]].service
        for code, row in zip(*(each.tolist() for each in services), strict=True)
    }
    found: list[Station] = []
    members: list[_Calls] = []
    for several in _candidates(forest, codes, table, plan):
        judged = [
            (_judged(each, plan.end_unix_ns[each.release], names[each.service]), each)
            for each in several
        ]
        good = [(station, calls) for station, calls in judged if station is not None]
        if good:
            station, calls = max(good, key=lambda each: each[0].expected_early)
            found.append(station)
            members.append(calls)
    if not found:
        return NO_STATIONS
    waited = [
        _served(each.asked, plan.end_unix_ns[each.release] - each.begun, station.places)
        for station, each in zip(found, members, strict=True)
    ]
    return Stations(
        tuple(found),
        np.cumsum([0, *(len(each.call) for each in members)]),
        np.concatenate([each.call for each in members]),
        np.concatenate([each.release for each in members]),
        np.concatenate([each.usual_ns for each in members]),
        np.concatenate(waited),
    )


def waits(
    stations: Stations, plan: ReplayPlan, played: Replayed, changed: Work, work: Work
) -> tuple[Work, tuple[Station, ...]] | None:
    """
    Return work with the waits that follow from when others would hold places, or None if none differs.

    Args:
        stations: as learned from the plan's requests.
        plan: of these requests.
        played: them as last played.
        changed: what is changed, without waits.
        work: that it was played with.
    Returns:
        Work for the next round, and the stations where waits differ from those that were.
    """
    extra, wait = changed.extra_ns.copy(), changed.wait_ns.copy()
    differing: list[Station] = []
    for s in range(len(stations)):
        part = slice(stations.first[s], stations.first[s + 1])
        call, usual = stations.call[part], stations.usual_ns[part]
        shown = usual < 0
        parent = plan.parent[call]
        gap = plan.gap_ns[call]
        scaled = np.where(gap > 0, np.rint(gap * work.factor[np.maximum(parent, 0)]), gap)
        scaled = np.where(parent < 0, 0, scaled).astype(np.int64)
        least = np.minimum(scaled, np.maximum(usual, 0))
        base = played.start_unix_ns[call] - np.maximum(
            scaled + np.where(parent < 0, 0, work.extra_ns[call]), np.minimum(gap, 0)
        )
        asked = np.where(shown, played.start_unix_ns[call], base + least)
        asked = np.where(parent < 0, played.start_unix_ns[call], asked)
        begun = np.where(shown, played.end_unix_ns[call], played.start_unix_ns[call])
        held = np.maximum(played.end_unix_ns[stations.release[part]] - begun, 0)
        more = _served(asked, held, stations.found[s].places) - stations.waited_ns[part]
        if more.any():
            differing.append(stations.found[s])
        inside = ~shown & (parent >= 0)
        extra[call[inside]] += np.maximum(more, least - scaled)[inside]
        wait[call[shown]] += more[shown]
    if np.array_equal(extra, work.extra_ns) and np.array_equal(wait, work.wait_ns):
        return None
    return Work(changed.factor, extra, wait, changed.how), tuple(differing)


def _candidates(
    forest: TraceForest, codes: SpanCodes, table: NodeTable, plan: ReplayPlan
) -> Iterator[tuple[_Calls, ...]]:
    """Yield calls that may wait for each other; where it is not clear what holds, in several ways."""
    row = forest.row
    node, host = codes.node[row].astype(np.int64), codes.host[row]
    service = codes.service[row].astype(np.int64)
    process = service * (int(host.max(initial=0)) + 2) + host + 1
    parent = np.maximum(plan.parent, 0)
    is_server = plan.played & (codes.kind[row] == SERVER)
    called = is_server & (plan.parent >= 0) & (forest.flags[parent] & CALLS_SERVER != 0)
    taken_up = called | (is_server & (plan.parent < 0))
    for members in _groups(np.flatnonzero(taken_up), process):
        if called[members].any():
            yield (_before_spans(members, "workers", plan, node, service),)
    resource = table.resource[node].astype(np.int64)
    asks = plan.played & (resource >= 0) & (plan.parent >= 0) & (forest.flags & CALLS_SERVER == 0)
    for members in _groups(np.flatnonzero(asks), process * (len(table.resources) + 1) + resource):
        name = table.resources[int(resource[members[0]])]
        yield (_before_spans(members, name, plan, node, service),)
    shown = plan.played & (codes.category[row] == _WAITING) & (plan.parent >= 0)
    shown &= forest.first_child[:-1] == forest.first_child[1:]
    for members in _groups(np.flatnonzero(shown), process * (len(table.nodes) + 1) + node):
        name = table.nodes[int(node[members[0]])].name
        after = _next_siblings(members, forest, plan)
        ways = []
        for release in (after, plan.parent[members]):
            start, end = plan.start_unix_ns[members], plan.end_unix_ns[members]
            usual = np.full(len(members), -1, np.int64)
            ways.append(_Calls(int(service[members[0]]), name, members, release, start, end, usual))
        yield tuple(ways)


def _groups(positions: Integers, key: Integers) -> Iterator[Integers]:
    """Yield positions of one key each, by key."""
    if not len(positions):
        return
    order = positions[np.argsort(key[positions], kind="stable")]
    yield from np.split(order, np.flatnonzero(np.diff(key[order])) + 1)


def _before_spans(
    members: Integers, what: str, plan: ReplayPlan, node: Integers, service: Integers
) -> _Calls:
    """Return calls that wait, if they do, in the gap before they begin."""
    start, gap = plan.start_unix_ns[members], plan.gap_ns[members]
    inside = plan.parent[members] >= 0
    usual = np.zeros(len(members), np.int64)
    for code in np.unique(node[members[inside]]):
        alike = inside & (node[members] == code)
        usual[alike] = int(np.quantile(gap[alike], STATION_USUAL_QUANTILE, method="lower"))
    usual = np.maximum(usual, 0)
    asked = np.where(inside, start - np.maximum(gap - usual, 0), start)
    return _Calls(int(service[members[0]]), what, members, members, asked, start, usual)


def _next_siblings(members: Integers, forest: TraceForest, plan: ReplayPlan) -> Integers:
    """Return the sibling that begins first after each wait is over; the wait itself if none does."""
    after = np.empty(len(members), np.int64)
    _find_next(
        members, plan.parent, forest.first_child, forest.child, plan.start_unix_ns,
        plan.end_unix_ns, after,
    )  # fmt: skip
    return after


@kernel
def _find_next(
    members: Cells, parent: Cells, first_child: Cells, child: Cells, start: Cells, end: Cells,
    after: Cells,
) -> None:  # fmt: skip
    for i in range(len(members)):
        w = members[i]
        best = w
        for k in range(first_child[parent[w]], first_child[parent[w] + 1]):
            c = child[k]
            if c == w or start[c] < end[w]:
                continue
            if best == w or (start[c], c) < (start[best], best):
                best = c
        after[i] = best


def _judged(calls: _Calls, released: Integers, service: str) -> Station | None:
    """Return the station that calls show, if they do; `released` is when each gave its place back."""
    begun = np.sort(calls.begun)
    # A span is closed a little after what it held was given back.
    over = np.sort(np.maximum(released - STATION_LEAST_NS, calls.begun))

    def taken(at: Integers) -> Integers:
        return np.searchsorted(begun, at, "right") - np.searchsorted(over, at, "right")

    places = int(taken(calls.begun).max(initial=0))
    if not 1 <= places <= STATION_MAX_PLACES:
        return None
    is_full = taken(calls.asked) >= places
    full = np.flatnonzero(is_full & (calls.begun > calls.asked))
    usual = np.sort((calls.begun - calls.asked)[~is_full])
    if not len(full) or not len(usual):
        return None
    ends = np.sort(released)
    next_end = ends[np.minimum(np.searchsorted(ends, calls.asked[full], "right"), len(ends) - 1)]
    until_free = next_end - calls.asked[full]
    early = float(np.searchsorted(usual, until_free, "left").sum()) / len(usual)
    shown = bool((calls.usual_ns < 0).any())
    if early < (STATION_MIN_EARLY_SHOWN if shown else STATION_MIN_EARLY):
        return None
    return Station(service, calls.what, places, len(full), round(early, 1))


def _served(asked: Integers, held: Integers, places: int) -> Integers:
    """Return how long each waits, first come, first served; ties by place in the list."""
    order = np.argsort(asked, kind="stable")
    waited = np.empty(len(asked), np.int64)
    _serve(asked, held, order, places, waited)
    return waited


@kernel
def _serve(asked: Cells, held: Cells, order: Cells, places: int, waited: Cells) -> None:
    free = [np.int64(-(1 << 62)) for _ in range(places)]
    for i in order:
        at = max(asked[i], heapq.heappop(free))
        waited[i] = at - asked[i]
        heapq.heappush(free, at + held[i])
