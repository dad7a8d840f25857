"""Splunk's HTTP Event Collector: its answers, code by code, as Splunk documents them."""

import gzip
import json
from typing import Any

import pytest
from tests.receive.protocol_port import ProtocolPort

EVENT = "/services/collector/event"
RAW = "/services/collector/raw"
ACK = "/services/collector/ack"
CHANNEL = "FE0ECFAD-13D5-401B-847D-77833BD77131"
ONE = b'{"event":"hello","time":1700000000}'


@pytest.mark.parametrize(
    "path", ["/services/collector", EVENT, f"{EVENT}/1.0", f"{EVENT}/", "/services/collector/"]
)
def test_events_are_taken_under_all_their_names(path: str) -> None:
    """Success is code 0, and what came is kept."""
    port = ProtocolPort()
    answer = port.post(path, ONE + ONE)
    assert (200, {"text": "Success", "code": 0}) == (answer.status_code, answer.json())
    assert ["hello", "hello"] == [record["body"] for record in port.records]
    assert {"splunk_hec"} == port.origins


def test_packed_events() -> None:
    """The Collector, Docker and Vector pack with gzip."""
    port = ProtocolPort()
    answer = port.post(EVENT, gzip.compress(ONE), content_encoding="gzip")
    assert 0 == answer.json()["code"]
    assert 1 == len(port.records)


def test_raw_text() -> None:
    """A line is an event, and what the address says holds for all."""
    port = ProtocolPort()
    answer = port.post(f"{RAW}/1.0?channel={CHANNEL}&host=web-1&sourcetype=app", b"one\ntwo\n")
    assert {"text": "Success", "code": 0, "ackId": 0} == answer.json()
    assert ["one", "two"] == [record["body"] for record in port.records]
    assert {"web-1"} == {record["resource"]["host.name"] for record in port.records}


@pytest.mark.parametrize(
    ("body", "code", "number", "kept"),
    [
        (ONE + b'{"time":1}' + ONE, 12, 1, 2),
        (b'{"event":""}' + ONE, 13, 0, 1),
        (ONE + b'\n{"event":"dam\n' + ONE, 6, 1, 2),
        (ONE + b'{"event":"x","fields":7}', 15, 1, 1),
        (b'{"event":"metric","fields":{"metric_name:cpu":1}}', 6, 0, 0),
    ],
)
def test_a_mixed_batch_is_kept_but_for_its_bad_events(
    body: bytes, code: int, number: int, kept: int
) -> None:
    """400 with the code of the first bad event and its number; the good ones are kept."""
    port = ProtocolPort()
    answer = port.post(EVENT, body)
    assert (400, code) == (answer.status_code, answer.json()["code"])
    assert number == answer.json()["invalid-event-number"]
    assert kept == len(port.records)
    assert 1 == port.rejected.total()


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code"),
    [
        (EVENT, b"", {}, 400, 5),
        (EVENT, b" \n", {}, 400, 5),
        (RAW, b"", {}, 400, 5),
        (EVENT, b"nonsense", {"content_encoding": "gzip"}, 400, 6),
        (EVENT, b"x" * (20 * 1024 * 1024 + 1), {}, 413, 6),
        (ACK, b'{"acks":[0]}', {}, 400, 10),
        (ACK, b'{"acks":["x"]}', {"x_splunk_request_channel": CHANNEL}, 400, 6),
        (ACK, b"{", {"x_splunk_request_channel": CHANNEL}, 400, 6),
    ],
)
def test_refusals(path: str, body: bytes, headers: dict[str, str], status: int, code: int) -> None:
    """Each fault has its status and code, and nothing is kept."""
    port = ProtocolPort()
    answer = port.post(path, body, **headers)
    assert (status, code) == (answer.status_code, answer.json()["code"])
    assert not port.records


def test_acknowledgement() -> None:
    """With a channel each success has an id, and every id that was given out is acknowledged."""
    port = ProtocolPort()
    ids = [
        port.post(EVENT, ONE, x_splunk_request_channel=CHANNEL).json()["ackId"] for _ in range(3)
    ]
    assert 3 == len(set(ids))
    asked = json.dumps({"acks": ids}).encode()
    answer = port.post(f"{ACK}?channel={CHANNEL}", asked)
    expected: dict[str, Any] = {"acks": {str(one): True for one in ids}}
    assert (200, expected) == (answer.status_code, answer.json())


def test_a_full_journal_is_a_busy_server() -> None:
    """Senders try a code 9 again; no acknowledgement is promised."""
    port = ProtocolPort()
    port.sink.full = True
    answer = port.post(EVENT, ONE, x_splunk_request_channel=CHANNEL)
    assert {"text": "Server is busy", "code": 9} == answer.json()
    assert (503, "3") == (answer.status_code, answer.headers["retry-after"])


@pytest.mark.parametrize(
    ("headers", "path", "status", "code"),
    [
        ({"authorization": "Splunk k-1"}, EVENT, 200, 0),
        ({"authorization": "Basic eDprLTE="}, EVENT, 200, 0),
        ({}, EVENT, 401, 2),
        ({"authorization": "k-1"}, EVENT, 401, 3),
        ({"authorization": "Splunk"}, EVENT, 401, 3),
        ({"authorization": "Splunk k-2"}, EVENT, 403, 4),
        ({}, f"{EVENT}?token=k-1", 400, 16),
        ({}, f"{ACK}?channel={CHANNEL}", 401, 2),
    ],
)
def test_tokens(headers: dict[str, str], path: str, status: int, code: int) -> None:
    """A key is the token; each way of failing has its own code."""
    answer = ProtocolPort("k-1").post(path, ONE, **headers)
    assert (status, code) == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("path", ["/services/collector/health", "/services/collector/health/1.0"])
def test_health(path: str) -> None:
    """Code 17 says that events are taken; no token is needed to ask."""
    answer = ProtocolPort("k-1").send("GET", path)
    assert (200, {"text": "HEC is healthy", "code": 17}) == (answer.status_code, answer.json())
