"""
One look at a source: what of a window is missing is read, and taken once.

A window is read in order of time, or outward from an instant, page by page, and only where it is not
covered already. What lies
further back than the overlap counts as complete: nothing comes there any more. Later than that,
records may still arrive, at any time that the window has passed; so it is read again by the next
look, and what was seen is left out.

      covered: never asked for again          | read again, what was seen is left out
    ------------------------------------------+---------------------------------------> now
                                          horizon = now - overlap
"""

import threading
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from tracepulse.clock import Clock
from tracepulse.errors import LimitExceeded, Overloaded, SourceFailure
from tracepulse.receive.admission import Admitted, Receipt, admit
from tracepulse.receive.limits import SERVER_LIMITS, TimeWindow, live_window
from tracepulse.receive.line_readers import LineReaders
from tracepulse.receive.pull.heard_request import request_of
from tracepulse.receive.pull.interface import Asked, DurableAppend, Estimate, Heard, Page, Stretch
from tracepulse.receive.pull.progress import Promise, Pulled, after_of
from tracepulse.receive.pull.spending import Budget, BudgetSpent, Spend
from tracepulse.receive.pull.stretches import gaps, joined, outward, overlaps

__all__ = ["Fetched", "LeftOut", "Puller"]

_RETRY_S = 0.5
_PATIENCE_S = 60.0
"""So long a question waits for room in the journal."""
_REQUEST_BYTES = 4 * 1024 * 1024
_RECORD_BYTES = 512
"""What a record takes beside its text, roughly."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A stretch of the window that was not read."""

    stretch: Stretch
    why: str
    estimate: Estimate
    """About how much lies there, as far as the source says."""
    is_past: bool = False
    """It is older than anything is kept here, so that it will never be read."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one question brought."""

    window: Stretch
    records: int
    """Taken now."""
    repeated: int
    """Read, and taken earlier already."""
    rejected: int
    """Read, and not kept, for reasons that the accounts name."""
    bytes_read: int
    requests: int
    before: tuple[Stretch, ...]
    """Stretches of the window that earlier questions had read for good."""
    left_out: tuple[LeftOut, ...]
    failure: SourceFailure | None = None
    """Why it ended early, where the source is at fault."""

    @property
    def unread(self) -> tuple[LeftOut, ...]:
        """Return what was left out and may be read yet."""
        return tuple(each for each in self.left_out if not each.is_past)


class _Ended(NamedTuple):
    """Why a question reads no further."""

    why: str
    """Empty: it does."""
    failure: SourceFailure | None = None


