"""Limits of flows that are found in lines alone."""

from tracepulse.derive.limits.limit import Limits

__all__ = [
    "LIMITS",
    "LOG_FLOW_FAILED_RATIO",
    "LOG_FLOW_GAIN_NATS",
    "LOG_FLOW_GRAIN_NS",
    "LOG_FLOW_LAG_LEAD",
    "LOG_FLOW_LOST_RATIO",
    "LOG_FLOW_MAX_EARLY_RATIO",
    "LOG_FLOW_MIN_BESIDE_A_WAY",
    "LOG_FLOW_MIN_COVER",
    "LOG_FLOW_MIN_COVERED",
    "LOG_FLOW_MIN_COVERED_WITHIN",
    "LOG_FLOW_MIN_FIT",
    "LOG_FLOW_MIN_FIT_WITHIN",
    "LOG_FLOW_MIN_LAGS",
    "LOG_FLOW_MIN_REQUESTS",
    "LOG_FLOW_MIN_REQUEST_RATIO",
    "LOG_FLOW_MIN_REST",
    "LOG_FLOW_MIN_REST_WITHIN",
    "LOG_FLOW_MIN_SHARED",
    "LOG_FLOW_MIN_VOTES",
    "LOG_FLOW_MIN_VOTE_RATIO",
    "LOG_FLOW_MIN_WAITED",
    "LOG_FLOW_MIN_WIN",
    "LOG_FLOW_MIN_WIN_WITHIN",
    "LOG_FLOW_MIN_WITH",
    "LOG_FLOW_MIN_WITHIN",
    "LOG_FLOW_MOVED_GRAIN_NS",
    "LOG_FLOW_MOVED_MIN_FIT",
    "LOG_FLOW_MOVED_MIN_SHARE",
    "LOG_FLOW_PRESENCE_LEAD",
]

LIMITS = Limits()

