"""Before against after: did an edge, an operation or a log shape really change?"""

import math

from tracepulse.derive.limits.causes import EDGE_CHANGE_NATS, EDGE_CHANGE_RATIO
from tracepulse.model.findings import LogShapeChange, Window
from tracepulse.model.flow import EdgeChange
from tracepulse.model.log_pattern import PatternState

__all__ = ["edge_rose", "is_new", "is_surging", "log_ratio_of_shares", "pattern_state", "share"]

SURGE_FACTOR = 3.0
MIN_LINES = 3
"""Fewer lines of a shape show nothing."""


def share(part: int, whole: int) -> float:
    """Return part of whole, 0 for an empty whole."""
    return part / whole if whole else 0.0


def log_ratio_of_shares(
    failed_before: int, calls_before: int, failed_after: int, calls_after: int
) -> float:
    """Return the log-likelihood ratio, in nats, of two failure shares against one for both."""
    pooled = share(failed_before + failed_after, calls_before + calls_after)
    apart = _log_likelihood(failed_before, calls_before, share(failed_before, calls_before))
    apart += _log_likelihood(failed_after, calls_after, share(failed_after, calls_after))
    together = _log_likelihood(failed_before + failed_after, calls_before + calls_after, pooled)
    return max(0.0, apart - together)


def _log_likelihood(failed: int, calls: int, rate: float) -> float:
    kept = calls - failed
    failing = failed * math.log(rate) if failed else 0.0
    passing = kept * math.log(1 - rate) if kept else 0.0
    return failing + passing


def edge_rose(edge: EdgeChange) -> bool:
    """Tell whether the calls along an edge fail more often than before."""
    before = share(edge.errors_before, edge.calls_before)
    after = share(edge.errors_after, edge.calls_after)
    if after - before < EDGE_CHANGE_RATIO:
        return False
    ratio = log_ratio_of_shares(
        edge.errors_before, edge.calls_before, edge.errors_after, edge.calls_after
    )
    return ratio >= EDGE_CHANGE_NATS


def is_new(shape: LogShapeChange) -> bool:
    """Tell whether a log shape was not written before the onset."""
    return shape.count_before == 0 and shape.count_after >= MIN_LINES


def is_surging(shape: LogShapeChange, window: Window) -> bool:
    """Tell whether a log shape that was written before is now written much more often."""
    if shape.count_before == 0 or shape.count_after < MIN_LINES:
        return False
    before_ns = max(window.onset_unix_ns - window.start_unix_ns, 1)
    after_ns = max(window.end_unix_ns - window.onset_unix_ns, 1)
    expected = shape.count_before * after_ns / before_ns
    if shape.count_after < SURGE_FACTOR * expected:
        return False
    return (
        _log_ratio_of_rates(shape.count_before, before_ns, shape.count_after, after_ns)
        >= EDGE_CHANGE_NATS
    )


def pattern_state(before: int, now: int) -> PatternState:
    """
    Return what became of a log template, from its lines in two stretches of equal length.

    Fewer lines than `MIN_LINES` show nothing: the state is steady then.
    """
    if not before:
        return "new" if now >= MIN_LINES else "steady"
    if not now:
        return "vanished" if before >= MIN_LINES else "steady"
    risen = now >= max(MIN_LINES, SURGE_FACTOR * before)
    ratio = _log_ratio_of_rates(before, 1, now, 1)
    return "surging" if risen and ratio >= EDGE_CHANGE_NATS else "steady"


def _log_ratio_of_rates(before: int, before_ns: int, after: int, after_ns: int) -> float:
    """Return the log-likelihood ratio, in nats, of two Poisson rates against one for both."""
    pooled = (before + after) / (before_ns + after_ns)
    return sum(
        count * math.log(count / length / pooled)
        for count, length in ((before, before_ns), (after, after_ns))
        if count
    )
