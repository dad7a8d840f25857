"""
What the visits of many requests say about each pair of services: who can have called whom.

    joint     both take part
    fits      nothing that is known of the two contradicts that the first called the second
    within    the second's lines lie within the first's
    after     the second begins after the first
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.log_episodes import Requests

__all__ = ["Pairs", "pair_counts"]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Counts by [first, second]; `alone` by service."""

    joint: NDArray[np.int64]
    fits: NDArray[np.int64]
    within: NDArray[np.int64]
    after: NDArray[np.int64]
    outlasts: NDArray[np.int64]
    """The second is known to end after the first is known to have ended."""
    present: NDArray[np.int64]
    """Requests of several services that each service takes part in."""


def pair_counts(requests: Requests, services: int, grain_ns: int) -> Pairs:
    """Return what all requests say about each pair."""
    visits = requests.visits
    tables = np.zeros((5, services, services), np.int64)
    present = np.zeros(services, np.int64)
    _count(
        requests.begins,
        visits.service,
        visits.begin_ns,
        visits.end_ns,
        visits.knows,
        grain_ns,
        tables,
        present,
    )
    return Pairs(tables[0], tables[1], tables[2], tables[3], tables[4], present)


@kernel
def _count(
    begins: Cells,
    service: Cells,
    begin_ns: Cells,
    end_ns: Cells,
    knows: Cells,
    grain: int,
    tables: Cells,
    present: Cells,
) -> None:
    for request in range(len(begins) - 1):
        first, last = begins[request], begins[request + 1]
        if last - first < 2:
            continue
        for i in range(first, last):
            a = service[i]
            present[a] += 1
            for j in range(first, last):
                if i == j:
                    continue
                b = service[j]
                tables[0, a, b] += 1
                starts = begin_ns[j] - begin_ns[i]
                ends = end_ns[i] - end_ns[j]
                fits = True
                if knows[i] & 1 and starts < -grain:
                    fits = False
                if knows[i] & 2 and ends < -grain:
                    fits = False
                # A call begins before its caller is done, whatever else is unknown.
                if knows[i] & 2 and begin_ns[j] - end_ns[i] > grain:
                    fits = False
                if knows[i] & 1 and end_ns[j] - begin_ns[i] < -grain:
                    fits = False
                if fits:
                    tables[1, a, b] += 1
                if end_ns[i] > begin_ns[i] and starts >= -grain and ends >= -grain:
                    tables[2, a, b] += 1
                if starts > 0:
                    tables[3, a, b] += 1
                if knows[i] & 2 and ends < -grain:
                    tables[4, a, b] += 1
