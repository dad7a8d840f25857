"""
How a message lies in a segment.

A segment is ClickHouse's `Protobuf` framing: varint length, message, varint length, message. A
message is the sender's bytes followed by fields of ours, which the loading statement reads as
further columns and every other reader of OTLP skips:

    1001 fixed64  instant of receipt, Unix ns
    1002 string   origin      1003 string  trust      1004 string  data set
    1005 string   records left out at the door, as reason=number and blanks between; absent when none
    1006 string   records kept with other times than they came with, likewise
    1015 fixed32  CRC-32C of all the bytes of the message before this field
"""

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import google_crc32c

from tracepulse.errors import MalformedBody
from tracepulse.receive.admission import Receipt
from tracepulse.receive.wire_fields import bytes_field, encode_varint, fields, read_varint

__all__ = [
    "Frame",
    "body_of",
    "frame",
    "frame_parts",
    "frames",
    "receipt_of",
    "received_unix_ns",
    "salvage",
]

_CRC_KEY = encode_varint(1015 << 3 | 5)
_RECEIVED_KEY = encode_varint(1001 << 3 | 1)
_REQUIRED = {1001, 1002, 1003, 1004, 1015}
_MAX_OWN_BYTES = 4096
"""Our fields are names of ours, a data set's name of up to 100 characters, and two short lists."""
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
    return b"".join(frame_parts(body, receipt))


def frame_parts(body: bytes, receipt: Receipt) -> tuple[bytes, bytes, bytes]:
    """Return a request as it is appended to a segment, in pieces: the body is not copied."""
    own = (
        _RECEIVED_KEY
        + struct.pack("<Q", receipt.received_unix_ns)
        + bytes_field(1002, receipt.origin.encode())
        + bytes_field(1003, receipt.trust.encode())
        + bytes_field(1004, receipt.data_set.encode())
        + _counts_field(1005, receipt.rejected)
        + _counts_field(1006, receipt.mended)
        + _CRC_KEY
    )
    crc = google_crc32c.extend(google_crc32c.value(body), own[: -len(_CRC_KEY)])
    size = len(body) + len(own) + 4
    return encode_varint(size), body, own + struct.pack("<I", crc)


def receipt_of(message: bytes | memoryview) -> Receipt:
    """
    Return what was stamped on a whole message of a segment.

    Raises:
        MalformedBody: it is none of ours.
    """
    _, own = _own_fields(message)
    text = {number: bytes(own[number]).decode() for number in own if 1002 <= number <= 1006}
    (received_unix_ns,) = struct.unpack("<Q", own[1001])
    counts = _counts(text.get(1005, "")), _counts(text.get(1006, ""))
    return Receipt(received_unix_ns, text[1002], text[1003], text[1004], *counts)


def body_of(message: bytes | memoryview) -> bytes:
    """Return a message's request, as it was admitted; raises MalformedBody as `receipt_of`."""
    begin, _ = _own_fields(message)
    return bytes(message[:begin])


def _own_fields(message: bytes | memoryview) -> tuple[int, dict[int, memoryview]]:
    """Return where our fields begin, and them by number: they are the end of the message."""
    end = bytes(message[-_MAX_OWN_BYTES:])
    begin = end.rfind(_RECEIVED_KEY)
    while begin >= 0:
        with contextlib.suppress(MalformedBody):
            own = {number: value for number, _, value, _ in fields(memoryview(end)[begin:])}
            if own.keys() >= _REQUIRED and len(own[1001]) == 8:
                return len(message) - len(end) + begin, own
        begin = end.rfind(_RECEIVED_KEY, 0, begin)
    raise MalformedBody("a message without what the journal adds to each")


def _counts_field(number: int, counts: tuple[tuple[str, int], ...]) -> bytes:
    if not counts:
        return b""
    return bytes_field(number, " ".join(f"{reason}={n}" for reason, n in counts).encode())


def _counts(text: str) -> tuple[tuple[str, int], ...]:
    pairs = (each.partition("=") for each in text.split())
    return tuple((reason, int(n)) for reason, _, n in pairs)


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
