"""The demo, from nothing to the bundle, as `make demo ONCE=1` runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.running_server import free_ports

_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("telemetry", ["otel", "logs"])
def test_the_right_incident_is_found_and_nothing_is_left(telemetry: str, tmp_path: Path) -> None:
    """The broken shop gives one incident that names entry, fault, onset and release; no process stays."""
    port, http_port, grpc_port = free_ports(3)
    command = [
        *(sys.executable, "-m", "examples.demo", "--once", "--folder", str(tmp_path / "demo")),
        *("--telemetry", telemetry, "--port", str(port), "--otlp-http-port", str(http_port)),
        *("--otlp-grpc-port", str(grpc_port)),
    ]
    environment = os.environ | {"PYTHONPATH": f"{_ROOT / 'src'}{os.pathsep}{_ROOT}"}
    result = subprocess.run(
        command, cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=400
    )

    log = tmp_path / "demo" / "server.log"
    told = result.stdout + result.stderr + (log.read_text() if log.exists() else "")
    assert result.returncode == 0, told
    bundle = json.loads((tmp_path / "demo" / "context.json").read_text())
    assert bundle["kind"] == "incident"
    assert "SESSION_TTL_S = 30" in (tmp_path / "demo" / "context.md").read_text()
    assert _processes_in(tmp_path) == []


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
