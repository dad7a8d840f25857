"""
Keeps the edges of every minute that is over, so that nobody has to find them among the spans.

What is kept is a row for each data set and minute, with the number of spans that it was worked out
of. Where that number is no longer right, spans have come in late: the minute is worked out again and
the new row takes the place of the old. So nothing has to be remembered over a restart or a crash, and
whoever reads can tell by the same number what to rely on.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracepulse.clock import Clock
from tracepulse.errors import BadQuestion, EngineError, TracePulseError
from tracepulse.model.question import Window
from tracepulse.receive.wire_fields import encode_varint
from tracepulse.store.edges.calls import LOOK_NS, MINUTE_NS, Cells, joined
from tracepulse.store.engine import Engine, QueryLimits
from tracepulse.store.load.native import Column, array, block, constant, fixed, low_cardinality
from tracepulse.store.queries.flows import FlowQueries, MinuteSpans, span_counts

__all__ = ["EdgeKeeper"]

_log = logging.getLogger("tracepulse")
_SETTLE_NS = 15_000_000_000
"""Senders batch, and loading takes a moment."""
_RECENT_NS = 15 * MINUTE_NS
_EVERY_S = 30.0
_LOOK_AT_HAND_S = 5.0
_QUIET_S = 15.0
"""An older minute to which nothing was added for so long is taken to be whole: an import has passed
it by. Should more come, it is worked out again."""
_LOOK_SHARE = 0.005
"""Of the time so much is spent on looking through all minutes, for what came in late."""
_SPANS_AT_ONCE = 500_000
_SHARE = 0.05
"""Of the time at most so much is spent on what just came in: with more to do, what is kept lags."""
_SHARE_OLD = 0.05
"""The same for minutes of long ago, which were imported, or came late; until then they are joined when
somebody asks."""
_SHARE_AT_HAND = 0.15
"""The same for minutes whose spans need not be read, which costs a tenth."""
_LIMITS = QueryLimits(time_s=120, memory_bytes=1024**3, rows=16_000_000)
_ALL_TIME = Window(0, (2**32 - 1) * 10**9)


class EdgeKeeper:
    """Works in a thread of its own, now and then and little at a time."""

    def __init__(
        self, engine: Engine, flows: FlowQueries, clock: Clock, retention_days: int
    ) -> None:
        """
        Prepare; nothing runs before `start`.

        Args:
            retention_days: live minutes older than this are left as they were worked out, for some
                of their spans are gone.
        """
        self._engine = engine
        self._flows = flows
        self._clock = clock
        self._retention_ns = (retention_days - 1) * 24 * 60 * MINUTE_NS
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="edges", daemon=True)
        self._seen: dict[tuple[str, int], tuple[int, ...]] = {}
        self.last_error = ""
        """Why the last work failed; '' when it did not."""

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the statement in hand and stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        due = look_due = 0.0
        while not self._stop.wait(_LOOK_AT_HAND_S):
            try:
                self.keep_passed_by()
                if time.monotonic() < look_due:
                    continue
                look_due = time.monotonic() + _EVERY_S
                started = time.monotonic()
                everything = started >= due
                stale = self.stale(everything)
                if everything:
                    due = started + (time.monotonic() - started) / _LOOK_SHARE
                self._work(stale)
                if self._flows.recent is not None:
                    self._flows.recent.forget_idle()
                self.last_error = ""
            except TracePulseError as error:
                self.last_error = str(error)
                _log.error("who calls whom could not be worked out: %s", error)
            # Any other fault is a bug of ours, which cannot be named before it is known. The thread
            # goes on, for the next minute may be worked out; what is wrong is logged and kept.
            except Exception as error:
                self.last_error = f"{type(error).__name__}: {error}"
                _log.exception("who calls whom could not be worked out")

    def passed_by(self, quiet_s: float = _QUIET_S) -> list[MinuteSpans]:
        """
        Return minutes of some time ago whose spans are at hand and, it seems, all there; newest first.

        Args:
            quiet_s: for how long nothing was added to them.
        """
        if self._flows.recent is None:
            return []
        by_data_set: dict[str, set[int]] = {}
        for data_set, minute in self._flows.recent.settled(quiet_s):
            # What is missing in its neighbours changes a minute too.
            by_data_set.setdefault(data_set, set()).update((minute - 60, minute, minute + 60))
        recent = self._recent_unix_ns()
        found: list[MinuteSpans] = []
        for data_set, minutes in by_data_set.items():
            window = Window(max(0, min(minutes)) * 10**9, (max(minutes) + 60) * 10**9)
            found += [
                each
                for each in self._flows.span_minutes(window, data_set)
                if each.minute_unix_s in minutes
                and each.covered != each.around
                and (data_set or each.minute_unix_s * 10**9 < recent)
            ]
        return found[::-1]

    def _recent_unix_ns(self) -> int:
        """Return since when minutes are live: they are worked out when senders had their time."""
        return max(0, self._over_unix_ns() - _RECENT_NS)

    def _over_unix_ns(self) -> int:
        return (self._clock.now_unix_ns() - LOOK_NS - _SETTLE_NS) // MINUTE_NS * MINUTE_NS

    def catch_up(self) -> int:
        """Work out everything that is over, without rest; return how many minutes that were."""
        stale = self.stale(everything=True, patient=False)
        for piece in _pieces(stale):
            self._keep(piece)
        return len(stale)

    def stale(self, everything: bool, patient: bool = True) -> list[MinuteSpans]:
        """
        Return the minutes that are over and not kept as they are, newest first.

        Args:
            everything: whether to look further back than a quarter of an hour.
            patient: whether to leave out older minutes that changed since the last look: more is on
                its way, from an import perhaps.
        """
        now = self._clock.now_unix_ns()
        over, recent = self._over_unix_ns(), self._recent_unix_ns()
        if everything:
            minutes = self._flows.span_minutes(_ALL_TIME)
        else:
            minutes = self._flows.span_minutes(Window(recent, over))
        stale: list[MinuteSpans] = []
        seen: dict[tuple[str, int], tuple[int, ...]] = {}
        for each in minutes:
            if each.covered == each.around:
                continue
            name = (each.data_set, each.minute_unix_s)
            at = each.minute_unix_s * 10**9
            live = not each.data_set and recent <= at
            if live and at >= over:
                continue
            if not each.data_set and each.covered and at < now - self._retention_ns:
                continue
            seen[name] = each.around
            if live or not patient or self._seen.get(name) == each.around:
                stale.append(each)
        if everything:
            self._seen = seen
        return stale[::-1]

    def _work(self, stale: Sequence[MinuteSpans]) -> None:
        for piece in _pieces(stale):
            started = time.monotonic()
            self._keep(piece)
            age_ns = self._clock.now_unix_ns() - piece[0].minute_unix_s * 10**9
            if self._rest(started, _SHARE_OLD if age_ns > 2 * _RECENT_NS else _SHARE):
                return

    def keep_passed_by(self, quiet_s: float = _QUIET_S) -> None:
        """Work out what `passed_by` tells, oldest first: what is at hand is forgotten in this order."""
        started = time.monotonic()
        minutes = self.passed_by(quiet_s)
        done: list[tuple[list[MinuteSpans], Cells]] = []
        spans = 0
        pieces = list(_pieces(minutes))[::-1]
        for number, piece in enumerate(pieces, 1):
            data_set = piece[0].data_set
            cells = self._flows.calls_at_hand(_window(piece), data_set, span_counts(piece))
            if cells is not None:
                done.append((piece, cells))
                spans += sum(each.around[1] for each in piece)
            ends = number == len(pieces) or pieces[number][0].data_set != data_set
            if done and (ends or spans >= _SPANS_AT_ONCE):
                self._write([each for piece, _ in done for each in piece], [c for _, c in done])
                done, spans = [], 0
                if self._rest(started, _SHARE_AT_HAND):
                    return
                started = time.monotonic()

    def _rest(self, started_s: float, share: float) -> bool:
        """Rest so long that work took but its share of the time; True when it is to end."""
        return self._stop.wait((time.monotonic() - started_s) * (1 / share - 1))

    def _keep(self, piece: Sequence[MinuteSpans]) -> None:
        """Work out some minutes that follow one another; in halves where it is too much at once."""
        try:
            self._keep_at_once(piece)
        except BadQuestion:
            if len(piece) == 1:
                raise
            middle = len(piece) // 2
            self._keep(piece[middle:])
            self._keep(piece[:middle])

    def _keep_at_once(self, piece: Sequence[MinuteSpans]) -> None:
        window = _window(piece)
        cells = self._flows.calls_of(window, piece[0].data_set, _LIMITS, span_counts(piece))
        self._write(piece, [cells])

    def _write(self, piece: Sequence[MinuteSpans], found: Sequence[Cells]) -> None:
        """Write minutes of one data set with what was found in them, in the same order."""
        columns = _columns(piece, joined(found), self._clock.now_unix_ns())
        written = self._engine.insert(
            "edge_minutes", [name for name, _ in columns], block(columns, len(piece))
        )
        if written != len(piece):
            raise EngineError(f"edge_minutes: {written} rows written of {len(piece)}")


def _window(piece: Sequence[MinuteSpans]) -> Window:
    start, last = piece[0].minute_unix_s, piece[-1].minute_unix_s
    return Window(start * 10**9, last * 10**9 + MINUTE_NS)


def _columns(
    minutes: Sequence[MinuteSpans], cells: Cells, version: int
) -> list[tuple[str, Column]]:
    """Return a row for each minute; cells are sorted by minute, and of these alone."""
    rows = len(minutes)
    starts = np.array([each.minute_unix_s for each in minutes], np.uint32)
    ends = np.searchsorted(cells.minute_unix_s, starts.astype(np.int64) + 60)
    covered = np.array([each.around for each in minutes], np.uint64).reshape(-1)
    nested = {
        "Caller": _texts(cells.caller),
        "Callee": _texts(cells.callee),
        "Connection": _texts(cells.connection),
        "InferredFrom": _texts(cells.inferred_from),
        "Bucket": fixed("UInt16", cells.bucket.astype(np.uint16)),
        "Calls": fixed("UInt64", cells.calls.astype(np.uint64)),
        "Errors": fixed("UInt64", cells.errors.astype(np.uint64)),
    }
    return [
        ("DataSet", constant(minutes[0].data_set, rows)),
        ("Minute", fixed("DateTime", starts)),
        ("Covered", array(np.arange(3, 3 * rows + 1, 3), fixed("UInt64", covered))),
        *((f"Calls.{name}", array(ends, column)) for name, column in nested.items()),
        ("Version", fixed("UInt64", np.full(rows, version, np.uint64))),
    ]


def _texts(values: NDArray[Any]) -> Column:
    texts = sorted(set(values.tolist()))
    number = {text: n for n, text in enumerate(texts)}
    encoded = [text.encode() for text in texts]
    keys = b"".join(encode_varint(len(each)) + each for each in encoded)
    codes = np.array([number[text] for text in values.tolist()], np.int32)
    return low_cardinality(codes, np.frombuffer(keys, np.uint8), len(texts))


def _pieces(minutes: Iterable[MinuteSpans]) -> Iterator[list[MinuteSpans]]:
    """Cut minutes, newest first, into runs by ascending time that are not too much at once."""
    piece: list[MinuteSpans] = []
    spans = 0
    for each in minutes:
        follows = piece and (each.data_set, each.minute_unix_s + 60) == (
            piece[-1].data_set,
            piece[-1].minute_unix_s,
        )
        if piece and (not follows or spans + each.around[1] > _SPANS_AT_ONCE):
            yield piece[::-1]
            piece, spans = [], 0
        piece.append(each)
        spans += each.around[1]
    if piece:
        yield piece[::-1]
