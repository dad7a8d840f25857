"""
OTLP over HTTP (port 4318), protobuf and JSON; other protocols at their own paths beside it.

Answers follow https://opentelemetry.io/docs/specs/otlp/: the reply has the request's content type,
a request with some bad records gets 200 with `partial_success`, one that cannot be read 400, and one
for which there is no room 429 or 503 with `Retry-After`.
"""

import json
from collections.abc import Iterable
from typing import Any

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message as ProtobufMessage
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from starlette.types import ASGIApp, Receive, Scope, Send

from tracepulse.clock import Clock
from tracepulse.errors import MalformedBody, Overloaded, SenderError, Unauthorized
from tracepulse.receive.access import Caller, Gate
from tracepulse.receive.access import Scope as KeyScope
from tracepulse.receive.admission import Admitted, Sink, data_set_name_fault
from tracepulse.receive.drop_in import Door, Route, Routes, answer_route
from tracepulse.receive.fair_share import FairShare
from tracepulse.receive.http_requests import (
    PLAIN_TEXT,
    Answer,
    Disconnected,
    Request,
    UnsupportedMediaType,
    again_headers,
    caller_of,
    check_page,
    cors_headers,
    read_body,
    status_of,
)
from tracepulse.receive.receiver import IngestCounters, Receiver, limits_of
from tracepulse.receive.signals import Signal

__all__ = ["otlp_app", "partial_success"]

_PROTOBUF = "application/x-protobuf"
_JSON = "application/json"
_BEACON = "text/plain"
"""What a page sends as its last words: JSON under a type for which a browser does not ask first."""
_RESPONSES = {
    "traces": (trace_service_pb2.ExportTraceServiceResponse, "rejected_spans"),
    "logs": (logs_service_pb2.ExportLogsServiceResponse, "rejected_log_records"),
    "metrics": (metrics_service_pb2.ExportMetricsServiceResponse, "rejected_data_points"),
}
_GRPC_CODE = {400: 3, 401: 16, 408: 4, 413: 8, 415: 3, 503: 14}


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


def otlp_app(
    sink: Sink,
    gate: Gate,
    clock: Clock,
    counters: IngestCounters,
    allowed_origins: tuple[str, ...] = (),
    retention_days: int = 30,
    routes: Iterable[Route] = (),
    shares: FairShare | None = None,
) -> ASGIApp:
    """
    Return the application for the OTLP/HTTP port.

    It speaks ASGI itself: a router, a request and a response of a framework cost more than all the
    rest of a small request.

    Args:
        allowed_origins: web origins whose pages may send; '*' is any.
        retention_days: how far back the instants of live telemetry may lie.
        routes: of other protocols that are taken on this port.
        shares: of the room that all doors have together.
    """
    receiver = Receiver(sink, clock, counters, retention_days, shares or FairShare())
    door = Door(receiver, gate, allowed_origins)
    others = Routes(routes)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _other_than_http(scope, receive, send)
            return
        headers = dict(scope["headers"])
        signal = _SIGNALS.get(scope["path"])
        request = Request.of(scope, headers, receive)
        try:
            if signal is None:
                answer = await _other(request, door, others)
            elif request.method == "POST":
                answer = await _export(request, signal, door)
            elif request.method == "OPTIONS":
                answer = Answer(204, [])
            else:
                answer = Answer(405, [(b"allow", b"OPTIONS, POST"), *PLAIN_TEXT], b"Not Allowed")
        except Disconnected:
            return
        sent = answer.headers
        if b"origin" in headers:
            sent = sent + cors_headers(headers, allowed_origins)
        if answer.status != 204:
            sent = [*sent, (b"content-length", b"%d" % len(answer.body))]
        await send({"type": "http.response.start", "status": answer.status, "headers": sent})
        await send(
            {
                "type": "http.response.body",
                "body": b"" if request.method == "HEAD" else answer.body,
            }
        )

    return app


_SIGNALS: dict[str, Signal] = {
    "/v1/traces": "traces",
    "/v1/logs": "logs",
    "/otlp/v1/logs": "logs",  # where Loki takes OTLP
    "/v1/metrics": "metrics",
}
_CONTENT_TYPE = {
    False: [(b"content-type", _PROTOBUF.encode())],
    True: [(b"content-type", _JSON.encode())],
}
_ALL_WELL = {
    False: Answer(200, _CONTENT_TYPE[False], b""),
    True: Answer(200, _CONTENT_TYPE[True], b"{}"),
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


async def _other(request: Request, door: Door, routes: Routes) -> Answer:
    """Answer a request of another protocol."""
    route, words, is_known = routes.find(request.method, request.path)
    if route is not None:
        try:
            return await answer_route(route, request._replace(words=words), door)
        except Disconnected:
            door.receiver.counters.refuse(route.origin, "disconnected")
            raise
    if not is_known:
        return Answer(404, PLAIN_TEXT, b"Not Found")
    if request.method == "OPTIONS":
        return Answer(204, [])
    allow = routes.methods(request.path).encode()
    return Answer(405, [(b"allow", allow), *PLAIN_TEXT], b"Not Allowed")


async def _export(request: Request, signal: Signal, door: Door) -> Answer:
    is_beacon = request.media_type == _BEACON and b"origin" in request.headers
    as_json = is_beacon or request.media_type == _JSON
    receiver = door.receiver
    try:
        caller = caller_of(request, door.gate)
        if is_beacon:
            check_page(request.header(b"origin"), door.allowed_origins)
        elif request.media_type not in (_PROTOBUF, _JSON):
            raise UnsupportedMediaType(
                f"Content-Type {request.media_type!r}: send {_PROTOBUF} or {_JSON}"
            )
        data_set = _data_set(request, caller)
        with receiver.shares.request(request.client, request.memory_bytes):
            admitted = await receiver.receive(
                await read_body(request, limits_of(caller).wire_bytes),
                request.header(b"content-encoding"),
                signal,
                caller,
                origin="otlp_http",
                as_json=as_json,
                data_set=data_set,
            )
    except Disconnected:
        receiver.counters.refuse("otlp_http", "disconnected")
        raise
    except (SenderError, Overloaded) as error:
        refusal = _refusal(error, as_json)
        receiver.counters.refuse("otlp_http", str(refusal.status))
        return refusal
    receiver.counters.answered["otlp_http", "200"] += 1
    if not admitted.rejected and not admitted.mended:
        return _ALL_WELL[as_json]
    return _encode(partial_success(signal, admitted), 200, as_json)


def _data_set(request: Request, caller: Caller) -> str:
    """Name the data set of an import; only those who may administer can make one."""
    name = request.header(b"x-tracepulse-data-set")
    if not name:
        return ""
    if KeyScope.ADMIN not in caller.scopes:
        raise Unauthorized("a data set can only be imported with an API key of scope admin")
    fault = data_set_name_fault(name)
    if fault:
        raise MalformedBody(f"x-tracepulse-data-set: {fault}")
    return name


def _refusal(error: SenderError | Overloaded, as_json: bool) -> Answer:
    code = status_of(error)
    status = Status(code=_GRPC_CODE[code], message=str(error))
    code, headers, body = _encode(status, code, as_json)
    return Answer(code, headers + again_headers(error), body)


def _encode(message: ProtobufMessage, code: int, as_json: bool) -> Answer:
    if as_json:
        body = json.dumps(json.loads(MessageToJson(message)), separators=(",", ":")).encode()
    else:
        body = message.SerializeToString()
    return Answer(code, _CONTENT_TYPE[as_json], body)
