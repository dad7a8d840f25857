"""Programs of others that `make peers` got, run as their own documentation says."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from benchmarks.peers import PEERS
from tests.running_server import wait_until

__all__ = ["client", "peer", "peer_process"]

START_S = 60.0
STOP_S = 30.0
CLIENT_S = 60.0
_CLIENTS = Path(__file__).parent / "integration" / "clients"


def peer(path: str, name: str) -> Path:
    """Return where a program is; the test is skipped where `tools/peers/get NAME` made none."""
    program = PEERS / path
    if not program.exists():
        pytest.skip(f"{program} is missing; run `make peers PEERS={name}`")
    return program


@contextmanager
def peer_process(
    command: Sequence[str | Path],
    log_path: Path,
    ready: Callable[[str], bool],
    environment: Mapping[str, str] | None = None,
    ends_when_asked: bool = True,
) -> Iterator[subprocess.Popen[bytes]]:
    """
    Run a program until the block ends; one that does not end when it is asked to is killed at once.

    `ready` is asked with what it has written so far. Its standard input stays open meanwhile. An
    AssertionError says that it was not ready in time, or ended by itself.
    """
    with (
        log_path.open("wb") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=os.environ | dict(environment or {}),
        ) as process,
    ):
        try:
            wait_until(
                lambda: process.poll() is not None or ready(log_path.read_text(errors="replace")),
                bool,
                f"a {Path(command[0]).name} that is ready, see {log_path}",
                START_S,
            )
            assert process.poll() is None, log_path.read_text(errors="replace")[-4000:]
            yield process
            if ends_when_asked:
                process.terminate()
                process.wait(STOP_S)
        finally:
            if process.poll() is None:
                process.kill()


def client(script: str, *arguments: str) -> str:
    """
    Run a script of `tests/integration/clients` with the clients that were got, and return what it printed.

    An AssertionError holds what it wrote to standard error when it failed.
    """
    if script.endswith(".py"):
        program, variables = peer("python/bin/python", "python"), {}
    else:
        peer("node/node_modules", "node")
        program, variables = Path("node"), {"NODE_PATH": str(PEERS / "node" / "node_modules")}
    ended = subprocess.run(
        [program, _CLIENTS / script, *arguments],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=CLIENT_S,
        check=False,
    )
    assert ended.returncode == 0, f"{script}: {ended.stdout[-2000:]} {ended.stderr[-4000:]}"
    return ended.stdout
