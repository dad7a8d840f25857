"""Webhooks of Grafana, Sentry, GitHub and any other system: what they leave behind."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.deliver.watched import S, Signals, services

from tracepulse.deliver.api.app import api_app
from tracepulse.deliver.api.services import Services
from tracepulse.errors import MalformedBody
from tracepulse.receive.access import ApiKey, Scope, key_hash
from tracepulse.receive.generic_alerts import read_generic
from tracepulse.receive.github import read_github
from tracepulse.receive.sentry_alerts import read_sentry
from tracepulse.store.chdb import ChdbEngine

NOW_UNIX_NS = 1_900_000_000 * S
SECRET = b"a secret of both sides"

Opened = tuple[TestClient, Services]


@pytest.fixture
def open_api(engine: ChdbEngine, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Open the API, with secrets or keys."""
    opened: list[Services] = []

    def open_one(**others: Any) -> Opened:
        made = services(engine, tmp_path, NOW_UNIX_NS, on_signal=Signals())
        opened.append(replace(made, **others))
        return TestClient(api_app(opened[-1]), raise_server_exceptions=False), opened[-1]

    yield open_one
    for each in opened:
        each.state.close()


GRAFANA: dict[str, Any] = {
    "receiver": "tracepulse",
    "status": "firing",
    "orgId": 1,
    "version": "1",
    "groupKey": '{}:{alertname="Slow checkout"}',
    "truncatedAlerts": 0,
    "state": "alerting",
    "title": "[FIRING:1] Slow checkout",
    "message": "**Firing**",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "Slow checkout", "service": "checkout", "zone": "eu-1"},
            "annotations": {"summary": "p95 above 2 s"},
            "startsAt": "2030-03-17T18:40:00.157076+01:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://grafana.example/alerting/1afz29v7z/edit",
            "fingerprint": "c6eadffa33fcdf37",
            "silenceURL": "https://grafana.example/alerting/silence/new",
            "dashboardURL": "",
            "panelURL": "",
            "values": {"B": 2.31, "C": 1},
        }
    ],
}


def test_an_alert_of_grafana(open_api: Callable[..., Opened]) -> None:
    """It is read as Alertmanager's, and what Grafana measured stands among the annotations."""
    api, given = open_api()
    assert {"accepted": 1} == api.post("/api/alerts/grafana", json=GRAFANA).json()
    (alert,) = given.state.alerts(0)
    assert ("grafana", "Slow checkout", "checkout", 1_899_999_600_157_076_000) == (
        alert.source,
        alert.name,
        alert.service,
        alert.starts_unix_ns,
    )
    assert "p95 above 2 s" == alert.annotations["summary"]
    assert "2.31" == alert.annotations["grafana.value.B"]
    assert "grafana.dashboardURL" not in alert.annotations
    resolved = {**GRAFANA["alerts"][0], "status": "resolved", "endsAt": "2030-03-17T17:45:00Z"}
    api.post("/api/alerts/grafana", json={**GRAFANA, "alerts": [resolved]})
    (ended,) = given.state.alerts(0)
    assert ended.ends_unix_ns == 1_899_999_900 * S


def _sentry(api: TestClient, resource: str, payload: Any, secret: bytes = SECRET) -> Any:
    body = json.dumps(payload).encode()
    headers = {
        "content-type": "application/json",
        "sentry-hook-resource": resource,
        "sentry-hook-signature": hmac.new(secret, body, hashlib.sha256).hexdigest(),
    }
    return api.post("/api/alerts/sentry", content=body, headers=headers)


EVENT_ALERT = {
    "action": "triggered",
    "actor": {"id": "sentry", "name": "Sentry", "type": "application"},
    "data": {
        "event": {
            "culprit": "checkout.views.pay",
            "datetime": "2030-03-17T17:40:00.677000Z",
            "event_id": "e4874d664c3540c1a32eab185f12c5ab",
            "issue_id": "1117540176",
            "level": "error",
            "release": None,
            "tags": [["environment", "production"], ["transaction", "POST /pay"], ["bad"]],
            "title": "ReferenceError: heck is not defined",
            "url": "https://sentry.example/api/0/projects/shop/checkout/events/e4874d66/",
            "web_url": "https://sentry.example/organizations/shop/issues/1117540176/",
        },
        "triggered_rule": "Too many faults",
    },
    "installation": {"uuid": "a8e5d37a-696c-4c54-adb5-b3f28d64c7de"},
}
RESOLVED_ISSUE = {
    "action": "resolved",
    "data": {
        "issue": {
            "id": "1117540176",
            "title": "ReferenceError: heck is not defined",
            "firstSeen": "2030-03-01T00:00:00.391000Z",
            "lastSeen": "2030-03-17T17:41:00.391000Z",
            "status": "resolved",
            "substatus": None,
            "project": {"id": "1", "name": "checkout", "slug": "checkout"},
        }
    },
}
METRIC_ALERT = {
    "action": "critical",
    "data": {
        "description_text": "1000 events in the last 10 minutes",
        "description_title": "Critical: Too many errors",
        "metric_alert": {
            "alert_rule": {"name": "Too many errors", "aggregate": "count()", "projects": ["cart"]},
            "date_closed": None,
            "date_started": "2030-03-17T17:30:00.000000Z",
            "id": "4",
            "projects": ["cart"],
            "status": 20,
            "title": "Sacred Marmot",
        },
        "web_url": "https://sentry.example/organizations/shop/alerts/1/",
    },
}


