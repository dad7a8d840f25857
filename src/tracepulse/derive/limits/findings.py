"""Every limit of findings by shape once: value, unit, and why it is that."""

from tracepulse.derive.limits.limit import Limits

__all__ = ["LIMITS"]

_MS_NS = 1_000_000.0
LIMITS = Limits()


MIN_FINDING_REQUESTS = int(
    LIMITS.limit(
        "min_finding_requests",
        10,
        "requests",
        """A shape seen in fewer is left unsaid: chance, a test, one odd client.""",
    )
)
MIN_FINDING_GAIN_RATIO = LIMITS.limit(
    "min_finding_gain_ratio",
    0.05,
    "of a usual request",
    """What mending it would save, in the mean over all requests; less is not worth the change.""",
)
MIN_RARE_REQUEST_RATIO = LIMITS.limit(
    "min_rare_request_ratio",
    0.02,
    "of the requests",
    """A shape of some requests only is told by what it costs those, if they are at least so many …""",
)
MIN_RARE_GAIN_RATIO = LIMITS.limit(
    "min_rare_gain_ratio",
    0.25,
    "of a usual request",
    """… and it holds each up for so long: whoever is hit notices.""",
)
MIN_FINDING_GAIN_NS = LIMITS.limit(
    "min_finding_gain_ns",
    1 * _MS_NS,
    "ns",
    """Per request that is held up: below it clocks and exporters say more than the program.""",
)
MIN_LOOP_CALLS = int(
    LIMITS.limit(
        "min_loop_calls",
        5,
        "calls",
        """Like calls of one parent, one after the other, that are a loop; the number that others
        settled on. Two or three are as often written out on purpose.""",
    )
)
MAX_LOOP_OVERLAP_RATIO = LIMITS.limit(
    "max_loop_overlap_ratio",
    0.1,
    "of the calls",
    """Of a loop that overlap. Batches run at once are no loop to be mended.""",
)
MIN_CHATTY_CALLS = int(
    LIMITS.limit(
        "min_chatty_calls",
        10,
        "calls",
        """To one service, from one request to another; loops of like calls do not count.""",
    )
)
MAX_CHATTY_CALL_RATIO = LIMITS.limit(
    "max_chatty_call_ratio",
    0.2,
    "of their sum",
    """The longest of many calls: where one is most of it, their number is not what costs.""",
)
MIN_SERIAL_TRACES = int(
    LIMITS.limit(
        "min_serial_traces",
        30,
        "requests",
        """In which two calls followed each other, and none in which they overlapped or came the
        other way round, before that is called a sequence.""",
    )
)
MAX_SERIAL_GAP_RATIO = LIMITS.limit(
    "max_serial_gap_ratio",
    0.1,
    "of the shorter call",
    """Between two calls; in a longer pause work is done that may make the second from the first.""",
)
MIN_SERIAL_CLOSE_RATIO = LIMITS.limit(
    "min_serial_close_ratio",
    0.8,
    "of the requests",
    """In which the second call follows without such a pause, and both hold the request up.""",
)
MIN_SERIAL_ALWAYS_RATIO = LIMITS.limit(
    "min_serial_always_ratio",
    0.95,
    "of the calls",
    """Share of either call made together with the other: what is made only now and then hangs on
    what the first one said. Some spans are lost.""",
)
MAX_ATTEMPTS = int(
    LIMITS.limit(
        "max_attempts",
        6,
        "calls",
        """More like calls of one parent are a loop in which some failed, not one call tried again.""",
    )
)
MAX_TIMEOUT_SPREAD_RATIO = LIMITS.limit(
    "max_timeout_spread_ratio",
    0.05,
    "of the median",
    """Between the 10th and 90th percentile of how long failed attempts took: so alike are only
    those that were cut off by a clock.""",
)
MIN_TIMEOUT_NS = LIMITS.limit(
    "min_timeout_ns",
    20 * _MS_NS,
    "ns",
    """Shorter failures of equal length are refusals.""",
)
MIN_COLD_STARTS = int(
    LIMITS.limit(
        "min_cold_starts",
        3,
        "instances",
        """New ones whose first request was seen; one may be slow for any reason.""",
    )
)
COLD_LEAD_NS = LIMITS.limit(
    "cold_lead_ns",
    30_000 * _MS_NS,
    "ns",
    """After the first request of all, the first of an instance is taken for its start; before,
    it may have run already.""",
)
MIN_COLD_FACTOR = LIMITS.limit(
    "min_cold_factor",
    2.0,
    "times the others' median",
    """That the median first request of an instance takes.""",
)
MIN_COLD_ABOVE_RATIO = LIMITS.limit(
    "min_cold_above_ratio",
    0.7,
    "of first requests",
    """That take longer than nine tenths of the others do.""",
)
STORM_NATS = LIMITS.limit(
    "storm_nats",
    9.0,
    "nats",
    """Log-likelihood ratio of a stretch with more misses against one rate for all. Of even rates
    the largest among all stretches exceeds 7.6 once in fifty cohorts.""",
)
STORM_MISS_RATIO = LIMITS.limit(
    "storm_miss_ratio",
    0.4,
    "of the look-ups",
    """That miss during a storm, and at least twice as many as before and after.""",
)
STORM_BINS = int(
    LIMITS.limit(
        "storm_bins",
        60,
        "stretches",
        """Into which the time of a cohort is divided to look for a storm.""",
    )
)
MIN_PAGE_HOLD_NS = LIMITS.limit(
    "min_page_hold_ns",
    100 * _MS_NS,
    "ns",
    """That a resource or frames hold up a page; a visitor notices a tenth of a second.""",
)
MIN_LATE_NS = LIMITS.limit(
    "min_late_ns",
    200 * _MS_NS,
    "ns",
    """Between the end of the page's markup and the request for a resource that the load waits for.""",
)
LONG_FRAME_NS = LIMITS.limit(
    "long_frame_ns",
    50 * _MS_NS,
    "ns",
    """The browsers' own limit of a long frame; only what is beyond counts.""",
)
MIN_PAGE_RATIO = LIMITS.limit(
    "min_page_ratio",
    0.1,
    "of the page loads",
    """That a page's finding holds up; rarer ones are a visitor's machine or network.""",
)
SLOW_FIRST_BYTE_NS = LIMITS.limit(
    "slow_first_byte_ns",
    800 * _MS_NS,
    "ns",
    """Until a page's answer is through; what web vitals call good ends there.""",
)
MIN_SERVER_SHARE_RATIO = LIMITS.limit(
    "min_server_share_ratio",
    0.5,
    "of the wait",
    """That was spent in the server's span; otherwise the network is to blame.""",
)
