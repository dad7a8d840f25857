"""
Every limit of the derivations once: value, unit, and why it is that.

A limit is a plain number under its name; `LIMITS` lists them all for the reference.
"""

from dataclasses import dataclass
from typing import TypeVar

__all__ = ["LIMITS", "Limit"]

S_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit, as the reference shows it."""

    name: str
    value: float
    unit: str
    reason: str


N = TypeVar("N", int, float)
_declared: list[Limit] = []


def _limit(name: str, value: N, unit: str, reason: str) -> N:
    _declared.append(Limit(name, float(value), unit, " ".join(reason.split())))
    return value


# -- triggers ------------------------------------------------------------------------------------

BIN_NS = _limit(
    "bin_ns",
    5 * S_NS,
    "ns",
    """Short enough to see a burst within 15 s, long enough that a busy
    operation has several calls in each.""",
)
BASELINE_MEMORY_BINS = _limit(
    "baseline_memory_bins",
    360,
    "bins",
    """A baseline forgets with a time constant of 30 minutes:
    longer than a deploy's warm-up, shorter than the day's tide.""",
)
COLD_START_BASELINE_BINS = _limit(
    "cold_start_baseline_bins",
    9,
    "bins",
    """45 s of a series must have been seen before it is
    judged on a store that has just begun; the start of most services is over by then.""",
)
MIN_BASELINE_CALLS = _limit(
    "min_baseline_calls",
    30,
    "calls",
    """An operation must have been called so often before its failures can be told from its ways.""",
)
WARM_BASELINE_BINS = _limit(
    "warm_baseline_bins",
    120,
    "bins",
    """10 min of baseline inside a window that does not reach back
    to the first telemetry: its first part was judged before, with a longer baseline.""",
)
BURST_THRESHOLD_NATS = _limit(
    "burst_threshold_nats",
    18.0,
    "nats",
    """A CUSUM of log-likelihood ratios crosses h by chance
    less than once in e^h bins (Lorden 1971). 50 series with 6 tests each make 3.6e7 tests a week,
    17.4 nats: at 18 the bound is about one false crossing in two weeks, before the further conditions.""",
)
LOG_THRESHOLD_NATS = _limit(
    "log_threshold_nats",
    20.0,
    "nats",
    """As for calls, with room for some 1,000 log shapes.""",
)
CONTRAST_NATS = _limit(
    "contrast_nats",
    10.0,
    "nats",
    """Before and since must differ by this likelihood ratio of two rates
    against one, which counts how little a short baseline is worth (a chance of 8e-6 at one look).""",
)
PERSISTENCE_BINS = _limit(
    "persistence_bins",
    8,
    "bins",
    """The 40 s in which failures must be spread out; a restart's blip
    of a few seconds is not.""",
)
FAILING_BINS = _limit(
    "failing_bins",
    3,
    "bins",
    """Failures in three bins of those: no blip of under 5 s can do that,
    and a 30% failure share shows after at most 15 s.""",
)
MIN_FAILURES = _limit(
    "min_failures",
    5,
    "calls",
    """Fewer failures in 40 s are nobody's incident and no statistic.""",
)
MIN_LOG_LINES = _limit(
    "min_log_lines",
    6,
    "lines",
    """At error or above, within 40 s.""",
)
MIN_WARNING_LINES = _limit(
    "min_warning_lines",
    12,
    "lines",
    """At warning, within 40 s; warnings are cheap and restarts write some.""",
)
WARNING_BINS = _limit(
    "warning_bins",
    5,
    "bins",
    """A warning must last longer than an error, for the same reason.""",
)
MIN_ERROR_RISE_RATIO = _limit(
    "min_error_rise_ratio",
    0.03,
    "ratio",
    """The failure share must rise by 3 points: smaller rises
    are left to objectives that users write.""",
)
MIN_REFUSED_RISE_RATIO = _limit(
    "min_refused_rise_ratio",
    0.10,
    "ratio",
    """4xx answers are often the client's fault and come in
    waves (scanners, wrong passwords), so they must rise by more.""",
)
MIN_ODDS_RISE = _limit(
    "min_odds_rise",
    2.5,
    "factor",
    """The odds of failure must rise this much, so that an operation
    that often fails is not reported for failing a little more.""",
)
MIN_LOG_RISE = _limit(
    "min_log_rise",
    3.0,
    "factor",
    """A known shape must be written three times as often as before,
    allowing for how much busier the service is.""",
)
BASELINE_UPPER_Z = _limit(
    "baseline_upper_z",
    1.64,
    "standard deviations",
    """The baseline's upper 95% bound stands for it,
    so that a short baseline makes the test slower and not more nervous.""",
)
BASELINE_PRIOR_CALLS = _limit(
    "baseline_prior_calls",
    25.0,
    "calls",
    """What we expect of an operation we know nothing about is worth 25 calls …""",
)
BASELINE_PRIOR_FAILURES = _limit(
    "baseline_prior_failures",
    0.25,
    "calls",
    """… of which one in a hundred fails.""",
)
LOG_PRIOR_BINS = _limit(
    "log_prior_bins",
    12.0,
    "bins",
    """A shape never seen counts as seen a quarter of a time in a minute.""",
)
DISPERSION_PRIOR_BINS = _limit(
    "dispersion_prior_bins",
    12.0,
    "bins",
    """Failures come in clumps (retries, batches). The baseline's
    own scatter divides the statistic; a prior of 12 well-behaved bins keeps it steady at first.""",
)
DISPERSION_RESIDUAL_CAP = _limit(
    "dispersion_residual_cap",
    64.0,
    "squared deviations",
    """One wild bin must not blind a series for half an hour.""",
)
ONSET_TOLERANCE_NATS = _limit(
    "onset_tolerance_nats",
    2.0,
    "nats",
    """The earliest instant within 2 nats of the likeliest is taken as the
    onset: failures that ramp up began before their steepest rise.""",
)
STRAY_EVENTS = _limit(
    "stray_events",
    0.05,
    "events",
    """An earlier failure is the onset's first when the baseline had less
    than this many in the stretch between.""",
)
ONSET_LOOKBACK_BINS = _limit(
    "onset_lookback_bins",
    24,
    "bins",
    """How far before the start of the excursion the onset is looked for.""",
)
RECOVERY_BINS = _limit(
    "recovery_bins",
    6,
    "bins",
    """30 s at the usual level end a burst.""",
)
LOG_WARNING_SEVERITY = _limit(
    "log_warning_severity",
    13,
    "severity number",
    """OpenTelemetry's WARN; below it a shape cannot trigger.""",
)
LOG_ERROR_SEVERITY = _limit(
    "log_error_severity", 17, "severity number", """OpenTelemetry's ERROR."""
)

