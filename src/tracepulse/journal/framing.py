"""
How a message lies in a segment.

A segment is ClickHouse's `Protobuf` framing: varint length, message, varint length, message. A
message is the sender's bytes followed by fields of ours, which the loading statement reads as
further columns and every other reader of OTLP skips:

    1001 fixed64  instant of receipt, Unix ns
    1002 string   origin      1003 string  trust      1004 string  data set
    1015 fixed32  CRC-32C of all the bytes of the message before this field
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import google_crc32c

from tracepulse.errors import MalformedBody
from tracepulse.receive.admission import Receipt
from tracepulse.receive.wire_fields import bytes_field, encode_varint, read_varint

__all__ = ["Frame", "frame", "frames", "received_unix_ns", "salvage"]

_CRC_KEY = encode_varint(1015 << 3 | 5)
_RECEIVED_KEY = encode_varint(1001 << 3 | 1)
_TRAILER_BYTES = len(_CRC_KEY) + 4


@dataclass(frozen=True, slots=True)
class Frame:
    """One message in a segment."""

    start: int
    """Offset of its length prefix."""
    end: int
    message: memoryview


def frame(body: bytes, receipt: Receipt) -> bytes:
    """Return a request as it is appended to a segment."""
    own = (
        _RECEIVED_KEY
        + struct.pack("<Q", receipt.received_unix_ns)
        + bytes_field(1002, receipt.origin.encode())
        + bytes_field(1003, receipt.trust.encode())
        + bytes_field(1004, receipt.data_set.encode())
        + _CRC_KEY
    )
    crc = google_crc32c.extend(google_crc32c.value(body), own[: -len(_CRC_KEY)])
    size = len(body) + len(own) + 4
    return b"".join((encode_varint(size), body, own, struct.pack("<I", crc)))


def frames(segment: bytes | memoryview) -> Iterator[Frame]:
    """
    Yield the messages of a segment up to the first that is cut off or damaged.

    The end of the last frame yielded is how far the segment can be trusted.
    """
    view = memoryview(segment)
    pos = 0
    while (found := _frame_at(view, pos)) is not None:
        yield found
        pos = found.end


def salvage(segment: bytes | memoryview) -> tuple[list[Frame], list[tuple[int, int]]]:
    """
    Return the whole messages of a segment, and the stretches [start, end) that are damaged.

    A damaged message is passed over where its length leads to a whole one; otherwise all that
    follows counts as damaged.
    """
    view = memoryview(segment)
    whole: list[Frame] = []
    damaged: list[tuple[int, int]] = []
    pos = 0
    while pos < len(view):
        found = _frame_at(view, pos)
        if found is not None:
            whole.append(found)
            pos = found.end
            continue
        _, end = _extent(view, pos)
        if not pos < end < len(view) or _frame_at(view, end) is None:
            end = len(view)
        damaged.append((pos, end))
        pos = end
    return whole, damaged


def _extent(view: memoryview, pos: int) -> tuple[int, int]:
    """Return where the message at `pos` begins and ends, as its length says; (0, 0) without one."""
    try:
        size, begin = read_varint(view, pos)
    except MalformedBody:
        return 0, 0
    return begin, begin + size


def _frame_at(view: memoryview, pos: int) -> Frame | None:
    """Return the message whose length stands at `pos`, if it is whole."""
    begin, end = _extent(view, pos)
    if end > len(view) or end - begin < _TRAILER_BYTES:
        return None
    message = view[begin:end]
    (crc,) = struct.unpack("<I", message[-4:])
    if message[-_TRAILER_BYTES:-4] != _CRC_KEY:
        return None
    if google_crc32c.value(bytes(message[:-_TRAILER_BYTES])) != crc:
        return None
    return Frame(pos, end, message)


def received_unix_ns(message: memoryview) -> int:
    """
    Return when a message of a segment was received.

    Raises:
        MalformedBody: it does not say.
    """
    pos = 0
    while pos < len(message):
        key, pos = read_varint(message, pos)
        match key & 7:
            case 0:
                _, pos = read_varint(message, pos)
            case 1:
                if key >> 3 == 1001:
                    (received,) = struct.unpack_from("<Q", message, pos)
                    return int(received)
                pos += 8
            case 2:
                size, pos = read_varint(message, pos)
                pos += size
            case 5:
                pos += 4
            case wire:
                raise MalformedBody(f"wire type {wire}")
    raise MalformedBody("a message without an instant of receipt")
