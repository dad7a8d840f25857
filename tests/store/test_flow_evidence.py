"""What the store counts for the flow graph: lines of proxies, a mesh's metrics, queues, gaps and links."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.otlp_requests import SECOND, number
from tests.otlp_requests import span as drawn
from tests.store.segments import load_all, write_segment

from tracepulse.context.flows import seen_flows, seen_modules, seen_routes
from tracepulse.model.question import Window
from tracepulse.receive.any_value import add_attributes
from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.queries.telemetry import Telemetry

T = 1_782_000_060 * SECOND
WINDOW = Window(T, T + 600 * SECOND)
OUTBOUND = (
    '"GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 4 4 "-" "curl/7.73.0-DEV"'
    ' "84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin:8000" "10.44.1.27:80"'
    " outbound|8000||httpbin.foo.svc.cluster.local 10.44.1.23:37652 10.0.45.184:8000"
    " 10.44.1.23:46520 - default"
)
"""From Istio's documentation; so is the next, of the same request."""
INBOUND = (
    '"GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 3 1 "-" "curl/7.73.0-DEV"'
    ' "84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin:8000" "127.0.0.1:80" inbound|8000||'
    " 127.0.0.1:41854 10.44.1.27:80 10.44.1.23:37652"
    " outbound_.8000_._.httpbin.foo.svc.cluster.local default"
)
TCP = (
    '"- - -" 0 UF,URX - - "-" 0 0 2 - "-" "-" "-" "-" "10.4.2.6:6379"'
    " outbound|6379||redis.foo.svc.cluster.local 10.44.1.27:5 10.0.45.9:6379 10.44.1.27:46521 - -"
)
OLD = (
    '"POST /api.v1.Users/Get HTTP/2" 200 - "-" "-" 3 8 12 11 "-" "say "hi" 1.0" "id" "users:80"'
    ' "10.4.2.7:80" outbound|80||users.foo.svc.cluster.local - 10.0.45.7:80 10.44.1.27:4 -'
)
PODS = {OUTBOUND: "sleep-7656cf8794-8t2vh", INBOUND: "httpbin-74fb669cc6-zwq8x"}


def load(engine: ChdbEngine, folder: Path, signal: Any, request: Any, data_set: str) -> None:
    """Store a request."""
    load_all(engine, write_segment(folder, f"{data_set}-{signal}", signal, [request], data_set))


def lines(*texts: str) -> ExportLogsServiceRequest:
    """Return lines as their sidecars' pods sent them, one a second."""
    request = ExportLogsServiceRequest()
    for place, text in enumerate(texts):
        owner = request.resource_logs.add()
        add_attributes(owner.resource.attributes, [("k8s.pod.name", PODS.get(text, PODS[INBOUND]))])
        record = owner.scope_logs.add().log_records.add(time_unix_nano=T + place * SECOND)
        record.body.string_value = text
    return request


def span(
    service: str,
    trace: int,
    span_id: int,
    parent: int = 0,
    *,
    start: int,
    kind: int = Span.SPAN_KIND_INTERNAL,
    attributes: Mapping[str, str] = MappingProxyType({}),
    links: Sequence[tuple[int, int]] = (),
) -> tuple[str, Span]:
    """Return a span with its service."""
    made = drawn(trace, span_id, parent, start=start, kind=kind, **dict[str, Any](attributes))
    for linked_trace, linked in links:
        made.links.add(trace_id=number(linked_trace, 16), span_id=number(linked, 8))
    return service, made


def traces(*spans: tuple[str, Span]) -> ExportTraceServiceRequest:
    """Return spans as a request, of no scope."""
    request = ExportTraceServiceRequest()
    for service, each in spans:
        owner = request.resource_spans.add()
        add_attributes(owner.resource.attributes, [("service.name", service)])
        owner.scope_spans.add().spans.append(each)
    return request


