"""
Made-up latencies of routes, minute by minute, in which something shifted at a known instant or nothing did.

    family        what the latency does of itself
    independent   log-normal requests, nothing else
    wandering     the level of minutes is an autoregressive walk around its mean (0.8 to 0.99)
    queueing      waiting grows as 1 / (1 - load), the load wanders
    heavy         requests with a Pareto tail, minutes with a Student-t level
    daily         a smooth cycle of a day in traffic and latency, quieter weekends
    scheduled     jobs at fixed times of day slow everything for their length
    bursts        episodes of some minutes, at random, up to six times as slow
    modes         hits and misses of a cache; their share wanders
    drops         hours in which little or no traffic comes
    quiet         three requests a minute down to one in ten minutes
    mixed         several of these at once

A shift is of all requests (`level`), of the slowest part of them (`tail`), or of all within half an
hour (`ramp`). Counts are by eighths of a power of two of the length in ns, as the store keeps them.
The same seed gives the same numbers. What a method may see is `minute`, `bucket` and `count`.
"""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FAMILIES", "SHIFTS", "LatencySeries", "Shift", "latency_series"]

FAMILIES = (
    "independent",
    "wandering",
    "queueing",
    "heavy",
    "daily",
    "scheduled",
    "bursts",
    "modes",
    "drops",
    "quiet",
    "mixed",
)
SHIFTS = ("level", "tail", "ramp")
DAY = 1440
BEGIN_MINUTE = 29_000_000
"""Minutes since 1970 of the first one; its time of day is drawn."""
MOST_A_MINUTE = 120
RAMP_MINUTES = 30

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shift:
    """What changes at an instant, for good or until another."""

    at: int
    """Minutes from the begin of the series."""
    factor: float
    """Of the length of the requests concerned; below 1 is faster."""
    kind: str = "level"
    until: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LatencySeries:
    """Counts of requests by minute and length, with what was done to them."""

    family: str
    minute: Whole
    """Since 1970, ascending."""
    bucket: Whole
    """Eighths of a power of two of ns, ascending within a minute."""
    count: Whole
    begin: int
    """First minute, since 1970."""
    minutes: int
    shifts: tuple[Shift, ...]


def latency_series(
    family: str, seed: int, days: float, shifts: tuple[Shift, ...] = ()
) -> LatencySeries:
    """
    Return one series.

    Args:
        family: of `FAMILIES`.
        days: how long it is.
        shifts: what is done to it.
    """
    rng = np.random.default_rng([seed, zlib.crc32(family.encode())])
    minutes = round(days * DAY)
    begin = BEGIN_MINUTE + int(rng.integers(0, 7 * DAY))
    clock = begin + np.arange(minutes)
    rate, level = _base(family, rng, clock)
    counts = rng.poisson(np.clip(rate, 0.0, MOST_A_MINUTE))
    owner = np.repeat(np.arange(minutes), counts)
    length = _requests(family, rng, owner, level, minutes)
    _apply(length, owner, shifts, rng)
    nanoseconds = np.exp(np.clip(length, 0.0, 40.0))
    bucket = np.floor(np.log2(nanoseconds + 1.0) * 8.0).astype(np.int64)
    keys, count = np.unique(owner * 1024 + bucket, return_counts=True)
    return LatencySeries(
        family,
        begin + keys // 1024,
        keys % 1024,
        count.astype(np.int64),
        begin,
        minutes,
        shifts,
    )


def _base(family: str, rng: np.random.Generator, clock: Whole) -> tuple[Floats, Floats]:
    """Return requests a minute, and ln of the usual length in ns, of each minute."""
    minutes = len(clock)
    rate = np.full(minutes, np.exp(rng.uniform(np.log(4.0), np.log(80.0))))
    level = np.full(minutes, np.log(1e6) + rng.uniform(0.0, 7.0))
    several = family == "mixed"
    if several or family in {"wandering", "modes", "heavy"}:
        keep = float(rng.choice([0.8, 0.9, 0.95, 0.99]))
        if family == "heavy":
            level = level + 0.05 * rng.standard_t(2.5, minutes)
        else:
            level = level + _walk(rng, minutes, keep, rng.uniform(0.03, 0.2))
    if family == "queueing":
        load = 0.55 + _walk(rng, minutes, 0.97, rng.uniform(0.04, 0.12))
        level = level - np.log(1.0 - np.clip(load, 0.05, 0.93))
    if several or family in {"daily", "drops"}:
        rate, level = _day(rng, clock, rate, level)
    if family == "scheduled" or (several and rng.random() < 0.3):
        level = level + _jobs(rng, clock)
    if several or family == "bursts":
        level = level + _episodes(rng, minutes)
    if family == "drops" or (several and rng.random() < 0.5):
        rate = rate * _silences(rng, minutes)
    if family == "quiet":
        rate = rate * 0.0 + np.exp(rng.uniform(np.log(0.1), np.log(3.0)))
    return rate, level


