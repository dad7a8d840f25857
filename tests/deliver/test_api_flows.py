"""Flows over REST: evidence of one edge, ways by route, modules, and drawings."""

import pytest
from starlette.testclient import TestClient
from tests.deliver.conftest import DATA_SET

from tracepulse.context.render_flows import flows_as_mermaid, graph_as_dot, graph_as_mermaid
from tracepulse.derive.flow_graph import flow_graph
from tracepulse.derive.flow_names import NameBook
from tracepulse.model.flow_graph import Flow, FlowPath, Sighting, Step

HOSTILE = 'a"]; click n0 "javascript:x" --> \n end'


def test_an_edge_says_what_shows_it(api: TestClient) -> None:
    """Kind by kind, with when it was seen; a pair that nothing shows is not found."""
    asked = {"caller": "checkout", "callee": "session", "data_set": DATA_SET}
    edge = api.get("/api/flows/edge", params=asked).json()
    assert [("spans", 1, 1, 0.999)] == [
        (e["kind"], e["calls"], e["errors"], e["confidence_ratio"]) for e in edge["evidence"]
    ]
    assert edge["first_unix_ns"] <= edge["last_unix_ns"]
    nobody = api.get("/api/flows/edge", params={**asked, "caller": "nobody"})
    assert 404 == nobody.status_code
    assert "/api/flows lists what does" in nobody.json()["error"]["message"]


def test_routes_tell_the_ways_of_requests(api: TestClient) -> None:
    """Each with its volume, its steps in order and a trace to look at."""
    answer = api.get(
        "/api/flows/routes", params={"data_set": DATA_SET, "service": "checkout"}
    ).json()
    (route,) = answer["routes"]
    (path,) = route["paths"]
    assert ("POST /checkout", 1, 1) == (route["operation"], route["requests"], path["requests"])
    assert [("checkout", "session", 1)] == [
        (step["caller"], step["callee"], step["depth"]) for step in path["steps"]
    ]
    assert "0a" * 16 == path["example_trace_id"]


@pytest.mark.parametrize(
    ("form", "begin"), [("mermaid", "flowchart LR\n"), ("dot", "digraph flows {\n")]
)
def test_the_graph_is_drawn(api: TestClient, form: str, begin: str) -> None:
    """As text of its own media type, with every service."""
    answer = api.get("/api/flows", params={"data_set": DATA_SET, "format": form})
    assert answer.text.startswith(begin)
    assert all(name in answer.text for name in ("checkout", "session", "catalogue", "(outside)"))
    assert answer.headers["content-type"].startswith("text/vnd.")


def test_modules_answer_for_one_service(api: TestClient) -> None:
    """What of no other service is there."""
    answer = api.get("/api/flows/modules", params={"data_set": DATA_SET, "service": "checkout"})
    assert 200 == answer.status_code
    assert {"checkout"} >= {module["service"] for module in answer.json()["modules"]}


def test_names_cannot_leave_a_drawing() -> None:
    """Quotes, brackets and line breaks of a name become character references."""
    names = NameBook((), (HOSTILE, "b"))
    graph = flow_graph([Sighting(HOSTILE, "b", "http", "spans", 3)], names, (HOSTILE, "b"))
    path = FlowPath((Step(HOSTILE, "b", "http", 1),), 1, 0, 5, "0a")
    flow = Flow(HOSTILE, HOSTILE, 3, 1, (path,))
    for drawing in (graph_as_mermaid(graph), graph_as_dot(graph), flows_as_mermaid([flow])):
        assert 'a"' not in drawing
        assert "\n end" not in drawing
