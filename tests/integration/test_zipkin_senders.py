"""Libraries that report to Zipkin report to TracePulse when their URL is changed."""

import json

import pytest
from tests.peer_programs import client
from tests.running_server import RunningServer

SPANS = 8


@pytest.mark.parametrize(("script", "service"), [("zipkin.cjs", "till"), ("zipkin.py", "kiosk")])
def test_a_tracer_for_zipkin(server: RunningServer, script: str, service: str) -> None:
    """The whole trace arrives: its root, what the root called, and which of them failed."""
    told = json.loads(client(script, server.otlp_http_url, str(SPANS)))

    spans = server.spans(told["trace_id"], SPANS)

    roots = [span for span in spans if not span["parent_span_id"]]
    called = [span for span in spans if span["parent_span_id"]]
    assert len(spans) == SPANS
    assert {span["service"] for span in spans} == {service}
    assert [span["kind"].lower() for span in roots] == ["server"]
    assert {span["parent_span_id"] for span in called} == {roots[0]["span_id"]}
    assert {span["kind"].lower() for span in called} == {"client"}
    assert sum(span["status_code"] == "Error" for span in called) == 1
