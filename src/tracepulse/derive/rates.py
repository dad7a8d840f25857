"""Two ways to count: failures among calls (binomial) and lines in time (Poisson)."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.limits.detection import (
    BASELINE_PRIOR_CALLS,
    BASELINE_PRIOR_FAILURES,
    BASELINE_UPPER_Z,
    LOG_PRIOR_BINS,
    MIN_LOG_RISE,
    MIN_ODDS_RISE,
)

__all__ = ["FailureRate", "LineRate", "RateModel"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class RateModel(Protocol):
    """How events arise from exposure; all arguments are arrays with one value per series."""

    def usual(self, events: Floats, exposure: Floats) -> Floats:
        """Return the upper bound of the usual rate, given a baseline."""

    def raised(self, usual: Floats) -> Floats:
        """Return the raised rates to test against, one row per alternative."""

    def log_ratio(self, events: Floats, exposure: Floats, usual: Floats, raised: Floats) -> Floats:
        """Return the log-likelihood ratio of `raised` against `usual`, in nats."""

    def likeliest(self, events: Floats, exposure: Floats, usual: Floats) -> Floats:
        """Return the likeliest rate of a stretch, never below the usual one."""

    def variance(self, exposure: Floats, usual: Floats) -> Floats:
        """Return the variance of the number of events at the usual rate."""

    def matters(self, events: Floats, exposure: Floats, usual: Floats) -> Flags:
        """Return whether the rise is large enough to matter, however sure it is."""


@dataclass(frozen=True, slots=True)
class FailureRate:
    """Binomial: `exposure` calls, of which `events` failed."""

    min_rise_ratio: float
    """The failure share must rise by this much."""

    def usual(self, events: Floats, exposure: Floats) -> Floats:
        """Return the upper 95% bound of the usual failure share (Beta posterior, normal bound)."""
        failed = events + BASELINE_PRIOR_FAILURES
        total = exposure + BASELINE_PRIOR_CALLS
        mean = failed / total
        spread = np.sqrt(mean * (1 - mean) / (total + 1))
        bound: Floats = np.minimum(mean + BASELINE_UPPER_Z * spread, 0.97)
        return bound

    def raised(self, usual: Floats) -> Floats:
        """Return failure shares that are this rise, thrice and eight times it above the usual."""
        steps = np.minimum(np.array([1.5, 4.0, 10.0]) * self.min_rise_ratio, 0.6)
        return usual[None, :] + (1 - usual)[None, :] * steps[:, None]

    def log_ratio(self, events: Floats, exposure: Floats, usual: Floats, raised: Floats) -> Floats:
        """Return the binomial log-likelihood ratio."""
        kept: Floats = events * np.log(raised / usual) + (exposure - events) * np.log(
            (1 - raised) / (1 - usual)
        )
        return kept

    def likeliest(self, events: Floats, exposure: Floats, usual: Floats) -> Floats:
        """Return the failure share, kept below 1 so that one success stays possible."""
        share = np.minimum(events, exposure) / (exposure + 1e-3)
        kept: Floats = np.minimum(np.maximum(share, usual), 1 - 1e-6)
        return kept

    def variance(self, exposure: Floats, usual: Floats) -> Floats:
        """Return n p (1 - p)."""
        return exposure * usual * (1 - usual)

    def matters(self, events: Floats, exposure: Floats, usual: Floats) -> Flags:
        """Return whether share and odds both rose enough."""
        share = (events + 1e-9) / np.maximum(exposure, 1)
        odds = share / np.maximum(1 - share, 1e-9)
        usual_odds = usual / (1 - usual)
        risen: Flags = (share >= usual + self.min_rise_ratio) & (odds >= MIN_ODDS_RISE * usual_odds)
        return risen


@dataclass(frozen=True, slots=True)
class LineRate:
    """Poisson: `events` lines in `exposure` bins (longer than one bin when the service is busier)."""

    def usual(self, events: Floats, exposure: Floats) -> Floats:
        """Return the upper 95% bound of the usual lines per bin (Gamma posterior, normal bound)."""
        lines = events + BASELINE_PRIOR_FAILURES
        bins = exposure + LOG_PRIOR_BINS
        bound: Floats = (lines + BASELINE_UPPER_Z * np.sqrt(lines)) / bins
        return bound

    def raised(self, usual: Floats) -> Floats:
        """Return three rates to test against: a few lines a bin more, or ten times as many."""
        return np.stack([3 * usual + 0.5, 4 * usual + 2.0, 10 * usual + 4.0])

    def log_ratio(self, events: Floats, exposure: Floats, usual: Floats, raised: Floats) -> Floats:
        """Return the Poisson log-likelihood ratio."""
        kept: Floats = events * np.log(raised / usual) - exposure * (raised - usual)
        return kept

    def likeliest(self, events: Floats, exposure: Floats, usual: Floats) -> Floats:
        """Return the mean lines per bin."""
        kept: Floats = np.maximum(events / np.maximum(exposure, 1e-9), usual)
        return kept

    def variance(self, exposure: Floats, usual: Floats) -> Floats:
        """Return the mean, which is the variance."""
        return exposure * usual

    def matters(self, events: Floats, exposure: Floats, usual: Floats) -> Flags:
        """Return whether the rate rose enough."""
        risen: Flags = events >= MIN_LOG_RISE * usual * np.maximum(exposure, 1e-9)
        return risen
