"""
One compiled pass over the bytes of an OTLP request, before anything is parsed or stored.

The scan checks structure, counts, sizes, depth, id lengths, times and UTF-8. A request that passes
is stored as the bytes it came in; one with bad records goes to `cleaning.py`. How it looks at the
bytes is in `wire_kernel.py`.
"""

from dataclasses import dataclass
from enum import IntFlag
from functools import cache

import numpy as np
from google.protobuf.internal import api_implementation
from numpy.typing import NDArray

from tracepulse.errors import LimitExceeded, MalformedBody, SenderError, Unavailable
from tracepulse.receive.limits import ANY_TIME, Limits, TimeWindow
from tracepulse.receive.signals import Signal
from tracepulse.receive.wire_kernel import (
    FAULTS,
    LIMITS,
    MALFORMED,
    OFFSET,
    OWNER_FAULTS,
    POINTS,
    RECORDS,
    RESULTS,
    STATUS,
    TOO_MANY_CONTAINERS,
    TOO_MANY_RECORDS,
    walk,
)
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


_FAULT = [Fault(bits) for bits in range(2 * max(Fault))]
"""Every combination, made once."""


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


@cache
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
            0,
            0,
        ],
        np.int64,
    )


def scan_message(
    body: bytes | memoryview, message: Message, limits: Limits, window: TimeWindow = ANY_TIME
) -> Scan:
    """
    Look through one serialised message of a known type.

    Raises:
        MalformedBody: it is not protobuf; the text says at which byte.
        LimitExceeded: it holds too many records or groups, or a resource that is too large.
    """
    vector = _limits_vector(limits).copy()
    vector[LIMITS - 2] = window.earliest_unix_ns
    vector[LIMITS - 1] = window.latest_unix_ns
    buf = np.frombuffer(body, np.uint8)
    found = np.zeros(RESULTS, np.int64)
    walk(buf, message.value, vector, WIRE, ACTION, CHILD, ENTER, found)
    out = found.tolist()
    if out[STATUS]:
        raise _refusal(out[STATUS], out[OFFSET], limits)
    return Scan(
        out[RECORDS],
        (out[POINTS], out[POINTS + 1], out[POINTS + 2], out[POINTS + 3], out[POINTS + 4]),
        _FAULT[out[FAULTS]],
        _FAULT[out[OWNER_FAULTS]],
    )


def _refusal(status: int, offset: int, limits: Limits) -> SenderError:
    if status == MALFORMED:
        return MalformedBody(
            f"not a valid OTLP protobuf message: unreadable field at byte {offset}"
        )
    if status == TOO_MANY_RECORDS:
        return LimitExceeded(
            f"more than {limits.records:,} records in one request (at byte {offset});"
            " send smaller batches"
        )
    if status == TOO_MANY_CONTAINERS:
        return LimitExceeded(
            f"more than {limits.containers:,} resource or scope groups in one request"
            f" (at byte {offset}); send smaller batches"
        )
    return LimitExceeded(
        f"a resource or scope of more than {limits.record_bytes:,} bytes (at byte {offset})"
    )


def scan(
    body: bytes | memoryview, signal: Signal, limits: Limits, window: TimeWindow = ANY_TIME
) -> Scan:
    """Look through one serialised Export…ServiceRequest; raises as `scan_message`."""
    return scan_message(body, ROOT[signal], limits, window)


def warm_up() -> None:
    """
    Compile the scan, or fetch it from the cache, before the first request needs it.

    Raises:
        Unavailable: protobuf runs without its C parser here, which bounds what hostile bytes cost.
    """
    if api_implementation.Type() != "upb":
        raise Unavailable(
            f"protobuf runs as {api_implementation.Type()!r} here, and 'upb' is needed: unset"
            " PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION, or install protobuf's wheel for this platform"
        )
    scan(b"\x0a\x00", "traces", Limits())
