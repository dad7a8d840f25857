"""Half-open stretches of time: [start, end) holds its start and not its end."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["covered_ns"]

Integers = NDArray[np.int64]


def covered_ns(starts: Integers, ends: Integers, first: int, last: int) -> int:
    """
    Return how much of [first, last) is covered by at least one of the intervals.

    Args:
        starts, ends: Unix ns, any order, one interval per index; empty ones cover nothing.
        first, last: the stretch that is looked at, Unix ns.
    Returns:
        A length in ns, from 0 to last - first.
    """
    clipped_starts = np.clip(starts, first, last)
    clipped_ends = np.clip(ends, first, last)
    order = np.argsort(clipped_starts, kind="stable")
    covered, reached = 0, first
    for start, end in zip(
        clipped_starts[order].tolist(), clipped_ends[order].tolist(), strict=True
    ):
        if end > reached:
            covered += end - max(start, reached)
            reached = end
    return covered