# -- incidents -----------------------------------------------------------------------------------

JOIN_GAP_NS = _limit(
    "join_gap_ns",
    120 * S_NS,
    "ns",
    """Triggers of one failure show within two minutes of each other:
    a queue drains or a cache expires before the next service feels it.""",
)
JOIN_HOPS = _limit(
    "join_hops",
    4,
    "calls",
    """A failure is felt by callers up to this many calls away.""",
)
QUIET_NS = _limit(
    "quiet_ns",
    120 * S_NS,
    "ns",
    """Two minutes without any sign resolve an incident.""",
)
ALERT_QUIET_NS = _limit(
    "alert_quiet_ns",
    12 * 3600 * S_NS,
    "ns",
    """An alert that is never resolved by its sender is
    forgotten after half a day; Alertmanager repeats itself every 4 hours.""",
)

# -- causes --------------------------------------------------------------------------------------

CHANGE_LOOKBACK_NS = _limit(
    "change_lookback_ns",
    24 * 3600 * S_NS,
    "ns",
    """Older changes have seen a whole day's traffic.""",
)
CHANGE_LATENESS_NS = _limit(
    "change_lateness_ns",
    10 * S_NS,
    "ns",
    """A deploy is often reported just after the new process
    took its first calls; later than this it cannot be the cause.""",
)
CHANGE_HALF_LIFE_NS = _limit(
    "change_half_life_ns",
    15 * 60 * S_NS,
    "ns",
    """How near a change is to the onset counts half as
    much every quarter of an hour.""",
)
CHANGE_PRIOR = _limit(
    "change_prior",
    -1.5,
    "log-odds",
    """Most changes are innocent.""",
)
OPERATION_PRIOR = _limit(
    "operation_prior",
    -1.0,
    "log-odds",
    """Services do break by themselves (data, load, time), but the
    unknown outside them is as likely.""",
)
EDGE_CHANGE_NATS = _limit(
    "edge_change_nats",
    6.0,
    "nats",
    """An edge changed when two failure shares explain it better than
    one by this likelihood ratio (a chance of 5e-4) …""",
)
EDGE_CHANGE_RATIO = _limit(
    "edge_change_ratio",
    0.02,
    "ratio",
    """… and its failure share rose by two points.""",
)
UNKNOWN_FLOOR = _limit(
    "unknown_floor",
    0.04,
    "ratio",
    """Something not looked at is never less likely than this.""",
)

