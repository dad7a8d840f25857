"""
Find stretches of bins in which events are much more frequent than before.

A CUSUM per series and raised rate sums log-likelihood ratios against a baseline that learns only
from bins outside an excursion:

    lines/bin            ▂▁▂ ▁▂▁▁▂▁▂ ▁▆█▇█▇█▇▁▂▁ ▁
    CUSUM                ▁▁▁ ▁▁▁▁▁▁▁ ▁▃▅█ alarm
                                     ^ excursion began; the onset is the likeliest change point near it

Source: E. S. Page, Continuous inspection schemes, 1954; the bound on false alarms is G. Lorden's,
1971. Several raised rates are run side by side since the size of a rise is not known beforehand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.limits.detection import (
    BASELINE_MEMORY_BINS,
    BASELINE_PRIOR_CALLS,
    BASELINE_PRIOR_FAILURES,
    CONTRAST_NATS,
    DISPERSION_PRIOR_BINS,
    DISPERSION_RESIDUAL_CAP,
    FAILING_BINS,
    ONSET_LOOKBACK_BINS,
    ONSET_TOLERANCE_NATS,
    PERSISTENCE_BINS,
    RECOVERY_BINS,
    STRAY_EVENTS,
)
from tracepulse.derive.rates import RateModel

__all__ = ["Burst", "BurstRules", "KnownBurst", "find_bursts"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]

ABSORB_BINS = 36
"""An excursion this long (3 min) that never amounted to a burst is the new usual."""
LOCAL_BINS = 3
"""This many calm bins end an excursion when they speak clearly against the raised rate."""
CALM_NATS = -3.0


@dataclass(frozen=True, slots=True, eq=False)
class BurstRules:
    """The conditions beside the likelihood ratio; arrays have one value per series."""

    threshold_nats: float
    """Of the sequential test."""
    min_events: Floats
    """Within the last `PERSISTENCE_BINS`."""
    min_failing_bins: Integers
    min_baseline_bins: int
    min_baseline_exposure: float = 0.0
    """Calls that must have been seen before the onset."""

    def of(self, series: Integers) -> "BurstRules":
        """Return the rules of some of the series."""
        return replace(
            self,
            min_events=self.min_events[series],
            min_failing_bins=self.min_failing_bins[series],
        )


@dataclass(frozen=True, slots=True)
class KnownBurst:
    """A burst found earlier that had not ended: it is followed against its own baseline."""

    onset_bin: int
    """May be negative: before the window."""
    events_before: float
    exposure_before: float
    baseline_bins: int


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst of one series; bins count from the start of the window."""

    series: int
    onset_bin: int
    onset_low_bin: int
    """The earliest bin that fits nearly as well."""
    onset_high_bin: int
    alarm_bin: int
    last_bin: int
    """The last bin with more events than usual."""
    ended: bool
    baseline_bins: int
    usual_rate: float
    statistic: float
    known: bool = False


EVENTS, EXPOSURE, RESIDUALS, RESIDUAL_BINS = range(4)
"""Rows of a baseline: sums that forget, one column per series."""


class _State:
    """All series' running sums; rewritten in place as the walk goes from bin to bin."""

    def __init__(self, series: int, alternatives: int) -> None:
        self.base = np.zeros((4, series))
        self.base_bins = np.zeros(series)
        self.pending = np.zeros((4, series))
        self.pending_bins = np.zeros(series)
        self.sums = np.zeros((alternatives, series))
        self.begun = np.zeros((alternatives, series), np.int64)
        self.recent = np.zeros((LOCAL_BINS, alternatives, series))

    def usual(self, model: RateModel) -> Floats:
        """Return the upper bound of each series' usual rate."""
        return model.usual(self.base[EVENTS], self.base[EXPOSURE])

    def mean(self, series: int) -> float:
        """Return the mean rate of a series, a little above 0 when nothing was ever seen."""
        events, exposure = self.base[EVENTS, series], self.base[EXPOSURE, series]
        return float((events + BASELINE_PRIOR_FAILURES) / (exposure + BASELINE_PRIOR_CALLS))

    def scatter(self) -> Floats:
        """Return by how much the baseline's variance exceeds that of independent events; >= 1."""
        mean = (self.base[RESIDUALS] + DISPERSION_PRIOR_BINS) / (
            self.base[RESIDUAL_BINS] + DISPERSION_PRIOR_BINS
        )
        wide: Floats = np.maximum(mean, 1.0)
        return wide


class _Open:
    """A burst while the walk is inside it."""

    def __init__(self, burst: Burst) -> None:
        self.burst = burst
        self.last_bin = burst.last_bin
        self.events = 0.0
        self.exposure = 0.0
        self.calm_bins = 0
        self.calm_nats = 0.0


