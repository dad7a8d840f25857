"""Blame of cohorts, their difference, and what sets their requests apart."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.generator.slow_nodes import slow_case

from tracepulse.derive.cohort_blame import CohortBlame, NodeTable, cohort_blame, node_table
from tracepulse.derive.cohort_codes import merged
from tracepulse.derive.cohort_difference import Split, cohort_difference
from tracepulse.derive.separating import separating_attributes
from tracepulse.derive.span_codes import span_codes
from tracepulse.testing import DrawnSpan, draw_spans, span_columns

REQUEST = """
R Server name=GET              : [0,{end})
  A Client name=query db.system.name=postgresql server.address=db : [10,{a})
  B Client name=call           : [{b},{c})
    S Server stock name=serve  : [{d},{e})
"""


def _request(trace: int, query: int) -> list[DrawnSpan]:
    """A request whose query takes so many ns, and whose call takes 40 of which 20 on the way."""
    a = 10 + query
    drawing = REQUEST.format(end=a + 60, a=a, b=a + 10, c=a + 50, d=a + 20, e=a + 40)
    return [replace(span, trace_id=f"{trace:032x}") for span in draw_spans(drawing)]


def _blame(queries: list[int], groups: list[int]) -> tuple[CohortBlame, NodeTable]:
    spans = [span for number, query in enumerate(queries) for span in _request(number, query)]
    codes, _, nodes = span_codes(span_columns(spans))
    table = node_table(nodes)
    group = np.array(groups, np.int64)
    return cohort_blame(codes, table, group, 2, count_calls=True), table


def test_blame_adds_up_to_the_requests() -> None:
    """Own time, network and databases of a cohort sum to the length of its requests."""
    blame, table = _blame([30, 50, 70], [0, 0, 1])
    nodes = 2 * len(table.nodes)
    assert blame.requests.tolist() == [2, 1]
    assert blame.length_ns.tolist() == [100 + 120, 140]
    assert blame.held_ns[:, :nodes].sum(axis=1).tolist() == blame.length_ns.tolist()
    assert table.resources == ("postgresql db",)
    assert blame.held_ns[:, nodes].tolist() == [80, 70]


def test_a_trace_in_no_group_counts_nowhere() -> None:
    """A group below 0 leaves a request out."""
    blame, _ = _blame([30, 50], [0, -1])
    assert blame.requests.tolist() == [1, 0]
    assert blame.length_ns.tolist() == [100, 0]


def test_chunks_add_up_to_the_whole() -> None:
    """However requests are divided into chunks, sums by node are the same, with nodes of each."""
    queries, groups = [30, 35, 40, 45, 50, 55], [0, 1, 0, 1, 0, 1]
    whole, table = _blame(queries, groups)
    first, second = _blame(queries[:2], groups[:2]), _blame(queries[2:], groups[2:])
    total, merged_table = merged(first, second)
    assert merged_table.nodes == table.nodes
    for name in CohortBlame.__slots__:
        assert np.array_equal(getattr(total, name), getattr(whole, name))


def _queries(seed: int, usual: float, slow: float) -> tuple[list[int], list[int]]:
    """Queries of 60 requests of each cohort, spread by a fifth."""
    random = np.random.default_rng(seed)
    lengths = np.concatenate([mean * random.uniform(0.8, 1.2, 60) * 1000 for mean in (usual, slow)])
    return lengths.astype(int).tolist(), [0] * 60 + [1] * 60


def test_the_slower_query_is_named_with_its_interval() -> None:
    """The true difference lies in the interval; nothing else is different."""
    blame, table = _blame(*_queries(1, 5.0, 8.0))
    found = cohort_difference(blame, table)
    assert found.finding is not None
    assert (found.finding.operation, found.finding.resource) == ("query", "postgresql db")
    assert found.finding.low_ns < 3_000 < found.finding.high_ns
    others = [node for node in found.nodes if node.resource != "postgresql db"]
    assert [node.difference_ns for node in others] == [0.0] * len(others)
    assert found.finding.share_ratio == pytest.approx(1.0)


def test_nothing_is_named_where_nothing_changed() -> None:
    """Two cohorts of the same kind differ by chance only; why nothing is named is said."""
    named = []
    for seed in range(40):
        blame, table = _blame(*_queries(seed, 5.0, 5.0))
        found = cohort_difference(blame, table)
        assert found.reason
        named.append(found.finding)
    assert named == [None] * 40


def test_few_requests_name_nothing() -> None:
    """However large the difference, a handful of requests is no evidence."""
    blame, table = _blame([10, 11, 12, 13, 900, 901, 902, 903], [0] * 4 + [1] * 4)
    found = cohort_difference(blame, table)
    assert found.finding is None
    assert "fewer than 30 requests" in found.reason


def test_a_tail_of_the_usual_spread_is_no_finding() -> None:
    """Picked by being slow, requests wait longer for what spreads most; that alone names nothing."""
    random = np.random.default_rng(3)
    usual = (5_000 * np.exp(0.4 * random.standard_normal(800))).astype(int)
    second_kind = np.where(np.arange(800) % 12 == 0, 8 * usual, usual)
    for queries, expected in ((usual, False), (second_kind, True)):
        group = (queries > np.quantile(queries, 0.95)).astype(np.int64)
        blame, table = _blame(queries.tolist(), group.tolist())
        found = cohort_difference(blame, table, Split.TAIL)
        assert (found.finding is not None) is expected, found.reason


def test_a_shared_database_is_named_for_all_its_callers() -> None:
    """Where every caller of a resource is slower, the resource itself stands first."""
    case = slow_case("shared", 2, 150)
    codes, _, nodes = span_codes(case.columns)
    assert case.changed_unix_ns is not None
    roots = case.columns.parent_span_id == ""
    order = np.argsort(case.columns.trace_id[roots])
    start = case.columns.start_unix_ns[roots][order]
    group = (start >= case.changed_unix_ns).astype(np.int64)
    table = node_table(nodes)
    found = cohort_difference(cohort_blame(codes, table, group, 2), table)
    assert found.finding is not None
    assert case.truth is not None
    assert case.truth.resource in found.finding.resource


def test_attributes_that_separate_have_exact_counts() -> None:
    """A value that most slow requests have is found; ids and values of both are not."""
    said = [
        {"country": "AT" if i % 10 == 0 else "DE", "id": str(i), "host": f"h{i % 3}"}
        for i in range(1_000)
    ]
    group = np.array([1 if i % 10 == 0 and i % 3 else 0 for i in range(1_000)], np.int64)
    found = separating_attributes(said, group)
    assert [(each.key, each.value) for each in found][:1] == [("country", "AT")]
    assert (found[0].slow_with, found[0].slow_requests) == (66, 66)
    assert (found[0].usual_with, found[0].usual_requests) == (34, 934)
    assert {each.key for each in found} <= {"country", "host"}


def test_attributes_without_a_cohort() -> None:
    """Nothing separates requests from none."""
    assert separating_attributes([{"a": "b"}] * 50, np.zeros(50, np.int64)) == ()
