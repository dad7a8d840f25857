"""
One source, followed: looked at again and again, and left in peace for a while when it fails.

Most looks are at the latest seconds alone. Every quarter of the overlap everything is read again
back to where nothing comes any more, so that late records are found; what was seen is left out.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tracepulse.clock import Clock
from tracepulse.errors import SourceFailure, Unavailable
from tracepulse.receive.limits import live_window
from tracepulse.receive.pull.interface import Stretch
from tracepulse.receive.pull.passes import Fetched, Puller
from tracepulse.receive.pull.progress import Pulled
from tracepulse.receive.pull.spending import Budget

__all__ = ["Follower", "FollowerState", "pause_s"]

_log = logging.getLogger("tracepulse")
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_AHEAD_NS = 60_000_000_000
"""Hosts whose clocks are ahead of ours by up to so much are read without waiting."""
_SETTLING_LOOKS = 4
"""A quick look reaches back over so many of its predecessors."""
_JOIN_S = 10.0


@dataclass(frozen=True, slots=True)
class FollowerState:
    """How a follower is, for the doctor and the metrics."""

    looks: int = 0
    failures: int = 0
    """In a row; 0 when the last look succeeded."""
    failed_looks: int = 0
    last_failure: str = ""
    next_look_in_s: float = 0.0
    behind_s: float | None = None
    """Age of the end of what is read without a gap; None before the first look."""
    catching_up: bool = False
    """The last look ended for its budget: the next one goes on at once."""


class Follower:
    """Follows one source in a thread of its own."""

    def __init__(
        self,
        name: str,
        puller: Puller,
        pulled: Pulled,
        clock: Clock,
        budget: Budget,
        every_s: float,
        overlap_ns: int,
        back_ns: int,
        retention_days: int,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Prepare; nothing is asked before `start`.

        Args:
            every_s: between two looks.
            overlap_ns: how late a record may come and still be found.
            back_ns: how much of the past is read when this source is followed for the first time.
        """
        self.name = name
        self._puller = puller
        self._pulled = pulled
        self._clock = clock
        self._budget = budget
        self._every_s = every_s
        self._overlap_ns = overlap_ns
        self._back_ns = back_ns
        self._retention_days = retention_days
        self._monotonic_s = monotonic_s
        self._whole_look_at_s = 0.0
        self._go_on_unix_ns: int | None = None
        """Where a look ended for its budget: the next one begins there, not where that one began."""
        self._reads_whole = True
        """Whether the look that is gone on with began where nothing comes any more."""
        self.state = FollowerState()
        self._thread = threading.Thread(target=self._run, name=f"connector {name}", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self, wait_s: float = _JOIN_S) -> None:
        """
        Stop; what is under way ends with its promise kept, or is settled at the next start.

        Args:
            wait_s: for a source that stands still; it is left behind then.
        """
        self._puller.stopping.set()
        if self._thread.is_alive():
            self._thread.join(wait_s)

    def look(self) -> float:
        """Look once; returns after how many seconds to look again."""
        now_unix_ns = self._clock.now_unix_ns()
        begin = self._pulled.begin_unix_ns(now_unix_ns - self._back_ns)
        earliest = live_window(now_unix_ns, self._retention_days).earliest_unix_ns
        window = Stretch(max(begin, earliest), now_unix_ns + _AHEAD_NS)
        whole = self._monotonic_s() >= self._whole_look_at_s or self.state.failures > 0
        if self._go_on_unix_ns is not None:
            start = min(max(window.start_unix_ns, self._go_on_unix_ns), window.end_unix_ns - 1)
            return self._look_at(Stretch(start, window.end_unix_ns), now_unix_ns, cover=True)
        self._reads_whole = whole
        if not whole:
            back_ns = int(max(_SETTLING_LOOKS * self._every_s, 10.0) * 1e9)
            window = Stretch(max(window.start_unix_ns, now_unix_ns - back_ns), window.end_unix_ns)
        return self._look_at(window, now_unix_ns, cover=whole)

    def _look_at(self, window: Stretch, now_unix_ns: int, cover: bool) -> float:
        self._go_on_unix_ns = None
        fetched = self._puller.fetch(window, self._budget, cover)
        if fetched.failure is not None:
            return self._failed(fetched.failure)
        return self._succeeded(fetched, now_unix_ns)

    def _succeeded(self, fetched: Fetched, now_unix_ns: int) -> float:
        if self.state.failures:
            _log.info("connector %s answers again", self.name)
        spent = bool(fetched.unread)
        read_to = fetched.unread[0].stretch.start_unix_ns if spent else now_unix_ns
        if spent:
            self._go_on_unix_ns = read_to
        elif self._reads_whole:
            self._whole_look_at_s = self._monotonic_s() + max(self._every_s, self._overlap_ns / 4e9)
        has_moved = read_to > fetched.window.start_unix_ns
        pause = 0.0 if spent and has_moved else self._every_s
        self.state = replace(
            self.state,
            looks=self.state.looks + 1,
            failures=0,
            behind_s=max(0.0, (now_unix_ns - read_to) / 1e9),
            catching_up=spent,
            next_look_in_s=pause,
        )
        return pause

    def _failed(self, failure: SourceFailure) -> float:
        failures = self.state.failures + 1
        pause = pause_s(failures, failure)
        if failures == 1 or str(failure) != self.state.last_failure:
            _log.warning("connector %s: %s; next try in %.0f s", self.name, failure, pause)
        self.state = replace(
            self.state,
            looks=self.state.looks + 1,
            failures=failures,
            failed_looks=self.state.failed_looks + 1,
            last_failure=str(failure),
            next_look_in_s=pause,
        )
        return pause

    def _run(self) -> None:
        while not self._puller.stopping.is_set():
            try:
                pause = self.look()
            except Unavailable as error:  # our own notes cannot be kept: a full disk, perhaps
                pause = self._failed(SourceFailure(str(error)))
            self._puller.stopping.wait(pause)


def pause_s(failures: int, failure: SourceFailure) -> float:
    """Return how long to leave a source in peace after so many failures in a row."""
    if failure.lasting:
        return _LONGEST_PAUSE_S
    doubled = _FIRST_PAUSE_S * 2.0 ** min(failures - 1, 10)
    return min(max(doubled, failure.retry_after_s), max(_LONGEST_PAUSE_S, failure.retry_after_s))