def find_bursts(
    events: Floats,
    exposure: Floats,
    observed: Flags,
    model: RateModel,
    rules: BurstRules,
    known: Mapping[int, KnownBurst] | None = None,
) -> tuple[tuple[Burst, ...], Flags]:
    """
    Return the bursts, and which series have the baseline that the rules ask for.

    Only series that may burst, or whose baseline depends on their excursions, are walked through:
    most have no events at all, and a look must cost little when nothing is wrong.

    Args:
        events: bins by series.
        exposure: calls, or bins' lengths; same shape.
        observed: whether a bin tells anything about a series; same shape.
        known: by series, bursts that began earlier and are to be followed.
    Returns:
        Bursts by (series, onset bin); a series may have several.
    """
    followed = {
        series: burst for series, burst in (known or {}).items() if series < events.shape[1]
    }
    ready: Flags = np.asarray(observed.sum(axis=0) >= rules.min_baseline_bins)
    wanted = np.zeros(events.shape[1], np.bool_)
    eventful = np.flatnonzero(events.any(axis=0))
    some = events[:, eventful]
    settled = _settled_bins(some, observed[:, eventful])
    unclear = ready[eventful] & (settled < rules.min_baseline_bins)
    wanted[eventful] = unclear | _may_alarm(some, rules.of(eventful))
    wanted[list(followed)] = True
    chosen = np.flatnonzero(wanted)
    if not len(chosen):
        return (), ready
    place = {series: position for position, series in enumerate(chosen.tolist())}
    bursts, baseline = _walk(
        events[:, chosen],
        exposure[:, chosen],
        observed[:, chosen],
        model,
        rules.of(chosen),
        {place[series]: burst for series, burst in followed.items()},
    )
    ready[chosen] = baseline >= rules.min_baseline_bins
    return tuple(replace(burst, series=int(chosen[burst.series])) for burst in bursts), ready


def _may_alarm(events: Floats, rules: BurstRules) -> Flags:
    """Return which series ever have as many events, and failing bins, as an alarm takes."""
    enough = (_recent(events) >= rules.min_events) & (
        _recent((events > 0).astype(np.float64)) >= np.maximum(rules.min_failing_bins, FAILING_BINS)
    )
    return np.asarray(enough.any(axis=0))


def _recent(values: Floats) -> Floats:
    """Return the sum of the last `PERSISTENCE_BINS` bins at each bin; exact for whole numbers."""
    total: Floats = np.cumsum(values, axis=0)
    total[PERSISTENCE_BINS:] -= total[:-PERSISTENCE_BINS].copy()
    return total


def _settled_bins(events: Floats, observed: Flags) -> Integers:
    """
    Return how many bins are in each baseline for certain, without walking through them.

    Every excursion is over once `ABSORB_BINS` + 1 bins have passed without an event, and none
    begins without one; all bins up to there are in the baseline.
    """
    gap = ABSORB_BINS + 1
    total = np.cumsum(events > 0, axis=0)
    before = np.zeros_like(total)
    before[gap:] = total[:-gap]
    # From each bin on: whether there is a calm one at it or later.
    calm_later = np.logical_or.accumulate((total == before)[::-1], axis=0)[::-1]
    return np.asarray((observed & calm_later).sum(axis=0), np.int64)


def _walk(
    events: Floats,
    exposure: Floats,
    observed: Flags,
    model: RateModel,
    rules: BurstRules,
    known: Mapping[int, KnownBurst],
) -> tuple[list[Burst], Integers]:
    """Go from bin to bin; return the bursts and how many bins of baseline there are in the end."""
    bins, count = events.shape
    alternatives = model.raised(np.zeros(1)).shape[0]
    state = _State(count, alternatives)
    going: dict[int, _Open] = {}
    done: list[Burst] = []
    waiting = {series: max(0, burst.onset_bin) for series, burst in known.items()}
    for t in range(bins):
        for series in [s for s, begin in waiting.items() if begin <= t]:
            del waiting[series]
            going[series] = _open_known(series, known[series], model)
        usual = state.usual(model)
        _step(state, t, events[t], exposure[t], observed[t], usual, model, rules)
        alarms = _alarms(state, t, events, exposure, usual, model, rules)
        for series in np.flatnonzero(alarms).tolist():
            if series not in going and series not in waiting:
                burst = _open(state, series, t, events, exposure, observed, model, rules)
                if burst is not None:
                    going[series] = burst
        for series in sorted(going):
            if _follow(going[series], t, events[t, series], exposure[t, series], model):
                done.append(_closed(going.pop(series), ended=True))
                _forget_excursion(state, series)
        _hold_baseline(state, going)
    done.extend(_closed(going[series], ended=False) for series in sorted(going))
    done.sort(key=lambda burst: (burst.series, burst.onset_bin))
    return done, state.base_bins.astype(np.int64)


