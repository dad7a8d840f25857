"""Files that the disk has torn or changed: the server starts, puts the piece aside, and says so."""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.faults.ledger import Ledger, account_faults, read_folder
from tests.faults.server_process import Server, start
from tests.faults.writers import Writer
from tests.running_server import wait_until

Injury = Callable[[Path, random.Random], None]


def _truncate(path: Path, chance: random.Random) -> None:
    os.truncate(path, chance.randrange(path.stat().st_size))


def _zero(path: Path, chance: random.Random) -> None:
    size = path.stat().st_size
    start_ = chance.randrange(size)
    with path.open("r+b") as file:
        file.seek(start_)
        file.write(bytes(min(512, size - start_)))


def _flip(path: Path, chance: random.Random) -> None:
    with path.open("r+b") as file:
        place = chance.randrange(path.stat().st_size)
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1 << chance.randrange(8)]))


INJURIES = {"truncated": _truncate, "zeroed": _zero, "flipped": _flip}


def _post(server: Server, writer: Writer, requests: int) -> None:
    with httpx.Client(timeout=60) as client:
        for n in range(requests):
            first = writer.first + n * writer.batch
            names = [f"{writer.signal}-{first + i}" for i in range(writer.batch)]
            assert writer.post(client, server.otlp, names)
    writer.first += requests * writer.batch


def _backlog(folder: Path, ending: str) -> Writer:
    """Leave a folder whose journal holds acknowledged spans that are not in the store."""
    writer = Writer("traces", 0)
    # The server dies before the first row is written, or before its segment is sealed.
    at = "^INSERT INTO `?otel_traces" if ending == "sealed" else r"^rename \S+\.open"
    with start(folder, {"kill": {"at": at, "nth": 1, "when": "before"}, "slow_s": 0.02}) as server:
        with httpx.Client(timeout=30) as client:
            for first in range(0, 2000, 10):
                if not writer.post(client, server.otlp, [f"traces-{first + n}" for n in range(10)]):
                    break
        server.wait_killed()
    return writer


@pytest.mark.parametrize(
    ("ending", "injury"),
    [
        ("sealed", "flipped"),
        pytest.param("sealed", "truncated", marks=pytest.mark.slow),
        pytest.param("sealed", "zeroed", marks=pytest.mark.slow),
        pytest.param("open", "flipped", marks=pytest.mark.slow),
        pytest.param("open", "truncated", marks=pytest.mark.slow),
        pytest.param("open", "zeroed", marks=pytest.mark.slow),
    ],
)
def test_a_damaged_segment(tmp_path: Path, ending: str, injury: str) -> None:
    """What can still be read is stored once; what cannot is named with its records and its time."""
    folder = tmp_path / "data"
    writer = _backlog(folder, ending)
    segments = sorted((folder / "journal").glob(f"*.traces.{ending}"))
    assert segments, "the test shows nothing"
    INJURIES[injury](segments[0], random.Random(5))
    with start(folder) as server:
        accounting = server.wait_loaded()["accounting"]
        check = server.check("journal")
        server.stop()
    held = read_folder(folder)
    assert [] == account_faults(accounting, held)
    lost = writer.ledger.acknowledged["traces"] - set(held.traces)
    told = writer.ledger.faults(held)
    # What was durable but not answered yet counts too.
    counted = accounting["signals"][0]["rejected"].get("lost", 0)
    in_flight = writer.ledger.sent["traces"] - writer.ledger.acknowledged["traces"]
    assert len(lost) <= counted <= len(lost | (in_flight - set(held.traces)))
    if counted:
        assert not check["ok"], "a silent gap"
        assert f"{counted} records of traces" in check["detail"]
        assert "received" in check["detail"]
        assert told == [each for each in told if each.startswith(f"traces: {len(lost)} lost")]
        assert bool(told) == bool(lost)
    else:
        assert [] == told
        assert check["ok"], check


def _part_files(folder: Path, table: str) -> list[Path]:
    """Return the data files of the parts of a table, largest first."""
    found = [
        path
        for path in (folder / "engine" / "store").glob("*/*/*/*.bin")
        if table in _owners(path, folder)
    ]
    return sorted(found, key=lambda path: (-path.stat().st_size, path))


def _owners(path: Path, folder: Path) -> str:
    """Return the name of the table whose folder a part lies in."""
    for link in (folder / "engine" / "data").glob("*/*"):
        if link.resolve() == path.parents[1]:
            return link.name
    return ""


@pytest.mark.parametrize(
    ("table", "injury"),
    [
        ("otel_traces", "truncated"),
        ("otel_traces", "flipped"),
        pytest.param("otel_logs", "zeroed", marks=pytest.mark.slow),
        pytest.param("span_minutes", "truncated", marks=pytest.mark.slow),
        pytest.param("log_bins", "flipped", marks=pytest.mark.slow),
        pytest.param("log_shapes", "flipped", marks=pytest.mark.slow),
    ],
)
def test_a_damaged_part_of_the_store(tmp_path: Path, table: str, injury: str) -> None:
    """The server starts, says which part of which table it is, and fills it from the journal."""
    folder = tmp_path / "data"
    spans, lines = Writer("traces", 0), Writer("logs", 0)
    with start(folder) as server:
        for _ in range(3):
            _post(server, spans, 5)
            _post(server, lines, 5)
            server.wait_loaded()
        server.stop()
    (victim, *_) = _part_files(folder, table)
    INJURIES[injury](victim, random.Random(11))
    with start(folder) as server:
        wait_until(lambda: server.check("store parts"), lambda c: not c["ok"], "it is told", 120)
        detail = server.check("store parts")["detail"]
        assert table in detail
        assert time.strftime("%Y-") in detail
        wait_until(
            lambda: server.check("store parts")["detail"].endswith(
                " 0 segments were loaded again from the journal"
            ),
            lambda none: not none,
            "segments are loaded again",
            60,
        )
        server.wait_loaded()
        server.stop()
    held = read_folder(folder)
    ledger = Ledger()
    ledger.add(spans.ledger)
    ledger.add(lines.ledger)
    assert [] == ledger.faults(held)
