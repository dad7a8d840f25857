"""What the API answers about telemetry, over the real engine."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.testclient import TestClient
from tests.deliver.watched import S, incident, keep, services, shop_telemetry

from tracepulse.deliver.api.app import api_app
from tracepulse.instants import rfc3339
from tracepulse.store.chdb import ChdbEngine

DATA_SET = "api-tests"
START_UNIX_NS = 1_850_000_000 * S
FAILED, FAST = "0a" * 16, "0b" * 16


def ask(api: TestClient, path: str, **parameters: Any) -> Any:
    """Return an answer after holding it to the shape that /openapi.json gives it."""
    response = api.get(path, params=parameters)
    assert 200 == response.status_code, response.text
    model = _shape_of(api, path)
    TypeAdapter(model).validate_json(response.content, strict=True)
    return response.json()


def _shape_of(api: TestClient, path: str) -> Any:
    for route in _routes(api):
        if "GET" in (route.methods or ()) and route.path_regex.match(path):
            return route.response_model
    raise AssertionError(f"no endpoint at {path}")


def _routes(api: TestClient) -> list[APIRoute]:
    from tracepulse.deliver.api import app

    return [
        route for router in app._ROUTERS for route in router.routes if isinstance(route, APIRoute)
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [FAST, FAILED]),
        ({"service": "session"}, [FAILED]),
        ({"operation": "GET /products"}, [FAST]),
        ({"attr": "http.response.status_code=401"}, [FAILED]),
        ({"attr": ["service.version=1.8.3", "server.address=session"]}, [FAILED]),
        ({"min_duration_ms": 50}, [FAILED]),
        ({"max_duration_ms": 5}, [FAST]),
        ({"min_duration_ms": 0.001, "max_duration_ms": 4.999999}, []),
        ({"status": "error"}, [FAILED]),
        ({"text": "EXPIRED"}, [FAILED]),
        ({"since": str(START_UNIX_NS + S)}, [FAST]),
        ({"until": rfc3339(START_UNIX_NS + S)}, [FAILED]),
        ({"service": "nobody"}, []),
    ],
)
def test_traces_are_found_by_every_filter(
    api: TestClient, asked: dict[str, Any], expected: list[str]
) -> None:
    """Each filter alone finds the traces that hold such a span, newest first."""
    answer = ask(api, "/api/traces", data_set=DATA_SET, **asked)
    assert expected == [each["trace_id"] for each in answer["traces"]]
    assert answer["complete"]


def test_a_list_says_when_it_is_cut(api: TestClient) -> None:
    """With a limit below what there is, the newest stand and the list is not complete."""
    answer = ask(api, "/api/traces", data_set=DATA_SET, limit=1)
    assert ([FAST], False) == ([t["trace_id"] for t in answer["traces"]], answer["complete"])


def test_a_listed_trace_is_summed_up_whole(api: TestClient) -> None:
    """A trace found by one span is still described by all of its spans."""
    (found,) = ask(api, "/api/traces", data_set=DATA_SET, service="session")["traces"]
    assert {
        "trace_id": FAILED,
        "root_service": "checkout",
        "root_operation": "POST /checkout",
        "services": ["checkout", "session"],
        "spans": 3,
        "error_spans": 2,
        "matching_spans": 1,
        "start_unix_ns": str(START_UNIX_NS),
        "start_at": "2028-08-16T00:53:20.000000000Z",
        "duration_ns": 100_000_000,
    } == found


def test_live_questions_do_not_see_data_sets(api: TestClient) -> None:
    """Imported telemetry is only found under its name."""
    since, until = str(START_UNIX_NS - S), str(START_UNIX_NS + 10 * S)
    assert [] == ask(api, "/api/traces", since=since, until=until)["traces"]


def test_a_trace_is_given_with_offsets_from_its_start(api: TestClient) -> None:
    """Spans stand by start and id, with attributes, events and trust."""
    answer = ask(api, f"/api/traces/{FAILED.upper()}")
    assert (FAILED, DATA_SET, 100_000_000) == (
        answer["trace_id"],
        answer["data_set"],
        answer["duration_ns"],
    )
    assert [(0, "a1" * 8), (20_000_000, "a2" * 8), (30_000_000, "a3" * 8)] == [
        (span["start_offset_ns"], span["span_id"]) for span in answer["spans"]
    ]
    last = answer["spans"][-1]
    assert ("a2" * 8, "session", "Server", "Error", "expired", "loopback") == (
        last["parent_span_id"],
        last["service"],
        last["kind"],
        last["status_code"],
        last["status_message"],
        last["trust"],
    )
    assert {"http.response.status_code": "401"} == last["attributes"]
    assert [{"offset_ns": 30_001_000, "name": "note", "attributes": {}}] == last["events"]


def test_the_blocking_path_sums_to_the_root(api: TestClient) -> None:
    """Sections touch, start at 0, sum to the root's length, and so do the categories."""
    answer = ask(api, f"/api/traces/{FAILED}/path")
    end = 0
    for section in answer["sections"]:
        assert end == section["start_offset_ns"]
        end += section["duration_ns"]
    assert (100_000_000, 100_000_000) == (end, sum(answer["by_category"].values()))
    assert {"checkout", "session"} == {each["service"] for each in answer["sections"]}


