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
    span_durations,
    span_kind_codes,
    status_codes,
)
from tracepulse.store.load.decoded import Decoded, Indices
from tracepulse.store.load.groups import group
from tracepulse.store.load.row_types import Row
from tracepulse.store.load.texts import bytes_at, equal_to, hash_bytes

__all__ = ["RecentEnds"]

_SYSTEM_KEYS = {"rpc.system": 1, "messaging.system": 2, "db.system": 3, "db.system.name": 3}
"""Attributes that tell the kind of a connection, and their rank: the highest counts."""
_CONNECTION_OF_RANK = np.array([0, 1, 3, 2], np.uint8)
"""Index into CONNECTIONS."""
_TELLING_KEYS = tuple(dict.fromkeys((*PEER_KEYS, *_SYSTEM_KEYS)))
_PEER_RANKS = np.array(
    [len(PEER_KEYS) - PEER_KEYS.index(k) if k in PEER_KEYS else 0 for k in _TELLING_KEYS], np.uint8
)
_SYSTEM_RANKS = np.array([_SYSTEM_KEYS.get(k, 0) for k in _TELLING_KEYS], np.uint8)
_KIND_CODES = np.array([0, 0, SERVING, CALLING, CALLING, SERVING], np.uint8)
"""By index in SPAN_KINDS."""
_CONSUMER = 5
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
    _, scope_group, _ = decoded.ancestry(rows.owner(Row.SPAN)[chosen])
    service_codes, service_places = decoded.service_codes()
    span_kinds = span_kind_codes(decoded)[chosen]
    kinds = _KIND_CODES[span_kinds]
    names_another = (kinds == CALLING) | (span_kinds == _CONSUMER)
    told = _told_by_attributes(decoded)
    peer_codes, peer_places = decoded.numbered(np.where(names_another, told.peer[chosen], 0))
    ends = np.empty(len(chosen), _ENDS)
    key, parent = (np.empty(len(chosen), np.uint64) for _ in range(2))
    ids = (rows.cell(Row.SPAN, name)[chosen] for name in ("trace_id", "span_id", "parent_span_id"))
    _hash_ids(decoded.text, *ids, key, parent)  # type: ignore[call-arg]
    ends["key"], ends["parent"] = key, parent
    ends["at_unix_ns"] = rows.cell(Row.SPAN, "start_unix_ns")[chosen]
    ends["duration_ns"] = span_durations(decoded)[chosen]
    ends["service"] = service_codes[scope_group]
    ends["peer"] = peer_codes + len(service_places)
    ends["kind"] = kinds
    failed = status_codes(decoded)[chosen] == _ERROR
    ends["failed"] = failed | (http_status(decoded, chosen) >= 400)
    ends["connection"] = told.connection[chosen]
    places = [*service_places.tolist(), *peer_places.tolist()]
    return ends, [bytes_at(decoded.text, place) for place in places]


@dataclass(frozen=True, slots=True)
class _Told:
    """What the attributes of each span tell."""

    peer: Indices
    """Place of the name of whom it calls; of length 0 where it names none."""
    connection: NDArray[np.uint8]


def _told_by_attributes(decoded: Decoded) -> _Told:
    spans = decoded.rows.count(Row.SPAN)
    telling = np.full(len(decoded.key_places), -1, np.int8)
    for number, key in enumerate(_TELLING_KEYS):
        telling[equal_to(decoded.text, decoded.key_places, key.encode())] = number
    peer, system = np.zeros(spans, np.int64), np.zeros(spans, np.uint8)
    _read_attributes(
        decoded.pairs(Row.SPAN).elements,
        decoded.rows.pair_row,
        decoded.key_codes,
        decoded.pair_text,
        telling,
        _PEER_RANKS,
        _SYSTEM_RANKS,
        np.zeros(spans, np.uint16),
        np.zeros(spans, np.uint8),
        peer,
        system,
    )
    return _Told(peer, _CONNECTION_OF_RANK[system])


@njit(cache=True, nogil=True)
def _read_attributes(  # type: ignore[no-untyped-def]
    elements, rows, keys, texts, telling, peer_ranks, system_ranks, seen, ranks, peer, system
):
    for n in range(len(elements)):
        pair = elements[n]
        number = telling[keys[pair]]
        if number < 0:
            continue
        row = rows[pair]
        bit = np.uint16(1) << np.uint16(number)
        if seen[row] & bit:
            continue  # of several values under one key the first counts
        seen[row] |= bit
        if texts[pair] & 0xFFFFFF == 0:
            continue
        if peer_ranks[number] > ranks[row]:
            ranks[row] = peer_ranks[number]
            peer[row] = texts[pair]
        if system_ranks[number] > system[row]:
            system[row] = system_ranks[number]


@njit(cache=True, nogil=True)
def _hash_ids(buf, traces, spans, parents, key, parent):  # type: ignore[no-untyped-def]
    """Hash ids of spans and, where they have a parent, of these; a parent of zeros is none."""
    for n in range(len(traces)):
        place = traces[n]
        seed = hash_bytes(buf, place >> 24, (place >> 24) + (place & 0xFFFFFF), np.uint64(0))
        place = spans[n]
        key[n] = hash_bytes(buf, place >> 24, (place >> 24) + (place & 0xFFFFFF), seed)
        place = parents[n]
        parent[n] = np.uint64(0)
        for i in range(place >> 24, (place >> 24) + (place & 0xFFFFFF)):
            if buf[i] != 0:
                parent[n] = hash_bytes(buf, place >> 24, (place >> 24) + (place & 0xFFFFFF), seed)
                break


def _by_minute(ends: NDArray[np.void]) -> Iterator[tuple[int, NDArray[np.void]]]:
    """Yield the spans of each minute; those that a minute cannot be told of are left out."""
    at = ends["at_unix_ns"]
    told = (at >= 0) & (at < LAST_SECOND * 1_000_000_000)
    if not told.all():
        ends, at = ends[told], at[told]
    minutes = at // MINUTE_NS
    groups, first = group(minutes)
    order = np.argsort(groups.astype(np.uint16) if len(first) < 1 << 16 else groups, kind="stable")
    ends = ends[order]
    stops = np.cumsum(np.bincount(groups, minlength=len(first))).tolist()
    start = 0
    for minute, stop in zip(minutes[first].tolist(), stops, strict=True):
        yield minute, ends[start:stop].copy()
        start = stop


def _as_columns(ends: NDArray[np.void], window: Window, names: list[bytes]) -> SpanEnds:
    """Return columns as the tables give them: what lies outside has but what brings it together."""
    at = ends["at_unix_ns"]
    inside = (at >= window.start_unix_ns) & (at < window.end_unix_ns)
    peer = np.where(inside, ends["peer"], 0)
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
