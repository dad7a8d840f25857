"""
Alerts of Sentry: issue alerts, metric alerts and issues that change their state.

An issue is one alert whatever tells of it, so that its resolution ends what its alert rule began.

Source:
    https://docs.sentry.io/organization/integrations/integration-platform/webhooks/
"""

import re
from typing import Any

from tracepulse.errors import MalformedBody
from tracepulse.model.trigger import ExternalAlert
from tracepulse.receive.alert_parts import instant, json_object, operation_of, service_of, text

__all__ = ["read_sentry"]

_ISSUE_IN_URL = re.compile(r"/issues/(\d{1,20})(?:/|$)")
_ISSUE_FIRES = frozenset({"created", "unresolved"})
_ISSUE_ENDS = frozenset({"resolved", "archived", "ignored"})
_MAX_PROJECTS = 64
_PLACES = ("culprit", "level", "platform", "environment", "release")
_Object = dict[str, Any]


def read_sentry(
    body: bytes, resource: str, received_unix_ns: int, trust: str = "server_key"
) -> tuple[ExternalAlert, ...]:
    """
    Return the alert of a webhook request; nothing where it tells of something else.

    Args:
        resource: the header `Sentry-Hook-Resource`; '' for the older webhook of a project.
        trust: of who sent it.
    Raises:
        MalformedBody: it is not what that resource promises; the text says which part.
        LimitExceeded: it is too long.
    """
    payload = json_object(body, "Sentry's webhook")
    if not resource and isinstance(payload.get("event"), dict):
        alert = _project_hook(payload, received_unix_ns, trust)
        return (alert,)
    data = payload.get("data")
    if not isinstance(data, dict):
        raise MalformedBody("data: must be an object; send the webhook of an integration of Sentry")
    action = text(payload.get("action"))
    match resource:
        case "event_alert":
            return (_event_alert(data, received_unix_ns, trust),)
        case "metric_alert":
            return (_metric_alert(data, action, received_unix_ns, trust),)
        case "issue" if action in _ISSUE_FIRES | _ISSUE_ENDS:
            return (_issue(data, action in _ISSUE_ENDS, received_unix_ns, trust),)
        case _:
            return ()


def _event_alert(data: _Object, received_unix_ns: int, trust: str) -> ExternalAlert:
    event = _object(data, "event", "data")
    labels = _tags(event) | _places(event)
    rule = text(data.get("triggered_rule"))
    link = text(event.get("web_url")) or text(event.get("url"))
    return ExternalAlert(
        source="sentry",
        fingerprint=_issue_of(event),
        name=rule or text(event.get("title")) or "issue alert",
        starts_unix_ns=_at(event.get("datetime"), "data.event.datetime", received_unix_ns),
        received_unix_ns=received_unix_ns,
        service=service_of(labels) or _project_in(text(event.get("url"))),
        operation=operation_of(labels) or labels.get("transaction", ""),
        labels=labels,
        annotations=_told(summary=event.get("title"), url=link),
        trust=trust,
    )


def _metric_alert(data: _Object, action: str, received_unix_ns: int, trust: str) -> ExternalAlert:
    alert = _object(data, "metric_alert", "data")
    rule = alert.get("alert_rule")
    rule = rule if isinstance(rule, dict) else {}
    given = alert.get("projects") or rule.get("projects")
    projects = [text(each) for each in given[:_MAX_PROJECTS]] if isinstance(given, list) else []
    ends = None
    if action == "resolved":
        ends = _at(alert.get("date_closed"), "data.metric_alert.date_closed", received_unix_ns)
    kept = {key: text(rule.get(key)) for key in ("aggregate", "query", "environment", "dataset")}
    return ExternalAlert(
        source="sentry",
        fingerprint=f"metric_alert:{_id(alert.get('id'), 'data.metric_alert.id')}",
        name=text(rule.get("name")) or text(alert.get("title")) or "metric alert",
        starts_unix_ns=_at(
            alert.get("date_started"), "data.metric_alert.date_started", received_unix_ns
        ),
        received_unix_ns=received_unix_ns,
        ends_unix_ns=ends,
        service=projects[0] if len(projects) == 1 else "",
        labels={key: value for key, value in kept.items() if value}
        | ({"projects": ",".join(projects)} if projects else {}),
        annotations=_told(
            summary=data.get("description_title"),
            description=data.get("description_text"),
            url=data.get("web_url"),
        ),
        trust=trust,
    )


