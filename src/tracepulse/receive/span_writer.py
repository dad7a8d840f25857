"""Spans of other protocols written as the bytes of an OTLP request, without an object for each."""

import struct
from collections.abc import Iterable
from typing import Any

from tracepulse.receive.otlp_bytes import (
    AttributeBytes,
    attribute_bytes,
    field_bytes,
    fixed64,
    varint,
)

__all__ = ["SpanWriter", "event_bytes", "status_bytes"]

Resource = tuple[tuple[str, Any], ...]
_IDS = struct.Struct("<2s16s2s8s").pack
_TIMES = struct.Struct("<cQcQ").pack
_REMEMBERED_NAMES = 1_024


class SpanWriter:
    """A request under construction: spans by resource and scope, in order of first appearance."""

    def __init__(self) -> None:
        self.attributes = AttributeBytes(b"\x4a")
        """Attributes of a span as bytes, by key and value."""
        self._groups: dict[Resource, dict[tuple[str, str], list[bytes]]] = {}
        self._names: dict[str, bytes] = {"": b""}

    def group(self, resource: Resource, scope: tuple[str, str] = ("", "")) -> list[bytes]:
        """
        Return where spans of a resource and a scope go.

        Args:
            resource: attributes of what sent them; equal ones are one group.
            scope: name and version.
        """
        scopes = self._groups.get(resource)
        if scopes is None:
            scopes = self._groups[resource] = {}
        found = scopes.get(scope)
        if found is None:
            found = scopes[scope] = []
        return found

    def add(
        self,
        group: list[bytes],
        trace_id: bytes,
        span_id: bytes,
        parent_span_id: bytes,
        name: str,
        kind: int,
        start_unix_ns: int,
        end_unix_ns: int,
        rest: bytes,
    ) -> None:
        """
        Add a span to a group.

        Args:
            trace_id: 16 bytes; the span ids have 8, and the parent's may be b"".
            kind: a number of OTLP's SpanKind.
            rest: its attributes, events and status, as bytes.
        """
        body = b"".join(
            (
                _IDS(b"\x0a\x10", trace_id, b"\x12\x08", span_id),
                b"\x22\x08" + parent_span_id if parent_span_id else b"",
                self._names.get(name) or self._name(name),
                b"\x30%c" % kind,
                _TIMES(b"\x39", start_unix_ns, b"\x41", end_unix_ns),
                rest,
            )
        )
        group.append(b"\x12" + varint(len(body)))
        group.append(body)

    def _name(self, name: str) -> bytes:
        written = field_bytes(b"\x2a", name.encode()) if name else b""
        if len(self._names) < _REMEMBERED_NAMES:
            self._names[name] = written
        return written

    def to_bytes(self) -> bytes:
        """Return the ExportTraceServiceRequest."""
        return b"".join(
            field_bytes(b"\x0a", _resource(resource) + b"".join(map(_scope, scopes.items())))
            for resource, scopes in self._groups.items()
        )


def event_bytes(time_unix_ns: int, name: str) -> bytes:
    """Return an event as a field of its span."""
    return field_bytes(
        b"\x5a", b"\x09" + fixed64(time_unix_ns) + field_bytes(b"\x12", name.encode())
    )


def status_bytes(code: int, message: str) -> bytes:
    """Return a status as a field of its span; b"" where there is nothing to say."""
    if not code and not message:
        return b""
    told = field_bytes(b"\x12", message.encode()) if message else b""
    return field_bytes(b"\x7a", told + b"\x18" + varint(code))


def _resource(attributes: Iterable[tuple[str, Any]]) -> bytes:
    written = (
        attribute_bytes(b"\x0a", key, value) for key, value in attributes if value is not None
    )
    return field_bytes(b"\x0a", b"".join(written))


def _scope(group: tuple[tuple[str, str], list[bytes]]) -> bytes:
    (name, version), spans = group
    scope = b"".join(
        field_bytes(tag, text.encode())
        for tag, text in ((b"\x0a", name), (b"\x12", version))
        if text
    )
    return field_bytes(b"\x12", field_bytes(b"\x0a", scope) + b"".join(spans))
