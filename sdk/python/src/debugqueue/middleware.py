"""
The trace of a request, told to the page that asked for it.

A browser cannot read the request headers of its own navigation. What it can read is `Server-Timing` of
the answer, and a `<meta name="traceparent">` of the page: from either, its spans join the server's.
"""

import os
from typing import Any, Awaitable, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from debugqueue.correlation import (
    TraceContext,
    current_trace,
    parse_traceparent,
    request_trace,
    traceparent,
)
from debugqueue.guard import guarded

__all__ = ["AsgiMiddleware", "WsgiMiddleware", "server_timing", "traceparent_meta"]

Headers = List[Tuple[str, str]]
Scope = Dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


@guarded(otherwise="")
def traceparent_meta() -> str:
    """Return the tag for a page's head, or an empty text outside of a request's trace."""
    trace = traceparent()
    return f'<meta name="traceparent" content="{trace}">' if trace else ""


@guarded(otherwise="")
def server_timing() -> str:
    """Return the value of a `Server-Timing` header, or an empty text outside of a request's trace."""
    trace = traceparent()
    return f'traceparent;desc="{trace}"' if trace else ""


@guarded()
def _trace_of(header: str) -> Optional[TraceContext]:
    """Return a place in the caller's trace, or in a new one; None where a span stands already."""
    if current_trace() is not None:
        return None
    span_id = int.from_bytes(os.urandom(8), "big") or 1
    given = parse_traceparent(header) if header else None
    if given is not None:
        return TraceContext(given.trace_id, span_id, given.trace_flags)
    return TraceContext(int.from_bytes(os.urandom(16), "big") or 1, span_id, 1)


def _told_already(value: str) -> bool:
    return "traceparent;" in value


class WsgiMiddleware:
    """
    Tells the trace in each answer of a WSGI application; without OpenTelemetry, begins one.

    Events of the request carry that trace. What the application raises or returns stays as it is.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        """Take the application."""
        self._app = app

    def __call__(
        self, environ: Dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Serve a request."""
        trace = _trace_of(str(environ.get("HTTP_TRACEPARENT", "")))
        if trace is None:
            return self._app(environ, _telling(start_response))
        token = request_trace.set(trace)
        try:
            body = self._app(environ, _telling(start_response))
        finally:
            request_trace.reset(token)
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(body, wrapper):
            return body  # the server sends the file itself
        return body if type(body) in (list, tuple) else _Body(body, trace)


def _telling(start_response: Callable[..., Any]) -> Callable[..., Any]:
    def start(status: str, headers: Headers, *rest: Any) -> Any:
        return start_response(status, _with_timing(headers), *rest)

    return start


def _with_timing(headers: Headers) -> Headers:
    told = any(name.lower() == "server-timing" and _told_already(value) for name, value in headers)
    timing = "" if told else server_timing()
    return [*headers, ("Server-Timing", timing)] if timing else headers


class _Body:
    """What a WSGI application returned, each step within the request's trace."""

    def __init__(self, body: Iterable[bytes], trace: TraceContext) -> None:
        self._body, self._trace = body, trace
        self._iterator: Optional[Iterator[bytes]] = None

    def __iter__(self) -> "_Body":
        return self

    def __next__(self) -> bytes:
        token = request_trace.set(self._trace)
        try:
            if self._iterator is None:
                self._iterator = iter(self._body)
            return next(self._iterator)
        finally:
            request_trace.reset(token)

    def close(self) -> None:
        """Close what the application returned, as the server would have."""
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


class AsgiMiddleware:
    """The same for an ASGI application."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        """Take the application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; other kinds of scope pass through."""
        if scope.get("type") != "http":
            await self._app(scope, receive, send)
            return

        async def telling(message: Any) -> None:
            await send(_with_raw_timing(message))

        trace = _trace_of(_raw_header(scope, b"traceparent"))
        if trace is None:
            await self._app(scope, receive, telling)
            return
        token = request_trace.set(trace)
        try:
            await self._app(scope, receive, telling)
        finally:
            request_trace.reset(token)


@guarded(otherwise="")
def _raw_header(scope: Scope, wanted: bytes) -> str:
    for name, value in scope.get("headers", ()):
        if name.lower() == wanted:
            return str(value.decode("latin-1"))
    return ""


def _with_raw_timing(message: Any) -> Any:
    if message.get("type") != "http.response.start":
        return message
    headers = list(message.get("headers", ()))
    for name, value in headers:
        if name.lower() == b"server-timing" and _told_already(value.decode("latin-1")):
            return message
    timing = server_timing()
    if not timing:
        return message
    return {**message, "headers": [*headers, (b"server-timing", timing.encode("ascii"))]}
