"""
Servers forked from a process that has everything loaded, so that a start costs a tenth of what it does.

Nothing is open in that process, least of all the engine: a server that comes from it is one like any
other, and ends like any other.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["DRIVER", "ENVIRONMENT", "Spawned", "spawn"]

DRIVER = Path(__file__).with_name("driven.py")
ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / "src")}
_ended: Path = Path(tempfile.mkdtemp(prefix="tracepulse-ended-"))
_lock = threading.Lock()


@dataclass(slots=True)
class Spawned:
    """A process, with what tests use of `subprocess.Popen`."""

    pid: int
    ended: Path
    """There, and holding the exit status, once it has ended."""

    def poll(self) -> int | None:
        """Return its exit status, minus the signal where that ended it; None while it runs."""
        return int(self.ended.read_text()) if self.ended.exists() else None

    def wait(self, timeout: float) -> int:
        """Wait for its end; raises AssertionError when it takes too long."""
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            assert time.monotonic() < deadline, f"process {self.pid} goes on"
            time.sleep(0.01)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a crash does."""
        self.send_signal(signal.SIGKILL)


def spawn(
    arguments: list[str],
    plan: Mapping[str, Any] | None,
    log_path: Path,
    environment: Mapping[str, str] | None = None,
) -> Spawned:
    """Return a new process of the command line; for the plan see `driven.py`."""
    with _lock:
        spawner = _spawner()
        assert spawner.stdin is not None
        assert spawner.stdout is not None
        ended = _ended / f"{time.monotonic_ns()}.ended"
        asked = {
            "arguments": arguments,
            "plan": dict(plan or {}),
            "log": str(log_path),
            "environment": dict(environment or {}),
            "ended": str(ended),
        }
        spawner.stdin.write(json.dumps(asked) + "\n")
        spawner.stdin.flush()
        return Spawned(int(spawner.stdout.readline()), ended)


@cache
def _spawner() -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, str(DRIVER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    atexit.register(_end, process)
    return process


def _end(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.wait(30)
    process.stdout.close()
