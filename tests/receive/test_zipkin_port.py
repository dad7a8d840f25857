"""Zipkin's collector on the OTLP port: what reporters are answered and what is kept."""

import gzip
import json
import lzma
from typing import Any

import pytest
from tests.data_sets.shared_data import shared_data
from tests.receive.protocol_port import ProtocolPort

from tracepulse.receive.access import Scope

PATH = "/api/v2/spans"
SPAN: dict[str, Any] = {
    "traceId": "ef86c83c0a05a6d6",
    "id": "ecc00062ceef4bf0",
    "kind": "SERVER",
    "name": "get /x",
    "timestamp": 1531282088548312,
    "duration": 20333,
    "localEndpoint": {"serviceName": "content"},
    "tags": {"http.method": "GET"},
}


def _spans(port: ProtocolPort) -> list[Any]:
    return [
        span
        for request in port.kept("traces")
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


@pytest.mark.parametrize("packed", [False, True])
def test_spans_are_accepted_as_zipkin_accepts_them(packed: bool) -> None:
    """202 once they are durable; reporters pack with gzip or not at all."""
    port = ProtocolPort()
    body = json.dumps([SPAN]).encode()
    headers = {"content_encoding": "gzip"} if packed else {}
    answer = port.post(PATH, gzip.compress(body) if packed else body, **headers)
    assert (202, b"") == (answer.status_code, answer.content)
    assert ["get /x"] == [span.name for span in _spans(port)]
    assert ["zipkin"] == [receipt.origin for _, _, receipt, _ in port.sink.kept]


def test_a_text_that_was_cut_within_a_letter() -> None:
    """JavaScript cuts a tag between the halves of a letter; the spans are kept."""
    port = ProtocolPort()
    body = json.dumps([{**SPAN, "tags": {"title": "cut \ud83d"}}]).encode()
    assert 202 == port.post(PATH, body).status_code
    (span,) = _spans(port)
    assert "cut ?" == span.attributes[0].value.string_value


def test_a_bad_span_costs_itself_alone() -> None:
    """The good ones of its batch are kept, and the door counts it."""
    port = ProtocolPort()
    answer = port.post(PATH, json.dumps([SPAN, {**SPAN, "id": "x"}, 7]).encode())
    assert 202 == answer.status_code
    assert "[1]: id: 'x' is not hex" in answer.text
    assert 1 == len(_spans(port))
    assert {"unreadable": 2} == port.counters.rejected_by_reason


def test_version_1_is_refused_in_words() -> None:
    """Its path, its shape on the path of version 2, and Thrift and protobuf."""
    port = ProtocolPort()
    endpoint = {"serviceName": "a", "ipv4": "10.0.0.1"}
    old = {
        "traceId": "ef86c83c0a05a6d6",
        "id": "ecc00062ceef4bf0",
        "name": "get",
        "annotations": [{"timestamp": 1, "value": "sr", "endpoint": endpoint}],
        "binaryAnnotations": [],
    }
    for path, body, kind in (
        ("/api/v1/spans", [old], "application/json"),
        (PATH, [old], "application/json"),
        (PATH, [SPAN], "application/x-thrift"),
        (PATH, [SPAN], "application/x-protobuf"),
    ):
        answer = port.post(path, json.dumps(body).encode(), content_type=kind)
        assert 400 == answer.status_code
        assert "version" in answer.text
    assert [] == port.sink.kept


def test_refusals() -> None:
    """Malformed 400, unknown key 401, another packing 415, no room 503 with a time to come back."""
    port = ProtocolPort(Scope.INGEST)
    assert 401 == port.post(PATH, b"[]").status_code
    key = {"x_api_key": "key-ingest"}
    for body in (b"", b"{}", b"[", json.dumps(SPAN).encode()):
        assert 400 == port.post(PATH, body, **key).status_code
    assert 415 == port.post(PATH, b"[]", content_encoding="br", **key).status_code
    port.sink.full = True
    answer = port.post(PATH, json.dumps([SPAN]).encode(), **key)
    assert (503, "3") == (answer.status_code, answer.headers["retry-after"])


def test_an_empty_list_is_no_fault() -> None:
    """Health checks of exporters send one."""
    port = ProtocolPort()
    assert 202 == port.post(PATH, b"[]").status_code
    assert [] == port.sink.kept


def test_every_recorded_payload_is_kept_whole() -> None:
    """Traces recorded of real systems: each span is there, none refused."""
    port = ProtocolPort()
    held = 0
    for path in sorted((shared_data("payloads") / "zipkin-v2").iterdir()):
        content = path.read_bytes()
        content = lzma.decompress(content) if path.suffix == ".xz" else content
        assert 202 == port.post(PATH, content).status_code, path
        held += len(json.loads(content))
    assert held == len(_spans(port)) > 100
    assert 0 == port.counters.rejected_records
