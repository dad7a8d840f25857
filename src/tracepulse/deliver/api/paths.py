"""The blocking path of one trace."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from tracepulse.deliver.api.asking import Reader
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.shapes import Shape, instant, instant_field, text_instant_field
from tracepulse.deliver.api.traces import TraceId, one_trace, trace_id_of
from tracepulse.derive.blocking_path import BlockingPath, blocking_path

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


class PathShape(Shape):
    """Sections by start: no gap, no overlap; their lengths sum to the root's."""

    trace_id: str
    root_span_id: str
    start_unix_ns: str = instant_field()
    start_at: str = text_instant_field()
    duration_ns: int = Field(description="Of the root.")
    sections: list[SectionShape]
    by_category: dict[str, int] = Field(description="Nanoseconds; they sum to the root's length.")
    spans: int = Field(description="Spans stored of this trace.")
    joined_spans: int = Field(description="Spans in the root's tree.")
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
) -> Response:
    """Return which span the trace was waiting for, instant by instant."""
    wanted = trace_id_of(trace_id)

    def answer() -> dict[str, Any]:
        spans = one_trace(asker, wanted).spans
        return _path(blocking_path(spans, wanted, root_span_id.strip().lower() or None))

    return await asker.json(answer)


def _path(path: BlockingPath) -> dict[str, Any]:
    by_category: dict[str, int] = {}
    for section in path.sections:
        by_category[section.category.value] = (
            by_category.get(section.category.value, 0) + section.duration_ns
        )
    return {
        "trace_id": path.trace_id,
        "root_span_id": path.root_span_id,
        **instant("start", path.start_unix_ns),
        "duration_ns": path.duration_ns,
        "sections": [
            {
                "span_id": each.span_id,
                "service": each.service,
                "operation": each.name,
                "category": each.category.value,
                "start_offset_ns": each.start_unix_ns - path.start_unix_ns,
                "duration_ns": each.duration_ns,
            }
            for each in path.sections
        ],
        "by_category": dict(sorted(by_category.items(), key=lambda pair: (-pair[1], pair[0]))),
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
