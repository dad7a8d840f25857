"""Why requests are slow: over the real engine, by REST, command line and for assistants."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from benchmarks.generator.slow_nodes import SlowCase, slow_case
from mcp import Client
from starlette.testclient import TestClient
from tests.deliver.served import served
from tests.deliver.test_api_answers import ask
from tests.deliver.watched import attributes, keep, services

from tracepulse.cli import main
from tracepulse.deliver.api.app import api_app
from tracepulse.derive.cohort_blame import cohort_blame, node_table
from tracepulse.derive.span_codes import span_codes
from tracepulse.model.cohort import CohortQuestion
from tracepulse.model.question import Window
from tracepulse.receive.signals import Signal
from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.queries.telemetry import Telemetry
from tracepulse.why import CohortReader

SLOWED, TAIL = "why-slowed", "why-tail"
ALL = Window(1_749_000_000_000_000_000, 1_751_000_000_000_000_000)
KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")


def _requests(case: SlowCase) -> list[tuple[Signal, Any]]:
    """Return a made-up system's spans as requests of OTLP/JSON; the version changes with it."""
    spans: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    given = case.columns
    for row in range(len(given)):
        start = int(given.start_unix_ns[row])
        later = case.changed_unix_ns is not None and start >= case.changed_unix_ns
        resource = given.resource[row]
        key = (resource["service.name"], resource["host.name"], "2.0" if later else "1.0")
        spans[key].append(
            {
                "traceId": given.trace_id[row],
                "spanId": given.span_id[row],
                "parentSpanId": given.parent_span_id[row],
                "name": given.name[row],
                "kind": KINDS.index(given.kind[row]),
                "startTimeUnixNano": str(start),
                "endTimeUnixNano": str(start + int(given.duration_ns[row])),
                "attributes": attributes(given.attributes[row]),
            }
        )
    names = ("service.name", "host.name", "service.version")
    return [
        (
            "traces",
            {
                "resourceSpans": [
                    {
                        "resource": {"attributes": attributes(dict(zip(names, key, strict=True)))},
                        "scopeSpans": [{"spans": members}],
                    }
                ]
            },
        )
        for key, members in sorted(spans.items())
    ]


@pytest.fixture(scope="module")
def slowed() -> SlowCase:
    """A system of which one operation became slower at an instant."""
    return slow_case("serial", 4, 120)


@pytest.fixture(scope="module")
def stored(
    engine: ChdbEngine, slowed: SlowCase, tmp_path_factory: pytest.TempPathFactory
) -> ChdbEngine:
    """The engine with that system's spans, and those of one that is slow now and then."""
    keep(engine, tmp_path_factory.mktemp("slowed"), _requests(slowed), SLOWED)
    tail = slow_case("intermittent", 3, 200)
    keep(engine, tmp_path_factory.mktemp("tail"), _requests(tail), TAIL)
    return engine


@pytest.fixture
def api(stored: ChdbEngine, tmp_path: Path) -> Iterator[TestClient]:
    """A client of the API."""
    given = services(stored, tmp_path)
    with TestClient(api_app(given), raise_server_exceptions=False) as client:
        yield client
    given.state.close()


def _route(case: SlowCase) -> str:
    (root,) = set(case.columns.name[case.columns.parent_span_id == ""])
    return str(root)


def test_blame_from_the_store_is_that_of_the_spans(stored: ChdbEngine, slowed: SlowCase) -> None:
    """Read as numbers in chunks, the sums by node are those of the spans as text, to the ns."""
    telemetry = Telemetry(stored)
    requests = telemetry.cohort_requests(CohortQuestion(ALL, SLOWED))
    assert len(requests) == slowed.requests
    group = np.zeros(len(requests), np.int64)
    blame, table = CohortReader(telemetry, SLOWED).blame(requests, group, 1)
    codes, trace_ids, nodes = span_codes(slowed.columns)
    expected = cohort_blame(codes, node_table(nodes), np.zeros(len(trace_ids), np.int64), 1)
    assert table.nodes == nodes
    assert np.array_equal(blame.held, expected.held)
    assert np.array_equal(blame.held_ns, expected.held_ns)


@pytest.mark.parametrize("split", ["instant", "versions"])
def test_what_became_slower_is_named(api: TestClient, slowed: SlowCase, split: str) -> None:
    """Before and after an instant, or one version against the other: the slowed operation."""
    asked: dict[str, str] = {"before": str(slowed.changed_unix_ns)}
    if split == "versions":
        asked = {"version_a": "1.0", "version_b": "2.0"}
    answer = ask(api, "/api/why", route=_route(slowed), data_set=SLOWED, **asked)
    assert slowed.truth is not None
    assert answer["finding"] is not None, answer["reason"]
    found = (answer["finding"]["service"], answer["finding"]["operation"])
    assert found == (slowed.truth.service, slowed.truth.operation)
    assert answer["finding"]["low_ns"] > 0
    assert (answer["usual_requests"], answer["slow_requests"]) == (120, 120)
    told = [(each["key"], each["value"], each["slow_with"]) for each in answer["attributes"]]
    assert told == [("service.version", "2.0", 120)]


