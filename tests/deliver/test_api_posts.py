"""What may be posted: changes and alerts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.data_sets.shared_data import shared_data
from tests.deliver.watched import S, Signals, services

from tracepulse.deliver.api.app import api_app
from tracepulse.deliver.api.services import Services
from tracepulse.model.change import Change
from tracepulse.receive.changes import MAX_BODY_BYTES
from tracepulse.store.chdb import ChdbEngine

NOW_UNIX_NS = 1_900_000_000 * S
DEPLOY = {
    "kind": "deploy",
    "service": "session",
    "version": "1.8.3",
    "previous_version": "1.8.2",
    "revision": "c41d9e2",
    "at": "2030-03-17T17:46:40.5Z",
    "repository": "/srv/session",
    "summary": "tune session store",
}


@pytest.fixture
def given(engine: ChdbEngine, tmp_path: Path) -> Iterator[Services]:
    """Services that count how often the watch is woken."""
    made = services(engine, tmp_path, NOW_UNIX_NS, on_signal=Signals())
    yield made
    made.state.close()


@pytest.fixture
def api(given: Services) -> Iterator[TestClient]:
    """A client of the API over those services."""
    with TestClient(api_app(given), raise_server_exceptions=False) as client:
        yield client


def test_a_change_is_kept_as_reported(api: TestClient, given: Services) -> None:
    """Every field arrives, and the watch is woken once."""
    response = api.post("/api/changes", json=DEPLOY)
    change_id = response.json()["change_id"]
    assert 201 == response.status_code
    assert (
        Change(
            change_id=change_id,
            kind="deploy",
            service="session",
            at_unix_ns=1_900_000_000 * S + 500_000_000,
            version="1.8.3",
            previous_version="1.8.2",
            revision="c41d9e2",
            repository="/srv/session",
            summary="tune session store",
        ),
    ) == given.state.changes(0, 2**62)
    assert Signals(1) == given.on_signal
    (listed,) = api.get("/api/changes", params={"until": "2031-01-01"}).json()["changes"]
    assert (change_id, "2030-03-17T17:46:40.500000000Z") == (listed["change_id"], listed["at_at"])


def test_a_change_sent_twice_is_kept_once(api: TestClient, given: Services) -> None:
    """A pipeline may send its report again; another report is another change."""
    first = api.post("/api/changes", json=DEPLOY).json()
    again = api.post("/api/changes", json=DEPLOY).json()
    other = api.post("/api/changes", json={**DEPLOY, "version": "1.8.4"}).json()
    assert first == again != other
    assert 2 == len(given.state.changes(0, 2**62))


def test_a_change_may_bring_its_own_id_and_no_time(api: TestClient, given: Services) -> None:
    """The sender's id is kept, and a change without a time happened now."""
    api.post("/api/changes", json={"service": "cart", "change_id": "release-7"})
    (kept,) = given.state.changes(0, 2**62)
    assert ("release-7", "deploy", NOW_UNIX_NS) == (kept.change_id, kept.kind, kept.at_unix_ns)


@pytest.mark.parametrize(
    ("body", "status", "part"),
    [
        (b"", 400, "JSON object"),
        (b"[1]", 400, "JSON object"),
        (b"{", 400, "JSON object"),
        (b"{}", 400, "service"),
        (b'{"service": 7}', 400, "service: must be text"),
        (b'{"service": "a", "kind": "party"}', 400, "kind"),
        (b'{"service": "a", "kind": {}}', 400, "kind"),
        (b'{"service": "a", "at": "soon"}', 400, "at: write RFC 3339"),
        (b'{"service": "a", "at": 17}', 400, "at: write RFC 3339"),
        (b'{"service": "a", "version": "' + b"x" * 300 + b'"}', 400, "version: at most 256"),
        (b'{"service": "' + b"x" * MAX_BODY_BYTES + b'"}', 413, "bytes"),
    ],
)
def test_a_bad_change_is_refused(
    api: TestClient, given: Services, body: bytes, status: int, part: str
) -> None:
    """Nothing is kept, and the message names the field."""
    response = api.post("/api/changes", content=body, headers={"content-type": "application/json"})
    assert status == response.status_code
    assert part in response.json()["error"]["message"]
    assert () == given.state.changes(0, 2**62)


