"""
Compile every kernel of loading and of finding calls now, rather than at the first segment.

    python -m tracepulse.store.warm_up

Takes some tens of seconds on a new installation and well under one second after that.
"""

import numpy as np
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tracepulse.journal.framing import frame, frames
from tracepulse.model.question import Window
from tracepulse.receive.admission import Receipt
from tracepulse.receive.signals import Signal
from tracepulse.store.edges.calls import MINUTE_NS, find_calls
from tracepulse.store.edges.recent import RecentEnds
from tracepulse.store.load.decoded import Decoded, Indices
from tracepulse.store.load.duplicates import Duplicates
from tracepulse.store.load.inserts import Vocabularies, read_segment

__all__ = ["warm_up"]


def warm_up() -> None:
    """Work out the blocks of one span, one log line and one metric point."""
    for signal, request in _requests().items():
        data = frame(request, Receipt(1, "otlp_http", "loopback"))
        read = read_segment(data, list(frames(data)), signal)
        duplicates = Duplicates()
        is_new = duplicates.new_ones(read.keys)
        duplicates.remember(read.keys)
        for load in read.loads("warm-up", np.ones_like(is_new), Vocabularies()):
            for insert in load.inserts:
                b"".join(insert.build())
            if len(load.spans):
                _find_calls(read.decoded, load.spans)


def _find_calls(decoded: Decoded, spans: Indices) -> None:
    recent = RecentEnds()
    recent.add(decoded, "", spans)
    ends = recent.find(Window(0, MINUTE_NS), "", {0: len(spans)})
    assert ends is not None
    find_calls(ends)


def _requests() -> dict[Signal, bytes]:
    traces = ExportTraceServiceRequest()
    span = (
        traces.resource_spans.add()
        .scope_spans.add()
        .spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name="x", start_time_unix_nano=1)
    )
    span.attributes.add(key="a").value.int_value = 1
    logs = ExportLogsServiceRequest()
    record = logs.resource_logs.add().scope_logs.add().log_records.add(severity_number=17)
    record.body.string_value = "failed 1"
    metrics = ExportMetricsServiceRequest()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    metric.gauge.data_points.add(as_double=1.0)
    return {
        "traces": traces.SerializeToString(),
        "logs": logs.SerializeToString(),
        "metrics": metrics.SerializeToString(),
    }


if __name__ == "__main__":
    warm_up()
