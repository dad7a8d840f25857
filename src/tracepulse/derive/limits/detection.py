"""Limits of detection: what of a series of bins is a trigger."""

from tracepulse.derive.limits.limit import S_NS, Limits

__all__ = [
    "BASELINE_MEMORY_BINS",
    "BASELINE_PRIOR_CALLS",
    "BASELINE_PRIOR_FAILURES",
    "BASELINE_UPPER_Z",
    "BIN_NS",
    "BURST_THRESHOLD_NATS",
    "COLD_START_BASELINE_BINS",
    "CONTRAST_NATS",
    "DISPERSION_PRIOR_BINS",
    "DISPERSION_RESIDUAL_CAP",
    "FAILING_BINS",
    "LIMITS",
    "LOG_ERROR_SEVERITY",
    "LOG_PRIOR_BINS",
    "LOG_THRESHOLD_NATS",
    "LOG_WARNING_SEVERITY",
    "MIN_BASELINE_CALLS",
    "MIN_ERROR_RISE_RATIO",
    "MIN_FAILURES",
    "MIN_LOG_LINES",
    "MIN_LOG_RISE",
    "MIN_ODDS_RISE",
    "MIN_REFUSED_RISE_RATIO",
    "MIN_WARNING_LINES",
    "ONSET_LOOKBACK_BINS",
    "ONSET_TOLERANCE_NATS",
    "PERSISTENCE_BINS",
    "RECOVERY_BINS",
    "STRAY_EVENTS",
    "WARM_BASELINE_BINS",
    "WARNING_BINS",
]

LIMITS = Limits()

