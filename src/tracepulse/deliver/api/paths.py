"""The blocking path of one trace."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from tracepulse.deliver.api.asking import Reader
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.shapes import Shape, instant, instant_field, text_instant_field
from tracepulse.deliver.api.traces import TraceId, one_trace, trace_id_of
from tracepulse.derive.blocking_path import BlockingPath, blocking_path
from tracepulse.derive.categories import is_browser
from tracepulse.derive.page_paths import Until
from tracepulse.derive.paints import Paint
from tracepulse.sibling_reader import siblings_of

__all__ = ["router"]

router = APIRouter(tags=["traces"])


class SectionShape(Shape):
    """A stretch of time that one span is blamed for."""

    span_id: str
    service: str
    operation: str
    category: str = Field(
        description="own, database, cache, messaging, network, waiting, external, browser or"
        " resource."
    )
    phase: str = Field(
        description="Of a browser's span: redirect, worker, stalled, dns, tcp, tls, request, response,"
        " fetch, parse, main_thread, loading, discovery, resource_load, render, input_delay,"
        " processing, presentation or restore; empty where nobody says."
    )
    start_offset_ns: int = Field(description="From the start of the root.")
    duration_ns: int


class WarningShape(Shape):
    """One reason for which the path is less than the whole truth."""

    reason: str
    count: int = Field(description="Spans that it is about.")
    span_ids: list[str] = Field(description="At most ten of them.")
    amount_ns: int | None = Field(description="How far they were off, where that can be said.")
    text: str


class ConfidenceShape(Shape):
    """How far the path can be believed."""

    level: str = Field(description="high, reduced or low.")
    ratio: float = Field(description="Share of the root's time without a span left unjoined.")
    text: str


class PaintPartShape(Shape):
    """One part of the wait for a paint."""

    name: str = Field(
        description="ttfb, load_delay, load or render_delay of lcp; input_delay, processing or"
        " presentation of inp."
    )
    duration_ns: int


class PaintShape(Shape):
    """A paint that a visitor waited for."""

    name: str = Field(description="lcp: largest contentful paint; inp: next paint.")
    span_id: str = Field(description="Of the page or interaction.")
    start_unix_ns: str = instant_field()
    start_at: str = text_instant_field()
    duration_ns: int
    element: str = Field(description="What was painted, or acted on; empty where not said.")
    url: str = Field(description="Of the picture that was painted; empty for text.")
    parts: list[PaintPartShape] = Field(
        description="They sum to the whole; empty where nothing is known."
    )


class PathShape(Shape):
    """Sections by start: no gap, no overlap; their lengths sum to the root's."""

    trace_id: str
    root_span_id: str
    start_unix_ns: str = instant_field()
    start_at: str = text_instant_field()
    duration_ns: int = Field(description="Of the root, or until it had painted.")
    until: str = Field(description="end, lcp or inp: up to when the path was asked for.")
    sections: list[SectionShape]
    by_category: dict[str, int] = Field(description="Nanoseconds; they sum to the root's length.")
    by_phase: dict[str, int] = Field(
        description="Nanoseconds in which a browser was at something; the largest first."
    )
    paints: list[PaintShape] = Field(
        description="Of pages and interactions, by start; known once a page was hidden or left."
    )
    spans: int = Field(description="Spans stored of this trace.")
    joined_spans: int = Field(description="Spans in the root's tree.")
    learned_from: int = Field(
        description="Traces of the same root, the latest of the hour up to this one, that showed"
        " which calls wait for each other and whose clock is off; 0: this one alone was looked at."
    )
    warnings: list[WarningShape]
    confidence: ConfidenceShape


@router.get(
    "/api/traces/{trace_id}/path",
    summary="The blocking path of a trace",
    response_model=PathShape,
    responses=failures(404),
)
async def get_path(
    asker: Reader,
    trace_id: TraceId,
    root_span_id: Annotated[
        str, Query(description="Take this span as the root, for the path below it.")
    ] = "",
    until: Annotated[
        Until,
        Query(
            description="Up to the end of the root, or to the largest contentful paint (lcp) of a"
            " page or the next paint after an interaction (inp): the first, or root_span_id's."
        ),
    ] = Until.END,
) -> Response:
    """Return which span the trace was waiting for, instant by instant."""
    wanted = trace_id_of(trace_id)

    def answer() -> dict[str, Any]:
        trace = one_trace(asker, wanted)
        has_page = any(is_browser(each) for each in trace.spans.resource)
        vitals = asker.services.telemetry.vitals_of(wanted, trace.data_set) if has_page else ()
        root = root_span_id.strip().lower() or None
        siblings = siblings_of(asker.services.telemetry, trace.spans, trace.data_set)
        path = blocking_path(
            trace.spans, wanted, root, until=until, vitals=vitals, siblings=siblings
        )
        return {**_path(path, until), "learned_from": siblings.traces if siblings else 0}

    return await asker.json(answer)


def _path(path: BlockingPath, until: Until) -> dict[str, Any]:
    categories: Counter[str] = Counter()
    phases: Counter[str] = Counter()
    for section in path.sections:
        categories[section.category.value] += section.duration_ns
        if section.phase is not None:
            phases[section.phase.value] += section.duration_ns
    return {
        "trace_id": path.trace_id,
        "root_span_id": path.root_span_id,
        **instant("start", path.start_unix_ns),
        "duration_ns": path.duration_ns,
        "until": until.value,
        "sections": [
            {
                "span_id": each.span_id,
                "service": each.service,
                "operation": each.name,
                "category": each.category.value,
                "phase": each.phase or "",
                "start_offset_ns": each.start_unix_ns - path.start_unix_ns,
                "duration_ns": each.duration_ns,
            }
            for each in path.sections
        ],
        "by_category": _largest_first(categories),
        "by_phase": _largest_first(phases),
        "paints": [_paint(each) for each in path.paints],
        "spans": path.span_count,
        "joined_spans": path.joined_span_count,
        "warnings": [
            {
                "reason": note.reason.value,
                "count": note.count,
                "span_ids": list(note.span_ids),
                "amount_ns": note.amount_ns,
                "text": note.text,
            }
            for note in path.notes
        ],
        "confidence": {
            "level": path.confidence.level.value,
            "ratio": path.confidence.ratio,
            "text": path.confidence.text,
        },
    }


def _largest_first(lengths: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(lengths.items(), key=lambda pair: (-pair[1], pair[0])))


def _paint(paint: Paint) -> dict[str, Any]:
    return {
        "name": paint.name,
        "span_id": paint.span_id,
        **instant("start", paint.start_unix_ns),
        "duration_ns": paint.duration_ns,
        "element": paint.element,
        "url": paint.url,
        "parts": [{"name": name, "duration_ns": length} for name, length in paint.parts],
    }
