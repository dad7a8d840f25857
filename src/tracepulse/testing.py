"""
Public test kit: traces drawn as text, a clock that stands still, ids that count.

A drawing has one span a line, children indented under their parents. A run of `=` is the span:
each column is 1 ns, the first column after `: ` is instant 0, and the end is the column after the
last `=` (half-open). `|` alone is a span of no length. Where a drawing would be too wide,
`[start,end)` says the same in numbers.

    A Server shop @h1      : ==========
      B db.system=redis    :    ===
      C Client cart        :       [7,9)

Between id and colon, in any order: a kind (Server, Client, Producer, Consumer, Internal), a word
for the service (else its parent's, else `shop`), `@host` (`@` alone for none), `error`, `name=…`,
`parent=…` (in place of the indentation), `link=…` (a span it is linked to), `+name=7` for an event at
an instant, `resource.key=value` for a resource attribute, and any other `key=value` for one of the span. Host and resource are the parent's where nothing is said.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from typing import Any

import numpy as np

from tracepulse.model.span import SpanColumns
from tracepulse.model.vital import Vital

__all__ = [
    "CountingIds",
    "DrawnSpan",
    "FakeClock",
    "bar_extent",
    "canonical_bytes",
    "case_parts",
    "case_spans",
    "case_vitals",
    "draw_spans",
    "span_columns",
]

_KINDS = frozenset({"Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"})
_OTHERS = re.compile(r"(.+?)^--(?: × (\d+))?$", re.DOTALL | re.MULTILINE)
_NUMBERS = re.compile(r"\[(-?\d+),(-?\d+)\)")


@dataclass(slots=True)
class FakeClock:
    """A clock that tells the time it was set to."""

    unix_ns: int = 1_700_000_000_000_000_000

    def now_unix_ns(self) -> int:
        """Return the instant it stands at, Unix ns."""
        return self.unix_ns

    def advance(self, by_ns: int) -> None:
        """Move on by so many ns."""
        self.unix_ns += by_ns


@dataclass(slots=True)
class CountingIds:
    """Ids 1, 2, 3 …, written with 32 hex digits."""

    last: int = 0

    def new_id(self) -> str:
        """Return the next id."""
        self.last += 1
        return f"{self.last:032x}"


@dataclass(frozen=True, slots=True)
class DrawnSpan:
    """One span as a test says it; what is left out has a plain value."""

    span_id: str
    parent_span_id: str = ""
    start_unix_ns: int = 0
    duration_ns: int = 0
    kind: str = "Internal"
    service: str = "shop"
    name: str = ""
    """The span id where it is left out."""
    host: str = ""
    error: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)
    resource: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Resource attributes beside service and host."""
    trace_id: str = "0000000000000000000000000000000a"
    links: tuple[str, ...] = ()
    """Ids of spans of the same trace."""
    moments: tuple[tuple[str, int], ...] = ()
    """Names and instants of events."""


def draw_spans(drawing: str) -> tuple[DrawnSpan, ...]:
    """
    Return the spans of a drawing, in its order.

    Raises:
        ValueError: a line that is no span.
    """
    spans: list[DrawnSpan] = []
    open_spans: list[tuple[int, DrawnSpan]] = []
    for line in drawing.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        indent = len(line) - len(line.lstrip())
        while open_spans and open_spans[-1][0] >= indent:
            open_spans.pop()
        span = _drawn(line, open_spans[-1][1] if open_spans else None)
        spans.append(span)
        open_spans.append((indent, span))
    return tuple(spans)


def _drawn(line: str, parent: DrawnSpan | None) -> DrawnSpan:
    """Return the span of one line under the span that it is indented under."""
    head, separator, bar = line.partition(":")
    if not separator or not head.strip():
        raise ValueError(f"not a span, expected `id words : bar`: {line!r}")
    span_id, *words = head.split()
    said: dict[str, Any] = {
        "parent_span_id": parent.span_id if parent else "",
        "service": parent.service if parent else "shop",
        "host": parent.host if parent else "",
    }
    attributes: dict[str, str] = {}
    links: list[str] = []
    moments: list[tuple[str, int]] = []
    resource = dict(parent.resource) if parent else {}
    for word in words:
        key, is_pair, value = word.partition("=")
        if word in _KINDS:
            said["kind"] = word
        elif word == "error":
            said["error"] = True
        elif word.startswith("@"):
            said["host"] = word[1:]
        elif is_pair and key in ("name", "parent"):
            said["name" if key == "name" else "parent_span_id"] = value
        elif is_pair and key.startswith("+"):
            moments.append((key.removeprefix("+"), int(value)))
        elif is_pair and key == "link":
            links.append(value)
        elif is_pair and key.startswith("resource."):
            resource[key.removeprefix("resource.")] = value
        elif is_pair:
            attributes[key] = value
        else:
            said["service"] = word
            resource = {}
    start, end = bar_extent(bar[1:])
    said |= {"attributes": attributes, "resource": resource}
    said |= {"links": tuple(links), "moments": tuple(moments)}
    return DrawnSpan(span_id, start_unix_ns=start, duration_ns=end - start, **said)


