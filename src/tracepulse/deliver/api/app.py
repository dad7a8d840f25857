"""The application of port 8600: REST under /api, MCP at /mcp, the page at /."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import Route

from tracepulse import __version__
from tracepulse.deliver.api import (
    alerts,
    blame,
    changes,
    connectors,
    doctor,
    findings,
    flows,
    incidents,
    log_patterns,
    logs,
    metrics,
    overview,
    paths,
    regressions,
    self_metrics,
    set_aside,
    traces,
    verify,
    whatif,
    why,
)
from tracepulse.deliver.api.asking import Desk
from tracepulse.deliver.api.edge import Edge
from tracepulse.deliver.api.failures import add_failures
from tracepulse.deliver.api.mcp_door import MCP_PATH, McpDoor
from tracepulse.deliver.api.page import Page
from tracepulse.deliver.api.services import Services

__all__ = ["api_app", "api_description"]

_ROUTERS = (
    overview.router,
    incidents.router,
    traces.router,
    paths.router,
    why.router,
    blame.router,
    findings.router,
    regressions.router,
    verify.router,
    whatif.router,
    logs.router,
    log_patterns.router,
    metrics.router,
    flows.router,
    changes.router,
    alerts.router,
    set_aside.router,
    connectors.router,
    doctor.router,
    self_metrics.router,
)

_DESCRIPTION = """\
What TracePulse knows, as JSON.

Every instant is given twice: `*_unix_ns` as a decimal string and `*_at` as RFC 3339 in UTC with
nine digits. Lengths of time, `*_ns`, are numbers of nanoseconds. Ids are returned as sent.
Errors have one shape, `{"error": {"code": …, "message": …}}`.
"""

_Lifespan = Any
"""FastAPI's own type for it does not take a plain context manager of the application."""


def api_app(services: Services) -> FastAPI:
    """Return the application; it only translates between HTTP and the services."""
    door = McpDoor()
    app = _routed(_with_mcp(door))
    app.state.services = services
    app.state.desk = Desk(services.room)
    app.add_middleware(Edge, allowed_hosts=services.allowed_hosts)
    add_failures(app)
    app.router.routes.append(Route(MCP_PATH, endpoint=door))
    if services.static_folder is not None:
        app.mount("/", Page(services.static_folder))
    return app


def api_description() -> dict[str, Any]:
    """Return the API as OpenAPI describes it: what /openapi.json holds."""
    return _routed(None).openapi()


def _describe(app: FastAPI) -> dict[str, Any]:
    """Leave out the 422 that FastAPI adds to every operation: our answer is 400."""
    description = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    for operations in description["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        description["components"]["schemas"].pop(name, None)
    return description


def _routed(lifespan: _Lifespan) -> FastAPI:
    app = FastAPI(
        title="TracePulse",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    for router in _ROUTERS:
        app.include_router(router)
    description: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not description:
            description.update(_describe(app))
        return description

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _with_mcp(door: McpDoor) -> _Lifespan:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        door.open(app)
        yield
        await door.close()

    return lifespan
