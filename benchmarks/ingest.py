"""
Measure taking telemetry in: from an OTLP/HTTP request to a row that a query finds.

    python benchmarks/ingest.py [--quick] [--json] [--data DIR] [--seed N]

A real server runs in a process of its own; this one is its client. What is counted:

- Cost: processor time of all the server's processes, from the first request until everything is
  queryable, roll-ups included, and merges are drained. The client's is not in it. Requests carry
  about 2,000 records, written to disk beforehand, as plain bytes (what SDKs send by default);
  `gzip_spans_per_core_second` is the same with gzip, as Collectors send.
- Freshness: from the first byte of a request until a reader in another process finds its span.
- Bytes: active parts on disk after merges, indexes and marks included, when the server has ended.
- Nearly idle: one span, one log line and one data point a second, in requests of their own.

The short form is bounded by time: it ends within a minute, however slow the machine. Needs Linux.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.data import Body, Spec, log_bodies, metric_bodies, trace_bodies
from benchmarks.figures import bars
from benchmarks.freshness import FreshnessReader, Markers
from benchmarks.idle_load import send_idle_load
from benchmarks.measured_server import measured_server, wait_stored
from benchmarks.otlp_client import BodyFile, Sent, progress, send, within
from benchmarks.peers import PeerResult, measure_peers
from benchmarks.process_tree import PeakMemory, cpu_seconds, drain, resident_bytes
from benchmarks.stored_size import stored_size
from tests.running_server import RunningServer

SECOND_NS = 1_000_000_000
TWO_DAYS_NS = 172_800 * SECOND_NS
SEED = 20261122
LOAD_SPANS_PER_S = 20_000
FRESHNESS_SPANS_PER_S = (100, 5_000)
ID_COLUMNS = ("TraceId", "SpanId", "ParentSpanId")


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done, and for how long at most."""

    spans: int
    logs: int
    gzip_spans: int
    send_s: float
    """Sending one kind of record as fast as possible takes no longer."""
    freshness_s: float
    idle_s: int
    load_s: float
    drain_s: float
    whole_s: float
    """Peers are left out once this has passed."""


QUICK = Scale(
    spans=100_000,
    logs=100_000,
    gzip_spans=0,
    send_s=3,
    freshness_s=1.2,
    idle_s=4,
    load_s=1.5,
    drain_s=2.5,
    whole_s=30,
)
FULL = Scale(
    spans=2_000_000,
    logs=2_000_000,
    gzip_spans=500_000,
    send_s=1800,
    freshness_s=20,
    idle_s=60,
    load_s=30,
    drain_s=120,
    whole_s=7200,
)


@dataclass(slots=True)
class Result:
    """What --json prints. The keys down to `peers` are relied upon; the rest explains them."""

    spans_per_core_second: float = 0.0
    logs_per_core_second: float = 0.0
    freshness_p99_s: float = 0.0
    """The worst of all rates."""
    bytes_per_span: float = 0.0
    """With roll-ups and indexes."""
    bytes_per_span_without_ids: float = 0.0
    idle_core_ratio: float = 0.0
    rss_mb: float = 0.0
    """Peak while 20,000 spans/s come in."""
    peers: dict[str, PeerResult] = field(default_factory=dict)

    spans: int = 0
    logs: int = 0
    spans_per_second: float = 0.0
    """On the clock, until the last span is queryable."""
    logs_per_second: float = 0.0
    gzip_spans_per_core_second: float | None = None
    rest_rss_mb: float = 0.0
    rest_core_ratio: float = 0.0
    """With nothing sent at all."""
    freshness: dict[str, dict[str, float]] = field(default_factory=dict)
    """By spans a second that were asked for."""
    rollup_bytes_per_span: float = 0.0
    index_bytes_per_span: float = 0.0
    """Skip indexes, primary index and marks of the table of spans."""
    bytes_per_log: float = 0.0
    column_bytes_per_span: dict[str, float] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    """Active parts by table when the sizes were read."""
    load_spans_per_s: float = 0.0
    """What was really sent while memory was watched."""
    elapsed_s: float = 0.0
    """The whole run's time."""
    load_average: float = 0.0
    """Of the machine when the run began; above 0.5 it did other things too."""
    drained: bool = True
    """False: work in the background had not ended in time, so some of the cost is missing."""
    complaints: list[str] = field(default_factory=list)
    """Refusals by the server and records that were not found again; must be empty."""


