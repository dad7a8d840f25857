"""The blocking path beyond single drawings: size, choice of root, many traces, memory of order."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tracepulse.derive.blocking_path import BlockingPath, blocking_path
from tracepulse.derive.path_walk import blame_ns, blocking_paths
from tracepulse.derive.span_codes import span_codes
from tracepulse.derive.trace_tree import trace_forest
from tracepulse.errors import BadQuestion, NotFound
from tracepulse.testing import DrawnSpan, canonical_bytes, draw_spans, span_columns

MANY = 100_000


def _deep(size: int) -> list[DrawnSpan]:
    """Each span within the one before, a nanosecond shorter at both ends."""
    return [
        DrawnSpan(f"{i + 1:016x}", f"{i:016x}" if i else "", i, 2 * (size - i)) for i in range(size)
    ]


def _wide(size: int) -> list[DrawnSpan]:
    """Children that touch, one after the other."""
    root = DrawnSpan(f"{size + 1:016x}", "", 0, 10 * size)
    return [root] + [DrawnSpan(f"{i + 1:016x}", root.span_id, 10 * i, 10) for i in range(size)]


def _wide_and_equal(size: int) -> list[DrawnSpan]:
    """Children that all have the same times."""
    root = DrawnSpan(f"{size + 1:016x}", "", 0, 20)
    return [root] + [DrawnSpan(f"{i + 1:016x}", root.span_id, 5, 10) for i in range(size)]


def _circle(size: int) -> list[DrawnSpan]:
    """Every span the child of the next, the last of the first."""
    return [
        DrawnSpan(f"{i + 1:016x}", f"{(i + 1) % size + 1:016x}", i, 2 * (size - i))
        for i in range(size)
    ]


@pytest.mark.parametrize(
    ("shape", "sections"),
    [(_deep, 2 * MANY - 1), (_wide, MANY), (_wide_and_equal, 3), (_circle, 3)],
)
def test_a_hundred_thousand_spans(shape: Callable[[int], list[DrawnSpan]], sections: int) -> None:
    """Depth and width cost no recursion and no square; the sections still tile the root."""
    path = blocking_path(span_columns(shape(MANY)))
    assert len(path.sections) == sections
    starts = [section.start_unix_ns for section in path.sections]
    ends = [section.end_unix_ns for section in path.sections]
    assert [path.start_unix_ns, *ends] == [*starts, path.end_unix_ns]


def test_deep_and_backwards() -> None:
    """A deep trace that comes leaf first gives the same bytes."""
    spans = _deep(5_000)
    forward, backward = (blocking_path(span_columns(s)) for s in (spans, spans[::-1]))
    assert canonical_bytes(forward) == canonical_bytes(backward)


TWO_ROOTS = """
A Server shop  : ==========
  B            :   ===
    C          :    =
D Server shop  :     =========
  E            :      ====
"""


def test_a_root_can_be_chosen() -> None:
    """The path below any span can be asked for, another root or a span within a tree."""
    columns = span_columns(draw_spans(TWO_ROOTS))
    other = blocking_path(columns, root_span_id="D")
    inner = blocking_path(columns, root_span_id="B")
    assert [(s.span_id, s.duration_ns) for s in other.sections] == [("D", 1), ("E", 4), ("D", 4)]
    assert [(s.span_id, s.duration_ns) for s in inner.sections] == [("B", 1), ("C", 1), ("B", 1)]
    assert other.notes == inner.notes == ()


def test_a_root_that_is_not_there() -> None:
    """An unknown root is an error, not another root's answer."""
    with pytest.raises(NotFound, match="no span Z"):
        blocking_path(span_columns(draw_spans(TWO_ROOTS)), root_span_id="Z")


def _two_traces() -> list[DrawnSpan]:
    """The same ids in two traces, one of them ten times as slow."""
    slow = [
        replace(s, trace_id="b", start_unix_ns=10 * s.start_unix_ns, duration_ns=10 * s.duration_ns)
        for s in draw_spans(TWO_ROOTS)
    ]
    return [span for pair in zip(draw_spans(TWO_ROOTS), slow, strict=True) for span in pair]


def test_traces_are_told_apart() -> None:
    """Of several traces the one named is explained, as if it had come alone."""
    together = span_columns(_two_traces())
    alone = span_columns(s for s in _two_traces() if s.trace_id == "b")
    assert blocking_path(together, "b") == blocking_path(alone)
    with pytest.raises(BadQuestion, match="2 traces"):
        blocking_path(together)
    with pytest.raises(NotFound, match="no trace c"):
        blocking_path(together, "c")


def test_many_traces_at_once_are_what_each_is_alone() -> None:
    """Paths of many traces are one after the other those of each trace."""
    columns = span_columns(_two_traces())
    codes, trace_ids, _ = span_codes(columns)
    forest = trace_forest(codes)
    paths = blocking_paths(forest, codes)
    for t, trace_id in enumerate(trace_ids):
        alone: BlockingPath = blocking_path(columns, trace_id)
        part = slice(paths.first[t], paths.first[t + 1])
        spans = columns.span_id[forest.row[paths.position[part]]].tolist()
        assert spans == [section.span_id for section in alone.sections]
        assert paths.end_unix_ns[part].tolist() == [s.end_unix_ns for s in alone.sections]


def test_blame_is_the_sum_of_sections() -> None:
    """Blame by node over many traces adds up to their roots, each node to its sections."""
    columns = span_columns(_two_traces())
    codes, trace_ids, nodes = span_codes(columns)
    forest = trace_forest(codes)
    blame = blame_ns(blocking_paths(forest, codes), forest, codes)
    expected = dict.fromkeys((node.name for node in nodes), 0)
    for trace_id in trace_ids:
        for section in blocking_path(columns, trace_id).sections:
            expected[section.name] += section.duration_ns
    assert dict(zip(expected, blame.sum(axis=1).tolist(), strict=True)) == expected
    assert blame.sum() == 10 + 100


def test_input_is_left_as_it_was() -> None:
    """No column of the input is written to."""
    columns = span_columns(_two_traces())
    before = [np.copy(getattr(columns, name)) for name in ("start_unix_ns", "span_id", "kind")]
    blocking_path(columns, "b")
    after = [getattr(columns, name) for name in ("start_unix_ns", "span_id", "kind")]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
