"""
Take secrets out before they leave the process, by the rules that the server has too.

`rules.json` says how it is read. Texts of several events are looked at as one: only where a hint of a
rule is in it are the texts tried one by one, so that ordinary events cost a few searches.
"""

import base64
import binascii
import json
import os
import re
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Pattern,
    Set,
)

__all__ = ["Scrubber"]

_REMEMBERED_NAMES = 1024
_NAME_CHARS = 256
_CARD_FROM, _CARD_TO = 10**12, 10**19


class _Rule(NamedTuple):
    kind: str
    pattern: Pattern[str]
    hints: FrozenSet[str]
    unless: Optional[Pattern[str]]
    check: Optional[Callable[[str], bool]]


class Scrubber:
    """Applies the rules."""

    def __init__(self, asked: Iterable[str] = ()) -> None:
        """Take the kinds of personal data to replace too: `email`."""
        path = os.path.join(os.path.dirname(__file__), "rules.json")
        with open(path, encoding="utf-8") as file:
            rules = json.load(file)
        wanted: Set[Optional[str]] = {None, *asked}
        entries = [entry for entry in rules["values"] if entry.get("asked") in wanted]
        self._rules = [rule for rule in map(_rule, entries) if rule is not None]
        self._hints = sorted({hint for rule in self._rules for hint in rule.hints})
        self._secret = re.compile(rules["names"]["secret"], re.ASCII)
        self._harmless = re.compile(rules["names"]["harmless"], re.ASCII)
        self._names: Dict[str, bool] = {}
        self._mark = "[redacted:" + rules["names"]["kind"] + "]"

    def is_secret_name(self, name: str) -> bool:
        """Return whether a field of this name hides its whole value."""
        known = self._names.get(name)
        if known is None:
            if len(self._names) >= _REMEMBERED_NAMES:
                self._names.clear()
            plain = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name[:_NAME_CHARS])
            plain = re.sub(r"[^A-Za-z0-9]+", "_", plain).lower()
            known = self._secret.search(plain) is not None and not self._harmless.search(plain)
            self._names[name] = known
        return known

    def active(self, texts: Iterable[str]) -> List[_Rule]:
        """Return the rules that may find something in one of the texts; best without repetitions."""
        together = "\n".join(texts)
        lower = together.lower()
        found = {hint for hint in self._hints if hint in lower}
        return [
            rule
            for rule in self._rules
            if (not rule.hints.isdisjoint(found) if rule.hints else rule.pattern.search(together))
        ]

    def text(self, text: str, rules: Optional[List[_Rule]] = None) -> str:
        """Return the text with marks in place of secrets; rules are those that may find some."""
        lower = text.lower()
        for rule in self._rules if rules is None else rules:
            if not rule.hints or any(hint in lower for hint in rule.hints):
                text = rule.pattern.sub(_replacing(rule), text)
        return text

    def field(self, name: str, value: Any, rules: Optional[List[_Rule]] = None) -> Any:
        """Return the value of a named field; a secret name hides all of it."""
        if value is None or value is True or value is False or value == "":
            return value
        return self._mark if self.is_secret_name(name) else self.value(value, rules)

    def value(self, value: Any, rules: Optional[List[_Rule]] = None) -> Any:
        """Return a value under a harmless name, without the secrets in it."""
        kind = type(value)
        if kind is str:
            return value if rules is not None and not rules else self.text(value, rules)
        if kind is int and _CARD_FROM <= value < _CARD_TO:
            digits = str(value)
            text = self.text(digits)
            return value if text == digits else text
        if kind is list:
            return [self.value(each, rules) for each in value]
        if kind is dict:
            return {self.text(name): self.field(name, each, rules) for name, each in value.items()}
        return value


def _replacing(rule: _Rule) -> Callable[[Any], str]:
    def replaced(match: Any) -> str:
        kept, value = match.groups()
        if value.startswith("[redacted:") or (rule.unless and rule.unless.search(value)):
            return str(match.group())
        if rule.check is not None and not rule.check(value):
            return str(match.group())
        return f"{kept}[redacted:{rule.kind}]"

    return replaced


def _luhn(value: str) -> bool:
    digits = [int(c) for c in value if c.isdigit()]
    doubled = [d * 2 - 9 * (d > 4) for d in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _base64_with_colon(value: str) -> bool:
    try:
        return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


_CHECKS: Dict[str, Callable[[str], bool]] = {
    "luhn": _luhn,
    "base64_with_colon": _base64_with_colon,
}


def _rule(entry: Dict[str, Any]) -> Optional[_Rule]:
    """Return a rule; None for one whose check is the server's alone."""
    flags = re.ASCII | (re.IGNORECASE if entry.get("ignore_case") else re.ASCII)
    check = entry.get("check")
    if check is not None and check not in _CHECKS:
        return None
    unless = re.compile(entry["unless"], flags) if "unless" in entry else None
    pattern = re.compile(entry["pattern"], flags)
    return _Rule(
        entry["kind"], pattern, frozenset(entry["hints"]), unless, _CHECKS[check] if check else None
    )
