"""The load of a server that is nearly idle: one span, one log line and one data point a second."""

import time

from benchmarks.data import Body, Spec, log_bodies, trace_bodies
from benchmarks.otlp_client import send
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

__all__ = ["send_idle_load"]

SECOND_NS = 1_000_000_000


def _one_point(at_unix_ns: int) -> Body:
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    pair = group.resource.attributes.add(key="service.name")
    pair.value.string_value = "idle"
    metric = group.scope_metrics.add().metrics.add(name="process.uptime", unit="s")
    metric.gauge.data_points.add(time_unix_nano=at_unix_ns, as_double=at_unix_ns / 1e9)
    return Body("metrics", request.SerializeToString(), 1, at_unix_ns, at_unix_ns)


def send_idle_load(url: str, seconds: int, seed: int) -> list[str]:
    """
    Send for so many seconds, each record in a request of its own, a third of a second apart.

    Three programs that report at their own time, not in step, are what a server is likely to see.
    Return what was refused.
    """
    now = time.time_ns()
    spec = Spec(seed + 1, seconds, seconds, now, now + seconds * SECOND_NS)
    bodies = zip(trace_bodies(spec, 1), log_bodies(spec, 1), strict=True)
    errors: list[str] = []
    started = time.monotonic()
    for second, (span, log) in enumerate(bodies):
        for third, body in enumerate((span, log, None)):
            time.sleep(max(0.0, started + second + third / 3 - time.monotonic()))
            errors += send(url, [body or _one_point(time.time_ns())]).errors
    time.sleep(max(0.0, started + seconds - time.monotonic()))
    return errors
