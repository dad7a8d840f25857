"""
What makes calls alike: statements and addresses without their values, and marks on single spans.

The store works both out row by row with the same patterns (RE2), so that only numbers leave it; the
functions here are what that is compared with, and what spans that never were in a store go through.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.model.cohort import NodeName, PathSpans

__all__ = [
    "BLOCKING",
    "CHANGES",
    "COLD",
    "HIT",
    "MARKS",
    "MASKS",
    "MISSED",
    "PAGED",
    "RESENT",
    "TEXT_CHARS",
    "TEXT_KEYS",
    "TRANSACTION",
    "CallName",
    "CallSpans",
    "call_marks",
    "call_shape",
]

TEXT_KEYS = (
    "db.query.text",
    "db.statement",
    "url.template",
    "browser.script.sourceURL",
    "url.full",
    "http.url",
    "http.target",
)
"""Attributes that say what a call asks for; the first that is there."""
TEXT_CHARS = 2_000
"""What is looked at of it."""

MASKS: tuple[tuple[str, str], ...] = (
    (r"^((?:[a-z]+://[^/?#]*)?/?[^?#\s]*)[?#]\S*$", r"\1"),
    (r"^[a-z]+://[^/?#]*", ""),
    (r"'(?:[^']|'')*'", "?"),
    (r"\$[0-9]+|%s|:[a-z_]\w*", "?"),
    (r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", "?"),
    (r"\b[0-9][0-9a-fA-F]*\b", "?"),
    (r"\(\s*\?(\s*,\s*\?)+\s*\)", "(?)"),
    (r"\s+", " "),
)
"""Pattern and replacement, one after the other; the same in Python and in RE2."""

PAGED, TRANSACTION, CHANGES, HIT, MISSED, COLD, RESENT, BLOCKING = (1 << bit for bit in range(8))
_STATEMENT = ("db.query.text", "db.statement")
MARKS: tuple[tuple[int, tuple[str, ...], str], ...] = (
    (PAGED, _STATEMENT, r"(?i)\b(offset|fetch next|cursor)\b"),
    (
        PAGED,
        ("url.query", "url.full", "http.url", "http.target"),
        r"(?i)(^|[?&])(page|page_?token|offset|cursor|after|skip|start|marker|continuation\w*)=",
    ),
    (TRANSACTION, _STATEMENT, r"(?i)^\s*(begin|start|commit|rollback|savepoint|release|set|end)\b"),
    (CHANGES, _STATEMENT, r"(?i)^\s*(insert|update|delete|merge|replace|upsert|call)\b"),
    (HIT, ("cache.hit",), r"(?i)^true$"),
    (MISSED, ("cache.hit",), r"(?i)^false$"),
    (COLD, ("faas.coldstart", "faas.cold_start"), r"(?i)^true$"),
    (RESENT, ("http.request.resend_count", "http.resend_count"), r"^[1-9]"),
    (BLOCKING, ("browser.resource.renderBlockingStatus",), r"^blocking$"),
)
"""A bit, the attributes of which the first that is there counts, and what it must match."""


@dataclass(frozen=True, slots=True)
class CallName:
    """What the key of a call stands for."""

    node: NodeName
    shape: str
    """Statement or address without values; '' where the span says none."""


@dataclass(frozen=True, slots=True, eq=False)
class CallSpans:
    """Spans of whole traces with what findings need besides a path."""

    spans: PathSpans
    """`node_key` is that of a CallName."""
    marks: NDArray[np.uint16]
    """Bits of MARKS."""


def call_shape(attributes: Mapping[str, str]) -> str:
    """Return what a span's call asks for, without values; '' where it does not say."""
    text = next((attributes[key] for key in TEXT_KEYS if attributes.get(key)), "")[:TEXT_CHARS]
    for pattern, instead in MASKS:
        text = re.sub(pattern, instead, text)
    return text


def call_marks(attributes: Mapping[str, str]) -> int:
    """Return the bits of a span."""
    bits = 0
    for bit, keys, pattern in MARKS:
        value = next((attributes[key] for key in keys if attributes.get(key)), "")
        if value and re.search(pattern, value[:TEXT_CHARS]):
            bits |= bit
    return bits
