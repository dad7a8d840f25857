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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message as ProtobufMessage
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from tracepulse.clock import Clock
from tracepulse.errors import (
    LimitExceeded,
    MalformedBody,
    Overloaded,
    SenderError,
    Unauthorized,
)
from tracepulse.receive.access import Caller, Gate, Scope
from tracepulse.receive.admission import (
    Admitted,
    Receipt,
    Sink,
    admit,
    data_set_name_fault,
)
from tracepulse.receive.compression import UnsupportedEncoding, decompress
from tracepulse.receive.limits import BROWSER_LIMITS, SERVER_LIMITS, Limits
from tracepulse.receive.otlp_json import read_otlp_json
from tracepulse.receive.signals import Signal

__all__ = ["IngestCounters", "is_loopback", "otlp_app", "partial_success", "receive_otlp"]

_PROTOBUF = "application/x-protobuf"
_JSON = "application/json"
_IN_THREAD_BYTES = 64 * 1024
"""Larger bodies are unpacked and scanned in a thread, so that small ones need not wait."""

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
    """What came in since the start, by outcome; `received = accepted + rejected`."""

    requests: int = 0
    refused_requests: int = 0
    accepted_records: int = 0
    rejected_records: int = 0
    altered_records: int = 0
    rejected_by_reason: Counter[str] = field(default_factory=Counter)

    def count(self, admitted: Admitted) -> None:
        """Add a request that was accepted, perhaps in part."""
        self.requests += 1
        self.accepted_records += admitted.records
        self.rejected_records += admitted.rejected_records
        self.altered_records += admitted.altered
        self.rejected_by_reason.update(admitted.rejected)


def otlp_app(
    sink: Sink,
    gate: Gate,
    clock: Clock,
    counters: IngestCounters,
    allowed_origins: tuple[str, ...] = (),
) -> Starlette:
    """
    Return the application for the OTLP port.

    Args:
        allowed_origins: web origins whose pages may send; '*' is any.
    """

    def endpoint(signal: Signal) -> Callable[[Request], Any]:
        async def handle(request: Request) -> Response:
            cors = _cors_headers(request, allowed_origins)
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=cors)
            response = await _export(request, signal, sink, gate, clock, counters)
            response.headers.update(cors)
            return response

        return handle

    def routes(signal: Signal) -> Route:
        return Route(f"/v1/{signal}", endpoint(signal), methods=["POST", "OPTIONS"])

    return Starlette(routes=[routes("traces"), routes("logs"), routes("metrics")])


async def receive_otlp(
    body: bytes,
    encoding: str,
    signal: Signal,
    caller: Caller,
    sink: Sink,
    clock: Clock,
    counters: IngestCounters,
    origin: str,
    as_json: bool = False,
    data_set: str = "",
) -> Admitted:
    """
    Take one OTLP request all the way to the journal; returns once it is durable.

    Raises:
        SenderError, Overloaded: it was refused whole; nothing was kept.
    """
    limits = BROWSER_LIMITS if caller.trust == "browser_unauthenticated" else SERVER_LIMITS
    if len(body) > _IN_THREAD_BYTES or as_json:
        admitted = await asyncio.to_thread(_open, body, encoding, signal, limits, as_json)
    else:
        admitted = _open(body, encoding, signal, limits, as_json)
    if admitted.records:
        receipt = Receipt(clock.now_unix_ns(), origin, caller.trust, data_set)
        await sink.append(signal, admitted.body, receipt, admitted.records)
    counters.count(admitted)
    return admitted


def _open(body: bytes, encoding: str, signal: Signal, limits: Limits, as_json: bool) -> Admitted:
    plain = decompress(body, encoding, limits)
    if as_json:
        plain = read_otlp_json(plain, signal).SerializeToString()
    return admit(plain, signal, limits)


