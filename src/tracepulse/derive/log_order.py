"""
What the visits of many requests say about each pair of services: who can have called whom.

    joint     both take part
    fits      nothing that is known of the two contradicts that the first called the second
    within    the second's lines lie within the first's

A service that worked several times in a request is asked for the piece of work that fits best.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.limits.log_flows import LOG_FLOW_GRAIN_NS
from tracepulse.derive.log_episodes import Requests

__all__ = ["NEAR_NS", "Pairs", "can_call", "pair_counts"]

NEAR_NS = int(LOG_FLOW_GRAIN_NS)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Counts by [first, second], each of the second's visits once; `present` by service."""

    joint: NDArray[np.int64]
    fits: NDArray[np.int64]
    within: NDArray[np.int64]
    present: NDArray[np.int64]
    """Visits of each service in requests of several services."""


def pair_counts(requests: Requests, services: int, grain_ns: int) -> Pairs:
    """Return what all requests say about each pair."""
    visits = requests.visits
    tables = np.zeros((3, services, services), np.int64)
    present = np.zeros(services, np.int64)
    _count(
        requests.begins,
        visits.service,
        visits.host,
        visits.begin_ns,
        visits.end_ns,
        visits.knows,
        grain_ns,
        tables,
        present,
    )
    return Pairs(tables[0], tables[1], tables[2], present)


@kernel
def can_call(
    begin: int,
    end: int,
    knows: int,
    other_begin: int,
    other_end: int,
    other_knows: int,
    near: int,
    grain: int,
) -> int:
    """
    Return 2 where the other's lines lie within these, 1 where nothing contradicts a call, 0 otherwise.

    `near` is what a length may be wrong by, `grain` what two clocks may differ by as well.
    """
    starts = other_begin - begin
    ends = end - other_end
    if knows & 1 and starts < -grain:
        return 0
    if knows & 2 and ends < -grain:
        return 0
    # A call begins before its caller is done, whatever else is unknown.
    if knows & 2 and other_begin - end > grain:
        return 0
    if knows & 1 and other_end - begin < -grain:
        return 0
    # What lasts longer was not called, whatever the clocks say.
    if knows == 3 and other_end - other_begin > end - begin + near:
        return 0
    return 2 if end > begin and starts >= -grain and ends >= -grain else 1


@kernel
def _count(
    begins: Cells,
    service: Cells,
    host: Cells,
    begin_ns: Cells,
    end_ns: Cells,
    knows: Cells,
    grain: int,
    tables: Cells,
    present: Cells,
) -> None:
    for request in range(len(begins) - 1):
        first, last = begins[request], begins[request + 1]
        if service[first] == service[last - 1]:
            continue
        for j in range(first, last):
            b = service[j]
            present[b] += 1
            i = first
            while i < last:
                a = service[i]
                best = 0
                while i < last and service[i] == a:
                    wide = grain if host[i] != host[j] else min(grain, NEAR_NS)
                    best = max(
                        best,
                        can_call(
                            begin_ns[i],
                            end_ns[i],
                            knows[i],
                            begin_ns[j],
                            end_ns[j],
                            knows[j],
                            NEAR_NS,
                            wide,
                        ),
                    )
                    i += 1
                if a == b:
                    continue
                tables[0, a, b] += 1
                if best >= 1:
                    tables[1, a, b] += 1
                if best == 2:
                    tables[2, a, b] += 1
