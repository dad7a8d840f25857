"""`kill -9`: what was acknowledged is there, once, in tables and roll-ups."""

import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.faults.ledger import Ledger, account_faults, change_folder, read_folder
from tests.faults.server_process import Server, start
from tests.faults.writers import Writer, writing

INSERT = "^INSERT INTO `?"
POINTS: dict[str, tuple[str, int]] = {
    "rows": (INSERT + "otel_traces", 1),
    "more rows": (INSERT + "otel_traces", 2),
    "lines": (INSERT + "otel_logs", 1),
    "points": (INSERT + "otel_metrics_gauge", 1),
    "spans rolled up": (INSERT + "span_bins", 1),
    "minutes rolled up": (INSERT + "span_minutes", 1),
    "lines rolled up": (INSERT + "log_bins", 1),
    "any write": ("^INSERT", 3),
    "repair": ("^ALTER TABLE", 1),
    "later repair": ("^ALTER TABLE", 2),
    "sealing": (r"^rename \S+\.open \S+\.sealed", 1),
    "sealing again": (r"^rename \S+\.open \S+\.sealed", 4),
    "checkpoint": (r"^rename \S+\.sealed \S+\.stored", 1),
    "later checkpoint": (r"^rename \S+\.sealed \S+\.stored", 3),
    "journal": (r"^sync \S+\.open", 7),
    "dropping": (r"^unlink", 1),
    "account": (r"^sync accounts\.log", 2),
    "accounts anew": (r"^replace accounts\.new", 1),
}
"""Operations at which a server is killed: a pattern, and which of them it is."""
_PATIENCE_S = 6.0
"""A point that is not reached by then, as nothing needs repair, ends as a kill at that instant."""


def _plan(chance: random.Random, point: str, clock: Path) -> dict[str, Any]:
    at, nth = POINTS[point]
    when = chance.choice(("before", "during", "after"))
    return {"kill": {"at": at, "nth": nth, "when": when}, "clock": str(clock)}


