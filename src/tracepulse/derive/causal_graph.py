"""
The causal graph of two cohorts: operations and resources, and who waited for whom how long.

Of two cohorts as cohort_difference.py compares them; weights are means over all requests of a cohort,
so that edges add up: what leads into a node is its own time and what leads out of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.cohort_blame import NodeTable
from tracepulse.derive.cohort_difference import welch_interval
from tracepulse.derive.edge_blame import OUTSIDE, EdgeBlame
from tracepulse.derive.limits.cohorts import COHORT_CONFIDENCE_RATIO

__all__ = ["CausalEdge", "CausalGraph", "CausalNode", "causal_graph", "cell_name"]

USUAL, SLOW = 0, 1
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CausalNode:
    """One operation, the network before one, or a resource; times are means per request."""

    service: str
    """'' for a resource."""
    operation: str
    category: str
    resource: str
    usual_own_ns: float
    """Time that the path stayed there."""
    slow_own_ns: float
    usual_waited_ns: float
    """With what it waited for in turn. One that waits for itself below counts for each."""
    slow_waited_ns: float


@dataclass(frozen=True, slots=True)
class CausalEdge:
    """One node that waited for another; times are means over all requests of a cohort."""

    waiting: int
    """Place among the nodes; -1 for whoever made the request."""
    awaited: int
    usual_ns: float
    slow_ns: float
    low_ns: float
    """The difference is at least so much …"""
    high_ns: float
    """… and at most so much, for all edges at once."""
    share_ratio: float
    """Of the difference of the cohorts."""
    usual_requests: int
    """That were held up along it."""
    slow_requests: int
    usual_evidence: tuple[int, ...]
    """Requests, by number: those held up longest, then one in the middle."""
    slow_evidence: tuple[int, ...]

    @property
    def difference_ns(self) -> float:
        """How much longer a request of the second cohort waits along it."""
        return self.slow_ns - self.usual_ns


@dataclass(frozen=True, slots=True)
class CausalGraph:
    """Who waited for whom in two cohorts."""

    usual_requests: int
    slow_requests: int
    usual_ns: float
    """Mean length of a request."""
    slow_ns: float
    confidence_ratio: float
    """That the intervals of all edges hold at once."""
    nodes: tuple[CausalNode, ...]
    """By name."""
    edges: tuple[CausalEdge, ...]
    """By weight in the slower of the cohorts, the largest first, then by place of their nodes."""
    edges_left_out: int
    """Lighter ones, beyond the limit."""


def causal_graph(
    blame: EdgeBlame, table: NodeTable, requests: Sequence[int], limit: int = 100
) -> CausalGraph:
    """
    Return the graph of groups 0 and 1.

    Args:
        blame: of two groups.
        table: what cells are.
        requests: of each group, also those without a path.
        limit: edges at most; nodes keep their whole times.
    """
    own, waited = _flows(blame, table.cells)
    count = [float(max(each, 1)) for each in requests]
    means = blame.held_ns / np.array(count)[:, None]
    whole = [float(means[g, blame.waiting == OUTSIDE].sum()) for g in (USUAL, SLOW)]
    weight = means.max(axis=0)
    order = np.lexsort((blame.awaited, blame.waiting, -weight))
    chosen = order[:limit]
    named = {int(c): cell_name(table, int(c)) for e in chosen for c in _ends(blame, int(e))}
    cells = sorted(named, key=lambda cell: (named[cell], cell))
    place = {cell: number for number, cell in enumerate(cells)} | {OUTSIDE: OUTSIDE}
    return CausalGraph(
        usual_requests=int(requests[USUAL]),
        slow_requests=int(requests[SLOW]),
        usual_ns=whole[USUAL],
        slow_ns=whole[SLOW],
        confidence_ratio=COHORT_CONFIDENCE_RATIO,
        nodes=tuple(
            CausalNode(
                *named[cell],
                *(float(own[g, cell] / count[g]) for g in (USUAL, SLOW)),
                *(float(waited[g, cell] / count[g]) for g in (USUAL, SLOW)),
            )
            for cell in cells
        ),
        edges=tuple(
            _edge(blame, int(edge), place, count, whole[SLOW] - whole[USUAL]) for edge in chosen
        ),
        edges_left_out=len(order) - len(chosen),
    )


def cell_name(table: NodeTable, cell: int) -> tuple[str, str, str, str]:
    """Return service, operation, category and resource of a cell; only the last of a resource."""
    nodes = len(table.nodes)
    if cell >= 2 * nodes:
        return "", "", "resource", table.resources[cell - 2 * nodes]
    node = table.nodes[cell % nodes]
    category = "network" if cell >= nodes else str(node.category)
    return node.service, node.name, category, node.resource


def _ends(blame: EdgeBlame, edge: int) -> list[int]:
    return [int(c) for c in (blame.waiting[edge], blame.awaited[edge]) if c != OUTSIDE]


def _flows(blame: EdgeBlame, cells: int) -> tuple[Floats, Floats]:
    """Return for each group and cell its own time, and what flows into it; sums, not means."""
    into = np.zeros((len(blame.held), cells))
    out = np.zeros((len(blame.held), cells))
    inner = blame.waiting != OUTSIDE
    for g in range(len(blame.held)):
        np.add.at(into[g], blame.awaited, blame.held_ns[g])
        np.add.at(out[g], blame.waiting[inner], blame.held_ns[g, inner])
    return into - out, into


def _edge(
    blame: EdgeBlame, edge: int, place: dict[int, int], count: list[float], whole_ns: float
) -> CausalEdge:
    total = (float(blame.held_ns[USUAL, edge]), float(blame.held_ns[SLOW, edge]))
    square = (float(blame.held_square[USUAL, edge]), float(blame.held_square[SLOW, edge]))
    low, high = welch_interval((count[USUAL], count[SLOW]), total, square, len(blame.waiting))
    usual, slow = (total[g] / count[g] for g in (USUAL, SLOW))
    return CausalEdge(
        waiting=place[int(blame.waiting[edge])],
        awaited=place[int(blame.awaited[edge])],
        usual_ns=usual,
        slow_ns=slow,
        low_ns=low,
        high_ns=high,
        share_ratio=(slow - usual) / whole_ns if whole_ns else 0.0,
        usual_requests=int(blame.held[USUAL, edge]),
        slow_requests=int(blame.held[SLOW, edge]),
        usual_evidence=blame.evidence(USUAL, edge),
        slow_evidence=blame.evidence(SLOW, edge),
    )
