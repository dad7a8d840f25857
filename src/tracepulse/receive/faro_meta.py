"""What a Faro payload says of its page, session and user, as attributes with OpenTelemetry's names."""

from collections.abc import Iterator, Mapping
from typing import Any

from tracepulse.receive.any_value import compact_json

__all__ = ["Attributes", "leaves", "read_meta"]

Attributes = list[tuple[str, Any]]

_OF_RESOURCE = ("app", "sdk", "browser")
"""Parts that are the same for everything that a page sends; the others change while it is open."""
_NAMES = {
    "app.name": "service.name",
    "app.namespace": "service.namespace",
    "app.version": "service.version",
    "app.environment": "deployment.environment.name",
    "sdk.name": "telemetry.sdk.name",
    "sdk.version": "telemetry.sdk.version",
    "browser.name": "user_agent.name",
    "browser.version": "user_agent.version",
    "browser.userAgent": "user_agent.original",
    "browser.os": "os.description",
    "browser.mobile": "browser.mobile",
    "browser.language": "browser.language",
    "browser.brands": "browser.brands",
    "session.id": "session.id",
    "user.id": "user.id",
    "user.username": "user.name",
    "user.fullName": "user.full_name",
    "user.email": "user.email",
    "user.hash": "user.hash",
    "user.roles": "user.roles",
    "page.url": "url.full",
}
_MAX_DEPTH = 6
"""Levels of objects that become dotted names; what lies deeper is JSON text."""
_MAX_CHARACTERS = 256
"""Of a dotted name; what lies under a longer one is JSON text too, or the name would stand in each part."""


def read_meta(meta: Any) -> tuple[tuple[tuple[str, Any], ...], Attributes]:
    """Return the attributes of the resource and those of each record; nothing of `meta` is left out."""
    resource: Attributes = []
    record: Attributes = []
    for path, value in leaves("", meta) if isinstance(meta, dict) else ():
        name = _NAMES.get(path, f"faro.{path}")
        if path.split(".", 1)[0] in _OF_RESOURCE:
            plain = isinstance(value, str | int | float)
            resource.append((name, value if plain else compact_json(value)))
        else:
            record.append((name, value))
    named = {name for name, _ in resource}
    if "service.name" not in named:
        resource.insert(0, ("service.name", "unknown_service:browser"))
    if "service.version" not in named and "faro.app.release" in named:
        resource.append(("service.version", dict(resource)["faro.app.release"]))
    return tuple(resource), record


def leaves(prefix: str, value: Mapping[str, Any], depth: int = 1) -> Iterator[tuple[str, Any]]:
    """Yield what lies in nested objects with its dotted path; null and empty texts are nothing."""
    for key, item in value.items():
        path = f"{prefix}{key}"
        if isinstance(item, dict) and depth < _MAX_DEPTH and len(path) <= _MAX_CHARACTERS:
            yield from leaves(f"{path}.", item, depth + 1)
        elif item is not None and item != "":
            yield path, item
