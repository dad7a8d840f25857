"""
Blame by the way of calls that leads to it: the contexts of a flame graph.

A context is a node below the context that waited for it, so that one query asked from two places is
two contexts. Own times of all contexts add up to the length of the requests, to the nanosecond, also
where contexts were left out: what those would have had is kept as OTHER below what waited for them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.cohort_blame import NodeTable
from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.edge_blame import resources_of
from tracepulse.derive.limits.cohorts import MAX_CONTEXT_DEPTH
from tracepulse.derive.path_tree import PathTree

__all__ = ["OTHER", "ContextBlame", "context_blame", "largest_contexts", "merged_contexts"]

OTHER = -2
"""In place of a cell: everything of a context that has none of its own."""

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ContextBlame:
    """Contexts, each after the one above it; by depth, then by the one above, then by cell."""

    above: Integers
    """Place of the context that waited; -1 for none."""
    cell: Integers
    own_ns: Floats
    """Sum over requests, by group and context; whole numbers below 2**53 are exact."""

    def waited_ns(self) -> Floats:
        """Return the same with all that is below each context."""
        waited = self.own_ns.copy()
        _add_up(self.above, waited)
        return waited


def context_blame(
    tree: PathTree, cell: Integers, table: NodeTable, group: Integers, groups: int
) -> ContextBlame:
    """
    Return blame by context.

    Args:
        tree: spans on the paths.
        cell: of each row of the tree, as `cells_of` of edge_blame.py has it.
        table: what cells are.
        group: of each trace, from 0; below 0 is none.
        groups: how many there are.
    """
    trace = np.repeat(np.arange(len(tree.first) - 1), np.diff(tree.first))
    of_group = group[trace]
    resource = resources_of(cell, table)
    ends = np.flatnonzero((resource >= 0) & (tree.own_ns > 0))
    own = np.zeros((groups, len(tree) + len(ends)))
    kept = tree.own_ns.astype(np.float64)
    kept[ends] = 0.0
    for g in range(groups):
        own[g, : len(tree)] = np.where(of_group == g, kept, 0.0)
        own[g, len(tree) :] = np.where(of_group[ends] == g, tree.own_ns[ends], 0.0)
    above = np.concatenate([tree.above, ends])
    there = np.concatenate([of_group, of_group[ends]]) >= 0
    return _folded(above, np.concatenate([cell, resource[ends]]), own, there)


def merged_contexts(
    one: tuple[ContextBlame, NodeTable], other: tuple[ContextBlame, NodeTable], table: NodeTable
) -> ContextBlame:
    """Return the blame of both, by the cells of a table that has all nodes of theirs."""
    cells, before = [], len(one[0].above)
    for blame, old in (one, other):
        # The last two stand for cells of -1, which there are none of, and OTHER.
        to = np.concatenate([table.cells_in(old), [OTHER, -1]])
        cells.append(to[blame.cell])
    later = np.where(other[0].above >= 0, other[0].above + before, -1)
    above = np.concatenate([one[0].above, later])
    own = np.concatenate([one[0].own_ns, other[0].own_ns], axis=1)
    return _folded(above, np.concatenate(cells), own, np.ones(len(above), np.bool_))


def largest_contexts(blame: ContextBlame, limit: int) -> ContextBlame:
    """
    Return the contexts that were waited for longest, and what is left of each as OTHER.

    Args:
        blame: of any number of contexts.
        limit: contexts at most, beside those of OTHER.
    """
    if len(blame.above) <= limit:
        return blame
    weight = blame.waited_ns().max(axis=0)
    chosen = np.zeros(len(weight), np.bool_)
    # One above comes first among equals, so that what is chosen hangs together.
    chosen[np.argsort(-weight, kind="stable")[:limit]] = True
    above, cell = blame.above.copy(), np.where(chosen, blame.cell, OTHER)
    _lift(above, chosen)
    return _folded(above, cell, blame.own_ns, np.ones(len(above), np.bool_))


def _folded(above: Integers, cell: Integers, own: Floats, there: NDArray[np.bool_]) -> ContextBlame:
    """Put rows of equal cell below equal contexts together; each row comes after the one above."""
    depth = _depths(above, MAX_CONTEXT_DEPTH)
    context = np.full(len(above), -1, np.int64)
    aboves: list[Integers] = []
    cells: list[Integers] = []
    begin = 0
    for level in range(int(depth.max(initial=-1)) + 1):
        rows = np.flatnonzero((depth == level) & there)
        if level == MAX_CONTEXT_DEPTH:  # what is deeper stays with the last that is told
            context[rows] = _tops(context, above, rows)
            break
        upper = context[above[rows]] if level else np.full(len(rows), -1, np.int64)
        span = int(cell.max(initial=0)) + 3
        keys, place = np.unique((upper + 1) * span + cell[rows] + 2, return_inverse=True)
        aboves.append(keys // span - 1)
        cells.append(keys % span - 2)
        context[rows] = begin + place
        begin += len(keys)
    total = np.zeros((len(own), begin))
    known = context >= 0
    for g in range(len(own)):
        total[g] = np.bincount(context[known], weights=own[g, known], minlength=begin)
    nothing = np.empty(0, np.int64)
    return ContextBlame(
        np.concatenate([nothing, *aboves]), np.concatenate([nothing, *cells]), total
    )


@kernel
def _depths(above: Cells, deepest: int) -> Cells:
    """Return how many rows stand above each, cut to the deepest."""
    depth = np.zeros(len(above), np.int64)
    for row in range(len(above)):
        if above[row] >= 0:
            depth[row] = min(depth[above[row]] + 1, deepest)
    return depth


@kernel
def _tops(context: Cells, above: Cells, rows: Cells) -> Cells:
    """Return for rows the context of the nearest one above that has one."""
    found = np.empty(len(rows), np.int64)
    for i in range(len(rows)):
        row = above[rows[i]]
        found[i] = context[row]
        context[rows[i]] = context[row]
    return found


@kernel
def _add_up(above: Cells, waited: Cells) -> None:
    for row in range(len(above) - 1, -1, -1):
        if above[row] >= 0:
            for g in range(len(waited)):
                waited[g, above[row]] += waited[g, row]


@kernel
def _lift(above: Cells, chosen: Cells) -> None:
    """Hang each row that was not chosen below the nearest one that was."""
    for row in range(len(above)):
        upper = above[row]
        if not chosen[row] and upper >= 0 and not chosen[upper]:
            above[row] = above[upper]
