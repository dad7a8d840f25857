"""
Quantiles of a series by blocks of minutes, from counts by length.

A block is as long as it must be to hold some tens of requests. Within a bucket lengths are taken to be
spread evenly on the logarithmic scale, so that a quantile moves smoothly as requests do.
"""

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.limits.regressions import (
    SHIFT_BLOCK_MINUTES,
    SHIFT_BLOCK_REQUESTS,
    SHIFT_FULL_BLOCKS_RATIO,
)
from tracepulse.model.latency import BlockValues, MinuteCounts

__all__ = ["block_values", "block_width"]


def block_width(counts: MinuteCounts, begin: int, end: int) -> int | None:
    """
    Return how many minutes a block must have, or None where even the longest hold too little.

    Args:
        begin, end: minutes since 1970 of the time that counts, [begin, end).
    """
    inside = (counts.minute >= begin) & (counts.minute < end)
    if not inside.any():
        return None
    first = int(counts.minute[inside].min())
    for width in SHIFT_BLOCK_MINUTES:
        # From the first request on: a series that began lately is judged by its own time.
        blocks = (end - first // width * width + width - 1) // width
        place = counts.minute[inside] // width - first // width
        held = np.bincount(place, counts.count[inside], minlength=blocks)
        full = np.count_nonzero(held >= SHIFT_BLOCK_REQUESTS)
        if full >= SHIFT_FULL_BLOCKS_RATIO * blocks:
            return width
    return None


def block_values(
    counts: MinuteCounts, quantile: float, width: int, begin: int, end: int
) -> BlockValues:
    """
    Return one quantile of every block that is over.

    Args:
        quantile: 0 to 1.
        width: minutes of a block; blocks begin at multiples of it since 1970.
        begin, end: minutes since 1970; blocks that lie in [begin, end) as a whole are returned.
    """
    first = -(-begin // width)
    blocks = max(0, end // width - first)
    place = counts.minute // width - first
    inside = (place >= 0) & (place < blocks)
    buckets = int(counts.bucket[inside].max()) + 1 if inside.any() else 1
    keys = place[inside] * buckets + counts.bucket[inside]
    cells, cell = np.unique(keys, return_inverse=True)
    held = np.bincount(cell, counts.count[inside], minlength=len(cells)).astype(np.float64)
    of_block, bucket = cells // buckets, cells % buckets
    requests = np.bincount(of_block, held, minlength=blocks).astype(np.float64)
    value = np.full(blocks, np.nan)
    enough = requests >= SHIFT_BLOCK_REQUESTS / 2
    if len(cells):
        value[enough] = _quantiles(of_block, bucket, held, requests, quantile)[enough]
    return BlockValues(first * width, width, value / counts.per_doubling, requests.astype(np.int64))


def _quantiles(
    of_block: NDArray[np.int64],
    bucket: NDArray[np.int64],
    held: NDArray[np.float64],
    requests: NDArray[np.float64],
    quantile: float,
) -> NDArray[np.float64]:
    """Return the quantile of each block in buckets; cells are sorted by block and bucket."""
    total = np.cumsum(held)
    before_block = np.concatenate([[0.0], np.cumsum(requests)[:-1]])
    wanted = before_block + quantile * requests
    # The first cell whose running sum reaches what is wanted.
    cell = np.minimum(np.searchsorted(total, wanted, side="left"), len(total) - 1)
    within = 1.0 - (total[cell] - wanted) / held[cell]
    found = bucket[cell] + np.clip(within, 0.0, 1.0)
    return np.where(of_block[cell] == np.arange(len(requests)), found, np.nan)
