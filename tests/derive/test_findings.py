"""Findings by shape: each is found where it is, and nothing is said of what only looks like it."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.findings import found_in
from benchmarks.generator.shaped_requests import SHAPES, shaped_case

from tracepulse.derive.finding_words import said
from tracepulse.derive.findings import Finding
from tracepulse.model.span import SpanColumns
from tracepulse.testing import DrawnSpan, draw_spans, span_columns

WAYS = [(shape, way) for shape, (ways, _) in SHAPES.items() for way in ways]
MISSES = [(shape, way) for shape, (_, misses) in SHAPES.items() for way in misses]
LONG = ("cold_start", "cache_miss_storm")
LOOP = """
R Server name=GET : [0,100000000)
  Q Client name=SELECT db.system=mysql db.query.text=A    : [10000000,20000000)
{queries}
"""


@pytest.mark.parametrize(("shape", "way"), WAYS)
def test_a_shape_is_found_at_its_place(shape: str, way: str) -> None:
    """The one finding is of that shape, names its place, and its words say what was seen."""
    case = shaped_case(shape, way, 2, 200 if shape in LONG else 45)
    found = found_in(case.columns)
    assert [each.shape for each in found] == [shape]
    assert case.planted is not None
    place = " ".join((found[0].service, found[0].operation, *found[0].calls))
    assert [name for name in case.planted.names if name not in place] == []
    assert 0 < found[0].per_request_ns <= found[0].per_held_ns
    assert 1 <= len(found[0].evidence) <= 4
    assert f"{found[0].held_requests:,} of {found[0].requests:,} requests" in said(found[0])


@pytest.mark.parametrize(("shape", "way"), MISSES)
def test_nothing_is_said_of_what_looks_like_it(shape: str, way: str) -> None:
    """Batches, pages, fallbacks, healthy pools and the like are left unsaid."""
    case = shaped_case(shape, way, 2, 200 if shape in LONG else 45)
    assert found_in(case.columns) == ()


def test_order_of_spans_does_not_matter() -> None:
    """The same spans in another order give the same findings."""
    columns = shaped_case("n_plus_one", "calls", 5, 15).columns
    order = np.random.default_rng(1).permutation(len(columns))
    shuffled = SpanColumns(
        **{
            name: getattr(columns, name)[order]
            for name in SpanColumns.__slots__
            if isinstance(getattr(columns, name), np.ndarray)
        },
        attributes=tuple(columns.attributes[i] for i in order),
        resource=tuple(columns.resource[i] for i in order),
        linked_span_ids=(),
    )
    assert found_in(columns) == found_in(shuffled) != ()


def _loops(lines: list[str]) -> tuple[Finding, ...]:
    """Return findings of twenty requests that make the same queries."""
    drawn = draw_spans(LOOP.format(queries="\n".join(lines)))
    spans: list[DrawnSpan] = [
        replace(span, trace_id=f"{trace:032x}", start_unix_ns=span.start_unix_ns + trace * 10**9)
        for trace in range(1, 21)
        for span in drawn
    ]
    return found_in(span_columns(spans))


def _query(number: int, start_ms: int, end_ms: int) -> str:
    said = "Client name=SELECT db.system=mysql db.query.text=B"
    return f"  S{number} {said} : [{start_ms}000000,{end_ms}000000)"


def test_a_loop_costs_all_but_one_of_its_calls() -> None:
    """Six queries of 10 ms: one of them would still be there."""
    (found,) = _loops([_query(i, 20 + 10 * i, 30 + 10 * i) for i in range(6)])
    assert (found.shape, found.calls, found.calls_each) == ("n_plus_one", ("B",), 6.0)
    assert found.per_request_ns == 50_000_000
    assert found.held_requests == 20


def test_a_loop_beside_a_longer_call_costs_nothing() -> None:
    """What the request did not wait for is not named."""
    beside = "  L Client name=call server.address=x : [15000000,99000000)"
    assert _loops([beside, *(_query(i, 20 + 10 * i, 30 + 10 * i) for i in range(6))]) == ()
