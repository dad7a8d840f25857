"""
The MCP server, through the official SDK: streamable HTTP inside the API's application, and stdio.

Nothing is kept between requests: any number of clients, old protocol or new, can come and go.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import Tool
from starlette.types import ASGIApp

from tracepulse import __version__
from tracepulse.deliver.mcp.answers import AnswersFor, over_http
from tracepulse.deliver.mcp.surface import INSTRUCTIONS, tool_surfaces

__all__ = ["mcp_application", "mcp_server", "serve_stdio"]

MAX_BODY_BYTES = 256 * 1024
"""A call is a tool's name and a few arguments."""


class _Server(MCPServer[Any]):
    """Lists tools without the titles that are made of arguments' names: a seventh of the list."""

    async def list_tools(self) -> list[Tool]:
        """Return the tools; see `MCPServer.list_tools`."""
        tools = await super().list_tools()
        for tool in tools:
            schema = {key: value for key, value in tool.input_schema.items() if key != "title"}
            schema["properties"] = {
                name: {key: value for key, value in said.items() if key != "title"}
                for name, said in schema["properties"].items()
            }
            tool.input_schema = schema
        return tools


def mcp_server(answers_for: AnswersFor) -> "MCPServer[Any]":
    """Return a server whose tools ask where `answers_for` says."""
    # Both log every request, in a log that is for what the operator should know.
    for name in ("mcp", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)
    server = _Server(
        "tracepulse",
        title="TracePulse",
        version=__version__,
        instructions=INSTRUCTIONS,
        log_level="WARNING",
        subscriptions=False,
    )
    for tool in tool_surfaces(answers_for):
        server.add_tool(
            tool.function,
            name=tool.name,
            title=tool.title,
            description=tool.description,
            annotations=tool.annotations,
            structured_output=False,
        )
    return server


@asynccontextmanager
async def mcp_application(answers_for: AnswersFor, path: str) -> AsyncIterator[ASGIApp]:
    """Return an application that answers MCP at `path`, for as long as the context lasts."""
    server = mcp_server(answers_for)
    application = server.streamable_http_app(
        streamable_http_path=path,
        json_response=True,
        stateless_http=True,
        max_request_body_size=MAX_BODY_BYTES,
        # Host and Origin are checked for the whole port before a request gets here.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    async with server.session_manager.run():
        yield application


def serve_stdio(url: str, api_key: str) -> None:
    """Answer MCP on standard input and output, from the server at `url`, until input ends."""
    mcp_server(over_http(url, api_key)).run("stdio")
