"""
Measure what each protocol costs: from a sender's request to a row that a query finds.

    python benchmarks/receivers.py [--quick] [--json] [--data DIR] [--seed N] [--only NAME …]

A real server runs in a process of its own; this one sends the same records in the form of each
protocol, made beforehand from the seed by code that shares nothing with the server's. Cost is the
processor time of all the server's processes until every record is stored and merges are drained, as
in `ingest.py`, less what it takes at rest in that time. `ratio_to_otlp` is records per core-second over those of the same records, in
requests of as many, as OTLP. In the long form each is measured three times, taking turns, and the
median stands.

`complaints` must be empty: refusals, and records that were sent and not stored. Needs Linux.
"""

import argparse
import http.client
import json
import socket
import statistics
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
from tests.running_server import RunningServer, free_ports, wait_until

SEED = 20261122
HOUR_NS = 3_600_000_000_000
STORED_S = 120.0
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


@dataclass(slots=True)
class Figure:
    """What one protocol cost."""

    records_per_core_second: float | None = None
    ratio_to_otlp: float | None = None
    held_against: str = ""
    records: int = 0
    bytes_per_record: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    records: int
    rounds: int
    drain_s: float


QUICK = Scale(records=20_000, rounds=1, drain_s=4.0)
FULL = Scale(records=100_000, rounds=3, drain_s=30.0)


class Refused(Exception):
    """The server did not take a request; the text says with what it answered."""


class Bench:
    """One server, and where it takes syslog."""

    def __init__(self, server: RunningServer, syslog_port: int, scale: Scale, seed: int) -> None:
        self.server, self.scale, self.seed = server, scale, seed
        self.syslog_port = syslog_port
        self.rest_ratio = 0.0
        self.rates: dict[str, list[float]] = defaultdict(list)
        self.figures = {name: Figure(held_against=form.against) for name, form in FORMS.items()}
        self.complaints: list[str] = []

    def _stored(self) -> tuple[int, int]:
        accounting = self.server.get("/api/doctor")["accounting"]
        return accounting["stored"], accounting["queued"]

    def bodies(self, form: Form, seed: int, count: int) -> list[bytes]:
        """Return requests of so many records of the last hour."""
        now = time.time_ns()
        return [
            form.encode(batch)
            for batch in senders.batches(form.make(seed, count, now - HOUR_NS, now), form.batch)
        ]

    def send(self, form: Form, bodies: Sequence[bytes]) -> None:
        """Send requests one after another over one connection. Raises Refused."""
        if not form.path:
            with socket.create_connection(("127.0.0.1", self.syslog_port)) as stream:
                for body in bodies:
                    stream.sendall(body)
            return
        connection = http.client.HTTPConnection(urlsplit(self.server.otlp_http_url).netloc)
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

    def measure(self, name: str, seed: int, count: int) -> None:
        """Send so many records in one form, and keep what they cost."""
        form, figure = FORMS[name], self.figures[name]
        bodies = self.bodies(form, seed, count)
        pid = self.server.process.pid
        before, began_s, started = self._stored()[0], time.monotonic(), cpu_seconds(pid)
        try:
            self.send(form, bodies)
            wait_until(
                self._stored,
                lambda found: found[0] >= before + count and found[1] == 0,
                f"{name}: {count} records stored",
                STORED_S if self.scale is FULL else 30.0,
            )
        except (Refused, AssertionError, OSError) as error:
            figure.note = str(error)
            self.complaints.append(f"{name}: {error}")
            return
        drained = drain(pid, idle_ratio=self.rest_ratio, within_s=self.scale.drain_s)
        busy_s = time.monotonic() - began_s - (QUIET_S if drained.in_time else 0.0)
        cost_s = drained.cpu_s - started - self.rest_ratio * busy_s
        self.rates[name].append(count / cost_s)
        figure.records += count
        figure.bytes_per_record = sum(map(len, bodies)) / count
        figure.note = "" if drained.in_time else "not drained in time: a little is missing"
        progress(f"  {name}: {cost_s:.2f} core-seconds, {count / cost_s:,.0f} per core-second")

    def warm_up(self, names: Sequence[str]) -> None:
        """Have everything run once, then learn what the server takes when it has nothing to do."""
        for name in names:
            form = FORMS[name]
            try:
                self.send(form, self.bodies(form, self.seed - 1, 1000))
            except (Refused, OSError):
                continue  # it is told when it is measured
        pid = self.server.process.pid
        drain(pid, idle_ratio=0.1, within_s=self.scale.drain_s)
        before, started = cpu_seconds(pid), time.monotonic()
        time.sleep(2.0)
        self.rest_ratio = (cpu_seconds(pid) - before) / (time.monotonic() - started)

    def settle(self) -> None:
        """Fill in the figures from what was measured."""
        medians = {name: statistics.median(rates) for name, rates in self.rates.items() if rates}
        for name, figure in self.figures.items():
            figure.records_per_core_second = medians.get(name)
            if name in medians and figure.held_against in medians:
                figure.ratio_to_otlp = medians[name] / medians[figure.held_against]


def measure(scale: Scale, seed: int, folder: Path, only: Sequence[str]) -> dict[str, Any]:
    """Return a figure for each protocol, complaints, and how long it took."""
    began = time.monotonic()
    wanted = {name for name in FORMS if not only or name in only}
    wanted |= {FORMS[name].against for name in wanted}
    names = [name for name in FORMS if name in wanted]
    (port,) = free_ports(1)
    listen = {"TRACEPULSE_SYSLOG_LISTEN": f"127.0.0.1:{port}"}
    with measured_server(folder / "server", listen) as server:
        bench = Bench(server, port, scale, seed)
        bench.warm_up(names)
        for turn in range(scale.rounds):
            progress(f"Round {turn + 1} of {scale.rounds}, {scale.records:,} records each…")
            for name in names:
                bench.measure(name, seed + turn, scale.records)
    bench.settle()
    found: dict[str, Any] = {name: asdict(bench.figures[name]) for name in names}
    return found | {"complaints": bench.complaints, "elapsed_s": time.monotonic() - began}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="end in about a minute")
    parser.add_argument("--data", type=Path, help="folder for files, emptied never; default /tmp")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    parser.add_argument("--only", nargs="+", choices=list(FORMS), default=[], metavar="NAME")
    options = parser.parse_args()
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
            told = f"{rate:>10,.0f}  {ratio:5.2f}" if rate else f"{'':>10}       "
            print(f"{name:20} {told}  {figure['note']}")
        else:
            print(f"{name:20} {figure}")


if __name__ == "__main__":
    main()
