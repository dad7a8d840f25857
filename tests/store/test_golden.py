"""Every field of every kind of record, loaded and read back column for column."""

from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.otlp_requests import attributes, log, logs, metrics, number, span, traces
from tests.store.segments import RECEIVED, load_all, write_segment

from tracepulse.store.engine import Engine

T = 1_789_999_999_000_000_007

EVERY_VALUE: dict[str, Any] = {
    "text": "é€𝄞\n\t'\"\\",
    "empty": "",
    "yes": True,
    "no": False,
    "zero": 0,
    "minus": -(2**63),
    "large": 2**63 - 1,
    "double": 0.1,
    "whole": 3.0,
    "bytes": b"\x00\xff",
    "list": [1, "a", None],
    "map": {"k": {"n": 1.5}},
    "unset": None,
    "": "no key",
}
EVERY_TEXT = {
    "text": "é€𝄞\n\t'\"\\",
    "empty": "",
    "yes": "true",
    "no": "false",
    "zero": "0",
    "minus": "-9223372036854775808",
    "large": "9223372036854775807",
    "double": "0.1",
    "whole": "3",
    "bytes": "AP8=",
    "list": '[1,"a",null]',
    "map": '{"k":{"n":1.5}}',
    "unset": "",
    "": "no key",
}
OURS = {
    "ReceivedAt": RECEIVED,
    "Origin": "otlp_http",
    "Trust": "loopback",
    "DataSet": "golden",
}


def _read(engine: Engine, table: str, segment_id: str, order: str) -> list[dict[str, Any]]:
    described = engine.query(_COLUMNS, {"table": table})
    columns = []
    for row in described.to_pylist():
        if row["name"] in _NOT_THEIRS:
            continue
        name, kind = f"`{row['name']}`", row["type"]
        if kind.startswith("DateTime64"):
            columns.append(f"toUnixTimestamp64Nano({name}) AS {name}")
        elif kind.startswith("Array(DateTime64"):
            columns.append(f"arrayMap(t -> toUnixTimestamp64Nano(t), {name}) AS {name}")
        elif kind == "DateTime":
            columns.append(f"toUnixTimestamp({name}) AS {name}")
        else:
            columns.append(name)
    answer: list[dict[str, Any]] = engine.query(
        f"SELECT * EXCEPT (SegmentId) FROM (SELECT {', '.join(columns)} FROM {table}"
        f" WHERE SegmentId = {{id:String}}) ORDER BY {order}",
        {"id": segment_id},
    ).to_pylist()
    for column in described.to_pylist():
        if column["name"] in _NOT_THEIRS:
            continue
        for row in answer:
            if column["type"].startswith("Map("):
                row[column["name"]] = dict(row[column["name"]])
            elif column["type"].startswith("Array(Map("):
                row[column["name"]] = [dict(each) for each in row[column["name"]]]
    return answer


_NOT_THEIRS = ("ResourceText", "ShapeId")
"""How the table keeps ResourceAttributes; and what `test_pattern_shapes.py` holds to its definition."""
_COLUMNS = (
    "SELECT name, type FROM system.columns"
    " WHERE database = currentDatabase() AND table = {table:String} ORDER BY position"
)


# -- traces ----------------------------------------------------------------------------------------


def _spans() -> ExportTraceServiceRequest:
    full = span(
        trace=10, span_id=11, parent=12, name="POST /pay", start=T, duration=5, **EVERY_VALUE
    )
    full.kind = Span.SPAN_KIND_CLIENT
    full.trace_state = "a=b"
    full.status.code = 2  # type: ignore[assignment]
    full.status.message = "no\nfunds"
    full.events.add(time_unix_nano=T + 1, name="exception", attributes=attributes({"n": 1}))
    full.events.add(name="")
    full.links.add(
        trace_id=number(20, 16),
        span_id=number(21, 8),
        trace_state="c=d",
        attributes=attributes({"why": "retry"}),
    )
    full.links.add(trace_id=number(22, 16), span_id=number(23, 8))
    bare = Span(trace_id=b"\xab" * 16, span_id=b"\xcd" * 8)
    zero_parent = span(span_id=2, start=T + 9, duration=0)
    zero_parent.parent_span_id = bytes(8)
    backwards = span(span_id=3, start=T + 10, duration=-5)
    request = traces(full, zero_parent, backwards, service="pay", zone="z", list=[1])
    request.resource_spans[0].scope_spans[0].scope.version = "1.2"
    group = request.resource_spans.add()
    group.scope_spans.add().spans.add().CopyFrom(bare)
    group.scope_spans.add()
    request.resource_spans.add()
    return request


