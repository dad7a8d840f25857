"""The demo, from nothing to the bundle, as `make demo ONCE=1` runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.running_server import free_ports, wait_until

_ROOT = Path(__file__).parents[2]


def _demo(folder: Path, ports: list[int], *flags: str) -> "subprocess.Popen[str]":
    command = [
        *(sys.executable, "-m", "examples.demo", "--folder", str(folder)),
        *("--port", str(ports[0]), "--otlp-http-port", str(ports[1])),
        *("--otlp-grpc-port", str(ports[2]), *flags),
    ]
    environment = os.environ | {"PYTHONPATH": f"{_ROOT / 'src'}{os.pathsep}{_ROOT}"}
    return subprocess.Popen(
        command,
        cwd=_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_right_incident_is_found_and_nothing_is_left(tmp_path: Path) -> None:
    """
    A broken shop gives one incident that names entry, fault, onset and release; no process stays.

    Two demos, one with OpenTelemetry and one with log files alone, wait for their minutes together.
    """
    folders = {telemetry: tmp_path / telemetry for telemetry in ("otel", "logs")}
    demos = {
        folder: _demo(folder, free_ports(3), "--once", "--telemetry", telemetry)
        for telemetry, folder in folders.items()
    }
    try:
        told = {folder: demo.communicate(timeout=400)[0] for folder, demo in demos.items()}
    finally:
        for demo in demos.values():
            demo.kill()  # nothing to one that has ended
            demo.wait()
    for folder, demo in demos.items():
        log = folder / "server.log"
        said = told[folder] + (log.read_text() if log.exists() else "")
        assert demo.returncode == 0, said
        bundle = json.loads((folder / "context.json").read_text())
        assert bundle["kind"] == "incident"
        assert "SESSION_TTL_S = 30" in (folder / "context.md").read_text()
    assert _processes_in(tmp_path) == []


def test_a_second_demo_harms_no_first_and_a_killed_one_leaves_nothing(tmp_path: Path) -> None:
    """One line says what is in use, the first demo's data stays, and kill -9 takes all with it."""
    folder, ports = tmp_path / "demo", free_ports(3)
    with _demo(folder, ports) as first:
        assert first.stdout is not None
        while "The shop is open" not in first.stdout.readline():
            assert first.poll() is None
        for other, words in (
            (ports, f"demo: port {ports[0]}: Address already in use"),
            (free_ports(3), "a demo runs there already"),
        ):
            with _demo(folder, other) as second:
                told, _ = second.communicate(timeout=60)
            assert (2, True) == (second.returncode, words in told), told
        assert (folder / "data" / "format.json").exists()
        assert first.poll() is None
        first.kill()
    wait_until(lambda: _processes_in(tmp_path), lambda left: not left, "no process left", 30)


def _processes_in(folder: Path) -> list[str]:
    """Return the command lines of processes that name the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(folder) in line:
                found.append(line)
    return found
