"""
Secrets and personal data out of text, before it leaves.

Every match becomes `[redacted:KIND#HASH]`; the hash is keyed and short, so that equal values stay
recognisable as equal and cannot be looked up. Patterns start only where a run of their characters
starts and repeat boundedly, so that the time taken grows linearly with the text.
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

__all__ = ["MAX_TEXT_CHARS", "Redactor"]

MAX_TEXT_CHARS = 65_536
"""Longer text is cut first: nothing that we export is as long."""

SECRET_NAMES = (
    r"pass(?:word|wd|phrase)|pwd|secret|token|api[_.-]?key|access[_.-]?key|private[_.-]?key"
    r"|auth(?:orization)?|credentials?|client[_.-]?secret|connection[_.-]?string"
)
SECRET_NAME = re.compile(rf"(?:^|[_.-])(?:{SECRET_NAMES})s?$|cookie", re.I)
HARMLESS_VALUE = re.compile(
    r"\d{1,6}(?:\.\d{1,6})?|true|false|null|none|<[^<>]*>|\[redacted:.*|[$%{(\[<]+.*", re.I
)

Decision = Callable[[re.Match[str]], bool]


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: str
    pattern: re.Pattern[str]
    group: int = 0
    """Which group is replaced; 0 for all of the match."""
    holds: Decision | None = None
    """A further check of the match."""


def _luhn(match: re.Match[str]) -> bool:
    digits = [int(c) for c in match.group() if c.isdigit()]
    doubled = [d * 2 - 9 * (d > 4) for d in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _outside_address(match: re.Match[str]) -> bool:
    try:
        address = ipaddress.ip_address(match.group())
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


def _basic_credentials(match: re.Match[str]) -> bool:
    try:
        text = match.group(1)
        return b":" in base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


def _named_value(match: re.Match[str]) -> bool:
    return HARMLESS_VALUE.fullmatch(match.group(1)) is None


WORD = r"A-Za-z0-9_"
START = rf"(?<![{WORD}])(?<![{WORD}]-)"
"""Not inside a word; a lone - may come before, as at the start of a removed line of a diff."""
RULES: tuple[_Rule, ...] = (
    _Rule(
        "private_key",
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----[\s\S]*?"
            r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)"
        ),
    ),
    _Rule("cookie", re.compile(r"\b(?:set-)?cookie[\"']?\s{0,3}[:=]\s{0,3}([^\r\n]{1,8000})", re.I), 1),
    _Rule("jwt", re.compile(rf"{START}eyJ[{WORD}-]{{5,4000}}\.[{WORD}-]{{5,8000}}(?:\.[{WORD}-]{{0,4000}})?")),
    _Rule("aws_key", re.compile(rf"(?<![{WORD}])(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[A-Z0-9]{{16}}(?![{WORD}])")),
    _Rule("gcp_key", re.compile(rf"{START}(?:AIza[{WORD}-]{{35}}|ya29\.[{WORD}-]{{20,400}}|GOCSPX-[{WORD}-]{{20,60}})")),
    _Rule("github_token", re.compile(rf"(?<![{WORD}])(?:gh[pousr]_[A-Za-z0-9]{{20,255}}|github_pat_[{WORD}]{{22,255}})")),
    _Rule("gitlab_token", re.compile(rf"{START}gl(?:pat|dt|rt|cbt)-[{WORD}-]{{20,255}}")),
    _Rule("slack_token", re.compile(rf"{START}(?:xox[abceoprs]|xapp)-[{WORD}-]{{10,255}}|hooks\.slack\.com/services/[{WORD}/]{{8,255}}")),
    _Rule("stripe_key", re.compile(rf"(?<![{WORD}])(?:(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{{10,255}}|whsec_[A-Za-z0-9+/=]{{16,255}})")),
    _Rule("api_key", re.compile(rf"{START}(?:sk-[{WORD}-]{{20,255}}|npm_[A-Za-z0-9]{{36}}|pypi-[{WORD}-]{{50,400}}|SG\.[{WORD}-]{{16,64}}\.[{WORD}-]{{16,64}}|AGE-SECRET-KEY-1[A-Z0-9]{{20,80}})")),
    _Rule("bearer", re.compile(r"\bbearer\s{1,3}([A-Za-z0-9._~+/=-]{8,8000})", re.I), 1),
    _Rule("basic_auth", re.compile(r"\bbasic\s{1,3}([A-Za-z0-9+/]{6,2000}={0,2})", re.I), 1, _basic_credentials),
    _Rule("url_password", re.compile(r"://[^\s/:@\"'?#]{0,256}:([^\s/@\"']{1,256})@"), 1),
    _Rule(
        "secret",
        re.compile(
            rf"(?:{SECRET_NAMES})[{WORD}.-]{{0,20}}[\"']?\s{{0,3}}[:=]\s{{0,3}}[\"']?"
            r"([^\s\"',;&)}\]]{1,4000})",
            re.I,
        ),
        1,
        _named_value,
    ),
    _Rule("email", re.compile(r"(?<![\w.%])\w[\w.%+-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")),
    _Rule("card", re.compile(r"(?<![\w.-])(?:3[4-7]|4\d|5[1-5]|2[2-7]|6[0245])(?:[ -]?\d){11,17}(?![\w-])"), 0, _luhn),
    _Rule("ip", re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"), 0, _outside_address),
    _Rule("ip", re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])"), 0, _outside_address),
)  # fmt: skip


class Redactor:
    """Redacts text under one key and counts what it found."""

    def __init__(self, key: bytes) -> None:
        """Take the key of the hashes; the same key gives the same pseudonyms."""
        self._key = key
        self._counts: Counter[str] = Counter()
        self._seen: set[tuple[str, str]] = set()

    @property
    def counts(self) -> Mapping[str, int]:
        """Return how many different values of each kind were replaced, by kind."""
        return dict(sorted(self._counts.items()))

    def text(self, text: str) -> str:
        """Return the text, cut to `MAX_TEXT_CHARS`, without secrets and personal data."""
        text = text[:MAX_TEXT_CHARS]
        for rule in RULES:
            text = rule.pattern.sub(partial(self._replace, rule), text)
        return text

    def value(self, name: str, value: str) -> str:
        """Return the value of a named field, gone altogether when the name says it is secret."""
        if SECRET_NAME.search(name):
            return self._mark("secret", value)
        return self.text(value)

    def _replace(self, rule: _Rule, match: re.Match[str]) -> str:
        found = match.group(rule.group)
        if found.startswith("[redacted:") or (rule.holds is not None and not rule.holds(match)):
            return match.group()
        start, end = match.span(rule.group)
        before = match.group()[: start - match.start()]
        after = match.group()[end - match.start() :]
        return before + self._mark(rule.kind, found) + after

    def _mark(self, kind: str, value: str) -> str:
        digest = hmac.new(self._key, f"{kind}\0{value}".encode("utf-8", "replace"), hashlib.sha256)
        mark = digest.hexdigest()[:4]
        if (kind, value) not in self._seen:
            self._seen.add((kind, value))
            self._counts[kind] += 1
        return f"[redacted:{kind}#{mark}]"
