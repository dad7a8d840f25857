"""The journal: what it acknowledged is on disk, whatever the disk does."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.otlp_requests import log, logs, span, traces
from tests.running_server import ROOT

from tracepulse.errors import Overloaded
from tracepulse.journal.framing import frames
from tracepulse.journal.journal import Journal, JournalLimits
from tracepulse.journal.segment import Segment, contents
from tracepulse.receive.admission import Receipt
from tracepulse.receive.signals import REQUEST_TYPES

RECEIPT = Receipt(1_700_000_000_000_000_000, "otlp_http", "loopback")
QUICK = JournalLimits(seal_after_s=0.0, pace_s=0.0, min_free_bytes=1)


def _body(number: int) -> bytes:
    return traces(span(span_id=number)).SerializeToString()


def _numbers(paths: list[Path]) -> list[int]:
    """Return the numbers of all spans in some segments, in order."""
    found = []
    for path in paths:
        for each in frames(path.read_bytes()):
            request = REQUEST_TYPES["traces"].FromString(bytes(each.message))
            for group in request.resource_spans:  # type: ignore[union-attr]
                for scope in group.scope_spans:
                    found += [int.from_bytes(s.span_id) for s in scope.spans]
    return sorted(found)


@dataclass
class FailingDisk:
    """An fsync that fails when told to."""

    failing: bool = False
    calls: int = 0
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def sync(self, descriptor: int) -> None:
        """Make durable, or fail; waits while the gate is shut."""
        self.gate.wait(10)
        self.calls += 1
        if self.failing:
            raise OSError(5, "Input/output error")
        os.fdatasync(descriptor)


@pytest.fixture
def open_journal(tmp_path: Path) -> Iterator[Callable[..., Journal]]:
    """Open journals one after the other on one folder; the last is ended."""
    opened: list[Journal] = []

    def open_one(
        limits: JournalLimits = QUICK, sync: Callable[[int], None] = os.fdatasync
    ) -> Journal:
        opened.append(Journal(tmp_path / "journal", f"run{len(opened)}", limits, sync))
        return opened[-1]

    yield open_one
    for each in opened:
        each.seal_all()


def _take(journal: Journal) -> Segment:
    segment = journal.next_sealed(timeout_s=5)
    assert segment is not None
    return segment


def test_what_was_acknowledged_is_in_a_segment(open_journal: Callable[..., Journal]) -> None:
    """Appended requests come to the store in order, one segment per signal."""
    journal = open_journal()
    done = [journal.append("traces", _body(n), RECEIPT, 1) for n in range(1, 6)]
    journal.append("logs", logs(log()).SerializeToString(), RECEIPT, 1).result(5)
    for each in done:
        each.result(5)
    assert 6 == journal.status().waiting_records
    taken = [_take(journal), _take(journal)]
    assert {"traces", "logs"} == {each.signal for each in taken}
    assert [1, 2, 3, 4, 5] == _numbers([s.path for s in taken if s.signal == "traces"])
    for segment in taken:
        journal.stored(segment)
    assert (0, 0, 0) == (
        journal.status().waiting_records,
        journal.status().waiting_bytes,
        journal.status().waiting_segments,
    )
    assert journal.wait_empty(0.1)


def test_requests_that_wait_share_one_fsync(open_journal: Callable[..., Journal]) -> None:
    """A hundred requests that came during one fsync need one more between them."""
    disk = FailingDisk()
    journal = open_journal(sync=disk.sync)
    disk.gate.clear()
    first = journal.append("traces", _body(1), RECEIPT, 1)
    while journal.status().waiting_bytes:  # the thread has taken it and waits in fsync
        threading.Event().wait(0.005)
    rest = [journal.append("traces", _body(n), RECEIPT, 1) for n in range(2, 102)]
    disk.gate.set()
    for each in (first, *rest):
        each.result(5)
    assert 2 == disk.calls


def test_nothing_is_acknowledged_before_its_fsync(open_journal: Callable[..., Journal]) -> None:
    """While fsync has not returned the sender waits."""
    disk = FailingDisk()
    journal = open_journal(sync=disk.sync)
    disk.gate.clear()
    done = journal.append("traces", _body(1), RECEIPT, 1)
    with pytest.raises(TimeoutError):
        done.result(0.2)
    disk.gate.set()
    done.result(5)


def test_a_failed_fsync_acknowledges_nothing_and_loses_nothing(
    open_journal: Callable[..., Journal], tmp_path: Path
) -> None:
    """What was acknowledged before stays, what was not is refused, and later it goes on."""
    disk = FailingDisk()
    journal = open_journal(sync=disk.sync)
    journal.append("traces", _body(1), RECEIPT, 1).result(5)
    disk.failing = True
    with pytest.raises(Overloaded, match="cannot be written"):
        journal.append("traces", _body(2), RECEIPT, 1).result(5)
    disk.failing = False
    _retry(lambda: journal.append("traces", _body(3), RECEIPT, 1)).result(5)
    journal.seal_all()
    assert [1, 3] == _numbers(sorted((tmp_path / "journal").glob("*.sealed")))
    assert 2 == journal.status().waiting_records


def _retry(append: Callable[[], "Future[None]"]) -> "Future[None]":
    for _ in range(100):
        try:
            return append()
        except Overloaded:
            threading.Event().wait(0.05)
    raise AssertionError("the journal did not recover")


FULL_DISK = """
import resource, sys, signal
from pathlib import Path
from tracepulse.errors import Overloaded
from tracepulse.journal.journal import Journal, JournalLimits
from tracepulse.receive.admission import Receipt
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
limits = JournalLimits(seal_bytes=2**40, seal_records=2**40, seal_after_s=1e9, min_free_bytes=1)
journal = Journal(Path(sys.argv[1]), "full", limits)
receipt = Receipt(1, "otlp_http", "loopback")
bodies = sys.stdin.buffer.read().split(b"--next--")
for number, body in enumerate(bodies, 1):
    for _ in range(200):
        try:
            journal.append("traces", body, receipt, 1).result(5)
            print(number, flush=True)
        except Overloaded:
            break
        else:
            break
    import time; time.sleep(0.02)