class Scene:
    """One data folder, its writers, and what they were told over many kills."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder = folder
        self.chance = chance
        self.ledger = Ledger()
        self.turn = 0
        self.clock = folder.parent / "clock"
        self.clock.write_text("0")
        self.wrong: list[str] = []

    def kill(self, plan: dict[str, Any] | None, until: Callable[[Server], None]) -> None:
        """Start a server, let two writers and a reader work, and kill it."""
        self.turn += 1
        # Received now on this day and now on the next, so that one segment holds both.
        self.clock.write_text(str(self.chance.choice((0, 0, 86_400_000_000_000))))
        third = self.chance.choice(("metrics", "traces"))
        writers = [
            Writer(signal, self.turn * 1_000_000 + n * 100_000)  # type: ignore[arg-type]
            for n, signal in enumerate(("traces", "logs", third))
        ]
        with (
            start(self.folder, plan) as server,
            writing(server, writers) as wrong,
        ):
            until(server)
            server.kill()
        self.wrong += wrong
        for each in writers:
            self.ledger.add(each.ledger)
            self.wrong += each.unexplained

    def at_random(self) -> None:
        """Kill at any instant, soon or later."""
        wait_s = self.chance.uniform(0.0, 1.2)
        served = self.chance.random() < 0.8

        def wait(server: Server) -> None:
            if served:  # and not within the start
                httpx.get(f"{server.api}/api/doctor", timeout=60)
            time.sleep(wait_s)

        self.kill({"clock": str(self.clock)}, wait)

    def at(self, point: str) -> None:
        """Kill at a chosen operation."""

        def reached(server: Server) -> None:
            deadline = time.monotonic() + _PATIENCE_S
            while server.process.poll() is None and time.monotonic() < deadline:
                self.clock.write_text(str(self.chance.choice((0, 86_400_000_000_000))))
                time.sleep(0.05)

        self.kill(_plan(self.chance, point, self.clock), reached)

    def settle(self) -> None:
        """Start once more without faults, load everything, and hold the ledger against it."""
        with start(self.folder) as server:
            report = server.wait_loaded()
            server.stop()
        held = read_folder(self.folder)
        assert [] == self.ledger.faults(held)
        assert [] == account_faults(report["accounting"], held)
        assert [] == self.wrong
        assert {"traces", "logs"} <= set(self.ledger.acknowledged), "the test shows nothing"


def _say(text: str) -> None:
    if os.environ.get("TRACEPULSE_PROGRESS"):
        print(text, file=sys.stderr, flush=True)  # noqa: T201


def test_ten_kills(tmp_path: Path) -> None:
    """Killed at chosen operations, one after the other on one folder, and at random between them."""
    scene = Scene(tmp_path / "data", random.Random(7))
    for point in (
        "rows",
        "any write",
        "checkpoint",
        "account",
        "repair",
        "",
        "spans rolled up",
        "sealing",
        "lines",
        "",
        "later checkpoint",
    ):
        scene.at(point) if point else scene.at_random()
    scene.settle()


@pytest.mark.slow
def test_two_hundred_kills(tmp_path: Path) -> None:
    """Half of them at random instants, half at operations; all held against the ledger in between."""
    total = int(os.environ.get("TRACEPULSE_KILLS", "200"))
    seed = int(os.environ.get("TRACEPULSE_SEED", "1"))
    chance = random.Random(seed)
    scene = Scene(tmp_path / "data", chance)
    began = time.monotonic()
    for kill in range(1, total + 1):
        point = chance.choice(list(POINTS)) if chance.random() < 0.5 else ""
        scene.at(point) if point else scene.at_random()
        if kill % 25 == 0 or kill == total:
            scene.settle()
            counts = {s: len(n) for s, n in sorted(scene.ledger.acknowledged.items())}
            _say(
                f"{kill} kills, {time.monotonic() - began:.0f} s, acknowledged and there: {counts}"
            )


def _refuse_and_kill(folder: Path, kill: dict[str, Any] | None) -> Ledger:
    """Have the engine refuse a segment of several messages, so that it is split."""
    writer = Writer("traces", 0)
    # A slow disk makes segments that hold many messages.
    refuse = {"at": INSERT + "otel_traces", "times": 3}
    with start(folder, {"refuse": refuse} | ({"kill": kill} if kill else {})) as server:
        with httpx.Client(timeout=30) as client:
            for first in range(0, 80, 10):
                names = [f"traces-{first + n}" for n in range(10)]
                if not writer.post(client, server.otlp, names):
                    break
        if kill:
            server.wait_killed()
        else:
            server.wait_loaded()
            server.stop()
    return writer.ledger


@pytest.mark.parametrize(
    "at",
    [
        pytest.param((r"^sync \S+-\d+a\.\S+", "after"), id="first half written"),
        pytest.param((r"^sync \S+-\d+b\.\S+", "before"), id="second half not written", marks=pytest.mark.slow),
        pytest.param((r"^unlink \S+\.sealed", "before"), id="whole not discarded"),
        pytest.param((r"^unlink \S+\.sealed", "after"), id="whole discarded", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_kill_while_a_refused_segment_is_split(tmp_path: Path, at: tuple[str, str]) -> None:
    """The halves of a segment replace it or do not count; never both."""
    folder = tmp_path / "data"
    ledger = _refuse_and_kill(folder, {"at": at[0], "nth": 1, "when": at[1]})
    with start(folder) as server:
        report = server.wait_loaded()
        server.stop()
    held = read_folder(folder)
    assert ledger.acknowledged["traces"]
    assert [] == ledger.faults(held)
    assert [] == account_faults(report["accounting"], held)


# -- the test of the test ------------------------------------------------------------------------


def test_loss_and_doubling_would_be_seen(tmp_path: Path) -> None:
    """Positive control: early acknowledgements, lost rows, doubled rows, wrong roll-ups are all told."""
    folder = tmp_path / "data"
    writer = Writer("logs", 0)
    spans = Writer("traces", 0)
    # With a slow fsync and early acknowledgements, requests wait in memory when the server dies.
    plan = {
        "early": True,
        "slow_s": 0.3,
        "kill": {"at": r"\.logs\.open", "nth": 3, "when": "after"},
    }
    with start(folder, plan) as server, httpx.Client(timeout=30) as client:
        spans.post(client, server.otlp, ["traces-1", "traces-2"])
        writer.write(server.otlp)
        server.wait_killed()
    with start(folder) as server:
        server.wait_loaded()
        server.stop()
    held = read_folder(folder)
    everything = Ledger()
    everything.add(spans.ledger)
    everything.add(writer.ledger)
    (told,) = everything.faults(held)
    assert told.startswith("logs: ")
    assert "lost" in told

    ledger = Ledger()
    ledger.add(spans.ledger)
    ledger.sent["logs"] = writer.ledger.sent["logs"]
    assert [] == ledger.faults(held)
    change_folder(
        folder,
        "INSERT INTO otel_traces SELECT * FROM otel_traces WHERE SpanAttributes['number'] = 'traces-1'"
        " SETTINGS insert_deduplicate = 0",
        "ALTER TABLE otel_traces DELETE WHERE SpanAttributes['number'] = 'traces-2'"
        " SETTINGS mutations_sync = 2",
        "INSERT INTO span_minutes SELECT * FROM span_minutes SETTINGS insert_deduplicate = 0",
    )
    said = " ".join(ledger.faults(read_folder(folder)))
    for word in (
        "1 lost, such as ['traces-2']",
        "1 doubled, such as ['traces-1']",
        "span_minutes is not",
    ):
        assert word in said, said
