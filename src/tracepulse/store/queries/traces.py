"""Questions about traces: one whole, the spans of several, and which ones are like this."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import pyarrow as pa

from tracepulse.model.question import TraceQuestion
from tracepulse.model.span import SpanColumns
from tracepulse.model.vital import VITAL_PREFIX, Vital
from tracepulse.store.engine import Parameter
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
    """The stored spans of a trace, or some of them, by start and id."""

    spans: SpanColumns
    events: tuple[tuple[SpanEvent, ...], ...]
    """Per span, in the order of `spans`."""
    links: tuple[tuple[tuple[str, str], ...], ...]
    """Per span: (trace id, span id) of the spans it is linked to."""
    scope_name: tuple[str, ...]
    trust: tuple[str, ...]
    data_set: str
    start_unix_ns: int
    """When the first span of the whole trace begins."""
    end_unix_ns: int
    """When the last of all ends."""
    total_spans: int
    """How many there are, here or not."""
    offset: int
    """How many there are before those that are here."""

    @property
    def truncated(self) -> bool:
        """Tell whether there are spans after those that are here."""
        return self.offset + len(self.spans) < self.total_spans


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

    def trace(
        self,
        trace_id: str,
        data_set: str | None = None,
        limit: int = _MAX_TRACE_SPANS,
        offset: int = 0,
    ) -> TraceDetail | None:
        """
        Return the spans of a trace, of whatever age, by start and id; None when there are none.

        Args:
            data_set: where to look; None is live telemetry, else the first data set that has it.
            limit: how many spans at most.
            offset: how many to pass over, for whoever reads on.
        """
        extent = None
        if offset:
            extent = self._trace_extent(trace_id, data_set)
            if extent is None:
                return None
            data_set = extent["data_set"]
        table = self._spans((trace_id,), limit, data_set, offset)
        full = table.num_rows >= limit
        table = _one_data_set(table, data_set)
        if table.num_rows == 0 and extent is None:
            return None
        spans = _span_columns(table)
        if extent is None and full:
            extent = self._trace_extent(trace_id, data_set)
        if extent is None:
            extent = {
                "data_set": table.column("data_set")[0].as_py(),
                "spans": len(spans),
                "start_unix_ns": int(spans.start_unix_ns.min()),
                "end_unix_ns": int((spans.start_unix_ns + spans.duration_ns).max()),
            }
        rows = table.select(
            ["event_unix_ns", "event_name", "event_attributes", "link_trace_id", "link_span_id"]
        ).to_pylist()
        return TraceDetail(
            spans=spans,
            events=tuple(_events(row) for row in rows),
            links=tuple(
                tuple(zip(row["link_trace_id"], row["link_span_id"], strict=True)) for row in rows
            ),
            scope_name=tuple(table.column("scope_name").to_pylist()),
            trust=tuple(table.column("trust").to_pylist()),
            data_set=extent["data_set"],
            start_unix_ns=extent["start_unix_ns"],
            end_unix_ns=extent["end_unix_ns"],
            total_spans=extent["spans"],
            offset=offset,
        )

    def spans_of(
        self, trace_ids: Sequence[str], limit: int = _MAX_TRACE_SPANS, data_set: str = ""
    ) -> SpanColumns:
        """Return all spans of some traces of one data set."""
        return _span_columns(self._spans(trace_ids, limit, data_set))

    def vitals_of(self, trace_id: str, data_set: str = "") -> tuple[Vital, ...]:
        """Return what the pages of a trace told of their web vitals, by name, span and value."""
        table = self._ask("trace_vitals", {"trace_id": trace_id, "data_set": data_set})
        found = []
        for row in table.to_pylist():
            said = {
                key.removeprefix(VITAL_PREFIX): text
                for key, text in row["attributes"]
                if key.startswith(VITAL_PREFIX)
            }
            try:
                value = float(said.pop("value", ""))
            except ValueError:
                continue
            if isfinite(value):
                found.append(Vital(said.pop("name", "").lower(), value, row["span_id"], said))
        return tuple(found)

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
        filters.attributes(question.attributes, ("SpanAttributes", self._resource))
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

    def _spans(
        self, trace_ids: Sequence[str], limit: int, data_set: str | None, offset: int = 0
    ) -> pa.Table:
        return self._ask(
            "trace_spans",
            {**_of_traces(trace_ids, data_set), "limit": limit, "offset": offset},
        )

    def _trace_extent(self, trace_id: str, data_set: str | None) -> dict[str, Any] | None:
        rows = self._ask("trace_extent", _of_traces((trace_id,), data_set)).to_pylist()
        return rows[0] if rows else None


def _of_traces(trace_ids: Sequence[str], data_set: str | None) -> dict[str, Parameter]:
    return {
        "trace_ids": list(trace_ids),
        "data_set": data_set or "",
        "any_data_set": data_set is None,
    }


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
        linked_span_ids=_linked_within(table),
        scope=strings(table, "scope_name"),
        moments=_browser_moments(table),
    )


def _browser_moments(table: pa.Table) -> tuple[tuple[tuple[str, int], ...], ...]:
    """Return names and instants of the events of browsers' spans; nothing for others."""
    resources = table.column("resource").to_pylist()
    rows = [
        row
        for row, resource in enumerate(resources)
        if ("telemetry.sdk.language", "webjs") in resource
    ]
    if not rows:
        return ()
    moments: list[tuple[tuple[str, int], ...]] = [()] * table.num_rows
    some = table.select(["event_name", "event_unix_ns"]).take(pa.array(rows)).to_pylist()
    for row, events in zip(rows, some, strict=True):
        moments[row] = tuple(zip(events["event_name"], events["event_unix_ns"], strict=True))
    return tuple(moments)


def _linked_within(table: pa.Table) -> tuple[tuple[str, ...], ...]:
    """Return, for each span, the spans of its own trace that it names by links."""
    columns = ("trace_id", "link_trace_id", "link_span_id")
    return tuple(
        tuple(
            span_id for other, span_id in zip(trace_ids, span_ids, strict=True) if other == trace_id
        )
        for trace_id, trace_ids, span_ids in zip(
            *(table.column(name).to_pylist() for name in columns), strict=True
        )
    )
