"""
Who calls whom, from plain logs alone.

Several short passes: tokens to keys (log_tokens, log_keys), clocks (log_clocks), requests (log_episodes),
counts by pair (log_order), and here the decision. An edge stays only if

- hardly any request contradicts it: whoever calls begins before and ends after whom it calls;
- its direction shows: from lines within lines, from sentences that tell arriving from done, or from
  who is there without whom;
- no path of other edges explains it: A -> C goes when C never comes without B, which A calls.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.limits.log_flows import (
    LOG_FLOW_GRAIN_NS,
    LOG_FLOW_MIN_BESIDE_A_WAY,
    LOG_FLOW_MIN_COVERED,
    LOG_FLOW_MIN_COVERED_WITHIN,
    LOG_FLOW_MIN_FIT,
    LOG_FLOW_MIN_FIT_WITHIN,
    LOG_FLOW_MIN_REQUEST_RATIO,
    LOG_FLOW_MIN_REQUESTS,
    LOG_FLOW_MIN_SHARED,
    LOG_FLOW_MIN_VOTE_RATIO,
    LOG_FLOW_MIN_VOTES,
    LOG_FLOW_MIN_WIN,
    LOG_FLOW_MIN_WIN_WITHIN,
    LOG_FLOW_MIN_WITHIN,
    LOG_FLOW_MOVED_GRAIN_NS,
    LOG_FLOW_MOVED_MIN_FIT,
    LOG_FLOW_MOVED_MIN_SHARE,
    LOG_FLOW_PRESENCE_LEAD,
)
from tracepulse.derive.log_clocks import Clocks, clock_offsets
from tracepulse.derive.log_covers import joint_callers
from tracepulse.derive.log_episodes import Requests, find_requests, pause_ns
from tracepulse.derive.log_examples import example_keys
from tracepulse.derive.log_keys import Mentions, shared_mentions
from tracepulse.derive.log_moments import learn_moments
from tracepulse.derive.log_order import Pairs, pair_counts
from tracepulse.derive.log_parents import find_parents
from tracepulse.derive.log_tokens import LineFacts, LogLines, log_lines
from tracepulse.model.log import LogRecord
from tracepulse.model.log_graph import LogEdge, LogGraph, UnknownOrder

__all__ = ["log_graph", "record_graph"]


@dataclass(frozen=True, slots=True)
class _Choice:
    """By [caller, callee]."""

    chosen: NDArray[np.bool_]
    share: NDArray[np.float64]
    """Of the callee's requests, those that the caller explains best."""
    covered: NDArray[np.float64]
    """By callee: the share of its requests that chosen callers explain."""
    unsure: NDArray[np.bool_]


def record_graph(records: Iterable[LogRecord]) -> LogGraph:
    """Return who calls whom, as these records tell it."""
    return log_graph(log_lines(records))


def log_graph(lines: LogLines) -> LogGraph:
    """
    Return who calls whom, as ids that several services mention tell it.

    Args:
        lines: by time, service, host and text, each once, as `log_lines` gives them.

    """
    if len(lines.time_unix_ns) == 0:
        return LogGraph((), (), MappingProxyType({}), 0, 0, 0)
    mentions, facts = shared_mentions(lines)
    pause = pause_ns(mentions, lines.time_unix_ns)
    requests = find_requests(lines, facts, mentions, lines.time_unix_ns, pause, by_host=True)
    if len(requests.visits.request) == 0:
        return LogGraph((), (), MappingProxyType({}), len(lines.time_unix_ns), 0, pause)
    facts = learn_moments(lines, facts, requests)
    clocks = clock_offsets(lines, facts, mentions)
    requests, pairs, choice, unknown, pause = _decide(lines, facts, mentions, clocks.ahead_ns)
    return LogGraph(
        edges=_edges(choice, pairs, requests, lines),
        unknown=_unknown(unknown, choice.unsure, pairs, lines),
        clock_offsets_ns=_offsets(clocks, lines),
        lines=len(lines.time_unix_ns),
        keys=len(np.unique(mentions.key)),
        pause_ns=pause,
    )


