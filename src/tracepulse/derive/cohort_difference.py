"""
What makes one cohort of requests slower than another: blame node by node, with intervals.

The difference of two means of seconds per request, Welch's interval around it, made wider so that
all intervals together hold with the stated confidence (Bonferroni over every node compared). A node
that held up fewer requests than `MIN_SUPPORT` is shown and never named.

A cohort picked by being slow differs from the rest whatever happened, most of all where times
spread most. So there a node is named only if the slow requests lie outside its usual spread:

    requests                 usual spread              a mode of its own
      |        ##                                          |
      |      ######                                        v
      |    ##########                                      ##
      |  ################ . . .  slow half of a       #########
      +-------+-------+------------------+----------------+-----> time held up, log
             q16     q50            as far again, `TAIL_SPREADS` times over

Source:
    B. L. Welch, Biometrika 34 (1947); interval of t by the Cornish-Fisher expansion.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import log, sqrt
from statistics import NormalDist, median

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.cohort_blame import BIN_COUNT, CohortBlame, NodeTable, bin_floor_ns
from tracepulse.derive.limits.cohorts import (
    COHORT_CONFIDENCE_RATIO,
    MIN_COHORT_REQUESTS,
    MIN_FINDING_EXCESS_RATIO,
    MIN_FINDING_SHARE_RATIO,
    MIN_SUPPORT,
    SHARED_RESOURCE_RATIO,
    TAIL_SPREADS,
)

__all__ = ["CohortDifference", "NodeDifference", "Split", "cohort_difference", "welch_interval"]

USUAL, SLOW = 0, 1

Floats = NDArray[np.float64]


class Split(StrEnum):
    """How the second cohort was picked."""

    CHANGE = "change"
    """By something that is known before the request is made: an instant, a version, a country."""
    TAIL = "tail"
    """By having been slow."""


@dataclass(frozen=True, slots=True)
class NodeDifference:
    """One node in both cohorts; times are means over all of a cohort's requests."""

    service: str
    """'' for a resource, whoever calls it."""
    operation: str
    category: str
    resource: str
    usual_ns: float
    slow_ns: float
    low_ns: float
    """The difference is at least so much …"""
    high_ns: float
    """… and at most so much, for all nodes at once."""
    share_ratio: float
    """Of the difference of the cohorts; more than 1 where others made up for some of it."""
    usual_requests: int
    """That it held up."""
    slow_requests: int

    @property
    def difference_ns(self) -> float:
        """How much more of it there is in a request of the second cohort."""
        return self.slow_ns - self.usual_ns


@dataclass(frozen=True, slots=True)
class CohortDifference:
    """Two cohorts beside each other."""

    usual_requests: int
    slow_requests: int
    usual_ns: float
    """Mean length of a request."""
    slow_ns: float
    low_ns: float
    """Interval of the difference of the two."""
    high_ns: float
    confidence_ratio: float
    """That all intervals hold at once."""
    compared: int
    """Nodes that were compared."""
    nodes: tuple[NodeDifference, ...]
    """By difference, the largest first, then by name."""
    finding: NodeDifference | None
    """What made the second cohort slower; None where that cannot be said."""
    reason: str
    """Why it is named, or why nothing is."""


