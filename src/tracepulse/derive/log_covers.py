"""
Callers of which none explains all of a callee's work, but several together do.

    A  |-------|      |-------|                A and B both call C. Either is there without enclosing
    C    |--|  |--|     |--|      |--|         C, which contradicts a call of it; but what the one
    B         |------|           |-----|       leaves over, the other encloses.
"""

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.limits.log_flows import (
    LOG_FLOW_MIN_COVER,
    LOG_FLOW_MIN_REQUESTS,
    LOG_FLOW_MIN_REST,
    LOG_FLOW_MIN_REST_WITHIN,
    LOG_FLOW_MIN_SHARED,
    LOG_FLOW_MIN_WAITED,
)
from tracepulse.derive.log_episodes import Requests
from tracepulse.derive.log_order import NEAR_NS, Pairs, can_call

__all__ = ["joint_callers"]

OUTLASTS = 3
"""How a visit fits that begins while a caller is at work, and ends after it."""
MAX_VISITS = 4_000
"""Of one callee: more are thinned out evenly."""


def joint_callers(
    requests: Requests, candidate: NDArray[np.bool_], pairs: Pairs, grain_ns: int
) -> NDArray[np.bool_]:
    """
    Return [caller, callee] that enclose what no candidate explains, each a part of it.

    Args:
        requests: see there.
        candidate: [caller, callee] that nothing contradicts.
        pairs: counts of the same requests.
        grain_ns: times that differ by less are equal.

    """
    found = np.zeros_like(candidate)
    services = len(candidate)
    visits = requests.visits
    possible = (pairs.within >= LOG_FLOW_MIN_REQUESTS) & (
        requests.shared >= LOG_FLOW_MIN_SHARED * pairs.joint
    )
    possible &= pairs.within > 2 * pairs.fits.T
    by_service = np.argsort(visits.service, kind="stable")
    bounds = np.searchsorted(visits.service[by_service], np.arange(services + 1))
    for callee in range(services):
        own = by_service[bounds[callee] : bounds[callee + 1]]
        if len(own) < LOG_FLOW_MIN_REQUESTS or not possible[:, callee].any():
            continue
        own = own[:: len(own) // MAX_VISITS + 1]
        fit = np.full((len(own), services), -1, np.int8)
        _fit(
            own,
            requests.begins,
            visits.request,
            visits.service,
            visits.host,
            visits.begin_ns,
            visits.end_ns,
            visits.knows,
            grain_ns,
            fit,
        )
        fit = fit[np.delete(fit, callee, axis=1).max(axis=1) >= 0]
        callers = _cover(fit, candidate[:, callee], possible[:, callee])
        found[callers, callee] = True
    return found


def _cover(
    fit: NDArray[np.int8], candidate: NDArray[np.bool_], possible: NDArray[np.bool_]
) -> list[int]:
    """Return services that together enclose what the candidates leave over; [] if much is left."""
    rest = ~((fit[:, candidate] == 1) | (fit[:, candidate] == 2)).any(axis=1)
    least = max(LOG_FLOW_MIN_REQUESTS, LOG_FLOW_MIN_REST * len(fit))
    if rest.sum() < least:
        return []
    all_rest = int(rest.sum())
    open_to = possible & ~candidate
    found: list[int] = []
    sure: list[int] = []
    while open_to.any():
        within = np.where(open_to, (fit[rest] == 2).sum(axis=0), 0)
        there = np.maximum((fit[rest] >= 0).sum(axis=0), 1)
        # Who encloses whatever of the rest it is there for comes first.
        share = np.where(within >= least, within / there, 0.0)
        begun = (fit[rest] >= 2).sum(axis=0) / there
        clear = share >= LOG_FLOW_MIN_REST_WITHIN
        # Some of its calls are not waited for: the callee begins while it is at work, and outlasts it.
        clear |= (begun >= LOG_FLOW_MIN_COVER) & (share >= LOG_FLOW_MIN_WAITED)
        best = int(np.argmax(np.where(clear, within, 0) if clear.any() else within))
        if within[best] < least:
            break
        found.append(best)
        if clear[best]:
            sure.append(best)
        open_to[best] = False
        rest &= fit[:, best] < 2
    return found if rest.sum() <= (1 - LOG_FLOW_MIN_COVER) * all_rest else sure


@kernel
def rank(fit: int) -> int:
    """Return how well a visit fits: enclosed, possible, begun while the other was at work, not at all."""
    if fit == OUTLASTS:
        return 1
    return fit + 1 if fit > 0 else fit


@kernel
def _fit(
    own: Cells,
    begins: Cells,
    request: Cells,
    service: Cells,
    host: Cells,
    begin_ns: Cells,
    end_ns: Cells,
    knows: Cells,
    grain: int,
    fit: Cells,
) -> None:
    """Fill in how each service fits as the caller of each visit; -1 where it is absent."""
    for row in range(len(own)):
        j = own[row]
        for i in range(begins[request[j]], begins[request[j] + 1]):
            wide = grain if host[i] != host[j] else min(grain, NEAR_NS)
            one = can_call(
                begin_ns[i], end_ns[i], knows[i], begin_ns[j], end_ns[j], knows[j], NEAR_NS, wide
            )
            if i == j:
                continue
            inside = begin_ns[i] - wide <= begin_ns[j] < end_ns[i]
            if one == 0 and inside and end_ns[j] > end_ns[i] + wide and knows[i] == 3:
                one = OUTLASTS
            if rank(one) > rank(fit[row, service[i]]):
                fit[row, service[i]] = one
