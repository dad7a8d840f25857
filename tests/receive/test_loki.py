"""Loki's push API: what each request is answered, in the words of Loki's own server."""

import gzip
import json
import zlib
from typing import Any

import pyarrow as pa
import pytest
from tests.receive.protocol_port import ProtocolPort
from tests.receive.test_loki_push import entry, stream

PUSH = "/loki/api/v1/push"
JSON = "application/json"
PROTOBUF = "application/x-protobuf"
GOOD = ["1700000000000000000", "hello"]


def push(*values: Any) -> bytes:
    """Return a push in JSON of one stream."""
    return json.dumps({"streams": [{"stream": {"app": "shop"}, "values": values}]}).encode()


def packed() -> bytes:
    """Return a push in protobuf, as a block of snappy."""
    plain = stream('{app="shop"}', entry(1_700_000_000_000_000_000, b"hello"))
    return bytes(pa.compress(plain, "snappy", asbytes=True))


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (push(GOOD), {"content_type": JSON}),
        (push(GOOD), {"content_type": "application/json; charset=utf-8"}),
        (gzip.compress(push(GOOD)), {"content_type": JSON, "content_encoding": "gzip"}),
        (zlib.compress(push(GOOD)), {"content_type": JSON, "content_encoding": "deflate"}),
        (push(GOOD), {"content_type": "application/x-www-form-urlencoded"}),
        (push(GOOD), {}),
        (packed(), {"content_type": PROTOBUF}),
        (packed(), {"content_type": PROTOBUF, "content_encoding": "snappy"}),
        (gzip.compress(packed()), {"content_type": PROTOBUF, "content_encoding": "gzip"}),
        (packed(), {}),
    ],
)
def test_every_form_of_a_push_is_taken(content: bytes, headers: dict[str, str]) -> None:
    """JSON and protobuf, packed as senders do it, are answered 204 without a body."""
    port = ProtocolPort()
    for path in (PUSH, "/api/prom/push"):
        answer = port.post(path, content, **headers)
        assert (204, b"") == (answer.status_code, answer.content)
    assert ["hello"] * 2 == [record["body"] for record in port.records]
    assert {"loki"} == port.origins


def test_a_mixed_push_is_kept_but_for_its_bad_entries() -> None:
    """As Loki does: 400 with words for what was not kept, and the others are."""
    port = ProtocolPort()
    answer = port.post(PUSH, push(GOOD, ["noon", "bad"], GOOD), content_type=JSON)
    assert 400 == answer.status_code
    assert answer.text.startswith("1 of 3 entries were not kept, the others were: 1 rejected")
    assert "'noon'" in answer.text
    assert 2 == len(port.records)
    assert {"timestamp": 1} == dict(port.rejected)


@pytest.mark.parametrize(
    ("content", "headers", "status", "words"),
    [
        (b"{", {"content_type": JSON}, 400, "not JSON"),
        (b"[]", {"content_type": JSON}, 400, "streams"),
        (b"\x05hello", {"content_type": PROTOBUF}, 400, "snappy"),
        (b"", {"content_type": PROTOBUF}, 400, "snappy"),
        (push(GOOD), {"content_type": JSON, "content_encoding": "br"}, 400, "br"),
        (b"x" * (20 * 1024 * 1024 + 1), {"content_type": JSON}, 413, "smaller"),
    ],
)
def test_refusals_are_in_words(
    content: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    """What cannot be read is answered in plain text, which senders write into their logs."""
    port = ProtocolPort()
    answer = port.post(PUSH, content, **headers)
    assert status == answer.status_code
    assert words in answer.text
    assert "text/plain; charset=utf-8" == answer.headers["content-type"]
    assert not port.sink.kept


def test_a_full_journal_asks_to_try_again() -> None:
    """Promtail and its like try a 503 again, after as long as it says."""
    port = ProtocolPort()
    port.sink.full = True
    answer = port.post(PUSH, push(GOOD), content_type=JSON)
    assert (503, "3") == (answer.status_code, answer.headers["retry-after"])


def test_keys() -> None:
    """The password of basic authentication is the key, as Promtail's basic_auth sends it."""
    port = ProtocolPort("k-1")
    assert 401 == port.post(PUSH, push(GOOD), content_type=JSON).status_code
    basic = port.client.post(
        PUSH, content=push(GOOD), headers={"content-type": JSON}, auth=("tenant", "k-1")
    )
    assert 204 == basic.status_code
    bearer = port.post(PUSH, push(GOOD), content_type=JSON, authorization="Bearer k-1")
    assert 204 == bearer.status_code


def test_readiness() -> None:
    """Senders that ask first whether Loki is up are told so, without a key."""
    port = ProtocolPort("k-1")
    assert (200, "ready\n") == (
        port.send("GET", "/ready").status_code,
        port.client.get("/ready").text,
    )
    assert 405 == port.send("GET", PUSH).status_code


def test_the_same_push_is_kept_as_the_same_bytes() -> None:
    """A push that is sent again must be known to be the same."""
    port = ProtocolPort()
    lines = [["1700000000000000000", f"2025-07-31T22:13:{n:02}Z WARN x - {n}"] for n in range(30)]
    for _ in range(2):
        port.post(PUSH, push(*lines), content_type=JSON)
        port.clock.advance(3 * 10**9)
    (_, first, _, _), (_, second, _, _) = port.sink.kept
    assert first == second


def test_what_a_runtime_wrapped_is_taken_out() -> None:
    """A line of Docker's log files, pushed as it is, is the line inside."""
    port = ProtocolPort()
    inner = {"log": "level=warn msg=late x=1\n", "stream": "stderr", "time": "2023-11-14T22:13:20Z"}
    port.post(PUSH, push(["1700000000000000000", json.dumps(inner)]), content_type=JSON)
    (record,) = port.records
    assert "late" in record["body"]
    assert "stream" not in record["body"]


def test_a_request_that_a_mesh_logged_is_the_same_by_every_way() -> None:
    """Istio's JSON access log, shipped to Loki, Splunk or Elasticsearch: one and the same record."""
    access = {
        "method": "POST",
        "path": "/pay",
        "response_code": 503,
        "response_flags": "UF",
        "duration": 12,
        "authority": "pay:8080",
        "upstream_cluster": "outbound|8080||pay.shop.svc.cluster.local",
    }
    port = ProtocolPort()
    time = "1700000000000000000"
    port.post(PUSH, push([time, json.dumps(access)]), content_type=JSON)
    port.post("/services/collector", json.dumps({"time": 1700000000, "event": access}).encode())
    document = {"@timestamp": "2023-11-14T22:13:20Z", **access}
    port.post("/x/_bulk", b'{"create":{}}\n%s\n' % json.dumps(document).encode())
    seen = [(r["time"], r["body"], r["level"][0], r["attributes"]) for r in port.records]
    assert 3 == len(seen)
    assert [seen[0]] * 3 == seen
    assert 17 == seen[0][2]
    assert 503 == seen[0][3]["http.response.status_code"]
