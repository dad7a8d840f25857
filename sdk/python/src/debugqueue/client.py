"""
The calls that a programme makes: each takes microseconds, never raises, never waits.

What a call does on the caller's thread: the time, the place in the code, the span, a copy of the
details, one append. All the rest happens on the exporter's thread.
"""

import atexit
import logging
import os
import sys
import time
from importlib import import_module
from typing import Any, Callable, Dict, Iterator, Optional, Tuple, Union

from debugqueue.bound import Binding, bind, bound
from debugqueue.bounded_queue import BoundedQueue, Counts
from debugqueue.captured import capture
from debugqueue.correlation import current_trace
from debugqueue.exporter import Exporter
from debugqueue.guard import faults, guarded
from debugqueue.levels import of_level
from debugqueue.limits import EVENT_BYTES, EXIT_FLUSH_S, MAX_NAME_CHARS
from debugqueue.originals import original
from debugqueue.processes import call_in_forked_child, call_when_child_ends
from debugqueue.settings import Settings, settings_from
from debugqueue.snapshot import name_of, plain_text, quick_copy, snapshot, type_name

__all__ = ["Client"]

Details = Union[Dict[str, Any], str, None]
Where = Tuple[Any, Optional[str], int]
"""Code object or path of the file, function, and line."""

_getframe = sys._getframe
_time_ns = time.time_ns
_NOTHING: Optional[Tuple[Dict[str, Any], int]] = ({}, 0)
_UNBOUND: Tuple[Dict[str, Any], int] = ({}, 0)
_NOWHERE: Where = (None, None, 0)
_NOTHING_PASSES = 99
_INFO = "info"
_NO_COUNTS = Counts(0, 0, {}, 0)