journal.seal_all()
"""


def test_a_write_that_fails_half_way_loses_nothing(tmp_path: Path) -> None:
    """Where a file cannot grow, the segment ends at its last whole message and the next begins."""
    big = [traces(span(span_id=n, blob="x" * 3000)).SerializeToString() for n in range(1, 9)]
    ran = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "journal"), "10000"],
        input=b"--next--".join(big),
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        timeout=60,
        check=False,
    )
    assert 0 == ran.returncode, ran.stderr.decode()
    acknowledged = [int(line) for line in ran.stdout.split()]
    assert len(acknowledged) >= 3
    paths = sorted((tmp_path / "journal").glob("*.sealed"))
    assert acknowledged == _numbers(paths)
    assert all(contents(p.read_bytes(), "traces").trusted_bytes == p.stat().st_size for p in paths)


def test_a_full_journal_refuses_and_keeps(open_journal: Callable[..., Journal]) -> None:
    """Past the limit senders are asked to come back; room made by the store lets them in again."""
    journal = open_journal(
        JournalLimits(seal_after_s=0.0, pace_s=0.0, max_bytes=1000, min_free_bytes=1)
    )
    count = 0

    def fill() -> None:
        nonlocal count
        for number in range(1, 50):
            journal.append("traces", _body(number), RECEIPT, 1).result(5)
            count = number

    with pytest.raises(Overloaded, match="not in the store yet") as refused:
        fill()
    assert 2 == refused.value.retry_after_s
    assert count == journal.status().waiting_records
    while journal.status().waiting_records:
        journal.stored(_take(journal))
    journal.append("traces", _body(1), RECEIPT, 1).result(5)


def test_a_disk_that_runs_full_is_said_before_it_is(
    open_journal: Callable[..., Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the reserve nothing is accepted, and the reason is given."""
    size = shutil.disk_usage("/")._replace(total=10**12, free=10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: size)
    journal = open_journal(JournalLimits())
    journal.append("traces", _body(1), RECEIPT, 1)
    for _ in range(100):
        if journal.status().full:
            break
        threading.Event().wait(0.02)
    assert "kept in reserve" in journal.status().full
    with pytest.raises(Overloaded, match="bytes are free"):
        journal.append("traces", _body(2), RECEIPT, 1)


def test_a_folder_that_vanishes_is_said_to_every_sender(
    open_journal: Callable[..., Journal], tmp_path: Path
) -> None:
    """Nobody waits for ever: a segment that cannot be written, sealed or measured is refused."""
    journal = open_journal()
    journal.append("traces", _body(1), RECEIPT, 1).result(5)
    shutil.rmtree(tmp_path / "journal")
    assert journal.next_sealed(timeout_s=5) is not None
    with pytest.raises(Overloaded, match="cannot be written"):
        journal.append("traces", _body(2), RECEIPT, 1).result(5)
    threading.Event().wait(1.2)  # past the next look at the disk
    with pytest.raises(Overloaded, match="cannot be written"):
        journal.append("traces", _body(3), RECEIPT, 1).result(5)