def test_lines_of_every_layout_are_counted(engine: ChdbEngine, tmp_path: Path) -> None:
    """With time or without, of any version, TCP, gRPC, JSON; other lines are passed over."""
    as_json = (
        '{"authority":"httpbin:8000","duration":4,"method":"GET","protocol":"HTTP/1.1",'
        '"response_code":503,"response_flags":"UH","upstream_cluster":'
        '"outbound|8000||mail.foo.svc.cluster.local","upstream_host":null}'
    )
    texts = (
        OUTBOUND,
        f"[2026-06-20T10:00:00.000Z] {INBOUND}",
        TCP,
        OLD,
        as_json,
        "outbound calls: 3",
    )
    load(engine, tmp_path, "logs", lines(*texts), "flow-lines")
    found = {
        (hop.cluster, hop.upstream_local, hop.downstream_local, hop.downstream_remote): (
            hop.connection,
            hop.calls,
            hop.errors,
        )
        for hop in Telemetry(engine).access_hops(WINDOW, "flow-lines")
    }
    assert {
        ("outbound|8000||httpbin.foo.svc.cluster.local", "10.44.1.23", "", ""): ("http", 1, 0),
        ("inbound|8000||", "", "10.44.1.27", "10.44.1.23"): ("http", 1, 0),
        ("outbound|6379||redis.foo.svc.cluster.local", "10.44.1.27", "", ""): ("tcp", 1, 1),
        ("outbound|80||users.foo.svc.cluster.local", "-", "", ""): ("rpc", 1, 0),
        ("outbound|8000||mail.foo.svc.cluster.local", "", "", ""): ("http", 1, 1),
    } == found


def test_documented_lines_are_one_call(engine: ChdbEngine, tmp_path: Path) -> None:
    """The example of Istio's documentation, both lines of it, with the pod as the only resource."""
    load(engine, tmp_path, "logs", lines(OUTBOUND, INBOUND), "flow-istio")
    (edge,) = seen_flows(Telemetry(engine), WINDOW, "flow-istio").graph.edges
    assert ("sleep", "httpbin", 1) == (edge.caller, edge.callee, edge.calls)
    assert (T, T + SECOND) == (edge.first_unix_ns, edge.last_unix_ns)


def test_counters_of_a_mesh_grow(engine: ChdbEngine, tmp_path: Path) -> None:
    """From the last point before the window, over a restart; both reporters, and classic histograms."""
    request = ExportMetricsServiceRequest()
    owner = request.resource_metrics.add()
    add_attributes(owner.resource.attributes, [("service.name", "istio")])
    labels = [
        ("source_workload", "web-v1"),
        ("source_canonical_service", "web"),
        ("destination_service_name", "cart"),
        ("destination_canonical_service", "cart"),
        ("response_code", "200"),
        ("request_protocol", "http"),
    ]

    def put(name: str, values: list[tuple[int, float]], *more: tuple[str, str]) -> None:
        metric = owner.scope_metrics.add().metrics.add(name=name)
        metric.sum.is_monotonic = True
        metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
        for at_s, value in values:
            point = metric.sum.data_points.add(time_unix_nano=T + at_s * SECOND, as_double=value)
            add_attributes(point.attributes, {**dict(labels), **dict(more)}.items())

    for reporter in ("source", "destination"):
        put(
            "istio_requests_total",
            [(-30, 100), (30, 110), (60, 4), (90, 9)],
            ("reporter", reporter),
        )
    put(
        "istio_requests_total",
        [(-30, 7), (30, 8)],
        ("reporter", "source"),
        ("response_code", "503"),
    )
    put("istio_requests_total", [(-90, 5), (-30, 7)], ("destination_canonical_service", "gone"))
    for end_ms, calls in (("5", 10), ("10", 19), ("+Inf", 20)):
        put(
            "istio_request_duration_milliseconds_bucket",
            [(-30, 0), (90, calls)],
            ("reporter", "source"),
            ("le", end_ms),
        )
    load(engine, tmp_path, "metrics", request, "flow-mesh")
    (edge,) = seen_flows(Telemetry(engine), WINDOW, "flow-mesh").graph.edges
    assert ("web", "cart", 20, 1, "mesh") == (
        edge.caller,
        edge.callee,
        edge.calls,
        edge.errors,
        edge.counted_by,
    )
    assert edge.p50_ns is not None
    assert 2_000_000 < edge.p50_ns < 8_000_000


KAFKA = {"messaging.system": "kafka", "messaging.destination.name": "orders"}


