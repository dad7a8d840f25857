"""The burst test leaves out series that cannot burst; that changes nothing of what it says."""

import numpy as np

from tracepulse.derive.bursts import BurstRules, KnownBurst, find_bursts
from tracepulse.derive.rates import FailureRate

BINS = 200
MODEL = FailureRate(0.03)
FOLLOWED = KnownBurst(BINS, events_before=0.0, exposure_before=0.0, baseline_bins=0)
"""Begins after the end: nothing comes of it, but its series is walked through bin by bin."""


def rules(series: int) -> BurstRules:
    """The rules of error bursts."""
    return BurstRules(18.0, np.full(series, 5.0), np.full(series, 3), 120, 30.0)


def test_series_without_a_chance_to_burst_are_judged_as_if_walked_through() -> None:
    """Rare failures, none, many and late ones: the same series have their baseline either way."""
    random = np.random.default_rng(11)
    shares = np.repeat([0.0, 0.0005, 0.01, 0.2], 60)
    calls = random.poisson(np.tile([0.5, 5.0, 50.0], 80), (BINS, shares.size)).astype(float)
    late = random.integers(70, 90, shares.size)
    calls[np.arange(BINS)[:, None] < late[None, :]] = 0  # some are seen for too short a time
    failures = random.binomial(calls.astype(int), shares).astype(float)
    # Two bad bins at the end are no burst, but keep the last bins out of the baseline.
    failures[-6:-4, ::5] = calls[-6:-4, ::5]

    every = dict.fromkeys(range(shares.size), FOLLOWED)
    bursts, ready = find_bursts(failures, calls, calls > 0, MODEL, rules(shares.size))
    _, walked = find_bursts(failures, calls, calls > 0, MODEL, rules(shares.size), every)

    assert 0 < ready.sum() < shares.size
    assert ready.tolist() == walked.tolist()
    assert bursts == ()


def test_a_burst_among_quiet_series_is_the_one_it_is_alone() -> None:
    """A series that bursts keeps its number and its figures beside many that do not."""
    calls = np.full((BINS, 50), 40.0)
    failures = np.zeros((BINS, 50))
    failures[150:170, 33] = 20.0

    (burst,), _ = find_bursts(failures, calls, calls > 0, MODEL, rules(50))
    (alone,), _ = find_bursts(failures[:, 33:34], calls[:, :1], calls[:, :1] > 0, MODEL, rules(1))

    assert burst.series == 33
    assert (burst.onset_bin, burst.alarm_bin, burst.last_bin, burst.statistic) == (
        alone.onset_bin,
        alone.alarm_bin,
        alone.last_bin,
        alone.statistic,
    )
    assert burst.onset_bin == 150
