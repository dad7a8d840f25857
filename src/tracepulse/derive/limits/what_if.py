"""Limits of predictions."""

from tracepulse.derive.limits.limit import Limits

__all__ = [
    "CALL_LIMIT_MIN_CALLS",
    "CALL_LIMIT_PROMPT_RATIO",
    "CALL_LIMIT_PROMPT_SHARE",
    "LIMITS",
    "STATION_LEAST_NS",
    "STATION_MAX_PLACES",
    "STATION_MIN_EARLY",
    "STATION_MIN_EARLY_SHOWN",
    "STATION_USUAL_QUANTILE",
    "WHAT_IF_MAX_ROUNDS",
    "WHAT_IF_Z",
]

LIMITS = Limits()

CALL_LIMIT_MIN_CALLS = LIMITS.limit(
    "call_limit_min_calls",
    10,
    "calls",
    """So many must have waited for a call of their kind to end before a limit is believed.""",
)
CALL_LIMIT_PROMPT_RATIO = LIMITS.limit(
    "call_limit_prompt_ratio",
    0.1,
    "ratio",
    """A call that waited for a place begins within a tenth of its own length after one is free.""",
)
CALL_LIMIT_PROMPT_SHARE = LIMITS.limit(
    "call_limit_prompt_share",
    0.8,
    "ratio",
    """Of those that waited so many must have begun promptly; the rest did something else first.""",
)
STATION_LEAST_NS = LIMITS.limit(
    "station_least_ns",
    200_000,
    "ns",
    """A thread that waits for a place runs so soon after it is given back; what differs by less is
    not told apart.""",
)
STATION_MIN_EARLY = LIMITS.limit(
    "station_min_early",
    12.0,
    "calls",
    """So many must be expected to have begun before a place was free, were there no limit. That the
    most ever seen at once is taken for the limit explains a few; twelve by chance are one in 160,000.""",
)
STATION_MIN_EARLY_SHOWN = LIMITS.limit(
    "station_min_early_shown",
    4.0,
    "calls",
    """The same where waits are spans: that there is something to wait for is then said, and only
    how many places there are has to be seen.""",
)
STATION_MAX_PLACES = LIMITS.limit(
    "station_max_places",
    64,
    "places",
    """With more, some place is given back at any moment, and promptness says nothing.""",
)
STATION_USUAL_QUANTILE = LIMITS.limit(
    "station_usual_quantile",
    0.1,
    "ratio",
    """A gap this short among its like is taken to hold no wait.""",
)
WHAT_IF_MAX_ROUNDS = LIMITS.limit(
    "what_if_max_rounds",
    12,
    "rounds",
    """Waits and times are played in turn until nothing changes; a request that asks the same
    place again needs another round each time.""",
)
WHAT_IF_Z = LIMITS.limit(
    "what_if_z",
    1.96,
    "standard deviations",
    """Intervals of predicted percentiles hold with 95%.""",
)