def test_an_issue_of_sentry_begins_with_its_alert_and_ends_with_its_resolution(
    open_api: Callable[..., Opened],
) -> None:
    """Both webhooks tell of one alert, which is about the project that the event is of."""
    api, given = open_api(sentry_secret=SECRET)
    assert 200 == _sentry(api, "event_alert", EVENT_ALERT).status_code
    (fired,) = given.state.alerts(0)
    assert ("sentry", "issue:1117540176", "Too many faults", "checkout", "POST /pay", None) == (
        fired.source,
        fired.fingerprint,
        fired.name,
        fired.service,
        fired.operation,
        fired.ends_unix_ns,
    )
    assert 1_899_999_600_677_000_000 == fired.starts_unix_ns
    assert "production" == fired.labels["environment"]
    assert "server_key" == fired.trust
    _sentry(api, "issue", RESOLVED_ISSUE)
    (ended,) = given.state.alerts(0)
    assert NOW_UNIX_NS == ended.ends_unix_ns


def test_a_metric_alert_of_sentry(open_api: Callable[..., Opened]) -> None:
    """It fires from when its incident started, and its resolution is of the same alert."""
    api, given = open_api(sentry_secret=SECRET)
    _sentry(api, "metric_alert", METRIC_ALERT)
    (fired,) = given.state.alerts(0)
    assert ("Too many errors", "cart", 1_899_999_000 * S) == (
        fired.name,
        fired.service,
        fired.starts_unix_ns,
    )
    _sentry(api, "metric_alert", {**METRIC_ALERT, "action": "resolved"})
    (ended,) = given.state.alerts(0)
    assert NOW_UNIX_NS == ended.ends_unix_ns


@pytest.mark.parametrize("projects", [7, True, "cart", {"a": 1}, [7, None], [[["cart"]]]])
def test_projects_of_sentry_that_are_no_list_of_names(projects: object) -> None:
    """The alert is kept; whose it is stays unknown."""
    payload: dict[str, Any] = json.loads(json.dumps(METRIC_ALERT))
    payload["data"]["metric_alert"]["projects"] = projects
    body = json.dumps(payload).encode()
    (alert,) = read_sentry(body, "metric_alert", NOW_UNIX_NS)
    assert ("Too many errors", "") == (alert.name, alert.service)


def test_alerts_with_numbers_for_ids_are_told_apart() -> None:
    """Many systems number their alerts; two of one name are two."""
    alerts = [{"name": "slow", "id": number} for number in (7, 8, "7")]
    first, second, third = read_generic(json.dumps(alerts).encode(), NOW_UNIX_NS)
    assert first.fingerprint == third.fingerprint != second.fingerprint


def test_other_news_of_sentry_is_passed_over(open_api: Callable[..., Opened]) -> None:
    """An installation is no alert; the webhook is answered well, or Sentry would switch it off."""
    api, given = open_api(sentry_secret=SECRET)
    answer = _sentry(api, "installation", {"action": "created", "data": {"installation": {}}})
    assert (200, {"accepted": 0}) == (answer.status_code, answer.json())
    assert Signals(0) == given.on_signal


PROJECT_HOOK = {
    "id": "27379932",
    "project": "cart",
    "project_slug": "cart",
    "level": "error",
    "culprit": "raven.scripts.runner in main",
    "message": "This is an example",
    "url": "https://sentry.example/organizations/shop/issues/17/",
    "triggering_rules": ["Send a notification"],
    "event": {"event_id": "a1", "title": "This is an example", "tags": [["level", "error"]]},
}


def test_the_older_webhook_of_a_project_of_sentry(open_api: Callable[..., Opened]) -> None:
    """It is not signed and names no resource; with a key, or on this machine, it is an alert."""
    api, given = open_api()
    assert 200 == api.post("/api/alerts/sentry", json=PROJECT_HOOK).status_code
    (alert,) = given.state.alerts(0)
    assert ("issue:17", "Send a notification", "cart") == (
        alert.fingerprint,
        alert.name,
        alert.service,
    )


