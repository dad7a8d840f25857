"""Flows: which service calls which, and the path that one kind of request takes."""

from dataclasses import dataclass

__all__ = ["EdgeChange", "FailureOrigin", "FailureSummary", "FlowEdge", "LoggedEdge"]


@dataclass(frozen=True, slots=True)
class FlowEdge:
    """One service calling another, over some window."""

    caller: str
    """'' when requests come from outside."""
    callee: str
    connection: str
    """http, rpc, database, messaging or logs."""
    calls: int
    errors: int
    inferred_from: str
    """spans (both sides seen), peer (only the caller seen), mesh, access_log or logs (shared ids)."""
    callee_is_virtual: bool = False
    """True for a database, queue or address that sends no telemetry of its own."""
    sureness_ratio: float = 1.0
    """1 for spans; for logs the share of shared ids that show this direction."""


@dataclass(frozen=True, slots=True)
class EdgeChange:
    """One edge before and after an onset."""

    caller: str
    callee: str
    calls_before: int
    errors_before: int
    calls_after: int
    errors_after: int
    connection: str = "http"
    p95_before_ns: int | None = None
    p95_after_ns: int | None = None
    callee_is_virtual: bool = False
    inferred_from: str = "spans"


@dataclass(frozen=True, slots=True)
class FailureOrigin:
    """Where the failures of some traces begin: their deepest failing span, seen alike."""

    service: str
    operation: str
    kind: str
    status: str
    """HTTP status code, gRPC code or the error type; '' when the span does not tell."""
    resource: str
    """Virtual node (database, queue, address) when the deepest failing span calls one; else ''."""
    traces: int
    path: tuple[str, ...]
    """Services from the entry to `service`; the most frequent one, ties by name."""
    entry_operation: str
    example_trace_id: str
    """The smallest trace id among those with this origin."""
    message: str = ""
    """Status message of one such span: telemetry text, quote it."""


@dataclass(frozen=True, slots=True)
class FailureSummary:
    """The origins of a sample of failing traces."""

    origins: tuple[FailureOrigin, ...]
    """By number of traces, falling; then service, operation, status."""
    failing_traces: int
    """Traces in the sample that hold a failing span under a failing entry."""
    sampled_traces: int


@dataclass(frozen=True, slots=True)
class LoggedEdge:
    """One service calling another, as plain log lines alone show it."""

    caller: str
    callee: str
    evidence: int
    """Episodes, much like requests, in which both take part with one calling the other."""
    agreement_ratio: float
    """Share of them that show this direction."""
    first_unix_ns: int
    last_unix_ns: int
