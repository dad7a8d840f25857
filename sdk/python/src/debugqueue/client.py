"""A queue of events, what sends them, and how both follow the process: setting up, forks, the end."""

import atexit
import logging
import os
import time
from importlib import import_module
from typing import Any, Callable, Iterator, Optional

from debugqueue.bounded_queue import BoundedQueue, Counts
from debugqueue.calls import Calls
from debugqueue.exporter import Exporter
from debugqueue.guard import guarded
from debugqueue.levels import of_level
from debugqueue.limits import EXIT_FLUSH_S
from debugqueue.originals import original
from debugqueue.processes import call_in_forked_child, call_when_child_ends, note_fork
from debugqueue.settings import Settings, settings_from

__all__ = ["Client"]

_getpid = os.getpid
_NOTHING_PASSES = 99
_NO_COUNTS = Counts(0, 0, {}, 0)


class Client(Calls):
    """
    A queue of events and what sends them. `debugqueue.DebugQueue` is one; few need another.

    No method raises an `Exception`; `flush` and `shutdown` alone wait, and have a timeout.
    """

    def __init__(self, **settings: Any) -> None:
        """Take the settings of `configure`; without any, the environment is read at the first event."""
        self._given = settings
        self._settings: Optional[Settings] = None
        self._queue = BoundedQueue()
        self._exporter: Optional[Exporter] = None
        self._aside: Optional[Callable[[], Iterator[float]]] = None
        self._opening = original("_thread", "RLock")()

    @guarded()
    def configure(self, **settings: Any) -> None:
        """
        Set where events go; what is not given, or None, comes from the environment.

        Args:
            settings: fields of `Settings`, and `key`, an API key of the server. What waits under
                the settings of before is sent first, for two seconds at most.
        """
        import_module("importlib.metadata")  # for the service's version
        if self._exporter is not None:
            self.shutdown()
        self._given = {**self._given, **settings}
        self._settings, self._exporter, self._pid = None, None, -1
        self._open()

    @guarded()
    def work_aside(self, steps: Callable[[], Iterator[float]]) -> None:
        """
        Have work done on the exporter's thread between batches, in this process and in its forks.

        Args:
            steps: makes the work anew for each process; each step takes less than a millisecond and
                yields in how many seconds the next is due.
        """
        self._aside = steps
        if self._exporter is not None and self._pid == _getpid():
            self._exporter.work_aside(self._work_aside())
            self._exporter.start()
            self._queue.wake()

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        if self._pid != _getpid():
            self._open()
        return self._settings or Settings(disabled=True)

    @guarded(otherwise=_NO_COUNTS)
    def counts(self) -> Counts:
        """Return the account of this process: created = sent + dropped + waiting."""
        return self._queue.counts() if self._pid == _getpid() else _NO_COUNTS

    @guarded(otherwise=False)
    def flush(self, timeout_s: float = 2.0) -> bool:
        """Send what waits now; return whether all of it was settled within the timeout."""
        queue, exporter = self._queue, self._exporter
        if exporter is None or self._pid != _getpid() or not queue.unsettled:
            return True
        deadline = time.monotonic() + timeout_s
        exporter.start()
        queue.wake(1)
        wanted = queue.done + queue.unsettled
        try:
            while queue.done < wanted:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(0.002)
        finally:
            queue.wake(-1)
        return True

    @guarded(otherwise=False)
    def shutdown(self, timeout_s: float = EXIT_FLUSH_S) -> bool:
        """Send what waits, without second tries, and take no more; `configure` begins anew."""
        exporter = self._exporter
        self._lowest = _NOTHING_PASSES
        if exporter is None or self._pid != _getpid():
            return True
        exporter.leaving = True
        done = self.flush(timeout_s)
        self._queue.wake()  # so that the thread sees that it is to end
        return done

    def _open(self) -> None:
        """Make what belongs to this process: at the first event, and again in a forked child."""
        note_fork()
        with self._opening:
            settings = self._settings or self._settings_given()
            if settings.endpoint.startswith("https:"):
                import_module("ssl")  # here, not on the exporter's thread: see its module
            off = settings.disabled or not (settings.endpoint or settings.stderr)
            queue = BoundedQueue(settings.max_queue_events, settings.max_queue_bytes)
            exporter = None if off else Exporter(settings, queue, _warn, self._work_aside())
            queue.on_first = exporter.start if exporter is not None else None
            if self._pid == _getpid():  # by another thread, or by a finaliser in the middle of this
                return
            self._settings, self._queue, self._exporter = settings, queue, exporter
            self._lowest = _NOTHING_PASSES if off else of_level(settings.level)
            self._pid = _getpid()
        if not off:
            atexit.unregister(self._end)
            atexit.register(self._end)
            call_in_forked_child(self._forget_parent)
            call_when_child_ends(self._end)

    def _settings_given(self) -> Settings:
        """Return the settings; where they are wrong, the SDK is off and says so."""
        try:
            return settings_from(**self._given)
        except Exception as error:
            _warn(f"nothing is sent: {error}")
            return Settings(disabled=True)

    def _work_aside(self) -> Iterator[float]:
        return iter(()) if self._aside is None else self._aside()

    def _forget_parent(self) -> None:
        """In a forked child: what waits is the parent's to send, and its thread is not here."""
        if self._pid != -1:
            self._pid = -1
            self._opening = original("_thread", "RLock")()
            self._queue = BoundedQueue()
            self._exporter = None

    def _end(self) -> None:
        """At the end of the process: two seconds for what waits, none where nothing does."""
        self.shutdown(EXIT_FLUSH_S)


def _warn(what: str) -> None:
    """Say what goes wrong by the host's logging; our own handler leaves these records alone."""
    logging.getLogger("debugqueue").warning("debugqueue: %s", what)