def cohort_difference(
    blame: CohortBlame, table: NodeTable, split: Split = Split.CHANGE
) -> CohortDifference:
    """
    Compare group 1 with group 0.

    Args:
        blame: of at least two groups.
        table: what the cells are.
        split: how group 1 was picked; decides what is enough to name a node; Split.TAIL needs calls.
    """
    requests = blame.requests
    compared = np.flatnonzero(blame.held[USUAL] + blame.held[SLOW])
    low, high = _intervals(blame, compared)
    whole = welch_interval(
        (float(requests[USUAL]), float(requests[SLOW])),
        (float(blame.length_ns[USUAL]), float(blame.length_ns[SLOW])),
        (float(blame.length_square[USUAL]), float(blame.length_square[SLOW])),
        1,
    )
    usual_ns, slow_ns = (float(blame.length_ns[g] / max(requests[g], 1)) for g in (USUAL, SLOW))
    cells = {
        int(cell): _node(blame, table, int(cell), low[i], high[i], slow_ns - usual_ns)
        for i, cell in enumerate(compared)
    }
    ranked = sorted(cells, key=lambda cell: (-cells[cell].difference_ns, _name(cells[cell])))
    found, reason = _finding(blame, table, cells, ranked, (usual_ns, slow_ns), split)
    return CohortDifference(
        usual_requests=int(requests[USUAL]),
        slow_requests=int(requests[SLOW]),
        usual_ns=usual_ns,
        slow_ns=slow_ns,
        low_ns=whole[0],
        high_ns=whole[1],
        confidence_ratio=COHORT_CONFIDENCE_RATIO,
        compared=len(compared),
        nodes=tuple(cells[cell] for cell in ranked),
        finding=None if found is None else cells[found],
        reason=reason,
    )


def _name(node: NodeDifference) -> tuple[str, str, str, str]:
    return node.service, node.operation, node.category, node.resource


def _node(
    blame: CohortBlame, table: NodeTable, cell: int, low: float, high: float, whole_ns: float
) -> NodeDifference:
    usual, slow = (float(blame.held_ns[g, cell] / max(blame.requests[g], 1)) for g in (0, 1))
    nodes = len(table.nodes)
    if cell >= 2 * nodes:
        service, operation, category = "", "", "resource"
        resource = table.resources[cell - 2 * nodes]
    else:
        node = table.nodes[cell % nodes]
        service, operation, resource = node.service, node.name, node.resource
        category = "network" if cell >= nodes else str(node.category)
    return NodeDifference(
        service=service,
        operation=operation,
        category=category,
        resource=resource,
        usual_ns=usual,
        slow_ns=slow,
        low_ns=low,
        high_ns=high,
        share_ratio=(slow - usual) / whole_ns if whole_ns else 0.0,
        usual_requests=int(blame.held[USUAL, cell]),
        slow_requests=int(blame.held[SLOW, cell]),
    )


def _intervals(blame: CohortBlame, cells: NDArray[np.int64]) -> tuple[list[float], list[float]]:
    """Return lower and upper ends of the differences, for all cells at once."""
    requests = (float(blame.requests[USUAL]), float(blame.requests[SLOW]))
    ends = [
        welch_interval(
            requests,
            (float(blame.held_ns[USUAL, cell]), float(blame.held_ns[SLOW, cell])),
            (float(blame.held_square[USUAL, cell]), float(blame.held_square[SLOW, cell])),
            len(cells),
        )
        for cell in cells
    ]
    return [low for low, _ in ends], [high for _, high in ends]


def welch_interval(
    requests: tuple[float, float],
    total: tuple[float, float],
    square: tuple[float, float],
    compared: int,
) -> tuple[float, float]:
    """
    Return Welch's interval of a difference of means, one of so many that are to hold at once.

    Args:
        requests: of the usual and the slow cohort.
        total: sum over requests of each.
        square: sum of squares.
        compared: how many intervals are told together.
    """
    means, parts, freedom = [], [], 0.0
    for n, s, q in zip(requests, total, square, strict=True):
        if n < 2:
            return -np.inf, np.inf
        means.append(s / n)
        parts.append(max(q - s * s / n, 0.0) / (n - 1) / n)
        freedom += parts[-1] ** 2 / (n - 1)
    difference, variance = means[1] - means[0], sum(parts)
    if variance == 0.0:
        return difference, difference
    tail = (1.0 - COHORT_CONFIDENCE_RATIO) / max(compared, 1) / 2
    reach = _t_quantile(1.0 - tail, variance**2 / freedom) * sqrt(variance)
    return difference - reach, difference + reach


def _t_quantile(probability: float, freedom: float) -> float:
    """Return a quantile of Student's t; good to 1% from 10 degrees of freedom on."""
    z = NormalDist().inv_cdf(probability)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )


