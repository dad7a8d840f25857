"""What every HTTP door needs: who sends, the body within its bounds, an answer, a refusal, CORS."""

import asyncio
import ipaddress
from base64 import b64decode
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope

from tracepulse.errors import LimitExceeded, Overloaded, SenderError, TooSlow, Unauthorized
from tracepulse.receive.access import BROWSER_CALLER, Caller, Gate
from tracepulse.receive.access import Scope as KeyScope
from tracepulse.receive.compression import UnsupportedEncoding
from tracepulse.receive.limits import BODY_S

__all__ = [
    "PLAIN_TEXT",
    "Answer",
    "Disconnected",
    "Request",
    "UnsupportedMediaType",
    "again_headers",
    "caller_of",
    "check_page",
    "cors_headers",
    "is_loopback",
    "read_body",
    "refuse_in_words",
    "status_of",
]

PLAIN_TEXT = [(b"content-type", b"text/plain; charset=utf-8")]


_UNANNOUNCED_BYTES = 1024 * 1024
_PACKED = 8
"""Times that a packed body is larger when it is unpacked; logs are packed to a tenth."""
_MOST_BYTES = 20 * 1024 * 1024


_ASKED = b"access-control-request-headers"
_KNOWN_HEADERS = (
    b"content-type, content-encoding, x-api-key, authorization, traceparent, x-faro-session-id,"
    b" x-scope-orgid, idempotency-key"
)


