"""
Zipkin v2 JSON to OTLP spans.

Ids and times are kept verbatim (64-bit trace ids are padded on the left). The two halves of a
shared span therefore keep one span id, as Zipkin stores them: a CLIENT and a SERVER span;
whoever builds the tree must take the SERVER half as the child of the CLIENT half.
"""

from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tracepulse.errors import MalformedBody
from tracepulse.receive.any_value import add_attributes
from tracepulse.receive.complaints import Complaints
from tracepulse.receive.json_body import decode_json
from tracepulse.receive.span_parts import (
    SPAN_KINDS,
    SpanGroups,
    SpanRefusedError,
    apply_status_tags,
    child_objects,
    hex_id,
    micros_to_ns,
)

__all__ = ["looks_like_zipkin", "read_zipkin", "read_zipkin_value"]


def read_zipkin(body: bytes, complaints: Complaints | None = None) -> ExportTraceServiceRequest:
    """
    Read a list of Zipkin v2 spans.

    A span that cannot be used is left out and described in `complaints`.

    Raises:
        MalformedBody: the body is not a JSON list of objects.
        LimitExceeded: it has more objects and lists than are read.
    """
    return read_zipkin_value(decode_json(body), complaints)


def read_zipkin_value(
    value: Any, complaints: Complaints | None = None
) -> ExportTraceServiceRequest:
    """Read decoded Zipkin v2 spans, or a list of such lists (what Zipkin's query API answers)."""
    if isinstance(value, dict) and looks_like_zipkin(value):
        value = [value]
    if not isinstance(value, list):
        raise MalformedBody("Zipkin v2: need a list of spans")
    complaints = Complaints() if complaints is None else complaints
    groups = SpanGroups()
    spans = [span for item in value for span in (item if isinstance(item, list) else [item])]
    starts = _first_start_by_trace(spans)
    for index, span in enumerate(spans):
        try:
            if not isinstance(span, dict):
                raise SpanRefusedError("not an object")
            _add_span(groups, span, starts)
        except SpanRefusedError as refusal:
            complaints.add(f"[{index}]", str(refusal))
    return groups.request


def looks_like_zipkin(value: Any) -> bool:
    """Tell whether a decoded object is a Zipkin v2 span."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("traceId"), str)
        and isinstance(value.get("id"), str)
    )


def _first_start_by_trace(spans: list[Any]) -> dict[str, int]:
    """Return the earliest timestamp (µs) of each trace, for spans that were reported without."""
    earliest: dict[str, int] = {}
    for span in spans:
        if isinstance(span, dict):
            trace, start = span.get("traceId"), span.get("timestamp")
            if isinstance(trace, str) and type(start) is int and start > 0:
                earliest[trace] = min(start, earliest.get(trace, start))
    return earliest


def _add_span(groups: SpanGroups, source: dict[str, Any], starts: dict[str, int]) -> None:
    trace_id = hex_id(source.get("traceId"), 16, "traceId")
    span_id = hex_id(source.get("id"), 8, "id")
    parent = source.get("parentId")
    parent_id = hex_id(parent, 8, "parentId") if parent else b""
    start_ns, end_ns, absent = _times(source, starts)
    events = _events(source)  # nothing is refused once the span is added
    tags = source.get("tags")
    tags = dict(tags) if isinstance(tags, dict) else {}

    service = _endpoint(source, "localEndpoint").get("serviceName")
    service = service if isinstance(service, str) and service else None
    name, version = (str(tags.pop(f"otel.scope.{part}", "")) for part in ("name", "version"))
    scope = groups.scope(service, [("service.name", service)], name, version)
    span = scope.spans.add(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent_id,
        name=source["name"] if isinstance(source.get("name"), str) else "",
        kind=SPAN_KINDS.get(str(source.get("kind", "")).lower(), Span.SPAN_KIND_UNSPECIFIED),
        start_time_unix_nano=start_ns,
        end_time_unix_nano=end_ns,
    )
    apply_status_tags(span, tags)
    _apply_error_tag(span, tags)
    add_attributes(span.attributes, tags.items())
    add_attributes(span.attributes, _endpoint_attributes(source))
    add_attributes(span.attributes, [("zipkin.absent", absent or None)])
    for flag in ("shared", "debug"):
        if source.get(flag) is True:
            add_attributes(span.attributes, [(f"zipkin.{flag}", True)])
    for time_unix_ns, text in events:
        span.events.add(time_unix_nano=time_unix_ns, name=text)


def _times(source: dict[str, Any], starts: dict[str, int]) -> tuple[int, int, list[str]]:
    """
    Return start, end and the names of the times that were not reported.

    Zipkin lets either be missing (a span still running when flushed, or joined late); a missing
    start is put at the first instant known of its trace, so that it sorts with it.
    """
    absent = [key for key in ("timestamp", "duration") if not source.get(key)]
    if source.get("timestamp"):
        start_ns = micros_to_ns(source["timestamp"], "timestamp")
    else:
        noted = [time_unix_ns for time_unix_ns, _ in _events(source)]
        start_ns = min(noted, default=starts.get(source["traceId"], 0) * 1000)
    length_ns = micros_to_ns(source["duration"], "duration") if source.get("duration") else 0
    if start_ns + length_ns > 2**63 - 1:
        raise SpanRefusedError("duration: ends after 2262")
    return start_ns, start_ns + length_ns, absent


def _endpoint(source: dict[str, Any], side: str) -> dict[str, Any]:
    endpoint = source.get(side)
    return endpoint if isinstance(endpoint, dict) else {}


def _endpoint_attributes(source: dict[str, Any]) -> list[tuple[str, Any]]:
    local, remote = _endpoint(source, "localEndpoint"), _endpoint(source, "remoteEndpoint")
    return [
        ("network.local.address", local.get("ipv4") or local.get("ipv6")),
        ("network.local.port", local.get("port") or None),
        ("peer.service", remote.get("serviceName") or None),
        ("network.peer.address", remote.get("ipv4") or remote.get("ipv6")),
        ("network.peer.port", remote.get("port") or None),
    ]


def _apply_error_tag(span: Span, tags: dict[str, Any]) -> None:
    """Set the status from the tag `error`, whose text is the message; 'false' is no error."""
    error = tags.get("error")
    if error is None or str(error).lower() == "false":
        return
    span.status.code = Status.STATUS_CODE_ERROR
    if not span.status.message and str(error).lower() != "true":
        span.status.message = str(error)
    del tags["error"]


def _events(source: dict[str, Any]) -> list[tuple[int, str]]:
    return [
        (micros_to_ns(note.get("timestamp"), "annotations.timestamp"), str(note.get("value", "")))
        for note in child_objects(source, "annotations")
    ]
