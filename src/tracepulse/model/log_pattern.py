"""Log patterns: how often lines of each template were written, and what they look like."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["KnownShape", "LogPattern", "MinuteLines", "PatternState", "ShapeCount"]

PatternState = Literal["new", "surging", "steady", "vanished"]
"""Beside the stretch of the same length before the window."""


@dataclass(frozen=True, slots=True)
class KnownShape:
    """What is kept of the lines of one shape."""

    service: str
    shape_id: str
    first_seen_unix_ns: int
    """Event time of its first line that is kept or was, of any window."""
    examples: tuple[str, ...]
    """Some of its distinct bodies; which ones depends on the bodies alone."""


@dataclass(frozen=True, slots=True)
class ShapeCount:
    """Lines of one shape within a window."""

    service: str
    shape_id: str
    lines: int
    severity_number: int
    """The highest."""
    first_unix_ns: int
    last_unix_ns: int


@dataclass(frozen=True, slots=True)
class MinuteLines:
    """Lines of one minute, by their own time."""

    start_unix_ns: int
    lines: int


@dataclass(frozen=True, slots=True)
class LogPattern:
    """Lines of one template within a window."""

    template_id: str
    """Stays when the template grows; an id that was taken up into another finds that one. Empty for
    lines of which only the number is known."""
    service: str
    text: str
    """With `<*>` for what varies."""
    lines: int
    """0 where it had lines before the window alone."""
    lines_before: int
    """Of as long a stretch before the window."""
    state: PatternState
    severity_number: int
    """The highest."""
    first_unix_ns: int
    last_unix_ns: int
    shapes: tuple[str, ...]
    """Ids of the shapes that have lines in the window or before it, sorted."""
    examples: tuple[str, ...]
    """Some distinct bodies, of any window."""
    parameters: tuple[tuple[str, ...], ...]
    """For each `<*>` in the text, left to right, different values of the examples, sorted."""
