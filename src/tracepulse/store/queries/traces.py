"""Questions about traces: one whole, the spans of several, and which ones are like this."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tracepulse.model.question import TraceQuestion
from tracepulse.model.span import SpanColumns
from tracepulse.store.queries.statements import (
    Filters,
    Queries,
    integers,
    strings,
    window_parameters,
)

__all__ = ["SpanEvent", "TraceDetail", "TraceQueries", "TraceSummary"]

_MAX_TRACE_SPANS = 250_000


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened at an instant of a span."""

    time_unix_ns: int
    name: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TraceDetail:
    """All stored spans of a trace."""

    spans: SpanColumns
    events: tuple[tuple[SpanEvent, ...], ...]
    """Per span, in the order of `spans`."""
    links: tuple[tuple[tuple[str, str], ...], ...]
    """Per span: (trace id, span id) of the spans it is linked to."""
    scope_name: tuple[str, ...]
    trust: tuple[str, ...]
    data_set: str
    truncated: bool
    """True when the trace has more spans than are read at once."""


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """One trace in a list."""

    trace_id: str
    matching_spans: int
    spans: int
    error_spans: int
    services: tuple[str, ...]
    start_unix_ns: int
    duration_ns: int
    root_service: str
    root_operation: str
    roots: int


class TraceQueries(Queries):
    """What can be asked of spans."""

    def trace(self, trace_id: str, data_set: str | None = None) -> TraceDetail | None:
        """
        Return all spans of a trace, of whatever age; None when there are none.

        Args:
            data_set: where to look; None is live telemetry, else the first data set that has it.
        """
        table = _one_data_set(self._spans((trace_id,), _MAX_TRACE_SPANS, data_set), data_set)
        if table.num_rows == 0:
            return None
        rows = table.select(
            ["event_unix_ns", "event_name", "event_attributes", "link_trace_id", "link_span_id"]
        ).to_pylist()
        return TraceDetail(
            spans=_span_columns(table),
            events=tuple(_events(row) for row in rows),
            links=tuple(
                tuple(zip(row["link_trace_id"], row["link_span_id"], strict=True)) for row in rows
            ),
            scope_name=tuple(table.column("scope_name").to_pylist()),
            trust=tuple(table.column("trust").to_pylist()),
            data_set=table.column("data_set")[0].as_py(),
            truncated=table.num_rows >= _MAX_TRACE_SPANS,
        )

    def spans_of(
        self, trace_ids: Sequence[str], limit: int = _MAX_TRACE_SPANS, data_set: str = ""
    ) -> SpanColumns:
        """Return all spans of some traces of one data set."""
        return _span_columns(self._spans(trace_ids, limit, data_set))

    def search_traces(self, question: TraceQuestion) -> tuple[TraceSummary, ...]:
        """Return the traces that hold a span like the one asked for, newest first."""
        filters = Filters()
        if question.service:
            filters.add("ServiceName = {service:String}", service=question.service)
        if question.operation:
            filters.add("SpanName = {operation:String}", operation=question.operation)
        if question.status:
            filters.add("StatusCode = {status:String}", status=question.status)
        if question.min_duration_ns is not None:
            filters.add("Duration >= {shortest:UInt64}", shortest=question.min_duration_ns)
        if question.max_duration_ns is not None:
            filters.add("Duration <= {longest:UInt64}", longest=question.max_duration_ns)
        if question.text:
            filters.add(
                "(positionCaseInsensitiveUTF8(SpanName, {text:String}) > 0"
                " OR positionCaseInsensitiveUTF8(StatusMessage, {text:String}) > 0)",
                text=question.text,
            )
        filters.attributes(question.attributes, ("SpanAttributes", "ResourceAttributes"))
        table = self._ask(
            "search_traces",
            {
                **window_parameters(question.window),
                "data_set": question.data_set,
                "limit": question.limit,
            },
            filters,
        )
        return tuple(
            TraceSummary(
                trace_id=row["trace_id"],
                matching_spans=row["matching_spans"],
                spans=row["spans"],
                error_spans=row["error_spans"],
                services=tuple(row["services"]),
                start_unix_ns=row["start_unix_ns"],
                duration_ns=row["duration_ns"],
                root_service=row["root_service"],
                root_operation=row["root_operation"],
                roots=row["roots"],
            )
            for row in table.to_pylist()
        )

    def _spans(self, trace_ids: Sequence[str], limit: int, data_set: str | None) -> pa.Table:
        return self._ask(
            "trace_spans",
            {
                "trace_ids": list(trace_ids),
                "limit": limit,
                "data_set": data_set or "",
                "any_data_set": data_set is None,
            },
        )


def _one_data_set(table: pa.Table, data_set: str | None) -> pa.Table:
    """Keep the spans of one data set: a trace imported twice is not one trace."""
    present = sorted(set(table.column("data_set").to_pylist()))
    wanted = data_set if data_set is not None else next(iter(present), "")
    if present == [wanted]:
        return table
    keep = [each == wanted for each in table.column("data_set").to_pylist()]
    return table.filter(pa.array(keep, pa.bool_()))


def _events(row: Mapping[str, Any]) -> tuple[SpanEvent, ...]:
    return tuple(
        SpanEvent(at, name, dict(attributes))
        for at, name, attributes in zip(
            row["event_unix_ns"], row["event_name"], row["event_attributes"], strict=True
        )
    )


def _span_columns(table: pa.Table) -> SpanColumns:
    return SpanColumns(
        trace_id=strings(table, "trace_id"),
        span_id=strings(table, "span_id"),
        parent_span_id=strings(table, "parent_span_id"),
        service=strings(table, "service"),
        name=strings(table, "name"),
        kind=strings(table, "kind"),
        status_code=strings(table, "status_code"),
        status_message=strings(table, "status_message"),
        start_unix_ns=integers(table, "start_unix_ns"),
        duration_ns=integers(table, "duration_ns"),
        attributes=tuple(dict(pairs) for pairs in table.column("attributes").to_pylist()),
        resource=tuple(dict(pairs) for pairs in table.column("resource").to_pylist()),
    )
