"""
The accounts: told by journal and loader what happened, asked by whoever wants to know.

`received` grows when a request is durable; what becomes of it is told by others later. That both
sides agree is therefore a finding and not a definition.
"""

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tracepulse.accounting.books import Books, Settled
from tracepulse.accounting.ledger import Ledger
from tracepulse.accounting.terms import Accounting, Arrival, Outcome, Reason, SignalAccounting
from tracepulse.errors import NotFound
from tracepulse.receive.signals import REQUEST_TYPES, Signal

__all__ = ["Accounts"]

_log = logging.getLogger("tracepulse")


@dataclass(slots=True)
class _Waiting:
    """A segment in the journal that is not settled."""

    signal: Signal
    received: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)
    records: int = 0
    lost: int = 0
    """Damaged in the journal since."""

    def add(self, arrival: Arrival) -> None:
        """Count one request."""
        self.records += arrival.records
        rejected = sum(n for _, n in arrival.rejected)
        self.received[arrival.origin] += arrival.records + rejected
        self.rejected.update(dict(arrival.rejected))
        self.mended.update(dict(arrival.mended))

    def move(self, other: "_Waiting", sign: int = 1) -> None:
        """Take over what another counts; with -1, leave it to the other."""
        self.records += sign * other.records
        for mine, theirs in (
            (self.received, other.received),
            (self.rejected, other.rejected),
            (self.mended, other.mended),
        ):
            for key, n in theirs.items():
                mine[key] += sign * n


