"""What holds of predictions whatever the traces look like."""

import numpy as np
import pytest
from benchmarks.generator.loaded_systems import TOPOLOGIES, loaded_pair
from benchmarks.generator.slow_nodes import slow_case

from tracepulse.derive.cohort_blame import node_table
from tracepulse.derive.span_codes import SpanCodes, span_codes
from tracepulse.derive.what_if import Change, Replays, replays
from tracepulse.model.span import SpanColumns

SYSTEMS = ("slow parallel", "slow shared", *(f"loaded {each}" for each in TOPOLOGIES[3:]))


def _columns(system: str) -> SpanColumns:
    """Return made-up traces: with skewed clocks and lost spans, or with queues."""
    kind, _, name = system.partition(" ")
    return slow_case(name, 23, 40).columns if kind == "slow" else loaded_pair(name, 31, 100).slowed


def _ready(columns: SpanColumns, together: bool = True) -> tuple[SpanCodes, Replays]:
    codes, _, nodes = span_codes(columns)
    return codes, replays(codes, node_table(nodes), together=together)


@pytest.fixture(params=SYSTEMS, scope="module")
def columns(request: pytest.FixtureRequest) -> SpanColumns:
    """Traces of one system."""
    return _columns(request.param)


def _everyone(codes: SpanCodes) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return np.ones(codes.trace_count, np.bool_)


def test_no_change_changes_nothing(columns: SpanColumns) -> None:
    """With nothing faster every request takes as long as it did, to the ns."""
    codes, ready = _ready(columns)
    same = ready.ask(Change(faster_ratio=0.0), _everyone(codes))
    assert same.before_ns.tolist() == same.after_ns.tolist()
    assert same.calls > 0


def test_faster_is_never_slower(columns: SpanColumns) -> None:
    """Without queues, each step faster at any node makes no request longer, and none below 0."""
    codes, ready = _ready(columns, together=False)
    for node in ready.table.nodes:
        before = None
        for ratio in (-1.0, -0.3, 0.0, 0.2, 0.7, 1.0):
            change = Change(node.service, node.name, faster_ratio=ratio)
            after = ready.ask(change, _everyone(codes)).after_ns
            assert before is None or (after <= before).all()
            before = after
        gone = ready.ask(Change(node.service, node.name, removed=True), _everyone(codes))
        assert before is not None
        assert (gone.after_ns <= before).all()
        assert (gone.after_ns >= 0).all()
        side = ready.ask(Change(node.service, node.name, parallel=True), _everyone(codes))
        assert (side.after_ns <= side.before_ns).all()


def test_less_held_is_less_waited(columns: SpanColumns) -> None:
    """With queues, requests together take no longer when a node is faster."""
    codes, ready = _ready(columns)
    for node in ready.table.nodes:
        changes = (Change(node.service, node.name, faster_ratio=each) for each in (0.0, 0.4, 0.9))
        total = [ready.ask(each, _everyone(codes)).after_ns.sum() for each in changes]
        assert total == sorted(total, reverse=True)


def test_everything_gone_takes_no_time(columns: SpanColumns) -> None:
    """With all work gone nothing is left, and never less than nothing."""
    codes, ready = _ready(columns)
    after = ready.ask(Change(faster_ratio=1.0), _everyone(codes)).after_ns
    assert (after >= 0).all()
    assert after.sum() <= 0.25 * ready.ask(Change(), _everyone(codes)).before_ns.sum()


def test_order_does_not_matter(columns: SpanColumns) -> None:
    """Spans in any order give the same lengths, request by request."""
    chance = np.random.default_rng(3)
    codes, ready = _ready(columns)
    node = ready.table.nodes[len(ready.table.nodes) // 2]
    change = Change(node.service, node.name, faster_ratio=0.4)
    expected = ready.ask(change, _everyone(codes))
    rows = chance.permutation(len(columns))
    mixed = SpanColumns(
        **{
            name: getattr(columns, name)[rows]
            for name in SpanColumns.__slots__
            if isinstance(getattr(columns, name), np.ndarray)
        },
        attributes=tuple(columns.attributes[row] for row in rows),
        resource=tuple(columns.resource[row] for row in rows),
    )
    codes, ready = _ready(mixed)
    assert ready.ask(change, _everyone(codes)).after_ns.tolist() == expected.after_ns.tolist()
