"""Traces: searched, and one by one."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response

from tracepulse.deliver.api.asking import Reader
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.questions import (
    Attributes,
    DataSet,
    Since,
    Until,
    attribute_filters,
    window,
)
from tracepulse.deliver.api.shapes import Shape, instant, instant_field, text_instant_field
from tracepulse.errors import BadQuestion, NotFound
from tracepulse.model.question import TraceQuestion
from tracepulse.store.queries.traces import SpanEvent, TraceDetail, TraceSummary

__all__ = ["TraceId", "one_trace", "router", "trace_id_of"]

router = APIRouter(tags=["traces"])

MAX_TRACES = 1_000
MAX_SPANS = 50_000
"""About 15 MB of JSON."""
MAX_OFFSET = 10_000_000
WHOLE_TRACE_SPANS = 250_000
"""Spans of a trace that a blocking path is found among."""


class TraceListed(Shape):
    """One trace in a list."""

    trace_id: str
    root_service: str = Field(description="Of the root span; of the earliest when there is none.")
    root_operation: str
    services: list[str] = Field(description="Sorted; at most 64.")
    spans: int
    error_spans: int
    matching_spans: int = Field(description="Spans of it that are as asked for.")
    start_unix_ns: str = instant_field()
    start_at: str = text_instant_field()
    duration_ns: int = Field(description="From the first start to the last end.")


class TraceList(Shape):
    """Traces, newest first."""

    traces: list[TraceListed]
    complete: bool = Field(description="False when there are more than the limit.")


class EventShape(Shape):
    """Something that happened at an instant of a span."""

    offset_ns: int = Field(description="From the start of the trace.")
    name: str
    attributes: dict[str, str]


class LinkShape(Shape):
    """Another span that this one names as related."""

    trace_id: str
    span_id: str


class SpanShape(Shape):
    """One span."""

    span_id: str
    parent_span_id: str = Field(description="Empty for a root.")
    service: str
    operation: str
    kind: str = Field(description="Unspecified, Internal, Server, Client, Producer or Consumer.")
    status_code: str = Field(description="Unset, Ok or Error.")
    status_message: str
    start_offset_ns: int = Field(description="From the start of the trace.")
    duration_ns: int
    attributes: dict[str, str]
    resource: dict[str, str]
    events: list[EventShape]
    links: list[LinkShape]
    trust: str = Field(description="server_key, loopback or browser_unauthenticated.")


class TraceShape(Shape):
    """The spans of a trace, by start and id."""

    trace_id: str
    start_unix_ns: str = instant_field()
    start_at: str = text_instant_field()
    duration_ns: int = Field(description="From the first start to the last end.")
    data_set: str = Field(description="Empty for live telemetry.")
    total_spans: int = Field(description="How many it has, listed or not.")
    truncated: bool = Field(description="True when more spans follow than are listed.")
    next_offset: int | None = Field(description="The `offset` to read on with; null at the end.")
    spans: list[SpanShape]


TraceId = Annotated[
    str, Path(description="32 hex digits.", examples=["5b8aa5a2d2c872e8321cf37308d69df2"])
]


@router.get(
    "/api/traces",
    summary="Search traces",
    response_model=TraceList,
    responses=failures(),
)
async def search_traces(
    asker: Reader,
    service: Annotated[str, Query(description="Of a span, exactly.")] = "",
    operation: Annotated[str, Query(description="A span's name, exactly.")] = "",
    attr: Attributes = None,
    min_duration_ms: Annotated[float | None, Query(ge=0, description="Of a span.")] = None,
    max_duration_ms: Annotated[float | None, Query(ge=0, description="Of a span.")] = None,
    status: Annotated[str, Query(description="Of a span: unset, ok or error.")] = "",
    text: Annotated[str, Query(description="Found in a span's name or status message.")] = "",
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, Query(ge=1, le=MAX_TRACES)] = 20,
    data_set: DataSet = "",
) -> Response:
    """Return the traces that hold a span that is all of what is asked for, newest first."""
    question = TraceQuestion(
        window=window(since, until, data_set, asker.now_unix_ns()),
        data_set=data_set,
        service=service,
        operation=operation,
        attributes=attribute_filters(attr),
        min_duration_ns=_nanoseconds(min_duration_ms),
        max_duration_ns=_nanoseconds(max_duration_ms),
        status=status.capitalize(),
        text=text,
        limit=limit + 1,
    )

    def answer() -> dict[str, Any]:
        found = asker.services.telemetry.search_traces(question)
        return {
            "traces": [_listed(each) for each in found[:limit]],
            "complete": len(found) <= limit,
        }

    return await asker.json(answer)


@router.get(
    "/api/traces/{trace_id}",
    summary="One trace",
    response_model=TraceShape,
    responses=failures(404),
)
async def get_trace(
    asker: Reader,
    trace_id: TraceId,
    limit: Annotated[int, Query(ge=1, le=MAX_SPANS, description="Spans at most.")] = 10_000,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET, description="Spans to pass over.")] = 0,
) -> Response:
    """Return the spans of a trace, of whatever age or data set, from its start on."""
    wanted = trace_id_of(trace_id)
    return await asker.json(lambda: _trace(wanted, one_trace(asker, wanted, limit, offset)))


def trace_id_of(text: str) -> str:
    """Return a trace id as it is stored; raises BadQuestion."""
    wanted = text.strip().lower()
    if len(wanted) not in (16, 32) or set(wanted) - set("0123456789abcdef"):
        raise BadQuestion(f"trace id {text[:64]!r}: use 32 hex digits")
    return wanted


def one_trace(
    asker: Reader, trace_id: str, limit: int = WHOLE_TRACE_SPANS, offset: int = 0
) -> TraceDetail:
    """Return the spans of a trace; raises NotFound."""
    found = asker.services.telemetry.trace(trace_id, limit=limit, offset=offset)
    if found is None:
        raise NotFound(
            f"no spans of trace {trace_id} are stored; it may not have arrived yet, or be too old"
        )
    return found


def _nanoseconds(milliseconds: float | None) -> int | None:
    return None if milliseconds is None else round(min(milliseconds, 9e12) * 1e6)


def _listed(trace: TraceSummary) -> dict[str, Any]:
    return {
        "trace_id": trace.trace_id,
        "root_service": trace.root_service,
        "root_operation": trace.root_operation,
        "services": list(trace.services),
        "spans": trace.spans,
        "error_spans": trace.error_spans,
        "matching_spans": trace.matching_spans,
        **instant("start", trace.start_unix_ns),
        "duration_ns": trace.duration_ns,
    }


def _trace(trace_id: str, trace: TraceDetail) -> dict[str, Any]:
    starts = trace.spans.start_unix_ns
    start, end = trace.start_unix_ns, trace.end_unix_ns
    order = sorted(range(len(trace.spans)), key=lambda i: (starts[i], trace.spans.span_id[i]))
    return {
        "trace_id": trace_id,
        **instant("start", start),
        "duration_ns": end - start,
        "data_set": trace.data_set,
        "total_spans": trace.total_spans,
        "truncated": trace.truncated,
        "next_offset": trace.offset + len(trace.spans) if trace.truncated else None,
        "spans": [_span(trace, row, start) for row in order],
    }


def _span(trace: TraceDetail, row: int, trace_start_unix_ns: int) -> dict[str, Any]:
    spans = trace.spans
    return {
        "span_id": spans.span_id[row],
        "parent_span_id": spans.parent_span_id[row],
        "service": spans.service[row],
        "operation": spans.name[row],
        "kind": spans.kind[row],
        "status_code": spans.status_code[row],
        "status_message": spans.status_message[row],
        "start_offset_ns": int(spans.start_unix_ns[row]) - trace_start_unix_ns,
        "duration_ns": int(spans.duration_ns[row]),
        "attributes": dict(spans.attributes[row]),
        "resource": dict(spans.resource[row]),
        "events": [_event(each, trace_start_unix_ns) for each in trace.events[row]],
        "links": [{"trace_id": other, "span_id": span} for other, span in trace.links[row]],
        "trust": trace.trust[row],
    }


def _event(event: SpanEvent, trace_start_unix_ns: int) -> dict[str, Any]:
    return {
        "offset_ns": event.time_unix_ns - trace_start_unix_ns,
        "name": event.name,
        "attributes": dict(event.attributes),
    }
