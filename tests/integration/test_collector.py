"""A real OpenTelemetry Collector forwards to TracePulse as it would to any OTLP back end."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from benchmarks.data import Spec, log_bodies, metric_bodies, trace_bodies
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.running_server import RunningServer, free_ports, wait_until

START_S = 30.0
MINUTE_NS = 60_000_000_000


@contextmanager
def _collector(program: Path, folder: Path, configuration: dict[str, Any]) -> Iterator[Path]:
    """Run the Collector and yield its log; it must end well."""
    file = folder / "collector.json"  # JSON is YAML too
    file.write_text(json.dumps(configuration))
    log_path = folder / "collector.log"
    with (
        log_path.open("wb") as log,
        subprocess.Popen([program, "--config", file], stdout=log, stderr=log) as process,
    ):
        try:
            wait_until(
                lambda: process.poll() is not None or "Everything is ready" in log_path.read_text(),
                bool,
                f"a Collector that is ready, see {log_path}",
                START_S,
            )
            assert process.poll() is None, log_path.read_text()
            yield log_path
            process.terminate()
            assert process.wait(START_S) == 0, log_path.read_text()
        finally:
            if process.poll() is None:
                process.kill()


def _configuration(
    receivers: dict[str, Any], exporter: dict[str, Any], signals: tuple[str, ...]
) -> dict[str, Any]:
    pipeline = {"receivers": list(receivers), "exporters": list(exporter)}
    return {
        "receivers": receivers,
        "exporters": exporter,
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": dict.fromkeys(signals, pipeline),
        },
    }


def _exporter(server: RunningServer, protocol: str, compression: str) -> dict[str, Any]:
    if protocol == "http":
        return {"otlp_http": {"endpoint": server.otlp_http_url, "compression": compression}}
    return {
        "otlp_grpc": {
            "endpoint": server.otlp_grpc_url.removeprefix("http://"),
            "compression": compression,
            "tls": {"insecure": True},
        }
    }


def _span_counts(payload: bytes) -> Counter[str]:
    """Return how many spans the request has of each trace."""
    return Counter(
        span.trace_id.hex()
        for group in ExportTraceServiceRequest.FromString(payload).resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    )


@pytest.mark.parametrize(
    ("protocol", "compression"),
    [
        ("http", "gzip"),
        ("http", "zstd"),
        ("http", "none"),
        ("grpc", "gzip"),
        ("grpc", "none"),  # gRPC's C core, and so its Python server, cannot read zstd
    ],
)
def test_forwards_every_signal(
    collector: Path, server: RunningServer, tmp_path: Path, protocol: str, compression: str
) -> None:
    """Nothing that the Collector was given is missing, by either protocol, compressed or not."""
    now = time.time_ns()
    spec = Spec(
        seed=now % 1_000_003,
        spans=2_000,
        logs=500,
        start_unix_ns=now - MINUTE_NS,
        end_unix_ns=now,
        metric_interval_ns=MINUTE_NS,
    )
    grpc_port, http_port = free_ports(2)
    receivers = {
        "otlp": {
            "protocols": {
                "grpc": {"endpoint": f"127.0.0.1:{grpc_port}"},
                "http": {"endpoint": f"127.0.0.1:{http_port}"},
            }
        }
    }
    configuration = _configuration(
        receivers, _exporter(server, protocol, compression), ("traces", "logs", "metrics")
    )
    sent: Counter[str] = Counter()

    with _collector(collector, tmp_path, configuration) as log_path:
        for body in (*trace_bodies(spec, 500), *log_bodies(spec, 500), *metric_bodies(spec)):
            answer = httpx.post(
                f"http://127.0.0.1:{http_port}/v1/{body.signal}",
                content=body.payload,
                headers={"content-type": "application/x-protobuf"},
            )
            assert answer.status_code == 200
            if body.signal == "traces":
                sent += _span_counts(body.payload)
    log = log_path.read_text()

    assert ("error" in log, "dropping" in log.lower()) == (False, False), log
    largest = dict(sent.most_common(20))
    found = {trace_id: len(server.spans(trace_id, count)) for trace_id, count in largest.items()}
    assert found == largest
    trace_id = next(iter(largest))
    assert all(line["trace_id"] == trace_id for line in server.logs(0, trace_id=trace_id))
    assert server.metric(name="process.cpu.time", service="checkout")


def test_forwards_log_files(collector: Path, server: RunningServer, tmp_path: Path) -> None:
    """Lines of a plain file that the Collector follows are found again, verbatim and in order."""
    file = tmp_path / "till.log"
    lines = [f"2026-11-22 10:00:{number:02d} till {number} opened: naïve ✓" for number in range(20)]
    file.write_text("\n".join(lines[:10]) + "\n")
    receivers = {
        "file_log": {
            "include": [str(file)],
            "start_at": "beginning",
            "poll_interval": "100ms",
            "resource": {"service.name": "till"},
        }
    }
    configuration = _configuration(receivers, _exporter(server, "http", "gzip"), ("logs",))

    with _collector(collector, tmp_path, configuration):
        server.logs(10, service="till")
        with file.open("a") as more:
            more.write("\n".join(lines[10:]) + "\n")
        records = server.logs(20, service="till")

    assert sorted(record["body"] for record in records) == lines