class Accounts:
    """Counts every record from its receipt to its end; safe to use from any thread."""

    def __init__(self, path: Path | None = None, now_unix_ns: int | None = None) -> None:
        """
        Take up the accounts where they were left.

        Args:
            path: of the ledger; without it nothing is kept.
            now_unix_ns: when counting begins, if it begins now.
        Raises:
            OSError: the ledger cannot be written.
        """
        self._books = Books(time.time_ns() if now_unix_ns is None else now_unix_ns)
        self._waiting: dict[str, _Waiting] = {}
        self._last_settled_s: float | None = None
        self._lock = threading.RLock()
        """Of the numbers."""
        self._writing = threading.RLock()
        """Of the ledger; taken before the other, never after it."""
        self._ledger = None if path is None else Ledger(path)
        if self._ledger is not None:
            self._read(self._ledger)
            self._ledger.rewrite(self._books.state())

    def _read(self, ledger: Ledger) -> None:
        events, damaged = ledger.read()
        for event in events:
            try:
                self._books.apply(event)
            except (KeyError, TypeError, ValueError):
                damaged += 1
        if damaged:
            text = f"{damaged} lines of the ledger could not be read; what they told is missing"
            _log.error("accounts: %s", text)
            self._books.fault(text)

    # -- the journal's side --------------------------------------------------------------------

    def received(self, segment_id: str, signal: Signal, arrivals: Iterable[Arrival]) -> None:
        """
        Count requests that are durable in a segment.

        At a start the journal tells again what its segments hold; one that had been settled and is
        found waiting all the same is about to be loaded again, and counts as queued.
        """
        with self._lock:
            self._books.unsettle(segment_id)
            message_id = self._books.retried.get(segment_id)
            if message_id:
                self._books.aside.pop(message_id, None)
            waiting = self._waiting.setdefault(segment_id, _Waiting(signal))
            for each in arrivals:
                if message_id is None:
                    waiting.add(each)
                else:  # all but this was counted when it was received first
                    waiting.records += each.records

    def divided(self, whole_id: str, part_id: str, arrivals: Iterable[Arrival]) -> None:
        """Count a part of a segment under an id of its own; telling it again changes nothing."""
        with self._lock:
            whole = self._waiting.get(whole_id)
            if whole is None:
                return
            before = self._waiting.pop(part_id, None)
            if before is not None:
                whole.move(before)
            part = _Waiting(whole.signal)
            for each in arrivals:
                part.add(each)
            self._waiting[part_id] = part
            whole.move(part, -1)

    def damaged(self, segment_id: str, records: int) -> None:
        """Note that a segment that waits holds only so many records any more."""
        with self._lock:
            waiting = self._waiting.get(segment_id)
            if waiting is not None:
                waiting.lost += waiting.records - records
                waiting.records = records

    def kept(self, segment_ids: Iterable[str]) -> None:
        """Note which segments have files; all others that were settled are gone for good."""
        with self._lock:
            for segment_id in self._books.settled.keys() - set(segment_ids):
                self._books.fold(segment_id)
        self._rewrite_if_long()

    def started(self, segment_ids: Iterable[str]) -> None:
        """Note, at a start, which segments have files: the others are gone, or were not made."""
        present = set(segment_ids)
        with self._lock:
            for segment_id in self._books.retried.keys() - present - self._books.settled.keys():
                del self._books.retried[segment_id]
        self.kept(present)

    # -- the loader's side ---------------------------------------------------------------------

    def settle(self, segment_id: str, outcome: Outcome | None) -> None:
        """
        Note, durably, what became of a segment's records; None is that all are stored.

        Raises:
            OSError: the ledger cannot be written; the segment stays queued.
        """
        with self._writing:
            with self._lock:
                waiting = self._waiting.get(segment_id)
                if waiting is None:
                    return  # told before
                if outcome is None:
                    outcome = Outcome(stored=waiting.records)
                outcome = replace(outcome, lost=outcome.lost + waiting.lost)
                expected = waiting.records + waiting.lost
                entry = Settled(
                    waiting.signal,
                    _positive(waiting.received),
                    _positive(waiting.rejected),
                    _positive(waiting.mended),
                    outcome,
                )
            self._write({"event": "settled", "segment": segment_id, **entry.as_json()})
            if outcome.records != expected:
                self._fault(
                    f"segment {segment_id} ({waiting.signal}): {expected:,} records were"
                    f" queued, and {outcome.records:,} are accounted for"
                )
            with self._lock:
                del self._waiting[segment_id]
                self._books.settle(segment_id, entry)
                self._last_settled_s = time.monotonic()
        self._rewrite_if_long()

    def gone(self, segment_id: str) -> None:
        """Note that a segment's file was removed by others before it was stored."""
        with self._lock:
            waiting = self._waiting.get(segment_id)
        if waiting is not None:
            self.settle(segment_id, Outcome(lost=waiting.records))

    # -- messages that were set aside ----------------------------------------------------------

    def set_aside(self) -> dict[str, tuple[Signal, int]]:
        """Return the ids of the messages that are set aside, with signal and records, by id."""
        with self._lock:
            return dict(sorted(self._books.aside.items()))

    def waits(self, segment_id: str) -> bool:
        """Return whether a segment is queued."""
        with self._lock:
            return segment_id in self._waiting

    def unfinished_retries(self) -> dict[str, str]:
        """Return segment ids, each with the message whose copy it holds or was to hold."""
        with self._lock:
            return {key: message for key, message in self._books.retried.items() if message}

    def retry(self, message_id: str, segment_id: str) -> None:
        """
        Note, durably, that a message is about to be put into the journal again.

        Raises:
            NotFound: it is not set aside.
        """
        with self._writing:
            with self._lock:
                if message_id not in self._books.aside:
                    raise NotFound(f"no message {message_id!r} is set aside")
            self._write({"event": "retry", "message": message_id, "segment": segment_id})
            with self._lock:
                self._books.retried[segment_id] = message_id

    def removed(self, message_id: str, discarded: bool) -> None:
        """Note, durably, that a message is not set aside any more."""
        with self._writing:
            self._write({"event": "gone", "message": message_id, "discarded": discarded})
            with self._lock:
                self._books.gone(message_id, discarded)

    def found(self, message_id: str, signal: Signal, records: int, origin: str) -> None:
        """Take a message into the accounts that was set aside before there were any."""
        event = {"message": message_id, "signal": signal, "records": records, "origin": origin}
        with self._writing:
            self._write({"event": "found", **event})
            with self._lock:
                self._books.find(message_id, signal, records, origin)

    # -- asking --------------------------------------------------------------------------------

    def accounting(self) -> Accounting:
        """Return all accounts at this moment."""
        with self._lock:
            books = self._books
            received, rejected, mended = map(
                Counter, (books.received, books.rejected, books.mended)
            )
            queued: Counter[str] = Counter()
            for each in self._waiting.values():
                queued[each.signal] += each.records
                received.update({(each.signal, key): n for key, n in each.received.items()})
                rejected.update({(each.signal, key): n for key, n in each.rejected.items()})
                rejected[each.signal, Reason.LOST] += each.lost
                mended.update({(each.signal, key): n for key, n in each.mended.items()})
            for signal, records in books.aside.values():
                rejected[signal, Reason.SET_ASIDE] += records
            return Accounting(
                books.since_unix_ns,
                tuple(
                    SignalAccounting(
                        signal,
                        _of(signal, received),
                        books.stored[signal],
                        books.deduplicated[signal],
                        _of(signal, rejected),
                        queued[signal],
                        _of(signal, mended),
                    )
                    for signal in REQUEST_TYPES
                ),
                tuple(books.faults),
            )

    def last_settled_age_s(self) -> float | None:
        """Return how long ago a segment was settled; None when none was since the start."""
        with self._lock:
            settled_s = self._last_settled_s
        return None if settled_s is None else time.monotonic() - settled_s

    def close(self) -> None:
        """Write the accounts out, and let go of the ledger."""
        with self._writing:
            if self._ledger is not None:
                self._ledger.close()

    # -- the ledger ----------------------------------------------------------------------------

    def _write(self, event: dict[str, Any]) -> None:
        if self._ledger is not None:
            self._ledger.append(event)

    def _fault(self, text: str) -> None:
        _log.error("accounts: %s", text)
        with self._writing:
            with contextlib.suppress(OSError):  # the log has it
                self._write({"event": "fault", "text": text})
            with self._lock:
                self._books.fault(text)

    def _rewrite_if_long(self) -> None:
        if self._ledger is None or not self._ledger.is_long:
            return
        with self._writing:
            with self._lock:
                state = self._books.state()
            try:
                self._ledger.rewrite(state)
            except OSError as error:
                _log.warning("accounts: the ledger cannot be written anew: %s", error)


def _positive(counter: Counter[str]) -> dict[str, int]:
    return {key: n for key, n in sorted(counter.items()) if n}


def _of(signal: str, counter: Counter[tuple[str, str]]) -> dict[str, int]:
    # A reason is an enumeration that some writers of JSON do not take for text.
    return {str(key): n for (of, key), n in sorted(counter.items()) if of == signal and n}
