"""
Measure taking telemetry in: from an OTLP/HTTP request to a row that a query finds.

    python benchmarks/ingest.py [--quick] [--data DIR] [--json]

A real server runs in a process of its own; this one is its client. The cost is the processor time
of all the server's processes, from the first request until everything is queryable and merges are
drained. Needs Linux, for /proc.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.data import Body, Spec, log_bodies, trace_bodies
from benchmarks.figures import bars
from benchmarks.freshness import Freshness
from benchmarks.otlp_client import BodyFile, progress, send
from benchmarks.peers import PeerResult, collector_to_file
from benchmarks.process_tree import PeakMemory, cpu_seconds, resident_bytes, settle
from benchmarks.stored_size import stored_size
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from tests.running_server import RunningServer, running_server, wait_until

SECOND_NS = 1_000_000_000
TWO_DAYS_NS = 172_800 * SECOND_NS
SEED = 20261122
LOAD_SPANS_PER_S = 20_000
FRESHNESS_SPANS_PER_S = (100, 5_000)
ID_COLUMNS = ("TraceId", "SpanId", "ParentSpanId")


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    spans: int
    logs: int
    freshness_s: float
    idle_s: int
    load_s: float
    settle_s: float


QUICK = Scale(spans=100_000, logs=100_000, freshness_s=2, idle_s=5, load_s=2, settle_s=5)
FULL = Scale(spans=2_000_000, logs=2_000_000, freshness_s=20, idle_s=60, load_s=30, settle_s=120)


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
    rest_rss_mb: float = 0.0
    freshness: dict[str, dict[str, float]] = field(default_factory=dict)
    """By spans a second that were asked for."""
    bytes_per_log: float = 0.0
    column_bytes_per_span: dict[str, float] = field(default_factory=dict)
    load_spans_per_s: float = 0.0
    """What was really sent while memory was watched."""
    drained: bool = True
    """False: work in the background had not ended in time, so some of the cost is missing."""
    complaints: list[str] = field(default_factory=list)
    """Refusals by the server and records that were not found again; must be empty."""


@dataclass(slots=True)
class Run:
    """One server under measurement."""

    server: RunningServer
    scale: Scale
    folder: Path
    result: Result
    idle_ratio: float = 0.0
    """Share of a core that the server takes with nothing to do."""
    sent: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("traces", "logs"), 0))

    @property
    def pid(self) -> int:
        """The server's process."""
        return self.server.process.pid

    def send(
        self, bodies: Iterable[Body], pace: float = 0.0, watch: Freshness | None = None
    ) -> float:
        """Send everything; return records sent per second."""
        told = None if watch is None else watch.acknowledged
        sent = send(self.server.otlp_http_url, bodies, pace, told)
        self.result.complaints += sent.errors[:3]
        return sent.records / sent.elapsed_s

    def wait_stored(self) -> None:
        """Return once the server says that nothing is queued."""
        wait_until(
            lambda: self.server.get("/api/doctor")["accounting"],
            lambda accounting: accounting["queued"] == 0,
            "all that was sent is stored",
            300.0,
        )


def measure_rest(run: Run) -> None:
    """Learn what the server takes when it has nothing to do."""
    time.sleep(1.0)
    before = cpu_seconds(run.pid)
    time.sleep(2.0)
    run.idle_ratio = (cpu_seconds(run.pid) - before) / 2.0
    run.result.rest_rss_mb = resident_bytes(run.pid) / 1e6
    progress(f"  at rest: {run.idle_ratio:.3f} of a core, {run.result.rest_rss_mb:,.0f} MB")