def test_after_the_end_nothing_is_taken(open_journal: Callable[..., Journal]) -> None:
    """What is pending at the end is written; what comes later is refused."""
    journal = open_journal()
    done = journal.append("traces", _body(1), RECEIPT, 1)
    journal.seal_all()
    done.result(0)
    with pytest.raises(Overloaded, match="shutting down"):
        journal.append("traces", _body(2), RECEIPT, 1)


# -- starting anew ---------------------------------------------------------------------------------


def test_after_a_crash_every_segment_is_suspect(
    open_journal: Callable[..., Journal], tmp_path: Path
) -> None:
    """Open and sealed segments are found again; stored ones are not loaded twice."""
    patient = JournalLimits(seal_after_s=1e9, min_free_bytes=1, seal_records=2)
    first = open_journal(patient)
    for number in (1, 2, 3):
        first.append("traces", _body(number), RECEIPT, 1).result(5)
    taken = _take(first)
    assert not taken.suspect
    first.stored(taken)
    first.append("traces", _body(4), RECEIPT, 1).result(5)
    left = {p.name: p.read_bytes() for p in (tmp_path / "journal").iterdir()}
    other = tmp_path / "copy"
    other.mkdir()
    for name, data in left.items():
        (other / name).write_bytes(data)
    second = Journal(other, "later", patient)
    try:
        found = [_take(second)]
        while (more := second.next_sealed(0)) is not None:
            found.append(more)
        assert all(each.suspect for each in found)
        stored = _numbers(sorted(other.glob("*.stored")))
        assert [1, 2, 3, 4] == sorted(stored + _numbers([s.path for s in found]))
        assert 4 - len(stored) == second.status().waiting_records
    finally:
        second.seal_all()


def test_after_a_clean_end_nothing_is_suspect(open_journal: Callable[..., Journal]) -> None:
    """A clean mark spares the counting, once."""
    first = open_journal()
    first.append("traces", _body(1), RECEIPT, 1).result(5)
    first.seal_all()
    first.close_cleanly()
    second = open_journal()
    assert not _take(second).suspect
    second.seal_all()
    assert _take(open_journal()).suspect


def test_a_torn_tail_is_kept_beside_and_the_rest_is_loaded(
    open_journal: Callable[..., Journal], tmp_path: Path
) -> None:
    """Rubbish behind the last whole message does not come into the way of what is before it."""
    first = open_journal()
    first.append("traces", _body(1), RECEIPT, 1).result(5)
    first.seal_all()
    (path,) = (tmp_path / "journal").glob("*.sealed")
    with path.open("ab") as file:
        file.write(b"\x90\x01half a message")
    second = open_journal()
    assert [1] == _numbers([_take(second).path])
    (tail,) = (tmp_path / "journal" / "aside").iterdir()
    assert b"\x90\x01half a message" == tail.read_bytes()


def test_a_damaged_message_does_not_take_the_later_ones_with_it(
    open_journal: Callable[..., Journal], tmp_path: Path
) -> None:
    """Acknowledged messages behind a flipped bit are loaded; the damaged one is kept beside."""
    first = open_journal(JournalLimits(seal_after_s=1e9, min_free_bytes=1))
    for number in range(1, 6):
        first.append("traces", _body(number), RECEIPT, 1).result(5)
    first.seal_all()
    (path,) = (tmp_path / "journal").glob("*.sealed")
    data = bytearray(path.read_bytes())
    hit = list(frames(bytes(data)))[2]
    data[hit.start + 20] ^= 1
    path.write_bytes(data)
    second = open_journal()
    segment = _take(second)
    assert [1, 2, 4, 5] == _numbers([segment.path])
    assert 4 == second.status().waiting_records
    (aside,) = (tmp_path / "journal" / "aside").glob("*.damaged")
    assert bytes(data[hit.start : hit.end]) == aside.read_bytes()
    (told,) = second.status().damaged
    assert (hit.start, hit.end, 1) == (told.start, told.end, told.records)
    assert RECEIPT.received_unix_ns == told.after_unix_ns == told.before_unix_ns
    assert (told,) == open_journal().status().damaged, "said until the note is removed"


