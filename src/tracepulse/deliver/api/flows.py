"""Who calls whom, what shows it, and the ways that requests take."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from tracepulse.context.flows import seen_flows, seen_modules, seen_routes
from tracepulse.context.render_flows import (
    flows_as_dot,
    flows_as_mermaid,
    graph_as_dot,
    graph_as_mermaid,
)
from tracepulse.deliver.api.asking import Asker, Reader
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.questions import DataSet, Since, Until, window
from tracepulse.deliver.api.shapes import Shape, instant, instant_field, text_instant_field
from tracepulse.errors import NotFound
from tracepulse.model.flow_graph import Disagreement, Edge, Evidence, Flow, FlowGraph, Node
from tracepulse.model.question import Window

__all__ = ["router"]

router = APIRouter(tags=["flows"])

_MAX_EDGES = 500
_MAX_ROUTES = 50
_MINUTE_NS = 60_000_000_000

Form = Annotated[
    Literal["json", "mermaid", "dot"],
    Query(alias="format", description="JSON, or a drawing as Mermaid or as Graphviz' DOT."),
]
_DRAWINGS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/vnd.mermaid": {"schema": {"type": "string"}},
            "text/vnd.graphviz": {"schema": {"type": "string"}},
        }
    }
}
_KINDS = "spans, links, peer, mesh, access_log or logs"


class EvidenceShape(Shape):
    """What one kind of evidence says of an edge."""

    kind: str = Field(description=_KINDS)
    calls: int = Field(description="For logs: episodes in which both took part.")
    errors: int
    p50_ns: int | None
    p95_ns: int | None
    confidence_ratio: float
    first_unix_ns: str = instant_field()
    first_at: str = text_instant_field()
    last_unix_ns: str = instant_field()
    last_at: str = text_instant_field()


class DisagreementShape(Shape):
    """Two kinds of evidence that do not say the same."""

    about: str = Field(description="calls, errors, absence or direction.")
    one: str
    other: str
    one_value: float
    other_value: float


class EdgeShape(Shape):
    """One service calling another."""

    caller: str = Field(description="Empty when requests come from outside.")
    callee: str
    connection: str = Field(description="http, rpc, database, messaging, tcp, or empty: unknown.")
    inferred_from: str = Field(description=f"Whose figures these are: {_KINDS}.")
    calls: int = Field(description="Kinds that see the same calls are never added up.")
    errors: int
    p50_ns: int | None
    p95_ns: int | None
    confidence_ratio: float
    first_unix_ns: str = instant_field()
    first_at: str = text_instant_field()
    last_unix_ns: str = instant_field()
    last_at: str = text_instant_field()
    evidence: list[EvidenceShape]
    disagreements: list[DisagreementShape]
    via: list[str] = Field(description="Queues between the two, which have edges of their own.")


class NodeShape(Shape):
    """One end of an edge."""

    name: str
    kind: str = Field(description="service, database, queue or host.")
    seen_by: list[str]
    sends_telemetry: bool
    aliases: list[str] = Field(description="Other names that it was called by.")


class FlowShape(Shape):
    """The service graph, edges by number of calls."""

    edges: list[EdgeShape]
    nodes: list[NodeShape]
    doubtful: list[EdgeShape] = Field(
        description="What log lines alone suggest, between services whose calls are otherwise known."
    )
    services: list[str] = Field(description="All names on the edges, sorted.")
    start_unix_ns: str = instant_field()
    start_at: str = text_instant_field()
    end_unix_ns: str = instant_field()
    end_at: str = text_instant_field()
    minutes_joined: int = Field(
        description="Minutes of it that are not rolled up yet, or not as they are now: their spans"
        " were joined for this answer."
    )
    minutes_left_out: int = Field(
        description="Minutes of it that hold too many spans to be joined now and are not rolled up"
        " yet; ask again later, or about less time."
    )
    complete: bool = Field(
        description="False when there are more edges than are listed, or minutes left out."
    )


class StepShape(Shape):
    """One call on the way of a request."""

    caller: str
    callee: str
    connection: str
    depth: int = Field(description="1 for calls of the entry.")


class PathShape(Shape):
    """One way that requests of a route take."""

    steps: list[StepShape] = Field(description="In order of time, each pair once.")
    requests: int
    share_ratio: float = Field(description="Of the traces looked at.")
    errors: int
    p50_ns: int
    example_trace_id: str


class RouteShape(Shape):
    """What requests of one entry route do."""

    service: str
    operation: str
    requests: int
    looked_at: int = Field(description="Traces in which the paths were found.")
    paths: list[PathShape]


class RoutesShape(Shape):
    """Flows by entry route."""

    routes: list[RouteShape]
    complete: bool


class ModuleShape(Shape):
    """A module inside a service."""

    service: str
    name: str
    spans: int
    lines: int
    errors: int


class ModuleCallShape(Shape):
    """One module calling another inside a service."""

    service: str
    caller: str
    callee: str
    calls: int
    errors: int


class ModulesShape(Shape):
    """Modules inside services: spans of a sample of traces, and all log lines."""

    modules: list[ModuleShape]
    calls: list[ModuleCallShape]


@router.get(
    "/api/flows",
    summary="The service graph",
    response_model=FlowShape,
    responses={**_DRAWINGS, **failures()},
)
async def get_flows(
    asker: Reader,
    since: Since = None,
    until: Until = None,
    data_set: DataSet = "",
    form: Form = "json",
) -> Response:
    """
    Return who called whom, how often, with how many errors, how long it took, and what shows it.

    Windows of ten minutes or more are widened to whole minutes; the answer says to which.
    """
    asked = _whole_minutes(window(since, until, data_set, asker.now_unix_ns()))
    telemetry = asker.services.telemetry
    if form != "json":
        return await _drawing(asker, form, lambda: seen_flows(telemetry, asked, data_set).graph)

    def answer() -> dict[str, Any]:
        seen = seen_flows(telemetry, asked, data_set)
        found = seen.graph.edges[:_MAX_EDGES]
        services = {each.caller for each in found} | {each.callee for each in found}
        return {
            "edges": [_edge(each) for each in found],
            "nodes": [_node(each) for each in seen.graph.nodes if each.name in services],
            "doubtful": [_edge(each) for each in seen.graph.doubtful[:_MAX_EDGES]],
            "services": sorted(services - {""}),
            **instant("start", asked.start_unix_ns),
            **instant("end", asked.end_unix_ns),
            "minutes_joined": seen.minutes_joined,
            "minutes_left_out": seen.minutes_left_out,
            "complete": len(seen.graph.edges) <= _MAX_EDGES and not seen.minutes_left_out,
        }

    return await asker.json(answer)


@router.get(
    "/api/flows/edge",
    summary="One edge of the service graph",
    response_model=EdgeShape,
    responses=failures(404),
)
async def get_edge(
    asker: Reader,
    callee: Annotated[str, Query(description="Who is called.")],
    caller: Annotated[str, Query(description="Who calls; empty is outside.")] = "",
    since: Since = None,
    until: Until = None,
    data_set: DataSet = "",
) -> Response:
    """Return what shows that one node calls another, and where that disagrees."""
    asked = _whole_minutes(window(since, until, data_set, asker.now_unix_ns()))

    def answer() -> dict[str, Any]:
        graph = seen_flows(asker.services.telemetry, asked, data_set).graph
        for each in (*graph.edges, *graph.doubtful):
            if (each.caller, each.callee) == (caller, callee):
                return _edge(each)
        raise NotFound(
            f"nothing shows {caller or 'anybody outside'!r} calling {callee!r} in that time;"
            " /api/flows lists what does"
        )

    return await asker.json(answer)


@router.get(
    "/api/flows/routes",
    summary="Flows by entry route",
    response_model=RoutesShape,
    responses={**_DRAWINGS, **failures()},
)
async def get_routes(
    asker: Reader,
    service: Annotated[str, Query(description="Only routes of this service.")] = "",
    operation: Annotated[str, Query(description="Only this route.")] = "",
    since: Since = None,
    until: Until = None,
    data_set: DataSet = "",
    form: Form = "json",
) -> Response:
    """Return the ways that requests take from each route by which they come in."""
    asked = window(since, until, data_set, asker.now_unix_ns())

    def routes() -> tuple[Flow, ...]:
        return seen_routes(asker.services.telemetry, asked, data_set, service, operation)

    if form != "json":
        draw = flows_as_mermaid if form == "mermaid" else flows_as_dot
        return Response(await asker.ask(lambda: draw(routes())), media_type=_media_type(form))

    def answer() -> dict[str, Any]:
        found = routes()
        return {"routes": [_route(each) for each in found], "complete": len(found) < _MAX_ROUTES}

    return await asker.json(answer)


@router.get(
    "/api/flows/modules",
    summary="Modules inside services",
    response_model=ModulesShape,
    responses=failures(),
)
async def get_modules(
    asker: Reader,
    service: Annotated[str, Query(description="Only modules of this service.")] = "",
    since: Since = None,
    until: Until = None,
    data_set: DataSet = "",
) -> Response:
    """Return what a service's process is made of, and how its parts call each other."""
    asked = window(since, until, data_set, asker.now_unix_ns())

    def answer() -> dict[str, Any]:
        found = seen_modules(asker.services.telemetry, asked, data_set, service)
        return {
            "modules": [
                {
                    "service": each.service,
                    "name": each.name,
                    "spans": each.spans,
                    "lines": each.lines,
                    "errors": each.errors,
                }
                for each in found.modules
            ],
            "calls": [
                {
                    "service": each.service,
                    "caller": each.caller,
                    "callee": each.callee,
                    "calls": each.calls,
                    "errors": each.errors,
                }
                for each in found.calls
            ],
        }

    return await asker.json(answer)


