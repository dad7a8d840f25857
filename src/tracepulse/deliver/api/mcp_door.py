"""The way to /mcp: only with a key that may read, and only once the server has started."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tracepulse.deliver.api.asking import require
from tracepulse.errors import Unavailable
from tracepulse.receive.access import Scope as KeyScope

__all__ = ["MCP_PATH", "McpDoor"]

MCP_PATH = "/mcp"


class McpDoor:
    """Lets callers through to the MCP application."""

    def __init__(self) -> None:
        self.inside: ASGIApp | None = None
        """Set while the application runs."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; raises Unauthorized or Unavailable."""
        require(Request(scope), KeyScope.READ)
        if scope["method"] == "GET":
            # A stream from the server, which a server that keeps nothing has no use for.
            answer = Response(status_code=405, headers={"Allow": "POST"})
            return await answer(scope, receive, send)
        if self.inside is None:
            raise Unavailable("MCP is not running")
        return await self.inside(scope, receive, send)
