"""
The terms of the accounts, each defined once.

A record is a span, a log record or a data point of a metric. Of each signal, at any moment,

    received = stored + deduplicated + rejected + queued

received      records of requests that were answered with success, those of them included that the
              answer names as rejected, and records read from followed files; each counts once
stored        rows in the tables
deduplicated  left out because the same record is stored already
rejected      not stored, each for one of the reasons below
queued        durable in the journal, and not yet any of the above

What a sender was refused whole, with a status of 400 or above, was not received.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tracepulse.receive.signals import Signal

__all__ = ["Accounting", "Arrival", "Outcome", "Reason", "SignalAccounting"]


class Reason(StrEnum):
    """Why a record was not stored: the whole list."""

    ID_LENGTH = "id_length"
    RECORD_SIZE = "record_size"
    UTF8 = "utf8"
    UNREADABLE = "unreadable"
    SET_ASIDE = "set_aside"
    """The engine refused the message it came in; kept, and may be retried."""
    DISCARDED = "discarded"
    """It had been set aside, and somebody decided against it."""
    LOST = "lost"
    """It was acknowledged, and the journal's file was damaged or removed before it was stored."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request that is durable in the journal."""

    origin: str
    """Protocol or reader that brought it."""
    records: int
    """To be stored."""
    rejected: tuple[tuple[str, int], ...] = ()
    """Left out at the door, by reason."""
    mended: tuple[tuple[str, int], ...] = ()
    """Among `records`: kept with other times than they came with, by reason."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the records of one segment; their sum is what the segment holds."""

    stored: int = 0
    deduplicated: int = 0
    set_aside: tuple[tuple[str, int], ...] = ()
    """Message id and records of each message that was set aside."""
    lost: int = 0

    @property
    def records(self) -> int:
        """How many records it accounts for."""
        aside = sum(records for _, records in self.set_aside)
        return self.stored + self.deduplicated + aside + self.lost


@dataclass(frozen=True, slots=True)
class SignalAccounting:
    """The accounts of one signal, in records."""

    signal: Signal
    received: Mapping[str, int]
    """By origin."""
    stored: int
    deduplicated: int
    rejected: Mapping[str, int]
    """By reason."""
    queued: int
    mended: Mapping[str, int] = field(default_factory=dict)
    """Kept with other times than they came with, by reason: too far off, missing, end before start.
    Not a part of the sum."""

    @property
    def difference(self) -> int:
        """Records received that are nowhere; below zero, records that came from nowhere."""
        kept = self.stored + self.deduplicated + sum(self.rejected.values()) + self.queued
        return sum(self.received.values()) - kept


@dataclass(frozen=True, slots=True)
class Accounting:
    """All accounts at one moment."""

    since_unix_ns: int
    """When counting began: the first start on this data folder."""
    signals: tuple[SignalAccounting, ...]
    """traces, logs, metrics."""
    faults: tuple[str, ...] = field(default=())
    """What does not add up and where, newest last."""

    @property
    def received(self) -> int:
        """Of all signals."""
        return sum(sum(each.received.values()) for each in self.signals)

    @property
    def stored(self) -> int:
        """Of all signals."""
        return sum(each.stored for each in self.signals)

    @property
    def deduplicated(self) -> int:
        """Of all signals."""
        return sum(each.deduplicated for each in self.signals)

    @property
    def rejected(self) -> int:
        """Of all signals, for whatever reason."""
        return sum(sum(each.rejected.values()) for each in self.signals)

    @property
    def queued(self) -> int:
        """Of all signals."""
        return sum(each.queued for each in self.signals)

    @property
    def set_aside(self) -> int:
        """The part of `rejected` that may still be retried."""
        return sum(each.rejected.get(Reason.SET_ASIDE, 0) for each in self.signals)

    @property
    def holds(self) -> bool:
        """Whether every signal adds up."""
        return all(each.difference == 0 for each in self.signals)