class Puller:
    """Takes from one source what its journal does not have."""

    def __init__(
        self,
        asked: Asked,
        pulled: Pulled,
        journal: DurableAppend,
        clock: Clock,
        origin: str,
        overlap_ns: int,
        retention_days: int,
        on_fetched: Callable[[Fetched], None] = lambda _: None,
    ) -> None:
        """
        Prepare.

        Args:
            origin: as it stands in the receipt: loki_pull and the like.
            overlap_ns: how late a record may come and still be found.
            on_fetched: told of every question that was asked.
        """
        self._on_fetched = on_fetched
        self._asked = asked
        self._readers = LineReaders()
        self._pulled = pulled
        self._journal = journal
        self._clock = clock
        self._origin = origin
        self._overlap_ns = overlap_ns
        self._retention_days = retention_days
        self._last_receipt_unix_ns = 0
        self._unnoted: tuple[Promise, bool] | None = None
        """A promise of which it could not be noted whether the journal has it, and whether it does."""
        self._turn = threading.Lock()
        """One question at a time: what one is taking, another would not know of."""
        self.stopping = threading.Event()

    def fetch(
        self,
        window: Stretch,
        budget: Budget,
        cover: bool = True,
        around_unix_ns: int | None = None,
    ) -> Fetched:
        """
        Take what is missing of a window, as far as the budget goes.

        Args:
            around_unix_ns: what lies nearest to it is read first; None begins with the earliest.
            cover: False for a quick look at the latest, after which it counts as unread still.
        Returns:
            What was taken, and what was left out and why. A failing source is told there, too.
        Raises:
            Unavailable: our own notes cannot be kept.
        """
        if not self._turn.acquire(timeout=budget.max_s):
            why = f"other questions to this source took all of the {budget.max_s:g} s"
            return Fetched(window, 0, 0, 0, 0, 0, (), (LeftOut(window, why, Estimate()),))
        try:
            fetched = self._fetch(window, budget, cover, around_unix_ns)
            self._on_fetched(fetched)
            return fetched
        finally:
            self._turn.release()

    def _fetch(
        self, window: Stretch, budget: Budget, cover: bool, around_unix_ns: int | None
    ) -> Fetched:
        self._note_promise()
        spend = Spend(budget)
        now_unix_ns = self._clock.now_unix_ns()
        horizon = now_unix_ns - self._overlap_ns if cover else 0
        earliest = live_window(now_unix_ns, self._retention_days).earliest_unix_ns
        begin = min(max(window.start_unix_ns, earliest), window.end_unix_ns)
        kept = Stretch(begin, window.end_unix_ns)
        taken = Counter[str]()
        left: list[LeftOut] = []
        if begin > window.start_unix_ns:
            past = Stretch(window.start_unix_ns, begin)
            left.append(LeftOut(past, "it is older than anything is kept here", Estimate(), True))
        ended = _Ended("")
        covered = self._pulled.covered()
        unread: list[Stretch] = []
        parts = (kept,) if around_unix_ns is None else outward(kept, around_unix_ns)
        for gap in (gap for part in parts for gap in gaps(part, covered)):
            reached = gap.start_unix_ns
            if not ended.why:
                reached, ended = self._read(gap, spend, horizon, taken)
            if reached < gap.end_unix_ns:
                unread.append(Stretch(reached, gap.end_unix_ns))
        left += [
            LeftOut(rest, ended.why, self._estimate(rest, ended.failure)) for rest in joined(unread)
        ]
        return Fetched(
            window,
            taken["records"],
            taken["repeated"],
            taken["rejected"],
            spend.bytes_read,
            spend.requests,
            tuple(overlaps(kept, covered)),
            tuple(left),
            ended.failure,
        )

    def _read(
        self, gap: Stretch, spend: Spend, horizon: int, taken: Counter[str]
    ) -> "tuple[int, _Ended]":
        """Take what there is of a stretch; returns how far that came, and why no further."""
        reached = gap.start_unix_ns
        try:
            for page in self._asked.pages(gap, spend):
                if self.stopping.is_set():
                    return reached, _Ended("the server is stopping")
                until = min(page.until_unix_ns, gap.end_unix_ns)
                self._take(page, Stretch(gap.start_unix_ns, min(until, horizon)), taken)
                reached = until
        except BudgetSpent as spent:
            return reached, _Ended(str(spent))
        except SourceFailure as error:
            return reached, _Ended(str(error), error)
        except LimitExceeded as error:  # of one answer, which cannot be made smaller
            return reached, _Ended(str(error), SourceFailure(str(error), lasting=True))
        except Overloaded as error:
            failure = SourceFailure(f"there is no room for what was read: {error}")
            return reached, _Ended(str(error), failure)
        return reached, _Ended("")

    def _estimate(self, rest: Stretch, failure: SourceFailure | None) -> Estimate:
        """Return how much was left out; the question for it is small and outside the budget."""
        if failure is not None or self.stopping.is_set():
            return Estimate()
        try:
            return self._asked.estimate(rest, Spend(Budget(256 * 1024, 5.0)))
        except (SourceFailure, BudgetSpent, LimitExceeded):
            return Estimate()

    # -- one page ------------------------------------------------------------------------------

    def _take(self, page: Page, covers: Stretch, taken: Counter[str]) -> None:
        new, remembered = self._new_ones(page.records, covers)
        taken["repeated"] += len(page.records) - len(new)
        while len(new) > 1 and _size(new) > _REQUEST_BYTES:
            # What goes ahead is remembered by its keys until the last part covers the stretch.
            ahead, new = _split(new)
            self._put(ahead, covers._replace(end_unix_ns=0), [_seen(each) for each in ahead], taken)
        if new:
            self._put(new, covers, remembered[-len(new) :], taken)
        else:
            self._pulled.cover(covers)

    def _put(
        self,
        new: list[Heard],
        covers: Stretch,
        seen: "list[tuple[int, int] | None]",
        taken: Counter[str],
    ) -> None:
        """Put records into the journal, so that a crash neither loses nor doubles them."""
        now_unix_ns = self._clock.now_unix_ns()
        window = live_window(now_unix_ns, self._retention_days)
        admitted = self._admitted(new, now_unix_ns, window)
        taken["rejected"] += admitted.rejected_records
        receipt = admitted.noted_on(
            Receipt(self._receipt_ns(now_unix_ns), self._origin, "server_key")
        )
        promise = Promise(
            receipt.received_unix_ns, zlib.crc32(admitted.body), admitted.records, after_of(covers)
        )
        copies = Counter(each for each in seen if each is not None)
        self._pulled.promise(promise, ((key, at, n) for (key, at), n in copies.items()))
        try:
            self._append(admitted.body, receipt, admitted.records)
        except Overloaded:
            self._unnoted = promise, False
            self._note_promise()
            raise
        self._unnoted = promise, True
        self._note_promise()
        taken["records"] += admitted.records

    def _note_promise(self) -> None:
        """Note what became of the last promise; no other can be made before. Raises Unavailable."""
        if self._unnoted is not None:
            promise, is_held = self._unnoted
            if is_held:
                self._pulled.keep(promise)
            else:
                self._pulled.drop(promise)
            self._unnoted = None

    def _admitted(self, new: list[Heard], now_unix_ns: int, window: TimeWindow) -> Admitted:
        """Return the records as they may be stored; one that is too large costs itself alone."""
        body = request_of(self._pulled.name, new, self._readers, now_unix_ns)
        try:
            return admit(body, "logs", SERVER_LIMITS, window)
        except LimitExceeded:
            if len(new) == 1:
                return Admitted(b"", 0, Counter({"record_size": 1}))
        half = len(new) // 2
        first = self._admitted(new[:half], now_unix_ns, window)
        rest = self._admitted(new[half:], now_unix_ns, window)
        # Messages of protobuf one behind another are one message.
        return Admitted(
            first.body + rest.body,
            first.records + rest.records,
            first.rejected + rest.rejected,
            first.altered + rest.altered,
            first.mended + rest.mended,
        )

    def _new_ones(
        self, records: list[Heard], covers: Stretch
    ) -> "tuple[list[Heard], list[tuple[int, int] | None]]":
        """Return what was not taken before, and beside it how to know it again, where need be."""
        known = self._pulled.copies(each.key for each in records)
        come: Counter[int] = Counter()
        new: list[Heard] = []
        remembered: list[tuple[int, int] | None] = []
        for each in records:
            come[each.key] += 1
            if come[each.key] <= known.get(each.key, 0):
                continue
            new.append(each)
            done = covers.start_unix_ns <= each.time_unix_ns < covers.end_unix_ns
            remembered.append(None if done else _seen(each))
        return new, remembered

    def _receipt_ns(self, now_unix_ns: int) -> int:
        """Return an instant of receipt that no other request of ours has."""
        self._last_receipt_unix_ns = max(now_unix_ns, self._last_receipt_unix_ns + 1)
        return self._last_receipt_unix_ns

    def _append(self, body: bytes, receipt: Receipt, records: int) -> None:
        """Return once it is durable; raises Overloaded when there is no room for too long."""
        waited_s = 0.0
        while True:
            try:
                self._journal.append("logs", body, receipt, records).result()
                return
            except Overloaded:
                if waited_s >= _PATIENCE_S or self.stopping.wait(_RETRY_S):
                    raise
                waited_s += _RETRY_S


def _seen(record: Heard) -> tuple[int, int]:
    """Return what a record is known by, and when it may be forgotten."""
    return record.key, record.time_unix_ns


def _size(records: list[Heard]) -> int:
    """Return about how many bytes records take."""
    return sum(map(_weight, records))


def _weight(record: Heard) -> int:
    values = (record.fields or {}).values()
    texts = [value for value in values if isinstance(value, str)]
    texts += [value for _, value in record.attributes if isinstance(value, str)]
    return _RECORD_BYTES + len(record.text) + sum(map(len, texts))


def _split(records: list[Heard]) -> tuple[list[Heard], list[Heard]]:
    """Return as many of the first records as make a request, and the rest, which is not empty."""
    size = 0
    for place, each in enumerate(records):
        size += _weight(each)
        if place and (size > _REQUEST_BYTES or place == len(records) - 1):
            return records[:place], records[place:]
    return records, []
