"""What if a place were faster: over the real engine, by REST, command line and for assistants."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from benchmarks.generator.loaded_systems import LoadedPair, loaded_pair
from mcp import Client
from starlette.testclient import TestClient
from tests.deliver.served import served
from tests.deliver.test_api_answers import ask
from tests.deliver.watched import attributes, keep, services

from tracepulse.cli import main
from tracepulse.deliver.api.app import api_app
from tracepulse.derive.cohort_blame import node_table
from tracepulse.derive.span_codes import span_codes
from tracepulse.derive.what_if import Change, what_if
from tracepulse.model.span import SpanColumns
from tracepulse.receive.signals import Signal
from tracepulse.store.chdb import ChdbEngine

DATA_SET = "whatif-lock"
KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")


def _requests(given: SpanColumns) -> list[tuple[Signal, Any]]:
    """Return spans as requests of OTLP/JSON."""
    spans: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in range(len(given)):
        start = int(given.start_unix_ns[row])
        spans[given.service[row]].append(
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
    return [
        (
            "traces",
            {
                "resourceSpans": [
                    {
                        "resource": {
                            "attributes": attributes(
                                {"service.name": service, "host.name": f"host-{service}"}
                            )
                        },
                        "scopeSpans": [{"spans": members}],
                    }
                ]
            },
        )
        for service, members in sorted(spans.items())
    ]


@pytest.fixture(scope="module")
def pair() -> LoadedPair:
    """A system with a query behind a lock that requests wait for."""
    return loaded_pair("lock", 7_000, 250)


@pytest.fixture(scope="module")
def stored(
    engine: ChdbEngine, pair: LoadedPair, tmp_path_factory: pytest.TempPathFactory
) -> ChdbEngine:
    """The engine with its slower run."""
    keep(engine, tmp_path_factory.mktemp("whatif"), _requests(pair.slowed), DATA_SET)
    return engine


@pytest.fixture
def api(stored: ChdbEngine, tmp_path: Path) -> Iterator[TestClient]:
    """A client of the API."""
    given = services(stored, tmp_path)
    with TestClient(api_app(given), raise_server_exceptions=False) as client:
        yield client
    given.state.close()


def _node(pair: LoadedPair) -> str:
    return f"{pair.slower.service}: {pair.slower.operation}"


def test_the_answer_is_that_of_the_spans(api: TestClient, pair: LoadedPair) -> None:
    """Read as numbers from the store, every percentile is that of the spans as text, to the ns."""
    asked = {"route": pair.route, "node": _node(pair), "faster": f"{pair.slower.by_ns}ns"}
    found = ask(api, "/api/whatif", data_set=DATA_SET, **asked)
    codes, trace_ids, nodes = span_codes(pair.slowed)
    roots = (pair.slowed.parent_span_id == "") & (pair.slowed.name == pair.route)
    meant = set(pair.slowed.trace_id[roots])
    expected = what_if(
        codes,
        node_table(nodes),
        Change(pair.slower.service, pair.slower.operation, by_ns=-pair.slower.by_ns),
        np.array([each in meant for each in trace_ids], np.bool_),
    )
    count = len(meant)
    for each in found["quantiles"]:
        place = int(each["quantile"] * count)
        assert each["before_ns"] == np.sort(expected.before_ns)[place]
        assert each["after_ns"] == np.sort(expected.after_ns)[place]
    assert found["queues"] is True
    assert [each["what"] for each in found["stations"]] == ["postgresql db-1"]
    assert found["touched"] == found["requests"] == count


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"faster": "0%"}, "nothing would be gained"),
        ({"removed": "true"}, "would end sooner"),
        ({"to": "1ms"}, "would end sooner"),
        ({"faster": "-50%"}, "would take longer"),
    ],
)
def test_what_comes_of_a_change_is_said(
    api: TestClient, pair: LoadedPair, change: dict[str, str], words: str
) -> None:
    """No change gains nothing, to the ns; a slower place makes requests longer."""
    found = ask(api, "/api/whatif", data_set=DATA_SET, route=pair.route, node=_node(pair), **change)
    assert words in found["said"]
    if words.startswith("nothing"):
        assert [each["before_ns"] for each in found["quantiles"]] == [
            each["after_ns"] for each in found["quantiles"]
        ]


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"node": "nobody: nothing", "faster": "50%"}, 404, "no call of"),
        ({"node": "nobody", "faster": "50%"}, 400, "write `service: operation`"),
        ({"node": "a: b", "faster": "fast"}, 400, "such as 50%"),
        ({"node": "a: b", "faster": "50%", "to": "2ms"}, 400, "give one of"),
        ({"node": "a: b"}, 400, "give one of"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    api: TestClient, asked: dict[str, str], status: int, words: str
) -> None:
    """Each refusal says what to write instead."""
    response = api.get("/api/whatif", params={"data_set": DATA_SET, **asked})
    assert response.status_code == status
    assert words in response.json()["error"]["message"]


def test_opportunities_are_ranked(api: TestClient, pair: LoadedPair) -> None:
    """The database behind the lock is the first, and each can be asked about as it is named."""
    found = ask(api, "/api/opportunities", data_set=DATA_SET, route=pair.route, limit=5)
    listed = found["opportunities"]
    assert listed[0]["node"] == "-> postgresql db-1"
    assert listed[1]["node"] == f"{_node(pair)} -> postgresql db-1"
    saved = [each["saved_per_day_s"] for each in listed]
    assert saved == sorted(saved, reverse=True)
    for each in listed:
        change = {"faster": "50%"} if each["change"] == "halved" else {"parallel": "true"}
        asked = {"route": pair.route, "node": each["node"], **change}
        assert ask(api, "/api/whatif", data_set=DATA_SET, **asked)["quantiles"] == each["quantiles"]


def test_both_commands_print_what_the_api_says(
    stored: ChdbEngine,
    pair: LoadedPair,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As tables for people, and as the API's own JSON."""
    given = services(stored, tmp_path)
    with served(api_app(given)) as url:
        common = ["--url", url, "--data-set", DATA_SET, "--route", pair.route]
        text = _run(["whatif", *common, "--node", _node(pair), "--faster", "50%"], monkeypatch)
        shown = capsys.readouterr().out
        assert text == 0
        assert "p95" in shown
        assert "Waiting changes at" in shown
        assert _run(["opportunities", *common], monkeypatch) == 0
        assert _node(pair) in capsys.readouterr().out
        assert _run(["opportunities", *common, "--json"], monkeypatch) == 0
        assert json.loads(capsys.readouterr().out)["opportunities"]
    given.state.close()


def _run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["tracepulse", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_assistants_get_both(stored: ChdbEngine, pair: LoadedPair, tmp_path: Path) -> None:
    """A list of opportunities, and one of them predicted."""
    given = services(stored, tmp_path)

    async def replies(url: str) -> list[str]:
        async with Client(f"{url}/mcp") as client:
            asked = {"route": pair.route, "data_set": DATA_SET}
            calls: list[tuple[str, dict[str, Any]]] = [
                ("list_opportunities", asked),
                ("predict_speedup", {**asked, "node": _node(pair), "change": "to 1ms"}),
            ]
            return [
                (await client.call_tool(name, arguments)).content[0].text  # type: ignore[union-attr]
                for name, arguments in calls
            ]

    with served(api_app(given)) as url:
        listed, predicted = anyio.run(replies, url)
    assert _node(pair) in listed
    assert "p95" in predicted
    assert "at once" in predicted
    given.state.close()
