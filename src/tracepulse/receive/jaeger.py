"""
Jaeger JSON to OTLP spans: what its query API and UI give and take, what it stores in Elasticsearch,
and the protobuf-JSON of its own model.

A reference CHILD_OF to the same trace is the parent, else a FOLLOWS_FROM to it; every other
reference, and a FOLLOWS_FROM that served as parent, is a link.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tracepulse.errors import MalformedBody
from tracepulse.receive.any_value import add_attributes
from tracepulse.receive.complaints import Complaints
from tracepulse.receive.json_body import decode_json
from tracepulse.receive.log_times import rfc3339_unix_ns
from tracepulse.receive.span_parts import (
    SPAN_KINDS,
    SpanGroups,
    SpanRefusedError,
    apply_status_tags,
    child_objects,
    hex_id,
    micros_to_ns,
)

__all__ = ["looks_like_jaeger", "read_jaeger", "read_jaeger_value"]

_DURATION = re.compile(r"(\d+)(?:\.(\d{1,9}))?(ns|s)")
_UNITS_NS = {"ns": 1, "s": 10**9}
_SPAN_ID_KEYS = ("spanID", "spanId")
_TRUE_WORDS = {"true": True, "false": False}


def read_jaeger(body: bytes, complaints: Complaints | None = None) -> ExportTraceServiceRequest:
    """
    Read Jaeger traces: `{"data": […]}`, one trace, a list of traces, stored spans, or search hits.

    A span that cannot be used is left out and described in `complaints`.

    Raises:
        MalformedBody: the body is not JSON, or has no Jaeger traces or spans.
        LimitExceeded: it has more objects and lists than are read.
    """
    return read_jaeger_value(decode_json(body), complaints)


def read_jaeger_value(
    value: Any, complaints: Complaints | None = None
) -> ExportTraceServiceRequest:
    """Read already decoded Jaeger traces; errors and complaints as in `read_jaeger`."""
    if not looks_like_jaeger(value):
        raise MalformedBody('Jaeger: need {"data": […]}, a trace with "spans", or a list of these')
    complaints = Complaints() if complaints is None else complaints
    groups = SpanGroups()
    for where, trace, span in _spans_of(value):
        try:
            _add_span(groups, trace, span)
        except SpanRefusedError as refusal:
            complaints.add(where, str(refusal))
    return groups.request


def looks_like_jaeger(value: Any, levels: int = 3) -> bool:
    """Tell whether a decoded value holds Jaeger traces or spans, in at most `levels` of list."""
    if isinstance(value, list):
        return levels > 0 and bool(value) and looks_like_jaeger(value[0], levels - 1)
    if not isinstance(value, dict):
        return False
    if _is_span(value):
        return True
    if isinstance(value.get("spans"), list):
        spans = value["spans"]
        return not spans or _is_span(spans[0])
    if isinstance(value.get("data"), list):
        return not value["data"] or looks_like_jaeger(value["data"], levels)
    return any(True for _ in _search_hits(value))


def _is_span(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and any(key in value for key in _SPAN_ID_KEYS)
        and ("operationName" in value)
    )


def _search_hits(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the stored spans of an Elasticsearch answer."""
    hits = value.get("hits")
    if isinstance(hits, dict):
        for hit in child_objects(hits, "hits"):
            if _is_span(hit.get("_source")):
                yield hit["_source"]