def test_queues_are_nodes_and_links_are_calls(engine: ChdbEngine, tmp_path: Path) -> None:
    """One consumer is the producer's child and one links to it; both read from the topic."""
    load(
        engine,
        tmp_path,
        "traces",
        traces(
            span("shop", 1, 10, kind=Span.SPAN_KIND_SERVER, start=T + SECOND),
            span(
                "shop", 1, 11, 10, kind=Span.SPAN_KIND_PRODUCER, start=T + SECOND, attributes=KAFKA
            ),
            span(
                "packing", 1, 12, 11, kind=Span.SPAN_KIND_CONSUMER, start=T + SECOND,
                attributes=KAFKA,
            ),
            span(
                "mail", 2, 20, kind=Span.SPAN_KIND_CONSUMER, start=T + 100 * SECOND,
                attributes=KAFKA, links=((1, 11),),
            ),
        ),
        "flow-queue",
    )  # fmt: skip
    graph = seen_flows(Telemetry(engine), WINDOW, "flow-queue").graph
    assert {
        ("", "shop"): ((), "spans"),
        ("shop", "orders"): ((), "peer"),
        ("orders", "packing"): ((), "peer"),
        ("orders", "mail"): ((), "peer"),
        ("shop", "packing"): (("orders",), "spans"),
        ("shop", "mail"): (("orders",), "links"),
    } == {(e.caller, e.callee): (e.via, e.counted_by) for e in graph.edges}
    assert "queue" == next(node.kind for node in graph.nodes if node.name == "orders")
    (route,) = [
        each
        for each in seen_routes(Telemetry(engine), WINDOW, "flow-queue")
        if each.service == "shop"
    ]
    assert ("shop", "packing") in [(s.caller, s.callee) for s in route.paths[0].steps]


def test_a_gap_in_a_trace_is_who_was_called(engine: ChdbEngine, tmp_path: Path) -> None:
    """Spans of a service are missing: it is known by the name it was called, and by what it called."""
    client = {"server.address": "mail", "server.port": "8080"}
    load(
        engine,
        tmp_path,
        "traces",
        traces(
            span("shop", 1, 30, kind=Span.SPAN_KIND_SERVER, start=T + SECOND),
            span(
                "shop", 1, 31, 30, kind=Span.SPAN_KIND_CLIENT, start=T + SECOND, attributes=client
            ),
            span("stock", 1, 33, 32, kind=Span.SPAN_KIND_SERVER, start=T + SECOND),
        ),
        "flow-gap",
    )
    graph = seen_flows(Telemetry(engine), WINDOW, "flow-gap").graph
    edges = {(edge.caller, edge.callee) for edge in graph.edges}
    assert {("", "shop"), ("shop", "mail"), ("mail", "stock")} == edges
    assert [("mail", False)] == [
        (n.name, n.sends_telemetry) for n in graph.nodes if n.name == "mail"
    ]


def test_modules_of_a_monolith_are_nodes(engine: ChdbEngine, tmp_path: Path) -> None:
    """By namespace or function; a span of no module passes its caller's on; loggers count lines."""

    def of(module: str) -> dict[str, str]:
        return {"code.function.name": f"{module}.run"} if module else {}

    load(
        engine,
        tmp_path,
        "traces",
        traces(
            *(
                span("shop", 1, number, parent, start=T + SECOND, attributes=of(module))
                for number, parent, module in (
                    (40, 0, "app.web"), (41, 40, ""), (42, 41, "app.prices"), (43, 42, "app.prices"),
                )
            )
        ),
        "flow-modules",
    )  # fmt: skip
    request = lines("sold")
    owner = request.resource_logs[0]
    add_attributes(owner.resource.attributes, [("service.name", "shop")])
    owner.scope_logs[0].scope.name = "app.audit"
    load(engine, tmp_path, "logs", request, "flow-modules")
    found = seen_modules(Telemetry(engine), WINDOW, "flow-modules", "shop")
    assert [("app.audit", 0, 1), ("app.prices", 2, 0), ("app.web", 1, 0)] == [
        (each.name, each.spans, each.lines) for each in found.modules
    ]
    assert [("app.web", "app.prices", 1)] == [(c.caller, c.callee, c.calls) for c in found.calls]
