"""
Sections of a blocking path cut into the phases of browsers.

A section of a browser's span becomes one for each phase that it touches, so that they tile it.
Time of a page or interaction itself in which a long frame ran is that frame's:

    documentLoad       |====|==========|=====|       nothing below was waited for
    longAnimationFrame      |==========|             but the main thread was taken
"""

from collections.abc import Iterator, Sequence

import numpy as np

from tracepulse.derive.browser_phases import (
    INTERACTION_PARTS,
    LONG_FRAME,
    PAGES,
    Phase,
    Step,
    Steps,
    interaction_steps,
    merged_steps,
    page_steps,
    phases_within,
    span_steps,
)
from tracepulse.derive.categories import is_browser
from tracepulse.derive.page_paths import PagePart, paint_steps
from tracepulse.derive.path_walk import PathColumns
from tracepulse.derive.span_codes import PAGE_FETCH, SpanCodes
from tracepulse.derive.trace_tree import TraceForest
from tracepulse.model.span import SpanColumns

__all__ = ["phase_sections"]

Piece = tuple[int, int, int, int, Phase | None]
"""Start and end in Unix ns, row, category as a place in CATEGORIES, phase."""


def phase_sections(
    columns: SpanColumns,
    codes: SpanCodes,
    forest: TraceForest,
    paths: PathColumns,
    pages: Sequence[PagePart],
    until: PagePart | None,
) -> Iterator[Piece]:
    """
    Yield the sections of one trace's path, those of browsers cut into phases.

    Args:
        forest: as it was walked.
        pages: pages and interactions of the trace.
        until: the one whose paint the path ends with, if it does.
    """
    browser = np.array([is_browser(each) for each in columns.resource], np.bool_)
    phases = _Phases(columns, codes, forest, pages, until)
    for start, end, position, category in zip(
        paths.start_unix_ns.tolist(),
        paths.end_unix_ns.tolist(),
        paths.position.tolist(),
        paths.category.tolist(),
        strict=True,
    ):
        row = int(forest.row[position])
        if browser[row]:
            yield from phases.pieces(start, end, position, category)
        else:
            yield start, end, row, category, None


class _Phases:
    """The phases of the spans of one trace, worked out once each."""

    def __init__(
        self,
        columns: SpanColumns,
        codes: SpanCodes,
        forest: TraceForest,
        pages: Sequence[PagePart],
        until: PagePart | None,
    ) -> None:
        self._columns, self._codes, self._forest = columns, codes, forest
        self._pages = {each.row: each for each in pages}
        self._until = until
        self._steps: dict[int, Steps] = {}

    def pieces(self, start: int, end: int, position: int, category: int) -> Iterator[Piece]:
        """Yield the pieces of one section of a browser's span."""
        row, at = int(self._forest.row[position]), start
        if row in self._pages:
            for low, high, frame in self._frames(position):
                low, high = max(low, at), min(high, end)
                if low < high:
                    yield from self._cut(at, low, position, category)
                    frame_category = int(self._codes.category[self._forest.row[frame]])
                    yield from self._cut(low, high, frame, frame_category)
                    at = high
        yield from self._cut(at, end, position, category)

    def _cut(self, start: int, end: int, position: int, category: int) -> Iterator[Piece]:
        row = int(self._forest.row[position])
        if position not in self._steps:
            moved = int(self._forest.moved_ns[position])
            self._steps[position] = tuple(
                Step(step.start_unix_ns - moved, step.phase) for step in self._steps_of(position)
            )
        for low, high, phase in phases_within(self._steps[position], start, end):
            fetch = self._fetch_below(position) if phase is Phase.RESPONSE else None
            if fetch is None:
                yield low, high, row, category, phase
            else:
                below = int(self._forest.row[fetch])
                yield low, high, below, int(self._codes.category[below]), phase

    def _fetch_below(self, position: int) -> int | None:
        """Return a page's request for its document: what still came in of that is blamed on it."""
        forest = self._forest
        below = forest.child[forest.first_child[position] : forest.first_child[position + 1]]
        if self._columns.name[forest.row[position]] in PAGES:
            for each in below.tolist():
                if self._columns.name[forest.row[each]] == PAGE_FETCH:
                    return int(each)
        return None

    def _frames(self, position: int) -> list[tuple[int, int, int]]:
        """Return the long frames right below a span: start, end, position; by start."""
        forest = self._forest
        below = forest.child[forest.first_child[position] : forest.first_child[position + 1]]
        return sorted(
            (int(forest.start_unix_ns[each]), int(forest.end_unix_ns[each]), each)
            for each in below.tolist()
            if self._columns.name[forest.row[each]] == LONG_FRAME
        )

    def _steps_of(self, position: int) -> Steps:
        """Return the phases of a span by its own clock."""
        columns, row = self._columns, int(self._forest.row[position])
        page = self._pages.get(row)
        if page is not None and columns.name[row] in PAGES:
            if self._until is page:
                return paint_steps(page)
            if not page.restored:
                return page_steps(int(columns.start_unix_ns[row]), page.moments)
        steps, parent = span_steps(columns, row), int(self._forest.parent[position])
        if columns.name[row] == LONG_FRAME and parent >= 0:
            above = int(self._forest.row[parent])
            attributes = columns.attributes[above]
            if INTERACTION_PARTS[1] in attributes:
                start = int(columns.start_unix_ns[above])
                return merged_steps(interaction_steps(start, attributes), steps)
        return steps
