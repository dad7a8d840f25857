"""
Secrets and personal data out of text, before it leaves.

Every match becomes `[redacted:KIND#HASH]`; the hash is keyed and short, so that equal values stay
recognisable as equal and cannot be looked up. What matches is said by `tracepulse.redaction`, which
the SDKs share.
"""

import hashlib
import hmac
from collections import Counter
from collections.abc import Mapping

from tracepulse.redaction import is_secret_name, replace_secrets

__all__ = ["MAX_TEXT_CHARS", "Redactor"]

MAX_TEXT_CHARS = 65_536
"""Longer text is cut first: nothing that we export is as long."""

_PERSONAL = frozenset({"email", "ip"})
"""Replaced in what is exported, secret or not."""


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
        return replace_secrets(text[:MAX_TEXT_CHARS], _PERSONAL, self._mark)

    def value(self, name: str, value: str) -> str:
        """Return the value of a named field, gone altogether when the name says it is secret."""
        if value and is_secret_name(name):
            return self._mark("secret", value)
        return self.text(value)

    def _mark(self, kind: str, value: str) -> str:
        digest = hmac.new(self._key, f"{kind}\0{value}".encode("utf-8", "replace"), hashlib.sha256)
        mark = digest.hexdigest()[:4]
        if (kind, value) not in self._seen:
            self._seen.add((kind, value))
            self._counts[kind] += 1
        return f"[redacted:{kind}#{mark}]"
