"""Limits of cohorts: when two differ, and what is named."""

from tracepulse.derive.limits.limit import Limits

__all__ = [
    "COHORT_CONFIDENCE_RATIO",
    "LIMITS",
    "MAX_ATTRIBUTE_VALUES",
    "MAX_CONTEXTS",
    "MAX_CONTEXT_DEPTH",
    "MIN_COHORT_REQUESTS",
    "MIN_FINDING_EXCESS_RATIO",
    "MIN_FINDING_SHARE_RATIO",
    "MIN_SUPPORT",
    "SHARED_RESOURCE_RATIO",
    "TAIL_SPREADS",
]

LIMITS = Limits()

COHORT_CONFIDENCE_RATIO = LIMITS.limit(
    "cohort_confidence_ratio",
    0.99,
    "ratio",
    """That the intervals of all nodes of a comparison hold at once: one
    comparison in a hundred may name a node by chance, before the further conditions.""",
)
MIN_COHORT_REQUESTS = LIMITS.limit(
    "min_cohort_requests",
    30,
    "requests",
    """In each cohort: below, means of times that spread as requests do
    are not normal enough for their intervals to hold.""",
)
MIN_SUPPORT = LIMITS.limit(
    "min_support",
    20,
    "requests",
    """A node that held up fewer requests of both cohorts is shown and not named; half of
    them must be of the slow cohort.""",
)
MIN_FINDING_EXCESS_RATIO = LIMITS.limit(
    "min_finding_excess_ratio",
    0.03,
    "ratio",
    """Of a usual request's length: a difference below is not worth
    anybody's time, however sure it is.""",
)
MIN_FINDING_SHARE_RATIO = LIMITS.limit(
    "min_finding_share_ratio",
    0.25,
    "ratio",
    """Of the cohorts' difference: a node with less of it is a part of
    something wider.""",
)
SHARED_RESOURCE_RATIO = LIMITS.limit(
    "shared_resource_ratio",
    0.9,
    "ratio",
    """A resource is named rather than the one caller of it that became slower
    if no caller has so much of the difference.""",
)
TAIL_SPREADS = LIMITS.limit(
    "tail_spreads",
    2.8,
    "spreads",
    """The median of the slowest twentieth lies 2.0 spreads above the median where
    times are log-normal, 1.2 where they are exponential, and twice that is what a second kind of
    work, three times as long, shows even where times spread by half. The middle of the two.""",
)
MAX_CONTEXTS = LIMITS.limit(
    "max_contexts",
    20_000,
    "contexts",
    """Ways of calls of which blame is kept apart; ten times what a flame graph can show. The
    rest is summed below what waited for it.""",
)
MAX_CONTEXT_DEPTH = LIMITS.limit(
    "max_context_depth",
    128,
    "calls",
    """What is called deeper counts for the last call above it: such depths are recursions, whose
    further turns say nothing new.""",
)
MAX_ATTRIBUTE_VALUES = LIMITS.limit(
    "max_attribute_values",
    200,
    "values",
    """A key with more values among the requests compared names things one by
    one, such as users or orders, and sets no group of requests apart.""",
)
