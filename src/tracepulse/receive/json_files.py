"""What a decoded JSON value of a file is, and its OTLP requests."""

from collections.abc import Iterator
from typing import Any, Literal

from tracepulse.errors import MalformedBody
from tracepulse.receive.complaints import Complaints
from tracepulse.receive.jaeger import looks_like_jaeger, read_jaeger_value
from tracepulse.receive.log_fields import has_log_fields, has_time_and_text
from tracepulse.receive.otlp_json import read_otlp_value
from tracepulse.receive.signals import ExportRequest, Signal
from tracepulse.receive.zipkin import looks_like_zipkin, read_zipkin_value

__all__ = ["JsonKind", "json_kind", "requests_of"]

JsonKind = Literal["otlp_json", "jaeger", "zipkin", "log_records", "log_line"]
"""log_records: a list of log objects; log_line: one log object."""

_OTLP_KEYS: dict[str, Signal] = {
    "resourceSpans": "traces",
    "resource_spans": "traces",
    "resourceLogs": "logs",
    "resource_logs": "logs",
    "resourceMetrics": "metrics",
    "resource_metrics": "metrics",
}


def json_kind(value: Any) -> JsonKind | None:
    """Return what a decoded JSON value holds; None if nothing that is read."""
    first = value[0] if isinstance(value, list) and value else value
    if isinstance(first, dict) and not _OTLP_KEYS.keys().isdisjoint(first):
        return "otlp_json"
    if looks_like_jaeger(value):
        return "jaeger"
    if looks_like_zipkin(first) or (
        isinstance(first, list) and first and looks_like_zipkin(first[0])
    ):
        return "zipkin"
    if isinstance(value, list) and isinstance(first, dict) and has_time_and_text(first):
        return "log_records"
    if isinstance(value, dict) and has_log_fields(value):
        return "log_line"
    return None


def requests_of(
    value: Any, kind: JsonKind, complaints: Complaints
) -> Iterator[tuple[Signal, ExportRequest]]:
    """
    Yield the requests in a value of kind otlp_json, jaeger or zipkin.

    Raises:
        MalformedBody: it does not hold what its kind promises.
    """
    if kind == "jaeger":
        yield "traces", read_jaeger_value(value, complaints)
    elif kind == "zipkin":
        yield "traces", read_zipkin_value(value, complaints)
    elif kind == "otlp_json":
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, dict):
                raise MalformedBody("OTLP/JSON: a list that holds something else than requests")
            for signal in sorted({_OTLP_KEYS[key] for key in item if key in _OTLP_KEYS}):
                yield signal, read_otlp_value(item, signal, complaints)
