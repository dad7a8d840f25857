"""
The loading statements, put together once from the `.sql` files beside this one.

The same SELECT runs on the embedded engine, which reads the segment as a file, and on a server,
which reads it as the body of the request; only `@source` differs.
"""

import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files

from tracepulse.receive.signals import Signal

__all__ = ["METRIC_KINDS", "input_structure", "load_statement", "proto_schema", "tables"]

METRIC_KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
"""In the order in which the wire scan counts points."""

_VALUE = (
    "Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64),"
    " double_value Nullable(Float64), bytes_value Nullable(String))"
)
_PAIRS = f"Array(Tuple(key String, value {_VALUE}))"
_RESOURCE = f"resource Tuple(attributes {_PAIRS})"
_SCOPE = (
    f"scope Tuple(name String, version String, attributes {_PAIRS},"
    " dropped_attributes_count UInt32)"
)
_RECEIPT = "received_unix_ns UInt64, origin String, trust String, data_set String"
_EXEMPLARS = (
    f"Array(Tuple(filtered_attributes {_PAIRS}, time_unix_nano UInt64, as_double Nullable(Float64),"
    " as_int Nullable(Int64), span_id String, trace_id String))"
)
_TIMES = "start_time_unix_nano UInt64, time_unix_nano UInt64"
_NUMBER_POINTS = (
    f"data_points Array(Tuple(attributes {_PAIRS}, {_TIMES}, as_double Nullable(Float64),"
    f" as_int Nullable(Int64), exemplars {_EXEMPLARS}, flags UInt32))"
)
_BUCKETS = "Tuple(offset Int32, bucket_counts Array(UInt64))"

_METRIC = {
    "gauge": f"gauge Tuple({_NUMBER_POINTS})",
    "sum": f"sum Tuple({_NUMBER_POINTS}, aggregation_temporality Int32, is_monotonic Bool)",
    "histogram": (
        f"histogram Tuple(data_points Array(Tuple(attributes {_PAIRS}, {_TIMES}, count UInt64,"
        " sum Nullable(Float64), bucket_counts Array(UInt64), explicit_bounds Array(Float64),"
        f" exemplars {_EXEMPLARS}, flags UInt32, min Nullable(Float64), max Nullable(Float64))),"
        " aggregation_temporality Int32)"
    ),
    "exponential_histogram": (
        "exponential_histogram Tuple(data_points Array(Tuple("
        f"attributes {_PAIRS}, {_TIMES}, count UInt64, sum Nullable(Float64), scale Int32,"
        f" zero_count UInt64, positive {_BUCKETS}, negative {_BUCKETS}, flags UInt32,"
        f" exemplars {_EXEMPLARS}, min Nullable(Float64), max Nullable(Float64))),"
        " aggregation_temporality Int32)"
    ),
    "summary": (
        f"summary Tuple(data_points Array(Tuple(attributes {_PAIRS}, {_TIMES}, count UInt64,"
        " sum Float64, quantile_values Array(Tuple(quantile Float64, value Float64)),"
        " flags UInt32)))"
    ),
}
_STRUCTURES = {
    "otel_traces": (
        f"resource_spans Array(Tuple({_RESOURCE}, scope_spans Array(Tuple({_SCOPE}, spans"
        " Array(Tuple(trace_id String, span_id String, trace_state String, parent_span_id String,"
        " name String, kind Int32, start_time_unix_nano UInt64, end_time_unix_nano UInt64,"
        f" attributes {_PAIRS}, events Array(Tuple(time_unix_nano UInt64, name String,"
        f" attributes {_PAIRS})), links Array(Tuple(trace_id String, span_id String,"
        f" trace_state String, attributes {_PAIRS})), status Tuple(message String, code Int32)"
        f")))))), {_RECEIPT}"
    ),
    "otel_logs": (
        f"resource_logs Array(Tuple({_RESOURCE}, scope_logs Array(Tuple({_SCOPE}, log_records"
        " Array(Tuple(time_unix_nano UInt64, severity_number Int32, severity_text String,"
        f" body {_VALUE}, attributes {_PAIRS}, flags UInt32, trace_id String, span_id String,"
        " observed_time_unix_nano UInt64, event_name String)), schema_url String)),"
        f" schema_url String)), {_RECEIPT}"
    ),
}
for _kind, _data in _METRIC.items():
    _STRUCTURES[f"otel_metrics_{_kind}"] = (
        f"resource_metrics Array(Tuple({_RESOURCE}, scope_metrics Array(Tuple({_SCOPE}, metrics"
        f" Array(Tuple(name String, description String, unit String, {_data})),"
        f" schema_url String)), schema_url String)), {_RECEIPT}"
    )