def _decide(
    lines: LogLines, facts: LineFacts, mentions: Mentions, ahead_ns: NDArray[np.int64]
) -> tuple[Requests, Pairs, _Choice, NDArray[np.bool_], int]:
    """Return what one reading of the clocks shows."""
    time_ns = lines.time_unix_ns - ahead_ns[lines.host]
    pause = pause_ns(mentions, time_ns)
    requests = find_requests(lines, facts, mentions, time_ns, pause)
    grain_ns = LOG_FLOW_MOVED_GRAIN_NS if np.any(ahead_ns) else LOG_FLOW_GRAIN_NS
    pairs = pair_counts(requests, len(lines.services), grain_ns)
    candidate, unknown = _candidates(pairs, requests.shared)
    choice = _without_shortcuts(candidate, pairs, requests, grain_ns)
    return requests, pairs, choice, unknown, pause


def _candidates(
    pairs: Pairs, shared: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return [caller, callee] that nothing contradicts, and pairs whose direction does not show."""
    joint = np.maximum(pairs.joint, 1)
    rarer = np.minimum(pairs.present[:, None], pairs.present[None, :])
    enough = (pairs.joint >= LOG_FLOW_MIN_REQUESTS) & (
        pairs.joint >= LOG_FLOW_MIN_REQUEST_RATIO * rarer
    )
    enough &= shared >= LOG_FLOW_MIN_SHARED * pairs.joint
    within = pairs.within / joint
    fits = (
        pairs.fits
        >= np.where(within >= LOG_FLOW_MIN_WITHIN, LOG_FLOW_MIN_FIT_WITHIN, LOG_FLOW_MIN_FIT)
        * joint
    )
    fits &= enough
    both = fits & fits.T
    ahead = np.where(within - within.T > 0.3, 1, 0)
    # Who is there without the other is not called by it.
    alone = pairs.joint / np.maximum(
        pairs.present[None, :], 1
    )  # how much of the callee's is shared
    more = alone - alone.T
    ahead = np.where((ahead == 0) & (ahead.T == 0) & (more > LOG_FLOW_PRESENCE_LEAD), 1, ahead)
    candidate = np.where(both, ahead == 1, fits)
    unknown = both & ~candidate & ~candidate.T
    return np.asarray(candidate), np.asarray(unknown)


def _without_shortcuts(
    candidate: NDArray[np.bool_], pairs: Pairs, requests: Requests, grain_ns: int
) -> _Choice:
    """Drop candidates that a path of others explains, and callees most of whose calls nobody does."""
    strong = pairs.within >= LOG_FLOW_MIN_WITHIN * np.maximum(pairs.joint, 1)
    together = joint_callers(requests, candidate, pairs, grain_ns)
    candidate, strong = candidate | together, strong | together
    parents = find_parents(requests, candidate, together, pairs, grain_ns)
    enough = parents.votes >= np.maximum(
        LOG_FLOW_MIN_VOTES, LOG_FLOW_MIN_VOTE_RATIO * parents.explained[None, :]
    )
    enough &= parents.votes >= np.where(
        strong, LOG_FLOW_MIN_WIN_WITHIN, LOG_FLOW_MIN_WIN
    ) * np.where(together, pairs.within, pairs.joint)
    chosen = np.asarray(candidate & enough)
    if grain_ns > LOG_FLOW_GRAIN_NS:
        chosen &= parents.votes >= LOG_FLOW_MOVED_MIN_SHARE * parents.explained[None, :]
        chosen &= pairs.fits >= LOG_FLOW_MOVED_MIN_FIT * pairs.joint
    chosen = _without_leftovers(chosen, parents.votes / np.maximum(parents.explained[None, :], 1))
    present = np.maximum(pairs.present, 1)
    covered: NDArray[np.float64] = np.where(chosen, parents.votes, 0).sum(axis=0) / present
    chosen &= (
        np.where(strong, LOG_FLOW_MIN_COVERED_WITHIN, LOG_FLOW_MIN_COVERED) <= covered[None, :]
    )
    share = parents.votes / np.maximum(parents.explained[None, :], 1)
    return _Choice(
        chosen, share, np.minimum(covered, 1.0), np.asarray(candidate & enough & ~chosen)
    )


def _without_leftovers(chosen: NDArray[np.bool_], share: NDArray[np.float64]) -> NDArray[np.bool_]:
    """
    Drop edges beside a way of others that explain little: requests in which the way was not seen whole.

    Where a line between two services is lost or lies in another episode, the one above is the nearest.
    """
    ways = chosen.astype(np.int64)
    reach = ways.copy()
    for _ in range(len(chosen)):
        further = np.minimum(reach + reach @ ways, 1)
        if np.array_equal(further, reach):
            break
        reach = further
    around = (ways @ reach) > 0
    return np.asarray(chosen & ~(around & (share < LOG_FLOW_MIN_BESIDE_A_WAY)))


def _edges(
    choice: _Choice,
    pairs: Pairs,
    requests: Requests,
    lines: LogLines,
) -> tuple[LogEdge, ...]:
    edges = []
    examples = example_keys(lines, requests, choice.chosen)
    for place, (caller, callee) in enumerate(zip(*np.nonzero(choice.chosen), strict=True)):
        joint = int(pairs.joint[caller, callee])
        fits = min(int(pairs.fits[caller, callee]), joint)
        first_ns, last_ns = _seen(requests, int(caller), int(callee))
        sure = _lower_bound(fits, joint) * float(choice.covered[callee])
        edges.append(
            LogEdge(
                caller=lines.services[caller],
                callee=lines.services[callee],
                requests=joint,
                agreement_ratio=round(fits / joint, 4),
                explained_ratio=round(float(choice.share[caller, callee]), 4),
                confidence_ratio=round(sure, 4),
                first_seen_unix_ns=first_ns,
                last_seen_unix_ns=last_ns,
                example_keys=examples[place],
            )
        )
    return tuple(sorted(edges, key=lambda edge: (edge.caller, edge.callee)))


def _seen(requests: Requests, caller: int, callee: int) -> tuple[int, int]:
    visits = requests.visits
    both = np.intersect1d(
        visits.request[visits.service == caller], visits.request[visits.service == callee]
    )
    times = visits.begin_ns[(visits.service == callee) & np.isin(visits.request, both)]
    return int(times.min()), int(times.max())


def _lower_bound(hits: int, trials: int) -> float:
    """Return the lower end of Wilson's 95% interval of a share."""
    z = 1.96
    share = hits / trials
    middle = share + z * z / (2 * trials)
    spread = z * math.sqrt((share * (1 - share) + z * z / (4 * trials)) / trials)
    return (middle - spread) / (1 + z * z / trials)


def _unknown(
    unknown: NDArray[np.bool_], unsure: NDArray[np.bool_], pairs: Pairs, lines: LogLines
) -> tuple[UnknownOrder, ...]:
    rows = [
        (first, second, "nothing tells which of the two begins or ends first")
        for first, second in zip(*np.nonzero(unknown), strict=True)
        if first < second
    ]
    rows += [
        (caller, callee, "most of what the second does begins without anyone seen to call it")
        for caller, callee in zip(*np.nonzero(unsure), strict=True)
    ]
    return tuple(
        UnknownOrder(lines.services[a], lines.services[b], int(pairs.joint[a, b]), reason)
        for a, b, reason in sorted(rows)
    )


def _offsets(clocks: Clocks, lines: LogLines) -> MappingProxyType[str, int]:
    return MappingProxyType(
        {
            host: int(clocks.ahead_ns[place])
            for place, host in enumerate(lines.hosts)
            if clocks.compared[place]
        }
    )
