"""Who calls whom as plain logs tell it, with what it was read from."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["LogEdge", "LogGraph", "UnknownOrder"]


@dataclass(frozen=True, slots=True)
class LogEdge:
    """One service calling another, as ids that both mention show it."""

    caller: str
    callee: str
    requests: int
    """Requests in which both write: how often it was seen."""
    agreement_ratio: float
    """Share of them in which the order of lines fits this direction."""
    explained_ratio: float
    """Share of the callee's requests that this caller explains better than any other."""
    confidence_ratio: float
    """Lower end of a 95% interval of the agreement, times the share of the callee's requests that its
    callers in this graph explain together."""
    first_seen_unix_ns: int
    last_seen_unix_ns: int
    example_keys: tuple[str, ...]
    """Ids that both mention, as the caller writes them: telemetry text, redact and quote it."""


@dataclass(frozen=True, slots=True)
class UnknownOrder:
    """Two services that take part in the same requests, in an order that cannot be told."""

    first: str
    second: str
    requests: int
    reason: str


@dataclass(frozen=True, slots=True)
class LogGraph:
    """The edges of some lines, by (caller, callee)."""

    edges: tuple[LogEdge, ...]
    unknown: tuple[UnknownOrder, ...]
    clock_offsets_ns: Mapping[str, int]
    """By how much each host's clock was taken to be ahead; hosts that tell nothing are left out."""
    lines: int
    keys: int
    pause_ns: int
    """The silence that was taken to part two requests of one key."""
