"""
OTLP's ExportLogsServiceRequest in protobuf, written by hand.

Measured beside JSON written by hand: 4 µs an event instead of 6, and 1.5 µs of gzip instead of 3.
Field numbers are those of opentelemetry/proto/logs/v1/logs.proto and common/v1/common.proto.
"""

import struct
from typing import Any, Dict, Iterable, List, Tuple

from debugqueue.levels import SEVERITY_TEXTS

__all__ = ["LogEncoder", "key_value", "read_partial_success", "request_of"]

_double = struct.Struct("<d").pack
_fixed64 = struct.Struct("<Q").pack
_CACHED = 2048
_SHORT_BODY = 64
_SMALL = tuple(bytes((n,)) if n < 128 else bytes((n & 127 | 128, n >> 7)) for n in range(2048))


def varint(number: int) -> bytes:
    """Return a number from 0 to 2**64 - 1 as protobuf's varint."""
    if number < 2048:
        return _SMALL[number]
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _sized(tag: bytes, body: bytes) -> bytes:
    return tag + varint(len(body)) + body


def utf8(text: str) -> bytes:
    """Return UTF-8; half a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace")


def any_value(value: Any) -> bytes:
    """Return an AnyValue; None is the empty one."""
    kind = type(value)
    if kind is str:
        return _sized(b"\x0a", utf8(value))
    if kind is bool:
        return b"\x10\x01" if value else b"\x10\x00"
    if kind is int:
        return b"\x18" + varint(value & 0xFFFFFFFFFFFFFFFF)
    if kind is float:
        return b"\x21" + _double(value)
    if kind is list:
        return _sized(b"\x2a", b"".join(_sized(b"\x0a", any_value(each)) for each in value))
    if kind is dict:
        pairs = (_sized(b"\x0a", key_value(name, each)) for name, each in value.items())
        return _sized(b"\x32", b"".join(pairs))
    return b""


def key_value(name: str, value: Any) -> bytes:
    """Return a KeyValue."""
    return _sized(b"\x0a", utf8(name)) + _sized(b"\x12", any_value(value))


class LogEncoder:
    """Encodes log records; remembers names, tags and places that come again."""

    def __init__(self) -> None:
        self._names: Dict[str, bytes] = {}
        self._tags: Dict[Tuple[str, int], bytes] = {}
        self._bodies: Dict[str, bytes] = {}
        self._places: Dict[Tuple[str, str, int], bytes] = {}

    def record(
        self,
        time_unix_ns: int,
        severity: int,
        tag: str,
        body: str,
        attributes: Dict[str, Any],
        place: Tuple[str, str, int],
        trace: Tuple[int, int, int],
        left_out: int,
    ) -> bytes:
        """Return one LogRecord; trace is trace id, span id and flags, 0 where there is none."""
        time = _fixed64(time_unix_ns & 0xFFFFFFFFFFFFFFFF)
        parts = [b"\x09", time, b"\x59", time]
        parts.append(self._tags.get((tag, severity)) or self._tag(tag, severity))
        parts.append(self._bodies.get(body) or self._body(body))
        names = self._names
        for name, value in attributes.items():
            head = names.get(name) or self._name(name)
            if type(value) is str:  # what most values are
                raw = value.encode("utf-8", "replace")
                length = len(raw)
                if length < 120:
                    encoded = bytes((length + 2, 10, length)) + raw
                else:
                    encoded = _sized(b"", any_value(value))
            elif type(value) is int and 0 <= value < 2048:
                number = _SMALL[value]
                encoded = bytes((len(number) + 1, 24)) + number
            else:
                encoded = _sized(b"", any_value(value))
            length = len(head) + len(encoded)
            parts.append(b"\x32" + (_SMALL[length] if length < 2048 else varint(length)))
            parts.append(head)
            parts.append(encoded)
        if place[0]:
            parts.append(self._places.get(place) or self._place(place))
        if left_out:
            parts.append(b"\x38" + varint(left_out))
        if trace[0]:
            parts.append(b"\x45" + (trace[2] & 0xFF).to_bytes(4, "little"))
            parts.append(b"\x4a\x10" + trace[0].to_bytes(16, "big"))
            parts.append(b"\x52\x08" + trace[1].to_bytes(8, "big"))
        return b"".join(parts)

    def _name(self, name: str) -> bytes:
        if len(self._names) >= _CACHED:
            self._names.clear()
        head = self._names[name] = _sized(b"\x0a", utf8(name)) + b"\x12"
        return head

    def _tag(self, tag: str, severity: int) -> bytes:
        if len(self._tags) >= _CACHED:
            self._tags.clear()
        text = SEVERITY_TEXTS.get(severity, "")
        known = b"\x10" + varint(severity) + _sized(b"\x1a", utf8(text))
        if tag:
            known += _sized(b"\x62", utf8(tag))
        self._tags[(tag, severity)] = known
        return known

    def _body(self, body: str) -> bytes:
        encoded = _sized(b"\x2a", any_value(body))
        if len(body) <= _SHORT_BODY:  # such as a tag: it comes again
            if len(self._bodies) >= _CACHED:
                self._bodies.clear()
            self._bodies[body] = encoded
        return encoded

    def _place(self, place: Tuple[str, str, int]) -> bytes:
        if len(self._places) >= _CACHED:
            self._places.clear()
        names = ("code.file.path", "code.function.name", "code.line.number")
        pairs = (_sized(b"\x32", key_value(name, at)) for name, at in zip(names, place))
        known = self._places[place] = b"".join(pairs)
        return known


def request_of(
    resource: Iterable[Tuple[str, Any]], scope: Tuple[str, str], records: List[bytes]
) -> bytes:
    """Return a request of encoded LogRecords; scope is its name and version."""
    attributes = b"".join(_sized(b"\x0a", key_value(name, value)) for name, value in resource)
    scope_body = _sized(b"\x0a", utf8(scope[0])) + _sized(b"\x12", utf8(scope[1]))
    parts = [_sized(b"\x0a", scope_body)]
    for record in records:
        parts += (b"\x12", varint(len(record)), record)
    scope_logs = b"".join(parts)
    resource_logs = _sized(b"\x0a", attributes) + _sized(b"\x12", scope_logs)
    return _sized(b"\x0a", resource_logs)


def read_partial_success(answer: bytes) -> int:
    """Return how many records a server refused: field 1 of field 1 of ExportLogsServiceResponse."""
    try:
        inner = dict(_fields(answer)).get(1, b"")
        rejected = dict(_fields(inner)).get(1, 0) if isinstance(inner, bytes) else 0
        return rejected if isinstance(rejected, int) else 0
    except (IndexError, ValueError):
        return 0


def _fields(message: bytes) -> Iterable[Tuple[int, Any]]:
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        value: Any
        if tag & 7 == 0:
            value, at = _read_varint(message, at)
        elif tag & 7 == 2:
            length, at = _read_varint(message, at)
            value, at = message[at : at + length], at + length
        else:
            raise ValueError(tag)
        yield tag >> 3, value


def _read_varint(message: bytes, at: int) -> Tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
    raise ValueError(at)
