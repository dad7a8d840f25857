"""
The gRPC port (4317): OTLP's three Export calls, and the streams of Envoy's access log service.

Requests are taken as the raw bytes that came.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import grpc
from google.protobuf.any_pb2 import Any as ProtobufAny
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from tracepulse.clock import Clock
from tracepulse.errors import Overloaded, SenderError, Unauthorized
from tracepulse.receive.access import Caller, Gate, Scope
from tracepulse.receive.admission import Sink
from tracepulse.receive.app import partial_success
from tracepulse.receive.envoy_als import AccessLogStream
from tracepulse.receive.fair_share import FairShare
from tracepulse.receive.http_requests import is_loopback
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.receiver import Converted, IngestCounters, Receiver
from tracepulse.receive.signals import Signal

__all__ = ["OpenStreams", "grpc_server"]

_SERVICES: tuple[tuple[str, Signal], ...] = (
    ("opentelemetry.proto.collector.trace.v1.TraceService", "traces"),
    ("opentelemetry.proto.collector.logs.v1.LogsService", "logs"),
    ("opentelemetry.proto.collector.metrics.v1.MetricsService", "metrics"),
)
_ACCESS_LOGS = (
    "envoy.service.accesslog.v3.AccessLogService",
    "envoy.service.accesslog.v2.AccessLogService",
)
_AT_ONCE_BYTES = 64 * 1024
"""Messages of access logs up to so many bytes are converted on the event loop, others in a thread."""
Handler = Callable[[bytes, grpc.aio.ServicerContext], Awaitable[bytes]]
StreamHandler = Callable[[AsyncIterator[bytes], grpc.aio.ServicerContext], Awaitable[bytes]]


class OpenStreams:
    """The streams that proxies hold open; none ends by itself, so a stop ends them."""

    def __init__(self) -> None:
        self.is_ending = False
        self._waiting: set[asyncio.Task[None]] = set()

    async def messages(self, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield a stream's messages until its end or ours; what has come is never left halfway."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        while not self.is_ending:
            self._waiting.add(task)
            try:
                body = await anext(stream)
            except StopAsyncIteration:
                return
            except asyncio.CancelledError:
                if not self.is_ending:
                    raise
                task.uncancel()
                return
            finally:
                self._waiting.discard(task)
            yield body

    def end(self) -> None:
        """End those that wait for a message now, and the others once theirs is kept."""
        self.is_ending = True
        for task in self._waiting:
            task.cancel()


def grpc_server(
    sink: Sink,
    gate: Gate,
    clock: Clock,
    counters: IngestCounters,
    retention_days: int = 30,
    shares: FairShare | None = None,
    open_streams: OpenStreams | None = None,
) -> grpc.aio.Server:
    """
    Return a server with no port yet; add one with `add_insecure_port`.

    Args:
        open_streams: to be ended before the server is stopped, which would wait for them.
    """
    receiver = Receiver(sink, clock, counters, retention_days, shares or FairShare())
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", SERVER_LIMITS.grpc_bytes),
            ("grpc.so_reuseport", 0),
        ]
    )
    for service, signal in _SERVICES:
        handler = grpc.unary_unary_rpc_method_handler(_export(signal, receiver, gate))
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {"Export": handler}),)
        )
    streams = grpc.stream_unary_rpc_method_handler(
        _access_logs(receiver, gate, open_streams or OpenStreams())
    )
    for service in _ACCESS_LOGS:
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {"StreamAccessLogs": streams}),)
        )
    return server


def _export(signal: Signal, receiver: Receiver, gate: Gate) -> Handler:
    async def handle(body: bytes, context: grpc.aio.ServicerContext) -> bytes:
        try:
            caller = _caller(context, gate)
            admitted = await receiver.receive(body, "", signal, caller, origin="otlp_grpc")
        except (SenderError, Overloaded) as error:
            receiver.counters.refuse("otlp_grpc", _code(error).name)
            await _refuse(context, error)
            raise  # abort has raised already; this line tells the type checker
        receiver.counters.answered["otlp_grpc", "OK"] += 1
        if not admitted.rejected and not admitted.mended:
            return b""  # an empty response, written out
        return partial_success(signal, admitted).SerializeToString()

    return handle


def _access_logs(receiver: Receiver, gate: Gate, open_streams: OpenStreams) -> StreamHandler:
    async def handle(messages: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> bytes:
        """Take one proxy's stream for as long as it lasts; it never waits for an answer."""
        stream = AccessLogStream()
        try:
            caller = _caller(context, gate)
            async for body in open_streams.messages(messages):
                if len(body) <= _AT_ONCE_BYTES:
                    writer = stream.read(body)
                else:
                    writer = await asyncio.to_thread(stream.read, body)
                converted = Converted("logs", writer.to_bytes(), stream.rejected)
                await _keep_patiently(receiver, converted, caller)
        except SenderError as error:
            receiver.counters.refuse("envoy_als", _code(error).name)
            await _refuse(context, error)
            raise
        return b""

    return handle


async def _keep_patiently(receiver: Receiver, converted: Converted, caller: Caller) -> None:
    """
    Keep a message of a stream, later where there is no room yet.

    The proxy learns of it by the window that fills: it holds back what it can and drops the rest.
    """
    while True:
        try:
            await receiver.receive_converted(converted, caller, "envoy_als")
        except Overloaded as error:
            receiver.counters.answered["envoy_als", _code(error).name] += 1
            await asyncio.sleep(error.retry_after_s)
            continue
        receiver.counters.answered["envoy_als", "OK"] += 1
        return


def _caller(context: grpc.aio.ServicerContext, gate: Gate) -> Caller:
    """Tell who calls; raises Unauthorized if it may not send."""
    metadata = {key.lower(): value for key, value in context.invocation_metadata() or ()}
    host = _host(context.peer())
    caller = gate.identify(
        str(metadata.get("authorization", "")),
        str(metadata.get("x-api-key", "")),
        is_loopback(host),
        host,
    )
    gate.require(caller, Scope.INGEST)
    return caller


def _code(error: SenderError | Overloaded) -> grpc.StatusCode:
    match error:
        case Overloaded():
            return grpc.StatusCode.UNAVAILABLE
        case Unauthorized():
            return grpc.StatusCode.UNAUTHENTICATED
        case _:
            # Also where too much was sent, and not RESOURCE_EXHAUSTED: with retry information
            # absent, senders differ on retrying that.
            return grpc.StatusCode.INVALID_ARGUMENT


async def _refuse(context: grpc.aio.ServicerContext, error: SenderError | Overloaded) -> None:
    code = _code(error)
    trailing: tuple[tuple[str, bytes], ...] = ()
    if isinstance(error, Overloaded):
        status = Status(code=code.value[0], message=str(error))
        detail = ProtobufAny()
        detail.Pack(RetryInfo(retry_delay=Duration(seconds=error.retry_after_s)))
        status.details.append(detail)
        trailing = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(code, str(error), trailing)


def _host(peer: str) -> str:
    """Return the address in gRPC's name of a peer, such as ipv4:127.0.0.1:5 or ipv6:%5B::1%5D:5."""
    kind, _, rest = peer.partition(":")
    if kind == "unix":
        return "localhost"
    return rest.rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]")
