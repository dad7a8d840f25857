"""Sends spans with OpenTelemetry's Zipkin exporter: URL, HOW MANY."""

import json
import sys

from opentelemetry import trace
from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode


def main() -> None:
    """Send one trace and print its id."""
    url, count = sys.argv[1:]
    provider = TracerProvider(resource=Resource.create({"service.name": "kiosk"}))
    exporter = ZipkinExporter(endpoint=f"{url}/api/v2/spans")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("till")
    with tracer.start_as_current_span("open", kind=SpanKind.SERVER) as root:
        for number in range(1, int(count)):
            with tracer.start_as_current_span("drawer", kind=SpanKind.CLIENT) as span:
                span.set_attribute("drawer.number", number)
                if number == 1:
                    span.set_status(Status(StatusCode.ERROR, "jammed"))
    assert provider.force_flush()
    trace_id = trace.format_trace_id(root.get_span_context().trace_id)
    sys.stdout.write(json.dumps({"trace_id": trace_id}))


main()
