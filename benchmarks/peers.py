"""
Other programs on the same bytes in the same run, so that a figure says more than how fast a machine is.

`make peers` gets them, into a folder outside the checkout that `tools/peers/get` names.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.otlp_client import BodyFile, progress, send, within
from benchmarks.process_tree import cpu_seconds, drain, resident_bytes
from tests.running_server import free_ports, wait_until

__all__ = ["PeerResult", "measure_peers"]

PEERS = Path(
    os.environ.get("TRACEPULSE_PEERS")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tracepulse" / "peers"
)
COLLECTOR, JAEGER = PEERS / "otelcol-peer", PEERS / "jaeger-peer"


@dataclass(frozen=True, slots=True)
class PeerResult:
    """What a peer did with the same bodies; absent peers say why."""

    spans_per_core_second: float | None = None
    logs_per_core_second: float | None = None
    note: str = ""
    spans_ratio: float | None = None
    """Our spans per core-second over the peer's."""
    logs_ratio: float | None = None
    disk_bytes_per_span: float | None = None
    """Where it keeps spans alone on disk."""
    rss_mb: float | None = None


@dataclass(frozen=True, slots=True)
class _Peer:
    """A program and how it is told what to do; `configuration` has ports and folder filled in."""

    name: str
    note: str
    program: Path
    takes_logs: bool
    storage: str = ""


_PEERS = (
    _Peer(
        "otel_collector_to_file",
        "OpenTelemetry Collector, OTLP/HTTP to an uncompressed file; it neither sorts nor indexes",
        COLLECTOR,
        takes_logs=True,
    ),
    _Peer(
        "jaeger_in_memory",
        "Jaeger all-in-one, OTLP/HTTP to its memory storage; nothing is durable",
        JAEGER,
        takes_logs=False,
        storage="memory",
    ),
    _Peer(
        "jaeger_badger",
        "Jaeger all-in-one, OTLP/HTTP to Badger on disk, not synced at each write",
        JAEGER,
        takes_logs=False,
        storage="badger",
    ),
)


def _configuration(peer: _Peer, folder: Path, ports: list[int]) -> dict[str, Any]:
    receivers = {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{ports[0]}"}}}}
    quiet = {"metrics": {"level": "none"}}
    if not peer.storage:
        pipeline = {"receivers": ["otlp"], "exporters": ["file"]}
        return {
            "receivers": receivers,
            "exporters": {"file": {"path": str(folder / "out"), "format": "proto"}},
            "service": {"telemetry": quiet, "pipelines": {"traces": pipeline, "logs": pipeline}},
        }
    place = {"keys": str(folder / "keys"), "values": str(folder / "values")}
    storage = {
        "memory": {"memory": {"max_traces": 100_000_000}},
        "badger": {"badger": {"directories": place, "ephemeral": False, "consistency": False}},
    }
    return {
        "receivers": receivers,
        "processors": {"batch": {}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "some"}},
        "extensions": {
            "jaeger_storage": {"backends": {"some": storage[peer.storage]}},
            "jaeger_query": {
                "storage": {"traces": "some"},
                "http": {"endpoint": f"127.0.0.1:{ports[1]}"},
                "grpc": {"endpoint": f"127.0.0.1:{ports[2]}"},
            },
        },
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query"],
            "telemetry": quiet,
            "pipelines": {
                "traces": {
                    "receivers": ["otlp"],
                    "processors": ["batch"],
                    "exporters": ["jaeger_storage_exporter"],
                }
            },
        },
    }


@contextmanager
def _running(peer: _Peer, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    folder.mkdir()
    ports = free_ports(3)
    configuration, log_path = folder / "configuration.json", folder / "log"
    configuration.write_text(json.dumps(_configuration(peer, folder, ports)))
    command = [str(peer.program), "--config", str(configuration)]
    with (
        log_path.open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            wait_until(
                lambda: process.poll() is not None or "Everything is ready" in log_path.read_text(),
                bool,
                f"a ready {peer.name}, see {log_path}",
                60.0,
            )
            assert process.poll() is None, log_path.read_text()[-2000:]
            yield process, f"http://127.0.0.1:{ports[0]}"
        finally:
            process.terminate()


def _folder_bytes(folder: Path) -> int:
    """Return what a folder takes on disk; files may be larger than what is in use of them."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def _measure(
    peer: _Peer, folder: Path, files: Mapping[str, BodyFile], within_s: float
) -> PeerResult:
    """Send the files, each for so long at most, and count processor time as for our server."""
    result = PeerResult(note=peer.note)
    with _running(peer, folder) as (process, url):
        idle = drain(process.pid, idle_ratio=0.0, within_s=3)
        assert idle.cpu_s > 0
        for kind, file in files.items():
            if kind == "logs" and not peer.takes_logs:
                continue
            before, started = cpu_seconds(process.pid), time.monotonic()
            sent = send(url, within(file, within_s))
            drained = drain(process.pid, idle_ratio=0.02, within_s=within_s)
            cost = drained.cpu_s - before
            rate = sent.records / cost
            progress(
                f"  {peer.name}: {sent.records:,} {kind} in {time.monotonic() - started:.1f} s,"
                f" {cost:.2f} core-seconds: {rate:,.0f} per core-second"
            )
            if sent.errors:
                return replace(result, note=f"{peer.note}; refused: {sent.errors[0]}")
            if kind == "logs":
                result = replace(result, logs_per_core_second=rate)
                continue
            result = replace(
                result, spans_per_core_second=rate, rss_mb=resident_bytes(process.pid) / 1e6
            )
            if peer.storage != "memory":
                used = _folder_bytes(folder) / sent.records
                result = replace(result, disk_bytes_per_span=used)
    return result


def measure_peers(
    folder: Path,
    files: Mapping[str, BodyFile],
    ours: Mapping[str, float],
    within_s: float,
    until_s: float,
) -> dict[str, PeerResult]:
    """
    Have each peer that was built take the bodies.

    Args:
        files: by `spans` and `logs`.
        ours: our records per core-second, likewise.
        within_s: the most that sending one file may take.
        until_s: on the monotonic clock, when no further peer is begun.
    """
    found = {}
    for peer in _PEERS:
        if not peer.program.exists():
            found[peer.name] = PeerResult(note=f"{peer.program} was not built; run `make peers`")
            continue
        if time.monotonic() > until_s:
            found[peer.name] = PeerResult(note="left out: no time left in the short form")
            continue
        try:
            result = _measure(peer, folder / peer.name, files, within_s)
        except AssertionError as error:
            result = PeerResult(note=f"{peer.note}; it did not run: {error}")
        if result.spans_per_core_second:
            ratio = ours["spans"] / result.spans_per_core_second
            result = replace(result, spans_ratio=ratio)
        if result.logs_per_core_second:
            result = replace(result, logs_ratio=ours["logs"] / result.logs_per_core_second)
        found[peer.name] = result
    return found
