"""What every pulled source looks like."""

from concurrent.futures import Future
from typing import Protocol

from tracepulse.receive.admission import Receipt
from tracepulse.receive.signals import Signal

__all__ = ["DurableAppend", "Source"]


class DurableAppend(Protocol):
    """Takes a request and says when it is durable."""

    def append(self, signal: Signal, body: bytes, receipt: Receipt, records: int) -> "Future[None]":
        """Return a future that is done when the request survives a crash; raises Overloaded."""


class Source(Protocol):
    """Reads something outside and appends what is new."""

    def start(self) -> None:
        """Begin to read."""

    def stop(self) -> None:
        """Stop reading; what was read is durable, and its place is remembered."""
