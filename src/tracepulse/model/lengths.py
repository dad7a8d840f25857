"""Lengths of time counted in buckets: sixteenths of a power of two, as the roll-ups keep them."""

import math
from collections.abc import Iterable, Mapping

__all__ = ["BUCKETS_PER_DOUBLING", "bucket_middle_ns", "bucket_of_ns", "quantile_ns"]

BUCKETS_PER_DOUBLING = 16


def bucket_of_ns(length_ns: int) -> int:
    """Return the bucket that a length lies in."""
    return math.floor(math.log2(length_ns + 1) * BUCKETS_PER_DOUBLING)


def bucket_middle_ns(bucket: int) -> int:
    """Return a length of time that lies within 2.2% of all those in a bucket."""
    return round(math.exp2((bucket + 0.5) / BUCKETS_PER_DOUBLING) - 1)


def quantile_ns(buckets: Mapping[int, int] | Iterable[tuple[int, int]], share: float) -> int | None:
    """Return the length that a share of all is not longer than; None where there is none."""
    counts = sorted(dict(buckets).items())
    wanted = share * sum(calls for _, calls in counts)
    seen = 0
    for bucket, calls in counts:
        seen += calls
        if seen >= wanted:
            return bucket_middle_ns(bucket)
    return None
