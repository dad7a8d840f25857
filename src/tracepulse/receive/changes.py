"""Changes (deploys, flags, settings) as people and pipelines report them, in JSON."""

import hashlib
from typing import Any

import orjson

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.model.change import Change
from tracepulse.receive.log_times import rfc3339_unix_ns

__all__ = ["KINDS", "MAX_BODY_BYTES", "read_change"]

KINDS = ("deploy", "flag", "config", "other")
MAX_BODY_BYTES = 64 * 1024
"""A change is a few names and a sentence; past it the request is refused."""

_LENGTHS = {
    "change_id": 64,
    "service": 256,
    "version": 256,
    "previous_version": 256,
    "revision": 256,
    "previous_revision": 256,
    "repository": 1024,
    "summary": 4096,
}
"""Characters; the first two are what the state database keeps in a column."""


def read_change(body: bytes, now_unix_ns: int) -> Change:
    """
    Return the change that a body describes.

    Without `change_id` the id is a hash of what it says, so that a report sent twice is kept once.

    Args:
        body: a JSON object.
        now_unix_ns: when it happened, if it does not say.
    Raises:
        MalformedBody: it is no such object; the text names the field.
        LimitExceeded: it is too long.
    """
    if len(body) > MAX_BODY_BYTES:
        raise LimitExceeded(f"a change of {len(body):,} bytes; at most {MAX_BODY_BYTES:,}")
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"a change must be a JSON object ({error})") from None
    if not isinstance(given, dict):
        raise MalformedBody("a change must be a JSON object")
    texts = {name: _text(given, name) for name in _LENGTHS}
    kind = given.get("kind", "deploy")
    if kind not in KINDS:
        raise MalformedBody(f"kind: use one of {', '.join(KINDS)}")
    if not texts["service"]:
        raise MalformedBody("service: name the service that changed")
    at = _instant(given.get("at"), now_unix_ns)
    return Change(
        change_id=texts["change_id"] or _change_id(kind, texts, given.get("at")),
        kind=kind,
        service=texts["service"],
        at_unix_ns=at,
        version=texts["version"] or None,
        previous_version=texts["previous_version"] or None,
        revision=texts["revision"] or None,
        previous_revision=texts["previous_revision"] or None,
        repository=texts["repository"] or None,
        summary=texts["summary"],
    )


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedBody(f"{name}: must be text")
    if len(value) > _LENGTHS[name]:
        raise MalformedBody(f"{name}: at most {_LENGTHS[name]:,} characters")
    return value.strip()


def _instant(given: object, now_unix_ns: int) -> int:
    if given is None or given == "":
        return now_unix_ns
    at = rfc3339_unix_ns(given) if isinstance(given, str) else None
    if at is None:
        raise MalformedBody("at: write RFC 3339, such as 2026-11-21T09:44:50Z")
    return at


def _change_id(kind: str, texts: dict[str, str], at: object) -> str:
    said = [kind, *(texts[name] for name in sorted(texts)), at]
    return "chg_" + hashlib.sha256(orjson.dumps(said)).hexdigest()[:12]
