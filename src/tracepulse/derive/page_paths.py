"""
What a page's paint waits for, among all that goes on while it loads.

Order in time says little in a page: thirty requests run at once, and most of them nobody waits
for. What a browser does is known, though:

    documentFetch  |--------|===|       the page goes on from the first byte
      server         |----|
    style.css                |-----------|          nothing is painted before it is there
    ads.js                   |---------------|      paint does not wait for it
    hero.jpg                   |----------|         the largest content
                                            LCP

A document that still comes in when the next thing is asked for counts up to then. Up to LCP a page
waits for its document, what blocks rendering, the frames in which its main thread was taken, and
its largest content; before that content is asked for, also for the scripts and requests from which
it may have learned of it. Everything else is beside it.

Source:
    HTML standard, render-blocking and parser-blocking; Resource Timing, renderBlockingStatus.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.browser_phases import (
    INTERACTION_PARTS,
    LONG_FRAME,
    PAGES,
    RESTORED,
    Moments,
    Phase,
    Step,
    Steps,
    milliseconds,
    moments_of,
    page_steps,
)
from tracepulse.derive.categories import is_browser
from tracepulse.derive.limits.dependencies import FIRST_PAINT_SLACK_NS
from tracepulse.derive.paints import Paint, lcp_paint, next_paint, painted_url, told_last
from tracepulse.derive.span_codes import PAGE_FETCH
from tracepulse.derive.span_flags import BESIDE_PAINT
from tracepulse.derive.trace_tree import TraceForest
from tracepulse.errors import NotFound
from tracepulse.model.span import SpanColumns
from tracepulse.model.vital import Vital

__all__ = [
    "PagePart",
    "Until",
    "cut_documents",
    "cut_to_paint",
    "page_on_top",
    "page_parts",
    "page_until",
    "paint_steps",
]

Integers = NDArray[np.int64]
FIRST_PAINT = "firstContentfulPaint"
_BYSTANDERS = frozenset(
    {"img", "image", "input", "video", "audio", "track", "iframe", "frame", "embed", "object",
     "beacon", "ping", "icon"}
)  # fmt: skip
"""`initiatorType` of what no further content is learned from."""
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg", ".ico", ".mp4", ".webm")
_FONTS = (".woff", ".woff2", ".ttf", ".otf")


class Until(StrEnum):
    """Up to when a path is asked for."""

    END = "end"
    """The end of its root."""
    LCP = "lcp"
    """A page's largest contentful paint."""
    INP = "inp"
    """The next paint after an interaction."""


@dataclass(frozen=True, slots=True)
class PagePart:
    """A page or an interaction, and what of its trace belongs to it."""

    row: int
    moments: Moments
    """Of the page and of its request for the document; Unix ns by the browser's clock."""
    paint: Paint | None
    restored: bool = False
    """It came back from the browser's memory."""


def page_parts(columns: SpanColumns, vitals: Sequence[Vital]) -> tuple[PagePart, ...]:
    """Return the pages and interactions of one trace, by start, then by id."""
    rows = [row for row in range(len(columns)) if is_browser(columns.resource[row])]
    rows.sort(key=lambda row: (int(columns.start_unix_ns[row]), columns.span_id[row]))
    found = []
    for row in rows:
        if columns.name[row] in PAGES:
            found.append(_page(columns, row, rows, vitals))
        elif INTERACTION_PARTS[1] in columns.attributes[row]:
            start = int(columns.start_unix_ns[row])
            paint = next_paint(columns.span_id[row], start, columns.attributes[row])
            found.append(PagePart(row, {}, paint))
    return tuple(found)


def _page(columns: SpanColumns, row: int, rows: list[int], vitals: Sequence[Vital]) -> PagePart:
    span_id, start = columns.span_id[row], int(columns.start_unix_ns[row])
    below = [each for each in rows if columns.parent_span_id[each] == span_id]
    moments: dict[str, int] = {}
    for each in below:
        if columns.name[each] == PAGE_FETCH:
            begun = int(columns.start_unix_ns[each])
            moments = {"fetchStart": begun, "responseEnd": begun + int(columns.duration_ns[each])}
            moments |= moments_of(columns, each)
            break
    moments |= moments_of(columns, row)
    first = told_last(vitals, "fcp", span_id)
    if first is not None:
        shown = max(start, moments.get("activationStart", start))
        moments[FIRST_PAINT] = shown + (milliseconds(repr(first.value)) or 0)
    restored = columns.name[row] == RESTORED
    told = told_last(vitals, "lcp", span_id)
    if told is None:
        return PagePart(row, moments, None, restored)
    loaded = _resource(columns, below, painted_url(told))
    paint = lcp_paint(
        told, span_id, start, {"responseStart": start} if restored else moments, loaded
    )
    return PagePart(row, moments, paint, restored)


