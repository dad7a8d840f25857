"""Damaged and odd requests of Loki, Elasticsearch and Splunk: refused in words, or read within bounds."""

import contextlib
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from tests.receive.test_loki_push import entry, stream

from tracepulse.errors import SenderError
from tracepulse.receive.admission import admit
from tracepulse.receive.alerts import read_alertmanager, read_grafana
from tracepulse.receive.elastic_bulk import read_bulk
from tracepulse.receive.faro import convert_faro
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.line_readers import LineReaders
from tracepulse.receive.loki_push import read_push
from tracepulse.receive.splunk_events import read_events, read_raw
from tracepulse.receive.zipkin_port import convert_zipkin

NOW_NS = 1_770_000_000 * 10**9
READERS = LineReaders()
LINE = '{"level":"warn","msg":"late","trace_id":"0af7651916cd43dd8448eb211c80319c"}'
ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e308, 2**63, 2**64, -(2**63) - 1, "", " ", "\x00", "\ud83d",
    "x" * 300, [], {}, [[]], {"": ""}, {"a": {"b": {"c": {"d": {"e": 1}}}}}, "2026-02-30T25:61:61Z",
    "NaN", "٣", "²", "2026-02-02T02:40:00+99:00", '[2026-02-02T02:40:00.²Z] "GET', "0" * 40, "-", "1e9", [1, None], {"name": None}, "9" * 5000,
]  # fmt: skip
"""Values that stand where others are expected."""


def _loki(value: object, place: int) -> bytes:
    values: list[Any] = ["1770000000000000000", LINE, {"level": "info", "trace_id": "x"}]
    labels: object = {"app": "shop", "job": "a/b"}
    if place < 3:
        values[place] = value
    else:
        labels = value if place == 3 else {"app": value, "level": value, "filename": value}
    return json.dumps({"streams": [{"stream": labels, "values": [values]}]}).encode()


FIELDS = ["@timestamp", "message", "level", "trace.id", "span_id", "traceparent", "service", "host",
          "service.name", "labels", "time", "log", "response_code", "error.stack_trace"]  # fmt: skip


def _bulk(value: object, place: int) -> bytes:
    document = {"message": LINE, "response_flags": "-", FIELDS[place]: value}
    return b'{"create":{}}\n' + json.dumps(document).encode() + b"\n"


SPLUNK = ["time", "event", "fields", "host", "source", "sourcetype", "index"]


def _splunk(value: object, place: int) -> bytes:
    event: dict[str, Any] = {"event": LINE, "time": 1770000000}
    if place < len(SPLUNK):
        event[SPLUNK[place]] = value
    else:
        event["event"] = {"line": value, "attrs": value, "source": value}
    return json.dumps(event).encode()


def _read_loki(body: bytes) -> bytes:
    return read_push(body, True, READERS, NOW_NS).body


def _read_protobuf(body: bytes) -> bytes:
    return read_push(body, False, READERS, NOW_NS).body


def _read_bulk(body: bytes) -> bytes:
    return read_bulk(body, "logs", READERS, NOW_NS).body


def _read_splunk(body: bytes) -> bytes:
    return read_events(body, {"host": "h"}, READERS, NOW_NS).body


def _read_raw(body: bytes) -> bytes:
    return read_raw(body, {"source": "s"}, NOW_NS).body


@pytest.mark.parametrize(
    ("make", "read", "places"),
    [(_loki, _read_loki, 5), (_bulk, _read_bulk, len(FIELDS)), (_splunk, _read_splunk, 8)],
)
def test_odd_values_in_any_place(
    make: Callable[[object, int], bytes], read: Callable[[bytes], bytes], places: int
) -> None:
    """Whatever stands where another value is expected, the request is read or refused in words."""
    for place in range(places):
        for value in ODD:
            admit(_sound(read, make(value, place)), "logs", SERVER_LIMITS)


@pytest.mark.parametrize(
    ("make", "read", "places"),
    [(_loki, _read_loki, 5), (_bulk, _read_bulk, len(FIELDS)), (_splunk, _read_splunk, 8)],
)
@pytest.mark.parametrize("deep", [b"[" * 900 + b"]" * 900, b'{"a":' * 900 + b"1" + b"}" * 900])
def test_values_as_deep_as_json_is_read(
    make: Callable[[object, int], bytes], read: Callable[[bytes], bytes], places: int, deep: bytes
) -> None:
    """Lists in lists that can be read can be written too, or are refused in words."""
    for place in range(places):
        body = make("DEEP", place).replace(b'"DEEP"', deep)
        admit(_sound(read, body), "logs", SERVER_LIMITS)


@pytest.mark.parametrize("deep", [b"[" * 900 + b"]" * 900, b'{"a":' * 900 + b"1" + b"}" * 900])
@pytest.mark.parametrize(
    ("read", "body"),
    [
        (convert_faro, {"logs": [{"context": 7, "x": 7}], "meta": {"app": {"x": 7}, "view": 7}}),
        (convert_faro, {"measurements": [{"type": "web-vitals", "values": {"cls": 7}}]}),
        (convert_faro, {"exceptions": [{"stacktrace": {"frames": [{"filename": 7}]}}]}),
        (convert_zipkin, [{"traceId": "1", "id": "2", "tags": {"error": 7, "otel.scope.name": 7}}]),
        (
            convert_zipkin,
            [{"traceId": "1", "id": "2", "annotations": [{"timestamp": 1, "value": 7}]}],
        ),
        (lambda body: read_alertmanager(body, NOW_NS), {"alerts": [{"labels": {"a": 7}}]}),
        (lambda body: read_alertmanager(body, NOW_NS), {"version": 7, "alerts": []}),
        (lambda body: read_grafana(body, NOW_NS), {"alerts": [{"values": {"B": 7}}]}),
    ],
)
def test_deep_values_of_pages_tracers_and_alerts(
    read: Callable[[bytes], object], body: object, deep: bytes
) -> None:
    """They are read, or refused in words."""
    with contextlib.suppress(SenderError):
        read(json.dumps(body).encode().replace(b" 7", b" " + deep))


PROTOBUF = stream(
    '{app="shop", level="warn"}', entry(NOW_NS, LINE.encode(), level="info", user="u")
)


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (_loki(LINE, 1), _read_loki),
        (PROTOBUF, _read_protobuf),
        (_bulk("x", 1) * 2, _read_bulk),
        (_splunk("x", 3) * 2, _read_splunk),
        (LINE.encode() + b"\n2026-02-02T02:40:00Z WARN x\n\tat y\n", _read_raw),
    ],
)
def test_damaged_requests(body: bytes, read: Callable[[bytes], bytes]) -> None:
    """A request with bytes changed, lost or doubled is read or refused in words."""
    chance = random.Random(7)
    for _ in range(400):
        damaged = bytearray(body)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(damaged))
            kind = chance.randrange(3)
            if kind == 0:
                damaged[at] = chance.randrange(256)
            elif kind == 1:
                del damaged[at : at + chance.randint(1, 9)]
            else:
                damaged[at:at] = damaged[at : at + chance.randint(1, 30)]
            damaged = damaged or bytearray(b" ")
        admit(_sound(read, bytes(damaged)), "logs", SERVER_LIMITS)


def _sound(read: Callable[[bytes], bytes], body: bytes) -> bytes:
    """Return what was read, which is the same each time; nothing where it was refused in words."""
    try:
        first = read(body)
    except SenderError:
        return b""
    assert first == read(body)
    return first
