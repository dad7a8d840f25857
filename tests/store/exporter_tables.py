"""
Tables as the Collector's ClickHouse exporter makes them, in the forms that they have had.

Written from the facts in the exporter's templates and pull requests, not copied: names, types, keys and
indexes are theirs. Rows come from our own tables, turned into what each version would have written.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["VARIANTS", "Variant"]

_MAP = "Map(LowCardinality(String), String)"
_WORD = "LowCardinality(String)"


@dataclass(frozen=True, slots=True)
class Variant:
    """One form of the exporter's tables."""

    name: str
    json: bool = False
    keys: bool = False
    """JSON with the lists of keys beside it."""
    old: bool = False
    """Before the scope had columns: signed lengths, SPAN_KIND_SERVER, no service in metrics."""
    seconds: bool = False
    """Logs have TimestampTime, and are partitioned by it."""
    event_name: bool = False
    newest: bool = False
    """Text indexes, alias columns over the attributes for them, and a look-up that is merged."""
    tuples: bool = False
    """Events and links in one column each, as `flatten_nested = 0` makes them."""
    indexes: bool = True
    look_up: bool = True
    names: Mapping[str, str] = field(default_factory=dict)
    """Tables with names of their own, by ours."""
    exponential: str = "otel_metrics_exponential_histogram"

    @property
    def database(self) -> str:
        """A database of its own."""
        return f"their {self.name}"

    def table(self, ours: str) -> str:
        """Return a table's full name, quoted."""
        usual = self.exponential if ours == "otel_metrics_exponential_histogram" else ours
        name = self.names.get(ours, usual).replace("`", "\\`")
        return f"`{self.database}`.`{name}`"

    def statements(self) -> list[str]:
        """Return what makes and fills the tables."""
        made = [f"CREATE DATABASE `{self.database}`"]
        for ours, columns in {**self._traces(), **self._logs(), **self._metrics()}.items():
            made.append(self._create(ours, columns))
            if ours == "otel_traces" and self.look_up:
                made += self._look_up()
            names = ", ".join(f"`{name}`" for name, _, value in columns if value)
            values = ", ".join(value for _, _, value in columns if value)
            made.append(
                f"INSERT INTO {self.table(ours)} ({names}) SELECT {values} FROM default.{ours}"
                " WHERE DataSet = ''"
            )
        return made

    def _create(self, ours: str, columns: Sequence[tuple[str, str, str]]) -> str:
        shown = [f"`{name}` {kind}" for name, kind, _ in columns]
        if self.newest and ours == "otel_traces":
            shown.append(
                "SpanAttributeItems Array(String) ALIAS arrayMap(p -> concat(p.1, '=', p.2),"
                " CAST(SpanAttributes, 'Array(Tuple(String, String))'))"
            )
        time = "TimeUnix" if "metrics" in ours else "Timestamp"
        if self.indexes and not self.json:
            shown += _indexes(ours, self.newest)
        key = {
            "otel_traces": "(ServiceName, SpanName, toDateTime(Timestamp), Timestamp)",
            "otel_logs": "(toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp)",
        }.get(ours, "(MetricName, toUnixTimestamp64Nano(TimeUnix))")
        if ours == "otel_logs" and self.seconds:
            time, key = "TimestampTime", "(ServiceName, TimestampTime, Timestamp)"
        if self.old and ours == "otel_logs":
            key = "(ServiceName, SeverityText, toUnixTimestamp(Timestamp), TraceId)"
        return (
            f"CREATE TABLE {self.table(ours)} ({', '.join(shown)}) ENGINE = MergeTree"
            f" PARTITION BY toDate({time}) ORDER BY {key}"
        )

    def _look_up(self) -> list[str]:
        plain = self.names.get("otel_traces", "otel_traces")
        name = f"`{self.database}`.`{plain}_trace_id_ts`"
        start = end = "DateTime64(9)" if self.old else "DateTime"
        engine, key = "MergeTree", "(TraceId, Start)"
        if self.newest:
            start, end = (f"SimpleAggregateFunction({which}, DateTime)" for which in ("min", "max"))
            engine, key = "AggregatingMergeTree", "TraceId"
        return [
            f"CREATE TABLE {name} (TraceId String, Start {start}, End {end})"
            f" ENGINE = {engine} ORDER BY {key}",
            f"CREATE MATERIALIZED VIEW `{self.database}`.`{plain}_trace_id_ts_mv` TO {name} AS"
            " SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End"
            f" FROM {self.table('otel_traces')} WHERE TraceId != '' GROUP BY TraceId",
        ]

    def _attributes(self, column: str, nested: bool = False) -> tuple[str, str]:
        """Return type and value of attributes."""
        if not self.json:
            return (f"Array({_MAP})" if nested else _MAP), f"`{column}`"
        if nested:
            return "Array(JSON)", f"arrayMap(each -> {_as_json('each')}, `{column}`)"
        return "JSON", _as_json(f"`{column}`")

    def _keyed(self, column: str) -> list[tuple[str, str, str]]:
        columns = [(column, *self._attributes(column))]
        if self.keys:
            columns.append((f"{column}Keys", f"Array({_WORD})", f"mapKeys(`{column}`)"))
        return columns

    def _traces(self) -> dict[str, list[tuple[str, str, str]]]:
        spans = self._keyed("SpanAttributes")
        if self.old:
            inside = "mapUpdate(SpanAttributes, map('otel.scope.name', ScopeName))"
            spans = [("SpanAttributes", _MAP, inside)]
        scope = [("ScopeName", "String", "ScopeName"), ("ScopeVersion", "String", "ScopeVersion")]
        kind = "concat('SPAN_KIND_', upper(SpanKind))" if self.old else "SpanKind"
        status = "concat('STATUS_CODE_', upper(StatusCode))" if self.old else "StatusCode"
        return {
            "otel_traces": [
                ("Timestamp", "DateTime64(9)", "Timestamp"),
                *_same("TraceId", "SpanId", "ParentSpanId", "TraceState"),
                ("SpanName", _WORD, "SpanName"),
                ("SpanKind", _WORD, kind),
                ("ServiceName", _WORD, "ServiceName"),
                *self._keyed("ResourceAttributes"),
                *([] if self.old else scope),
                *spans,
                ("Duration", "Int64" if self.old else "UInt64", "Duration"),
                ("StatusCode", _WORD, status),
                *_same("StatusMessage"),
                *self._nested(),
            ]
        }

    def _nested(self) -> list[tuple[str, str, str]]:
        if self.tuples:
            event = f"Timestamp DateTime64(9), Name {_WORD}, Attributes {_MAP}"
            link = f"TraceId String, SpanId String, TraceState String, Attributes {_MAP}"
            return [
                (name, f"Array(Tuple({inside}))", f"arrayZip({_parts(name, inside)})")
                for name, inside in (("Events", event), ("Links", link))
            ]
        return [
            ("Events.Timestamp", "Array(DateTime64(9))", "Events.Timestamp"),
            ("Events.Name", f"Array({_WORD})", "Events.Name"),
            ("Events.Attributes", *self._attributes("Events.Attributes", True)),
            ("Links.TraceId", "Array(String)", "Links.TraceId"),
            ("Links.SpanId", "Array(String)", "Links.SpanId"),
            ("Links.TraceState", "Array(String)", "Links.TraceState"),
            ("Links.Attributes", *self._attributes("Links.Attributes", True)),
        ]

    def _logs(self) -> dict[str, list[tuple[str, str, str]]]:
        seconds = [("TimestampTime", "DateTime DEFAULT toDateTime(Timestamp)", "")]
        small = ("UInt32", "Int32") if self.old else ("UInt8", "UInt8")
        return {
            "otel_logs": [
                ("Timestamp", "DateTime64(9)", "Timestamp"),
                *(seconds if self.seconds else []),
                *_same("TraceId", "SpanId"),
                ("TraceFlags", small[0], "TraceFlags"),
                ("SeverityText", _WORD, "SeverityText"),
                ("SeverityNumber", small[1], "SeverityNumber"),
                ("ServiceName", _WORD, "ServiceName"),
                *_same("Body", "ResourceSchemaUrl"),
                *self._keyed("ResourceAttributes"),
                *_same("ScopeSchemaUrl", "ScopeName", "ScopeVersion"),
                *self._keyed("ScopeAttributes"),
                *self._keyed("LogAttributes"),
                *(_same("EventName") if self.event_name else []),
            ]
        }

    def _metrics(self) -> dict[str, list[tuple[str, str, str]]]:
        head = [
            *self._keyed("ResourceAttributes"),
            *([] if self.old else [("ServiceName", _WORD, "ServiceName")]),
            *_same("MetricName", "MetricDescription", "MetricUnit"),
            *self._keyed("Attributes"),
            ("TimeUnix", "DateTime64(9)", "TimeUnix"),
        ]
        value = [("Value", "Float64", "Value")]
        counted = [("Count", "UInt64", "Count"), ("Sum", "Float64", "Sum")]
        how = [("AggregationTemporality", "Int32", "AggregationTemporality")]
        return {
            "otel_metrics_gauge": [*head, *value],
            "otel_metrics_sum": [*head, *value, *how, ("IsMonotonic", "Bool", "IsMonotonic")],
            "otel_metrics_histogram": [*head, *counted, *how],
            "otel_metrics_exponential_histogram": [*head, *counted, *how],
            "otel_metrics_summary": [*head, *counted],
        }