class Client:
    """
    A queue of events and what sends them. `debugqueue.DebugQueue` is one; few need another.

    Every method may be called on any thread, in signal handlers, in finalisers, before and after
    everything; none raises an `Exception` or waits, but `flush` and `shutdown`, which have a timeout.
    """

    def __init__(self, **settings: Any) -> None:
        """Take the settings of `configure`; without any, the environment is read at the first event."""
        self._given = settings
        self._settings: Optional[Settings] = None
        self._queue: BoundedQueue = BoundedQueue()
        self._exporter: Any = None
        self._aside: Optional[Callable[[], Iterator[float]]] = None
        self._opening = original("_thread", "RLock")()
        self._opened = False
        self._pid = -1
        self._lowest = 0
        """Severities below it are ignored; past every severity where nothing is to be done."""

    # --- what a programme says

    def log(
        self, tag: str = "", details: Details = None, level: Union[str, int] = _INFO, **more: Any
    ) -> None:
        """
        Note that something happened.

        Args:
            tag: what, such as SESSION_DROP: few different ones, the same each time.
            details: a dict of what belongs to it, or a text that says it; copied before this returns.
            level: debug, info, warning, error or fatal.
            more: further details by name.
        """
        try:
            severity = 9 if level is _INFO else of_level(level)
            if severity >= self._lowest:
                self._add(severity, tag, details, more)
        except Exception:
            faults.swallowed += 1
            if faults.raised:
                raise

    def debug(self, tag: str = "", details: Details = None, **more: Any) -> None:
        """Note what only helps to find faults."""
        try:
            if self._lowest <= 5:
                self._add(5, tag, details, more)
        except Exception:
            faults.swallowed += 1
            if faults.raised:
                raise

    def info(self, tag: str = "", details: Details = None, **more: Any) -> None:
        """Note what is normal."""
        try:
            if self._lowest <= 9:
                self._add(9, tag, details, more)
        except Exception:
            faults.swallowed += 1
            if faults.raised:
                raise

    def warning(self, tag: str = "", details: Details = None, **more: Any) -> None:
        """Note what may become a fault."""
        try:
            if self._lowest <= 13:
                self._add(13, tag, details, more)
        except Exception:
            faults.swallowed += 1
            if faults.raised:
                raise

    def error(self, tag: str = "", details: Details = None, **more: Any) -> None:
        """Note that something failed; an exception among the details is captured."""
        try:
            if self._lowest <= 17:
                self._add(17, tag, details, more)
        except Exception:
            faults.swallowed += 1
            if faults.raised:
                raise

    def fatal(self, tag: str = "", details: Details = None, **more: Any) -> None:
        """Note what ends the programme."""
        try:
            if self._lowest <= 21:
                self._add(21, tag, details, more)
        except Exception:
            faults.swallowed += 1
            if faults.raised:
                raise

    def exception(
        self,
        tag: Union[str, BaseException] = "",
        details: Details = None,
        error: Optional[BaseException] = None,
        **more: Any,
    ) -> None:
        """
        Note an exception with its stack: the given one, else the one that is being handled.

        Args:
            tag: what failed; an exception in its place is the error, and its class the tag.
            details: as in `log`.
            error: the exception.
        """
        try:
            if self._lowest <= 17:
                if issubclass(type(tag), BaseException):
                    tag, error = type_name(type(tag)), tag  # type: ignore[assignment]
                error = error if error is not None else sys.exc_info()[1]
                if not issubclass(type(error), BaseException):
                    error = None
                self._add_any(17, tag, details, more, _where(2), error)
        except Exception:
            faults.swallowed += 1
            if faults.raised:
                raise

    def bind(self, details: Details = None, **more: Any) -> Binding:
        """
        Add details to every event of the current request, task or thread from here on.

        Returns:
            Something whose `undo()` takes them back; as a context manager, at its end.
        """
        try:
            return bind({**(details if type(details) is dict else {}), **more})
        except Exception:
            faults.swallowed += 1
            if faults.raised:
                raise
            return Binding(None)

    # --- what other loggers say

    @property
    def lowest_severity(self) -> int:
        """Severities below it are ignored, as OpenTelemetry counts them; past all where off."""
        return self._lowest

    @guarded()
    def add_record(
        self,
        severity: int,
        message: str,
        details: Dict[str, Any],
        where: Where,
        error: Optional[BaseException] = None,
        time_unix_ns: int = 0,
    ) -> None:
        """
        Queue a line of another logger: a message and no tag.

        Args:
            severity: as OpenTelemetry counts: 5, 9, 13, 17, 21.
            message: the text, which becomes the body.
            details: what belongs to it; copied.
            where: path of the file or code object, function, line.
            error: the exception that belongs to it.
            time_unix_ns: when it was said; 0 for now.
        """
        self._add_any(severity, "", details, None, where, error, time_unix_ns, message)

    @guarded()
    def add_unhandled(
        self, severity: int, tag: str, error: BaseException, where: Where = _NOWHERE
    ) -> None:
        """Queue an exception that nobody caught, with the place where it was raised."""
        if severity >= self._lowest:
            self._add_any(severity, tag, None, None, where, error)

    # --- how it is set up

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
        self._settings, self._exporter, self._opened = None, None, False
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
        if self._exporter is not None and self._pid == os.getpid():
            self._exporter.work_aside(self._work_aside())
            self._exporter.start()
            self._queue.wake()

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        if not self._opened:
            self._open()
        return self._settings or Settings(disabled=True)

    @guarded(otherwise=_NO_COUNTS)
    def counts(self) -> Counts:
        """Return the account of this process: created = sent + dropped + waiting."""
        return self._queue.counts()

    @guarded(otherwise=False)
    def flush(self, timeout_s: float = 2.0) -> bool:
        """Send what waits now; return whether all of it was settled within the timeout."""
        queue, exporter = self._queue, self._exporter
        if exporter is None or self._pid != os.getpid() or not queue.unsettled:
            return not queue.unsettled
        deadline = time.monotonic() + timeout_s
        exporter.start()
        queue.wake(1)
        try:
            while queue.unsettled:
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
        if exporter is None or self._pid != os.getpid():
            return True
        exporter.leaving = True
        done = self.flush(timeout_s)
        self._queue.wake()  # so that the thread sees that it is to end
        return done

    # --- how it works

    def _add(self, severity: int, tag: Any, details: Any, more: Dict[str, Any]) -> None:
        """Queue an event of the caller's caller: the quick way, for a dict of texts and numbers."""
        try:
            frame = _getframe(2)
        except ValueError:  # called by the interpreter itself, as at its end
            self._add_any(severity, tag, details, more)
            return
        if self._opened and not more and type(tag) is str and len(tag) <= MAX_NAME_CHARS:
            if type(details) is dict:
                quick = quick_copy(details)
            else:
                quick = _NOTHING if details is None else None
            if quick is not None:
                around = bound() or _UNBOUND
                size = quick[1] + around[1] + EVENT_BYTES
                self._queue.add(
                    (
                        _time_ns(), severity, tag, None, quick[0], around[0],
                        frame.f_code, None, frame.f_lineno, current_trace(), None, 0, size,
                    ),
                    size,
                )  # fmt: skip
                if severity >= 17:
                    self._queue.hurry()
                return
        self._add_any(severity, tag, details, more, (frame.f_code, None, frame.f_lineno))

    def _add_any(
        self,
        severity: int,
        tag: Any,
        details: Any,
        more: Optional[Dict[str, Any]] = None,
        where: Where = _NOWHERE,
        error: Optional[BaseException] = None,
        time_unix_ns: int = 0,
        body: Optional[str] = None,
    ) -> None:
        """Queue an event of any kind of details; `body` is the message where the tag is not."""
        if not self._opened:
            self._open()
            if severity < self._lowest:
                return
        if more:
            details = {**details, **more} if type(details) is dict else _joined(details, more)
        attributes, message, found, size, left_out = snapshot(details)
        error = error if error is not None else found
        captured = capture(error) if error is not None else None
        body = message if body is None else plain_text(body)
        around = bound() or _UNBOUND
        size += around[1] + EVENT_BYTES + (captured.bytes if captured is not None else 0)
        size += 4 * len(body) if body is not None else 0
        self._queue.add(
            (
                time_unix_ns or _time_ns(), severity, name_of(tag), body, attributes, around[0],
                *where, current_trace(), captured, left_out, size,
            ),
            size,
        )  # fmt: skip
        if severity >= 17:
            self._queue.hurry()

    def _open(self) -> None:
        """Make what belongs to this process: at the first event, and again in a forked child."""
        with self._opening:
            settings = self._settings or settings_from(**self._given)
            if settings.endpoint.startswith("https:"):
                import_module("ssl")  # here, not on the exporter's thread: see its module
            off = settings.disabled or not (settings.endpoint or settings.stderr)
            queue = BoundedQueue(settings.max_queue_events, settings.max_queue_bytes)
            queue.on_some = self._see_to_exporter
            exporter = None if off else Exporter(settings, queue, _warn, self._work_aside())
            if self._opened:  # by another thread, or by a finaliser in the middle of this
                return
            self._settings, self._queue, self._exporter = settings, queue, exporter
            self._lowest = _NOTHING_PASSES if off else of_level(settings.level)
            self._pid = os.getpid()
            self._opened = True
        if not off:
            atexit.unregister(self._end)
            atexit.register(self._end)
            call_in_forked_child(self._forget_parent)
            call_when_child_ends(self._end)

    def _see_to_exporter(self) -> None:
        if self._pid == os.getpid():
            self._exporter.start()
        else:  # a fork that Python was not told of: what waits is the parent's
            self._forget_parent()

    def _work_aside(self) -> Iterator[float]:
        return iter(()) if self._aside is None else self._aside()

    def _forget_parent(self) -> None:
        """In a forked child: what waits is the parent's to send, and its thread is not here."""
        if self._exporter is not None:
            self._opened = False
            self._opening = original("_thread", "RLock")()
            self._queue = BoundedQueue()
            self._exporter = None

    def _end(self) -> None:
        """At the end of the process: two seconds for what waits, none where nothing does."""
        self.shutdown(EXIT_FLUSH_S)


def _where(depth: int) -> Where:
    """Return the place of a caller so many frames up; an empty one where there is none."""
    try:
        frame = _getframe(depth)
    except ValueError:
        return _NOWHERE
    return (frame.f_code, None, frame.f_lineno)


def _joined(details: object, more: Dict[str, Any]) -> Dict[str, Any]:
    if details is None:
        return more
    return {"message" if issubclass(type(details), str) else "details": details, **more}


def _warn(what: str) -> None:
    """Say what goes wrong by the host's logging; our own handler leaves these records alone."""
    logging.getLogger("debugqueue").warning("debugqueue: %s", what)