def _step(
    state: _State,
    t: int,
    events: Floats,
    exposure: Floats,
    observed: Flags,
    usual: Floats,
    model: RateModel,
    rules: BurstRules,
) -> None:
    """Add one bin to the sums, and to the baseline where there is no excursion."""
    raised = model.raised(usual)
    ratio = model.log_ratio(events, exposure, usual, raised) / state.scatter()
    # No single bin may decide: persistence is what tells a burst from a blip.
    ratio = np.minimum(ratio, rules.threshold_nats / 2.5)
    fresh = state.sums <= 0
    state.begun[fresh] = t
    state.sums = np.maximum(state.sums + ratio, 0.0)
    state.sums = np.minimum(state.sums, 4 * rules.threshold_nats)
    # Only bins inside the excursion count: the calm before it says nothing of its end.
    state.recent[:, fresh] = 0.0
    state.recent[:-1] = state.recent[1:].copy()
    state.recent[-1] = ratio
    calm = state.recent.sum(axis=0) < CALM_NATS
    stale = t - state.begun > ABSORB_BINS
    state.sums = np.where(calm | stale, 0.0, state.sums)
    state.pending_bins += observed
    _learn(state, events, exposure, usual, model)


def _learn(
    state: _State, events: Floats, exposure: Floats, usual: Floats, model: RateModel
) -> None:
    """Move what is pending into the baseline of every series that is not in an excursion."""
    variance = model.variance(exposure, usual)
    deviation = events - exposure * usual
    squared = np.divide(deviation**2, variance, out=np.zeros_like(variance), where=variance > 0)
    state.pending[EVENTS] += events
    state.pending[EXPOSURE] += exposure
    state.pending[RESIDUALS] += np.minimum(squared, DISPERSION_RESIDUAL_CAP)
    state.pending[RESIDUAL_BINS] += exposure > 0
    quiet = state.sums.max(axis=0) <= 0
    keep = np.exp(-1.0 / BASELINE_MEMORY_BINS)
    state.base = np.where(quiet, state.base * keep + state.pending, state.base)
    state.base_bins = np.where(quiet, state.base_bins + state.pending_bins, state.base_bins)
    state.pending = np.where(quiet, 0.0, state.pending)
    state.pending_bins = np.where(quiet, 0.0, state.pending_bins)


def _alarms(
    state: _State,
    t: int,
    events: Floats,
    exposure: Floats,
    usual: Floats,
    model: RateModel,
    rules: BurstRules,
) -> Flags:
    """Return which series meet every condition at bin `t`."""
    first = max(0, t + 1 - PERSISTENCE_BINS)
    recent = events[first : t + 1]
    recent_events = recent.sum(axis=0)
    failing_bins = (recent > 0).sum(axis=0)
    # The share is judged over the bins since failures began, so that calm ones do not dilute it.
    began = np.argmax(recent > 0, axis=0)
    position = np.arange(recent.shape[0])[:, None]
    since = np.where(position >= began[None, :], exposure[first : t + 1], 0.0).sum(axis=0)
    crossed: Flags = (
        (state.sums.max(axis=0) >= rules.threshold_nats)
        & (recent_events >= rules.min_events)
        & (failing_bins >= np.maximum(rules.min_failing_bins, FAILING_BINS))
        & (events[t] > 0)
        & model.matters(recent_events, since, usual)
    )
    return crossed


def _open(
    state: _State,
    series: int,
    t: int,
    events: Floats,
    exposure: Floats,
    observed: Flags,
    model: RateModel,
    rules: BurstRules,
) -> _Open | None:
    """Begin a burst at its likeliest onset, if it stands out from all that came before."""
    sums = state.sums[:, series]
    begun = int(state.begun[:, series][sums > 0].min())
    first = max(0, begun - ONSET_LOOKBACK_BINS)
    near = slice(first, t + 1)
    rate = state.usual(model)[series]
    low, onset, high = _change_point(events[near, series], exposure[near, series], rate, model)
    onset = _walk_back(events[near, series], exposure[near, series], onset, state.mean(series))
    since = slice(first + onset, t + 1)
    counts = np.array([events[since, series].sum(), exposure[since, series].sum()])
    before = np.maximum(state.base[:2, series] + state.pending[:2, series] - counts, 0.0)
    bins_before = state.base_bins[series] + state.pending_bins[series]
    bins_before -= observed[since, series].sum()
    usual = model.usual(before[:1], before[1:])
    if (
        bins_before < rules.min_baseline_bins
        or before[EXPOSURE] < rules.min_baseline_exposure
        or _contrast(before, counts, model) < CONTRAST_NATS * state.scatter()[series]
        or not model.matters(counts[:1], counts[1:], usual)[0]
    ):
        return None
    burst = Burst(
        series=series,
        onset_bin=first + onset,
        onset_low_bin=first + min(low, onset),
        onset_high_bin=first + high,
        alarm_bin=t,
        last_bin=t,
        ended=False,
        baseline_bins=int(bins_before),
        usual_rate=float(usual[0]),
        statistic=float(sums.max()),
    )
    return _Open(burst)


