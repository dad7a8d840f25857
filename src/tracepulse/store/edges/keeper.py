"""
Keeps the edges of every minute that is over, so that nobody has to find them among the spans.

What is kept is a row for each data set and minute, with the number of spans that it was worked out
of. Where that number is no longer right, spans have come in late: the minute is worked out again and
the new row takes the place of the old. So nothing has to be remembered over a restart or a crash, and
whoever reads can tell by the same number what to rely on.
"""

import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tracepulse.clock import Clock
from tracepulse.errors import TracePulseError
from tracepulse.model.question import Window
from tracepulse.store.edges.calls import LOOK_NS, MINUTE_NS, Cells
from tracepulse.store.engine import Engine
from tracepulse.store.queries.flows import FlowQueries, MinuteSpans
from tracepulse.store.settings import literal

__all__ = ["EdgeKeeper"]

_log = logging.getLogger("tracepulse")
_SETTLE_NS = 15_000_000_000
"""Senders batch, and loading takes a moment."""
_RECENT_NS = 15 * MINUTE_NS
_EVERY_S = 30.0
_ALL_EVERY_S = 600.0
"""All that is stored is looked through this often, for what came in later than `_RECENT_NS`."""
_SPANS_AT_ONCE = 500_000
_SHARE = 0.05
"""Of the time at most so much is spent on what just came in: with more to do, what is kept lags."""
_SHARE_OLD = 0.3
"""The same for minutes of long ago, which were imported, or came late."""
_ALL_TIME = Window(0, (2**32 - 1) * 10**9)
_INSERT = """
INSERT INTO edge_minutes
(
    DataSet, Minute, Covered, `Calls.Caller`, `Calls.Callee`, `Calls.Connection`,
    `Calls.InferredFrom`, `Calls.Bucket`, `Calls.Calls`, `Calls.Errors`, Version
)
SELECT * FROM format(
    JSONEachRow,
    'DataSet String, Minute UInt32, Covered Array(UInt64), Caller Array(String),
    Callee Array(String), Connection Array(String), InferredFrom Array(String),
    Bucket Array(UInt16), Calls Array(UInt64), Errors Array(UInt64), Version UInt64',
    @rows
)
"""


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
        looked = -_ALL_EVERY_S
        while not self._stop.wait(_EVERY_S):
            try:
                everything = time.monotonic() - looked >= _ALL_EVERY_S
                if everything:
                    looked = time.monotonic()
                self._work(self.stale(everything))
                self.last_error = ""
            except TracePulseError as error:
                self.last_error = str(error)
                _log.error("who calls whom could not be worked out: %s", error)
            except Exception as error:  # a fault here must not end what comes after
                self.last_error = f"{type(error).__name__}: {error}"
                _log.exception("who calls whom could not be worked out")

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
        over = (now - LOOK_NS - _SETTLE_NS) // MINUTE_NS * MINUTE_NS
        recent = max(0, over - _RECENT_NS)
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
            share = _SHARE_OLD if age_ns > 2 * _RECENT_NS else _SHARE
            if self._stop.wait((time.monotonic() - started) * (1 / share - 1)):
                return

    def _keep(self, piece: Sequence[MinuteSpans]) -> None:
        """Work out some minutes that follow one another, and write them in one go."""
        data_set = piece[0].data_set
        start = piece[0].minute_unix_s * 10**9
        end = piece[-1].minute_unix_s * 10**9 + MINUTE_NS
        cells = self._flows.calls_of(Window(start, end), data_set)
        version = self._clock.now_unix_ns()
        # As text of our making in the statement: parameters have a bounded length.
        rows = "\n".join(_row(each, cells, version) for each in piece)
        self._engine.execute(_INSERT.replace("@rows", literal(rows)))


def _row(minute: MinuteSpans, cells: Cells, version: int) -> str:
    first, after = np.searchsorted(
        cells.minute_unix_s, [minute.minute_unix_s, minute.minute_unix_s + 60]
    ).tolist()
    return json.dumps(
        {
            "DataSet": minute.data_set,
            "Minute": minute.minute_unix_s,
            "Covered": minute.around,
            "Caller": cells.caller[first:after].tolist(),
            "Callee": cells.callee[first:after].tolist(),
            "Connection": cells.connection[first:after].tolist(),
            "InferredFrom": cells.inferred_from[first:after].tolist(),
            "Bucket": cells.bucket[first:after].tolist(),
            "Calls": cells.calls[first:after].tolist(),
            "Errors": cells.errors[first:after].tolist(),
            "Version": version,
        }
    )


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
