"""Regressions and fixes over the real engine, by REST, command line and for assistants."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import anyio
import numpy as np
import pytest
from mcp import Client
from starlette.testclient import TestClient
from tests.deliver.served import served
from tests.deliver.test_api_answers import ask
from tests.deliver.watched import attributes, keep, services

from tracepulse.cli import main
from tracepulse.core import Core
from tracepulse.deliver.api.app import api_app
from tracepulse.deliver.api.services import Services
from tracepulse.model.change import Change
from tracepulse.receive.signals import Signal
from tracepulse.regression_watch import RegressionWatch
from tracepulse.store.chdb import ChdbEngine

MINUTE_NS = 60_000_000_000
BEGIN = 31_600_000
"""Minutes since 1970: January 2030, which no other test uses."""
SLOW, FIXED, END = 24 * 60 + 40, 26 * 60 + 20, 28 * 60
A_MINUTE = 5


def _spans() -> list[tuple[Signal, Any]]:
    """Return a day and four hours of a shop whose payment is slow for a while, and its page."""
    rng = np.random.default_rng(7)
    by_resource: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for number in range(END * A_MINUTE):
        minute = number // A_MINUTE
        start = (BEGIN + minute) * MINUTE_NS + number % A_MINUTE * 10 * 10**9
        slow = SLOW <= minute < FIXED
        version = "2.0" if slow else "2.1" if minute >= FIXED else "1.0"
        length = round(20e6 * float(np.exp(0.2 * rng.standard_normal())) * (2.5 if slow else 1.0))
        one = {"traceId": f"{0xC0FFEE << 64 | number:032x}", "startTimeUnixNano": str(start)}
        end = start + length
        root = {**one, "spanId": f"{2 * number + 1:016x}", "name": "POST /pay", "kind": 2}
        call = {**one, "spanId": f"{2 * number + 2:016x}", "name": "charge", "kind": 2}
        call |= {"parentSpanId": root["spanId"], "endTimeUnixNano": str(end)}
        by_resource.setdefault(("reg-shop", "1.0"), []).append(
            {**root, "endTimeUnixNano": str(end + 5_000_000)}
        )
        by_resource.setdefault(("reg-payment", version), []).append(call)
    return [
        ("traces", {"resourceSpans": [{"resource": _resource(*key), "scopeSpans": [{"spans": v}]}]})
        for key, v in by_resource.items()
    ]


def _resource(service: str, version: str) -> dict[str, Any]:
    return {"attributes": attributes({"service.name": service, "service.version": version})}


def _vitals() -> list[tuple[Signal, Any]]:
    """Return a day of page views, each told twice: the second value is the last word."""
    rng = np.random.default_rng(8)
    records = []
    for number in range(26 * 60):
        at = (BEGIN + number) * MINUTE_NS
        value = 800.0 * float(np.exp(0.2 * rng.standard_normal()))
        for part, later in ((0.5, 0), (1.0, 10**9)):
            said = {"name": "lcp", "value": str(value * part), "id": str(number)}
            records.append(
                {
                    "timeUnixNano": str(at + later),
                    "eventName": "browser.web_vital",
                    "attributes": attributes(
                        {f"browser.web_vital.{k}": v for k, v in said.items()}
                    ),
                }
            )
    resource = _resource("reg-page", "1.0")
    return [
        ("logs", {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]})
    ]


@pytest.fixture(scope="module")
def stored(engine: ChdbEngine, tmp_path_factory: pytest.TempPathFactory) -> ChdbEngine:
    """The engine with all of it."""
    keep(engine, tmp_path_factory.mktemp("regressions"), [*_spans(), *_vitals()])
    return engine


@pytest.fixture
def given(stored: ChdbEngine, tmp_path: Path) -> Iterator[Services]:
    """What the API has, an hour and a half after payment became slow."""
    made = services(stored, tmp_path, (BEGIN + FIXED) * MINUTE_NS)
    made.state.put_change(Change("chg_2", "deploy", "reg-payment", (BEGIN + SLOW) * MINUTE_NS))
    yield made
    made.state.close()


def _watch(given: Services) -> RegressionWatch:
    core = SimpleNamespace(
        telemetry=given.telemetry, state=given.state, clock=given.clock, in_place=None
    )
    return RegressionWatch(cast(Core, core))


def _look(given: Services, minute: int) -> RegressionWatch:
    watch = _watch(given)
    watch.look((BEGIN + minute) * MINUTE_NS, BEGIN + minute)
    return watch


def test_one_cause_is_one_regression_with_its_evidence(given: Services) -> None:
    """Two routes and two quantiles rise: one regression, with version, change, traces and link."""
    watch = _look(given, FIXED)
    app = api_app(Services(**{**_fields(given), "regression_coverage": lambda: watch.coverage}))
    with TestClient(app) as client:
        answer = ask(client, "/api/regressions")
        (found,) = answer["regressions"]
        assert found == ask(client, f"/api/regressions/{found['regression_id']}")
        assert client.get("/api/regressions/reg_none").status_code == 404
    assert answer["coverage"]["judged"] >= 5
    assert ("open", "1.0", "2.0", "chg_2") == (
        found["state"], found["version_before"], found["version_after"], found["change_id"],
    )  # fmt: skip
    told = {(each["service"], each["metric"]) for each in found["rises"]}
    assert {(s, m) for s in ("reg-shop", "reg-payment") for m in ("p50", "p95")} == told
    lead = found["rises"][0]
    assert "reg-payment" == lead["service"]
    assert lead["low_ratio"] < 2.5 < lead["high_ratio"]
    assert abs(int(found["onset_unix_ns"]) // MINUTE_NS - BEGIN - SLOW) <= 5
    assert ("reg-shop", "POST /pay") == (found["why"]["service"], found["why"]["route"])
    assert len(found["trace_ids"]) == 3


def _fields(given: Services) -> dict[str, Any]:
    return {name: getattr(given, name) for name in given.__dataclass_fields__}


def test_looking_again_tells_nothing_twice_and_sees_the_end(given: Services) -> None:
    """A new watch after a restart adds nothing; when the routes are fast again it is over."""
    _look(given, FIXED)
    (first,) = given.state.regressions()
    _look(given, FIXED - 10)
    _look(given, FIXED)
    assert (first,) == given.state.regressions()
    _look(given, END)
    (ended,) = given.state.regressions()
    assert "over" == ended.state.value
    assert ended.over_unix_ns is not None
    assert abs(ended.over_unix_ns // MINUTE_NS - BEGIN - FIXED) <= 5


def test_a_fix_is_verified_by_every_way_of_asking(given: Services) -> None:
    """By instant, by regression and by version the fix is told to have helped."""
    _look(given, FIXED)
    (found,) = given.state.regressions()
    given.clock.advance((END - FIXED) * MINUTE_NS)  # type: ignore[attr-defined]
    at = str((BEGIN + FIXED) * MINUTE_NS)
    with TestClient(api_app(given)) as client:
        for asked in (
            {"route": "charge", "service": "reg-payment", "fixed_at": at},
            {"regression": found.regression_id, "fixed_at": at},
            {"route": "charge", "version_a": "2.0", "version_b": "2.1", "metric": "p50"},
        ):
            answer = client.get("/api/verify", params=asked).json()
            assert "verified" == answer["verdict"], answer
            assert answer["low_ratio"] < 0.4 < answer["high_ratio"]
        early = {"route": "charge", "fixed_at": str((BEGIN + END - 4) * MINUTE_NS)}
        waiting = client.get("/api/verify", params=early).json()
        assert "not known yet" == waiting["verdict"]
        assert 0 < waiting["more_minutes"] <= 20
        assert waiting["more_requests"] > 0


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"route": "charge"}, "give fixed_at"),
        ({"fixed_at": "-1h"}, "give route"),
        ({"route": "charge", "fixed_at": "-1h", "metric": "p42"}, "p50, p95, lcp"),
        ({"metric": "lcp", "fixed_at": "-1h"}, "give service"),
        ({"route": "charge", "version_a": "1.0"}, "both"),
        ({"regression": "reg_none", "fixed_at": "-1h"}, "no regression"),
        ({"incident": "inc_none"}, "no incident"),
        ({"route": "nowhere", "fixed_at": "-1h"}, "nothing was measured"),
        ({"route": "charge", "version_a": "1.0", "version_b": "9.9"}, "9.9"),
    ],
)
def test_what_cannot_be_answered_says_what_to_do(
    given: Services, asked: dict[str, str], says: str
) -> None:
    """Each refusal names what is missing."""
    with TestClient(api_app(given), raise_server_exceptions=False) as client:
        answer = client.get("/api/verify", params=asked)
    assert answer.status_code in {400, 404}
    assert says in answer.json()["error"]["message"]


def test_a_page_has_no_effect_of_a_fix_elsewhere(given: Services) -> None:
    """Web vitals are asked for by the page's service, each view counted once at its last value."""
    at = str((BEGIN + 22 * 60) * MINUTE_NS)
    with TestClient(api_app(given)) as client:
        answer = client.get(
            "/api/verify", params={"service": "reg-page", "metric": "lcp", "fixed_at": at}
        ).json()
    assert answer["verdict"] in {"no effect", "not known yet"}
    assert 22 * 60 == answer["requests_before"]
    assert 800e6 * 1.14 == pytest.approx(answer["before"], rel=0.1)