def _walk_back(events: Floats, exposure: Floats, onset: int, mean_rate: float) -> int:
    """
    Move an onset back to earlier events that the baseline can hardly have given.

    What ramps up begins with single failures. One before the onset belongs to it when fewer than
    `STRAY_EVENTS` were to be expected in the stretch between.
    """
    expected = 0.0
    for t in range(onset - 1, -1, -1):
        expected += exposure[t] * mean_rate
        if expected > STRAY_EVENTS:
            break
        if events[t] > 0:
            onset, expected = t, 0.0
    return onset


def _contrast(before: Floats, since: Floats, model: RateModel) -> float:
    """Return the log-likelihood ratio of two rates, before and since, against one for both."""
    counts = np.array([before[EVENTS], since[EVENTS]])
    lengths = np.array([before[EXPOSURE], since[EXPOSURE]])
    pooled = np.full(2, counts.sum() / max(lengths.sum(), 1e-9))
    own = model.likeliest(counts, lengths, np.full(2, 1e-9))
    return float(model.log_ratio(counts, lengths, pooled, own).sum())


def _open_known(series: int, known: KnownBurst, model: RateModel) -> _Open:
    """Take up a burst that began earlier."""
    usual = model.usual(np.array([known.events_before]), np.array([known.exposure_before]))
    burst = Burst(
        series=series,
        onset_bin=known.onset_bin,
        onset_low_bin=known.onset_bin,
        onset_high_bin=known.onset_bin,
        alarm_bin=known.onset_bin,
        last_bin=known.onset_bin,
        ended=False,
        baseline_bins=known.baseline_bins,
        usual_rate=float(usual[0]),
        statistic=0.0,
        known=True,
    )
    return _Open(burst)


def _change_point(
    events: Floats, exposure: Floats, usual: float, model: RateModel
) -> tuple[int, int, int]:
    """
    Return the earliest acceptable, the chosen and the latest acceptable onset bin.

    Maximum likelihood over the bin from which on the rate is the mean of the rest. The chosen bin is
    the earliest one within the tolerance that has an event in it.
    """
    later_events = np.cumsum(events[::-1])[::-1]
    later_exposure = np.cumsum(exposure[::-1])[::-1]
    # A raised rate of exactly 1 would make one success after the onset impossible.
    rate = model.likeliest(later_events, later_exposure, np.full_like(later_events, usual))
    likelihood = model.log_ratio(later_events, later_exposure, np.full_like(rate, usual), rate)
    near = np.flatnonzero(likelihood >= likelihood.max() - ONSET_TOLERANCE_NATS)
    with_events = near[events[near] > 0]
    chosen = int(with_events[0]) if len(with_events) else int(np.argmax(likelihood))
    return int(near[0]), chosen, int(near[-1])


def _follow(going: _Open, t: int, events: float, exposure: float, model: RateModel) -> bool:
    """Add one bin to a burst; return whether it is over."""
    usual = np.array([going.burst.usual_rate])
    now, length = np.array([events]), np.array([exposure])
    if events > 2 * usual[0] * exposure and model.matters(now, length, usual)[0]:
        going.last_bin, going.calm_bins, going.calm_nats = t, 0, 0.0
        going.events += events
        going.exposure += exposure
        return False
    if exposure > 0:
        going.calm_bins += 1
        going.exposure += exposure
        # Bins without a failure end a burst only once they are unlikely under the burst's own rate.
        rate = max((going.events + 1) / (going.exposure + 2), 1.5 * usual[0])
        going.calm_nats += float(model.log_ratio(now, length, usual, np.array([rate]))[0])
    return going.calm_bins >= RECOVERY_BINS and going.calm_nats < CALM_NATS


def _closed(going: _Open, *, ended: bool) -> Burst:
    """Return the burst as it stands at the end of the walk or of itself."""
    return replace(going.burst, last_bin=going.last_bin, ended=ended)


def _forget_excursion(state: _State, series: int) -> None:
    """Start a series afresh after a burst; what happened in it never enters the baseline."""
    state.sums[:, series] = 0.0
    _drop_pending(state, series)


def _hold_baseline(state: _State, going: Mapping[int, _Open]) -> None:
    """Keep bins inside a burst out of the baseline."""
    for series in going:
        _drop_pending(state, series)
        state.sums[:, series] = np.maximum(state.sums[:, series], 1e-9)


def _drop_pending(state: _State, series: int) -> None:
    state.pending[:, series] = 0.0
    state.pending_bins[series] = 0.0
