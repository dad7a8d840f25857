"""
Which of several possible callers called, decided over all requests of a callee.

    A  |---------------------|        A and B both enclose C, A also B: C is B's, and A -> C is
    B      |-------------|            only the way there. But if C comes as often without B, it is A's.
    C        |--|

    A  |---------------------|        B wrote one line, before C. If C never comes without B, B called
    B      |                          it; if it does, A called both.
    C        |--|

    A  |---------------------|        B was called beside C and took longer. C's begin goes with A's
    B      |-------------|            begin and owes nothing to when B began: C is A's.
    C       |--|
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.limits.log_flows import (
    LOG_FLOW_FAILED_RATIO,
    LOG_FLOW_GAIN_NATS,
    LOG_FLOW_LAG_LEAD,
    LOG_FLOW_LOST_RATIO,
    LOG_FLOW_MAX_EARLY_RATIO,
    LOG_FLOW_MIN_LAGS,
    LOG_FLOW_MIN_WITH,
    LOG_FLOW_MIN_WITHIN,
    LOG_FLOW_PRESENCE_LEAD,
)
from tracepulse.derive.log_episodes import Requests
from tracepulse.derive.log_order import NEAR_NS, Pairs, can_call
from tracepulse.derive.log_tokens import ARRIVING

__all__ = ["Parents", "find_parents"]

MAX_REQUESTS = 20_000
"""Of one callee: more are thinned out evenly."""


@dataclass(frozen=True, slots=True)
class Parents:
    """By [caller, callee]."""

    votes: NDArray[np.float64]
    """Requests of the callee that the caller explains best."""
    explained: NDArray[np.int64]
    """By callee: requests in which some candidate fits."""


@dataclass(frozen=True, slots=True)
class _Callee:
    """One callee's requests and its candidates' places in them."""

    own: NDArray[np.int64]
    place: NDArray[np.int64]
    """[request, candidate]: the visit, -1 where it is absent or cannot have called."""
    within: NDArray[np.float64]


def find_parents(
    requests: Requests,
    candidate: NDArray[np.bool_],
    together: NDArray[np.bool_],
    pairs: Pairs,
    grain_ns: int,
) -> Parents:
    """
    Return how many of each callee's requests each candidate explains best.

    Args:
        requests: see there.
        candidate: [caller, callee] that may be calls.
        together: those of them that count only where they enclose the callee.
        pairs: counts of the same requests.
        grain_ns: times that differ by less are equal.

    """
    services = len(candidate)
    votes = np.zeros((services, services))
    explained = np.zeros(services, np.int64)
    within = np.where(together, 1.0, pairs.within / np.maximum(pairs.joint, 1))
    visits = requests.visits
    by_service = np.argsort(visits.service, kind="stable")
    bounds = np.searchsorted(visits.service[by_service], np.arange(services + 1))
    for callee in range(services):
        callers = np.flatnonzero(candidate[:, callee])
        own = by_service[bounds[callee] : bounds[callee + 1]]
        if len(callers) == 0 or len(own) == 0:
            continue
        own = own[:: len(own) // MAX_REQUESTS + 1]
        column = np.full(services, -1, np.int64)
        column[callers] = np.arange(len(callers))
        place = np.full((len(own), len(callers)), -1, np.int64)
        _places(
            own,
            requests.begins,
            visits.request,
            visits.service,
            visits.host,
            visits.begin_ns,
            visits.end_ns,
            visits.knows,
            column,
            np.where(together[callers, callee], 2, 1),
            grain_ns,
            place,
        )
        some = (place >= 0).any(axis=1)
        explained[callee] = int(some.sum())
        if explained[callee]:
            one = _Callee(own[some], place[some], within[callers, callee])
            beaten = _beaten(requests, one, candidate[np.ix_(callers, callers)], callers, pairs)
            votes[callers, callee] = _votes(one.place >= 0, beaten)
    return Parents(votes, explained)


@kernel
def _places(
    own: Cells,
    begins: Cells,
    request: Cells,
    service: Cells,
    host: Cells,
    begin_ns: Cells,
    end_ns: Cells,
    knows: Cells,
    column: Cells,
    least: Cells,
    grain: int,
    place: Cells,
) -> None:
    """Fill in, for each of a callee's visits and each candidate, the candidate's visit that fits best."""
    for row in range(len(own)):
        j = own[row]
        best = np.zeros(place.shape[1], np.int64)
        for i in range(begins[request[j]], begins[request[j] + 1]):
            at = column[service[i]]
            if at < 0:
                continue
            wide = grain if host[i] != host[j] else min(grain, NEAR_NS)
            fit = can_call(
                begin_ns[i], end_ns[i], knows[i], begin_ns[j], end_ns[j], knows[j], NEAR_NS, wide
            )
            # Of several that fit alike, the one that began last before the callee.
            if fit < least[at]:
                continue
            if fit > best[at] or (
                fit > 0 and fit == best[at] and begin_ns[i] <= begin_ns[j] + wide
            ):
                best[at] = fit
                place[row, at] = i


def _beaten(
    requests: Requests,
    one: _Callee,
    below: NDArray[np.bool_],
    callers: NDArray[np.int64],
    pairs: Pairs,
) -> NDArray[np.bool_]:
    """Return [loser, winner]: in a request with both, the winner is the caller."""
    there = one.place >= 0
    count = there.shape[1]
    together = (there.T.astype(np.float64) @ there).astype(np.int64)
    alone = np.diag(together)
    strong = one.within >= LOG_FLOW_MIN_WITHIN
    beaten = np.zeros((count, count), np.bool_)
    for first in range(count):
        for second in range(count):
            if first == second or together[first, second] == 0:
                continue
            if below[first, second]:
                # `second` lies below `first`: it may stand between first and callee.
                nearer = strong & below[first] & below[:, second]
                if not strong[second] and nearer.any():
                    continue  # the nearer one decides
                stands = _stands_between(requests, one, callers, pairs, first, second, strong)
                beaten[first, second] = stands >= 0
                beaten[second, first] = stands <= 0
            elif not below[second, first] and first < second:
                lead = _lead(one, together, alone, strong, first, second)
                beaten[first, second], beaten[second, first] = lead < 0, lead > 0
    return beaten


def _stands_between(
    requests: Requests,
    one: _Callee,
    callers: NDArray[np.int64],
    pairs: Pairs,
    above: int,
    middle: int,
    strong: NDArray[np.bool_],
) -> int:
    """
    Return 1 where `middle` calls the callee, -1 where `above` calls both, 0 where nothing tells.

    Were the two called one beside the other, the callee would be there as often without the one in
    the middle as with it, and the one in the middle as often without the callee.
    """
    if not _in_order(requests, one, middle):
        return -1
    there = one.place >= 0
    # In visits of the one above, since it may call several times.
    with_callee = len(np.unique(one.place[there[:, above], above]))
    both = len(np.unique(one.place[there[:, above] & there[:, middle], above]))
    all_above = int(pairs.present[callers[above]])
    all_both = int(pairs.joint[callers[middle], callers[above]])
    missing, without_middle = with_callee - both, max(all_above - all_both, 0)
    if strong[middle]:
        if without_middle >= LOG_FLOW_MIN_LAGS:
            depends = both / max(all_both, 1) - missing / without_middle
            if depends < LOG_FLOW_PRESENCE_LEAD:
                return -1
        return -1 if _side_by_side(requests, one, above, middle) else 1
    if both < LOG_FLOW_MIN_WITH * with_callee:
        return -1
    gain = _presence_gain(requests, one, callers[above], callers[middle])
    return 0 if abs(gain) < LOG_FLOW_GAIN_NATS else (1 if gain > 0 else -1)


def _presence_gain(requests: Requests, one: _Callee, above: int, middle: int) -> float:
    """
    Return by how many nats it is likelier that the middle one calls than that both are called.

    It is asked among visits of the one above that begin with the same sentence, since what is called
    on one route and what on another are never there together, whoever calls. A few in which both
    are missing failed before either was called.
    """
    visits = requests.visits
    mine = np.flatnonzero(visits.service == above)
    mine = mine[:: len(mine) // MAX_REQUESTS + 1]
    request = visits.request[mine]
    with_middle = np.isin(request, visits.request[visits.service == middle])
    with_callee = np.isin(request, visits.request[one.own])
    names, kind = np.unique(visits.sentence[mine], return_inverse=True)
    cells = np.bincount(kind * 4 + with_middle * 2 + with_callee, minlength=4 * len(names))
    gain = 0.0
    for neither, callee_alone, middle_alone, both in cells.reshape(-1, 4):
        failed = LOG_FLOW_FAILED_RATIO * (neither + callee_alone + middle_alone + both)
        neither = max(neither - failed, 0.0)
        without = neither + middle_alone
        other = (neither + 0.5) / (without + 1.0)
        if without < LOG_FLOW_MIN_LAGS or other <= LOG_FLOW_LOST_RATIO:
            continue
        gain += callee_alone * np.log(LOG_FLOW_LOST_RATIO / other)
        gain += both * np.log((1 - LOG_FLOW_LOST_RATIO) / (1 - other))
    return float(gain)


def _in_order(requests: Requests, one: _Callee, middle: int) -> bool:
    """Tell whether the callee hardly ever begins before a caller that says when it began."""
    visits = requests.visits
    rows = one.place[:, middle] >= 0
    parent, own = one.place[rows, middle], one.own[rows]
    known = (visits.knows[parent] & visits.knows[own] & ARRIVING) > 0
    if known.sum() < LOG_FLOW_MIN_LAGS:
        return True
    lag = (visits.begin_ns[own] - visits.begin_ns[parent])[known]
    return float((lag < 0).mean()) <= LOG_FLOW_MAX_EARLY_RATIO


def _lead(
    one: _Callee,
    together: NDArray[np.int64],
    alone: NDArray[np.int64],
    strong: NDArray[np.bool_],
    first: int,
    second: int,
) -> int:
    """Return 1 where the first of two that do not call each other is the likelier caller, -1, 0."""
    if strong[first] != strong[second]:
        return 1 if strong[first] else -1
    without = float(alone[first] - alone[second]) / max(alone[first], alone[second])
    if abs(without) > LOG_FLOW_PRESENCE_LEAD:
        return 1 if without > 0 else -1
    del together
    gap = float(one.within[first] - one.within[second])
    return 0 if abs(gap) < LOG_FLOW_PRESENCE_LEAD else (1 if gap > 0 else -1)


def _side_by_side(requests: Requests, one: _Callee, above: int, beside: int) -> bool:
    """Tell whether callee and `beside` were called at once by `above`, from when each began."""
    visits = requests.visits
    rows = (one.place[:, above] >= 0) & (one.place[:, beside] >= 0)
    parent, sibling, own = one.place[rows, above], one.place[rows, beside], one.own[rows]
    known = (visits.knows[parent] & visits.knows[sibling] & visits.knows[own] & ARRIVING) > 0
    if known.sum() >= LOG_FLOW_MIN_LAGS:
        first = (visits.begin_ns[sibling] - visits.begin_ns[parent])[known]
        whole = (visits.begin_ns[own] - visits.begin_ns[parent])[known]
        rest = (visits.begin_ns[own] - visits.begin_ns[sibling])[known]
        if _like(first, whole) + LOG_FLOW_LAG_LEAD < -_like(first, rest):
            return True
    return False


def _like(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Return Spearman's rank correlation, 0 where one does not vary."""
    ranks = [np.argsort(np.argsort(each, kind="stable"), kind="stable") for each in (one, other)]
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _votes(there: NDArray[np.bool_], beaten: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return votes by candidate; a request with several that nobody beats votes for none of them."""
    lost = (there.astype(np.float64) @ beaten.T.astype(np.float64)) > 0
    left = there & ~lost
    single = left.sum(axis=1, keepdims=True) == 1
    return np.asarray((left & single).sum(axis=0), np.float64)
