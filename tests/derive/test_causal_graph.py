"""Who waited for whom: edges add up to nodes' own times, over any cohort and any division of it."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.generator.slow_nodes import SHAPES, slow_case

from tracepulse.derive.causal_graph import CausalGraph, causal_graph
from tracepulse.derive.cohort_blame import NodeTable, cohort_blame, cohort_paths, node_table
from tracepulse.derive.edge_blame import OUTSIDE, EdgeBlame, cells_of, edge_blame, merged_edges
from tracepulse.derive.path_tree import path_tree
from tracepulse.derive.span_codes import Node, span_codes
from tracepulse.model.span import SpanColumns
from tracepulse.testing import DrawnSpan, draw_spans, span_columns

REQUEST = """
R Server name=GET              : [0,{end})
  A Client name=query db.system.name=postgresql server.address=db : [10,{a})
  B Client name=call           : [{b},{c})
    S Server stock name=serve  : [{d},{e})
"""


def _request(trace: int, query: int) -> list[DrawnSpan]:
    a = 10 + query
    drawing = REQUEST.format(end=a + 60, a=a, b=a + 10, c=a + 50, d=a + 20, e=a + 40)
    return [replace(span, trace_id=f"{trace:032x}") for span in draw_spans(drawing)]


def _edges(columns: SpanColumns, group: np.ndarray, first: int = 0) -> tuple[EdgeBlame, NodeTable]:
    codes, _, nodes = span_codes(columns)
    table = node_table(nodes)
    found = cohort_paths(codes, len(nodes), learn=len(group) > 40)
    tree = path_tree(found.forest, found.paths)
    number = first + np.arange(len(group))
    return edge_blame(tree, cells_of(tree, found, codes, table), table, group, 2, number), table


def _drawn(queries: list[int], groups: list[int], first: int = 0) -> tuple[EdgeBlame, NodeTable]:
    spans = [s for n, query in enumerate(queries) for s in _request(first + n, query)]
    return _edges(span_columns(spans), np.array(groups, np.int64), first)


def _graph(queries: list[int], groups: list[int]) -> CausalGraph:
    blame, table = _drawn(queries, groups)
    return causal_graph(blame, table, [groups.count(0), groups.count(1)])


def test_edges_of_a_request() -> None:
    """Root, query, database, network and server, each with what was waited along the way to it."""
    graph = _graph([30, 50], [0, 1])
    names = [node.operation or node.resource for node in graph.nodes] + ["outside"]
    found = {(names[e.waiting], names[e.awaited]): (e.usual_ns, e.slow_ns) for e in graph.edges}
    assert found == {
        ("outside", "GET"): (100, 120),
        ("GET", "query"): (30, 50),
        ("query", "postgresql db"): (30, 50),
        ("GET", "call"): (40, 40),
        ("call", "serve"): (20, 20),
    }
    by_name = {node.operation or node.resource: node for node in graph.nodes}
    assert by_name["GET"].slow_own_ns == 30
    assert by_name["query"].slow_own_ns == 0
    assert by_name["postgresql db"].slow_own_ns == 50
    assert [edge.share_ratio for edge in graph.edges][:1] == [1.0]


@pytest.mark.parametrize("shape", SHAPES)
def test_what_flows_into_a_node_stays_or_flows_on(shape: str) -> None:
    """Edges into a node equal its own time and the edges out of it, to the ns, in both cohorts."""
    case = slow_case(shape, 5, 60)
    codes, ids, nodes = span_codes(case.columns)
    group = np.arange(len(ids)) % 2
    table = node_table(nodes)
    blame = cohort_blame(codes, table, group, 2)
    edges, _ = _edges(case.columns, group)
    for g in (0, 1):
        into, out = np.zeros(table.cells), np.zeros(table.cells + 1)
        np.add.at(into, edges.awaited, edges.held_ns[g])
        np.add.at(out, edges.waiting, edges.held_ns[g])
        assert out[OUTSIDE] == blame.length_ns[g]
        own = blame.held_ns[g].copy()
        for n, resource in enumerate(table.resource.tolist()):
            if resource >= 0:  # the resource has it
                own[n] = 0
        assert np.array_equal(into, own + out[:-1])


def test_one_that_waits_for_itself_counts_for_each() -> None:
    """A function that calls itself flows into itself; its own time stays what it is."""
    drawing = """
    R Server name=GET : [0,100)
      A name=walk     : [10,90)
        B name=walk   : [20,60)
    """
    blame, table = _edges(span_columns(draw_spans(drawing)), np.array([1]))
    graph = causal_graph(blame, table, [0, 1])
    (walk,) = (node for node in graph.nodes if node.operation == "walk")
    assert (walk.slow_own_ns, walk.slow_waited_ns) == (80, 120)


def test_chunks_of_edges_add_up_to_the_whole() -> None:
    """However requests are divided, sums, evidence and middle are the same."""
    queries, groups = [30, 70, 40, 45, 90, 55], [0, 1, 0, 1, 0, 1]
    whole, table = _drawn(queries, groups)
    first, second = _drawn(queries[:2], groups[:2]), _drawn(queries[2:], groups[2:], 2)
    total = merged_edges(first, second, table)
    for name in EdgeBlame.__slots__:
        assert np.array_equal(getattr(total, name), getattr(whole, name)), name
    wider = node_table((Node("a", "first of all", "own"), *table.nodes))
    moved = merged_edges(first, second, wider)
    assert causal_graph(moved, wider, [3, 3]) == causal_graph(whole, table, [3, 3])


def test_evidence_is_the_longest_and_one_in_the_middle() -> None:
    """Requests are named by what they waited for along the edge; equal ones by number."""
    queries = [1000, 9000, 1000, 5000, 200, 9000, 60_000]
    blame, table = _drawn(queries, [1] * 7)
    graph = causal_graph(blame, table, [0, 7])
    (edge,) = (e for e in graph.edges if graph.nodes[e.awaited].category == "resource")
    assert edge.slow_evidence == (6, 1, 5, 3)
    assert edge.usual_evidence == ()


def test_lighter_edges_are_left_out_and_counted() -> None:
    """A limit keeps the heaviest edges; nodes keep their whole times."""
    blame, table = _drawn([30, 50], [0, 1])
    graph = causal_graph(blame, table, [1, 1], limit=2)
    assert (len(graph.edges), graph.edges_left_out) == (2, 3)
    (root,) = (node for node in graph.nodes if node.operation == "GET")
    assert (root.usual_own_ns, root.usual_waited_ns) == (30, 100)