# -- log templates -------------------------------------------------------------------------------

TEMPLATE_WORDS = _limit(
    "template_words",
    8,
    "words",
    """So many different plain words at one place of otherwise equal lines are
    values. Fewer may be what was done: started, stopped, failed.""",
)
TEMPLATE_NAMES = _limit(
    "template_names",
    4,
    "names",
    """Likewise where half of them look like names (compounds, dots, capitals within):
    nobody writes four templates that differ in one identifier.""",
)
TEMPLATE_NAMED_VALUES = _limit(
    "template_named_values",
    2,
    "values",
    """Behind an equals sign two different words are values.""",
)
TEMPLATE_FIRST_WORDS = _limit(
    "template_first_words",
    16,
    "words",
    """The first word of a line is seldom a value: verbs and components stand there.""",
)
TEMPLATE_COMMON_WORDS_RATIO = _limit(
    "template_common_words_ratio",
    0.6,
    "ratio",
    """Lines are compared once this part of their words is common to all; below it
    they may be of different templates of the same length.""",
)
TEMPLATE_FEW_WORDS_RATIO = _limit(
    "template_few_words_ratio",
    0.3,
    "ratio",
    """Down to this part, lines of few words are compared if they differ in many ways.""",
)
TEMPLATE_FEW_WORDS_FACTOR = _limit(
    "template_few_words_factor",
    4,
    "times",
    """So many times more different words are needed then.""",
)

# -- dependencies --------------------------------------------------------------------------------

LEFT_BEHIND_MIN_TRACES = _limit(
    "left_behind_min_traces",
    3,
    "calls",
    """One call that goes on after its parent may be a span that
    was closed late; a parent that does not wait leaves calls behind again and again.""",
)
LEFT_BEHIND_LENGTH_RATIO = _limit(
    "left_behind_length_ratio",
    0.1,
    "ratio",
    """A child span is often closed a moment after its parent. Only one that
    goes on for more than a tenth of its own length is work that nobody waited for.""",
)
LEFT_BEHIND_ALWAYS_RATIO = _limit(
    "left_behind_always_ratio",
    0.5,
    "ratio",
    """Where half of such calls go on after their parent, the others
    ended in time by chance and were not waited for either; where fewer do, as when the first of
    several answers wins, those that ended in time may have been.""",
)
FIRST_PAINT_SLACK_NS = _limit(
    "first_paint_slack",
    50_000_000,
    "ns",
    """Text that is the largest paint of a page and came with its first paint, or within
    three frames of it, was in the document: no script brought it, and none was waited for.""",
)
MAX_LEARNED_TRACES = _limit(
    "max_learned_traces",
    2_000,
    "traces",
    """Of a chunk of a cohort so many teach what waits for what: an exception that none
    of them shows is met in less than one trace of 660, with 95% confidence.""",
)
MAX_SIBLING_TRACES = _limit(
    "max_sibling_traces",
    200,
    "traces",
    """So many of a route teach what one of its traces waited for: an exception that none
    of them shows is met in less than one trace of 66, with 95% confidence; reading them takes a tenth of a second.""",
)
MAX_SIBLING_SPANS = _limit(
    "max_sibling_spans",
    20_000,
    "spans",
    """Of traces as large as the one that is asked about, as many are read as have so many
    spans together, so that the answer stays quick.""",
)
MIN_SIBLING_TRACES = _limit(
    "min_sibling_traces",
    4,
    "traces",
    """Fewer, the one that is asked about among them, show nothing that it does not show itself.""",
)
SIBLINGS_BEFORE_NS = _limit(
    "siblings_before",
    3_600 * S_NS,
    "ns",
    """Traces that began earlier than an hour before may be of another version, or of clocks
    that were set since.""",
)
MAX_SIBLINGS_COMPARED = _limit(
    "max_siblings_compared",
    64,
    "spans",
    """Of the children of one span those that ended last are compared with
    each other: 2,016 pairs; a loop of thousands says no more of its order.""",
)
MAX_DEPENDENCIES = _limit(
    "max_dependencies",
    1 << 19,
    "pairs",
    """Room for pairs of operations, 37 MB; further ones are counted as left out.""",
)

