"""OTLP requests, built in few words."""

from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tracepulse.receive.any_value import fill_any_value

__all__ = ["SECOND", "attributes", "log", "logs", "metrics", "number", "span", "text", "traces"]

SECOND = 1_000_000_000


def text(value: Any) -> AnyValue:
    """Return any plain Python value as an attribute's value."""
    held = AnyValue()
    fill_any_value(held, value)
    return held


def attributes(pairs: Mapping[str, Any]) -> list[KeyValue]:
    """Return attributes in the order given; None is a value that is not set."""
    return [KeyValue(key=key, value=text(value)) for key, value in pairs.items()]


def number(value: int, size: int) -> bytes:
    """Return an id of so many bytes."""
    return value.to_bytes(size, "big")


def span(
    trace: int = 1,
    span_id: int = 1,
    parent: int = 0,
    name: str = "GET /",
    start: int = 1_700_000_000 * SECOND,
    duration: int = 1_000_000,
    kind: int = Span.SPAN_KIND_SERVER,
    error: bool = False,
    **values: Any,
) -> Span:
    """Return a span; values are its attributes."""
    made = Span(
        trace_id=number(trace, 16),
        span_id=number(span_id, 8),
        parent_span_id=number(parent, 8) if parent else b"",
        name=name,
        kind=kind,  # type: ignore[arg-type]
        start_time_unix_nano=start,
        end_time_unix_nano=start + duration,
        attributes=attributes(values),
    )
    if error:
        made.status.code = 2  # type: ignore[assignment]
    return made


def log(
    body: Any = "hello", at: int = 1_700_000_000 * SECOND, severity: int = 9, **values: Any
) -> LogRecord:
    """Return a log record; values are its attributes."""
    return LogRecord(
        time_unix_nano=at,
        observed_time_unix_nano=at,
        severity_number=severity,  # type: ignore[arg-type]
        body=text(body),
        attributes=attributes(values),
    )


def traces(*spans: Span, service: str = "shop", **resource: Any) -> ExportTraceServiceRequest:
    """Return a request with one group of spans."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(attributes({"service.name": service, **resource}))
    scope = group.scope_spans.add()
    scope.scope.name = "lib"
    scope.spans.extend(spans)
    return request


def logs(*records: LogRecord, service: str = "shop", **resource: Any) -> ExportLogsServiceRequest:
    """Return a request with one group of log records."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.extend(attributes({"service.name": service, **resource}))
    group.scope_logs.add().log_records.extend(records)
    return request


def metrics(made: Iterable[Metric], service: str = "shop") -> ExportMetricsServiceRequest:
    """Return a request with one group of metrics."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.extend(attributes({"service.name": service}))
    group.scope_metrics.add().metrics.extend(made)
    return request
