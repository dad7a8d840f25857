"""
Questions about who calls whom.

Minutes whose edges are kept (store/edges/keeper.py) are read as they are; of all others the spans
are read and brought together, so that the answer is that of the spans however old what is kept is.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from tracepulse.model.flow_graph import Lengths
from tracepulse.model.lengths import quantile_ns
from tracepulse.model.question import Window
from tracepulse.store.edges.calls import (
    LOOK_NS,
    MINUTE_NS,
    Cells,
    SpanEnds,
    find_calls,
)
from tracepulse.store.edges.recent import RecentEnds
from tracepulse.store.engine import QueryLimits
from tracepulse.store.queries.statements import Queries, integers, window_parameters

__all__ = [
    "FlowQueries",
    "GraphEdge",
    "KnownCalls",
    "MinuteSpans",
    "ServiceGraph",
    "SpanCalls",
    "span_counts",
]

_LAST_SECOND = 2**32 - 1
_MAX_LIVE_SPANS = 1_500_000
"""Spans that are brought together for one answer; beyond, the oldest minutes are left out."""
_SPANS_LIMITS = QueryLimits(time_s=30, memory_bytes=1024**3, rows=16_000_000)

_Edge: TypeAlias = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """One service calling another, or being called from outside ('')."""

    caller: str
    callee: str
    connection: str
    """http, rpc, database or messaging."""
    inferred_from: str
    """spans: both sides were seen; peer: only the caller's attributes tell."""
    calls: int
    errors: int
    p50_ns: int
    """To 2.2%, as lengths are counted in sixteenths of a power of two."""
    p95_ns: int


@dataclass(frozen=True, slots=True)
class ServiceGraph:
    """Who called whom in a window."""

    edges: tuple[GraphEdge, ...]
    """By number of calls, falling, then by name."""
    minutes_joined: int
    """Minutes, or parts of them, whose spans were brought together for this answer."""
    minutes_left_out: int
    """Minutes that hold more spans than can be brought together at once, and are not kept yet."""


@dataclass(frozen=True, slots=True)
class SpanCalls:
    """Calls that spans tell of, by edge and by what tells of them."""

    caller: str
    callee: str
    connection: str
    inferred_from: str
    """spans: both sides were seen; peer: only the caller; sends, takes: to a queue and from it."""
    calls: int
    errors: int
    lengths: Lengths
    first_unix_ns: int
    """Begin of the first minute with such a call."""
    last_unix_ns: int
    """Begin of the last one."""


@dataclass(frozen=True, slots=True)
class KnownCalls:
    """All calls that spans of a window tell of."""

    calls: tuple[SpanCalls, ...]
    """By number, falling, then by name."""
    minutes_joined: int
    minutes_left_out: int


@dataclass(frozen=True, slots=True)
class MinuteSpans:
    """How many spans there are in a minute, and of how many its edges were worked out."""

    data_set: str
    minute_unix_s: int
    around: tuple[int, int, int]
    """Spans of the minute before, of it, and of the one after."""
    covered: tuple[int, ...]
    """The same when its edges were worked out; empty where they never were."""


