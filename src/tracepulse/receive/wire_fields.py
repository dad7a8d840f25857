"""Protobuf fields on the wire, for the few places that cut and join messages by hand."""

from collections.abc import Iterator

from tracepulse.errors import MalformedBody

__all__ = ["bytes_field", "encode_varint", "fields", "read_varint"]

_FIXED = {1: 8, 5: 4}


def encode_varint(value: int) -> bytes:
    """Return a non-negative number in base 128, least significant group first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(buffer: bytes | memoryview, pos: int) -> tuple[int, int]:
    """
    Return the number at `pos` and the position behind it.

    Raises:
        MalformedBody: it is cut off, or longer than ten bytes.
    """
    value = shift = 0
    while shift < 70:
        if pos >= len(buffer):
            raise MalformedBody(f"cut off inside a number at byte {pos}")
        byte = buffer[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, pos
        shift += 7
    raise MalformedBody(f"a number of more than ten bytes at byte {pos}")


def bytes_field(number: int, value: bytes) -> bytes:
    """Return a length-delimited field."""
    return encode_varint(number << 3 | 2) + encode_varint(len(value)) + value


def fields(message: memoryview) -> Iterator[tuple[int, int, memoryview, memoryview]]:
    """
    Yield (field number, wire type, value, whole field) for each field of a message.

    Raises:
        MalformedBody: a field is cut off or of a wire type that OTLP does not use.
    """
    pos = 0
    while pos < len(message):
        start = pos
        key, pos = read_varint(message, pos)
        wire = key & 7
        begin = pos
        if wire == 0:
            _, pos = read_varint(message, pos)
        elif wire == 2:
            size, begin = read_varint(message, pos)
            pos = begin + size
        elif wire in _FIXED:
            pos += _FIXED[wire]
        else:
            raise MalformedBody(f"wire type {wire} at byte {start}")
        if pos > len(message):
            raise MalformedBody(f"cut off inside field {key >> 3} at byte {start}")
        yield key >> 3, wire, message[begin:pos], message[start:pos]
