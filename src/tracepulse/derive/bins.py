"""Rows of binned counts to one matrix per series, the shape that the burst test walks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.limits.detection import BIN_NS

__all__ = ["Series", "bin_count", "series_matrix", "series_rows"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Which series there are, and which row of the input belongs where."""

    keys: tuple[tuple[str, ...], ...]
    """Sorted; one per series."""
    series_of_row: Integers
    bin_of_row: Integers
    inside: NDArray[np.bool_]
    """Whether the row lies in the window."""
    bins: int


def bin_count(start_unix_ns: int, end_unix_ns: int) -> int:
    """Return how many whole bins lie between two instants; never negative."""
    return max(0, (end_unix_ns - start_unix_ns) // BIN_NS)


def series_rows(
    columns: Sequence[NDArray[np.object_]], bin_start: Integers, start_unix_ns: int, bins: int
) -> Series:
    """Sort rows into series by the given text columns, whatever the order of the rows."""
    row_keys = list(zip(*(column.tolist() for column in columns), strict=True))
    keys = tuple(sorted(set(row_keys)))
    index = {key: position for position, key in enumerate(keys)}
    bin_of_row = (bin_start - start_unix_ns) // BIN_NS
    inside = (bin_start >= start_unix_ns) & (bin_of_row < bins)
    series_of_row = np.fromiter((index[key] for key in row_keys), np.int64, len(row_keys))
    return Series(keys, series_of_row, bin_of_row.astype(np.int64), inside, bins)


def series_matrix(series: Series, values: Integers) -> Floats:
    """Return `values` summed into a matrix of bins by series."""
    shape = (series.bins, len(series.keys))
    rows = series.inside
    cell = series.bin_of_row[rows] * shape[1] + series.series_of_row[rows]
    weights = values[rows].astype(np.float64)
    total = np.bincount(cell, weights, shape[0] * shape[1]).astype(np.float64, copy=False)
    return total.reshape(shape)


def first_instants(series: Series, instants: Integers) -> Integers:
    """Return the smallest positive instant per bin and series, 0 where there is none."""
    none = np.iinfo(np.int64).max
    matrix = np.full((series.bins, len(series.keys)), none, np.int64)
    rows = series.inside & (instants > 0)
    np.minimum.at(matrix, (series.bin_of_row[rows], series.series_of_row[rows]), instants[rows])
    matrix[matrix == none] = 0
    return matrix
