"""Blame by the way of calls: own times add up to the requests, whatever is left out."""

import numpy as np
import pytest
from benchmarks.generator.slow_nodes import slow_case

from tracepulse.context.render_blame import flame_as_folded, flame_as_tree
from tracepulse.derive.blame_contexts import (
    OTHER,
    ContextBlame,
    context_blame,
    largest_contexts,
    merged_contexts,
)
from tracepulse.derive.cohort_blame import NodeTable, cohort_paths, node_table
from tracepulse.derive.edge_blame import cells_of
from tracepulse.derive.flame_graph import flame_graph
from tracepulse.derive.path_tree import path_tree
from tracepulse.derive.span_codes import Node, span_codes
from tracepulse.model.span import SpanColumns
from tracepulse.testing import draw_spans, span_columns

DRAWING = """
R Server name=GET                                          : [0,100)
  A name=one;two                                           : [10,50)
    B Client name=ask db.system=mysql server.address=db    : [20,40)
  C Client name=ask db.system=mysql server.address=db      : [60,90)
"""


def _contexts(columns: SpanColumns) -> tuple[ContextBlame, NodeTable, float]:
    codes, ids, nodes = span_codes(columns)
    table = node_table(nodes)
    found = cohort_paths(codes, len(nodes), learn=len(ids) > 40)
    tree = path_tree(found.forest, found.paths)
    group = np.arange(len(ids)) % 2
    length = float((found.paths.end_unix_ns - found.paths.start_unix_ns).sum())
    return context_blame(tree, cells_of(tree, found, codes, table), table, group, 2), table, length


def test_one_query_from_two_places_is_two_stacks() -> None:
    """Folded stacks name the way of calls; the separator within a name is replaced."""
    blame, table, _ = _contexts(span_columns(draw_spans(DRAWING)))
    frames = flame_graph(blame, table)
    assert flame_as_folded(frames, "usual").splitlines() == [
        "shop GET 30",
        "shop GET;shop one:two 20",
        "shop GET;shop one:two;shop ask;mysql db 20",
        "shop GET;shop ask;mysql db 30",
    ]
    assert flame_as_folded(frames, "both").splitlines()[0] == "shop GET 30 0"
    assert flame_as_folded(frames, "slow") == ""


def test_frames_within_frames() -> None:
    """A frame's value is its own and its children's; the root is a request of the mean."""
    blame, table, _ = _contexts(span_columns(draw_spans(DRAWING)))
    root = flame_as_tree(flame_graph(blame, table), (1, 0))
    (get,) = root["children"]
    assert (root["value"], get["value"], get["usual_own_ns"]) == (100.0, 100.0, 30)
    assert [(each["name"], each["value"]) for each in get["children"]] == [
        ("shop one;two", 40.0),
        ("shop ask", 30.0),
    ]


@pytest.mark.parametrize("limit", [1, 3, 10, 1000])
def test_what_is_left_out_is_summed(limit: int) -> None:
    """However few contexts are kept, own times add up to the length of all requests."""
    blame, table, length = _contexts(slow_case("shared", 4, 60).columns)
    kept = largest_contexts(blame, limit)
    assert kept.own_ns.sum() == length
    assert (kept.cell != OTHER).sum() <= limit
    assert np.array_equal(
        kept.waited_ns()[:, kept.above == -1].sum(axis=1), blame.own_ns.sum(axis=1)
    )
    frames = flame_graph(kept, table)
    assert sum(each.usual_own_ns + each.slow_own_ns for each in frames) == length


def test_what_was_left_out_can_be_merged() -> None:
    """Contexts of two chunks are put together by name, OTHER with OTHER."""
    blame, table, length = _contexts(slow_case("serial", 4, 60).columns)
    few = largest_contexts(blame, 5)
    wider = node_table((Node("a", "first of all", "own"), *table.nodes))
    total = merged_contexts((few, table), (few, table), wider)
    assert total.own_ns.sum() == 2 * length
    assert len(total.cell) == len(few.cell)
    whole = merged_contexts((blame, table), (few, table), table)
    assert len(whole.cell) == len(blame.cell) + (few.cell == OTHER).sum()


def test_a_deep_recursion_is_cut() -> None:
    """Turns of a recursion beyond the depth that is kept count for the last that is."""
    depth = 400
    lines = [
        f"{'  ' * n}S{n} name=walk : [{n},{2 * depth - n})" for n in range(depth)
    ]  # each a ns shorter on either side
    blame, _, length = _contexts(span_columns(draw_spans("\n".join(lines))))
    assert blame.own_ns.sum() == length
    assert len(blame.cell) == 128
    assert blame.own_ns[0, -1] == 2 * (depth - 127)