def _spans_of(
    value: Any, where: str = "", levels: int = 3
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield each span with its path and the trace object that holds its processes."""
    if isinstance(value, list):
        for index, item in enumerate(value if levels else ()):
            yield from _spans_of(item, f"{where}[{index}]", levels - 1)
    elif _is_span(value):
        yield where, {}, value
    elif isinstance(value, dict) and isinstance(value.get("spans"), list):
        for index, span in enumerate(value["spans"]):
            if isinstance(span, dict):
                yield f"{where}.spans[{index}]".lstrip("."), value, span
    elif isinstance(value, dict) and isinstance(value.get("data"), list):
        yield from _spans_of(value["data"], f"{where}data", levels)
    elif isinstance(value, dict):
        for index, span in enumerate(_search_hits(value)):
            yield f"hits.hits[{index}]._source", {}, span


def _add_span(groups: SpanGroups, trace: dict[str, Any], source: dict[str, Any]) -> None:
    trace_id = _trace_id(source)
    span_id = _span_id(source)
    start_ns = _instant_ns(source.get("startTime"), "startTime")
    end_ns = start_ns + _length_ns(source.get("duration"))
    if end_ns > 2**63 - 1:
        raise SpanRefusedError("duration: ends after 2262")
    stored = isinstance(source.get("process"), dict) and "traceID" in source
    tags = _tags(source, stored)
    resource_key, resource = _resource(trace, source, stored)
    scope = groups.scope(
        resource_key,
        resource,
        str(tags.pop("otel.scope.name", tags.pop("otel.library.name", ""))),
        str(tags.pop("otel.scope.version", tags.pop("otel.library.version", ""))),
    )
    parent_id, links = _parent_and_links(source, trace_id)
    events = list(_events(source, stored))  # nothing is refused once the span is added
    span = scope.spans.add(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent_id,
        name=str(source.get("operationName", "")),
        start_time_unix_nano=start_ns,
        end_time_unix_nano=end_ns,
    )
    if isinstance(source.get("flags"), int):
        span.flags = source["flags"] & 0xFF
    _apply_meaningful_tags(span, tags)
    add_attributes(span.attributes, tags.items())
    warnings = source.get("warnings")
    if isinstance(warnings, list) and warnings:
        add_attributes(span.attributes, [("jaeger.warnings", warnings)])
    for time_unix_ns, fields in events:
        event = span.events.add(time_unix_nano=time_unix_ns)
        if isinstance(fields.get("event"), str):
            event.name = fields.pop("event")
        add_attributes(event.attributes, fields.items())
    for linked_trace, linked_span, kind in links:
        link = span.links.add(trace_id=linked_trace, span_id=linked_span)
        add_attributes(link.attributes, [("opentracing.ref_type", kind)])


def _trace_id(source: dict[str, Any]) -> bytes:
    if "traceIdLow" in source:
        return _from_integers(source.get("traceIdHigh", 0), source["traceIdLow"])
    return hex_id(_hex_text(source.get("traceID", source.get("traceId"))), 16, "traceID")


def _span_id(source: dict[str, Any]) -> bytes:
    value = source.get("spanID", source.get("spanId"))
    if isinstance(value, int) and not isinstance(value, bool):
        return _from_integers(value)
    return hex_id(_hex_text(value), 8, "spanID")


def _from_integers(*parts: Any) -> bytes:
    """Return the id that Thrift's signed 64-bit integers stand for, high part first."""
    try:
        return b"".join((part % 2**64).to_bytes(8, "big") for part in parts)
    except (TypeError, AttributeError):
        raise SpanRefusedError("traceIdLow, spanId: not integers") from None


def _hex_text(value: Any) -> Any:
    """Return an id as hex; protobuf-JSON writes base64, whose padding tells it apart."""
    if isinstance(value, str) and value.endswith("="):
        try:
            return base64.b64decode(value, validate=True).hex()
        except binascii.Error:
            return value
    return value


def _instant_ns(value: Any, what: str) -> int:
    if isinstance(value, str) and not value.isdigit():
        instant_ns = rfc3339_unix_ns(value)
        if instant_ns is None:
            raise SpanRefusedError(f"{what}: '{value[:40]}' is neither microseconds nor RFC 3339")
        return instant_ns
    return micros_to_ns(value, what)


def _length_ns(value: Any) -> int:
    if isinstance(value, str) and not value.isdigit():
        match = _DURATION.fullmatch(value)
        if match is None:
            raise SpanRefusedError(
                f"duration: '{value[:40]}' is neither microseconds nor like 5000ns"
            )
        unit_ns = _UNITS_NS[match[3]]
        return int(match[1]) * unit_ns + int((match[2] or "0").ljust(9, "0")) * unit_ns // 10**9
    return micros_to_ns(value or 0, "duration")


def _tags(owner: dict[str, Any], stored: bool, key: str = "tags") -> dict[str, Any]:
    """Return typed tags by key; a key that comes twice keeps all its values, as a list."""
    held: dict[str, list[Any]] = {}
    for tag in child_objects(owner, key):
        name = tag.get("key")
        if isinstance(name, str):
            held.setdefault(name, []).append(_tag_value(tag, stored))
    tags = {name: values[0] if len(values) == 1 else values for name, values in held.items()}
    as_fields = owner.get("tag")  # Elasticsearch with tags as fields: dots are written as @
    if isinstance(as_fields, dict):
        for name, value in as_fields.items():
            tags.setdefault(str(name).replace("@", "."), value)
    return tags


def _tag_value(tag: dict[str, Any], stored: bool) -> Any:
    kind = str(tag.get("type", tag.get("vType", "string"))).lower()
    value = tag.get("value")
    if value is None:
        suffix = {"float64": "Float64", "double": "Double", "int64": "Int64", "long": "Long"}
        names = [f"v{suffix.get(kind, kind.capitalize())}", "vStr"]
        value = next((tag[name] for name in names if name in tag), "")
    if not isinstance(value, str):
        return float(value) if kind == "float64" and isinstance(value, int) else value
    return _typed(kind, value, stored)


def _typed(kind: str, text: str, stored: bool) -> Any:
    """Return a tag's value that was written as text, as its type; as it is if it does not fit."""
    try:
        if kind in ("int64", "long"):
            return int(text)
        if kind in ("float64", "double"):
            return float(text)
        if kind == "bool":
            return _TRUE_WORDS[text.lower()]
        if kind == "binary":
            return bytes.fromhex(text) if stored else base64.b64decode(text, validate=True)
    except (ValueError, KeyError):
        pass
    return text


def _resource(
    trace: dict[str, Any], source: dict[str, Any], stored: bool
) -> tuple[Any, list[tuple[str, Any]]]:
    """Return the process of a span as resource attributes, with a key that is equal for equals."""
    process = source.get("process")
    if not isinstance(process, dict):
        processes = trace.get("processes")
        name = source.get("processID", source.get("processId"))
        process = processes.get(str(name)) if isinstance(processes, dict) else trace.get("process")
    if not isinstance(process, dict):
        process = {}
    attributes = _tags(process, stored)
    service = process.get("serviceName")
    items = [("service.name", service if isinstance(service, str) else None), *attributes.items()]
    try:
        return orjson.dumps(process), items
    except TypeError:
        raise SpanRefusedError("process: nested too deep") from None


def _references(source: dict[str, Any]) -> Iterator[tuple[bytes, bytes, str]]:
    for reference in child_objects(source, "references"):
        kind = reference.get("refType", "CHILD_OF")
        follows = str(kind).upper() in ("FOLLOWS_FROM", "1")
        try:
            yield (
                _trace_id(reference),
                _span_id(reference),
                "follows_from" if follows else "child_of",
            )
        except SpanRefusedError:
            continue  # a reference to nothing, as some clients write for a root


def _parent_and_links(
    source: dict[str, Any], trace_id: bytes
) -> tuple[bytes, list[tuple[bytes, bytes, str]]]:
    references = list(_references(source))
    parent_id = _explicit_parent(source)
    for kind in ("child_of", "follows_from"):
        if not parent_id:
            parent_id = next((r[1] for r in references if r[0] == trace_id and r[2] == kind), b"")
    return parent_id, [r for r in references if r != (trace_id, parent_id, "child_of")]


def _explicit_parent(source: dict[str, Any]) -> bytes:
    value = source.get("parentSpanID", source.get("parentSpanId"))
    if not value:
        return b""
    try:
        return _span_id({"spanID": value})
    except SpanRefusedError:
        return b""  # "0", which old clients write for a root


def _apply_meaningful_tags(span: Span, tags: dict[str, Any]) -> None:
    kind = SPAN_KINDS.get(str(tags.get("span.kind", "")).lower())
    if kind is not None:
        span.kind = kind
        del tags["span.kind"]
    apply_status_tags(span, tags)
    if str(tags.get("error", "")).lower() == "true":
        span.status.code = Status.STATUS_CODE_ERROR
        del tags["error"]
    state = tags.get("w3c.tracestate")
    if isinstance(state, str):
        span.trace_state = state
        del tags["w3c.tracestate"]


def _events(source: dict[str, Any], stored: bool) -> Iterator[tuple[int, dict[str, Any]]]:
    for log in child_objects(source, "logs"):
        yield _instant_ns(log.get("timestamp"), "logs.timestamp"), _tags(log, stored, "fields")
