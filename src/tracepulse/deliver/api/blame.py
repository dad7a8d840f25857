"""Who waited for whom in two cohorts of requests, and by which way of calls."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from tracepulse.causal import read_contexts, read_edges
from tracepulse.context.render_blame import (
    causal_as_dot,
    causal_as_mermaid,
    flame_as_folded,
    flame_as_tree,
)
from tracepulse.deliver.api.cohorts import CohortsAsked, ReadCohorts
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.shapes import Shape, finite
from tracepulse.derive.blame_contexts import largest_contexts
from tracepulse.derive.causal_graph import CausalEdge, CausalGraph, CausalNode, causal_graph
from tracepulse.derive.flame_graph import flame_graph

__all__ = ["router"]

router = APIRouter(tags=["traces"])

GraphForm = Annotated[
    Literal["json", "mermaid", "dot"],
    Query(alias="format", description="JSON, or a drawing as Mermaid or as Graphviz' DOT."),
]
FlameForm = Annotated[
    Literal["json", "folded"],
    Query(alias="format", description="Frames within frames, or a line for each stack."),
]
_TYPES = {
    "mermaid": "text/vnd.mermaid; charset=utf-8",
    "dot": "text/vnd.graphviz; charset=utf-8",
    "folded": "text/plain; charset=utf-8",
}


def _texts(*types: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {each: {"schema": {"type": "string"}} for each in types}}}


class CausalNodeShape(Shape):
    """An operation, the network before one, or a resource; means over all requests of a cohort."""

    service: str = Field(description="Empty for a resource.")
    operation: str
    category: str = Field(description="As of a blocking path; or resource.")
    resource: str
    usual_own_ns: float = Field(description="How long the blocking path stayed there.")
    slow_own_ns: float
    usual_waited_ns: float = Field(description="With all it waited for: the edges into it.")
    slow_waited_ns: float


class CausalEdgeShape(Shape):
    """One node that waited for another; means over all requests of a cohort."""

    waiting: int = Field(description="Place among the nodes; -1 for whoever made the requests.")
    awaited: int
    usual_ns: float
    slow_ns: float
    difference_ns: float
    low_ns: float | None = Field(description="Interval of the difference, for all edges at once.")
    high_ns: float | None
    share_ratio: float = Field(description="Of the difference of the cohorts.")
    usual_requests: int = Field(description="Requests that were held up along it.")
    slow_requests: int
    usual_trace_ids: list[str] = Field(description="Held up longest, then one in the middle.")
    slow_trace_ids: list[str]


class CausalGraphShape(Shape):
    """Who waited for whom; what leads into a node is its own time and what leads out of it."""

    usual: str = Field(description="Which requests the first cohort holds, in words.")
    slow: str
    usual_requests: int
    slow_requests: int
    usual_ns: float = Field(description="Mean length of a request.")
    slow_ns: float
    confidence_ratio: float = Field(description="That all intervals hold at once.")
    nodes: list[CausalNodeShape]
    edges: list[CausalEdgeShape] = Field(description="By weight, the largest first.")
    edges_left_out: int
    sampled: bool = Field(description="True when there are more requests than were read.")


class FlameShape(Shape):
    """Blame by the way of calls, as d3-flame-graph takes it."""

    usual: str = Field(description="Which requests the first cohort holds, in words.")
    slow: str
    usual_requests: int
    slow_requests: int
    frames: dict[str, Any] = Field(
        description="`name`, `value` (ns per slow request), `delta` (slow less usual), `children`,"
        " and sums over requests: `usual_ns`, `slow_ns`, `usual_own_ns`, `slow_own_ns`."
    )
    sampled: bool


@router.get(
    "/api/causal-graph",
    summary="Who waited for whom in two cohorts of requests",
    response_model=CausalGraphShape,
    responses={**_texts("text/vnd.mermaid", "text/vnd.graphviz"), **failures(404)},
)
async def get_causal_graph(
    asked: CohortsAsked,
    form: GraphForm = "json",
    limit: Annotated[int, Query(ge=1, le=1000, description="Edges at most.")] = 60,
) -> Response:
    """Return operations and resources, and how long each waited for which, with traces as evidence."""

    def found() -> tuple[CausalGraph, ReadCohorts]:
        read = asked.read()
        blame, table = read_edges(read.reader, read.requests, read.cohorts.group, 2)
        return causal_graph(blame, table, read.counts, limit), read

    if form != "json":
        draw = causal_as_mermaid if form == "mermaid" else causal_as_dot
        text = await asked.asker.ask(lambda: draw(found()[0]))
        return Response(text, media_type=_TYPES[form])
    return await asked.asker.json(lambda: _graph(*found()))


@router.get(
    "/api/flame-graph",
    summary="What requests waited for, by the way of calls",
    response_model=FlameShape,
    responses={**_texts("text/plain"), **failures(404)},
)
async def get_flame_graph(
    asked: CohortsAsked,
    form: FlameForm = "json",
    cohort: Annotated[
        Literal["usual", "slow", "both"],
        Query(description="Of folded stacks: whose ns; both writes two numbers a line."),
    ] = "slow",
    limit: Annotated[
        int, Query(ge=1, le=20_000, description="Frames at most; the rest is summed as other.")
    ] = 1000,
) -> Response:
    """Return blame by calling context, of one cohort and as the difference of two."""

    def answer() -> tuple[dict[str, Any], str]:
        read = asked.read()
        blame, table = read_contexts(read.reader, read.requests, read.cohorts.group, 2)
        frames = flame_graph(largest_contexts(blame, limit), table)
        if form == "folded":
            return {}, flame_as_folded(frames, cohort)
        usual, slow = read.counts
        return {
            "usual": read.cohorts.usual,
            "slow": read.cohorts.slow,
            "usual_requests": usual,
            "slow_requests": slow,
            "frames": flame_as_tree(frames, read.counts),
            "sampled": read.sampled,
        }, ""

    if form == "folded":
        text = await asked.asker.ask(lambda: answer()[1])
        return Response(text, media_type=_TYPES[form])
    return await asked.asker.json(lambda: answer()[0])


def _graph(graph: CausalGraph, read: ReadCohorts) -> dict[str, Any]:
    return {
        "usual": read.cohorts.usual,
        "slow": read.cohorts.slow,
        "usual_requests": graph.usual_requests,
        "slow_requests": graph.slow_requests,
        "usual_ns": graph.usual_ns,
        "slow_ns": graph.slow_ns,
        "confidence_ratio": graph.confidence_ratio,
        "nodes": [_node(each) for each in graph.nodes],
        "edges": [_edge(each, read) for each in graph.edges],
        "edges_left_out": graph.edges_left_out,
        "sampled": read.sampled,
    }


def _node(node: CausalNode) -> dict[str, Any]:
    return {name: getattr(node, name) for name in CausalNodeShape.model_fields}


def _edge(edge: CausalEdge, read: ReadCohorts) -> dict[str, Any]:
    return {
        "waiting": edge.waiting,
        "awaited": edge.awaited,
        "usual_ns": edge.usual_ns,
        "slow_ns": edge.slow_ns,
        "difference_ns": edge.difference_ns,
        "low_ns": finite(edge.low_ns),
        "high_ns": finite(edge.high_ns),
        "share_ratio": edge.share_ratio,
        "usual_requests": edge.usual_requests,
        "slow_requests": edge.slow_requests,
        "usual_trace_ids": read.trace_ids(edge.usual_evidence),
        "slow_trace_ids": read.trace_ids(edge.slow_evidence),
    }
