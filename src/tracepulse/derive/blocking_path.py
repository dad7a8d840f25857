"""The blocking path of one trace: which spans the root was waiting for, instant by instant."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive import span_flags as flags
from tracepulse.derive.categories import CATEGORIES, Category
from tracepulse.derive.clock_skew import NOTHING_LEARNED, PairOffsets
from tracepulse.derive.dependencies import (
    ASSUMED,
    Rules,
    flag_left_behind,
    learn_dependencies,
    rules_of,
)
from tracepulse.derive.path_notes import Confidence, Note, path_confidence, path_notes
from tracepulse.derive.path_walk import PathColumns, blocking_paths
from tracepulse.derive.span_codes import SpanCodes, span_codes
from tracepulse.derive.trace_tree import TraceForest, clock_offsets, trace_forest
from tracepulse.errors import BadQuestion, NotFound
from tracepulse.model.span import SpanColumns

__all__ = ["BlockingPath", "Section", "blocking_path"]


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of time, [start, end), that one span is blamed for."""

    start_unix_ns: int
    """By the clock of the root's host."""
    end_unix_ns: int
    span_id: str
    service: str
    name: str
    category: Category

    @property
    def duration_ns(self) -> int:
        """Length; more than 0."""
        return self.end_unix_ns - self.start_unix_ns


@dataclass(frozen=True, slots=True)
class BlockingPath:
    """What decided how long a trace took, and how far to believe it."""

    trace_id: str
    root_span_id: str
    start_unix_ns: int
    end_unix_ns: int
    """The root's own; the sections tile [start, end)."""
    sections: tuple[Section, ...]
    """By start; no gap, no overlap, none empty."""
    span_count: int
    """Spans received of this trace."""
    joined_span_count: int
    """Spans in the root's tree."""
    notes: tuple[Note, ...]
    """In the order of Reason, then by host."""
    confidence: Confidence

    @property
    def duration_ns(self) -> int:
        """Length of the root."""
        return self.end_unix_ns - self.start_unix_ns


def blocking_path(
    columns: SpanColumns,
    trace_id: str | None = None,
    root_span_id: str | None = None,
    *,
    learn: bool = False,
) -> BlockingPath:
    """
    Return the spans that decided how long a trace took, as sections of time.

    Args:
        columns: spans in any order; the same spans give the same answer.
        trace_id: which trace; may be left out where there is but one.
        root_span_id: take this span as the root, for the path below it; else see trace_forest.
        learn: take from all traces given, rather than from this one alone, which calls wait for
            each other (dependencies.py) and by how much clocks differ (clock_skew.py).
    Returns:
        Sections by start, half-open, no gap or overlap; lengths sum to the root's.
    Raises:
        NotFound: there is no usable span, no such trace or no such root.
        BadQuestion: several traces, and none named.
    Source:
        Last-finishing-child walk; Zhang et al., CRISP, USENIX ATC 2022. See path_walk.py.
    """
    known = span_codes(columns)[0] if learn else None
    rows, trace_id = _one_trace(columns, trace_id)
    columns = columns if len(rows) == len(columns) else _taken(columns, rows)
    codes = span_codes(columns)[0] if known is None else known.one_trace(rows)
    wanted = None
    if root_span_id is not None:
        rows = np.flatnonzero(columns.span_id == root_span_id)
        if not len(rows) or codes.span_id[rows[0]] == 0:
            raise NotFound(f"trace {trace_id} has no span {root_span_id}")
        wanted = codes.span_id[rows[:1]]
    clocks = NOTHING_LEARNED if known is None else clock_offsets(known)
    forest = trace_forest(codes, wanted, clocks)
    root = int(forest.root[0])
    if root < 0 or (wanted is not None and not forest.flags[root] & flags.CHOSEN):
        raise NotFound(f"trace {trace_id}: none of its {len(columns)} spans can be the root")
    rules = ASSUMED if known is None else _learned(known, clocks, forest, codes)
    return _record(columns, forest, blocking_paths(forest, codes, rules), trace_id)


def _learned(known: SpanCodes, clocks: PairOffsets, forest: TraceForest, codes: SpanCodes) -> Rules:
    """Return what all traces show of siblings; flag what this one's parents do not wait for."""
    dependencies = learn_dependencies(trace_forest(known, clocks=clocks), known)
    flag_left_behind(forest, codes, dependencies)
    return rules_of(dependencies)


def _one_trace(columns: SpanColumns, trace_id: str | None) -> tuple[NDArray[np.int64], str]:
    """Return the rows of the one trace that is meant, and its id."""
    present = sorted(set(columns.trace_id.tolist()))
    if not present:
        raise NotFound("there are no spans" if trace_id is None else f"no trace {trace_id}")
    if trace_id is None and len(present) > 1:
        raise BadQuestion(f"spans of {len(present)} traces were given: name one as trace_id")
    if trace_id is not None and trace_id not in present:
        raise NotFound(f"no trace {trace_id} among the spans given")
    wanted = present[0] if len(present) == 1 else trace_id
    assert wanted is not None
    return np.flatnonzero(columns.trace_id == wanted), wanted


def _taken(columns: SpanColumns, rows: NDArray[np.int64]) -> SpanColumns:
    """Return some rows of every column."""
    chosen: dict[str, Any] = {}
    for column in fields(columns):
        values = getattr(columns, column.name)
        if isinstance(values, np.ndarray):
            chosen[column.name] = values[rows]
        elif values:
            chosen[column.name] = tuple(values[row] for row in rows)
    return SpanColumns(**chosen)


def _record(
    columns: SpanColumns, forest: TraceForest, paths: PathColumns, trace_id: str
) -> BlockingPath:
    """Put names to numbers."""
    root = int(forest.root[0])
    start, end = int(forest.start_unix_ns[root]), int(forest.end_unix_ns[root])
    joined = int((forest.top == root).sum())
    return BlockingPath(
        trace_id=trace_id,
        root_span_id=columns.span_id[forest.row[root]],
        start_unix_ns=start,
        end_unix_ns=end,
        sections=_sections(columns, forest, paths),
        span_count=len(columns),
        joined_span_count=joined,
        notes=path_notes(columns, forest),
        confidence=path_confidence(columns, forest),
    )


def _sections(columns: SpanColumns, forest: TraceForest, paths: PathColumns) -> tuple[Section, ...]:
    rows = forest.row[paths.position]
    return tuple(
        Section(start, end, span_id, service, name, CATEGORIES[category])
        for start, end, span_id, service, name, category in zip(
            paths.start_unix_ns.tolist(),
            paths.end_unix_ns.tolist(),
            columns.span_id[rows].tolist(),
            columns.service[rows].tolist(),
            columns.name[rows].tolist(),
            paths.category.tolist(),
            strict=True,
        )
    )
