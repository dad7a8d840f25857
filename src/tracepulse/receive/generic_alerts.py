"""Alerts of any other system: one JSON object, or a list of them, with names that we chose."""

from typing import Any

import orjson

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.model.trigger import ExternalAlert
from tracepulse.receive.alert_parts import (
    MAX_ALERTS,
    MAX_BODY_BYTES,
    fingerprint_of,
    instant,
    operation_of,
    service_of,
    text,
    texts,
)

__all__ = ["read_generic"]

_RESOLVED = frozenset({"resolved", "ok", "normal", "closed", "recovered", "inactive"})
_FIRING = frozenset({"", "firing", "alerting", "alarm", "triggered", "open", "critical", "warning"})


def read_generic(
    body: bytes, received_unix_ns: int, trust: str = "server_key"
) -> tuple[ExternalAlert, ...]:
    """
    Return the alerts of a webhook whose body its user writes.

    Fields: `name` (needed), `status` (firing or resolved), `service`, `operation`, `id`, `starts_at`,
    `ends_at` (RFC 3339), `summary`, `description`, `url`, `labels`. Without `starts_at` an alert
    begins when it is received; one of the same `id` (or name, service and labels) that is open is
    then ended by its resolution.

    Raises:
        MalformedBody: it is not such JSON; the text names the field.
        LimitExceeded: it is too long.
    """
    if len(body) > MAX_BODY_BYTES:
        raise LimitExceeded(f"alerts of {len(body):,} bytes; at most {MAX_BODY_BYTES:,}")
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"an alert must be a JSON object ({error})") from None
    given = payload if isinstance(payload, list) else [payload]
    if len(given) > MAX_ALERTS:
        raise LimitExceeded(f"{len(given):,} alerts at once; at most {MAX_ALERTS:,}")
    listed = isinstance(payload, list)
    return tuple(
        _alert(each, f"[{place}]." if listed else "", received_unix_ns, trust)
        for place, each in enumerate(given)
    )


def _alert(given: Any, where: str, received_unix_ns: int, trust: str) -> ExternalAlert:
    if not isinstance(given, dict):
        raise MalformedBody(f"{where.rstrip('.') or 'body'}: must be an object")
    name = text(given.get("name"))
    if not name:
        raise MalformedBody(f"{where}name: name the alert")
    status = text(given.get("status")).lower()
    if status not in _RESOLVED | _FIRING:
        raise MalformedBody(f"{where}status: use firing or resolved")
    labels = texts(given.get("labels"), f"{where}labels")
    service = text(given.get("service")) or service_of(labels)
    starts = instant(given.get("starts_at"), f"{where}starts_at")
    ends = instant(given.get("ends_at"), f"{where}ends_at")
    if status in _RESOLVED and ends is None:
        ends = received_unix_ns
    told = {key: given.get(key) for key in ("summary", "description", "url")}
    return ExternalAlert(
        source="webhook",
        fingerprint=fingerprint_of(given.get("id"), {**labels, "name": name, "service": service}),
        name=name,
        starts_unix_ns=received_unix_ns if starts is None else starts,
        received_unix_ns=received_unix_ns,
        ends_unix_ns=ends if status in _RESOLVED else None,
        service=service,
        operation=text(given.get("operation")) or operation_of(labels),
        labels=labels,
        annotations={key: text(value) for key, value in told.items() if text(value)},
        trust=trust,
    )
