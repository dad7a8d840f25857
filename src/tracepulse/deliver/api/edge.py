"""
What every request passes first: by which name we were called, from which page, and the headers
that go out with every answer.

A page of any web site may have its visitor's browser send requests to 127.0.0.1, and may give its
own name our address (DNS rebinding). The first shows in `Origin`, the second in `Host`.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracepulse.deliver.api.failures import failure_response

__all__ = ["Edge"]

_OWN_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_API_POLICY = "default-src 'none'; frame-ancestors 'none'"
_PAGE_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


class Edge:
    """Middleware: checks Host and Origin, adds security headers."""

    def __init__(self, app: ASGIApp, allowed_hosts: tuple[str, ...] = ()) -> None:
        self._app = app
        self._any_host = "*" in allowed_hosts
        self._hosts = _OWN_NAMES | {_bracketed(host) for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        policy = _API_POLICY if _is_api(scope["path"]) else _PAGE_POLICY

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), policy)
            await send(message)

        host = headers.get("host", "")
        origin = headers.get("origin", "")
        if not self._is_ours(host):
            response = failure_response(
                421,
                "wrong_host",
                f"this server is not called {host[:100]!r}; use its address, or add the name"
                " with --allowed-hosts",
            )
            await response(scope, receive, send_with_headers)
        elif origin and urlsplit(origin).netloc.lower() != host.lower():
            response = failure_response(
                403, "wrong_origin", "pages of other sites may not use this API"
            )
            await response(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _is_ours(self, host: str) -> bool:
        name = _without_port(host.lower())
        # An address cannot be given to us by another's DNS, so any of ours will do.
        return self._any_host or name in self._hosts or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _is_api(path: str) -> bool:
    return path.startswith(("/api", "/mcp", "/openapi", "/healthz", "/metrics"))


def _add_headers(headers: MutableHeaders, policy: str) -> None:
    headers.setdefault("Content-Security-Policy", policy)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if policy == _API_POLICY:
        headers.setdefault("Cache-Control", "no-store")


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _bracketed(host: str) -> str:
    host = host.lower()
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
