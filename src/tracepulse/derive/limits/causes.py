"""Limits and weights of causes, and how they are ranked."""

from tracepulse.derive.limits.limit import S_NS, Limits

__all__ = [
    "CHANGE_HALF_LIFE_NS",
    "CHANGE_LATENESS_NS",
    "CHANGE_LOOKBACK_NS",
    "CHANGE_PRIOR",
    "EDGE_CHANGE_NATS",
    "EDGE_CHANGE_RATIO",
    "LIMITS",
    "OPERATION_PRIOR",
    "UNKNOWN_FLOOR",
]

LIMITS = Limits()

CHANGE_LOOKBACK_NS = LIMITS.limit(
    "change_lookback_ns",
    24 * 3600 * S_NS,
    "ns",
    """Older changes have seen a whole day's traffic.""",
)
CHANGE_LATENESS_NS = LIMITS.limit(
    "change_lateness_ns",
    10 * S_NS,
    "ns",
    """A deploy is often reported just after the new process
    took its first calls; later than this it cannot be the cause.""",
)
CHANGE_HALF_LIFE_NS = LIMITS.limit(
    "change_half_life_ns",
    15 * 60 * S_NS,
    "ns",
    """How near a change is to the onset counts half as
    much every quarter of an hour.""",
)
CHANGE_PRIOR = LIMITS.limit(
    "change_prior",
    -1.5,
    "log-odds",
    """Most changes are innocent.""",
)
OPERATION_PRIOR = LIMITS.limit(
    "operation_prior",
    -1.0,
    "log-odds",
    """Services do break by themselves (data, load, time), but the
    unknown outside them is as likely.""",
)
EDGE_CHANGE_NATS = LIMITS.limit(
    "edge_change_nats",
    6.0,
    "nats",
    """An edge changed when two failure shares explain it better than
    one by this likelihood ratio (a chance of 5e-4) …""",
)
EDGE_CHANGE_RATIO = LIMITS.limit(
    "edge_change_ratio",
    0.02,
    "ratio",
    """… and its failure share rose by two points.""",
)
UNKNOWN_FLOOR = LIMITS.limit(
    "unknown_floor",
    0.04,
    "ratio",
    """Something not looked at is never less likely than this.""",
)
