"""How often chance alone sounds an alarm, and how fast a real burst is seen."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tracepulse.derive.bursts import Burst, BurstRules, find_bursts
from tracepulse.derive.limits.detection import (
    BURST_THRESHOLD_NATS,
    COLD_START_BASELINE_BINS,
    FAILING_BINS,
    LOG_THRESHOLD_NATS,
    MIN_BASELINE_CALLS,
    MIN_ERROR_RISE_RATIO,
    MIN_FAILURES,
    MIN_LOG_LINES,
)
from tracepulse.derive.rates import FailureRate, LineRate

Floats = NDArray[np.float64]
BIN_S = 5
WEEK_BINS = 7 * 24 * 3600 // BIN_S


def rules(series: int, *, logs: bool = False) -> BurstRules:
    """The product's rules for error bursts or error lines."""
    return BurstRules(
        threshold_nats=LOG_THRESHOLD_NATS if logs else BURST_THRESHOLD_NATS,
        min_events=np.full(series, float(MIN_LOG_LINES if logs else MIN_FAILURES)),
        min_failing_bins=np.full(series, FAILING_BINS),
        min_baseline_bins=COLD_START_BASELINE_BINS,
        min_baseline_exposure=0 if logs else MIN_BASELINE_CALLS,
    )


def call_bursts(failures: Floats, calls: Floats) -> tuple[Burst, ...]:
    """Judge failing calls."""
    model = FailureRate(MIN_ERROR_RISE_RATIO)
    return find_bursts(failures, calls, calls > 0, model, rules(calls.shape[1]))[0]


def mixed_noise(bins: int, seed: int) -> tuple[Floats, Floats]:
    """50 operations, from 0.2 to 40 calls a second, of which 0 to 20% fail independently."""
    chance = np.random.default_rng(seed)
    rates = np.tile([1.0, 5.0, 20.0, 60.0, 200.0], 10)
    shares = np.repeat([0.0, 0.001, 0.01, 0.05, 0.2], 10)
    calls = chance.poisson(rates, (bins, 50))
    return chance.binomial(calls, shares).astype(float), calls.astype(float)


@pytest.mark.parametrize("seed", range(3))
def test_independent_failures_sound_no_alarm(seed: int) -> None:
    """Three times 50 series over an hour: none after the first ten minutes."""
    found = call_bursts(*mixed_noise(720, seed))
    assert [burst for burst in found if burst.alarm_bin >= 120] == []


@pytest.mark.slow
def test_a_week_of_noise_sounds_at_most_one_alarm() -> None:
    """The stated rate: fewer than one false burst a week over 50 series."""
    assert len(call_bursts(*mixed_noise(WEEK_BINS, 11))) <= 1


def test_cold_starts_rarely_sound_an_alarm() -> None:
    """Of 4,000 series in their first ten minutes, at most 8 (0.2%) are reported."""
    chance = np.random.default_rng(3)
    calls = chance.poisson(10, (120, 4_000))
    failures = chance.binomial(calls, 0.05).astype(float)
    assert len(call_bursts(failures, calls.astype(float))) <= 8


def test_clumped_failures_sound_few_alarms() -> None:
    """Failures that come in fours (retries): once 15 minutes of them are known, at most one."""
    chance = np.random.default_rng(8)
    calls = chance.poisson(20, (720, 50))
    clumps = chance.poisson(0.1, (720, 50)) * 4
    failures = np.minimum(clumps, calls).astype(float)
    found = call_bursts(failures, calls.astype(float))
    assert sum(burst.alarm_bin >= 180 for burst in found) <= 1


def test_stationary_log_lines_sound_no_alarm() -> None:
    """100 shapes of error lines at up to 3 a bin over an hour: none."""
    chance = np.random.default_rng(4)
    lines = chance.poisson(np.linspace(0.005, 3.0, 100), (720, 100)).astype(float)
    one = np.ones_like(lines)
    found, _ = find_bursts(lines, one, one > 0, LineRate(), rules(100, logs=True))
    assert found == ()


@pytest.mark.parametrize("calls_per_bin", [50, 200])
@pytest.mark.parametrize("healthy_bins", [12, 120])
def test_a_third_of_failures_is_seen_in_15_s(calls_per_bin: int, healthy_bins: int) -> None:
    """From the first bin with a failure, at most three bins pass; the onset is within 10 s."""
    chance = np.random.default_rng(6)
    series = 200
    shares = np.full((healthy_bins + 12, series), 0.004)
    shares[healthy_bins:] = 0.3
    calls = chance.poisson(calls_per_bin, shares.shape)
    failures = chance.binomial(calls, shares).astype(float)
    found = {burst.series: burst for burst in call_bursts(failures, calls.astype(float))}
    assert len(found) == series
    delays = np.array([burst.alarm_bin + 1 - healthy_bins for burst in found.values()]) * BIN_S
    onsets = np.array([burst.onset_bin - healthy_bins for burst in found.values()]) * BIN_S
    assert np.quantile(delays, 0.95) <= 15
    assert np.mean(np.abs(onsets) <= 10) >= 0.95
