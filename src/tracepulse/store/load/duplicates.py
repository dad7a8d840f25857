"""
What was sent twice is stored once.

Senders repeat a request whose answer they did not get (OTLP asks them to). A span is the same as an
earlier one when data set, trace id, span id and start agree, in whatever request it came; log records
and metric points have no ids, so for them a whole request is the same when all its bytes are. The
memory reaches back some minutes, as senders do.

Senders of other protocols try again too. Some write instants in whole seconds, and one record at a
time: two such requests that are equal may be two events, and are both kept.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tracepulse.store.load.decoded import Decoded
from tracepulse.store.load.row_types import Row
from tracepulse.store.load.texts import hash_bytes

__all__ = ["Duplicates", "Keys", "keys_of"]

_MULTIPLY = np.uint64(0x9E3779B97F4A7C15)
_EMPTY = np.uint64(0)
_FIRST_SIZE = 1 << 12
_TRIED_AGAIN = frozenset({"loki", "elasticsearch", "splunk_hec", "faro", "prometheus"})
"""Protocols besides OTLP whose senders repeat a request; syslog's and Envoy's do not, and what is read or
fetched from elsewhere is read once."""
_SECOND_NS = 10**9
_ORIGINAL_START = b"tracepulse.original_time_unix_nano"
"""On a span whose start was moved at the door, to a place that depends on when it was received."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What stands for each span, or for each request of logs or metrics."""

    keys: NDArray[np.uint64]
    """0 for what cannot be told from a repetition, and is always kept."""
    received_unix_ns: int
    """When the last of them came."""


def keys_of(decoded: Decoded) -> Keys:
    """Return the keys of a segment's spans, or of its requests."""
    rows = decoded.rows
    received = rows.cell(Row.REQUEST, "received_unix_ns")
    last = int(received.max()) if len(received) else 0
    data_sets = rows.cell(Row.REQUEST, "data_set")
    if decoded.signal == "traces":
        keys = np.empty(rows.count(Row.SPAN), np.uint64)
        _, _, request = decoded.ancestry(rows.owner(Row.SPAN))
        _span_keys(
            decoded.text,
            rows.cell(Row.SPAN, "trace_id"),
            rows.cell(Row.SPAN, "span_id"),
            rows.cell(Row.SPAN, "start_unix_ns"),
            decoded.attribute(Row.SPAN, _ORIGINAL_START),
            data_sets[request],
            keys,
        )
        return Keys(keys, last)
    keys = np.empty(len(received), np.uint64)
    _request_keys(rows.text, rows.starts, rows.cell(Row.REQUEST, "body_end"), data_sets, keys)
    keys[~_can_be_told(decoded)] = _EMPTY
    return Keys(keys, last)


def _can_be_told(decoded: Decoded) -> NDArray[np.bool_]:
    """
    Say which requests are a repetition when they equal an earlier one.

    Two equal lines of a file, or lines without an instant, may be two events.
    """
    rows = decoded.rows
    origins = [decoded.text_at(p) for p in rows.cell(Row.REQUEST, "origin").tolist()]
    is_otlp = np.array([each.startswith("otlp") for each in origins], np.bool_)
    told = is_otlp | np.array([each in _TRIED_AGAIN for each in origins], np.bool_)
    if decoded.signal == "logs":
        times = rows.cell(Row.LOG, "time_unix_ns")
        _, _, request = decoded.ancestry(rows.owner(Row.LOG))
        is_fine = is_otlp.copy()
        is_fine[request[times % _SECOND_NS != 0]] = True
        told &= is_fine
        timeless = (times == 0) & (rows.cell(Row.LOG, "observed_unix_ns") == 0)
        told[request[timeless]] = False
    return told


