"""What is said of requests as they were and as they would be: percentiles, and what is gained."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.limits.cohorts import MIN_COHORT_REQUESTS
from tracepulse.derive.limits.what_if import WHAT_IF_Z

__all__ = ["QUANTILES", "Prediction", "QuantileChange", "prediction"]

QUANTILES = (0.5, 0.75, 0.95)

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class QuantileChange:
    """One percentile of a cohort's lengths."""

    quantile: float
    before_ns: int
    after_ns: int
    low_ns: int | None
    """Between these the predicted percentile lies with 95%, for all that chance picks requests."""
    high_ns: int | None
    """None where there are too few requests to bound it."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a change would do to requests of a cohort."""

    requests: int
    touched: int
    """Requests that have a call that is changed."""
    sooner: int
    """Requests that would end sooner."""
    later: int
    saved_ns: int
    """Of all requests together; below 0 where they take longer."""
    quantiles: tuple[QuantileChange, ...]

    @property
    def saved_per_request_ns(self) -> float:
        """Mean over all requests."""
        return self.saved_ns / self.requests if self.requests else 0.0

    def said(self, calls: int) -> str:
        """Return in one clause what came out, and why nothing did if nothing did."""
        if not calls:
            return "none of these requests makes such a call: nothing would be gained"
        if self.requests < MIN_COHORT_REQUESTS:
            return f"fewer than {MIN_COHORT_REQUESTS} requests: too few to predict percentiles from"
        if self.saved_ns == 0 and not self.sooner:
            return (
                f"it is in {self.touched:,} of {self.requests:,} requests, and none waited for it:"
                " nothing would be gained"
            )
        if self.saved_ns < 0:
            return f"{self.later:,} of {self.requests:,} requests would take longer"
        return f"{self.sooner:,} of {self.requests:,} requests would end sooner"


def prediction(before_ns: Integers, after_ns: Integers, touched: int) -> Prediction:
    """
    Return what is said of the lengths of requests, one cell each.

    Intervals are those of order statistics, by the normal approximation of the binomial: of n
    requests, in whatever order, the one of rank nq - z sqrt(nq(1 - q)) and that of rank nq + the
    same. They hold for any distribution and need no random numbers.
    """
    ordered, usual = np.sort(after_ns), np.sort(before_ns)
    return Prediction(
        len(usual),
        touched,
        int((after_ns < before_ns).sum()),
        int((after_ns > before_ns).sum()),
        int(before_ns.sum() - after_ns.sum()),
        tuple(_change(q, usual, ordered) for q in QUANTILES) if len(usual) else (),
    )


def _change(quantile: float, before: Integers, after: Integers) -> QuantileChange:
    count = len(after)
    place = min(int(quantile * count), count - 1)
    spread = WHAT_IF_Z * float(np.sqrt(count * quantile * (1 - quantile)))
    low, high = int(np.floor(quantile * count - spread)), int(np.ceil(quantile * count + spread))
    known = low >= 0 and high < count and count >= MIN_COHORT_REQUESTS
    return QuantileChange(
        quantile,
        int(before[place]),
        int(after[place]),
        int(after[low]) if known else None,
        int(after[high]) if known else None,
    )
