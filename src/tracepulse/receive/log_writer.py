"""
Log records of other protocols as the bytes of an OTLP request, without an object for each.

Field numbers are those of opentelemetry/proto/logs/v1/logs.proto and common/v1/common.proto. Most
attributes of most records have been seen before, so what was packed is kept for the next one.
"""

import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from tracepulse.receive.any_value import compact_json

__all__ = ["LogWriter", "Resource", "pack_attributes"]

Resource = tuple[tuple[str, Any], ...]
"""Names and values of a resource's attributes; equal ones become one group."""

_fixed = struct.Struct("<BQ").pack
_double = struct.Struct("<Bd").pack
_INT64 = range(-(2**63), 2**63)
_TWO_BYTES = 1 << 14
_KEPT = frozenset({str, int, bool})
_KEPT_BYTES = 128
_KEPT_ENTRIES = 4096
_KEPT_NAME = 256
_RESOURCE_BYTES = 1024


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_LENGTHS = tuple(_varint(number) for number in range(_TWO_BYTES))


def _length(number: int) -> bytes:
    return _LENGTHS[number] if number < _TWO_BYTES else _varint(number)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return text.encode("utf-8", "replace")


def _key(name: str) -> bytes:
    return _short_key(name) if len(name) <= _KEPT_NAME else _written_key(name)


@lru_cache(maxsize=4096)
def _short_key(name: str) -> bytes:
    return _written_key(name)


def _written_key(name: str) -> bytes:
    data = _utf8(name)
    return b"\x0a" + _length(len(data)) + data


def _any_value(value: Any) -> bytes:
    """Return an AnyValue; lists and maps are JSON text, as the tables hold them."""
    match value:
        case str():
            data = _utf8(value)
        case bool():
            return b"\x10\x01" if value else b"\x10\x00"
        case int() if value in _INT64:
            return b"\x18" + _varint(value % (1 << 64))
        case float():
            return _double(0x21, value)
        case bytes():
            return b"\x3a" + _length(len(value)) + value
        case Mapping() | list() | tuple():
            data = compact_json(value).encode()
        case _:
            data = _utf8(str(value))
    return b"\x0a" + _length(len(data)) + data


def _key_value(name: str, value: Any) -> bytes:
    """Return a KeyValue with its length, to stand behind a tag."""
    key = _key(name)
    packed = _any_value(value)
    length = _length(len(packed))
    return _length(len(key) + 1 + len(length) + len(packed)) + key + b"\x12" + length + packed


class _Packed(dict[tuple[type, str, Any], bytes]):
    """Attributes as they stand in a record, by type, name and value."""

    def __missing__(self, attribute: tuple[type, str, Any]) -> bytes:
        _, name, value = attribute
        packed = b"\x32" + _key_value(name, value)
        if len(packed) <= _KEPT_BYTES:
            if len(self) >= _KEPT_ENTRIES:
                self.clear()
            self[attribute] = packed
        return packed


def _part(tag: bytes, data: bytes) -> bytes:
    return tag + _length(len(data)) + data


_RESOURCES: dict[Resource, bytes] = {}
"""The attributes of resources last seen, those whose values are texts."""


def _packed_resource(resource: Resource) -> bytes:
    packed = b"".join(
        b"\x0a" + _key_value(name, value) for name, value in resource if value is not None
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
        b"\x32" + _key_value(name, value) for name, value in attributes if value is not None
    )


class LogWriter:
    """Collects the records of one request, by resource and scope in the order of their first."""

    def __init__(self) -> None:
        self._groups: dict[tuple[Resource, tuple[str, str]], list[bytes]] = {}
        self._packed = _Packed()
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
        attributes: Iterable[tuple[str, Any]] = (),
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
            parts.append(b"\x10" + _length(severity_number))
        if severity_text:
            parts.append(_part(b"\x1a", _utf8(severity_text)))
        if body:
            parts.append(_part(b"\x2a", _part(b"\x0a", _utf8(body))))
        packed = self._packed
        for name, value in attributes:
            kind = value.__class__
            if kind in _KEPT:
                parts.append(packed[kind, name, value])
            elif value is not None:
                parts.append(b"\x32" + _key_value(name, value))
        if packed_attributes:
            parts.append(packed_attributes)
        if trace_id:
            parts.append(_part(b"\x4a", trace_id))
        if span_id:
            parts.append(_part(b"\x52", span_id))
        if observed_unix_ns > 0:
            parts.append(_fixed(0x59, min(observed_unix_ns, 2**64 - 1)))
        if event_name:
            parts.append(_part(b"\x62", _utf8(event_name)))
        record = b"".join(parts)
        group = self._groups.get((resource, scope))
        if group is None:
            group = self._groups[resource, scope] = []
        group.append(b"\x12" + _length(len(record)) + record)
        self.records += 1

    def to_bytes(self) -> bytes:
        """Return the ExportLogsServiceRequest; the same records in the same order, the same bytes."""
        groups = []
        for (resource, scope), records in self._groups.items():
            owner = _RESOURCES.get(resource) or _packed_resource(resource)
            named = b"".join(
                _part(tag, _utf8(text))
                for tag, text in zip((b"\x0a", b"\x12"), scope, strict=True)
                if text
            )
            scoped = (_part(b"\x0a", named) if named else b"") + b"".join(records)
            groups.append(_part(b"\x0a", _part(b"\x0a", owner) + _part(b"\x12", scoped)))
        return b"".join(groups)
