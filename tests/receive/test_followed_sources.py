"""A follower of a source that is busy, old, slow, or answers what nobody expects."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tracepulse.errors import Overloaded, Unavailable
from tracepulse.receive.admission import Receipt
from tracepulse.receive.pull import passes
from tracepulse.receive.pull.follower import Follower
from tracepulse.receive.pull.heard_request import key_of
from tracepulse.receive.pull.http_source import HttpPlace, HttpSource
from tracepulse.receive.pull.interface import Estimate, Heard, Page, Stretch
from tracepulse.receive.pull.passes import Fetched, Puller
from tracepulse.receive.pull.progress import Pulled
from tracepulse.receive.pull.spending import Budget, BudgetSpent, Spend
from tracepulse.receive.sent_logs import Known
from tracepulse.receive.signals import Signal

S = 1_000_000_000
NOW = 1_790_000_000 * S
DAY = 86_400 * S
OVERLAP = 120 * S


class _Source:
    """Keeps lines by their time; a line costs as many bytes as it is said to."""

    def __init__(self, line_bytes: int = 100, page: int = 10) -> None:
        self.times: list[int] = []
        self.asked: list[Stretch] = []
        self.on_page: Callable[[], None] = lambda: None
        self._line_bytes, self._page = line_bytes, page

    def pages(self, stretch: Stretch, spend: Spend) -> Iterator[Page]:
        """Yield what lies there."""
        self.asked.append(stretch)
        found = sorted(t for t in self.times if stretch.start_unix_ns <= t < stretch.end_unix_ns)
        for first in range(0, len(found), self._page):
            spend.room_for(self._line_bytes * self._page)
            self.on_page()
            part = found[first : first + self._page]
            spend.read(self._line_bytes * len(part))
            yield Page([_heard(at) for at in part], part[-1] + 1)
        yield Page([], stretch.end_unix_ns)

    def estimate(self, stretch: Stretch, spend: Spend) -> Estimate:
        """Say nothing."""
        return Estimate()

    def server(self, spend: Spend) -> str:
        """Return a name."""
        return "source"

    def close(self) -> None:
        """Do nothing."""


def _text(at: int) -> str:
    return f"drawer x{at - NOW:x} jammed"


def _heard(at: int) -> Heard:
    return Heard(at, key_of(at), Known((("service.name", "shop"),), "shop"), _text(at))


class _Hand:
    """A follower of it, moved by hand; its clock goes on a little whenever it is read."""

    def __init__(self, source: _Source, folder: Path, budget: Budget, days: int = 30) -> None:
        self.now, self.bodies = NOW, list[str]()
        self.pulled = Pulled(folder / "pulled.db", "shop")
        self.puller = Puller(source, self.pulled, self, self, "loki_pull", OVERLAP, days)
        self.follower = Follower(
            "shop", self.puller, self.pulled, self, budget, 5.0, OVERLAP, 0, days,
            monotonic_s=lambda: self.now / S,
        )  # fmt: skip

    def now_unix_ns(self) -> int:
        """Return the time."""
        self.now += 1000
        return self.now

    def append(self, signal: Signal, body: bytes, receipt: Receipt, records: int) -> "Future[None]":
        """Keep what is brought."""
        for group in ExportLogsServiceRequest.FromString(body).resource_logs:
            for scope in group.scope_logs:
                self.bodies += [record.body.string_value for record in scope.log_records]
        done: Future[None] = Future()
        done.set_result(None)
        return done


@pytest.fixture
def budget() -> Budget:
    """Give what is enough."""
    return Budget(10**6, 600.0)


def test_a_source_followed_for_longer_than_retention_is_asked_at_its_pace(
    tmp_path: Path, budget: Budget
) -> None:
    """What is past retention is not taken for something that is still to be read at once."""
    source = _Source()
    hand = _Hand(source, tmp_path, budget, days=2)
    hand.follower.look()
    hand.now += 3 * DAY
    source.times = [hand.now - 10 * S]
    pauses = [hand.follower.look() for _ in range(5)]
    assert [5.0] * 5 == pauses
    assert not hand.follower.state.catching_up
    assert hand.follower.state.behind_s == 0.0


def test_a_source_that_writes_more_than_the_budget_within_the_overlap_is_read_to_its_end(
    tmp_path: Path,
) -> None:
    """A look goes on where the one before ended: the same part is not read over and over."""
    source = _Source()
    hand = _Hand(source, tmp_path, Budget(3500, 600.0))
    hand.follower.look()
    source.times = [NOW + each * S for each in range(1, 101)]
    hand.now = NOW + 101 * S
    pauses = [hand.follower.look() for _ in range(4)]
    assert [_text(at) for at in source.times] == hand.bodies
    assert [0.0, 0.0, 0.0, 5.0] == pauses
    late = NOW + 3 * S + 7
    source.times.append(late)
    hand.now += 31 * S
    for _ in range(6):
        hand.follower.look()
    assert _text(late) in hand.bodies
    assert len(set(hand.bodies)) == len(hand.bodies) == 101


def test_a_question_waits_for_others_no_longer_than_it_may_take(
    tmp_path: Path, budget: Budget
) -> None:
    """It says that nothing was read, and why; many of them hold up nobody else for long."""
    source = _Source()
    hand = _Hand(source, tmp_path, budget)
    source.times = [NOW - S]
    window = Stretch(NOW - DAY, NOW)
    told: list[Fetched] = []
    source.on_page = lambda: told.append(hand.puller.fetch(window, Budget(10**6, 0.05)))
    first = hand.puller.fetch(window, budget)
    assert (1, ()) == (first.records, first.left_out)
    (rest,) = told[0].left_out
    assert (0, window) == (told[0].records, rest.stretch)
    assert "other questions to this source" in rest.why


@pytest.mark.parametrize("name", ["keep", "drop"])
def test_notes_that_cannot_be_kept_for_a_moment_are_made_up_for(
    tmp_path: Path, budget: Budget, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A disk that is full just then neither ends the following nor doubles a line."""
    source = _Source()
    hand = _Hand(source, tmp_path, budget)
    hand.follower.look()
    source.times = [NOW + each * S for each in range(1, 6)]
    hand.now = NOW + 300 * S

    def fail(*_: object) -> None:
        raise Unavailable("database or disk is full")

    def refuse(*_: object) -> None:
        raise Overloaded("full")

    with monkeypatch.context() as full:
        full.setattr(hand.pulled, name, fail)
        if name == "drop":
            full.setattr(passes, "_PATIENCE_S", 0.0)
            full.setattr(hand, "append", refuse)
        with pytest.raises(Unavailable, match="disk is full"):
            hand.follower.look()
    source.times.append(NOW + 200 * S)
    hand.follower.look()
    assert [_text(at) for at in source.times] == hand.bodies


