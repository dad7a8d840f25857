"""
One compiled pass over the bytes of an OTLP request, before anything is parsed or stored.

The scan checks structure, counts, sizes, depth, id lengths, times and UTF-8. A request that passes
is stored as the bytes it came in; one with bad records goes to `cleaning.py`. It is a table-driven
walk with a stack of its own, so that hostile nesting cannot exhaust Python's.
"""

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.limits import Limits
from tracepulse.receive.signals import Signal
from tracepulse.receive.wire_schema import ACTION, CHILD, ENTER, ROOT, WIRE, Message

__all__ = ["Fault", "Scan", "scan", "scan_message", "warm_up"]


class Fault(IntFlag):
    """What is wrong with some record of a request that can be read all the same."""

    ID_LENGTH = 1
    UTF8 = 2
    WIRE_TYPE = 4
    TIME = 8
    NESTING = 16
    TOO_MANY_PARTS = 32
    TOO_LONG = 64
    RECORD_SIZE = 128
    RESERVED_FIELD = 256


@dataclass(frozen=True, slots=True)
class Scan:
    """What a request holds."""

    records: int
    """Spans, log records, or metric points."""
    points: tuple[int, int, int, int, int]
    """Metric points by kind: gauge, sum, histogram, exponential histogram, summary."""
    faults: Fault
    """In records. Where this and the next are empty, the original bytes may be stored."""
    owner_faults: Fault
    """In resources, scopes and the request itself."""


# Positions in the array of results.
_STATUS, _OFFSET, _RECORDS, _CONTAINERS, _FAULTS, _POINTS, _OWNER_FAULTS = 0, 1, 2, 3, 4, 5, 10
_RESULTS = 11
_OK, _MALFORMED, _TOO_MANY_RECORDS, _TOO_MANY_CONTAINERS, _RESOURCE_TOO_LARGE = 0, 1, 2, 3, 4

_STACK = 96
"""Deepest walk: 5 levels down to an attribute, then 5 per level of nesting, 16 of those."""
_FIRST_RESERVED_FIELD = 1000
"""The journal writes its own fields from here on at the end of a request; a sender may not."""

_NAME, _KEY, _VALUE, _BODY, _NEST, _ATTRS, _RES_ATTRS, _EVENTS, _LINKS = 0, 1, 2, 3, 4, 5, 6, 7, 8
_MAX_RECORDS, _MAX_CONTAINERS, _RECORD_BYTES = 9, 10, 11


@njit(cache=True, nogil=True, inline="always")
def _varint(buf, pos, end):  # type: ignore[no-untyped-def]
    value = np.uint64(0)
    shift = np.uint64(0)
    while pos < end:
        byte = buf[pos]
        pos += 1
        value |= np.uint64(byte & 0x7F) << shift
        if byte < 0x80:
            return value, pos
        shift += np.uint64(7)
        if shift > np.uint64(63):
            break
    return value, np.int64(-1)


@njit(cache=True, nogil=True)
def _is_utf8(buf, pos, end):  # type: ignore[no-untyped-def]
    """Follow the table of well-formed sequences in the Unicode standard (3-7)."""
    while pos < end:
        lead = buf[pos]
        if lead < 0x80:
            pos += 1
            continue
        low, high = 0x80, 0xBF
        if 0xC2 <= lead <= 0xDF:
            more = 1
        elif 0xE0 <= lead <= 0xEF:
            more = 2
            if lead == 0xE0:
                low = 0xA0
            elif lead == 0xED:
                high = 0x9F
        elif 0xF0 <= lead <= 0xF4:
            more = 3
            if lead == 0xF0:
                low = 0x90
            elif lead == 0xF4:
                high = 0x8F
        else:
            return False
        if pos + more >= end:
            return False
        if buf[pos + 1] < low or buf[pos + 1] > high:
            return False
        for i in range(2, more + 1):
            if buf[pos + i] < 0x80 or buf[pos + i] > 0xBF:
                return False
        pos += more + 1
    return True


@njit(cache=True, nogil=True)
def _is_varints(buf, pos, end):  # type: ignore[no-untyped-def]
    while pos < end:
        _, pos = _varint(buf, pos, end)
        if pos < 0:
            return False
    return True


@njit(cache=True, nogil=True)
def _is_zero(buf, pos, end):  # type: ignore[no-untyped-def]
    for i in range(pos, end):
        if buf[i] != 0:
            return False
    return True


