"""The tables of a Collector's exporter, in their forms, answer as our own do; and stay as they are."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from tests.store.exporter_tables import VARIANTS, Variant
from tests.store.in_place_telemetry import END, ONSET, START, TRACES, fill, trace_id

from tracepulse.context.incident_bundle import incident_bundle
from tracepulse.context.render_json import render_json
from tracepulse.core import Core
from tracepulse.model.findings import Window as FindingsWindow
from tracepulse.model.question import (
    AttributeFilter,
    LogQuestion,
    MetricQuestion,
    TraceQuestion,
    Window,
)
from tracepulse.store.clickhouse import ClickHouseEngine
from tracepulse.store.in_place.detect import detect, named_tables
from tracepulse.store.in_place.engine import InPlaceEngine
from tracepulse.store.in_place.sources import Sources
from tracepulse.store.in_place.telemetry import InPlaceTelemetry
from tracepulse.store.migrate import migrate
from tracepulse.store.queries.telemetry import Telemetry
from tracepulse.store.state.records import StateStore
from tracepulse.watch import Watch

FRONT = Path(__file__).with_name("http_front.py")
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


def test_an_incident_is_found_and_told_alike(
    theirs: Telemetry, own: Telemetry, tmp_path: Path
) -> None:
    """Detection, place, causes and the bundle need none of the roll-ups that only we keep."""
    (tmp_path / "own").mkdir()
    (tmp_path / "theirs").mkdir()
    expected = _bundle(own, tmp_path / "own")
    assert "declined" in expected
    assert expected == _bundle(theirs, tmp_path / "theirs")
