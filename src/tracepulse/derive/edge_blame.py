"""
Who waited for whom, summed over cohorts of requests: the edges of a causal graph.

An edge leads from what waited to what it waited for: from a node to the node of a span below its
own, or to the resource that its own time went to. Its weight is how long the blocking path was
there or further below. What flows into a node, flows on or stays:

    sum of edges into a node  =  its own time  +  sum of edges out of it

to the nanosecond, with one edge from outside into the root's node, as long as the requests. Cells
are those of cohort_blame.py, so that own times are the same.

Of each edge are kept, beside sums and squares, the requests that it held up longest, and one
request of each length, of which the one in the middle is shown.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.cohort_blame import BIN_COUNT, CohortPaths, NodeTable, bin_of
from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.path_tree import PathTree
from tracepulse.derive.span_codes import SpanCodes
from tracepulse.derive.span_flags import CALLS_SERVER

__all__ = [
    "OUTSIDE",
    "WORST_KEPT",
    "EdgeBlame",
    "cells_of",
    "edge_blame",
    "merged_edges",
    "resources_of",
]

OUTSIDE = -1
"""In place of a cell: whoever made the request."""
WORST_KEPT = 3

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class EdgeBlame:
    """What is known of edges, by group; does not grow with the requests."""

    waiting: Integers
    """Cell that waited, of each edge; OUTSIDE for whoever made the request."""
    awaited: Integers
    """Cell that it waited for."""
    held: Integers
    """Requests that were held up along it, by group and edge."""
    held_ns: Floats
    """For how long, in all; whole numbers below 2**53 are exact."""
    held_square: Floats
    """Sum over requests of the square of that."""
    lengths: Integers
    """Requests by how long they were held up, by group, edge and bin."""
    example: Integers
    """Of each bin the lowest number of a request; -1 for none."""
    worst_ns: Integers
    """Of the requests held up longest, by group, edge and rank; 0 where there are fewer."""
    worst: Integers
    """Their numbers; -1 where there are fewer."""

    def evidence(self, group: int, edge: int) -> tuple[int, ...]:
        """Return numbers of requests: those held up longest, and one in the middle."""
        found = [int(number) for number in self.worst[group, edge] if number >= 0]
        reached = np.cumsum(self.lengths[group, edge])
        if reached[-1]:
            middle = int(np.searchsorted(reached, (reached[-1] + 1) // 2))
            found.append(int(self.example[group, edge, middle]))
        return tuple(dict.fromkeys(found))


def cells_of(tree: PathTree, found: CohortPaths, codes: SpanCodes, table: NodeTable) -> Integers:
    """Return each row's cell: its node, or the network before it where its call was answered."""
    node = codes.node[found.forest.row[tree.position]].astype(np.int64)
    answered = found.forest.flags[tree.position] & CALLS_SERVER != 0
    return np.where(answered, node + len(table.nodes), node)