def _walk(rng: np.random.Generator, count: int, keep: float, spread: float) -> Floats:
    """Return an autoregressive walk with that standard deviation."""
    steps = rng.standard_normal(count) * spread * np.sqrt(1.0 - keep**2)
    steps[0] = rng.standard_normal() * spread
    walk = np.empty(count)
    before = 0.0
    for n, step in enumerate(steps.tolist()):
        before = keep * before + step
        walk[n] = before
    return walk


def _day(
    rng: np.random.Generator, clock: Whole, rate: Floats, level: Floats
) -> tuple[Floats, Floats]:
    cycle = np.cos(2.0 * np.pi * (clock % DAY) / DAY - rng.uniform(0.0, 2.0 * np.pi))
    weekend = np.where((clock // DAY + 3) % 7 >= 5, rng.uniform(0.4, 1.0), 1.0)
    depth = rng.uniform(0.3, 0.9)
    return rate * (1.0 + depth * cycle) * weekend, level + rng.uniform(0.0, 0.4) * cycle


def _jobs(rng: np.random.Generator, clock: Whole) -> Floats:
    added = np.zeros(len(clock))
    for _ in range(int(rng.integers(1, 4))):
        starts, lasts = int(rng.integers(0, DAY)), int(rng.integers(10, 120))
        late = rng.integers(-3, 4, int(clock[-1]) // DAY + 2)
        since = (clock - starts - late[clock // DAY]) % DAY
        added += np.where(since < lasts, rng.uniform(0.1, 0.7), 0.0)
    return added


def _episodes(rng: np.random.Generator, minutes: int) -> Floats:
    added = np.zeros(minutes)
    for _ in range(int(rng.poisson(rng.uniform(0.5, 4.0) * minutes / DAY))):
        at, lasts = int(rng.integers(0, minutes)), int(np.ceil(rng.lognormal(np.log(6.0), 0.8)))
        added[at : at + lasts] += rng.uniform(0.3, 1.8)
    return added


def _silences(rng: np.random.Generator, minutes: int) -> Floats:
    share = np.ones(minutes)
    for _ in range(int(rng.poisson(1.5 * minutes / DAY))):
        at, lasts = int(rng.integers(0, minutes)), int(rng.integers(10, 300))
        share[at : at + lasts] *= rng.choice([0.0, 0.02, 0.1, 0.3])
    return share


def _requests(
    family: str, rng: np.random.Generator, owner: Whole, level: Floats, minutes: int
) -> Floats:
    """Return ln of the length of each request."""
    count = len(owner)
    length = level[owner] + rng.standard_normal(count) * rng.uniform(0.15, 0.9)
    if family == "heavy" or (family == "mixed" and rng.random() < 0.5):
        slow = rng.random(count) < rng.uniform(0.02, 0.3)
        length = length + np.where(slow, rng.exponential(1.0 / rng.uniform(1.1, 2.5), count), 0.0)
    if family == "modes":
        share = rng.uniform(0.05, 0.35) + _walk(rng, minutes, 0.9, rng.uniform(0.01, 0.05))
        length = length + np.where(rng.random(count) < share[owner], rng.uniform(1.0, 3.0), 0.0)
    return length


def _apply(
    length: Floats, owner: Whole, shifts: tuple[Shift, ...], rng: np.random.Generator
) -> None:
    for shift in shifts:
        until = shift.until if shift.until is not None else int(owner[-1]) + 1 if len(owner) else 0
        share = np.where((owner >= shift.at) & (owner < until), 1.0, 0.0)
        if shift.kind == "ramp":
            share *= np.clip((owner - shift.at) / RAMP_MINUTES, 0.0, 1.0)
        if shift.kind == "tail":
            share *= rng.random(len(owner)) < 0.15
        length += share * np.log(shift.factor)
