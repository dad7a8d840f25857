"""Who calls whom: found among spans, kept by minute, and the same either way."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.otlp_requests import SECOND, span, traces
from tests.store.segments import load_all, rows, write_segment

from tracepulse.model.question import Window
from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.edges.calls import (
    CALLING,
    LOOK_NS,
    MINUTE_NS,
    OTHER,
    SERVING,
    SKEW_NS,
    SpanEnds,
    bucket_middle_ns,
    find_calls,
)
from tracepulse.store.edges.keeper import EdgeKeeper
from tracepulse.store.edges.recent import RecentEnds
from tracepulse.store.queries.flows import span_counts
from tracepulse.store.queries.telemetry import Telemetry
from tracepulse.testing import FakeClock

CLIENT, SERVER = Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_SERVER
T = 1_781_000_040 * SECOND
"""A whole minute."""
JOIN = Path(__file__).with_name("service_graph_join.sql")


# -- among spans -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _End:
    """A span of a made-up trace; small numbers, so that ids and parents often meet."""

    key: int
    parent: int
    at: int
    service: str
    kind: int
    inside: bool
    failed: bool
    peer: str
    duration: int


_SECONDS = st.sampled_from([0, 5, 9, 10, 11, 59, 60, 61, 119, 130])
_ENDS = st.lists(
    st.builds(
        _End,
        key=st.integers(1, 12),
        parent=st.integers(0, 12),
        at=_SECONDS.map(lambda s: T + s * SECOND),
        service=st.sampled_from(["", "a", "b", "c"]),
        kind=st.sampled_from([OTHER, SERVING, CALLING]),
        inside=st.booleans(),
        failed=st.booleans(),
        peer=st.sampled_from(["", "db", "b"]),
        duration=st.sampled_from([0, 1, 1000, 10**9]),
    ),
    max_size=12,
    unique_by=lambda end: end.key,
)


def _columns(ends: list[_End]) -> SpanEnds:
    names = tuple(sorted({"", *(e.service for e in ends), *(e.peer for e in ends)}))
    place = {name: code for code, name in enumerate(names)}
    return SpanEnds(
        key=np.array([e.key for e in ends], np.uint64),
        parent=np.array([e.parent for e in ends], np.uint64),
        at_unix_ns=np.array([e.at for e in ends], np.int64),
        service=np.array([place[e.service] for e in ends], np.int64),
        kind=np.array([e.kind for e in ends], np.uint8),
        inside=np.array([e.inside for e in ends], np.bool_),
        failed=np.array([e.failed for e in ends], np.uint8),
        connection=np.zeros(len(ends), np.uint8),
        peer=np.array([place[e.peer] for e in ends], np.int64),
        duration_ns=np.array([e.duration for e in ends], np.uint64),
        names=names,
    )


def _found(ends: list[_End]) -> Counter[tuple[Any, ...]]:
    cells = find_calls(_columns(ends))
    found: Counter[tuple[Any, ...]] = Counter()
    for row in zip(
        cells.minute_unix_s, cells.caller, cells.callee, cells.inferred_from, cells.bucket,
        cells.calls, cells.errors, strict=True,
    ):  # fmt: skip
        minute, caller, callee, inferred, bucket, calls, errors = row
        found[(int(minute), caller, callee, inferred, int(bucket), "calls")] += int(calls)
        found[(int(minute), caller, callee, inferred, int(bucket), "errors")] += int(errors)
    return +found


def _slowly(ends: list[_End]) -> Counter[tuple[Any, ...]]:
    """Every span against every other, as the text at the top of calls.py has it."""
    found: Counter[tuple[Any, ...]] = Counter()

    def near(parent: _End, child: _End) -> bool:
        return child.parent == parent.key and -SKEW_NS <= child.at - parent.at <= LOOK_NS

    def count(end: _End, caller: str, callee: str, inferred: str) -> None:
        minute = end.at // MINUTE_NS * 60
        bucket = int(np.floor(np.log2(end.duration + 1) * 16))
        found[(minute, caller, callee, inferred, bucket, "calls")] += 1
        found[(minute, caller, callee, inferred, bucket, "errors")] += end.failed

    for end in ends:
        if not end.inside:
            continue
        if end.parent == 0 and end.kind == SERVING and end.service:
            count(end, "", end.service, "spans")
        for parent in ends:
            if end.parent and near(parent, end) and parent.service not in ("", end.service):
                count(end, parent.service, end.service, "spans")
        if end.kind == CALLING and end.peer and not any(near(end, other) for other in ends):
            count(end, end.service, end.peer, "peer")
    return +found


@given(ends=_ENDS, seed=st.integers(0, 3))
@settings(deadline=None)
def test_calls_are_those_of_the_slow_way(ends: list[_End], seed: int) -> None:
    """Whatever the spans and their order, and though some are there twice."""
    shuffled = [*ends, *ends[:3]]
    Random(seed).shuffle(shuffled)
    assert _slowly(ends) == _found(shuffled)


def test_children_of_a_shared_id_belong_to_the_serving_side() -> None:
    """Client and server of a call with one id, as Zipkin has it, and a child of it."""
    shared: dict[str, Any] = {
        "key": 2,
        "parent": 1,
        "failed": False,
        "peer": "b",
        "duration": 5,
        "inside": True,
    }
    ends = [
        _End(1, 0, T, "a", SERVING, True, False, "", 9),
        _End(**shared, at=T + 1, service="a", kind=CALLING),
        _End(**shared, at=T + 2, service="b", kind=SERVING),
        _End(3, 2, T + 3, "b", OTHER, True, False, "", 1),
        _End(4, 2, T + 3, "c", SERVING, True, False, "", 1),
    ]
    assert {("", "a", "spans"), ("a", "b", "spans"), ("b", "c", "spans")} == {
        each[1:4] for each in _found(ends)
    }


@pytest.mark.parametrize("length_ns", [0, 1, 20, 1_000, 999_999, 123_456_789, 2**40, 2**63])
def test_lengths_are_told_closely(length_ns: int) -> None:
    """To 2.2%, or to a nanosecond where they are short."""
    cells = find_calls(_columns([_End(1, 0, T, "a", SERVING, True, False, "", length_ns)]))
    told = bucket_middle_ns(int(cells.bucket[0]))
    assert abs(told - length_ns) <= max(1, length_ns * 0.022)


# -- kept ------------------------------------------------------------------------------------------


def _calls(minute: int, count: int, first: int, random: Random) -> tuple[list[Span], list[Span]]:
    """Some traces of a minute: web calls cart, cart a database; now and then one fails."""
    web, cart = [], []
    for n in range(first, first + count):
        at = T + minute * MINUTE_NS + random.randrange(MINUTE_NS)
        failed = random.random() < 0.2
        database: dict[str, Any] = {"db.system": "redis"}
        web.append(span(n, n * 10 + 1, name="GET /", start=at, duration=random.randrange(10**9)))
        web.append(span(n, n * 10 + 2, n * 10 + 1, "POST", at + 10, 80, CLIENT, error=failed))
        cart.append(
            span(n, n * 10 + 3, n * 10 + 2, "POST /c", at + 20, random.randrange(10**8), SERVER,
                 error=failed)
        )  # fmt: skip
        cart.append(span(n, n * 10 + 4, n * 10 + 3, "SET", at + 30, 10, CLIENT, **database))
    return web, cart


class _Store:
    """A data set that segments are loaded into."""

    def __init__(
        self,
        engine: ChdbEngine,
        folder: Path,
        name: str,
        now: int,
        recent: RecentEnds | None = None,
    ) -> None:
        self.engine, self.folder, self.name = engine, folder, name
        self.telemetry = Telemetry(engine)
        self.telemetry.recent = recent
        self.keeper = EdgeKeeper(engine, self.telemetry, FakeClock(now), 30)
        self.segments = 0

    def load(self, web: list[Span], cart: list[Span]) -> None:
        self.segments += 1
        requests = [traces(*web, service="web"), traces(*cart, service="cart")]
        segment_id = f"{self.name}-{self.segments}"
        load_all(
            self.engine,
            write_segment(self.folder, segment_id, "traces", requests, self.name),
            recent=self.telemetry.recent,
        )

    def graph(self, window: Window) -> list[tuple[Any, ...]]:
        found = self.telemetry.whole_service_graph(window, self.name)
        assert 0 == found.minutes_left_out
        return [
            (
                e.caller,
                e.callee,
                e.connection,
                e.inferred_from,
                e.calls,
                e.errors,
                e.p50_ns,
                e.p95_ns,
            )
            for e in found.edges
        ]

    def join(self, window: Window) -> list[tuple[Any, ...]]:
        """The same by a join of the whole table with itself, but for the lengths."""
        return [
            tuple(row.values())
            for row in rows(
                self.engine,
                JOIN.read_text(),
                start=window.start_unix_ns,
                end=window.end_unix_ns,
                data_set=self.name,
            )
        ]

    def stale(self) -> int:
        return sum(each.data_set == self.name for each in self.keeper.stale(True, patient=False))


@pytest.mark.parametrize("at_hand", [False, True])
def test_what_is_kept_is_what_the_spans_say(
    engine: ChdbEngine, tmp_path: Path, at_hand: bool
) -> None:
    """Before and after edges are kept, with late spans, cut anywhere, and as a raw join has it."""
    random = Random(7)
    recent = RecentEnds() if at_hand else None
    store = _Store(engine, tmp_path, f"edges-late-{at_hand}", T + 60 * MINUTE_NS, recent)
    early, late = [], []
    for minute in range(5):
        web, cart = _calls(minute, 40, 10_000 + minute * 100, random)
        random.shuffle(web)
        random.shuffle(cart)
        early.append((web[10:], cart[10:]))
        late.append((web[:10], cart[:10]))
    windows = [
        Window(T, T + 5 * MINUTE_NS),
        Window(T + MINUTE_NS, T + 3 * MINUTE_NS),
        Window(T + 20 * SECOND, T + 4 * MINUTE_NS + 7),
        Window(T + 90 * SECOND, T + 100 * SECOND),
    ]

    def check() -> list[list[tuple[Any, ...]]]:
        answers = [store.graph(window) for window in windows]
        assert [sorted(e[:6] for e in a) for a in answers] == [
            sorted(store.join(window)) for window in windows
        ]
        return answers

    for web, cart in early:
        store.load(web, cart)
    live = check()
    assert 5 <= store.stale() <= 6  # the last call may reach into a sixth
    assert store.keeper.catch_up() >= 5
    assert 0 == store.stale()
    assert live == check()
    # Late ones, the cart's before the web's; only what they touch is worked out again.
    store.load([], late[3][1])
    assert live != check()
    store.load(late[3][0], [])
    assert 3 <= store.stale() <= 4
    second = check()
    store.keeper.catch_up()
    assert second == check()
    for n in (0, 1, 2, 4):
        store.load(*late[n])
    third = check()
    store.keeper.catch_up()
    assert third == check()
    kept = rows(
        engine,
        "SELECT count() AS n, uniqExact(Minute) AS minutes FROM edge_minutes FINAL"
        " WHERE DataSet = {d:String}",
        d=store.name,
    )
    assert kept[0]["n"] == kept[0]["minutes"]


def test_edges_are_kept_once_a_minute_is_over(engine: ChdbEngine, tmp_path: Path) -> None:
    """Live ones when senders had their time; imported ones when nothing more came between looks."""
    random = Random(8)
    live = _Store(engine, tmp_path, "", T + 200 * MINUTE_NS + 74 * SECOND)
    web, cart = _calls(199, 3, 50_000, random)
    live.load(web, cart)
    minutes = [m.minute_unix_s for m in live.keeper.stale(False) if not m.data_set]
    assert [] == [m for m in minutes if m >= (T + 199 * MINUTE_NS) // SECOND]
    later = _Store(engine, tmp_path, "", T + 200 * MINUTE_NS + 76 * SECOND)
    minutes = [m.minute_unix_s for m in later.keeper.stale(False) if not m.data_set]
    assert (T + 199 * MINUTE_NS) // SECOND in minutes

    imported = _Store(engine, tmp_path, "edges-import", T + 200 * MINUTE_NS)
    imported.load(*_calls(2, 3, 51_000, random))

    def seen() -> list[int]:
        found = imported.keeper.stale(everything=True)
        return [m.minute_unix_s for m in found if m.data_set == imported.name]

    assert [] == seen()
    imported.load(*_calls(2, 3, 52_000, random))
    assert [] == seen()
    assert (T + 2 * MINUTE_NS) // SECOND in seen()


def test_hostile_names_are_kept_as_they_are(engine: ChdbEngine, tmp_path: Path) -> None:
    """They go into a statement as text."""
    nasty = [
        "'",
        "\\",
        "\\'",
        "'); DROP TABLE edge_minutes --",
        "\n",
        "\0",
        "é",
        "\u202e",
        "@rows",
        '"',
    ]
    store = _Store(engine, tmp_path, "edges-nasty", T + 60 * MINUTE_NS)
    for n, text in enumerate(nasty, 1):
        attributes: dict[str, Any] = {"peer.service": f"{n}{text}"}
        store.load([span(900 + n, 9000 + n, name="x", start=T, kind=CLIENT, **attributes)], [])
    window = Window(T, T + MINUTE_NS)
    live = store.graph(window)
    store.keeper.catch_up()
    assert live == store.graph(window)
    assert {f"{n}{text}" for n, text in enumerate(nasty, 1)} == {edge[1] for edge in live}


class _Recording:
    """An engine that remembers what it was asked."""

    def __init__(self, engine: ChdbEngine) -> None:
        self._engine = engine
        self.asked: list[str] = []
        self.inserts = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def insert(self, *given: Any) -> Any:
        self.inserts += 1
        return self._engine.insert(*given)

    def query(self, sql: str, *rest: Any) -> Any:
        self.asked.append(sql)
        return self._engine.query(sql, *rest)

    @property
    def spans_read(self) -> int:
        return sum("FROM otel_traces" in sql for sql in self.asked)


def _any_spans(random: Random, count: int) -> list[Span]:
    """Spans of all kinds and ends, some of them parents of others, over some minutes."""
    keys = ["db.system", "db.system.name", "db.name", "messaging.system", "rpc.system"]
    keys += ["peer.service", "server.address", "http.status_code", "http.response.status_code"]
    found = []
    for n in range(count):
        trace = 60_000 + random.randrange(count // 4)
        attributes = {
            key: random.choice(["", "redis", "x é", "404", "503", "99999", "4.0"])
            for key in random.sample(keys, random.randrange(4))
        }
        found.append(
            span(
                trace,
                n * 2 + 1 + random.randrange(2),
                random.choice([0, 0, random.randrange(count * 2) + 1]),
                f"op {random.randrange(5)}",
                T + random.randrange(6 * MINUTE_NS),
                random.choice([0, 1, 10**9, 2**62]),
                random.randrange(6),
                error=random.random() < 0.2,
                **attributes,
            )
        )
    return found


@pytest.mark.parametrize("seed", range(4))
def test_spans_at_hand_give_the_calls_that_the_tables_give(
    engine: ChdbEngine, tmp_path: Path, seed: int
) -> None:
    """For windows cut anywhere; and the tables are not read for it."""
    random = Random(seed)
    recording = _Recording(engine)
    recent = RecentEnds()
    store = _Store(engine, tmp_path, f"edges-any-{seed}", T + 60 * MINUTE_NS, recent)
    at_hand = Telemetry(cast(ChdbEngine, recording))
    at_hand.recent = recent
    read_back = Telemetry(engine)
    for _ in range(3):
        store.load(_any_spans(random, 300), _any_spans(random, 100))
    found = 0
    for _ in range(12):
        start = T + random.randrange(-MINUTE_NS, 6 * MINUTE_NS)
        window = Window(
            start, start + random.choice([1, 30 * SECOND, 2 * MINUTE_NS, 7 * MINUTE_NS])
        )
        expected = read_back.whole_service_graph(window, store.name)
        assert expected == at_hand.whole_service_graph(window, store.name)
        found += len(expected.edges)
    assert found > 100
    assert 0 == recording.spans_read


def test_spans_that_are_not_all_at_hand_are_read(engine: ChdbEngine, tmp_path: Path) -> None:
    """What was loaded before the memory began, or is forgotten, counts all the same."""
    recording = _Recording(engine)
    store = _Store(engine, tmp_path, "edges-partly", T + 60 * MINUTE_NS)
    store.load(*_calls(0, 20, 70_000, Random(1)))
    recent = RecentEnds()
    store.telemetry.recent = recent
    store.load(*_calls(0, 20, 71_000, Random(2)))
    at_hand = Telemetry(cast(ChdbEngine, recording))
    at_hand.recent = recent
    window = Window(T - MINUTE_NS, T + 3 * MINUTE_NS)
    graph = at_hand.whole_service_graph(window, store.name)
    assert {40} == {edge.calls for edge in graph.edges}
    assert 0 < recording.spans_read

    small = RecentEnds(most_bytes=2_000)
    store.telemetry.recent = at_hand.recent = small
    other = _Store(engine, tmp_path, "edges-forgotten", T + 60 * MINUTE_NS, small)
    other.load(*_calls(0, 20, 72_000, Random(3)))
    other.load(*_calls(5, 20, 73_000, Random(3)))
    before = recording.spans_read
    graph = at_hand.whole_service_graph(Window(T, T + 8 * MINUTE_NS), other.name)
    assert {40} == {edge.calls for edge in graph.edges}
    assert before < recording.spans_read


def test_minutes_that_nothing_comes_for_are_let_go(engine: ChdbEngine, tmp_path: Path) -> None:
    """So that a quiet server does not hold on to them."""
    recent = RecentEnds(idle_s=0)
    store = _Store(engine, tmp_path, "edges-idle", T + 60 * MINUTE_NS, recent)
    store.load(*_calls(0, 5, 74_000, Random(1)))
    window = Window(T, T + MINUTE_NS)
    minutes = store.telemetry.span_minutes(Window(T - MINUTE_NS, T + 3 * MINUTE_NS), store.name)
    recent.forget_idle()
    assert recent.find(window, store.name, span_counts(minutes)) is None


def test_an_import_is_worked_out_as_it_passes_by(engine: ChdbEngine, tmp_path: Path) -> None:
    """Each minute once nothing came for a while, and again should more come."""
    recent = RecentEnds()
    store = _Store(engine, tmp_path, "edges-passing", T + 600 * MINUTE_NS, recent)
    first = T // SECOND
    store.load(*_calls(0, 5, 75_000, Random(1)))
    store.load(*_calls(3, 5, 76_000, Random(1)))
    assert [] == store.keeper.passed_by(quiet_s=60)
    found = [each.minute_unix_s for each in store.keeper.passed_by(quiet_s=0)]
    assert {first, first + 180} <= set(found) <= {first + n * 60 for n in range(-1, 6)}
    assert found == sorted(found, reverse=True)
    assert [] == store.keeper.passed_by(quiet_s=0)
    store.load(*_calls(3, 5, 77_000, Random(1)))
    assert first + 180 in [each.minute_unix_s for each in store.keeper.passed_by(quiet_s=0)]


def test_minutes_apart_are_kept_at_one_go(engine: ChdbEngine, tmp_path: Path) -> None:
    """Many that do not follow one another, of several data sets, become a part for each data set."""
    recent = RecentEnds()
    stores = [
        _Store(engine, tmp_path, name, T + 600 * MINUTE_NS, recent)
        for name in ("edges-apart-a", "edges-apart-b")
    ]
    window = Window(T - MINUTE_NS, T + 60 * MINUTE_NS)
    for store in stores:
        for minute in range(0, 50, 5):
            store.load(*_calls(minute, 3, 80_000 + minute, Random(minute)))
    before = [store.graph(window) for store in stores]
    recording = _Recording(engine)
    telemetry = Telemetry(cast(ChdbEngine, recording))
    telemetry.recent = recent
    EdgeKeeper(
        cast(ChdbEngine, recording), telemetry, FakeClock(T + 600 * MINUTE_NS), 30
    ).keep_passed_by(quiet_s=0)
    assert [0, 0] == [store.stale() for store in stores]
    assert before == [store.graph(window) for store in stores]
    assert (0, 2) == (recording.spans_read, recording.inserts)
