"""Questions to the store, on data small enough to answer by hand."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.otlp_requests import SECOND, attributes, log, logs, metrics, span, traces
from tests.store.segments import load_all, rows, write_segment

from tracepulse.errors import BadQuestion, EngineError, Unavailable
from tracepulse.model.question import (
    AttributeFilter,
    LogQuestion,
    MetricQuestion,
    TraceQuestion,
    Window,
)
from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.clickhouse import ClickHouseEngine
from tracepulse.store.engine import Engine, QueryLimits
from tracepulse.store.queries.telemetry import Telemetry
from tracepulse.store.retention import drop_expired

T = 1_780_000_000 * SECOND
ALWAYS = Window(0, 2**63 - 1)
CLIENT, SERVER = Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_SERVER


def _load(engine: Engine, folder: Path, name: str, signal: Any, *requests: Any) -> Telemetry:
    """Load requests once into a data set of their own, whatever was loaded by an earlier test."""
    there = rows(
        engine,
        f"SELECT count() AS n FROM otel_{'metrics_sum' if signal == 'metrics' else signal}"
        " WHERE DataSet = {d:String}",
        d=name,
    )
    if not there[0]["n"]:
        load_all(engine, write_segment(folder, f"{name}-{signal}", signal, requests, name))
    return Telemetry(engine)


# -- hostile text ----------------------------------------------------------------------------------

NASTY = [
    "",
    "'",
    '"',
    "\\",
    "\\'",
    "`",
    "\n",
    "\t",
    "\0",
    "\r",
    "\x0b",
    "%",
    "_",
    "{x:String}",
    "{data_set:String}",
    "@filters",
    "' OR 1=1 --",
    "\\N",
    "NULL",
    "é",
    "𝄞",
    "\u202e",
    "a\\tb",
    "/* */",
    "; DROP TABLE otel_logs",
    "x" * 300,
]


def _nasty(engine: Engine, folder: Path) -> Telemetry:
    records = []
    for n, text in enumerate(NASTY):
        values: dict[str, Any] = {f"k{text[:200]}": text}
        records.append(log(f"{n} {text}", at=T + n, **values))
    return _load(engine, folder, "nasty", "logs", logs(*records))


@given(wanted=st.sampled_from(NASTY) | st.text(max_size=5), key=st.sampled_from(NASTY))
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_hostile_text_is_only_ever_text(
    engine: ChdbEngine, tmp_path: Path, wanted: str, key: str
) -> None:
    """A filter finds the rows that the same filter in Python finds, whatever its characters."""
    telemetry = _nasty(engine, tmp_path)
    by_attribute = telemetry.search_logs(
        LogQuestion(
            ALWAYS, "nasty", attributes=(AttributeFilter(f"k{key[:200]}", wanted),), limit=100
        )
    )
    # A key that is absent and one that is empty look the same in a map.
    expected = {n for n, t in enumerate(NASTY) if t[:200] == key[:200] and t == wanted}
    if wanted:
        assert expected == {int(r.body.split()[0]) for r in by_attribute}
    by_text = telemetry.search_logs(LogQuestion(ALWAYS, "nasty", text=wanted, limit=100))
    found = {int(r.body.split()[0]) for r in by_text}
    assert {n for n, t in enumerate(NASTY) if wanted in f"{n} {t}"} <= found
    assert () == telemetry.search_logs(LogQuestion(ALWAYS, f"nasty{wanted}'", limit=100))
    assert () == telemetry.search_logs(LogQuestion(ALWAYS, "nasty", service=f"shop{wanted}'"))


@pytest.mark.parametrize("text", NASTY)
def test_parameters_come_back_as_they_went(any_engine: Engine, text: str) -> None:
    """Alone and inside a list, on either way to the engine."""
    (row,) = rows(
        any_engine,
        "SELECT {a:String} AS a, {b:Array(String)} AS b, {c:Int64} AS c",
        a=text,
        b=[text, "x", text],
        c=-1,
    )
    assert {"a": text, "b": [text, "x", text], "c": -1} == row


# -- search ----------------------------------------------------------------------------------------


def _shop(engine: Engine, folder: Path) -> Telemetry:
    """Trace 1: web → cart → a database; trace 2: web fails; trace 3: web → cart, slow."""
    peer: dict[str, Any] = {"peer.service": "cart"}
    web = [
        span(101, 1, name="GET /buy", start=T, duration=100, user="ann"),
        span(101, 2, 1, "POST", T + 10, 80, CLIENT, **peer),
        span(102, 11, name="GET /buy", start=T + 1000, duration=50, error=True),
        span(103, 21, name="GET /buy", start=T + 2000, duration=9000),
        span(103, 22, 21, "POST", T + 2010, 8000, CLIENT),
    ]
    db: dict[str, Any] = {"db.system": "redis"}
    cart = [
        span(101, 3, 2, "POST /cart", T + 20, 60),
        span(101, 4, 3, "SET", T + 30, 10, CLIENT, **db),
        span(103, 23, 22, "POST /cart", T + 2020, 7000, error=True),
    ]
    return _load(
        engine,
        folder,
        "shop",
        "traces",
        traces(*web, service="web", zone="z1"),
        traces(*cart, service="cart"),
    )


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({}, [103, 102, 101]),
        ({"service": "cart"}, [103, 101]),
        ({"operation": "GET /buy"}, [103, 102, 101]),
        ({"service": "cart", "operation": "GET /buy"}, []),
        ({"status": "Error"}, [103, 102]),
        ({"service": "web", "status": "Error"}, [102]),
        ({"min_duration_ns": 9000}, [103]),
        ({"min_duration_ns": 9001}, []),
        ({"service": "web", "max_duration_ns": 50}, [102]),
        ({"min_duration_ns": 0, "max_duration_ns": 10}, [101]),
        ({"attributes": (AttributeFilter("user", "ann"),)}, [101]),
        ({"attributes": (AttributeFilter("zone", "z1"),)}, [103, 102, 101]),
        ({"attributes": (AttributeFilter("user", "bob"),)}, []),
        ({"text": "CART"}, [103, 101]),
        ({"limit": 1}, [103]),
        ({"window": Window(T, T + 1000)}, [101]),
        ({"window": Window(T + 1000, T + 1001)}, [102]),
    ],
)
def test_traces_are_found(
    any_engine: Engine, tmp_path: Path, question: dict[str, Any], expected: list[int]
) -> None:
    """Newest first; the window is half-open; each condition is about one and the same span."""
    asked = TraceQuestion(**{"window": ALWAYS, "data_set": "shop", **question})
    found = _shop(any_engine, tmp_path).search_traces(asked)
    assert expected == [int(each.trace_id, 16) for each in found]


def test_a_trace_in_a_list_is_described_as_a_whole(engine: ChdbEngine, tmp_path: Path) -> None:
    """Not only by the spans that match."""
    telemetry = _shop(engine, tmp_path)
    (found,) = telemetry.search_traces(
        TraceQuestion(ALWAYS, "shop", operation="SET", service="cart")
    )
    assert (1, 4, 0, ("cart", "web"), T, 100, "web", "GET /buy", 1) == (
        found.matching_spans,
        found.spans,
        found.error_spans,
        found.services,
        found.start_unix_ns,
        found.duration_ns,
        found.root_service,
        found.root_operation,
        found.roots,
    )


def test_the_service_graph_is_that_of_the_spans(engine: ChdbEngine, tmp_path: Path) -> None:
    """Calls between services, from outside, and to what sends no spans; nothing twice."""
    edges = _shop(engine, tmp_path).service_graph(ALWAYS, "shop")
    assert {
        ("", "web", "spans", 3, 1),
        ("web", "cart", "spans", 2, 1),
        ("cart", "redis", "peer", 1, 0),
    } == {(e.caller, e.callee, e.inferred_from, e.calls, e.errors) for e in edges}


def test_metric_series_by_step(engine: ChdbEngine, tmp_path: Path) -> None:
    """The last value of a step for gauges and totals, the sum for deltas, each series by itself."""
    made = [Metric(name=name, unit="1") for name in ("total", "delta", "level", "ended")]
    total, delta, level, ended = made
    total.sum.aggregation_temporality = 2  # type: ignore[assignment]
    total.sum.is_monotonic = True
    delta.sum.aggregation_temporality = 1  # type: ignore[assignment]
    base = T // (60 * SECOND) * 60 * SECOND
    for second, value in ((0, 1), (30, 5), (60, 7)):
        at = base + second * SECOND
        for metric in (total.sum, delta.sum):
            metric.data_points.add(time_unix_nano=at, as_int=value)
        for way in ("in", "out"):
            level.gauge.data_points.add(
                time_unix_nano=at, as_double=value / 2, attributes=attributes({"way": way})
            )
    ended.gauge.data_points.add(time_unix_nano=base, as_double=2.5)
    ended.gauge.data_points.add(time_unix_nano=base + SECOND, flags=1)  # no value from here on
    telemetry = _load(engine, tmp_path, "series", "metrics", metrics(made))

    def points(name: str, **more: Any) -> list[list[tuple[int, float]]]:
        question = MetricQuestion(Window(base, base + 120 * SECOND), name, "series", **more)
        return [
            [((at - base) // SECOND, value) for at, value, _ in each.points]
            for each in telemetry.metric_series(question)
        ]

    assert [[(0, 5.0), (60, 7.0)]] == points("total")
    assert [[(0, 6.0), (60, 7.0)]] == points("delta")
    assert [[(0, 2.5), (60, 3.5)]] * 2 == points("level")
    assert [[(0, 2.5), (60, 3.5)]] == points("level", attributes=(AttributeFilter("way", "in"),))
    assert [] == points("level", service="other")
    assert [[(0, 2.5)]] == points("ended")
    assert {("counter", "total"), ("sum", "delta"), ("gauge", "level"), ("gauge", "ended")} == {
        (m.kind, m.name) for m in telemetry.metric_names("series")
    }


def test_logs_are_found(engine: ChdbEngine, tmp_path: Path) -> None:
    """By text in any case, severity, trace and attribute; newest first."""
    records = [log(f"Line {n}", at=T + n, severity=n, odd=n % 2 == 1) for n in range(1, 21)]
    records[4].trace_id, records[4].span_id = b"\x05" * 16, b"\x05" * 8
    telemetry = _load(engine, tmp_path, "lines", "logs", logs(*records))

    def found(**question: Any) -> list[int]:
        asked = LogQuestion(**{"window": ALWAYS, "data_set": "lines", **question})
        return [int(r.body.split()[1]) for r in telemetry.search_logs(asked)]

    assert list(range(20, 0, -1)) == found()
    assert [20, 19, 18, 17] == found(min_severity=17)
    assert [19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 1] == found(text="lINE 1")
    assert [5] == found(trace_id="05" * 16)
    assert [19, 17] == found(attributes=(AttributeFilter("odd", "true"),), limit=2)
    assert [3, 2] == found(window=Window(T + 2, T + 4))


WORDS = [
    "cart",
    "CART",
    "ord-1234-77",
    "1234",
    "é",
    "né",
    "a",
    "--",
    "cart.put",
    "x_1",
    "'",
    "id=9",
]
_PIECES = st.sampled_from([*WORDS, " ", " ", "-", "1234-77", "cartwheel", "näh", "\n", ".put", "="])


def _has_word(body: str, word: str) -> bool:
    """Look through a line plainly: each run of letters and digits whole, and all of it somewhere."""

    def runs(text: str) -> set[str]:
        spaced = (c if ord(c) > 127 or c.isalnum() else " " for c in text)
        return set("".join(spaced).split(" ")) - {""}

    return runs(word) <= runs(body) and word in body


@given(bodies=st.lists(st.lists(_PIECES, max_size=6).map("".join), min_size=20, max_size=20))
@settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_words_are_those_of_a_plain_scan(
    engine: ChdbEngine, tmp_path: Path, bodies: list[str]
) -> None:
    """The index loses nothing and adds nothing."""
    name = f"words-{sha256(repr(bodies).encode()).hexdigest()[:16]}"
    records = [log(f"{n} {body}", at=T + n) for n, body in enumerate(bodies)]
    telemetry = _load(engine, tmp_path, name, "logs", logs(*records))
    for word in WORDS:
        found = telemetry.search_logs(LogQuestion(ALWAYS, name, word=word, limit=100))
        assert [n for n, body in enumerate(bodies) if _has_word(f"{n} {body}", word)] == sorted(
            int(record.body.split()[0]) for record in found
        )


# -- one trace, in pieces --------------------------------------------------------------------------


def test_a_long_trace_is_read_in_pieces(any_engine: Engine, tmp_path: Path) -> None:
    """Each piece tells what the whole is like; together they are it, in order; copies count once."""
    trace = 777
    spans = [span(trace, n, 1 if n > 1 else 0, start=T + n % 7, duration=n) for n in range(1, 26)]
    name = f"long-{any_engine.name[:4]}"
    telemetry = _load(any_engine, tmp_path, name, "traces", traces(*spans))
    other = _load(any_engine, tmp_path, f"{name}-2", "traces", traces(*spans[:3]))
    whole = telemetry.trace(f"{trace:032x}", name)
    assert whole is not None
    assert (25, False) == (whole.total_spans, whole.truncated)
    pieces = [telemetry.trace(f"{trace:032x}", name, 10, offset) for offset in (0, 10, 20)]
    ids: list[str] = []
    for piece, truncated in zip(pieces, (True, True, False), strict=True):
        assert piece is not None
        assert (25, truncated) == (piece.total_spans, piece.truncated)
        assert (whole.start_unix_ns, whole.end_unix_ns) == (piece.start_unix_ns, piece.end_unix_ns)
        ids += piece.spans.span_id.tolist()
    assert whole.spans.span_id.tolist() == ids
    # Of two data sets that have it, one is read, to its end.
    first = other.trace(f"{trace:032x}", None, 10, 20)
    assert first is not None
    assert (name, 25, 5) == (first.data_set, first.total_spans, len(first.spans))
    assert telemetry.trace(f"{778:032x}", None, 10, 10) is None


# -- what must not be ------------------------------------------------------------------------------


def test_readers_cannot_write(server_engine: ClickHouseEngine) -> None:
    """A question cannot change anything, even if one of ours were wrong."""
    with pytest.raises(EngineError, match="readonly"):
        server_engine.query("DROP TABLE otel_logs")


def test_a_question_that_costs_too_much_is_ended(engine: ChdbEngine) -> None:
    """The asker is told what to do, and the next question is answered."""
    with pytest.raises(BadQuestion, match="ask for less"):
        engine.query(
            "SELECT count() AS n FROM numbers(100000000000) WHERE sipHash64(number) = 1",
            limits=QueryLimits(time_s=0.3),
        )
    assert [{"one": 1}] == rows(engine, "SELECT 1 AS one")


def test_passwords_are_never_shown(front_port: int) -> None:
    """Neither for a server that is away, nor for one that refuses the password."""
    for address in (f"127.0.0.1:{front_port}", "127.0.0.1:1"):
        with pytest.raises(Unavailable) as refused:
            ClickHouseEngine(f"http://us:hunter2@{address}/default")
        assert "hunter2" not in str(refused.value)
        assert address in str(refused.value)


# -- keeping ---------------------------------------------------------------------------------------


def test_old_data_sets_outlive_retention_and_merges(engine: ChdbEngine, tmp_path: Path) -> None:
    """Events of 2022 imported under a name stay; live telemetry received long ago goes."""
    then = 1_650_000_000 * SECOND
    old = [span(trace=2022, span_id=n, start=then + n * SECOND) for n in range(1, 5)]
    lines = [log("old", at=then, severity=17)]
    telemetry = _load(engine, tmp_path, "of-2022", "traces", traces(*old))
    _load(engine, tmp_path, "of-2022", "logs", logs(*lines))
    live = write_segment(tmp_path, "live-old", "traces", [traces(span(trace=2023, start=then))])
    load_all(engine, live)
    # All of it was received in 2026; years later only what has a name is left.
    dropped = drop_expired(engine, T + 4 * 365 * 86_400 * SECOND, 30)
    for table in ("otel_traces", "otel_logs", "span_bins", "span_minutes", "log_bins"):
        engine.execute(f"OPTIMIZE TABLE {table} FINAL")
    assert any(each.startswith("otel_traces") for each in dropped)
    assert telemetry.trace(f"{2023:032x}") is None
    kept = telemetry.trace(f"{2022:032x}")
    assert kept is not None
    assert 4 == len(kept.spans.span_id)
    window = Window(then - 60 * SECOND, then + 60 * SECOND)
    assert 4 == int(telemetry.span_bins(window, "of-2022").calls.sum())
    assert 1 == int(telemetry.log_bins(window, "of-2022").lines.sum())
    assert () == drop_expired(engine, T + 4 * 365 * 86_400 * SECOND, 30)