@pytest.mark.parametrize("resource", ["event_alert", "metric_alert", "issue"])
@pytest.mark.parametrize("data", [None, {}, {"event": {}, "metric_alert": {}, "issue": {}}])
def test_a_webhook_of_sentry_without_its_substance_is_refused(resource: str, data: Any) -> None:
    """The message names the part that is missing."""
    body = json.dumps({"action": "resolved", "data": data}).encode()
    with pytest.raises(MalformedBody, match=r"^data"):
        read_sentry(body, resource, NOW_UNIX_NS)


def test_any_system_may_send_alerts(open_api: Callable[..., Opened]) -> None:
    """One object or a list; a resolution ends what is open of the same id."""
    api, given = open_api()
    first = {"name": "disk full", "id": "d1", "service": "db", "url": "https://x.example/"}
    other = {"name": "slow", "labels": {"app": "cart"}, "starts_at": "2030-03-17T17:40:00Z"}
    assert {"accepted": 2} == api.post("/api/alerts/webhook", json=[first, other]).json()
    slow, disk = given.state.alerts(0)
    assert ("cart", 1_899_999_600 * S, "db", NOW_UNIX_NS) == (
        slow.service,
        slow.starts_unix_ns,
        disk.service,
        disk.starts_unix_ns,
    )
    ended = {**first, "status": "Resolved", "ends_at": "2030-03-17T17:50:00Z"}
    assert {"accepted": 1} == api.post("/api/alerts/webhook", json=ended).json()
    assert [None, 1_900_000_200 * S] == [a.ends_unix_ns for a in given.state.alerts(0)]


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "JSON"),
        (b"7", "body: must be an object"),
        (b'[{"name": "a"}, 7]', "[1]: must be an object"),
        (b"{}", "name: name the alert"),
        (b'{"name": "a", "status": "perhaps"}', "status: use firing or resolved"),
        (b'[{"name": "a", "starts_at": "soon"}]', "[0].starts_at: must be RFC 3339"),
        (b'{"name": "a", "labels": []}', "labels: must be an object"),
    ],
)
def test_an_alert_that_cannot_be_read_is_refused(body: bytes, part: str) -> None:
    """The message names the place."""
    with pytest.raises(MalformedBody, match=re.escape(part)):
        read_generic(body, NOW_UNIX_NS)


REPOSITORY = {
    "name": "checkout",
    "full_name": "shop/checkout",
    "html_url": "https://github.com/shop/checkout",
    "clone_url": "https://github.com/shop/checkout.git",
    "default_branch": "main",
    "pushed_at": 1_899_999_000,
}
BEFORE, AFTER = (
    "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
    "f95f852bd8fca8fcc58a9a2d6c842781e32a215e",
)
PUSH = {
    "ref": "refs/heads/main",
    "before": BEFORE,
    "after": AFTER,
    "created": False,
    "deleted": False,
    "forced": False,
    "repository": REPOSITORY,
    "commits": [{"id": "1"}, {"id": AFTER}],
    "head_commit": {"id": AFTER, "message": "tune the session store\n\nmore", "timestamp": "x"},
}
RELEASE = {
    "action": "published",
    "release": {
        "id": 17372790,
        "tag_name": "v1.8.3",
        "target_commitish": "main",
        "name": None,
        "draft": False,
        "published_at": "2030-03-17T17:40:00Z",
    },
    "repository": REPOSITORY,
}
DEPLOYMENT = {
    "action": "created",
    "deployment_status": {
        "id": 209916254,
        "state": "success",
        "description": "",
        "environment": "production",
        "created_at": "2030-03-17T17:40:00Z",
    },
    "deployment": {
        "id": 145988746,
        "sha": AFTER,
        "ref": "v1.8.3",
        "task": "deploy",
        "payload": {},
        "environment": "production",
        "description": None,
    },
    "repository": REPOSITORY,
}


def _github(
    api: TestClient, event: str, payload: Any, query: str = "", secret: bytes = SECRET
) -> Any:
    body = json.dumps(payload).encode()
    headers = {
        "content-type": "application/json",
        "x-github-event": event,
        "x-hub-signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
    }
    return api.post(f"/api/changes/github{query}", content=body, headers=headers)


