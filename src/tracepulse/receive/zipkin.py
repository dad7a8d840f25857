"""
Zipkin v2 JSON to OTLP spans.

Ids and times are kept verbatim (64-bit trace ids are padded on the left). The two halves of a
shared span therefore keep one span id, as Zipkin stores them: a CLIENT and a SERVER span;
whoever builds the tree must take the SERVER half as the child of the CLIENT half.
"""

from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tracepulse.errors import MalformedBody
from tracepulse.receive.any_value import compact_json, plain_text
from tracepulse.receive.complaints import Complaints
from tracepulse.receive.json_body import decode_json
from tracepulse.receive.span_parts import (
    SPAN_KINDS,
    STATUS_CODES,
    SpanRefusedError,
    child_objects,
    hex_id,
    micros_to_ns,
)
from tracepulse.receive.span_writer import SpanWriter, event_bytes, status_bytes

__all__ = [
    "looks_like_zipkin",
    "looks_like_zipkin_v1",
    "read_zipkin",
    "read_zipkin_value",
    "write_zipkin",
]

_Object = dict[str, Any]
_ERROR, _UNSET = Status.STATUS_CODE_ERROR, Status.STATUS_CODE_UNSET
_KINDS = {name.upper(): int(kind) for name, kind in SPAN_KINDS.items()}
_OWN_TAGS = (
    "error",
    "otel.scope.name",
    "otel.scope.version",
    "otel.status_code",
    "otel.status_description",
)
"""Tags that are a span's own fields in OpenTelemetry."""
_MICROS = (2**63 - 1) // 1000
"""Instants before 2262, in µs."""
_ZERO = bytes(8)
_ENDPOINTS = 1_024
"""Ends that are remembered while a body is read."""


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
    complaints = Complaints() if complaints is None else complaints
    return ExportTraceServiceRequest.FromString(write_zipkin(value, complaints))


def write_zipkin(value: Any, complaints: Complaints) -> bytes:
    """
    Return decoded Zipkin v2 spans as the bytes of an OTLP request.

    Raises:
        MalformedBody: it is no list of objects.
    """
    if isinstance(value, dict) and looks_like_zipkin(value):
        value = [value]
    if not isinstance(value, list):
        raise MalformedBody("Zipkin v2: need a list of spans")
    spans = [span for item in value for span in (item if isinstance(item, list) else [item])]
    reading = _Reading(spans)
    for index, span in enumerate(spans):
        try:
            if type(span) is not dict:
                raise SpanRefusedError("not an object")
            reading.add(span)
        except SpanRefusedError as refusal:
            complaints.add(f"[{index}]", str(refusal))
            complaints.refused_records += 1
    return reading.writer.to_bytes()


