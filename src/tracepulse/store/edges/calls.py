"""
Calls between services, found among spans.

A call is counted in the minute in which its span begins, and is

- from outside, when a serving span has no parent;
- between services, when the parent of a span is of another service;
- to what sends no spans ("peer"), when a calling span names whom it calls and nobody answered.

Parent and child must begin near one another (`LOOK_NS`, `SKEW_NS`), so that a minute's calls depend
on that minute and its two neighbours alone, however the work is cut:

                     child may begin
      parent.at   ┌───────────┴───────────┐
    ──────┼───────┼───────┼───────────────┼────────
        -10 s     0                     +60 s
"""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CALLING",
    "CONNECTIONS",
    "LOOK_NS",
    "MINUTE_NS",
    "PEER_KEYS",
    "SERVING",
    "SKEW_NS",
    "Cells",
    "SpanEnds",
    "bucket_middle_ns",
    "find_calls",
]

MINUTE_NS = 60_000_000_000
LOOK_NS = MINUTE_NS
"""A child begins at most so long after its parent. Longer, as in a queue that lags, and the two
are not brought together: the calling side then shows the queue as its peer."""
SKEW_NS = 10_000_000_000
"""A child begins at most so long before its parent, by clocks that disagree."""

OTHER, SERVING, CALLING = 0, 1, 2
"""Kinds: Server and Consumer are serving, Client and Producer calling."""
CONNECTIONS = ("http", "rpc", "database", "messaging")
PEER_KEYS = (
    "db.namespace",
    "db.name",
    "db.system.name",
    "db.system",
    "messaging.destination.name",
    "peer.service",
    "server.address",
)
"""Attributes that name whom a calling span calls; the first that is there counts."""
_BUCKETS_PER_DOUBLING = 16

Column: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class SpanEnds:
    """What of some spans is needed to find calls, as columns of equal length, in any order."""

    key: Column
    """Hash of trace id and span id, UInt64."""
    parent: Column
    """The same of the parent, 0 for a root."""
    at_unix_ns: Column
    service: Column
    """Index into `names`."""
    kind: Column
    """OTHER, SERVING or CALLING."""
    inside: Column
    """True for spans whose calls are wanted; the rest are only there to be parents or answers."""
    failed: Column
    connection: Column
    """Index into CONNECTIONS."""
    peer: Column
    """Index into `names`; that of '' where a span names nobody."""
    duration_ns: Column
    names: tuple[str, ...]
    """Services and peers, sorted; the first is ''."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Calls counted by minute, edge and length, as columns of equal length, sorted by all of these."""

    minute_unix_s: Column
    caller: Column
    callee: Column
    connection: Column
    inferred_from: Column
    """'spans' or 'peer'."""
    bucket: Column
    """Sixteenths of a power of two in which the lengths in ns lie."""
    calls: Column
    errors: Column

    def __len__(self) -> int:
        return len(self.calls)


def find_calls(ends: SpanEnds) -> Cells:
    """
    Return the calls that begin with spans inside, exactly, whatever the order of the spans.

    A span that was stored twice counts once. Where a calling and a serving span share an id, as
    Zipkin has it, children belong to the serving one.
    """
    rows, first_of_group = _by_key(ends)
    key = ends.key[rows]
    starts = np.flatnonzero(first_of_group)
    group = np.cumsum(first_of_group) - 1
    serving = ends.kind[rows] == SERVING
    answered = np.zeros(len(starts), np.bool_)
    shared = np.diff(np.append(starts, len(rows))) > 1
    answered[shared & serving[starts]] = True
    # A child's parent is the first of the group with its parent's key.
    children = np.flatnonzero(ends.parent[rows] != 0)
    place = np.searchsorted(key[starts], ends.parent[rows[children]])
    place[place == len(starts)] = 0
    found = key[starts[place]] == ends.parent[rows[children]] if len(starts) else place == -1
    children, place = children[found], place[found]
    parents = starts[place]
    apart = ends.at_unix_ns[rows[children]] - ends.at_unix_ns[rows[parents]]
    near = (apart >= -SKEW_NS) & (apart <= LOOK_NS)
    children, parents, place = children[near], parents[near], place[near]
    answered[place] = True

    inside = ends.inside[rows]
    service = ends.service[rows]
    crossing = inside[children] & (service[children] != service[parents]) & (service[parents] != 0)
    children, parents = children[crossing], parents[crossing]
    entries = np.flatnonzero(inside & serving & (ends.parent[rows] == 0) & (service != 0))
    unanswered = np.flatnonzero(
        inside & (ends.kind[rows] == CALLING) & (ends.peer[rows] != 0) & ~answered[group]
    )
    return _count(
        ends,
        rows[np.concatenate([children, entries, unanswered])],
        np.concatenate([service[parents], np.zeros(len(entries), np.int64), service[unanswered]]),
        np.concatenate([service[children], service[entries], ends.peer[rows[unanswered]]]),
        np.repeat([0, 0, 1], [len(children), len(entries), len(unanswered)]),
    )


