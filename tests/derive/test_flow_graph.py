"""One graph out of several kinds of evidence: names joined, calls counted once, disagreements shown."""

from dataclasses import replace
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from tracepulse.derive.access_flows import access_facts, access_sightings
from tracepulse.derive.close_flows import close_facts, close_sightings, passed_through
from tracepulse.derive.flow_graph import flow_graph
from tracepulse.derive.flow_names import NameBook, party, workload_of_pod
from tracepulse.derive.mesh_flows import mesh_facts, mesh_sightings
from tracepulse.model.flow_graph import (
    AccessHop,
    AskedFor,
    CloseLook,
    Disagreement,
    Edge,
    FlowGraph,
    LooseEnd,
    MeshSeries,
    NameFact,
    Sighting,
)

HOP = AccessHop("", "", "", "", "", "", "", "", "", "http", 10, 1, ((300, 10),), 5, 9)
FRONT, CART = "front-7d9f8b6c5d-x2x4z", "cart-579b9bff58-t2dbm"
OUTBOUND = replace(
    HOP,
    pod=FRONT,
    cluster="outbound|7070||cart.shop.svc.cluster.local",
    upstream_host="10.0.0.2:7070",
    upstream_local="10.0.0.1",
)
INBOUND = replace(
    HOP,
    pod=CART,
    cluster="inbound|7070||",
    authority="cart:7070",
    downstream_local="10.0.0.2",
    downstream_remote="10.0.0.1",
    server_name="outbound_.7070_._.cart.shop.svc.cluster.local",
)


def of_access(*hops: AccessHop, services: tuple[str, ...] = ()) -> FlowGraph:
    """Return the graph of access logs alone."""
    names = NameBook(access_facts(hops), services)
    return flow_graph(access_sightings(hops, names), names, services)


def pairs(graph: FlowGraph) -> dict[tuple[str, str], int]:
    """Return calls by edge."""
    return {(edge.caller, edge.callee): edge.calls for edge in graph.edges}


def only(graph: FlowGraph) -> Edge:
    """Return the graph's one edge."""
    (edge,) = graph.edges
    return edge


def test_pods_are_named_for_their_workload() -> None:
    """Deployments, stateful sets and daemon sets; what has no such suffix stays whole."""
    expected = {
        "frontend-579b9bff58-t2dbm": "frontend",
        "ts-travel-service-64469b5b48-25zj6": "ts-travel-service",
        "redis-cart-0": "redis-cart",
        "node-agent-x7k2p": "node-agent",
        "cart-redis": "cart-redis",
        "payments": "payments",
    }
    assert expected == {pod: workload_of_pod(pod) for pod in expected}


def test_parties_are_looked_up_without_port_and_domain() -> None:
    """Ports go, but for this machine's own; a name inside a cluster is that of its service."""
    expected = {
        "payments:8080": "host:payments",
        "payments.shop.svc.cluster.local:80": "host:payments",
        "payments.shop.svc": "host:payments",
        "redis-0.redis.shop.svc.cluster.local": "host:redis",
        "https://api.example.com/v1": "host:api.example.com",
        "10.0.0.7:443": "addr:10.0.0.7",
        "[fd00::7]:443": "addr:fd00::7",
        "localhost:8081": "addr:127.0.0.1:8081",
    }
    assert expected == {written: party(written) for written in expected}


def test_both_sides_of_a_request_are_one_call() -> None:
    """Lines of either sidecar give the edge; those of both do not count it twice."""
    for hops in ([OUTBOUND], [INBOUND, replace(OUTBOUND, cluster="-")], [OUTBOUND, INBOUND]):
        assert {("front", "cart"): 10} == pairs(of_access(*hops))


def test_lines_about_what_went_nowhere_are_no_calls() -> None:
    """No route, blocked by the mesh, or asked by the pod itself."""
    nowhere = [replace(OUTBOUND, cluster=cluster) for cluster in ("-", "BlackHoleCluster")]
    itself = replace(INBOUND, downstream_remote="127.0.0.6")
    assert {} == pairs(of_access(*nowhere, itself))


def test_what_the_mesh_passes_on_is_named_by_address_or_host() -> None:
    """A pod behind its address is its service; anybody else the host that was asked for."""
    passed = replace(OUTBOUND, cluster="PassthroughCluster", authority="10.0.0.2:7070")
    outside = replace(
        OUTBOUND,
        cluster="PassthroughCluster",
        authority="api.example.com",
        upstream_host="1.2.3.4:443",
    )
    known = replace(OUTBOUND, cluster="outbound|443||api.example.com", upstream_host="1.2.3.4:443")
    graph = of_access(passed, outside, known, INBOUND)
    assert {("front", "cart"): 10, ("front", "api.example.com"): 20} == pairs(graph)
    assert {"api.example.com": "host", "cart": "service", "front": "service"} == {
        node.name: node.kind for node in graph.nodes
    }