def _finding(
    blame: CohortBlame,
    table: NodeTable,
    cells: dict[int, NodeDifference],
    ranked: list[int],
    whole: tuple[float, float],
    split: Split,
) -> tuple[int | None, str]:
    """Return the cell to name, or why there is none."""
    usual_ns, slow_ns = whole
    if min(blame.requests[USUAL], blame.requests[SLOW]) < MIN_COHORT_REQUESTS:
        return None, f"fewer than {MIN_COHORT_REQUESTS} requests in one of the cohorts"
    if slow_ns <= usual_ns:
        return None, "the requests of the second cohort are not slower"
    candidates = [cell for cell in ranked if _is_clear(cells[cell], usual_ns, slow_ns - usual_ns)]
    if not candidates:
        return None, "no single node is clearly slower: the difference is spread over many"
    top = _without_shadow(table, cells, candidates)
    if split is Split.TAIL:
        callers = np.flatnonzero(table.resource == top - 2 * len(table.nodes)).tolist()
        spreads = median(_tail_spreads(blame, n) for n in (callers or [top]) if n in cells)
        if spreads < TAIL_SPREADS:
            return None, (
                "slow requests lie within the usual spread of what they waited for:"
                f" {spreads:.1f} times the spread below its median, {TAIL_SPREADS:g} are needed"
            )
        return (
            top,
            f"in slow requests it lies {spreads:.1f} times its usual spread above its median",
        )
    return top, "the largest part of the difference, and clear of chance"


def _is_clear(node: NodeDifference, usual_ns: float, difference_ns: float) -> bool:
    return (
        node.low_ns > 0
        and node.usual_requests + node.slow_requests >= MIN_SUPPORT
        and node.slow_requests >= MIN_SUPPORT // 2
        and node.difference_ns >= MIN_FINDING_SHARE_RATIO * difference_ns
        and node.difference_ns >= MIN_FINDING_EXCESS_RATIO * usual_ns
    )


def _without_shadow(
    table: NodeTable, cells: dict[int, NodeDifference], candidates: list[int]
) -> int:
    """
    Return the first candidate; a resource only if more than one of its callers is slower.

    A resource's time is the sum of its callers', so that it is never behind the one that is slow.
    """
    nodes = len(table.nodes)
    for cell in candidates:
        if cell < 2 * nodes:
            return cell
        callers = [
            cells[n].difference_ns
            for n in np.flatnonzero(table.resource == cell - 2 * nodes).tolist()
            if n in cells
        ]
        if max(callers) < SHARED_RESOURCE_RATIO * cells[cell].difference_ns:
            return cell
    return candidates[0]


def _tail_spreads(blame: CohortBlame, cell: int) -> float:
    """
    Return how far above its usual median a node works in slow requests, in spreads below it.

    On a logarithmic scale, by how long each call worked by itself, whether it was waited for or
    not; the spread is from the 16th percentile to the median, which slow calls hardly touch.
    """
    usual, slow = blame.calls[USUAL, cell], blame.calls[SLOW, cell]
    if not usual.sum() or not slow.sum():
        return 0.0
    lower, middle = (_quantile_ns(usual, share) for share in (0.16, 0.5))
    spread = max(log(middle / lower), log(bin_floor_ns(1) / bin_floor_ns(0)))
    return log(_quantile_ns(slow, 0.5) / middle) / spread


def _quantile_ns(counts: NDArray[np.int64], share: float) -> float:
    """Return a quantile of counts by bin, by the place within the bin."""
    wanted = share * float(counts.sum())
    reached = np.cumsum(counts)
    place = min(int(np.searchsorted(reached, wanted)), BIN_COUNT - 1)
    before = float(reached[place] - counts[place])
    part = (wanted - before) / float(counts[place]) if counts[place] else 0.0
    low, high = log(bin_floor_ns(place)), log(bin_floor_ns(place + 1))
    return float(np.exp(low + part * (high - low)))
