"""Elasticsearch's API as senders of logs see it: raw exchanges, and the official client."""

import gzip
import json
from typing import Any

import pytest
from tests.receive.protocol_port import ProtocolPort

NDJSON = "application/x-ndjson"
TWO = b'{"create":{"_index":"logs"}}\n{"message":"one"}\n{"index":{"_id":"7"}}\n{"message":"two"}\n'
MIXED = TWO + b'{"delete":{"_id":"9"}}\n'


@pytest.mark.parametrize("path", ["/_bulk", "/shop/_bulk", "/shop/events/_bulk", "/_bulk/"])
def test_a_bulk_is_answered_item_by_item(path: str) -> None:
    """Each item bears its action, index, id and status, in the order of the request."""
    port = ProtocolPort()
    answer = port.post(path, TWO, content_type=NDJSON).json()
    first, second = answer["items"]
    assert not answer["errors"]
    assert isinstance(answer["took"], int)
    assert ("logs", 201, "created") == tuple(
        first["create"][k] for k in ("_index", "status", "result")
    )
    assert first["create"]["_id"]
    default = "shop" if "shop" in path else ""
    assert (default, "7", 201) == tuple(second["index"][k] for k in ("_index", "_id", "status"))
    assert ["one", "two"] == [record["body"] for record in port.records]
    assert {"elasticsearch"} == port.origins


def test_packed_bulks() -> None:
    """Beats pack with gzip."""
    port = ProtocolPort()
    answer = port.post("/_bulk", gzip.compress(TWO), content_type=NDJSON, content_encoding="gzip")
    assert not answer.json()["errors"]
    assert 2 == len(port.records)


def test_only_bad_items_fail() -> None:
    """The others are kept, and the reason is counted."""
    port = ProtocolPort()
    answer = port.post("/_bulk", MIXED, content_type=NDJSON).json()
    assert answer["errors"]
    assert [201, 201, 400] == [next(iter(item.values()))["status"] for item in answer["items"]]
    assert "illegal_argument_exception" == answer["items"][2]["delete"]["error"]["type"]
    assert 2 == len(port.records)
    assert {"action": 1} == dict(port.rejected)


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        ("errors,items.*.error,items.*.status", {"errors", "took", "items"}),
        ("errors,took", {"errors", "took"}),
    ],
)
def test_a_sender_may_ask_for_less(wanted: str, keys: set[str]) -> None:
    """Beats and the Collector look at status and error only; answers to them are short."""
    answer = ProtocolPort().post(f"/_bulk?filter_path={wanted}", MIXED).json()
    assert keys == set(answer)
    if "items" in keys:
        assert {"create": {"_index": "logs", "status": 201}} == answer["items"][0]
        assert "error" in answer["items"][2]["delete"]


def test_single_documents() -> None:
    """A document may come alone, with an id or without, on as many lines as it likes."""
    port = ProtocolPort()
    content = json.dumps({"message": "alone"}, indent=2).encode()
    answer = port.post("/shop/_doc", content)
    assert (201, "created") == (answer.status_code, answer.json()["result"])
    assert "i-1" == port.send("PUT", "/shop/_create/i-1", content).json()["_id"]
    assert ["alone"] * 2 == [record["body"] for record in port.records]
    assert 400 == port.post("/shop/_doc", b"[]").status_code


@pytest.mark.parametrize(
    ("agent", "accept", "version"),
    [
        ("Elastic-Filebeat/9.1.3 (linux; amd64; abc)", "application/json", "9.1.3"),
        ("Elastic-filebeat/8.4.0", "", "8.19.0"),
        ("x", "application/vnd.elasticsearch+json; compatible-with=9", "9.0.0"),
        ("Vector/0.50", "", "8.19.0"),
    ],
)
def test_the_version_is_never_older_than_the_sender(agent: str, accept: str, version: str) -> None:
    """A Beat does not send to a server that is older than itself."""
    answer = ProtocolPort().send("GET", "/", user_agent=agent, accept=accept)
    assert version == answer.json()["version"]["number"]
    assert "You Know, for Search" == answer.json()["tagline"]
    assert "Elasticsearch" == answer.headers["x-elastic-product"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("HEAD", "/"),
        ("GET", "/_license"),
        ("GET", "/_xpack"),
        ("GET", "/_cluster/health"),
        ("GET", "/_nodes/http"),
        ("HEAD", "/_index_template/filebeat-9.1.3"),
        ("GET", "/_index_template/logstash"),
        ("PUT", "/_ilm/policy/filebeat"),
        ("HEAD", "/_data_stream/filebeat-9.1.3"),
        ("GET", "/_ingest/pipeline/x"),
        ("PUT", "/_component_template/x"),
    ],
)
def test_what_senders_ask_before_they_write(method: str, path: str) -> None:
    """Filebeat, Logstash, Fluent Bit and Vector find what they look for, and the product's name."""
    port = ProtocolPort()
    answer = port.send(method, path, b"{}" if method == "PUT" else b"")
    assert (200, "Elasticsearch") == (answer.status_code, answer.headers["x-elastic-product"])
    if method == "PUT":
        assert {"acknowledged": True} == answer.json()
    assert not port.sink.kept


@pytest.mark.parametrize(
    ("content", "headers", "status", "kind"),
    [
        (b"nonsense\n", {}, 400, "illegal_argument_exception"),
        (b"", {}, 400, "illegal_argument_exception"),
        (TWO, {"content_encoding": "br"}, 415, "media_type_header_exception"),
        (b"x" * (20 * 1024 * 1024 + 1), {}, 413, "content_too_long_exception"),
    ],
)
def test_refusals(content: bytes, headers: dict[str, str], status: int, kind: str) -> None:
    """An error has a type, a reason and its root cause."""
    answer = ProtocolPort().post("/_bulk", content, **headers)
    body: Any = answer.json()
    assert (status, status, kind) == (answer.status_code, body["status"], body["error"]["type"])
    assert kind == body["error"]["root_cause"][0]["type"]
    assert "Elasticsearch" == answer.headers["x-elastic-product"]


def test_a_full_journal_asks_to_try_again() -> None:
    """429 is what every client tries again."""
    port = ProtocolPort()
    port.sink.full = True
    answer = port.post("/_bulk", TWO)
    assert (429, "3") == (answer.status_code, answer.headers["retry-after"])
    assert "es_rejected_execution_exception" == answer.json()["error"]["type"]


def test_keys() -> None:
    """A key is taken as API key or as password; without one the ways to show it are told."""
    port = ProtocolPort("k-1")
    refused = port.post("/_bulk", TWO)
    assert (401, "security_exception") == (refused.status_code, refused.json()["error"]["type"])
    assert "ApiKey" in refused.headers["www-authenticate"]
    for given in ("ApiKey azprLTE=", "ApiKey k-1", "Basic ZWxhc3RpYzprLTE="):
        assert 200 == port.post("/_bulk", TWO, authorization=given).status_code
    assert 401 == port.send("GET", "/").status_code