@dataclass(slots=True)
class Run:
    """One server under measurement."""

    server: RunningServer
    reader: FreshnessReader
    scale: Scale
    seed: int
    folder: Path
    result: Result
    sent_spans: int = 0
    """Acknowledged by this server."""

    @property
    def pid(self) -> int:
        """The server's process."""
        return self.server.process.pid

    def send(self, bodies: Iterable[Body], pace: float = 0.0, told: Markers | None = None) -> Sent:
        """Send everything and keep the books."""
        sent = send(
            self.server.otlp_http_url, bodies, pace, None if told is None else told.acknowledged
        )
        self.result.complaints += sent.errors[:3]
        return sent


def warm_up(run: Run) -> None:
    """Have everything run once, then learn what the server takes when it has nothing to do."""
    now = time.time_ns()
    spec = Spec(run.seed + 1, 5_000, 5_000, now - SECOND_NS, now, SECOND_NS)
    run.sent_spans += run.send(trace_bodies(spec)).records
    run.send(log_bodies(spec))
    run.send(metric_bodies(spec))
    wait_stored(run.server)
    drain(run.pid, idle_ratio=0.1, within_s=run.scale.drain_s)
    before, started = cpu_seconds(run.pid), time.monotonic()
    time.sleep(2.0)
    elapsed_s = time.monotonic() - started
    run.result.rest_core_ratio = (cpu_seconds(run.pid) - before) / elapsed_s
    run.result.rest_rss_mb = resident_bytes(run.pid) / 1e6
    progress(
        f"  at rest: {run.result.rest_core_ratio:.3f} of a core, {run.result.rest_rss_mb:,.0f} MB"
    )


def measure_throughput(run: Run, file: BodyFile) -> tuple[Sent, float, float]:
    """Return what was sent, records per core-second, and per second until all is queryable."""
    before, started = cpu_seconds(run.pid), time.monotonic()
    sent = run.send(within(file, run.scale.send_s))
    wait_stored(run.server)
    elapsed_s = time.monotonic() - started
    drained = drain(run.pid, idle_ratio=run.result.rest_core_ratio, within_s=run.scale.drain_s)
    run.result.drained &= drained.in_time
    cost_s = drained.cpu_s - before
    progress(
        f"  {sent.records:,} {file.bodies[0].signal}: stored in {elapsed_s:.1f} s, drained in"
        f" {time.monotonic() - started:.1f} s{'' if drained.in_time else ' (not quite)'},"
        f" {cost_s:.2f} core-seconds: {sent.records / cost_s:,.0f} per core-second"
    )
    return sent, sent.records / cost_s, sent.records / elapsed_s


def live_spec(seed: int, seconds: float, spans_per_s: float) -> Spec:
    """Return spans that begin in the seconds to come."""
    now = time.time_ns()
    return Spec(
        seed=seed + round(spans_per_s),
        spans=round(seconds * spans_per_s),
        start_unix_ns=now,
        end_unix_ns=now + round(seconds * SECOND_NS),
    )


def measure_freshness(run: Run, spans_per_s: float) -> None:
    """Send at a steady pace while another process asks for what was acknowledged."""
    per_body = max(10, min(2000, round(spans_per_s / 10)))
    spec = live_spec(run.seed + 2, run.scale.freshness_s, spans_per_s)
    bodies = list(trace_bodies(spec, per_body))
    sent = run.send(bodies, spans_per_s, run.reader.markers(bodies))
    run.sent_spans += sent.records
    figures = run.reader.percentiles() | {"kept_spans_per_s": sent.records / sent.elapsed_s}
    if figures["missing"]:
        run.result.complaints.append(f"{figures['missing']:.0f} acknowledged spans not found")
    run.result.freshness[f"{spans_per_s:.0f}"] = figures
    run.result.freshness_p99_s = max(run.result.freshness_p99_s, figures["p99_s"])
    progress(
        f"  {spans_per_s:,.0f} spans/s (kept {figures['kept_spans_per_s']:,.0f}): queryable after"
        f" p50 {figures['p50_s']:.3f} s, p99 {figures['p99_s']:.3f} s"
    )


