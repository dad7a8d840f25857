"""The state of the accounts: what has been settled, and how each event changes it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tracepulse.accounting.terms import Outcome, Reason
from tracepulse.receive.signals import Signal

__all__ = ["Books", "Settled"]

_KEPT_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Settled:
    """A segment whose records are accounted for; kept while its file may come back."""

    signal: Signal
    received: Mapping[str, int]
    """By origin; empty when it held a message that was set aside and retried."""
    rejected: Mapping[str, int]
    """At the door, by reason."""
    mended: Mapping[str, int]
    """By reason."""
    outcome: Outcome

    def as_json(self) -> dict[str, Any]:
        """Return it for the ledger."""
        outcome = self.outcome
        return {
            "signal": self.signal,
            "received": dict(self.received),
            "rejected": dict(self.rejected),
            "mended": dict(self.mended),
            "stored": outcome.stored,
            "deduplicated": outcome.deduplicated,
            "set_aside": dict(outcome.set_aside),
            "lost": outcome.lost,
        }

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> "Settled":
        """Return what `as_json` wrote."""
        outcome = Outcome(
            kept["stored"],
            kept["deduplicated"],
            tuple(sorted(kept["set_aside"].items())),
            kept["lost"],
        )
        return cls(kept["signal"], kept["received"], kept["rejected"], kept["mended"], outcome)


@dataclass(slots=True)
class Books:
    """Sums by signal, and the parts of them that may still change."""

    since_unix_ns: int = 0
    received: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By signal and origin, of settled segments."""
    stored: Counter[str] = field(default_factory=Counter)
    deduplicated: Counter[str] = field(default_factory=Counter)
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By signal and reason, without what is set aside."""
    mended: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By signal and reason."""
    aside: dict[str, tuple[Signal, int]] = field(default_factory=dict)
    """Message id to signal and records, for every message that is set aside."""
    settled: dict[str, Settled] = field(default_factory=dict)
    """By segment id; their numbers are in the sums."""
    retried: dict[str, str] = field(default_factory=dict)
    """Segment id to the message that it holds once more; '' when that is not kept twice any more."""
    faults: list[str] = field(default_factory=list)

    def apply(self, event: Mapping[str, Any]) -> None:
        """Change the sums by one event of the ledger."""
        match event["event"]:
            case "state":
                self._restore(event)
            case "settled":
                self.settle(event["segment"], Settled.of_json(event))
            case "retry":
                self.retried[event["segment"]] = event["message"]
            case "gone":
                self.gone(event["message"], event["discarded"])
            case "found":
                self.find(event["message"], event["signal"], event["records"], event["origin"])
            case "fault":
                self.fault(event["text"])

    def settle(self, segment_id: str, entry: Settled) -> None:
        """Add a segment; one that was settled before is replaced."""
        self.unsettle(segment_id)
        self.settled[segment_id] = entry
        self._add(entry, 1)
        for message_id, records in entry.outcome.set_aside:
            self.aside[message_id] = entry.signal, records

    def unsettle(self, segment_id: str) -> None:
        """Take a segment out again, because it is about to be loaded once more."""
        entry = self.settled.pop(segment_id, None)
        if entry is None:
            return
        self._add(entry, -1)
        for message_id, records in entry.outcome.set_aside:
            if self.aside.pop(message_id, None) is None:
                self.rejected[entry.signal, Reason.DISCARDED] -= records

    def _add(self, entry: Settled, sign: int) -> None:
        signal, outcome = entry.signal, entry.outcome
        for origin, records in entry.received.items():
            self.received[signal, origin] += sign * records
        for reason, records in entry.rejected.items():
            self.rejected[signal, reason] += sign * records
        for reason, records in entry.mended.items():
            self.mended[signal, reason] += sign * records
        self.stored[signal] += sign * outcome.stored
        self.deduplicated[signal] += sign * outcome.deduplicated
        if outcome.lost:
            self.rejected[signal, Reason.LOST] += sign * outcome.lost

    def fold(self, segment_id: str) -> None:
        """Forget a segment whose file is gone for good; its numbers stay in the sums."""
        if not self.retried.get(segment_id):
            self.settled.pop(segment_id, None)
            self.retried.pop(segment_id, None)

    def gone(self, message_id: str, discarded: bool) -> None:
        """Take a message out of those set aside."""
        for segment_id, again in self.retried.items():
            if again == message_id:
                self.retried[segment_id] = ""
        held = self.aside.pop(message_id, None)
        if discarded and held is not None:
            self.rejected[held[0], Reason.DISCARDED] += held[1]

    def find(self, message_id: str, signal: Signal, records: int, origin: str) -> None:
        """Add a message that was set aside before there were accounts."""
        self.aside[message_id] = signal, records
        self.received[signal, origin] += records

    def fault(self, text: str) -> None:
        """Note what does not add up."""
        self.faults = [*self.faults, text][-_KEPT_FAULTS:]

    # -- as one line of the ledger -------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return everything."""
        return {
            "event": "state",
            "since_unix_ns": self.since_unix_ns,
            "received": _listed(self.received),
            "stored": dict(self.stored),
            "deduplicated": dict(self.deduplicated),
            "rejected": _listed(self.rejected),
            "mended": _listed(self.mended),
            "aside": {key: list(value) for key, value in self.aside.items()},
            "settled": {key: entry.as_json() for key, entry in self.settled.items()},
            "retried": self.retried,
            "faults": self.faults,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.since_unix_ns = state["since_unix_ns"]
        self.received = Counter({(a, b): n for a, b, n in state["received"]})
        self.stored = Counter(state["stored"])
        self.deduplicated = Counter(state["deduplicated"])
        self.rejected = Counter({(a, b): n for a, b, n in state["rejected"]})
        self.mended = Counter({(a, b): n for a, b, n in state["mended"]})
        self.aside = {key: (signal, n) for key, (signal, n) in state["aside"].items()}
        self.settled = {key: Settled.of_json(kept) for key, kept in state["settled"].items()}
        self.retried = dict(state["retried"])
        self.faults = list(state["faults"])


def _listed(counter: Counter[tuple[str, str]]) -> list[list[str | int]]:
    return [[first, second, n] for (first, second), n in sorted(counter.items()) if n]
