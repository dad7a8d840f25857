"""The tables of a Collector's exporter, in their forms, answer as our own do; and stay as they are."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote

import httpx
import numpy as np
import pyarrow as pa
import pytest
from tests.running_server import forked_server, wait_until
from tests.store.exporter_tables import VARIANTS, Variant
from tests.store.in_place_telemetry import END, ONSET, START, TRACES, fill, trace_id

import tracepulse.store.queries
import tracepulse.store.schema
from tracepulse.config import load_settings
from tracepulse.context.incident_bundle import incident_bundle
from tracepulse.context.render_json import render_json
from tracepulse.core import Core
from tracepulse.errors import BadQuestion, BadSetting, EngineError, InternalError, Unavailable
from tracepulse.model.bins import LogBins
from tracepulse.model.findings import Window as FindingsWindow
from tracepulse.model.question import (
    AttributeFilter,
    LogQuestion,
    MetricQuestion,
    TraceQuestion,
    Window,
)
from tracepulse.store.clickhouse import ClickHouseEngine
from tracepulse.store.engine import Engine
from tracepulse.store.in_place.columns import Role
from tracepulse.store.in_place.detect import Tables, detect, named_tables
from tracepulse.store.in_place.engine import InPlaceEngine
from tracepulse.store.in_place.opening import InPlace, open_in_place
from tracepulse.store.in_place.recent import RecentBins
from tracepulse.store.in_place.sources import Sources
from tracepulse.store.in_place.telemetry import InPlaceTelemetry
from tracepulse.store.migrate import migrate
from tracepulse.store.queries.telemetry import Telemetry
from tracepulse.store.state.records import StateStore
from tracepulse.watch import Watch

FRONT = Path(__file__).with_name("http_front.py")
SCHEMA = "".join(
    path.read_text()
    for path in sorted(Path(next(iter(tracepulse.store.schema.__path__))).glob("*.sql"))
)
ALL = Window(START, END)
PAST = FindingsWindow(START, ONSET, END)
NOT_KEPT = {"trust", "origin"}
"""Only our own tables tell who sent a row, and by what way."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A stand-in for a server with our tables and, in databases of their own, theirs; its address."""
    folder = tmp_path_factory.mktemp("theirs")
    with subprocess.Popen(
        [sys.executable, str(FRONT), str(folder / "engine"), "owner", "secret"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        address = f"127.0.0.1:{int(process.stdout.readline())}"
        owner = ClickHouseEngine(f"http://owner:secret@{address}/default")
        migrate(owner)
        fill(owner, folder)
        for variant in VARIANTS:
            for statement in variant.statements():
                owner.execute(statement)
        owner.close()
        yield address
        process.stdin.close()
        process.wait(30)


@pytest.fixture(scope="module")
def own(server: str) -> Iterator[Telemetry]:
    """Our own tables."""
    engine = ClickHouseEngine(f"http://owner:secret@{server}/default")
    yield Telemetry(engine)
    engine.close()


def _named(variant: Variant) -> list[str]:
    kinds = {"otel_traces": "traces", "otel_logs": "logs"}
    return [f"{kinds[ours]}={name}" for ours, name in variant.names.items()]


@pytest.fixture(scope="module", params=VARIANTS, ids=[each.name for each in VARIANTS])
def theirs(request: pytest.FixtureRequest, server: str) -> Iterator[Telemetry]:
    """Each form of their tables, read as a user that may only read."""
    variant: Variant = request.param
    engine = ClickHouseEngine(f"http://reader:secret@{server}/default")
    sources = Sources(detect(engine, variant.database, named_tables(_named(variant))), 30)
    yield InPlaceTelemetry(InPlaceEngine(engine, sources), sources)
    engine.close()


def _plain(answer: Any) -> Any:
    """Return an answer as what can be compared, without what only our own tables hold."""
    if is_dataclass(answer) and not isinstance(answer, type):
        return {
            each.name: _plain(getattr(answer, each.name))
            for each in fields(answer)
            if each.name not in NOT_KEPT
        }
    if isinstance(answer, np.ndarray):
        return answer.tolist()
    if isinstance(answer, dict):
        # Where early versions kept the scope.
        return {k: _plain(v) for k, v in answer.items() if k != "otel.scope.name"}
    if isinstance(answer, (list, tuple)):
        return [_plain(each) for each in answer]
    return answer


Ask = Callable[[Telemetry], Any]
QUESTIONS: dict[str, Ask] = {
    "a trace": lambda t: t.trace(trace_id(341)),
    "a trace that is not there": lambda t: t.trace("f" * 32),
    "some traces": lambda t: t.spans_of([trace_id(3), trace_id(TRACES - 1), "e" * 32]),
    "traces": lambda t: t.search_traces(TraceQuestion(ALL, limit=50)),
    "failed traces": lambda t: t.search_traces(TraceQuestion(ALL, service="pay", status="Error")),
    "slow traces": lambda t: t.search_traces(TraceQuestion(ALL, min_duration_ns=90_000_100)),
    "traces by text": lambda t: t.search_traces(TraceQuestion(ALL, text="DECLINED")),
    "traces by attributes": lambda t: t.search_traces(
        TraceQuestion(
            ALL,
            attributes=(
                AttributeFilter("http.response.status_code", "404"),
                AttributeFilter("k8s.pod.name", "shop-1"),
            ),
        )
    ),
    "traces by true": lambda t: t.search_traces(
        TraceQuestion(ALL, attributes=(AttributeFilter("ok", "true"),), limit=3)
    ),
    "lines": lambda t: t.search_logs(LogQuestion(ALL, limit=1000)),
    "lines by text": lambda t: t.search_logs(LogQuestion(ALL, text="cannot CHARGE")),
    "lines of a trace": lambda t: t.search_logs(LogQuestion(ALL, trace_id=trace_id(7))),
    "lines by attribute": lambda t: t.search_logs(
        LogQuestion(ALL, attributes=(AttributeFilter("user.id", "12"),))
    ),
    "grave lines": lambda t: t.search_logs(LogQuestion(ALL, min_severity=17, service="pay")),
    "graph": lambda t: t.service_graph(ALL),
    "graph of a minute": lambda t: t.service_graph(Window(ONSET, ONSET + 60 * 10**9)),
    "span bins": lambda t: t.span_bins(ALL),
    "log bins": lambda t: t.log_bins(ALL),
    "rates": lambda t: t.rates(Window(END - 900 * 10**9, END)),
    "operations": lambda t: t.operations(PAST, 100),
    "log shapes": lambda t: t.log_shapes(PAST, 100),
    "versions": lambda t: t.versions(ALL, ["pay", "shop"]),
    "failing traces": lambda t: t.failing_traces(ALL, any_span=True),
    "coverage": lambda t: t.coverage(ALL),
    "metric names": lambda t: t.metric_names(),
    "metric window": lambda t: t.metric_window("queue"),
    "gauge": lambda t: t.metric_series(MetricQuestion(ALL, "queue")),
    "counter": lambda t: t.metric_series(MetricQuestion(ALL, "calls", service="pay")),
    "histogram": lambda t: t.metric_series(MetricQuestion(ALL, "took")),
    "gauge by attribute": lambda t: t.metric_series(
        MetricQuestion(ALL, "queue", attributes=(AttributeFilter("part", "1"),))
    ),
    "what there is": lambda t: [each for each in t.data_sets() if each.signal != "metrics"],
    "the beginning": lambda t: t.first_telemetry_unix_ns(),
    "another data set": lambda t: t.search_traces(TraceQuestion(ALL, data_set="imported")),
}
ONLY_KEPT = {"span_minutes", "edge_minutes"}
"""What only `keeps_edges` asks for, and that is off in place."""
OURS: dict[str, Any] = {}
"""Our own store's answers, asked for once."""
NONE = {"a trace that is not there", "another data set"}


@pytest.mark.parametrize("question", QUESTIONS)
def test_their_tables_answer_as_ours_do(question: str, theirs: Telemetry, own: Telemetry) -> None:
    """Whatever the form of the tables, the answer is that of our own store."""
    ask = QUESTIONS[question]
    if question not in OURS:
        OURS[question] = _plain(ask(own))
    expected = OURS[question]
    assert bool(expected) == (question not in NONE)
    assert expected == _plain(ask(theirs))


def _bundle(telemetry: Telemetry, folder: Path) -> str:
    """Watch the half-hour, and return the bundle of the incident that is found."""
    state = StateStore(f"sqlite:///{folder / 'state.db'}")
    try:
        core = cast(Core, SimpleNamespace(telemetry=telemetry, state=state))
        watch = Watch(core)
        (incident,) = watch.look(END, END)
        return render_json(incident_bundle(watch.collector.findings(incident, END), b"key"))
    finally:
        state.close()


@pytest.mark.parametrize(
    "theirs", [VARIANTS[2], VARIANTS[4]], ids=lambda each: each.name, indirect=True
)
def test_an_incident_is_found_and_told_alike(
    theirs: Telemetry, own: Telemetry, tmp_path: Path
) -> None:
    """Detection, place, causes and the bundle need none of the roll-ups that only we keep."""
    (tmp_path / "own").mkdir()
    (tmp_path / "theirs").mkdir()
    expected = _bundle(own, tmp_path / "own")
    assert "declined" in expected
    assert expected == _bundle(theirs, tmp_path / "theirs")


# -- how it reads, and what it never does ------------------------------------------------------------


def _opened(server: str, variant: Variant, user: str = "reader") -> InPlace:
    address = f"http://{user}:secret@{server}/{quote(variant.database)}"
    return open_in_place(address, _named(variant), 30)


def _everything(server: str) -> list[Any]:
    """Return every table there is, with what it holds."""
    engine = ClickHouseEngine(f"http://owner:secret@{server}/default")
    try:
        found: list[Any] = engine.query(
            "SELECT database, name, engine, create_table_query, total_rows, metadata_modification_time"
            " FROM system.tables WHERE database NOT IN ('system', 'INFORMATION_SCHEMA',"
            " 'information_schema') ORDER BY database, name"
        ).to_pylist()
        return found
    finally:
        engine.close()


def test_a_server_reads_in_place_and_leaves_everything_as_it_was(
    server: str, tmp_path: Path
) -> None:
    """A user that may set nothing will do: traces, logs and an incident, and not one statement more."""
    before = _everything(server)
    address = f"http://strict:secret@{server}/{quote(VARIANTS[0].database)}"
    with forked_server(tmp_path, None, "--in-place-url", address) as run:
        trace = run.get(f"/api/traces/{trace_id(341)}")
        assert 6 == len(trace["spans"])
        lines = run.get("/api/logs", since=str(START), until=str(END), limit=5)
        assert 5 == len(lines["records"])
        assert run.get("/api/overview")["services"] == []  # all of it is two hours old
        report = run.get("/api/doctor")
        checks = {each["name"]: each["detail"] for each in report["checks"] if each["ok"]}
        wait_until(
            lambda: run.get("/api/doctor")["checks"][-1],
            lambda check: check["name"] == "watch" and check["detail"] != "has not looked yet",
            "a look of the watch",
        )
        with pytest.raises(httpx.ConnectError):
            httpx.post(f"{run.otlp_http_url}/v1/traces", content=b"")
        assert 0 == run.stop()
    assert "readonly = 1" in checks["in place: limits"]
    assert "their map, newest.otel_traces (MergeTree, map attributes)" in checks["in place: traces"]
    assert f"{6 * TRACES:,} records" in checks["in place: time of traces"]
    assert "READONLY" not in (tmp_path / "server.log").read_text()
    assert before == _everything(server)


@pytest.mark.parametrize("variant", VARIANTS, ids=[each.name for each in VARIANTS])
def test_what_was_detected_is_told(variant: Variant, server: str) -> None:
    """Form, names and absent columns of each table, one line for each kind of telemetry."""
    in_place = _opened(server, variant)
    lines = dict(line.split(": ", 1) for line in in_place.tables.describe())
    in_place.engine.close()
    assert len(Role) == len(lines)
    form = "JSON attributes" if variant.json else "map attributes"
    assert all(form in lines[each] for each in ("traces", "logs", "sum", "summary"))
    assert ("without ScopeName, ScopeVersion" in lines["traces"]) == variant.old
    assert ("TimestampTime" in lines["logs"]) == (not variant.seconds)
    assert ("EventName" in lines["logs"]) == (not variant.event_name)
    assert variant.exponential in lines["exponential_histogram"]
    assert ("no table" in lines["trace_ids"]) == (not variant.look_up)


def test_conditions_reach_the_indexes_through_the_view(server: str) -> None:
    """Partitions, keys and skip indexes of theirs are used, or a question would read everything."""
    in_place = _opened(server, VARIANTS[0])
    inside = ClickHouseEngine(f"http://reader:secret@{server}/default")
    window = {"start": START, "end": END}

    def plan(sql: str, **parameters: Any) -> str:
        expanded = in_place.engine.expanded(sql)
        rows = inside.query(f"EXPLAIN indexes = 1 {expanded}", parameters).column(0).to_pylist()
        return "\n".join(rows)

    between = (
        "Timestamp >= fromUnixTimestamp64Nano({start:Int64})"
        " AND Timestamp < fromUnixTimestamp64Nano({end:Int64})"
    )
    lines = plan(f"SELECT count() FROM otel_logs WHERE {between} AND ServiceName = 'pay'", **window)
    assert "Partition" in lines
    assert "toDate(Timestamp)" in lines
    assert "ServiceName" in lines
    one = "SELECT SpanName FROM otel_traces WHERE has({trace_ids:Array(String)}, TraceId)"
    trace = plan(one, trace_ids=[trace_id(4)])
    assert "idx_trace_id" in trace
    assert "toDate(Timestamp)" in trace
    calls = plan("SELECT sum(Calls) FROM span_bins WHERE {start:Int64} < {end:Int64}", **window)
    assert "toDate(Timestamp)" in calls
    in_place.engine.close()
    inside.close()


def test_nothing_but_questions_passes(server: str) -> None:
    """Whatever would change something is refused before it leaves this process."""
    in_place = _opened(server, VARIANTS[0])
    with pytest.raises(InternalError):
        in_place.engine.execute("DROP TABLE otel_traces")
    with pytest.raises(InternalError):
        in_place.engine.insert("otel_traces", ["TraceId"], [b""])
    with pytest.raises(InternalError):
        migrate(in_place.engine)
    in_place.engine.close()


def test_traces_alone_will_do(server: str, own: Telemetry) -> None:
    """Where there is no table of logs or metrics, their part of an answer is empty."""
    engine = ClickHouseEngine(f"http://reader:secret@{server}/default")
    for variant in (VARIANTS[0], VARIANTS[3]):
        all_of_it = detect(engine, variant.database)
        tables = Tables(all_of_it.database, {Role.TRACES: all_of_it.found[Role.TRACES]})
        sources = Sources(tables, 30)
        telemetry = InPlaceTelemetry(InPlaceEngine(engine, sources), sources)
        for question, ask in QUESTIONS.items():
            if question.startswith("a trace") or "graph" in question or question == "span bins":
                assert _plain(ask(own)) == _plain(ask(telemetry))
        assert () == telemetry.search_logs(LogQuestion(ALL))
        assert () == telemetry.metric_names()
        assert {"traces"} == {each["signal"] for each in telemetry.coverage(ALL)}
        assert 0 == len(telemetry.log_bins(ALL))
    engine.close()


def ours_read_by_statements() -> set[str]:
    """Return the tables that the statements of all questions name."""
    folder = Path(next(iter(tracepulse.store.queries.__path__)))
    texts = [path.read_text() for path in (*folder.glob("*.sql"), *folder.glob("*.py"))]
    return {
        name
        for text in texts
        for name in re.findall(r"\b(otel_\w+|\w+_bins|\w+_minutes)\b", text)
        if f"CREATE TABLE IF NOT EXISTS {name}" in SCHEMA
    }


def test_every_statement_reads_what_is_known_there(server: str) -> None:
    """A table of ours that has no place here would fail in front of a user."""
    in_place = _opened(server, VARIANTS[0])
    for name in ours_read_by_statements() - ONLY_KEPT:
        assert f"FROM {name}" != in_place.engine.expanded(f"FROM {name}"), name
    in_place.engine.close()


def test_bytes_that_are_no_text_are_shown_as_such(server: str) -> None:
    """A String of theirs may hold anything; one such row must not spoil a whole answer."""
    owner = ClickHouseEngine(f"http://owner:secret@{server}/default")
    owner.execute("CREATE DATABASE bytes")
    for table in ("otel_traces", "otel_logs"):
        owner.execute(f"CREATE TABLE bytes.{table} AS {VARIANTS[2].table(table)}")
    at = f"fromUnixTimestamp64Nano({START})"
    owner.execute(
        "INSERT INTO bytes.otel_logs (Timestamp, ServiceName, Body, LogAttributes) SELECT"
        f" {at}, unhex('ff41'), unhex('c328'), map(unhex('fe'), unhex('80'), 'good', 'é')"
    )
    owner.execute(
        "INSERT INTO bytes.otel_traces (Timestamp, TraceId, SpanId, SpanName, Events.Timestamp,"
        f" Events.Name, Events.Attributes) SELECT {at}, unhex('ff'), 'a', unhex('f0'), [{at}],"
        " [unhex('f1')], [map(unhex('f2'), 'v')]"
    )
    owner.close()
    in_place = open_in_place(f"http://reader:secret@{server}/bytes", (), 30)
    (line,) = in_place.telemetry.search_logs(LogQuestion(ALL))
    assert ("\ufffdA", "\ufffd(") == (line.service, line.body)
    assert {"\ufffd": "\ufffd", "good": "é"} == line.attributes
    (trace,) = in_place.telemetry.search_traces(TraceQuestion(ALL))
    assert ("\ufffd", "\ufffd") == (trace.trace_id, trace.root_operation)
    in_place.engine.close()


def test_a_database_without_such_tables_is_refused(server: str) -> None:
    """The message says what is missing, where, and what to do."""
    with pytest.raises(
        Unavailable, match=r"no table otel_traces in the database nowhere.*in-place"
    ):
        open_in_place(f"http://reader:secret@{server}/nowhere", (), 30)
    database = quote(VARIANTS[0].database)
    with pytest.raises(Unavailable, match=r"no table spans .*it has otel_logs.*traces=TABLE"):
        open_in_place(f"http://reader:secret@{server}/{database}", ("traces=spans",), 30)
    with pytest.raises(
        Unavailable, match=r"otel_logs has no column ParentSpanId, .*GRANT SELECT ON"
    ):
        open_in_place(f"http://reader:secret@{server}/{database}", ("traces=otel_logs",), 30)
    with pytest.raises(Unavailable, match="Authentication failed"):
        open_in_place(f"http://reader:wrong@{server}/{database}", (), 30)
    with pytest.raises(BadSetting, match="'spans'; write KIND=TABLE"):
        open_in_place(f"http://reader:secret@{server}/{database}", ("spans",), 30)


class _Refusing:
    """An engine whose user sees no table, and may read none."""

    name = "http://us@there:8123/otel"

    def query(self, sql: str, parameters: Any = None, limits: Any = None) -> pa.Table:
        if "system.tables" in sql:
            return pa.table({"table": [], "name": []})
        raise EngineError("Code: 497. DB::Exception: us: Not enough privileges (ACCESS_DENIED)")


def test_a_user_without_rights_is_told_which() -> None:
    """A table that may not be read is not called missing."""
    with pytest.raises(Unavailable, match=r"may not read `otel`.`otel_traces`; GRANT SELECT ON"):
        detect(cast(Engine, _Refusing()), "otel")


def test_a_table_that_changes_meanwhile_is_told(server: str) -> None:
    """What an ALTER or a DROP since the start leads to is the surroundings' fault, not ours."""
    owner = ClickHouseEngine(f"http://owner:secret@{server}/default")
    owner.execute("CREATE DATABASE changing")
    owner.execute(f"CREATE TABLE changing.otel_logs AS {VARIANTS[1].table('otel_logs')}")
    in_place = open_in_place(f"http://reader:secret@{server}/changing", (), 30)
    assert () == in_place.telemetry.search_logs(LogQuestion(ALL))
    owner.execute("ALTER TABLE changing.otel_logs DROP COLUMN SeverityText")
    with pytest.raises(Unavailable, match=r"not as they were at the start.*SeverityText"):
        in_place.telemetry.search_logs(LogQuestion(ALL))
    owner.execute("DROP TABLE changing.otel_logs")
    with pytest.raises(Unavailable, match=r"not as they were at the start.*start again"):
        in_place.telemetry.search_logs(LogQuestion(ALL))
    in_place.engine.close()
    owner.close()


def test_a_table_too_large_to_look_through_began_long_ago(server: str) -> None:
    """Detection goes on where the first instant of a table cannot be had within the limits."""
    in_place = _opened(server, VARIANTS[0])

    class TooLarge(_Refusing):
        def query(self, sql: str, parameters: Any = None, limits: Any = None) -> pa.Table:
            raise BadQuestion("the question costs too much (TIMEOUT_EXCEEDED)")

    sources = Sources(in_place.tables, 30)
    engine = InPlaceEngine(cast(Engine, TooLarge()), sources)
    assert 0 == InPlaceTelemetry(engine, sources).first_telemetry_unix_ns()
    in_place.engine.close()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"storage_url": "http://a/b"}, "storage_url and in_place_url"),
        ({"log_files": "/var/log/*.log"}, "log_files and in_place_url"),
        ({"in_place_url": None, "in_place_tables": "traces=spans"}, "give in_place_url too"),
    ],
)
def test_settings_that_would_write_and_read_in_place_are_refused(
    flags: dict[str, Any], says: str
) -> None:
    """What is read in place is not written to."""
    with pytest.raises(BadSetting, match=says):
        load_settings({"in_place_url": "http://a/b", **flags}, environment={})