# -- flows ---------------------------------------------------------------------------------------

MIN_NAME_SHARE = _limit(
    "min_name_share",
    0.9,
    "ratio",
    """Two names are of one node when nearly all that was seen says so; an
    address that changed hands, or a balancer before several services, belongs to nobody.""",
)
EDGE_CONFIDENCE = {
    kind: _limit(f"edge_confidence_{kind}", value, "ratio", reason)
    for kind, value, reason in (
        ("spans", 0.999, "Both sides sent a span of the call."),
        ("links", 0.98, "The later span names the earlier one, though not as its parent."),
        ("mesh", 0.99, "A proxy counted the calls and knew both workloads."),
        ("access_log", 0.98, "A proxy wrote the call down; one side is known by its address."),
        ("peer", 0.95, "One side alone was seen, and named the other."),
    )
}
LOGS_CONFIDENCE_EPISODES = _limit(
    "logs_confidence_episodes",
    3,
    "episodes",
    """From shared ids alone: the share of episodes that agree, times
    n / (n + this), so that one or two coincidences make no edge to rely on.""",
)
DISAGREE_CALLS_RATIO = _limit(
    "disagree_calls_ratio",
    0.8,
    "ratio",
    """Two kinds of evidence disagree on the number of calls when one has
    less than this share of the other's: beyond what the ends of a window explain.""",
)
DISAGREE_ERRORS_RATIO = _limit(
    "disagree_errors_ratio",
    0.05,
    "ratio",
    """They disagree on failures when the failing shares differ by more.""",
)
DISAGREE_MIN_CALLS = _limit(
    "disagree_min_calls",
    20,
    "calls",
    """Fewer calls, and a difference is chance.""",
)

# -- cohorts -------------------------------------------------------------------------------------

COHORT_CONFIDENCE_RATIO = _limit(
    "cohort_confidence_ratio",
    0.99,
    "ratio",
    """That the intervals of all nodes of a comparison hold at once: one
    comparison in a hundred may name a node by chance, before the further conditions.""",
)
MIN_COHORT_REQUESTS = _limit(
    "min_cohort_requests",
    30,
    "requests",
    """In each cohort: below, means of times that spread as requests do
    are not normal enough for their intervals to hold.""",
)
MIN_SUPPORT = _limit(
    "min_support",
    20,
    "requests",
    """A node that held up fewer requests of both cohorts is shown and not named; half of
    them must be of the slow cohort.""",
)
MIN_FINDING_EXCESS_RATIO = _limit(
    "min_finding_excess_ratio",
    0.03,
    "ratio",
    """Of a usual request's length: a difference below is not worth
    anybody's time, however sure it is.""",
)
MIN_FINDING_SHARE_RATIO = _limit(
    "min_finding_share_ratio",
    0.25,
    "ratio",
    """Of the cohorts' difference: a node with less of it is a part of
    something wider.""",
)
SHARED_RESOURCE_RATIO = _limit(
    "shared_resource_ratio",
    0.9,
    "ratio",
    """A resource is named rather than the one caller of it that became slower
    if no caller has so much of the difference.""",
)
TAIL_SPREADS = _limit(
    "tail_spreads",
    2.8,
    "spreads",
    """The median of the slowest twentieth lies 2.0 spreads above the median where
    times are log-normal, 1.2 where they are exponential, and twice that is what a second kind of
    work, three times as long, shows even where times spread by half. The middle of the two.""",
)
MAX_CONTEXTS = _limit(
    "max_contexts",
    20_000,
    "contexts",
    """Ways of calls of which blame is kept apart; ten times what a flame graph can show. The
    rest is summed below what waited for it.""",
)
MAX_CONTEXT_DEPTH = _limit(
    "max_context_depth",
    128,
    "calls",
    """What is called deeper counts for the last call above it: such depths are recursions, whose
    further turns say nothing new.""",
)
MAX_ATTRIBUTE_VALUES = _limit(
    "max_attribute_values",
    200,
    "values",
    """A key with more values among the requests compared names things one by
    one, such as users or orders, and sets no group of requests apart.""",
)