def looks_like_zipkin(value: Any) -> bool:
    """Tell whether a decoded object is a Zipkin v2 span."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("traceId"), str)
        and isinstance(value.get("id"), str)
    )


def looks_like_zipkin_v1(value: Any) -> bool:
    """Tell whether decoded spans are of version 1: endpoints stand in their annotations."""
    first = value[0] if isinstance(value, list) and value else None
    if (
        not isinstance(first, dict)
        or not looks_like_zipkin(first)
        or first.keys() & {"localEndpoint", "kind", "tags"}
    ):
        return False
    return "binaryAnnotations" in first or any(
        "endpoint" in note for note in child_objects(first, "annotations")
    )


class _Reading:
    """The spans of one body on their way into a request, and what they share."""

    __slots__ = ("_endpoints", "_groups", "_spans", "_starts", "_trace_ids", "writer")

    def __init__(self, spans: list[Any]) -> None:
        self.writer = SpanWriter()
        self._spans = spans
        self._starts: dict[str, int] | None = None
        self._trace_ids: dict[str, bytes] = {}
        self._groups: dict[Any, list[bytes]] = {}
        self._endpoints: dict[tuple[str, Any, Any, Any, Any], bytes] = {}

    def add(self, source: _Object) -> None:
        """Write one span; raises SpanRefusedError before anything of it is written."""
        get = source.get
        trace = get("traceId")
        trace_id = self._trace_ids.get(trace) if type(trace) is str else None
        if trace_id is None:
            trace_id = hex_id(trace, 16, "traceId")
            self._trace_ids[str(trace)] = trace_id
        span_id = _span_id(get("id"), "id")
        parent = get("parentId")
        parent_id = _span_id(parent, "parentId") if parent else b""
        events = _events(source) if get("annotations") else ()
        start, length = get("timestamp"), get("duration")
        absent: tuple[str, ...] = ()
        if type(start) is int and type(length) is int and start > 0 < length < _MICROS - start:
            start_ns, end_ns = start * 1000, (start + length) * 1000
        else:
            start_ns, end_ns, absent = self._times(source, events)

        tags, scope, rest = get("tags"), ("", ""), b""
        if type(tags) is dict:
            if not tags.keys().isdisjoint(_OWN_TAGS):
                tags = dict(tags)
                scope, rest = _scope(tags), status_bytes(*_status(tags))
            rest = self.writer.attributes.all(tags.items()) + rest
        local, remote = get("localEndpoint"), get("remoteEndpoint")
        service = local.get("serviceName") if type(local) is dict else None
        if type(local) is dict:
            rest += self._endpoint("local", local)
        if type(remote) is dict:
            rest += self._endpoint("peer", remote)
        if absent or get("shared") or get("debug"):
            rest += self._marks(source, absent)
        for time_unix_ns, text in events:
            rest += event_bytes(time_unix_ns, text)
        name, kind = get("name"), get("kind")
        self.writer.add(
            self._group(service, scope),
            trace_id,
            span_id,
            parent_id,
            name if type(name) is str else "",
            _KINDS.get(kind.upper(), 0) if type(kind) is str else 0,
            start_ns,
            end_ns,
            rest,
        )

    def _group(self, service: Any, scope: tuple[str, str]) -> list[bytes]:
        if type(service) is not str:
            service = ""
        found = self._groups.get((service, scope))
        if found is None:
            resource = (("service.name", service),) if service else ()
            found = self._groups[service, scope] = self.writer.group(resource, scope)
        return found

    def _endpoint(self, side: str, endpoint: _Object) -> bytes:
        """Write what is known of the local or the remote end; most spans of a body share theirs."""
        get = endpoint.get
        key = (side, get("serviceName"), get("ipv4"), get("ipv6"), get("port"))
        try:
            found = self._endpoints.get(key)
        except TypeError:  # something that is no text or number
            return self._write_endpoint(*key)
        if found is None:
            found = self._write_endpoint(*key)
            if len(self._endpoints) < _ENDPOINTS:
                self._endpoints[key] = found
        return found

    def _write_endpoint(self, side: str, service: Any, ipv4: Any, ipv6: Any, port: Any) -> bytes:
        return self.writer.attributes.all(
            (
                ("peer.service", (service or None) if side == "peer" else None),
                (f"network.{side}.address", ipv4 or ipv6),
                (f"network.{side}.port", port or None),
            )
        )

    def _marks(self, source: _Object, absent: tuple[str, ...]) -> bytes:
        return self.writer.attributes.all(
            (
                ("zipkin.absent", compact_json(absent) if absent else None),
                ("zipkin.shared", True if source.get("shared") is True else None),
                ("zipkin.debug", True if source.get("debug") is True else None),
            )
        )

    def _times(
        self, source: _Object, events: tuple[tuple[int, str], ...]
    ) -> tuple[int, int, tuple[str, ...]]:
        """
        Return start, end and the names of the times that were not reported.

        Zipkin lets either be missing (a span still running when flushed, or joined late); a missing
        start is put at the first instant known of its trace, so that it sorts with it.
        """
        start, length = source.get("timestamp"), source.get("duration")
        absent = tuple(key for key in ("timestamp", "duration") if not source.get(key))
        if start:
            start_ns = micros_to_ns(start, "timestamp")
        else:
            noted = [time_unix_ns for time_unix_ns, _ in events]
            start_ns = min(noted, default=self._first_start(source["traceId"]) * 1000)
        length_ns = micros_to_ns(length, "duration") if length else 0
        if start_ns + length_ns > 2**63 - 1:
            raise SpanRefusedError("duration: ends after 2262")
        return start_ns, start_ns + length_ns, absent

    def _first_start(self, trace_id: str) -> int:
        """Return the earliest timestamp (µs) of a trace, for spans that were reported without; or 0."""
        if self._starts is None:
            earliest: dict[str, int] = {}
            self._starts = earliest
            for span in self._spans:
                if isinstance(span, dict):
                    trace, start = span.get("traceId"), span.get("timestamp")
                    if isinstance(trace, str) and type(start) is int and 0 < start < _MICROS:
                        earliest[trace] = min(start, earliest.get(trace, start))
        return self._starts.get(trace_id, 0)


def _span_id(value: Any, what: str) -> bytes:
    if type(value) is str and len(value) == 16:
        try:
            raw = bytes.fromhex(value)
        except ValueError:
            raw = b""
        if len(raw) == 8 and raw != _ZERO:
            return raw
    return hex_id(value, 8, what)


def _scope(tags: _Object) -> tuple[str, str]:
    """Take the instrumentation scope out of the tags, where OpenTelemetry's exporters write it."""
    return (
        plain_text(tags.pop("otel.scope.name", "")),
        plain_text(tags.pop("otel.scope.version", "")),
    )


def _status(tags: _Object) -> tuple[int, str]:
    """
    Take the status out of the tags.

    The presence of the tag `error` is an error and its text the message; "false" is none.
    """
    code, message = _UNSET, ""
    written = tags.get("otel.status_code")
    if isinstance(written, str) and written.upper() in STATUS_CODES:
        code = STATUS_CODES[written.upper()]
        del tags["otel.status_code"]
    description = tags.get("otel.status_description")
    if isinstance(description, str):
        message = description
        del tags["otel.status_description"]
    error = tags.get("error")
    told = plain_text(error)
    if error is not None and told.lower() != "false":
        code = _ERROR
        if not message and told.lower() != "true":
            message = told
        del tags["error"]
    return code, message


def _events(source: _Object) -> tuple[tuple[int, str], ...]:
    return tuple(
        (
            micros_to_ns(note.get("timestamp"), "annotations.timestamp"),
            plain_text(note.get("value", "")),
        )
        for note in child_objects(source, "annotations")
    )
