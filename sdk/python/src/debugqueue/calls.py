"""
The calls that a programme makes: each takes microseconds, never raises, never waits.

What a call does on the caller's thread: the time, the place in the code, the span, a copy of the
details, one append. All the rest happens on the exporter's thread.
"""

import sys
import time
from typing import Any, Dict, Optional, Tuple, Union

from debugqueue.bound import Binding, bind, bound
from debugqueue.bounded_queue import BoundedQueue
from debugqueue.captured import capture
from debugqueue.correlation import current_trace
from debugqueue.guard import faults, guarded
from debugqueue.levels import of_level
from debugqueue.limits import EVENT_BYTES, MAX_NAME_CHARS
from debugqueue.processes import unforked
from debugqueue.snapshot import name_of, plain_text, quick_copy, snapshot, type_name

__all__ = ["Calls"]

Details = Union[Dict[str, Any], str, None]
Where = Tuple[Any, Optional[str], int]
"""Code object or path of the file, function, and line."""

_getframe = sys._getframe
_time_ns = time.time_ns
_NOTHING: Optional[Tuple[Dict[str, Any], int]] = ({}, 0)
_UNBOUND: Tuple[Dict[str, Any], int] = ({}, 0)
_NOWHERE: Where = (None, None, 0)
_INFO = "info"


class Calls:
    """
    What may be called on any thread, in signal handlers, in finalisers, before and after everything.

    The guard is written out in each call: a wrapper would be one more frame, and cost as much as the
    copy of the details.
    """

    _queue: BoundedQueue
    _pid = -1
    """Process that the queue is of; -1 before there is any, and in a forked child: asking the system
    for it at each call would take longer than copying the details."""
    _lowest = 0
    """Severities below it are ignored; past every severity where nothing is to be done."""

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

    def _add(self, severity: int, tag: Any, details: Any, more: Dict[str, Any]) -> None:
        """Queue an event of the caller's caller: the quick way, for a dict of texts and numbers."""
        try:
            frame = _getframe(2)
        except ValueError:  # called by the interpreter itself, as at its end
            self._add_any(severity, tag, details, more)
            return
        if (
            self._pid >= 0
            and unforked[0]
            and not more
            and type(tag) is str
            and len(tag) <= MAX_NAME_CHARS
        ):
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
        if self._pid < 0 or not unforked[0]:
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
        """Make what belongs to this process."""
        raise NotImplementedError


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
