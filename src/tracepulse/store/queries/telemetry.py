"""The questions that the rest of TracePulse asks of the telemetry tables, with typed answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pyarrow as pa

from tracepulse.model.bins import LogBins, SpanBins
from tracepulse.model.findings import LogShapeChange, OperationChange, VersionOutcome
from tracepulse.model.findings import Window as FindingsWindow
from tracepulse.model.log import LogRecord
from tracepulse.model.question import (
    AttributeFilter,
    LogQuestion,
    MetricQuestion,
    TraceQuestion,
    Window,
)
from tracepulse.model.span import SpanColumns
from tracepulse.store.engine import Engine, Parameter
from tracepulse.store.shapes import shape_sql

__all__ = [
    "MAX_POINTS",
    "DataSetSummary",
    "GraphEdge",
    "MetricName",
    "MetricSeries",
    "SpanEvent",
    "Telemetry",
    "TraceDetail",
    "TraceSummary",
]

MAX_POINTS = 100_000
"""Points of all series of a metric in one answer."""
_MAX_TRACE_SPANS = 250_000
_ONSET_SLACK_NS = 10_000_000_000


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


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """One service calling another, or being called from outside ('')."""

    caller: str
    callee: str
    connection: str
    """http, rpc, database or messaging."""
    inferred_from: str
    """spans: both sides were seen; peer: only the caller's attributes tell."""
    calls: int
    errors: int
    p50_ns: int
    p95_ns: int


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """One series of a metric."""

    kind: str
    service: str
    unit: str
    attributes: Mapping[str, str]
    points: tuple[tuple[int, float, int], ...]
    """(step in Unix ns, value or sum, count), by step."""


@dataclass(frozen=True, slots=True)
class MetricName:
    """A metric that exists."""

    kind: str
    name: str
    service: str
    unit: str
    points: int


@dataclass(frozen=True, slots=True)
class DataSetSummary:
    """How much of one signal a data set holds."""

    data_set: str
    signal: str
    records: int
    first_unix_ns: int
    last_unix_ns: int


@dataclass(slots=True)
class _Filters:
    """Conditions with their values; values are only ever parameters."""

    conditions: list[str] = field(default_factory=list)
    parameters: dict[str, Parameter] = field(default_factory=dict)

    def add(self, condition: str, **values: Parameter) -> None:
        self.conditions.append(condition)
        self.parameters.update(values)

    def attributes(self, wanted: Sequence[AttributeFilter], columns: Sequence[str]) -> None:
        for i, each in enumerate(wanted):
            either = " OR ".join(f"{c}[{{key{i}:String}}] = {{value{i}:String}}" for c in columns)
            self.add(f"({either})", **{f"key{i}": each.key, f"value{i}": each.value})

    def fill(self, sql: str) -> str:
        return sql.replace("@filters", "".join(f"\n    AND {each}" for each in self.conditions))


_HTTP_STATUS = (
    "toUInt16OrZero(if(child.SpanAttributes['http.response.status_code'] != '',"
    " child.SpanAttributes['http.response.status_code'], child.SpanAttributes['http.status_code']))"
)
_MACROS = (
    ("@shape_of_any_severity", shape_sql()),
    (
        "@in_window",
        "Timestamp >= fromUnixTimestamp64Nano({start:Int64})"
        " AND Timestamp < fromUnixTimestamp64Nano({end:Int64}) AND DataSet = {data_set:String}",
    ),
    ("@failed", f"toUInt8(child.StatusCode = 'Error' OR {_HTTP_STATUS} >= 400)"),
    (
        "@connection",
        "multiIf(child.SpanAttributes['db.system.name'] != ''"
        " OR child.SpanAttributes['db.system'] != '', 'database',"
        " child.SpanAttributes['messaging.system'] != '', 'messaging',"
        " child.SpanAttributes['rpc.system'] != '', 'rpc', 'http')",
    ),
)
"""Expressions that several statements share."""


@cache
def _sql(name: str) -> str:
    text = files("tracepulse.store.queries").joinpath(f"{name}.sql").read_text()
    for macro, expression in _MACROS:
        text = text.replace(macro, expression)
    return text


def _window(window: Window) -> dict[str, Parameter]:
    return {"start": window.start_unix_ns, "end": window.end_unix_ns}


def _onset(window: FindingsWindow) -> dict[str, Parameter]:
    return {
        "start": window.start_unix_ns,
        "onset": window.onset_unix_ns,
        "calm": window.onset_unix_ns - _ONSET_SLACK_NS,
        "end": window.end_unix_ns,
        "data_set": "",
    }


