"""Other programs on the same bytes, so that a figure says more than how fast a machine is."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.otlp_client import BodyFile, progress, send
from benchmarks.process_tree import cpu_seconds, settle
from tests.running_server import ROOT, free_ports, wait_until

__all__ = ["PeerResult", "collector_to_file"]

COLLECTOR = ROOT / "build" / "peers" / "otelcol" / "otelcol-peer"


@dataclass(frozen=True, slots=True)
class PeerResult:
    """What a peer did with the same bodies; absent peers say why."""

    spans_per_core_second: float | None
    logs_per_core_second: float | None
    note: str
    spans_ratio: float | None = None
    """Our spans per core-second over the peer's."""
    logs_ratio: float | None = None


@contextmanager
def _collector(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    (port,) = free_ports(1)
    pipeline = {"receivers": ["otlp"], "exporters": ["file"]}
    configuration = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}},
        "exporters": {"file": {"path": str(folder / "peer.out"), "format": "proto"}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": pipeline, "logs": pipeline},
        },
    }
    (folder / "peer.json").write_text(json.dumps(configuration))
    log_path = folder / "peer.log"
    with (
        log_path.open("wb") as log,
        subprocess.Popen(
            [COLLECTOR, "--config", folder / "peer.json"], stdout=log, stderr=log
        ) as process,
    ):
        try:
            wait_until(
                lambda: "Everything is ready" in log_path.read_text(), bool, "a Collector", 30.0
            )
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def collector_to_file(folder: Path, spans: BodyFile, logs: BodyFile) -> PeerResult:
    """
    Have the OpenTelemetry Collector decode the bodies and append them to a file.

    It neither sorts, indexes nor compresses, so it does much less than a store.
    """
    if not COLLECTOR.exists():
        return PeerResult(None, None, "not built; run `make peers`")
    rates = []
    with _collector(folder) as (process, url):
        settle(process.pid, idle_ratio=0.0, within_s=5)
        for file in (spans, logs):
            before, started = cpu_seconds(process.pid), time.monotonic()
            sent = send(url, file)
            settle(process.pid, idle_ratio=0.0, within_s=20)
            cost = cpu_seconds(process.pid) - before
            rates.append(sent.records / cost)
            progress(
                f"  Collector to file: {sent.records:,} records in"
                f" {time.monotonic() - started:.1f} s, {cost:.2f} core-seconds"
            )
    size = (folder / "peer.out").stat().st_size
    note = f"OpenTelemetry Collector, OTLP/HTTP to an uncompressed file of {size:,} bytes"
    return PeerResult(rates[0], rates[1], note)
