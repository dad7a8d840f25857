"""Log files followed as they grow: nothing lost, nothing twice, however they are written."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tracepulse.clock import SystemClock
from tracepulse.errors import Overloaded
from tracepulse.receive.admission import Receipt
from tracepulse.receive.pull.files import FollowedFiles
from tracepulse.receive.signals import Signal


class _Taken:
    """Remembers what was appended."""

    def __init__(self) -> None:
        self.records: list[tuple[str, str]] = []
        """(service, body), in the order of arrival."""
        self.paths: set[str] = set()
        self.is_full = False

    def append(self, signal: Signal, body: bytes, receipt: Receipt, records: int) -> "Future[None]":
        assert (signal, receipt.origin) == ("logs", "files")
        if self.is_full:
            raise Overloaded("full")
        for group in ExportLogsServiceRequest.FromString(body).resource_logs:
            names = {p.key: p.value.string_value for p in group.resource.attributes}
            self.paths.add(names["log.file.path"])
            for scope in group.scope_logs:
                for record in scope.log_records:
                    self.records.append((names["service.name"], record.body.string_value))
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def bodies(self) -> list[str]:
        return [body for _, body in self.records]


class _ByHand:
    """A follower whose rounds and time the test makes itself, so that nothing runs beside it."""

    def __init__(self, folder: Path, pattern: str = "*.log", max_open: int = 256) -> None:
        self.taken = _Taken()
        self.now_s = 1_000.0
        self.files = FollowedFiles(
            (str(folder / pattern),),
            folder / "places.json",
            self.taken,
            SystemClock(),
            monotonic_s=lambda: self.now_s,
            max_open=max_open,
        )
        self.pass_time()

    def pass_time(self, seconds: float = 3.0) -> None:
        """Let time pass and look, and once more when what was found has been quiet for a while."""
        for step_s in (seconds, 1.0):
            self.now_s += step_s
            while self.files.look():
                pass

    def bodies(self) -> list[str]:
        """Return what came in since this was asked last."""
        bodies = self.taken.bodies()
        self.taken.records.clear()
        return bodies

    def crash(self) -> None:
        """End without storing what is held."""
        self.files.close()


@contextmanager
def _following(folder: Path, taken: _Taken) -> Iterator[None]:
    followed = FollowedFiles((str(folder / "*.log"),), folder / "places.json", taken, SystemClock())
    followed.start()
    try:
        yield
    finally:
        followed.stop()


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "not within 30 s"
        time.sleep(0.02)


def _line(number: int) -> str:
    return f"2026-11-22 09:00:{number % 60:02d},000 INFO line {number}\n"


def _write(path: Path, *numbers: int) -> None:
    with open(path, "a") as file:
        file.write("".join(_line(n) for n in numbers))


def _lines(*numbers: int) -> list[str]:
    return [f"line {n}" for n in numbers]


def test_a_busy_file_is_stored_while_it_is_written(tmp_path: Path) -> None:
    """A file that never rests is not waited for, and its service is the file's name."""
    path = tmp_path / "session.log"
    path.touch()
    hand = _ByHand(tmp_path)
    for number in range(20):
        _write(path, number)
        hand.now_s += 0.2
        hand.files.look()
    assert len(hand.taken.records) > 10
    hand.pass_time()
    assert {"session"} == {service for service, _ in hand.taken.records}
    assert _lines(*range(20)) == hand.bodies()


def test_a_thread_follows_until_it_is_stopped(tmp_path: Path) -> None:
    """What was written before the stop is stored when it returns."""
    taken = _Taken()
    path = tmp_path / "a.log"
    _write(path, 0)
    with _following(tmp_path, taken):
        _until(lambda: bool(taken.records))
        _write(path, 1, 2)
    assert _lines(0, 1, 2) == taken.bodies()


def test_a_line_written_in_pieces_is_one(tmp_path: Path) -> None:
    """The beginning of a line waits for its end."""
    path = tmp_path / "a.log"
    path.write_text("2026-11-22 09:00:00,000 INFO one ")
    hand = _ByHand(tmp_path)
    hand.pass_time()
    with open(path, "a") as file:
        file.write("line\n")
    hand.pass_time()
    assert ["one line"] == hand.bodies()


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    """What was stored before is not stored again, and what came meanwhile is."""
    path = tmp_path / "a.log"
    _write(path, *range(5))
    hand = _ByHand(tmp_path)
    hand.pass_time()
    assert _lines(*range(5)) == hand.bodies()
    hand.crash()
    _write(path, *range(5, 8))
    hand = _ByHand(tmp_path)
    hand.pass_time()
    assert _lines(5, 6, 7) == hand.bodies()


def test_a_file_that_was_renamed_is_read_on_beside_its_successor(tmp_path: Path) -> None:
    """A writer goes on with the file that it has open, also once the new one is being read."""
    path, taken = tmp_path / "a.log", _Taken()
    with _following(tmp_path, taken), open(path, "a") as file:
        file.write(_line(0))
        file.flush()
        _until(lambda: len(taken.records) == 1)
        os.rename(path, tmp_path / "a.log.1")
        _write(path, 2)
        _until(lambda: len(taken.records) == 2)
        file.write(_line(1))
        file.flush()
        _until(lambda: len(taken.records) == 3)
    assert _lines(0, 2, 1) == taken.bodies()


