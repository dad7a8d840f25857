"""The spans of one trace in the order in which a waterfall shows them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.span_codes import span_codes
from tracepulse.derive.trace_tree import TraceForest, trace_forest
from tracepulse.model.span import SpanColumns

__all__ = ["WaterfallRow", "waterfall"]


@dataclass(frozen=True, slots=True)
class WaterfallRow:
    """One span and its place in the tree."""

    row: int
    """Row of the columns that were given."""
    depth: int
    """0 at the top of a tree."""
    parent_row: int | None
    """Row of the parent that it hangs under; None at the top of a tree."""
    start_unix_ns: int
    """By the clock of the root's host."""
    end_unix_ns: int
    joined: bool
    """In the root's tree."""


def waterfall(columns: SpanColumns) -> tuple[WaterfallRow, ...]:
    """
    Return the spans of one trace depth first, children by start.

    Args:
        columns: the spans of one trace, in any order.
    Returns:
        The root's tree, then the others by start; duplicates and unusable spans are left out.
    """
    codes, _, _ = span_codes(columns)
    forest = trace_forest(codes)
    tops = np.flatnonzero(forest.parent == -1)
    return tuple(_depth_first(forest, _by_start(forest, tops, int(forest.root.max(initial=-1)))))


def _by_start(forest: TraceForest, positions: NDArray[np.int64], first: int = -1) -> list[int]:
    """Return positions the latest first, so that a stack gives out the earliest, `first` before."""
    keys = (positions, forest.start_unix_ns[positions], positions != first)
    return [int(p) for p in positions[np.lexsort(keys)][::-1]]


def _depth_first(forest: TraceForest, tops: list[int]) -> list[WaterfallRow]:
    waiting = [(top, 0) for top in tops]
    rows = []
    while waiting:
        position, depth = waiting.pop()
        parent = int(forest.parent[position])
        rows.append(
            WaterfallRow(
                row=int(forest.row[position]),
                depth=depth,
                parent_row=int(forest.row[parent]) if parent >= 0 else None,
                start_unix_ns=int(forest.start_unix_ns[position]),
                end_unix_ns=int(forest.end_unix_ns[position]),
                joined=bool(forest.top[position] == forest.root[0]),
            )
        )
        low, high = forest.first_child[position], forest.first_child[position + 1]
        waiting += [(child, depth + 1) for child in _by_start(forest, forest.child[low:high])]
    return rows