LOG_FLOW_GRAIN_NS = LIMITS.limit(
    "log_flow_grain_ns",
    1500000,
    "ns",
    """Times of lines are often written in whole milliseconds, and clocks kept right by NTP
    differ by about as much: less than this is no order.""",
)
LOG_FLOW_MOVED_GRAIN_NS = LIMITS.limit(
    "log_flow_moved_grain_ns",
    5000000,
    "ns",
    """The same once a clock had to be set right from the logs themselves, which leaves a
    few milliseconds.""",
)
LOG_FLOW_MIN_REQUESTS = LIMITS.limit(
    "log_flow_min_requests",
    10,
    "requests",
    """Fewer meetings of two services may be chance, or one odd run.""",
)
LOG_FLOW_MIN_REQUEST_RATIO = LIMITS.limit(
    "log_flow_min_request_ratio",
    0.02,
    "ratio",
    """Of the requests of the rarer of the two: below, lines of unrelated requests meet as
    often.""",
)
LOG_FLOW_MIN_SHARED = LIMITS.limit(
    "log_flow_min_shared",
    0.5,
    "ratio",
    """A caller hands keys on: in so many of their common requests one key must be written
    by both.""",
)
LOG_FLOW_MIN_FIT = LIMITS.limit(
    "log_flow_min_fit",
    0.85,
    "ratio",
    """Of the common requests in which nothing contradicts the call: in the rest another calls,
    or lines were lost or mixed up.""",
)
LOG_FLOW_MIN_FIT_WITHIN = LIMITS.limit(
    "log_flow_min_fit_within",
    0.75,
    "ratio",
    """The same where the callee's lines lie within the caller's, which chance hardly does.""",
)
LOG_FLOW_MIN_WITHIN = LIMITS.limit(
    "log_flow_min_within",
    0.8,
    "ratio",
    """Of the common requests: so often must the callee lie within the caller for that to
    be its way.""",
)
LOG_FLOW_PRESENCE_LEAD = LIMITS.limit(
    "log_flow_presence_lead",
    0.1,
    "ratio",
    """Who is there without the other is not called by it; below a tenth, lost lines do the
    same.""",
)
LOG_FLOW_MIN_WITH = LIMITS.limit(
    "log_flow_min_with",
    0.85,
    "ratio",
    """A caller in between is there so often: lines are lost, and some requests fail before
    it writes.""",
)
LOG_FLOW_LOST_RATIO = LIMITS.limit(
    "log_flow_lost_ratio",
    0.03,
    "ratio",
    """Of lines that do not arrive, or are not written since a request failed.""",
)
LOG_FLOW_FAILED_RATIO = LIMITS.limit(
    "log_flow_failed_ratio",
    0.05,
    "ratio",
    """Of a caller's requests may fail before it calls anybody.""",
)
LOG_FLOW_GAIN_NATS = LIMITS.limit(
    "log_flow_gain_nats",
    10.0,
    "nats",
    """So much likelier must one of two readings of who is there without whom be.""",
)
LOG_FLOW_MIN_LAGS = LIMITS.limit(
    "log_flow_min_lags",
    30,
    "requests",
    """Fewer say nothing on shares.""",
)
LOG_FLOW_LAG_LEAD = LIMITS.limit(
    "log_flow_lag_lead",
    0.15,
    "correlation",
    """By so much must the rank correlations of two readings of the lags differ.""",
)
LOG_FLOW_MAX_EARLY_RATIO = LIMITS.limit(
    "log_flow_max_early_ratio",
    0.03,
    "ratio",
    """A call cannot begin before its caller; where it does more often, both were called at
    once.""",
)
LOG_FLOW_MIN_VOTES = LIMITS.limit(
    "log_flow_min_votes",
    8.0,
    "requests",
    """An edge explains at least so many requests better than all others …""",
)
LOG_FLOW_MIN_VOTE_RATIO = LIMITS.limit(
    "log_flow_min_vote_ratio",
    0.06,
    "ratio",
    """… and so much of all requests of its callee: what lost lines make of a path is less.""",
)
LOG_FLOW_MIN_WIN_WITHIN = LIMITS.limit(
    "log_flow_min_win_within",
    0.15,
    "ratio",
    """Of the common requests: so often must an enclosing caller be the nearest …""",
)
LOG_FLOW_MIN_WIN = LIMITS.limit(
    "log_flow_min_win",
    0.6,
    "ratio",
    """… and one that does not enclose, since it may be a neighbour that came first.""",
)
LOG_FLOW_MIN_COVERED = LIMITS.limit(
    "log_flow_min_covered",
    0.7,
    "ratio",
    """Of a callee's requests its callers must explain so many; else somebody who is not
    seen calls it.""",
)
LOG_FLOW_MIN_COVERED_WITHIN = LIMITS.limit(
    "log_flow_min_covered_within",
    0.4,
    "ratio",
    """The same for callers that enclose it: who encloses a service calls it, and others may besides.""",
)
LOG_FLOW_MIN_BESIDE_A_WAY = LIMITS.limit(
    "log_flow_min_beside_a_way",
    0.3,
    "ratio",
    """An edge beside a way of other edges explains so much of its callee: below, requests in which
    the way was not seen whole make as much.""",
)
LOG_FLOW_MOVED_MIN_SHARE = LIMITS.limit(
    "log_flow_moved_min_share",
    0.6,
    "ratio",
    """Of a callee's requests, those that a caller explains best once clocks had to be moved: of edges
    below, half were wrong in made-up systems.""",
)
LOG_FLOW_MOVED_MIN_FIT = LIMITS.limit(
    "log_flow_moved_min_fit",
    0.9,
    "ratio",
    """Of the common requests, those that do not contradict it, then: as for the share.""",
)
LOG_FLOW_MIN_REST = LIMITS.limit(
    "log_flow_min_rest",
    0.1,
    "ratio",
    """Of a callee's visits: what no caller explains is worth asking for further ones from here.""",
)
LOG_FLOW_MIN_REST_WITHIN = LIMITS.limit(
    "log_flow_min_rest_within",
    0.85,
    "ratio",
    """Of the rest, where a service is there: so often must it enclose the callee to call it.""",
)
LOG_FLOW_MIN_COVER = LIMITS.limit(
    "log_flow_min_cover",
    0.93,
    "ratio",
    """Of the rest, several services must enclose so much if each of them alone contradicts.""",
)
LOG_FLOW_MIN_WAITED = LIMITS.limit(
    "log_flow_min_waited",
    0.5,
    "ratio",
    """Of the rest: so often must who begins while another is at work end before it, if some of its calls
    are not waited for.""",
)
