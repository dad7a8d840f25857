"""
From the bytes of a request to bytes that may be stored, and what the sender must be told.

There are two lanes. A request in which the scan finds nothing is stored as the bytes it came in. Any
other is read, and its bad records are mended or left out (`cleaning.py`); the good ones keep their
bytes. Whoever reads the journal may rely on this of every message in it, whichever lane it took:

- It is well-formed protobuf: every length ends inside its message, varints have ten bytes at most,
  there are no groups, and every field that we know has its wire type (lists of numbers are packed or
  not). Unknown fields may stand anywhere, fields in any order; of one that should stand once and is
  repeated the last counts, and messages so repeated are merged.
- It holds at most `limits.records` records and `limits.containers` groups, and no record, resource or
  scope of more than `limits.record_bytes`. A record has at most `limits.attributes_per_record`
  attributes; parts and texts are within their limits, but for a stack trace or statement of up to
  `limits.body_text_bytes` among the attributes.
- Every string is UTF-8.
- A span's trace id is 16 bytes and its span id 8, neither all zero; a parent span id has 0 or 8 bytes.
  The ids of log records and exemplars have 0, 16 or 8. A link's are as a span's.
- The value of an attribute or a log record's body is unset, a text, a truth, an integer, a double or
  bytes; arrays and maps have become JSON text (docs: decision 0002).
- Instants fit a signed 64-bit number. In live telemetry a span's start and end, an event's time and
  a point's time lie within the window of `limits.py`, and a log record's two times do or are zero. A
  span never ends before it starts, in imports neither.
- No field with a number of 1000 or more stands in the request itself: from there on the journal
  writes its own.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Protocol

from tracepulse.receive.cleaning import clean
from tracepulse.receive.event_times import CLAMPED, MISSING, REVERSED
from tracepulse.receive.limits import ANY_TIME, Limits, TimeWindow
from tracepulse.receive.signals import Signal
from tracepulse.receive.wire import scan

__all__ = ["UNREADABLE", "Admitted", "Receipt", "Sink", "admit", "data_set_name_fault"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a request came from, stamped when it arrived and stored with every record."""

    received_unix_ns: int
    origin: str
    """Protocol or reader that brought it, such as otlp_http or files."""
    trust: str
    """server_key, loopback or browser_unauthenticated."""
    data_set: str = ""
    """'' for live telemetry; a name for imports, which retention does not touch."""
    rejected: tuple[tuple[str, int], ...] = ()
    """Records of the request that were left out, by reason."""
    mended: tuple[tuple[str, int], ...] = ()
    """Records of it that were kept with other times than they came with, by reason."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request after the scan."""

    body: bytes
    records: int
    """Records in `body`."""
    rejected: Counter[str] = field(default_factory=Counter)
    altered: int = 0
    mended: Counter[str] = field(default_factory=Counter)
    """Records kept with other times than they came with, by reason."""
    example: str = ""
    """Where the first value stands that could not be read, and why."""

    @property
    def rejected_records(self) -> int:
        """How many records were left out."""
        return self.rejected.total()

    def noted_on(self, receipt: Receipt) -> Receipt:
        """Return the receipt with what was left out of the request, and what was mended."""
        return replace(
            receipt,
            rejected=tuple(sorted(self.rejected.items())),
            mended=tuple(sorted(self.mended.items())),
        )

    def explanation(self) -> str:
        """Say for `partial_success` why records were left out or mended; '' when none was."""
        told = [
            f"{count} {outcome}: {_REASONS.get(reason, reason)}"
            for outcome, reasons in (("rejected", self.rejected), ("mended", self.mended))
            for reason, count in sorted(reasons.items())
        ]
        return "; ".join(told + [f"first: {self.example}"] * bool(told and self.example))


UNREADABLE = "unreadable"
_REASONS = {
    "id_length": "a trace id must be 16 bytes and a span id 8, not all zero",
    CLAMPED: "an instant before retention begins or more than a day ahead was moved",
    MISSING: "without a time; it has that of receipt",
    REVERSED: "the end is before the start; it has no length",
    "record_size": "the record is larger than 256 KiB",
    "utf8": "text that is not UTF-8",
    UNREADABLE: "a field of the wrong type",
    "labels": "labels of a stream that cannot be read",
    "timestamp": "a time that cannot be read",
    "entry": "an entry of a stream that is not a time and a line",
    "no_event": "without a field event",
    "blank_event": "with an empty event",
    "fields": "fields that are not an object",
    "metric_event": "metrics; send those by OTLP or remote write",
    "document": "a document that is not a JSON object",
    "document_size": "a document larger than 240 KiB",
    "action": "an update or deletion; what is kept is only added to",
}


def data_set_name_fault(name: str) -> str:
    """Return why a data set cannot be called so; '' when it can."""
    plain = name.translate(str.maketrans("", "", "-_."))
    if 0 < len(name) <= 100 and plain.isascii() and plain.isalnum():
        return ""
    return "use up to 100 letters, digits, '-', '_' and '.'"


class Sink(Protocol):
    """Takes admitted requests and answers when they are durable."""

    async def append(self, signal: Signal, body: bytes, receipt: Receipt, records: int) -> None:
        """
        Return once the request survives a crash.

        Raises:
            Overloaded: there is no room; nothing was kept.
        """


def admit(body: bytes, signal: Signal, limits: Limits, window: TimeWindow = ANY_TIME) -> Admitted:
    """
    Check one uncompressed Export…ServiceRequest.

    Args:
        window: instants that records may bear; an import keeps its age.
    Raises:
        MalformedBody: it cannot be read.
        LimitExceeded: it holds too much.
    """
    scanned = scan(body, signal, limits, window)
    if not scanned.faults and not scanned.owner_faults:
        return Admitted(body, scanned.records)
    cleaned = clean(body, signal, limits, window, records_are_good=not scanned.faults)
    kept = scan(cleaned.body, signal, limits, window)
    return Admitted(cleaned.body, kept.records, cleaned.rejected, cleaned.altered, cleaned.mended)


def admit_clean(
    body: bytes, signal: Signal, limits: Limits, window: TimeWindow = ANY_TIME
) -> Admitted | None:
    """Admit a request that is without a fault; None for one that is not, raises as `admit`."""
    scanned = scan(body, signal, limits, window)
    if scanned.faults or scanned.owner_faults:
        return None
    return Admitted(body, scanned.records)