def partial_success(signal: Signal, admitted: Admitted) -> ProtobufMessage:
    """Return the reply to a request: empty, or saying how many records were rejected and why."""
    response_class, field = _RESPONSES[signal]
    response: Any = response_class()
    if admitted.rejected_records:
        setattr(response.partial_success, field, admitted.rejected_records)
        response.partial_success.error_message = admitted.explanation()
    made: ProtobufMessage = response
    return made


async def _export(
    request: Request,
    signal: Signal,
    sink: Sink,
    gate: Gate,
    clock: Clock,
    counters: IngestCounters,
) -> Response:
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    as_json = media_type == _JSON
    try:
        caller = gate.identify(
            request.headers.get("authorization", ""),
            request.headers.get("x-api-key", ""),
            is_loopback(request.client.host if request.client else ""),
        )
        gate.require(caller, Scope.INGEST, Scope.BROWSER)
        if media_type not in (_PROTOBUF, _JSON):
            raise UnsupportedMediaType(f"Content-Type {media_type!r}: send {_PROTOBUF} or {_JSON}")
        browser = caller.trust == "browser_unauthenticated"
        body = await _read(request, BROWSER_LIMITS if browser else SERVER_LIMITS)
        admitted = await receive_otlp(
            body,
            request.headers.get("content-encoding", ""),
            signal,
            caller,
            sink,
            clock,
            counters,
            origin="otlp_http",
            as_json=as_json,
            data_set=_data_set(request.headers, caller),
        )
    except (SenderError, Overloaded) as error:
        counters.refused_requests += 1
        return _refusal(error, as_json)
    except ClientDisconnect:
        counters.refused_requests += 1
        return Response(status_code=400)
    return _encode(partial_success(signal, admitted), 200, as_json)


async def _read(request: Request, limits: Limits) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limits.wire_bytes:
        raise LimitExceeded(
            f"body of {int(announced):,} bytes; at most {limits.wire_bytes:,} are accepted,"
            " send smaller batches"
        )
    chunks = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limits.wire_bytes:
            raise LimitExceeded(f"body of more than {limits.wire_bytes:,} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _data_set(headers: Mapping[str, str], caller: Caller) -> str:
    """Name the data set of an import; only those who may administer can make one."""
    name = headers.get("x-tracepulse-data-set", "")
    if not name:
        return ""
    if Scope.ADMIN not in caller.scopes:
        raise Unauthorized("a data set can only be imported with an API key of scope admin")
    fault = data_set_name_fault(name)
    if fault:
        raise MalformedBody(f"x-tracepulse-data-set: {fault}")
    return name


def _refusal(error: SenderError | Overloaded, as_json: bool) -> Response:
    headers = {}
    match error:
        case Overloaded():
            code = 503
            headers["Retry-After"] = str(error.retry_after_s)
        case Unauthorized():
            code = 401
        case LimitExceeded():
            code = 413
        case UnsupportedEncoding() | UnsupportedMediaType():
            code = 415
        case _:
            code = 400
    status = Status(code=_GRPC_CODE[code], message=str(error))
    response = _encode(status, code, as_json)
    response.headers.update(headers)
    return response


def _encode(message: ProtobufMessage, code: int, as_json: bool) -> Response:
    if as_json:
        text = json.dumps(json.loads(MessageToJson(message)), separators=(",", ":"))
        return Response(text, code, media_type=_JSON)
    return Response(message.SerializeToString(), code, media_type=_PROTOBUF)


def _cors_headers(request: Request, allowed: tuple[str, ...]) -> dict[str, str]:
    origin = request.headers.get("origin", "")
    if not origin or not ("*" in allowed or origin in allowed):
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "POST, OPTIONS",
        "Access-Control-Allow-Headers": (
            "content-type, content-encoding, x-api-key, authorization, traceparent"
        ),
        "Access-Control-Max-Age": "86400",
        "Vary": "Origin",
    }


def is_loopback(host: str) -> bool:
    """Return whether an address is this machine's own."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in ("", "localhost", "testclient")
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
