"""Edges between services and the origins of failures, on small drawn traces."""

from collections.abc import Sequence

import numpy as np

from tracepulse.derive.flows import compare_edges, failure_summary, service_edges
from tracepulse.model.flow import EdgeChange, FlowEdge
from tracepulse.model.span import SpanColumns

Row = tuple[str, str, str, str, str, str, dict[str, str]]
"""Span id, parent, service, name, kind, status code, attributes; starts grow down the list."""


def spans(rows: Sequence[Row], trace: str = "t1") -> SpanColumns:
    """Return one trace as columns."""

    def column(place: int) -> np.ndarray:
        return np.array([row[place] for row in rows], dtype=object)

    count = len(rows)
    return SpanColumns(
        trace_id=np.array([trace] * count, dtype=object),
        span_id=column(0),
        parent_span_id=column(1),
        service=column(2),
        name=column(3),
        kind=column(4),
        status_code=column(5),
        status_message=np.array([""] * count, dtype=object),
        start_unix_ns=np.arange(count, dtype=np.int64) * 1_000,
        duration_ns=np.full(count, 500, dtype=np.int64),
        attributes=tuple(row[6] for row in rows),
        resource=tuple({} for _ in rows),
    )


def joined(one: SpanColumns, two: SpanColumns) -> SpanColumns:
    """Return two traces in one record."""

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(one, name), getattr(two, name)])

    return SpanColumns(
        trace_id=column("trace_id"),
        span_id=column("span_id"),
        parent_span_id=column("parent_span_id"),
        service=column("service"),
        name=column("name"),
        kind=column("kind"),
        status_code=column("status_code"),
        status_message=column("status_message"),
        start_unix_ns=column("start_unix_ns"),
        duration_ns=column("duration_ns"),
        attributes=one.attributes + two.attributes,
        resource=one.resource + two.resource,
    )


def status(code: int) -> dict[str, str]:
    """Return the attributes of an HTTP answer."""
    return {"http.response.status_code": str(code)}


CHECKOUT: list[Row] = [
    ("a", "", "gateway", "POST /checkout", "Server", "Error", status(502)),
    ("b", "a", "gateway", "POST", "Client", "Error", status(502)),
    ("c", "b", "checkout", "POST /pay", "Server", "Error", status(502)),
    ("d", "c", "checkout", "load", "Internal", "Unset", {}),
    ("e", "c", "checkout", "GET", "Client", "Error", status(401)),
    ("f", "e", "session", "GET /sessions", "Server", "Unset", status(401)),
    ("g", "c", "checkout", "GET", "Client", "Error", status(404)),
    ("h", "g", "session", "GET /sessions", "Server", "Unset", status(404)),
]


def test_edges_skip_internal_spans_and_show_where_requests_enter() -> None:
    """Calls between services count once each, an entry comes from outside."""
    internal: list[Row] = [
        ("a", "", "gateway", "GET /", "Server", "Unset", {}),
        ("b", "a", "gateway", "render", "Internal", "Unset", {}),
        ("c", "b", "cart", "GET /cart", "Server", "Error", {}),
    ]
    assert service_edges(spans(internal)) == (
        FlowEdge("", "gateway", "http", 1, 0, "spans"),
        FlowEdge("gateway", "cart", "http", 1, 1, "spans"),
    )


def test_uninstrumented_peer_becomes_a_virtual_node() -> None:
    """A database call without a span of its own on the other side names the database."""
    rows: list[Row] = [
        ("a", "", "cart", "GET /cart", "Server", "Unset", {}),
        ("b", "a", "cart", "SELECT carts", "Client", "Unset", {"db.system": "sqlite", "db.name": "cart.db"}),
    ]  # fmt: skip
    edge = service_edges(spans(rows))[1]
    assert edge == FlowEdge("cart", "cart.db", "database", 1, 0, "peer", callee_is_virtual=True)