TEMPLATE_GAP_WORDS = _limit(
    "template_gap_words",
    8,
    "stretches",
    """So many different stretches of words, of more than one length, between the
    same words are values: searches, reasons, lists.""",
)
TEMPLATE_GAP_NAMES = _limit(
    "template_gap_names",
    4,
    "stretches",
    """Likewise where half of them look like names.""",
)
TEMPLATE_WORDS_AROUND = _limit(
    "template_words_around",
    3,
    "words",
    """So many plain words must stand around a stretch, on both sides of it.""",
)
TEMPLATE_WORDS_BEFORE = _limit(
    "template_words_before",
    3,
    "words",
    """Or so many before one that ends the line; fewer may be the head of every line of
    a logger.""",
)

# -- flows from logs alone -----------------------------------------------------------------------

LOG_FLOW_GRAIN_NS = _limit(
    "log_flow_grain_ns",
    1500000,
    "ns",
    """Times of lines are often written in whole milliseconds, and clocks kept right by NTP
    differ by about as much: less than this is no order.""",
)
LOG_FLOW_MOVED_GRAIN_NS = _limit(
    "log_flow_moved_grain_ns",
    5000000,
    "ns",
    """The same once a clock had to be set right from the logs themselves, which leaves a
    few milliseconds.""",
)
LOG_FLOW_MIN_REQUESTS = _limit(
    "log_flow_min_requests",
    10,
    "requests",
    """Fewer meetings of two services may be chance, or one odd run.""",
)
LOG_FLOW_MIN_REQUEST_RATIO = _limit(
    "log_flow_min_request_ratio",
    0.02,
    "ratio",
    """Of the requests of the rarer of the two: below, lines of unrelated requests meet as
    often.""",
)
LOG_FLOW_MIN_SHARED = _limit(
    "log_flow_min_shared",
    0.5,
    "ratio",
    """A caller hands keys on: in so many of their common requests one key must be written
    by both.""",
)
LOG_FLOW_MIN_FIT = _limit(
    "log_flow_min_fit",
    0.85,
    "ratio",
    """Of the common requests in which nothing contradicts the call: in the rest another calls,
    or lines were lost or mixed up.""",
)
LOG_FLOW_MIN_FIT_WITHIN = _limit(
    "log_flow_min_fit_within",
    0.75,
    "ratio",
    """The same where the callee's lines lie within the caller's, which chance hardly does.""",
)
LOG_FLOW_MIN_WITHIN = _limit(
    "log_flow_min_within",
    0.8,
    "ratio",
    """Of the common requests: so often must the callee lie within the caller for that to
    be its way.""",
)
LOG_FLOW_PRESENCE_LEAD = _limit(
    "log_flow_presence_lead",
    0.1,
    "ratio",
    """Who is there without the other is not called by it; below a tenth, lost lines do the
    same.""",
)
LOG_FLOW_MIN_WITH = _limit(
    "log_flow_min_with",
    0.85,
    "ratio",
    """A caller in between is there so often: lines are lost, and some requests fail before
    it writes.""",
)
LOG_FLOW_LOST_RATIO = _limit(
    "log_flow_lost_ratio",
    0.03,
    "ratio",
    """Of lines that do not arrive, or are not written since a request failed.""",
)
LOG_FLOW_FAILED_RATIO = _limit(
    "log_flow_failed_ratio",
    0.05,
    "ratio",
    """Of a caller's requests may fail before it calls anybody.""",
)
LOG_FLOW_GAIN_NATS = _limit(
    "log_flow_gain_nats",
    10.0,
    "nats",
    """So much likelier must one of two readings of who is there without whom be.""",
)
LOG_FLOW_MIN_LAGS = _limit(
    "log_flow_min_lags",
    30,
    "requests",
    """Fewer say nothing on shares.""",
)
LOG_FLOW_LAG_LEAD = _limit(
    "log_flow_lag_lead",
    0.15,
    "correlation",
    """By so much must the rank correlations of two readings of the lags differ.""",
)
LOG_FLOW_MAX_EARLY_RATIO = _limit(
    "log_flow_max_early_ratio",
    0.03,
    "ratio",
    """A call cannot begin before its caller; where it does more often, both were called at
    once.""",
)
LOG_FLOW_MIN_VOTES = _limit(
    "log_flow_min_votes",
    8.0,
    "requests",
    """An edge explains at least so many requests better than all others …""",
)
LOG_FLOW_MIN_VOTE_RATIO = _limit(
    "log_flow_min_vote_ratio",
    0.06,
    "ratio",
    """… and so much of all requests of its callee: what lost lines make of a path is less.""",
)
LOG_FLOW_MIN_WIN_WITHIN = _limit(
    "log_flow_min_win_within",
    0.15,
    "ratio",
    """Of the common requests: so often must an enclosing caller be the nearest …""",
)
LOG_FLOW_MIN_WIN = _limit(
    "log_flow_min_win",
    0.6,
    "ratio",
    """… and one that does not enclose, since it may be a neighbour that came first.""",
)
LOG_FLOW_MIN_COVERED = _limit(
    "log_flow_min_covered",
    0.7,
    "ratio",
    """Of a callee's requests its callers must explain so many; else somebody who is not
    seen calls it.""",
)
LOG_FLOW_STARTED_WITH = _limit(
    "log_flow_started_with",
    0.7,
    "ratio",
    """A service that is there in so many of another's requests …""",
)
LOG_FLOW_STARTED_AFTER = _limit(
    "log_flow_started_after",
    0.95,
    "ratio",
    """… and so often before it …""",
)
LOG_FLOW_OUTLASTS = _limit(
    "log_flow_outlasts",
    0.3,
    "ratio",
    """… but is so often done before the other is, sets it off or knows who does: lines
    that merely precede it say nothing then.""",
)

