"""Paths of pages, and of traces that have siblings: over the real engine, by REST, command line and tool."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from starlette.testclient import TestClient
from tests.deliver.served import served
from tests.deliver.test_api_answers import ask
from tests.deliver.watched import S, attributes, keep, services

from tracepulse.cli import main
from tracepulse.deliver.api.app import api_app
from tracepulse.receive.signals import Signal
from tracepulse.store.chdb import ChdbEngine
from tracepulse.testing import DrawnSpan, draw_spans

DATA_SET = "path-tests"
START_UNIX_NS = 1_850_000_000 * S
MS = 1_000_000
PAGE, OWN = "7a0c" * 8, "7a0d" * 8
KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
WEB = "resource.telemetry.sdk.language=webjs"
LOAD = f"""
P page {WEB} name=documentLoad +domInteractive=14         : [0,60)
  F Client name=documentFetch +requestStart=1 +responseStart=6 +responseEnd=8 : [0,8)
    S Server shop name=GET                                : [2,5)
  C name=resourceFetch url.full=/style.css browser.resource.renderBlockingStatus=blocking : [10,30)
  I name=resourceFetch url.full=/below.png browser.resource.initiatorType=img : [10,33)
"""
IN_A_ROW = """
R Server front name=GET_/cart : [0,40)
  A Client name=prices        : [2,12)
  B Client name=stock         : [14,38)
