"""Lengths of requests, or values of a web vital, counted by minute: what shifts are found from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BlockValues", "MinuteCounts", "SeriesName"]


@dataclass(frozen=True, slots=True, order=True)
class SeriesName:
    """What a series is of."""

    service: str
    route: str
    """Name of the serving span; of a web vital the page's service has one route, ''."""
    metric: str
    """p50 and p95 of the latency; lcp, inp, cls, ttfb of pages, each at its 75th percentile."""


@dataclass(frozen=True, slots=True, eq=False)
class MinuteCounts:
    """How many requests of each minute have which length: one row for each pair, in any order."""

    minute: NDArray[np.int64]
    """Since 1970."""
    bucket: NDArray[np.int64]
    """Place of the value on a scale of logarithms, floor(log2(value + 1) * per_doubling)."""
    count: NDArray[np.int64]
    per_doubling: int = 8


@dataclass(frozen=True, slots=True, eq=False)
class BlockValues:
    """One quantile of a series by blocks of minutes that follow one another."""

    begin: int
    """First minute of the first block, since 1970."""
    width: int
    """Minutes of a block."""
    value: NDArray[np.float64]
    """log2 of the quantile; NaN where too few requests came."""
    requests: NDArray[np.int64]