def test_the_same_from_the_slowest(api: TestClient) -> None:
    """Of one time the slowest twentieth is set against the rest; the split is said."""
    route = _route(slow_case("intermittent", 3, 200))
    answer = ask(api, "/api/why", route=route, data_set=TAIL, slow="p95")
    assert (answer["split"], answer["usual_requests"], answer["slow_requests"]) == ("tail", 380, 20)
    assert len(answer["slow_trace_ids"]) == 5


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"route": "nobody"}, 404, "no requests of route"),
        ({"slow": "95"}, 400, "write a percentile"),
        ({"version_a": "1.0"}, 400, "both"),
        ({"before": "1750000100000000000", "after": "1750000000000000000"}, 400, "earlier"),
    ],
)
def test_a_question_that_cannot_be_answered(
    api: TestClient, slowed: SlowCase, asked: dict[str, str], status: int, words: str
) -> None:
    """What is wrong with it is said."""
    given = {"route": _route(slowed), "data_set": SLOWED, **asked}
    response = api.get("/api/why", params=given)
    assert status == response.status_code
    assert words in response.text


def test_who_waited_for_whom(api: TestClient, slowed: SlowCase) -> None:
    """What leads into a node is its own time and what leads out; evidence is traces of the route."""
    asked = {"route": _route(slowed), "data_set": SLOWED, "before": str(slowed.changed_unix_ns)}
    graph = ask(api, "/api/causal-graph", **asked, limit="1000")
    assert graph["edges_left_out"] == 0
    for place, node in enumerate(graph["nodes"]):
        into = sum(e["slow_ns"] for e in graph["edges"] if e["awaited"] == place)
        out = sum(e["slow_ns"] for e in graph["edges"] if e["waiting"] == place)
        assert into == pytest.approx(node["slow_waited_ns"])
        assert into - out == pytest.approx(node["slow_own_ns"], abs=1e-3)
    (entry,) = (edge for edge in graph["edges"] if edge["waiting"] == -1)
    assert entry["slow_ns"] == pytest.approx(graph["slow_ns"])
    known = set(slowed.columns.trace_id.tolist())
    assert {
        i for e in graph["edges"] for i in (*e["usual_trace_ids"], *e["slow_trace_ids"])
    } < known


@pytest.mark.parametrize(
    ("form", "begin"), [("dot", "digraph blame {"), ("mermaid", "flowchart LR")]
)
def test_the_graph_is_drawn(api: TestClient, slowed: SlowCase, form: str, begin: str) -> None:
    """As Graphviz and Mermaid take it, limited to the heaviest edges."""
    asked = {"route": _route(slowed), "data_set": SLOWED, "limit": "5", "format": form}
    text = api.get("/api/causal-graph", params=asked).text
    assert text.startswith(begin)
    assert text.count("-> n" if form == "dot" else ">|") == 5


def test_the_flame_graph_is_exact(api: TestClient, slowed: SlowCase) -> None:
    """Stacks of a cohort sum to its requests' length, however many frames are asked for."""
    asked = {"route": _route(slowed), "data_set": SLOWED, "before": str(slowed.changed_unix_ns)}
    frames = ask(api, "/api/flame-graph", **asked)["frames"]
    for cohort in ("usual", "slow"):
        for limit in ("1000", "4"):
            given = {**asked, "format": "folded", "cohort": cohort, "limit": limit}
            text = api.get("/api/flame-graph", params=given).text
            total = sum(int(line.rsplit(" ", 1)[1]) for line in text.splitlines())
            assert total == frames[f"{cohort}_ns"]
    roots = slowed.columns.parent_span_id == ""
    later = slowed.columns.start_unix_ns[roots] >= slowed.changed_unix_ns
    assert frames["slow_ns"] == slowed.columns.duration_ns[roots][later].sum()


def test_command_and_tool_say_the_same(
    stored: ChdbEngine,
    slowed: SlowCase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`tracepulse why` and the assistants' tool name the operation that became slower."""
    given = services(stored, tmp_path)
    assert slowed.truth is not None
    route = _route(slowed)
    with served(api_app(given)) as url:
        command = ["why", "--route", route, "--versions", "1.0", "2.0", "--data-set", SLOWED]
        monkeypatch.setattr("sys.argv", ["tracepulse", *command])
        monkeypatch.setenv("TRACEPULSE_URL", url)
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        printed = capsys.readouterr().out

        async def ask_tool() -> str:
            async with Client(f"{url}/mcp") as client:
                asked = {
                    "route": route,
                    "version_a": "1.0",
                    "version_b": "2.0",
                    "data_set": SLOWED,
                }
                (content,) = (await client.call_tool("explain_slowness", asked)).content
                return str(content.text)  # type: ignore[union-attr]

        said = anyio.run(ask_tool)
        monkeypatch.setattr("sys.argv", ["tracepulse", *command, "--graph", "dot"])
        with pytest.raises(SystemExit):
            main()
        drawn = capsys.readouterr().out
    given.state.close()
    assert drawn.startswith("digraph blame {")
    name = f"{slowed.truth.service}: {slowed.truth.operation}"
    assert name in printed.split("more")[0]
    assert name in said.split("Mean per request")[0]
