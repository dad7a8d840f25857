"""
Loki's PushRequest in protobuf.

Texts are declared as bytes, which is the same on the wire: one entry that is not UTF-8 then does not
make the whole request unreadable.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.line_batches import Cells, address
from tracepulse.receive.loops.columns import END, ITEM_COLUMNS, START, TIME
from tracepulse.receive.loops.requests import split_push

__all__ = ["packed_streams", "protobuf_streams"]

_Field = descriptor_pb2.FieldDescriptorProto
_MESSAGES: dict[str, tuple[tuple[str, int, Any, str], ...]] = {
    "Push": (("streams", 1, _Field.LABEL_REPEATED, "Stream"),),
    "Stream": (
        ("labels", 1, _Field.LABEL_OPTIONAL, ""),
        ("entries", 2, _Field.LABEL_REPEATED, "Entry"),
    ),
    "Entry": (
        ("timestamp", 1, _Field.LABEL_OPTIONAL, "Instant"),
        ("line", 2, _Field.LABEL_OPTIONAL, ""),
        ("metadata", 3, _Field.LABEL_REPEATED, "Pair"),
    ),
    "Pair": (("name", 1, _Field.LABEL_OPTIONAL, ""), ("value", 2, _Field.LABEL_OPTIONAL, "")),
}
_SMALL_BYTES = 256 * 1024
"""The smallest entry has two bytes and takes 80 once parsed; larger bodies are counted first."""
_MOST_PAIRS = 1_000_000
"""Of structured metadata; counted by the byte that begins one, which text hardly has."""
_PAIR_TAG = b"\x1a"
_TOO_MANY_PAIRS = "too much structured metadata in one request: send smaller batches"


def _push_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="tracepulse/loki_push.proto", package="tracepulse.loki", syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, label, child in fields:
            kind = _Field.TYPE_MESSAGE if child else _Field.TYPE_BYTES
            type_name = f".tracepulse.loki.{child}" if child else None
            message.field.add(
                name=field, number=number, label=label, type=kind, type_name=type_name
            )
    instant = file.message_type.add(name="Instant")
    for number, (field, kind) in enumerate(
        (("seconds", _Field.TYPE_INT64), ("nanos", _Field.TYPE_INT32)), 1
    ):
        instant.field.add(name=field, number=number, label=_Field.LABEL_OPTIONAL, type=kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tracepulse.loki.Push"))


_Push = _push_class()


def protobuf_streams(
    body: bytes,
) -> Iterator[tuple[str, list[tuple[int, str, dict[str, str] | None]]]]:
    """
    Yield the labels and the entries (time in ns, line, metadata) of each stream.

    Raises:
        MalformedBody: it is not protobuf of that shape.
        LimitExceeded: it has more entries and streams than a request may hold.
    """
    if len(body) > _SMALL_BYTES:
        if body.count(_PAIR_TAG) > _MOST_PAIRS:
            raise LimitExceeded(_TOO_MANY_PAIRS)
        _count(body)
    try:
        push = _Push.FromString(body)
    except DecodeError:
        raise MalformedBody("not a valid protobuf message of Loki's PushRequest") from None
    for stream in push.streams:
        yield (
            stream.labels.decode(errors="replace"),
            [
                (
                    entry.timestamp.seconds * 10**9 + entry.timestamp.nanos,
                    entry.line.decode(errors="replace"),
                    {
                        pair.name.decode(errors="replace"): pair.value.decode(errors="replace")
                        for pair in entry.metadata
                    }
                    or None,
                )
                for entry in stream.entries
            ],
        )


def packed_streams(
    body: bytes,
) -> Iterator[tuple[str, list[tuple[int, str, dict[str, str] | None]]]]:
    """Yield what `protobuf_streams` does, with the fields found by the compiled loop."""
    n_pairs = body.count(_PAIR_TAG)  # each field begins with its byte: rooms for as many suffice
    if n_pairs > _MOST_PAIRS:
        raise LimitExceeded(_TOO_MANY_PAIRS)
    size = len(body)
    most = min(body.count(b"\x0a"), SERVER_LIMITS.containers)
    streams: Cells = np.empty((most + 1, 3), np.int64)
    most = min(body.count(b"\x12"), SERVER_LIMITS.records)
    items: Cells = np.empty((most + 1, ITEM_COLUMNS), np.int64)
    pairs: Cells = np.empty((n_pairs + 1, 5), np.int64)
    data = np.frombuffer(body or b"\0", np.uint8)
    n_streams, n_items, n_pairs = split_push(address(data), size, streams, items, pairs)
    if n_streams < 0:
        yield from protobuf_streams(body)
        return
    metadata: dict[int, dict[str, str]] = {}
    for entry, name, name_end, value, value_end in pairs[:n_pairs].tolist():
        key = body[name:name_end].decode(errors="replace")
        metadata.setdefault(entry, {})[key] = body[value:value_end].decode(errors="replace")
    times = items[:n_items, TIME].tolist()
    places = items[:n_items, START : END + 1].tolist()
    entries = [
        (time_unix_ns, body[start:end].decode(errors="replace"), metadata.get(at))
        for at, (time_unix_ns, (start, end)) in enumerate(zip(times, places, strict=True))
    ]
    ends = [*streams[1:n_streams, 2].tolist(), *[n_items] * (n_streams > 0)]
    for (start, stop, first), end in zip(streams[:n_streams].tolist(), ends, strict=True):
        yield body[start:stop].decode(errors="replace"), entries[first:end]


def _count(body: bytes) -> None:
    """Raise LimitExceeded if a request has too many streams and entries, before it is parsed."""
    left = SERVER_LIMITS.records + SERVER_LIMITS.containers
    for start, end in _messages(body, 0, len(body), 0x0A):
        left -= 1
        for _ in _messages(body, start, end, 0x12):
            left -= 1
            if left < 0:
                break
        if left < 0:
            raise LimitExceeded(
                f"more than {SERVER_LIMITS.records:,} entries in one request: send smaller batches"
            )


def _messages(body: bytes, at: int, end: int, tag: int) -> Iterator[tuple[int, int]]:
    """Yield where the values of one repeated field lie; ends where the bytes make no sense."""
    while at < end:
        found = body[at]
        size = shift = 0
        at += 1
        if found & 7 == 2:
            while at < end:
                byte = body[at]
                at += 1
                size |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80 or shift > 63:
                    break
            if found == tag:
                yield at, min(at + size, end)
            at += size
        elif found & 7 == 0:
            while at < end and body[at] > 0x7F:
                at += 1
            at += 1
        else:
            at += {1: 8, 5: 4}.get(found & 7, end)
