"""Log files that are packed after their rotation: what they hold is read once."""

import gzip
import os
from concurrent.futures import Future
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tracepulse.clock import SystemClock
from tracepulse.receive.admission import Receipt
from tracepulse.receive.pull import followed_file
from tracepulse.receive.pull.files import FollowedFiles
from tracepulse.receive.pull.packed_files import unpacked_copy
from tracepulse.receive.signals import Signal


class _Follower:
    """A follower of everything that begins with app.log, whose time the test makes."""

    def __init__(self, folder: Path) -> None:
        self.bodies: list[str] = []
        self.now_s = 0.0
        self.files = FollowedFiles(
            (str(folder / "app.log*"),),
            folder / "places.json",
            self,
            SystemClock(),
            monotonic_s=lambda: self.now_s,
        )

    def append(self, signal: Signal, body: bytes, receipt: Receipt, records: int) -> "Future[None]":
        for group in ExportLogsServiceRequest.FromString(body).resource_logs:
            for scope in group.scope_logs:
                self.bodies += [record.body.string_value for record in scope.log_records]
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def pass_time(self, seconds: float = 3.0, rounds: int = 6) -> list[str]:
        """Let time pass; return what came in meanwhile."""
        for _ in range(rounds):
            self.now_s += seconds
            while self.files.look():
                pass
        bodies, self.bodies = self.bodies, []
        return bodies


def _lines(*numbers: int) -> str:
    return "".join(f"2026-11-22 09:00:00,000 INFO line {number}\n" for number in numbers)


def _pack(path: Path) -> Path:
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return packed


def test_a_packed_file_that_was_never_read_is_read_once(tmp_path: Path) -> None:
    """It is unpacked, read, and left alone from then on, over restarts and when it is renamed."""
    path = tmp_path / "app.log.1"
    path.write_text(_lines(1, 2, 3))
    packed = _pack(path)
    follower = _Follower(tmp_path)
    assert ["line 1", "line 2", "line 3"] == follower.pass_time()
    follower.files.close()
    os.replace(packed, tmp_path / "app.log.2.gz")
    assert [] == _Follower(tmp_path).pass_time()


def test_a_file_that_was_read_is_not_read_again_once_it_is_packed(tmp_path: Path) -> None:
    """A rotation that packs at once, while the follower runs, doubles nothing."""
    path = tmp_path / "app.log"
    path.write_text(_lines(*range(50)))
    follower = _Follower(tmp_path)
    assert 50 == len(follower.pass_time())
    os.replace(path, tmp_path / "app.log.1")
    path.write_text(_lines(50))
    assert ["line 50"] == follower.pass_time()
    _pack(tmp_path / "app.log.1")
    assert [] == follower.pass_time(40.0, rounds=6)


def test_the_rest_of_a_file_that_was_packed_meanwhile_is_read(tmp_path: Path) -> None:
    """What was written while nobody read is found in the packed file, and only that."""
    path = tmp_path / "app.log"
    path.write_text(_lines(*range(50)))
    follower = _Follower(tmp_path)
    assert 50 == len(follower.pass_time())
    follower.files.close()
    with path.open("a") as file:
        file.write(_lines(50, 51))
    os.replace(path, tmp_path / "app.log.1")
    _pack(tmp_path / "app.log.1")
    path.write_text(_lines(52))
    assert ["line 50", "line 51", "line 52"] == sorted(_Follower(tmp_path).pass_time())


def test_a_file_that_is_being_packed_is_waited_for(tmp_path: Path) -> None:
    """A packed file without its end is no file yet."""
    whole = gzip.compress(_lines(*range(100)).encode())
    packed = tmp_path / "app.log.1.gz"
    packed.write_bytes(whole[: len(whole) // 2])
    follower = _Follower(tmp_path)
    assert [] == follower.pass_time()
    packed.write_bytes(whole)
    assert 100 == len(follower.pass_time())


def test_a_spoilt_packed_file_is_not_unpacked_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again when it has changed, or after minutes; never at each look."""
    path = tmp_path / "app.log.1.gz"
    whole = gzip.compress(_lines(*range(2000)).encode())
    path.write_bytes(whole[: len(whole) // 2])
    unpacked: list[str] = []

    def unpacking(name: str) -> int:
        unpacked.append(name)
        return unpacked_copy(name)

    monkeypatch.setattr(followed_file, "unpacked_copy", unpacking)
    follower = _Follower(tmp_path)
    assert [] == follower.pass_time(rounds=60)
    assert 1 == len(unpacked)
    assert [] == follower.pass_time(seconds=700.0, rounds=1)
    assert 2 == len(unpacked)
    path.write_bytes(whole)
    assert 2000 == len(follower.pass_time())