def test_people_and_assistants_are_told_the_same(
    given: Services, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line and the tools show the regression and the verdict."""
    _look(given, FIXED)
    (found,) = given.state.regressions()
    given.clock.advance((END - FIXED) * MINUTE_NS)  # type: ignore[attr-defined]
    at = str((BEGIN + FIXED) * MINUTE_NS)
    with served(api_app(given)) as url:

        def run(*words: str) -> str:
            monkeypatch.setattr("sys.argv", ["tracepulse", *words, "--url", url])
            with pytest.raises(SystemExit):
                main()
            return capsys.readouterr().out

        assert found.regression_id in run("regressions")
        shown = run("regressions", found.regression_id)
        assert "tracepulse why --route 'POST /pay'" in shown
        assert "verified" in run("verify", "--regression", found.regression_id, "--fixed-at", at)

        async def tools() -> list[str]:
            async with Client(f"{url}/mcp") as client:
                asked = {"regression": found.regression_id, "fixed_at": at}
                results = [
                    await client.call_tool("list_regressions", {}),
                    await client.call_tool("verify_fix", asked),
                ]
                return [result.content[0].text for result in results]  # type: ignore[union-attr]

        listed, verdict = anyio.run(tools)
    assert found.regression_id in listed
    assert verdict.startswith("# verified")
