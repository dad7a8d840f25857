"""
Measure what each protocol costs: from a sender's request to a row that a query finds.

    python benchmarks/receivers.py [--quick] [--json] [--data DIR] [--seed N] [--only NAME …]

The same records are sent in the form of each protocol, made beforehand from the seed by code that
shares nothing with the server's. Two costs make a figure:

- The door: processor time of a process that holds the receivers and nothing behind them, from the
  bytes of a request to the OTLP that goes to the journal. Least of several turns, after as many other
  records of the same senders, from which their layouts are learnt.
- What follows is the same for all of them, because all become OTLP. It is what a real server takes for
  the same records as OTLP, until all are stored and merges are drained as in `ingest.py`, less what
  it takes at rest in that time, and less OTLP's own door.

`--quick` does both on fewer records, and takes what follows to be the same for all log records; a new
server's first work, such as learning templates, then weighs more, and ratios come out kinder.

`records_per_core_second` is one over their sum; `ratio_to_otlp` is that over the same of OTLP, in
requests of as many records. `complaints` must be empty: refusals, and records that were sent and not
stored. Needs Linux.
"""

import argparse
import asyncio
import http.client
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.generator import otlp_records as otlp
from benchmarks.generator import records as made
from benchmarks.generator import senders
from benchmarks.measured_server import measured_server
from benchmarks.otlp_client import progress
from benchmarks.process_tree import cpu_seconds, drain
from tests.running_server import wait_until

from tracepulse.clock import SystemClock
from tracepulse.memory_reuse import collect_seldom
from tracepulse.receive.access import Gate
from tracepulse.receive.app import otlp_app
from tracepulse.receive.line_warm_up import warm_up as warm_up_lines
from tracepulse.receive.protocols import all_routes
from tracepulse.receive.receiver import IngestCounters, Receiver
from tracepulse.receive.syslog_listener import SyslogListener
from tracepulse.receive.wire import warm_up
from tracepulse.server import serve_http

