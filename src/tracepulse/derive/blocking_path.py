"""The blocking path of one trace: which spans the root was waiting for, instant by instant."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive import span_flags as flags
from tracepulse.derive.browser_phases import Phase
from tracepulse.derive.categories import CATEGORIES, Category
from tracepulse.derive.clock_skew import NOTHING_LEARNED
from tracepulse.derive.dependencies import (
    ASSUMED,
    Rules,
    flag_left_behind,
    learn_dependencies,
    rules_of,
)
from tracepulse.derive.page_paths import (
    PagePart,
    Until,
    cut_documents,
    cut_to_paint,
    page_on_top,
    page_parts,
    page_until,
)
from tracepulse.derive.paints import Paint
from tracepulse.derive.path_notes import Confidence, Note, path_confidence, path_notes
from tracepulse.derive.path_walk import blocking_paths
from tracepulse.derive.phase_sections import phase_sections
from tracepulse.derive.siblings import Siblings, recoded
from tracepulse.derive.span_codes import SpanCodes, span_codes
from tracepulse.derive.trace_tree import TraceForest, clock_offsets, trace_forest
from tracepulse.errors import BadQuestion, NotFound
from tracepulse.model.span import SpanColumns
from tracepulse.model.vital import Vital

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
    phase: Phase | None = None
    """Of a span of a browser: what that was at; None where nobody says."""

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
    """The root's own, or when it had painted; the sections tile [start, end)."""
    sections: tuple[Section, ...]
    """By start; no gap, no overlap, none empty."""
    span_count: int
    """Spans received of this trace."""
    joined_span_count: int
    """Spans in the root's tree."""
    notes: tuple[Note, ...]
    """In the order of Reason, then by host."""
    confidence: Confidence
    paints: tuple[Paint, ...] = ()
    """What pages and interactions of the trace had painted, by start, then by span."""

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
    until: Until = Until.END,
    vitals: Sequence[Vital] = (),
    siblings: Siblings | None = None,
) -> BlockingPath:
    """
    Return the spans that decided how long a trace took, as sections of time.

    Args:
        columns: spans in any order; the same spans give the same answer.
        trace_id: which trace; may be left out where there is but one.
        root_span_id: take this span as the root, for the path below it; else see trace_forest.
        learn: take from all traces given, rather than from this one alone, which calls wait for
            each other (dependencies.py) and by how much clocks differ (clock_skew.py).
        until: the end of the root, or when the page or interaction that it is had painted; then
            the first page or interaction is the root, unless one is named (page_paths.py).
        vitals: what the trace's pages told of themselves.
        siblings: what other traces of its route show (siblings.py), where `columns` has this one
            alone; instead of `learn`.
    Returns:
        Sections by start, half-open, no gap or overlap; lengths sum to the root's.
    Raises:
        NotFound: there is no usable span, no such trace, no such root or no such paint.
        BadQuestion: several traces, and none named.
    Source:
        Last-finishing-child walk; Zhang et al., CRISP, USENIX ATC 2022. See path_walk.py.
    """
    rows, trace_id = _one_trace(columns, trace_id)
    own = columns if len(rows) == len(columns) else _taken(columns, rows)
    pages = page_parts(own, vitals)
    page = None
    if until is not Until.END:
        page = page_until(own, pages, until, root_span_id, trace_id)
        root_span_id = own.span_id[page.row]
        own = page_on_top(own, page)
        columns = own if not learn else page_on_top(columns, replace(page, row=int(rows[page.row])))
    codes, known = _codes(columns, own, rows, learn, siblings)
    wanted = _root_id(own, codes, root_span_id, trace_id)
    clocks = NOTHING_LEARNED if siblings is None else siblings.clocks
    clocks = clocks if known is None else clock_offsets(known)
    forest = trace_forest(codes, wanted, clocks)
    root = int(forest.root[0])
    if root < 0 or (wanted is not None and not forest.flags[root] & flags.CHOSEN):
        raise NotFound(f"trace {trace_id}: none of its {len(own)} spans can be the root")
    learned = None if siblings is None else siblings.dependencies
    if known is not None:
        learned = learn_dependencies(trace_forest(known, clocks=clocks), known)
    if learned is not None:
        flag_left_behind(forest, codes, learned)
    rules = ASSUMED if learned is None else rules_of(learned)
    walked = forest if page is None else cut_to_paint(own, forest, page)
    walked = cut_documents(own, walked) if pages else walked
    return _record(own, codes, forest, walked, rules, trace_id, pages, page)


def _codes(
    columns: SpanColumns,
    own: SpanColumns,
    rows: NDArray[np.int64],
    learn: bool,
    siblings: Siblings | None,
) -> tuple[SpanCodes, SpanCodes | None]:
    """Return the codes of the one trace, and those of all that it is to be learned from."""
    if learn:
        known = span_codes(columns)[0]
        return known.one_trace(rows), known
    codes, _, nodes = span_codes(own)
    return (codes if siblings is None else recoded(codes, nodes, own, siblings)), None


def _root_id(
    columns: SpanColumns, codes: SpanCodes, span_id: str | None, trace_id: str
) -> NDArray[np.uint64] | None:
    """Return the code of the span that is to be the root; None where none is named."""
    if span_id is None:
        return None
    named = np.flatnonzero(columns.span_id == span_id)
    if not len(named) or codes.span_id[named[0]] == 0:
        raise NotFound(f"trace {trace_id} has no span {span_id}")
    return codes.span_id[named[:1]]


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
    columns: SpanColumns,
    codes: SpanCodes,
    forest: TraceForest,
    walked: TraceForest,
    rules: Rules,
    trace_id: str,
    pages: Sequence[PagePart],
    page: PagePart | None,
) -> BlockingPath:
    """Walk, and put names to numbers."""
    root = int(walked.root[0])
    start, end = int(walked.start_unix_ns[root]), int(walked.end_unix_ns[root])
    paths = blocking_paths(walked, codes, rules)
    return BlockingPath(
        trace_id=trace_id,
        root_span_id=columns.span_id[forest.row[root]],
        start_unix_ns=start,
        end_unix_ns=end,
        sections=tuple(
            Section(
                start,
                end,
                columns.span_id[row],
                columns.service[row],
                columns.name[row],
                CATEGORIES[category],
                phase,
            )
            for start, end, row, category, phase in phase_sections(
                columns, codes, walked, paths, pages, page
            )
        ),
        span_count=len(columns),
        joined_span_count=int((forest.top == root).sum()),
        notes=path_notes(columns, forest),
        confidence=path_confidence(columns, walked),
        paints=tuple(each.paint for each in pages if each.paint is not None),
    )
