"""Questions from outside: the only form in which anyone may ask the store for rows."""

from dataclasses import dataclass

from tracepulse.errors import BadQuestion

__all__ = ["AttributeFilter", "LogQuestion", "MetricQuestion", "TraceQuestion", "Window"]

MAX_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of event time, [start, end)."""

    start_unix_ns: int
    end_unix_ns: int

    def __post_init__(self) -> None:
        if self.end_unix_ns <= self.start_unix_ns:
            raise BadQuestion("the window ends before it starts; check since and until")


@dataclass(frozen=True, slots=True)
class AttributeFilter:
    """`key=value`: the attribute of the span, log record or resource has exactly this value."""

    key: str
    value: str

    @classmethod
    def parse(cls, text: str) -> "AttributeFilter":
        """Read `key=value`; raises BadQuestion."""
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise BadQuestion(f"attribute filter {text!r}: write key=value")
        return cls(key, value)


@dataclass(frozen=True, slots=True)
class TraceQuestion:
    """Which traces hold a span like this?"""

    window: Window
    data_set: str = ""
    service: str = ""
    operation: str = ""
    attributes: tuple[AttributeFilter, ...] = ()
    min_duration_ns: int | None = None
    max_duration_ns: int | None = None
    status: str = ""
    """'', Unset, Ok or Error."""
    text: str = ""
    """Found, whatever the case, in the span's name or status message."""
    limit: int = 20

    def __post_init__(self) -> None:
        if self.status not in ("", "Unset", "Ok", "Error"):
            raise BadQuestion(f"status {self.status!r}: use unset, ok or error")
        _check_limit(self.limit)


@dataclass(frozen=True, slots=True)
class LogQuestion:
    """Which log records are like this?"""

    window: Window
    data_set: str = ""
    service: str = ""
    min_severity: int = 0
    text: str = ""
    """Found in the body, whatever the case."""
    word: str = ""
    """Found in the body as it is written, each run of letters and digits in it a whole one there."""
    trace_id: str = ""
    attributes: tuple[AttributeFilter, ...] = ()
    limit: int = 100

    def __post_init__(self) -> None:
        _check_limit(self.limit)


@dataclass(frozen=True, slots=True)
class MetricQuestion:
    """How did a metric go?"""

    window: Window
    name: str
    data_set: str = ""
    service: str = ""
    attributes: tuple[AttributeFilter, ...] = ()
    step_s: int = 60

    def __post_init__(self) -> None:
        if self.step_s < 1:
            raise BadQuestion(f"step of {self.step_s} s: use at least 1")
        length_s = (self.window.end_unix_ns - self.window.start_unix_ns) / 1e9
        if length_s / self.step_s > MAX_ROWS:
            raise BadQuestion(f"more than {MAX_ROWS:,} steps; use a longer step or less time")


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_ROWS:
        raise BadQuestion(f"limit {limit}: use 1 to {MAX_ROWS:,}")
