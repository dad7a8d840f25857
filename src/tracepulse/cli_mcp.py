"""`tracepulse mcp`: the tools on standard input and output, for assistants on this machine."""

import os

from tracepulse.cli_options import Url
from tracepulse.client import server_url

__all__ = ["mcp"]


def mcp(url: Url = None) -> None:
    """
    Answer MCP on standard input and output, from a running server.

    Assistants that speak streamable HTTP can use the server's own /mcp instead.
    """
    address = server_url(url)
    from tracepulse.deliver.mcp.server import serve_stdio

    serve_stdio(address, os.environ.get("TRACEPULSE_API_KEY", ""))
