"""
Did a fix help? The time after it against the time before, looked at when enough has passed.

             before            fixed    look 1  look 2      look 3            look 4
    |-------------------------|--------|-------|-----------|----------------|------ . . .

Whoever asks gets the answer of the first look that decided, or "not known yet" and how long to wait:
asking often does not make a wrong answer likelier, since only the looks count and each is allowed its part
of the error. How uncertain a difference is comes from the same difference at earlier instants of the same
series, at which nothing was fixed; where there is too little history, from how the blocks scatter and hang
together, and a drift as daily cycles have it is allowed for.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.block_scatter import median_variance, student_quantile
from tracepulse.derive.limits.regressions import (
    SHIFT_PRESENT_RATIO,
    VERIFY_BEFORE_BLOCKS,
    VERIFY_DRIFT_DOUBLINGS,
    VERIFY_ERROR_RATIO,
    VERIFY_LARGEST_RATIO,
    VERIFY_LEAST_DOUBLINGS,
    VERIFY_LEAST_PLACEBOS,
    VERIFY_LOOK_BLOCKS,
)
from tracepulse.derive.shifts import contrasts, find_shifts, usual_size
from tracepulse.model.latency import BlockValues

__all__ = ["Verdict", "Verification", "verify_beside", "verify_since"]


class Verdict(StrEnum):
    """What came of a fix."""

    VERIFIED = "verified"
    NO_EFFECT = "no effect"
    REGRESSED = "regressed"
    NOT_KNOWN = "not known yet"


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer, with what it rests on; levels and differences are log2."""

    verdict: Verdict
    reason: str
    before: float | None
    after: float | None
    difference: float | None
    """After less before: below 0 is faster."""
    half_width: float | None
    """The difference is known to plus or minus this."""
    look_minutes: int
    """Time after the fix on which the answer rests; 0 before the first look."""
    more_minutes: int | None
    """How long to wait for the look that would decide if what is seen so far goes on; None where
    it is decided, or no look would."""
    placebos: float
    """How many independent earlier instants the interval rests on; 0 where on scatter alone."""