async def _drawing(asker: Asker, form: str, graph: Callable[[], FlowGraph]) -> Response:
    draw = graph_as_mermaid if form == "mermaid" else graph_as_dot
    return Response(await asker.ask(lambda: draw(graph())), media_type=_media_type(form))


def _media_type(form: str) -> str:
    return f"text/vnd.{'mermaid' if form == 'mermaid' else 'graphviz'}; charset=utf-8"


def _edge(edge: Edge) -> dict[str, Any]:
    return {
        "caller": edge.caller,
        "callee": edge.callee,
        "connection": edge.connection,
        "inferred_from": edge.counted_by,
        "calls": edge.calls,
        "errors": edge.errors,
        "p50_ns": edge.p50_ns,
        "p95_ns": edge.p95_ns,
        "confidence_ratio": edge.confidence_ratio,
        **instant("first", edge.first_unix_ns),
        **instant("last", edge.last_unix_ns),
        "evidence": [_evidence(each) for each in edge.evidence],
        "disagreements": [_disagreement(each) for each in edge.disagreements],
        "via": list(edge.via),
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "kind": evidence.kind,
        "calls": evidence.calls,
        "errors": evidence.errors,
        "p50_ns": evidence.p50_ns,
        "p95_ns": evidence.p95_ns,
        "confidence_ratio": evidence.confidence_ratio,
        **instant("first", evidence.first_unix_ns),
        **instant("last", evidence.last_unix_ns),
    }


