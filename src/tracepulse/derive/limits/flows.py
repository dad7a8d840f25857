"""Limits of who calls whom."""

from tracepulse.derive.limits.limit import Limits

__all__ = [
    "DISAGREE_CALLS_RATIO",
    "DISAGREE_ERRORS_RATIO",
    "DISAGREE_MIN_CALLS",
    "EDGE_CONFIDENCE",
    "LIMITS",
    "LOGS_CONFIDENCE_EPISODES",
    "MIN_NAME_SHARE",
]

LIMITS = Limits()

MIN_NAME_SHARE = LIMITS.limit(
    "min_name_share",
    0.9,
    "ratio",
    """Two names are of one node when nearly all that was seen says so; an
    address that changed hands, or a balancer before several services, belongs to nobody.""",
)
EDGE_CONFIDENCE = {
    kind: LIMITS.limit(f"edge_confidence_{kind}", value, "ratio", reason)
    for kind, value, reason in (
        ("spans", 0.999, "Both sides sent a span of the call."),
        ("links", 0.98, "The later span names the earlier one, though not as its parent."),
        ("mesh", 0.99, "A proxy counted the calls and knew both workloads."),
        ("access_log", 0.98, "A proxy wrote the call down; one side is known by its address."),
        ("peer", 0.95, "One side alone was seen, and named the other."),
    )
}
LOGS_CONFIDENCE_EPISODES = LIMITS.limit(
    "logs_confidence_episodes",
    3,
    "episodes",
    """From shared ids alone: the share of episodes that agree, times
    n / (n + this), so that one or two coincidences make no edge to rely on.""",
)
DISAGREE_CALLS_RATIO = LIMITS.limit(
    "disagree_calls_ratio",
    0.8,
    "ratio",
    """Two kinds of evidence disagree on the number of calls when one has
    less than this share of the other's: beyond what the ends of a window explain.""",
)
DISAGREE_ERRORS_RATIO = LIMITS.limit(
    "disagree_errors_ratio",
    0.05,
    "ratio",
    """They disagree on failures when the failing shares differ by more.""",
)
DISAGREE_MIN_CALLS = LIMITS.limit(
    "disagree_min_calls",
    20,
    "calls",
    """Fewer calls, and a difference is chance.""",
)
