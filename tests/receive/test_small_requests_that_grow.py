"""Requests of other protocols that are small on the wire: what is made of them and kept stays small too."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.receive.test_loki_push import entry, field, stream

from tracepulse.errors import LimitExceeded
from tracepulse.receive.elastic_bulk import read_bulk
from tracepulse.receive.faro import convert_faro
from tracepulse.receive.line_readers import LineReaders
from tracepulse.receive.loki_push import read_push
from tracepulse.receive.splunk_events import read_events, read_raw

NOW_NS = 1_770_000_000 * 10**9
MB = 1_000_000
Read = Callable[[bytes], object]


def _loki(body: bytes) -> object:
    return read_push(body, True, LineReaders(), NOW_NS)


def _protobuf(body: bytes) -> object:
    return read_push(body, False, LineReaders(), NOW_NS)


def _raw(body: bytes) -> object:
    return read_raw(body, {}, NOW_NS)


def _bulk(body: bytes) -> object:
    return read_bulk(b'{"create":{}}\n' + body + b"\n", "logs", LineReaders(), NOW_NS)


def _splunk(body: bytes) -> object:
    return read_events(body, {}, LineReaders(), NOW_NS)


def _pushed(line: str, **labels: str) -> bytes:
    values = [["1770000000000000000", line]]
    return json.dumps(
        {"streams": [{"stream": labels or {"app": "shop"}, "values": values}]}
    ).encode()


@contextmanager
def _at_most(peak: int = 1_000 * MB, kept: int = 1_000 * MB) -> Iterator[None]:
    """Fail where more memory is taken meanwhile, or kept afterwards; in bytes."""
    tracemalloc.start()
    yield
    left, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < peak
    assert left < kept


INSIDE = {"n" * 20_000: {f"{number}": 1 for number in range(5_000)}}
"""An object under a long name: the name in each of its fields would be 100 MB."""


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (_bulk, json.dumps({"message": "x", **INSIDE}).encode()),
        (_bulk, json.dumps({"message": "x", "a": INSIDE}).encode()),
        (_splunk, json.dumps({"event": INSIDE}).encode()),
        (_splunk, json.dumps({"event": "x", "fields": INSIDE}).encode()),
        (_loki, _pushed(json.dumps(INSIDE))),
        (convert_faro, json.dumps({"logs": [{"message": "x", "context": INSIDE}]}).encode()),
    ],
)
def test_an_object_under_a_long_name(read: Read, body: bytes) -> None:
    """A name is not repeated for every field within, once it is longer than names may be."""
    with _at_most(peak=20 * MB):
        read(body)


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (_protobuf, stream('{a="b"}', entry(NOW_NS, b"x") + field(3, b"") * 2_000_000)),
        (_bulk, b"\n" * 10_000_000),
        (_raw, b"ab\n" * 1_000_000),
    ],
)
def test_many_parts_of_nothing(read: Read, body: bytes) -> None:
    """What costs two bytes to send and a hundred to hold is counted before it is made."""
    with _at_most(peak=30 * MB), pytest.raises(LimitExceeded):
        read(body)


@pytest.mark.parametrize("read", [_protobuf, _splunk])
def test_a_line_that_is_longer_than_records_may_be(read: Read) -> None:
    """It is refused by itself, before it is read as the JSON that it looks like."""
    line = json.dumps({"message": "x", "a": [[]] * 200_000})
    with _at_most(peak=30 * MB):
        if read is _protobuf:
            body = stream('{a="b"}', entry(NOW_NS, line.encode()), entry(NOW_NS, b"short"))
        else:
            body = json.dumps({"event": line}).encode() + b'{"event":"short"}'
        read_whole: Any = read(body)
    assert ({"record_size": 1}, 1) == (read_whole.rejected, read_whole.records)


def _senders_own(turn: int) -> Iterator[tuple[Read, dict[str, Any]]]:
    long = f"{turn}" * 20_000
    many = {f"{turn}.{number}": "" for number in range(3_000)}
    of_host = {f"host.{key}": "" for key in many}
    pairs = " ".join(f"k{turn}x{key}=1" for key in many)
    yield _bulk, {"level": long, "message": "x"}
    yield _bulk, {long: "x", "message": "x"}
    yield _bulk, {**of_host, "message": "x"}
    yield _bulk, {**many, "response_code": 200, "response_flags": "-"}
    yield _splunk, {"event": many}
    yield _loki, {"streams": [{"stream": many, "values": [["1770000000000000000", "x"]]}]}
    yield (
        _loki,
        {"streams": [{"stream": {"a": "b"}, "values": [["1770000000000000000", pairs]] * 2}]},
    )


def test_what_is_remembered_of_senders_own_words_is_bounded() -> None:
    """Names, levels and labels that are never the same, and long or many, are not kept."""
    # One million bytes are kept after the first turn, and seven thousand more after each other.
    with _at_most(kept=2 * MB):
        for turn in range(10):
            for read, value in _senders_own(turn):
                read(json.dumps(value).encode())
