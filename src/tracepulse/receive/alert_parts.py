"""What the readers of alerts share: bounds, texts, instants, and what an alert is about."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.receive.any_value import plain_text
from tracepulse.receive.log_times import rfc3339_unix_ns

__all__ = [
    "MAX_ALERTS",
    "MAX_BODY_BYTES",
    "fingerprint_of",
    "instant",
    "json_object",
    "operation_of",
    "service_of",
    "text",
    "texts",
]

MAX_BODY_BYTES = 2 * 1024 * 1024
"""Alertmanager sends a group of alerts at a time; past it the request is refused."""
MAX_ALERTS = 1_000
_MAX_ENTRIES = 64
_MAX_TEXT = 4_096

_SERVICE_LABELS = ("service", "service_name", "service.name", "job", "app")
_OPERATION_LABELS = ("operation", "span_name", "route", "http_route", "handler", "endpoint")
_NEVER = "0001-01-01"
"""Go's zero time: Alertmanager's way of writing that an alert has no end yet."""


def json_object(body: bytes, what: str) -> dict[str, Any]:
    """
    Return the object in a body.

    Args:
        what: names the webhook, for the message.
    Raises:
        MalformedBody: it is no JSON object.
        LimitExceeded: it is longer than MAX_BODY_BYTES.
    """
    if len(body) > MAX_BODY_BYTES:
        raise LimitExceeded(f"alerts of {len(body):,} bytes; at most {MAX_BODY_BYTES:,}")
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"alerts must be the JSON of {what} ({error})") from None
    if not isinstance(payload, dict):
        raise MalformedBody(f"there is no list `alerts`, nor any other field; send {what}")
    return payload


def text(given: object) -> str:
    """Return a text within bounds; '' for anything else."""
    return given.strip()[:_MAX_TEXT] if isinstance(given, str) else ""


def texts(given: object, place: str) -> dict[str, str]:
    """Return a map of texts within bounds; raises MalformedBody unless it is an object or absent."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise MalformedBody(f"{place}: must be an object")
    kept = sorted(given.items())[:_MAX_ENTRIES]
    return {key[:_MAX_TEXT]: plain_text(value)[:_MAX_TEXT] for key, value in kept}


def instant(given: Any, place: str) -> int | None:
    """Return an RFC 3339 instant in Unix ns; None where there is none, raises MalformedBody."""
    if given in (None, "") or (isinstance(given, str) and given.startswith(_NEVER)):
        return None
    at = rfc3339_unix_ns(given) if isinstance(given, str) else None
    if at is None:
        raise MalformedBody(f"{place}: must be RFC 3339")
    return at


def service_of(labels: Mapping[str, str]) -> str:
    """Return the service that labels name; '' if none does."""
    return _first(labels, _SERVICE_LABELS)


def operation_of(labels: Mapping[str, str]) -> str:
    """Return the operation or route that labels name; '' if none does."""
    return _first(labels, _OPERATION_LABELS)


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def fingerprint_of(given: object, labels: Mapping[str, str]) -> str:
    """Return the sender's identity of the alert; its labels are one when it names none."""
    if isinstance(given, str | int) and not isinstance(given, bool) and given != "":
        return str(given)[:200]
    return hashlib.sha256(orjson.dumps(sorted(labels.items()))).hexdigest()[:16]
