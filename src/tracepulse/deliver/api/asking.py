"""How an endpoint gets at the store: who may, how many at a time, and in which thread."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar, cast

import anyio
import anyio.to_thread
import orjson
from fastapi import Depends, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.requests import Request
from starlette.responses import Response

from tracepulse.deliver.api.failures import Forbidden
from tracepulse.deliver.api.services import QueryRoom, Services
from tracepulse.errors import LimitExceeded, MalformedBody, Overloaded, Unauthorized
from tracepulse.receive.access import Caller, Scope
from tracepulse.receive.http_requests import is_loopback
from tracepulse.receive.signatures import is_signed

__all__ = [
    "Administrator",
    "Asker",
    "Desk",
    "Ingester",
    "Reader",
    "caller_of",
    "json_response",
    "read_body",
    "require",
    "signed_asker",
]

_T = TypeVar("_T")

_SIGNED = Caller(frozenset({Scope.INGEST}), "server_key")
"""A sender that knows a secret of ours."""

# For the description only: the gate reads the headers itself.
_API_KEY = APIKeyHeader(name="x-api-key", auto_error=False, scheme_name="ApiKey")
_BEARER = HTTPBearer(auto_error=False, scheme_name="Bearer")


class Desk:
    """Answers questions in a few threads, and turns askers away when too many wait."""

    def __init__(self, room: QueryRoom) -> None:
        self._room = room
        self._limiter: anyio.CapacityLimiter | None = None
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many askers wait for a place."""
        return self._waiting

    async def ask(self, request: Request, answer: Callable[[], _T]) -> _T:
        """
        Return what `answer` returns, run in a thread.

        Raises:
            Overloaded: too many questions wait already.
        """
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(self._room.at_once)
        if self._waiting >= self._room.waiting:
            raise Overloaded("too many questions are being answered; ask again", 2)
        self._waiting += 1
        try:
            await self._limiter.acquire()
        finally:
            self._waiting -= 1
        try:
            if await request.is_disconnected():
                # The asker left while waiting: a page that was closed or reloaded.
                raise Overloaded("the asker has gone")
            # Shielded by default: the engine cannot be stopped from here, so the place stays taken
            # until it is done (it has its own limit of time) and leavers cannot pile up work.
            return await anyio.to_thread.run_sync(answer)
        finally:
            self._limiter.release()


class Asker:
    """What an endpoint is given: the services, the desk and who is asking."""

    def __init__(self, request: Request, caller: Caller) -> None:
        self.services = cast(Services, request.app.state.services)
        self.caller = caller
        self._request = request
        self._desk = cast(Desk, request.app.state.desk)

    def now_unix_ns(self) -> int:
        """Return the present instant."""
        return self.services.clock.now_unix_ns()

    async def ask(self, answer: Callable[[], _T]) -> _T:
        """Run something that may take its time; see `Desk.ask`."""
        return await self._desk.ask(self._request, answer)

    async def json(self, answer: Callable[[], Any], status: int = 200) -> Response:
        """Answer with what a function returns, made and encoded in its thread."""
        body = await self.ask(lambda: orjson.dumps(answer()))
        return Response(body, status, media_type="application/json")


def json_response(content: Any, status: int = 200) -> Response:
    """Return a small JSON answer."""
    return Response(orjson.dumps(content), status, media_type="application/json")


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """
    Return a JSON body.

    Raises:
        MalformedBody: it is announced as something else, which pages of other sites could send.
        LimitExceeded: it is longer than the limit; the rest is not read.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise MalformedBody(f"Content-Type {media_type[:60]!r}: send application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit_bytes:
            raise LimitExceeded(f"a body of more than {limit_bytes:,} bytes")
    return bytes(body)


def caller_of(request: Request) -> Caller:
    """Return who is asking; raises Unauthorized."""
    services = cast(Services, request.app.state.services)
    return services.gate.identify(
        request.headers.get("authorization", ""),
        request.headers.get("x-api-key", ""),
        is_loopback(request.client.host if request.client else "unknown"),
    )


def require(request: Request, scope: Scope) -> Caller:
    """Return who is asking; raises Unauthorized unless the key has the scope."""
    caller = caller_of(request)
    services = cast(Services, request.app.state.services)
    try:
        services.gate.require(caller, scope)
    except Unauthorized as error:
        raise Forbidden(str(error)) from error
    return caller


def _asker_with(scope: Scope) -> Callable[..., Awaitable[Asker]]:
    async def dependency(
        request: Request,
        _api_key: Annotated[Any, Security(_API_KEY)] = None,
        _bearer: Annotated[Any, Security(_BEARER)] = None,
    ) -> Asker:
        caller = require(request, scope)
        return Asker(request, caller)

    return dependency


async def signed_asker(
    request: Request, secret: bytes, signature: str, limit_bytes: int
) -> tuple[Asker, bytes]:
    """
    Return who sent a webhook that may be signed, and its body.

    Its sender cannot send our key, so the signature stands for one. Where there is a secret, a
    request without a signature needs a key, even from this machine: whatever forwards webhooks from
    outside runs on it too.

    Args:
        secret: b"" where none is set; then the webhook is let in like any other request.
        signature: the header in which it is.
    Raises:
        Unauthorized: the signature is wrong, or there is neither signature nor key.
        Forbidden, MalformedBody, LimitExceeded: as elsewhere.
    """
    shown = request.headers.get(signature, "")
    if not secret or not shown:
        caller = require(request, Scope.INGEST)
        if secret and caller.trust != "server_key":
            raise Unauthorized(f"a signature is needed: header `{signature}`, or an API key")
        return Asker(request, caller), await read_body(request, limit_bytes)
    body = await read_body(request, limit_bytes)
    if not is_signed(body, secret, shown):
        raise Unauthorized(f"header `{signature}`: not this body signed with the secret set here")
    return Asker(request, _SIGNED), body


Reader = Annotated[Asker, Depends(_asker_with(Scope.READ))]
"""An asker whose key may read."""
Ingester = Annotated[Asker, Depends(_asker_with(Scope.INGEST))]
"""An asker whose key may send."""
Administrator = Annotated[Asker, Depends(_asker_with(Scope.ADMIN))]
"""An asker whose key may do everything."""