def _parts(name: str, inside: str) -> str:
    fields = re.findall(r"(?:^|, )(\w+) [A-Z]", inside)
    return ", ".join(f"{name}.{field}" for field in fields)


def _indexes(ours: str, newest: bool) -> list[str]:
    of_text = "text(tokenizer = 'array')"
    found = [
        ("res_attr_key", "mapKeys(ResourceAttributes)", "bloom_filter(0.01)", of_text),
        ("res_attr_value", "mapValues(ResourceAttributes)", "bloom_filter(0.01)", of_text),
    ]
    if "metrics" not in ours:
        found.append(("trace_id", "TraceId", "bloom_filter(0.001)", of_text))
    if ours == "otel_traces":
        found.append(("duration", "Duration", "minmax", "minmax"))
    if ours == "otel_logs":
        words = "text(tokenizer = 'splitByNonAlpha')"
        found.append(("lower_body", "lower(Body)", "tokenbf_v1(32768, 3, 0)", words))
    return [
        f"INDEX idx_{name} {what} TYPE {new if newest else usual} GRANULARITY 1"
        for name, what, usual, new in found
    ]


def _same(*names: str) -> list[tuple[str, str, str]]:
    return [(name, "String", f"`{name}`") for name in names]


def _as_json(source: str) -> str:
    """Turn a map into JSON; what is a number or a truth in OTLP is one there too."""
    bare = r"""'(?s):"(-?[1-9][0-9]{0,14}|0|true|false)"([,}])', ':\\1\\2'"""
    return f"CAST(replaceRegexpAll(toJSONString({source}), {bare}), 'JSON')"


VARIANTS = (
    Variant("map, newest", event_name=True, newest=True, exponential="otel_metrics_exp_histogram"),
    Variant("map, with seconds", seconds=True, tuples=True, indexes=False, look_up=False),
    Variant("map, old", old=True),
    Variant("json, with keys", json=True, keys=True, event_name=True),
    Variant(
        "json, other names",
        json=True,
        seconds=True,
        look_up=True,
        names={"otel_traces": "spans; of all", "otel_logs": "lines`"},
    ),
)
"""Forms from 2022 to 2026."""