def _disagreement(found: Disagreement) -> dict[str, Any]:
    return {
        "about": found.about,
        "one": found.one,
        "other": found.other,
        "one_value": found.one_value,
        "other_value": found.other_value,
    }


def _node(node: Node) -> dict[str, Any]:
    return {
        "name": node.name,
        "kind": node.kind,
        "seen_by": list(node.seen_by),
        "sends_telemetry": node.sends_telemetry,
        "aliases": list(node.aliases),
    }


def _route(flow: Flow) -> dict[str, Any]:
    return {
        "service": flow.service,
        "operation": flow.operation,
        "requests": flow.requests,
        "looked_at": flow.looked_at,
        "paths": [
            {
                "steps": [
                    {
                        "caller": step.caller,
                        "callee": step.callee,
                        "connection": step.connection,
                        "depth": step.depth,
                    }
                    for step in path.steps
                ],
                "requests": path.requests,
                "share_ratio": round(path.requests / flow.looked_at, 4),
                "errors": path.errors,
                "p50_ns": path.p50_ns,
                "example_trace_id": path.example_trace_id,
            }
            for path in flow.paths
        ],
    }


def _whole_minutes(asked: Window) -> Window:
    """Widen a long window to what is kept by the minute, so that its ends need no joining."""
    if asked.end_unix_ns - asked.start_unix_ns < 10 * _MINUTE_NS:
        return asked
    start = asked.start_unix_ns // _MINUTE_NS * _MINUTE_NS
    return Window(start, -(-asked.end_unix_ns // _MINUTE_NS) * _MINUTE_NS)