@njit(cache=True, nogil=True)
def _walk(buf, root, limits, wires, actions, children, enters, out):  # type: ignore[no-untyped-def]
    ends = np.empty(_STACK, np.int64)
    types = np.empty(_STACK, np.int64)
    attributes = np.zeros(_STACK, np.int64)
    events = np.zeros(_STACK, np.int64)
    links = np.zeros(_STACK, np.int64)
    seen = np.zeros(_STACK, np.uint64)
    top = 0
    ends[0] = len(buf)
    types[0] = root
    nested = 0
    record = -1  # where on the stack the record lies that we are in
    found = np.int64(0)
    faults = np.int64(0)
    owner_faults = np.int64(0)
    pos = np.int64(0)
    while True:
        if found != 0:
            if record >= 0:
                faults |= found
            else:
                owner_faults |= found
            found = np.int64(0)
        # Leave every message that ends here.
        while pos == ends[top]:
            kind = types[top]
            if kind == 3 and (seen[top] & np.uint64(6)) != np.uint64(6):
                faults |= 1  # a span without a trace id or span id
            if top == record:
                record = -1
            if enters[kind] == 8:
                nested -= 1
            if top == 0:
                out[_FAULTS] = faults
                out[_OWNER_FAULTS] = owner_faults
                return
            top -= 1
        end = ends[top]
        kind = types[top]
        key, after = _varint(buf, pos, end)
        if after < 0 or key > np.uint64(0xFFFFFFFF) or after - pos > 5:
            out[_STATUS], out[_OFFSET] = _MALFORMED, pos
            return
        start_of_field = pos
        pos = after
        field = np.int64(key >> np.uint64(3))
        wire = np.int64(key & np.uint64(7))
        if field == 0:
            out[_STATUS], out[_OFFSET] = _MALFORMED, start_of_field
            return
        # The extent of the value, whatever it means.
        begin = pos
        number = np.uint64(0)
        if wire == 0:
            number, pos = _varint(buf, pos, end)
            if pos < 0:
                out[_STATUS], out[_OFFSET] = _MALFORMED, start_of_field
                return
        elif wire == 1:
            pos += 8
        elif wire == 5:
            pos += 4
        elif wire == 2:
            number, begin = _varint(buf, pos, end)
            if begin < 0 or number > np.uint64(end - begin):
                out[_STATUS], out[_OFFSET] = _MALFORMED, start_of_field
                return
            pos = begin + np.int64(number)
        else:
            out[_STATUS], out[_OFFSET] = _MALFORMED, start_of_field
            return
        if pos > end:
            out[_STATUS], out[_OFFSET] = _MALFORMED, start_of_field
            return
        if field >= 32:
            if top == 0 and field >= _FIRST_RESERVED_FIELD:
                found |= 256
            continue
        expected = wires[kind, field]
        if expected == 255:
            continue
        if expected != wire:
            if expected == 254:  # a repeated fixed64, packed or not
                if wire != 1 and (wire != 2 or (pos - begin) % 8 != 0):
                    found |= 4
            elif expected == 253:  # a repeated varint, packed or not
                if wire != 0 and (wire != 2 or not _is_varints(buf, begin, pos)):
                    found |= 4
            else:
                found |= 4
            continue
        action = actions[kind, field]
        size = pos - begin
        if action == 0:
            continue
        if action <= 4:
            if size > limits[action - 1]:
                found |= 64
            if not _is_utf8(buf, begin, pos):
                found |= 2
        elif action == 5:
            seen[top] |= np.uint64(2)
            if size != 16 or _is_zero(buf, begin, pos):
                found |= 1
        elif action == 6:
            seen[top] |= np.uint64(4)
            if size != 8 or _is_zero(buf, begin, pos):
                found |= 1
        elif action == 7:
            if size != 0 and size != 16:
                found |= 1
        elif action == 8:
            if size != 0 and size != 8:
                found |= 1
        elif action == 10:
            if buf[begin + 7] >= 0x80:  # past 2262: does not fit a signed 64-bit number
                found |= 8
        elif action == 11:
            if size > limits[_BODY]:
                found |= 64
        elif action == 9:
            child = children[kind, field]
            enter = enters[child]
            if enter == 1:
                out[_CONTAINERS] += 1
                if out[_CONTAINERS] > limits[_MAX_CONTAINERS]:
                    out[_STATUS], out[_OFFSET] = _TOO_MANY_CONTAINERS, start_of_field
                    return
            elif enter == 2:
                if child == 14:  # a metric holds the points that count
                    out[_CONTAINERS] += 1
                else:
                    out[_RECORDS] += 1
                if out[_RECORDS] > limits[_MAX_RECORDS]:
                    out[_STATUS], out[_OFFSET] = _TOO_MANY_RECORDS, start_of_field
                    return
                if out[_CONTAINERS] > limits[_MAX_CONTAINERS] * 2:
                    out[_STATUS], out[_OFFSET] = _TOO_MANY_CONTAINERS, start_of_field
                    return
                if size > limits[_RECORD_BYTES] and child != 14:
                    faults |= 128
                    continue  # it is refused whole, no need to look inside
            elif enter == 3:
                out[_RECORDS] += 1
                out[_POINTS + kind - 15] += 1
                if out[_RECORDS] > limits[_MAX_RECORDS]:
                    out[_STATUS], out[_OFFSET] = _TOO_MANY_RECORDS, start_of_field
                    return
                if size > limits[_RECORD_BYTES]:
                    found |= 128
                    continue
            elif enter == 4:
                attributes[top] += 1
                if kind == 27 or kind == 28:
                    if attributes[top] > limits[_RES_ATTRS]:
                        found |= 32
                elif attributes[top] > limits[_ATTRS]:
                    found |= 32
            elif enter == 5:
                events[top] += 1
                if events[top] > limits[_EVENTS]:
                    found |= 32
            elif enter == 6:
                links[top] += 1
                if links[top] > limits[_LINKS]:
                    found |= 32
            elif enter == 7:
                if size > limits[_RECORD_BYTES]:
                    out[_STATUS], out[_OFFSET] = _RESOURCE_TOO_LARGE, start_of_field
                    return
            elif enter == 8:
                nested += 1
                found |= 16  # the loading statement knows plain values only
                if nested > limits[_NEST]:
                    nested -= 1
                    continue
            if top + 1 >= _STACK:
                found |= 16
                if enter == 8:
                    nested -= 1
                continue
            top += 1
            ends[top] = pos
            types[top] = child
            attributes[top] = 0
            events[top] = 0
            links[top] = 0
            if enter == 2:
                record = top
            seen[top] = np.uint64(0)
            pos = begin