def measure_throughput(run: Run, bodies: BodyFile) -> tuple[float, float]:
    """Return records per core-second, and per second until the last is queryable."""
    before, started = cpu_seconds(run.pid), time.monotonic()
    run.send(bodies)
    run.wait_stored()
    elapsed_s = time.monotonic() - started
    drained = settle(run.pid, idle_ratio=run.idle_ratio, within_s=run.scale.settle_s)
    run.result.drained &= drained
    cost_s = cpu_seconds(run.pid) - before
    progress(
        f"  {bodies.records:,} {bodies.bodies[0].signal}: stored in {elapsed_s:.1f} s, drained in"
        f" {time.monotonic() - started:.1f} s{'' if drained else ' (not quite)'},"
        f" {cost_s:.2f} core-seconds: {bodies.records / cost_s:,.0f} per core-second"
    )
    return bodies.records / cost_s, bodies.records / elapsed_s


def live_spec(seconds: float, spans_per_s: float) -> Spec:
    """Return spans that begin in the seconds to come."""
    now = time.time_ns()
    return Spec(
        seed=SEED + round(spans_per_s),
        spans=round(seconds * spans_per_s),
        start_unix_ns=now,
        end_unix_ns=now + round(seconds * SECOND_NS),
    )


def measure_freshness(run: Run, spans_per_s: float) -> None:
    """Send at a steady pace while another connection asks for what was acknowledged."""
    per_body = max(10, round(spans_per_s / 10))
    bodies = list(trace_bodies(live_spec(run.scale.freshness_s, spans_per_s), per_body))
    with Freshness(str(run.server.client.base_url), bodies) as watch:
        kept = run.send(bodies, spans_per_s, watch)
    figures = watch.percentiles() | {"kept_spans_per_s": kept}
    if watch.missing:
        run.result.complaints.append(f"{watch.missing} acknowledged spans not found in time")
    run.result.freshness[f"{spans_per_s:.0f}"] = figures
    run.result.freshness_p99_s = max(run.result.freshness_p99_s, figures["p99_s"])
    progress(
        f"  {spans_per_s:,.0f} spans/s (kept {kept:,.0f}): queryable after p50"
        f" {figures['p50_s']:.3f} s, p99 {figures['p99_s']:.3f} s"
    )


def measure_load(run: Run) -> None:
    """Watch memory while 20,000 spans a second come in."""
    spec = live_spec(run.scale.load_s, LOAD_SPANS_PER_S)
    file = BodyFile.write(trace_bodies(spec), run.folder / "load.bin")
    with PeakMemory(run.pid) as memory:
        run.result.load_spans_per_s = run.send(file, LOAD_SPANS_PER_S)
        run.wait_stored()
    run.result.rss_mb = memory.bytes / 1e6
    progress(f"  {run.result.load_spans_per_s:,.0f} spans/s: {run.result.rss_mb:,.0f} MB at most")


def _one_point(at_unix_ns: int) -> Body:
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    pair = group.resource.attributes.add(key="service.name")
    pair.value.string_value = "idle"
    metric = group.scope_metrics.add().metrics.add(name="process.uptime", unit="s")
    metric.gauge.data_points.add(time_unix_nano=at_unix_ns, as_double=at_unix_ns / 1e9)
    return Body("metrics", request.SerializeToString(), 1, at_unix_ns, at_unix_ns)


def measure_idle(run: Run) -> None:
    """Send one span, one log line and one data point each second."""
    seconds = run.scale.idle_s
    spec = replace(live_spec(seconds, 1), logs=seconds)
    bodies = zip(trace_bodies(spec, 1), log_bodies(spec, 1), strict=True)
    before, started = cpu_seconds(run.pid), time.monotonic()
    for second, (span, log) in enumerate(bodies):
        time.sleep(max(0.0, started + second - time.monotonic()))
        run.send([span])
        run.send([log])
        run.send([_one_point(time.time_ns())])
    time.sleep(max(0.0, started + seconds - time.monotonic()))
    run.result.idle_core_ratio = (cpu_seconds(run.pid) - before) / (time.monotonic() - started)
    progress(f"  {run.result.idle_core_ratio:.3f} of a core")


