"""The dashboard's port while what stands behind it is still loading."""

import asyncio
import threading

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tracepulse.front_door import FrontDoor


def _client(door: FrontDoor) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://127.0.0.1")


async def _hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


def test_health_is_answered_at_once_and_the_rest_when_it_is_there() -> None:
    """A question waits for the application; health does not."""
    may_build = threading.Event()

    def build() -> Starlette:
        assert may_build.wait(10)
        return Starlette(routes=[Route("/hello", _hello), Route("/healthz", _hello)])

    async def run() -> list[str]:
        door = FrontDoor(lambda: "")
        serving = asyncio.create_task(door.serve(build))
        async with _client(door) as client:
            waiting = asyncio.create_task(client.get("/hello"))
            early = await client.get("/healthz")
            assert not waiting.done()
            may_build.set()
            said = [early.text, (await waiting).text, (await client.get("/healthz")).text]
            door.close()
            await serving
        return said

    assert ['{"status":"ok"}', "hello", "hello"] == asyncio.run(run())


def test_whoever_waits_is_told_when_nothing_comes() -> None:
    """An application that cannot be built, and a journal that takes nothing in, are said."""

    def build() -> Starlette:
        raise RuntimeError("no")

    async def run() -> list[tuple[int, str]]:
        door = FrontDoor(lambda: "the disk is full")
        async with _client(door) as client:
            full = await client.get("/healthz")
            with pytest.raises(RuntimeError, match="no"):
                await door.serve(build)
            gone = await client.get("/api/doctor")
        return [(a.status_code, a.json()["error"]["message"]) for a in (full, gone)]

    assert [(503, "the disk is full"), (503, "the server is stopping")] == asyncio.run(run())