def test_the_blocking_path_below_a_span(api: TestClient) -> None:
    """Asked for a span, the path is that span's."""
    answer = ask(api, f"/api/traces/{FAILED}/path", root_span_id="a2" * 8)
    assert 60_000_000 == answer["duration_ns"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"data_set": DATA_SET}, ["session opened", "session expired"]),
        ({"data_set": DATA_SET, "order": "oldest"}, ["session expired", "session opened"]),
        ({"data_set": DATA_SET, "severity": "warn"}, ["session expired"]),
        ({"data_set": DATA_SET, "severity": "17"}, ["session expired"]),
        ({"data_set": DATA_SET, "text": "OPENED"}, ["session opened"]),
        ({"data_set": DATA_SET, "attr": "user.tier=gold"}, ["session expired"]),
        ({"data_set": DATA_SET, "trace_id": FAILED}, ["session expired"]),
        ({"data_set": DATA_SET, "service": "checkout"}, []),
    ],
)
def test_logs_are_found_by_every_filter(
    api: TestClient, asked: dict[str, Any], expected: list[str]
) -> None:
    """Each filter alone finds the lines that are so, newest first unless asked otherwise."""
    answer = ask(api, "/api/logs", **asked)
    assert expected == [each["body"] for each in answer["records"]]


def test_metrics_are_listed_and_drawn(api: TestClient) -> None:
    """Without a name all metrics of a data set are listed; with one, all its points come."""
    listed = ask(api, "/api/metrics", data_set=DATA_SET)
    assert [("session.count", "gauge", "session", 3)] == [
        (each["name"], each["kind"], each["service"], each["points"]) for each in listed["metrics"]
    ]
    drawn = ask(api, "/api/metrics", name="session.count", data_set=DATA_SET)
    (series,) = drawn["series"]
    assert [10.0, 9.0, 8.0] == [point["value"] for point in series["points"]]
    assert 1 == drawn["step_s"]


def test_flows_say_who_calls_whom(api: TestClient) -> None:
    """Edges bear calls and errors; services are all names on them."""
    answer = ask(api, "/api/flows", data_set=DATA_SET)
    edges = {(e["caller"], e["callee"]): (e["calls"], e["errors"]) for e in answer["edges"]}
    assert {
        ("", "catalogue"): (1, 0),
        ("", "checkout"): (1, 1),
        ("checkout", "session"): (1, 1),
    } == edges
    assert ["catalogue", "checkout", "session"] == answer["services"]
    assert (0, True) == (answer["minutes_left_out"], answer["complete"])
    # Long windows are widened to whole minutes, short ones taken as they are.
    since, until = str(START_UNIX_NS + 1), str(START_UNIX_NS + 700 * S)
    wide = ask(api, "/api/flows", data_set=DATA_SET, since=since, until=until)
    assert int(wide["start_unix_ns"]) % (60 * S) == int(wide["end_unix_ns"]) % (60 * S) == 0
    assert int(wide["start_unix_ns"]) <= int(since) < int(until) <= int(wide["end_unix_ns"])
    until = str(START_UNIX_NS + 500 * S)
    short = ask(api, "/api/flows", data_set=DATA_SET, since=since, until=until)
    assert (since, until) == (short["start_unix_ns"], short["end_unix_ns"])


