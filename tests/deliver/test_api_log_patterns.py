"""What the API answers about log templates, over the real engine."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter
from starlette.testclient import TestClient
from tests.deliver.watched import S, services
from tests.otlp_requests import log, logs
from tests.store.segments import load_all, write_segment

from tracepulse.deliver.api.app import api_app
from tracepulse.deliver.api.log_patterns import LogPatternList, LogPatternMinutes
from tracepulse.store.chdb import ChdbEngine

DATA_SET = "api-patterns"
START_UNIX_NS = 1_860_000_000 * S


@pytest.fixture
def api(engine: ChdbEngine, tmp_path: Path) -> TestClient:
    """Serve a store with six lines of two templates."""
    bodies = [f"took {n}00 ms" for n in range(1, 6)] + ["cache is full"]
    records = [log(body, at=START_UNIX_NS + n * 30 * S) for n, body in enumerate(bodies)]
    name = f"api-patterns-{tmp_path.name}"
    data_set = f"{DATA_SET}-{tmp_path.name}"
    load_all(engine, write_segment(tmp_path, name, "logs", [logs(*records)], data_set))
    client = TestClient(api_app(services(engine, tmp_path)), base_url="http://127.0.0.1")
    client.params = {"data_set": data_set}
    return client


def test_templates_come_with_counts_examples_and_values(api: TestClient) -> None:
    """By number of lines; `lines` counts those that are not listed as well."""
    answer = api.get("/api/log-patterns", params={"limit": 1})
    TypeAdapter(LogPatternList).validate_json(answer.content, strict=True)
    found = answer.json()
    assert (6, False) == (found["lines"], found["complete"])
    assert [("took <*> ms", 5)] == [(each["text"], each["lines"]) for each in found["patterns"]]
    assert [["100", "200", "300", "400", "500"]] == found["patterns"][0]["parameters"]


def test_templates_are_compared_with_the_time_before(api: TestClient) -> None:
    """What is not written any more is listed without lines, and the sum stays that of the window."""
    since, until = (START_UNIX_NS + n * S for n in (150, 300))
    found = api.get("/api/log-patterns", params={"since": since, "until": until}).json()
    assert 1 == found["lines"]
    assert [("cache is full", 1, 0, "steady"), ("took <*> ms", 0, 5, "vanished")] == [
        (each["text"], each["lines"], each["lines_before"], each["state"])
        for each in found["patterns"]
    ]


def test_one_template_is_told_by_the_minute(api: TestClient) -> None:
    """Its minutes add up to its lines; an id that nothing has is not found."""
    listed = api.get("/api/log-patterns").json()["patterns"][0]
    answer = api.get(f"/api/log-patterns/{listed['template_id']}", params={"service": "shop"})
    TypeAdapter(LogPatternMinutes).validate_json(answer.content, strict=True)
    assert listed == answer.json()["pattern"]
    assert [2, 2, 1] == [each["lines"] for each in answer.json()["minutes"]]
    missing = api.get("/api/log-patterns/12ab", params={"service": "shop"})
    assert 404 == missing.status_code
