"""A server on a folder that outlives it."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.faults.spawner import DRIVER, ENVIRONMENT, Spawned, spawn
from tests.running_server import free_ports

__all__ = ["ENVIRONMENT", "Server", "serve_command", "start"]

_PATIENCE_S = 300.0


def serve_command(folder: Path, ports: list[int], *flags: str) -> list[str]:
    """Return the command that serves a folder on three ports."""
    named = zip(("--port", "--otlp-http-port", "--otlp-grpc-port"), ports, strict=True)
    given = [each for name, port in named for each in (name, str(port))]
    return ["serve", "--data-dir", str(folder), *given, *flags]


@dataclass(slots=True)
class Server:
    """A server that may be killed."""

    process: subprocess.Popen[bytes] | Spawned
    ports: list[int]
    log_path: Path

    @property
    def otlp(self) -> str:
        """Where OTLP over HTTP is taken in."""
        return f"http://127.0.0.1:{self.ports[1]}"

    @property
    def api(self) -> str:
        """Where questions are answered."""
        return f"http://127.0.0.1:{self.ports[0]}"

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait(30)

    def wait_killed(self, within_s: float = _PATIENCE_S) -> None:
        """Wait until it has ended itself by SIGKILL."""
        assert -signal.SIGKILL == self.process.wait(within_s)

    def doctor(self) -> dict[str, Any]:
        """Return what it says of itself."""
        answer: dict[str, Any] = httpx.get(f"{self.api}/api/doctor", timeout=60).json()
        return answer

    def check(self, name: str) -> dict[str, Any]:
        """Return one of the doctor's checks."""
        (found,) = (each for each in self.doctor()["checks"] if each["name"] == name)
        return dict(found)

    def wait_loaded(self) -> dict[str, Any]:
        """Wait until nothing is queued; return the doctor's report."""
        deadline = time.monotonic() + _PATIENCE_S
        while (report := self.doctor())["accounting"]["queued"]:
            assert time.monotonic() < deadline, f"still queued: {report}"
            time.sleep(0.1)
        return report

    def stop(self) -> None:
        """End it as an operator does."""
        self.process.send_signal(signal.SIGTERM)
        assert 0 == self.process.wait(_PATIENCE_S)


@contextmanager
def start(
    folder: Path,
    plan: Mapping[str, Any] | None = None,
    flags: Sequence[str] = (),
    log_folder: Path | None = None,
    fresh: bool = False,
) -> Iterator[Server]:
    """
    Start a server on a data folder and wait until it is healthy, or has ended by a fault.

    Args:
        plan: the faults that are put into it, see `driven.py`.
        log_folder: where its log goes; beside the data folder as a rule.
        fresh: True for an interpreter of its own, where what is loaded at a start matters.
    """
    log_path = (log_folder or folder.parent) / "server.log"
    while True:
        ports = free_ports(3)
        process = (_fresh if fresh else spawn)(serve_command(folder, ports, *flags), plan, log_path)
        try:
            deadline = time.monotonic() + _PATIENCE_S
            while process.poll() is None and not _healthy(ports[0]):
                assert time.monotonic() < deadline, "the server did not become healthy"
                time.sleep(0.02)
            ended = process.poll()
            said = log_path.read_text()
            if ended == 2 and "is in use by another program" in said[-200:]:
                continue  # somebody else took the port meanwhile
            killed = plan is not None and "kill" in plan and ended == -signal.SIGKILL
            assert ended is None or killed, f"the server ended at once:\n{said}"
            yield Server(process, ports, log_path)
            return
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(_PATIENCE_S)


def _fresh(
    arguments: list[str], plan: Mapping[str, Any] | None, log_path: Path
) -> "subprocess.Popen[bytes]":
    program = [str(DRIVER), json.dumps(dict(plan))] if plan else ["-m", "tracepulse.cli"]
    with log_path.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *program, *arguments], stdout=log, stderr=log, env=ENVIRONMENT
        )


def _healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
