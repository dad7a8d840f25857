"""
OTLP protobuf in files: which framing, which signal, one piece at a time.

Three framings are met: one request bare; requests each after its length as a varint; requests each
after its length in 4 bytes, big end first (what the Collector's file exporter writes). None names
the signal, and the three requests look alike down to the record, so the record decides.
"""

from collections.abc import Iterator
from typing import BinaryIO, Literal

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.signals import Signal

__all__ = ["MAX_PIECE_BYTES", "Framing", "framing_of", "protobuf_pieces", "signal_of"]

Framing = Literal["bare", "varint", "uint32"]

MAX_PIECE_BYTES = 64 * 1024 * 1024
"""The largest message (in a bare file: the largest resource group) that is taken into memory."""

_GATHERED_BYTES = 1024 * 1024
_GROUP = 0x0A
"""Tag of the one field of every request: number 1, length-delimited."""
_GROUP_PARTS = (0x0A, 0x12, 0x1A)
"""Tags that begin a resource group: its resource, its first scope group, its schema URL."""
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def framing_of(head: bytes) -> Framing | None:
    """Return how a file's first bytes are framed; None if they do not begin OTLP protobuf."""
    if _begins_request(head, None):
        return "bare"
    length, start = _varint(head, 0)
    if start and _begins_request(head[start:], length):
        return "varint"
    if len(head) > 4 and _begins_request(head[4:], int.from_bytes(head[:4], "big")):
        return "uint32"
    return None


def _begins_request(head: bytes, length: int | None) -> bool:
    """Tell whether bytes begin a request, of a length if that is known: groups end to end."""
    seen = len(head) if length is None else min(len(head), length)
    at = 0
    while at < seen:
        if head[at] != _GROUP:
            return False
        size, start = _varint(head, at + 1)
        if not start:
            return at > 0
        if not size or (start < seen and head[start] not in _GROUP_PARTS):
            return False
        at = start + size
    return seen > 2 and (length is None or seen < length or at == length)


def protobuf_pieces(stream: BinaryIO, framing: Framing) -> Iterator[bytes]:
    """
    Yield serialised requests; the groups of a bare request in pieces of about 1 MiB.

    Raises:
        MalformedBody: the framing breaks off or goes wrong.
        LimitExceeded: a message is larger than MAX_PIECE_BYTES.
    """
    if framing == "bare":
        yield from _bare_pieces(stream)
        return
    while True:
        length = _next_length(stream, framing)
        if length is None:
            return
        yield _exactly(stream, length)


def _bare_pieces(stream: BinaryIO) -> Iterator[bytes]:
    gathered = bytearray()
    while tag := stream.read(1):
        if tag[0] != _GROUP:
            raise MalformedBody(f"field tag {tag[0]:#04x} where a resource group should begin")
        length = _next_length(stream, "varint")
        if length is None:
            raise MalformedBody("ends inside a length")
        gathered += tag + _varint_bytes(length) + _exactly(stream, length)
        if len(gathered) >= _GATHERED_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


def _next_length(stream: BinaryIO, framing: Framing) -> int | None:
    """Return the length that comes next; None at the end of the stream."""
    if framing == "uint32":
        prefix = stream.read(4)
        if len(prefix) in (0, 4):
            return int.from_bytes(prefix, "big") if prefix else None
        raise MalformedBody("ends inside a length")
    length, shift = 0, 0
    while byte := stream.read(1):
        length |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return length
        shift += 7
        if shift > 35:
            raise MalformedBody("a length is longer than 5 bytes")
    if shift:
        raise MalformedBody("ends inside a length")
    return None


def _exactly(stream: BinaryIO, length: int) -> bytes:
    if length > MAX_PIECE_BYTES:
        raise LimitExceeded(f"a message of {length} bytes; at most {MAX_PIECE_BYTES} are read")
    data = stream.read(length)
    if len(data) < length:
        raise MalformedBody(f"ends {length - len(data)} bytes before its last message does")
    return data


def signal_of(request: bytes) -> Signal | None:
    """
    Return which signal a serialised request is, from its first record; None if it has none.

    A span has 16 and 8 bytes of id in fields 1 and 2 and times in 7 and 8; a log record has times
    in 1 and 11; a metric has a name in field 1 and no 64-bit field of its own.
    """
    for group in _fields(request, 1):
        for scope in _fields(group, 2):
            for record in _fields(scope, 2):
                return _signal_of_record(record)
    return None


def _signal_of_record(record: bytes) -> Signal:
    kinds = list(_walk(record))
    fixed = {number for number, wire, _ in kinds if wire == _FIXED64}
    if fixed & {7, 8}:
        return "traces"
    if fixed & {1, 11}:
        return "logs"
    lengths = {number: len(data) for number, wire, data in kinds if wire == _LENGTH}
    if lengths.get(1) == 16 and lengths.get(2) == 8:
        return "traces"
    if 1 in lengths:
        return "metrics"
    return "logs"


def _fields(message: bytes, wanted: int) -> Iterator[bytes]:
    for number, wire, data in _walk(message):
        if number == wanted and wire == _LENGTH:
            yield data


def _walk(message: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield number, wire type and (for length-delimited ones) the bytes of each field."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        if not at or wire not in (_VARINT, _FIXED64, _LENGTH, _FIXED32):
            return
        data = b""
        if wire == _VARINT:
            _, at = _varint(message, at)
        elif wire == _LENGTH:
            length, at = _varint(message, at)
            data = message[at : at + length] if at else b""
            at += length if at else 0
        else:
            at += 8 if wire == _FIXED64 else 4
        if not at:
            return
        yield tag >> 3, wire, data


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a varint and where it ends; an end of 0 says that there is none."""
    value, shift = 0, 0
    while at < len(data) and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    return 0, 0


def _varint_bytes(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