def edge_blame(
    tree: PathTree,
    cell: Integers,
    table: NodeTable,
    group: Integers,
    groups: int,
    number: Integers,
) -> EdgeBlame:
    """
    Return what each node waited for.

    Args:
        tree: spans on the paths.
        cell: of each row of the tree, as `cells_of` has it.
        table: what cells are.
        group: of each trace, from 0; below 0 is none.
        groups: how many there are.
        number: of each trace, to name it by as evidence; lower ones are taken first.
    """
    trace = np.repeat(np.arange(len(tree.first) - 1), np.diff(tree.first))
    waiting = np.where(tree.above >= 0, cell[tree.above], OUTSIDE)
    resource = resources_of(cell, table)
    ends = np.flatnonzero((resource >= 0) & (tree.own_ns > 0))
    keys = np.concatenate([_key(waiting, cell, table), _key(cell[ends], resource[ends], table)])
    length = np.concatenate([tree.waited_ns, tree.own_ns[ends]])
    order = np.argsort(np.concatenate([trace, trace[ends]]), kind="stable")
    distinct, edge = np.unique(keys, return_inverse=True)
    blame = _empty(distinct // (table.cells + 1) - 1, distinct % (table.cells + 1) - 1, groups)
    first = tree.first + np.searchsorted(trace[ends], np.arange(len(tree.first)))
    _sum(
        first, edge[order], length[order], group, number,
        blame.held, blame.held_ns, blame.held_square, blame.lengths, blame.example,
        blame.worst_ns, blame.worst,
    )  # fmt: skip
    return blame


def merged_edges(
    one: tuple[EdgeBlame, NodeTable], other: tuple[EdgeBlame, NodeTable], table: NodeTable
) -> EdgeBlame:
    """Return the blame of both, by the cells of a table that has all nodes of theirs."""
    parts = [_moved(blame, old, table) for blame, old in (one, other)]
    keys = [_key(part.waiting, part.awaited, table) for part in parts]
    distinct = np.unique(np.concatenate(keys))
    total = _empty(
        distinct // (table.cells + 1) - 1,
        distinct % (table.cells + 1) - 1,
        len(one[0].held),
    )
    for part, key in zip(parts, keys, strict=True):
        at = np.searchsorted(distinct, key)
        for name in ("held", "held_ns", "held_square", "lengths"):
            getattr(total, name)[:, at] += getattr(part, name)
        known, new = total.example[:, at], part.example
        lower = np.where(known < 0, new, np.where(new < 0, known, np.minimum(known, new)))
        total.example[:, at] = lower
        lengths = np.concatenate([total.worst_ns[:, at], part.worst_ns], axis=2)
        numbers = np.concatenate([total.worst[:, at], part.worst], axis=2)
        # By length, the longest first, then by number.
        order = np.lexsort((numbers, -lengths), axis=2)[:, :, :WORST_KEPT]
        total.worst_ns[:, at] = np.take_along_axis(lengths, order, axis=2)
        total.worst[:, at] = np.take_along_axis(numbers, order, axis=2)
    return total


def _moved(blame: EdgeBlame, old: NodeTable, new: NodeTable) -> EdgeBlame:
    to = np.concatenate([new.cells_in(old), [OUTSIDE]])
    rest = {name: getattr(blame, name) for name in blame.__slots__[2:]}
    return EdgeBlame(to[blame.waiting], to[blame.awaited], **rest)


def _empty(waiting: Integers, awaited: Integers, groups: int) -> EdgeBlame:
    edges = (groups, len(waiting))
    return EdgeBlame(
        waiting=waiting,
        awaited=awaited,
        held=np.zeros(edges, np.int64),
        held_ns=np.zeros(edges, np.float64),
        held_square=np.zeros(edges, np.float64),
        lengths=np.zeros((*edges, BIN_COUNT), np.int64),
        example=np.full((*edges, BIN_COUNT), -1, np.int64),
        worst_ns=np.zeros((*edges, WORST_KEPT), np.int64),
        worst=np.full((*edges, WORST_KEPT), -1, np.int64),
    )


def _key(waiting: Integers, awaited: Integers, table: NodeTable) -> Integers:
    return (waiting + 1) * (table.cells + 1) + awaited + 1


def resources_of(cell: Integers, table: NodeTable) -> Integers:
    """Return the cell of the resource that a cell's own time goes to; -1 for none."""
    nodes = len(table.nodes)
    resource = table.resource[cell % nodes].astype(np.int64) if nodes else cell
    return np.where((cell < nodes) & (resource >= 0), resource + 2 * nodes, -1)


@kernel
def _sum(
    first: Cells,
    edge: Cells,
    length: Cells,
    group: Cells,
    number: Cells,
    held: Cells,
    held_ns: Cells,
    held_square: Cells,
    lengths: Cells,
    example: Cells,
    worst_ns: Cells,
    worst: Cells,
) -> None:
    """Add up each trace's rows by edge, then the trace's sums to its group's."""
    edges, kept = held.shape[1], worst.shape[2]
    here = np.zeros(edges, np.int64)
    touched = np.empty(edges, np.int64)
    for t in range(len(first) - 1):
        g = group[t]
        if g < 0:
            continue
        count = 0
        for i in range(first[t], first[t + 1]):
            e = edge[i]
            if here[e] == 0:
                touched[count] = e
                count += 1
            here[e] += length[i]
        for i in range(count):
            e = touched[i]
            ns, place = here[e], bin_of(float(here[e]))
            here[e] = 0
            held[g, e] += 1
            held_ns[g, e] += ns
            held_square[g, e] += float(ns) * ns
            lengths[g, e, place] += 1
            if example[g, e, place] < 0 or number[t] < example[g, e, place]:
                example[g, e, place] = number[t]
            rank = kept
            while rank > 0 and _before(
                ns, number[t], worst_ns[g, e, rank - 1], worst[g, e, rank - 1]
            ):
                rank -= 1
            for j in range(kept - 1, rank, -1):
                worst_ns[g, e, j], worst[g, e, j] = worst_ns[g, e, j - 1], worst[g, e, j - 1]
            if rank < kept:
                worst_ns[g, e, rank], worst[g, e, rank] = ns, number[t]


@kernel
def _before(ns: int, number: int, other_ns: int, other: int) -> bool:
    """Tell whether a request stands before another one: by length, then by number."""
    return other < 0 or ns > other_ns or (ns == other_ns and number < other)