def _resource(columns: SpanColumns, rows: list[int], url: str) -> tuple[int, int] | None:
    """Return when the resource of an address was asked for and answered."""
    for row in rows:
        if url and _address(columns, row) == url:
            start = int(columns.start_unix_ns[row])
            asked = moments_of(columns, row).get("requestStart", start)
            return asked, start + int(columns.duration_ns[row])
    return None


def _address(columns: SpanColumns, row: int) -> str:
    attributes = columns.attributes[row]
    return attributes.get("url.full") or attributes.get("http.url") or ""


_UNKNOWN = {
    Until.LCP: "pages tell theirs when they are hidden or left, if their SDK measures it",
    Until.INP: "no interaction in it was measured up to its next paint",
}


def page_until(
    columns: SpanColumns,
    pages: Sequence[PagePart],
    until: Until,
    span_id: str | None,
    trace_id: str,
) -> PagePart:
    """
    Return the page or interaction whose paint is asked about: the one named, else the first.

    Raises:
        NotFound: no paint of that kind is known.
    """
    for page in pages:
        if page.paint is not None and page.paint.name == until.value:
            if span_id is None or columns.span_id[page.row] == span_id:
                return page
    of = f"trace {trace_id}" if span_id is None else f"span {span_id} of trace {trace_id}"
    raise NotFound(f"{of}: no {until.value} is known; {_UNKNOWN[until]}")


def page_on_top(columns: SpanColumns, page: PagePart) -> SpanColumns:
    """
    Return the spans with a page above the server's span that made it.

    OpenTelemetry's instrumentation puts the page below, though it began before and asked for it.
    """
    above = columns.parent_span_id[page.row]
    rows = np.flatnonzero((columns.span_id == above) & (columns.kind == "Server"))
    if not len(rows) or columns.parent_span_id[rows[0]]:
        return columns
    parents = columns.parent_span_id.copy()
    parents[page.row] = ""
    return replace(columns, parent_span_id=parents)


def cut_documents(columns: SpanColumns, forest: TraceForest) -> TraceForest:
    """Return the forest with documents that end where the page went on while they still came in."""
    end, pages = forest.end_unix_ns.copy(), []
    for fetch in np.flatnonzero((columns.name == PAGE_FETCH)[forest.row]).tolist():
        page, row = int(forest.parent[fetch]), int(forest.row[fetch])
        first = moments_of(columns, row).get("responseStart")
        if page < 0 or first is None or not is_browser(columns.resource[row]):
            continue
        first -= int(forest.moved_ns[fetch])
        siblings = forest.child[forest.first_child[page] : forest.first_child[page + 1]]
        asked = siblings[forest.flags[siblings] & BESIDE_PAINT == 0]
        starts = forest.start_unix_ns[asked]
        later = starts[(starts >= first) & (starts < end[fetch]) & (asked != fetch)]
        if len(later):
            end[fetch] = later.min()
            pages.append(page)
    return _with_times(forest, forest.start_unix_ns, end, pages) if pages else forest


def _with_times(
    forest: TraceForest, start: Integers, end: Integers, parents: Iterable[int]
) -> TraceForest:
    """Return the forest with other times of some spans, and their parents' children by end again."""
    child = forest.child.copy()
    for parent in set(parents):
        place = slice(forest.first_child[parent], forest.first_child[parent + 1])
        below = child[place]
        child[place] = below[np.lexsort((below, start[below], -end[below]))]
    return replace(forest, start_unix_ns=start, end_unix_ns=end, child=child)


def cut_to_paint(columns: SpanColumns, forest: TraceForest, page: PagePart) -> TraceForest:
    """Return the forest with a root that lasts from when a paint was waited for until it came."""
    root, paint = int(forest.root[0]), page.paint
    assert paint is not None
    start, end = forest.start_unix_ns.copy(), forest.end_unix_ns.copy()
    start[root], end[root] = paint.start_unix_ns, paint.end_unix_ns
    known_at = _known_at(columns, page, paint)
    for child in forest.child[forest.first_child[root] : forest.first_child[root + 1]].tolist():
        row = int(forest.row[child])
        if not _is_awaited(columns, row, paint, known_at) and not _holds_parser(columns, row, page):
            forest.flags[child] |= BESIDE_PAINT
        elif paint.name == "lcp":
            start[child] += _idle_ns(columns, row)
    return _with_times(forest, start, end, ())


