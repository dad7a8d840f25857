"""`kill -9` under load: what was acknowledged is there, once, in tables and roll-ups."""

import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tests.faults.server_process import Server, read_folder, start
from tests.otlp_requests import SECOND, log, logs, span, traces

HEADERS = {"content-type": "application/x-protobuf"}


@dataclass
class Writer:
    """Posts numbered spans or log lines until it is stopped, and notes what was acknowledged."""

    signal: str
    first: int
    acknowledged: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    stopped: threading.Event = field(default_factory=threading.Event)

    def write(self, url: str) -> None:
        """Post until stopped or until the server is gone."""
        number = self.first
        with httpx.Client(timeout=10) as client:
            while not self.stopped.is_set():
                names = [f"{self.signal}-{number + n}" for n in range(10)]
                number += 10
                self.sent.update(names)
                try:
                    answer = client.post(
                        f"{url}/v1/{self.signal}", content=self._body(names), headers=HEADERS
                    )
                except httpx.TransportError:
                    return
                if answer.status_code == 200:
                    self.acknowledged.update(names)

    def _body(self, names: list[str]) -> bytes:
        now = time.time_ns() // SECOND * SECOND
        if self.signal == "logs":
            return logs(*[log(name, at=now, severity=17) for name in names]).SerializeToString()
        return traces(
            *[span(span_id=n, start=now, number=name) for n, name in enumerate(names, 1)]
        ).SerializeToString()


def _write_for(server: Server, seconds: float, turn: int) -> list[Writer]:
    """Let two writers post for a while, then kill the server under them."""
    writers = [Writer(signal, turn * 1_000_000) for signal in ("traces", "logs")]
    threads = [threading.Thread(target=w.write, args=(server.otlp,)) for w in writers]
    for each in threads:
        each.start()
    time.sleep(seconds)
    server.kill()
    for writer, thread in zip(writers, threads, strict=True):
        writer.stopped.set()
        thread.join(30)
    return writers


def _check(folder: Path, writers: list[Writer]) -> None:
    """Every acknowledged record once, nothing that was not sent, roll-ups to match."""
    held = read_folder(folder)
    for signal in {writer.signal for writer in writers}:
        found = held.spans if signal == "traces" else held.logs
        acknowledged = {n for w in writers if w.signal == signal for n in w.acknowledged}
        sent = {n for w in writers if w.signal == signal for n in w.sent}
        assert acknowledged, f"no {signal} were acknowledged: the test shows nothing"
        assert set() == acknowledged - set(found), f"{signal} lost"
        assert len(found) == len(set(found)), f"{signal} doubled"
        assert set() == set(found) - sent
    assert (len(held.spans), len(held.spans), len(held.logs)) == (
        held.calls,
        held.minutes,
        held.lines,
    )


@pytest.mark.parametrize("kills", [5, pytest.param(40, marks=pytest.mark.slow)])
def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path, kills: int) -> None:
    """Killed at random instants under two writers, and started again on the same folder."""
    folder = tmp_path / "data"
    chance = random.Random(7)
    writers: list[Writer] = []
    for turn in range(kills):
        with start(folder) as server:
            writers += _write_for(server, chance.uniform(0.1, 1.2), turn)
    with start(folder) as server:
        server.wait_loaded()
        server.stop()
    _check(folder, writers)


@pytest.mark.parametrize(
    "points",
    [
        ["after-load", "before-rebuild"],
        pytest.param(["before-load"], marks=pytest.mark.slow),
        pytest.param(["after-checkpoint"], marks=pytest.mark.slow),
        pytest.param(["after-load", "after-rebuild"], marks=pytest.mark.slow),
        pytest.param(["before-load", "after-load", "before-rebuild"], marks=pytest.mark.slow),
    ],
    ids=">".join,
)
def test_a_kill_at_a_chosen_point_is_made_good(tmp_path: Path, points: list[str]) -> None:
    """Killed between load and checkpoint, and in the recovery from that."""
    folder = tmp_path / "data"
    writer = Writer("traces", 0)
    with start(folder, points[0]) as server:
        writer.write(server.otlp)
        server.wait_killed()
    for point in points[1:]:
        with start(folder, point) as server:
            server.wait_killed()
    with start(folder) as server:
        server.wait_loaded()
        server.stop()
    _check(folder, [writer])
