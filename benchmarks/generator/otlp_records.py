"""The same records as an OpenTelemetry SDK would send them: what every other form is held against."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from benchmarks.generator.records import AccessRecord, LogRecord, PointRecord, SpanRecord
from benchmarks.generator.senders import envoy_line
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

__all__ = ["otlp_access", "otlp_logs", "otlp_points", "otlp_spans"]

_SEVERITY_NUMBERS = {"DEBUG": 5, "INFO": 9, "WARN": 13, "ERROR": 17}
_KINDS = {
    "SERVER": Span.SPAN_KIND_SERVER,
    "CLIENT": Span.SPAN_KIND_CLIENT,
    "PRODUCER": Span.SPAN_KIND_PRODUCER,
    "CONSUMER": Span.SPAN_KIND_CONSUMER,
}

Record = TypeVar("Record")
Key = TypeVar("Key")


def _pair(name: str, value: str | int) -> KeyValue:
    if isinstance(value, int):
        return KeyValue(key=name, value=AnyValue(int_value=value))
    return KeyValue(key=name, value=AnyValue(string_value=value))


def _grouped(
    records: Iterable[Record], key: Callable[[Record], Key]
) -> Iterator[tuple[Key, list[Record]]]:
    groups: dict[Key, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    yield from groups.items()


def otlp_logs(records: Sequence[LogRecord]) -> bytes:
    """Return an export request of the records."""
    request = ExportLogsServiceRequest()
    for (service, host), lines in _grouped(records, lambda record: (record.service, record.host)):
        group = request.resource_logs.add()
        group.resource.attributes.extend([_pair("service.name", service), _pair("host.name", host)])
        scope = group.scope_logs.add()
        for line in lines:
            scope.log_records.add(
                time_unix_nano=line.time_unix_ns,
                observed_time_unix_nano=line.time_unix_ns,
                severity_number=_SEVERITY_NUMBERS[line.severity],
                severity_text=line.severity,
                body=AnyValue(string_value=line.message),
                attributes=[_pair(name, value) for name, value in line.attributes],
                trace_id=bytes.fromhex(line.trace_id),
                span_id=bytes.fromhex(line.span_id),
            )
    return request.SerializeToString()


def otlp_access(records: Sequence[AccessRecord]) -> bytes:
    """Return an export request of the proxies' lines, as text, by who called."""
    request = ExportLogsServiceRequest()
    for caller, lines in _grouped(records, lambda record: record.caller):
        group = request.resource_logs.add()
        group.resource.attributes.append(_pair("service.name", caller.split(".")[0]))
        scope = group.scope_logs.add()
        for line in lines:
            scope.log_records.add(
                time_unix_nano=line.time_unix_ms * 1_000_000,
                body=AnyValue(string_value=envoy_line(line)),
            )
    return request.SerializeToString()


def otlp_spans(records: Sequence[SpanRecord]) -> bytes:
    """Return an export request of the spans."""
    request = ExportTraceServiceRequest()
    for service, spans in _grouped(records, lambda record: record.service):
        group = request.resource_spans.add()
        group.resource.attributes.append(_pair("service.name", service))
        scope = group.scope_spans.add()
        for span in spans:
            start = span.start_unix_us * 1000
            peer = [_pair("server.address", span.peer)] if span.peer else []
            scope.spans.add(
                trace_id=bytes.fromhex(span.trace_id),
                span_id=bytes.fromhex(span.span_id),
                parent_span_id=bytes.fromhex(span.parent_id),
                name=span.name,
                kind=_KINDS[span.kind],
                start_time_unix_nano=start,
                end_time_unix_nano=start + span.duration_us * 1000,
                attributes=[_pair(name, value) for name, value in span.tags] + peer,
                status=Status(code=Status.STATUS_CODE_ERROR if span.failed else 0),  # type: ignore[arg-type]
            )
    return request.SerializeToString()


def otlp_points(records: Sequence[PointRecord]) -> bytes:
    """Return an export request of the points."""
    request = ExportMetricsServiceRequest()
    for job, points in _grouped(records, lambda record: dict(record.labels)["job"]):
        group = request.resource_metrics.add()
        group.resource.attributes.append(_pair("service.name", job))
        scope = group.scope_metrics.add()
        for name, samples in _grouped(points, lambda record: record.name):
            metric = scope.metrics.add(name=name)
            if samples[0].counter:
                metric.sum.is_monotonic = True
                metric.sum.aggregation_temporality = (
                    AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
                )
            kind = metric.sum if samples[0].counter else metric.gauge
            for sample in samples:
                kind.data_points.add(
                    time_unix_nano=sample.time_unix_ms * 1_000_000,
                    as_double=sample.value,
                    attributes=[_pair(label, value) for label, value in sample.labels],
                )
    return request.SerializeToString()
