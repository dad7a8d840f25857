"""A stable sort by two keys for compiled loops: n log n on any input, nothing allocated."""

import numpy as np

from tracepulse.derive.compiled import Cells, kernel

__all__ = ["sort_by_keys", "sort_room"]

_RUN = 16
"""Runs of this length are sorted by insertion, then merged pairwise."""

Three = tuple[Cells, Cells, Cells]


@kernel
def sort_room(size: int) -> tuple[Cells, Cells, Three]:
    """Return arrays for both keys and for merging, enough for `size` items."""
    spare = (np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64))
    return np.empty(size, np.int64), np.empty(size, np.int64), spare


@kernel
def sort_by_keys(major: Cells, minor: Cells, item: Cells, size: int, spare: Three) -> None:
    """
    Sort the first `size` items by the keys that stand beside them, ascending.

    Items whose keys are equal stay in the order they had. The keys are moved along.
    """
    for begin in range(0, size, _RUN):
        for i in range(begin + 1, min(begin + _RUN, size)):
            a, b, c = major[i], minor[i], item[i]
            j = i - 1
            while j >= begin and (major[j] > a or (major[j] == a and minor[j] > b)):
                major[j + 1], minor[j + 1], item[j + 1] = major[j], minor[j], item[j]
                j -= 1
            major[j + 1], minor[j + 1], item[j + 1] = a, b, c
    run = _RUN
    while run < size:
        for begin in range(0, size - run, 2 * run):
            _merge(major, minor, item, begin, run, min(begin + 2 * run, size), spare)
        run *= 2


@kernel
def _merge(
    major: Cells,
    minor: Cells,
    item: Cells,
    begin: int,
    run: int,
    end: int,
    spare: Three,
) -> None:
    """Merge the sorted stretches [begin, begin + run) and [begin + run, end)."""
    left_major, left_minor, left_item = spare
    for i in range(run):
        left_major[i], left_minor[i] = major[begin + i], minor[begin + i]
        left_item[i] = item[begin + i]
    left, right, place = 0, begin + run, begin
    while left < run:
        if right < end and (
            major[right] < left_major[left]
            or (major[right] == left_major[left] and minor[right] < left_minor[left])
        ):
            major[place], minor[place], item[place] = major[right], minor[right], item[right]
            right += 1
        else:
            major[place], minor[place] = left_major[left], left_minor[left]
            item[place] = left_item[left]
            left += 1
        place += 1