def tables(signal: Signal) -> tuple[str, ...]:
    """Return the tables that a signal is loaded into; metrics in the order of METRIC_KINDS."""
    if signal == "metrics":
        return tuple(f"otel_metrics_{kind}" for kind in METRIC_KINDS)
    return (f"otel_{signal}",)


def input_structure(table: str) -> str:
    """Return the columns in which the engine decodes a segment for a table."""
    return _STRUCTURES[table]


@cache
def proto_schema() -> str:
    """Return the text of the message types of a segment."""
    return files(__package__).joinpath("otlp.proto").read_text()


@cache
def load_statement(table: str) -> str:
    """Return INSERT … SELECT for a table, with `@source` still to be filled in."""
    signal, _, kind = table.removeprefix("otel_").partition("_")
    text = _text_of(signal)
    if kind:
        columns, values, *fields = _text_of(f"{signal}_{kind}").split("\n--\n")
        text = (
            text.replace("@kind", kind)
            .replace("@own_columns", columns)
            .replace("@own_values", values)
            .replace("@own_fields", "".join(f",\n        {each}" for each in fields))
            .replace("@exemplar_columns", _EXEMPLAR_COLUMNS)
        )
    for macro, expand in _MACROS:
        text = _expand(text, macro, expand)
    return text


def _text_of(name: str) -> str:
    """Return a file of this folder without its comments."""
    text = files(__package__).joinpath(f"{name}.sql").read_text()
    return re.sub(r"^\s*-- .*\n", "", text, flags=re.MULTILINE).strip("\n")


_EXEMPLAR_COLUMNS = (
    "Exemplars.FilteredAttributes, Exemplars.TimeUnix, Exemplars.Value, Exemplars.SpanId,"
    " Exemplars.TraceId"
)


def _expand(text: str, macro: str, expand: Callable[[str], str]) -> str:
    """Replace each `@macro(argument)`, where the argument holds no parentheses."""
    return re.sub(rf"@{macro}\(([^()]*)\)", lambda match: expand(match[1]), text)


def _id(value: str) -> str:
    return f"lower(hex({value}))"


def _optional_id(value: str) -> str:
    """An id that may be absent, which some senders write as zeros."""
    zeros = f"unhex('{'00' * 8}'), unhex('{'00' * 16}')"
    return f"if({value} IN ({zeros}), '', lower(hex({value})))"


def _number(point: str) -> str:
    return f"ifNull({point}.as_double, ifNull(toFloat64({point}.as_int), 0))"


def _text(value: str) -> str:
    """A plain value as the exporter writes it; arrays and maps became JSON text at the door."""
    return (
        f"coalesce({value}.string_value, toString({value}.int_value), toString({value}.double_value),"
        f" if(isNull({value}.bool_value), NULL, if({value}.bool_value, 'true', 'false')), base64Encode({value}.bytes_value), '')"
    )


def _map(attributes: str) -> str:
    return (
        f"CAST(arrayMap(pair -> (pair.key, {_text('pair.value')}), {attributes}),"
        " 'Map(LowCardinality(String), String)')"
    )


def _exemplars(point: str) -> str:
    each = f"{point}.exemplars"
    return (
        f"arrayMap(x -> {_map('x.filtered_attributes')}, {each})"
        " AS `Exemplars.FilteredAttributes`,\n"
        f"    arrayMap(x -> fromUnixTimestamp64Nano(toInt64(x.time_unix_nano)), {each})"
        " AS `Exemplars.TimeUnix`,\n"
        f"    arrayMap(x -> {_number('x')}, {each}) AS `Exemplars.Value`,\n"
        f"    arrayMap(x -> {_optional_id('x.span_id')}, {each}) AS `Exemplars.SpanId`,\n"
        f"    arrayMap(x -> {_optional_id('x.trace_id')}, {each}) AS `Exemplars.TraceId`"
    )


_MACROS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("exemplars", _exemplars),
    ("number", _number),
    ("map", _map),
    ("text", _text),
    ("optional_id", _optional_id),
    ("id", _id),
)
