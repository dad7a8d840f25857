"""Who waited for whom, and by which way of calls: chunk by chunk out of the store, added up."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.blame_contexts import (
    ContextBlame,
    context_blame,
    largest_contexts,
    merged_contexts,
)
from tracepulse.derive.cohort_blame import NodeTable, cohort_paths, node_table
from tracepulse.derive.edge_blame import EdgeBlame, cells_of, edge_blame, merged_edges
from tracepulse.derive.limits.cohorts import MAX_CONTEXTS
from tracepulse.derive.path_tree import PathTree, path_tree
from tracepulse.model.cohort import Request
from tracepulse.why import CohortChunk, CohortReader

__all__ = ["read_contexts", "read_edges"]

Integers = NDArray[np.int64]


def read_edges(
    reader: CohortReader, requests: Sequence[Request], group: Integers, groups: int
) -> tuple[EdgeBlame, NodeTable]:
    """
    Return the edges of a causal graph; requests of evidence are numbered as they are given.

    Args:
        reader: of the store.
        requests: at least one, by start.
        group: of each request, from 0; below 0 is none.
        groups: how many there are.
    """
    total: tuple[EdgeBlame, NodeTable] | None = None
    for chunk in reader.chunks(requests):
        tree, cell, table = _tree(chunk)
        found = (edge_blame(tree, cell, table, group[chunk.place], groups, chunk.place), table)
        if total is None:
            total = found
        else:
            both = _both(total[1], table)
            total = merged_edges(total, found, both), both
    assert total is not None
    return total


def read_contexts(
    reader: CohortReader, requests: Sequence[Request], group: Integers, groups: int
) -> tuple[ContextBlame, NodeTable]:
    """Return blame by the way of calls; arguments as of `read_edges`."""
    total: tuple[ContextBlame, NodeTable] | None = None
    for chunk in reader.chunks(requests):
        tree, cell, table = _tree(chunk)
        found = (context_blame(tree, cell, table, group[chunk.place], groups), table)
        if total is None:
            total = found
        else:
            both = _both(total[1], table)
            total = merged_contexts(total, found, both), both
        total = largest_contexts(total[0], MAX_CONTEXTS), total[1]
    assert total is not None
    return total


def _tree(chunk: CohortChunk) -> tuple[PathTree, Integers, NodeTable]:
    codes, table = chunk.codes.spans, chunk.codes.table
    found = cohort_paths(codes, len(table.nodes), chunk.root_ids)
    tree = path_tree(found.forest, found.paths)
    return tree, cells_of(tree, found, codes, table), table


def _both(one: NodeTable, other: NodeTable) -> NodeTable:
    return node_table(tuple(sorted({*one.nodes, *other.nodes})))
