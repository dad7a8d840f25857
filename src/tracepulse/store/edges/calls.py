"""
Calls between services, found among spans.

A call is counted in the minute in which its span begins, and is

- from outside, when a serving span has no parent;
- between services, when the parent of a span is of another service;
- to what sends no spans ("peer"), when a calling span names whom it calls and nobody answered;
- to a queue ("sends") and from it ("takes"), when a span of messaging names it, also where the two
  ends meet as parent and child.

Parent and child must begin near one another (`LOOK_NS`, `SKEW_NS`), so that a minute's calls depend
on that minute and its two neighbours alone, however the work is cut:

                     child may begin
      parent.at   ┌───────────┴───────────┐
    ──────┼───────┼───────┼───────────────┼────────
        -10 s     0                     +60 s
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tracepulse.model.lengths import BUCKETS_PER_DOUBLING, bucket_middle_ns
from tracepulse.store.load.groups import group

__all__ = [
    "CALLING",
    "CONNECTIONS",
    "INFERRED",
    "LOOK_NS",
    "MINUTE_NS",
    "PEER_KEYS",
    "SERVING",
    "SKEW_NS",
    "Cells",
    "SpanEnds",
    "bucket_middle_ns",
    "find_calls",
    "joined",
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
INFERRED = ("spans", "peer", "sends", "takes")
_MESSAGING = CONNECTIONS.index("messaging")
PEER_KEYS = (
    "db.namespace",
    "db.name",
    "db.system.name",
    "db.system",
    "messaging.destination.name",
    "messaging.destination",
    "peer.service",
    "server.address",
    "net.peer.name",
    "network.peer.address",
    "net.sock.peer.addr",
    "net.peer.ip",
)
"""Attributes that name whom a calling span calls; the first that is there counts."""

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
    """One of INFERRED."""
    bucket: Column
    """Sixteenths of a power of two in which the lengths in ns lie."""
    calls: Column
    errors: Column

    def __len__(self) -> int:
        return len(self.calls)


def joined(found: Sequence[Cells]) -> Cells:
    """Return the cells of stretches of time that follow one another."""
    return Cells(
        **{
            each.name: np.concatenate([getattr(cells, each.name) for cells in found])
            for each in fields(Cells)
        }
    )


def find_calls(ends: SpanEnds) -> Cells:
    """
    Return the calls that begin with spans inside, exactly, whatever the order of the spans.

    A span that was stored twice counts once. Where a calling and a serving span share an id, as
    Zipkin has it, children belong to the serving one.
    """
    spans = len(ends.key)
    table = np.full(1 << max(4, (2 * spans).bit_length()), -1, np.int64)
    head = np.empty(spans, np.int64)
    keep = np.ones(spans, np.bool_)
    answered = np.zeros(spans, np.bool_)
    stands_for = np.arange(spans)
    key = _own(ends.key, np.uint64)
    if _find_heads(key, table, head):
        _settle_shared(ends, head, keep, answered, stands_for)
    kind, parent, inside = ends.kind, ends.parent, ends.inside
    service = _own(ends.service, np.int64)
    caller = np.full(spans, -1, np.int64)
    _find_callers(
        key,
        _own(parent, np.uint64),
        _own(ends.at_unix_ns, np.int64),
        service,
        inside & keep,
        keep,
        table,
        head,
        stands_for,
        answered,
        caller,
    )
    children = np.flatnonzero(caller >= 0)
    wanted = inside & keep
    calling, serving, named = kind == CALLING, kind == SERVING, wanted & (ends.peer != 0)
    queued = named & (ends.connection == _MESSAGING)
    entries = np.flatnonzero(wanted & serving & (parent == 0) & (service != 0) & ~queued)
    unanswered = np.flatnonzero(named & calling & ~queued & ~answered[head])
    sent, taken = np.flatnonzero(queued & calling), np.flatnonzero(queued & serving)
    rows = (children, entries, unanswered, sent, taken)
    return _count(
        ends,
        np.concatenate(rows),
        np.concatenate(
            [
                caller[children],
                np.zeros(len(entries), np.int64),
                service[unanswered],
                service[sent],
                ends.peer[taken],
            ]
        ),
        np.concatenate(
            [
                service[children],
                service[entries],
                ends.peer[unanswered],
                ends.peer[sent],
                service[taken],
            ]
        ),
        np.repeat([0, 0, 1, 2, 3], [len(each) for each in rows]),
    )


def _own(values: Column, kind: type) -> Column:
    """Return numbers as the compiled code takes them: together, and not for reading alone."""
    return np.require(values, kind, ["C", "W"])


@njit(cache=True, nogil=True)
def _slot(keys, table, key):  # type: ignore[no-untyped-def]
    """Return where in the table a key's first row stands, or would stand."""
    mask = np.uint64(len(table) - 1)
    mixed = key * np.uint64(0x9E3779B97F4A7C15)
    slot = np.int64((mixed ^ (mixed >> np.uint64(32))) & mask)
    while table[slot] >= 0 and keys[table[slot]] != key:
        slot = (slot + 1) & np.int64(mask)
    return slot


