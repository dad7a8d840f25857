"""The application of port 8600: REST under /api, MCP at /mcp, the page at /."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.routing import Route

from tracepulse import __version__
from tracepulse.deliver.api import (
    alerts,
    changes,
    doctor,
    flows,
    incidents,
    logs,
    metrics,
    overview,
    paths,
    traces,
)
from tracepulse.deliver.api.asking import Desk
from tracepulse.deliver.api.edge import Edge
from tracepulse.deliver.api.failures import add_failures
from tracepulse.deliver.api.mcp_door import MCP_PATH, McpDoor
from tracepulse.deliver.api.page import Page
from tracepulse.deliver.api.services import Services
from tracepulse.deliver.mcp.answers import in_process
from tracepulse.deliver.mcp.server import mcp_application

__all__ = ["api_app"]

_ROUTERS = (
    overview.router,
    incidents.router,
    traces.router,
    paths.router,
    logs.router,
    metrics.router,
    flows.router,
    changes.router,
    alerts.router,
    doctor.router,
)

_DESCRIPTION = """\
What TracePulse knows, as JSON.

Every instant is given twice: `*_unix_ns` as a decimal string and `*_at` as RFC 3339 in UTC with
nine digits. Lengths of time, `*_ns`, are numbers of nanoseconds. Ids are returned as sent.
Errors have one shape, `{"error": {"code": …, "message": …}}`.
"""


def api_app(services: Services) -> FastAPI:
    """Return the application; it only translates between HTTP and the services."""
    door = McpDoor()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with mcp_application(in_process(app), MCP_PATH) as door.inside:
            yield
        door.inside = None

    app = FastAPI(
        title="TracePulse",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        middleware=[Middleware(Edge, allowed_hosts=services.allowed_hosts)],
    )
    app.state.services = services
    app.state.desk = Desk(services.room)
    add_failures(app)
    for router in _ROUTERS:
        app.include_router(router)
    app.router.routes.append(Route(MCP_PATH, endpoint=door))
    if services.static_folder is not None:
        app.mount("/", Page(services.static_folder))
    return app