SEED = 20261122
HOUR_NS = 3_600_000_000_000
STORED_S = 120.0
STARTED_S = 10.0
"""A server that has just started reads its machine code from the disk, which is not its rest."""
QUIET_S = 2.0
"""How long `drain` watches that nothing goes on any more."""
_PROTOBUF = {"content-type": "application/x-protobuf"}
_JSON = {"content-type": "application/json"}
_SNAPPY = _PROTOBUF | {"content-encoding": "snappy"}
_VERSION_2 = {"content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}
_NDJSON = {"content-type": "application/x-ndjson"}


@dataclass(frozen=True, slots=True)
class Form:
    """How one protocol writes records, and where it sends them."""

    make: Callable[..., Any]
    """Records of a seed, a count, and a range of time."""
    encode: Callable[[Sequence[Any]], bytes]
    path: str
    """'' for a stream over TCP to the syslog port."""
    headers: dict[str, str]
    against: str
    """The form that it is held against; its own name for OTLP."""
    batch: int = 1000
    """Records in a request."""


FORMS = {
    "otlp_logs": Form(made.log_records, otlp.otlp_logs, "/v1/logs", _PROTOBUF, "otlp_logs"),
    "loki_json": Form(
        made.log_records, senders.loki_json, "/loki/api/v1/push", _JSON, "otlp_logs"
    ),
    "loki_protobuf": Form(
        made.log_records, senders.loki_protobuf, "/loki/api/v1/push", _PROTOBUF, "otlp_logs"
    ),
    "elasticsearch_bulk": Form(
        made.log_records, senders.elastic_bulk, "/logs-shop/_bulk", _NDJSON, "otlp_logs"
    ),
    "splunk_hec": Form(
        made.log_records, senders.hec_events, "/services/collector/event",
        _JSON | {"authorization": "Splunk anyone"}, "otlp_logs",
    ),
    "syslog_tcp": Form(made.log_records, senders.syslog_frames, "", {}, "otlp_logs"),
    "otlp_logs_of_pages": Form(
        made.log_records, otlp.otlp_logs, "/v1/logs", _PROTOBUF, "otlp_logs_of_pages", 50
    ),
    "faro": Form(made.log_records, senders.faro, "/collect", _JSON, "otlp_logs_of_pages", 50),
    "otlp_access": Form(made.access_records, otlp.otlp_access, "/v1/logs", _PROTOBUF, "otlp_access"),
    "envoy_text": Form(
        made.access_records, senders.loki_access, "/loki/api/v1/push", _JSON, "otlp_access"
    ),
    "otlp_spans": Form(made.span_records, otlp.otlp_spans, "/v1/traces", _PROTOBUF, "otlp_spans"),
    "zipkin": Form(made.span_records, senders.zipkin_json, "/api/v2/spans", _JSON, "otlp_spans"),
    "otlp_points": Form(
        made.point_records, otlp.otlp_points, "/v1/metrics", _PROTOBUF, "otlp_points"
    ),
    "remote_write_1": Form(
        made.point_records, senders.remote_write_1, "/api/v1/write", _SNAPPY, "otlp_points"
    ),
    "remote_write_2": Form(
        made.point_records, senders.remote_write_2, "/api/v1/write", _SNAPPY | _VERSION_2,
        "otlp_points",
    ),
}  # fmt: skip

LEARNT = {
    "loki_json",
    "loki_protobuf",
    "elasticsearch_bulk",
    "splunk_hec",
    "syslog_tcp",
    "envoy_text",
}
"""Forms of lines, whose layouts are learnt."""


@dataclass(slots=True)
class Figure:
    """What one protocol costs."""

    records_per_core_second: float | None = None
    ratio_to_otlp: float | None = None
    held_against: str = ""
    door_us: float | None = None
    """A record, from the request to OTLP."""
    behind_us: float | None = None
    """A record, from there to its row."""
    bytes_per_record: float = 0.0


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    stored_records: int
    """Through a whole server, as OTLP."""
    door_records: int
    turns: int
    drain_s: float
    whole: tuple[str, ...] = ()
    """Forms sent through a whole server, if not all of OTLP's; what follows is `otlp_logs`' for others."""


QUICK = Scale(
    stored_records=25_000, door_records=9_000, turns=1, drain_s=2.0,
    whole=("otlp_logs", "otlp_spans", "otlp_points"),
)  # fmt: skip
FULL = Scale(stored_records=200_000, door_records=20_000, turns=9, drain_s=30.0)


class Refused(Exception):
    """The server did not take a request; the text says with what it answered."""


def bodies_of(form: Form, seed: int, count: int) -> list[bytes]:
    """Return requests of so many records of the last hour."""
    now = time.time_ns()
    made_records = form.make(seed, count, now - HOUR_NS, now)
    return [form.encode(batch) for batch in senders.batches(made_records, form.batch)]


def send(form: Form, bodies: Sequence[bytes], address: str, syslog_port: int) -> None:
    """Send requests one after another over one connection. Raises Refused."""
    if not form.path:
        with socket.create_connection(("127.0.0.1", syslog_port)) as stream:
            for body in bodies:
                stream.sendall(body)
        return
    connection = http.client.HTTPConnection(address)
    for body in bodies:
        status = 429
        while status in (429, 503):
            connection.request("POST", form.path, body, form.headers)
            answer = connection.getresponse()
            status, text = answer.status, answer.read()
            if status in (429, 503):
                time.sleep(float(answer.headers.get("retry-after", "1")))
        if status not in (200, 202, 204):
            raise Refused(f"{status} {text[:200]!r}")
    connection.close()


class _Nowhere:
    """Takes what would go to the journal, and counts it."""

    records = 0

    async def append(self, signal: str, body: bytes, receipt: object, records: int) -> None:
        """Count the records of a request."""
        self.records += records


async def _serve() -> None:
    """Run the receivers alone; answer each line of standard input with the records taken so far."""
    warm_up()
    warm_up_lines()
    collect_seldom()
    sink = _Nowhere()
    receiver = Receiver(sink, SystemClock(), IngestCounters())
    app = otlp_app(sink, Gate(), SystemClock(), IngestCounters(), routes=all_routes())
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        async with (
            serve_http(app, sockets[0]),
            SyslogListener(receiver).listening(sockets[1], udp),
        ):
            print(*(each.getsockname()[1] for each in sockets), flush=True)
            while await asyncio.to_thread(sys.stdin.readline):
                print(sink.records, flush=True)


class Door:
    """The receivers in a process of their own."""

    def __init__(self) -> None:
        command = [sys.executable, __file__, "--serve"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._ask, self._told = self.process.stdin, self.process.stdout
        port, self._syslog_port = map(int, self._told.readline().split())
        self._address = f"127.0.0.1:{port}"

    def records(self) -> int:
        """Return how many it took so far."""
        self._ask.write("?\n")
        self._ask.flush()
        return int(self._told.readline())

    def cost_s(self, form: Form, bodies: Sequence[bytes], count: int) -> float:
        """Return the processor time of so many records. Raises Refused, AssertionError."""
        before = self.records()
        started = cpu_seconds(self.process.pid)
        send(form, bodies, self._address, self._syslog_port)
        wait_until(self.records, lambda now: now >= before + count, "all records", 60.0)
        return cpu_seconds(self.process.pid) - started

    def close(self) -> None:
        """End it."""
        self._ask.close()
        self.process.wait()


def door_us(
    names: Sequence[str], scale: Scale, seed: int, complaints: list[str]
) -> dict[str, tuple[float, float]]:
    """Return the cost of each form's door in µs a record, and its bytes a record."""
    bodies = {name: bodies_of(FORMS[name], seed, scale.door_records) for name in names}
    others = {
        name: bodies_of(FORMS[name], seed + 1, scale.door_records)
        for name in names
        if name in LEARNT
    }
    progress("  requests made")
    costs: dict[str, list[float]] = defaultdict(list)
    door = Door()
    try:
        for turn in range(scale.turns + 1):
            for name in names:
                try:
                    sent, count = bodies[name], scale.door_records
                    if not turn and name in others:
                        sent = others[name]
                    elif not turn:
                        sent, count = sent[:1], min(count, FORMS[name].batch)
                    cost_s = door.cost_s(FORMS[name], sent, count)
                except (Refused, AssertionError, OSError) as error:
                    complaints.append(f"{name}: {error}")
                    continue
                if turn:
                    costs[name].append(cost_s / scale.door_records * 1e6)
            progress(f"  doors, turn {turn} of {scale.turns}")
    finally:
        door.close()
    return {
        name: (min(found), sum(map(len, bodies[name])) / scale.door_records)
        for name, found in costs.items()
    }


def _wait_for(stored: Callable[[], tuple[int, int]], wanted: int, name: str) -> None:
    wait_until(stored, lambda at: at[0] >= wanted and at[1] == 0, name, STORED_S)


def stored_us(
    names: Sequence[str], scale: Scale, seed: int, folder: Path, complaints: list[str]
) -> dict[str, float]:
    """Return what a whole server takes for each of OTLP's forms, in µs a record."""
    found: dict[str, float] = {}
    with measured_server(folder / "server", {}) as server:
        pid, address = server.process.pid, urlsplit(server.otlp_http_url).netloc

        def stored() -> tuple[int, int]:
            accounting = server.get("/api/doctor")["accounting"]
            return accounting["stored"], accounting["queued"]

        for name in names:
            send(FORMS[name], bodies_of(FORMS[name], seed - 1, 1000), address, 0)
        drain(pid, idle_ratio=0.1, within_s=max(scale.drain_s, STARTED_S))
        before, began = cpu_seconds(pid), time.monotonic()
        time.sleep(2.0)
        rest_ratio = (cpu_seconds(pid) - before) / (time.monotonic() - began)
        progress(f"  at rest {rest_ratio:.2f} of a core")
        for name in names:
            bodies = bodies_of(FORMS[name], seed, scale.stored_records)
            wanted = stored()[0] + scale.stored_records
            began, started = time.monotonic(), cpu_seconds(pid)
            try:
                send(FORMS[name], bodies, address, 0)
                _wait_for(stored, wanted, name)
            except (Refused, AssertionError, OSError) as error:
                complaints.append(f"{name}: {error}")
                continue
            drained = drain(pid, idle_ratio=rest_ratio, within_s=scale.drain_s)
            busy_s = time.monotonic() - began - (QUIET_S if drained.in_time else 0.0)
            cost_s = drained.cpu_s - started - rest_ratio * busy_s
            found[name] = cost_s / scale.stored_records * 1e6
            progress(f"  {name}: {found[name]:.1f} µs a record through a whole server")
    return found


def measure(scale: Scale, seed: int, folder: Path, only: Sequence[str]) -> dict[str, Any]:
    """Return a figure for each protocol, complaints, and how long it took."""
    began = time.monotonic()
    complaints: list[str] = []
    wanted = {name for name in FORMS if not only or name in only}
    wanted |= {FORMS[name].against for name in wanted} | set(scale.whole[:1])
    names = [name for name in FORMS if name in wanted]
    doors = door_us(names, scale, seed, complaints)
    bases = [name for name in names if FORMS[name].against == name]
    sent = [name for name in bases if not scale.whole or name in scale.whole]
    whole = stored_us(sent or bases, scale, seed, folder, complaints)
    if "otlp_logs" in whole and "otlp_logs" in doors:
        behind_us = whole["otlp_logs"] - doors["otlp_logs"][0]
        unsent = [name for name in bases if name not in sent and name in doors]
        whole |= {name: behind_us + doors[name][0] for name in unsent}
    figures: dict[str, Any] = {}
    for name in names:
        against = FORMS[name].against
        figure = Figure(held_against=against)
        if name in doors and against in doors and against in whole:
            figure.door_us, figure.bytes_per_record = doors[name]
            figure.behind_us = max(whole[against] - doors[against][0], 0.0)
            both_us = figure.door_us + figure.behind_us
            if both_us > 0:  # a run beside others may find nothing at all
                figure.records_per_core_second = 1e6 / both_us
                figure.ratio_to_otlp = (doors[against][0] + figure.behind_us) / both_us
        figures[name] = asdict(figure)
    return figures | {"complaints": complaints, "elapsed_s": time.monotonic() - began}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="end in about a minute")
    parser.add_argument("--data", type=Path, help="folder for files, emptied never; default /tmp")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="+", choices=list(FORMS), default=[], metavar="NAME")
    options = parser.parse_args()
    if options.serve:
        asyncio.run(_serve())
        return
    if options.data:
        options.data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tracepulse-receivers-", dir=options.data) as folder:
        scale = QUICK if options.quick else FULL
        result = measure(scale, options.seed, Path(folder), options.only)
    if options.json:
        print(json.dumps(result))
        return
    for name, figure in result.items():
        if isinstance(figure, dict):
            rate, ratio = figure["records_per_core_second"], figure["ratio_to_otlp"]
            told = "not measured"
            if rate:
                told = f"{rate:>10,.0f}  {ratio:5.2f}  door {figure['door_us']:6.1f} µs"
            print(f"{name:20} {told}")
        else:
            print(f"{name:20} {figure}")


if __name__ == "__main__":
    main()
