"""
Shifts of a series that last: found while they happen, with a limit that the series itself sets.

At each instant the median of the latest blocks is set against that of the blocks before them:

              before                    after
    . . . |----------------------|-------------------| now
    log2    median m0              median m1              contrast d = m1 - m0

for several lengths of "after". A contrast counts when the blocks stand apart, not just the medians (three
quarters on their own side of the middle), so that an episode of some minutes does not. It is a shift when
it is larger than

    the least shift worth telling,
    z times the usual size of the same contrast earlier in the same series, and
    the largest one earlier in the same series by a margin.

Earlier contrasts hold all that the series does of itself: noise, how its minutes hang together, daily
cycles, jobs at fixed times, episodes. Nothing need be assumed of them but that they go on as they did; what
rate of false alarms that leaves is measured by simulation. Contrasts that straddle an earlier shift are
left out, or one regression would hide the next.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.block_scatter import median_variance, student_quantile
from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.limits.regressions import (
    SHIFT_AFTER_BLOCKS,
    SHIFT_APART_HISTORY_RATIO,
    SHIFT_APART_RATIO,
    SHIFT_BEFORE_BLOCKS,
    SHIFT_HISTORY_MARGIN,
    SHIFT_LEAST_DOUBLINGS,
    SHIFT_LEAST_HISTORY_MINUTES,
    SHIFT_LEAST_MINUTES,
    SHIFT_PRESENT_RATIO,
    SHIFT_Z,
)
from tracepulse.model.latency import BlockValues

__all__ = ["Contrasts", "Shifted", "contrasts", "find_shifts", "is_apart_now", "usual_size"]

_GAUSS = 1.4826
"""Standard deviation of a normal variable whose median deviation is 1."""


@dataclass(frozen=True, slots=True)
class Shifted:
    """One shift; places are blocks of the series."""

    onset: int
    """First block after it."""
    first: int
    """The onset lies in blocks [first, last] …"""
    last: int
    seen: int
    """Blocks that were over when it was found."""
    before: float
    """Medians, log2."""
    after: float
    half_width: float
    """Their difference is known to plus or minus this, at 95%."""
    limit: float
    """The contrast that it had to exceed; of either sign."""

    @property
    def doublings(self) -> float:
        """By how much the series rose, log2."""
        return self.after - self.before


@dataclass(frozen=True, slots=True, eq=False)
class Contrasts:
    """Median after each block's begin less the median before it, for one length of "after"."""

    before: int
    after: int
    size: NDArray[np.float64]
    """By first block after; NaN where too many blocks are missing."""
    apart: NDArray[np.float64]
    """Share of the blocks on their own side of the middle, of the side that has fewer so."""


@kernel
def _contrasts(value: Cells, before: int, after: int, present: float) -> Cells:
    """Return size and apartness of every contrast."""
    blocks = len(value)
    found = np.full((2, blocks), np.nan)
    left, right = np.empty(before), np.empty(after)
    for place in range(before, blocks - after + 1):
        lefts, rights = 0, 0
        for n in range(place - before, place):
            if not np.isnan(value[n]):
                left[lefts] = value[n]
                lefts += 1
        for n in range(place, place + after):
            if not np.isnan(value[n]):
                right[rights] = value[n]
                rights += 1
        if lefts < present * before or rights < present * after:
            continue
        low, high = np.median(left[:lefts]), np.median(right[:rights])
        middle = (low + high) / 2.0
        sign = 1.0 if high > low else -1.0
        over = 0
        for n in range(rights):
            over += sign * (right[n] - middle) > 0.0
        under = 0
        for n in range(lefts):
            under += sign * (middle - left[n]) > 0.0
        found[0, place] = high - low
        found[1, place] = min(over / rights, under / lefts)
    return found


def contrasts(value: NDArray[np.float64], before: int, after: int) -> Contrasts:
    """Return the contrast at every block, for one length before and after."""
    found = _contrasts(value, before, after, SHIFT_PRESENT_RATIO)
    return Contrasts(before, after, found[0], found[1])


def usual_size(each: Contrasts, until: int, changes: tuple[int, ...]) -> tuple[float, float, float]:
    """
    Return how large contrasts were so far: (robust deviation, largest that counts, how many independent).

    Args:
        until: contrasts that end by this block.
        changes: blocks at which the series shifted; what straddles one is left out.
    """
    places = np.arange(max(0, until - each.after + 1))
    size = each.size[: len(places)]
    kept = np.isfinite(size)
    for change in changes:
        kept &= (places + each.after <= change) | (places - each.before >= change)
    if not kept.any():
        return np.inf, np.inf, 0.0
    sizes = np.abs(size[kept])
    counted = sizes[each.apart[: len(places)][kept] >= SHIFT_APART_HISTORY_RATIO]
    largest = float(counted.max()) if len(counted) else 0.0
    return float(np.median(sizes)) * _GAUSS, largest, len(sizes) / each.after


