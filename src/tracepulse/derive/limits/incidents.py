"""Limits of incidents: which triggers are one."""

from tracepulse.derive.limits.limit import S_NS, Limits

__all__ = [
    "ALERT_QUIET_NS",
    "JOIN_GAP_NS",
    "JOIN_HOPS",
    "LIMITS",
    "QUIET_NS",
]

LIMITS = Limits()

JOIN_GAP_NS = LIMITS.limit(
    "join_gap_ns",
    120 * S_NS,
    "ns",
    """Triggers of one failure show within two minutes of each other:
    a queue drains or a cache expires before the next service feels it.""",
)
JOIN_HOPS = LIMITS.limit(
    "join_hops",
    4,
    "calls",
    """A failure is felt by callers up to this many calls away.""",
)
QUIET_NS = LIMITS.limit(
    "quiet_ns",
    120 * S_NS,
    "ns",
    """Two minutes without any sign resolve an incident.""",
)
ALERT_QUIET_NS = LIMITS.limit(
    "alert_quiet_ns",
    12 * 3600 * S_NS,
    "ns",
    """An alert that is never resolved by its sender is
    forgotten after half a day; Alertmanager repeats itself every 4 hours.""",
)
