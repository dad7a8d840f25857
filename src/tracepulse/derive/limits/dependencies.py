"""Limits of what is learned of calls from many traces."""

from tracepulse.derive.limits.limit import S_NS, Limits

__all__ = [
    "FIRST_PAINT_SLACK_NS",
    "LEFT_BEHIND_ALWAYS_RATIO",
    "LEFT_BEHIND_LENGTH_RATIO",
    "LEFT_BEHIND_MIN_TRACES",
    "LIMITS",
    "MAX_DEPENDENCIES",
    "MAX_LEARNED_TRACES",
    "MAX_SIBLINGS_COMPARED",
    "MAX_SIBLING_SPANS",
    "MAX_SIBLING_TRACES",
    "MIN_SIBLING_TRACES",
    "SIBLINGS_BEFORE_NS",
]

LIMITS = Limits()

LEFT_BEHIND_MIN_TRACES = LIMITS.limit(
    "left_behind_min_traces",
    3,
    "calls",
    """One call that goes on after its parent may be a span that
    was closed late; a parent that does not wait leaves calls behind again and again.""",
)
LEFT_BEHIND_LENGTH_RATIO = LIMITS.limit(
    "left_behind_length_ratio",
    0.1,
    "ratio",
    """A child span is often closed a moment after its parent. Only one that
    goes on for more than a tenth of its own length is work that nobody waited for.""",
)
LEFT_BEHIND_ALWAYS_RATIO = LIMITS.limit(
    "left_behind_always_ratio",
    0.5,
    "ratio",
    """Where half of such calls go on after their parent, the others
    ended in time by chance and were not waited for either; where fewer do, as when the first of
    several answers wins, those that ended in time may have been.""",
)
FIRST_PAINT_SLACK_NS = LIMITS.limit(
    "first_paint_slack",
    50_000_000,
    "ns",
    """Text that is the largest paint of a page and came with its first paint, or within
    three frames of it, was in the document: no script brought it, and none was waited for.""",
)
MAX_LEARNED_TRACES = LIMITS.limit(
    "max_learned_traces",
    2_000,
    "traces",
    """Of a chunk of a cohort so many teach what waits for what: an exception that none
    of them shows is met in less than one trace of 660, with 95% confidence.""",
)
MAX_SIBLING_TRACES = LIMITS.limit(
    "max_sibling_traces",
    200,
    "traces",
    """So many of a route teach what one of its traces waited for: an exception that none
    of them shows is met in less than one trace of 66, with 95% confidence; reading them takes a tenth of a second.""",
)
MAX_SIBLING_SPANS = LIMITS.limit(
    "max_sibling_spans",
    20_000,
    "spans",
    """Of traces as large as the one that is asked about, as many are read as have so many
    spans together, so that the answer stays quick.""",
)
MIN_SIBLING_TRACES = LIMITS.limit(
    "min_sibling_traces",
    4,
    "traces",
    """Fewer, the one that is asked about among them, show nothing that it does not show itself.""",
)
SIBLINGS_BEFORE_NS = LIMITS.limit(
    "siblings_before",
    3_600 * S_NS,
    "ns",
    """Traces that began earlier than an hour before may be of another version, or of clocks
    that were set since.""",
)
MAX_SIBLINGS_COMPARED = LIMITS.limit(
    "max_siblings_compared",
    64,
    "spans",
    """Of the children of one span those that ended last are compared with
    each other: 2,016 pairs; a loop of thousands says no more of its order.""",
)
MAX_DEPENDENCIES = LIMITS.limit(
    "max_dependencies",
    1 << 19,
    "pairs",
    """Room for pairs of operations, 37 MB; further ones are counted as left out.""",
)
