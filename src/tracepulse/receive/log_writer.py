"""
Log records of other protocols as the bytes of an OTLP request, without an object for each.

Field numbers are those of opentelemetry/proto/logs/v1/logs.proto and common/v1/common.proto. Most
attributes of most records have been seen before, so what was packed is kept for the next one.
"""

import struct
from collections.abc import Collection, Iterable
from typing import Any

from tracepulse.receive.otlp_bytes import (
    AttributeBytes,
    attribute_bytes,
    field_bytes,
    utf8,
    varint,
)

__all__ = ["LogWriter", "Resource", "pack_attributes"]

Resource = tuple[tuple[str, Any], ...]
"""Names and values of a resource's attributes; equal ones become one group."""

_fixed = struct.Struct("<BQ").pack
_ATTRIBUTE = b"\x32"
_KEPT_ENTRIES = 4096
_RESOURCE_BYTES = 1024

_RESOURCES: dict[Resource, bytes] = {}
"""The attributes of resources last seen, those whose values are texts."""


def _packed_resource(resource: Resource) -> bytes:
    packed = b"".join(
        attribute_bytes(b"\x0a", name, value) for name, value in resource if value is not None
    )
    # A number and a truth may be equal, and are not the same.
    if len(packed) <= _RESOURCE_BYTES and all(value.__class__ is str for _, value in resource):
        if len(_RESOURCES) >= _KEPT_ENTRIES:
            _RESOURCES.clear()
        _RESOURCES[resource] = packed
    return packed


def pack_attributes(attributes: Iterable[tuple[str, Any]]) -> bytes:
    """Return attributes as they stand in a record, for those that many records have in common."""
    return b"".join(
        attribute_bytes(_ATTRIBUTE, name, value) for name, value in attributes if value is not None
    )


class LogWriter:
    """Collects the records of one request, by resource and scope in the order of their first."""

    def __init__(self) -> None:
        self._groups: dict[tuple[Resource, tuple[str, str]], list[bytes]] = {}
        self._packed = AttributeBytes(_ATTRIBUTE)
        self.records = 0
        """Added so far."""

    def add(
        self,
        resource: Resource,
        body: str,
        *,
        time_unix_ns: int = 0,
        observed_unix_ns: int = 0,
        severity_number: int = 0,
        severity_text: str = "",
        attributes: Collection[tuple[str, Any]] = (),
        packed_attributes: bytes = b"",
        trace_id: bytes = b"",
        span_id: bytes = b"",
        event_name: str = "",
        scope: tuple[str, str] = ("", ""),
    ) -> None:
        """
        Add a record.

        Args:
            time_unix_ns: 0 is unknown; whoever admits the request puts the time of receipt.
            severity_number: 1 to 24 as OpenTelemetry counts, 0 is unknown.
            attributes: names and values in the order to keep; values of None are left out.
            packed_attributes: further ones, as `pack_attributes` returns them.
            trace_id: 16 bytes or none.
            span_id: 8 bytes or none.
            scope: name and version.
        """
        parts = []
        if time_unix_ns > 0:
            parts.append(_fixed(0x09, min(time_unix_ns, 2**64 - 1)))
        if severity_number > 0:
            parts.append(b"\x10" + varint(severity_number))
        if severity_text:
            parts.append(field_bytes(b"\x1a", utf8(severity_text)))
        if body:
            parts.append(field_bytes(b"\x2a", field_bytes(b"\x0a", utf8(body))))
        if attributes:
            parts.append(self._packed.all(attributes))
        if packed_attributes:
            parts.append(packed_attributes)
        if trace_id:
            parts.append(field_bytes(b"\x4a", trace_id))
        if span_id:
            parts.append(field_bytes(b"\x52", span_id))
        if observed_unix_ns > 0:
            parts.append(_fixed(0x59, min(observed_unix_ns, 2**64 - 1)))
        if event_name:
            parts.append(field_bytes(b"\x62", utf8(event_name)))
        record = b"".join(parts)
        self.add_written(resource, field_bytes(b"\x12", record), 1, scope)

    def add_written(
        self, resource: Resource, written: bytes, records: int, scope: tuple[str, str] = ("", "")
    ) -> None:
        """Add records that are bytes already: each as a field of its scope."""
        group = self._groups.get((resource, scope))
        if group is None:
            group = self._groups[resource, scope] = []
        group.append(written)
        self.records += records

    def to_bytes(self) -> bytes:
        """Return the ExportLogsServiceRequest; the same records in the same order, the same bytes."""
        groups = []
        for (resource, scope), records in self._groups.items():
            owner = _RESOURCES.get(resource) or _packed_resource(resource)
            named = b"".join(
                field_bytes(tag, utf8(text))
                for tag, text in zip((b"\x0a", b"\x12"), scope, strict=True)
                if text
            )
            scoped = (field_bytes(b"\x0a", named) if named else b"") + b"".join(records)
            groups.append(
                field_bytes(b"\x0a", field_bytes(b"\x0a", owner) + field_bytes(b"\x12", scoped))
            )
        return b"".join(groups)
