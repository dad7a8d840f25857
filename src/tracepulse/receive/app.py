"""
OTLP over HTTP (port 4318): protobuf and JSON, gzip and zstd.

Answers follow https://opentelemetry.io/docs/specs/otlp/: the reply has the request's content type,
a request with some bad records gets 200 with `partial_success`, one that cannot be read 400, and one
for which there is no room 429 or 503 with `Retry-After`.
"""

import asyncio
import ipaddress
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message as ProtobufMessage
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from starlette.types import ASGIApp, Receive, Scope, Send

from tracepulse.clock import Clock
from tracepulse.errors import (
    LimitExceeded,
    MalformedBody,
    Overloaded,
    SenderError,
    Unauthorized,
)
from tracepulse.receive.access import BROWSER_CALLER, Caller, Gate
from tracepulse.receive.access import Scope as KeyScope
from tracepulse.receive.admission import (
    UNREADABLE,
    Admitted,
    Receipt,
    Sink,
    admit,
    admit_clean,
    data_set_name_fault,
)
from tracepulse.receive.complaints import Complaints
from tracepulse.receive.compression import UnsupportedEncoding, decompress
from tracepulse.receive.limits import (
    ANY_TIME,
    BROWSER_LIMITS,
    SERVER_LIMITS,
    Limits,
    TimeWindow,
    live_window,
)
from tracepulse.receive.otlp_json import read_otlp_json
from tracepulse.receive.signals import Signal

__all__ = ["IngestCounters", "Receiver", "is_loopback", "otlp_app", "partial_success"]

_PROTOBUF = "application/x-protobuf"
_JSON = "application/json"
_BEACON = "text/plain"
"""What a page sends as its last words: JSON under a type for which a browser does not ask first."""
_AT_ONCE_BYTES = {False: 2 * 1024 * 1024, True: 128 * 1024}
"""Bodies up to so many bytes are looked at on the event loop; the key is whether they are packed. It
takes 2 ms at most, and handing a body to a thread and back costs more than scanning it. Larger ones
go to a thread, so that small ones need not wait."""
_MEND_AT_ONCE_BYTES = 8 * 1024
"""The same for bodies with faults, which are taken apart in Python."""

_RESPONSES = {
    "traces": (trace_service_pb2.ExportTraceServiceResponse, "rejected_spans"),
    "logs": (logs_service_pb2.ExportLogsServiceResponse, "rejected_log_records"),
    "metrics": (metrics_service_pb2.ExportMetricsServiceResponse, "rejected_data_points"),
}
_GRPC_CODE = {400: 3, 401: 16, 403: 7, 413: 8, 415: 3, 429: 8, 503: 14}


class UnsupportedMediaType(SenderError):
    """The Content-Type is neither protobuf nor JSON."""


@dataclass(slots=True)
class IngestCounters:
    """What the door did since the start; the accounts are kept elsewhere, across restarts."""

    requests: int = 0
    answered: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Requests by origin and status."""
    refused_requests: int = 0
    accepted_records: int = 0
    rejected_records: int = 0
    altered_records: int = 0
    rejected_by_reason: Counter[str] = field(default_factory=Counter)
    mended_by_reason: Counter[str] = field(default_factory=Counter)
    """Records kept with other times than they came with."""

    def refuse(self, origin: str, status: str) -> None:
        """Add a request of which nothing was kept."""
        self.refused_requests += 1
        self.answered[origin, status] += 1

    def count(self, admitted: Admitted) -> None:
        """Add a request that was accepted, perhaps in part."""
        self.requests += 1
        self.accepted_records += admitted.records
        self.rejected_records += admitted.rejected_records
        if admitted.altered:
            self.altered_records += admitted.altered
            self.mended_by_reason.update(admitted.mended)
        if admitted.rejected:
            self.rejected_by_reason.update(admitted.rejected)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Takes OTLP requests from any door to the journal."""

    sink: Sink
    clock: Clock
    counters: IngestCounters
    retention_days: int = 30
    """How far back the instants of live telemetry may lie."""

    async def receive(
        self,
        body: bytes,
        encoding: str,
        signal: Signal,
        caller: Caller,
        origin: str,
        as_json: bool = False,
        data_set: str = "",
    ) -> Admitted:
        """
        Take one OTLP request all the way to the journal; returns once it is durable.

        Raises:
            SenderError, Overloaded: it was refused whole; nothing was kept.
        """
        received_unix_ns = self.clock.now_unix_ns()
        window = ANY_TIME if data_set else live_window(received_unix_ns, self.retention_days)
        limits = _limits_of(caller)
        packed = encoding not in ("", "identity")
        if as_json or len(body) > _AT_ONCE_BYTES[packed]:
            admitted = await asyncio.to_thread(
                _open, body, encoding, signal, limits, window, as_json
            )
        else:
            plain = decompress(body, encoding, limits)
            clean = admit_clean(plain, signal, limits, window)
            if clean is not None:
                admitted = clean
            elif len(plain) <= _MEND_AT_ONCE_BYTES:
                admitted = admit(plain, signal, limits, window)
            else:
                admitted = await asyncio.to_thread(admit, plain, signal, limits, window)
        if admitted.records or admitted.rejected:
            # What was left out is noted in the journal too, so that it is known after a crash.
            receipt = Receipt(
                received_unix_ns,
                origin,
                caller.trust,
                data_set,
                tuple(sorted(admitted.rejected.items())),
                tuple(sorted(admitted.mended.items())),
            )
            await self.sink.append(signal, admitted.body, receipt, admitted.records)
        self.counters.count(admitted)
        return admitted