def test_a_trace_is_given_in_pieces(api: TestClient) -> None:
    """Each tells how long the trace is and where to read on."""
    first = ask(api, f"/api/traces/{FAILED}", limit=2)
    last = ask(api, f"/api/traces/{FAILED}", limit=2, offset=first["next_offset"])
    assert (3, True, 2) == (first["total_spans"], first["truncated"], first["next_offset"])
    assert (3, False, None) == (last["total_spans"], last["truncated"], last["next_offset"])
    assert ["a1" * 8, "a2" * 8, "a3" * 8] == [
        span["span_id"] for piece in (first, last) for span in piece["spans"]
    ]
    assert first["duration_ns"] == last["duration_ns"] == 100_000_000


def test_the_overview_counts_the_last_minute(engine: ChdbEngine, tmp_path: Path) -> None:
    """Rates are of the last complete minute, series of the last quarter of an hour."""
    now = 1_880_000_100 * S  # roll-ups of live telemetry that is long past are deleted
    keep(engine, tmp_path, shop_telemetry(now - 40 * S, ids=("1a", "1b")))
    given = services(engine, tmp_path, now)
    given.state.put_incident(incident(), now)
    with TestClient(api_app(given)) as api:
        answer = ask(api, "/api/overview")
        names = ask(api, "/api/services")
    given.state.close()
    rates = {each["service"]: each for each in answer["services"]}
    assert ["catalogue", "checkout", "session"] == names["services"] == list(rates)
    assert (1 / 60, 1.0) == (rates["checkout"]["calls_per_s"], rates["checkout"]["error_ratio"])
    assert 2 / 60 == rates["session"]["log_lines_per_s"]
    assert 3 == round(sum(answer["series"]["calls_per_s"]) * answer["series"]["step_s"])
    assert (1, ["inc_7f3a90b1c2d4"]) == (
        answer["incidents"]["open"],
        [each["incident_id"] for each in answer["incidents"]["recent"]],
    )
    assert {"waiting_records": 3, "waiting_bytes": 4096} == answer["journal"]


def test_stored_data_sets_are_listed(api: TestClient) -> None:
    """What was imported is listed with its extent."""
    found = ask(api, "/api/data-sets")["data_sets"]
    assert {("traces", 4), ("logs", 2)} <= {
        (each["signal"], each["records"]) for each in found if each["data_set"] == DATA_SET
    }


def test_incidents_are_listed_and_explained(shop: ChdbEngine, tmp_path: Path) -> None:
    """The list is filtered by state; one incident bears its triggers and ranked causes."""
    given = services(shop, tmp_path)
    given.state.put_incident(incident(), 1)
    with TestClient(api_app(given)) as api:
        assert [] == ask(api, "/api/incidents", state="resolved")["incidents"]
        (listed,) = ask(api, "/api/incidents", state="open,acknowledged")["incidents"]
        one = ask(api, "/api/incidents/inc_7f3a90b1c2d4")
    given.state.close()
    assert (
        "checkout POST /checkout fails; it begins in session GET /sessions/{id}" == listed["title"]
    )
    assert 1 == listed["triggers"]
    assert (31, 100, 2, 500) == tuple(
        one["triggers"][0][key]
        for key in ("events_after", "calls_after", "events_before", "calls_before")
    )
    assert (0.91, "c41d9e2", 0.09) == (
        one["hypotheses"][0]["probability"],
        one["hypotheses"][0]["revision"],
        one["unknown_probability"],
    )


def test_a_context_bundle_comes_in_both_forms(api: TestClient) -> None:
    """The format decides the media type; the budget is passed on."""
    as_json = api.get("/api/incidents/inc_1/context", params={"max_tokens": 900})
    as_text = api.get("/api/incidents/inc_1/context", params={"format": "markdown"})
    assert {"incident_id": "inc_1", "max_tokens": 900} == as_json.json()
    assert "# Incident inc_1 within None\n" == as_text.text
    assert ("application/json", "text/markdown; charset=utf-8") == (
        as_json.headers["content-type"],
        as_text.headers["content-type"],
    )


def test_doctor_and_health(api: TestClient) -> None:
    """Health needs no more than a word; the doctor reports what became of every record."""
    assert {"status": "ok"} == ask(api, "/healthz")
    answer = ask(api, "/api/doctor")
    names = ("received", "stored", "deduplicated", "rejected", "queued", "set_aside", "holds")
    assert (12, 7, 1, 3, 1, 0, True) == tuple(answer["accounting"][name] for name in names)
    assert [True] == [check["ok"] for check in answer["checks"]]
