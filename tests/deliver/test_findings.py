"""Findings by shape: over the real engine, by REST, command line and for assistants."""

from pathlib import Path

import anyio
import pytest
from benchmarks.findings import found_in
from benchmarks.generator.shaped_requests import shaped_case
from mcp import Client
from starlette.testclient import TestClient
from tests.deliver.served import served
from tests.deliver.test_api_answers import ask
from tests.deliver.watched import S, keep, services
from tests.otlp_columns import otlp_requests

from tracepulse.cli import main
from tracepulse.deliver.api.app import api_app
from tracepulse.model.call_shapes import call_marks, call_shape
from tracepulse.model.question import Window
from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.queries.telemetry import Telemetry
from tracepulse.testing import DrawnSpan, span_columns

ALL = Window(1_759_000_000_000_000_000, 1_761_000_000_000_000_000)
CASES = (("n_plus_one", "loop", 3), ("retries", "retried", 3), ("late_resource", "picture", 3))
HARD: tuple[dict[str, str], ...] = (
    {"db.query.text": "SELECT *  FROM t WHERE id IN (1, 2,3) AND s = 'it''s' AND x=$2"},
    {"db.query.text": "select a from b order by c limit 10 OFFSET 40"},
    {"db.query.text": "  UPDATE t1 SET n = 5 WHERE k = :key"},
    {"url.full": "https://shop.example.org/items/81?after=7#top"},
    {"url.full": "https://shop.example.org", "cache.hit": "FALSE"},
    {"http.target": "/a/6f9619ff-8b86-d011-b42d-00cf4fc964ff/b", "faas.coldstart": "true"},
    {"http.request.resend_count": "2", "browser.resource.renderBlockingStatus": "blocking"},
    {},
)


@pytest.fixture(scope="module")
def stored(engine: ChdbEngine, tmp_path_factory: pytest.TempPathFactory) -> ChdbEngine:
    """The engine with the spans of some cases, each a data set of its own."""
    for shape, variant, seed in CASES:
        folder = tmp_path_factory.mktemp(shape)
        case = shaped_case(shape, variant, seed, 60)
        keep(engine, folder, otlp_requests(case.columns), f"found-{shape}")
    return engine


@pytest.mark.parametrize(("shape", "variant", "seed"), CASES)
def test_findings_from_the_store_are_those_of_the_spans(
    stored: ChdbEngine, tmp_path: Path, shape: str, variant: str, seed: int
) -> None:
    """Read as numbers, findings are those of the spans as text; traces of evidence are theirs."""
    case = shaped_case(shape, variant, seed, 60)
    (route,) = set(case.columns.name[case.columns.parent_span_id == ""])
    given = services(stored, tmp_path)
    with TestClient(api_app(given)) as api:
        answer = ask(api, "/api/findings", route=route, data_set=f"found-{shape}")
    given.state.close()
    expected = found_in(case.columns)
    assert [each.shape for each in expected] == [shape]
    for name in ("shape", "service", "operation", "held_requests", "per_request_ns", "calls_each"):
        assert [each[name] for each in answer["findings"]] == [getattr(f, name) for f in expected]
    assert [tuple(each["calls"]) for each in answer["findings"]] == [f.calls for f in expected]
    assert set(answer["findings"][0]["trace_ids"]) <= set(case.columns.trace_id.tolist())


def test_the_engine_and_python_agree_on_what_calls_are(engine: ChdbEngine, tmp_path: Path) -> None:
    """Shapes and marks that the engine works out are those of the functions, for each span."""
    spans = [
        DrawnSpan(f"{n:016x}", "", 1_760_000_000 * S, 5, "Client", name="GET", attributes=said)
        for n, said in enumerate(HARD, 1)
    ]
    keep(engine, tmp_path, otlp_requests(span_columns(spans)), "found-hard")
    telemetry = Telemetry(engine)
    read = telemetry.call_spans([spans[0].trace_id], ALL, "found-hard")
    names = telemetry.call_names([spans[0].trace_id], ALL, "found-hard")
    found = {
        int(i): (names[int(key)].shape, int(bits))
        for i, key, bits in zip(
            read.spans.span_id, read.spans.node_key, read.marks.tolist(), strict=True
        )
    }
    assert found == {n: (call_shape(said), call_marks(said)) for n, said in enumerate(HARD, 1)}
    assert call_shape(HARD[0]) == "SELECT * FROM t WHERE id IN (?) AND s = ? AND x=?"
    assert call_shape(HARD[3]) == "/items/?"


def test_command_and_tool_say_the_same(
    stored: ChdbEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`tracepulse findings` and the assistants' tool name the loop and a trace of it."""
    case = shaped_case(*CASES[0], 60)
    (route,) = set(case.columns.name[case.columns.parent_span_id == ""])
    given = services(stored, tmp_path)
    with served(api_app(given)) as url:
        command = ["findings", "--route", route, "--data-set", "found-n_plus_one"]
        monkeypatch.setattr("sys.argv", ["tracepulse", *command])
        monkeypatch.setenv("TRACEPULSE_URL", url)
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        printed = capsys.readouterr().out

        async def ask_tool() -> str:
            async with Client(f"{url}/mcp") as client:
                asked = {"route": route, "view": "findings", "data_set": "found-n_plus_one"}
                (content,) = (await client.call_tool("explain_slowness", asked)).content
                return str(content.text)  # type: ignore[union-attr]

        told = anyio.run(ask_tool)
    given.state.close()
    for text in (printed, told):
        assert "n_plus_one" in text
        assert "like calls one after the other" in text
