"""
Findings: exactly what an explanation of an incident needs from the store.

Whoever fills this runs one query per field. Everything is bounded by the caller; what a bound cut is
said in `Coverage`. The baseline is `[window.start, window.onset)`, the incident `[window.onset, window.end)`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tracepulse.model.change import Change
from tracepulse.model.commit import CodeReading
from tracepulse.model.flow import EdgeChange
from tracepulse.model.incident import Incident
from tracepulse.model.log import LogRecord
from tracepulse.model.span import SpanColumns

__all__ = [
    "BlockingExample",
    "Coverage",
    "Findings",
    "HealthReport",
    "LogShapeChange",
    "OperationChange",
    "PathSection",
    "QueryNote",
    "VersionOutcome",
    "Window",
]


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of time that was looked at; half-open."""

    start_unix_ns: int
    onset_unix_ns: int
    end_unix_ns: int


@dataclass(frozen=True, slots=True)
class OperationChange:
    """One server operation (SpanKind Server or Consumer) before and after the onset."""

    service: str
    operation: str
    """Span name."""
    entry: bool
    """No parent span in another service."""
    calls_before: int
    errors_before: int
    """StatusCode Error or HTTP status 500 and above, not 4xx."""
    refused_before: int
    """HTTP status 400 to 499."""
    calls_after: int
    errors_after: int
    refused_after: int
    p95_before_ns: int | None = None
    p95_after_ns: int | None = None


@dataclass(frozen=True, slots=True)
class LogShapeChange:
    """One log shape or template of one service before and after the onset."""

    service: str
    template_id: str
    template: str
    """Text with <*> places; telemetry text."""
    severity_number: int
    """The highest that its lines bear."""
    count_before: int
    count_after: int
    first_seen_unix_ns: int
    """First line in the whole window."""
    first_after_unix_ns: int | None
    """First line at or after the onset less 60 s; None when there is none."""
    examples: tuple[str, ...] = ()
    """Up to 50 bodies from after the onset, by (time, body); numbers in them are compared."""
    trust: str = "server_key"
    """The lowest trust among its lines: browser_unauthenticated if any came so."""


@dataclass(frozen=True, slots=True)
class VersionOutcome:
    """Server calls of one service by the version that answered, from the onset on."""

    service: str
    version: str
    """`service.version` of the resource; '' when it does not say."""
    calls: int
    errors: int
    """Errors and refusals."""


@dataclass(frozen=True, slots=True)
class PathSection:
    """One section of a trace's blocking path."""

    service: str
    operation: str
    category: str
    """own_work, child, network, queue, …: the category of the blocking path."""
    start_offset_ns: int
    """From the start of the root."""
    duration_ns: int


@dataclass(frozen=True, slots=True)
class BlockingExample:
    """The blocking path of one typical failing trace."""

    trace_id: str
    duration_ns: int
    sections: tuple[PathSection, ...]
    """By start; they sum to `duration_ns`."""


@dataclass(frozen=True, slots=True)
class QueryNote:
    """One query that was asked, for the provenance."""

    name: str
    rows: int
    complete: bool = True
    """False when a limit cut its answer."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much was read, and what could not be."""

    spans: int = 0
    log_lines: int = 0
    services: int = 0
    services_without_spans: tuple[str, ...] = ()
    """Services that sent logs but no spans in the window."""
    queries: tuple[QueryNote, ...] = ()
    not_covered: tuple[str, ...] = ()
    """Reasons in our words, such as `metrics were not compared`."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known about one incident before anything is concluded."""

    incident: Incident
    """As stored, with its triggers."""
    window: Window
    """Start: 30 min before the onset or the first telemetry, whichever is later. End: now, or the
    end of a resolved incident and 2 min more."""
    operations: tuple[OperationChange, ...] = ()
    """All server operations of all services in the window (at most 500, by calls after)."""
    edges: tuple[EdgeChange, ...] = ()
    """All edges in the window (at most 500): `derive.flows.compare_edges` of two samples, or SQL."""
    failing_traces: SpanColumns | None = None
    """All spans of up to 50 traces with a failing entry (Error, or HTTP status >= 400) after the
    onset, by trace id order of a hash so that the choice is stable; prefer the incident's entry
    operation. None or empty when there are no spans."""
    log_records: tuple[LogRecord, ...] = ()
    """Up to 5,000 log lines from [onset - 60 s, onset + 180 s) of all services, by time; only
    needed when there are no failing traces (logs-only): the services' order is read from shared ids."""
    log_shapes: tuple[LogShapeChange, ...] = ()
    """Shapes of every severity whose count after the onset is new or at least 3 times its
    former rate, and all at warning or above; at most 200, by count after."""
    blocking: BlockingExample | None = None
    changes: tuple[Change, ...] = ()
    """All changes from 24 h before the onset to the end of the window."""
    versions: tuple[VersionOutcome, ...] = ()
    """For services that had a change in the window."""
    code: tuple[CodeReading, ...] = ()
    """`code.git.read_change` for the changes that name a repository, or ()."""
    coverage: Coverage = field(default_factory=Coverage)
    clock_offsets_ns: Mapping[str, int] = field(default_factory=dict)
    """Per service the estimated clock offset of its host, when known."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What was compared when nothing was found, for the bundle without an incident."""

    start_unix_ns: int
    end_unix_ns: int
    operations: tuple[OperationChange, ...] = ()
    """`before` is the baseline stretch, `after` the stretch asked about."""
    edges: tuple[EdgeChange, ...] = ()
    log_shapes_compared: int = 0
    cold_start: bool = False
    """True when there was too little baseline to judge anything."""
    baseline_ns: int = 0
    coverage: Coverage = field(default_factory=Coverage)