BIN_NS = LIMITS.limit(
    "bin_ns",
    5 * S_NS,
    "ns",
    """Short enough to see a burst within 15 s, long enough that a busy
    operation has several calls in each.""",
)
BASELINE_MEMORY_BINS = LIMITS.limit(
    "baseline_memory_bins",
    360,
    "bins",
    """A baseline forgets with a time constant of 30 minutes:
    longer than a deploy's warm-up, shorter than the day's tide.""",
)
COLD_START_BASELINE_BINS = LIMITS.limit(
    "cold_start_baseline_bins",
    9,
    "bins",
    """45 s of a series must have been seen before it is
    judged on a store that has just begun; the start of most services is over by then.""",
)
MIN_BASELINE_CALLS = LIMITS.limit(
    "min_baseline_calls",
    30,
    "calls",
    """An operation must have been called so often before its failures can be told from its ways.""",
)
WARM_BASELINE_BINS = LIMITS.limit(
    "warm_baseline_bins",
    120,
    "bins",
    """10 min of baseline inside a window that does not reach back
    to the first telemetry: its first part was judged before, with a longer baseline.""",
)
BURST_THRESHOLD_NATS = LIMITS.limit(
    "burst_threshold_nats",
    18.0,
    "nats",
    """A CUSUM of log-likelihood ratios crosses h by chance
    less than once in e^h bins (Lorden 1971). 50 series with 6 tests each make 3.6e7 tests a week,
    17.4 nats: at 18 the bound is about one false crossing in two weeks, before the further conditions.""",
)
LOG_THRESHOLD_NATS = LIMITS.limit(
    "log_threshold_nats",
    20.0,
    "nats",
    """As for calls, with room for some 1,000 log shapes.""",
)
CONTRAST_NATS = LIMITS.limit(
    "contrast_nats",
    10.0,
    "nats",
    """Before and since must differ by this likelihood ratio of two rates
    against one, which counts how little a short baseline is worth (a chance of 8e-6 at one look).""",
)
PERSISTENCE_BINS = LIMITS.limit(
    "persistence_bins",
    8,
    "bins",
    """The 40 s in which failures must be spread out; a restart's blip
    of a few seconds is not.""",
)
FAILING_BINS = LIMITS.limit(
    "failing_bins",
    3,
    "bins",
    """Failures in three bins of those: no blip of under 5 s can do that,
    and a 30% failure share shows after at most 15 s.""",
)
MIN_FAILURES = LIMITS.limit(
    "min_failures",
    5,
    "calls",
    """Fewer failures in 40 s are nobody's incident and no statistic.""",
)
MIN_LOG_LINES = LIMITS.limit(
    "min_log_lines",
    6,
    "lines",
    """At error or above, within 40 s.""",
)
MIN_WARNING_LINES = LIMITS.limit(
    "min_warning_lines",
    12,
    "lines",
    """At warning, within 40 s; warnings are cheap and restarts write some.""",
)
WARNING_BINS = LIMITS.limit(
    "warning_bins",
    5,
    "bins",
    """A warning must last longer than an error, for the same reason.""",
)
MIN_ERROR_RISE_RATIO = LIMITS.limit(
    "min_error_rise_ratio",
    0.03,
    "ratio",
    """The failure share must rise by 3 points: smaller rises
    are left to objectives that users write.""",
)
MIN_REFUSED_RISE_RATIO = LIMITS.limit(
    "min_refused_rise_ratio",
    0.10,
    "ratio",
    """4xx answers are often the client's fault and come in
    waves (scanners, wrong passwords), so they must rise by more.""",
)
MIN_ODDS_RISE = LIMITS.limit(
    "min_odds_rise",
    2.5,
    "factor",
    """The odds of failure must rise this much, so that an operation
    that often fails is not reported for failing a little more.""",
)
MIN_LOG_RISE = LIMITS.limit(
    "min_log_rise",
    3.0,
    "factor",
    """A known shape must be written three times as often as before,
    allowing for how much busier the service is.""",
)
BASELINE_UPPER_Z = LIMITS.limit(
    "baseline_upper_z",
    1.64,
    "standard deviations",
    """The baseline's upper 95% bound stands for it,
    so that a short baseline makes the test slower and not more nervous.""",
)
BASELINE_PRIOR_CALLS = LIMITS.limit(
    "baseline_prior_calls",
    25.0,
    "calls",
    """What we expect of an operation we know nothing about is worth 25 calls …""",
)
BASELINE_PRIOR_FAILURES = LIMITS.limit(
    "baseline_prior_failures",
    0.25,
    "calls",
    """… of which one in a hundred fails.""",
)
LOG_PRIOR_BINS = LIMITS.limit(
    "log_prior_bins",
    12.0,
    "bins",
    """A shape never seen counts as seen a quarter of a time in a minute.""",
)
DISPERSION_PRIOR_BINS = LIMITS.limit(
    "dispersion_prior_bins",
    12.0,
    "bins",
    """Failures come in clumps (retries, batches). The baseline's
    own scatter divides the statistic; a prior of 12 well-behaved bins keeps it steady at first.""",
)
DISPERSION_RESIDUAL_CAP = LIMITS.limit(
    "dispersion_residual_cap",
    64.0,
    "squared deviations",
    """One wild bin must not blind a series for half an hour.""",
)
ONSET_TOLERANCE_NATS = LIMITS.limit(
    "onset_tolerance_nats",
    2.0,
    "nats",
    """The earliest instant within 2 nats of the likeliest is taken as the
    onset: failures that ramp up began before their steepest rise.""",
)
STRAY_EVENTS = LIMITS.limit(
    "stray_events",
    0.05,
    "events",
    """An earlier failure is the onset's first when the baseline had less
    than this many in the stretch between.""",
)
ONSET_LOOKBACK_BINS = LIMITS.limit(
    "onset_lookback_bins",
    24,
    "bins",
    """How far before the start of the excursion the onset is looked for.""",
)
RECOVERY_BINS = LIMITS.limit(
    "recovery_bins",
    6,
    "bins",
    """30 s at the usual level end a burst.""",
)
LOG_WARNING_SEVERITY = LIMITS.limit(
    "log_warning_severity",
    13,
    "severity number",
    """OpenTelemetry's WARN; below it a shape cannot trigger.""",
)
LOG_ERROR_SEVERITY = LIMITS.limit(
    "log_error_severity", 17, "severity number", """OpenTelemetry's ERROR."""
)
