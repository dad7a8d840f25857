"""OTLP over gRPC, through a real client."""

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from tests.otlp_requests import log, logs, metrics, span, traces

from tracepulse.errors import Overloaded
from tracepulse.receive.access import ApiKey, Gate, Scope, key_hash
from tracepulse.receive.admission import Receipt
from tracepulse.receive.grpc import OpenStreams, grpc_server
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.receiver import IngestCounters
from tracepulse.receive.signals import Signal
from tracepulse.testing import FakeClock


@dataclass
class FakeSink:
    """Keeps what it is given, or has no room."""

    kept: list[tuple[Signal, bytes, Receipt, int]] = field(default_factory=list)
    full: bool = False
    retry_after_s: int = 3
    refused: int = 0

    async def append(self, signal: Signal, body: bytes, receipt: Receipt, records: int) -> None:
        """Keep a request."""
        if self.full:
            self.refused += 1
            raise Overloaded("no room", retry_after_s=self.retry_after_s)
        self.kept.append((signal, body, receipt, records))


@contextmanager
def _serving(sink: FakeSink, gate: Gate) -> Iterator[Any]:
    """Serve on a free port in a thread; yield a client's channel."""
    ready: Future[int] = Future()
    done = threading.Event()

    async def serve() -> None:
        streams = OpenStreams()
        server = grpc_server(sink, gate, FakeClock(), IngestCounters(), open_streams=streams)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        ready.set_result(port)
        while not done.is_set():
            await asyncio.sleep(0.01)
        streams.end()
        await server.stop(grace=20)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    with grpc.insecure_channel(f"127.0.0.1:{ready.result(20)}") as channel:
        try:
            yield channel
        finally:
            done.set()
            thread.join(20)


def _keys(*scopes: Scope) -> Gate:
    return Gate([ApiKey(s.value, s.value, s, key_hash(f"key-{s.value}")) for s in scopes])


def _stub(kind: Any, channel: Any) -> Any:
    return kind(channel)


def _refusal(call: Callable[[], Any]) -> Any:
    with pytest.raises(grpc.RpcError) as refused:
        call()
    return refused.value


def test_every_signal_is_kept_and_answered() -> None:
    """The three Export calls, with nothing to complain of or with a partial success."""
    metric = Metric(name="m")
    metric.gauge.data_points.add(as_int=1, time_unix_nano=FakeClock().unix_ns)
    bad = span()
    bad.span_id = b""
    sink = FakeSink()
    with _serving(sink, Gate()) as channel:
        told = _stub(TraceServiceStub, channel).Export(traces(span(), bad), timeout=20)
        plain = _stub(LogsServiceStub, channel).Export(logs(log()), timeout=20)
        _stub(MetricsServiceStub, channel).Export(
            metrics([metric]), timeout=20, compression=grpc.Compression.Gzip
        )
    assert (1, False) == (told.partial_success.rejected_spans, plain.HasField("partial_success"))
    receipt = Receipt(FakeClock().unix_ns, "otlp_grpc", "loopback", "")
    in_part = replace(receipt, rejected=(("id_length", 1),))
    assert [("traces", in_part, 1), ("logs", receipt, 1), ("metrics", receipt, 1)] == [
        (s, r, n) for s, _, r, n in sink.kept
    ]


