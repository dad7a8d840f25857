"""A real TracePulse server in a process of its own, seen only through its public face."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from tests.faults.spawner import ROOT, Spawned, spawn

__all__ = [
    "ROOT",
    "RunningServer",
    "forked_server",
    "free_ports",
    "running_server",
    "wait_until",
]

T = TypeVar("T")
Process = subprocess.Popen[bytes] | Spawned

START_S = 60.0
STOP_S = 30.0
ANSWER_S = 60.0
"""Long, so that a busy machine is no failure; an answer that is right is taken at once."""


def free_ports(count: int) -> list[int]:
    """Return so many different ports of the loopback that nothing listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def wait_until(
    ask: Callable[[], T], accept: Callable[[T], bool], what: str, within_s: float = ANSWER_S
) -> T:
    """Return the first accepted answer; raises AssertionError with the last one when too late."""
    deadline = time.monotonic() + within_s
    while True:
        answer = ask()
        if accept(answer):
            return answer
        assert time.monotonic() < deadline, f"{what}: not within {within_s:g} s, last: {answer!r}"
        time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where a server listens, and what can be asked of it."""

    process: Process
    client: httpx.Client
    """Its base URL is that of the REST API."""
    otlp_http_url: str
    otlp_grpc_url: str
    data_dir: Path
    log_path: Path
    """What the server wrote to standard output and error."""

    def get(self, path: str, **parameters: str | int) -> Any:
        """Return the JSON answer, or None where the server says 404."""
        response = self.client.get(path, params=parameters)
        if response.status_code == 404:
            return None
        assert response.status_code == 200, f"GET {path}: {response.status_code} {response.text}"
        return response.json()

    def spans(self, trace_id: str, count: int) -> list[Any]:
        """Return the spans of a trace, once there are so many."""
        answer = wait_until(
            lambda: self.get(f"/api/traces/{trace_id}"),
            lambda found: found is not None and len(found["spans"]) >= count,
            f"{count} spans of trace {trace_id}",
        )
        spans: list[Any] = answer["spans"]
        return spans

    def logs(self, count: int, **parameters: str | int) -> list[Any]:
        """Return log records, once there are so many."""
        answer = wait_until(
            lambda: self.get("/api/logs", **parameters),
            lambda found: found is not None and len(found["records"]) >= count,
            f"{count} logs for {parameters}",
        )
        records: list[Any] = answer["records"]
        return records

    def metric(self, **parameters: str | int) -> list[Any]:
        """Return the series of a metric, once there is one."""
        answer = wait_until(
            lambda: self.get("/api/metrics", **parameters),
            lambda found: bool(found and found["series"]),
            f"a series for {parameters}",
        )
        series: list[Any] = answer["series"]
        return series

    def stop(self) -> int:
        """Ask the server to end, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)


def _healthy(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def running_server(
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *flags: str,
    module: str = "tracepulse.cli",
) -> Iterator[RunningServer]:
    """
    Start a server with its data in `folder`, and stop it in the end.

    `module` is what Python runs with the command line of `tracepulse`.

    An AssertionError says that it did not become healthy, or that its exit status was not 0.
    """

    def begin(arguments: list[str], log_path: Path) -> "subprocess.Popen[bytes]":
        # Run from the sources, whatever is installed.
        variables = os.environ | {"PYTHONPATH": str(ROOT / "src")} | dict(environment or {})
        command = [sys.executable, "-m", module, *arguments]
        with log_path.open("wb") as log:
            return subprocess.Popen(command, env=variables, stdout=log, stderr=log)

    with _serving(folder, flags, begin) as server:
        yield server


@contextmanager
def forked_server(
    folder: Path, environment: Mapping[str, str] | None = None, *flags: str
) -> Iterator[RunningServer]:
    """
    Do as `running_server` does, with a process that need not load everything first.

    For tests of what a server does; one that measures it, or how it starts, takes the other.
    """

    def begin(arguments: list[str], log_path: Path) -> Spawned:
        log_path.write_bytes(b"")
        return spawn(arguments, None, log_path, environment)

    with _serving(folder, flags, begin) as server:
        yield server


@contextmanager
def _serving(
    folder: Path, flags: Sequence[str], begin: Callable[[list[str], Path], Process]
) -> Iterator[RunningServer]:
    port, http_port, grpc_port = free_ports(3)
    arguments = ["serve", "--data-dir", str(folder / "data"), "--port", str(port)]
    arguments += ["--otlp-http-port", str(http_port), "--otlp-grpc-port", str(grpc_port), *flags]
    log_path = folder / "server.log"
    process = begin(arguments, log_path)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait_until(
                lambda: process.poll() is not None or _healthy(client),
                bool,
                f"a healthy server, see {log_path}",
                START_S,
            )
            assert process.poll() is None, f"the server ended at once:\n{log_path.read_text()}"
            server = RunningServer(
                process=process,
                client=client,
                otlp_http_url=f"http://127.0.0.1:{http_port}",
                otlp_grpc_url=f"http://127.0.0.1:{grpc_port}",
                data_dir=folder / "data",
                log_path=log_path,
            )
            yield server
            if process.poll() is None:
                status = server.stop()
                assert status == 0, f"exit status {status} on SIGTERM:\n{log_path.read_text()}"
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(STOP_S)