@njit(cache=True, nogil=True)
def _find_heads(keys, table, head):  # type: ignore[no-untyped-def]
    """Note for each row the first one with its key; say whether any two have the same."""
    shared = False
    for n in range(len(keys)):
        slot = _slot(keys, table, keys[n])
        if table[slot] < 0:
            table[slot] = n
        else:
            shared = True
        head[n] = table[slot]
    return shared


@njit(cache=True, nogil=True)
def _find_callers(  # type: ignore[no-untyped-def]
    keys, parents, at, service, wanted, keep, table, head, stands_for, answered, caller
):
    """Note whose calls are answered, and for each span wanted the other service that called it."""
    for n in range(len(keys)):
        if not keep[n] or parents[n] == np.uint64(0):
            continue
        first = table[_slot(keys, table, parents[n])]
        if first < 0:
            continue
        row = stands_for[first]
        apart = at[n] - at[row]
        if apart < -SKEW_NS or apart > LOOK_NS:
            continue
        answered[first] = True
        if wanted[n] and service[row] != 0 and service[row] != service[n]:
            caller[n] = service[row]


def _settle_shared(
    ends: SpanEnds, head: Column, keep: Column, answered: Column, stands_for: Column
) -> None:
    """
    Decide, of rows with one key, which is the parent of their children, and which are copies.

    Serving ones come first, then the earliest. A copy inside goes before one outside: only it has
    everything filled in.
    """
    rows = np.flatnonzero(np.bincount(head, minlength=len(head))[head] > 1)
    rank = np.where(ends.kind[rows] == SERVING, 0, 1)
    sorting = (~ends.inside[rows], ends.service[rows], ends.kind[rows], ends.at_unix_ns[rows])
    order = np.lexsort((*sorting, rank, ends.key[rows]))
    rows = rows[order]
    columns = (ends.key, ends.kind, ends.at_unix_ns)
    same = np.all([column[rows][1:] == column[rows][:-1] for column in columns], axis=0)
    keep[rows[1:][same]] = False
    rows = rows[keep[rows]]
    first = np.ones(len(rows), np.bool_)
    first[1:] = ends.key[rows][1:] != ends.key[rows][:-1]
    starts = np.flatnonzero(first)
    stands_for[head[rows[starts]]] = rows[starts]
    several = np.diff(np.append(starts, len(rows))) > 1
    serving = ends.kind[rows[starts]] == SERVING
    answered[head[rows[starts[several & serving]]]] = True


def _count(ends: SpanEnds, rows: Column, caller: Column, callee: Column, inferred: Column) -> Cells:
    """Add up calls that are alike."""
    minute = ends.at_unix_ns[rows] // MINUTE_NS
    first_minute = int(minute.min()) if len(rows) else 0
    connection = ends.connection[rows].astype(np.int64)
    bucket = np.floor(
        np.log2(ends.duration_ns[rows].astype(np.float64) + 1) * BUCKETS_PER_DOUBLING
    ).astype(np.int64)
    how = (connection << 2 | inferred) << 16 | bucket
    cells, first = group(minute - first_minute, caller, callee, how)
    calls = np.bincount(cells, minlength=len(first))
    errors = np.bincount(cells[ends.failed[rows] != 0], minlength=len(first))
    keys = (minute[first] * 60, caller[first], callee[first], connection[first], inferred[first])
    order = np.lexsort((bucket[first], *keys[::-1]))
    minutes, callers, callees, connections, sources = (key[order] for key in keys)
    names = np.array(ends.names, dtype=object)
    return Cells(
        minute_unix_s=minutes,
        caller=names[callers],
        callee=names[callees],
        connection=np.array(CONNECTIONS, dtype=object)[connections],
        inferred_from=np.array(INFERRED, dtype=object)[sources],
        bucket=bucket[first][order],
        calls=calls[order],
        errors=errors[order],
    )