def test_order_of_spans_changes_no_edge() -> None:
    """Children may arrive before their parents."""
    assert service_edges(spans(CHECKOUT)) == service_edges(spans(CHECKOUT[::-1]))


def test_refused_call_is_laid_to_the_service_that_refused_first() -> None:
    """The 401 of the first try is the origin, not the 404 of the retry, though no span is an Error."""
    summary = failure_summary(spans(CHECKOUT))
    origin = summary.origins[0]
    assert (origin.service, origin.operation, origin.status) == ("session", "GET /sessions", "401")
    assert origin.path == ("gateway", "checkout", "session")
    assert (summary.failing_traces, summary.sampled_traces) == (1, 1)


def test_failing_database_call_names_the_resource() -> None:
    """The deepest failure is a call of a database: the service stays named, and the resource."""
    rows: list[Row] = [
        ("a", "", "cart", "GET /cart", "Server", "Error", status(500)),
        ("b", "a", "cart", "SELECT carts", "Client", "Error", {"db.system": "postgresql", "db.namespace": "carts"}),
    ]  # fmt: skip
    origin = failure_summary(spans(rows)).origins[0]
    assert (origin.service, origin.resource) == ("cart", "carts")


def test_timeout_without_an_answer_stays_with_the_caller() -> None:
    """A call that got no status is not laid to a callee that finished well."""
    rows: list[Row] = [
        ("a", "", "gateway", "GET /", "Server", "Error", status(504)),
        ("b", "a", "gateway", "GET", "Client", "Error", {}),
        ("c", "b", "cart", "GET /cart", "Server", "Ok", status(200)),
    ]
    assert failure_summary(spans(rows)).origins[0].service == "gateway"


def test_a_frameworks_own_spans_do_not_hide_what_failed_behind_them() -> None:
    """Express and others leave their internal spans without a status, whatever happened below."""
    rows: list[Row] = [
        ("a", "", "gateway", "POST /checkout", "Server", "Error", status(502)),
        ("b", "a", "gateway", "middleware - json", "Internal", "", {}),
        ("c", "a", "gateway", "router", "Internal", "", {}),
        ("d", "c", "gateway", "request handler", "Internal", "", {}),
        ("e", "d", "gateway", "POST", "Client", "Error", status(502)),
        ("f", "e", "checkout", "POST /carts", "Server", "Error", status(502)),
    ]
    assert failure_summary(spans(rows)).origins[0].service == "checkout"
    tolerated: list[Row] = [
        ("a", "", "gateway", "POST /checkout", "Server", "Error", status(502)),
        ("b", "a", "gateway", "GET", "Client", "Error", {}),
        ("c", "a", "gateway", "middleware - cache", "Internal", "", {}),
        ("d", "c", "gateway", "GET", "Client", "Error", status(404)),
        ("e", "d", "cache", "GET /page", "Server", "", status(404)),
    ]
    assert failure_summary(spans(tolerated)).origins[0].service == "gateway"


def test_only_traces_through_the_incidents_entry_count() -> None:
    """When the entry is known, a failing login does not blur where checkouts fail."""
    rows: list[Row] = [("z", "", "gateway", "POST /login", "Server", "Error", status(500))]
    one, two = spans(CHECKOUT), spans(rows, "t2")
    both = joined(one, two)
    assert failure_summary(both).failing_traces == 2
    meant = failure_summary(both, {("gateway", "POST /checkout")})
    assert (meant.failing_traces, meant.origins[0].service) == (1, "session")


def test_edges_of_two_windows_stand_side_by_side() -> None:
    """An edge seen in one window only has zeros in the other."""
    before = [FlowEdge("a", "b", "http", 10, 1, "spans")]
    after = [FlowEdge("a", "b", "http", 20, 9, "spans"), FlowEdge("b", "c", "http", 3, 0, "spans")]
    assert compare_edges(before, after) == (
        EdgeChange("a", "b", 10, 1, 20, 9),
        EdgeChange("b", "c", 0, 0, 3, 0),
    )
