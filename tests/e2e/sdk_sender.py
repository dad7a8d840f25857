"""
A program with the OpenTelemetry SDK for Python that knows its endpoint from the environment only.

    python sdk_sender.py http|grpc SERVICE

Prints, as JSON, what it sent.
"""

import json
import sys

from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if sys.argv[1] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import (  # type: ignore[assignment]
        OTLPLogExporter,
    )
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # type: ignore[assignment]
        OTLPMetricExporter,
    )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # type: ignore[assignment]
        OTLPSpanExporter,
    )

resource = Resource.create({"service.name": sys.argv[2], "service.version": "4.5.6"})
tracing = TracerProvider(resource=resource)
tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
logging = LoggerProvider(resource=resource)
logging.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
metering = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource=resource)

tracer = tracing.get_tracer("sender", "1.0")
logger = logging.get_logger("sender")
sales = metering.get_meter("sender").create_counter("shop.sales", unit="{sale}")
waits = metering.get_meter("sender").create_histogram("shop.wait", unit="s")

with tracer.start_as_current_span("POST /orders", kind=trace.SpanKind.SERVER) as root:
    root.set_attribute("http.request.method", "POST")
    root.set_attribute("shop.items", 3)
    root.set_attribute("shop.express", value=False)
    logger.emit(severity_text="INFO", body="order 4711 accepted for alice")
    with tracer.start_as_current_span("charge card", kind=trace.SpanKind.CLIENT) as child:
        child.record_exception(ValueError("card declined: naïve ✓"))
        child.set_status(trace.StatusCode.ERROR, "card declined")
    context = root.get_span_context()
sales.add(3, {"shop.region": "de"})
waits.record(0.25, {"shop.region": "de"})

delivered = [
    tracing.force_flush(),
    logging.force_flush(),
    metering.force_flush(),
]
tracing.shutdown()
logging.shutdown()
metering.shutdown()
print(  # noqa: T201
    json.dumps(
        {
            "trace_id": f"{context.trace_id:032x}",
            "root_span_id": f"{context.span_id:016x}",
            "delivered": delivered,
        }
    )
)