@njit(cache=True, nogil=True)
def _span_keys(buf, traces, spans, starts, originals, data_sets, out):  # type: ignore[no-untyped-def]
    for n in range(len(traces)):
        place = originals[n]
        key = np.uint64(starts[n])
        if place != 0:
            key = hash_bytes(buf, place >> 24, (place >> 24) + (place & 0xFFFFFF), np.uint64(1))
        place = data_sets[n]
        key = hash_bytes(buf, place >> 24, (place >> 24) + (place & 0xFFFFFF), key)
        place = traces[n]
        key = hash_bytes(buf, place >> 24, (place >> 24) + (place & 0xFFFFFF), key)
        place = spans[n]
        key = hash_bytes(buf, place >> 24, (place >> 24) + (place & 0xFFFFFF), key)
        out[n] = key | np.uint64(1)


@njit(cache=True, nogil=True)
def _request_keys(buf, starts, ends, data_sets, out):  # type: ignore[no-untyped-def]
    for n in range(len(starts)):
        place = data_sets[n]
        key = hash_bytes(buf, place >> 24, (place >> 24) + (place & 0xFFFFFF), np.uint64(0))
        out[n] = hash_bytes(buf, starts[n], ends[n], key) | np.uint64(1)


@njit(cache=True, nogil=True)
def _slot(table, key):  # type: ignore[no-untyped-def]
    mask = np.uint64(len(table) - 1)
    mixed = key * _MULTIPLY
    slot = np.int64((mixed ^ (mixed >> np.uint64(31))) & mask)
    while table[slot] != np.uint64(0) and table[slot] != key:
        slot = (slot + 1) & np.int64(mask)
    return slot


@njit(cache=True, nogil=True)
def _is_new(current, previous, keys, seen, out):  # type: ignore[no-untyped-def]
    """Say which keys are in neither table and not earlier among the keys; `seen` is room for these."""
    for n in range(len(keys)):
        key = keys[n]
        out[n] = True
        if key == np.uint64(0):
            continue
        if current[_slot(current, key)] != np.uint64(0) or previous[
            _slot(previous, key)
        ] != np.uint64(0):
            out[n] = False
        else:
            slot = _slot(seen, key)
            out[n] = seen[slot] == np.uint64(0)
            seen[slot] = key


@njit(cache=True, nogil=True)
def _add(table, keys):  # type: ignore[no-untyped-def]
    added = 0
    for n in range(len(keys)):
        if keys[n] != np.uint64(0):
            slot = _slot(table, keys[n])
            if table[slot] == np.uint64(0):
                table[slot] = keys[n]
                added += 1
    return added


def _table(entries: int) -> NDArray[np.uint64]:
    """Return an empty table with room for so many entries."""
    size = _FIRST_SIZE
    while size < entries * 2:
        size *= 2
    return np.zeros(size, np.uint64)


class Duplicates:
    """Keys of the last minutes, in two generations."""

    def __init__(self, window_s: float = 600.0, most_keys: int = 8_000_000) -> None:
        """
        Begin with none.

        Args:
            window_s: how long a key is remembered at least, unless there are too many.
            most_keys: bound on all keys; one takes up to 32 bytes.
        """
        self._window_ns = int(window_s * 1e9)
        self._most = most_keys // 2
        self._current, self._previous = _table(0), _table(0)
        self._count = 0
        self._since_unix_ns = 0

    def new_ones(self, keys: Keys) -> NDArray[np.bool_]:
        """Say which have not come before, in earlier segments or earlier in this one."""
        out = np.empty(len(keys.keys), np.bool_)
        _is_new(self._current, self._previous, keys.keys, _table(len(keys.keys)), out)
        return out

    def remember(self, keys: Keys) -> None:
        """Take note of keys whose records are stored."""
        now = keys.received_unix_ns
        self._since_unix_ns = self._since_unix_ns or now
        if now - self._since_unix_ns > self._window_ns or self._count + len(keys.keys) > self._most:
            self._previous, self._current = self._current, _table(0)
            self._count, self._since_unix_ns = 0, now
        if (self._count + len(keys.keys)) * 2 > len(self._current):
            larger = _table((self._count + len(keys.keys)) * 2)
            _add(larger, self._current)
            self._current = larger
        self._count += _add(self._current, keys.keys)