# -- bins that are kept ------------------------------------------------------------------------------

_BIN = 5 * 10**9


def _bins(*starts: int) -> LogBins:
    text, number = np.array([""] * len(starts), object), np.array([1] * len(starts))
    at = np.array([each * _BIN for each in starts], np.int64)
    return LogBins(at, text, number, text, text, number, at, text)


def test_bins_are_read_again_only_while_rows_may_still_come() -> None:
    """A look every five seconds must not read half an hour of somebody else's rows each time."""
    there = set(range(0, 1000, 2))
    asked: list[tuple[int, int]] = []

    def ask(window: Window) -> LogBins:
        start, end = window.start_unix_ns // _BIN, window.end_unix_ns // _BIN
        asked.append((start, end))
        return _bins(*sorted(each for each in there if start <= each < end))

    recent = RecentBins[LogBins](ask)

    def read(start: int, end: int) -> list[int]:
        found = recent.read(Window(start * _BIN, end * _BIN))
        return [int(at) // _BIN for at in found.bin_start_unix_ns]

    assert list(range(100, 460, 2)) == read(100, 460)
    assert [(100 + 60 * n, 160 + 60 * n) for n in range(6)] == asked, "five minutes at a time"
    asked.clear()
    there |= {459, 301}
    assert [*range(102, 458, 2), 458, 459, 460] == read(102, 461), "what came late is there"
    assert [*range(280, 458, 2), 458, 459, 460] == read(280, 461)
    assert [(436, 461), (437, 461)] == asked
    assert list(range(10, 20, 2)) == read(10, 20), "long ago"
    assert [*range(102, 458, 2), 458, 459, 460, 462] == read(102, 463)
    assert [(10, 20), (437, 463)] == asked[2:]
    there |= set(range(4000, 4010))
    assert [*range(4000, 4010)] == read(3990, 4010)
    assert (3990, 4010) == asked[-1], "after a long silence, what is asked for and no more"