def measure_load(run: Run) -> None:
    """Watch memory while 20,000 spans a second come in."""
    spec = live_spec(run.seed + 3, run.scale.load_s, LOAD_SPANS_PER_S)
    file = BodyFile.write(trace_bodies(spec), run.folder / "load.bin")
    with PeakMemory(run.pid) as memory:
        sent = run.send(file, LOAD_SPANS_PER_S)
        wait_stored(run.server)
    run.sent_spans += sent.records
    run.result.load_spans_per_s = sent.records / sent.elapsed_s
    run.result.rss_mb = memory.bytes / 1e6
    progress(f"  {run.result.load_spans_per_s:,.0f} spans/s: {run.result.rss_mb:,.0f} MB at most")


def measure_idle(run: Run) -> None:
    """Send one span, one log line and one data point each second."""
    before, started = cpu_seconds(run.pid), time.monotonic()
    run.result.complaints += send_idle_load(
        run.server.otlp_http_url, run.scale.idle_s, run.seed + 4
    )
    elapsed_s = time.monotonic() - started
    run.sent_spans += run.scale.idle_s
    run.result.idle_core_ratio = (cpu_seconds(run.pid) - before) / elapsed_s
    progress(f"  {run.result.idle_core_ratio:.3f} of a core")


def measure_size(result: Result, engine_folder: Path, expected_spans: int) -> None:
    """Read what the tables take on disk; the server has ended."""
    size = stored_size(engine_folder)
    spans = size.rows.get("otel_traces", 0)
    if spans != expected_spans:
        result.complaints.append(f"{expected_spans} spans acknowledged, {spans} stored")
    roll_ups = [table for table in size.rows if table.startswith(("span_", "edge_"))]
    columns = {
        name: value / max(1, spans)
        for name, value in size.column_bytes.get("otel_traces", {}).items()
    }
    result.column_bytes_per_span = dict(sorted(columns.items(), key=lambda item: -item[1]))
    result.bytes_per_span = size.per_row("otel_traces", *roll_ups)
    own = size.per_row("otel_traces")
    result.rollup_bytes_per_span = result.bytes_per_span - own
    result.index_bytes_per_span = own - sum(columns.values())
    ids = sum(columns.get(name, 0.0) for name in ID_COLUMNS)
    result.bytes_per_span_without_ids = result.bytes_per_span - ids
    logs = [table for table in size.rows if table.startswith("log_")]
    result.bytes_per_log = size.per_row("otel_logs", *logs)
    result.parts = size.parts
    progress(
        f"  {result.bytes_per_span:.1f} bytes a span, {result.bytes_per_span_without_ids:.1f}"
        f" without ids (indexes {result.index_bytes_per_span:.1f}, roll-ups"
        f" {result.rollup_bytes_per_span:.1f}); {result.bytes_per_log:.1f} a log line"
    )


def measure_server(
    scale: Scale, seed: int, folder: Path, written: "Future[dict[str, BodyFile]]"
) -> Result:
    """Measure our own server, from its start to what it leaves on disk; bodies come meanwhile."""
    result = Result(load_average=os.getloadavg()[0])
    with (
        measured_server(folder / "server") as server,
        FreshnessReader(str(server.client.base_url)) as reader,
    ):
        run = Run(server, reader, scale, seed, folder, result)
        warm_up(run)
        files = written.result()
        progress("Throughput…")
        sent, rate, result.spans_per_second = measure_throughput(run, files["spans"])
        result.spans, result.spans_per_core_second = sent.records, rate
        run.sent_spans += sent.records
        sent, rate, result.logs_per_second = measure_throughput(run, files["logs"])
        result.logs, result.logs_per_core_second = sent.records, rate
        if "gzip" in files:
            sent, result.gzip_spans_per_core_second, _ = measure_throughput(run, files["gzip"])
            run.sent_spans += sent.records
        progress("Idle…")
        measure_idle(run)
        progress("Freshness…")
        for spans_per_s in (*FRESHNESS_SPANS_PER_S, result.spans_per_second / 2):
            measure_freshness(run, spans_per_s)
        progress(f"Memory at {LOAD_SPANS_PER_S:,} spans/s…")
        measure_load(run)
        drain(run.pid, idle_ratio=result.rest_core_ratio, within_s=scale.drain_s)
        data_dir = server.data_dir
    progress("Size on disk…")
    measure_size(result, data_dir / "engine", run.sent_spans)
    return result


