"""
Execute `rules.json`, the rules that the server shares with the SDKs.

The file itself says how it is read. Patterns start only where a run of their characters starts and
repeat boundedly, so that the time taken grows linearly with the text.
"""

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Callable, Set
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

__all__ = ["is_secret_name", "replace_secrets"]

Mark = Callable[[str, str], str]
"""Makes the mark that stands for a value, from its kind and the value."""

_MARK_START = "[redacted:"


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: str
    pattern: re.Pattern[str]
    """Group 1 is kept, group 2 is replaced."""
    hints: tuple[str, ...]
    """One of these is in the lower-cased text wherever the pattern matches; none: try always."""
    asked: str | None
    unless: re.Pattern[str] | None
    check: Callable[[str], bool] | None


def is_secret_name(name: str) -> bool:
    """Return whether a field of this name holds a secret, whatever its value looks like."""
    return _is_secret_name(name[:256])


def replace_secrets(text: str, asked: Set[str], mark: Mark) -> str:
    """
    Return the text with a mark in place of every secret value.

    Args:
        text: anything; the time taken is linear in its length.
        asked: kinds that are personal data and not secrets, to be replaced too: email, ip.
        mark: given the kind and the value, returns what to write; begins with `[redacted:`.
    """
    lower = text.lower()
    for rule in _RULES:
        if rule.asked is not None and rule.asked not in asked:
            continue
        if rule.hints and not any(hint in lower for hint in rule.hints):
            continue
        text = rule.pattern.sub(lambda match, rule=rule: _replaced(rule, match, mark), text)  # type: ignore[misc]
    return text


def _replaced(rule: _Rule, match: re.Match[str], mark: Mark) -> str:
    kept, value = match.groups()
    if value.startswith(_MARK_START) or (rule.unless and rule.unless.search(value)):
        return match.group()
    if rule.check is not None and not rule.check(value):
        return match.group()
    return f"{kept}{mark(rule.kind, value)}"


def _luhn(value: str) -> bool:
    digits = [int(c) for c in value if c.isdigit()]
    doubled = [d * 2 - 9 * (d > 4) for d in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _base64_with_colon(value: str) -> bool:
    try:
        return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


def _outside_address(value: str) -> bool:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


_CHECKS: dict[str, Callable[[str], bool]] = {
    "luhn": _luhn,
    "base64_with_colon": _base64_with_colon,
    "outside_address": _outside_address,
}


def _rule(entry: dict[str, Any]) -> _Rule:
    flags = re.ASCII | (re.IGNORECASE if entry.get("ignore_case") else 0)
    unless, check = entry.get("unless"), entry.get("check")
    return _Rule(
        kind=entry["kind"],
        pattern=re.compile(entry["pattern"], flags),
        hints=tuple(entry["hints"]),
        asked=entry.get("asked"),
        unless=re.compile(unless, flags) if unless is not None else None,
        check=_CHECKS[check] if check is not None else None,
    )


_FILE = json.loads(files(__package__).joinpath("rules.json").read_text("utf-8"))
_RULES = tuple(_rule(entry) for entry in _FILE["values"])
_SECRET_NAME = re.compile(_FILE["names"]["secret"], re.ASCII)
_HARMLESS_NAME = re.compile(_FILE["names"]["harmless"], re.ASCII)
_HUMP = re.compile(r"([a-z0-9])([A-Z])")
_NOT_WORD = re.compile(r"[^A-Za-z0-9]+")


@lru_cache(maxsize=4096)
def _is_secret_name(name: str) -> bool:
    plain = _NOT_WORD.sub("_", _HUMP.sub(r"\1_\2", name)).lower()
    return _SECRET_NAME.search(plain) is not None and _HARMLESS_NAME.search(plain) is None
