"""
What of the last minutes' spans is needed to find calls, kept in memory as it is loaded.

Whoever works out a minute's calls needs not read its spans back from the tables then, which costs
several times as much. Memory is bounded, forgets what nobody has added to for a while, and is lost
when the process ends; so it is relied on only for minutes of which it holds exactly as many spans as
the roll-up of minutes counts. All others are read.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tracepulse.model.question import Window
from tracepulse.store.edges.calls import (
    CALLING,
    LOOK_NS,
    MINUTE_NS,
    PEER_KEYS,
    SERVING,
    SpanEnds,
)
from tracepulse.store.load.blocks import (
    LAST_SECOND,
    http_status,
    root_spans,
    span_durations,
    span_kind_codes,
    status_codes,
)
from tracepulse.store.load.decoded import Decoded, Indices
from tracepulse.store.load.row_types import Row
from tracepulse.store.load.texts import bytes_at, hash_bytes

__all__ = ["RecentEnds"]

_SYSTEM_KEYS = (
    (("rpc.system",), 1),
    (("messaging.system",), 3),
    (("db.system", "db.system.name"), 2),
)
"""Attributes that tell the kind of a connection, as its index in CONNECTIONS; the last counts."""
_KIND_CODES = np.array([0, 0, SERVING, CALLING, CALLING, SERVING], np.uint8)
"""By index in SPAN_KINDS."""
_ERROR = 2
_ENDS = np.dtype(
    [
        ("key", np.uint64),
        ("parent", np.uint64),
        ("at_unix_ns", np.int64),
        ("duration_ns", np.int64),
        ("service", np.int32),
        ("peer", np.int32),
        ("kind", np.uint8),
        ("failed", np.uint8),
        ("connection", np.uint8),
    ]
)
_PIECE_BYTES = 400
"""About what a piece takes beside its spans."""
_MOST_BYTES = 256 * 1024 * 1024
_MOST_NAME_BYTES = 8 * 1024 * 1024
_IDLE_S = 300.0

_Minute = tuple[str, int]
"""Data set, and minute since 1970."""


@dataclass(slots=True)
class _Held:
    """The spans of a minute, in pieces as they came."""

    pieces: list[NDArray[np.void]] = field(default_factory=list)
    spans: int = 0
    bytes: int = 0
    touched_s: float = 0.0
    changed: bool = True
    """Whether spans came since somebody was told that no more do."""


class RecentEnds:
    """Ends of spans by data set and minute. Any thread may use it."""

    def __init__(self, most_bytes: int = _MOST_BYTES, idle_s: float = _IDLE_S) -> None:
        """
        Begin with none.

        Args:
            most_bytes: past this the minutes that were longest without a new span are forgotten.
            idle_s: how long a minute is kept that no span is added to.
        """
        self._most_bytes = most_bytes
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._minutes: OrderedDict[_Minute, _Held] = OrderedDict()
        self._bytes = 0
        self._numbers: dict[bytes, int] = {b"": 0}
        self._names = [b""]
        self._name_bytes = 0

    def add(self, decoded: Decoded, data_set: str, chosen: Indices) -> None:
        """Take note of spans that were stored."""
        ends, texts = _ends_of(decoded, chosen)
        with self._lock:
            numbers = self._numbered(texts)
            ends["service"] = numbers[ends["service"]]
            ends["peer"] = numbers[ends["peer"]]
            now_s = time.monotonic()
            for minute, piece in _by_minute(ends):
                held = self._minutes.setdefault((data_set, minute), _Held())
                size = piece.nbytes + _PIECE_BYTES
                held.pieces.append(piece)
                held.spans += len(piece)
                held.bytes += size
                held.touched_s = now_s
                held.changed = True
                self._bytes += size
                self._minutes.move_to_end((data_set, minute))
            while self._minutes and (
                self._bytes > self._most_bytes
                or next(iter(self._minutes.values())).touched_s < now_s - self._idle_s
            ):
                self._forget_oldest()

    def forget_idle(self) -> None:
        """Let go of minutes that no span was added to for a while."""
        with self._lock:
            before_s = time.monotonic() - self._idle_s
            while self._minutes and next(iter(self._minutes.values())).touched_s < before_s:
                self._forget_oldest()

    def settled(self, quiet_s: float) -> list[tuple[str, int]]:
        """
        Return the minutes to which spans were added, but none for so long; each once.

        Returns:
            Data set, and seconds since 1970, sorted.
        """
        with self._lock:
            before_s = time.monotonic() - quiet_s
            found = [
                (name, held)
                for name, held in self._minutes.items()
                if held.changed and held.touched_s <= before_s
            ]
            for _, held in found:
                held.changed = False
        return sorted((data_set, minute * 60) for (data_set, minute), _ in found)

    def find(self, window: Window, data_set: str, spans: Mapping[int, int]) -> SpanEnds | None:
        """
        Return what is needed to find the calls that begin in a window.

        Args:
            spans: how many spans there are in each minute that the window touches, and in the one
                before and after these; by seconds since 1970. What is not named has none.
        Returns:
            None where not exactly these are held.
        """
        first = window.start_unix_ns // MINUTE_NS - 1
        last = (window.end_unix_ns - 1) // MINUTE_NS + 1
        pieces: list[NDArray[np.void]] = []
        with self._lock:
            for minute in range(first, last + 1):
                held = self._minutes.get((data_set, minute))
                if (held.spans if held else 0) != spans.get(minute * 60, 0):
                    return None
                pieces += held.pieces if held else []
            names = list(self._names)
        ends = np.concatenate([np.empty(0, _ENDS), *pieces])
        at = ends["at_unix_ns"]
        near = (at >= window.start_unix_ns - LOOK_NS) & (at < window.end_unix_ns + LOOK_NS)
        return _as_columns(ends[near], window, names)

    def _numbered(self, texts: list[bytes]) -> NDArray[np.int32]:
        """Return the numbers of names, which stay the same while anything is held."""
        if self._name_bytes > _MOST_NAME_BYTES:
            self._minutes.clear()
            self._bytes = self._name_bytes = 0
            self._numbers, self._names = {b"": 0}, [b""]
        for text in texts:
            if text not in self._numbers:
                self._numbers[text] = len(self._names)
                self._names.append(text)
                self._name_bytes += len(text) + 100
        return np.array([self._numbers[text] for text in texts], np.int32)

    def _forget_oldest(self) -> None:
        _, held = self._minutes.popitem(last=False)
        self._bytes -= held.bytes


def _ends_of(decoded: Decoded, chosen: Indices) -> tuple[NDArray[np.void], list[bytes]]:
    """Return the ends of some spans, and the texts that services and peers are numbers of."""
    rows = decoded.rows
    _, group, _ = decoded.ancestry(rows.owner(Row.SPAN)[chosen])
    service_codes, service_places = decoded.service_codes()
    kinds = _KIND_CODES[span_kind_codes(decoded)[chosen]]
    peers, connections = _peers(decoded)
    peer_codes, peer_places = decoded.numbered(np.where(kinds == CALLING, peers[chosen], 0))
    ends = np.empty(len(chosen), _ENDS)
    trace = rows.cell(Row.SPAN, "trace_id")[chosen]
    ends["key"] = _keys(decoded.text, trace, rows.cell(Row.SPAN, "span_id")[chosen])
    parent = _keys(decoded.text, trace, rows.cell(Row.SPAN, "parent_span_id")[chosen])
    ends["parent"] = np.where(root_spans(decoded, chosen), np.uint64(0), parent)
    ends["at_unix_ns"] = rows.cell(Row.SPAN, "start_unix_ns")[chosen]
    ends["duration_ns"] = span_durations(decoded)[chosen]
    ends["service"] = service_codes[group]
    ends["peer"] = peer_codes + len(service_places)
    ends["kind"] = kinds
    failed = status_codes(decoded)[chosen] == _ERROR
    ends["failed"] = failed | (http_status(decoded, chosen) >= 400)
    ends["connection"] = connections[chosen]
    places = [*service_places.tolist(), *peer_places.tolist()]
    return ends, [bytes_at(decoded.text, place) for place in places]


def _peers(decoded: Decoded) -> tuple[Indices, NDArray[np.uint8]]:
    """Return for every span the place of its peer's name, 0 where it names none; and connections."""
    spans = decoded.rows.count(Row.SPAN)
    peers = np.zeros(spans, np.int64)
    for key in reversed(PEER_KEYS):
        places = decoded.attribute(Row.SPAN, key.encode())
        peers = np.where(places & 0xFFFFFF, places, peers)
    connections = np.zeros(spans, np.uint8)
    for keys, connection in _SYSTEM_KEYS:
        for key in keys:
            there = decoded.attribute(Row.SPAN, key.encode()) & 0xFFFFFF != 0
            connections[there] = connection
    return peers, connections


