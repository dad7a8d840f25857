"""Attributes that slow requests have more often than usual ones, with exact counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.limits.cohorts import (
    COHORT_CONFIDENCE_RATIO,
    MAX_ATTRIBUTE_VALUES,
    MIN_SUPPORT,
)

__all__ = ["SeparatingAttribute", "separating_attributes"]

USUAL, SLOW = 0, 1


@dataclass(frozen=True, slots=True)
class SeparatingAttribute:
    """A value that an attribute of the root or its resource has."""

    key: str
    value: str
    usual_with: int
    """Requests of the first cohort that have it, exactly …"""
    usual_requests: int
    """… of so many."""
    slow_with: int
    slow_requests: int
    low_ratio: float
    """Its share among slow requests is higher by at least so much, for all attributes at once."""

    @property
    def difference_ratio(self) -> float:
        """By how much its share among slow requests is higher."""
        return self.slow_with / self.slow_requests - self.usual_with / self.usual_requests


def separating_attributes(
    attributes: Sequence[Mapping[str, str]], group: NDArray[np.int64], limit: int = 10
) -> tuple[SeparatingAttribute, ...]:
    """
    Return what sets requests of group 1 apart from those of group 0.

    Args:
        attributes: of each request, in any order.
        group: of each request.
        limit: at most so many.
    Returns:
        By difference of shares, the largest first, then by key and value. Keys with very many
        values, such as ids, are left out, as is what fewer than MIN_SUPPORT requests have.
    Source:
        Newcombe, Statistics in Medicine 17 (1998), method 10, with Bonferroni's correction.
    """
    counts: tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]] = (Counter(), Counter())
    for said, which in zip(attributes, group.tolist(), strict=True):
        if which in (USUAL, SLOW):
            counts[which].update(said.items())
    requests = (int((group == USUAL).sum()), int((group == SLOW).sum()))
    if not all(requests):
        return ()
    present = counts[USUAL].keys() | counts[SLOW].keys()
    values = Counter(key for key, _ in present)
    compared = sorted(
        pair
        for pair in present
        if values[pair[0]] <= MAX_ATTRIBUTE_VALUES
        and counts[USUAL][pair] + counts[SLOW][pair] >= MIN_SUPPORT
    )
    found = [
        SeparatingAttribute(
            *pair,
            counts[USUAL][pair],
            requests[USUAL],
            counts[SLOW][pair],
            requests[SLOW],
            _low(counts[USUAL][pair], counts[SLOW][pair], requests, len(compared)),
        )
        for pair in compared
    ]
    clear = [each for each in found if each.low_ratio > 0]
    return tuple(sorted(clear, key=lambda each: (-each.difference_ratio, each.key, each.value)))[
        :limit
    ]


def _low(usual: int, slow: int, requests: tuple[int, int], compared: int) -> float:
    """Return the lower end of the difference of two shares, one of so many compared."""
    z = NormalDist().inv_cdf(1.0 - (1.0 - COHORT_CONFIDENCE_RATIO) / compared / 2)
    usual_share, slow_share = usual / requests[USUAL], slow / requests[SLOW]
    _, usual_high = _wilson(usual_share, requests[USUAL], z)
    slow_low, _ = _wilson(slow_share, requests[SLOW], z)
    reach = sqrt((slow_share - slow_low) ** 2 + (usual_high - usual_share) ** 2)
    return slow_share - usual_share - reach


def _wilson(share: float, count: int, z: float) -> tuple[float, float]:
    """Return Wilson's interval of a share."""
    middle = share + z * z / (2 * count)
    reach = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return (middle - reach) / scale, (middle + reach) / scale
