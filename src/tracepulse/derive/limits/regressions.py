"""Limits of regressions and of the verification of fixes."""

from tracepulse.derive.limits.limit import S_NS, Limits

__all__ = [
    "LIMITS",
    "REGRESSION_CHANGE_EARLY_NS",
    "REGRESSION_SLACK_NS",
    "REGRESSION_STAYS_NS",
    "SHIFT_AFTER_BLOCKS",
    "SHIFT_APART_HISTORY_RATIO",
    "SHIFT_APART_RATIO",
    "SHIFT_BEFORE_BLOCKS",
    "SHIFT_BLOCK_MINUTES",
    "SHIFT_BLOCK_REQUESTS",
    "SHIFT_FULL_BLOCKS_RATIO",
    "SHIFT_HISTORY_MARGIN",
    "SHIFT_LEAST_DOUBLINGS",
    "SHIFT_LEAST_HISTORY_MINUTES",
    "SHIFT_LEAST_MINUTES",
    "SHIFT_PRESENT_RATIO",
    "SHIFT_Z",
    "VERIFY_BEFORE_BLOCKS",
    "VERIFY_DRIFT_DOUBLINGS",
    "VERIFY_ERROR_RATIO",
    "VERIFY_LARGEST_RATIO",
    "VERIFY_LEAST_DOUBLINGS",
    "VERIFY_LEAST_PLACEBOS",
    "VERIFY_LOOK_BLOCKS",
    "VERIFY_MOST_LAG_CORRELATION",
]

LIMITS = Limits()

SHIFT_BLOCK_MINUTES = tuple(
    LIMITS.limit(
        f"shift_block_minutes_{minutes}",
        minutes,
        "minutes",
        """A quantile of a route is taken of so many minutes: the fewest that hold enough requests.""",
    )
    for minutes in (5, 10, 20, 60)
)
SHIFT_BLOCK_REQUESTS = LIMITS.limit(
    "shift_block_requests",
    20,
    "requests",
    """Fewer make a quantile jump about; a block with less than half of them is left out.""",
)
SHIFT_FULL_BLOCKS_RATIO = LIMITS.limit(
    "shift_full_blocks_ratio",
    0.6,
    "ratio",
    """So many blocks must hold enough, or a longer block is taken.""",
)
SHIFT_AFTER_BLOCKS = tuple(
    LIMITS.limit(
        f"shift_after_blocks_{blocks}",
        blocks,
        "blocks",
        """A length of the time after a shift that is looked for: a large one shows after the shortest,
        a small one needs the longest.""",
    )
    for blocks in (6, 12, 24, 48)
)
SHIFT_LEAST_MINUTES = LIMITS.limit(
    "shift_least_minutes",
    60,
    "minutes",
    """What lasts less may be an episode, which incidents are about.""",
)
SHIFT_BEFORE_BLOCKS = LIMITS.limit(
    "shift_before_blocks",
    12,
    "blocks",
    """The time before is at least so long, so that its median is the steadier of the two.""",
)
SHIFT_APART_RATIO = LIMITS.limit(
    "shift_apart_ratio",
    0.85,
    "ratio",
    """So many blocks before and after must lie on their own side of the middle: an episode that
    fills less than that is none.""",
)
SHIFT_APART_HISTORY_RATIO = LIMITS.limit(
    "shift_apart_history_ratio",
    0.6,
    "ratio",
    """The same of earlier contrasts that a shift must exceed: what nearly was one counts too.""",
)
SHIFT_PRESENT_RATIO = LIMITS.limit(
    "shift_present_ratio",
    0.6,
    "ratio",
    """Of the blocks so many must hold enough requests; else a stretch is not judged.""",
)
SHIFT_LEAST_DOUBLINGS = LIMITS.limit(
    "shift_least_doublings",
    0.2,
    "doublings",
    """15%: less is not worth anybody's time, and lies near the width of a bucket (9%).""",
)
SHIFT_Z = LIMITS.limit(
    "shift_z",
    4.0,
    "deviations",
    """Of the series' own earlier contrasts; by simulation, see accuracy.md.""",
)
SHIFT_HISTORY_MARGIN = LIMITS.limit(
    "shift_history_margin",
    1.3,
    "times",
    """By so much must a shift exceed the largest contrast that counted before.""",
)
SHIFT_LEAST_HISTORY_MINUTES = LIMITS.limit(
    "shift_least_history_minutes",
    1440,
    "minutes",
    """A day: before that nobody can tell a daily cycle or a nightly job from a shift.""",
)
VERIFY_LOOK_BLOCKS = tuple(
    LIMITS.limit(
        f"verify_look_blocks_{blocks}",
        blocks,
        "blocks",
        """After so much time a fix is looked at; whoever asks in between gets the look before.""",
    )
    for blocks in (3, 6, 12, 24, 48, 96, 192, 288)
)
VERIFY_BEFORE_BLOCKS = LIMITS.limit(
    "verify_before_blocks",
    12,
    "blocks",
    """The time before a fix that counts, or as long as the time after it.""",
)
VERIFY_ERROR_RATIO = LIMITS.limit(
    "verify_error_ratio",
    0.05,
    "ratio",
    """Of all looks together so many intervals may miss the truth.""",
)
VERIFY_LEAST_DOUBLINGS = LIMITS.limit(
    "verify_least_doublings",
    0.1375,
    "doublings",
    """10%: a change that is surely smaller than this is called none.""",
)
VERIFY_LEAST_PLACEBOS = LIMITS.limit(
    "verify_least_placebos",
    6,
    "instants",
    """So many independent earlier instants must there be to take the interval from them.""",
)
VERIFY_DRIFT_DOUBLINGS = LIMITS.limit(
    "verify_drift_doublings",
    0.15,
    "doublings an hour",
    """So fast may a daily cycle move a series whose history is too short to show it: 11% an hour.""",
)
VERIFY_LARGEST_RATIO = LIMITS.limit(
    "verify_largest_ratio",
    0.8,
    "ratio",
    """The interval is at least so much of the largest difference seen before in which blocks stood
    apart: episodes and nightly jobs are rare, so a deviation does not tell of them.""",
)
VERIFY_MOST_LAG_CORRELATION = LIMITS.limit(
    "verify_most_lag_correlation",
    0.9,
    "correlation",
    """Of a block with the next; of more a stretch of this length says nothing.""",
)
REGRESSION_SLACK_NS = LIMITS.limit(
    "regression_slack_ns",
    600 * S_NS,
    "ns",
    """Onsets that lie no farther apart than two blocks may be one.""",
)
REGRESSION_CHANGE_EARLY_NS = LIMITS.limit(
    "regression_change_early_ns",
    1800 * S_NS,
    "ns",
    """A deploy is reported when it begins, and may take half an hour to reach every instance.""",
)
REGRESSION_STAYS_NS = LIMITS.limit(
    "regression_stays_ns",
    8 * 86_400 * S_NS,
    "ns",
    """As long as the history that a series is judged by: then all of it is at the new level.""",
)