def verify_since(
    series: BlockValues, fixed: int, onset: int | None = None, until: int | None = None
) -> Verification:
    """
    Compare the time after a fix with the time before it.

    Args:
        series: blocks from as long before the fix as there are.
        fixed: minute of the fix, since 1970.
        onset: minute from which on the time before counts, where the fix is of a regression.
        until: minute at which to ask; the end of the series unless given.
    """
    place = -(-(fixed - series.begin) // series.width)
    blocks = len(series.value)
    if until is not None:
        blocks = min(blocks, (until - series.begin) // series.width)
    if place < 1 or not np.isfinite(series.value[: max(place, 0)]).any():
        return _unknown("nothing was measured before the fix", None)
    value = series.value[: max(blocks, place)]
    # What was fixed within a block belongs to neither side.
    end = (fixed - series.begin) // series.width
    history = value[:end]
    changes = tuple(each.onset for each in find_shifts(replace(series, value=history)))
    begin = max((0, *changes))
    if onset is not None:
        begin = max(0, -(-(onset - series.begin) // series.width))
        changes = tuple(sorted({*changes, begin})) if begin else changes
    answer = _unknown(
        "too little time has passed since the fix",
        (place + VERIFY_LOOK_BLOCKS[0] - blocks) * series.width,
    )
    for look in VERIFY_LOOK_BLOCKS:
        if place + look > blocks:
            break
        length = min(end - begin, max(look, VERIFY_BEFORE_BLOCKS))
        before, after = value[end - length : end], value[place : place + look]
        answer = _looked(before, after, history, changes, series.width)
        if answer.verdict is not Verdict.NOT_KNOWN:
            return answer
    return _with_wait(answer, blocks - place, series.width)


def verify_beside(usual: BlockValues, fixed: BlockValues, until: int | None = None) -> Verification:
    """
    Compare two versions that served at the same time: what changed for both cancels out.

    Args:
        usual: of the version compared with; the same blocks as `fixed`.
        fixed: of the version with the fix.
        until: minute at which to ask; the end of the series unless given.
    """
    difference = fixed.value - usual.value
    both = np.flatnonzero(np.isfinite(difference))
    if until is not None:
        both = both[(both + 1) * usual.width + usual.begin <= until]
    answer = _unknown("too little time in which both versions served", None)
    for look in VERIFY_LOOK_BLOCKS:
        if look > len(both):
            break
        seen = both[:look]
        answer = _decided(
            float(np.median(usual.value[seen])),
            float(np.median(difference[seen])),
            _quantile(len(seen)) * math.sqrt(median_variance(difference[seen])),
            look * usual.width,
            0.0,
        )
        if answer.verdict is not Verdict.NOT_KNOWN:
            return answer
    return _with_wait(answer, len(both), usual.width)


def _unknown(reason: str, more_minutes: int | None) -> Verification:
    return Verification(Verdict.NOT_KNOWN, reason, None, None, None, None, 0, more_minutes, 0.0)


def _looked(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    history: NDArray[np.float64],
    changes: tuple[int, ...],
    width: int,
) -> Verification:
    """Return what one look says."""
    look = len(after)
    before, after = before[np.isfinite(before)], after[np.isfinite(after)]
    if len(before) < 3 or len(after) < max(2, SHIFT_PRESENT_RATIO * look):
        return _unknown("too few requests came before or after the fix", None)
    low, high = float(np.median(before)), float(np.median(after))
    half = _quantile(min(len(before), len(after))) * math.sqrt(
        median_variance(before) + median_variance(after)
    )
    placebo = contrasts(history, max(look, VERIFY_BEFORE_BLOCKS), look)
    spread, largest, independent = usual_size(placebo, len(history), changes)
    if independent >= VERIFY_LEAST_PLACEBOS:
        half = max(half, _quantile(independent) * spread, largest * VERIFY_LARGEST_RATIO)
    else:
        independent = 0.0
        half += VERIFY_DRIFT_DOUBLINGS * (len(before) + look) / 2 * width / 60
    return _decided(low, high - low, half, look * width, independent)


def _decided(
    before: float, difference: float, half: float, minutes: int, placebos: float
) -> Verification:
    """Return the verdict on a difference and how uncertain it is."""
    verdict, reason = Verdict.NOT_KNOWN, "the interval still holds both a change and none"
    if abs(difference) + half < VERIFY_LEAST_DOUBLINGS:
        verdict, reason = Verdict.NO_EFFECT, "whatever changed is too small to matter"
    elif difference + half < 0.0:
        verdict, reason = Verdict.VERIFIED, "the whole interval is faster"
    elif difference - half > 0.0:
        verdict, reason = Verdict.REGRESSED, "the whole interval is slower"
    return Verification(
        verdict, reason, before, before + difference, difference, half, minutes, None, placebos
    )


def _with_wait(answer: Verification, passed: int, width: int) -> Verification:
    """Say how long to wait: until the first look that decides if the interval shrinks as it should."""
    if answer.difference is None or answer.half_width is None:
        if answer.more_minutes is None:
            later = [look for look in VERIFY_LOOK_BLOCKS if look > passed]
            return replace(answer, more_minutes=(later[0] - passed) * width if later else None)
        return answer
    done = answer.look_minutes / width
    for look in VERIFY_LOOK_BLOCKS:
        half = answer.half_width * math.sqrt(done / look)
        size = abs(answer.difference)
        if look > passed and (size > half or size + half < VERIFY_LEAST_DOUBLINGS):
            return replace(answer, more_minutes=(look - passed) * width)
    return answer


def _quantile(independent: float) -> float:
    """Return how many deviations one look may be off."""
    return student_quantile(VERIFY_ERROR_RATIO / len(VERIFY_LOOK_BLOCKS), independent)
