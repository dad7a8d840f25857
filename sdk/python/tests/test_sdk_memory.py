"""What stays resident while a server misbehaves for long: as much at the end as after the first half."""

import json
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

import debugqueue

EVENTS = int(os.environ.get("DEBUGQUEUE_SOAK", "1000000"))
MIB = 1024 * 1024

PROGRAMME = """
import gc, json, os, sys, time
from debugqueue import DebugQueue

def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

events = int(sys.argv[1])
for number in range(1, events + 1):
    if number % 100 == 0:
        try:
            raise ValueError(f"fault {number}")
        except ValueError:
            DebugQueue.exception("FAULT", {"n": number})
    else:
        DebugQueue.log("SOAK", {"n": number, "text": "x" * 500 if number % 3 == 0 else "short"})
    if number % 1000 == 0:
        time.sleep(0.001)
    if number == events // 2:
        early = resident()
late = resident()
counts = DebugQueue.counts()
print(json.dumps({"early": early, "late": late, **counts._asdict()}))
sys.stdout.flush()
os._exit(0)
"""


def answering(status: int) -> Callable[[socket.socket], None]:
    """Return a server that takes every request and gives this answer."""

    def serve(connection: socket.socket) -> None:
        with connection.makefile("rb") as file:
            while True:
                length = 0
                line = file.readline()
                while line not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                    line = file.readline()
                if not line:
                    return
                file.read(length)
                connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)

    return serve


def silence(connection: socket.socket) -> None:
    """Take the connection and never say a word."""
    while connection.recv(65536):
        pass


def gone(connection: socket.socket) -> None:
    """Close it at once."""
    connection.close()


SERVERS = {
    "takes everything": answering(200),
    "answers 500": answering(500),
    "answers 503": answering(503),
    "says nothing": silence,
    "closes": gone,
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
@pytest.mark.parametrize("name", SERVERS)
def test_a_server_costs_bounded_memory_however_long(dead_port: Any, name: str) -> None:
    """Whatever a server does with a million events, the second half of them adds nothing."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAMME), str(EVENTS)],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(debugqueue.__file__).parents[1]),
            "DEBUGQUEUE_DEBUG": "1",
            "DEBUGQUEUE_ENDPOINT": dead_port(SERVERS[name]).url,
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    found: Dict[str, Any] = json.loads(done.stdout)
    assert found["created"] == EVENTS
    assert found["sent"] + sum(found["dropped"].values()) + found["waiting"] == EVENTS
    assert found["late"] - found["early"] < 4 * MIB, found
