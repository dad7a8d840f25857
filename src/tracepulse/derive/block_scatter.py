"""How uncertain the median of some blocks is, when neighbours hang together."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.limits.regressions import VERIFY_MOST_LAG_CORRELATION

__all__ = ["median_variance", "student_quantile"]

_MEDIAN_COST = math.pi / 2
"""By so much is the variance of a median larger than that of a mean."""


def median_variance(values: NDArray[np.float64]) -> float:
    """Return the variance of the median of finite values that hang together as a one-step walk does."""
    count = len(values)
    apart = values - np.median(values)
    deviation = max(float(np.median(np.abs(apart))) * 1.4826, float(np.std(apart)) * 0.7)
    total = float((apart**2).sum())
    lag = float((apart[1:] * apart[:-1]).sum()) / total if total > 0 else 0.0
    # A short stretch shows less of it than there is.
    lag = min(max(lag + (1.0 + 3.0 * lag) / count, 0.0), VERIFY_MOST_LAG_CORRELATION)
    return _MEDIAN_COST * deviation**2 / count * (1.0 + lag) / (1.0 - lag)


def student_quantile(error_ratio: float, independent: float) -> float:
    """
    Return how many deviations either way are missed with this chance, from so many values.

    Source:
        Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5, the first two terms.
    """
    z = NormalDist().inv_cdf(1.0 - error_ratio / 2.0)
    freedom = max(independent - 1.0, 1.0)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
