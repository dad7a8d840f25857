"""Followers that are killed while their source is written to: every line is stored once."""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.faults.server_process import Server, start
from tests.receive.loki_stand_in import loki_stand_in
from tests.running_server import wait_until

KILLS = int(os.environ.get("TRACEPULSE_FOLLOWER_KILLS", "20"))


class _Writer(threading.Thread):
    """Writes numbered lines until it is stopped, some of them late and some of them equal in time."""

    def __init__(self, write: Callable[[int], None]) -> None:
        super().__init__(daemon=True)
        self.written = 0
        self._write = write
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.01):
            self._write(self.written)
            self.written += 1

    def end(self) -> int:
        self._ended.set()
        self.join()
        return self.written


def _numbers(server: Server, since_unix_ns: int, until_unix_ns: int) -> list[int]:
    """Return the numbers of all lines of a window that are stored."""
    parameters = {"since": str(since_unix_ns), "until": str(until_unix_ns), "limit": "1000"}
    answer = httpx.get(f"{server.api}/api/logs", params=parameters, timeout=60).json()
    if answer["complete"]:
        return [int(each["body"].split()[-1]) for each in answer["records"]]
    middle = (since_unix_ns + until_unix_ns) // 2
    halves = (since_unix_ns, middle), (middle, until_unix_ns)
    return [number for half in halves for number in _numbers(server, *half)]


def _stored(server: Server) -> int:
    (logs,) = (s for s in server.doctor()["accounting"]["signals"] if s["signal"] == "logs")
    return int(logs["stored"])


def _kill_and_count(folder: Path, config: str, kills: int, write: Callable[[int], None]) -> None:
    config_path = folder / "connectors.toml"
    config_path.write_text(config)
    flags = ("--connectors-file", str(config_path))
    writer = _Writer(write)
    writer.start()
    chance = random.Random(5)
    for _ in range(kills):
        with start(folder / "data", flags=flags) as server:
            time.sleep(chance.uniform(0.0, 2.0))
            server.kill()
    count = writer.end()
    with start(folder / "data", flags=flags) as server:
        wait_until(lambda: _stored(server), lambda n: n >= count, f"{count} lines", 240)
        time.sleep(2)  # for one that comes once too often
        server.wait_loaded()
        now = time.time_ns()
        stored = _numbers(server, now - 3600 * 10**9, now + 60 * 10**9)
        problems = [each for each in server.doctor()["checks"] if not each["ok"]]
        assert [] == [each for each in problems if each["name"] not in ("disk", "watch")]
        server.stop()
    differing = dict(Counter(stored) - Counter(range(count)))
    assert ({}, []) == (differing, sorted(set(range(count)) - set(stored)))


@pytest.mark.parametrize("kills", [1, pytest.param(KILLS, marks=pytest.mark.slow)])
def test_loki_is_followed_over_kills(tmp_path: Path, kills: int) -> None:
    """Lines that come late, or with others at one instant, are stored once over all kills."""
    with loki_stand_in(max_entries=500) as loki:

        def write(number: int) -> None:
            late_ns = (number % 7) * 1_500_000_000
            at = time.time_ns() // 100_000_000 * 100_000_000 - late_ns
            loki.push({"app": "shop", "pod": f"p{number % 3}"}, at, f"INFO line {number}")

        config = f"""
            [connector.shop]
            kind = "loki"
            url = "{loki.url}"
            query = '{{app="shop"}}'
            every = "1s"
            overlap = "20s"
            back = "1h"
            """
        _kill_and_count(tmp_path, config, kills, write)


@pytest.mark.parametrize("kills", [1, pytest.param(KILLS, marks=pytest.mark.slow)])
def test_a_file_is_followed_over_kills(tmp_path: Path, kills: int) -> None:
    """Lines of a file that grows and is rotated are stored once over all kills."""
    logs = tmp_path / "logs"
    logs.mkdir()
    path = logs / "shop.log"

    def write(number: int) -> None:
        if number % 2_000 == 1_999:
            os.replace(path, logs / f"shop.log.{number}")
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        with open(path, "a") as file:
            file.write(f"{at}Z INFO line {number}\n")

    config = f"""
        [connector.shop]
        kind = "files"
        paths = ["{logs}/shop.log*"]
        """
    _kill_and_count(tmp_path, config, kills, write)
