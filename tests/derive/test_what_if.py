"""Requests played again with a place faster, slower, gone or parallel: drawn cases and limits."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.generator.loaded_systems import loaded_pair

from tracepulse.derive.cohort_blame import node_table
from tracepulse.derive.predictions import prediction
from tracepulse.derive.span_codes import span_codes
from tracepulse.derive.what_if import Change, Replays, replays
from tracepulse.testing import DrawnSpan, draw_spans, span_columns

IN_A_ROW = """
R Server name=GET   : [0,100)
  A Client name=a   : [10,40)
  B Client name=b   : [50,90)
"""
AT_ONCE = """
R Server name=GET   : [0,100)
  A Client name=a   : [10,40)
  B Client name=b   : [10,90)
"""
NESTED = """
R Server name=GET          : [0,100)
  A Client name=call       : [10,90)
    S Server other name=s  : [20,80)
      Q Client name=q      : [30,60)
"""
OUTLIVED = """
R Server name=GET   : [0,100)
  A Client name=a   : [10,105)
"""
LEFT_BEHIND = """
R Server name=GET   : [0,100)
  A Client name=a   : [10,40)
  W Internal name=w : [40,300)
"""
LOOP = """
R Server name=GET   : [0,100)
  A Client name=a   : [10,30)
  B Client name=a   : [35,55)
  C Client name=a   : [60,80)
"""


def _played(*drawings: str) -> Replays:
    spans: list[DrawnSpan] = []
    for number, drawing in enumerate(drawings):
        spans += [replace(span, trace_id=f"{number:032x}") for span in draw_spans(drawing)]
    codes, _, nodes = span_codes(span_columns(spans))
    return replays(codes, node_table(nodes))


def _after(ready: Replays, change: Change) -> list[int]:
    after = ready.ask(change, np.ones(len(ready.forest.root), np.bool_)).after_ns
    return [int(each) for each in after]


@pytest.mark.parametrize(
    ("drawing", "change", "expected"),
    [
        (IN_A_ROW, Change(operation="a", faster_ratio=0.5), 85),
        (IN_A_ROW, Change(operation="a", to_ns=5), 75),
        (IN_A_ROW, Change(operation="a", by_ns=-50), 70),
        (IN_A_ROW, Change(operation="a", by_ns=7), 107),
        (IN_A_ROW, Change(operation="b", removed=True), 60),
        (IN_A_ROW, Change(operation="GET", faster_ratio=1.0), 70),
        (IN_A_ROW, Change(operation="GET", by_ns=-15), 85),
        (IN_A_ROW, Change(operation="b", parallel=True), 70),
        (AT_ONCE, Change(operation="a", removed=True), 100),
        (AT_ONCE, Change(operation="b", faster_ratio=0.5), 60),
        (AT_ONCE, Change(operation="b", removed=True), 50),
        (NESTED, Change(operation="q", removed=True), 70),
        (NESTED, Change(operation="s", faster_ratio=1.0), 70),
        (NESTED, Change(operation="call", network=True, faster_ratio=0.5), 90),
        (NESTED, Change(operation="call", network=False, faster_ratio=0.5), 100),
        (NESTED, Change(operation="call", removed=True), 20),
        (OUTLIVED, Change(operation="a", by_ns=-20), 80),
        (LOOP, Change(operation="a", parallel=True), 60),
    ],
)
def test_a_drawn_request(drawing: str, change: Change, expected: int) -> None:
    """Gaps keep their length, and whoever else was waited for takes over."""
    assert _after(_played(drawing), change) == [expected]


def test_nobody_waits_for_what_is_left_behind() -> None:
    """Once traces show that a parent answers without a call, making that faster gains nothing."""
    ready = _played(*[LEFT_BEHIND] * 4)
    assert _after(ready, Change(operation="w", removed=True)) == [100] * 4
    assert _after(ready, Change(operation="a", removed=True)) == [70] * 4


def test_calls_that_ran_at_once_in_one_trace_do_not_wait_in_another() -> None:
    """Where b once began before a had ended, it is not moved when a is shorter."""
    ready = _played(IN_A_ROW, AT_ONCE)
    assert _after(ready, Change(operation="a", removed=True)) == [100, 100]
    assert _played(IN_A_ROW).least_traces(Change(operation="a")) == 1
    assert ready.least_traces(Change(operation="a")) is None


def test_what_no_limit_forbids_is_no_limit() -> None:
    """Systems whose requests never wait for each other have no place where they do."""
    for topology in ("parallel", "nested"):
        codes, _, nodes = span_codes(loaded_pair(topology, 4_001, 200).slowed)
        assert replays(codes, node_table(nodes)).stations.found == ()


@pytest.mark.parametrize(
    ("topology", "what"), [("lock", "postgresql db-1"), ("queueing", "workers")]
)
def test_a_place_where_requests_wait_is_learned(topology: str, what: str) -> None:
    """With how many have it at once, and how many were seen to wait."""
    codes, _, nodes = span_codes(loaded_pair(topology, 5_000, 600).slowed)
    found = replays(codes, node_table(nodes)).stations.found
    assert [each.what for each in found] == [what]
    assert found[0].asked_when_full > 20


def test_waiting_for_others_shrinks_with_what_they_hold() -> None:
    """A query behind a lock saves its callers more than its own time, where they queue for it."""
    pair = loaded_pair("lock", 7_000, 400)
    codes, _, nodes = span_codes(pair.slowed)
    change = Change(pair.slower.service, pair.slower.operation, by_ns=-pair.slower.by_ns)
    everyone = np.ones(codes.trace_count, np.bool_)
    alone = replays(codes, node_table(nodes), together=False).ask(change, everyone)
    queued = replays(codes, node_table(nodes)).ask(change, everyone)
    assert queued.after_ns.sum() < alone.after_ns.sum()
    assert [each.places for each in queued.stations] == [1]


def test_what_is_said_of_too_few() -> None:
    """Percentiles of a handful of requests are not bounded, and the reader is told."""
    few = prediction(np.arange(10, 20), np.arange(10), 10)
    assert all(each.low_ns is None for each in few.quantiles)
    assert "too few" in few.said(10)
    many = prediction(np.arange(1_000, 1_400), np.arange(400), 400)
    assert [each.low_ns for each in many.quantiles] == [180, 283, 371]
    assert "none of these" in many.said(0)
