"""Log files followed as they grow: nothing lost, nothing twice, however they are written."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tracepulse.clock import SystemClock
from tracepulse.receive.admission import Receipt
from tracepulse.receive.pull.files import FollowedFiles
from tracepulse.receive.signals import Signal


class _Taken:
    """Remembers what was appended."""

    def __init__(self) -> None:
        self.records: list[tuple[str, str]] = []
        """(service, body), in the order of arrival."""

    def append(self, signal: Signal, body: bytes, receipt: Receipt, records: int) -> "Future[None]":
        assert (signal, receipt.origin) == ("logs", "files")
        for group in ExportLogsServiceRequest.FromString(body).resource_logs:
            names = {p.key: p.value.string_value for p in group.resource.attributes}
            for scope in group.scope_logs:
                for record in scope.log_records:
                    self.records.append((names["service.name"], record.body.string_value))
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def bodies(self) -> list[str]:
        return [body for _, body in self.records]


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


def test_a_busy_file_is_stored_while_it_is_written(tmp_path: Path) -> None:
    """A file that never rests is not waited for, and its service is the file's name."""
    taken = _Taken()
    with _following(tmp_path, taken), open(tmp_path / "session.log", "a") as file:
        for number in range(60):
            file.write(_line(number))
            file.flush()
            time.sleep(0.05)
        assert len(taken.records) > 10
    assert [f"line {n}" for n in range(60)] == taken.bodies()
    assert {"session"} == {service for service, _ in taken.records}


def test_a_line_written_in_pieces_is_one(tmp_path: Path) -> None:
    """The beginning of a line waits for its end."""
    taken = _Taken()
    with _following(tmp_path, taken), open(tmp_path / "a.log", "a") as file:
        file.write("2026-11-22 09:00:00,000 INFO one ")
        file.flush()
        time.sleep(1.0)
        file.write("line\n")
        file.flush()
        _until(lambda: bool(taken.records))
    assert ["one line"] == taken.bodies()


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    """What was stored before is not stored again, and what came meanwhile is."""
    path = tmp_path / "a.log"
    path.write_text("".join(_line(n) for n in range(5)))
    first, second = _Taken(), _Taken()
    with _following(tmp_path, first):
        _until(lambda: len(first.records) == 5)
    with open(path, "a") as file:
        file.write("".join(_line(n) for n in range(5, 8)))
    with _following(tmp_path, second):
        _until(lambda: len(second.records) == 3)
    assert [f"line {n}" for n in range(8)] == first.bodies() + second.bodies()


def test_a_rotated_file_is_read_to_its_end(tmp_path: Path) -> None:
    """A file that is renamed away loses nothing, and its successor is read from the start."""
    path, taken = tmp_path / "a.log", _Taken()
    with _following(tmp_path, taken), open(path, "a") as file:
        file.write(_line(0))
        file.flush()
        _until(lambda: len(taken.records) == 1)
        os.rename(path, tmp_path / "a.log.1")
        file.write(_line(1))
        file.flush()
        path.write_text(_line(2))
        _until(lambda: len(taken.records) == 3)
    assert ["line 0", "line 1", "line 2"] == taken.bodies()
