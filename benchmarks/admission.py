"""
Measure the door: what a request costs before it is stored, and what a hostile one costs.

    python benchmarks/admission.py [--quick] [--json] [--seed N]

The scan is timed in this process. Requests go over HTTP to a process of its own that has the OTLP
port and a journal, and no store behind it; the cost is that process's processor time. Needs Linux,
for /proc.
"""

import argparse
import asyncio
import http.client
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.data import Body, Spec, log_bodies, trace_bodies
from benchmarks.process_tree import cpu_seconds
from tests.receive.hostile import bombs

from tracepulse.clock import SystemClock
from tracepulse.core import JournalSink
from tracepulse.errors import SenderError
from tracepulse.journal.journal import Journal
from tracepulse.receive.access import Gate
from tracepulse.receive.admission import admit
from tracepulse.receive.app import otlp_app
from tracepulse.receive.compression import decompress
from tracepulse.receive.limits import SERVER_LIMITS, live_window
from tracepulse.receive.receiver import IngestCounters
from tracepulse.receive.wire import scan, warm_up
from tracepulse.server import serve_http

SEED = 20261122
SENDERS = 4
BOMB = "10 million empty spans in 20 KiB of gzip"
DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    records: int
    rounds: int
    large_requests: int
    small_requests: int


QUICK = Scale(records=20_000, rounds=5, large_requests=400, small_requests=1_000)
FULL = Scale(records=100_000, rounds=9, large_requests=4_000, small_requests=20_000)


@dataclass(slots=True)
class Result:
    """What --json prints; all are of processor time."""

    span_scan_us: float = 0.0
    """One span in requests of 500: structure, counts, sizes, depth, ids, times and UTF-8."""
    log_scan_us: float = 0.0
    span_door_us: float = 0.0
    """One span from the socket to the answer, in requests of 500, made durable in the journal."""
    log_door_us: float = 0.0
    request_door_us: float = 0.0
    """A request of one span likewise."""
    requests_per_core_second: float = 0.0
    bomb_ms: float = 0.0
    """Until ten million empty spans in 20 KiB are refused."""
    array_span_us: float = 0.0
    """One span with an array among its attributes, which is taken apart and put together anew."""
    complaints: list[str] = field(default_factory=list)


def _best(work: Callable[[], object], rounds: int) -> float:
    """Return the least processor time that the work took, in seconds."""
    least = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        work()
        least = min(least, time.process_time() - started)
    return least


def measure_scan(bodies: list[Body], rounds: int) -> float:
    """Return microseconds for each record."""
    window = live_window(time.time_ns(), 30)
    cost_s = _best(
        lambda: [scan(each.payload, each.signal, SERVER_LIMITS, window) for each in bodies], rounds
    )
    return cost_s / sum(each.records for each in bodies) * 1e6


def measure_arrays(body: Body, rounds: int) -> float:
    """Return microseconds for each span of a request in which each has an array."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest.FromString(body.payload)
    for group in request.resource_spans:
        for scope in group.scope_spans:
            for span in scope.spans:
                value = span.attributes.add(key="http.request.header.accept").value
                value.array_value.values.add(string_value="text/html")
    payload = request.SerializeToString()
    return _best(lambda: admit(payload, "traces", SERVER_LIMITS), rounds) / body.records * 1e6


def measure_bomb(rounds: int) -> float:
    """Return milliseconds until the bomb is refused."""
    sent = bombs()[BOMB]()

    def refuse() -> None:
        try:
            admit(decompress(sent.body, "gzip", SERVER_LIMITS), "traces", SERVER_LIMITS)
        except SenderError:
            return
        raise AssertionError("the bomb was taken")

    return _best(refuse, rounds) * 1e3


def measure_door(
    bodies: list[Body], requests: int, complaints: list[str], data: Path | None
) -> float:
    """Return the microseconds of the server's processor time that a request takes."""
    with tempfile.TemporaryDirectory(dir=data) as folder:
        server = subprocess.Popen(
            [sys.executable, __file__, "--serve", folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            url = server.stdout.readline().strip()
            _send(url, bodies, 20, complaints)
            before = cpu_seconds(server.pid)
            senders = [
                threading.Thread(target=_send, args=(url, bodies, requests // SENDERS, complaints))
                for _ in range(SENDERS)
            ]
            for each in senders:
                each.start()
            for each in senders:
                each.join()
            return (cpu_seconds(server.pid) - before) / (requests // SENDERS * SENDERS) * 1e6
        finally:
            server.stdin.close()
            server.wait()


def _send(url: str, bodies: list[Body], requests: int, complaints: list[str]) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    headers = {"content-type": "application/x-protobuf"}
    for index in range(requests):
        body = bodies[index % len(bodies)]
        connection.request("POST", f"/v1/{body.signal}", body.payload, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200 or text:
            complaints.append(f"{answer.status} {text[:100]!r}")
            break
    connection.close()


async def _serve(folder: Path) -> None:
    """Run the port and the journal until standard input ends."""
    warm_up()
    sink = JournalSink(Journal(folder / "journal", "run"))
    app = otlp_app(sink, Gate(), SystemClock(), IngestCounters())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with serve_http(app, listener):
            print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
            await asyncio.to_thread(sys.stdin.read)


def measure(scale: Scale, seed: int, data: Path | None) -> Result:
    """Run everything."""
    warm_up()
    now = time.time_ns()
    spec = Spec(seed, scale.records, scale.records, now - DAY_NS, now)
    spans, logs = list(trace_bodies(spec, 500)), list(log_bodies(spec, 500))
    small = list(trace_bodies(Spec(seed, 1_000, 0, now - DAY_NS, now), 1))
    result = Result()
    result.span_scan_us = measure_scan(spans, scale.rounds)
    result.log_scan_us = measure_scan(logs, scale.rounds)
    result.array_span_us = measure_arrays(spans[0], scale.rounds)
    result.bomb_ms = measure_bomb(scale.rounds)
    told = result.complaints
    result.span_door_us = measure_door(spans, scale.large_requests, told, data) / 500
    result.log_door_us = measure_door(logs, scale.large_requests, told, data) / 500
    result.request_door_us = measure_door(small, scale.small_requests, told, data)
    result.requests_per_core_second = 1e6 / result.request_door_us
    return result


def main() -> None:
    """Parse the command line and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--quick", action="store_true", help="a minute, rough figures")
    parser.add_argument("--json", action="store_true", help="one JSON object and nothing else")
    parser.add_argument("--data", type=Path, help="folder for files, emptied never; default /tmp")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        asyncio.run(_serve(arguments.serve))
        return
    if arguments.data:
        arguments.data.mkdir(parents=True, exist_ok=True)
    result = asdict(measure(QUICK if arguments.quick else FULL, arguments.seed, arguments.data))
    if arguments.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:26} {value:,.2f}" if isinstance(value, float) else f"{name:26} {value}")


if __name__ == "__main__":
    main()
