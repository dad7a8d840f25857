"""Lengths covered by half-open intervals."""

import numpy as np
import pytest

from tracepulse.derive.intervals import covered_ns


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([], 0),
        ([(2, 5)], 3),
        ([(2, 5), (5, 7)], 5),
        ([(2, 5), (4, 7), (3, 4)], 5),
        ([(6, 9), (2, 3)], 4),
        ([(-5, 1), (9, 20)], 2),
        ([(3, 3), (30, 40), (-9, -1)], 0),
        ([(-5, 50), (2, 3)], 10),
    ],
)
def test_covered_length_counts_each_instant_once(
    intervals: list[tuple[int, int]], expected: int
) -> None:
    """Of [0, 10), what at least one interval covers."""
    starts, ends = np.array(intervals, np.int64).reshape(-1, 2).T
    assert covered_ns(starts, ends, 0, 10) == expected
