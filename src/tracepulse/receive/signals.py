"""The three signals of OTLP and the request message of each."""

from typing import Literal

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["REQUEST_TYPES", "ExportRequest", "Signal", "new_request", "record_count"]

Signal = Literal["traces", "logs", "metrics"]
ExportRequest = ExportTraceServiceRequest | ExportLogsServiceRequest | ExportMetricsServiceRequest

REQUEST_TYPES: dict[Signal, type[ExportRequest]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}

_METRIC_DATA = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


def new_request(signal: Signal) -> ExportRequest:
    """Return an empty export request for a signal."""
    return REQUEST_TYPES[signal]()


def record_count(message: ExportRequest) -> int:
    """Return the number of spans, log records or data points that a request holds."""
    if isinstance(message, ExportTraceServiceRequest):
        return sum(len(s.spans) for r in message.resource_spans for s in r.scope_spans)
    if isinstance(message, ExportLogsServiceRequest):
        return sum(len(s.log_records) for r in message.resource_logs for s in r.scope_logs)
    return sum(
        len(getattr(metric, kind).data_points)
        for resource in message.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if (kind := metric.WhichOneof("data")) in _METRIC_DATA
    )
