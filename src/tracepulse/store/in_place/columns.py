"""
What our statements read of each table, and what stands in where a table has no such column.

The exporter's tables changed over the years: attributes as maps or as JSON, columns that came later,
types that were narrowed, other words for kinds and statuses. A `Column` says how any of these
becomes what the statements expect. Facts from the exporter's own table templates and its change log
(opentelemetry-collector-contrib, exporter/clickhouseexporter, 0.67 to 0.150).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tracepulse.store.shapes import pattern_shape_sql

__all__ = ["COLUMNS", "OURS", "TIME", "Column", "Form", "Role", "expression", "is_json"]


class Role(StrEnum):
    """What a table of theirs is to us."""

    TRACES = "traces"
    TRACE_IDS = "trace_ids"
    """The exporter's look-up: from when to when a trace lasted. A help, never needed."""
    LOGS = "logs"
    GAUGE = "gauge"
    SUM = "sum"
    HISTOGRAM = "histogram"
    EXPONENTIAL_HISTOGRAM = "exponential_histogram"
    SUMMARY = "summary"


OURS: Mapping[str, Role] = {
    "otel_traces": Role.TRACES,
    "otel_logs": Role.LOGS,
    "otel_metrics_gauge": Role.GAUGE,
    "otel_metrics_sum": Role.SUM,
    "otel_metrics_histogram": Role.HISTOGRAM,
    "otel_metrics_exponential_histogram": Role.EXPONENTIAL_HISTOGRAM,
    "otel_metrics_summary": Role.SUMMARY,
}
"""Whose place a table of theirs takes in our statements."""


class Form(StrEnum):
    """How a column of theirs is read."""

    PLAIN = "plain"
    INSTANT = "instant"
    LENGTH = "length"
    """Nanoseconds. Signed in early versions; end before start wraps round in later ones."""
    WORD = "word"
    """SPAN_KIND_SERVER and STATUS_CODE_ERROR before 0.108; Server and Error since."""
    SMALL = "small"
    """A number that was wider in early versions."""
    MAP = "map"
    MAPS = "maps"
    """An array of attributes: those of events and links."""
    SERIES = "series"
    """Attributes that tell series apart: in one order, which early versions did not keep."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column that our statements may read."""

    name: str
    form: Form = Form.PLAIN
    absent: str = ""
    """What stands in where they have none; '' where we cannot do without it."""


_TEXT = "''"
_NO_MAP = "CAST(map(), 'Map(String, String)')"
_NO_TEXTS = "CAST([], 'Array(String)')"
_NO_MAPS = "CAST([], 'Array(Map(String, String))')"
_NO_INSTANTS = "CAST([], 'Array(DateTime64(9))')"
_SERVICE = "@ResourceAttributes['service.name']"


def _ours(time: str) -> tuple[Column, ...]:
    """Return the columns that only our own tables have."""
    return (
        Column("ReceivedAt", Form.INSTANT, f"@{time}"),
        Column("Origin", absent="'in_place'"),
        # Who sent it was for their Collector to judge; no less can be known here.
        Column("Trust", absent="'server_key'"),
        Column("DataSet", absent=_TEXT),
        Column("SegmentId", absent=_TEXT),
    )


_TRACES = (
    Column("Timestamp", Form.INSTANT),
    Column("TraceId"),
    Column("SpanId"),
    Column("ParentSpanId"),
    Column("TraceState", absent=_TEXT),
    Column("SpanName"),
    Column("SpanKind", Form.WORD),
    Column("ServiceName", absent=_SERVICE),
    Column("ResourceAttributes", Form.MAP),
    # Before 0.86 the scope was among the span's attributes.
    Column("ScopeName", absent="@SpanAttributes['otel.scope.name']"),
    Column("ScopeVersion", absent="@SpanAttributes['otel.scope.version']"),
    Column("SpanAttributes", Form.MAP),
    Column("Duration", Form.LENGTH),
    Column("StatusCode", Form.WORD),
    Column("StatusMessage", absent=_TEXT),
    Column("Events.Timestamp", absent=_NO_INSTANTS),
    Column("Events.Name", absent=_NO_TEXTS),
    Column("Events.Attributes", Form.MAPS, _NO_MAPS),
    Column("Links.TraceId", absent=_NO_TEXTS),
    Column("Links.SpanId", absent=_NO_TEXTS),
    Column("Links.TraceState", absent=_NO_TEXTS),
    Column("Links.Attributes", Form.MAPS, _NO_MAPS),
    *_ours("Timestamp"),
)
_LOGS = (
    Column("Timestamp", Form.INSTANT),
    Column(
        "TimestampTime", absent="toDateTime(intDiv(toUnixTimestamp64Nano(@Timestamp), 1000000000))"
    ),
    Column("TraceId", absent=_TEXT),
    Column("SpanId", absent=_TEXT),
    Column("TraceFlags", Form.SMALL, "toUInt8(0)"),
    Column("SeverityText", absent=_TEXT),
    Column("SeverityNumber", Form.SMALL, "toUInt8(0)"),
    Column("ServiceName", absent=_SERVICE),
    Column("Body"),
    Column("ResourceSchemaUrl", absent=_TEXT),
    Column("ResourceAttributes", Form.MAP),
    Column("ScopeSchemaUrl", absent=_TEXT),
    Column("ScopeName", absent=_TEXT),
    Column("ScopeVersion", absent=_TEXT),
    Column("ScopeAttributes", Form.MAP, _NO_MAP),
    Column("LogAttributes", Form.MAP),
    Column("ShapeId", absent=f"sipHash64({pattern_shape_sql('@Body')})"),
    Column("EventName", absent=_TEXT),
    *_ours("Timestamp"),
)


