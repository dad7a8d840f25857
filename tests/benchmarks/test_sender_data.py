"""The records that senders are imitated with are the same for a seed, and whole in every form."""

import json
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from benchmarks.generator.otlp_records import otlp_access, otlp_logs, otlp_points, otlp_spans
from benchmarks.generator.records import (
    LogRecord,
    access_records,
    log_records,
    point_records,
    span_records,
)
from benchmarks.generator.senders import (
    batches,
    elastic_bulk,
    envoy_line,
    faro,
    hec_events,
    log_line,
    loki_json,
    loki_protobuf,
    remote_write_1,
    remote_write_2,
    syslog_frames,
    zipkin_json,
)
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

START_NS = 1_763_800_000_000_000_000
RANGE = (START_NS, START_NS + 3_600_000_000_000)
COUNT = 500


@pytest.fixture(scope="module")
def lines() -> list[LogRecord]:
    """So many log records."""
    return list(log_records(7, COUNT, *RANGE))


@pytest.mark.parametrize("make", [log_records, span_records, point_records, access_records])
def test_a_seed_gives_its_own_records(make: Callable[..., Any]) -> None:
    """The same seed gives the same records, another gives others, and none is repeated."""
    first = list(make(7, COUNT, *RANGE))

    assert first == list(make(7, COUNT, *RANGE))
    assert not set(first) & set(make(8, COUNT, *RANGE))
    assert len(set(first)) == COUNT


def test_every_line_is_in_every_form_of_logs(lines: list[LogRecord]) -> None:
    """JSON forms hold each line once, in the order of its stream; batches leave nothing out."""
    messages = sorted(record.message for record in lines)
    pushed = json.loads(loki_json(lines))["streams"]
    documents = [json.loads(line) for line in elastic_bulk(lines).splitlines()]
    events = [json.loads(line) for line in hec_events(lines).splitlines()]
    reported = json.loads(faro(lines))["logs"]

    assert sorted(value[1] for stream in pushed for value in stream["values"]) == sorted(
        map(log_line, lines)
    )
    assert sorted(document["message"] for document in documents[1::2]) == messages
    assert {"create": {}} in documents[::2]
    assert len(events) == COUNT
    assert sorted(log["message"] for log in reported) == messages
    assert [len(batch) for batch in batches(lines, 200)] == [200, 200, 100]


def test_packed_forms_hold_every_record(lines: list[LogRecord]) -> None:
    """Snappy blocks open to what went in, and octet counts lead from message to message."""
    packed = loki_protobuf(lines)
    plain = loki_protobuf(lines, packed=False)
    opened = pa.decompress(packed, len(plain), codec="snappy", asbytes=True)
    points = list(point_records(7, COUNT, *RANGE))
    frames, rest = [], syslog_frames(lines)
    while rest:
        count, _, rest = rest.partition(b" ")
        frames.append(rest[: int(count)])
        rest = rest[int(count) :]

    assert opened == plain
    assert all(log_line(record).encode() in plain for record in lines)
    assert len(remote_write_2(points)) < len(remote_write_1(points))
    assert [
        frame.decode().endswith(record.message) for frame, record in zip(frames, lines, strict=True)
    ] == [True] * COUNT


def test_otlp_holds_the_same_records(lines: list[LogRecord]) -> None:
    """What the other forms are held against has as many records, and the same texts."""
    logs = ExportLogsServiceRequest.FromString(otlp_logs(lines))
    spans = list(span_records(7, COUNT, *RANGE))
    traces = ExportTraceServiceRequest.FromString(otlp_spans(spans))
    points = ExportMetricsServiceRequest.FromString(
        otlp_points(list(point_records(7, COUNT, *RANGE)))
    )
    bodies = [
        record.body.string_value
        for group in logs.resource_logs
        for record in group.scope_logs[0].log_records
    ]

    assert sorted(bodies) == sorted(record.message for record in lines)
    assert sum(len(group.scope_spans[0].spans) for group in traces.resource_spans) == COUNT
    assert len(json.loads(zipkin_json(spans))) == COUNT
    assert COUNT == sum(
        len(metric.gauge.data_points) + len(metric.sum.data_points)
        for group in points.resource_metrics
        for metric in group.scope_metrics[0].metrics
    )


def test_a_proxys_line_has_the_fields_of_the_default_format() -> None:
    """Twenty-two fields, quoted where the format quotes them."""
    records = list(access_records(7, COUNT, *RANGE))
    access = ExportLogsServiceRequest.FromString(otlp_access(records))
    fields = re.findall(r'\[[^]]+\]|"[^"]*"|\S+', envoy_line(records[0]))

    assert len(fields) == 22
    assert fields[0].startswith("[20")
    assert fields[16].startswith("outbound|8080||")
    assert sum(len(group.scope_logs[0].log_records) for group in access.resource_logs) == COUNT
