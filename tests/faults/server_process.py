"""A server on a folder that outlives it, and what the folder holds in the end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.running_server import ROOT, free_ports

__all__ = ["FolderHolds", "Server", "read_folder", "serve_command", "start"]

DRIVER = Path(__file__).with_name("killed_at.py")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / "src")}

_READ = """
import json, sys
from pathlib import Path
from tracepulse.store.chdb import ChdbEngine
engine = ChdbEngine(Path(sys.argv[1]) / "engine")
def column(sql):
    return engine.query(sql).column(0).to_pylist()
print(json.dumps({
    "spans": column("SELECT SpanAttributes['number'] FROM otel_traces"),
    "logs": column("SELECT Body FROM otel_logs"),
    "calls": column("SELECT sum(Calls) FROM span_bins")[0] or 0,
    "minutes": column("SELECT sum(Calls) FROM span_minutes")[0] or 0,
    "lines": column("SELECT sum(Lines) FROM log_bins")[0] or 0,
}))
engine.close()
"""


@dataclass(frozen=True, slots=True)
class FolderHolds:
    """What the tables and roll-ups of a data folder hold."""

    spans: list[str]
    logs: list[str]
    calls: int
    minutes: int
    lines: int


def read_folder(folder: Path) -> FolderHolds:
    """Return what a data folder holds that no server has open."""
    ran = subprocess.run(
        [sys.executable, "-c", _READ, str(folder)],
        capture_output=True,
        env=ENVIRONMENT,
        timeout=60,
        check=True,
    )
    return FolderHolds(**json.loads(ran.stdout))


def serve_command(folder: Path, ports: list[int], *flags: str) -> list[str]:
    """Return the command that serves a folder on three ports."""
    named = zip(("--port", "--otlp-http-port", "--otlp-grpc-port"), ports, strict=True)
    given = [each for name, port in named for each in (name, str(port))]
    return ["serve", "--data-dir", str(folder), *given, *flags]


@dataclass(slots=True)
class Server:
    """A server that may be killed."""

    process: subprocess.Popen[bytes]
    ports: list[int]

    @property
    def otlp(self) -> str:
        """Where OTLP over HTTP is taken in."""
        return f"http://127.0.0.1:{self.ports[1]}"

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait(30)

    def wait_killed(self) -> None:
        """Wait until it has ended itself by SIGKILL."""
        assert -signal.SIGKILL == self.process.wait(60)

    def doctor(self) -> dict[str, Any]:
        """Return what it says of itself."""
        answer: dict[str, Any] = httpx.get(
            f"http://127.0.0.1:{self.ports[0]}/api/doctor", timeout=20
        ).json()
        return answer

    def wait_loaded(self) -> None:
        """Wait until nothing is queued."""
        deadline = time.monotonic() + 60
        while self.doctor()["accounting"]["queued"]:
            assert time.monotonic() < deadline, f"still queued: {self.doctor()}"
            time.sleep(0.1)

    def stop(self) -> None:
        """End it as an operator does."""
        self.process.send_signal(signal.SIGTERM)
        assert 0 == self.process.wait(60)


@contextmanager
def start(folder: Path, killed_at: str = "") -> Iterator[Server]:
    """
    Start a server on a data folder and wait until it is healthy.

    Args:
        killed_at: the point at which it kills itself, see `killed_at.py`; then nothing is waited for.
    """
    ports = free_ports(3)
    program = [str(DRIVER), killed_at] if killed_at else ["-m", "tracepulse.cli"]
    log = (folder.parent / "server.log").open("ab")
    with (
        log,
        subprocess.Popen(
            [sys.executable, *program, *serve_command(folder, ports)],
            stdout=log,
            stderr=log,
            env=ENVIRONMENT,
        ) as process,
    ):
        try:
            deadline = time.monotonic() + 90
            while process.poll() is None and not _healthy(ports[0]):
                assert time.monotonic() < deadline, "the server did not become healthy"
                time.sleep(0.05)
            text = (folder.parent / "server.log").read_text()
            assert killed_at or process.poll() is None, f"the server ended at once:\n{text}"
            yield Server(process, ports)
        finally:
            if process.poll() is None:
                process.kill()


def _healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