def measure_size(result: Result, engine_folder: Path, expected_spans: int) -> None:
    """Read what the tables take on disk; the server has ended."""
    size = stored_size(engine_folder)
    spans = size.rows.get("otel_traces", 0)
    if spans != expected_spans:
        result.complaints.append(f"{expected_spans} spans acknowledged, {spans} stored")
    roll_ups = [table for table in size.rows if table.startswith("span_")]
    columns = {
        name: value / max(1, spans)
        for name, value in size.column_bytes.get("otel_traces", {}).items()
    }
    result.column_bytes_per_span = dict(sorted(columns.items(), key=lambda item: -item[1]))
    result.bytes_per_span = size.per_row("otel_traces", *roll_ups)
    ids = sum(columns.get(name, 0.0) for name in ID_COLUMNS)
    result.bytes_per_span_without_ids = result.bytes_per_span - ids
    logs = [table for table in size.rows if table.startswith("log_")]
    result.bytes_per_log = size.per_row("otel_logs", *logs)
    progress(
        f"  {result.bytes_per_span:.1f} bytes a span, {result.bytes_per_span_without_ids:.1f}"
        f" without ids; {result.bytes_per_log:.1f} a log line"
    )


def measure(scale: Scale, folder: Path) -> Result:
    """Run everything, in a folder for the data and the server's files."""
    now = time.time_ns()
    spec = Spec(SEED, scale.spans, scale.logs, now - TWO_DAYS_NS, now)
    progress(f"Generating {scale.spans:,} spans and {scale.logs:,} log lines of two days…")
    spans = BodyFile.write(trace_bodies(spec), folder / "traces.bin")
    logs = BodyFile.write(log_bodies(spec), folder / "logs.bin")
    result = Result(spans=scale.spans, logs=scale.logs)

    with _server(folder / "sized") as server:
        run = Run(server, scale, folder, result)
        progress("Throughput…")
        measure_rest(run)
        result.spans_per_core_second, result.spans_per_second = measure_throughput(run, spans)
        result.logs_per_core_second, result.logs_per_second = measure_throughput(run, logs)
        progress("Idle…")
        measure_idle(run)
        data_dir = server.data_dir
    progress("Size on disk…")
    measure_size(result, data_dir / "engine", scale.spans + scale.idle_s)

    with _server(folder / "paced") as server:
        run = Run(server, scale, folder, result)
        progress("Freshness…")
        for spans_per_s in (*FRESHNESS_SPANS_PER_S, result.spans_per_second / 2):
            measure_freshness(run, spans_per_s)
        progress(f"Memory at {LOAD_SPANS_PER_S:,} spans/s…")
        measure_load(run)

    progress("Peers, on the same bytes…")
    peer = collector_to_file(folder, spans, logs)
    if peer.spans_per_core_second and peer.logs_per_core_second:
        peer = replace(
            peer,
            spans_ratio=result.spans_per_core_second / peer.spans_per_core_second,
            logs_ratio=result.logs_per_core_second / peer.logs_per_core_second,
        )
    result.peers["otel_collector_to_file"] = peer
    return result


@contextmanager
def _server(folder: Path) -> Iterator[RunningServer]:
    folder.mkdir()
    with running_server(folder) as server:
        yield server


def draw(result: Result) -> Path:
    """Draw the bars that the figures are held to, and return the picture."""
    freshness = {f"{int(rate):,}/s": figures["p99_s"] for rate, figures in result.freshness.items()}
    columns = dict(list(result.column_bytes_per_span.items())[:12])
    return bars(
        "ingest",
        [
            (
                "records per core-second",
                {"spans": result.spans_per_core_second, "log lines": result.logs_per_core_second},
                {"spans": 130_000, "log lines": 200_000},
            ),
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
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    options = parser.parse_args()
    if options.data:
        options.data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tracepulse-ingest-", dir=options.data) as folder:
        result = measure(QUICK if options.quick else FULL, Path(folder))
    progress(f"Drawn in {draw(result)}")
    if options.json:
        print(json.dumps(asdict(result)))
        return
    for key, value in asdict(result).items():
        print(f"{key:28} {value:,.3f}" if isinstance(value, float) else f"{key:28} {value}")


if __name__ == "__main__":
    main()