def test_refusals_say_whether_to_come_back() -> None:
    """UNAVAILABLE with RetryInfo when full; INVALID_ARGUMENT for what will never do."""
    sink = FakeSink(full=True)
    with _serving(sink, Gate()) as channel:
        raw = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        full = _refusal(lambda: raw(traces(span()).SerializeToString(), timeout=20))
        sink.full = False
        malformed = _refusal(lambda: raw(b"\xff\xff", timeout=20))
        many = _refusal(lambda: raw(b"\x0a\x00" * 60_000, timeout=20))
        large = _refusal(lambda: raw(bytes(SERVER_LIMITS.grpc_bytes + 1), timeout=20))
        assert b"" == raw(traces(span()).SerializeToString(), timeout=20)
    assert grpc.StatusCode.UNAVAILABLE == full.code()
    (detail,) = (v for k, v in full.trailing_metadata() if k == "grpc-status-details-bin")
    retry = RetryInfo()
    assert Status.FromString(detail).details[0].Unpack(retry)
    assert 3 == retry.retry_delay.seconds
    assert grpc.StatusCode.INVALID_ARGUMENT == malformed.code()
    assert grpc.StatusCode.INVALID_ARGUMENT == many.code()
    assert grpc.StatusCode.RESOURCE_EXHAUSTED == large.code()
    assert 1 == len(sink.kept)


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ((("x-api-key", "key-ingest"),), None),
        ((("authorization", "Bearer key-admin"),), None),
        ((("x-api-key", "key-browser"),), grpc.StatusCode.UNAUTHENTICATED),
        ((("x-api-key", "key-read"),), grpc.StatusCode.UNAUTHENTICATED),
        ((("x-api-key", "other"),), grpc.StatusCode.UNAUTHENTICATED),
        ((), grpc.StatusCode.UNAUTHENTICATED),
    ],
)
def test_with_keys_a_scope_decides(metadata: Any, code: Any) -> None:
    """Keys come as metadata; browsers have no business here."""
    sink = FakeSink()
    with _serving(sink, _keys(*Scope)) as channel:
        stub = _stub(TraceServiceStub, channel)
        if code is None:
            stub.Export(traces(span()), metadata=metadata, timeout=20)
        else:
            refusal = _refusal(lambda: stub.Export(traces(span()), metadata=metadata, timeout=20))
            assert code == refusal.code()
    assert (["server_key"] if code is None else []) == [r.trust for _, _, r, _ in sink.kept]


_ALS = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs"


def _als_messages() -> list[bytes]:
    cases = Path(__file__).parents[1] / "cases" / "envoy_als" / "messages.json"
    found = json.loads(cases.read_text())
    return [base64.b64decode(found[name]) for name in ("http", "tcp")]


def test_a_stream_of_envoys_access_logs_is_kept_message_by_message() -> None:
    """Each message is durable by itself; the second is of the node that the first one named."""
    sink, clock = FakeSink(), FakeClock()
    with _serving(sink, Gate()) as channel:
        send = channel.stream_unary(_ALS)
        assert send(iter(_als_messages()), timeout=20) == b""
    receipt = Receipt(clock.unix_ns, "envoy_als", "loopback", "")
    assert [
        ("logs", receipt.origin, receipt.trust, 1, True),
        ("logs", receipt.origin, receipt.trust, 1, True),
    ] == [(s, r.origin, r.trust, n, b"k8s.pod.name" in body) for s, body, r, n in sink.kept]


def test_a_stream_waits_for_room_and_loses_nothing() -> None:
    """With no room the stream stands still; once there is, what was sent is kept."""
    sink = FakeSink(full=True, retry_after_s=0)
    with _serving(sink, Gate()) as channel:
        call = channel.stream_unary(_ALS).future(iter(_als_messages()), timeout=20)
        while not sink.refused:
            time.sleep(0.01)
        assert not call.done()
        sink.full = False
        assert call.result(timeout=20) == b""
    assert [1, 1] == [records for _, _, _, records in sink.kept]


def test_a_stream_without_end_ends_with_the_server() -> None:
    """What it sent is kept, and the proxy is told that all is well: it comes again elsewhere."""
    sink, ended = FakeSink(), threading.Event()

    def endless() -> Iterator[bytes]:
        yield from _als_messages()
        ended.wait(20)

    try:
        with _serving(sink, Gate()) as channel:
            call = channel.stream_unary(_ALS).future(endless(), timeout=20)
            while len(sink.kept) < 2:
                time.sleep(0.01)
        # The server has stopped here, though the stream could go on.
        assert call.result(timeout=20) == b""
        assert not ended.is_set()
    finally:
        ended.set()


def test_a_stream_that_is_refused() -> None:
    """Without a key, and for what is no message at all; a proxy opens another stream then."""
    with _serving(FakeSink(), _keys(Scope.INGEST)) as channel:
        send = channel.stream_unary(_ALS)
        unknown = _refusal(lambda: send(iter(_als_messages()), timeout=20))
        key = (("x-api-key", "key-ingest"),)
        malformed = _refusal(lambda: send(iter([b"\x0a\xff"]), timeout=20, metadata=key))
    assert grpc.StatusCode.UNAUTHENTICATED == unknown.code()
    assert grpc.StatusCode.INVALID_ARGUMENT == malformed.code()
