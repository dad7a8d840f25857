"""Messages that were set aside, and the server's own numbers, as the API gives them out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.deliver.watched import FakeAside, services
from tests.otlp_requests import log, logs

from tracepulse.deliver.api.app import api_app
from tracepulse.receive.access import ApiKey, Scope, key_hash
from tracepulse.store.chdb import ChdbEngine

KEYS = [ApiKey(s.value, s.value, s, key_hash(f"key-{s.value}")) for s in Scope]


@pytest.fixture
def aside() -> FakeAside:
    """One message of two records."""
    request = logs(log("token=abcdef0123456789 of joe@example.com"), log("second"))
    return FakeAside(body=request.SerializeToString())


@pytest.fixture
def keyed(engine: ChdbEngine, tmp_path: Path, aside: FakeAside) -> Iterator[TestClient]:
    """A client of an API with a key of each scope."""
    given = services(engine, tmp_path, keys=KEYS, aside=aside)
    with TestClient(api_app(given), raise_server_exceptions=False) as client:
        yield client
    given.state.close()


def _key(scope: Scope) -> dict[str, str]:
    return {"x-api-key": f"key-{scope.value}"}


def test_messages_are_listed_and_read_without_secrets(keyed: TestClient) -> None:
    """Neither the engine's words nor the message's own let one out."""
    listed = keyed.get("/api/set-aside", headers=_key(Scope.READ)).json()
    (message,) = listed["messages"]
    assert ("run-1", 2, False) == (message["message_id"], message["records"], message["readable"])
    (damaged,) = listed["damaged"]
    assert ("run-2", 17, 57, 3) == tuple(
        damaged[key] for key in ("segment_id", "start", "end", "records")
    )
    shown = keyed.get("/api/set-aside/run-1", headers=_key(Scope.READ))
    for text in (message["reason"], shown.text):
        for secret in ("hunter2", "abcdef0123456789", "joe@example.com"):
            assert secret not in text
    (group,) = shown.json()["request"]["resourceLogs"]
    assert "second" == group["scopeLogs"][0]["logRecords"][1]["body"]["stringValue"]
    assert 404 == keyed.get("/api/set-aside/run-9", headers=_key(Scope.READ)).status_code


def test_only_administrators_retry_and_discard(keyed: TestClient, aside: FakeAside) -> None:
    """A key that may read may not change what is kept."""
    for scope in (Scope.READ, Scope.INGEST):
        headers = _key(scope)
        assert 403 == keyed.post("/api/set-aside/run-1/retry", headers=headers).status_code
        assert 403 == keyed.delete("/api/set-aside/run-1", headers=headers).status_code
    headers = _key(Scope.ADMIN)
    retried = keyed.post("/api/set-aside/run-1/retry", headers=headers)
    assert (202, {"segment_id": "run-r1"}) == (retried.status_code, retried.json())
    assert {"records": 2} == keyed.delete("/api/set-aside/run-1", headers=headers).json()
    assert (["run-1"], ["run-1"]) == (aside.retried, aside.discarded)


def test_the_servers_numbers_need_a_key_that_may_read(keyed: TestClient) -> None:
    """They name services' protocols and volumes."""
    assert 401 == keyed.get("/metrics").status_code
    assert 403 == keyed.get("/metrics", headers=_key(Scope.INGEST)).status_code
    text = keyed.get("/metrics", headers={"authorization": "Bearer key-read"}).text
    assert 'tracepulse_records_received_total{origin="otlp_http",signal="logs"} 10.0' in text
    assert 'tracepulse_store_parts{table="otel_logs"} 3.0' in text