def _by_key(ends: SpanEnds) -> tuple[Column, Column]:
    """
    Return the rows to look at, by key, and where a new key begins.

    Of those with one key the serving come first, then the earliest; copies are left out.
    """
    order = np.argsort(ends.key, kind="stable")
    key = ends.key[order]
    again = np.zeros(len(order), np.bool_)
    again[1:] = key[1:] == key[:-1]
    several = again.copy()
    several[:-1] |= again[1:]
    keep = np.ones(len(order), np.bool_)
    places = np.flatnonzero(several)
    if len(places):
        rows = order[places]
        rank = np.where(ends.kind[rows] == SERVING, 0, 1)
        columns = (ends.key, ends.kind, ends.at_unix_ns)
        # The row inside goes before its copy outside: only it has everything filled in.
        sorting = (~ends.inside[rows], ends.service[rows], ends.kind[rows], ends.at_unix_ns[rows])
        rows = rows[np.lexsort((*sorting, rank, ends.key[rows]))]
        order[places] = rows
        same = np.all([c[rows][1:] == c[rows][:-1] for c in columns], axis=0)
        keep[places[1:][same]] = False
    rows, key = order[keep], key[keep]
    first = np.ones(len(rows), np.bool_)
    first[1:] = key[1:] != key[:-1]
    return rows, first


def _count(ends: SpanEnds, rows: Column, caller: Column, callee: Column, inferred: Column) -> Cells:
    """Add up calls that are alike."""
    minute = ends.at_unix_ns[rows] // MINUTE_NS * 60
    connection = ends.connection[rows].astype(np.int64)
    bucket = np.floor(
        np.log2(ends.duration_ns[rows].astype(np.float64) + 1) * _BUCKETS_PER_DOUBLING
    )
    columns = (minute, caller, callee, connection, inferred, bucket.astype(np.int64))
    order = np.lexsort(columns[::-1])
    sorted_columns = [column[order] for column in columns]
    new = np.ones(len(order), np.bool_)
    if len(order):
        new[1:] = np.any([column[1:] != column[:-1] for column in sorted_columns], axis=0)
    starts = np.flatnonzero(new)
    names = np.array(ends.names, dtype=object)
    minutes, callers, callees, connections, sources, buckets = (c[starts] for c in sorted_columns)
    failed = ends.failed[rows][order].astype(np.int64)
    return Cells(
        minute_unix_s=minutes,
        caller=names[callers],
        callee=names[callees],
        connection=np.array(CONNECTIONS, dtype=object)[connections],
        inferred_from=np.array(["spans", "peer"], dtype=object)[sources],
        bucket=buckets,
        calls=np.diff(np.append(starts, len(order))),
        errors=np.add.reduceat(failed, starts) if len(starts) else failed,
    )


def bucket_middle_ns(bucket: int) -> int:
    """Return a length of time that lies within 2.2% of all those in a bucket."""
    return round(math.exp2((bucket + 0.5) / _BUCKETS_PER_DOUBLING) - 1)
