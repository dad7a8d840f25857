"""Instants, likelihoods and facts in words."""

from datetime import UTC, datetime

__all__ = ["clock_time", "date", "likelihood", "rfc3339"]

LIKELIHOODS = (
    (0.9, "very likely"),
    (0.7, "likely"),
    (0.5, "more likely than not"),
    (0.2, "possibly"),
)


def rfc3339(unix_ns: int) -> str:
    """Return an instant in UTC with nanoseconds."""
    seconds, rest = divmod(unix_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def clock_time(unix_ns: int) -> str:
    """Return the time of day in UTC."""
    return f"{datetime.fromtimestamp(unix_ns // 1_000_000_000, UTC):%H:%M:%S}"


def date(unix_ns: int) -> str:
    """Return the day in UTC."""
    return f"{datetime.fromtimestamp(unix_ns // 1_000_000_000, UTC):%Y-%m-%d}"


def likelihood(probability: float) -> str:
    """Return a probability in words; the number always stands beside them."""
    return next((words for least, words in LIKELIHOODS if probability >= least), "barely likely")
