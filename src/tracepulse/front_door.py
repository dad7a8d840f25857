"""
Port 8600 from the first moment: health at once, everything else when it is there.

Loading the API, MCP and the derivations takes longer than everything that taking telemetry in needs.
A server that starts again after a crash must not keep its senders waiting for that.
"""

import asyncio
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["FrontDoor"]


class FrontDoor:
    """An application that stands in for another until that one is built."""

    def __init__(self, failure: Callable[[], str]) -> None:
        """
        Begin without anything behind the door.

        Args:
            failure: says why no telemetry can be taken in; '' when all is well.
        """
        self._failure = failure
        self._inside: ASGIApp | None = None
        self._settled = asyncio.Event()
        self._closing = asyncio.Event()

    async def serve(self, build: Callable[[], Starlette]) -> None:
        """
        Build the application in a thread, let callers in, and keep it alive until `close`.

        Raises:
            Exception: what `build` raised; callers that wait are answered 503.
        """
        try:
            app = await asyncio.to_thread(build)
            async with app.router.lifespan_context(app):
                self._inside = app
                self._settled.set()
                await self._closing.wait()
        finally:
            self._inside = None
            self._settled.set()

    async def opened(self) -> None:
        """Return once callers are let in, or never will be."""
        await self._settled.wait()

    def close(self) -> None:
        """Let the application end."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; one that needs the application waits for it."""
        if self._inside is None and scope["type"] == "http" and scope["path"] == "/healthz":
            answer = self._health()
        else:
            await self._settled.wait()
            if self._inside is not None:
                return await self._inside(scope, receive, send)
            answer = _unavailable("the server is stopping")
        return await answer(scope, receive, send)

    def _health(self) -> JSONResponse:
        failure = self._failure()
        return _unavailable(failure) if failure else JSONResponse({"status": "ok"})


def _unavailable(reason: str) -> JSONResponse:
    return JSONResponse(
        {"error": {"code": "unavailable", "message": reason}}, 503, {"Retry-After": "5"}
    )