def limit_of(each: Contrasts, place: int, changes: tuple[int, ...], width: int) -> float:
    """Return what a contrast at a block must exceed; infinite where there is too little history."""
    first = int(np.argmax(np.isfinite(each.size))) - each.before
    if (place - first) * width < SHIFT_LEAST_HISTORY_MINUTES:
        return np.inf
    spread, largest, independent = usual_size(each, place, changes)
    if independent < 4:
        return np.inf
    factor = SHIFT_Z * (1.0 + 2.0 / independent)
    return max(SHIFT_LEAST_DOUBLINGS, factor * spread, SHIFT_HISTORY_MARGIN * largest)


def _lengths(width: int) -> tuple[int, ...]:
    """Return the lengths of "after" in blocks: an hour at least, half a day at most."""
    return tuple(
        each for each in SHIFT_AFTER_BLOCKS if SHIFT_LEAST_MINUTES <= each * width <= 1440 // 2
    )


def _before(after: int) -> int:
    return max(after, SHIFT_BEFORE_BLOCKS)


def is_apart_now(series: BlockValues, blocks: int = 1) -> bool:
    """
    Say whether a series stood apart by enough, lately, that it is worth looking at all its history.

    Args:
        blocks: how many looks back that may have been; each block had its own.
    """
    for after in _lengths(series.width):
        tail = series.value[-(_before(after) + after + blocks - 1) :]
        each = contrasts(tail, _before(after), after)
        if ((each.apart >= SHIFT_APART_RATIO) & (np.abs(each.size) >= SHIFT_LEAST_DOUBLINGS)).any():
            return True
    return False


def find_shifts(series: BlockValues) -> tuple[Shifted, ...]:
    """
    Return every shift of a series in the order in which they are found, as if watched block by block.

    Args:
        series: one quantile; history of some days makes it sharper.
    Returns:
        Rises and falls. What is not there is either no shift or has not enough history.
    """
    value = series.value
    all_of = [contrasts(value, _before(after), after) for after in _lengths(series.width)]
    found: list[Shifted] = []
    changes: tuple[int, ...] = ()
    for now in range(len(value) + 1):
        for each in all_of:
            place = now - each.after
            if place < 0 or not each.apart[place] >= SHIFT_APART_RATIO:
                continue
            if abs(each.size[place]) < SHIFT_LEAST_DOUBLINGS or _straddles(each, place, changes):
                continue
            limit = limit_of(each, place, changes, series.width)
            if abs(each.size[place]) <= limit:
                continue
            found.append(_shifted(value, each, place, now, limit))
            changes = (*changes, found[-1].onset)
            break
    return tuple(found)


def _straddles(each: Contrasts, place: int, changes: tuple[int, ...]) -> bool:
    return any(place - each.before < change < place + each.after for change in changes)


def _shifted(
    value: NDArray[np.float64], each: Contrasts, place: int, now: int, limit: float
) -> Shifted:
    """Return a shift with its onset: the split of what was looked at that leaves least deviation."""
    start = max(0, place - each.before)
    seen = value[start:now]
    costs = np.full(len(seen) + 1, np.inf)
    for split in range(2, len(seen) - 1):
        left, right = seen[:split], seen[split:]
        if np.isfinite(left).any() and np.isfinite(right).any():
            costs[split] = _deviation(left) + _deviation(right)
    best = int(np.argmin(costs))
    left, right = seen[:best], seen[best:]
    kept = np.isfinite(seen).sum()
    spread = max(costs[best] / max(kept - 2, 1), 1e-3)
    # A split is as good where it costs no more than three usual deviations of one block.
    as_good = np.flatnonzero(costs <= costs[best] + 3.0 * spread)
    return Shifted(
        start + best,
        start + int(as_good.min()) - 1,
        start + int(as_good.max()),
        now,
        float(np.nanmedian(left)),
        float(np.nanmedian(right)),
        student_quantile(0.05, min(np.isfinite(left).sum(), np.isfinite(right).sum()))
        * math.sqrt(
            median_variance(left[np.isfinite(left)]) + median_variance(right[np.isfinite(right)])
        ),
        limit,
    )


def _deviation(values: NDArray[np.float64]) -> float:
    return float(np.nansum(np.abs(values - np.nanmedian(values))))
