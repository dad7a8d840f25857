"""Lines fetched from Loki: all of them, once, within the budget, and what was left out is told."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from tests.receive.loki_stand_in import LokiStandIn, loki_stand_in
from tests.receive.pulled_hand import DAY, HOUR, NOW, PulledJournal, S, StandingClock, connected

from tracepulse.receive.pull import passes
from tracepulse.receive.pull.configured import Connector, Secret
from tracepulse.receive.pull.follower import Follower
from tracepulse.receive.pull.http_source import Credentials, HttpPlace, HttpSource
from tracepulse.receive.pull.interface import Stretch
from tracepulse.receive.pull.loki import Loki, selector_of
from tracepulse.receive.pull.passes import Fetched, Puller
from tracepulse.receive.pull.progress import Pulled, settle
from tracepulse.receive.pull.spending import Budget

QUERY = '{app="shop"}'
FILTERED = QUERY + ' |= "" '
"""Of which the index cannot say how much it selects."""


class _Hand:
    """A connector to a stand-in, moved by hand."""

    def __init__(
        self, loki: LokiStandIn, folder: Path, page: int = 5000, query: str = QUERY, **place: str
    ) -> None:
        self.loki, self.journal, self.clock = loki, PulledJournal(), StandingClock()
        headers = (("authorization", f"Bearer {place['token']}"),) if place else ()
        opening = Credentials(headers)
        self.asked = Loki(HttpSource(HttpPlace("shop", loki.url, lambda: opening)), query, page)
        self.path = folder / "pulled.db"
        self.open()

    def open(self) -> None:
        self.pulled = Pulled(self.path, "shop")
        self.puller = Puller(
            self.asked, self.pulled, self.journal, self.clock, "loki_pull", 120 * S, 30
        )
        self.follower = Follower(
            "shop", self.puller, self.pulled, self.clock, Budget(), 5.0, 120 * S, HOUR, 30,
            monotonic_s=lambda: self.clock.unix_ns / S,
        )  # fmt: skip

    def close(self) -> None:
        self.asked.close()
        self.pulled.close()

    def fetch(self, start: int, end: int, max_bytes: int = 64_000_000) -> Fetched:
        return self.puller.fetch(Stretch(start, end), Budget(max_bytes, 60.0))


@pytest.fixture
def loki() -> Iterator[LokiStandIn]:
    """Serve an empty stand-in."""
    with loki_stand_in() as stand_in:
        yield stand_in


@pytest.fixture
def hand(loki: LokiStandIn, tmp_path: Path) -> Iterator[_Hand]:
    """Give a connector to it."""
    hand = _Hand(loki, tmp_path)
    yield hand
    hand.close()


def _fill(loki: LokiStandIn, start: int, step: int, count: int, ties: int = 1) -> list[str]:
    lines = []
    for number in range(count):
        labels = {"app": "shop", "pod": f"shop-{number % 3}"}
        line = f"level=info msg=line number={number}"
        loki.push(labels, start + number // ties * step, line)
        lines.append(line)
    return lines


def test_what_labels_and_line_say_is_on_the_record(hand: _Hand) -> None:
    """Labels name the resource, the line its level and message, metadata the trace."""
    hand.loki.push(
        {"app": "shop", "namespace": "live", "detected_level": "warn"},
        NOW - HOUR,
        'level=error msg="cannot pay" order=7',
        {"trace_id": "5b8efff798038103d269b633813fc60c", "user": "u1"},
    )
    assert 1 == hand.fetch(NOW - 2 * HOUR, NOW).records
    ((resource, record),) = hand.journal.records
    attributes = {p.key: p.value.string_value for p in record.attributes}
    assert "shop" == resource["service.name"]
    assert "live" == resource["k8s.namespace.name"]
    assert (NOW - HOUR, "cannot pay") == (record.time_unix_nano, record.body.string_value)
    assert ("7", "u1") == (attributes["order"], attributes["user"])
    assert "5b8efff798038103d269b633813fc60c" == record.trace_id.hex()


@pytest.mark.parametrize("ties", [1, 7, 400])
def test_every_line_comes_once_however_pages_cut(
    loki: LokiStandIn, tmp_path: Path, ties: int
) -> None:
    """Lines of one instant that a page cuts in two are neither lost nor doubled."""
    hand = _Hand(loki, tmp_path, page=150)
    lines = _fill(loki, NOW - HOUR, S, 1000, ties)
    loki.max_entries = 140
    fetched = hand.fetch(NOW - 2 * HOUR, NOW)
    hand.close()
    assert () == fetched.left_out
    attributes = [
        {p.key: p.value.string_value for p in record.attributes}
        for _, record in hand.journal.records
    ]
    assert Counter(range(len(lines))) == Counter(int(each["number"]) for each in attributes)


def test_a_window_is_asked_for_once(hand: _Hand) -> None:
    """A question about what was read for good costs nothing and brings nothing."""
    _fill(hand.loki, NOW - DAY, S, 50)
    assert 50 == hand.fetch(NOW - DAY, NOW - DAY + HOUR).records
    asked = hand.loki.queries
    again = hand.fetch(NOW - DAY, NOW - DAY + HOUR)
    assert (0, 0, asked) == (again.records, again.requests, hand.loki.queries)
    assert (Stretch(NOW - DAY, NOW - DAY + HOUR),) == again.before


def test_a_day_of_a_month_stays_within_its_bytes_and_says_what_it_left_out(hand: _Hand) -> None:
    """No more is read than the budget, the rest is named with its size, and can be fetched on."""
    for day in range(29):
        _fill(hand.loki, NOW - 29 * DAY + day * DAY, 120 * S, 700)
    window = NOW - 10 * DAY, NOW - 9 * DAY
    budget = 30_000
    got, questions, sent_before = 0, 0, hand.loki.sent_bytes
    while True:
        sent = hand.loki.sent_bytes
        fetched = hand.fetch(*window, max_bytes=budget)
        got, questions = got + fetched.records, questions + 1
        assert fetched.bytes_read <= budget
        # The answer to how much is left is small and beside the budget.
        assert hand.loki.sent_bytes - sent <= budget + 500
        assert len(hand.journal.records) == got
        if not fetched.left_out:
            break
        (rest,) = fetched.left_out
        assert rest.stretch.end_unix_ns == window[1]
        assert "30,000 bytes" in rest.why
        assert rest.estimate.records == 700 - got
    assert (700, True) == (got, questions > 1)
    assert hand.loki.sent_bytes - sent_before < 10 * budget
    times = [record.time_unix_nano for _, record in hand.journal.records]
    assert all(window[0] <= each < window[1] for each in times)


def test_late_lines_are_found_while_others_are_not_repeated(hand: _Hand) -> None:
    """A follower finds what arrives within the overlap, whatever its time."""
    expected = []
    for look in range(80):
        now = hand.clock.unix_ns = NOW + look * 5 * S
        for age in (0, 7, 40, 70):
            line = f"look {look} aged {age}"
            hand.loki.push({"app": "shop"}, now - age * S, line)
            expected.append(line)
        hand.follower.look()
    hand.clock.unix_ns += 60 * S
    hand.follower.look()
    assert Counter(expected) == Counter(hand.journal.bodies())


def test_a_follower_leaves_a_failing_source_in_peace(hand: _Hand) -> None:
    """It waits longer each time, as long as it is told to at least, and then goes on."""
    hand.loki.push({"app": "shop"}, NOW - S, "there")
    hand.loki.refusals = [
        (429, "too many outstanding requests", {}),
        (503, "busy", {}),
        (429, "slow down", {"retry-after": "17"}),
        (400, "parse error at line 1", {}),
    ]
    assert [1.0, 2.0, 17.0, 60.0] == [hand.follower.look() for _ in range(4)]
    assert "answers 400: parse error at line 1" in hand.follower.state.last_failure
    assert 5.0 == hand.follower.look()
    assert (0, ["there"]) == (hand.follower.state.failures, hand.journal.bodies())


@pytest.mark.parametrize(
    "result",
    [
        [{"stream": {"app": "shop"}}],
        [{"stream": {"app": "shop"}, "values": [["no time", "line"]]}],
        [{"stream": {"app": "shop"}, "values": [["1", 7]]}],
        [{"stream": None, "values": [["1", "line"]]}],
        [{"stream": {"app": "shop"}, "values": [["9" * 30, "line"]]}],
        7,
    ],
)
def test_streams_that_are_none_are_a_failure_of_the_source(hand: _Hand, result: object) -> None:
    """A follower survives an answer of another shape than documented, and says so."""
    data = json.dumps({"data": {"resultType": "streams", "result": result}})
    hand.loki.push({"app": "shop"}, NOW - S, "there")
    hand.loki.refusals = [(200, data, {})]
    assert hand.follower.look() == 1.0
    assert "not as Loki writes them" in hand.follower.state.last_failure
    assert hand.follower.look() == 5.0
    assert ["there"] == hand.journal.bodies()


def test_long_lines_after_short_ones_are_read_on_within_the_budget(
    loki: LokiStandIn, tmp_path: Path
) -> None:
    """An answer that did not fit is not asked for again as large as it was."""
    hand = _Hand(loki, tmp_path, query=FILTERED)
    begin = NOW - HOUR
    short = _fill(hand.loki, begin, S, 1000)
    for number in range(40):
        hand.loki.push({"app": "shop"}, begin + (1000 + number) * S, f"{number} " + "x" * 9000)
    for _ in range(20):
        fetched = hand.fetch(begin, NOW, max_bytes=150_000)
        assert fetched.failure is None
    hand.close()
    assert () == fetched.left_out
    assert len(short) + 40 == len(hand.journal.records)


def test_one_line_that_is_as_long_as_the_budget_does_not_end_the_reading(
    loki: LokiStandIn, tmp_path: Path
) -> None:
    """What came before says nothing of the lines that come."""
    hand = _Hand(loki, tmp_path, query=FILTERED)
    begin = NOW - HOUR
    hand.loki.push({"app": "shop"}, begin, "x" * 120_000)
    assert 1 == hand.fetch(begin, begin + S, max_bytes=150_000).records
    _fill(hand.loki, begin + S, S, 100)
    for _ in range(10):
        fetched = hand.fetch(begin, NOW, max_bytes=150_000)
    hand.close()
    assert () == fetched.left_out
    assert 101 == len(hand.journal.records)


def test_an_instant_with_more_long_lines_than_an_answer_holds(
    loki: LokiStandIn, tmp_path: Path
) -> None:
    """Its streams are each asked for by themselves, whatever their lines weigh."""
    hand = _Hand(loki, tmp_path, page=500)
    for number in range(900):
        labels = {"app": "shop", "pod": f"shop-{number % 3}"}
        loki.push(labels, NOW - HOUR, f"{number} " + "x" * 20_000)
    fetched = hand.fetch(NOW - 2 * HOUR, NOW)
    hand.close()
    assert (None, ()) == (fetched.failure, fetched.left_out)
    assert 900 == len(hand.journal.records)


@pytest.mark.parametrize("after", ["86400", "9" * 400])
def test_a_source_cannot_ask_to_be_left_in_peace_for_ever(hand: _Hand, after: str) -> None:
    """However long it asks for, it is asked again within an hour."""
    hand.loki.refusals = [(503, "away", {"retry-after": after})]
    assert hand.follower.look() == 3600.0


@pytest.mark.parametrize(("ahead_s", "expected_s"), [(120, 120.0), (86_400, 3600.0), (-600, 1.0)])
def test_a_source_may_ask_to_be_left_in_peace_until_an_instant(
    hand: _Hand, ahead_s: int, expected_s: float
) -> None:
    """It is counted from the source's own clock; one that is past asks for nothing."""
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead_s), usegmt=True)
    hand.loki.refusals = [(503, "away", {"retry-after": until})]
    assert expected_s == pytest.approx(hand.follower.look(), abs=3)