"""
AT_ONCE = IN_A_ROW.replace("[2,12)", "[2,30)").replace("[14,38)", "[4,38)")
"""The same calls once made at once: the second does not wait for the first."""


def _number(text: str, size: int) -> str:
    return (text.encode().hex() * size)[:size]


def _sent(
    spans: Sequence[DrawnSpan], trace_id: str, start_unix_ns: int
) -> list[tuple[Signal, Any]]:
    """Return a drawing, of which each column is 1 ms, as requests of OTLP/JSON."""
    requests: list[tuple[Signal, Any]] = []
    for span in spans:
        start = start_unix_ns + span.start_unix_ns * MS
        told = {
            "traceId": trace_id,
            "spanId": _number(span.span_id, 16),
            "parentSpanId": _number(span.parent_span_id, 16) if span.parent_span_id else "",
            "name": span.name,
            "kind": KINDS.index(span.kind),
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + span.duration_ns * MS),
            "attributes": attributes(span.attributes),
            "events": [
                {"name": name, "timeUnixNano": str(start_unix_ns + at * MS)}
                for name, at in span.moments
            ],
        }
        resource = attributes({"service.name": span.service, **span.resource})
        scopes = [{"spans": [told]}]
        requests.append(
            (
                "traces",
                {"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": scopes}]},
            )
        )
    return requests


def _vital(name: str, value_ms: float) -> tuple[Signal, Any]:
    line = {
        "timeUnixNano": str(START_UNIX_NS + S),
        "body": {"stringValue": name},
        "traceId": PAGE,
        "spanId": _number("P", 16),
        "attributes": [
            {"key": "browser.web_vital.name", "value": {"stringValue": name}},
            {"key": "browser.web_vital.value", "value": {"doubleValue": value_ms}},
            {"key": "browser.web_vital.element", "value": {"stringValue": "h1#title"}},
        ],
    }
    return "logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": [line]}]}]}


@pytest.fixture(scope="module")
def stored(engine: ChdbEngine, tmp_path_factory: pytest.TempPathFactory) -> ChdbEngine:
    """The engine with a page, and with traces of one route of which one made its calls at once."""
    page = _sent(draw_spans(LOAD), PAGE, START_UNIX_NS)
    requests = [*page, _vital("lcp", 34), _vital("fcp", 34)]
    for number in range(5):
        drawn = draw_spans(AT_ONCE if number == 2 else IN_A_ROW)
        trace_id = OWN if number == 4 else f"7a{number + 1:02x}" * 8
        requests += _sent(drawn, trace_id, START_UNIX_NS + number * S)
    keep(engine, tmp_path_factory.mktemp("paths"), requests, DATA_SET)
    return engine


@pytest.fixture
def api(stored: ChdbEngine, tmp_path: Path) -> Iterator[TestClient]:
    """A client of the API."""
    given = services(stored, tmp_path)
    with TestClient(api_app(given), raise_server_exceptions=False) as client:
        yield client
    given.state.close()


def _told(answer: Any) -> list[tuple[str, str, int]]:
    return [
        (each["operation"], each["phase"], each["duration_ns"] // MS) for each in answer["sections"]
    ]


def test_a_page_up_to_its_largest_paint(api: TestClient) -> None:
    """Events of spans and the vital of a log record come together; the rest of the load is left out."""
    answer = ask(api, f"/api/traces/{PAGE}/path", until="lcp")
    assert [
        ("documentFetch", "stalled", 1),
        ("documentFetch", "request", 1),
        ("GET", "", 3),
        ("documentFetch", "request", 1),
        ("documentFetch", "response", 2),
        ("documentLoad", "parse", 2),
        ("resourceFetch", "fetch", 20),
        ("documentLoad", "render", 4),
    ] == _told(answer)
    (paint,) = answer["paints"]
    assert ("lcp", "h1#title", 34 * MS) == (paint["name"], paint["element"], paint["duration_ns"])
    assert [6, 0, 0, 28] == [part["duration_ns"] // MS for part in paint["parts"]]
    assert ("lcp", 34 * MS) == (answer["until"], answer["duration_ns"])


def test_the_whole_load_of_the_page(api: TestClient) -> None:
    """Without a question for a paint the path is that of the root, in phases as well."""
    answer = ask(api, f"/api/traces/{PAGE}/path")
    assert ("end", 60 * MS) == (answer["until"], answer["duration_ns"])
    assert 60 * MS == sum(length for _, _, length in _told(answer)) * MS
    assert {"fetch", "request", "parse"} < answer["by_phase"].keys()


def test_a_trace_without_a_paint(api: TestClient) -> None:
    """What is not known is said, with what it would take."""
    response = api.get(f"/api/traces/{OWN}/path", params={"until": "lcp"})
    assert 404 == response.status_code
    assert "no lcp is known" in response.text


def test_one_trace_learns_from_the_others_of_its_route(api: TestClient) -> None:
    """That the calls were once made at once parts them here; later traces do not count."""
    learned = ask(api, f"/api/traces/{OWN}/path")
    assert 5 == learned["learned_from"]
    assert [("GET_/cart", "", 14), ("stock", "", 24), ("GET_/cart", "", 2)] == _told(learned)
    early = ask(api, f"/api/traces/{'7a02' * 8}/path")
    assert 0 == early["learned_from"]
    assert "prices" in {operation for operation, _, _ in _told(early)}


def test_command_and_tool_say_the_same(
    stored: ChdbEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`tracepulse path --until lcp` and the assistants' tool tell the phases and the paint."""
    given = services(stored, tmp_path)
    with served(api_app(given)) as url:
        monkeypatch.setattr("sys.argv", ["tracepulse", "path", PAGE, "--until", "lcp"])
        monkeypatch.setenv("TRACEPULSE_URL", url)
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        printed = capsys.readouterr().out

        async def ask_tool() -> str:
            async with Client(f"{url}/mcp") as client:
                asked = {"trace_id": PAGE, "until": "lcp"}
                (content,) = (await client.call_tool("get_blocking_path", asked)).content
                return str(content.text)  # type: ignore[union-attr]

        said = anyio.run(ask_tool)
    given.state.close()
    assert "LCP 34.0 ms (h1#title): ttfb 6.00 ms" in printed.replace("\n", " ")
    assert "resource: fetch" in printed
    assert "LCP 34.0 ms" in said
    assert "resource/fetch" in said