def write_bodies(scale: Scale, spec: Spec, folder: Path) -> dict[str, BodyFile]:
    """Write all requests to disk, so that making them costs nothing while they are sent."""
    files = {
        "spans": BodyFile.write(trace_bodies(spec), folder / "traces.bin"),
        "logs": BodyFile.write(log_bodies(spec), folder / "logs.bin"),
    }
    if scale.gzip_spans:
        other = Spec(spec.seed + 5, scale.gzip_spans, 0, spec.start_unix_ns, spec.end_unix_ns)
        files["gzip"] = BodyFile.write(trace_bodies(other), folder / "gzip.bin", packed=True)
    return files


def measure(scale: Scale, seed: int, folder: Path) -> Result:
    """Run everything, in a folder for the data and the servers' files."""
    started = time.monotonic()
    now = time.time_ns()
    spec = Spec(seed, scale.spans, scale.logs, now - TWO_DAYS_NS, now)
    progress(f"Generating {scale.spans:,} spans and {scale.logs:,} log lines of two days…")
    with ThreadPoolExecutor(1) as pool:  # while the server starts, which takes as long
        written = pool.submit(write_bodies, scale, spec, folder)
        result = measure_server(scale, seed, folder, written)
    files = written.result()
    files.pop("gzip", None)
    progress("Peers, on the same bytes…")
    result.peers = measure_peers(
        folder,
        files,
        {"spans": result.spans_per_core_second, "logs": result.logs_per_core_second},
        within_s=min(scale.send_s, 60.0) / (2 if scale is QUICK else 1),
        until_s=started + scale.whole_s,
    )
    result.elapsed_s = time.monotonic() - started
    return result


def draw(result: Result) -> Path:
    """Draw the bars that the figures are held to, and return the picture."""
    freshness = {f"{int(rate):,}/s": figures["p99_s"] for rate, figures in result.freshness.items()}
    columns = dict(list(result.column_bytes_per_span.items())[:12])
    peers = {"TracePulse": result.spans_per_core_second} | {
        name.replace("_", " "): peer.spans_per_core_second
        for name, peer in result.peers.items()
        if peer.spans_per_core_second
    }
    return bars(
        "ingest",
        [
            (
                "records per core-second",
                {"spans": result.spans_per_core_second, "log lines": result.logs_per_core_second},
                {"spans": 130_000, "log lines": 200_000},
            ),
            ("spans per core-second, same bytes", peers, {}),
            ("freshness p99, s, by spans/s", freshness, dict.fromkeys(freshness, 1.0)),
            (
                "bytes a span",
                {"all": result.bytes_per_span, "without ids": result.bytes_per_span_without_ids},
                {"all": 60.0, "without ids": 25.0},
            ),
            ("bytes a span, by column", columns, {}),
        ],
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="end within a minute")
    parser.add_argument("--data", type=Path, help="folder for files, emptied never; default /tmp")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    options = parser.parse_args()
    if options.data:
        options.data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tracepulse-ingest-", dir=options.data) as folder:
        result = measure(QUICK if options.quick else FULL, options.seed, Path(folder))
    progress(f"Drawn in {draw(result)}")
    if options.json:
        print(json.dumps(asdict(result)))
        return
    for key, value in asdict(result).items():
        print(f"{key:28} {value:,.3f}" if isinstance(value, float) else f"{key:28} {value}")


if __name__ == "__main__":
    main()