def test_a_look_ends_at_the_next_page_when_the_server_stops(tmp_path: Path, budget: Budget) -> None:
    """What was taken stands; the rest is read after the next start."""
    source = _Source()
    hand = _Hand(source, tmp_path, budget)
    hand.follower.look()
    source.times = [NOW + each * S for each in range(1, 101)]
    hand.now = NOW + 101 * S
    source.on_page = hand.puller.stopping.set
    hand.follower.look()
    assert len(hand.bodies) <= 10
    hand.puller.stopping.clear()
    source.on_page = lambda: None
    hand.follower.look()
    hand.follower.look()
    assert [_text(at) for at in source.times] == hand.bodies


def test_an_answer_of_known_length_that_drips_ends_with_the_time_of_its_budget() -> None:
    """A byte now and then keeps no question alive: its time is up all the same."""
    now_s = [0.0]
    spend = Spend(Budget(10**6, 30.0), lambda: now_s[0])

    class _Drip(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for _ in range(1000):
                now_s[0] += 9.0
                yield b" "

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-length": "1000"}, stream=_Drip())

    source = HttpSource(HttpPlace("shop", "http://127.0.0.1:9"))
    source._client = httpx.Client(transport=httpx.MockTransport(answer))
    with pytest.raises(BudgetSpent, match="30 s"):
        source.json(spend, "GET", "/")
    source.close()
    assert now_s[0] < 60.0
