"""
Drop-in receivers: other protocols on the OTLP/HTTP port, each at the paths that its senders use.

A protocol is a module with a function that turns a body into OTLP, and routes whose handlers answer
as its own servers do. What they share is here: the paths, who sends, bodies within their bounds, and
the way to the journal.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from tracepulse.errors import Overloaded, SenderError
from tracepulse.receive.access import Caller, Gate
from tracepulse.receive.admission import Admitted
from tracepulse.receive.compression import decompress
from tracepulse.receive.http_requests import Answer, Request, caller_of, check_page, read_body
from tracepulse.receive.limits import MIB, Limits
from tracepulse.receive.receiver import Converted, Receiver, limits_of

__all__ = ["Answer", "Converted", "Door", "Handler", "Request", "Route", "Routes", "answer_route"]

T = TypeVar("T")
_WIRE_BYTES = 20 * MIB
"""Of a body without compression, as bulk senders send them; OTLP's limit when unpacked."""
_AT_ONCE_BYTES = 64 * 1024
"""Bodies up to so many bytes are converted on the event loop, which takes some milliseconds."""


class Door:
    """What a handler takes a request through."""

    def __init__(
        self, receiver: Receiver, gate: Gate, allowed_origins: tuple[str, ...] = ()
    ) -> None:
        self.receiver = receiver
        self.gate = gate
        self.allowed_origins = allowed_origins

    def caller(self, request: Request) -> Caller:
        """
        Tell who sends, and that it may.

        Raises:
            Unauthorized: it may not.
        """
        caller = caller_of(request, self.gate)
        if b"origin" in request.headers:
            check_page(request.header(b"origin"), self.allowed_origins)
        return caller

    async def body(
        self,
        request: Request,
        caller: Caller,
        encoding: str | None = None,
        limits: Limits | None = None,
    ) -> bytes:
        """
        Return the body, unpacked.

        Args:
            encoding: gzip, zstd, deflate, snappy (one block) or ''; by default what the header
                Content-Encoding says.
            limits: how long it may be; by default the caller's.
        Raises:
            LimitExceeded, MalformedBody, UnsupportedEncoding: it cannot be taken.
        """
        if limits is None:
            limits = limits_of(caller)
            if caller.trust != "browser_unauthenticated":
                limits = replace(limits, wire_bytes=_WIRE_BYTES)
        sent = await read_body(request, limits.wire_bytes)
        named = request.header(b"content-encoding") if encoding is None else encoding
        if len(sent) <= _AT_ONCE_BYTES or named in ("", "identity"):
            return decompress(sent, named, limits)
        return await asyncio.to_thread(decompress, sent, named, limits)

    async def convert(self, convert: Callable[[bytes], T], body: bytes) -> T:
        """Return a body converted: small ones at once, others in a thread beside the event loop."""
        if len(body) <= _AT_ONCE_BYTES:
            return convert(body)
        return await asyncio.to_thread(convert, body)

    async def put(self, converted: Converted, caller: Caller, origin: str) -> Admitted:
        """
        Take a converted request to the journal; returns once it is durable.

        Args:
            origin: the protocol, as stored with every record.
        Raises:
            LimitExceeded, Overloaded: nothing was kept.
        """
        return await self.receiver.receive_converted(converted, caller, origin)


Handler = Callable[[Request, Door], Awaitable[Answer]]
Refusal = Callable[[SenderError | Overloaded], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """A path of a protocol."""

    origin: str
    """The protocol, as in the receipt: loki, elasticsearch, …"""
    methods: tuple[str, ...]
    pattern: str
    """As in "/{index}/_bulk": a name in braces stands for one word of the path."""
    handle: Handler
    refuse: Refusal
    """Answers a request of which nothing was kept, as the protocol's own servers do."""


class Routes:
    """Finds the route of a request."""

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self._exact: dict[str, list[Route]] = {}
        self._patterns: list[tuple[list[str], Route]] = []
        for route in routes:
            if "{" in route.pattern:
                self._patterns.append((route.pattern.split("/"), route))
            else:
                self._exact.setdefault(route.pattern, []).append(route)

    def find(self, method: str, path: str) -> tuple[Route | None, tuple[str, ...], bool]:
        """Return the route, the words of its names, and whether the path is known at all."""
        known = self._exact.get(path)
        if known is not None:
            return next((r for r in known if method in r.methods), None), (), True
        words = path.split("/")
        is_known = False
        for pattern, route in self._patterns:
            if len(pattern) != len(words):
                continue
            if all(p == w or (p[:1] == "{" and w) for p, w in zip(pattern, words, strict=True)):
                is_known = True
                if method in route.methods:
                    named = (w for p, w in zip(pattern, words, strict=True) if p[:1] == "{")
                    return route, tuple(named), True
        return None, (), is_known

    def methods(self, path: str) -> str:
        """Return the methods that a path knows, for the header Allow."""
        every = ("DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT")
        return ", ".join(m for m in every if m == "OPTIONS" or self.find(m, path)[0] is not None)


async def answer_route(route: Route, request: Request, door: Door) -> Answer:
    """Answer a request by its route, and count it."""
    counters = door.receiver.counters
    try:
        with door.receiver.shares.request(request.client, request.memory_bytes):
            answer = await route.handle(request, door)
    except (SenderError, Overloaded) as error:
        answer = route.refuse(error)
        counters.refuse(route.origin, str(answer.status))
        return answer
    counters.answered[route.origin, str(answer.status)] += 1
    return answer
