"""
OTLP's small messages written as bytes: numbers, texts, attributes.

Making a protobuf object for each attribute of each record costs several times what writing its few bytes
does. Only what converters need is here, and nothing is checked: the scan checks every message once more.

Source:
    https://protobuf.dev/programming-guides/encoding/ and the field numbers of opentelemetry-proto 1.x.
"""

import struct
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from tracepulse.receive.any_value import compact_json

__all__ = [
    "AttributeBytes",
    "attribute_bytes",
    "field_bytes",
    "fixed64",
    "key_bytes",
    "utf8",
    "varint",
]

_SMALL = 1 << 14
_INT64 = range(-(2**63), 2**63)
_REMEMBERED = 4_096
_REMEMBERED_BYTES = 64
"""Longer values are rarely written twice."""
_REMEMBERED_KEY = 256
_ONE_BYTE = 126
"""A shorter text's length, and that of the value it is in, takes one byte."""

fixed64 = struct.Struct("<Q").pack
"""Write an unsigned number in eight bytes."""
_double = struct.Struct("<d").pack


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


_VARINTS = [_varint(number) for number in range(_SMALL)]


def varint(number: int) -> bytes:
    """Write a number from 0 to 2**64 - 1 in as few bytes as it takes."""
    return _VARINTS[number] if number < _SMALL else _varint(number)


def field_bytes(tag: bytes, content: bytes) -> bytes:
    """Write a field that has a length: a text, bytes or a message."""
    return b"%b%b%b" % (tag, varint(len(content)), content)


def utf8(text: str) -> bytes:
    """Write a text; half a surrogate pair, which JSON can hold, becomes a question mark."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def key_bytes(key: str) -> bytes:
    """Write the key of an attribute, as a field of it."""
    return _short_key(key) if len(key) <= _REMEMBERED_KEY else field_bytes(b"\x0a", utf8(key))


@lru_cache(maxsize=_REMEMBERED)
def _short_key(key: str) -> bytes:
    return field_bytes(b"\x0a", utf8(key))


def _value(value: Any) -> bytes:
    """Write an AnyValue; lists and maps as JSON text, as the scan would make of them."""
    match value:
        case str():
            return field_bytes(b"\x0a", utf8(value))
        case bool():
            return b"\x10\x01" if value else b"\x10\x00"
        case int():
            if value in _INT64:
                return b"\x18" + varint(value & 0xFFFF_FFFF_FFFF_FFFF)
            return field_bytes(b"\x0a", b"%d" % value)
        case float():
            return b"\x21" + _double(value)
        case bytes():
            return field_bytes(b"\x3a", value)
        case Mapping() | list() | tuple():
            return field_bytes(b"\x0a", compact_json(value).encode())
        case _:
            return field_bytes(b"\x0a", utf8(str(value)))


def attribute_bytes(tag: bytes, key: str, value: Any) -> bytes:
    """
    Write an attribute as a field of its owner.

    Args:
        tag: of the owner's field `attributes`.
        value: as decoded from JSON; integers past 64 bits become texts, so that no digit is lost.
    """
    written = _value(value)
    return field_bytes(tag, key_bytes(key) + field_bytes(b"\x12", written))


class AttributeBytes(dict[tuple[str, Any], bytes]):
    """
    Attributes as bytes, by key and value: those with a short text are written once and remembered.

    Looking one up writes it; None gives nothing. A value that cannot be hashed raises TypeError.
    """

    __slots__ = ("_tag",)

    def __init__(self, tag: bytes) -> None:
        """Begin with none; `tag` is that of the owner's field `attributes`."""
        self._tag = tag

    def __missing__(self, item: tuple[str, Any]) -> bytes:
        """Write an attribute that is not remembered."""
        key, value = item
        if type(value) is not str:
            # Never remembered: 1, 1.0 and True are one key of a dict and three attributes.
            return b"" if value is None else attribute_bytes(self._tag, key, value)
        text = utf8(value)
        head = key_bytes(key)
        size = len(text)
        if size < _ONE_BYTE:
            body = b"%b\x12%c\x0a%c%b" % (head, size + 2, size, text)
        else:
            body = head + field_bytes(b"\x12", field_bytes(b"\x0a", text))
        written = self._tag + varint(len(body)) + body
        if size <= _REMEMBERED_BYTES and len(self) < _REMEMBERED and len(key) <= _REMEMBERED_KEY:
            self[item] = written
        return written

    def all(self, attributes: Collection[tuple[str, Any]]) -> bytes:
        """Return pairs of key and value as attributes, in their order."""
        try:
            return b"".join(map(self.__getitem__, attributes))
        except TypeError:
            return b"".join(
                attribute_bytes(self._tag, key, value)
                for key, value in attributes
                if value is not None
            )
