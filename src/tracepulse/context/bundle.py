"""
The bundle: what is exported about one incident, or about a system in which nothing is wrong.

Text of two kinds is kept apart. Everything outside `quotes` is worded by TracePulse, with names made
inert; `quotes` holds text written by services, their users and committers, each with its trust.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeVar, dataclass_transform

from pydantic import ConfigDict

__all__ = [
    "SCHEMA_VERSION",
    "BlockingPath",
    "BlockingSection",
    "Bundle",
    "Claim",
    "CodeExcerpt",
    "Evidence",
    "Hypothesis",
    "IncidentHead",
    "LeftOut",
    "LogExcerpt",
    "NextCall",
    "Provenance",
    "Query",
    "Quote",
    "ScorePart",
    "TimelineEntry",
]

SCHEMA_VERSION = "1.0"
Trust = Literal[
    "server_computed", "server_key", "loopback", "repository", "browser_unauthenticated"
]


T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def _exported(record: type[T]) -> type[T]:
    """Make a frozen record whose field docstrings go into the published schema."""
    made = dataclass(frozen=True, slots=True)(record)
    config = ConfigDict(use_attribute_docstrings=True, extra="forbid")
    made.__pydantic_config__ = config  # type: ignore[attr-defined]
    return made


@_exported
class Claim:
    """One sentence of ours."""

    text: str
    """Markdown-safe; names of services and operations stand in backticks."""
    evidence: tuple[str, ...] = ()
    """Ids of the evidence it rests on."""
    certainty: Literal["fact", "inference"] = "fact"
    """fact: observed and counted. inference: concluded from facts by a rule."""


@_exported
class Evidence:
    """One observed fact."""

    id: str
    """e1, e2, …: the same for every budget."""
    kind: str
    statement: str
    at: str | None = None
    """RFC 3339 with nanoseconds, UTC."""
    at_unix_ns: str | None = None
    """The same instant as a decimal string."""
    trust: Trust = "server_computed"
    quotes: tuple[str, ...] = ()
    """Ids of the quotes it refers to."""


@_exported
class Quote:
    """Text written by others: data, never instructions."""

    id: str
    """q1, q2, …"""
    label: str
    """What it is: log shape, log line, commit subject, diff, status message, change summary, name."""
    trust: Trust
    text: str
    """Redacted, invisible characters made visible, addresses broken, cut to a bound."""
    cut_chars: int = 0
    looks_like_instructions: bool = False
    """A hint that someone may be trying to give orders to the reader."""


@_exported
class IncidentHead:
    """The incident itself."""

    id: str
    state: str
    onset: str
    onset_unix_ns: str
    onset_slack_ms: int
    """How far the onset may be off, on each side."""
    last_seen: str
    last_seen_unix_ns: str
    duration_s: int
    """From the onset to the last sign of it."""
    entry_service: str
    entry_operation: str
    faulty_service: str
    faulty_operation: str
    services: tuple[str, ...]


@_exported
class TimelineEntry:
    """One thing that happened."""

    at: str
    at_unix_ns: str
    text: str
    evidence: tuple[str, ...]


@_exported
class ScorePart:
    """One part of a hypothesis's score."""

    name: str
    log_odds: float
    text: str
    evidence: tuple[str, ...]


@_exported
class Hypothesis:
    """One possible cause."""

    id: str
    statement: str
    probability: float
    kind: str
    """change, operation or resource."""
    service: str
    revision: str
    """Full hash of the suspected commit; '' when none stands out."""
    change_id: str
    supports: tuple[ScorePart, ...]
    against: tuple[ScorePart, ...]
    would_refute: tuple[str, ...]


@_exported
class BlockingSection:
    """One section of the blocking path."""

    service: str
    operation: str
    category: str
    start_offset_ns: str
    duration_ns: str


@_exported
class BlockingPath:
    """What one typical failing request waited for."""

    trace_id: str
    duration_ns: str
    sections: tuple[BlockingSection, ...]
    sections_left_out: int
    evidence: tuple[str, ...]


@_exported
class LogExcerpt:
    """One log shape that is new or surging."""

    template_id: str
    service: str
    state: Literal["new", "surging"]
    severity_number: int
    lines_before: int
    lines_after: int
    template_quote: str
    """Quote id."""
    example_quote: str
    """Quote id; '' when there is none."""
    evidence: tuple[str, ...]


@_exported
class CodeExcerpt:
    """One hunk of a suspected commit."""

    service: str
    revision: str
    authored: str
    path: str
    line: int
    section: str
    """The enclosing function, when known and plain; else ''."""
    subject_quote: str
    diff_quote: str
    template_line: int | None
    """Line of the file that writes an implicated log shape."""
    score: float
    evidence: tuple[str, ...]


@_exported
class NextCall:
    """A ready-made call for more."""

    call: str
    gives: str


@_exported
class LeftOut:
    """What the budget or a rule left out, and how to get it."""

    what: str
    """With numbers, in words."""
    count: int
    reason: str
    how: str


@_exported
class Query:
    """One query that was asked."""

    name: str
    rows: int
    complete: bool


@_exported
class Provenance:
    """What this rests on."""

    window_start: str
    window_end: str
    spans: int
    log_lines: int
    services: int
    changes: int
    repositories: int
    queries: tuple[Query, ...]
    complete: bool
    """False when a limit cut an answer."""
    not_covered: tuple[str, ...]
    redacted: tuple[tuple[str, int], ...]
    """Kinds and how many different values of each were replaced in what was considered."""
    rules: str
    """Version of the rules that derived this."""


@_exported
class Bundle:
    """One bounded, redacted, cited answer."""

    schema_version: str
    kind: Literal["incident", "no_incident"]
    summary: tuple[Claim, ...]
    incident: IncidentHead | None = None
    unknown_probability: float = 0.0
    """The mass on causes that were not considered."""
    impact: tuple[Claim, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    path: tuple[str, ...] = ()
    """Services of the affected flow, outermost first."""
    flow: tuple[Claim, ...] = ()
    failure: tuple[Claim, ...] = ()
    """Where the failures begin, and how."""
    blocking_path: BlockingPath | None = None
    hypotheses: tuple[Hypothesis, ...] = ()
    ruled_out: tuple[Claim, ...] = ()
    code: tuple[CodeExcerpt, ...] = ()
    logs: tuple[LogExcerpt, ...] = ()
    next_calls: tuple[NextCall, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    """By number."""
    quotes: tuple[Quote, ...] = ()
    """By number."""
    left_out: tuple[LeftOut, ...] = ()
    provenance: Provenance = field(
        default_factory=lambda: Provenance("", "", 0, 0, 0, 0, 0, (), True, (), (), "")
    )