def test_versions_of_a_service_are_its_name() -> None:
    """Pods of reviews-v1 and reviews-v2 that answer to reviews are reviews, calling and called."""
    graph = of_access(
        replace(
            INBOUND,
            pod="reviews-v1-545db77b95-2ztpv",
            server_name="outbound_.9080_._.reviews.default.svc.cluster.local",
        ),
        replace(
            OUTBOUND,
            pod="reviews-v1-545db77b95-2ztpv",
            upstream_local="10.0.0.2",
            upstream_host="10.0.0.5:7070",
        ),
        replace(
            OUTBOUND,
            cluster="outbound|9080|v2|reviews.default.svc.cluster.local",
            upstream_host="10.0.0.9:9080",
        ),
    )
    assert {("front", "reviews"): 10, ("reviews", "cart"): 10} == pairs(graph)


def test_a_pod_is_the_service_that_its_telemetry_names() -> None:
    """A resource with both pod and service joins lines of its sidecar to its spans."""
    names = NameBook(
        [*access_facts([OUTBOUND]), NameFact(f"pod:{FRONT}", "web", 3, own=True)], ["web", "cart"]
    )
    spans = Sighting("web", "cart", "rpc", "spans", 9)
    edge = only(flow_graph([spans, *access_sightings([OUTBOUND], names)], names, ["web", "cart"]))
    assert ("web", "cart", 10, "access_log") == (
        edge.caller,
        edge.callee,
        edge.calls,
        edge.counted_by,
    )
    assert ["spans", "access_log"] == [each.kind for each in edge.evidence]
    assert edge.confidence_ratio > 0.99


def test_an_address_that_changed_hands_is_nobodys() -> None:
    """Two services at one address: who called from there is not said."""
    other = replace(OUTBOUND, pod="mail-7d9f8b6c5d-x2x4z", cluster="-")
    graph = of_access(replace(OUTBOUND, cluster="-"), other, INBOUND)
    assert {("", "cart"): 10} == pairs(graph)


def test_what_the_mesh_counts_is_not_added_to_spans() -> None:
    """The kind that saw most stands for the edge; calls, failures and absence that differ are shown."""
    labels = {
        "source_workload": "front-v1",
        "source_canonical_service": "front",
        "destination_service_name": "cart",
        "destination_canonical_service": "cart",
        "request_protocol": "grpc",
        "response_code": "200",
    }
    series = [
        MeshSeries("istio_requests_total", {**labels, "reporter": "source"}, 100, 1, 2),
        MeshSeries("istio_requests_total", {**labels, "reporter": "destination"}, 98, 1, 2),
        MeshSeries(
            "istio_requests_total",
            {**labels, "destination_service_name": "BlackHoleCluster"},
            50,
            1,
            2,
        ),
    ]
    names = NameBook(mesh_facts(series, ()), ())
    spans = Sighting("front", "cart", "rpc", "spans", 40, 30)
    edge = only(flow_graph([spans, *mesh_sightings(series, (), names)], names))
    assert (100, 0, "mesh") == (edge.calls, edge.errors, edge.counted_by)
    assert (
        Disagreement("calls", "spans", "mesh", 40, 100),
        Disagreement("errors", "spans", "mesh", 0.75, 0.0),
    ) == edge.disagreements


def test_lines_that_suggest_the_opposite_are_shown_as_such() -> None:
    """The edge stays as spans have it, and what lines suggest is listed apart."""
    names = NameBook((), ("a", "b", "c"))
    graph = flow_graph(
        [
            Sighting("a", "b", "http", "spans", 30),
            Sighting("b", "a", "", "logs", 12, agreement_ratio=0.8),
            Sighting("b", "c", "", "logs", 9),
        ],
        names,
        ("a", "b", "c"),
    )
    assert {("a", "b"): 30, ("b", "c"): 9} == pairs(graph)
    assert (Disagreement("direction", "spans", "logs", 30, 12),) == graph.edges[0].disagreements
    assert [("b", "a")] == [(edge.caller, edge.callee) for edge in graph.doubtful]
    assert 0.75 == graph.edges[1].confidence_ratio