def _limits_of(caller: Caller) -> Limits:
    return BROWSER_LIMITS if caller.trust == "browser_unauthenticated" else SERVER_LIMITS


def _open(
    body: bytes, encoding: str, signal: Signal, limits: Limits, window: TimeWindow, as_json: bool
) -> Admitted:
    plain = decompress(body, encoding, limits)
    if not as_json:
        return admit(plain, signal, limits, window)
    complaints = Complaints()
    message = read_otlp_json(plain, signal, complaints, limits)
    admitted = admit(message.SerializeToString(), signal, limits, window)
    if complaints.refused_records:
        admitted.rejected[UNREADABLE] += complaints.refused_records
    return replace(admitted, example="".join(complaints.described[:1]))


def partial_success(signal: Signal, admitted: Admitted) -> ProtobufMessage:
    """Return the reply to a request: empty, or saying how many records were rejected and why."""
    response_class, field = _RESPONSES[signal]
    response: Any = response_class()
    if admitted.rejected or admitted.mended:
        # Zero rejected with a text is a warning: everything was taken, see what it says.
        setattr(response.partial_success, field, admitted.rejected_records)
        response.partial_success.error_message = admitted.explanation()
    made: ProtobufMessage = response
    return made


class _Answer(NamedTuple):
    """A response of which only the CORS headers are still missing."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""


class _Doors(NamedTuple):
    """What a request passes."""

    receiver: Receiver
    gate: Gate
    allowed_origins: tuple[str, ...]


class _DisconnectedError(Exception):
    """The client went away before it had sent everything."""


def otlp_app(
    sink: Sink,
    gate: Gate,
    clock: Clock,
    counters: IngestCounters,
    allowed_origins: tuple[str, ...] = (),
    retention_days: int = 30,
) -> ASGIApp:
    """
    Return the application for the OTLP port.

    It speaks ASGI itself: a router, a request and a response of a framework cost more than all the
    rest of a small request.

    Args:
        allowed_origins: web origins whose pages may send; '*' is any.
        retention_days: how far back the instants of live telemetry may lie.
    """
    doors = _Doors(Receiver(sink, clock, counters, retention_days), gate, allowed_origins)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _other_than_http(scope, receive, send)
            return
        headers = dict(scope["headers"])
        signal = _SIGNALS.get(scope["path"])
        try:
            if signal is None:
                answer = _Answer(404, _PLAIN, b"Not Found")
            elif scope["method"] == "POST":
                answer = await _export(scope, headers, receive, signal, doors)
            elif scope["method"] == "OPTIONS":
                answer = _Answer(204, [])
            else:
                answer = _Answer(405, [(b"allow", b"OPTIONS, POST"), *_PLAIN], b"Not Allowed")
        except _DisconnectedError:
            counters.refuse("otlp_http", "disconnected")
            return
        sent = answer.headers
        if b"origin" in headers:
            sent = sent + _cors_headers(headers, allowed_origins)
        if answer.status != 204:
            sent = [*sent, (b"content-length", b"%d" % len(answer.body))]
        await send({"type": "http.response.start", "status": answer.status, "headers": sent})
        await send({"type": "http.response.body", "body": answer.body})

    return app


_SIGNALS: dict[str, Signal] = {
    "/v1/traces": "traces",
    "/v1/logs": "logs",
    "/v1/metrics": "metrics",
}
_PLAIN = [(b"content-type", b"text/plain; charset=utf-8")]
_CONTENT_TYPE = {
    False: [(b"content-type", _PROTOBUF.encode())],
    True: [(b"content-type", _JSON.encode())],
}
_ALL_WELL = {
    False: _Answer(200, _CONTENT_TYPE[False], b""),
    True: _Answer(200, _CONTENT_TYPE[True], b"{}"),
}
"""An empty response is how OTLP says that everything was taken; the key is whether it is JSON."""


async def _other_than_http(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _export(
    scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, signal: Signal, doors: _Doors
) -> _Answer:
    media_type = _text(headers, b"content-type").split(";")[0].strip().lower()
    is_beacon = media_type == _BEACON and b"origin" in headers
    as_json = is_beacon or media_type == _JSON
    receiver = doors.receiver
    try:
        caller = _caller(scope, headers, doors.gate)
        if is_beacon:
            _check_page(_text(headers, b"origin"), doors.allowed_origins)
        elif media_type not in (_PROTOBUF, _JSON):
            raise UnsupportedMediaType(f"Content-Type {media_type!r}: send {_PROTOBUF} or {_JSON}")
        body = await _read(headers, receive, _limits_of(caller))
        admitted = await receiver.receive(
            body,
            _text(headers, b"content-encoding"),
            signal,
            caller,
            origin="otlp_http",
            as_json=as_json,
            data_set=_data_set(headers, caller),
        )
    except (SenderError, Overloaded) as error:
        refusal = _refusal(error, as_json)
        receiver.counters.refuse("otlp_http", str(refusal.status))
        return refusal
    receiver.counters.answered["otlp_http", "200"] += 1
    if not admitted.rejected and not admitted.mended:
        return _ALL_WELL[as_json]
    return _encode(partial_success(signal, admitted), 200, as_json)


def _caller(scope: Scope, headers: Mapping[bytes, bytes], gate: Gate) -> Caller:
    """
    Tell who sends.

    A beacon cannot have headers, so the key of a page may also stand in the address, as `?key=`.
    Without keys, what a page on this machine sends is worth no more than from any other page.

    Raises:
        Unauthorized: it may not send, or shows in an address a key that is no page's.
    """
    client = scope.get("client")
    shown = _text(headers, b"x-api-key")
    query = scope.get("query_string", b"")
    in_address = parse_qs(query.decode("latin-1")).get("key", [""])[0] if query else ""
    caller = gate.identify(
        _text(headers, b"authorization"),
        shown or in_address,
        is_loopback(client[0] if client else ""),
    )
    gate.require(caller, KeyScope.INGEST, KeyScope.BROWSER)
    if b"origin" in headers and caller.trust == "loopback":
        return BROWSER_CALLER
    if in_address and not shown and caller.trust == "server_key":
        raise Unauthorized(
            "only keys of scope browser may stand in an address, which many programs write down;"
            " revoke this one, and send its successor as a header"
        )
    return caller


def _check_page(origin: str, allowed: tuple[str, ...]) -> None:
    """Raise Unauthorized unless pages of that origin may send: no preflight has asked for them."""
    if not _is_allowed(origin, allowed):
        raise Unauthorized(
            f"pages of {origin[:200]!r} may not send here: name that origin with --allowed-origins"
        )


def _is_allowed(origin: str, allowed: tuple[str, ...]) -> bool:
    return "*" in allowed or origin in allowed


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str:
    value = headers.get(name)
    return "" if value is None else value.decode("latin-1")


async def _read(headers: Mapping[bytes, bytes], receive: Receive, limits: Limits) -> bytes:
    announced = _text(headers, b"content-length")
    if announced.isdecimal() and int(announced) > limits.wire_bytes:
        raise LimitExceeded(
            f"body of {int(announced):,} bytes; at most {limits.wire_bytes:,} are accepted,"
            " send smaller batches"
        )
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _DisconnectedError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limits.wire_bytes:
            raise LimitExceeded(f"body of more than {limits.wire_bytes:,} bytes")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _data_set(headers: Mapping[bytes, bytes], caller: Caller) -> str:
    """Name the data set of an import; only those who may administer can make one."""
    name = _text(headers, b"x-tracepulse-data-set")
    if not name:
        return ""
    if KeyScope.ADMIN not in caller.scopes:
        raise Unauthorized("a data set can only be imported with an API key of scope admin")
    fault = data_set_name_fault(name)
    if fault:
        raise MalformedBody(f"x-tracepulse-data-set: {fault}")
    return name


def _refusal(error: SenderError | Overloaded, as_json: bool) -> _Answer:
    again = []
    match error:
        case Overloaded():
            code = 503
            again = [(b"retry-after", b"%d" % error.retry_after_s)]
        case Unauthorized():
            code = 401
        case LimitExceeded():
            code = 413
        case UnsupportedEncoding() | UnsupportedMediaType():
            code = 415
        case _:
            code = 400
    status = Status(code=_GRPC_CODE[code], message=str(error))
    code, headers, body = _encode(status, code, as_json)
    return _Answer(code, headers + again, body)


def _encode(message: ProtobufMessage, code: int, as_json: bool) -> _Answer:
    if as_json:
        body = json.dumps(json.loads(MessageToJson(message)), separators=(",", ":")).encode()
    else:
        body = message.SerializeToString()
    return _Answer(code, _CONTENT_TYPE[as_json], body)


def _cors_headers(
    headers: Mapping[bytes, bytes], allowed: tuple[str, ...]
) -> list[tuple[bytes, bytes]]:
    origin = _text(headers, b"origin")
    if not origin or not _is_allowed(origin, allowed):
        return []
    return [
        (b"access-control-allow-origin", headers[b"origin"]),
        (b"access-control-allow-methods", b"POST, OPTIONS"),
        (
            b"access-control-allow-headers",
            b"content-type, content-encoding, x-api-key, authorization, traceparent",
        ),
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
