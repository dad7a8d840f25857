"""
The spans that a blocking path goes through, as a tree: what each waited, itself and below.

A section of the path blames one span; every span above that one was waiting for it meanwhile:

    path     parent  a       parent  c         parent          own    waited
    parent   |=====================================|            14        37
    a           |=======|                                        8         8
    c                        |===============|                  15        15

so that for each span, own and what its children waited add up to what it waited, and the root
waited as long as it took.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.path_walk import PathColumns
from tracepulse.derive.trace_tree import TraceForest

__all__ = ["PathTree", "path_tree"]

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class PathTree:
    """Spans on the blocking paths of many traces, by trace; each after the span above it."""

    first: Integers
    """Rows of trace t are first[t] to first[t + 1], the latter not included."""
    position: Integers
    """Of the span, in the forest."""
    above: Integers
    """Row of its parent; -1 for the root."""
    own_ns: Integers
    """How long the path stayed in the span itself."""
    waited_ns: Integers
    """The same with all that is below it."""

    def __len__(self) -> int:
        return len(self.position)


def path_tree(forest: TraceForest, paths: PathColumns) -> PathTree:
    """Return the spans that hold a section or have one below them; no pass climbs twice."""
    length = paths.end_unix_ns - paths.start_unix_ns
    rows = _Rows(*(np.empty(len(forest.row), np.int64) for _ in range(4)))
    row_of = np.full(len(forest.row), -1, np.int64)
    first = _climb(paths.first, paths.position, length, forest.root, forest.parent, row_of, rows)
    count = int(first[-1])
    position, above, own, waited = (each[:count].copy() for each in rows)
    return PathTree(first, position, above, own, waited)


class _Rows(NamedTuple):
    position: Cells
    above: Cells
    own: Cells
    waited: Cells


@kernel
def _climb(
    first: Cells,
    position: Cells,
    length: Cells,
    root: Cells,
    parent: Cells,
    row_of: Cells,
    rows: _Rows,
) -> Cells:
    """Write the rows of every trace, and return where each trace's begin."""
    stack = np.empty(len(parent), np.int64)
    begun = np.zeros(len(first), np.int64)
    count = 0
    for t in range(len(first) - 1):
        for i in range(first[t], first[t + 1]):
            p, depth = position[i], 0
            while row_of[p] < 0:
                stack[depth] = p
                depth += 1
                if p == root[t]:
                    break
                p = parent[p]
            for j in range(depth - 1, -1, -1):
                q = stack[j]
                row_of[q] = count
                rows.position[count] = q
                rows.above[count] = -1 if q == root[t] else row_of[parent[q]]
                rows.own[count] = 0
                rows.waited[count] = 0
                count += 1
            rows.own[row_of[position[i]]] += length[i]
        begun[t + 1] = count
        for r in range(count - 1, begun[t] - 1, -1):
            rows.waited[r] += rows.own[r]
            if rows.above[r] >= 0:
                rows.waited[rows.above[r]] += rows.waited[r]
    return begun
