"""The way to /mcp: only with a key that may read, and only while the server runs."""

import asyncio
from contextlib import AbstractAsyncContextManager

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tracepulse.deliver.api.asking import require
from tracepulse.errors import Unavailable
from tracepulse.receive.access import Scope as KeyScope

__all__ = ["MCP_PATH", "McpDoor"]

MCP_PATH = "/mcp"


class McpDoor:
    """Lets callers through to the MCP application, which loads after everything else."""

    def __init__(self) -> None:
        self._inside: ASGIApp | None = None
        self._opening: asyncio.Event | None = None
        self._closing: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    def open(self, api: ASGIApp) -> None:
        """Begin to load the MCP application, which asks `api`; whoever calls it waits until then."""
        self._opening, self._closing = asyncio.Event(), asyncio.Event()
        self._task = asyncio.create_task(self._live(api, self._opening, self._closing))

    async def close(self) -> None:
        """End the MCP application."""
        if self._closing is not None and self._task is not None:
            self._closing.set()
            await self._task

    async def _live(self, api: ASGIApp, opening: asyncio.Event, closing: asyncio.Event) -> None:
        try:
            application = await asyncio.to_thread(_load, api)
            async with application as self._inside:
                opening.set()
                await closing.wait()
        finally:
            self._inside = None
            opening.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; raises Unauthorized or Unavailable."""
        require(Request(scope), KeyScope.READ)
        if scope["method"] == "GET":
            # A stream from the server, which a server that keeps nothing has no use for.
            answer = Response(status_code=405, headers={"Allow": "POST"})
            return await answer(scope, receive, send)
        if self._opening is not None:
            await self._opening.wait()
        if self._inside is None:
            raise Unavailable("MCP is not running")
        return await self._inside(scope, receive, send)


def _load(api: ASGIApp) -> AbstractAsyncContextManager[ASGIApp]:
    # Here, because the official SDK takes a second of processor time to import.
    from tracepulse.deliver.mcp.answers import in_process
    from tracepulse.deliver.mcp.server import mcp_application

    return mcp_application(in_process(api), MCP_PATH)
