"""Who calls whom."""

from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from tracepulse.deliver.api.asking import Reader
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.questions import DataSet, Since, Until, window
from tracepulse.deliver.api.shapes import Shape

__all__ = ["router"]

router = APIRouter(tags=["flows"])

_MAX_EDGES = 500


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
    complete: bool = Field(description="False when there are more edges than are listed.")


@router.get(
    "/api/flows", summary="The service graph", response_model=FlowShape, responses=failures()
)
async def get_flows(
    asker: Reader, since: Since = None, until: Until = None, data_set: DataSet = ""
) -> Response:
    """Return who called whom, how often, with how many errors, and how long it took."""
    asked = window(since, until, data_set, asker.now_unix_ns())

    def answer() -> dict[str, Any]:
        found = asker.services.telemetry.service_graph(asked, data_set, _MAX_EDGES)
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
            "complete": len(found) < _MAX_EDGES,
        }

    return await asker.json(answer)