def test_a_rotated_file_is_followed_while_it_grows(tmp_path: Path) -> None:
    """The time after which it is left counts from its last growth."""
    path = tmp_path / "a.log"
    _write(path, 0)
    hand = _ByHand(tmp_path)
    with open(path, "a") as file:
        os.rename(path, tmp_path / "a.log.1")
        _write(path, 100)
        hand.pass_time()
        assert _lines(0, 100) == hand.bodies()
        for number in range(1, 6):
            hand.pass_time(50)
            file.write(_line(number))
            file.flush()
            hand.pass_time()
            assert _lines(number) == hand.bodies()


def test_a_removed_file_is_let_go(tmp_path: Path) -> None:
    """Its room on the disk is freed a while after its last line, which may lack a line end."""
    path = tmp_path / "a.log"
    _write(path, 0)
    hand = _ByHand(tmp_path)
    with open(path, "a") as file:
        path.unlink()
        hand.pass_time()
        file.write(_line(1).rstrip("\n"))
        file.flush()
        inode = os.fstat(file.fileno()).st_ino
    hand.pass_time()
    assert _lines(0) == hand.bodies()
    hand.pass_time(61)
    assert _lines(1) == hand.bodies()
    assert inode not in _open_inodes()


def _open_inodes() -> set[int]:
    inodes = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            inodes.add(os.stat(f"/proc/self/fd/{name}").st_ino)
        except OSError:
            continue
    return inodes


def test_the_rest_of_a_file_that_was_rotated_meanwhile_comes_first(tmp_path: Path) -> None:
    """After a restart the file is found under its new name, and keeps its service."""
    path = tmp_path / "a.log"
    _write(path, 0)
    hand = _ByHand(tmp_path)
    hand.pass_time()
    assert _lines(0) == hand.bodies()
    hand.crash()
    _write(path, 1, 2)
    os.rename(path, tmp_path / "a.log.1")
    _write(path, 3)
    hand = _ByHand(tmp_path)
    hand.pass_time()
    assert {str(path)} == hand.taken.paths
    assert [("a", body) for body in _lines(1, 2, 3)] == hand.taken.records


def test_a_pattern_that_also_finds_the_rotated_file_reads_it_once(tmp_path: Path) -> None:
    """A new name does not make a new file, neither now nor after a restart."""
    path = tmp_path / "a.log"
    _write(path, 0)
    hand = _ByHand(tmp_path, "a.log*")
    hand.pass_time()
    os.rename(tmp_path / "a.log", tmp_path / "a.log.1")
    _write(path, 1)
    hand.pass_time()
    hand.pass_time(70)
    _write(tmp_path / "a.log.1", 2)
    hand.pass_time()
    assert _lines(0, 1, 2) == hand.bodies()
    hand.crash()
    hand = _ByHand(tmp_path, "a.log*")
    hand.pass_time()
    assert [] == hand.bodies()


@pytest.mark.parametrize("count", [1, 50])
def test_a_file_copied_and_cut_off_is_read_anew(tmp_path: Path, count: int) -> None:
    """Also when it is longer than before by the time that it is looked at again."""
    path = tmp_path / "a.log"
    _write(path, *range(20))
    hand = _ByHand(tmp_path)
    hand.pass_time()
    assert _lines(*range(20)) == hand.bodies()
    shutil.copy(path, tmp_path / "a.log.1")
    os.truncate(path, 0)
    _write(path, *range(20, 20 + count))
    hand.pass_time()
    assert _lines(*range(20, 20 + count)) == hand.bodies()


@pytest.mark.parametrize("at_look", ["never", "before the cut", "after it", "restart", "crash"])
@pytest.mark.parametrize("unread", [0, 5])
def test_a_copy_that_a_rotation_makes_brings_what_was_not_read_yet(
    tmp_path: Path, at_look: str, unread: int
) -> None:
    """It matches the pattern too: none of its lines comes twice, and none that it alone has is missed."""
    path = tmp_path / "a.log"
    _write(path, *range(20))
    hand = _ByHand(tmp_path, "a.log*")
    hand.pass_time()
    bodies = hand.bodies()
    for turn in range(1, 4):
        first = turn * 100
        _write(path, *range(first, first + unread))
        if turn > 1:
            os.replace(tmp_path / "a.log.1", tmp_path / f"a.log.{turn}")
        shutil.copy(path, tmp_path / "a.log.1")
        if at_look == "before the cut":
            hand.pass_time()
        if at_look == "restart":
            hand.files.stop()
            hand.files.look()
        if at_look in ("restart", "crash"):
            bodies += hand.bodies()
            hand.crash()
        os.truncate(path, 0)
        if at_look in ("restart", "crash"):
            hand = _ByHand(tmp_path, "a.log*")
        if at_look == "after it":
            hand.pass_time()
        _write(path, *range(first + 50, first + 60))
        hand.pass_time(70.0)
        hand.pass_time()
    bodies += hand.bodies()
    numbers = [
        n for turn in (100, 200, 300) for n in (*range(unread), *range(50, 60)) for n in [turn + n]
    ]
    assert sorted(_lines(*range(20), *numbers)) == sorted(bodies)


