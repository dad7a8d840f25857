"""A file of received messages and what became of it."""

from dataclasses import dataclass
from pathlib import Path

from tracepulse.accounting.terms import Arrival
from tracepulse.journal.framing import frames, receipt_of
from tracepulse.receive.limits import Limits
from tracepulse.receive.signals import Signal
from tracepulse.receive.wire import scan

__all__ = ["OPEN", "REPEATED", "SEALED", "STORED", "Contents", "Segment", "contents", "parse_name"]

OPEN, SEALED, STORED = ".open", ".sealed", ".stored"
REPEATED = ".repeated"
"""Ending of a note beside a segment: which of its records had come before."""
_UNLIMITED = Limits(records=2**40, containers=2**40, record_bytes=2**40)


@dataclass(frozen=True, slots=True)
class Segment:
    """
    One file of messages of one signal.

    Its state is the ending of its name: `.open` while it grows, `.sealed` when it waits to be
    loaded, `.stored` when every row is in the tables.
    """

    segment_id: str
    signal: Signal
    path: Path
    suspect: bool = False
    """True when an earlier process may have loaded a part of it."""
    again: bool = False
    """True when it was stored once and the store has lost some of it."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a segment holds: the manifest that its rows in the tables are counted against."""

    messages: int
    records: int
    points: tuple[int, int, int, int, int]
    """Metric points by kind: gauge, sum, histogram, exponential histogram, summary."""
    trusted_bytes: int
    """Length of the part that is whole and undamaged."""
    arrivals: tuple[Arrival, ...] = ()
    """What each message brought, for the accounts."""


def contents(data: bytes | memoryview, signal: Signal) -> Contents:
    """Count what a segment holds, as far as it can be trusted."""
    messages = records = trusted = 0
    points = [0, 0, 0, 0, 0]
    arrivals = []
    for each in frames(data):
        scanned = scan(each.message, signal, _UNLIMITED)
        receipt = receipt_of(each.message)
        messages += 1
        records += scanned.records
        points = [a + b for a, b in zip(points, scanned.points, strict=True)]
        trusted = each.end
        arrivals.append(Arrival(receipt.origin, scanned.records, receipt.rejected, receipt.mended))
    return Contents(
        messages,
        records,
        (points[0], points[1], points[2], points[3], points[4]),
        trusted,
        tuple(arrivals),
    )


def parse_name(path: Path) -> Segment | None:
    """Return the segment that a file is, or None for any other file."""
    stem, _, signal = path.stem.rpartition(".")
    if path.suffix not in (OPEN, SEALED, STORED) or not stem:
        return None
    match signal:
        case "traces" | "logs" | "metrics":
            return Segment(stem, signal, path)
        case _:
            return None
