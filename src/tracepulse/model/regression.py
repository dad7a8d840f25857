"""Regressions: routes or pages that became slower and stayed so."""

from dataclasses import dataclass
from enum import StrEnum

from tracepulse.model.latency import SeriesName

__all__ = ["Coverage", "Regression", "RegressionState", "Rise"]


class RegressionState(StrEnum):
    """What became of a regression."""

    OPEN = "open"
    OVER = "over"
    """At least half of the rise is undone."""
    STAYED = "stayed"
    """For so long that what it rose to is the usual level now."""


@dataclass(frozen=True, slots=True)
class Rise:
    """One series that rose; values are ns, of CLS its score."""

    series: SeriesName
    before: float
    after: float
    ratio: float
    """After by before."""
    low_ratio: float
    """Interval of it, 95%."""
    high_ratio: float
    onset_unix_ns: int
    first_unix_ns: int
    """The onset lies in [first, last)."""
    last_unix_ns: int
    seen_unix_ns: int
    """End of the time after which it could be told."""


@dataclass(frozen=True, slots=True)
class Regression:
    """One cause, as far as can be told: rises of related services at one time."""

    regression_id: str
    """`reg_` and twelve hex digits of a hash of the first rise found; never changes."""
    state: RegressionState
    onset_unix_ns: int
    """Of the leading rise, like the interval."""
    first_unix_ns: int
    last_unix_ns: int
    found_unix_ns: int
    rises: tuple[Rise, ...]
    """The leading one first: of the service farthest down the flow, there the largest."""
    version_before: str = ""
    """`service.version` that most requests of the leading route had; '' where none is said."""
    version_after: str = ""
    change_id: str = ""
    """The change reported nearest to the onset; '' without one."""
    trace_ids: tuple[str, ...] = ()
    """Of requests that took as long as is usual since, or little longer."""
    entry_service: str = ""
    """Root of those traces; '' while not known."""
    entry_route: str = ""
    over_unix_ns: int | None = None

    @property
    def lead(self) -> Rise:
        """Return the leading rise."""
        return self.rises[0]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the last look could judge."""

    at_unix_ns: int
    judged: int
    """Series with enough requests and a day of history."""
    too_new: int
    """Series that are not a day old."""
    too_few: int
    """Routes and vitals that come less than some twenty times an hour."""
    error: str = ""
    """Why the last look failed; '' when it did not."""