SHIFT_BLOCK_MINUTES = tuple(
    _limit(
        f"shift_block_minutes_{minutes}",
        minutes,
        "minutes",
        """A quantile of a route is taken of so many minutes: the fewest that hold enough requests.""",
    )
    for minutes in (5, 10, 20, 60)
)
SHIFT_BLOCK_REQUESTS = _limit(
    "shift_block_requests",
    20,
    "requests",
    """Fewer make a quantile jump about; a block with less than half of them is left out.""",
)
SHIFT_FULL_BLOCKS_RATIO = _limit(
    "shift_full_blocks_ratio",
    0.6,
    "ratio",
    """So many blocks must hold enough, or a longer block is taken.""",
)
SHIFT_AFTER_BLOCKS = tuple(
    _limit(
        f"shift_after_blocks_{blocks}",
        blocks,
        "blocks",
        """A length of the time after a shift that is looked for: a large one shows after the shortest,
        a small one needs the longest.""",
    )
    for blocks in (6, 12, 24, 48)
)
SHIFT_LEAST_MINUTES = _limit(
    "shift_least_minutes",
    60,
    "minutes",
    """What lasts less may be an episode, which incidents are about.""",
)
SHIFT_BEFORE_BLOCKS = _limit(
    "shift_before_blocks",
    12,
    "blocks",
    """The time before is at least so long, so that its median is the steadier of the two.""",
)
SHIFT_APART_RATIO = _limit(
    "shift_apart_ratio",
    0.85,
    "ratio",
    """So many blocks before and after must lie on their own side of the middle: an episode that
    fills less than that is none.""",
)
SHIFT_APART_HISTORY_RATIO = _limit(
    "shift_apart_history_ratio",
    0.6,
    "ratio",
    """The same of earlier contrasts that a shift must exceed: what nearly was one counts too.""",
)
SHIFT_PRESENT_RATIO = _limit(
    "shift_present_ratio",
    0.6,
    "ratio",
    """Of the blocks so many must hold enough requests; else a stretch is not judged.""",
)
SHIFT_LEAST_DOUBLINGS = _limit(
    "shift_least_doublings",
    0.2,
    "doublings",
    """15%: less is not worth anybody's time, and lies near the width of a bucket (9%).""",
)
SHIFT_Z = _limit(
    "shift_z",
    4.0,
    "deviations",
    """Of the series' own earlier contrasts; by simulation, see accuracy.md.""",
)
SHIFT_HISTORY_MARGIN = _limit(
    "shift_history_margin",
    1.3,
    "times",
    """By so much must a shift exceed the largest contrast that counted before.""",
)
SHIFT_LEAST_HISTORY_MINUTES = _limit(
    "shift_least_history_minutes",
    1440,
    "minutes",
    """A day: before that nobody can tell a daily cycle or a nightly job from a shift.""",
)