@pytest.mark.parametrize("within", [0, 7])
def test_acknowledged_messages_that_are_gone_are_told(
    open_journal: Callable[..., Journal], tmp_path: Path, within: int
) -> None:
    """A segment cut off between two messages looks whole, its tally knows better; or within one."""
    first = open_journal(JournalLimits(seal_after_s=1e9, min_free_bytes=1))
    for number in range(1, 6):
        first.append("traces", _body(number), RECEIPT, 1).result(5)
    first.seal_all()
    (path,) = (tmp_path / "journal").glob("*.sealed")
    size = path.stat().st_size
    cut = list(frames(path.read_bytes()))[2].start
    os.truncate(path, cut + within)
    second = open_journal()
    assert [1, 2] == _numbers([_take(second).path])
    (told,) = second.status().damaged
    assert (cut, size, 3) == (told.start, told.end, told.records)
    assert 2 == second.status().waiting_records


def test_a_stored_segment_can_be_loaded_again(open_journal: Callable[..., Journal]) -> None:
    """Until it is dropped, the journal gives it out once more, as one that may be there in part."""
    journal = open_journal()
    journal.append("traces", _body(1), RECEIPT, 1).result(5)
    journal.stored(_take(journal))
    (kept,) = journal.stored_segments()
    journal.load_again(kept)
    again = _take(journal)
    assert (kept.segment_id, True, [1]) == (again.segment_id, again.suspect, _numbers([again.path]))
    assert again.again
    assert (0, 0) == (journal.status().waiting_records, journal.status().stored_bytes)
    assert [] == journal.stored_segments()
    journal.stored(again)
    assert [kept.path] == [each.path for each in journal.stored_segments()]


def test_stored_segments_are_bounded(open_journal: Callable[..., Journal]) -> None:
    """The oldest go where there are too many bytes of them."""
    journal = open_journal(
        JournalLimits(seal_after_s=0.0, pace_s=0.0, min_free_bytes=1, keep_stored_bytes=250)
    )
    for number in range(1, 6):
        journal.append("traces", _body(number), RECEIPT, 1).result(5)
        journal.stored(_take(journal))
    journal.drop_old()
    assert 0 < journal.status().stored_bytes <= 250
    assert [5] == _numbers([journal.stored_segments()[-1].path])


def test_a_file_of_nothing_but_rubbish_is_set_aside(
    open_journal: Callable[..., Journal], tmp_path: Path
) -> None:
    """The journal starts, and says nothing is waiting."""
    folder = tmp_path / "journal"
    folder.mkdir()
    (folder / "x-00000001.traces.open").write_bytes(os.urandom(500))
    (folder / "x-00000002.logs.open").write_bytes(b"")
    (folder / "notes.txt").write_text("not ours")
    journal = open_journal()
    assert journal.next_sealed(0) is None
    assert 0 == journal.status().waiting_records
    assert (folder / "notes.txt").exists()


# -- what the store refuses ------------------------------------------------------------------------


def test_the_parts_of_a_segment_take_its_place(open_journal: Callable[..., Journal]) -> None:
    """Split and discard keep the count of what waits, and the parts survive a crash."""
    journal = open_journal(JournalLimits(seal_after_s=0.3, pace_s=0.0, min_free_bytes=1))
    for number in (1, 2):
        journal.append("traces", _body(number), RECEIPT, 1).result(5)
    segment = _take(journal)
    data = segment.path.read_bytes()
    one, two = frames(data)
    parts = [
        journal.split(segment, name, data[f.start : f.end], 1)
        for name, f in (("a", one), ("b", two))
    ]
    journal.discard(segment)
    assert 2 == journal.status().waiting_records
    assert [[1], [2]] == [_numbers([p.path]) for p in parts]
    assert len({segment.segment_id, *(p.segment_id for p in parts)}) == 3


def test_stored_segments_are_dropped_when_they_are_old(
    open_journal: Callable[..., Journal], tmp_path: Path
) -> None:
    """Merges may lie unsynced for minutes, so a stored segment stays that long, and no longer."""
    journal = open_journal()
    journal.append("traces", _body(1), RECEIPT, 1).result(5)
    journal.stored(_take(journal))
    assert 0 == journal.drop_old()
    (path,) = (tmp_path / "journal").glob("*.stored")
    os.utime(path, (0, 0))
    later = open_journal()
    assert 1 == later.drop_old() or not path.exists()
    assert not path.exists()