def _metric(*values: Column) -> tuple[Column, ...]:
    return (
        Column("ResourceAttributes", Form.MAP),
        Column("ServiceName", absent=_SERVICE),
        Column("MetricName"),
        Column("MetricDescription", absent=_TEXT),
        Column("MetricUnit", absent=_TEXT),
        Column("Attributes", Form.SERIES),
        Column("TimeUnix", Form.INSTANT),
        Column("Flags", absent="toUInt32(0)"),
        *values,
        *_ours("TimeUnix"),
    )


_TEMPORALITY = Column("AggregationTemporality", absent="toInt32(2)")
"""Where it is not told: a running total, as Prometheus has it."""
_COUNTED = (Column("Count"), Column("Sum"))

COLUMNS: Mapping[Role, tuple[Column, ...]] = {
    Role.TRACES: _TRACES,
    Role.TRACE_IDS: (Column("TraceId"), Column("Start"), Column("End")),
    Role.LOGS: _LOGS,
    Role.GAUGE: _metric(Column("Value")),
    Role.SUM: _metric(Column("Value"), _TEMPORALITY, Column("IsMonotonic", absent="false")),
    Role.HISTOGRAM: _metric(*_COUNTED, _TEMPORALITY),
    Role.EXPONENTIAL_HISTOGRAM: _metric(*_COUNTED, _TEMPORALITY),
    Role.SUMMARY: _metric(*_COUNTED),
}
"""What statements read, by role; the columns of metrics that none reads are left out."""

TIME: Mapping[Role, str] = {
    role: "Timestamp" if role in (Role.TRACES, Role.LOGS) else "TimeUnix"
    for role in Role
    if role is not Role.TRACE_IDS
}
"""The column that a role's rows are bounded by."""

_LEVELS = 6
"""How deep JSON attributes are taken apart: `a.b.c.d.e.f` is six keys deep; what is below stays
JSON text."""


def is_json(column_type: str) -> bool:
    """Tell whether attributes are kept as JSON and not as a map."""
    return column_type.startswith(("JSON", "Array(JSON", "Object(", "Array(Object("))


def expression(column: Column, column_type: str, source: str) -> str:
    """
    Return SQL that yields a column as statements expect it.

    Args:
        column_type: of theirs, as system.columns has it.
        source: theirs, quoted.
    """
    match column.form:
        case Form.INSTANT:
            exact = column_type.startswith("DateTime64(9")
            return source if exact else f"toDateTime64({source}, 9)"
        case Form.LENGTH:
            return f"if(toInt64({source}) < 0, toUInt64(0), toUInt64({source}))"
        case Form.WORD:
            return _word(source)
        case Form.SMALL:
            return source if column_type == "UInt8" else f"toUInt8({source})"
        case Form.MAP:
            return _map_of_json(source) if is_json(column_type) else source
        case Form.MAPS:
            if not is_json(column_type):
                return source
            return f"arrayMap(each -> {_map_of_json('each')}, {source})"
        case Form.SERIES:
            return f"mapSort({_map_of_json(source) if is_json(column_type) else source})"
        case Form.PLAIN:
            return source


def _word(source: str) -> str:
    """SPAN_KIND_SERVER, SERVER and Server are one."""
    bare = f"replaceRegexpOne({source}, '^(SPAN_KIND|STATUS_CODE)_', '')"
    return f"concat(upper(substring({bare}, 1, 1)), lower(substring({bare}, 2)))"


def _map_of_json(source: str) -> str:
    """
    Return the attributes of a JSON column as the map variant would hold them.

    The engine nests keys at their dots, {"http":{"route":"/"}} for http.route, so they are put
    together again; values become text. There is no cast from JSON to Map, and no function yields
    paths and values together before version 26.
    """
    pairs = f"JSONExtractKeysAndValuesRaw(toJSONString({source}))"
    for _ in range(_LEVELS - 1):
        pairs = (
            "arrayFlatten(arrayMap(p -> if(startsWith(p.2, '{'),"
            " arrayMap(c -> (concat(p.1, '.', c.1), c.2), JSONExtractKeysAndValuesRaw(p.2)),"
            f" [(p.1, p.2)]), {pairs}))"
        )
    # A dot within a key is %2E where json_type_escape_dots_in_keys was set when it was written.
    text = (
        "arrayMap(p -> (replaceAll(p.1, '%2E', '.'),"
        f" if(startsWith(p.2, '\"'), JSONExtractString(p.2), p.2)), {pairs})"
    )
    return f"CAST({text}, 'Map(String, String)')"
