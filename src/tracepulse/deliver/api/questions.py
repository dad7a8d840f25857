"""Query parameters that several endpoints share, and how they become questions to the store."""

from typing import Annotated

from fastapi import Query

from tracepulse.errors import BadQuestion
from tracepulse.instants import parse_instant
from tracepulse.model.question import AttributeFilter, Window

__all__ = [
    "ALL_TIME",
    "Attributes",
    "DataSet",
    "Since",
    "Until",
    "attribute_filters",
    "severity_number",
    "window",
]

ALL_TIME = Window(0, 4_294_967_295_000_000_000)
"""1970 to 2106: what the engine's coarse DateTime columns can hold."""

_HOUR_NS = 3_600_000_000_000
_AHEAD_NS = 60_000_000_000
"""Hosts whose clocks are a little ahead are still in a window that ends now."""

_INSTANT = "RFC 3339, Unix nanoseconds, or relative such as `-15m`, `-2h`, `-7d`."

Since = Annotated[
    str | None,
    Query(
        description=f"Start of the time asked about. {_INSTANT} Default: one hour ago; for a"
        " data set, its beginning."
    ),
]
Until = Annotated[
    str | None, Query(description=f"End of the time asked about. {_INSTANT} Default: now.")
]
DataSet = Annotated[
    str, Query(description="Name of an imported data set; empty asks the live telemetry.")
]
Attributes = Annotated[
    list[str] | None,
    Query(
        description="`key=value`, exactly, of the record or its resource. May be given several"
        " times; all must hold.",
        examples=[["http.request.method=POST"]],
    ),
]

_SEVERITIES = {
    "trace": 1,
    "debug": 5,
    "info": 9,
    "warn": 13,
    "warning": 13,
    "error": 17,
    "fatal": 21,
}


def window(since: str | None, until: str | None, data_set: str, now_unix_ns: int) -> Window:
    """
    Return the time that is asked about.

    Raises:
        BadQuestion: one of the ends cannot be read, or they are in the wrong order.
    """
    start, end = ALL_TIME.start_unix_ns, ALL_TIME.end_unix_ns
    if until:
        end = parse_instant(until, now_unix_ns, "until")
    elif not data_set:
        end = now_unix_ns + _AHEAD_NS
    if since:
        start = parse_instant(since, now_unix_ns, "since")
    elif not data_set:
        start = max(0, min(now_unix_ns, end) - _HOUR_NS)
    return Window(start, min(end, ALL_TIME.end_unix_ns))


def attribute_filters(attributes: list[str] | None) -> tuple[AttributeFilter, ...]:
    """Return the attributes that are asked for; raises BadQuestion."""
    return tuple(AttributeFilter.parse(each) for each in attributes or ())


def severity_number(severity: str) -> int:
    """Return the lowest severity number that is asked for; 0 is any. Raises BadQuestion."""
    text = severity.strip().lower()
    if not text:
        return 0
    if text in _SEVERITIES:
        return _SEVERITIES[text]
    if text.isascii() and text.isdigit() and 0 <= int(text) <= 24:
        return int(text)
    raise BadQuestion(
        f"severity {severity[:40]!r}: use trace, debug, info, warn, error, fatal or 1 to 24"
    )
