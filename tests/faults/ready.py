"""
How soon a killed server takes telemetry in again, with a million spans stored and a backlog waiting.

`python -m tests.faults.ready [ROWS] [TIMES]` prints, for each start, seconds and processor seconds until
health is answered, until a request is acknowledged, and until a question is answered.
"""

import sys
import tempfile
import time
from pathlib import Path

import httpx
from tests.faults.server_process import Server, start
from tests.faults.writers import Writer

_BATCH = 5_000


def _processor_s(server: Server) -> float:
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _fill(server: Server, first: int, rows: int) -> int:
    writer = Writer("traces", first, batch=_BATCH)
    with httpx.Client(timeout=120) as client:
        while writer.first < first + rows:
            names = [f"traces-{writer.first + n}" for n in range(_BATCH)]
            if writer.post(client, server.otlp, names) and writer.statuses.get(200):
                writer.first += _BATCH
    return writer.first


def measure(folder: Path, rows: int, times: int) -> None:
    """Print the figures of some starts after `kill -9`."""
    with start(folder, fresh=True) as server:
        first = _fill(server, 0, rows)
        server.wait_loaded()
        server.kill()
    for _ in range(times):
        began = time.monotonic()
        with start(folder, fresh=True) as server, httpx.Client(timeout=120) as client:
            said = [f"health {time.monotonic() - began:.2f} s ({_processor_s(server):.2f})"]
            assert Writer("traces", first).post(client, server.otlp, [f"traces-{first}"])
            said.append(f"first 2xx {time.monotonic() - began:.2f} s ({_processor_s(server):.2f})")
            assert client.get(f"{server.api}/api/overview").status_code == 200
            said.append(f"answer {time.monotonic() - began:.2f} s ({_processor_s(server):.2f})")
            print("; ".join(said), flush=True)  # noqa: T201
            first = _fill(server, first + 1, 50_000)  # a backlog of unfinished segments
            server.kill()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        given = [int(each) for each in sys.argv[1:]]
        measure(Path(scratch) / "data", *(given + [1_000_000, 5][len(given) :]))