@njit(cache=True, nogil=True)
def _hash_pairs(buf, first, second, out):  # type: ignore[no-untyped-def]
    for n in range(len(first)):
        place = first[n]
        key = hash_bytes(buf, place >> 24, (place >> 24) + (place & 0xFFFFFF), np.uint64(0))
        place = second[n]
        out[n] = hash_bytes(buf, place >> 24, (place >> 24) + (place & 0xFFFFFF), key)


def _keys(text: NDArray[np.uint8], traces: Indices, spans: Indices) -> NDArray[np.uint64]:
    out = np.empty(len(traces), np.uint64)
    _hash_pairs(text, traces, spans, out)
    return out


def _by_minute(ends: NDArray[np.void]) -> Iterator[tuple[int, NDArray[np.void]]]:
    """Yield the spans of each minute; those that a minute cannot be told of are left out."""
    at = ends["at_unix_ns"]
    ends = ends[(at >= 0) & (at < LAST_SECOND * 1_000_000_000)]
    minutes = ends["at_unix_ns"] // MINUTE_NS
    order = np.argsort(minutes, kind="stable")
    minutes = minutes[order]
    starts = np.flatnonzero(np.diff(minutes, prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(minutes)], strict=True):
        yield int(minutes[start]), ends[order[start:end]]


def _as_columns(ends: NDArray[np.void], window: Window, names: list[bytes]) -> SpanEnds:
    """Return columns as the tables give them: what lies outside has but what brings it together."""
    at = ends["at_unix_ns"]
    inside = (at >= window.start_unix_ns) & (at < window.end_unix_ns)
    peer = np.where(inside & (ends["kind"] == CALLING), ends["peer"], 0)
    used = np.unique(np.concatenate([[0], ends["service"], peer]))
    texts = {int(number): names[number].decode() for number in used.tolist()}
    ordered = sorted(texts, key=texts.__getitem__)
    places = np.zeros(int(used.max()) + 1, np.int64)
    places[ordered] = np.arange(len(ordered))
    return SpanEnds(
        key=np.ascontiguousarray(ends["key"]),
        parent=np.ascontiguousarray(ends["parent"]),
        at_unix_ns=np.ascontiguousarray(at),
        service=places[ends["service"]],
        kind=np.ascontiguousarray(ends["kind"]),
        inside=inside,
        failed=np.where(inside, ends["failed"], 0),
        connection=np.where(inside, ends["connection"], 0),
        peer=places[peer],
        duration_ns=np.where(inside, ends["duration_ns"], 0).astype(np.uint64),
        names=tuple(texts[number] for number in ordered),
    )
