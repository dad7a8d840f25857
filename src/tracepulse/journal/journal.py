"""
The journal: what was acknowledged is here, on disk, until the store has it for good.

One thread writes. All requests that wait when it comes round are written together and made durable
by one fsync per file, and only then answered (group commit).
"""

import contextlib
import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from io import FileIO
from pathlib import Path
from typing import Protocol

from tracepulse.accounting.accounts import Accounts
from tracepulse.accounting.terms import Arrival, Outcome
from tracepulse.errors import InternalError, Overloaded
from tracepulse.journal.disk import no_room, sync_folder, write_durably, write_pieces
from tracepulse.journal.framing import frame_parts
from tracepulse.journal.recovery import (
    CLEAN_MARK,
    UNFINISHED,
    Damage,
    Tally,
    damages,
    mend,
    recover,
)
from tracepulse.journal.segment import OPEN, REPEATED, SEALED, Segment, contents
from tracepulse.journal.stored import StoredSegments
from tracepulse.receive.admission import Receipt
from tracepulse.receive.signals import Signal

__all__ = ["Done", "Journal", "JournalLimits", "JournalStatus"]

_log = logging.getLogger("tracepulse")
_ROUND_S = 0.3
"""Segments with few records that go to the store within this time count as one round."""


@dataclass(frozen=True, slots=True)
class JournalLimits:
    """When segments end and when the journal is full."""

    seal_after_s: float = 0.4
    """Age from which a segment goes to the store as soon as the store asks for one: most of what
    freshness costs. A busy store asks later and gets larger segments, so that it never falls behind
    by the number of segments."""
    pace_s: float = 2.0
    """Least time between two rounds of segments with few records. A load costs the same for one record
    as for a thousand; the first after a silence does not wait."""
    few_records: int = 16
    seal_bytes: int = 32 * 1024 * 1024
    """One block of the engine, which takes some ten times that in memory while it is loaded."""
    seal_records: int = 100_000
    max_bytes: int = 2 * 1024**3
    """Waiting to be loaded; past it senders are asked to come back."""
    min_free_bytes: int = 256 * 1024 * 1024
    keep_stored_s: float = 600.0
    """So long a part of the store that turns out to be damaged can be filled again from here."""
    keep_stored_bytes: int = 1024**3
    """The oldest go first; on a disk that runs full they go before anything is refused."""


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """What the journal holds now."""

    waiting_bytes: int
    waiting_segments: int
    waiting_records: int
    received_by_signal: tuple[tuple[Signal, int], ...]
    """Records since this process started."""
    full: str
    """Why nothing is accepted; '' when all is well."""
    damaged: tuple[Damage, ...] = ()
    """Acknowledged messages that were found unreadable, as long as the notes of it are kept."""
    stored_bytes: int = 0
    """In segments that are kept although they are in the store."""


class Done(Protocol):
    """What is told, from the journal's thread, how an append came out; a `Future` is one."""

    def set_result(self, result: None, /) -> None:
        """It survives a power cut."""

    def set_exception(self, exception: BaseException | None, /) -> None:
        """Nothing was kept."""


@dataclass(slots=True)
class _Append:
    signal: Signal
    pieces: tuple[bytes, ...]
    arrival: Arrival
    done: Done


@dataclass(slots=True)
class _Open:
    segment: Segment
    file: FileIO
    tally: Tally
    since: float
    durable_bytes: int = 0
    records: int = 0


