"""
Instants that cannot be right, moved to where they do no harm.

The scan only finds them; records that have one come here, already parsed. What the sender wrote stays
on the record, as text because it may not fit a signed number:

    tracepulse.original_time_unix_nano             start of a span, time of an event or log line
    tracepulse.original_end_time_unix_nano         end of a span
    tracepulse.original_observed_time_unix_nano    of a log line
    tracepulse.original_start_time_unix_nano       start of a series of points
    tracepulse.end_before_start                    true on a span that then has no length

On points they are filtered attributes of an exemplar, because a point's own attributes tell series
apart: a wrong clock would make a series of every point.
"""

from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tracepulse.receive.limits import TimeWindow

__all__ = [
    "CLAMPED",
    "MISSING",
    "REVERSED",
    "clamp_exemplar",
    "mend_log_times",
    "mend_point_times",
    "mend_span_times",
]

CLAMPED, MISSING, REVERSED = "time_clamped", "time_missing", "end_before_start"
"""Why a record was mended, for counting; a record can be counted under each once."""

_ORIGINAL = "tracepulse.original_{}time_unix_nano"


def mend_span_times(span: Any, window: TimeWindow) -> frozenset[str]:
    """
    Move a span into the window, with its length and its events as far as they fit; return why.

    A span without a start starts at its end, or when it was received; one that ends before it starts
    has no length.
    """
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    reasons: set[str] = set()
    marks: list[KeyValue] = []
    at = start
    if not start and window.received_unix_ns:
        at = end if _inside(end, window) else window.received_unix_ns
        reasons.add(MISSING)
    length = max(0, end - at)
    # One from the future is moved back by its end, so that it is whole.
    ahead = at > window.latest_unix_ns
    new_start = _clamped(window.latest_unix_ns - length if ahead else at, window)
    shift = new_start - at
    if end < start:
        new_end = new_start
        reasons.add(REVERSED)
        marks.append(KeyValue(key="tracepulse.end_before_start", value=AnyValue(bool_value=True)))
    else:
        new_end = max(new_start, _clamped(end + shift, window))
    if shift or (end and end >= start and new_end != end):
        reasons.add(CLAMPED)
    marks += _marks(("", start, new_start), ("end_", end, new_end))
    span.start_time_unix_nano, span.end_time_unix_nano = new_start, new_end
    for event in span.events:
        written = event.time_unix_nano
        moved = written + shift if written else new_start
        event.time_unix_nano = _clamped(moved, window)
        if event.time_unix_nano != moved:
            reasons.add(CLAMPED)
            _put_first(event, _marks(("", written, event.time_unix_nano)))
    _put_first(span, marks)
    return frozenset(reasons)


def mend_log_times(record: Any, window: TimeWindow) -> frozenset[str]:
    """
    Move a log record's times into the window; return why, if they had to be.

    Zero is no fault: OTLP then means the instant when the line was observed, and where that is zero
    too the tables hold the instant of receipt.
    """
    marks: list[KeyValue] = []
    for name, kind in (("time_unix_nano", ""), ("observed_time_unix_nano", "observed_")):
        written = getattr(record, name)
        if written:
            setattr(record, name, _clamped(written, window))
            marks += _marks((kind, written, getattr(record, name)))
    _put_first(record, marks)
    return frozenset({CLAMPED} if marks else ())


def mend_point_times(point: Any, window: TimeWindow) -> frozenset[str]:
    """
    Move a metric point into the window; return why, if it had to be.

    A series may have started long before retention, so its start is only taken away (zero means
    unknown) where it lies in the future.
    """
    time, start = point.time_unix_nano, point.start_time_unix_nano
    if not time and window.received_unix_ns:
        point.time_unix_nano = window.received_unix_ns
    else:
        point.time_unix_nano = _clamped(time, window)
    if start > window.latest_unix_ns:
        point.start_time_unix_nano = 0
    marks = _marks(("", time, point.time_unix_nano), ("start_", start, point.start_time_unix_nano))
    missing = {MISSING} if point.time_unix_nano and not time else set()
    if not marks:
        return frozenset(missing)
    if hasattr(point, "exemplars"):
        point.exemplars.add(time_unix_nano=point.time_unix_nano, filtered_attributes=marks)
    else:
        _put_first(point, marks)
    return frozenset({CLAMPED, *missing})


def clamp_exemplar(exemplar: Any, window: TimeWindow) -> None:
    """Move an exemplar's time into the window; it is worth no mark of its own."""
    if exemplar.time_unix_nano:
        exemplar.time_unix_nano = _clamped(exemplar.time_unix_nano, window)


def _inside(instant: int, window: TimeWindow) -> bool:
    return window.earliest_unix_ns <= instant <= window.latest_unix_ns


def _clamped(instant: int, window: TimeWindow) -> int:
    return min(max(instant, window.earliest_unix_ns), window.latest_unix_ns)


def _marks(*changes: tuple[str, int, int]) -> list[KeyValue]:
    """Return attributes that keep what was written where something else stands now; 0 is nothing."""
    return [
        KeyValue(key=_ORIGINAL.format(kind), value=AnyValue(string_value=str(written)))
        for kind, written, now in changes
        if written not in (0, now)
    ]


def _put_first(owner: Any, marks: list[KeyValue]) -> None:
    """Add attributes where a cut to the limit does not reach them."""
    for mark in reversed(marks):
        owner.attributes.insert(0, mark)