class FlowQueries(Queries):
    """What can be asked of calls between services."""

    keeps_edges = True
    """False where there is no table for them, and every answer is found among the spans."""
    recent: RecentEnds | None = None
    """What the loader put in last, where there is one: it need not be read back."""

    def service_graph(
        self, window: Window, data_set: str = "", limit: int = 500
    ) -> tuple[GraphEdge, ...]:
        """Return who calls whom, by number of calls."""
        return self.whole_service_graph(window, data_set, limit).edges

    def whole_service_graph(
        self, window: Window, data_set: str = "", limit: int = 500
    ) -> ServiceGraph:
        """Return who calls whom, and whether anything is missing."""
        known = self.known_calls(window, data_set)
        edges = _graph_edges(known.calls)
        return ServiceGraph(edges[:limit], known.minutes_joined, known.minutes_left_out)

    def known_calls(self, window: Window, data_set: str = "") -> KnownCalls:
        """Return all calls that spans tell of, and whether anything is missing."""
        if not self.keeps_edges:
            return KnownCalls(_edges(_lengths_of(self.calls_of(window, data_set))), 1, 0)
        minutes = self.span_minutes(window, data_set)
        kept = [
            m.minute_unix_s
            for m in minutes
            if m.covered == m.around
            and m.minute_unix_s * 10**9 >= window.start_unix_ns
            and m.minute_unix_s * 10**9 + MINUTE_NS <= window.end_unix_ns
        ]
        live, left_out = _affordable(minutes, set(kept))
        spans = span_counts(minutes)
        found = [self.calls_of(each, data_set, spans=spans) for each in _stretches(live, window)]
        rows = chain.from_iterable(_lengths_of(each) for each in found)
        if kept:
            rows = chain(rows, self._kept(minutes, kept, data_set))
        return KnownCalls(_edges(rows), len(live), left_out)

    def span_minutes(self, window: Window, data_set: str | None = None) -> tuple[MinuteSpans, ...]:
        """
        Return the minutes of a window that hold spans, by data set and time.

        Args:
            data_set: None asks about all.
        """
        table = self._ask(
            "span_counts",
            {
                # Minutes are whole, and the neighbours count too.
                "start": (window.start_unix_ns // MINUTE_NS - 1) * MINUTE_NS,
                "end": min(window.end_unix_ns + 2 * MINUTE_NS, _LAST_SECOND * 10**9),
                "data_set": data_set or "",
                "any_data_set": data_set is None,
            },
        )
        return tuple(_minute_spans(table, window))

    def calls_of(
        self,
        window: Window,
        data_set: str,
        limits: QueryLimits = _SPANS_LIMITS,
        spans: Mapping[int, int] | None = None,
    ) -> Cells:
        """
        Find the calls that begin in a window among its spans and those around it.

        Args:
            spans: how many there are in each minute, see `span_counts`; where they are known, spans
                that were loaded just now need not be read.
        """
        at_hand = None if spans is None else self.calls_at_hand(window, data_set, spans)
        if at_hand is not None:
            return at_hand
        table = self._ask(
            "span_ends",
            {
                **window_parameters(window),
                "before": max(0, window.start_unix_ns - LOOK_NS),
                "after": min(window.end_unix_ns + LOOK_NS, 2**63 - 1),
                "data_set": data_set,
            },
            limits=limits,
        )
        return find_calls(_span_ends(table))

    def calls_at_hand(
        self, window: Window, data_set: str, spans: Mapping[int, int]
    ) -> Cells | None:
        """Find the same without reading spans; None where not all of them are in memory."""
        ends = None if self.recent is None else self.recent.find(window, data_set, spans)
        return None if ends is None else find_calls(ends)

    def _kept(
        self, minutes: Iterable[MinuteSpans], kept: list[int], data_set: str
    ) -> "list[_Lengths]":
        without = {m.minute_unix_s for m in minutes} - set(kept)
        table = self._ask(
            "kept_calls",
            {
                "data_set": data_set,
                "first": kept[0],
                "last": kept[-1],
                "without": sorted(each for each in without if kept[0] < each < kept[-1]),
            },
        )
        return list(zip(*(table.column(name).to_pylist() for name in _KEPT_COLUMNS), strict=True))


def span_counts(minutes: Iterable[MinuteSpans]) -> dict[int, int]:
    """Return how many spans there are in some minutes and those around them, by seconds since 1970."""
    counts: dict[int, int] = {}
    for each in minutes:
        for by, spans in zip((-60, 0, 60), each.around, strict=True):
            counts[each.minute_unix_s + by] = spans
    return counts


_KEPT_COLUMNS = (
    "caller", "callee", "connection", "inferred_from", "buckets", "calls", "errors", "first_unix_s",
    "last_unix_s",
)  # fmt: skip
_Lengths: TypeAlias = tuple[str, str, str, str, list[int], list[int], int, int, int]
"""An edge, its calls by length, its errors, and the minutes of the first and the last call."""


def _lengths_of(cells: Cells) -> "Iterator[_Lengths]":
    names = (cells.caller, cells.callee, cells.connection, cells.inferred_from)
    numbers = (cells.bucket, cells.calls, cells.errors, cells.minute_unix_s)
    rows = zip(*(column.tolist() for column in (*names, *numbers)), strict=True)
    for *edge, bucket, calls, errors, minute in rows:
        yield *edge, [bucket], [calls], errors, minute, minute


def _minute_spans(table: pa.Table, window: Window) -> Iterator[MinuteSpans]:
    rows = table.to_pylist()
    spans = {(row["data_set"], row["minute_unix_s"]): row["spans"] for row in rows}
    for row in rows:
        name, minute = row["data_set"], row["minute_unix_s"]
        at_unix_ns = minute * 10**9
        meets = window.start_unix_ns - MINUTE_NS < at_unix_ns < window.end_unix_ns
        around = tuple(spans.get((name, minute + by), 0) for by in (-60, 0, 60))
        if meets and around[1]:
            yield MinuteSpans(name, minute, around, tuple(row["covered"]))


def _affordable(minutes: Iterable[MinuteSpans], kept: set[int]) -> tuple[list[int], int]:
    """Return the minutes to read spans of, by time, and how many are too many; newest first."""
    live: list[int] = []
    spans, left_out = 0, 0
    for each in sorted(minutes, key=lambda m: -m.minute_unix_s):
        if each.minute_unix_s in kept:
            continue
        spans += each.around[1]
        if spans > _MAX_LIVE_SPANS and live:
            left_out += 1
        else:
            live.append(each.minute_unix_s)
    return live[::-1], left_out


def _stretches(minutes: list[int], window: Window) -> Iterator[Window]:
    """Join minutes that follow one another, within a window."""
    start = end = -1
    for minute in [*minutes, _LAST_SECOND * 2]:
        if minute != end:
            if end > 0:
                yield Window(
                    max(start * 10**9, window.start_unix_ns), min(end * 10**9, window.end_unix_ns)
                )
            start = minute
        end = minute + 60


def _span_ends(table: pa.Table) -> SpanEnds:
    service = table.column("service").combine_chunks().dictionary_encode()
    peer = table.column("peer").combine_chunks().dictionary_encode()
    names = sorted({"", *service.dictionary.to_pylist(), *peer.dictionary.to_pylist()})
    place = {name: code for code, name in enumerate(names)}

    def codes(column: Any) -> Any:
        known = np.array([place[name] for name in column.dictionary.to_pylist()], np.int64)
        return known[column.indices.to_numpy()] if len(known) else known

    return SpanEnds(
        key=table.column("key").to_numpy(),
        parent=table.column("parent").to_numpy(),
        at_unix_ns=integers(table, "at_unix_ns"),
        service=codes(service),
        kind=table.column("kind").to_numpy(),
        inside=table.column("inside").to_numpy().astype(np.bool_),
        failed=table.column("failed").to_numpy(),
        connection=table.column("connection").to_numpy(),
        peer=codes(peer),
        duration_ns=table.column("duration_ns").to_numpy(),
        names=tuple(names),
    )


def _edges(found: "Iterable[_Lengths]") -> tuple[SpanCalls, ...]:
    lengths: dict[_Edge, Counter[int]] = {}
    errors: Counter[_Edge] = Counter()
    times: dict[_Edge, list[int]] = {}
    for caller, callee, connection, source, buckets, calls, failed, first, last in found:
        edge = (caller, callee, connection, source)
        counts = lengths.get(edge)
        if counts is None:
            counts = lengths[edge] = Counter()
            times[edge] = [first, last]
        for bucket, number in zip(buckets, calls, strict=True):
            counts[bucket] += number
        errors[edge] += failed
        times[edge] = [min(times[edge][0], first), max(times[edge][1], last)]
    edges = [
        SpanCalls(
            *edge,
            calls=counts.total(),
            errors=errors[edge],
            lengths=tuple(sorted(counts.items())),
            first_unix_ns=times[edge][0] * 10**9,
            last_unix_ns=times[edge][1] * 10**9,
        )
        for edge, counts in lengths.items()
    ]
    edges.sort(key=lambda e: (-e.calls, e.caller, e.callee, e.connection, e.inferred_from))
    return tuple(edges)


def _graph_edges(known: Iterable[SpanCalls]) -> tuple[GraphEdge, ...]:
    """Return calls between services, and to what sends no spans; a queue is such, for who sends."""
    return tuple(
        GraphEdge(
            each.caller,
            each.callee,
            each.connection,
            "spans" if each.inferred_from == "spans" else "peer",
            each.calls,
            each.errors,
            quantile_ns(each.lengths, 0.5) or 0,
            quantile_ns(each.lengths, 0.95) or 0,
        )
        for each in known
        if each.inferred_from != "takes"
    )