VERIFY_LOOK_BLOCKS = tuple(
    _limit(
        f"verify_look_blocks_{blocks}",
        blocks,
        "blocks",
        """After so much time a fix is looked at; whoever asks in between gets the look before.""",
    )
    for blocks in (3, 6, 12, 24, 48, 96, 192, 288)
)
VERIFY_BEFORE_BLOCKS = _limit(
    "verify_before_blocks",
    12,
    "blocks",
    """The time before a fix that counts, or as long as the time after it.""",
)
VERIFY_ERROR_RATIO = _limit(
    "verify_error_ratio",
    0.05,
    "ratio",
    """Of all looks together so many intervals may miss the truth.""",
)
VERIFY_LEAST_DOUBLINGS = _limit(
    "verify_least_doublings",
    0.1375,
    "doublings",
    """10%: a change that is surely smaller than this is called none.""",
)
VERIFY_LEAST_PLACEBOS = _limit(
    "verify_least_placebos",
    6,
    "instants",
    """So many independent earlier instants must there be to take the interval from them.""",
)
VERIFY_DRIFT_DOUBLINGS = _limit(
    "verify_drift_doublings",
    0.15,
    "doublings an hour",
    """So fast may a daily cycle move a series whose history is too short to show it: 11% an hour.""",
)
VERIFY_LARGEST_RATIO = _limit(
    "verify_largest_ratio",
    0.8,
    "ratio",
    """The interval is at least so much of the largest difference seen before in which blocks stood
    apart: episodes and nightly jobs are rare, so a deviation does not tell of them.""",
)
VERIFY_MOST_LAG_CORRELATION = _limit(
    "verify_most_lag_correlation",
    0.9,
    "correlation",
    """Of a block with the next; of more a stretch of this length says nothing.""",
)

REGRESSION_SLACK_NS = _limit(
    "regression_slack_ns",
    600 * S_NS,
    "ns",
    """Onsets that lie no farther apart than two blocks may be one.""",
)
REGRESSION_CHANGE_EARLY_NS = _limit(
    "regression_change_early_ns",
    1800 * S_NS,
    "ns",
    """A deploy is reported when it begins, and may take half an hour to reach every instance.""",
)
REGRESSION_STAYS_NS = _limit(
    "regression_stays_ns",
    8 * 86_400 * S_NS,
    "ns",
    """As long as the history that a series is judged by: then all of it is at the new level.""",
)

