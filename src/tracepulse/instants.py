"""Instants as text: RFC 3339 with nine digits going out; that, Unix ns and `-15m` coming in."""

import re
from datetime import UTC, datetime

from tracepulse.errors import BadQuestion

__all__ = ["parse_instant", "rfc3339"]

_RELATIVE = re.compile(r"-(\d{1,9})(ms|s|m|h|d|w)")
_UNIT_NS = {
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
}
_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9})\d*)?([Zz]|[+\- ]\d{2}:\d{2})?)?"
)
_LATEST_UNIX_NS = 2**63 - 1


def rfc3339(unix_ns: int) -> str:
    """Return an instant as `2026-11-21T09:47:12.000000000Z`."""
    seconds, nanos = divmod(unix_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanos:09d}Z"


def parse_instant(text: str, now_unix_ns: int, name: str = "time") -> int:
    """
    Return Unix ns of an instant given as RFC 3339, as Unix ns, as `-15m` or as `now`.

    A date alone is its midnight; without an offset the time is UTC.

    Raises:
        BadQuestion: it is none of these; `name` says in the text which one was meant.
    """
    text = text.strip()
    if text == "now":
        return now_unix_ns
    if relative := _RELATIVE.fullmatch(text):
        return max(0, now_unix_ns - int(relative[1]) * _UNIT_NS[relative[2]])
    if text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= _LATEST_UNIX_NS:
        return _unix_ns(text, name)
    if parts := _RFC3339.fullmatch(text):
        return _absolute(parts, text, name)
    raise _refusal(text, name)


def _unix_ns(text: str, name: str) -> int:
    unix_ns = int(text)
    if 0 < unix_ns < 10**15:
        # 1e15 ns is twelve days after the start of 1970: this is surely in seconds or milliseconds.
        raise BadQuestion(f"{name} {text!r}: a bare number is Unix time in nanoseconds (19 digits)")
    return unix_ns


def _absolute(parts: "re.Match[str]", text: str, name: str) -> int:
    date, clock, fraction, offset = parts.groups()
    # A '+' in a URL's query arrives as a space unless it was escaped; both forms are meant alike.
    zone = "+00:00" if offset in (None, "Z", "z") else offset.replace(" ", "+")
    try:
        whole = datetime.fromisoformat(f"{date}T{clock or '00:00'}{zone}")
    except ValueError:
        raise _refusal(text, name) from None
    seconds = int((whole - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    unix_ns = seconds * 1_000_000_000 + int((fraction or "").ljust(9, "0"))
    if not 0 <= unix_ns <= _LATEST_UNIX_NS:
        raise BadQuestion(f"{name} {text!r}: only instants from 1970 to 2262 can be asked for")
    return unix_ns


def _refusal(text: str, name: str) -> BadQuestion:
    shown = text[:60]
    return BadQuestion(
        f"{name} {shown!r}: write RFC 3339 (2026-11-21T09:47:12Z), Unix nanoseconds or -15m"
    )