@dataclass(slots=True)
class _State:
    pending: deque[_Append] = field(default_factory=deque)
    pending_bytes: int = 0
    active: dict[Signal, _Open] = field(default_factory=dict)
    sealed: deque[Segment] = field(default_factory=deque)
    waiting: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Segment id to (bytes, records), for every segment that is not in the store yet."""
    received: dict[Signal, int] = field(default_factory=dict)
    wanted: bool = False
    """True while the store waits for a segment."""
    closing: bool = False
    full: str = ""


class Journal:
    """Durable append of raw messages, and the queue of segments for the store."""

    def __init__(
        self,
        folder: Path,
        run_id: str,
        limits: JournalLimits | None = None,
        sync: Callable[[int], None] = os.fdatasync,
        accounts: Accounts | None = None,
    ) -> None:
        """
        Open a journal and take stock of what an earlier process left.

        Args:
            folder: its own folder, made if need be.
            run_id: an id never used before; segments of this process are named by it.
            sync: makes a file descriptor's data durable; replaced by tests of failing disks.
            accounts: told of every record that is durable here, and of what became of it.
        """
        self._folder = folder
        self._run_id = run_id
        self._limits = limits or JournalLimits()
        self._sync = sync
        self._pid = os.getpid()
        self._accounts = accounts or Accounts()
        self._counter = 0
        self._again = 0
        self._state = _State()
        self._wake = threading.Condition()
        self._round_until = -math.inf
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
        found = recover(folder, sync)
        self._stored = StoredSegments(found.stored)
        self._accounts.started(
            each.segment_id for each in (*self._stored.segments(), *found.segments())
        )
        for segment, held in found.sealed:
            self._accounts.received(segment.segment_id, segment.signal, held.arrivals)
            self._accounts.damaged(segment.segment_id, held.records)
            self._state.sealed.append(segment)
            self._state.waiting[segment.segment_id] = (held.durable_bytes, held.records)
        self._damaged = tuple(damages(folder))
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    # -- appending -----------------------------------------------------------------------------

    def append(self, signal: Signal, body: bytes, receipt: Receipt, records: int) -> "Future[None]":
        """Return a future that is done when the request survives a power cut; see `append_for`."""
        done: Future[None] = Future()
        self.append_for(done, signal, body, receipt, records)
        return done

    def append_for(
        self, done: Done, signal: Signal, body: bytes, receipt: Receipt, records: int
    ) -> None:
        """
        Take a request, and tell `done` when it survives a power cut.

        Raises:
            Overloaded: the journal or the disk is full; nothing was kept.
        """
        if os.getpid() != self._pid:
            raise InternalError("the journal was used after a fork, where nobody writes it")
        pieces = frame_parts(body, receipt)
        added = sum(map(len, pieces))
        with self._wake:
            state = self._state
            if state.closing:
                raise Overloaded("the server is shutting down")
            if state.full:
                raise Overloaded(state.full, retry_after_s=2)
            waiting = sum(size for size, _ in state.waiting.values()) + state.pending_bytes
            if waiting + added > self._limits.max_bytes:
                raise Overloaded(
                    f"the journal holds {waiting:,} bytes that are not in the store yet",
                    retry_after_s=2,
                )
            arrival = Arrival(receipt.origin, records, receipt.rejected, receipt.mended)
            state.pending.append(_Append(signal, pieces, arrival, done))
            state.pending_bytes += added
            self._wake.notify_all()

    # -- the store's side ----------------------------------------------------------------------

    def next_sealed(self, timeout_s: float) -> Segment | None:
        """
        Return the oldest segment that waits to be loaded, or None after `timeout_s`.

        Its messages are whole: what the disk has damaged meanwhile is cut out and reported.
        """
        with self._wake:
            self._state.wanted = True
            self._wake.notify_all()
            if not self._state.sealed:
                self._wake.wait_for(lambda: bool(self._state.sealed), timeout_s)
            self._state.wanted = False
            segment = self._state.sealed.popleft() if self._state.sealed else None
        if segment is not None:
            self._verify(segment)
        return segment

    def _verify(self, segment: Segment) -> None:
        """Mend a segment that is not what it was when it was written."""
        known = self._state.waiting.get(segment.segment_id)
        try:
            data = mend(segment, segment.path, self._sync)
        except OSError:
            return  # the loader will meet the same, and says so
        if known is None or len(data) == known[0]:
            return
        held = contents(data, segment.signal)
        self._accounts.damaged(segment.segment_id, held.records)
        with self._wake:
            self._state.waiting[segment.segment_id] = (held.trusted_bytes, held.records)
            self._damaged = tuple(damages(self._folder))

    def stored(self, segment: Segment, outcome: Outcome | None = None) -> None:
        """
        Note that a segment is done with.

        Args:
            outcome: what became of its records; all are stored where nothing else is said.
        Raises:
            OSError: that cannot be noted; the segment is still to be loaded.
        """
        self._accounts.settle(segment.segment_id, outcome)
        self._stored.take(segment.path)
        Tally(segment.path).remove()
        with self._wake:
            self._state.waiting.pop(segment.segment_id, None)
            self._wake.notify_all()

    def stored_segments(self) -> list[Segment]:
        """Return the segments that are kept although they are in the store, oldest first."""
        return self._stored.segments()

    def load_again(self, segment: Segment) -> None:
        """
        Hand a kept segment to the store once more, which lost rows of it.

        Its file stays a stored one: whatever happens, it is never taken for a new one.
        """
        self._stored.take_out(segment.path)
        with self._wake:
            self._state.sealed.append(replace(segment, suspect=True, again=True))
            self._wake.notify_all()

    def split(self, segment: Segment, part: str, data: bytes, records: int) -> Segment:
        """Write a part of a segment that the engine refused as a segment of its own."""
        segment_id = f"{segment.segment_id}-{part}"
        path = self._folder / f"{segment_id}.{segment.signal}{SEALED}"
        write_durably(path, data, self._sync)
        sync_folder(self._folder)
        with self._wake:
            self._state.waiting[segment_id] = (len(data), records)
        brought = contents(data, segment.signal).arrivals
        self._accounts.divided(segment.segment_id, segment_id, brought)
        return Segment(segment_id, segment.signal, path)

    def discard(self, segment: Segment, outcome: Outcome | None = None) -> None:
        """
        Remove a segment of which nothing is left to be loaded under its id.

        Args:
            outcome: what became of its records, those in parts of their own aside; without it
                there are no others.
        Raises:
            OSError: that cannot be noted, and the segment is still there.
        """
        self._accounts.settle(segment.segment_id, outcome or Outcome())
        segment.path.unlink(missing_ok=True)
        segment.path.with_suffix(REPEATED).unlink(missing_ok=True)
        Tally(segment.path).remove()
        with self._wake:
            self._state.waiting.pop(segment.segment_id, None)
            self._wake.notify_all()

    def lost(self, segment: Segment) -> None:
        """Note that a segment's file was removed by others before it was stored."""
        self._accounts.gone(segment.segment_id)
        Tally(segment.path).remove()
        with self._wake:
            self._state.waiting.pop(segment.segment_id, None)
            self._wake.notify_all()

    def take_again(self, message_id: str, signal: Signal, data: bytes) -> str:
        """
        Queue a message that was set aside, as a segment of its own; return the segment's id.

        Raises:
            NotFound: it is not set aside any more.
            Overloaded: there is no room; nothing was changed.
        """
        with self._wake:
            if self._state.closing or self._state.full:
                raise Overloaded(self._state.full or "the server is shutting down")
            self._again += 1
            segment_id = f"{self._run_id}-r{self._again:07d}"
        self._accounts.retry(message_id, segment_id)
        path = self._folder / f"{segment_id}.{signal}{SEALED}"
        temporary = path.with_suffix(UNFINISHED)
        try:
            write_durably(temporary, data, self._sync)
            os.rename(temporary, path)
            sync_folder(self._folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
                path.unlink(missing_ok=True)
            raise Overloaded(f"the journal cannot be written: {error}") from error
        held = contents(data, signal)
        with self._wake:
            self._accounts.received(segment_id, signal, held.arrivals)
            self._state.waiting[segment_id] = (len(data), held.records)
            self._state.sealed.append(Segment(segment_id, signal, path))
            self._wake.notify_all()
        return segment_id

    def drop_old(self) -> int:
        """Remove stored segments that are old enough, or too many; return how many."""
        limits = self._limits
        dropped = self._stored.drop(time.time() - limits.keep_stored_s, limits.keep_stored_bytes)
        with self._wake:
            waiting = set(self._state.waiting)  # before the others: a segment goes from here there
        self._accounts.kept(waiting | {each.segment_id for each in self._stored.segments()})
        return dropped

    # -- state ---------------------------------------------------------------------------------

    def status(self) -> JournalStatus:
        """Return what the journal holds now."""
        with self._wake:
            state = self._state
            sizes = list(state.waiting.values())
            return JournalStatus(
                waiting_bytes=sum(size for size, _ in sizes) + state.pending_bytes,
                waiting_segments=len(sizes),
                waiting_records=sum(n for _, n in sizes)
                + sum(a.arrival.records for a in state.pending),
                received_by_signal=tuple(sorted(state.received.items())),
                full=state.full,
                damaged=self._damaged,
                stored_bytes=self._stored.total_bytes,
            )

    def fullness(self) -> float:
        """Return how much of its room is taken, from 0 to 1."""
        return min(self.status().waiting_bytes / self._limits.max_bytes, 1.0)

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until everything received is in the store; False when time runs out first."""
        deadline = time.monotonic() + timeout_s
        with self._wake:
            while self._state.waiting or self._state.pending:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._wake.wait(min(left, 0.1))
        return True

    def seal_all(self) -> None:
        """Write what is pending, end every open segment, and take nothing more."""
        with self._wake:
            self._state.closing = True
            self._wake.notify_all()
        self._thread.join()

    def close_cleanly(self) -> None:
        """Note that nothing needs to be counted at the next start; call when all is stored."""
        (self._folder / CLEAN_MARK).touch()
        sync_folder(self._folder)

    # -- the writing thread --------------------------------------------------------------------

    def _run(self) -> None:
        next_check = 0.0
        while True:
            with self._wake:
                state = self._state
                if not state.pending and not state.closing and not self._is_due():
                    self._wake.wait(self._idle_wait())
                batch = list(state.pending)
                state.pending.clear()
                state.pending_bytes = 0
                closing = state.closing
            if batch:
                self._write(batch)
            self._seal_due(everything=closing and not batch)
            if closing and not batch:
                return
            if time.monotonic() >= next_check:
                self._check_disk()
                next_check = time.monotonic() + 1.0

    def _is_due(self) -> bool:
        """Whether the store waits for a segment that is old enough."""
        state, now = self._state, time.monotonic()
        return (
            state.wanted
            and not state.sealed
            and any(self._due_at(each) <= now for each in state.active.values())
        )

    def _due_at(self, active: _Open) -> float:
        """When a segment may go to the store."""
        old_enough = active.since + self._limits.seal_after_s
        if active.records >= self._limits.few_records or old_enough <= self._round_until:
            return old_enough
        return max(old_enough, self._round_until - _ROUND_S + self._limits.pace_s)

    def _idle_wait(self) -> float:
        active = self._state.active.values()
        if not active or not self._state.wanted:
            return 1.0
        return max(0.005, min(self._due_at(each) for each in active) - time.monotonic())

    def _write(self, batch: list[_Append]) -> None:
        by_signal: dict[Signal, list[_Append]] = {}
        for each in batch:
            by_signal.setdefault(each.signal, []).append(each)
        for signal, appends in by_signal.items():
            try:
                self._write_signal(signal, appends)
            except OSError as error:
                self._abandon(signal, error)
                for each in appends:
                    each.done.set_exception(Overloaded(f"the journal cannot be written: {error}"))
            else:
                for each in appends:
                    each.done.set_result(None)

    def _write_signal(self, signal: Signal, appends: list[_Append]) -> None:
        active = self._state.active.get(signal) or self._new_segment(signal)
        written = write_pieces(active.file, [piece for each in appends for piece in each.pieces])
        self._sync(active.file.fileno())
        active.durable_bytes += written
        arrivals = [each.arrival for each in appends]
        records = sum(each.records for each in arrivals)
        active.records += records
        active.tally.add(active.durable_bytes, arrivals)
        with self._wake:
            self._accounts.received(active.segment.segment_id, signal, arrivals)
            self._state.received[signal] = self._state.received.get(signal, 0) + records
            self._state.waiting[active.segment.segment_id] = (
                active.durable_bytes,
                active.records,
            )

    def _new_segment(self, signal: Signal) -> _Open:
        self._counter += 1
        segment_id = f"{self._run_id}-{self._counter:08d}"
        path = self._folder / f"{segment_id}.{signal}{OPEN}"
        # Open for as long as it grows; no buffer, which would write again what failed when closed.
        file = open(path, "wb", buffering=0)  # noqa: SIM115
        sync_folder(self._folder)
        opened = _Open(Segment(segment_id, signal, path), file, Tally(path), time.monotonic())
        self._state.active[signal] = opened
        return opened

    def _abandon(self, signal: Signal, error: OSError) -> None:
        """After a failed write or fsync the file's tail cannot be trusted: cut it, go on anew."""
        active = self._state.active.pop(signal, None)
        with self._wake:
            self._state.full = f"the journal cannot be written: {error}"
        if active is None:
            return
        # What cannot be cut off is recognised by its checksum when it is read.
        with contextlib.suppress(OSError):
            os.ftruncate(active.file.fileno(), active.durable_bytes)
        self._seal(active)

    def _seal_due(self, everything: bool) -> None:
        now = time.monotonic()
        for signal, active in sorted(self._state.active.items(), key=lambda item: item[1].since):
            asked_for = self._state.wanted and not self._state.sealed
            due = (
                everything
                or (asked_for and self._due_at(active) <= now)
                or active.durable_bytes >= self._limits.seal_bytes
                or active.records >= self._limits.seal_records
            )
            if due:
                if active.records < self._limits.few_records and now > self._round_until:
                    self._round_until = now + _ROUND_S
                del self._state.active[signal]
                self._seal(active)

    def _seal(self, active: _Open) -> None:
        active.file.close()
        active.tally.close()
        if active.durable_bytes == 0:
            active.segment.path.unlink(missing_ok=True)
            active.tally.remove()
            return
        path = active.segment.path.with_suffix(SEALED)
        try:
            os.rename(active.segment.path, path)
        except OSError as error:
            _log.error("segment %s cannot be renamed: %s", active.segment.path, error)
            path = active.segment.path  # the store takes it from where it is
        with self._wake:
            self._state.sealed.append(replace(active.segment, path=path))
            self._wake.notify_all()

    def _check_disk(self) -> None:
        self.drop_old()
        reason = no_room(self._folder, self._limits.min_free_bytes)
        while reason and self._stored.drop_oldest():
            reason = no_room(self._folder, self._limits.min_free_bytes)
        with self._wake:
            self._state.full = reason