def test_a_form_is_no_json(api: TestClient) -> None:
    """What a page of another site could send without asking first is not taken."""
    headers = {"content-type": "text/plain"}
    response = api.post("/api/changes", content=b'{"service": "a"}', headers=headers)
    assert (400, "malformed_body") == (response.status_code, response.json()["error"]["code"])


def _webhook(*alerts: dict[str, Any]) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "receiver": "tracepulse", "alerts": list(alerts)}


FIRING = {
    "status": "firing",
    "labels": {"alertname": "CheckoutErrors", "service": "checkout", "route": "/checkout"},
    "annotations": {"summary": "31 % of checkouts fail"},
    "startsAt": "2030-03-17T17:40:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "fingerprint": "1a30ba71cca2921f",
}


def test_an_alert_fires_and_is_resolved(api: TestClient, given: Services) -> None:
    """The same fingerprint is one alert, first without an end and then with one."""
    assert {"accepted": 1} == api.post("/api/alerts/alertmanager", json=_webhook(FIRING)).json()
    (fired,) = given.state.alerts(0)
    assert ("CheckoutErrors", "checkout", "/checkout", None, "loopback") == (
        fired.name,
        fired.service,
        fired.operation,
        fired.ends_unix_ns,
        fired.trust,
    )
    resolved = {**FIRING, "status": "resolved", "endsAt": "2030-03-17T17:45:00Z"}
    api.post("/api/alerts/alertmanager", json=_webhook(resolved))
    (ended,) = given.state.alerts(0)
    assert 300 * S == (ended.ends_unix_ns or 0) - ended.starts_unix_ns
    assert Signals(2) == given.on_signal


def test_an_alert_without_fingerprint_is_known_by_its_labels(
    api: TestClient, given: Services
) -> None:
    """Labels in another order are the same alert."""
    bare = {key: value for key, value in FIRING.items() if key != "fingerprint"}
    turned = {**bare, "labels": dict(reversed(list(FIRING["labels"].items())))}  # type: ignore[attr-defined]
    api.post("/api/alerts/alertmanager", json=_webhook(bare))
    api.post("/api/alerts/alertmanager", json=_webhook(turned))
    assert 1 == len(given.state.alerts(0))


@pytest.mark.parametrize(
    ("payload", "part"),
    [
        ([], "no list `alerts`"),
        ({"alerts": {}}, "no list `alerts`"),
        ({"version": "3", "alerts": []}, "version"),
        (_webhook({"labels": []}), "alerts[0].labels"),
        ({"alerts": ["x"]}, "alerts[0]"),
        (_webhook({**FIRING, "startsAt": "noon"}), "alerts[0].startsAt"),
    ],
)
def test_a_bad_webhook_is_refused_whole(
    api: TestClient, given: Services, payload: Any, part: str
) -> None:
    """The message names the part; no alert of the request is kept."""
    response = api.post("/api/alerts/alertmanager", json=payload)
    assert 400 == response.status_code
    assert part in response.json()["error"]["message"]
    assert () == given.state.alerts(0)


def test_a_recorded_webhook_is_read(api: TestClient, given: Services) -> None:
    """A payload that Alertmanager really sent gives its alert."""
    payload = shared_data("payloads") / "alertmanager" / "webhook-v4.json"
    headers = {"content-type": "application/json"}
    response = api.post("/api/alerts/alertmanager", content=payload.read_bytes(), headers=headers)
    assert {"accepted": 1} == response.json()
    (alert,) = given.state.alerts(0)
    assert ("ProbeFailure", "http_checks", "1a30ba71cca2921f", 1_675_688_925_828_000_000) == (
        alert.name,
        alert.service,
        alert.fingerprint,
        alert.starts_unix_ns,
    )
