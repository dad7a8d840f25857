"""A connector follows a real source while it is written to, and over an end of the server."""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.running_server import RunningServer, running_server, wait_until

__all__ = ["check_followed", "connectors_file"]

_BATCHES, _BATCH = 10, 50


def connectors_file(folder: Path, table: Mapping[str, str | bool]) -> Path:
    """Write a file with one connector, `source`, and return it."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in table.items()]
    file = folder / "connectors.toml"
    file.write_text("[connector.source]\n" + "\n".join(lines) + "\n")
    return file


def _bodies(server: RunningServer, service: str) -> Counter[str]:
    found = server.get("/api/logs", service=service, limit=5000)
    return Counter(record["body"] for record in found["records"])


def check_followed(
    folder: Path,
    table: Mapping[str, str | bool],
    write: Callable[[Sequence[tuple[int, str]]], None],
    service: str,
) -> None:
    """
    Check that every line is there once: some were written before, most while it was followed, and
    the server ended in between.

    Args:
        write: writes lines with their Unix time in nanoseconds into the source, under `service`.
    """
    flag = f"--connectors-file={connectors_file(folder, table)}"
    written: Counter[str] = Counter()

    def next_batch(number: int) -> None:
        now = time.time_ns()
        # Some at one instant, as real sources have them.
        lines = [
            (now - line // 5 * 1_000_000, f"line {number}.{line}: naïve ✓")
            for line in range(_BATCH)
        ]
        write(lines)
        written.update(text for _, text in lines)

    def check(server: RunningServer) -> None:
        wait_until(
            lambda: _bodies(server, service),
            lambda found: found == written,
            f"{written.total()} lines, each once",
            60.0,
        )

    next_batch(0)
    for half in (range(1, _BATCHES // 2), range(_BATCHES // 2, _BATCHES)):
        with running_server(folder, None, flag) as server:
            for number in half:
                next_batch(number)
                time.sleep(0.3)
            check(server)
    next_batch(_BATCHES)
    with running_server(folder, None, flag) as server:
        check(server)