# -- what if --------------------------------------------------------------------------------------

CALL_LIMIT_MIN_CALLS = _limit(
    "call_limit_min_calls",
    10,
    "calls",
    """So many must have waited for a call of their kind to end before a limit is believed.""",
)
CALL_LIMIT_PROMPT_RATIO = _limit(
    "call_limit_prompt_ratio",
    0.1,
    "ratio",
    """A call that waited for a place begins within a tenth of its own length after one is free.""",
)
CALL_LIMIT_PROMPT_SHARE = _limit(
    "call_limit_prompt_share",
    0.8,
    "ratio",
    """Of those that waited so many must have begun promptly; the rest did something else first.""",
)
STATION_LEAST_NS = _limit(
    "station_least_ns",
    200_000,
    "ns",
    """A thread that waits for a place runs so soon after it is given back; what differs by less is
    not told apart.""",
)
STATION_MIN_EARLY = _limit(
    "station_min_early",
    12.0,
    "calls",
    """So many must be expected to have begun before a place was free, were there no limit. That the
    most ever seen at once is taken for the limit explains a few; twelve by chance are one in 160,000.""",
)
STATION_MIN_EARLY_SHOWN = _limit(
    "station_min_early_shown",
    4.0,
    "calls",
    """The same where waits are spans: that there is something to wait for is then said, and only
    how many places there are has to be seen.""",
)
STATION_MAX_PLACES = _limit(
    "station_max_places",
    64,
    "places",
    """With more, some place is given back at any moment, and promptness says nothing.""",
)
STATION_USUAL_QUANTILE = _limit(
    "station_usual_quantile",
    0.1,
    "ratio",
    """A gap this short among its like is taken to hold no wait.""",
)
WHAT_IF_MAX_ROUNDS = _limit(
    "what_if_max_rounds",
    12,
    "rounds",
    """Waits and times are played in turn until nothing changes; a request that asks the same
    place again needs another round each time.""",
)
WHAT_IF_Z = _limit(
    "what_if_z",
    1.96,
    "standard deviations",
    """Intervals of predicted percentiles hold with 95%.""",
)

LOG_FLOW_MIN_COVERED_WITHIN = _limit(
    "log_flow_min_covered_within",
    0.4,
    "ratio",
    """The same for callers that enclose it: who encloses a service calls it, and others may besides.""",
)
LOG_FLOW_MIN_BESIDE_A_WAY = _limit(
    "log_flow_min_beside_a_way",
    0.3,
    "ratio",
    """An edge beside a way of other edges explains so much of its callee: below, requests in which
    the way was not seen whole make as much.""",
)
LOG_FLOW_MOVED_MIN_SHARE = _limit(
    "log_flow_moved_min_share",
    0.6,
    "ratio",
    """Of a callee's requests, those that a caller explains best once clocks had to be moved: of edges
    below, half were wrong in made-up systems.""",
)
LOG_FLOW_MOVED_MIN_FIT = _limit(
    "log_flow_moved_min_fit",
    0.9,
    "ratio",
    """Of the common requests, those that do not contradict it, then: as for the share.""",
)
LOG_FLOW_MIN_REST = _limit(
    "log_flow_min_rest",
    0.1,
    "ratio",
    """Of a callee's visits: what no caller explains is worth asking for further ones from here.""",
)
LOG_FLOW_MIN_REST_WITHIN = _limit(
    "log_flow_min_rest_within",
    0.85,
    "ratio",
    """Of the rest, where a service is there: so often must it enclose the callee to call it.""",
)
LOG_FLOW_MIN_COVER = _limit(
    "log_flow_min_cover",
    0.93,
    "ratio",
    """Of the rest, several services must enclose so much if each of them alone contradicts.""",
)

LOG_FLOW_MIN_WAITED = _limit(
    "log_flow_min_waited",
    0.5,
    "ratio",
    """Of the rest: so often must who begins while another is at work end before it, if some of its calls
    are not waited for.""",
)

LIMITS: tuple[Limit, ...] = tuple(_declared)
"""All limits, in the order of this file."""