def _idle_ns(columns: SpanColumns, row: int) -> int:
    """
    Return how long a long frame waited for a style sheet: it lasts, but blocks nothing by itself.

    Source:
        Long Animation Frames: blockingDuration is 0, and told as nothing, where no task was long.
    """
    if (
        columns.name[row] != LONG_FRAME
        or "browser.long_animation_frame.blockingDuration" in (columns.attributes[row])
    ):
        return 0
    start = int(columns.start_unix_ns[row])
    drawn = moments_of(columns, row).get("renderStart", start)
    return min(max(0, drawn - start), int(columns.duration_ns[row]))


def _holds_parser(columns: SpanColumns, row: int, page: PagePart) -> bool:
    """Tell whether the parser may have waited for a script: it came while only that was missing."""
    assert page.paint is not None
    if columns.attributes[row].get("browser.resource.initiatorType") != "script":
        return False
    end = int(columns.start_unix_ns[row] + columns.duration_ns[row])
    parsed = page.moments.get("domInteractive", 0)
    return page.moments.get("responseEnd", 0) < end <= parsed <= page.paint.end_unix_ns


def _known_at(columns: SpanColumns, page: PagePart, paint: Paint) -> int:
    """Return until when a script may have told the page of what it painted; Unix ns."""
    never = paint.start_unix_ns
    if not paint.url:
        first = page.moments.get(FIRST_PAINT)
        late = first is not None and paint.end_unix_ns - first > FIRST_PAINT_SLACK_NS
        return paint.end_unix_ns if late else never
    asked = [
        int(columns.start_unix_ns[row])
        for row in range(len(columns))
        if _address(columns, row) == paint.url
    ]
    parts = dict(paint.parts)
    told = never + parts.get("ttfb", 0) + parts.get("load_delay", 0)
    known = min(asked, default=told)
    # While the document comes in it is the parser that meets with addresses.
    return known if known >= page.moments.get("responseEnd", 0) else never


def _is_awaited(columns: SpanColumns, row: int, paint: Paint, known_at: int) -> bool:
    """Tell whether a paint waits for a child of its page."""
    name, attributes = columns.name[row], columns.attributes[row]
    start = int(columns.start_unix_ns[row])
    if name == LONG_FRAME or paint.name == "inp":
        return bool(name == LONG_FRAME)
    address = _address(columns, row)
    path = urlsplit(address).path.lower()
    status = attributes.get("browser.resource.renderBlockingStatus")
    is_style = status is None and path.endswith(".css")
    if name == PAGE_FETCH or address == (paint.url or None) or status == "blocking" or is_style:
        return start < paint.end_unix_ns
    if path.endswith(_FONTS):
        return not paint.url
    kind = attributes.get("browser.resource.initiatorType")
    if kind in _BYSTANDERS or path.endswith(_PICTURES):
        return False
    return start + int(columns.duration_ns[row]) <= known_at


def paint_steps(page: PagePart) -> Steps:
    """Return the phases of a page up to its largest paint."""
    paint = page.paint
    assert paint is not None
    if page.restored:
        return (Step(paint.start_unix_ns, Phase.RESTORE),)
    moments = dict(page.moments)
    if "responseStart" not in moments and paint.parts:
        moments["responseStart"] = paint.start_unix_ns + paint.parts[0][1]
    steps = list(page_steps(paint.start_unix_ns, moments))
    parts = dict(paint.parts)
    if not parts:
        return tuple(steps)
    asked = paint.start_unix_ns + parts["ttfb"] + parts["load_delay"]
    answered = asked + parts["load"]
    if not paint.url and not parts["load"]:
        ready = moments.get("domInteractive", moments.get("responseEnd", answered))
        return (*_before(steps, ready), Step(ready, Phase.RENDER))
    known = [
        replace(step, phase=Phase.DISCOVERY)
        if step.phase in (Phase.MAIN_THREAD, Phase.LOADING, None)
        else step
        for step in _before(steps, asked)
    ]
    return (*known, Step(asked, Phase.RESOURCE_LOAD), Step(answered, Phase.RENDER))


def _before(steps: Sequence[Step], end: int) -> Iterator[Step]:
    return (step for step in steps if step.start_unix_ns < end)