_BARE_SPAN: dict[str, Any] = {
    "Timestamp": 0,
    "TraceId": "ab" * 16,
    "SpanId": "cd" * 8,
    "ParentSpanId": "",
    "TraceState": "",
    "SpanName": "",
    "SpanKind": "Unspecified",
    "ServiceName": "",
    "ResourceAttributes": {},
    "ScopeName": "",
    "ScopeVersion": "",
    "SpanAttributes": {},
    "Duration": 0,
    "StatusCode": "Unset",
    "StatusMessage": "",
    "Events.Timestamp": [],
    "Events.Name": [],
    "Events.Attributes": [],
    "Links.TraceId": [],
    "Links.SpanId": [],
    "Links.TraceState": [],
    "Links.Attributes": [],
    **OURS,
}
_PAID = {
    "ServiceName": "pay",
    "ResourceAttributes": {"service.name": "pay", "zone": "z", "list": "[1]"},
    "ScopeName": "lib",
    "ScopeVersion": "1.2",
}


def test_spans_become_the_exporters_columns(any_engine: Engine, tmp_path: Path) -> None:
    """A full span, a bare one, a root by zeros and one that ends before it starts."""
    segment = write_segment(tmp_path, "golden-spans", "traces", [_spans()], "golden")
    load_all(any_engine, segment)
    assert [
        _BARE_SPAN,
        _BARE_SPAN
        | _PAID
        | {
            "Timestamp": T,
            "TraceId": f"{10:032x}",
            "SpanId": f"{11:016x}",
            "ParentSpanId": f"{12:016x}",
            "TraceState": "a=b",
            "SpanName": "POST /pay",
            "SpanKind": "Client",
            "SpanAttributes": EVERY_TEXT,
            "Duration": 5,
            "StatusCode": "Error",
            "StatusMessage": "no\nfunds",
            "Events.Timestamp": [T + 1, 0],
            "Events.Name": ["exception", ""],
            "Events.Attributes": [{"n": "1"}, {}],
            "Links.TraceId": [f"{20:032x}", f"{22:032x}"],
            "Links.SpanId": [f"{21:016x}", f"{23:016x}"],
            "Links.TraceState": ["c=d", ""],
            "Links.Attributes": [{"why": "retry"}, {}],
        },
        _BARE_SPAN
        | _PAID
        | {
            "Timestamp": T + 9,
            "TraceId": f"{1:032x}",
            "SpanId": f"{2:016x}",
            "SpanName": "GET /",
            "SpanKind": "Server",
        },
        _BARE_SPAN
        | _PAID
        | {
            "Timestamp": T + 10,
            "TraceId": f"{1:032x}",
            "SpanId": f"{3:016x}",
            "SpanName": "GET /",
            "SpanKind": "Server",
            "SpanAttributes": {
                "tracepulse.end_before_start": "true",
                "tracepulse.original_end_time_unix_nano": str(T + 5),
            },
        },
    ] == _read(any_engine, "otel_traces", "golden-spans", "Timestamp")


@pytest.mark.parametrize("kind", range(-1, 8))
def test_span_kinds_are_the_exporters_words(engine: Engine, tmp_path: Path, kind: int) -> None:
    """Known kinds by name, all others Unspecified."""
    names = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"]
    segment = write_segment(tmp_path, f"kind{kind}", "traces", [traces(span(kind=kind))], "golden")
    load_all(engine, segment)
    (row,) = _read(engine, "otel_traces", f"kind{kind}", "Timestamp")
    assert names[kind if 0 <= kind < 6 else 0] == row["SpanKind"]


# -- logs ------------------------------------------------------------------------------------------


def _logs() -> ExportLogsServiceRequest:
    full = log("body", at=T, severity=17, **EVERY_VALUE)
    full.severity_text = "ERROR"
    full.flags = 0x101
    full.trace_id, full.span_id = number(10, 16), number(11, 8)
    full.event_name = "device.crash"
    observed = log({"k": [1]}, at=T + 1, severity=99)
    observed.time_unix_nano = 0
    observed.trace_id, observed.span_id = bytes(16), bytes(8)
    neither = log(b"\x01", at=0, severity=0)
    request = logs(full, observed, neither, service="s", zone="z")
    group = request.resource_logs[0]
    group.schema_url = "https://r"
    scope = group.scope_logs[0]
    scope.schema_url = "https://s"
    scope.scope.name, scope.scope.version = "lib", "2"
    scope.scope.attributes.extend(attributes({"a": 1}))
    bare = request.resource_logs.add().scope_logs.add().log_records.add()
    bare.time_unix_nano = T + 3
    return request


