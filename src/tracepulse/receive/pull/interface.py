"""
What every pulled source looks like.

There are two kinds. Files are read as they grow (`files.py`). A system that keeps logs itself is
asked for a window of time: it is an `Asked`, and everything that makes asking safe (nothing missed,
nothing twice, no more than the budget) is done for all of them alike in `passes.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from tracepulse.receive.admission import Receipt
from tracepulse.receive.pull.spending import Spend
from tracepulse.receive.sent_logs import Known
from tracepulse.receive.signals import Signal

__all__ = [
    "Asked",
    "DurableAppend",
    "Estimate",
    "Heard",
    "HoldsMessage",
    "Page",
    "Proof",
    "Source",
    "Stretch",
]


class DurableAppend(Protocol):
    """Takes a request and says when it is durable."""

    def append(self, signal: Signal, body: bytes, receipt: Receipt, records: int) -> "Future[None]":
        """Return a future that is done when the request survives a crash; raises Overloaded."""


HoldsMessage = Callable[[Signal, int, int], bool]
"""Says whether a request is durable, by signal, instant of receipt in Unix ns, CRC-32 of its body."""


class Source(Protocol):
    """Reads something outside and appends what is new."""

    def start(self) -> None:
        """Begin to read."""

    def stop(self) -> None:
        """Stop reading; what was read is durable, and its place is remembered."""


class Stretch(NamedTuple):
    """A stretch of time, [start, end) in Unix ns."""

    start_unix_ns: int
    end_unix_ns: int


@dataclass(frozen=True, slots=True)
class Heard:
    """A record as a source told it; what its text says is found out when it is taken."""

    time_unix_ns: int
    """By the source's own order, which its windows are cut by."""
    key: int
    """64 signed bits that stay the same whenever the source is asked. Records with equal keys are
    equal; how many of them there are is told from one answer."""
    known: Known
    """What the source says of it beside its text."""
    text: str
    """A line; of a document the JSON."""
    fields: dict[str, Any] | None = None
    """Of a document: what becomes message, level and attributes. None for a line."""
    attributes: Sequence[tuple[str, Any]] = ()
    event_unix_ns: int = 0
    """When it happened, where that is known more finely than the order; else 0."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the answer; the pages of an answer are in order of time."""

    records: list[Heard]
    until_unix_ns: int
    """What lies before it has been told, in this page or earlier ones."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """About how much a source holds of a stretch of time; None where it does not say."""

    records: int | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What a test of a connection has shown."""

    server: str
    """What answers there, with its version where it says so."""
    records: int
    """Read from the last minutes."""
    newest_unix_ns: int | None = None
    services: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())


class Asked(Protocol):
    """A system that keeps logs and can be asked for a window of them."""

    def pages(self, stretch: Stretch, spend: Spend) -> Iterator[Page]:
        """
        Yield what there is of a stretch of time, in order.

        Raises:
            BudgetSpent: more would have to be read than may be; what was yielded stands.
            SourceFailure: it does not answer as it should; what was yielded stands.
        """

    def estimate(self, stretch: Stretch, spend: Spend) -> Estimate:
        """Return about how much there is; raises as `pages`."""

    def server(self, spend: Spend) -> str:
        """Return what answers there; raises as `pages`, also when the credentials are refused."""

    def close(self) -> None:
        """Let go of connections."""