def _limits_vector(limits: Limits) -> NDArray[np.int64]:
    return np.array(
        [
            limits.name_bytes,
            limits.key_bytes,
            limits.value_bytes,
            limits.body_text_bytes,
            limits.nesting,
            limits.attributes_per_record,
            limits.attributes_per_resource,
            limits.events_per_span,
            limits.links_per_span,
            limits.records,
            limits.containers,
            limits.record_bytes,
        ],
        np.int64,
    )


def scan_message(body: bytes | memoryview, message: Message, limits: Limits) -> Scan:
    """
    Look through one serialised message of a known type.

    Raises:
        MalformedBody: it is not protobuf; the text says at which byte.
        LimitExceeded: it holds too many records or groups, or a resource that is too large.
    """
    out = np.zeros(_RESULTS, np.int64)
    buf = np.frombuffer(body, np.uint8)
    if len(buf):
        _walk(buf, int(message), _limits_vector(limits), WIRE, ACTION, CHILD, ENTER, out)
    status, offset = int(out[_STATUS]), int(out[_OFFSET])
    if status == _MALFORMED:
        raise MalformedBody(f"not a valid OTLP protobuf message: unreadable field at byte {offset}")
    if status == _TOO_MANY_RECORDS:
        raise LimitExceeded(
            f"more than {limits.records:,} records in one request (at byte {offset});"
            " send smaller batches"
        )
    if status == _TOO_MANY_CONTAINERS:
        raise LimitExceeded(
            f"more than {limits.containers:,} resource or scope groups in one request"
            f" (at byte {offset}); send smaller batches"
        )
    if status == _RESOURCE_TOO_LARGE:
        raise LimitExceeded(
            f"a resource or scope of more than {limits.record_bytes:,} bytes (at byte {offset})"
        )
    points = out[_POINTS:]
    return Scan(
        records=int(out[_RECORDS]),
        points=(int(points[0]), int(points[1]), int(points[2]), int(points[3]), int(points[4])),
        faults=Fault(int(out[_FAULTS])),
        owner_faults=Fault(int(out[_OWNER_FAULTS])),
    )


def scan(body: bytes | memoryview, signal: Signal, limits: Limits) -> Scan:
    """Look through one serialised Export…ServiceRequest; raises as `scan_message`."""
    return scan_message(body, ROOT[signal], limits)


def warm_up() -> None:
    """Compile the scan, or fetch it from the cache, before the first request needs it."""
    scan(b"\x0a\x00", "traces", Limits())