_BARE_LOG: dict[str, Any] = {
    "Timestamp": T + 3,
    "TimestampTime": T // 10**9,
    "TraceId": "",
    "SpanId": "",
    "TraceFlags": 0,
    "SeverityText": "",
    "SeverityNumber": 0,
    "ServiceName": "",
    "Body": "",
    "ResourceSchemaUrl": "",
    "ResourceAttributes": {},
    "ScopeSchemaUrl": "",
    "ScopeName": "",
    "ScopeVersion": "",
    "ScopeAttributes": {},
    "LogAttributes": {},
    "EventName": "",
    **OURS,
}
_SCOPED = {
    "ServiceName": "s",
    "ResourceSchemaUrl": "https://r",
    "ResourceAttributes": {"service.name": "s", "zone": "z"},
    "ScopeSchemaUrl": "https://s",
    "ScopeName": "lib",
    "ScopeVersion": "2",
    "ScopeAttributes": {"a": "1"},
}


def test_logs_become_the_exporters_columns(any_engine: Engine, tmp_path: Path) -> None:
    """A full record, one with its observed time only, one with no time at all, and a bare one."""
    segment = write_segment(tmp_path, "golden-logs", "logs", [_logs()], "golden")
    load_all(any_engine, segment)
    assert [
        _BARE_LOG
        | _SCOPED
        | {
            "Timestamp": T,
            "TraceId": f"{10:032x}",
            "SpanId": f"{11:016x}",
            "TraceFlags": 1,
            "SeverityText": "ERROR",
            "SeverityNumber": 17,
            "Body": "body",
            "LogAttributes": EVERY_TEXT,
            "EventName": "device.crash",
        },
        _BARE_LOG | _SCOPED | {"Timestamp": T + 1, "Body": '{"k":[1]}'},
        _BARE_LOG,
        _BARE_LOG
        | _SCOPED
        | {"Timestamp": RECEIVED, "TimestampTime": RECEIVED // 10**9, "Body": "AQ=="},
    ] == _read(any_engine, "otel_logs", "golden-logs", "Timestamp")


# -- metrics ---------------------------------------------------------------------------------------


def _metrics() -> ExportMetricsServiceRequest:
    made = [
        Metric(name=f"m.{kind}", description="what", unit="ms")
        for kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary")
    ]
    gauge, total, histogram, exponential, summary = made
    times = {"start_time_unix_nano": T, "time_unix_nano": T + 1}
    point = gauge.gauge.data_points.add(as_double=-1.5, attributes=attributes(EVERY_VALUE), **times)
    point.flags = 1
    point.exemplars.add(
        filtered_attributes=attributes({"f": 1}),
        time_unix_nano=T + 2,
        as_int=7,
        span_id=number(11, 8),
        trace_id=number(10, 16),
    )
    point.exemplars.add(as_double=2.5)
    gauge.gauge.data_points.add(time_unix_nano=T + 2)
    total.sum.aggregation_temporality = 2  # type: ignore[assignment]
    total.sum.is_monotonic = True
    total.sum.data_points.add(as_int=-(2**40), **times)
    total.sum.data_points.add(as_double=0, time_unix_nano=T + 2)
    histogram.histogram.aggregation_temporality = 1  # type: ignore[assignment]
    histogram.histogram.data_points.add(
        count=3,
        sum=6.5,
        min=0.0,
        max=4.5,
        bucket_counts=[1, 0, 2],
        explicit_bounds=[0.5, 2.0],
        flags=1,
        **times,
    )
    histogram.histogram.data_points.add(time_unix_nano=T + 2)
    wide = exponential.exponential_histogram.data_points.add(
        count=9, sum=-1.0, scale=-3, zero_count=4, min=-2.0, max=1.0, flags=1, **times
    )
    wide.positive.offset, wide.negative.offset = -7, 3
    wide.positive.bucket_counts.extend([1, 300])
    wide.negative.bucket_counts.extend([0, 2])
    exponential.exponential_histogram.data_points.add(time_unix_nano=T + 2)
    quantiles = summary.summary.data_points.add(count=2, sum=3.0, flags=1, **times)
    quantiles.quantile_values.add(quantile=0.5, value=1.0)
    quantiles.quantile_values.add(quantile=0.0, value=0.0)
    summary.summary.data_points.add(time_unix_nano=T + 2)
    request = metrics(made, service="s")
    group = request.resource_metrics[0]
    group.schema_url = "https://r"
    scope = group.scope_metrics[0]
    scope.schema_url = "https://s"
    scope.scope.name, scope.scope.version = "lib", "2"
    scope.scope.attributes.extend(attributes({"a": 1}))
    scope.scope.dropped_attributes_count = 3
    scope.metrics.add(name="nothing")
    return request


_EXEMPLARS: dict[str, Any] = {
    "Exemplars.FilteredAttributes": [],
    "Exemplars.TimeUnix": [],
    "Exemplars.Value": [],
    "Exemplars.SpanId": [],
    "Exemplars.TraceId": [],
}


def _point(kind: str, values: dict[str, Any], first: bool) -> dict[str, Any]:
    return {
        "ResourceAttributes": {"service.name": "s"},
        "ResourceSchemaUrl": "https://r",
        "ScopeName": "lib",
        "ScopeVersion": "2",
        "ScopeAttributes": {"a": "1"},
        "ScopeDroppedAttrCount": 3,
        "ScopeSchemaUrl": "https://s",
        "ServiceName": "s",
        "MetricName": f"m.{kind}",
        "MetricDescription": "what",
        "MetricUnit": "ms",
        "Attributes": {},
        "StartTimeUnix": T if first else 0,
        "TimeUnix": T + 1 if first else T + 2,
        "Flags": 0,
        **values,
        **OURS,
    }


_POINTS: dict[str, list[dict[str, Any]]] = {
    "gauge": [
        _EXEMPLARS
        | {
            "Value": -1.5,
            "Attributes": EVERY_TEXT,
            "Flags": 1,
            "Exemplars.FilteredAttributes": [{"f": "1"}, {}],
            "Exemplars.TimeUnix": [T + 2, 0],
            "Exemplars.Value": [7.0, 2.5],
            "Exemplars.SpanId": [f"{11:016x}", ""],
            "Exemplars.TraceId": [f"{10:032x}", ""],
        },
        _EXEMPLARS | {"Value": 0.0},
    ],
    "sum": [
        _EXEMPLARS | {"Value": -float(2**40), "AggregationTemporality": 2, "IsMonotonic": True},
        _EXEMPLARS | {"Value": 0.0, "AggregationTemporality": 2, "IsMonotonic": True},
    ],
    "histogram": [
        _EXEMPLARS
        | {
            "Count": 3,
            "Sum": 6.5,
            "BucketCounts": [1, 0, 2],
            "ExplicitBounds": [0.5, 2.0],
            "Flags": 1,
            "Min": 0.0,
            "Max": 4.5,
            "AggregationTemporality": 1,
        },
        _EXEMPLARS
        | {
            "Count": 0,
            "Sum": 0.0,
            "BucketCounts": [],
            "ExplicitBounds": [],
            "Min": 0.0,
            "Max": 0.0,
            "AggregationTemporality": 1,
        },
    ],
    "exponential_histogram": [
        _EXEMPLARS
        | {
            "Count": 9,
            "Sum": -1.0,
            "Scale": -3,
            "ZeroCount": 4,
            "PositiveOffset": -7,
            "PositiveBucketCounts": [1, 300],
            "NegativeOffset": 3,
            "NegativeBucketCounts": [0, 2],
            "Flags": 1,
            "Min": -2.0,
            "Max": 1.0,
            "AggregationTemporality": 0,
        },
        _EXEMPLARS
        | {
            "Count": 0,
            "Sum": 0.0,
            "Scale": 0,
            "ZeroCount": 0,
            "PositiveOffset": 0,
            "PositiveBucketCounts": [],
            "NegativeOffset": 0,
            "NegativeBucketCounts": [],
            "Min": 0.0,
            "Max": 0.0,
            "AggregationTemporality": 0,
        },
    ],
    "summary": [
        {
            "Count": 2,
            "Sum": 3.0,
            "ValueAtQuantiles.Quantile": [0.5, 0.0],
            "ValueAtQuantiles.Value": [1.0, 0.0],
            "Flags": 1,
        },
        {
            "Count": 0,
            "Sum": 0.0,
            "ValueAtQuantiles.Quantile": [],
            "ValueAtQuantiles.Value": [],
        },
    ],
}


def test_metrics_become_the_exporters_columns(any_engine: Engine, tmp_path: Path) -> None:
    """Each kind of point, full and bare, into its own table."""
    segment = write_segment(tmp_path, "golden-metrics", "metrics", [_metrics()], "golden")
    load_all(any_engine, segment)
    for kind, (first, second) in _POINTS.items():
        expected = [_point(kind, first, True), _point(kind, second, False)]
        read = _read(any_engine, f"otel_metrics_{kind}", "golden-metrics", "TimeUnix")
        assert expected == read, kind


def test_an_attribute_given_twice_keeps_both(engine: Engine, tmp_path: Path) -> None:
    """OTLP forbids it, senders do it; nothing is lost and nothing breaks."""
    twice = span()
    twice.attributes.extend(KeyValue(key="k", value=AnyValue(int_value=n)) for n in (1, 2))
    load_all(engine, write_segment(tmp_path, "twice", "traces", [traces(twice)], "golden"))
    (row,) = engine.query(
        "SELECT SpanAttributes AS a FROM otel_traces WHERE SegmentId = 'twice'"
    ).to_pylist()
    assert [("k", "1"), ("k", "2")] == row["a"]