def bar_extent(bar: str) -> tuple[int, int]:
    """Return start and end of one bar, in columns, or as it says them in numbers."""
    numbers = _NUMBERS.fullmatch(bar.strip())
    if numbers:
        return int(numbers[1]), int(numbers[2])
    start = len(bar) - len(bar.lstrip())
    mark = bar.strip()
    if mark != "|" and (not mark or set(mark) != {"="}):
        raise ValueError(f"not a bar of `=`, nor `|`, nor `[start,end)`: {bar!r}")
    return start, start if mark == "|" else start + len(mark)


def span_columns(spans: Iterable[DrawnSpan]) -> SpanColumns:
    """Return spans as the columns that a derivation reads, in the order given."""
    rows = tuple(spans)
    texts = {
        "trace_id": [span.trace_id for span in rows],
        "span_id": [span.span_id for span in rows],
        "parent_span_id": [span.parent_span_id for span in rows],
        "service": [span.service for span in rows],
        "name": [span.name or span.span_id for span in rows],
        "kind": [span.kind for span in rows],
        "status_code": ["Error" if span.error else "Unset" for span in rows],
        "status_message": ["" for _ in rows],
    }
    return SpanColumns(
        **{name: np.array(values, dtype=object) for name, values in texts.items()},
        start_unix_ns=np.array([span.start_unix_ns for span in rows], dtype=np.int64),
        duration_ns=np.array([span.duration_ns for span in rows], dtype=np.int64),
        attributes=tuple(span.attributes for span in rows),
        resource=tuple(
            {"service.name": span.service, "host.name": span.host, **span.resource} for span in rows
        ),
        linked_span_ids=tuple(span.links for span in rows),
        moments=tuple(span.moments for span in rows),
    )


def case_parts(text: str) -> dict[str, str]:
    """
    Return the parts of a case file by name: `text` is what comes first, in plain words.

    A part begins at a line that holds one lower-case word and nothing else.
    """
    pieces = re.split(r"^([a-z]+)\n", text, flags=re.MULTILINE)
    return {"text": pieces[0].strip(), **dict(zip(pieces[1::2], pieces[2::2], strict=True))}


def case_spans(parts: Mapping[str, str]) -> tuple[DrawnSpan, ...]:
    """
    Return the spans of a case: of its trace, then those of other traces that it learns from.

    The part `others` holds one drawing each between lines of two dashes; `× 9` behind the dashes
    that end it says that so many traces were alike.
    """
    spans = list(draw_spans(parts["spans"]))
    number = 0
    for drawing, times in _OTHERS.findall(parts.get("others", "")):
        for _ in range(int(times or 1)):
            number += 1
            spans += [
                replace(each, trace_id=f"{256 + number:032x}") for each in draw_spans(drawing)
            ]
    return tuple(spans)


def case_vitals(parts: Mapping[str, str]) -> tuple[Vital, ...]:
    """
    Return the web vitals of a case: lines of `name span-id value key=value …` in its part `vitals`.

    The value, and those of keys that end in `_ms`, are in columns: each is 1 ns.
    """
    vitals = []
    for line in filter(str.strip, parts.get("vitals", "").splitlines()):
        name, span_id, value, *words = line.split()
        attributes = dict(word.split("=", 1) for word in words)
        for key in attributes:
            if key.endswith("_ms"):
                attributes[key] = repr(int(attributes[key]) / 1e6)
        vitals.append(Vital(name, int(value) / 1e6, span_id, attributes))
    return tuple(vitals)


def canonical_bytes(record: object) -> bytes:
    """Return a derived record as bytes that are equal if and only if the records are."""
    plain = asdict(record) if is_dataclass(record) and not isinstance(record, type) else record
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()
