"""
Alerts of other systems: Alertmanager's webhook, version 4.

Source:
    https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

import hashlib
from typing import Any

import orjson

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.model.trigger import ExternalAlert
from tracepulse.receive.log_times import rfc3339_unix_ns

__all__ = ["MAX_BODY_BYTES", "read_alertmanager"]

MAX_BODY_BYTES = 2 * 1024 * 1024
"""Alertmanager sends a group of alerts at a time; past it the request is refused."""
_MAX_ALERTS = 1_000
_MAX_ENTRIES = 64
_MAX_TEXT = 4_096

_SERVICE_LABELS = ("service", "service_name", "service.name", "job", "app")
_OPERATION_LABELS = ("operation", "span_name", "route", "http_route", "handler", "endpoint")
_NEVER = "0001-01-01"
"""Go's zero time: Alertmanager's way of writing that an alert has no end yet."""


def read_alertmanager(
    body: bytes, received_unix_ns: int, trust: str = "server_key"
) -> tuple[ExternalAlert, ...]:
    """
    Return the alerts of a webhook request, in its order.

    Args:
        body: the JSON that Alertmanager posts.
        trust: of who sent it.
    Raises:
        MalformedBody: it is not such JSON; the text says which part.
        LimitExceeded: it is too long.
    """
    if len(body) > MAX_BODY_BYTES:
        raise LimitExceeded(f"alerts of {len(body):,} bytes; at most {MAX_BODY_BYTES:,}")
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(
            f"alerts must be the JSON of Alertmanager's webhook ({error})"
        ) from None
    if not isinstance(payload, dict) or not isinstance(payload.get("alerts"), list):
        raise MalformedBody("there is no list `alerts`; send Alertmanager's webhook, version 4")
    if payload.get("version", "4") != "4":
        raise MalformedBody(f"version {payload['version']!r}: only version 4 is known")
    alerts = payload["alerts"]
    if len(alerts) > _MAX_ALERTS:
        raise LimitExceeded(f"{len(alerts):,} alerts at once; at most {_MAX_ALERTS:,}")
    return tuple(
        _alert(each, f"alerts[{place}]", received_unix_ns, trust)
        for place, each in enumerate(alerts)
    )


def _alert(given: object, place: str, received_unix_ns: int, trust: str) -> ExternalAlert:
    if not isinstance(given, dict):
        raise MalformedBody(f"{place}: must be an object")
    labels = _texts(given.get("labels"), f"{place}.labels")
    starts = _instant(given.get("startsAt"), f"{place}.startsAt")
    if starts is None:
        starts = received_unix_ns
    ends = None
    if given.get("status") == "resolved":
        # While an alert fires, `endsAt` is only when it would lapse; it counts once resolved.
        ends = _instant(given.get("endsAt"), f"{place}.endsAt")
        ends = received_unix_ns if ends is None else ends
    return ExternalAlert(
        source="alertmanager",
        fingerprint=_fingerprint(given.get("fingerprint"), labels),
        name=labels.get("alertname", "unnamed alert"),
        starts_unix_ns=starts,
        received_unix_ns=received_unix_ns,
        ends_unix_ns=ends,
        service=_first(labels, _SERVICE_LABELS),
        operation=_first(labels, _OPERATION_LABELS),
        labels=labels,
        annotations=_texts(given.get("annotations"), f"{place}.annotations"),
        trust=trust,
    )


def _texts(given: object, place: str) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise MalformedBody(f"{place}: must be an object")
    kept = sorted(given.items())[:_MAX_ENTRIES]
    return {key[:_MAX_TEXT]: str(value)[:_MAX_TEXT] for key, value in kept}


def _instant(given: Any, place: str) -> int | None:
    if given in (None, "") or (isinstance(given, str) and given.startswith(_NEVER)):
        return None
    at = rfc3339_unix_ns(given) if isinstance(given, str) else None
    if at is None:
        raise MalformedBody(f"{place}: must be RFC 3339")
    return at


def _first(labels: dict[str, str], names: tuple[str, ...]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def _fingerprint(given: object, labels: dict[str, str]) -> str:
    """Return the sender's identity of the alert; its labels are one when it names none."""
    if isinstance(given, str) and given:
        return given[:200]
    return hashlib.sha256(orjson.dumps(sorted(labels.items()))).hexdigest()[:16]
