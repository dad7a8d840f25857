"""
An exception, without what it holds alive: names, texts, and where each frame was.

Tracebacks hold frames, frames hold the host's locals: none is kept past the call. The message is the
exception's own `str()`, run on the caller's thread like `logging` does; nothing else of the host's is run.
"""

from collections import deque
from types import CodeType, TracebackType
from typing import Any, Deque, List, NamedTuple, Optional, Tuple

from debugqueue.limits import MAX_CAUSES, MAX_FRAMES
from debugqueue.snapshot import cut, plain_text, type_name

__all__ = ["Captured", "capture", "formatted"]

# Read past properties of these names that a class of the host's may have.
_traceback_of = vars(BaseException)["__traceback__"].__get__
_cause_of = vars(BaseException)["__cause__"].__get__
_context_of = vars(BaseException)["__context__"].__get__
_hides_context = vars(BaseException)["__suppress_context__"].__get__

_FIRST_FRAMES = 10
_MESSAGE_CHARS = 4096

Place = Tuple[CodeType, int]
"""Where a frame was: its code and the line."""


class Captured(NamedTuple):
    """One exception."""

    type: str
    message: str
    first: Tuple[Place, ...]
    """The outermost frames."""
    left_out: int
    """Frames between the first and the last."""
    last: Tuple[Place, ...]
    """The innermost frames, up to where it was raised."""
    cause: "Optional[Captured]"
    is_context: bool
    """Whether the cause was being handled, not named by `raise … from`."""

    @property
    def bytes(self) -> int:
        """What it is reckoned to hold."""
        own = 4 * (len(self.type) + len(self.message)) + 80 * (len(self.first) + len(self.last))
        return own + (self.cause.bytes if self.cause is not None else 0)


def capture(error: BaseException, causes: int = MAX_CAUSES) -> Captured:
    """Return an exception and what caused it."""
    first, left_out, last = _places(_traceback_of(error))
    cause = _cause_of(error)
    is_context = cause is None
    if cause is None and not _hides_context(error):
        cause = _context_of(error)
    return Captured(
        type_name(type(error)),
        _message(error),
        first,
        left_out,
        last,
        capture(cause, causes - 1) if cause is not None and causes > 1 else None,
        is_context,
    )


def _message(error: BaseException) -> str:
    try:
        text: Any = str(error)
    except (Exception, SystemExit):  # one that would end the host for being looked at
        return "[unreadable]"
    return plain_text(text, _MESSAGE_CHARS)


def _places(at: Optional[TracebackType]) -> Tuple[Tuple[Place, ...], int, Tuple[Place, ...]]:
    first: List[Place] = []
    last: Deque[TracebackType] = deque(maxlen=MAX_FRAMES - _FIRST_FRAMES)
    left_out = 0
    while at is not None:
        if len(first) < _FIRST_FRAMES:
            first.append((at.tb_frame.f_code, at.tb_lineno))
        else:
            left_out += len(last) == last.maxlen
            last.append(at)
        at = at.tb_next
    return tuple(first), left_out, tuple((tb.tb_frame.f_code, tb.tb_lineno) for tb in last)


def formatted(error: Captured) -> str:
    """Return a traceback as Python prints it, without the lines of source, causes first."""
    parts: List[str] = []
    if error.cause is not None:
        parts.append(formatted(error.cause))
        parts.append(
            "\nDuring handling of the above exception, another exception occurred:\n"
            if error.is_context
            else "\nThe above exception was the direct cause of the following exception:\n"
        )
    parts.append("Traceback (most recent call last):")
    parts.extend(_line(place) for place in error.first)
    if error.left_out:
        parts.append(f"  [{error.left_out} frames left out]")
    parts.extend(_line(place) for place in error.last)
    parts.append(f"{error.type}: {cut(error.message, 1024)}" if error.message else error.type)
    return "\n".join(parts)


def _line(place: Place) -> str:
    code, line = place
    return f'  File "{code.co_filename}", line {line}, in {code.co_name}'