class Telemetry:
    """Asks the engine; every method is one statement from a file of its name."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

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
        filters = _Filters()
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
            filters,
            {
                **_window(question.window),
                "data_set": question.data_set,
                "limit": question.limit,
            },
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

    def search_logs(
        self, question: LogQuestion, oldest_first: bool = False
    ) -> tuple[LogRecord, ...]:
        """Return log records, newest first unless told otherwise."""
        filters = _Filters()
        if question.service:
            filters.add("ServiceName = {service:String}", service=question.service)
        if question.min_severity:
            filters.add("SeverityNumber >= {severity:UInt8}", severity=question.min_severity)
        if question.trace_id:
            filters.add("TraceId = {trace_id:String}", trace_id=question.trace_id)
        if question.text:
            filters.add("positionCaseInsensitiveUTF8(Body, {text:String}) > 0", text=question.text)
        filters.attributes(question.attributes, ("LogAttributes", "ResourceAttributes"))
        table = self._ask(
            "search_logs",
            filters,
            {
                **_window(question.window),
                "data_set": question.data_set,
                "limit": question.limit,
            },
            direction="ASC" if oldest_first else "DESC",
        )
        return tuple(
            LogRecord(
                time_unix_ns=row["time_unix_ns"],
                service=row["service"],
                severity_text=row["severity_text"],
                severity_number=row["severity_number"],
                body=row["body"],
                trace_id=row["trace_id"],
                span_id=row["span_id"],
                attributes=dict(row["attributes"]),
                resource=dict(row["resource"]),
                trust=row["trust"],
                origin=row["origin"],
            )
            for row in table.to_pylist()
        )

    def service_graph(
        self, window: Window, data_set: str = "", limit: int = 500
    ) -> tuple[GraphEdge, ...]:
        """Return who calls whom, by number of calls."""
        table = self._ask(
            "service_graph",
            _Filters(),
            {**_window(window), "data_set": data_set, "limit": limit},
        )
        return tuple(GraphEdge(**row) for row in table.to_pylist())

    def metric_series(self, question: MetricQuestion) -> tuple[MetricSeries, ...]:
        """Return the series of a metric, by kind, service and attributes."""
        filters = _Filters()
        if question.service:
            filters.add("service = {service:String}", service=question.service)
        filters.attributes(question.attributes, ("attributes", "ResourceAttributes"))
        table = self._ask(
            "metric_series",
            filters,
            {
                **_window(question.window),
                "name": question.name,
                "data_set": question.data_set,
                "step_ns": question.step_s * 1_000_000_000,
                "limit": MAX_POINTS,
            },
        )
        series: dict[tuple[str, str, str, tuple[tuple[str, str], ...]], list[Any]] = {}
        for row in table.to_pylist():
            key = (row["kind"], row["service"], row["unit"], tuple(sorted(row["attributes"])))
            series.setdefault(key, []).append((row["step_unix_ns"], row["value"], row["count"]))
        return tuple(
            MetricSeries(kind, service, unit, dict(attributes), tuple(points))
            for (kind, service, unit, attributes), points in sorted(series.items())
        )

    def metric_window(self, name: str, data_set: str = "") -> Window | None:
        """Return the stretch in which a metric has points; None when it has none."""
        table = self._ask("metric_window", _Filters(), {"name": name, "data_set": data_set})
        (row,) = table.to_pylist()
        return Window(row["first_unix_ns"], row["last_unix_ns"] + 1) if row["points"] else None

    def metric_names(self, data_set: str = "", limit: int = 1000) -> tuple[MetricName, ...]:
        """Return which metrics there are, by name."""
        table = self._ask("metric_names", _Filters(), {"data_set": data_set, "limit": limit})
        return tuple(MetricName(**row) for row in table.to_pylist())

    def data_sets(self) -> tuple[DataSetSummary, ...]:
        """Return what is stored."""
        table = self._ask("data_sets", _Filters(), {})
        return tuple(DataSetSummary(**row) for row in table.to_pylist())

    def span_bins(self, window: Window, data_set: str = "") -> SpanBins:
        """Return calls of operations by 5-second bin; internal spans are left out."""
        table = self._ask("span_bins", _Filters(), {**_window(window), "data_set": data_set})
        return SpanBins(
            bin_start_unix_ns=_integers(table, "bin_start_unix_ns"),
            service=_strings(table, "service"),
            operation=_strings(table, "operation"),
            kind=_strings(table, "kind"),
            entry=_integers(table, "entry").astype(np.bool_),
            calls=_integers(table, "calls"),
            errors=_integers(table, "errors"),
            refused=_integers(table, "refused"),
            first_error_unix_ns=_integers(table, "first_error_unix_ns"),
            first_refused_unix_ns=_integers(table, "first_refused_unix_ns"),
        )

    def log_bins(self, window: Window, data_set: str = "") -> LogBins:
        """Return log lines by 5-second bin."""
        table = self._ask("log_bins", _Filters(), {**_window(window), "data_set": data_set})
        return LogBins(
            bin_start_unix_ns=_integers(table, "bin_start_unix_ns"),
            service=_strings(table, "service"),
            severity_number=_integers(table, "severity_number"),
            template_id=_strings(table, "template_id"),
            template=_strings(table, "template"),
            lines=_integers(table, "lines"),
            first_unix_ns=_integers(table, "first_unix_ns"),
            trust=_strings(table, "trust"),
        )

    def first_telemetry_unix_ns(self) -> int | None:
        """Return when live telemetry began, as far as the roll-ups reach; None without any."""
        table = self._ask("first_telemetry", _Filters(), {})
        first = int(table.column("first_unix_ns")[0].as_py())
        return first or None

    def operations(self, window: FindingsWindow, limit: int) -> tuple[OperationChange, ...]:
        """Return server operations before and after an onset, by calls after it."""
        table = self._ask("operations", _Filters(), {**_onset(window), "limit": limit})
        return tuple(
            OperationChange(**{**row, "entry": bool(row["entry"])}) for row in table.to_pylist()
        )

    def log_shapes(self, window: FindingsWindow, limit: int) -> tuple[LogShapeChange, ...]:
        """Return log shapes that changed around an onset, and all at WARN and above."""
        table = self._ask("log_shapes", _Filters(), {**_onset(window), "limit": limit})
        return tuple(
            LogShapeChange(
                **{
                    **row,
                    "first_after_unix_ns": row["first_after_unix_ns"] or None,
                    "examples": tuple(row["examples"]),
                }
            )
            for row in table.to_pylist()
        )

    def versions(
        self, window: Window, services: Sequence[str], data_set: str = ""
    ) -> tuple[VersionOutcome, ...]:
        """Return server calls of some services by the version that answered."""
        table = self._ask(
            "versions",
            _Filters(),
            {**_window(window), "services": list(services), "data_set": data_set},
        )
        return tuple(VersionOutcome(**row) for row in table.to_pylist())

    def failing_traces(
        self,
        window: Window,
        service: str = "",
        operation: str = "",
        any_span: bool = False,
        limit: int = 50,
        data_set: str = "",
    ) -> tuple[str, ...]:
        """Return ids of traces whose root failed (or any span), a stable sample."""
        table = self._ask(
            "failing_traces",
            _Filters(),
            {
                **_window(window),
                "service": service,
                "operation": operation,
                "any_span": any_span,
                "limit": limit,
                "data_set": data_set,
            },
        )
        return tuple(table.column("trace_id").to_pylist())

    def coverage(self, window: Window, data_set: str = "") -> list[dict[str, Any]]:
        """Return records by signal and service."""
        table = self._ask("coverage", _Filters(), {**_window(window), "data_set": data_set})
        return list(table.to_pylist())

    def rates(self, window: Window) -> list[dict[str, Any]]:
        """Return calls, errors and lines by service and 5-second bin."""
        return list(self._ask("rates", _Filters(), _window(window)).to_pylist())

    def _spans(self, trace_ids: Sequence[str], limit: int, data_set: str | None) -> pa.Table:
        return self._ask(
            "trace_spans",
            _Filters(),
            {
                "trace_ids": list(trace_ids),
                "limit": limit,
                "data_set": data_set or "",
                "any_data_set": data_set is None,
            },
        )

    def _ask(
        self,
        name: str,
        filters: _Filters,
        parameters: Mapping[str, Parameter],
        direction: str = "",
    ) -> pa.Table:
        sql = filters.fill(_sql(name)).replace("@direction", direction)
        return self._engine.query(sql, {**parameters, **filters.parameters})


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
        trace_id=_strings(table, "trace_id"),
        span_id=_strings(table, "span_id"),
        parent_span_id=_strings(table, "parent_span_id"),
        service=_strings(table, "service"),
        name=_strings(table, "name"),
        kind=_strings(table, "kind"),
        status_code=_strings(table, "status_code"),
        status_message=_strings(table, "status_message"),
        start_unix_ns=_integers(table, "start_unix_ns"),
        duration_ns=_integers(table, "duration_ns"),
        attributes=tuple(dict(pairs) for pairs in table.column("attributes").to_pylist()),
        resource=tuple(dict(pairs) for pairs in table.column("resource").to_pylist()),
    )


def _integers(table: pa.Table, name: str) -> "np.ndarray[Any, np.dtype[np.int64]]":
    return np.asarray(table.column(name).to_numpy(), dtype=np.int64)


def _strings(table: pa.Table, name: str) -> "np.ndarray[Any, np.dtype[np.object_]]":
    return np.array(table.column(name).to_pylist(), dtype=object)
