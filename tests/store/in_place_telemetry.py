"""Half an hour of a small shop that begins to fail: the same for our tables and for theirs."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.otlp_requests import SECOND, attributes, log, logs, metrics, number, span, traces
from tests.store.segments import load_all

from tracepulse.journal.framing import frame
from tracepulse.journal.segment import Segment
from tracepulse.receive.admission import Receipt, admit
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.signals import Signal
from tracepulse.store.engine import Engine

__all__ = ["END", "ONSET", "START", "TRACES", "fill", "trace_id"]

START = (int(time.time()) // 60 - 120) * 60 * SECOND
"""Two hours ago, for live roll-ups keep two days."""
ONSET = START + 1500 * SECOND
END = START + 1800 * SECOND
TRACES = 360
CLIENT, SERVER = Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_SERVER
PRODUCER, CONSUMER = Span.SPAN_KIND_PRODUCER, Span.SPAN_KIND_CONSUMER


def trace_id(n: int) -> str:
    """Return the id of the n-th trace as text."""
    return f"{n + 1:032x}"


def fill(engine: Engine, folder: Path) -> None:
    """Load it all into our own tables, as live telemetry."""
    parts: list[tuple[Signal, list[Message]]] = [
        ("traces", list(_traces())),
        ("logs", list(_logs())),
        ("metrics", list(_metrics())),
    ]
    receipt = Receipt(END, "otlp_http", "server_key", "")
    for signal, requests in parts:
        path = folder / f"theirs-{signal}.{signal}.sealed"
        bodies = (admit(each.SerializeToString(), signal, SERVER_LIMITS).body for each in requests)
        path.write_bytes(b"".join(frame(body, receipt) for body in bodies))
        load_all(engine, Segment(f"theirs-{signal}", signal, path, False))


def _span(trace: int, start: int, span_id: int, name: str, values: Any = None, **more: Any) -> Span:
    return span(trace=trace, start=start, span_id=span_id, name=name, **more, **(values or {}))


def _fails(n: int) -> bool:
    return _at(n) >= ONSET and n % 3 != 0


def _at(n: int) -> int:
    return START + n * (END - START) // TRACES + 1_234_567


def _traces() -> Iterator[Message]:
    for n in range(TRACES):
        trace, at, fails = n + 1, _at(n), _fails(n)
        status = {"http.response.status_code": 500 if fails else 404 if n % 17 == 0 else 200}
        where = {"http.route": "/cart/{id}", "url.full": "http://shop/cart?a=1&b=2"}
        to = {"messaging.system": "kafka", "messaging.destination.name": "orders"}
        db = {"db.system": "postgresql", "db.namespace": "cards", "rows": 3, "ok": True}
        version = {"service.version": "7" if at < ONSET else "8"}
        root = _span(
            trace, at, 1, "GET /cart", status | where, duration=90_000_000 + n, error=fails
        )
        call = _span(
            trace, at, 2, "POST", status, parent=1, kind=CLIENT, duration=50_000_000, error=fails
        )
        send = _span(trace, at, 5, "orders send", to, parent=1, kind=PRODUCER, duration=1_000)
        pod: dict[str, Any] = {"service.version": "1.2", "k8s.pod.name": f"shop-{n % 3}"}
        yield traces(root, call, send, service="shop", **pod)
        pay = _span(trace, at, 3, "POST /pay", status, parent=2, duration=40_000_000, error=fails)
        if fails:
            pay.status.message = "card 'declined' \\ \n é"
            event = pay.events.add(time_unix_nano=at + 5, name="exception")
            stack = {"exception.type": "Timeout", "exception.stacktrace": 'File "a.py", line 3'}
            event.attributes.extend(attributes(stack))
        link = pay.links.add(trace_id=number(9, 16), span_id=number(9, 8))
        link.attributes.extend(attributes({"why.so": "retry"}))
        query = _span(trace, at, 4, "SELECT", db, parent=3, kind=CLIENT, duration=30_000_000)
        yield traces(pay, query, service="pay", **version)
        take = _span(trace, at, 6, "orders take", parent=5, kind=CONSUMER, duration=2_000_000)
        yield traces(take, service="mail")


def _logs() -> Iterator[Message]:
    for n in range(TRACES):
        at = _at(n) + 6_419_754
        usual: dict[str, Any] = {"http.route": "/pay", "user.id": n}
        line = log(f"charged card {n} in {n * 3} ms", at, **usual)
        if _fails(n):
            grave: dict[str, Any] = {"exception.type": "Timeout", "retry.last": False}
            line = log(f'cannot charge "card {n}": Timeout\n  at pay.py', at, severity=17, **grave)
            line.severity_text = "ERROR"
        line.trace_id, line.span_id = number(n + 1, 16), number(3, 8)
        version: dict[str, Any] = {"service.version": "7"}
        yield logs(line, service="pay", **version)


def _metrics() -> Iterator[Message]:
    for n in range(10):
        at = START + n * 60 * SECOND
        gauge, total, timing = Metric(name="queue"), Metric(name="calls"), Metric(name="took")
        point = gauge.gauge.data_points.add(time_unix_nano=at, as_double=n / 4)
        point.attributes.extend(attributes({"queue.name": "orders", "part": 1}))
        total.unit, total.sum.is_monotonic = "1", True
        total.sum.aggregation_temporality = 2  # type: ignore[assignment]
        total.sum.data_points.add(time_unix_nano=at, as_int=n * 5)
        timing.histogram.aggregation_temporality = 1  # type: ignore[assignment]
        timing.histogram.data_points.add(
            time_unix_nano=at, count=n, sum=n / 8, bucket_counts=[n, 0], explicit_bounds=[1.0]
        )
        yield metrics([gauge, total, timing], service="pay")
