"""
Blame summed over cohorts of requests: how long each node, and each resource, was waited for.

A cohort is any selection of traces; each trace is in one of a few groups, or in none. What is kept
of a group does not grow with its requests, so that ten million spans are summed chunk by chunk: for
every cell how many requests were held up by it, for how long in all, and the squares of that, from
which intervals follow (cohort_difference.py). A cell is a node's own time, the network before a
node that answers, or a resource whoever called it.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.dependencies import (
    Dependencies,
    flag_left_behind,
    learn_dependencies,
    rules_of,
)
from tracepulse.derive.limits.dependencies import MAX_LEARNED_TRACES
from tracepulse.derive.path_walk import PathColumns, blocking_paths
from tracepulse.derive.span_codes import Node, SpanCodes
from tracepulse.derive.span_flags import ASYNCHRONOUS, CALLS_SERVER, LEFT_BEHIND
from tracepulse.derive.trace_tree import TraceForest, clock_offsets, trace_forest

__all__ = [
    "BIN_COUNT",
    "CohortBlame",
    "CohortPaths",
    "NodeTable",
    "bin_floor_ns",
    "bin_of",
    "cohort_blame",
    "cohort_paths",
    "node_table",
    "request_times",
]

BINS_PER_OCTAVE = 8
BIN_COUNT = 256
"""An eighth of a power of two each, from 1 µs to 73 minutes; the ends hold what is beyond."""
_LEAST_NS = 1_000.0

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class NodeTable:
    """The nodes that spans refer to by their codes, and the resources behind them."""

    nodes: tuple[Node, ...]
    resources: tuple[str, ...]
    """Sorted."""
    resource: NDArray[np.int32]
    """Of each node; -1 for none."""

    @property
    def cells(self) -> int:
        """Nodes' own times, then networks before them, then resources."""
        return 2 * len(self.nodes) + len(self.resources)

    def cells_in(self, other: "NodeTable") -> Integers:
        """Return for each cell of another table, all of whose nodes are here, its cell here."""
        places = {node: place for place, node in enumerate(self.nodes)}
        nodes = np.array([places[node] for node in other.nodes], np.int64)
        names = {name: place for place, name in enumerate(self.resources)}
        resources = np.array([names[name] for name in other.resources], np.int64)
        count = len(self.nodes)
        return np.concatenate([nodes, nodes + count, resources + 2 * count]).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class CohortBlame:
    """What is known of groups of requests; sums of two of the same shape are those of both."""

    requests: Integers
    """By group."""
    length_ns: Floats
    """Sum of the roots' lengths, by group."""
    length_square: Floats
    """Sum of their squares."""
    held: Integers
    """Requests that were held up, by group and cell."""
    held_ns: Floats
    """For how long, in all; whole numbers below 2**53, that is 104 days, are exact."""
    held_square: Floats
    """Sum over requests of the square of that."""
    calls: Integers
    """
    Calls by how long each worked by itself, by group, cell and bin; on the path or not. No bins where
    these were not asked for.
    """

    def __add__(self, other: "CohortBlame") -> "CohortBlame":
        return CohortBlame(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


def node_table(nodes: tuple[Node, ...]) -> NodeTable:
    """Return nodes with the resources behind them."""
    resources = tuple(sorted({node.resource for node in nodes} - {""}))
    places = {name: place for place, name in enumerate(resources)}
    resource = np.array([places.get(node.resource, -1) for node in nodes], np.int32)
    return NodeTable(nodes, resources, resource)


def cohort_blame(
    codes: SpanCodes,
    table: NodeTable,
    group: NDArray[np.int64],
    groups: int,
    *,
    root_ids: NDArray[np.uint64] | None = None,
    learn: bool = True,
    count_calls: bool = False,
) -> CohortBlame:
    """
    Return what held up the requests of each group.

    Args:
        codes: spans of whole traces; nodes by the codes of `table`.
        group: of each trace, from 0; below 0 is none.
        groups: how many there are.
        root_ids: for each trace the span to take as its root; None for the usual rule.
        learn: take from these traces, rather than from each alone, what waits for what.
        count_calls: also how long calls worked by themselves, which a Split.TAIL is judged by.
    """
    found = cohort_paths(codes, len(table.nodes), root_ids, learn)
    blame = summed(found.forest, codes, found.paths, table, group, groups)
    return _with_calls(blame, found.forest, codes, table, group) if count_calls else blame


@dataclass(frozen=True, slots=True, eq=False)
class CohortPaths:
    """Blocking paths of a cohort, and what they were found by."""

    forest: TraceForest
    paths: PathColumns
    learned: Dependencies | None
    """What these traces show of the order of calls; None where nothing was to be learned."""


def cohort_paths(
    codes: SpanCodes, nodes: int, root_ids: NDArray[np.uint64] | None = None, learn: bool = True
) -> CohortPaths:
    """
    Return the blocking path of every trace.

    Args:
        codes: spans of whole traces.
        nodes: how many codes of nodes there are.
        root_ids: for each trace the span to take as its root; None for the usual rule.
        learn: take from these traces, rather than from each alone, what waits for what.
    """
    if not learn:
        forest = trace_forest(codes, root_ids)
        return CohortPaths(forest, blocking_paths(forest, codes), None)
    sample = codes.first_traces(MAX_LEARNED_TRACES)
    clocks = clock_offsets(sample)
    forest = trace_forest(codes, root_ids, clocks)
    learned = learn_dependencies(trace_forest(sample, clocks=clocks), sample, nodes)
    flag_left_behind(forest, codes, learned)
    return CohortPaths(forest, blocking_paths(forest, codes, rules_of(learned)), learned)


def request_times(codes: SpanCodes) -> tuple[Integers, Integers]:
    """Return when each trace's root began, Unix ns, and its length; -1 where there is none."""
    forest = trace_forest(codes)
    there = forest.root >= 0
    start, end = (each[forest.root] for each in (forest.start_unix_ns, forest.end_unix_ns))
    return np.where(there, start, 0), np.where(there, end - start, -1)


def summed(
    forest: TraceForest,
    codes: SpanCodes,
    paths: PathColumns,
    table: NodeTable,
    group: NDArray[np.int64],
    groups: int,
) -> CohortBlame:
    """Return blame of paths that were found, by group."""
    cells = table.cells
    blame = CohortBlame(
        requests=np.zeros(groups, np.int64),
        length_ns=np.zeros(groups, np.float64),
        length_square=np.zeros(groups, np.float64),
        held=np.zeros((groups, cells), np.int64),
        held_ns=np.zeros((groups, cells), np.float64),
        held_square=np.zeros((groups, cells), np.float64),
        calls=np.zeros((groups, cells, 0), np.int64),
    )
    _sum(
        paths.first, paths.position, paths.end_unix_ns - paths.start_unix_ns,
        forest.root, forest.row, forest.flags, codes.node, table.resource, len(table.nodes),
        group, blame.requests, blame.length_ns, blame.length_square, blame.held, blame.held_ns,
        blame.held_square,
    )  # fmt: skip
    return blame


def _with_calls(
    blame: CohortBlame,
    forest: TraceForest,
    codes: SpanCodes,
    table: NodeTable,
    group: NDArray[np.int64],
) -> CohortBlame:
    """Return the same with how long each call worked by itself."""
    calls = np.zeros((len(blame.requests), table.cells, BIN_COUNT), np.int64)
    _count_calls(
        forest.first, forest.root, forest.top, forest.row, forest.start_unix_ns,
        forest.end_unix_ns, forest.first_child, forest.child, forest.flags, codes.node,
        table.resource, len(table.nodes), group, calls,
    )  # fmt: skip
    return replace(blame, calls=calls)


def bin_floor_ns(place: int) -> float:
    """Return the shortest length that falls into a bin, in ns."""
    return float(_LEAST_NS * 2.0 ** (place / BINS_PER_OCTAVE))


@kernel
def bin_of(length_ns: float) -> int:
    """Return the bin that a length falls into."""
    if length_ns <= _LEAST_NS:
        return 0
    return min(int(BINS_PER_OCTAVE * np.log2(length_ns / _LEAST_NS)), BIN_COUNT - 1)


@kernel
def _sum(
    first: Cells,
    position: Cells,
    length: Cells,
    root: Cells,
    row: Cells,
    flags: Cells,
    node: Cells,
    resource: Cells,
    nodes: int,
    group: Cells,
    requests: Cells,
    total: Cells,
    total_square: Cells,
    held: Cells,
    held_ns: Cells,
    held_square: Cells,
) -> None:
    """Add up each trace's sections by cell, then the trace's sums to its group's."""
    here = np.zeros(held.shape[1], np.int64)
    touched = np.empty(held.shape[1], np.int64)
    for t in range(len(first) - 1):
        g = group[t]
        if g < 0 or root[t] < 0:
            continue
        count, whole = 0, 0
        for i in range(first[t], first[t + 1]):
            p = position[i]
            n = node[row[p]]
            answered = flags[p] & CALLS_SERVER != 0
            whole += length[i]
            cell = n + nodes if answered else n
            if here[cell] == 0:
                touched[count] = cell
                count += 1
            here[cell] += length[i]
            if resource[n] >= 0 and not answered:
                cell = 2 * nodes + resource[n]
                if here[cell] == 0:
                    touched[count] = cell
                    count += 1
                here[cell] += length[i]
        requests[g] += 1
        total[g] += whole
        total_square[g] += float(whole) * whole
        for i in range(count):
            cell = touched[i]
            ns = float(here[cell])
            here[cell] = 0
            held[g, cell] += 1
            held_ns[g, cell] += ns
            held_square[g, cell] += ns * ns


@kernel
def _count_calls(
    first: Cells,
    root: Cells,
    top: Cells,
    row: Cells,
    start: Cells,
    end: Cells,
    first_child: Cells,
    child: Cells,
    flags: Cells,
    node: Cells,
    resource: Cells,
    nodes: int,
    group: Cells,
    calls: Cells,
) -> None:
    for t in range(len(first) - 1):
        if group[t] < 0 or root[t] < 0:
            continue
        for p in range(first[t], first[t + 1]):
            if top[p] != root[t]:
                continue
            place = bin_of(float(_own_ns(p, start, end, first_child, child, flags)))
            n = node[row[p]]
            answered = flags[p] & CALLS_SERVER != 0
            calls[group[t], n + nodes if answered else n, place] += 1
            if resource[n] >= 0 and not answered:
                calls[group[t], 2 * nodes + resource[n], place] += 1


@kernel
def _own_ns(
    p: int, start: Cells, end: Cells, first_child: Cells, child: Cells, flags: Cells
) -> int:
    """Return how long a span ran with none of its children, which come by end, the last first."""
    own, until = 0, end[p]
    for i in range(first_child[p], first_child[p + 1]):
        c = child[i]
        if flags[c] & (ASYNCHRONOUS | LEFT_BEHIND):
            continue
        reached = max(min(end[c], until), start[p])
        own += until - reached
        until = max(min(reached, start[c]), start[p])
    return int(own + until - start[p])
