"""Who calls whom."""

from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from tracepulse.deliver.api.asking import Reader
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.questions import DataSet, Since, Until, window
from tracepulse.deliver.api.shapes import Shape, instant, instant_field, text_instant_field
from tracepulse.model.question import Window

__all__ = ["router"]

router = APIRouter(tags=["flows"])

_MAX_EDGES = 500
_MINUTE_NS = 60_000_000_000


class EdgeShape(Shape):
    """One service calling another."""

    caller: str = Field(description="Empty when requests come from outside.")
    callee: str
    connection: str = Field(description="http, rpc, database or messaging.")
    inferred_from: str = Field(description="spans: both sides were seen; peer: only the caller's.")
    calls: int
    errors: int
    p50_ns: int
    p95_ns: int


class FlowShape(Shape):
    """The service graph, edges by number of calls."""

    edges: list[EdgeShape]
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


@router.get(
    "/api/flows", summary="The service graph", response_model=FlowShape, responses=failures()
)
async def get_flows(
    asker: Reader, since: Since = None, until: Until = None, data_set: DataSet = ""
) -> Response:
    """
    Return who called whom, how often, with how many errors, and how long it took.

    Windows of ten minutes or more are widened to whole minutes; the answer says to which.
    """
    asked = _whole_minutes(window(since, until, data_set, asker.now_unix_ns()))

    def answer() -> dict[str, Any]:
        graph = asker.services.telemetry.whole_service_graph(asked, data_set, _MAX_EDGES)
        found = graph.edges
        services = {each.caller for each in found} | {each.callee for each in found}
        return {
            "edges": [
                {
                    "caller": each.caller,
                    "callee": each.callee,
                    "connection": each.connection,
                    "inferred_from": each.inferred_from,
                    "calls": each.calls,
                    "errors": each.errors,
                    "p50_ns": each.p50_ns,
                    "p95_ns": each.p95_ns,
                }
                for each in found
            ],
            "services": sorted(services - {""}),
            **instant("start", asked.start_unix_ns),
            **instant("end", asked.end_unix_ns),
            "minutes_joined": graph.minutes_joined,
            "minutes_left_out": graph.minutes_left_out,
            "complete": len(found) < _MAX_EDGES and not graph.minutes_left_out,
        }

    return await asker.json(answer)


def _whole_minutes(asked: Window) -> Window:
    """Widen a long window to what is kept by the minute, so that its ends need no joining."""
    if asked.end_unix_ns - asked.start_unix_ns < 10 * _MINUTE_NS:
        return asked
    start = asked.start_unix_ns // _MINUTE_NS * _MINUTE_NS
    return Window(start, -(-asked.end_unix_ns // _MINUTE_NS) * _MINUTE_NS)
