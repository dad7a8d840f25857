"""
The second lane: requests with bad records, without those records.

Good records keep their bytes. Arrays and maps among the values become JSON text, as the tables hold
them. A record that is too long, too deep or has too many parts is cut to the limits and says so; one
with an instant that cannot be right is moved (`event_times.py`); one that cannot be kept is left out
and counted under its reason.
"""

import base64
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, MutableSequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as ProtobufMessage
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tracepulse.receive.event_times import (
    clamp_exemplar,
    mend_log_times,
    mend_point_times,
    mend_span_times,
)
from tracepulse.receive.limits import ANY_TIME, Limits, TimeWindow
from tracepulse.receive.signals import Signal
from tracepulse.receive.wire import Fault, scan_message
from tracepulse.receive.wire_fields import bytes_field, fields
from tracepulse.receive.wire_schema import Message

__all__ = ["Cleaned", "clean"]

_RECORD = {
    "traces": (Message.SPAN, Span),
    "logs": (Message.LOG_RECORD, LogRecord),
    "metrics": (Message.METRIC, Metric),
}
_SCOPE = {
    "traces": Message.SCOPE_SPANS,
    "logs": Message.SCOPE_LOGS,
    "metrics": Message.SCOPE_METRICS,
}
_LONG_TEXT_KEYS = frozenset({"exception.stacktrace", "code.stacktrace", "db.query.text"})
_NOT_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}
_BAD_ID = "id_length"


@dataclass(slots=True)
class Cleaned:
    """A request that may be stored, and what it lost."""

    body: bytes = b""
    rejected: Counter[str] = field(default_factory=Counter)
    """Records left out, by reason."""
    altered: int = 0
    """Records, resources and scopes kept in part or in another form."""
    mended: Counter[str] = field(default_factory=Counter)
    """Records whose times were moved, by reason."""
    records_are_good: bool = False
    window: TimeWindow = ANY_TIME


def clean(
    body: bytes,
    signal: Signal,
    limits: Limits,
    window: TimeWindow = ANY_TIME,
    records_are_good: bool = False,
) -> Cleaned:
    """
    Return the request without its bad records.

    Args:
        window: instants that records may bear.
        records_are_good: only resources and scopes need a look.
    Raises:
        MalformedBody: the groups themselves cannot be read.
    """
    cleaned = Cleaned(records_are_good=records_are_good, window=window)
    parts = []
    for number, wire, value, _whole in fields(memoryview(body)):
        if number == 1 and wire == 2:
            parts.append(bytes_field(1, _clean_group(value, signal, limits, cleaned)))
    cleaned.body = b"".join(parts)
    return cleaned


def _clean_group(group: memoryview, signal: Signal, limits: Limits, cleaned: Cleaned) -> bytes:
    """Clean one resource group: resource (1), scope groups (2), schema address (3)."""
    parts = []
    for number, wire, value, _whole in fields(group):
        if number == 1 and wire == 2:
            kept = _clean_owner(value, Message.RESOURCE, Resource(), limits, cleaned)
            parts.append(bytes_field(1, kept))
        elif number == 2 and wire == 2:
            parts.append(bytes_field(2, _clean_scope(value, signal, limits, cleaned)))
        elif number == 3 and wire == 2 and _is_text(value):
            parts.append(_schema_address(value, limits))
    return b"".join(parts)


def _clean_scope(group: memoryview, signal: Signal, limits: Limits, cleaned: Cleaned) -> bytes:
    """Clean one scope group: scope (1), records (2), schema address (3)."""
    message, record_class = _RECORD[signal]
    if cleaned.records_are_good and not scan_message(group, _SCOPE[signal], limits).owner_faults:
        return bytes(group)
    parts = []
    for number, wire, value, whole in fields(group):
        if number == 1 and wire == 2:
            kept = _clean_owner(value, Message.SCOPE, InstrumentationScope(), limits, cleaned)
            parts.append(bytes_field(1, kept))
        elif number == 2 and wire == 2:
            if cleaned.records_are_good:
                parts.append(bytes(whole))
                continue
            record = _clean_record(value, message, record_class(), limits, cleaned)
            if record is not None:
                parts.append(bytes_field(2, record))
        elif number == 3 and wire == 2 and _is_text(value):
            parts.append(_schema_address(value, limits))
    return b"".join(parts)