def test_files_that_only_begin_alike_are_no_copies(tmp_path: Path) -> None:
    """Also where one is called as the other is with something added."""
    _write(tmp_path / "a.log", *range(20), 30)
    hand = _ByHand(tmp_path, "a.log*")
    hand.pass_time()
    _write(tmp_path / "a.log.old", *range(20), 31, 32)
    hand.pass_time()
    assert [*_lines(*range(20), 30), *_lines(*range(20), 31, 32)] == hand.bodies()


def test_a_writer_that_goes_on_at_its_old_offset_after_a_cut(tmp_path: Path) -> None:
    """The hole before its next line is not read as text."""
    path = tmp_path / "a.log"
    with open(path, "w") as file:
        file.write("".join(_line(n) for n in range(200)))
        file.flush()
        hand = _ByHand(tmp_path)
        hand.pass_time()
        assert 200 == len(hand.bodies())
        os.truncate(path, 0)
        hand.pass_time()
        file.write(_line(200))
        file.flush()
    hand.pass_time()
    assert _lines(200) == hand.bodies()


def test_another_file_with_the_same_inode_is_read_from_its_beginning(tmp_path: Path) -> None:
    """A file system gives a removed file's inode to the next: the place is not that of the new."""
    path = tmp_path / "a.log"
    _write(path, *range(3))
    hand = _ByHand(tmp_path)
    hand.pass_time()
    assert _lines(0, 1, 2) == hand.bodies()
    hand.crash()
    with open(path, "r+") as file:  # the same inode for certain
        file.write("".join(_line(n) for n in range(10, 20)))
    hand = _ByHand(tmp_path)
    hand.pass_time()
    assert _lines(*range(10, 20)) == hand.bodies()


def test_another_file_with_the_inode_of_a_removed_one_is_not_read(tmp_path: Path) -> None:
    """What lies beside a log and matches no pattern is none of ours."""
    path = tmp_path / "a.log"
    _write(path, *range(3))
    hand = _ByHand(tmp_path)
    hand.pass_time()
    assert 3 == len(hand.bodies())
    hand.crash()
    os.rename(path, tmp_path / "secrets")
    (tmp_path / "secrets").write_text(
        "2026-11-22 09:00:00,000 INFO something else, and longer\n" * 9
    )
    hand = _ByHand(tmp_path)
    hand.pass_time()
    assert [] == hand.bodies()


def test_many_files_are_read_in_turn(tmp_path: Path) -> None:
    """No more than so many are open at a time, and none is forgotten."""
    paths = [tmp_path / f"{number:02d}.log" for number in range(20)]
    for number, path in enumerate(paths):
        _write(path, number)
    hand = _ByHand(tmp_path, max_open=3)
    for _ in range(8):
        hand.pass_time()
        assert len(_open_inodes() & {path.stat().st_ino for path in paths}) <= 3
    assert sorted(_lines(*range(20))) == sorted(hand.bodies())
    for number, path in enumerate(paths):
        _write(path, 100 + number)
    for _ in range(8):
        hand.pass_time()
    assert sorted(_lines(*range(100, 120))) == sorted(hand.bodies())


def test_a_file_that_was_closed_and_rotated_is_read_to_its_end(tmp_path: Path) -> None:
    """What had been written to it between two looks is found under its new name."""
    paths = [tmp_path / f"{number}.log" for number in range(3)]
    for number, path in enumerate(paths):
        _write(path, number)
    hand = _ByHand(tmp_path, max_open=1)
    for _ in range(4):
        hand.pass_time()
    assert _lines(0, 1, 2) == sorted(hand.bodies())
    for number, path in enumerate(paths):
        _write(path, 10 + number)
        os.rename(path, tmp_path / f"{number}.log.1")
        _write(path, 20 + number)
    for _ in range(8):
        hand.pass_time()
    assert _lines(10, 11, 12, 20, 21, 22) == sorted(hand.bodies())


def test_lines_for_which_there_was_no_room_come_after_the_restart(tmp_path: Path) -> None:
    """A stop does not wait for a full journal, and the place is not moved past what was refused."""
    path, taken = tmp_path / "a.log", _Taken()
    _write(path, 0)
    with _following(tmp_path, taken):
        _until(lambda: len(taken.records) == 1)
        taken.is_full = True
        _write(path, 1, 2)
    hand = _ByHand(tmp_path)
    hand.pass_time()
    assert _lines(1, 2) == hand.bodies()


def test_places_of_the_first_form_are_understood(tmp_path: Path) -> None:
    """An update does not read the files again."""
    path = tmp_path / "a.log"
    _write(path, 0, 1)
    (tmp_path / "places.json").write_text(
        f'{{"{path}": {{"inode": {path.stat().st_ino}, "offset": {len(_line(0))}}}}}'
    )
    hand = _ByHand(tmp_path)
    hand.pass_time()
    assert _lines(1) == hand.bodies()
