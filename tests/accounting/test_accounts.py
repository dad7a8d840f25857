"""received = stored + deduplicated + rejected + queued, whatever happens in between."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.otlp_requests import span, traces

from tracepulse.accounting.accounts import Accounts
from tracepulse.accounting.terms import Accounting, Arrival, Outcome, Reason, SignalAccounting
from tracepulse.errors import NotFound, Unavailable
from tracepulse.journal.framing import frames
from tracepulse.journal.journal import Journal, JournalLimits
from tracepulse.journal.segment import Segment, contents
from tracepulse.journal.set_aside import SetAside
from tracepulse.receive.access import Gate
from tracepulse.receive.admission import Receipt
from tracepulse.receive.app import otlp_app
from tracepulse.receive.receiver import IngestCounters
from tracepulse.receive.signals import Signal
from tracepulse.testing import FakeClock

PROTOBUF = {"content-type": "application/x-protobuf"}
PATIENT = JournalLimits(seal_after_s=0.0, min_free_bytes=1, keep_stored_s=0.0)


class Killed(BaseException):
    """The process ends here."""


@dataclass
class JournalAsSink:
    """The journal behind the port, without a loop of its own."""

    journal: Journal

    async def append(self, signal: Signal, body: bytes, receipt: Receipt, records: int) -> None:
        """See `Sink.append`."""
        self.journal.append(signal, body, receipt, records).result()


@dataclass
class Server:
    """The OTLP port over a journal; the test is the store."""

    folder: Path
    run: int = 0
    limits: JournalLimits = PATIENT
    counters: IngestCounters = field(default_factory=IngestCounters)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start on what is in the folder."""
        self.run += 1
        self.accounts = Accounts(self.folder / "accounts.log", 5)
        self.journal = Journal(
            self.folder / "journal", f"run{self.run}", self.limits, accounts=self.accounts
        )
        self.aside = SetAside(self.folder / "aside", self.journal, self.accounts)
        self.aside.recover()
        app = otlp_app(JournalAsSink(self.journal), Gate(), FakeClock(), self.counters)
        self.client = TestClient(app, client=("127.0.0.1", 1))

    def crash(self) -> None:
        """End as by SIGKILL: what follows the crash in this process leaves no trace."""
        left = self.folder.with_name(f"{self.folder.name}-after-{self.run}")
        shutil.copytree(self.folder, left)
        self.journal.seal_all()
        self.accounts.close()
        self.folder = left

    def restart(self) -> None:
        """Crash and start again."""
        self.crash()
        self.start()

    def post(self, request: Any, signal: Signal = "traces") -> int:
        """Send a request; return the status of the answer."""
        body = request if isinstance(request, bytes) else request.SerializeToString()
        return self.client.post(f"/v1/{signal}", content=body, headers=PROTOBUF).status_code

    def segments(self) -> list[Segment]:
        """Return what waits for the store, of what was sent so far."""
        found = []
        while (segment := self.journal.next_sealed(0.2)) is not None:
            found.append(segment)
        return found

    def load(self, deduplicated: int = 0) -> None:
        """Store everything, some of the first segment as repetitions."""
        for segment in self.segments():
            records = contents(segment.path.read_bytes(), segment.signal).records
            self.journal.stored(segment, Outcome(records - deduplicated, deduplicated))
            deduplicated = 0

    def refuse(self) -> list[str]:
        """Set everything aside, as the loader does what the engine refuses."""
        ids = []
        for segment in self.segments():
            aside = []
            for each in frames(segment.path.read_bytes()):
                message_id = f"{segment.segment_id}-m{each.start}"
                data = segment.path.read_bytes()[each.start : each.end]
                (self.folder / "aside").mkdir(exist_ok=True)
                path = self.folder / "aside" / f"{message_id}.{segment.signal}.message"
                path.write_bytes(data)
                aside.append((message_id, contents(data, segment.signal).records))
            self.journal.discard(segment, Outcome(set_aside=tuple(aside)))
            ids += [message_id for message_id, _ in aside]
        return ids

    def traces(self) -> SignalAccounting:
        """Return the accounts of traces, after a look at whether everything adds up."""
        accounting = self.accounts.accounting()
        assert accounting.holds, accounting
        assert () == accounting.faults
        return accounting.signals[0]

    def sums(self) -> tuple[int, int, int, dict[str, int], int]:
        """Return received, stored, deduplicated, rejected and queued of traces."""
        found = self.traces()
        received = sum(found.received.values())
        return received, found.stored, found.deduplicated, dict(found.rejected), found.queued


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server on a folder of its own."""
    folder = tmp_path / "data"
    folder.mkdir()
    made = Server(folder)
    yield made
    made.journal.seal_all()
    made.accounts.close()


def _bad() -> Any:
    bad = span()
    bad.trace_id = b"x"
    return bad


def test_each_record_is_in_one_account(server: Server) -> None:
    """From the answer on it is queued or rejected, and then stored."""
    assert 200 == server.post(traces(span(), _bad(), span()))
    assert (3, 0, 0, {"id_length": 1}, 2) == server.sums()
    server.load()
    assert (3, 2, 0, {"id_length": 1}, 0) == server.sums()
    assert {"otlp_http": 3} == server.traces().received


def test_what_is_refused_whole_was_not_received(server: Server) -> None:
    """Neither what cannot be read nor what there was no room for counts, but the answers do."""
    assert 400 == server.post(b"\xff\xff")
    server.journal.seal_all()
    assert 503 == server.post(traces(span()))
    assert (0, 0, 0, {}, 0) == server.sums()
    assert {("otlp_http", "400"): 1, ("otlp_http", "503"): 1} == server.counters.answered


def test_a_request_of_which_nothing_is_left_was_received(server: Server) -> None:
    """Its records are rejected, and known as such after a crash."""
    assert 200 == server.post(traces(_bad(), _bad()))
    assert (2, 0, 0, {"id_length": 2}, 0) == server.sums()
    server.restart()
    assert (2, 0, 0, {"id_length": 2}, 0) == server.sums()
    server.load()
    assert (2, 0, 0, {"id_length": 2}, 0) == server.sums()
    server.restart()
    assert (2, 0, 0, {"id_length": 2}, 0) == server.sums()


def test_every_reason_is_one_of_the_list(server: Server) -> None:
    """Whatever is wrong with a record, its rejection has a name that the documentation explains."""
    named = traces(span(span_id=2, name="unlikely-name")).SerializeToString()
    server.post(named.replace(b"unlikely-name", b"\xff\xfe\xfdikely-name"))
    large: dict[str, Any] = {f"key{n}": "x" * 4000 for n in range(80)}
    server.post(traces(span(**large)))
    server.post(traces(_bad()))
    item = {"traceId": "zz", "spanId": "0" * 15 + "1", "name": 7}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [item]}]}]}
    assert 200 == server.client.post("/v1/traces", json=body).status_code
    rejected = server.traces().rejected
    assert {"id_length", "record_size"} <= rejected.keys()
    assert rejected.keys() <= {each.value for each in Reason}


def test_a_crash_changes_no_account(server: Server) -> None:
    """Queued, stored, deduplicated and rejected records are what they were."""
    server.post(traces(span(), span(), _bad()))
    server.load(deduplicated=1)
    server.post(traces(span(span_id=2), _bad()))
    before = server.sums()
    assert (5, 1, 1, {"id_length": 2}, 1) == before
    server.restart()
    assert before == server.sums()
    server.journal.drop_old()
    server.restart()
    assert before == server.sums()
    server.load()
    assert (5, 2, 1, {"id_length": 2}, 0) == server.sums()


def test_without_the_small_file_beside_it_a_segment_is_counted_itself(server: Server) -> None:
    """After a power cut the tally may be missing; the messages say all of it too."""
    server.post(traces(span(), _bad()))
    server.post(traces(span()))
    server.crash()
    for tally in (server.folder / "journal").glob("*.tally"):
        tally.unlink()
    server.start()
    assert (3, 0, 0, {"id_length": 1}, 2) == server.sums()


def test_a_crash_between_account_and_segment_counts_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The segment is found waiting, loaded again and told of again."""
    server.post(traces(span(), span()))
    (segment,) = server.segments()

    def killed(*args: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("tracepulse.journal.stored.os.rename", killed)
        with pytest.raises(Killed):
            server.journal.stored(segment, Outcome(2))
    server.restart()
    assert (2, 0, 0, {}, 2) == server.sums()
    server.load(deduplicated=1)
    assert (2, 1, 1, {}, 0) == server.sums()
    server.restart()
    assert (2, 1, 1, {}, 0) == server.sums()


def test_the_halves_of_a_segment_are_no_new_records(server: Server) -> None:
    """A refused segment is loaded in parts, and each part has its own account."""
    server.post(traces(span(span_id=1), _bad()))
    server.post(traces(span(span_id=2), span(span_id=3)))
    waiting = server.segments()
    if len(waiting) == 1:
        data = waiting[0].path.read_bytes()
        for _ in range(2):  # the second time as after a passing failure
            first, second = frames(data)
            halves = [
                server.journal.split(waiting[0], part, data[each.start : each.end], records)
                for part, each, records in (("0a", first, 1), ("0b", second, 2))
            ]
        server.journal.discard(waiting[0])
        waiting = halves
    assert (4, 0, 0, {"id_length": 1}, 3) == server.sums()
    server.journal.stored(waiting[0], Outcome(1))
    server.restart()
    assert (4, 1, 0, {"id_length": 1}, 2) == server.sums()


def test_a_segment_that_others_removed_is_lost(server: Server) -> None:
    """Its records are rejected for that reason, for good."""
    server.post(traces(span()))
    (segment,) = server.segments()
    segment.path.unlink()
    server.journal.lost(segment)
    assert (1, 0, 0, {"lost": 1}, 0) == server.sums()
    server.restart()
    assert (1, 0, 0, {"lost": 1}, 0) == server.sums()


@pytest.mark.parametrize("later", [False, True])
def test_what_the_disk_damaged_is_lost(server: Server, later: bool) -> None:
    """The tally says how many records were acknowledged, so that the missing ones are known."""
    for number in (1, 2, 3):
        server.post(traces(span(span_id=number), span(span_id=number + 10)))
    server.crash()
    (path,) = (server.folder / "journal").glob("*.open")
    data = bytearray(path.read_bytes())
    second = list(frames(bytes(data)))[1]
    if not later:
        (server.folder / "journal").joinpath(path.stem + ".tally")
        path.write_bytes(bytes(data[: second.start + 9]))
        data = bytearray(path.read_bytes())
        second_lost = 4
    else:
        data[second.start + 9] ^= 0xFF
        path.write_bytes(bytes(data))
        second_lost = 2
    server.start()
    server.load()
    assert (6, 6 - second_lost, 0, {"lost": second_lost}, 0) == server.sums()
    server.restart()
    assert (6, 6 - second_lost, 0, {"lost": second_lost}, 0) == server.sums()


def test_what_does_not_add_up_is_said_with_its_place(server: Server) -> None:
    """A store that loses records is found out."""
    server.post(traces(span(), span()))
    (segment,) = server.segments()
    server.journal.stored(segment, Outcome(1))
    for _ in range(2):
        accounting = server.accounts.accounting()
        assert not accounting.holds
        assert [1, 0, 0] == [each.difference for each in accounting.signals]
        assert [True] == [segment.segment_id in each for each in accounting.faults]
        server.restart()


# -- messages that were set aside -------------------------------------------------------------------


def test_a_message_that_is_set_aside_is_rejected_until_it_is_retried(server: Server) -> None:
    """It leaves the queue, is listed and read, goes through the journal again and is stored."""
    server.post(traces(span(), _bad()))
    (message_id,) = server.refuse()
    assert (2, 0, 0, {"id_length": 1, "set_aside": 1}, 0) == server.sums()
    server.restart()
    (message,) = server.aside.messages()
    assert (message_id, "traces", 1) == (message.message_id, message.signal, message.records)
    assert traces(span()).SerializeToString() == server.aside.get(message_id)[1]
    segment_id = server.aside.retry(message_id)
    assert () == server.aside.messages()
    assert (2, 0, 0, {"id_length": 1}, 1) == server.sums()
    server.restart()
    assert (2, 0, 0, {"id_length": 1}, 1) == server.sums()
    (segment,) = server.segments()
    assert segment_id == segment.segment_id
    server.journal.stored(segment, Outcome(1))
    assert (2, 1, 0, {"id_length": 1}, 0) == server.sums()
    server.journal.drop_old()
    server.restart()
    assert (2, 1, 0, {"id_length": 1}, 0) == server.sums()
    assert [] == list((server.folder / "aside").iterdir())


def test_a_message_that_is_refused_again_is_set_aside_again(server: Server) -> None:
    """It has another id then, and counts once."""
    server.post(traces(span()))
    (first,) = server.refuse()
    server.aside.retry(first)
    (second,) = server.refuse()
    assert first != second
    assert (1, 0, 0, {"set_aside": 1}, 0) == server.sums()
    server.aside.retry(second)
    server.load()
    server.restart()
    assert (1, 1, 0, {}, 0) == server.sums()


_STEPS = (
    ("tracepulse.journal.journal.write_durably", 0),
    ("tracepulse.journal.journal.os.rename", 0),
    ("tracepulse.journal.journal.contents", 1),
    ("tracepulse.journal.set_aside.SetAside._remove", 1),
    ("tracepulse.accounting.accounts.Accounts.removed", 1),
)


@pytest.mark.parametrize(("step", "queued"), _STEPS)
def test_a_retry_that_is_killed_loses_and_doubles_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch, step: str, queued: int
) -> None:
    """Whatever step it ends before, the message is in one place after the start."""
    server.post(traces(span()))
    (message_id,) = server.refuse()

    def killed(*args: Any, **kwargs: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(step, killed)
        with pytest.raises(Killed):
            server.aside.retry(message_id)
    server.restart()
    expected = (1, 0, 0, {}, 1) if queued else (1, 0, 0, {"set_aside": 1}, 0)
    assert expected == server.sums()
    for each in server.aside.messages():
        server.aside.retry(each.message_id)
    server.load()
    assert (1, 1, 0, {}, 0) == server.sums()
    server.restart()
    assert (1, 1, 0, {}, 0) == server.sums()
    assert () == server.aside.messages()


def test_what_is_discarded_stays_in_the_accounts(server: Server) -> None:
    """It is rejected for good, with a reason of its own."""
    server.post(traces(span(), span()))
    (message_id,) = server.refuse()
    assert 2 == server.aside.discard(message_id)
    server.restart()
    assert (2, 0, 0, {"discarded": 2}, 0) == server.sums()
    with pytest.raises(NotFound):
        server.aside.retry(message_id)


def test_a_message_whose_file_was_removed_by_hand_counts_as_discarded(server: Server) -> None:
    """The accounts go on to add up."""
    server.post(traces(span()))
    server.refuse()
    server.crash()
    shutil.rmtree(server.folder / "aside")
    server.start()
    assert (1, 0, 0, {"discarded": 1}, 0) == server.sums()


def test_a_damaged_message_can_only_be_discarded(server: Server) -> None:
    """Nothing half-read goes into the journal."""
    server.post(traces(span()))
    (message_id,) = server.refuse()
    (path,) = (server.folder / "aside").glob("*.message")
    path.write_bytes(path.read_bytes()[:-1])
    (message,) = server.aside.messages()
    assert message.receipt is None
    for question in (server.aside.retry, server.aside.get):
        with pytest.raises(Unavailable, match="discard"):
            question(message_id)
    assert (1, 0, 0, {"set_aside": 1}, 0) == server.sums()
    assert 1 == server.aside.discard(message_id)


def test_messages_from_before_there_were_accounts_are_taken_in(server: Server) -> None:
    """A data folder of an earlier version adds up from its first start on."""
    server.post(traces(span()))
    server.refuse()
    server.crash()
    (server.folder / "accounts.log").unlink()
    server.start()
    assert (1, 0, 0, {"set_aside": 1}, 0) == server.sums()


# -- the ledger -------------------------------------------------------------------------------------


def test_a_line_that_was_cut_off_had_not_happened(server: Server) -> None:
    """What follows it is written whole."""
    server.post(traces(span()))
    server.load()
    server.crash()
    with open(server.folder / "accounts.log", "ab") as file:
        file.write(b'0badf00d {"event":"sett')
    server.start()
    assert (1, 1, 0, {}, 0) == server.sums()


def test_a_damaged_line_is_said(server: Server) -> None:
    """The accounts may then be short, and say so."""
    server.post(traces(span()))
    server.load()
    server.crash()
    path = server.folder / "accounts.log"
    path.write_bytes(path.read_bytes().replace(b'"stored":1', b'"stored":7'))
    server.start()
    assert ["1 lines of the ledger could not be read; what they told is missing"] == list(
        server.accounts.accounting().faults
    )


def test_a_long_ledger_is_written_anew(tmp_path: Path) -> None:
    """It stays short, and says the same."""
    path = tmp_path / "accounts.log"
    accounts = Accounts(path, 5)
    accounts._ledger._rewritten_size = -300_000  # type: ignore[union-attr]
    for number in range(40):
        _settle(accounts, f"run-{number}", 3)
        accounts.kept([])
    assert path.stat().st_size < 20_000
    before = accounts.accounting()
    accounts.close()
    assert (120, 80, 40, True) == _four(before)
    assert before == Accounts(path, 9).accounting()


def _settle(accounts: Accounts, segment_id: str, records: int) -> None:
    accounts.received(segment_id, "logs", [Arrival("files", records)])
    accounts.settle(segment_id, Outcome(records - 1, 1))


def _four(accounting: Accounting) -> tuple[int, int, int, bool]:
    return accounting.received, accounting.stored, accounting.deduplicated, accounting.holds


def test_a_ledger_that_cannot_be_written_leaves_the_segment_queued(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loader tries again later; nothing counts twice."""
    server.post(traces(span()))
    (segment,) = server.segments()

    def full(*args: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("tracepulse.accounting.ledger.os.fdatasync", full)
        with pytest.raises(OSError, match="No space"):
            server.journal.stored(segment, Outcome(1))
    assert (1, 0, 0, {}, 1) == server.sums()
    server.journal.stored(segment, Outcome(1))
    server.restart()
    assert (1, 1, 0, {}, 0) == server.sums()