def _clean_owner(
    value: memoryview, message: Message, parsed: ProtobufMessage, limits: Limits, cleaned: Cleaned
) -> bytes:
    """Clean a resource or scope: what cannot be read of it is left out, and its records stay."""
    if not scan_message(value, message, limits).owner_faults:
        return bytes(value)
    cleaned.altered += 1
    for _number, _wire, _value, whole in fields(value):
        part = type(parsed)()
        try:
            part.ParseFromString(bytes(whole))
        except DecodeError:
            continue
        parsed.MergeFrom(part)
    parsed.DiscardUnknownFields()
    for name in ("name", "version"):
        if hasattr(parsed, name):
            setattr(parsed, name, _cut(getattr(parsed, name), limits.name_bytes))
    _trim_attributes(parsed, limits.attributes_per_resource, limits)
    return parsed.SerializeToString()


def _clean_record(
    value: memoryview, message: Message, parsed: Any, limits: Limits, cleaned: Cleaned
) -> bytes | None:
    is_metric = message is Message.METRIC
    if len(value) > limits.record_bytes and not is_metric:
        cleaned.rejected["record_size"] += 1
        return None
    scanned = scan_message(value, message, limits, cleaned.window)
    count = scanned.records if is_metric else 1
    found = scanned.faults | scanned.owner_faults
    if not found:
        return bytes(value)
    if not is_metric and Fault.ID_LENGTH in found:
        cleaned.rejected[_BAD_ID] += count
        return None
    try:
        parsed.ParseFromString(bytes(value))
    except DecodeError:
        cleaned.rejected["utf8" if Fault.UTF8 in found else "unreadable"] += count
        return None
    parsed.DiscardUnknownFields()
    if is_metric:
        # Points without a place among the kinds, such as those of a second kind, go as well.
        dropped = _drop_points(parsed, limits)
        cleaned.rejected += dropped
        left = len(_points(parsed))
        if left + dropped.total() < count:
            cleaned.rejected["unreadable"] += count - left - dropped.total()
    if Fault.TIME in found:
        for reasons in _MEND_TIMES[message](parsed, cleaned.window):
            cleaned.mended.update(reasons)
    _TRIM[message](parsed, limits)
    cleaned.altered += 1
    return bytes(parsed.SerializeToString())


def _trim_span(span: Any, limits: Limits) -> None:
    span.name = _cut(span.name, limits.name_bytes)
    span.trace_state = _cut(span.trace_state, limits.name_bytes)
    if span.status.message:
        span.status.message = _cut(span.status.message, limits.value_bytes)
    _trim_attributes(span, limits.attributes_per_record, limits)
    span.dropped_events_count += _shorten(span.events, limits.events_per_span)
    span.dropped_links_count += _shorten(span.links, limits.links_per_span)
    for part in span.events:
        part.name = _cut(part.name, limits.name_bytes)
        _trim_attributes(part, limits.attributes_per_record, limits)
    for link in span.links:
        link.trace_state = _cut(link.trace_state, limits.name_bytes)
        _trim_attributes(link, limits.attributes_per_record, limits)


def _trim_log_record(record: Any, limits: Limits) -> None:
    record.severity_text = _cut(record.severity_text, limits.name_bytes)
    record.event_name = _cut(record.event_name, limits.name_bytes)
    if record.HasField("body"):
        _trim_value(record.body, limits.body_text_bytes, limits)
    _trim_attributes(record, limits.attributes_per_record, limits)


def _points(metric: Any) -> MutableSequence[Any]:
    kind = metric.WhichOneof("data")
    points: MutableSequence[Any] = getattr(metric, kind).data_points if kind else []
    return points


def _drop_points(metric: Any, limits: Limits) -> Counter[str]:
    """Take out the points that cannot be kept, whose record a point is; return how many, why."""
    dropped: Counter[str] = Counter()
    points = _points(metric)
    for index in range(len(points) - 1, -1, -1):
        point = points[index]
        if point.ByteSize() > limits.record_bytes:
            dropped["record_size"] += 1
            del points[index]
    return dropped