def test_a_queue_stands_between_and_is_no_service() -> None:
    """A topic of a service's name is another node, and the edge across says what it goes through."""
    sent = {"connection": "messaging", "kind": "peer", "calls": 5}
    graph = flow_graph(
        [
            Sighting("shop", "orders", callee_kind="queue", **sent),  # type: ignore[arg-type]
            Sighting("orders", "packing", caller_kind="queue", **sent),  # type: ignore[arg-type]
            Sighting("shop", "packing", "messaging", "links", 5),
        ],
        NameBook((), ("shop", "packing", "orders")),
        ("shop", "packing", "orders"),
    )
    queue = "orders (queue)"
    assert {("shop", queue): 5, (queue, "packing"): 5, ("shop", "packing"): 5} == pairs(graph)
    assert [(queue,)] == [edge.via for edge in graph.edges if edge.via]


ASKED = AskedFor("front", "mail:8080", "stock", "stock", "10.0.0.3", 20, 0, (), 1, 2)


def test_a_silent_service_is_found_between() -> None:
    """By the name that was called, when another answered under its own; by a gap; by its address."""
    look = CloseLook(
        asked=(ASKED, replace(ASKED, said="stock", caller="desk")),
        gaps=(LooseEnd("mail", "prices", 4, 0, (), 1, 2),),
    )
    services = ("front", "stock", "desk", "prices")
    names = NameBook(close_facts(look), services)
    assert {("front", "stock")} == passed_through(look, names, services)
    graph = flow_graph(close_sightings(look, names, services), names, services)
    assert {("front", "mail"): 20, ("mail", "stock"): 20, ("mail", "prices"): 4} == pairs(graph)


def test_a_name_of_the_machine_is_no_other_service() -> None:
    """A server that calls itself by its host's name was called by whoever called it."""
    look = CloseLook(asked=(replace(ASKED, answered_as="ip-10-0-0-9"),))
    names = NameBook(close_facts(look), ("front", "stock"))
    assert frozenset() == passed_through(look, names, ("front", "stock"))


def test_the_order_of_lines_changes_nothing() -> None:
    """Every order of the same ways gives the same graph."""
    hops = [OUTBOUND, INBOUND, replace(OUTBOUND, authority="x", cluster="PassthroughCluster")]
    expected = of_access(*hops)
    assert all(expected == of_access(*each) for each in permutations(hops))


_NAMES = st.sampled_from(["", "a", "b", "a:80", "b.ns.svc.cluster.local", "10.0.0.1", "10.0.0.2"])
_SIGHTINGS = st.lists(
    st.builds(
        Sighting,
        caller=_NAMES,
        callee=_NAMES,
        connection=st.sampled_from(["http", "rpc", "messaging", ""]),
        kind=st.sampled_from(["spans", "links", "peer", "mesh", "access_log", "logs"]),
        calls=st.integers(1, 60),
        errors=st.integers(0, 1),
        lengths=st.sampled_from([(), ((100, 3),), ((90, 1), (300, 2))]),
        first_unix_ns=st.integers(1, 5),
        last_unix_ns=st.integers(5, 9),
        side=st.sampled_from(["", "caller", "callee"]),
        agreement_ratio=st.sampled_from([0.5, 0.75, 1.0]),
        callee_kind=st.sampled_from(["service", "queue", "database"]),
    ),
    max_size=12,
)
_FACTS = st.lists(
    st.builds(
        NameFact,
        name=_NAMES,
        means=st.sampled_from(["a", "c", "pod:c-579b9bff58-t2dbm", "addr:10.0.0.1"]),
        times=st.integers(1, 20),
        own=st.booleans(),
    ),
    max_size=6,
)


@given(seen=_SIGHTINGS, facts=_FACTS, draw=st.randoms())
@settings(deadline=None, max_examples=60)
def test_any_order_gives_the_same_graph(
    seen: list[Sighting], facts: list[NameFact], draw: "object"
) -> None:
    """Sightings and facts in any order; every edge has evidence and no more calls than were seen."""
    graph = flow_graph(seen, NameBook(facts, ("a",)), ("a",))
    draw.shuffle(seen)  # type: ignore[attr-defined]
    draw.shuffle(facts)  # type: ignore[attr-defined]
    assert graph == flow_graph(seen, NameBook(facts, ("a",)), ("a",))
    for edge in (*graph.edges, *graph.doubtful):
        assert edge.evidence
        assert 0 < edge.calls <= sum(each.calls for each in edge.evidence)
        assert edge.caller != edge.callee
