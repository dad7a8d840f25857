"""From the bytes of a request to bytes that may be stored, and what the sender must be told."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from tracepulse.receive.cleaning import clean
from tracepulse.receive.limits import Limits
from tracepulse.receive.signals import Signal
from tracepulse.receive.wire import scan

__all__ = ["Admitted", "Receipt", "Sink", "admit", "data_set_name_fault"]


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


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request after the scan."""

    body: bytes
    records: int
    """Records in `body`."""
    rejected: Counter[str] = field(default_factory=Counter)
    altered: int = 0

    @property
    def rejected_records(self) -> int:
        """How many records were left out."""
        return self.rejected.total()

    def explanation(self) -> str:
        """Say why records were left out, for `partial_success`; '' when none was."""
        return "; ".join(
            f"{count} rejected: {_REASONS.get(reason, reason)}"
            for reason, count in sorted(self.rejected.items())
        )


_REASONS = {
    "id_length": "a trace id must be 16 bytes and a span id 8, not all zero",
    "time": "an instant after the year 2262",
    "record_size": "the record is larger than 256 KiB",
    "utf8": "text that is not UTF-8",
    "unreadable": "a field of the wrong type",
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


def admit(body: bytes, signal: Signal, limits: Limits) -> Admitted:
    """
    Check one uncompressed Export…ServiceRequest.

    Raises:
        MalformedBody: it cannot be read.
        LimitExceeded: it holds too much.
    """
    scanned = scan(body, signal, limits)
    if not scanned.faults and not scanned.owner_faults:
        return Admitted(body, scanned.records)
    cleaned = clean(body, signal, limits, records_are_good=not scanned.faults)
    kept = scan(cleaned.body, signal, limits)
    return Admitted(cleaned.body, kept.records, cleaned.rejected, cleaned.altered)