def _trim_metric(metric: Any, limits: Limits) -> None:
    for name in ("name", "description", "unit"):
        setattr(metric, name, _cut(getattr(metric, name), limits.name_bytes))
    _trim_pairs(metric.metadata, limits.attributes_per_record, limits)
    for point in _points(metric):
        _trim_attributes(point, limits.attributes_per_record, limits)
        if hasattr(point, "exemplars"):
            kept = [e for e in point.exemplars if _is_good_exemplar(e)]
            for each in kept:
                _trim_pairs(each.filtered_attributes, limits.attributes_per_record, limits)
            del point.exemplars[:]
            point.exemplars.extend(kept)


_TRIM: dict[Message, Callable[[Any, Limits], None]] = {
    Message.SPAN: _trim_span,
    Message.LOG_RECORD: _trim_log_record,
    Message.METRIC: _trim_metric,
}


def _is_good_exemplar(exemplar: Any) -> bool:
    return len(exemplar.trace_id) in (0, 16) and len(exemplar.span_id) in (0, 8)


def _mend_metric_times(metric: Any, window: TimeWindow) -> Iterator[frozenset[str]]:
    for point in _points(metric):
        for exemplar in getattr(point, "exemplars", ()):
            clamp_exemplar(exemplar, window)
        yield mend_point_times(point, window)


_MEND_TIMES: dict[Message, Callable[[Any, TimeWindow], Iterable[frozenset[str]]]] = {
    Message.SPAN: lambda span, window: (mend_span_times(span, window),),
    Message.LOG_RECORD: lambda record, window: (mend_log_times(record, window),),
    Message.METRIC: _mend_metric_times,
}


def _trim_attributes(owner: Any, limit: int, limits: Limits) -> None:
    dropped = _trim_pairs(owner.attributes, limit, limits)
    if dropped and hasattr(owner, "dropped_attributes_count"):
        owner.dropped_attributes_count = min(owner.dropped_attributes_count + dropped, 2**32 - 1)


def _trim_pairs(pairs: MutableSequence[Any], limit: int, limits: Limits) -> int:
    dropped = _shorten(pairs, limit)
    for pair in pairs:
        text_limit = limits.body_text_bytes if pair.key in _LONG_TEXT_KEYS else limits.value_bytes
        pair.key = _cut(pair.key, limits.key_bytes)
        _trim_value(pair.value, text_limit, limits)
    return dropped


def _trim_value(value: AnyValue, text_limit: int, limits: Limits) -> None:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        value.string_value = _cut(value.string_value, text_limit)
    elif kind == "bytes_value":
        value.bytes_value = value.bytes_value[: limits.body_text_bytes]
    elif kind in ("array_value", "kvlist_value"):
        plain = _plain(value, limits.nesting)
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
        value.string_value = _cut(text, text_limit)


def _plain(value: AnyValue, levels: int) -> Any:
    """Return a value as JSON knows it; what lies deeper than `levels` as the text [depth]."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_plain(v, levels - 1) for v in value.array_value.values] if levels else "[depth]"
    if kind == "kvlist_value":
        if not levels:
            return "[depth]"
        return {p.key: _plain(p.value, levels - 1) for p in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind == "double_value" and not math.isfinite(value.double_value):
        # JSON has no word for these; the text is that of Protobuf's JSON.
        return _NOT_FINITE.get(value.double_value, "NaN")
    return getattr(value, kind)


def _shorten(parts: MutableSequence[Any], limit: int) -> int:
    dropped = max(0, len(parts) - limit)
    if dropped:
        del parts[limit:]
    return dropped


def _cut(text: str, limit: int) -> str:
    encoded = text.encode()
    return text if len(encoded) <= limit else encoded[:limit].decode("utf-8", "ignore")


def _schema_address(value: memoryview, limits: Limits) -> bytes:
    return bytes_field(3, _cut(bytes(value).decode(), limits.name_bytes).encode())


def _is_text(value: memoryview) -> bool:
    try:
        bytes(value).decode()
    except UnicodeDecodeError:
        return False
    return True