@pytest.mark.parametrize("after", ["soon", "Wed, 99 Nov 2026 10:00:00 GMT", "-1", "1e3"])
def test_a_time_to_wait_that_cannot_be_read_is_none(hand: _Hand, after: str) -> None:
    """The usual pause is made."""
    hand.loki.refusals = [(503, "away", {"retry-after": after})]
    assert 1.0 == hand.follower.look()


def test_no_room_in_the_journal_takes_nothing_and_the_next_look_does(
    hand: _Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be kept is asked for again."""
    hand.loki.push({"app": "shop"}, NOW - S, "there")
    hand.journal.is_full = True
    monkeypatch.setattr(passes, "_PATIENCE_S", 0.0)
    assert hand.fetch(NOW - HOUR, NOW).failure is not None
    hand.journal.is_full = False
    assert 1 == hand.fetch(NOW - HOUR, NOW).records
    assert ["there"] == hand.journal.bodies()


@pytest.mark.parametrize("reached", [True, False])
def test_a_promise_is_settled_by_what_the_journal_holds(
    loki: LokiStandIn, tmp_path: Path, reached: bool
) -> None:
    """A crash on either side of the journal's sync leaves each line once."""
    for number in range(5):
        loki.push({"app": "shop"}, NOW - (5 - number) * 90 * S, f"line {number}")
    hand = _Hand(loki, tmp_path)

    class _CrashError(Exception):
        pass

    append = hand.journal.append

    def crash(*request: object) -> "Future[None]":
        if reached:
            append(*request)  # type: ignore[arg-type]
        raise _CrashError

    hand.journal.append = crash  # type: ignore[method-assign, assignment]
    with pytest.raises(_CrashError):
        hand.fetch(NOW - HOUR, NOW)
    hand.close()
    settle(hand.path, lambda signal, received_unix_ns, checksum: reached)
    hand.journal.append = append  # type: ignore[method-assign]
    hand.open()
    hand.fetch(NOW - HOUR, NOW)
    hand.close()
    assert [f"line {number}" for number in range(5)] == sorted(hand.journal.bodies())


def test_a_wrong_key_is_told_with_what_to_do(loki: LokiStandIn, tmp_path: Path) -> None:
    """The refusal names the status and points to the credentials, and never the key."""
    loki.token = "right"
    hand = _Hand(loki, tmp_path, token="wrong-key")
    failure = hand.fetch(NOW - HOUR, NOW).failure
    hand.close()
    assert failure is not None
    assert failure.lasting
    assert "answers 401: no credentials provided; see to the credentials" in str(failure)
    assert "wrong-key" not in str(failure) + repr(Credentials((("x", "wrong-key"),)))


def test_a_secret_that_is_changed_while_the_server_runs_is_used(
    loki: LokiStandIn, tmp_path: Path
) -> None:
    """The next question shows the new one; while its file is away or of no use, the old one."""
    secret = tmp_path / "token"
    secret.write_text("first\n")
    loki.token = "first"
    connector = Connector(
        "shop", "loki", loki.url, QUERY, follow=False, token=Secret(file=str(secret))
    )
    failures = []
    with connected(connector, tmp_path) as hand:
        for hour, (text, wanted) in enumerate(
            [("first", "first"), (None, "first"), ("two\nlines", "first"), ("new", "new")]
        ):
            loki.token = wanted
            secret.unlink(missing_ok=True)
            if text is not None:
                secret.write_text(text)
            failures.append(hand.fetch(NOW - DAY, NOW - DAY + (hour + 1) * HOUR).failure)
    assert [None] * 4 == failures


@pytest.mark.parametrize(
    ("query", "selector", "filters"),
    [
        ('{app="shop"}', '{app="shop"}', ""),
        ('{app=~"a}b|c"} |= "}" | json', '{app=~"a}b|c"}', ' |= "}" | json'),
        (' {app=`{}`, x="\\"}"} != "a"', '{app=`{}`, x="\\"}"}', ' != "a"'),
    ],
)
def test_a_query_is_a_selector_and_filters(query: str, selector: str, filters: str) -> None:
    """Braces in quoted texts do not end the selector."""
    assert (selector, filters) == selector_of(query)