def _issue(data: _Object, over: bool, received_unix_ns: int, trust: str) -> ExternalAlert:
    issue = _object(data, "issue", "data")
    project = issue.get("project")
    slug = text(project.get("slug")) if isinstance(project, dict) else ""
    # An issue that comes back was first seen long ago; what matters is when it came back.
    seen = issue.get("firstSeen") if issue.get("substatus") == "new" else issue.get("lastSeen")
    return ExternalAlert(
        source="sentry",
        fingerprint=f"issue:{_id(issue.get('id'), 'data.issue.id')}",
        name=text(issue.get("title")) or "issue",
        starts_unix_ns=_at(seen, "data.issue.lastSeen", received_unix_ns),
        received_unix_ns=received_unix_ns,
        ends_unix_ns=received_unix_ns if over else None,
        service=slug,
        labels=_places(issue) | ({"project": slug} if slug else {}),
        annotations=_told(
            summary=issue.get("title"), url=issue.get("web_url") or issue.get("permalink")
        ),
        trust=trust,
    )


def _project_hook(payload: _Object, received_unix_ns: int, trust: str) -> ExternalAlert:
    """Read the webhook of a project (the legacy integration), which tells of one event."""
    event = payload["event"]
    labels = _tags(event) | _places(payload)
    slug = text(payload.get("project_slug")) or text(payload.get("project"))
    rules = payload.get("triggering_rules")
    rule = text(rules[0]) if isinstance(rules, list) and rules else ""
    link = text(payload.get("url"))
    issue = _ISSUE_IN_URL.search(link)
    return ExternalAlert(
        source="sentry",
        fingerprint=f"issue:{issue[1]}" if issue else f"event:{_id(payload.get('id'), 'id')}",
        name=rule or text(event.get("title")) or text(payload.get("message")) or "issue alert",
        starts_unix_ns=received_unix_ns,
        received_unix_ns=received_unix_ns,
        service=service_of(labels) or slug,
        operation=operation_of(labels) or labels.get("transaction", ""),
        labels=labels | ({"project": slug} if slug else {}),
        annotations=_told(summary=event.get("title") or payload.get("message"), url=link),
        trust=trust,
    )


def _object(owner: _Object, name: str, place: str) -> _Object:
    found = owner.get(name)
    if not isinstance(found, dict):
        raise MalformedBody(f"{place}.{name}: must be an object")
    return found


def _id(given: object, place: str) -> str:
    if not isinstance(given, str | int) or not str(given):
        raise MalformedBody(f"{place}: missing")
    return str(given)[:100]


def _issue_of(event: _Object) -> str:
    issue = event.get("issue_id")
    if not issue:
        found = _ISSUE_IN_URL.search(text(event.get("issue_url")))
        issue = found[1] if found else None
    return f"issue:{_id(issue, 'data.event.issue_id')}"


def _project_in(url: str) -> str:
    """Return the project in the address of an event: …/projects/ORGANISATION/PROJECT/events/…"""
    parts = url.partition("/projects/")[2].split("/")
    return parts[1] if len(parts) > 2 else ""


def _tags(event: _Object) -> dict[str, str]:
    tags = event.get("tags")
    pairs = tags if isinstance(tags, list) else []
    return {
        text(pair[0]): text(pair[1])
        for pair in pairs[:64]
        if isinstance(pair, list) and len(pair) == 2 and text(pair[0]) and text(pair[1])
    }


def _places(owner: _Object) -> dict[str, str]:
    return {key: text(owner.get(key)) for key in _PLACES if text(owner.get(key))}


def _told(**given: object) -> dict[str, str]:
    return {key: text(value) for key, value in given.items() if text(value)}


def _at(given: Any, place: str, received_unix_ns: int) -> int:
    at = instant(given, place)
    return received_unix_ns if at is None else at
