"""Fields of JSON and logfmt log lines: which is the time, the level, the message, the trace."""

import re
from collections.abc import Mapping
from typing import Any

from tracepulse.receive.key_plans import remembered_by_keys

__all__ = [
    "FieldRoles",
    "Role",
    "flattened",
    "has_log_fields",
    "has_time_and_text",
    "logfmt_fields",
    "span_id",
    "trace_id",
]

Role = str
"""time, level, message, service, trace, span or traceparent."""

_ROLE_KEYS: Mapping[Role, tuple[str, ...]] = {
    "time": (
        "time_unix_nano", "timeunixnano", "@timestamp", "timestamp", "time", "ts", "@t",
        "eventtime", "event_time", "datetime", "asctime", "instant", "timemillis", "date",
        "created_at", "_time", "t", "t.$date", "__realtime_timestamp", "start_time",
    ),
    "level": (
        "severity_text", "severitytext", "log.level", "level", "severity", "levelname",
        "loglevel", "log_level", "level_name", "lvl", "@l", "priority", "levelno",
    ),
    "message": (
        "message", "msg", "body", "log", "short_message", "textpayload", "@m", "@mt",
        "log.message", "body.text", "text", "event",
    ),
    "service": (
        "service.name", "otelservicename", "resource.service.name",
        "service_name", "servicename", "service", "application", "app", "app_name",
    ),
    "trace": (
        "trace_id", "traceid", "trace.id", "oteltraceid", "x-b3-traceid", "contextmap.trace_id",
        "mdc.trace_id", "logging.googleapis.com/trace", "@tr", "trace",
    ),
    "span": (
        "span_id", "spanid", "span.id", "otelspanid", "x-b3-spanid", "contextmap.span_id",
        "mdc.span_id", "logging.googleapis.com/spanid", "@sp", "span",
    ),
    "traceparent": ("traceparent",),
}  # fmt: skip
"""Keys by what they mean, in lower case, the surest first."""

_ROLE_OF: dict[str, tuple[Role, int]] = {
    key: (role, place) for role, keys in _ROLE_KEYS.items() for place, key in enumerate(keys)
}
_TELLING = ("time", "level", "message")
_FLATTENED_LEVELS = 4
_PREFIX_CHARACTERS = 256
"""An object under a longer name stays as it is: the name would stand in each of its fields, where names
are cut to that anyway."""

_PAIR = re.compile(
    r"""(?:(?<=\s)|^)([A-Za-z_@][\w.@/-]*+)=("(?:[^"\\]|\\[\s\S])*+(?:"|\\?\Z)|[^\s"]*+)(?=\s|$)"""
)
"""A text without an end goes to the end of the line, so that no line is searched over and over."""
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}
_COVERED_RATIO = 0.9
"""Share of a line's characters that pairs must cover for it to be logfmt."""


class FieldRoles:
    """Tells what each field of a record means; worked out once for every set of keys."""

    def of(self, fields: Mapping[str, Any]) -> tuple[tuple[str, Role], ...]:
        """Return key and role of the fields that have one: at most one key to a role."""
        return _roles_of(tuple(fields))


@remembered_by_keys
def _roles_of(keys: tuple[str, ...]) -> tuple[tuple[str, Role], ...]:
    best: dict[Role, tuple[int, str]] = {}
    for key in keys:
        found = _ROLE_OF.get(key.lower())
        if found is not None:
            role, place = found
            best[role] = min(best.get(role, (place, key)), (place, key))
    return tuple((key, role) for role, (_, key) in best.items())


def has_log_fields(fields: Mapping[str, Any]) -> bool:
    """Tell whether an object looks like a log line: it has a time, a level or a message."""
    return _tells(tuple(fields))


@remembered_by_keys
def _tells(keys: tuple[str, ...]) -> bool:
    return any(_ROLE_OF.get(key.lower(), ("", 0))[0] in _TELLING for key in keys)


def has_time_and_text(fields: Mapping[str, Any]) -> bool:
    """Tell whether an object is surely a log record: it has a time, and a level or a message."""
    roles = {_ROLE_OF[key.lower()][0] for key in fields if key.lower() in _ROLE_OF}
    return "time" in roles and bool(roles & {"level", "message"})


def flattened(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested objects as dotted keys, to 4 levels; deeper ones stay as they are."""
    flat: dict[str, Any] = {}
    for key, value in fields.items():
        if type(value) is dict and value and len(key) <= _PREFIX_CHARACTERS:
            _flatten(flat, key, value, _FLATTENED_LEVELS - 1)
        else:
            flat[key] = value
    return flat


def _flatten(flat: dict[str, Any], prefix: str, fields: Mapping[str, Any], levels: int) -> None:
    for key, value in fields.items():
        name = f"{prefix}.{key}"
        if type(value) is dict and levels > 1 and value and len(name) <= _PREFIX_CHARACTERS:
            _flatten(flat, name, value, levels - 1)
        else:
            flat[name] = value


def logfmt_fields(line: str) -> dict[str, Any] | None:
    """Return the pairs of a logfmt line; None if it is not made of pairs, two at the least."""
    fields: dict[str, Any] = {}
    covered = 0
    for key, value in _PAIR.findall(line):
        covered += len(key) + len(value) + 2
        if value[:1] == '"':
            if not _is_ended(value):
                return None
            value = value[1:-1]
            if "\\" in value:
                value = _ESCAPE.sub(lambda m: _ESCAPED.get(m[1], m[1]), value)
        fields[key] = value
    if len(fields) < 2 or covered < _COVERED_RATIO * len(line) or not has_log_fields(fields):
        return None
    return fields


def _is_ended(quoted: str) -> bool:
    """Tell whether a text in quotes has its last one, which no odd number of backslashes stands before."""
    inner = quoted[1:-1]
    return len(quoted) > 1 and quoted[-1] == '"' and (len(inner) - len(inner.rstrip("\\"))) % 2 == 0


def trace_id(value: Any) -> bytes:
    """Return 16 bytes of a trace id written as 32 or 16 hex digits or as a UUID; else b''."""
    if not isinstance(value, str):
        return b""
    if len(value) == 32 and value.isalnum():
        return _usable(value)
    text = value.rpartition("/")[2].replace("-", "")
    return _usable(text.rjust(32, "0")) if len(text) in (16, 32) else b""


def span_id(value: Any) -> bytes:
    """Return 8 bytes of a span id written as 16 hex digits; else b''."""
    return _usable(value) if isinstance(value, str) and len(value) == 16 else b""


def _usable(text: str) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return b""
    return raw if any(raw) and 2 * len(raw) == len(text) else b""