@pytest.mark.parametrize(
    ("event", "payload", "kind", "version", "revision", "at_s", "summary"),
    [
        ("push", PUSH, "other", None, AFTER, 1_899_999_000,
         "pushed: tune the session store (and 1 more commits)"),
        ("release", RELEASE, "deploy", "v1.8.3", "v1.8.3", 1_899_999_600, "released v1.8.3"),
        ("deployment_status", DEPLOYMENT, "deploy", "v1.8.3", AFTER, 1_899_999_600,
         "deployed v1.8.3 to production"),
    ],
)  # fmt: skip
def test_an_event_of_github_is_a_change(
    open_api: Callable[..., Opened],
    event: str,
    payload: dict[str, Any],
    kind: str,
    version: str | None,
    revision: str,
    at_s: int,
    summary: str,
) -> None:
    """It is of the service that the repository is called, and sent again it is the same change."""
    api, given = open_api(github_secret=SECRET)
    first, again = (_github(api, event, payload) for _ in range(2))
    assert (201, "") == (first.status_code, first.json()["ignored"])
    (change,) = given.state.changes(0, 2**62)
    assert first.json()["change_ids"] == again.json()["change_ids"] == [change.change_id]
    assert (kind, "checkout", version, revision, at_s * S, summary) == (
        change.kind,
        change.service,
        change.version,
        change.revision,
        change.at_unix_ns,
        change.summary,
    )
    assert "https://github.com/shop/checkout" == change.repository
    assert (BEFORE if event == "push" else None) == change.previous_revision


def test_a_repository_of_several_services(open_api: Callable[..., Opened]) -> None:
    """The address of the webhook may name them; each gets a change of its own."""
    api, given = open_api(github_secret=SECRET)
    answer = _github(api, "push", PUSH, "?service=cart&service=checkout&service=cart")
    assert 2 == len(set(answer.json()["change_ids"]))
    assert {"cart", "checkout"} == {c.service for c in given.state.changes(0, 2**62)}


@pytest.mark.parametrize(
    ("event", "payload", "reason"),
    [
        ("ping", {"zen": "Design for failure."}, "ping"),
        ("", {}, "without a name"),
        ("push", {**PUSH, "ref": "refs/heads/attempt"}, "default branch"),
        ("push", {**PUSH, "after": "0" * 40, "deleted": True}, "deleted"),
        ("release", {**RELEASE, "action": "created"}, "published"),
        ("deployment_status",
         {**DEPLOYMENT, "deployment_status": {"state": "in_progress"}}, "succeeded"),
    ],
)  # fmt: skip
def test_an_event_that_changes_nothing_is_passed_over(
    event: str, payload: Any, reason: str
) -> None:
    """What is told says why."""
    told = read_github(event, json.dumps(payload).encode(), (), NOW_UNIX_NS)
    assert () == told.changes
    assert reason in told.ignored


@pytest.mark.parametrize(
    ("event", "payload", "part"),
    [
        ("push", [], "JSON object"),
        ("push", {**PUSH, "repository": 7}, "repository: must be an object"),
        ("push", {**PUSH, "after": None}, "after: missing"),
        ("release", {**RELEASE, "release": {}}, "release.tag_name: missing"),
        ("deployment_status", {**DEPLOYMENT, "deployment": {}}, "deployment.id: missing"),
    ],
)
def test_an_event_that_cannot_be_read_is_refused(event: str, payload: Any, part: str) -> None:
    """The message names the field."""
    with pytest.raises(MalformedBody, match=re.escape(part)):
        read_github(event, json.dumps(payload).encode(), (), NOW_UNIX_NS)


def test_github_is_told_that_all_is_well_where_nothing_is_kept(
    open_api: Callable[..., Opened],
) -> None:
    """Its first webhook is a ping; one that is refused would be marked as broken."""
    api, given = open_api(github_secret=SECRET)
    answer = _github(api, "ping", {"zen": "Design for failure."})
    assert (200, []) == (answer.status_code, answer.json()["change_ids"])
    assert "ping" in answer.json()["ignored"]
    assert () == given.state.changes(0, 2**62)


def test_a_wrong_signature_is_no_entry(open_api: Callable[..., Opened]) -> None:
    """Not even on this machine, where whatever forwards webhooks may run; without one a key is needed."""
    api, given = open_api(github_secret=SECRET, sentry_secret=SECRET)
    assert 401 == _github(api, "push", PUSH, secret=b"another").status_code
    assert 401 == _sentry(api, "event_alert", EVENT_ALERT, secret=b"another").status_code
    bare = {"x-github-event": "push"}
    assert 401 == api.post("/api/changes/github", json=PUSH, headers=bare).status_code
    assert ((), ()) == (given.state.changes(0, 2**62), given.state.alerts(0))


def test_a_key_does_instead_of_a_signature(
    open_api: Callable[..., Opened], engine: ChdbEngine
) -> None:
    """One of scope ingest; one that may only read is turned away."""
    keys = [ApiKey(s.value, s.value, s, key_hash(f"key-{s.value}")) for s in Scope]
    api, given = open_api(github_secret=SECRET)
    given.gate.replace(keys)
    for scope, status in ((Scope.READ, 403), (Scope.BROWSER, 403), (Scope.INGEST, 201)):
        headers = {"x-github-event": "push", "x-api-key": f"key-{scope.value}"}
        answer = api.post("/api/changes/github", json=PUSH, headers=headers)
        assert status == answer.status_code, scope
    assert 1 == len(given.state.changes(0, 2**62))