class Answer(NamedTuple):
    """A response of which only the CORS headers and the length are still missing."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""


class Disconnected(Exception):
    """The client went away before it had sent everything."""


class Request(NamedTuple):
    """A request whose body was not read yet."""

    method: str
    path: str
    """Without the query, decoded."""
    headers: Mapping[bytes, bytes]
    """By name in small letters; of one that is repeated the last."""
    query_string: bytes
    client: str
    """Address of the sender."""
    receive: Receive
    words: tuple[str, ...] = ()
    """What stands in the path for the names of the route's pattern."""

    @classmethod
    def of(cls, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> "Request":
        """Return the request of an ASGI call."""
        client = scope.get("client")
        return cls(
            scope["method"],
            scope["path"],
            headers,
            scope.get("query_string", b""),
            client[0] if client else "",
            receive,
        )

    def header(self, name: bytes) -> str:
        """Return a header; '' when it was not sent."""
        value = self.headers.get(name)
        return "" if value is None else value.decode("latin-1")

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the address; of one that is repeated the last."""
        text = self.query_string.decode("latin-1")
        return dict(parse_qsl(text, keep_blank_values=True)) if text else {}

    @property
    def memory_bytes(self) -> int:
        """About what its body takes in memory: as announced, several times that when it is packed."""
        announced = self.header(b"content-length")
        size = int(announced) if announced.isdecimal() else _UNANNOUNCED_BYTES
        packed = self.headers.get(b"content-encoding", b"") not in (b"", b"identity")
        return min(size * _PACKED if packed else size, _MOST_BYTES)

    @property
    def media_type(self) -> str:
        """The Content-Type without its parameters, in small letters."""
        return self.header(b"content-type").split(";")[0].strip().lower()


def caller_of(request: Request, gate: Gate) -> Caller:
    """
    Tell who sends.

    A key is looked for in `x-api-key` and in `Authorization`, as the senders of each protocol put
    it there: `Bearer KEY`, `Splunk KEY`, `Basic` with the key as password, `ApiKey` with it behind
    the colon or plain. A beacon cannot have headers, so the key of a page may also stand in the
    address, as `?key=`. Without keys, what a page on this machine sends is worth no more than from
    any other page.

    Raises:
        Unauthorized: it may not send, or shows in an address a key that is no page's.
    """
    shown = request.header(b"x-api-key") or _key_in(request.header(b"authorization"))
    in_address = request.query.get("key", "") if request.query_string else ""
    key = shown or in_address
    caller = gate.identify("", key, is_loopback(request.client), request.client)
    gate.require(caller, KeyScope.INGEST, KeyScope.BROWSER)
    if b"origin" in request.headers and caller.trust == "loopback":
        return BROWSER_CALLER
    if in_address and not shown and caller.trust == "server_key":
        raise Unauthorized(
            "only keys of scope browser may stand in an address, which many programs write down;"
            " revoke this one, and send its successor as a header"
        )
    return caller


def _key_in(authorization: str) -> str:
    kind, _, given = authorization.strip().partition(" ")
    given = given.strip()
    match kind.lower():
        case "bearer" | "splunk":
            return given
        case "basic" | "apikey":
            try:
                _, colon, key = b64decode(given, validate=True).decode().partition(":")
            except ValueError:  # no base64, or none of a text
                return given
            return key if colon else given
    return ""


def check_page(origin: str, allowed: tuple[str, ...]) -> None:
    """Raise Unauthorized unless pages of that origin may send: no preflight has asked for them."""
    if not _is_allowed(origin, allowed):
        raise Unauthorized(
            f"pages of {origin[:200]!r} may not send here: name that origin with --allowed-origins"
        )


def _is_allowed(origin: str, allowed: tuple[str, ...]) -> bool:
    return "*" in allowed or origin in allowed


async def read_body(request: Request, most_bytes: int) -> bytes:
    """
    Return the body as it was sent.

    Raises:
        LimitExceeded: it is longer; no more than that was read.
        TooSlow: it takes longer than BODY_S.
        Disconnected: its end did not come.
    """
    announced = request.header(b"content-length")
    if announced.isdecimal() and int(announced) > most_bytes:
        raise LimitExceeded(
            f"body of {int(announced):,} bytes; at most {most_bytes:,} are accepted,"
            " send smaller batches"
        )
    try:
        async with asyncio.timeout(BODY_S):
            return await _whole(request, most_bytes)
    except TimeoutError:
        raise TooSlow(
            f"the body was not here {BODY_S:g} s after its head; send smaller batches"
        ) from None


async def _whole(request: Request, most_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most_bytes:
            raise LimitExceeded(f"body of more than {most_bytes:,} bytes")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class UnsupportedMediaType(SenderError):
    """The Content-Type is none that is read here."""


def status_of(error: SenderError | Overloaded, overloaded: int = 503) -> int:
    """Return the status that says why nothing of a request was kept; `overloaded`: come back later."""
    match error:
        case Overloaded():
            return overloaded
        case Unauthorized():
            return 401
        case TooSlow():
            return 408
        case LimitExceeded():
            return 413
        case UnsupportedEncoding() | UnsupportedMediaType():
            return 415
        case _:
            return 400


def again_headers(error: SenderError | Overloaded) -> list[tuple[bytes, bytes]]:
    """Return what a refusal says of the next try, whatever its status."""
    match error:
        case Overloaded():
            return [(b"retry-after", b"%d" % error.retry_after_s)]
        case TooSlow():
            return [(b"connection", b"close")]  # the rest of this body is not waited for
        case _:
            return []


def refuse_in_words(error: SenderError | Overloaded, overloaded: int = 503) -> Answer:
    """Return a refusal as plain text, for senders that look at the status alone."""
    headers = [*PLAIN_TEXT, *again_headers(error)]
    return Answer(status_of(error, overloaded), headers, str(error).encode())


def cors_headers(
    headers: Mapping[bytes, bytes], allowed: tuple[str, ...]
) -> list[tuple[bytes, bytes]]:
    """Return what lets a page of an allowed origin send, and read the answer."""
    origin = headers.get(b"origin", b"")
    if not origin or not _is_allowed(origin.decode("latin-1"), allowed):
        return []
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", b"POST, OPTIONS"),
        # What the page asks for: SDKs add headers of theirs, and their users more. A page that may
        # send may send any; what we do not know we do not read.
        (b"access-control-allow-headers", headers.get(_ASKED) or _KNOWN_HEADERS),
        (b"access-control-expose-headers", b"retry-after"),
        (b"access-control-max-age", b"86400"),
        (b"vary", b"Origin"),
    ]


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Return whether an address is this machine's own."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in ("", "localhost", "testclient")
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
