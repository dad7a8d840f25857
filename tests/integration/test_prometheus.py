"""Prometheus and a Collector write their samples to TracePulse as to any remote storage."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from benchmarks.generator.otlp_records import otlp_points
from benchmarks.generator.records import PointRecord
from tests.peer_programs import peer, peer_process
from tests.running_server import RunningServer, free_ports, wait_until


def test_a_prometheus_that_scrapes(server: RunningServer, tmp_path: Path) -> None:
    """Samples that a real Prometheus scraped, of itself, are series of the job that it names."""
    program = peer("debian/usr/bin/prometheus", "debian")
    (port,) = free_ports(1)
    configuration = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {"job_name": "watcher", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        ],
        "remote_write": [
            {
                "url": f"{server.otlp_http_url}/api/v1/write",
                "queue_config": {"batch_send_deadline": "500ms"},
                "metadata_config": {"send_interval": "1s"},
            }
        ],
    }
    file = tmp_path / "prometheus.yml"
    file.write_text(json.dumps(configuration))  # JSON is YAML too
    command = [
        str(program), f"--config.file={file}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip

    def failed() -> float:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        lines = [line for line in text.splitlines() if "remote_storage_samples_failed" in line]
        return sum(float(line.split()[-1]) for line in lines if not line.startswith("#"))

    with peer_process(command, tmp_path / "log", lambda text: "ready to receive web" in text):
        up = server.metric(name="up", service="watcher")
        counted = server.metric(name="prometheus_http_requests_total", service="watcher")
        assert failed() == 0

    assert up
    assert counted


def _points(job: str, now_ms: int) -> list[PointRecord]:
    labels = (("instance", "10.20.0.1:9100"), ("job", job))
    return [
        PointRecord("tills_open", labels, now_ms - 1000, 3.5, counter=False),
        PointRecord("drawers_opened", labels, now_ms - 1000, 17.0, counter=True),
    ]


@pytest.mark.parametrize("message", ["prometheus.WriteRequest", "io.prometheus.write.v2.Request"])
def test_a_collectors_remote_write(
    collector: Path, server: RunningServer, tmp_path: Path, message: str
) -> None:
    """Points come through the Collector's exporter in both versions of the protocol."""
    (port,) = free_ports(1)
    exporter: dict[str, Any] = {
        "endpoint": f"{server.otlp_http_url}/api/v1/write",
        "protobuf_message": message,
    }
    configuration = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}},
        "exporters": {"prometheusremotewrite": exporter},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {
                "metrics": {"receivers": ["otlp"], "exporters": ["prometheusremotewrite"]}
            },
        },
    }
    file = tmp_path / "collector.json"
    file.write_text(json.dumps(configuration))
    gates = "--feature-gates=exporter.prometheusremotewritexporter.enableSendingRW2"
    command: list[str | Path] = [collector, "--config", file, gates]
    job = "till-" + message.split(".")[-2]
    log = tmp_path / "log"

    with peer_process(command, log, lambda text: "Everything is ready" in text):
        answer = httpx.post(
            f"http://127.0.0.1:{port}/v1/metrics",
            content=otlp_points(_points(job, time.time_ns() // 1_000_000)),
            headers={"content-type": "application/x-protobuf"},
        )
        assert answer.status_code == 200
        gauge = server.metric(name="tills_open", service=job)
        counter = server.metric(name="drawers_opened_total", service=job)

    assert "error" not in log.read_text(), log.read_text()
    assert gauge
    assert counter


def test_a_prometheus_that_is_refused_tries_again(tmp_path: Path, server: RunningServer) -> None:
    """A remote write that cannot be read is refused for good: 400, and nothing is stored."""
    url = f"{server.otlp_http_url}/api/v1/write"
    headers = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}

    answer = wait_until(
        lambda: httpx.post(url, content=b"\x05not snappy", headers=headers), bool, "an answer"
    )

    assert answer.status_code == 400
