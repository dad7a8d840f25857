"""Log files over crashes on either side of the journal's sync: each line once."""

import sqlite3
from concurrent.futures import Future
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tracepulse.clock import SystemClock
from tracepulse.receive.admission import Receipt
from tracepulse.receive.pull.files import FollowedFiles
from tracepulse.receive.pull.progress import Pulled, settle
from tracepulse.receive.signals import Signal


class _CrashError(Exception):
    pass


class _Journal:
    """Keeps requests, and crashes at one of them."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.held: set[tuple[Signal, int]] = set()
        self.crash_at = -1
        self.keeps_last = False
        self._count = 0

    def append(self, signal: Signal, body: bytes, receipt: Receipt, records: int) -> "Future[None]":
        crash = self._count == self.crash_at
        self._count += 1
        if self.keeps_last or not crash:
            assert (signal, receipt.received_unix_ns) not in self.held
            self.held.add((signal, receipt.received_unix_ns))
            for group in ExportLogsServiceRequest.FromString(body).resource_logs:
                for scope in group.scope_logs:
                    self.bodies += [record.body.string_value for record in scope.log_records]
        if crash:
            raise _CrashError
        done: Future[None] = Future()
        done.set_result(None)
        return done


class _Process:
    """A follower from its start to its crash, on notes that outlive it."""

    def __init__(self, folder: Path, journal: _Journal) -> None:
        self.now_s = 0.0
        notes = folder / "pulled.db"
        settle(
            notes, lambda signal, received_unix_ns, _: (signal, received_unix_ns) in journal.held
        )
        self.pulled = Pulled(notes, "shop")
        self.files = FollowedFiles(
            (str(folder / "*.log"),),
            folder / "places.json",
            journal,
            SystemClock(),
            monotonic_s=lambda: self.now_s,
            promises=self.pulled,
        )

    def run(self) -> None:
        """Read what there is, until a crash perhaps."""
        try:
            for _ in range(4):
                self.now_s += 3.0
                while self.files.look():
                    pass
        except _CrashError:
            pass
        self.files.close()
        self.pulled.close()


@pytest.mark.parametrize("keeps_last", [True, False])
@pytest.mark.parametrize("crash_at", [0, 1, 3])
def test_a_crash_neither_loses_nor_doubles_a_line(
    tmp_path: Path, crash_at: int, keeps_last: bool
) -> None:
    """What a crash leaves undecided is decided by what the journal holds."""
    journal = _Journal()
    expected = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}.log"
        with path.open("a") as file:
            for number in range(12_000):
                body = f"{name} {number} " + "x" * 100
                file.write(f"2026-11-22 09:00:00,000 INFO {body}\n")
                expected.append(body)
    journal.crash_at, journal.keeps_last = crash_at, keeps_last
    _Process(tmp_path, journal).run()
    with (tmp_path / "a.log").open("a") as file:
        file.write("2026-11-22 09:00:01,000 INFO later\n")
    _Process(tmp_path, journal).run()
    assert sorted([*expected, "later"]) == sorted(journal.bodies)


def test_what_the_journal_forgot_long_ago_is_not_read_again(tmp_path: Path) -> None:
    """Stored segments are dropped in time; a file that was quiet since keeps its place."""
    journal = _Journal()
    (tmp_path / "a.log").write_text("2026-11-22 09:00:00,000 INFO one\n")
    _Process(tmp_path, journal).run()
    journal.held.clear()
    _Process(tmp_path, journal).run()
    assert ["one"] == journal.bodies


def test_a_journal_that_keeps_what_it_denies_is_noticed(tmp_path: Path) -> None:
    """A line that is stored although the journal says otherwise comes twice: the test can fail."""
    journal = _Journal()
    (tmp_path / "a.log").write_text("2026-11-22 09:00:00,000 INFO one\n")
    journal.crash_at, journal.keeps_last = 0, True
    _Process(tmp_path, journal).run()
    journal.held.clear()
    _Process(tmp_path, journal).run()
    assert ["one", "one"] == journal.bodies


def test_a_crash_of_the_machine_after_which_the_disk_has_another_number(tmp_path: Path) -> None:
    """A device's number may change when the machine starts: the promised place counts all the same."""
    journal = _Journal()
    (tmp_path / "a.log").write_text("2026-11-22 09:00:00,000 INFO one\n")
    journal.crash_at, journal.keeps_last = 0, True
    _Process(tmp_path, journal).run()
    device = f'"device": {tmp_path.stat().st_dev},'.replace('"', '\\"')
    with sqlite3.connect(tmp_path / "pulled.db") as notes:
        notes.execute(
            "UPDATE promise SET after = replace(after, ?, ?)", (device, '\\"device\\": 99999,')
        )
        ((after,),) = notes.execute("SELECT after FROM promise").fetchall()
    notes.close()
    assert "99999" in after
    _Process(tmp_path, journal).run()
    assert ["one"] == journal.bodies
