"""What the Jaeger and Zipkin readers share: ids, instants, tags that are a span's own fields."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from tracepulse.receive.any_value import add_attributes

__all__ = [
    "SPAN_KINDS",
    "STATUS_CODES",
    "SpanGroups",
    "SpanRefusedError",
    "apply_status_tags",
    "child_objects",
    "hex_id",
    "micros_to_ns",
]

SPAN_KINDS = {
    "internal": Span.SPAN_KIND_INTERNAL,
    "server": Span.SPAN_KIND_SERVER,
    "client": Span.SPAN_KIND_CLIENT,
    "producer": Span.SPAN_KIND_PRODUCER,
    "consumer": Span.SPAN_KIND_CONSUMER,
}

STATUS_CODES = {
    "UNSET": Status.STATUS_CODE_UNSET,
    "OK": Status.STATUS_CODE_OK,
    "ERROR": Status.STATUS_CODE_ERROR,
}
_MAX_UNIX_NS = 2**63 - 1


class SpanRefusedError(Exception):
    """One span cannot be used; its text says why."""


def hex_id(value: Any, length_bytes: int, what: str) -> bytes:
    """
    Return an id given as hex, padded on the left to its length, as Jaeger and Zipkin shorten them.

    Raises:
        SpanRefusedError: it is not a string of hex digits, is too long, or is zero.
    """
    if not isinstance(value, str) or not value:
        raise SpanRefusedError(f"{what}: missing, or not a string")
    if len(value) > 2 * length_bytes:
        raise SpanRefusedError(f"{what}: {len(value)} hex digits, at most {2 * length_bytes}")
    padded = value.rjust(2 * length_bytes, "0")
    try:
        raw = bytes.fromhex(padded)
    except ValueError:
        raw = b""
    if len(raw) != length_bytes:
        raise SpanRefusedError(f"{what}: '{value}' is not hex")
    if not any(raw):
        raise SpanRefusedError(f"{what}: is zero")
    return raw


def micros_to_ns(value: Any, what: str) -> int:
    """
    Return a number of microseconds as nanoseconds.

    Raises:
        SpanRefusedError: not a whole number from 0 to the year 2262.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise SpanRefusedError(f"{what}: not a whole number of microseconds")
    if not 0 <= value * 1000 <= _MAX_UNIX_NS:
        raise SpanRefusedError(f"{what}: {value} µs is outside 1970 to 2262")
    return value * 1000


def child_objects(owner: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """Yield the objects in a list field; a field that is missing or no list yields nothing."""
    items = owner.get(key)
    if isinstance(items, list):
        yield from (item for item in items if isinstance(item, dict))


def apply_status_tags(span: Span, tags: dict[str, Any]) -> None:
    """Move the tags that OpenTelemetry exporters write for a span's status back into it."""
    code = tags.get("otel.status_code")
    if isinstance(code, str) and code.upper() in STATUS_CODES:
        span.status.code = STATUS_CODES[code.upper()]
        del tags["otel.status_code"]
    description = tags.get("otel.status_description")
    if isinstance(description, str):
        span.status.message = description
        del tags["otel.status_description"]


@dataclass(slots=True)
class SpanGroups:
    """A request under construction: spans by resource and scope, in order of first appearance."""

    request: ExportTraceServiceRequest = field(default_factory=ExportTraceServiceRequest)
    _resources: dict[Any, Any] = field(default_factory=dict)
    _scopes: dict[Any, ScopeSpans] = field(default_factory=dict)

    def scope(
        self, resource_key: Any, resource: list[tuple[str, Any]], name: str, version: str
    ) -> ScopeSpans:
        """Return where spans of this resource and scope belong; equal keys are one resource."""
        key = (resource_key, name, version)
        found = self._scopes.get(key)
        if found is not None:
            return found
        owner = self._resources.get(resource_key)
        if owner is None:
            owner = self._resources[resource_key] = self.request.resource_spans.add()
            add_attributes(owner.resource.attributes, resource)
        made: ScopeSpans = owner.scope_spans.add()
        made.scope.name = name
        made.scope.version = version
        self._scopes[key] = made
        return made
