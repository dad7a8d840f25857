"""OTLP over gRPC (port 4317): the three Export calls, on the raw bytes of the request."""

from collections.abc import Awaitable, Callable

import grpc
from google.protobuf.any_pb2 import Any as ProtobufAny
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from tracepulse.clock import Clock
from tracepulse.errors import Overloaded, SenderError, Unauthorized
from tracepulse.receive.access import Gate, Scope
from tracepulse.receive.admission import Sink
from tracepulse.receive.app import partial_success
from tracepulse.receive.http_requests import is_loopback
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.receiver import IngestCounters, Receiver
from tracepulse.receive.signals import Signal

__all__ = ["grpc_server"]

_SERVICES: tuple[tuple[str, Signal], ...] = (
    ("opentelemetry.proto.collector.trace.v1.TraceService", "traces"),
    ("opentelemetry.proto.collector.logs.v1.LogsService", "logs"),
    ("opentelemetry.proto.collector.metrics.v1.MetricsService", "metrics"),
)
Handler = Callable[[bytes, grpc.aio.ServicerContext], Awaitable[bytes]]


def grpc_server(
    sink: Sink, gate: Gate, clock: Clock, counters: IngestCounters, retention_days: int = 30
) -> grpc.aio.Server:
    """Return a server with no port yet; add one with `add_insecure_port`."""
    receiver = Receiver(sink, clock, counters, retention_days)
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
    return server


def _export(signal: Signal, receiver: Receiver, gate: Gate) -> Handler:
    async def handle(body: bytes, context: grpc.aio.ServicerContext) -> bytes:
        metadata = {key.lower(): value for key, value in context.invocation_metadata() or ()}
        try:
            caller = gate.identify(
                str(metadata.get("authorization", "")),
                str(metadata.get("x-api-key", "")),
                is_loopback(_host(context.peer())),
            )
            gate.require(caller, Scope.INGEST)
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
